import { useEffect, useRef } from "preact/hooks";

import { announce } from "../app/announcer.js";
import { playCue } from "../app/cue.js";
import type { Chat } from "../app/session.js";
import { t } from "../i18n/i18n.js";
import { chatQueueName } from "./chatQueueName.js";
import { type Happening, logItems } from "./logItems.js";
import { MessageAnnouncer, type Timers } from "./messageAnnouncer.js";
import type { People } from "./people.js";
import { happeningText, nameOf } from "./words.js";

const page: Timers = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => window.setTimeout(callback, ms),
  clearTimeout: (id) => window.clearTimeout(id),
};

/**
 * Lets a screen reader hear what others write and what happens, gathered when much comes at once. Not what was there
 * before the page was opened, not one's own messages, and not what another part of the page tells: that a
 * professional came, that one is back in the queue, and that the conversation has ended.
 */
export function useLogAnnounced(chat: Chat, people: People): void {
  const { events, me, caughtUp } = chat.state.value;
  const told = useRef<number | undefined>(undefined);
  const announcer = useRef<MessageAnnouncer | undefined>(undefined);
  useEffect(() => {
    let count = 0;
    announcer.current = new MessageAnnouncer(
      {
        many: (number, message) => t("talk:latest", { count: number, message }),
        say: (text) => {
          announce(text, { key: `messages:${++count}` });
        },
      },
      page,
    );
    return () => announcer.current?.clear();
  }, []);
  useEffect(() => {
    const last = events.at(-1)?.sequence ?? 0;
    const from = told.current;
    if (!caughtUp) {
      return;
    }
    told.current = last;
    // A log that has become shorter is another one: after a restored backup everything is told anew to the eye alone.
    if (from === undefined || last <= from) {
      return;
    }
    const fresh = events.filter((event) => event.sequence > from);
    for (const item of logItems(fresh, me).chunks.flat()) {
      if (item.kind === "message" && !item.mine) {
        playCue("message");
        announcer.current?.add(t("talk:message", { name: nameOf(people, item.participantId), text: item.text }));
      } else if (item.kind === "happening" && isTold(item.happening.type)) {
        announcer.current?.add(happeningText(item.happening, people, chatQueueName(chat)));
      }
    }
  }, [events, caughtUp]);
}

/** What the shell of the page tells by itself is not told here. */
function isTold(type: Happening["type"]): boolean {
  return type === "left" || type === "transferredToPerson" || type === "transferredToQueue";
}
