import type { Duration } from "@bufbuild/protobuf/wkt";
import type { WaitEstimate } from "@kupla/contract/kupla/v1/queue_pb";
import { TurnBeforeClosing } from "@kupla/contract/kupla/v1/queue_pb";
import { number } from "../i18n/format.js";
import { t } from "../i18n/i18n.js";
import { noEstimateKey, waitOf } from "./estimate.js";

/** A wait in words, such as "noin 5–10 minuuttia". Undefined where there is no range. */
export function waitText(estimate: WaitEstimate | undefined): string | undefined {
  const wait = waitOf(estimate);
  switch (wait?.kind) {
    case undefined:
      return undefined;
    case "moment":
      return t("start:wait.moment");
    case "about":
      return t("start:wait.about", { count: wait.minutes });
    case "most":
      return t("start:wait.most", { count: wait.minutes });
    case "range":
      return t("start:wait.range", { low: wait.low, high: wait.high });
    case "aboutHours":
      return t("start:wait.aboutHours", { count: wait.hours, hours: number(wait.hours) });
    case "mostHours":
      return t("start:wait.mostHours", { count: wait.hours, hours: number(wait.hours) });
    case "minutesToHours":
      return t("start:wait.minutesToHours", { low: wait.minutes, high: number(wait.hours) });
    case "hourRange":
      return t("start:wait.hours", { low: number(wait.low), high: number(wait.high) });
  }
}

/** Why there is no range, in words. */
export function noEstimateText(estimate: WaitEstimate | undefined): string {
  return t(noEstimateKey(estimate));
}

/** What is to be said of the turn and closing time: nothing when it comes in time or nothing is known. */
export function beforeClosingText(estimate: WaitEstimate | undefined): string | undefined {
  switch (estimate?.turnBeforeClosing) {
    case TurnBeforeClosing.UNCERTAIN:
      return t("start:beforeClosing.uncertain");
    case TurnBeforeClosing.UNLIKELY:
      return t("start:beforeClosing.unlikely");
    default:
      return undefined;
  }
}

/** A short time in words, rounded up: "10 minuuttia", "30 sekuntia". */
export function durationText(duration: Duration | number): string {
  const seconds = secondsOf(duration);
  return seconds < 60
    ? t("common:seconds", { count: seconds })
    : t("common:minutes", { count: Math.ceil(seconds / 60) });
}

/** When something is, a short time from now: "10 minuutin kuluttua". */
export function inDurationText(duration: Duration | number): string {
  const seconds = secondsOf(duration);
  return seconds < 60
    ? t("common:inSeconds", { count: seconds })
    : t("common:inMinutes", { count: Math.ceil(seconds / 60) });
}

/** Whole seconds, at least one. A number is in milliseconds. */
function secondsOf(duration: Duration | number): number {
  const seconds = typeof duration === "number" ? duration / 1000 : Number(duration.seconds) + duration.nanos / 1e9;
  return Math.max(Math.ceil(seconds), 1);
}
