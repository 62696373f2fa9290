import { create } from "@bufbuild/protobuf";
import { signal } from "@preact/signals";
import type {
  ChatConversation,
  ChatState,
  Kupla,
  Observable,
  QueuesState,
  SavedConversation,
  StartOptions,
} from "@kupla/sdk";
import type { Event } from "@kupla/contract/kupla/v1/conversation_pb";
import {
  ConversationSchema,
  ConversationState,
  EventSchema,
  PlaceSchema,
} from "@kupla/contract/kupla/v1/conversation_pb";
import { QueueWithStatusSchema } from "@kupla/contract/kupla/v1/queue_service_pb";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import { beforeEach, describe, expect, it } from "vitest";
import type { FrameMessage } from "../../protocol.js";
import type { Host } from "./host.js";
import type { Query } from "./query.js";
import { Session } from "./session.js";

class Value<T> implements Observable<T> {
  #listeners = new Set<(value: T) => void>();
  constructor(public value: T) {}
  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  set(value: T): void {
    this.value = value;
    for (const listener of [...this.#listeners]) listener(value);
  }
  get listeners(): number {
    return this.#listeners.size;
  }
}

const waiting: ChatState = {
  connection: "open",
  conversation: create(ConversationSchema, { id: "c1", queueId: "oral-health", state: ConversationState.WAITING }),
  me: "customer-1",
  capabilities: new Set(),
  place: create(PlaceSchema, { position: 3 }),
  events: [],
  caughtUp: true,
  readMarks: new Map(),
  presences: new Map(),
  typing: [],
  outbox: [],
};
const closed: ChatState = {
  ...waiting,
  conversation: create(ConversationSchema, { id: "c1", queueId: "oral-health", state: ConversationState.CLOSED }),
  place: undefined,
};
const queues: QueuesState = {
  connection: "open",
  queues: ["oral-health", "physiotherapy"].map((id) => create(QueueWithStatusSchema, { queue: { id } })),
};

/** A service with conversations that were kept, told what happens by the test. */
class FakeKupla {
  storage: Kupla["storage"] = "persistent";
  kept: SavedConversation[] = [];
  unfinished: StartOptions | undefined;
  watches: { state: Value<QueuesState>; closed: boolean }[] = [];
  conversations = new Map<string, { state: Value<ChatState>; closed: boolean; tries: number }>();
  forgotten: string[] = [];
  left: string[] = [];
  letBe: string[] = [];
  /** Starts that are answered when the test says so, by queue. Their conversations are named after the queue. */
  slow = new Map<string, Promise<void>>();

  keep(conversationId: string, closedAlready = false, state = waiting): void {
    this.kept.push({
      conversationId,
      queueId: "oral-health",
      language: "fi",
      startTime: new Date(0),
      closed: closedAlready,
    });
    this.conversations.set(conversationId, { state: new Value(state), closed: false, tries: 0 });
  }

  asKupla(): Kupla {
    const open = (id: string): ChatConversation => {
      const held = this.conversations.get(id);
      if (held === undefined) throw new Error(`no ${id}`);
      held.closed = false;
      const rest = {} as Omit<ChatConversation, "id" | "state" | "leave" | "tryNow" | "close">;
      const tryNow = () => void held.tries++;
      const leave = async () => void this.left.push(id);
      return { ...rest, id, state: held.state, leave, tryNow, close: () => void (held.closed = true) };
    };
    const storage = () => this.storage;
    return {
      get storage() {
        return storage();
      },
      watchQueues: () => {
        const watch = { state: new Value<QueuesState>({ connection: "connecting" }), closed: false };
        this.watches.push(watch);
        return { state: watch.state, tryNow: () => {}, close: () => void (watch.closed = true) };
      },
      start: async ({ queueId }) => {
        await this.slow.get(queueId);
        const id = this.slow.has(queueId) ? queueId : "c1";
        this.keep(id);
        return open(id);
      },
      unfinishedStart: () => this.unfinished,
      dropUnfinishedStart: () => {},
      saved: () => this.kept.filter(({ conversationId }) => !this.forgotten.includes(conversationId)),
      open,
      forget: (id, options) => {
        this.forgotten.push(id);
        if (options?.letOthersBe) this.letBe.push(id);
      },
    };
  }
}

let kupla: FakeKupla;
let told: FrameMessage[];
let tab: Map<string, string>;
const query: Query = { queueId: undefined, language: "fi", theme: "default", embedded: false };

function session(more: Partial<Query> = {}): Session {
  const host: Host = { embedded: true, shown: signal(true), tell: (message) => void told.push(message) };
  return new Session(kupla.asKupla(), { ...query, ...more }, host, {
    getItem: (key) => tab.get(key) ?? null,
    setItem: (key, value) => void tab.set(key, value),
    removeItem: (key) => void tab.delete(key),
  });
}

beforeEach(() => {
  kupla = new FakeKupla();
  told = [];
  tab = new Map();
});

describe("a first visit", () => {
  it("goes from the queues to one of them and back", () => {
    const page = session();
    expect(page.screen.value.name).toBe("loading");
    kupla.watches[0]?.state.set(queues);
    expect(page.screen.value).toEqual({ name: "queues", missing: false });
    page.choose("physiotherapy");
    expect(page.screen.value).toEqual({ name: "queue", queueId: "physiotherapy" });
    page.choose(undefined);
    expect(page.screen.value.name).toBe("queues");
  });

  it("goes straight to the queue of the address", () => {
    const page = session({ queueId: "oral-health" });
    kupla.watches[0]?.state.set(queues);
    expect(page.screen.value).toEqual({ name: "queue", queueId: "oral-health" });
  });

  it("keeps the queues in sight while the connection is away", () => {
    const page = session();
    kupla.watches[0]?.state.set(queues);
    kupla.watches[0]?.state.set({ connection: "lost" });
    expect(page.screen.value.name).toBe("queues");
    page.retry();
    expect(kupla.watches).toHaveLength(2);
    expect(kupla.watches[0]).toMatchObject({ closed: true });
    expect(page.screen.value.name).toBe("queues");
  });

  it("says in a frame that nothing can be kept, and not on a page of its own", () => {
    kupla.storage = "memory";
    expect(session({ embedded: true }).screen.value.name).toBe("storageBlocked");
    expect(session().screen.value.name).toBe("loading");
  });

  it("goes on in a frame when nothing more can be kept: another page would not have the conversation", () => {
    kupla.keep("c1");
    const page = session({ embedded: true });
    kupla.storage = "memory";
    kupla.conversations.get("c1")?.state.set({ ...waiting, caughtUp: false });
    expect(page.screen.value).toEqual({ name: "conversation", part: "waiting" });
  });

  it("goes on where the browser refuses to keep anything for the tab", async () => {
    const refuse = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    const host: Host = { embedded: true, shown: signal(true), tell: () => {} };
    const storage = { getItem: refuse, setItem: refuse, removeItem: refuse };
    const page = new Session(kupla.asKupla(), query, host, storage);
    await page.start({ queueId: "oral-health", language: "fi" });
    expect(page.screen.value.name).toBe("conversation");
    page.startAgain();
    expect(kupla.forgotten).toEqual(["c1"]);
  });
});

describe("starting", () => {
  it("waits, and no longer follows the queues, which are known", async () => {
    const page = session({ queueId: "oral-health" });
    kupla.watches[0]?.state.set(queues);
    await page.start({ queueId: "oral-health", language: "fi" });
    expect(page.screen.value).toEqual({ name: "conversation", part: "waiting" });
    expect(kupla.watches[0]).toMatchObject({ closed: true });
    expect(kupla.watches[0]?.state.listeners).toBe(0);
    expect(page.chat.value?.queue.value?.id).toBe("oral-health");
  });

  it("goes on, once, with a start that was cut short", async () => {
    kupla.unfinished = { queueId: "physiotherapy", language: "en", message: "My knee." };
    tab.set("kupla:starting", "yes");
    const page = session({ queueId: "oral-health" });
    kupla.watches[0]?.state.set(queues);
    expect(page.screen.value).toEqual({ name: "queue", queueId: "physiotherapy" });
    expect(page.unfinishedStart("oral-health")).toBeUndefined();
    const begun = page.unfinishedStart("physiotherapy");
    expect(begun?.message).toBe("My knee.");
    if (begun !== undefined) await page.start(begun);
    expect(page.unfinishedStart("physiotherapy")).toBeUndefined();
  });

  it("does not go on with a start of another tab, which may be of somebody else", async () => {
    kupla.slow.set("physiotherapy", new Promise(() => {}));
    kupla.unfinished = { queueId: "physiotherapy", language: "en", message: "My knee." };
    void session().start(kupla.unfinished);
    expect(session().unfinishedStart("physiotherapy")?.message).toBe("My knee.");
    tab = new Map();
    const other = session();
    kupla.watches.at(-1)?.state.set(queues);
    expect(other.unfinishedStart("physiotherapy")).toBeUndefined();
    expect(other.screen.value).toEqual({ name: "queues", missing: false });
    kupla.unfinished = undefined;
    await other.start({ queueId: "oral-health", language: "fi" });
    expect([...tab.keys()]).toEqual(["kupla:shown"]);
  });
});

describe("two starts at once, as when one goes back from a slow one and chooses another queue", () => {
  for (const order of [
    ["oral-health", "physiotherapy"],
    ["physiotherapy", "oral-health"],
  ]) {
    it(`keep the later one and leave the other, when ${order[0]} is answered first`, async () => {
      const answers = new Map<string, () => void>();
      for (const id of order) kupla.slow.set(id, new Promise((resolve) => answers.set(id, resolve)));
      const page = session();
      const first = page.start({ queueId: "oral-health", language: "fi" });
      const second = page.start({ queueId: "physiotherapy", language: "fi" });
      for (const id of order) {
        answers.get(id)?.();
        await (id === "oral-health" ? first : second);
      }
      await Promise.all([first, second]);
      expect(page.chat.value?.conversation.id).toBe("physiotherapy");
      expect(kupla.left).toEqual(["oral-health"]);
      expect(kupla.forgotten).toEqual(["oral-health"]);
      expect(kupla.conversations.get("oral-health")?.state.listeners).toBe(0);
    });
  }

  it("are one when they are the same", async () => {
    const page = session();
    const options: StartOptions = { queueId: "oral-health", language: "fi" };
    await Promise.all([page.start(options), page.start(options)]);
    expect(page.chat.value?.conversation.id).toBe("c1");
    expect(kupla.left).toEqual([]);
  });
});

describe("coming back", () => {
  it("goes on with the conversation that is open, and asks for the queues once", () => {
    kupla.keep("old", true, closed);
    kupla.keep("c1");
    const page = session();
    expect(page.chat.value?.conversation.id).toBe("c1");
    expect(page.screen.value).toEqual({ name: "conversation", part: "waiting" });
    kupla.watches[0]?.state.set(queues);
    expect(kupla.watches[0]).toMatchObject({ closed: true });
    expect(page.chat.value?.queue.value?.id).toBe("oral-health");
  });

  it("forgets conversations that have ended: others may use the same browser", () => {
    kupla.keep("old", true, closed);
    const page = session();
    expect(page.chat.value).toBeUndefined();
    expect(kupla.forgotten).toEqual(["old"]);
    // A tab that shows the end goes on showing it: somebody may be at its survey.
    expect(kupla.letBe).toEqual(["old"]);
  });

  it("forgets what was being written in a conversation that is gone, as when another tab forgot it", () => {
    kupla.keep("c1");
    tab.set("kupla.draft.c1", "Haluaisin");
    tab.set("kupla.survey.c1", "sent");
    tab.set("kupla.draft.c2", "Another");
    const page = session();
    expect(tab.get("kupla.draft.c1")).toBe("Haluaisin");
    const draft = page.chat.value?.draft;
    if (draft !== undefined) draft.value = "Haluaisin";
    const gone: ChatState = { ...waiting, connection: "ended", ended: { reason: "not_found" } };
    kupla.conversations.get("c1")?.state.set({ ...gone, conversation: undefined, place: undefined });
    expect(page.screen.value.name).toBe("gone");
    expect(draft?.value).toBe("");
    expect([...tab.keys()]).toEqual(["kupla.draft.c2"]);
    page.startAgain();
    expect(kupla.letBe).toEqual([]);
  });

  it("forgets it also when the tab comes back after another one forgot the conversation", () => {
    for (const key of ["kupla:shown", "kupla.draft.c1"]) tab.set(key, "c1");
    expect(session().chat.value).toBeUndefined();
    expect(tab.size).toBe(0);
  });

  it("shows an end again in the tab that showed it, as after a reload in the survey", () => {
    kupla.keep("c1", true, closed);
    tab.set("kupla:shown", "c1");
    const page = session();
    expect(page.screen.value.name).toBe("ended");
    expect(kupla.forgotten).toEqual([]);
  });

  it("begins anew after the end, and forgets what was", () => {
    kupla.keep("c1");
    const page = session({ queueId: "oral-health" });
    kupla.watches[0]?.state.set(queues);
    kupla.conversations.get("c1")?.state.set(closed);
    expect(page.screen.value.name).toBe("ended");
    page.startAgain();
    expect(page.screen.value).toEqual({ name: "queue", queueId: "oral-health" });
    expect(kupla.forgotten).toEqual(["c1"]);
    expect(kupla.conversations.get("c1")).toMatchObject({ closed: true });
    expect(tab.size).toBe(0);
    expect(kupla.watches.at(-1)).toMatchObject({ closed: false });
  });

  it("tries at once when asked to, and keeps what is on the screen", () => {
    kupla.keep("c1");
    const page = session();
    const chat = page.chat.value;
    kupla.conversations.get("c1")?.state.set({ ...waiting, connection: "lost" });
    page.retry();
    expect(kupla.conversations.get("c1")).toMatchObject({ closed: false, tries: 1 });
    expect(page.chat.value).toBe(chat);
    const superseded: ChatState = { ...waiting, connection: "ended", ended: { reason: GoAwayReason.SUPERSEDED } };
    kupla.conversations.get("c1")?.state.set(superseded);
    page.retry();
    expect(kupla.conversations.get("c1")).toMatchObject({ tries: 2 });
  });

  it("opens the conversation anew when following it was refused, with what is being typed", () => {
    kupla.keep("c1");
    const page = session();
    const before = page.chat.value;
    if (before !== undefined) before.draft.value = "Haluaisin";
    kupla.conversations.get("c1")?.state.set({ ...waiting, connection: "lost", conversation: undefined });
    expect(page.screen.value.name).toBe("unreachable");
    const failed: ChatState = { ...waiting, connection: "ended", ended: { reason: "failed" } };
    kupla.conversations.get("c1")?.state.set(failed);
    expect(page.screen.value.name).toBe("failed");
    page.retry();
    expect(page.chat.value).not.toBe(before);
    expect(page.chat.value?.draft.value).toBe("Haluaisin");
    expect(kupla.conversations.get("c1")).toMatchObject({ closed: false });
    expect(kupla.conversations.get("c1")?.state.listeners).toBe(1);
  });
});

describe("the host page", () => {
  const event = (sequence: number, participantId: string, kind: Event["kind"]) =>
    create(EventSchema, { sequence, participantId, kind });
  const message = (sequence: number, participantId: string) =>
    event(sequence, participantId, {
      case: "messagePosted",
      value: { $typeName: "kupla.v1.MessagePosted", text: "x" },
    });

  it("is told how many messages are unread, and nothing else", () => {
    kupla.keep("c1");
    session();
    kupla.conversations.get("c1")?.state.set({
      ...waiting,
      events: [message(1, "customer-1"), message(2, "professional-1"), message(3, "professional-1")],
      readMarks: new Map([["customer-1", 2]]),
    });
    expect(told.at(-1)).toEqual({ type: "unread", count: 1 });
    expect(told.every(({ type }) => type === "unread")).toBe(true);
  });

  it("is asked to close, and what has ended is forgotten", () => {
    kupla.keep("c1", false, closed);
    const page = session();
    page.closePanel();
    expect(told.at(-1)).toEqual({ type: "close" });
    expect(kupla.forgotten).toEqual(["c1"]);
  });
});
