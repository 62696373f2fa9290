import { containsIdentityCode, type OutboxMessage } from "@kupla/sdk";
import { useEffect, useRef } from "preact/hooks";

import { announce } from "../app/announcer.js";
import type { Chat } from "../app/session.js";
import { t } from "../i18n/i18n.js";
import { Button } from "../ui/Button.js";
import { Icon } from "../ui/Icon.js";
import { MessageText } from "./MessageText.js";
import { Sender } from "./Messages.js";
import { focusComposer } from "./composerFocus.js";
import { withoutIdentityCodes } from "./identityCodes.js";
import { mayEdit, mayRetry, refusalText } from "./refusal.js";
import { waitingKey } from "./waitingKey.js";

/** The messages that are not in the log yet, at its end: being sent, waiting for the connection, or refused. */
export function Outbox({ chat }: { chat: Chat }) {
  const { outbox, conversation, connection } = chat.state.value;
  const waiting = waitingKey(outbox, connection);
  useRefusalsAnnounced(outbox);
  return (
    <>
      {outbox.map((message) => (
        <li
          key={message.requestId}
          class={`message message--mine message--${message.state}`}
          data-outbox={message.state}
        >
          <Sender name={t("talk:you")} hidden />
          <div class="message__bubble">
            <MessageText text={message.text} lang={conversation?.language} />
          </div>
          {message.state === "refused" ? (
            <Refused chat={chat} message={message} />
          ) : (
            <p class="message__state">
              <Icon name={message.state === "waiting" && waiting === "talk:outbox.waiting" ? "offline" : "clock"} />
              {t(message.state === "waiting" ? waiting : "talk:outbox.sending")}
            </p>
          )}
        </li>
      ))}
    </>
  );
}

function Refused({ chat, message }: { chat: Chat; message: OutboxMessage }) {
  const edit = (change: (text: string) => string): void => {
    const text = change(chat.conversation.discard(message.requestId) ?? "");
    // What is being written already is kept: the old message goes before it.
    chat.draft.value = [text, chat.draft.value].filter((part) => part.trim() !== "").join("\n");
    focusComposer();
  };
  return (
    <div class="message__refusal">
      <p class="message__state message__state--refused">
        <Icon name="warning" />
        <span>
          <strong>{t("talk:outbox.refused")}</strong> {refusalText(message.error)}
        </span>
      </p>
      <div class="message__actions">
        {message.error?.reason === "IDENTITY_CODE_IN_TEXT" && containsIdentityCode(message.text) && (
          <Button kind="secondary" small onClick={() => edit(withoutIdentityCodes)}>
            {t("talk:identityCode.remove")}
          </Button>
        )}
        {mayRetry(message.error) && (
          <Button
            kind="secondary"
            small
            icon={<Icon name="retry" />}
            onClick={() => {
              chat.conversation.retry(message.requestId);
              focusComposer();
            }}
          >
            {t("talk:outbox.retry")}
          </Button>
        )}
        {mayEdit(message.error) && (
          <Button kind="secondary" small onClick={() => edit((text) => text)}>
            {t("talk:outbox.edit")}
          </Button>
        )}
        <Button
          kind="quiet"
          small
          onClick={() => {
            chat.conversation.discard(message.requestId);
            announce(t("talk:outbox.removed"), { key: "outbox", priority: "now" });
            focusComposer();
          }}
        >
          {t("talk:outbox.remove")}
        </Button>
      </div>
    </div>
  );
}

/** Tells of each refusal once. What was refused before the page was opened is there to be read. */
function useRefusalsAnnounced(outbox: readonly OutboxMessage[]): void {
  const known = useRef<Set<string> | undefined>(undefined);
  useEffect(() => {
    const refused = outbox.filter((message) => message.state === "refused");
    const before = known.current;
    known.current = new Set(refused.map((message) => message.requestId));
    for (const message of refused) {
      if (before !== undefined && !before.has(message.requestId)) {
        const text = `${t("talk:outbox.refused")} ${refusalText(message.error)}`;
        announce(text, { key: `outbox:${message.requestId}`, priority: "now" });
      }
    }
  }, [outbox]);
}
