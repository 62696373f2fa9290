import { create } from "@bufbuild/protobuf";
import { EventSchema } from "@kupla/contract/kupla/v1/conversation_pb";
import { expect, test } from "vitest";

import { lastRead } from "./readMark.js";

const events = ["me", "other", "me", "other", "me"].map((participantId, index) =>
  create(EventSchema, {
    sequence: index + 1,
    participantId,
    kind: { case: "messagePosted", value: { text: "Hei" } },
  }),
);

test.each([
  [new Map(), 0],
  [new Map([["me", 5]]), 0],
  [new Map([["other", 1]]), 1],
  [new Map([["other", 4]]), 3],
  [
    new Map([
      ["other", 2],
      ["third", 5],
    ]),
    5,
  ],
])("the last own message that was read, by %o", (marks, expected) => {
  expect(lastRead(events, "me", marks)).toBe(expected);
});

test("nothing of one's own was read in a log without it", () => {
  expect(lastRead(events, "nobody", new Map([["other", 5]]))).toBe(0);
});
