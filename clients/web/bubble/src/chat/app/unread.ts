import type { ChatState } from "@kupla/sdk";

/** How many messages of others are beyond one's own read mark. */
export function unreadCount({ events, me, readMarks }: Pick<ChatState, "events" | "me" | "readMarks">): number {
  if (me === undefined) return 0;
  const read = readMarks.get(me) ?? 0;
  return events.filter(
    ({ kind, sequence, participantId }) => kind.case === "messagePosted" && sequence > read && participantId !== me,
  ).length;
}
