import { moment, number } from "../i18n/format.js";
import { t } from "../i18n/i18n.js";
import type { QueueView } from "./queueStatus.js";

/** How a queue is, in words: "Avoinna klo 15.00 asti". */
export function statusText(view: QueueView, now?: Date): string {
  const time = view.changeTime === undefined ? undefined : moment(view.changeTime, now, view.kind === "open");
  switch (view.kind) {
    case "open":
      if (view.always) return t("start:status.openAlways");
      return time === undefined ? t("start:status.open") : t("start:status.openUntil", { time });
    case "full":
      return t("start:status.full");
    case "paused":
      return time === undefined ? t("start:status.paused") : t("start:status.pausedUntil", { time });
    case "closed":
      return time === undefined ? t("start:status.closed") : t("start:status.opens", { time });
    case "unknown":
      return t("start:status.unknown");
  }
}

/** How many wait, in words; undefined where there is nothing to say. */
export function waitingText({ waiting }: QueueView): string | undefined {
  if (waiting === undefined) return undefined;
  return waiting === 0 ? t("start:nobodyWaiting") : t("start:waiting", { count: waiting, number: number(waiting) });
}
