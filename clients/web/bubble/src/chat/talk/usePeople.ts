import type { ChatState } from "@kupla/sdk";
import { useRef } from "preact/hooks";

import { type People, peopleOf, samePeople } from "./people.js";

/** The people of a conversation; the same object for as long as nothing about them changes. */
export function usePeople({ conversation, events, me }: ChatState): People {
  const people = useRef<People | undefined>(undefined);
  const made = useRef<{ conversation: unknown; events: unknown; me: unknown } | undefined>(undefined);
  const before = made.current;
  if (
    people.current === undefined ||
    before?.conversation !== conversation ||
    before?.events !== events ||
    before?.me !== me
  ) {
    made.current = { conversation, events, me };
    const next = peopleOf(conversation, events, me);
    people.current = people.current !== undefined && samePeople(people.current, next) ? people.current : next;
  }
  return people.current;
}
