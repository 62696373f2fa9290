import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { type ChatState, KuplaError } from "../src/index.js";
import { frame, me, posted, refusal, snapshot } from "./fakeService.js";
import { type Kit, kit, opened, texts } from "./kit.js";
import { pass, settle, useVirtualTime } from "./virtualTime.js";

useVirtualTime();

/** A conversation that stands, with an empty log. */
async function talking(tab: Kit) {
  const conversation = await opened(tab);
  tab.service.stream.push(snapshot("s", 0));
  await settle();
  return conversation;
}

/** What a person sees: the log, then the outbox. */
function shown(state: ChatState): string[] {
  return [...texts(state), ...state.outbox.map(({ text, state: how }) => `${text} (${how})`)];
}

function kept(tab: Kit): unknown[] {
  return [...tab.storage.items].filter(([key]) => key.includes(".outbox.")).map(([, value]) => JSON.parse(value));
}

describe("the outbox", () => {
  it("keeps a message before it is tried, and sends one after the other", async () => {
    const tab = kit();
    const conversation = await talking(tab);
    const answers: ((sequence: number) => void)[] = [];
    tab.service.onSend = () => {
      expect(kept(tab).length).toBeGreaterThan(0);
      return new Promise((resolve) => answers.push(resolve));
    };
    conversation.send("first");
    conversation.send("second");
    conversation.send("   "); // nothing to say
    expect(kept(tab)).toMatchObject([{ text: "first" }, { text: "second" }]); // at once, not a moment later
    expect(shown(conversation.state.value)).toEqual(["first (sending)", "second (sending)"]);
    await settle();
    expect(tab.service.sends.map(({ text }) => text)).toEqual(["first"]);
    answers[0]?.(1);
    await settle();
    expect(tab.service.sends.map(({ text }) => text)).toEqual(["first", "second"]);
  });

  it("shows a message once, whichever of its answer and its event comes first", async () => {
    const tab = kit();
    const conversation = await talking(tab);
    const answers: ((sequence: number) => void)[] = [];
    tab.service.onSend = () => new Promise((resolve) => answers.push(resolve));
    conversation.send("same");
    conversation.send("same");
    await settle();

    tab.service.stream.push(posted(1, "same", me)); // the event first
    await settle();
    expect(shown(conversation.state.value)).toEqual(["same", "same (sending)"]);
    answers[0]?.(1);
    await settle();
    expect(shown(conversation.state.value)).toEqual(["same", "same (sending)"]);

    answers[1]?.(2); // the answer first
    await settle();
    expect(shown(conversation.state.value)).toEqual(["same", "same (sending)"]);
    tab.service.stream.push(posted(2, "same", me));
    await settle();
    expect(shown(conversation.state.value)).toEqual(["same", "same"]);
    expect(kept(tab)).toEqual([]);
  });

  it("repeats under the same request id until it is answered, also after a reload", async () => {
    const tab = kit();
    const conversation = await talking(tab);
    tab.service.onSend = () => {
      throw new Error("lost");
    };
    conversation.send("Hei");
    conversation.send("Oletko siellä?");
    await pass(10_000);
    expect(shown(conversation.state.value)).toEqual(["Hei (waiting)", "Oletko siellä? (waiting)"]);
    expect(conversation.state.value.outbox[0]?.error).toBeInstanceOf(KuplaError);
    expect(tab.service.sends.length).toBeGreaterThan(3);
    conversation.close();
    const tries = tab.service.sends.length;
    await pass(60_000);
    expect(tab.service.sends).toHaveLength(tries);

    // The service had it: the log tells so, and the repeat is answered with the same event.
    let sequence = 1;
    tab.service.onSend = () => sequence++;
    const reloaded = await opened(kit({}, { service: tab.service, storage: tab.storage }));
    tab.service.stream.push(snapshot("s", 1), posted(1, "Hei", me));
    await settle();
    tab.service.stream.push(posted(2, "Oletko siellä?", me));
    await settle();
    expect(shown(reloaded.state.value)).toEqual(["Hei", "Oletko siellä?"]);
    const ids = tab.service.sends.map(({ requestId, text }) => `${text} ${requestId}`);
    expect(new Set(ids).size).toBe(2);
    expect(kept(tab)).toEqual([]);
  });

  it("is shown once after a reload also before it is answered", async () => {
    const tab = kit();
    const conversation = await talking(tab);
    tab.service.onSend = () => new Promise(() => {});
    conversation.send("Hei");
    await settle();
    conversation.close();
    const reloaded = await opened(kit({}, { service: tab.service, storage: tab.storage }));
    expect(shown(reloaded.state.value)).toEqual(["Hei (sending)"]);
    tab.service.stream.push(snapshot("s", 1), posted(1, "Hei", me));
    await settle();
    expect(shown(reloaded.state.value)).toEqual(["Hei"]);
  });

  it("gives up an attempt that is not answered, and tries again", async () => {
    const tab = kit();
    const conversation = await talking(tab);
    tab.service.onSend = () => (tab.service.sends.length === 1 ? new Promise(() => {}) : 1);
    conversation.send("Hei");
    await pass(10_100);
    expect(tab.service.sends).toHaveLength(2);
    expect(tab.service.sends[0]?.requestId).toBe(tab.service.sends[1]?.requestId);
  });

  it("waits as long as the service asks when calls come too fast", async () => {
    const tab = kit();
    const conversation = await talking(tab);
    tab.service.onSend = () => {
      if (tab.service.sends.length > 1) return 1;
      throw refusal(Code.ResourceExhausted, "RATE_LIMITED", { metadata: { retry_delay: "1m2.5s" } });
    };
    conversation.send("Hei");
    await settle();
    expect(conversation.state.value.outbox[0]?.error).toMatchObject({ reason: "RATE_LIMITED", retryDelayMs: 62_500 });
    tab.page.signal("online");
    await pass(62_400);
    expect(tab.service.sends).toHaveLength(1);
    await pass(200);
    expect(tab.service.sends).toHaveLength(2);
  });

  it("keeps a refused message with its reason, goes on, and sends it again or gives its text back", async () => {
    const tab = kit();
    const conversation = await talking(tab);
    let sequence = 0;
    tab.service.onSend = ({ text }) => {
      if (text.includes("999")) throw refusal(Code.FailedPrecondition, "IDENTITY_CODE_IN_TEXT");
      return ++sequence;
    };
    conversation.send("220750-999Y");
    conversation.send("ilman");
    await settle();
    tab.service.stream.push(posted(1, "ilman", me));
    await settle();
    expect(shown(conversation.state.value)).toEqual(["ilman", "220750-999Y (refused)"]);
    const [refused] = conversation.state.value.outbox;
    expect(refused?.error).toMatchObject({ reason: "IDENTITY_CODE_IN_TEXT", code: Code.FailedPrecondition });

    const reloaded = await opened(kit({}, { service: tab.service, storage: tab.storage }));
    expect(reloaded.state.value.outbox).toMatchObject([
      { state: "refused", error: { reason: "IDENTITY_CODE_IN_TEXT" } },
    ]);
    const before = tab.service.sends.length;
    await pass(60_000);
    expect(tab.service.sends).toHaveLength(before);

    reloaded.retry(refused?.requestId ?? "");
    expect(reloaded.state.value.outbox[0]?.state).toBe("sending");
    await settle();
    expect(tab.service.sends).toHaveLength(before + 1);
    expect(reloaded.state.value.outbox[0]?.state).toBe("refused");
    expect(reloaded.discard("another")).toBeUndefined();
    expect(reloaded.discard(refused?.requestId ?? "")).toBe("220750-999Y");
    expect(reloaded.state.value.outbox).toEqual([]);
    expect(kept(tab)).toEqual([]);
  });

  it.each([
    [Code.FailedPrecondition, "CONVERSATION_CLOSED"],
    [Code.Unauthenticated, "CREDENTIALS_INVALID"],
    [Code.NotFound, "CONVERSATION_NOT_FOUND"],
  ])("refuses all messages with code %i, %s", async (code, reason) => {
    const tab = kit();
    const conversation = await talking(tab);
    tab.service.onSend = () => {
      throw refusal(code, reason);
    };
    conversation.send("first");
    conversation.send("second");
    await pass(60_000);
    expect(tab.service.sends).toHaveLength(1);
    expect(conversation.state.value.outbox).toMatchObject([
      { text: "first", state: "refused", error: { reason } },
      { text: "second", state: "refused", error: { reason } },
    ]);
  });

  it("does not hold on to what was acknowledged in a log that is no more", async () => {
    const tab = kit();
    const conversation = await talking(tab);
    tab.service.onSend = () => 7;
    conversation.send("Hei");
    await settle();
    expect(shown(conversation.state.value)).toEqual(["Hei (sending)"]);
    tab.service.stream.push(frame("r", { case: "reset", value: {} }), snapshot("s", 0));
    await settle();
    expect(shown(conversation.state.value)).toEqual([]);
  });

  it("sends what a message with half a character in it becomes", async () => {
    const tab = kit();
    const conversation = await talking(tab);
    tab.service.onSend = () => 1;
    conversation.send("a\uD83Db");
    await settle();
    tab.service.stream.push(posted(1, "a\uFFFDb", me));
    await settle();
    expect(tab.service.sends[0]?.text).toBe("a\uFFFDb");
    expect(shown(conversation.state.value)).toEqual(["a\uFFFDb"]);
  });
});
