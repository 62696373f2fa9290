import { setTimeout as pause } from "node:timers/promises";
import { CloseReason, ConversationState } from "@kupla/contract/kupla/v1/conversation_pb";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ChatState, createKupla, type Kupla, KuplaError } from "../src/index.js";
import { CuttingProxy } from "./cuttingProxy.js";
import { MemoryStorage } from "./memoryStorage.js";
import { Professional } from "./professional.js";
import { RealServer } from "./realServer.js";
import { until } from "./until.js";

const queueId = "emergency-help"; // open day and night

let server: RealServer;
let proxy: CuttingProxy;
let professional: Professional;
const endings: (() => void)[] = [];

beforeAll(async () => {
  server = await RealServer.start();
  proxy = await CuttingProxy.listen(server.port);
  professional = new Professional(server);
});
afterEach(() => {
  for (const end of endings.splice(0)) end();
  proxy.pass();
});
afterAll(async () => {
  await proxy?.close();
  await server?.close();
});

/** A page in a browser that keeps what is in storage. Its pauses are short, as the tests cut often. */
function page(storage = new MemoryStorage()): Kupla {
  return createKupla({
    baseUrl: proxy.url,
    storage,
    locks: null,
    reconnect: { initialMs: 10, maxMs: 100 },
    retry: { initialMs: 10, maxMs: 100 },
    attemptTimeoutMs: 2_000,
  });
}

async function started(kupla: Kupla, message?: string) {
  const conversation = await kupla.start({ queueId, language: "fi", displayName: "Testi", message });
  endings.push(() => conversation.close());
  return conversation;
}

function texts(state: ChatState): string[] {
  return state.events.flatMap(({ kind }) => (kind.case === "messagePosted" ? [kind.value.text] : []));
}

function expectWhole(state: ChatState): void {
  expect(state.events.map(({ sequence }) => sequence)).toEqual(state.events.map((_, index) => index + 1));
}

