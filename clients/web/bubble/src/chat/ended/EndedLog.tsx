import { useState } from "preact/hooks";

import type { Chat } from "../app/session.js";
import { clock, date } from "../i18n/format.js";
import { localized, t } from "../i18n/i18n.js";
import { chatQueueName } from "../talk/chatQueueName.js";
import { type LogItem, logItems } from "../talk/logItems.js";
import { Messages } from "../talk/Messages.js";
import { Outbox } from "../talk/Outbox.js";
import { lastRead } from "../talk/readMark.js";
import "../talk/talk.css";
import { usePeople } from "../talk/usePeople.js";
import { Button } from "../ui/Button.js";

/** How many messages are shown of a conversation that has ended, before all of it is asked for. */
const shownAtFirst = 3;

/**
 * The conversation that has ended: its last messages, as they may hold what to do next, or all of it. On paper it is
 * always whole, with a heading that tells what it is a copy of.
 */
export function EndedLog({ chat }: { chat: Chat }) {
  const state = chat.state.value;
  const people = usePeople(state);
  const [whole, setWhole] = useState(false);
  const items = logItems(state.events, state.me)
    .chunks.flat()
    // The heading of the screen, and of the paper, tells that it has ended and why.
    .filter((item) => item.kind !== "happening" || item.happening.type !== "closed");
  const rest = items.slice(0, lastMessages(items, shownAtFirst));
  const last = items.slice(rest.length);
  const [first] = last;
  if (!whole && first?.kind === "message") {
    // The message that told the name may be folded away.
    last[0] = { ...first, continued: false };
  }
  const foldable = rest.some((item) => item.kind === "message");
  const read = lastRead(state.events, state.me, state.readMarks);
  const lines = { people, queueName: chatQueueName(chat), lang: state.conversation?.language, read };
  if (!items.some((item) => item.kind === "message") && state.outbox.length === 0) {
    return <PrintHeading chat={chat} />;
  }
  return (
    <section class="ended__log">
      <PrintHeading chat={chat} />
      <h2 class="ended__card-title">{foldable && !whole ? t("ended:log.last") : t("ended:log.whole")}</h2>
      {foldable && (
        <Button kind="quiet" small class="ended__fold" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? t("ended:log.showLast") : t("ended:log.showWhole")}
        </Button>
      )}
      {rest.length > 0 && (
        <ol class={whole ? "log__list" : "log__list log__list--folded"}>
          <Messages items={rest} {...lines} />
        </ol>
      )}
      <ol class="log__list">
        <Messages items={last} {...lines} />
        <Outbox chat={chat} />
      </ol>
    </section>
  );
}

/** Where the last so many messages begin. What happened before the first of them stays with what is folded. */
function lastMessages(items: readonly LogItem[], count: number): number {
  let messages = 0;
  for (let i = items.length - 1; i >= 0; i--) {
    if (items[i]?.kind === "message" && ++messages === count) {
      return i;
    }
  }
  return 0;
}

/** What stands on top of the printed copy. */
function PrintHeading({ chat }: { chat: Chat }) {
  const { conversation } = chat.state.value;
  const queue = localized(chat.queue.value?.name);
  const began = conversation?.createTime;
  const closed = conversation?.closeTime;
  return (
    <div class="ended__print-heading">
      <p class="ended__print-title">{t("ended:transcript.title")}</p>
      {queue !== "" && <p>{t("ended:transcript.queue", { queue })}</p>}
      {began && <p>{t("ended:transcript.started", { date: date(began), time: clock(began) })}</p>}
      {closed && <p>{t("ended:transcript.ended", { date: date(closed), time: clock(closed) })}</p>}
      <p>{t("ended:transcript.own")}</p>
    </div>
  );
}
