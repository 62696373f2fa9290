import { useEffect, useState } from "preact/hooks";

import { Capability, CloseReason } from "@kupla/contract/kupla/v1/conversation_pb";
import { announce } from "../app/announcer.js";
import type { Chat } from "../app/session.js";
import { t } from "../i18n/i18n.js";
import { drafts } from "../talk/tabValues.js";
import { closeReasonText } from "../talk/words.js";
import { Button } from "../ui/Button.js";
import { Icon } from "../ui/Icon.js";
import { Notice } from "../ui/Notice.js";
import { telephone } from "../ui/PhoneLink.js";
import { Screen } from "../ui/Screen.js";
import { EndedLog } from "./EndedLog.js";
import { ForgetDialog } from "./ForgetDialog.js";
import { KeepCopy } from "./KeepCopy.js";
import { SurveyCard, surveyOutcomes } from "./SurveyCard.js";
import "./ended.css";

/** The end: why it came, where to go on, what was said last, the survey, and the copy to keep. */
export function EndedScreen({
  chat,
  onStartAgain,
  onClose,
}: {
  chat: Chat;
  /** Forgets the conversation and shows the queues, or one of them. */
  onStartAgain: (queueId?: string) => void;
  /** Closes the panel. Undefined on a page of its own. */
  onClose?: (() => void) | undefined;
}) {
  const { capabilities, conversation } = chat.state.value;
  const [forgetting, setForgetting] = useState(false);
  const reason = conversation?.closeReason ?? CloseReason.UNSPECIFIED;
  const onPhone = reason === CloseReason.NOT_REACHED || reason === CloseReason.REDIRECTED_TO_PHONE;
  const phone = onPhone ? (chat.queue.value?.phone ?? "") : "";
  const reasonText = closeReasonText(reason);

  const unfinished = chat.draft.value.trim();
  const startAgain = (): void => {
    surveyOutcomes.write(chat.conversation.id, "");
    onStartAgain();
  };

  useEffect(() => {
    drafts.write(chat.conversation.id, "");
  }, []);
  useEffect(() => {
    const call = phone === "" ? "" : ` ${t("ended:phone", { phone })}`;
    announce(`${t("ended:title")}. ${reasonText}${call}`, { key: "ended", priority: "now" });
  }, [reason, phone]);

  return (
    <Screen name="ended" title={t("ended:title")}>
      <div class="ended" data-close-reason={CloseReason[reason] ?? "UNSPECIFIED"}>
        <p class="ended__reason">{reasonText}</p>
        {phone !== "" && (
          <p class="ended__call">
            <a class="button button--primary ended__call-link" href={telephone(phone)}>
              <Icon name="phone" />
              <span class="button__label">{t("ended:call", { phone })}</span>
            </a>
          </p>
        )}
        {capabilities.has(Capability.READ) && <EndedLog chat={chat} />}
        {unfinished !== "" && (
          <Notice title={t("ended:unfinished")}>
            <p class="ended__unfinished">{unfinished}</p>
          </Notice>
        )}
        {capabilities.has(Capability.GIVE_FEEDBACK) && <SurveyCard chat={chat} />}
        {capabilities.has(Capability.READ) && <KeepCopy chat={chat} onForget={() => setForgetting(true)} />}
        <div class="ended__actions">
          <Button kind="secondary" onClick={startAgain}>
            {t("ended:again")}
          </Button>
          <p class="ended__hint">{t("ended:againHint")}</p>
          {onClose !== undefined && (
            <Button kind="quiet" icon={<Icon name="close" />} onClick={onClose}>
              {t("ended:close")}
            </Button>
          )}
        </div>
      </div>
      {forgetting && (
        <ForgetDialog
          onForget={() => {
            announce(t("ended:forget.done"), { key: "forget", priority: "now" });
            startAgain();
          }}
          onClose={() => setForgetting(false)}
        />
      )}
    </Screen>
  );
}
