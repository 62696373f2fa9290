import { useEffect, useRef } from "preact/hooks";

import { Capability } from "@kupla/contract/kupla/v1/conversation_pb";
import type { Chat } from "../app/session.js";
import { t } from "../i18n/i18n.js";
import { Button } from "../ui/Button.js";
import { Icon } from "../ui/Icon.js";
import { chatQueueName } from "./chatQueueName.js";
import { type LogItems, logItems } from "./logItems.js";
import { Messages } from "./Messages.js";
import { Outbox } from "./Outbox.js";
import { lastRead } from "./readMark.js";
import "./talk.css";
import { typingText } from "./typingText.js";
import { messagesAfter, sequenceToMark } from "./unread.js";
import { useLogAnnounced } from "./useLogAnnounced.js";
import { usePeople } from "./usePeople.js";
import { useStickToEnd } from "./useStickToEnd.js";

/**
 * What was said and what happened, with what is on its way and who is typing at its end. It stays mounted from the
 * waiting to the talk.
 *
 * Events of kinds that are not known are left out. What identification will ask of the resident belongs between the
 * messages and the typing, as a part of its own that reads its own frames: it is then the last thing in the log, in
 * view and in reading order, and goes by what the capabilities say.
 */
export function Log({ chat }: { chat: Chat }) {
  const state = chat.state.value;
  const { events, me, outbox, typing } = state;
  const made = useRef<LogItems | undefined>(undefined);
  made.current = logItems(events, me, made.current);
  const { chunks } = made.current;
  const people = usePeople(state);
  const read = lastRead(events, me, state.readMarks);
  const talking = state.place === undefined;
  const whoTypes = typingText(typing, people);

  const end = useRef<HTMLDivElement>(null);
  const { atEnd, toEnd } = useStickToEnd(end, talking, [events, outbox, whoTypes]);
  const seen = useRef(0);
  if (atEnd) {
    seen.current = events.at(-1)?.sequence ?? 0;
  }
  const unseen = atEnd ? 0 : messagesAfter(events, me, seen.current);

  useOwnMessageInView(outbox.length, toEnd);
  useMarkRead(chat, atEnd);
  useLogAnnounced(chat, people);

  return (
    <section class="log" data-log>
      <h2 class="visually-hidden" id="log-heading">
        {t("talk:log")}
      </h2>
      {/* The announcer speaks for the log: a live region of its own would say everything twice. */}
      <div role="log" aria-live="off" aria-labelledby="log-heading">
        <ol class="log__list">
          {chunks.map((items, index) => (
            <Messages
              key={index}
              items={items}
              people={people}
              queueName={chatQueueName(chat)}
              lang={state.conversation?.language}
              read={items.some((item) => item.kind === "message" && item.sequence === read) ? read : 0}
            />
          ))}
          <Outbox chat={chat} />
        </ol>
      </div>
      <p class="log__typing" data-typing={whoTypes !== ""}>
        {whoTypes !== "" && (
          <>
            <span class="log__dots" aria-hidden="true">
              <span />
              <span />
              <span />
            </span>
            {whoTypes}
          </>
        )}
      </p>
      {talking && !atEnd && (
        <div class="log__newest">
          <Button kind="primary" small icon={<Icon name="chevronDown" />} onClick={toEnd}>
            {unseen > 0 ? t("talk:newMessages", { count: unseen }) : t("talk:toNewest")}
          </Button>
        </div>
      )}
      <div ref={end} class="log__end" />
    </section>
  );
}

/** Shows the end when one has written something oneself, wherever one was reading. */
function useOwnMessageInView(count: number, toEnd: () => void): void {
  const before = useRef(count);
  useEffect(() => {
    if (count > before.current) {
      toEnd();
    }
    before.current = count;
  }, [count]);
}

/** Tells that what is at the end has been read, while the end can be seen. */
function useMarkRead(chat: Chat, atEnd: boolean): void {
  const { events, me, readMarks, capabilities, caughtUp } = chat.state.value;
  const seen = atEnd && caughtUp && chat.shown.value && capabilities.has(Capability.MARK_READ);
  const sequence = seen ? sequenceToMark(events, me, readMarks) : undefined;
  useEffect(() => {
    if (sequence !== undefined) {
      chat.conversation.markRead(sequence);
    }
  }, [sequence]);
}
