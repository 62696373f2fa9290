import { CloseReason, LeaveReason, ReturnReason } from "@kupla/contract/kupla/v1/conversation_pb";

import { t } from "../i18n/i18n.js";
import type { TextKey } from "../i18n/texts.js";
import type { Happening } from "./logItems.js";
import type { People } from "./people.js";

// Each table names every value of its enum, so that the compiler tells when the contract gets a new one. A value that
// a newer service sends is told as the unspecified one.
const closeReasons: Record<CloseReason, TextKey> = {
  [CloseReason.UNSPECIFIED]: "ended:reason.unspecified",
  [CloseReason.COMPLETED]: "ended:reason.completed",
  [CloseReason.CUSTOMER_LEFT]: "ended:reason.customerLeft",
  [CloseReason.ABANDONED]: "ended:reason.abandoned",
  [CloseReason.NOT_REACHED]: "ended:reason.notReached",
  [CloseReason.REDIRECTED_TO_PHONE]: "ended:reason.redirectedToPhone",
  [CloseReason.ENDED_BY_STAFF]: "ended:reason.endedByStaff",
  [CloseReason.EXPIRED]: "ended:reason.expired",
};

const leaveReasons: Record<LeaveReason, TextKey> = {
  [LeaveReason.UNSPECIFIED]: "talk:left.unspecified",
  [LeaveReason.LEFT]: "talk:left.left",
  [LeaveReason.LOST]: "talk:left.lost",
  [LeaveReason.TRANSFERRED]: "talk:left.transferred",
  [LeaveReason.RETURNED]: "talk:left.returned",
};

const returnReasons: Record<ReturnReason, TextKey> = {
  [ReturnReason.UNSPECIFIED]: "talk:returned.unspecified",
  [ReturnReason.RETURNED_BY_STAFF]: "talk:returned.byStaff",
  [ReturnReason.PROFESSIONAL_LOST]: "talk:returned.professionalLost",
};

/** Why a conversation was closed, as a sentence to the resident. */
export function closeReasonText(reason: CloseReason): string {
  return t(closeReasons[reason] ?? closeReasons[CloseReason.UNSPECIFIED]);
}

/** Why somebody left, as a sentence. */
export function leaveReasonText(reason: LeaveReason, name: string): string {
  return t(leaveReasons[reason] ?? leaveReasons[LeaveReason.UNSPECIFIED], { name });
}

/** Why a conversation went back to its queue, as a sentence to the resident. */
export function returnReasonText(reason: ReturnReason): string {
  return t(returnReasons[reason] ?? returnReasons[ReturnReason.UNSPECIFIED]);
}

/** The name to show of a participant. */
export function nameOf(people: People, participantId: string): string {
  return participantId === people.me ? t("talk:you") : (people.names.get(participantId) ?? t("talk:professional"));
}

/** What happened, as a sentence to the resident. */
export function happeningText(
  happening: Happening,
  people: People,
  queueName: (queueId: string) => string | undefined,
): string {
  switch (happening.type) {
    case "started":
      return t("talk:happening.started");
    case "joined": {
      const name = nameOf(people, happening.participantId);
      return happening.invited ? t("talk:happening.joinedToo", { name }) : t("talk:happening.joined", { name });
    }
    case "left":
      return leaveReasonText(happening.reason, nameOf(people, happening.participantId));
    case "transferredToQueue": {
      const queue = queueName(happening.queueId);
      return queue === undefined
        ? t("talk:happening.transferredSomewhere")
        : t("talk:happening.transferredToQueue", { queue });
    }
    case "transferredToPerson":
      return t("talk:happening.transferredToPerson", { name: nameOf(people, happening.participantId) });
    case "returned":
      return returnReasonText(happening.reason);
    case "closed":
      return t("talk:happening.closed", { reason: closeReasonText(happening.reason) });
  }
}
