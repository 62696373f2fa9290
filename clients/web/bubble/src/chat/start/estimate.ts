import type { Duration } from "@bufbuild/protobuf/wkt";
import type { WaitEstimate } from "@kupla/contract/kupla/v1/queue_pb";
import { CannotEstimateReason } from "@kupla/contract/kupla/v1/queue_pb";
import type { TextKey } from "../i18n/texts.js";

/** A wait as people say it. */
export type Wait =
  | { readonly kind: "moment" }
  | { readonly kind: "about" | "most"; readonly minutes: number }
  | { readonly kind: "range"; readonly low: number; readonly high: number }
  | { readonly kind: "aboutHours" | "mostHours"; readonly hours: number }
  | { readonly kind: "minutesToHours"; readonly minutes: number; readonly hours: number }
  | { readonly kind: "hourRange"; readonly low: number; readonly high: number };

/** From here on a wait is told in hours. */
const inHours = 90;

/** From here on minutes are told in fives: more would be an exactness that there is not. */
const inFives = 20;

function minutesOf(duration: Duration | undefined): number {
  return duration === undefined ? 0 : (Number(duration.seconds) + duration.nanos / 1e9) / 60;
}

/**
 * Rounds the range of an estimate to what people say. It only ever grows: what is told is never narrower than what is
 * known. Undefined where there is no range.
 */
export function waitOf(estimate: WaitEstimate | undefined): Wait | undefined {
  if (estimate?.result.case !== "range") return undefined;
  const low = Math.max(minutesOf(estimate.result.value.low), 0);
  const high = Math.max(minutesOf(estimate.result.value.high), low);
  if (high < 1) return { kind: "moment" };
  if (Math.ceil(high) >= inHours) return hoursOf(low, high);
  const step = high > inFives ? 5 : 1;
  const from = Math.floor(low / (low >= 5 ? step : 1)) * (low >= 5 ? step : 1);
  const to = Math.ceil(high / step) * step;
  if (from < 1) return { kind: "most", minutes: to };
  if (from === to) return { kind: "about", minutes: to };
  return { kind: "range", low: from, high: to };
}

function hoursOf(low: number, high: number): Wait {
  const to = Math.ceil(high / 30) / 2;
  if (low < 10) return { kind: "mostHours", hours: to };
  if (low < 60) return { kind: "minutesToHours", minutes: Math.floor(low / 10) * 10, hours: to };
  const from = Math.floor(low / 30) / 2;
  return from === to ? { kind: "aboutHours", hours: to } : { kind: "hourRange", low: from, high: to };
}

/** Why there is no range, as a text. */
export function noEstimateKey(estimate: WaitEstimate | undefined): TextKey {
  const reason = estimate?.result.case === "cannotEstimate" ? estimate.result.value : undefined;
  if (reason === CannotEstimateReason.NOBODY_AVAILABLE) return "start:noEstimate.nobodyAvailable";
  if (reason === CannotEstimateReason.TOO_LITTLE_HISTORY) return "start:noEstimate.tooLittleHistory";
  return "start:noEstimate.unknown";
}
