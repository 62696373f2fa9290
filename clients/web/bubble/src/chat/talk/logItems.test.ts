import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  CloseReason,
  type Event,
  EventSchema,
  LeaveReason,
  ReturnReason,
} from "@kupla/contract/kupla/v1/conversation_pb";
import { expect, test } from "vitest";

import { chunkSize, type LogItem, type LogItems, logItems } from "./logItems.js";

const start = Date.parse("2026-05-12T09:00:00Z");

let sequence = 0;

function event(seconds: number, participantId: string, kind: MessageInitShape<typeof EventSchema>["kind"]): Event {
  sequence++;
  const createTime = timestampFromDate(new Date(start + seconds * 1000));
  return create(EventSchema, kind ? { sequence, participantId, createTime, kind } : { sequence, participantId });
}

function message(seconds: number, participantId: string, text = "Hei"): Event {
  return event(seconds, participantId, { case: "messagePosted", value: { text } });
}

function lines(log: LogItems): LogItem[] {
  return log.chunks.flat();
}

test("a log with every kind of event", () => {
  sequence = 0;
  const events = [
    event(0, "customer", { case: "participantJoined", value: { participant: { id: "customer" } } }),
    message(1, "customer", "Hei!"),
    event(60, "professional-1", { case: "participantJoined", value: { participant: { id: "professional-1" } } }),
    message(70, "professional-1"),
    event(71, "", undefined),
    event(80, "professional-2", {
      case: "participantJoined",
      value: { participant: { id: "professional-2" }, inviterParticipantId: "professional-1" },
    }),
    event(90, "", { case: "participantLeft", value: { participantId: "professional-2", reason: LeaveReason.LOST } }),
    event(100, "professional-1", {
      case: "transferred",
      value: { sourceQueueId: "a", queueId: "b", participantId: "professional-3" },
    }),
    event(100, "professional-3", { case: "participantJoined", value: { participant: { id: "professional-3" } } }),
    event(110, "professional-3", { case: "transferred", value: { sourceQueueId: "b", queueId: "c" } }),
    event(120, "", { case: "returnedToQueue", value: { reason: ReturnReason.PROFESSIONAL_LOST, queueId: "c" } }),
    event(130, "", { case: "closed", value: { reason: CloseReason.NOT_REACHED } }),
  ];
  const shown = lines(logItems(events, "customer"));
  expect(shown.map((item) => (item.kind === "happening" ? item.happening : item.kind))).toEqual([
    "day",
    { type: "started" },
    "message",
    { type: "joined", participantId: "professional-1", invited: false },
    "message",
    { type: "joined", participantId: "professional-2", invited: true },
    { type: "left", participantId: "professional-2", reason: LeaveReason.LOST },
    { type: "transferredToPerson", participantId: "professional-3" },
    { type: "transferredToQueue", queueId: "c" },
    { type: "returned", reason: ReturnReason.PROFESSIONAL_LOST },
    { type: "closed", reason: CloseReason.NOT_REACHED },
  ]);
  expect(shown.flatMap((item) => (item.kind === "message" ? [item.mine] : []))).toEqual([true, false]);
  expect(new Set(shown.map((item) => item.key)).size).toBe(shown.length);
});

test("messages that follow closely are one group", () => {
  sequence = 0;
  const shown = lines(
    logItems([message(0, "a"), message(299, "a"), message(300, "b"), message(301, "a"), message(701, "a")], "b"),
  );
  expect(shown.flatMap((item) => (item.kind === "message" ? [item.continued] : []))).toEqual([
    false,
    true,
    false,
    false,
    false,
  ]);
});

test("a day begins at midnight in Finland and breaks a group", () => {
  sequence = 0;
  // 20:59:50 and 21:00:10 UTC are 23:59:50 and 0:00:10 in the summer of Helsinki.
  const beforeMidnight = (Date.parse("2026-05-12T20:59:50Z") - start) / 1000;
  const shown = lines(logItems([message(beforeMidnight, "a"), message(beforeMidnight + 20, "a")], "b"));
  expect(shown.map((item) => item.kind)).toEqual(["day", "message", "day", "message"]);
  expect(shown[3]).toMatchObject({ continued: false });
});

test("a log that grows is the same as one made at once, and its chunks stay what they were", () => {
  sequence = 0;
  const events: Event[] = [];
  let grown = logItems([], "a");
  for (let i = 0; i < 3 * chunkSize; i++) {
    const earlier = grown.chunks;
    events.push(
      i % 7 === 0
        ? event(i * 40, "b", { case: "participantJoined", value: { participant: { id: "b" } } })
        : message(i * 40, i % 5 === 0 ? "a" : "b"),
    );
    grown = logItems(events.slice(), "a", grown);
    for (const [index, chunk] of earlier.slice(0, -1).entries()) {
      expect(grown.chunks[index]).toBe(chunk);
    }
  }
  expect(grown.chunks.length).toBeGreaterThan(2);
  expect(grown.chunks).toEqual(logItems(events, "a").chunks);
});

test("a log that was replaced is made anew", () => {
  sequence = 0;
  const first = logItems([message(0, "a", "vanha"), message(1, "a")], "a");
  sequence = 0;
  const second = logItems([message(0, "a", "uusi"), message(1, "a"), message(2, "a")], "a", first);
  expect(lines(second)).toEqual(lines(logItems(second.events, "a")));
  expect(lines(second)).toContainEqual(expect.objectContaining({ text: "uusi" }));
});

test("the same events give the same lines", () => {
  sequence = 0;
  const log = logItems([message(0, "a")], "a");
  expect(logItems(log.events, "a", log)).toBe(log);
});
