import { type Conversation, type Event, ParticipantRole } from "@kupla/contract/kupla/v1/conversation_pb";

/** The people of a conversation, by participant id. */
export interface People {
  /** The participant who reads this. */
  readonly me: string | undefined;
  /** The names to show, where there are any. */
  readonly names: ReadonlyMap<string, string>;
  /** The professionals who take part now. */
  readonly professionals: readonly string[];
}

/** Reads who is in a conversation from what the service told of it, and from the log for what is newer than that. */
export function peopleOf(
  conversation: Conversation | undefined,
  events: readonly Event[],
  me: string | undefined,
): People {
  const names = new Map<string, string>();
  const present = new Set<string>();
  for (const event of events) {
    const kind = event.kind;
    if (kind.case === "participantJoined" && kind.value.participant !== undefined) {
      const { id, displayName, role } = kind.value.participant;
      if (displayName !== "") {
        names.set(id, displayName);
      }
      if (role === ParticipantRole.PROFESSIONAL) {
        present.add(id);
      }
    } else if (kind.case === "participantLeft") {
      present.delete(kind.value.participantId);
    } else if (kind.case === "returnedToQueue" || (kind.case === "transferred" && kind.value.participantId === "")) {
      present.clear();
    } else if (kind.case === "transferred") {
      // Who hands a conversation to a colleague leaves it by that.
      present.delete(event.participantId);
    }
  }
  for (const participant of conversation?.participants ?? []) {
    if (participant.displayName !== "" && !names.has(participant.id)) {
      names.set(participant.id, participant.displayName);
    }
  }
  return { me, names, professionals: [...present] };
}

/** Whether two readings of the people say the same. */
export function samePeople(a: People, b: People): boolean {
  return (
    a.me === b.me &&
    a.names.size === b.names.size &&
    [...a.names].every(([id, name]) => b.names.get(id) === name) &&
    a.professionals.join(" ") === b.professionals.join(" ")
  );
}
