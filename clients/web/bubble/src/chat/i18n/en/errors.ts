import type { errors as finnish } from "../fi/errors.js";
import type { Translated } from "../texts.js";

/** What went wrong and what to do about it, by the reason of the refusal. */
export const errors: Translated<typeof finnish> = {
  QUEUE_CLOSED: "The queue is closed.",
  QUEUE_PAUSED: "The queue is on a break and takes nobody new right now.",
  QUEUE_FULL: "The queue is full right now.",
  NOTICE_OUTDATED: "The information has changed. Read it again and then join the queue.",
  LANGUAGE_NOT_SERVED: "This queue does not serve in the language you chose. Choose another language.",
  TOO_MANY_WAITING: "Too many people are waiting from the same network already.",
  RATE_LIMITED: "There were too many tries in a short time.",
  OVERLOADED: "The service is very busy right now.",
  IDENTITY_CODE_IN_TEXT:
    "There is a personal identity code in the text, so it was neither sent nor saved. Remove the identity code and try again.",
  QUEUE_NOT_FOUND: "The queue no longer exists. Choose another queue.",
  START_TOO_OLD: "The previous try is too old. Join the queue again.",
  REQUEST_ID_REUSED: "Something went wrong. Try again.",
  INVALID_REQUEST: "The service did not accept the text. Check its length and try again.",
  REQUEST_TOO_LARGE: "The text is too long. Shorten it or send it in parts.",
  TOO_MANY_STREAMS: "Too many connections are open from the same network. Close other chat windows and try again.",
  CONVERSATION_CLOSED: "The chat has ended.",
  CONVERSATION_TOO_LONG: "The chat is too long to go on. Start a new chat.",
  CONVERSATION_NOT_FOUND: "The chat no longer exists.",
  CREDENTIALS_INVALID: "The chat can no longer be opened. Start a new chat.",
  FEEDBACK_TOKEN_INVALID: "The survey can no longer be answered.",
  ANSWER_INVALID: "One of the answers does not fit its question. Check the answers.",
  UNAVAILABLE: "The service has a technical problem. Try again in a moment.",
  INTERNAL: "Something went wrong in the service. Try again in a moment.",
  unreachable: "The service could not be reached. Check your internet connection and try again.",
  tooMuch: "The service is very busy right now. Try again in a moment.",
  other: "Something went wrong. Try again in a moment.",

  opens: "It opens {{time}}.",
  resumes: "It continues {{time}}.",
  languages: "We serve in {{languages}}.",
  retryIn: "Try again {{time}}.",
  call: "You can also call {{phone}}.",
  incident: "If this happens again, tell the service this number: {{id}}.",
};
