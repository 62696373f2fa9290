import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";

import { readableUntil } from "./copyTime.js";

test("a conversation can be read for 24 hours after its close", () => {
  const closed = timestampFromDate(new Date("2026-03-28T10:00:00Z"));
  expect(readableUntil(closed)).toEqual(new Date("2026-03-29T10:00:00Z"));
  expect(readableUntil(undefined)).toBeUndefined();
});
