import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import type { Place } from "@kupla/contract/kupla/v1/conversation_pb";
import { WatchQueuesResponseSchema } from "@kupla/contract/kupla/v1/queue_service_pb";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import { describe, expect, it } from "vitest";
import type { ChatState, ConnectionState, KuplaError, Observable, Retry } from "../src/index.js";
import { FakeBrowser } from "./fakeBrowser.js";
import { frame, me, posted, refusal, snapshot } from "./fakeService.js";
import { kit, opened, sequences, texts } from "./kit.js";
import { pass, settle, useVirtualTime } from "./virtualTime.js";

useVirtualTime();

/** A heartbeat that tells whether the service is interrupted. */
function heartbeat(interrupted: boolean) {
  return frame("", { case: "heartbeat", value: { interval: durationFromMs(15_000), interrupted } });
}

/** What the service answers to everything while it is interrupted. */
function interrupted(): never {
  throw refusal(Code.Unavailable, "UNAVAILABLE", { retryMs: 1_000 });
}

/** Remembers the connections that were told, one after the other. */
function connectionsOf(state: Observable<{ connection: ConnectionState }>): ConnectionState[] {
  const told = [state.value.connection];
  state.subscribe(({ connection }) => {
    if (told.at(-1) !== connection) told.push(connection);
  });
  return told;
}

/** What a person sees: the log, then the outbox. */
function shown(state: ChatState): string[] {
  return [...texts(state), ...state.outbox.map(({ text, state: how }) => `${text} (${how})`)];
}

describe("an interruption", () => {
  it("is told while the stream stays open, and gone when the stream says so", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(
      snapshot("s", 1),
      posted(1),
      frame("p", { case: "place", value: { position: 3 } as Place }),
      heartbeat(false),
    );
    await settle();
    const told = connectionsOf(conversation.state);
    tab.service.stream.push(heartbeat(true));
    await settle();
    expect(conversation.state.value).toMatchObject({ connection: "interrupted", retryTime: undefined });
    expect(conversation.state.value.place?.position).toBe(3); // the last known one
    for (let i = 0; i < 8; i++) {
      await pass(15_000);
      tab.service.stream.push(heartbeat(true));
    }
    await settle();
    tab.service.stream.push(posted(2), heartbeat(false));
    await settle();
    expect(told).toEqual(["open", "interrupted", "open"]);
    expect(sequences(conversation.state.value)).toEqual([1, 2]);
    expect(tab.service.streams).toHaveLength(1);
  });

  it("lets the outbox wait without a failure, and sends as soon as it is over", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0), heartbeat(true));
    tab.service.onSend = interrupted;
    await settle();
    conversation.send("first");
    conversation.send("second");
    for (let minute = 0; minute < 10; minute++) {
      for (let i = 0; i < 4; i++) {
        await pass(15_000);
        tab.service.stream.push(heartbeat(true));
      }
      expect(shown(conversation.state.value)).toEqual(["first (waiting)", "second (waiting)"]);
    }
    // The service is asked now and then, never more often than it wants to be.
    expect(tab.service.sends.length).toBeLessThanOrEqual(10 * 60);
    expect(new Set(tab.service.sends.map(({ requestId }) => requestId)).size).toBe(1);

    let sequence = 0;
    tab.service.onSend = () => ++sequence;
    tab.service.stream.push(heartbeat(false));
    await pass(1_000); // what the service asked for, and not the pause that had grown
    expect(tab.service.sends.slice(-2).map(({ text }) => text)).toEqual(["first", "second"]);
    tab.service.stream.push(posted(1, "first", me), posted(2, "second", me));
    await settle();
    expect(shown(conversation.state.value)).toEqual(["first", "second"]);
    expect(tab.service.streams).toHaveLength(1);
  });

  it("does not cut the stream when a message gets through before the stream has heard that it is over", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0), heartbeat(true));
    await pass(5_000);
    tab.service.onSend = () => 1;
    conversation.send("Hei");
    await settle();
    conversation.tryNow();
    await settle();
    expect(tab.service.sends).toHaveLength(1);
    expect(tab.service.streams).toHaveLength(1);
    expect(tab.service.stream.open).toBe(true);
    expect(conversation.state.value.connection).toBe("interrupted");
  });

  it("is told from the first try on when the page is opened in the middle of it", async () => {
    const tab = kit();
    tab.service.onFollow = interrupted;
    const conversation = await opened(tab);
    const told = connectionsOf(conversation.state);
    expect(conversation.state.value.connection).toBe("interrupted");
    expect(conversation.state.value.retryTime).toEqual(new Date(Date.now() + 1_125));
    await pass(60_000);
    tab.service.onFollow = () => {};
    await pass(9_000);
    tab.service.stream.push(snapshot("s", 1), posted(1));
    await settle();
    expect(told).toEqual(["interrupted", "open"]);
  });

  it.each([
    ["is lost", () => refusal(Code.Internal, "INTERNAL")],
    ["is sent away for it", undefined],
  ])("goes on when the stream %s, until another one stands", async (_, cut) => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 1), posted(1));
    await settle();
    const told = connectionsOf(conversation.state);
    if (cut === undefined) {
      const value = { reason: GoAwayReason.UNAVAILABLE, reconnect: true, retryDelay: durationFromMs(1_000) };
      tab.service.stream.push(frame("away", { case: "goAway", value }));
    } else {
      tab.service.stream.push(heartbeat(true));
      await settle();
      tab.service.stream.fail(cut());
    }
    await settle();
    expect(conversation.state.value.retryTime).toBeDefined();
    await pass(2_000);
    expect(told).toEqual(["open", "interrupted"]);
    expect(tab.service.streams).toHaveLength(2);
    tab.service.stream.push(snapshot("s", 1));
    await settle();
    expect(told).toEqual(["open", "interrupted", "open"]);
    expect(sequences(conversation.state.value)).toEqual([1]);
  });

  it("is not over when a stream is sent away before it brought anything", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0), heartbeat(true));
    await settle();
    const told = connectionsOf(conversation.state);
    tab.service.stream.fail();
    const value = { reason: GoAwayReason.UNAVAILABLE, reconnect: true, retryDelay: durationFromMs(1_000) };
    for (let i = 0; i < 3; i++) {
      await pass(9_000);
      tab.service.stream.push(frame("", { case: "goAway", value }));
      await settle();
    }
    expect(tab.service.streams.length).toBeGreaterThan(3);
    expect(told).toEqual(["interrupted"]);
  });

  it("gives way to a network that is gone, which is the resident's to mend", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0), heartbeat(true));
    await settle();
    tab.page.signal("offline");
    await settle();
    expect(conversation.state.value.connection).toBe("offline");
    tab.service.onFollow = interrupted;
    tab.page.signal("online");
    await settle();
    expect(conversation.state.value.connection).toBe("interrupted");
  });

  it("is the same in all tabs, and stays while the stream goes from one to the next", async () => {
    const browser = new FakeBrowser();
    const options = { locks: browser.locks, openChannel: browser.openChannel };
    const first = kit(options);
    const second = kit(options, { service: first.service, storage: first.storage });
    const one = await opened(first);
    const two = await opened(second);
    first.service.stream.push(snapshot("s", 0), heartbeat(true));
    await settle();
    expect(two.state.value.connection).toBe("interrupted");
    const told = connectionsOf(two.state);
    first.service.onFollow = interrupted;
    one.close();
    await pass(5_000);
    expect(told).toEqual(["interrupted"]);
    first.service.onFollow = () => {};
    await pass(16_000);
    first.service.stream.push(snapshot("s", 0));
    await settle();
    expect(told).toEqual(["interrupted", "open"]);
  });

  it("is told of the queues, which stand as they were last known", async () => {
    const { kupla, service } = kit();
    const watch = kupla.watchQueues();
    await settle();
    const [stream] = service.queueStreams;
    stream?.push(
      create(WatchQueuesResponseSchema, { frame: { case: "snapshot", value: { queues: [{ queue: { id: "a" } }] } } }),
    );
    await settle();
    const updateTime = watch.state.value.updateTime;
    const told = connectionsOf(watch.state);
    await pass(10_000);
    const beat = (interrupted: boolean) =>
      stream?.push(create(WatchQueuesResponseSchema, { frame: { case: "heartbeat", value: { interrupted } } }));
    beat(true);
    await settle();
    expect(watch.state.value).toMatchObject({ connection: "interrupted", updateTime });
    expect(watch.state.value.queues).toHaveLength(1);
    beat(false);
    await settle();
    expect(told).toEqual(["open", "interrupted", "open"]);
    watch.close();
  });
});

