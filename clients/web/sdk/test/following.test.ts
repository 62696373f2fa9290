import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { Capability, type ConversationState, EventSchema } from "@kupla/contract/kupla/v1/conversation_pb";
import { FollowConversationResponseSchema } from "@kupla/contract/kupla/v1/conversation_service_pb";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import { describe, expect, it, vi } from "vitest";
import { type ChatState, createKupla } from "../src/index.js";
import { FakePage } from "./fakePage.js";
import { frame, me, posted, postedAll, professional, refusal, snapshot } from "./fakeService.js";
import { half, keep, kit, opened, sequences } from "./kit.js";
import { MemoryStorage } from "./memoryStorage.js";
import { pass, settle, sleep, useVirtualTime } from "./virtualTime.js";

useVirtualTime();

function heartbeat(ms: number) {
  return frame("beat", { case: "heartbeat", value: { interval: durationFromMs(ms) } });
}

function goAway(reason: GoAwayReason, reconnect = false, retryMs = 0) {
  return frame("away", { case: "goAway", value: { reason, reconnect, retryDelay: durationFromMs(retryMs) } });
}

describe("following", () => {
  it("shows the snapshot and the log, and goes on from the cursor", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    expect(conversation.state.value).toMatchObject({ connection: "connecting", events: [], caughtUp: false, me });
    expect(tab.service.stream.request.cursor).toBe("");
    expect(tab.service.stream.authorization).toBe("Bearer token");

    tab.service.stream.push(snapshot("s", 2), posted(1));
    await settle();
    expect(conversation.state.value).toMatchObject({ connection: "open", caughtUp: false });
    tab.service.stream.push(posted(2), posted(3));
    await settle();
    expect(conversation.state.value.caughtUp).toBe(true);
    expect(conversation.state.value.capabilities.has(Capability.SEND_MESSAGE)).toBe(true);
    expect(sequences(conversation.state.value)).toEqual([1, 2, 3]);

    tab.service.stream.fail();
    await settle();
    expect(conversation.state.value.connection).toBe("lost");
    expect(conversation.state.value.retryTime).toEqual(new Date(Date.now() + 125));
    await pass(125);
    expect(tab.service.streams).toHaveLength(2);
    expect(tab.service.stream.request.cursor).toBe("cursor 3");
    tab.service.stream.push(snapshot("s", 4), posted(2), posted(3), posted(4), posted(4));
    await settle();
    expect(sequences(conversation.state.value)).toEqual([1, 2, 3, 4]);
    expect(conversation.state.value).toMatchObject({ connection: "open", retryTime: undefined });
  });

  it("takes several events of a frame, goes on behind it, and keeps what came before a gap", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    let told = 0;
    conversation.state.subscribe(() => told++);
    tab.service.stream.push(snapshot("s", 6), postedAll(1, 2, 3));
    await settle();
    expect(sequences(conversation.state.value)).toEqual([1, 2, 3]);
    expect(told).toBeLessThanOrEqual(2);

    tab.service.stream.push(postedAll(4, 6));
    await pass(2_000);
    expect(sequences(conversation.state.value)).toEqual([1, 2, 3, 4]);
    expect(tab.service.stream.request.cursor).toBe("cursor 3");
    tab.service.stream.push(snapshot("s", 6), postedAll(4, 5, 6));
    await settle();
    expect(sequences(conversation.state.value)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("looks for an event that is missing, at last from the beginning, and ends when it stays missing", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 4), posted(1), posted(2), posted(4));
    await settle();
    expect(tab.service.stream.open).toBe(false);
    await pass(125);
    expect(tab.service.stream.request.cursor).toBe("cursor 2");
    tab.service.stream.push(snapshot("s", 4), posted(4));
    await pass(250);
    expect(tab.service.stream.request.cursor).toBe("");
    tab.service.stream.push(snapshot("s", 4), posted(1));
    tab.service.stream.fail(); // before it came past what was known: the next one begins there, too
    await pass(1_000);
    expect(tab.service.stream.request.cursor).toBe("");
    tab.service.stream.push(snapshot("s", 4), posted(1), posted(2), posted(3), posted(4));
    await settle();
    expect(sequences(conversation.state.value)).toEqual([1, 2, 3, 4]);

    for (let i = 0; i < 3; i++) {
      tab.service.stream.push(snapshot("s", 6), posted(6));
      await pass(9_000);
    }
    expect(conversation.state.value).toMatchObject({ connection: "ended", ended: { reason: "failed" } });
    expect(sequences(conversation.state.value)).toEqual([1, 2, 3, 4]);
  });

  it("forgets what it has when it is told to", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 2), posted(1, "old"), posted(2, "old"));
    await settle();
    tab.service.stream.push(
      snapshot("s", 3),
      frame("r", { case: "reset", value: {} }),
      snapshot("s", 1),
      posted(1, "new"),
    );
    await settle();
    expect(conversation.state.value.events.map(({ kind }) => kind.value)).toMatchObject([{ text: "new" }]);
    expect(conversation.state.value.caughtUp).toBe(true);
  });

  it("starts over when the service knows less than before", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 3), posted(1), posted(2), posted(3));
    await settle();
    tab.service.stream.fail();
    await pass(125);
    tab.service.stream.push(snapshot("s", 1));
    await settle();
    expect(conversation.state.value.events).toEqual([]);
    await pass(500);
    expect(tab.service.stream.request.cursor).toBe("");
    tab.service.stream.push(snapshot("s", 1), posted(1, "what is left"));
    await settle();
    expect(sequences(conversation.state.value)).toEqual([1]);
  });

  it("goes back to the beginning when its cursor is not accepted, and doubles nothing", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 2), posted(1), posted(2));
    await settle();
    tab.service.onFollow = () => {
      tab.service.onFollow = () => {};
      throw refusal(Code.InvalidArgument, "CURSOR_MALFORMED");
    };
    tab.service.stream.fail();
    await pass(1_000);
    expect(tab.service.stream.request.cursor).toBe("");
    tab.service.stream.push(snapshot("s", 3), posted(1), posted(2), posted(3));
    await settle();
    expect(sequences(conversation.state.value)).toEqual([1, 2, 3]);
  });

  it.each([
    GoAwayReason.TOKEN_ENDED,
    GoAwayReason.ACCESS_ENDED,
    GoAwayReason.SUPERSEDED,
    GoAwayReason.CONVERSATION_CLOSED,
    99 as GoAwayReason,
  ])("ends with reason %i", async (reason) => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 1), posted(1), goAway(reason));
    await pass(60_000);
    expect(conversation.state.value).toMatchObject({ connection: "ended", ended: { reason } });
    expect(tab.service.streams).toHaveLength(1);
  });

  it("comes back from where too many windows were open, once somebody looks at it", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 1), posted(1), goAway(GoAwayReason.SUPERSEDED));
    await settle();
    tab.page.signal("hidden");
    tab.page.signal("shown");
    await settle();
    expect(tab.service.streams).toHaveLength(2);
    tab.service.stream.push(snapshot("s", 2), posted(2));
    await settle();
    expect(conversation.state.value).toMatchObject({ connection: "open", ended: undefined });
    expect(sequences(conversation.state.value)).toEqual([1, 2]);
  });

  it("does not take the end for true while events are missing", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 2), posted(1), goAway(GoAwayReason.CONVERSATION_CLOSED));
    await pass(125);
    expect(tab.service.stream.request.cursor).toBe("cursor 1");
    tab.service.stream.push(snapshot("s", 2), posted(2), goAway(GoAwayReason.CONVERSATION_CLOSED));
    await settle();
    expect(conversation.state.value.connection).toBe("ended");
    expect(sequences(conversation.state.value)).toEqual([1, 2]);
  });

  it.each([
    ["a server that goes down", GoAwayReason.SHUTDOWN],
    ["an interrupted service", GoAwayReason.UNAVAILABLE],
    ["a reason of a later version", 99 as GoAwayReason],
  ])("waits as long as %s asks, whatever the page does", async (_, reason) => {
    const tab = kit();
    await opened(tab);
    tab.service.stream.push(snapshot("s", 0), goAway(reason, true, 10_000));
    await pass(9_000);
    tab.page.signal("online");
    tab.page.signal("shown");
    await settle();
    expect(tab.service.streams).toHaveLength(1);
    await pass(1_000);
    expect(tab.service.streams).toHaveLength(2);
  });

  it("comes back at once when asked to, but not in a circle", async () => {
    const tab = kit();
    await opened(tab);
    tab.service.stream.push(snapshot("s", 0), goAway(GoAwayReason.SHUTDOWN, true));
    await settle();
    expect(tab.service.streams).toHaveLength(2);
    tab.service.stream.push(snapshot("s", 0), goAway(GoAwayReason.SHUTDOWN, true));
    await settle();
    expect(tab.service.streams).toHaveLength(2);
    await pass(250);
    expect(tab.service.streams).toHaveLength(3);
  });

  it("takes a stream for dead after twice the silence that it promised", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    await pass(29_000);
    expect(tab.service.streams).toHaveLength(1);
    await pass(2_000);
    expect(tab.service.streams).toHaveLength(2);
    tab.service.stream.push(snapshot("s", 0), heartbeat(4_000));
    await pass(7_900);
    expect(conversation.state.value.connection).toBe("open");
    await pass(200);
    expect(conversation.state.value.connection).toBe("lost");
  });

  it("pauses longer each time, and starts small again after a stream that held", async () => {
    const tab = kit();
    await opened(tab);
    const times: number[] = [];
    tab.service.onFollow = () => {
      times.push(Date.now());
      throw new Error("no");
    };
    tab.service.stream.fail();
    await settle();
    for (let i = 0; i < 300 && times.length < 8; i++) await pass(100);
    const pauses = times.slice(1).map((time, i) => Math.round((time - (times[i] ?? 0)) / 10) * 10);
    expect(pauses.slice(0, 7)).toEqual([250, 500, 1000, 2000, 4000, 7500, 7500]);

    tab.service.onFollow = () => {};
    await pass(7_500);
    tab.service.stream.push(snapshot("s", 0));
    await pass(6_000);
    const count = tab.service.streams.length;
    tab.service.stream.fail();
    await pass(125);
    expect(tab.service.streams).toHaveLength(count + 1);
  });

  it("waits as long as a refusal asks", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.fail(refusal(Code.ResourceExhausted, "TOO_MANY_STREAMS", { retryMs: 20_500 }));
    await settle();
    expect(conversation.state.value.retryTime).toEqual(new Date(Date.now() + 20_625));
    await pass(20_600);
    expect(tab.service.streams).toHaveLength(1);
    await pass(25);
    expect(tab.service.streams).toHaveLength(2);
  });

  it.each([
    [Code.Unauthenticated, "CREDENTIALS_INVALID", "unauthenticated"],
    [Code.NotFound, "CONVERSATION_NOT_FOUND", "not_found"],
    [Code.PermissionDenied, "ACCESS_ENDED", GoAwayReason.ACCESS_ENDED],
    [Code.InvalidArgument, "INVALID_REQUEST", "failed"],
  ] as const)("ends when the service refuses with code %i, %s", async (code, reason, ended) => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.fail(refusal(code, reason));
    await pass(60_000);
    expect(conversation.state.value).toMatchObject({
      connection: "ended",
      ended: { reason: ended, error: { reason } },
    });
    expect(tab.service.streams).toHaveLength(1);
  });

  it.each([
    ["404", () => new Response("<h1>Not found</h1>", { status: 404, headers: { "content-type": "text/html" } })],
    ["403", () => new Response("no", { status: 403 })],
    ["401", () => new Response("{}", { status: 401, headers: { "content-type": "application/json" } })],
    ["502", () => new Response("<h1>Bad gateway</h1>", { status: 502, headers: { "content-type": "text/html" } })],
    ["a page of its own", () => new Response("<p>Sign in</p>", { headers: { "content-type": "text/html" } })],
    ["no network", () => Promise.reject(new TypeError("Failed to fetch"))],
    [
      "JSON of its own",
      () => new Response('{"error":"x"}', { status: 400, headers: { "content-type": "application/json" } }),
    ],
  ])("does not take %s from something on the way for the end", async (_, answer) => {
    const storage = new MemoryStorage();
    keep(storage);
    let calls = 0;
    const kupla = createKupla({
      baseUrl: "http://kupla.invalid",
      storage,
      page: new FakePage(),
      locks: null,
      random: half,
      fetch: async () => {
        calls++;
        return await answer();
      },
    });
    const conversation = kupla.open("c1");
    conversation.send("Hei");
    await pass(1_000);
    const before = calls;
    await pass(30_000);
    expect(calls).toBeGreaterThan(before);
    expect(conversation.state.value.connection).toBe("lost");
    expect(conversation.state.value.outbox).toMatchObject([{ text: "Hei", state: "waiting" }]);
    await expect(Promise.all([kupla.start({ queueId: "q", language: "fi" }), pass(200_000)])).rejects.toMatchObject({
      fromService: false,
      code: Code.Unavailable,
    });
    expect(kupla.unfinishedStart()).toMatchObject({ queueId: "q" });
    conversation.close();
  });

  it("passes over frames, kinds and values of later versions", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    const bytes = new BinaryWriter();
    bytes.tag(1, WireType.LengthDelimited).string("later");
    bytes.tag(99, WireType.LengthDelimited).string("something new");
    const later = fromBinary(FollowConversationResponseSchema, bytes.finish());
    const unknownKind = fromBinary(
      EventSchema,
      new Uint8Array([
        ...toBinary(EventSchema, create(EventSchema, { sequence: 2, participantId: professional })),
        ...new BinaryWriter().tag(98, WireType.LengthDelimited).string("new kind").finish(),
      ]),
    );
    tab.service.stream.push(
      snapshot("s", 3, 77 as ConversationState),
      later,
      posted(1),
      frame("cursor 2", { case: "events", value: { events: [unknownKind] } }),
      posted(3),
    );
    await settle();
    expect(sequences(conversation.state.value)).toEqual([1, 2, 3]);
    expect(conversation.state.value).toMatchObject({ connection: "open", caughtUp: true, conversation: { state: 77 } });
  });

  it("tells of a long history once, and of what comes after it soon", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    const states: ChatState[] = [];
    conversation.state.subscribe((state) => states.push(state));
    tab.service.stream.push(snapshot("s", 500));
    for (let i = 1; i <= 500; i++) {
      tab.service.stream.push(posted(i));
      if (i % 100 === 0) await pass(40); // as it comes over a network
    }
    await settle();
    expect(states).toHaveLength(1);
    expect(states[0]).toMatchObject({ connection: "open", caughtUp: true });
    expect(states[0]?.events).toHaveLength(500);
    const before = conversation.state.value;
    tab.service.stream.push(posted(501));
    await settle();
    expect(states).toHaveLength(2);
    expect(states[1]?.events).toHaveLength(501);
    expect(before.events).toHaveLength(500); // what was handed out stays as it was
    expect(Object.isFrozen(before.events)).toBe(true);
  });

  it("shows a part of a history that takes its time", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    const states: ChatState[] = [];
    conversation.state.subscribe((state) => states.push(state));
    tab.service.stream.push(snapshot("s", 2), posted(1));
    await pass(300);
    expect(states).toHaveLength(1);
    expect(states[0]).toMatchObject({ connection: "open", caughtUp: false });
    expect(states[0]?.events).toHaveLength(1);
  });

  it("tells the others when one listener fails", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    const told = vi.fn();
    const reported = vi.fn();
    vi.stubGlobal("reportError", reported);
    conversation.state.subscribe(() => {
      throw new Error("bad listener");
    });
    conversation.state.subscribe(told);
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    vi.unstubAllGlobals();
    expect(told).toHaveBeenCalled();
    expect(reported).toHaveBeenCalledWith(expect.objectContaining({ message: "bad listener" }));
  });

  it("releases everything when it is closed", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    conversation.close();
    await settle();
    expect(tab.service.stream.open).toBe(false);
    expect(tab.page.listeners).toBe(0);
    await pass(60_000);
    expect(tab.service.streams).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("the page", () => {
  it("shows that there is no network, and comes back at once when there is", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    tab.page.signal("offline");
    await settle();
    expect(conversation.state.value.connection).toBe("offline");
    tab.service.onFollow = () => {
      throw new Error("no network");
    };
    tab.service.stream.fail();
    await pass(60_000);
    expect(conversation.state.value.connection).toBe("offline");
    tab.service.onFollow = () => {};
    tab.page.signal("online");
    await settle();
    expect(tab.service.streams).toHaveLength(2);
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    expect(conversation.state.value.connection).toBe("open");
  });

  it("believes a frame more than the browser", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    tab.page.signal("offline");
    await settle();
    tab.service.stream.push(posted(1));
    await settle();
    expect(conversation.state.value.connection).toBe("open");
  });

  it("opens a new stream when the network is another one, and when the page was frozen", async () => {
    const tab = kit();
    await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    tab.page.signal("online");
    await settle();
    expect(tab.service.streams.map(({ open }) => open)).toEqual([false, true]);
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    tab.page.signal("restored");
    await settle();
    expect(tab.service.streams.map(({ open }) => open)).toEqual([false, false, true]);
  });

  it("looks at once, when it is shown, whether something should have come", async () => {
    const tab = kit();
    await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    await pass(10_000);
    tab.page.signal("hidden");
    tab.page.signal("shown");
    await settle();
    expect(tab.service.streams).toHaveLength(1);
    await pass(7_000); // a heartbeat should have come after 15 seconds
    tab.page.signal("shown");
    await settle();
    expect(tab.service.streams).toHaveLength(2);
  });

  it("looks at once after the machine slept", async () => {
    const tab = kit();
    await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    await pass(1_000);
    await sleep(20_000);
    expect(tab.service.streams).toHaveLength(1); // no timer has fired yet
    await pass(5_500);
    expect(tab.service.streams).toHaveLength(2);
  });

  it("ends a pause when the page is shown", async () => {
    const tab = kit();
    await opened(tab);
    tab.service.onFollow = () => {
      throw new Error("no");
    };
    tab.service.stream.fail();
    await pass(20_000);
    tab.service.onFollow = () => {};
    const before = tab.service.streams.length;
    tab.page.signal("shown");
    await settle();
    expect(tab.service.streams).toHaveLength(before + 1);
  });
});
