import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { ConversationSchema, ConversationState, PlaceSchema } from "@kupla/contract/kupla/v1/conversation_pb";
import { QueueWithStatusSchema } from "@kupla/contract/kupla/v1/queue_service_pb";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import { describe, expect, it } from "vitest";
import type { ScreenInput } from "./screen.js";
import { screenOf } from "./screen.js";

const queue = create(QueueWithStatusSchema, { queue: { id: "oral-health" } });
const known: ScreenInput = {
  storageBlocked: false,
  queues: { connection: "open", queues: [queue] },
  queueId: undefined,
  chat: undefined,
};
const conversation = create(ConversationSchema, { id: "c", state: ConversationState.WAITING });
const place = create(PlaceSchema, { position: 3 });

describe("before a conversation", () => {
  it("loads until the queues are known", () => {
    expect(screenOf({ ...known, queues: { connection: "connecting" } })).toEqual({ name: "loading" });
  });

  it.each(["interrupted", "lost", "offline", "ended"] as const)(
    "says when the service cannot be reached (%s)",
    (connection) => {
      expect(screenOf({ ...known, queues: { connection } })).toEqual({ name: "unreachable" });
    },
  );

  it("keeps what is known while the connection is away", () => {
    const queues = { connection: "lost", queues: [queue] } as const;
    expect(screenOf({ ...known, queues })).toEqual({ name: "queues", missing: false });
    expect(screenOf({ ...known, queues, queueId: "oral-health" })).toEqual({ name: "queue", queueId: "oral-health" });
  });

  it("shows the list when the queue asked for does not exist", () => {
    expect(screenOf({ ...known, queueId: "elsewhere" })).toEqual({ name: "queues", missing: true });
  });

  it("says first of all when nothing can be kept", () => {
    expect(screenOf({ ...known, storageBlocked: true })).toEqual({ name: "storageBlocked" });
  });
});

describe("with a conversation", () => {
  const chat = (more: Partial<NonNullable<ScreenInput["chat"]>>) =>
    screenOf({ ...known, chat: { connection: "open", ...more } });

  it("waits while there is a place, and talks when there is none", () => {
    expect(chat({ conversation, place })).toEqual({ name: "conversation", part: "waiting" });
    expect(chat({ conversation })).toEqual({ name: "conversation", part: "talk" });
  });

  it("does not go by states: one that it does not know is shown as what was told of it", () => {
    const unknown = create(ConversationSchema, { id: "c", state: 17 as ConversationState });
    expect(chat({ conversation: unknown, place })).toEqual({ name: "conversation", part: "waiting" });
    expect(chat({ conversation: unknown })).toEqual({ name: "conversation", part: "talk" });
  });

  it("stays where it is while the connection is away", () => {
    expect(chat({ conversation, place, connection: "offline" })).toEqual({ name: "conversation", part: "waiting" });
  });

  it("has ended when it is closed, whatever became of the stream", () => {
    const closed = create(ConversationSchema, { state: ConversationState.CLOSED, closeTime: timestampNow() });
    expect(chat({ conversation: closed })).toEqual({ name: "ended" });
    expect(chat({ conversation: closed, ended: { reason: "unauthenticated" } })).toEqual({ name: "ended" });
    expect(chat({ ended: { reason: GoAwayReason.CONVERSATION_CLOSED } })).toEqual({ name: "ended" });
  });

  it.each([
    ["unauthenticated", "gone"],
    ["not_found", "gone"],
    [GoAwayReason.TOKEN_ENDED, "gone"],
    [GoAwayReason.ACCESS_ENDED, "gone"],
    [GoAwayReason.SUPERSEDED, "elsewhere"],
    ["failed", "failed"],
    [GoAwayReason.UNAVAILABLE, "failed"],
    [99 as GoAwayReason, "failed"],
  ] as const)("ended for %s is %s", (reason, name) => {
    expect(chat({ conversation, place, ended: { reason }, connection: "ended" })).toEqual({ name });
  });

  it("loads, or says that the service cannot be reached, until the first snapshot", () => {
    expect(chat({ connection: "connecting" })).toEqual({ name: "loading" });
    expect(chat({ connection: "lost" })).toEqual({ name: "unreachable" });
  });
});
