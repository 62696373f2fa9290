import { containsIdentityCode } from "@kupla/sdk";
import type { TargetedKeyboardEvent } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { Capability, ConversationState } from "@kupla/contract/kupla/v1/conversation_pb";
import { announce } from "../app/announcer.js";
import type { Chat } from "../app/session.js";
import { t } from "../i18n/i18n.js";
import { Button } from "../ui/Button.js";
import { Icon } from "../ui/Icon.js";
import { Notice } from "../ui/Notice.js";
import { countCharacters, countFrom, messageLimit } from "./characters.js";
import { composerId, focusComposer } from "./composerFocus.js";
import { drafts } from "./tabValues.js";
import { withoutIdentityCodes } from "./identityCodes.js";
import "./talk.css";

/** Where messages are written. It stays mounted from the waiting to the talk, so that nothing typed is lost. */
export function Composer({ chat }: { chat: Chat }) {
  const { capabilities, conversation } = chat.state.value;
  useDraftKept(chat);
  if (capabilities.has(Capability.SEND_MESSAGE)) {
    return <Writing chat={chat} />;
  }
  return (
    <p class="composer__closed">
      <Icon name="lock" />
      {conversation?.state === ConversationState.CLOSED ? t("talk:composer.closed") : t("talk:composer.notNow")}
    </p>
  );
}

function Writing({ chat }: { chat: Chat }) {
  const text = chat.draft.value;
  const id = useId();
  const [codeFound, setCodeFound] = useState(false);
  const left = messageLimit - countCharacters(text);
  const warned = codeFound && containsIdentityCode(text);
  useEffect(() => {
    if (codeFound && !warned) {
      setCodeFound(false);
    }
  }, [codeFound, warned]);

  const send = (): void => {
    const message = text.trim();
    if (message === "") {
      focusComposer();
      return;
    }
    if (containsIdentityCode(message)) {
      setCodeFound(true);
      announce(`${t("talk:identityCode.title")}. ${t("talk:identityCode.text")}`, {
        key: "identityCode",
        priority: "now",
      });
      return;
    }
    if (countCharacters(message) > messageLimit) {
      announce(t("talk:composer.over", { count: -left }), { key: "composer", priority: "now" });
      focusComposer();
      return;
    }
    chat.conversation.send(message);
    chat.draft.value = "";
    drafts.write(chat.conversation.id, "");
    focusComposer();
  };

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>): void => {
    // While an input method composes, Enter takes its suggestion.
    if (event.key !== "Enter" || event.isComposing || event.shiftKey || event.altKey) {
      return;
    }
    // A keyboard on the screen has no other way to a new line than Enter.
    if (event.ctrlKey || event.metaKey || hasKeyboard()) {
      event.preventDefault();
      send();
    }
  };

  const counted = left <= countFrom;
  const described = [`${id}-keys`, counted && `${id}-count`, warned && `${id}-code`].filter(Boolean).join(" ");
  return (
    <form
      class="composer"
      data-composer
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {warned && <CodeWarning chat={chat} id={`${id}-code`} />}
      <label class="visually-hidden" for={composerId}>
        {t("talk:composer.label")}
      </label>
      <div class="composer__row">
        <div class="composer__grow">
          {/* Takes the room that the text needs; the field lies over it. */}
          <div class="composer__text composer__text--copy" aria-hidden="true">
            {`${text}\n`}
          </div>
          <textarea
            id={composerId}
            class="input composer__text"
            rows={1}
            value={text}
            placeholder={t("talk:composer.label")}
            autocomplete="off"
            enterkeyhint={hasKeyboard() ? "send" : "enter"}
            aria-describedby={described}
            aria-invalid={left < 0 || warned ? true : undefined}
            onInput={(event) => {
              chat.draft.value = event.currentTarget.value;
              if (event.currentTarget.value.trim() !== "") {
                chat.conversation.typing();
              }
            }}
            onKeyDown={onKeyDown}
          />
        </div>
        <Button type="submit" class="composer__send" icon={<Icon name="send" />}>
          {t("talk:composer.send")}
        </Button>
      </div>
      <p class="visually-hidden" id={`${id}-keys`}>
        {hasKeyboard() ? t("talk:composer.keys") : ""}
      </p>
      {counted && (
        <p class={left < 0 ? "composer__count composer__count--over" : "composer__count"} id={`${id}-count`}>
          {left < 0 ? t("talk:composer.over", { count: -left }) : t("talk:composer.left", { count: left })}
        </p>
      )}
    </form>
  );
}

function CodeWarning({ chat, id }: { chat: Chat; id: string }) {
  const remove = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    remove.current?.focus();
  }, []);
  return (
    <Notice
      kind="danger"
      id={id}
      title={t("talk:identityCode.title")}
      actions={
        <>
          <Button
            small
            buttonRef={remove}
            onClick={() => {
              const rest = withoutIdentityCodes(chat.draft.value);
              chat.draft.value = rest;
              announce(t(rest === "" ? "talk:identityCode.removedAll" : "talk:identityCode.removed"), {
                key: "identityCode",
                priority: "now",
              });
              focusComposer();
            }}
          >
            {t("talk:identityCode.remove")}
          </Button>
          <Button kind="secondary" small onClick={focusComposer}>
            {t("talk:identityCode.edit")}
          </Button>
        </>
      }
    >
      <p>{t("talk:identityCode.text")}</p>
    </Notice>
  );
}

function hasKeyboard(): boolean {
  return matchMedia("(hover: hover) and (pointer: fine)").matches;
}

/** Keeps the draft over a reload of the page, each letter as soon as it stands there. A draft with an identity code in it is kept nowhere. */
function useDraftKept(chat: Chat): void {
  const { id } = chat.conversation;
  const text = chat.draft.value;
  const first = useRef(true);
  useLayoutEffect(() => {
    if (first.current) {
      first.current = false;
      if (text === "") {
        chat.draft.value = drafts.read(id);
        return;
      }
    }
    drafts.write(id, containsIdentityCode(text) ? "" : text);
  }, [id, text]);
}
