import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { CloseReason, Event, LeaveReason, ReturnReason } from "@kupla/contract/kupla/v1/conversation_pb";

import { dayOf } from "../i18n/format.js";

/** Something that happened other than a message. */
export type Happening =
  | { readonly type: "started" }
  | { readonly type: "joined"; readonly participantId: string; readonly invited: boolean }
  | { readonly type: "left"; readonly participantId: string; readonly reason: LeaveReason }
  | { readonly type: "transferredToQueue"; readonly queueId: string }
  | { readonly type: "transferredToPerson"; readonly participantId: string }
  | { readonly type: "returned"; readonly reason: ReturnReason }
  | { readonly type: "closed"; readonly reason: CloseReason };

/** One line of the log as it is shown. Its key is the event's sequence, so that lines stay the same as others come. */
export type LogItem =
  | { readonly kind: "day"; readonly key: string; readonly time: Date }
  | {
      readonly kind: "message";
      readonly key: string;
      readonly sequence: number;
      readonly time: Date;
      readonly participantId: string;
      readonly mine: boolean;
      readonly text: string;
      /** Whether it follows a message of the same person closely, so that the name need not be told again. */
      readonly continued: boolean;
    }
  | {
      readonly kind: "happening";
      readonly key: string;
      readonly sequence: number;
      readonly time: Date;
      readonly happening: Happening;
    };

/** A log made for showing. Its chunks only ever change at the end, so that a long log is drawn once. */
export interface LogItems {
  readonly events: readonly Event[];
  readonly me: string | undefined;
  readonly chunks: readonly (readonly LogItem[])[];
}

/** How many lines one chunk has at most. */
export const chunkSize = 50;

/** Messages of one person that are further apart than this are told with the name again. */
const groupMilliseconds = 5 * 60_000;

/** The moment of an event. An event without one, which the service never sends, gets the beginning of time. */
export function timeOf(timestamp: Timestamp | undefined): Date {
  return timestamp === undefined ? new Date(0) : timestampDate(timestamp);
}

/**
 * Makes a log into the lines to show. Given the lines made before, it looks only at the events that are new, unless
 * the log is another one.
 *
 * Kinds of events that are not known are left out.
 */
export function logItems(events: readonly Event[], me: string | undefined, before?: LogItems): LogItems {
  const goesOn =
    before !== undefined &&
    before.me === me &&
    before.events.length <= events.length &&
    before.events[0] === events[0] &&
    before.events.at(-1) === events[before.events.length - 1];
  if (goesOn && before.events.length === events.length) {
    return before.events === events ? before : { events, me, chunks: before.chunks };
  }
  const chunks = goesOn ? before.chunks.slice() : [];
  let last: LogItem[] = chunks.pop()?.slice() ?? [];
  let previous = last.at(-1) ?? chunks.at(-1)?.at(-1);
  const add = (item: LogItem): void => {
    if (last.length === chunkSize) {
      chunks.push(last);
      last = [];
    }
    last.push(item);
    previous = item;
  };
  for (let i = goesOn ? before.events.length : 0; i < events.length; i++) {
    const event = events[i];
    if (event === undefined) {
      continue;
    }
    const time = timeOf(event.createTime);
    const item = itemOf(event, time, me, previous);
    if (item === undefined || announcedByTransfer(item, previous)) {
      continue;
    }
    if (previous === undefined || dayOf(previous.time) !== dayOf(time)) {
      add({ kind: "day", key: `day-${event.sequence}`, time });
    }
    add(item.kind === "message" && previous?.kind === "day" ? { ...item, continued: false } : item);
  }
  if (last.length > 0) {
    chunks.push(last);
  }
  return { events, me, chunks };
}

function itemOf(event: Event, time: Date, me: string | undefined, previous: LogItem | undefined): LogItem | undefined {
  const key = String(event.sequence);
  const { sequence, participantId } = event;
  if (event.kind.case === "messagePosted") {
    const continued =
      previous?.kind === "message" &&
      previous.participantId === participantId &&
      time.getTime() - previous.time.getTime() < groupMilliseconds;
    const text = event.kind.value.text;
    return { kind: "message", key, sequence, time, participantId, mine: participantId === me, text, continued };
  }
  const happening = happeningOf(event, me);
  return happening && { kind: "happening", key, sequence, time, happening };
}

function happeningOf(event: Event, me: string | undefined): Happening | undefined {
  switch (event.kind.case) {
    case "participantJoined": {
      const id = event.kind.value.participant?.id ?? event.participantId;
      return id === me
        ? { type: "started" }
        : { type: "joined", participantId: id, invited: event.kind.value.inviterParticipantId !== "" };
    }
    case "participantLeft":
      return { type: "left", participantId: event.kind.value.participantId, reason: event.kind.value.reason };
    case "transferred":
      return event.kind.value.participantId === ""
        ? { type: "transferredToQueue", queueId: event.kind.value.queueId }
        : { type: "transferredToPerson", participantId: event.kind.value.participantId };
    case "returnedToQueue":
      return { type: "returned", reason: event.kind.value.reason };
    case "closed":
      return { type: "closed", reason: event.kind.value.reason };
    default:
      return undefined;
  }
}

/** A transfer to a colleague is told with the colleague's name; the joining that follows says the same again. */
function announcedByTransfer(item: LogItem, previous: LogItem | undefined): boolean {
  return (
    item.kind === "happening" &&
    item.happening.type === "joined" &&
    previous?.kind === "happening" &&
    previous.happening.type === "transferredToPerson" &&
    previous.happening.participantId === item.happening.participantId
  );
}
