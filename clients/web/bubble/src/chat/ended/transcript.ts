import type { ChatState } from "@kupla/sdk";

import { clock, date, dayOf } from "../i18n/format.js";
import { t } from "../i18n/i18n.js";
import { type LogItem, logItems, timeOf } from "../talk/logItems.js";
import { peopleOf, type People } from "../talk/people.js";
import { closeReasonText, happeningText, nameOf } from "../talk/words.js";

/** What a copy of a conversation is made of. */
export type Told = Pick<ChatState, "conversation" | "events" | "me" | "outbox">;

/** Characters that turn the direction of what follows, or hide it: they would change what others read in a file. */
const unseen = /[\u200B\u2060\uFEFF\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\p{Cc}]/gu;

/**
 * The conversation as plain text in the language of the page: what it was, when it began and ended and why, and every
 * line with its time and its writer's name.
 */
export function transcript(told: Told, queueName: (queueId: string) => string | undefined): string {
  const { conversation, events, me, outbox } = told;
  const people = peopleOf(conversation, events, me);
  const queue = conversation && queueName(conversation.queueId);
  const others = [...people.names].filter(([id]) => id !== me).map(([, name]) => name);
  const closed = conversation?.closeTime;
  const began = conversation?.createTime ?? events[0]?.createTime;
  const lines = [
    t("ended:transcript.title"),
    queue !== undefined && t("ended:transcript.queue", { queue }),
    began && t("ended:transcript.started", { date: date(began), time: clock(began) }),
    closed && t("ended:transcript.ended", { date: date(closed), time: clock(closed) }),
    closed && t("ended:transcript.reason", { reason: closeReasonText(conversation.closeReason) }),
    others.length > 0 && t("ended:transcript.people", { names: [...new Set(others)].join(", ") }),
    ...logItems(events, me)
      .chunks.flat()
      .map((item) => line(item, people, queueName)),
  ];
  if (outbox.length > 0) {
    lines.push("", `${t("ended:transcript.unsent")}:`, ...outbox.map((message) => indented(message.text)));
  }
  lines.push("", t("ended:transcript.own"));
  return `${lines.filter((text) => typeof text === "string").join("\n")}\n`;
}

function line(item: LogItem, people: People, queueName: (queueId: string) => string | undefined): string {
  switch (item.kind) {
    case "day":
      return `\n${date(item.time)}`;
    case "happening":
      return `${clock(item.time)}  — ${happeningText(item.happening, people, queueName)}`;
    case "message":
      return `${clock(item.time)}  ${nameOf(people, item.participantId)}: ${indented(item.text)}`;
  }
}

/** Puts the later lines of a message apart, so that nothing in it can look like a line of the copy itself. */
function indented(text: string): string {
  return text
    .split(/\r\n|[\n\r\u2028\u2029\v\f\u0085]/u)
    .map((part) => part.replace(/\t/gu, " ").replace(unseen, ""))
    .join("\n       ");
}

/** The name of the file of a copy, such as "keskustelu-2026-05-12.txt". Nothing in it tells whose or what it was. */
export function transcriptFileName(told: Told): string {
  const began = told.conversation?.createTime ?? told.events[0]?.createTime;
  return `${t("ended:copy.fileName")}-${dayOf(timeOf(began))}.txt`;
}
