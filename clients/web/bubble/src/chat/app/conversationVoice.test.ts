import { create } from "@bufbuild/protobuf";
import { signal } from "@preact/signals";
import type { ChatConversation, ChatState, Kupla } from "@kupla/sdk";
import type { Event } from "@kupla/contract/kupla/v1/conversation_pb";
import {
  EventSchema,
  ParticipantJoinedSchema,
  ParticipantRole,
  PlaceSchema,
  ReturnedToQueueSchema,
} from "@kupla/contract/kupla/v1/conversation_pb";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { setLanguage } from "../i18n/i18n.js";
import { startVoice } from "./conversationVoice.js";
import type { Chat } from "./session.js";

const spoken = vi.hoisted((): string[] => []);
vi.mock("./announcer.js", () => ({ announce: (text: string) => void spoken.push(text) }));

const initial: ChatState = {
  connection: "open",
  me: "customer-1",
  capabilities: new Set(),
  events: [],
  caughtUp: true,
  readMarks: new Map(),
  presences: new Map(),
  typing: [],
  outbox: [],
};

function conversation(begin: ChatState = initial) {
  const state = signal<ChatState>(begin);
  const chat: Chat = {
    conversation: { id: "c1" } as ChatConversation,
    state,
    queue: signal(undefined),
    queueOf: () => undefined,
    draft: signal(""),
    shown: signal(true),
    kupla: {} as Kupla,
  };
  const calls: string[] = [];
  const stop = startVoice(chat, { call: (phrase) => void calls.push(phrase), end: () => {}, stop: () => {} });
  const at = (position: number, movedBack = false) => {
    state.value = { ...state.value, place: create(PlaceSchema, { position, movedBack }) };
  };
  const happens = (kind: Event["kind"]) => {
    const sequence = state.value.events.length + 1;
    state.value = { ...state.value, events: [...state.value.events, create(EventSchema, { sequence, kind })] };
  };
  return { state, calls, stop, at, happens };
}

const joins = (displayName: string): Event["kind"] => ({
  case: "participantJoined",
  value: create(ParticipantJoinedSchema, {
    participant: { id: "professional-1", role: ParticipantRole.PROFESSIONAL, displayName },
  }),
});

beforeEach(async () => {
  vi.useFakeTimers();
  spoken.length = 0;
  await setLanguage("fi");
});

const wait = "Odotusaikaa ei voi juuri nyt arvioida.";

describe("startVoice", () => {
  it("tells a wait by its rule, up to who comes", () => {
    const { at, state, happens, calls, stop } = conversation();
    at(9);
    at(8);
    vi.advanceTimersByTime(31_000);
    at(7);
    at(6);
    at(2);
    at(1);
    expect(spoken).toEqual([
      `Olet jonossa sijalla 9. ${wait}`,
      // Why the wait cannot be told is the same all the time, and told once.
      "Olet jonossa sijalla 8.",
      "Vuorosi tulee pian. Pysy lähellä. Olet jonossa sijalla 2.",
      "Vuorosi tulee pian. Pysy lähellä. Olet seuraavana vuorossa.",
    ]);
    state.value = { ...state.value, place: undefined };
    happens(joins("Sairaanhoitaja Kaisa Kuvitteellinen"));
    expect(spoken.at(-1)).toBe("Sairaanhoitaja Kaisa Kuvitteellinen tuli keskusteluun. Nyt voitte keskustella.");
    expect(calls).toEqual(["Vuorosi tulee pian", "Nyt on vuorosi"]);
    stop();
  });

  it("says why a place grew", () => {
    const { at, stop } = conversation();
    at(6);
    at(7, true);
    expect(spoken[1]).toContain("Paikkasi siirtyi taaksepäin");
    expect(spoken[1]).toContain("sijalla 7");
    stop();
  });

  it("does not tell what had happened before the page was opened", () => {
    const history = [create(EventSchema, { sequence: 1, kind: joins("Kaisa") })];
    const { calls, happens, stop } = conversation({ ...initial, events: history });
    expect(spoken).toEqual([]);
    happens(joins("Ville"));
    expect(spoken).toEqual(["Ville tuli keskusteluun. Nyt voitte keskustella."]);
    expect(calls).toEqual(["Nyt on vuorosi"]);
    stop();
  });

  it("takes what comes before it has caught up for history", () => {
    const { state, happens, stop } = conversation({ ...initial, caughtUp: false });
    happens(joins("Kaisa"));
    state.value = { ...state.value, caughtUp: true };
    expect(spoken).toEqual([]);
    stop();
  });

  it("begins the rule anew when one is back in the queue", () => {
    const { at, state, happens, stop } = conversation();
    at(1);
    state.value = { ...state.value, place: undefined };
    happens(joins(""));
    happens({ case: "returnedToQueue", value: create(ReturnedToQueueSchema) });
    at(1);
    expect(spoken.slice(1)).toEqual([
      // A place that was not spoken yet is taken back when the turn comes.
      "",
      "Ammattilainen tuli keskusteluun. Nyt voitte keskustella.",
      "Olet taas jonossa.",
      `Vuorosi tulee pian. Pysy lähellä. Olet seuraavana vuorossa. ${wait}`,
    ]);
    stop();
  });

  it("is silent after the end", () => {
    const { at, stop } = conversation();
    at(9);
    at(8);
    stop();
    vi.advanceTimersByTime(60_000);
    at(3);
    expect(spoken).toEqual([`Olet jonossa sijalla 9. ${wait}`]);
  });
});
