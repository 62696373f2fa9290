import { create } from "@bufbuild/protobuf";
import { type Event, EventSchema } from "@kupla/contract/kupla/v1/conversation_pb";
import { expect, test } from "vitest";

import { messagesAfter, sequenceToMark } from "./unread.js";

function log(...authors: string[]): Event[] {
  return authors.map((participantId, index) =>
    create(EventSchema, {
      sequence: index + 1,
      participantId,
      kind:
        participantId === ""
          ? { case: "participantLeft", value: { participantId: "other" } }
          : { case: "messagePosted", value: { text: "Hei" } },
    }),
  );
}

test.each([
  [log(), new Map(), undefined],
  [log("me", "other"), new Map(), 2],
  [log("me", "other", ""), new Map([["me", 1]]), 3],
  [log("me", "other", ""), new Map([["me", 2]]), undefined],
  [log("me", "other", "me"), new Map([["other", 3]]), 3],
  [log("me", ""), new Map(), undefined],
])("how far to mark %#", (events, marks, expected) => {
  expect(sequenceToMark(events, "me", marks)).toBe(expected);
});

test("counts the messages of others after an event", () => {
  const events = log("other", "me", "other", "", "other");
  expect(messagesAfter(events, "me", 0)).toBe(3);
  expect(messagesAfter(events, "me", 1)).toBe(2);
  expect(messagesAfter(events, "me", 5)).toBe(0);
});
