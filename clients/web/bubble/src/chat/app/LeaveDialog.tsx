import { useState } from "preact/hooks";
import { KuplaError } from "@kupla/sdk";
import { t } from "../i18n/i18n.js";
import { Button } from "../ui/Button.js";
import { Dialog } from "../ui/Dialog.js";
import { Notice } from "../ui/Notice.js";
import { announce } from "./announcer.js";
import { errorText } from "./errorText.js";
import type { Chat } from "./session.js";

/** Asks whether to leave the queue or end the conversation, and does it. */
export function LeaveDialog({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<KuplaError>();
  const waiting = chat.state.value.place !== undefined;
  const leave = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await chat.conversation.leave();
      onClose();
    } catch (error) {
      if (!(error instanceof KuplaError)) throw error;
      setFailure(error);
      announce(`${t("common:leave.failed")} ${errorText(error)}`, { key: "leave", priority: "now" });
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={t(waiting ? "common:leave.waitingTitle" : "common:leave.talkTitle")}
      onClose={onClose}
      actions={
        <>
          <Button kind="secondary" onClick={onClose}>
            {t(waiting ? "common:leave.waitingStay" : "common:leave.talkStay")}
          </Button>
          <Button kind="danger" busy={busy} onClick={() => void leave()}>
            {busy ? t("common:busy") : t(waiting ? "common:leave.waitingLeave" : "common:leave.talkLeave")}
          </Button>
        </>
      }
    >
      <p>{t(waiting ? "common:leave.waitingText" : "common:leave.talkText")}</p>
      {failure !== undefined && (
        <Notice kind="danger" title={t("common:leave.failed")}>
          <p>{errorText(failure)}</p>
        </Notice>
      )}
    </Dialog>
  );
}
