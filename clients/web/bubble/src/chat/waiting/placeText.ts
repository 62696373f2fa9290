import type { Place } from "@kupla/contract/kupla/v1/conversation_pb";
import { t } from "../i18n/i18n.js";
import { noEstimateText, waitText } from "../start/estimateText.js";
import { isSoon } from "./soon.js";

/** Where one stands, in a sentence without its full stop. */
export function placeSentence(place: Place): string {
  return place.position === 1 ? t("waiting:next") : t("waiting:place", { position: place.position });
}

/** The wait in a sentence, or why there is none. */
export function waitSentence(place: Place): string {
  const wait = waitText(place.estimate);
  return wait === undefined ? noEstimateText(place.estimate) : t("waiting:wait", { wait });
}

/** What is heard of a place. Why the wait cannot be told, which is the same for a long time, is left out once told. */
export function heardText(place: Place, toldWait = ""): string {
  const wait = waitSentence(place);
  const same = place.estimate?.result.case !== "range" && wait === toldWait;
  return [
    isSoon(place) ? t("waiting:soon") : "",
    place.movedBack ? t("waiting:movedBack") : "",
    `${placeSentence(place)}.`,
    same ? "" : wait,
  ]
    .filter((text) => text !== "")
    .join(" ");
}
