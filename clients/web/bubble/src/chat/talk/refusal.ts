import type { KuplaError } from "@kupla/sdk";

import { t } from "../i18n/i18n.js";
import type { TextKey } from "../i18n/texts.js";

const reasons: Readonly<Record<string, TextKey>> = {
  IDENTITY_CODE_IN_TEXT: "talk:outbox.reasons.identityCode",
  CONVERSATION_CLOSED: "talk:outbox.reasons.closed",
  CONVERSATION_TOO_LONG: "talk:outbox.reasons.tooLong",
  RATE_LIMITED: "talk:outbox.reasons.tooFast",
  INVALID_REQUEST: "talk:outbox.reasons.invalid",
  REQUEST_TOO_LARGE: "talk:outbox.reasons.invalid",
  ACCESS_ENDED: "talk:outbox.reasons.accessEnded",
  CREDENTIALS_INVALID: "talk:outbox.reasons.accessEnded",
};

/** Why a message was not taken, and what to do about it. */
export function refusalText(error: Pick<KuplaError, "reason"> | undefined): string {
  return t(reasons[error?.reason ?? ""] ?? "talk:outbox.reasons.other");
}

/** Whether the same message sent again may be taken. */
export function mayRetry(error: Pick<KuplaError, "reason"> | undefined): boolean {
  const reason = error?.reason ?? "";
  return !(reason in reasons) || reason === "RATE_LIMITED";
}

/** Whether the message can be mended. */
export function mayEdit(error: Pick<KuplaError, "reason"> | undefined): boolean {
  const reason = error?.reason ?? "";
  return !["CONVERSATION_CLOSED", "CONVERSATION_TOO_LONG", "ACCESS_ENDED", "CREDENTIALS_INVALID"].includes(reason);
}