describe("a start that does not get through", () => {
  const options = { queueId: "oral-health", language: "fi" };

  it.each([
    ["an interrupted service", refusal(Code.Unavailable, "UNAVAILABLE", { retryMs: 1_000 }), "UNAVAILABLE", 1_050],
    [
      "a service with too much to do",
      refusal(Code.ResourceExhausted, "OVERLOADED", { retryMs: 4_000 }),
      "OVERLOADED",
      4_050,
    ],
    ["too many calls", refusal(Code.ResourceExhausted, "RATE_LIMITED", { retryMs: 2_000 }), "RATE_LIMITED", 2_050],
    ["no network", new Error("no network"), undefined, 50],
  ])("is tried again by itself for %s, and tells so", async (_, error, reason, delayMs) => {
    const tab = kit();
    tab.service.onStart = () => {
      throw error;
    };
    const retries: Retry[] = [];
    const other: (KuplaError["reason"] | "none")[] = [];
    const started = tab.kupla.start(options, (retry) => retries.push(retry));
    // Another press of the same button is the same start, and hears of it as well.
    const again = tab.kupla.start(options, (retry) => other.push(retry.error.reason));
    await settle();
    expect(retries).toMatchObject([{ error: { reason }, retryTime: new Date(Date.now() + delayMs) }]);
    expect(other).toEqual([reason]);
    tab.service.onStart = () => {};
    await pass(delayMs);
    expect(await again).toBe(await started);
    expect(new Set(tab.service.starts.map(({ requestId }) => requestId)).size).toBe(1);
    expect(tab.service.starts).toHaveLength(2);
  });
});
