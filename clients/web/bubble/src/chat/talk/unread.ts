import type { Event } from "@kupla/contract/kupla/v1/conversation_pb";

/**
 * How far to mark the log as read now that its end is seen, or undefined when nothing that others wrote is unread.
 */
export function sequenceToMark(
  events: readonly Event[],
  me: string | undefined,
  readMarks: ReadonlyMap<string, number>,
): number | undefined {
  const mark = (me === undefined ? undefined : readMarks.get(me)) ?? 0;
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i];
    if (event === undefined || event.sequence <= mark) {
      return undefined;
    }
    if (event.kind.case === "messagePosted" && event.participantId !== me) {
      return events.at(-1)?.sequence;
    }
  }
  return undefined;
}

/** How many messages of others came after an event. */
export function messagesAfter(events: readonly Event[], me: string | undefined, sequence: number): number {
  let count = 0;
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i];
    if (event === undefined || event.sequence <= sequence) {
      break;
    }
    if (event.kind.case === "messagePosted" && event.participantId !== me) {
      count++;
    }
  }
  return count;
}