describe("against the real server", () => {
  it("follows the story of a chat from the queue to the survey", async () => {
    const kupla = page();
    expect(kupla.storage).toBe("persistent");
    const watch = kupla.watchQueues();
    endings.push(() => watch.close());
    const { queues } = await until(watch.state, (state) => state.queues !== undefined);
    expect(queues?.map(({ queue }) => queue?.id)).toContain(queueId);

    const conversation = await started(kupla, "Hei, punkki puri jalkaan.");
    const waiting = await until(conversation.state, (state) => state.caughtUp);
    expect(waiting.conversation?.state).toBe(ConversationState.WAITING);
    expect(waiting.place?.position).toBe(1);
    expect(texts(waiting)).toEqual(["Hei, punkki puri jalkaan."]);
    await until(watch.state, (state) =>
      (state.queues ?? []).some(({ queue, status }) => queue?.id === queueId && status?.waitingCount === 1),
    );

    await professional.take(conversation.id);
    await professional.typing(conversation.id);
    const typed = await until(conversation.state, (state) => state.typing.length > 0);
    expect(typed.typing).toHaveLength(1);
    expect(typed.typing).not.toContain(typed.me);
    expect(typed.place).toBeUndefined();
    await professional.send(conversation.id, "Hei! Milloin se puri?");
    const asked = await until(conversation.state, (state) => texts(state).length === 2);
    expect(asked.typing).toEqual([]);

    conversation.typing();
    conversation.markRead(asked.events.length);
    conversation.send("Eilen illalla.");
    expect(conversation.state.value.outbox).toMatchObject([{ text: "Eilen illalla.", state: "sending" }]);
    const answered = await until(conversation.state, (state) => texts(state).length === 3);
    expect(answered.outbox).toEqual([]);
    await professional.markRead(conversation.id, answered.events.length);
    const read = await until(conversation.state, (state) => state.readMarks.size === 2);
    expect(read.readMarks.get(read.me ?? "")).toBe(asked.events.length);
    await conversation.stay();

    await expect(conversation.survey()).rejects.toMatchObject({ reason: "CONVERSATION_OPEN" });
    await professional.close(conversation.id);
    const closed = await until(conversation.state, (state) => state.connection === "ended");
    expect(closed.ended).toEqual({ reason: GoAwayReason.CONVERSATION_CLOSED });
    expect(closed.conversation?.closeReason).toBe(CloseReason.COMPLETED);
    expect(kupla.saved()).toMatchObject([{ conversationId: conversation.id, queueId, closed: true }]);
    expectWhole(closed);

    const survey = await conversation.survey();
    const [question] = survey.questions;
    const answers = [{ questionId: question?.id ?? "", value: { case: "score" as const, value: 9 } }];
    await conversation.submitFeedback(answers);
    await conversation.submitFeedback(answers);

    conversation.send("Unohdin kysyä.");
    const refused = await until(conversation.state, (state) => state.outbox[0]?.state === "refused");
    expect(refused.outbox[0]?.error).toMatchObject({ reason: "CONVERSATION_CLOSED" });
    expect(conversation.discard(refused.outbox[0]?.requestId ?? "")).toBe("Unohdin kysyä.");
    expect(conversation.state.value.outbox).toEqual([]);
    kupla.forget(conversation.id);
    expect(kupla.saved()).toEqual([]);
  });

  it("keeps a message with an identity code out of the log, and sends what comes after it", async () => {
    const conversation = await started(page());
    conversation.send("Tunnukseni on 220750-999Y");
    conversation.send("Anteeksi, ilman tunnusta.");
    const state = await until(conversation.state, (now) => texts(now).length === 1);
    expect(texts(state)).toEqual(["Anteeksi, ilman tunnusta."]);
    expect(state.outbox).toMatchObject([{ state: "refused", error: { reason: "IDENTITY_CODE_IN_TEXT" } }]);
    const [refused] = state.outbox;
    expect(refused?.error).toBeInstanceOf(KuplaError);
    expect(conversation.discard(refused?.requestId ?? "")).toBe("Tunnukseni on 220750-999Y");
  });

  it("tells why a start is refused", async () => {
    const kupla = page();
    await expect(kupla.start({ queueId: "no-such-queue", language: "fi" })).rejects.toMatchObject({
      reason: "QUEUE_NOT_FOUND",
      metadata: { queue_id: "no-such-queue" },
      fromService: true,
    });
    await expect(kupla.start({ queueId, language: "fi", noticeVersion: "old" })).rejects.toMatchObject({
      reason: "NOTICE_OUTDATED",
    });
    expect(kupla.unfinishedStart()).toBeUndefined();
  });

  it("starts once however often the answer is lost, also over a reload", async () => {
    const storage = new MemoryStorage();
    const options = { queueId, language: "sv", message: "Hej!" };
    proxy.stall();
    const kupla = page(storage);
    const lost = kupla.start(options);
    const kept = storage.getItem("kupla.start") ?? ""; // before anything was sent
    expect(kupla.start(options)).toBe(lost); // pressed twice
    await pause(50);
    proxy.pass(); // what was sent arrives, and the answer is on its way back
    proxy.cutAfter(1);
    const before = await lost;
    before.close();

    // The page was loaded anew before the answer came: all it has is what was kept then.
    const reloaded = new MemoryStorage();
    reloaded.setItem("kupla.start", kept);
    const after = page(reloaded);
    expect(after.unfinishedStart()).toEqual(options);
    const again = await after.start(after.unfinishedStart() ?? options);
    endings.push(() => again.close());
    expect(again.id).toBe(before.id);
    expect(after.unfinishedStart()).toBeUndefined();
    const state = await until(again.state, (now) => now.caughtUp);
    expect(texts(state)).toEqual(["Hej!"]);
  });

  it("goes on after a reload with the whole log and with what was not sent", async () => {
    const storage = new MemoryStorage();
    const before = await started(page(storage), "Ensimmäinen");
    await until(before.state, (state) => state.caughtUp);
    proxy.refuse();
    before.send("Toinen");
    before.send("Kolmas");
    await until(before.state, (state) => state.outbox[0]?.state === "waiting" && state.outbox[1]?.state === "waiting");
    await until(before.state, (state) => state.connection === "lost");
    before.close();

    const kupla = page(storage);
    const [saved] = kupla.saved();
    const after = kupla.open(saved?.conversationId ?? "");
    endings.push(() => after.close());
    expect(kupla.open(after.id)).toBe(after);
    expect(after.state.value.outbox.map(({ text }) => text)).toEqual(["Toinen", "Kolmas"]);
    proxy.pass();
    const state = await until(after.state, (now) => texts(now).length === 3);
    expect(texts(state)).toEqual(["Ensimmäinen", "Toinen", "Kolmas"]);
    expect(state.outbox).toEqual([]);
  });

  it("takes a stream that brings nothing for dead", async () => {
    const conversation = await started(page());
    await until(conversation.state, (state) => state.caughtUp);
    await pause(3_000); // the service has told that something comes every 2 seconds
    proxy.stall();
    proxy.abandon();
    await professional.take(conversation.id);
    await professional.send(conversation.id, "Kuuletko?");
    await pause(500);
    expect(conversation.state.value.connection).toBe("open"); // nobody could know
    const state = await until(conversation.state, (now) => texts(now).length === 1, 8_000);
    expect(state.connection).toBe("open");
    expectWhole(state);
  });

  it("brings every message once and in order through dozens of cuts and two crashes", { timeout: 40_000 }, async () => {
    const count = 200;
    const conversation = await started(page());
    await professional.take(conversation.id);
    let doubled = 0;
    const unsubscribe = conversation.state.subscribe((state) => {
      const inLog = new Set(texts(state));
      doubled += state.outbox.filter(({ text }) => inLog.has(text)).length;
    });

    const cutsBefore = proxy.cuts;
    let trouble = true;
    const cutting = (async () => {
      for (let i = 0; trouble; i++) {
        await pause(20 + (i % 7) * 10);
        if (i % 3 === 0) proxy.cutAfter(1 + ((i * 37) % 300));
        else if (i % 10 === 5) {
          proxy.refuse();
          await pause(40);
          proxy.pass();
        } else if (i % 10 === 8) {
          proxy.stall();
          await pause(40);
          proxy.cut();
          proxy.pass();
        } else proxy.cut();
      }
    })();
    const crashing = (async () => {
      for (let i = 0; i < 2; i++) {
        await pause(700);
        await server.kill();
        await server.run();
        proxy.target = server.port;
        proxy.cut();
      }
    })();
    const answering = (async () => {
      for (let i = 0; i < count; i++) await professional.send(conversation.id, `professional ${i}`);
    })();
    for (let i = 0; i < count; i++) {
      conversation.send(`resident ${i}`);
      if (i % 10 === 0) await pause(20);
    }
    await Promise.all([answering, crashing]);
    await pause(1_000); // a while longer in trouble
    trouble = false;
    await cutting;
    proxy.pass();

    const state = await until(conversation.state, (now) => now.outbox.length === 0 && texts(now).length >= 2 * count);
    unsubscribe();
    expectWhole(state);
    const all = texts(state);
    for (const who of ["resident", "professional"]) {
      const own = all.filter((text) => text.startsWith(who));
      expect(own).toEqual(Array.from({ length: count }, (_, i) => `${who} ${i}`));
    }
    expect(await professional.texts(conversation.id)).toEqual(all);
    expect(doubled).toBe(0);
    expect(proxy.cuts - cutsBefore).toBeGreaterThan(50);
  });

  it("comes back after the server was stopped in order", async () => {
    const conversation = await started(page());
    await until(conversation.state, (state) => state.caughtUp);
    await server.stop();
    await until(conversation.state, (state) => state.connection === "lost");
    conversation.send("Vielä täällä");
    await server.run();
    proxy.target = server.port;
    proxy.cut();
    const state = await until(conversation.state, (now) => texts(now).length === 1 && now.connection === "open");
    expect(state.outbox).toEqual([]);
    await conversation.leave();
    await conversation.leave();
    const left = await until(conversation.state, (now) => now.connection === "ended");
    expect(left.conversation?.closeReason).toBe(CloseReason.CUSTOMER_LEFT);
  });

  it("ends when the token opens nothing", async () => {
    const storage = new MemoryStorage();
    const conversation = await started(page(storage));
    await until(conversation.state, (state) => state.caughtUp);
    conversation.close();
    const key = `kupla.conversation.${conversation.id}`;
    const record = JSON.parse(storage.getItem(key) ?? "") as { accessToken: string };
    storage.setItem(key, JSON.stringify({ ...record, accessToken: `${record.accessToken.slice(0, -8)}AAAAAAAA` }));
    const again = page(storage).open(conversation.id);
    endings.push(() => again.close());
    again.send("Kuka siellä?");
    const state = await until(again.state, (now) => now.ended !== undefined && now.outbox[0]?.state === "refused");
    expect(state.ended?.reason).toBe("unauthenticated");
    expect(state.outbox[0]?.error?.reason).toBe("CREDENTIALS_INVALID");
  });
});
