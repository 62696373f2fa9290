import type { Event } from "@kupla/contract/kupla/v1/conversation_pb";

/**
 * The last of one's own messages that anybody else has read, by sequence. Zero when none has been.
 */
export function lastRead(
  events: readonly Event[],
  me: string | undefined,
  readMarks: ReadonlyMap<string, number>,
): number {
  let mark = 0;
  for (const [id, sequence] of readMarks) {
    if (id !== me) {
      mark = Math.max(mark, sequence);
    }
  }
  // From the end, as what has been read is nearly always near to it.
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i];
    if (event?.kind.case === "messagePosted" && event.participantId === me && event.sequence <= mark) {
      return event.sequence;
    }
  }
  return 0;
}
