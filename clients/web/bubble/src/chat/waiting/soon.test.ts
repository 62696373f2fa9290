import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { PlaceSchema } from "@kupla/contract/kupla/v1/conversation_pb";
import { CannotEstimateReason } from "@kupla/contract/kupla/v1/queue_pb";
import { describe, expect, it } from "vitest";
import { isSoon } from "./soon.js";

const withRange = (position: number, lowMinutes: number, highMinutes: number) =>
  create(PlaceSchema, {
    position,
    estimate: {
      result: {
        case: "range",
        value: { low: durationFromMs(lowMinutes * 60_000), high: durationFromMs(highMinutes * 60_000) },
      },
    },
  });
const without = (position: number, value: CannotEstimateReason) =>
  create(PlaceSchema, { position, estimate: { result: { case: "cannotEstimate", value } } });

describe("isSoon", () => {
  it("is true when the longer end is at most three minutes, at any place", () => {
    expect(isSoon(withRange(6, 1, 3))).toBe(true);
    expect(isSoon(withRange(6, 1, 4))).toBe(false);
  });

  it("is true at the first two places", () => {
    expect(isSoon(withRange(2, 5, 12))).toBe(true);
    expect(isSoon(withRange(3, 5, 12))).toBe(false);
    expect(isSoon(without(1, CannotEstimateReason.TOO_LITTLE_HISTORY))).toBe(true);
    expect(isSoon(create(PlaceSchema, { position: 1 }))).toBe(true);
  });

  it("is not said where it would not be true", () => {
    expect(isSoon(without(1, CannotEstimateReason.NOBODY_AVAILABLE))).toBe(false);
    expect(isSoon(withRange(1, 11, 40))).toBe(false);
  });
});
