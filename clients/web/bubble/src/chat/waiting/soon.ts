import type { Place } from "@kupla/contract/kupla/v1/conversation_pb";
import { CannotEstimateReason } from "@kupla/contract/kupla/v1/queue_pb";

/** The turn is soon when the longer end of the wait is at most this many seconds away. */
const soonSeconds = 3 * 60;

/** And it is not, at whatever place, when even the shorter end is further than this. */
const lateSeconds = 10 * 60;

/**
 * Whether the turn comes soon, so that one had better stay close:
 *
 * - when the longer end of the estimate is at most 3 minutes, or
 * - at place 1 or 2, unless the estimate says otherwise: nobody is available to take anybody, or even the shorter end
 *   is more than 10 minutes. "Soon" must stay true.
 */
export function isSoon(place: Place): boolean {
  const result = place.estimate?.result;
  if (result?.case === "cannotEstimate" && result.value === CannotEstimateReason.NOBODY_AVAILABLE) return false;
  if (result?.case === "range") {
    if (Number(result.value.high?.seconds ?? 0) <= soonSeconds) return true;
    if (Number(result.value.low?.seconds ?? 0) > lateSeconds) return false;
  }
  return place.position <= 2;
}
