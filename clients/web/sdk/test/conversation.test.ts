import { Code } from "@connectrpc/connect";
import { Capability, ConversationState } from "@kupla/contract/kupla/v1/conversation_pb";
import { describe, expect, it, vi } from "vitest";
import { frame, me, posted, professional, refusal, snapshot } from "./fakeService.js";
import { kit, opened } from "./kit.js";
import { pass, settle, useVirtualTime } from "./virtualTime.js";

useVirtualTime();

const typing = (participantId: string) => frame("t", { case: "typing", value: { participantId } });

describe("a conversation", () => {
  it("shows who types until they stop, or write", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0), typing(professional), typing(me));
    await settle();
    expect(conversation.state.value.typing).toEqual([professional]);
    await pass(5_900);
    expect(conversation.state.value.typing).toEqual([professional]);
    tab.service.stream.push(typing(professional));
    await pass(5_900);
    expect(conversation.state.value.typing).toEqual([professional]);
    await pass(200);
    expect(conversation.state.value.typing).toEqual([]);
    tab.service.stream.push(typing(professional), posted(1));
    await settle();
    expect(conversation.state.value.typing).toEqual([]);
  });

  it("tells that one is typing at most every 3 seconds, and only where one may write", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    for (let i = 0; i < 60; i++) {
      conversation.typing();
      await pass(100);
    }
    expect(tab.service.typings).toBe(2);
    tab.service.stream.push(snapshot("s", 0, ConversationState.CLOSED));
    await pass(3_000);
    conversation.typing();
    await settle();
    expect(tab.service.typings).toBe(2);
  });

  it("tells how far one has read, only ever further, and only the furthest of many", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 9));
    for (let i = 1; i <= 9; i++) tab.service.stream.push(posted(i));
    await settle();
    const answers: (() => void)[] = [];
    tab.service.onMark = () => new Promise((resolve) => answers.push(resolve));
    for (const sequence of [2, 3, 1, 7, 5]) conversation.markRead(sequence);
    await settle();
    answers[0]?.();
    await pass(299);
    expect(tab.service.marks.map(({ sequence }) => sequence)).toEqual([2]);
    await pass(1);
    answers[1]?.();
    await settle();
    expect(tab.service.marks.map(({ sequence }) => sequence)).toEqual([2, 7]);
    expect(conversation.state.value.readMarks.get(me)).toBe(7);
    conversation.markRead(7);
    conversation.markRead(99); // the log ends at 9
    await pass(300);
    expect(tab.service.marks.map(({ sequence }) => sequence)).toEqual([2, 7, 9]);
  });

  it("repeats a mark when the service cannot be reached", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 1), posted(1));
    await settle();
    tab.service.onMark = () => {
      if (tab.service.marks.length < 3) throw new Error("lost");
    };
    conversation.markRead(1);
    await pass(5_000);
    expect(tab.service.marks).toHaveLength(3);
  });

  it("keeps read marks, presences and the place up to date", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(
      frame("s", {
        case: "snapshot",
        value: {
          conversation: { id: "c1", state: ConversationState.WAITING, capabilities: [Capability.READ] },
          place: { position: 3 },
          readMarks: [{ participantId: me, sequence: 2 }],
          presences: [{ participantId: me, present: true }],
          expireTime: { seconds: 5n },
        },
      }),
    );
    await settle();
    const before = conversation.state.value;
    expect(before).toMatchObject({ place: { position: 3 }, expireTime: { seconds: 5n } });
    tab.service.stream.push(
      frame("p", { case: "place", value: { position: 2 } }),
      frame("r", { case: "readMark", value: { participantId: professional, sequence: 4 } }),
      frame("r", { case: "readMark", value: { participantId: me, sequence: 1 } }),
      frame("q", { case: "presence", value: { participantId: professional, present: true } }),
    );
    await settle();
    const after = conversation.state.value;
    expect(after.place?.position).toBe(2);
    expect([...after.readMarks]).toEqual([
      [me, 2],
      [professional, 4],
    ]);
    expect(after.presences.get(professional)?.present).toBe(true);
    expect(before.readMarks.size).toBe(1);
    expect(before.place?.position).toBe(3);
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    expect(conversation.state.value).toMatchObject({ place: undefined, expireTime: undefined });
  });

  it("knows after a reload that a conversation has ended", async () => {
    const tab = kit();
    await opened(tab);
    expect(tab.kupla.saved()).toMatchObject([{ conversationId: "c1", closed: false }]);
    tab.service.stream.push(snapshot("s", 0, ConversationState.CLOSED));
    await settle();
    const later = kit({}, { service: tab.service, storage: tab.storage });
    expect(later.kupla.saved()).toMatchObject([{ conversationId: "c1", closed: true }]);
    // The token opens nothing a day later.
    const tomorrow = kit({ now: () => Date.now() + 25 * 3_600_000 }, { storage: tab.storage });
    expect(tomorrow.kupla.saved()).toEqual([]);
    expect(tab.storage.items.size).toBe(0);
  });
});

