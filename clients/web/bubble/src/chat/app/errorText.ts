import { Code } from "@connectrpc/connect";
import type { KuplaError } from "@kupla/sdk";
import { list, moment } from "../i18n/format.js";
import { t } from "../i18n/i18n.js";
import { isLanguage } from "../i18n/languages.js";
import type { Texts } from "../i18n/texts.js";
import { inDurationText } from "../start/estimateText.js";

type Reason = Extract<keyof Texts["errors"], Uppercase<string>>;

// Named one by one: a reason that is missing here would be shown by its code alone.
const reasons: ReadonlySet<string> = new Set<Reason>([
  "QUEUE_CLOSED",
  "QUEUE_PAUSED",
  "QUEUE_FULL",
  "NOTICE_OUTDATED",
  "LANGUAGE_NOT_SERVED",
  "TOO_MANY_WAITING",
  "RATE_LIMITED",
  "OVERLOADED",
  "IDENTITY_CODE_IN_TEXT",
  "QUEUE_NOT_FOUND",
  "START_TOO_OLD",
  "REQUEST_ID_REUSED",
  "INVALID_REQUEST",
  "REQUEST_TOO_LARGE",
  "TOO_MANY_STREAMS",
  "CONVERSATION_CLOSED",
  "CONVERSATION_TOO_LONG",
  "CONVERSATION_NOT_FOUND",
  "CREDENTIALS_INVALID",
  "FEEDBACK_TOKEN_INVALID",
  "ANSWER_INVALID",
  "UNAVAILABLE",
  "INTERNAL",
]);

function isReason(reason: string | undefined): reason is Reason {
  return reason !== undefined && reasons.has(reason);
}

/** What went wrong, and what to do about it. */
export interface ErrorWords {
  /** What went wrong, in a sentence or two. */
  readonly problem: string;
  /** What else is known and can be done, in a sentence; empty when there is nothing. */
  readonly advice: string;
  /** A number to call instead, where the service gave one. */
  readonly phone: string | undefined;
}

/** Puts a refusal into plain words, by its reason, and by its code where the reason is not known here. */
export function errorWords(error: KuplaError, now?: Date): ErrorWords {
  const { metadata } = error;
  const advice: string[] = [];
  const opens = moments(metadata.next_opening_time, now);
  if (opens !== undefined) advice.push(t("errors:opens", { time: opens }));
  const resumes = moments(metadata.resume_time, now);
  if (resumes !== undefined) advice.push(t("errors:resumes", { time: resumes }));
  const languages = servedLanguages(error);
  if (languages.length > 0) {
    advice.push(t("errors:languages", { languages: list(languages.map((code) => t(`common:languageIn.${code}`))) }));
  }
  if (error.retryDelayMs !== undefined && error.retryDelayMs > 1000 && error.code === Code.ResourceExhausted) {
    advice.push(t("errors:retryIn", { time: inDurationText(error.retryDelayMs) }));
  }
  if (metadata.incident_id) advice.push(t("errors:incident", { id: metadata.incident_id }));
  return { problem: problem(error), advice: advice.join(" "), phone: metadata.phone || undefined };
}

/** The same in one text, the phone number included. */
export function errorText(error: KuplaError, now?: Date): string {
  const { problem, advice, phone } = errorWords(error, now);
  return [problem, advice, phone === undefined ? "" : t("errors:call", { phone })]
    .filter((text) => text !== "")
    .join(" ");
}

/** The languages that a queue said it serves when it refused another one. */
export function servedLanguages(error: KuplaError): ("fi" | "sv" | "en")[] {
  return (error.metadata.languages ?? "").split(/[\s,]+/).filter(isLanguage);
}

function problem(error: KuplaError): string {
  if (isReason(error.reason)) return t(`errors:${error.reason}`);
  switch (error.code) {
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Canceled:
      return t("errors:unreachable");
    case Code.ResourceExhausted:
      return t("errors:tooMuch");
    case Code.Unauthenticated:
      return t("errors:CREDENTIALS_INVALID");
    default:
      return t("errors:other");
  }
}

function moments(time: string | undefined, now: Date | undefined): string | undefined {
  if (time === undefined) return undefined;
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? undefined : moment(date, now);
}
