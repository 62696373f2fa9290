import { useEffect, useState } from "preact/hooks";

import { announce } from "../app/announcer.js";
import type { Chat } from "../app/session.js";
import { moment } from "../i18n/format.js";
import { t } from "../i18n/i18n.js";
import { Button } from "../ui/Button.js";
import { Notice } from "../ui/Notice.js";
import { focusComposer } from "./composerFocus.js";

/**
 * Warns that the conversation expires, and lets it go on. It waits beside what one is doing rather than in front of
 * it, is said aloud once, and can be answered for as long as there is time.
 */
export function ExpireNotice({ chat }: { chat: Chat }) {
  const { expireTime, connection } = chat.state.value;
  const [answering, setAnswering] = useState(false);
  const [failed, setFailed] = useState(false);
  const warned = expireTime !== undefined;
  const text = warned ? t("talk:expire.text", { moment: moment(expireTime) }) : "";
  useEffect(() => {
    setFailed(false);
    if (text !== "") {
      announce(`${t("talk:expire.title")} ${text}`, { key: "expire", priority: "now" });
    }
  }, [text]);
  if (!warned) {
    return null;
  }
  const stay = async (): Promise<void> => {
    setAnswering(true);
    setFailed(false);
    try {
      await chat.conversation.stay();
      announce(t("talk:expire.stayed"), { key: "expire", priority: "now" });
      // The button goes with the warning; what is typed into is where one goes on.
      focusComposer();
    } catch {
      setFailed(true);
      announce(t("talk:expire.failed"), { key: "expire", priority: "now" });
    } finally {
      setAnswering(false);
    }
  };
  return (
    <Notice
      kind="warning"
      title={t("talk:expire.title")}
      actions={
        <Button kind="primary" busy={answering} disabled={connection === "offline"} onClick={() => void stay()}>
          {t("talk:expire.stay")}
        </Button>
      }
    >
      <p>{text}</p>
      {failed && <p>{t("talk:expire.failed")}</p>}
    </Notice>
  );
}