describe("a start", () => {
  const options = { queueId: "oral-health", language: "fi", displayName: "Testi", message: "Hei" };

  it("is kept before it is sent, and forgotten once the conversation is kept", async () => {
    const tab = kit();
    let keptBefore = "";
    tab.service.onStart = () => void (keptBefore = tab.storage.getItem("kupla.start") ?? "");
    const started = tab.kupla.start(options);
    const conversation = await started;
    expect(JSON.parse(keptBefore)).toMatchObject({ requestId: tab.service.starts[0]?.requestId, options });
    expect(tab.storage.getItem("kupla.start")).toBeNull();
    expect(tab.kupla.saved()).toMatchObject([
      { conversationId: conversation.id, queueId: "oral-health", closed: false },
    ]);
    expect(tab.kupla.open(conversation.id)).toBe(conversation);
    conversation.close();
  });

  it("has the same id after a reload for 10 minutes, and another one when it is another start", async () => {
    const tab = kit();
    tab.service.onStart = () => {
      throw new Error("lost");
    };
    void tab.kupla.start(options).catch(() => {});
    await pass(1_000);
    const id = tab.service.starts[0]?.requestId;
    expect(new Set(tab.service.starts.map(({ requestId }) => requestId))).toEqual(new Set([id]));

    const reloaded = kit({}, { service: tab.service, storage: tab.storage });
    expect(reloaded.kupla.unfinishedStart()).toEqual(options);
    await pass(9 * 60_000);
    void reloaded.kupla.start(options).catch(() => {});
    await settle();
    expect(tab.service.starts.at(-1)?.requestId).toBe(id);
    void reloaded.kupla.start({ ...options, message: "Hei taas" }).catch(() => {});
    await settle();
    expect(tab.service.starts.at(-1)?.requestId).not.toBe(id);
    await pass(11 * 60_000);
    expect(reloaded.kupla.unfinishedStart()).toBeUndefined();
    expect(tab.storage.getItem("kupla.start")).toBeNull();
  });

  it.each([
    [Code.FailedPrecondition, "START_TOO_OLD", {}],
    [Code.FailedPrecondition, "QUEUE_CLOSED", { phone: "116117", next_opening_time: "2026-03-03T06:00:00Z" }],
    [Code.ResourceExhausted, "QUEUE_FULL", { capacity: "5" }],
    [Code.ResourceExhausted, "TOO_MANY_WAITING", { limit: "3" }],
  ])("that is refused with code %i, %s says why and is over", async (code, reason, metadata) => {
    const tab = kit();
    tab.service.onStart = () => {
      throw refusal(code, reason, { metadata });
    };
    await expect(tab.kupla.start(options)).rejects.toMatchObject({ name: "KuplaError", code, reason, metadata });
    expect(tab.service.starts).toHaveLength(1);
    expect(tab.kupla.unfinishedStart()).toBeUndefined();
  });

  it("that is too old is removed as soon as the page is loaded", async () => {
    const tab = kit({ giveUpAfterMs: 0 });
    tab.service.onStart = () => {
      throw new Error("lost");
    };
    await expect(tab.kupla.start(options)).rejects.toThrow();
    await pass(11 * 60_000);
    kit({}, { service: tab.service, storage: tab.storage });
    expect(tab.storage.items.size).toBe(0);
  });

  it("has a proper request id also where the browser has no function for it", async () => {
    const tab = kit();
    vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
    const conversation = await tab.kupla.start(options);
    vi.unstubAllGlobals();
    conversation.close();
    expect(tab.service.starts[0]?.requestId).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it("that seems to be of the future is as old: the clock was set back", async () => {
    const tab = kit({ giveUpAfterMs: 0 });
    tab.service.onStart = () => {
      throw new Error("lost");
    };
    await expect(tab.kupla.start(options)).rejects.toThrow();
    const earlier = (ms: number) => kit({ now: () => Date.now() - ms }, { storage: tab.storage }).kupla;
    expect(earlier(5_000).unfinishedStart()).toBeDefined();
    expect(earlier(3_600_000).unfinishedStart()).toBeUndefined();
    expect(tab.storage.items.size).toBe(0);
  });

  it("can be dropped", async () => {
    const tab = kit({ giveUpAfterMs: 0 });
    tab.service.onStart = () => {
      throw new Error("lost");
    };
    await expect(tab.kupla.start(options)).rejects.toMatchObject({ fromService: false });
    expect(tab.kupla.unfinishedStart()).toEqual(options);
    tab.kupla.dropUnfinishedStart();
    expect(tab.kupla.unfinishedStart()).toBeUndefined();
  });
});

describe("what is kept", () => {
  it("is in memory where the browser keeps nothing", async () => {
    const tab = kit();
    tab.storage.setItem = () => {
      throw new DOMException("blocked", "SecurityError");
    };
    const blocked = kit({}, { service: tab.service, storage: tab.storage });
    expect(blocked.kupla.storage).toBe("memory");
    const conversation = await blocked.kupla.start({ queueId: "q", language: "fi" });
    conversation.send("Hei");
    await settle();
    expect(tab.service.sends).toHaveLength(1);
    expect(blocked.kupla.saved()).toHaveLength(1);
    expect(tab.storage.items.size).toBe(0);
    conversation.close();
  });

  it("goes on in memory when the disk is full, and says so", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    expect(tab.kupla.storage).toBe("persistent");
    const { setItem } = tab.storage;
    tab.storage.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    tab.service.onSend = () => 1;
    conversation.send("Hei");
    expect(tab.kupla.storage).toBe("memory");
    expect(tab.kupla.saved()).toHaveLength(1); // what was kept before is still known
    await settle();
    tab.service.stream.push(posted(1, "Hei", me));
    await settle();
    expect(conversation.state.value.outbox).toEqual([]);
    tab.kupla.forget(conversation.id);
    expect(tab.storage.items.size).toBe(0); // and can still be removed
    tab.storage.setItem = setItem;
  });

  it("is passed over when somebody else wrote it", () => {
    const tab = kit();
    tab.storage.setItem("kupla.conversation.c9", "{not JSON");
    tab.storage.setItem("kupla.conversation.c8", "null");
    tab.storage.setItem("another", "thing");
    expect(tab.kupla.saved()).toEqual([]);
    expect(() => tab.kupla.open("c9")).toThrow(expect.objectContaining({ code: Code.NotFound }));
  });
});
