import { clock, date } from "../i18n/format.js";
import { language, t } from "../i18n/i18n.js";
import { MessageText } from "./MessageText.js";
import type { LogItem } from "./logItems.js";
import type { People } from "./people.js";
import { happeningText, nameOf } from "./words.js";

/**
 * A chunk of the log. It is drawn anew only when one of its properties changes, or the language, which for all but the
 * last chunk is hardly ever.
 */
export function Messages({
  items,
  people,
  queueName,
  lang,
  read,
}: {
  items: readonly LogItem[];
  people: People;
  queueName: (queueId: string) => string | undefined;
  /** The language of the conversation. */
  lang: string | undefined;
  /** The own message to mark as read, by sequence; 0 when it is in another chunk, or there is none. */
  read: number;
}) {
  // Only of a component that reads a signal does @preact/signals compare the properties before it is drawn anew.
  void language.value;
  return (
    <>
      {items.map((item) => (
        <LogLine key={item.key} item={item} people={people} queueName={queueName} lang={lang} read={read} />
      ))}
    </>
  );
}

function LogLine({
  item,
  people,
  queueName,
  lang,
  read,
}: {
  item: LogItem;
  people: People;
  queueName: (queueId: string) => string | undefined;
  lang: string | undefined;
  read: number;
}) {
  switch (item.kind) {
    case "day":
      return (
        <li class="log__day">
          <h3 class="log__day-name">
            <time dateTime={item.time.toISOString()}>{date(item.time)}</time>
          </h3>
        </li>
      );
    case "happening":
      return (
        <li class="log__happening">
          <span>{happeningText(item.happening, people, queueName)}</span> <Time at={item.time} />
        </li>
      );
    case "message":
      return (
        <li class={item.mine ? "message message--mine" : "message"}>
          <Sender name={nameOf(people, item.participantId)} hidden={item.continued || item.mine} />
          <div class="message__bubble">
            <MessageText text={item.text} lang={lang} />
            <p class="message__meta">
              <Time at={item.time} />
              {item.sequence === read && <span class="message__read">{t("talk:read")}</span>}
            </p>
          </div>
        </li>
      );
  }
}

/** Who wrote. Where sight tells it already it is there for screen readers and on paper. */
export function Sender({ name, hidden }: { name: string; hidden: boolean }) {
  return (
    <p class={hidden ? "message__sender visually-hidden" : "message__sender"}>
      {name}
      <span class="visually-hidden">: </span>
    </p>
  );
}

function Time({ at }: { at: Date }) {
  return (
    <time class="message__time" dateTime={at.toISOString()}>
      {clock(at)}
    </time>
  );
}
