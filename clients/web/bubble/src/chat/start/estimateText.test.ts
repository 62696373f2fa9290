import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { WaitEstimate } from "@kupla/contract/kupla/v1/queue_pb";
import { CannotEstimateReason, TurnBeforeClosing, WaitEstimateSchema } from "@kupla/contract/kupla/v1/queue_pb";
import { beforeEach, describe, expect, it } from "vitest";
import { setLanguage } from "../i18n/i18n.js";
import { waitOf } from "./estimate.js";
import { beforeClosingText, durationText, noEstimateText, waitText } from "./estimateText.js";

const minute = 60_000;

function range(lowMinutes: number, highMinutes: number): WaitEstimate {
  return create(WaitEstimateSchema, {
    result: {
      case: "range",
      value: { low: durationFromMs(lowMinutes * minute), high: durationFromMs(highMinutes * minute) },
    },
  });
}

beforeEach(async () => {
  await setLanguage("fi");
});

describe("waitText", () => {
  it.each([
    [0, 0.9, "alle minuutti"],
    [0, 1, "enintään noin minuutti"],
    [0.5, 4, "enintään noin 4\u00a0minuuttia"],
    [4.2, 4.8, "noin 4–\u20605\u00a0minuuttia"],
    [5, 5, "noin 5\u00a0minuuttia"],
    [5.4, 9.2, "noin 5–\u206010\u00a0minuuttia"],
    [17, 33, "noin 15–\u206035\u00a0minuuttia"],
    [3, 22, "noin 3–\u206025\u00a0minuuttia"],
    [30, 89, "noin 30–\u206090\u00a0minuuttia"],
    [5, 95, "enintään noin 2\u00a0tuntia"],
    [45, 100, "noin 40\u00a0minuuttia –\u00a02\u00a0tuntia"],
    [70, 110, "noin 1–\u20602\u00a0tuntia"],
    [95, 140, "noin 1,5–\u20602,5\u00a0tuntia"],
    [120, 120, "noin 2\u00a0tuntia"],
  ])("of %d to %d minutes is “%s”", (low, high, expected) => {
    expect(waitText(range(low, high))).toBe(expected);
  });

  it("is written as each language writes it", async () => {
    await setLanguage("sv");
    expect(waitText(range(95, 140))).toBe("ungefär 1,5–\u20602,5\u00a0timmar");
    await setLanguage("en");
    expect(waitText(range(95, 140))).toBe("about 1.5–\u20602.5\u00a0hours");
    expect(waitText(range(5, 10))).toBe("about 5–\u206010\u00a0minutes");
    await setLanguage("fi");
  });

  it("is nothing where there is no range", () => {
    expect(waitText(undefined)).toBeUndefined();
    expect(waitText(create(WaitEstimateSchema))).toBeUndefined();
  });
});

describe("waitOf", () => {
  it("never tells less than what is known", () => {
    for (let low = 0; low < 240; low += 0.7) {
      for (const width of [0, 0.4, 3, 11, 60]) {
        const high = low + width;
        const wait = waitOf(range(low, high));
        const [from, to] = bounds(wait);
        expect(from, `${low}–${high}`).toBeLessThanOrEqual(low + 1e-6);
        expect(to, `${low}–${high}`).toBeGreaterThanOrEqual(high - 1e-6);
        expect(to - from, `${low}–${high}`).toBeLessThanOrEqual(width + 70);
      }
    }
  });
});

function bounds(wait: ReturnType<typeof waitOf>): [number, number] {
  switch (wait?.kind) {
    case "moment":
      return [0, 1];
    case "most":
      return [0, wait.minutes];
    case "about":
      return [wait.minutes, wait.minutes];
    case "range":
      return [wait.low, wait.high];
    case "mostHours":
      return [0, wait.hours * 60];
    case "aboutHours":
      return [wait.hours * 60, wait.hours * 60];
    case "minutesToHours":
      return [wait.minutes, wait.hours * 60];
    case "hourRange":
      return [wait.low * 60, wait.high * 60];
    default:
      throw new Error("no wait");
  }
}

describe("noEstimateText", () => {
  const because = (value: CannotEstimateReason) =>
    noEstimateText(create(WaitEstimateSchema, { result: { case: "cannotEstimate", value } }));

  it("says why", () => {
    expect(because(CannotEstimateReason.NOBODY_AVAILABLE)).toContain("kukaan ammattilainen ei ole juuri nyt vapaana");
    expect(because(CannotEstimateReason.TOO_LITTLE_HISTORY)).toContain("liian vähän");
  });

  it("gives no reason that it does not know", () => {
    expect(because(77 as CannotEstimateReason)).toBe("Odotusaikaa ei voi juuri nyt arvioida.");
    expect(noEstimateText(undefined)).toBe("Odotusaikaa ei voi juuri nyt arvioida.");
  });
});

describe("beforeClosingText", () => {
  const text = (turnBeforeClosing: TurnBeforeClosing) =>
    beforeClosingText(create(WaitEstimateSchema, { turnBeforeClosing }));

  it("warns only where there is a reason to", () => {
    expect(text(TurnBeforeClosing.UNSPECIFIED)).toBeUndefined();
    expect(text(TurnBeforeClosing.EXPECTED)).toBeUndefined();
    expect(text(TurnBeforeClosing.UNCERTAIN)).toContain("Voi olla");
    expect(text(TurnBeforeClosing.UNLIKELY)).toContain("ei todennäköisesti");
  });
});

describe("durationText", () => {
  it.each([
    [600_000, "10\u00a0minuuttia"],
    [61_000, "2\u00a0minuuttia"],
    [60_000, "minuutin"],
    [30_000, "30\u00a0sekuntia"],
    [200, "sekunnin"],
  ])("of %d ms is “%s”", (ms, expected) => {
    expect(durationText(ms)).toBe(expected);
    expect(durationText(durationFromMs(ms))).toBe(expected);
  });
});
