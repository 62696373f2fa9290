import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n/i18n.js";
import type { TextKey } from "../i18n/texts.js";
import { Button } from "../ui/Button.js";
import { Notice } from "../ui/Notice.js";
import { announce } from "./announcer.js";
import { useSession } from "./context.js";
import type { Chat } from "./session.js";

/** A connection that is back before this was hardly lost: most are, as when a phone changes its network. */
const patienceMs = 2000;

/** Why nothing new comes. */
type Away = "interrupted" | "lost" | "offline";

/** What is said of it: that nothing is lost, and what else there is to know. */
const texts: Record<Away, Record<"waiting" | "talk", { title: TextKey; text?: TextKey }>> = {
  interrupted: {
    waiting: { title: "common:connection.interruptedWaiting", text: "common:connection.mayBeOld" },
    talk: { title: "common:connection.interruptedTalk", text: "common:connection.messagesWait" },
  },
  // Over a talk there is little room, and an unsent message tells the same.
  lost: {
    waiting: { title: "common:connection.lostWaiting", text: "common:connection.retrying" },
    talk: { title: "common:connection.lostTalk" },
  },
  offline: {
    waiting: { title: "common:connection.offlineWaiting", text: "common:connection.whenOnline" },
    talk: { title: "common:connection.offlineTalk" },
  },
};

/**
 * Tells that the connection is lost, or the service interrupted, and that nothing else is. It is heard once when it
 * begins and once when it is over: whose network also goes meanwhile reads so, and is not told again.
 */
export function ConnectionBanner({ chat, part }: { chat: Chat; part: "waiting" | "talk" }) {
  const session = useSession();
  const { connection } = chat.state.value;
  const away =
    connection === "interrupted" || connection === "lost" || connection === "offline" ? connection : undefined;
  const [told, setTold] = useState<Away>();
  // An interruption is another thing than a lost connection: there is nothing to look for on one's own side.
  const news = away !== undefined && (told === undefined || (away === "interrupted" && told !== "interrupted"));

  useEffect(() => {
    if (connection === "open") {
      if (told !== undefined) {
        const over = told === "interrupted" ? "common:connection.over" : "common:connection.back";
        announce(t(over), { key: "connection", priority: "now" });
      }
      setTold(undefined);
      return;
    }
    if (away === undefined || !news) return;
    const timer = setTimeout(() => {
      const { title, text } = texts[away][part];
      setTold(away);
      const heard = away === "interrupted" && text !== undefined ? `${t(title)} ${t(text)}` : t(title);
      announce(heard, { key: "connection", priority: "now" });
    }, patienceMs);
    return () => clearTimeout(timer);
  }, [connection, told, away, news, part]);

  if (told === undefined || away === undefined) return null;
  const { title, text } = texts[away][part];
  return (
    <Notice
      kind={away === "interrupted" ? "info" : "warning"}
      title={t(title)}
      actions={
        away === "lost" && (
          <Button kind="secondary" small onClick={() => session.retry()}>
            {t("common:retryNow")}
          </Button>
        )
      }
    >
      {text !== undefined && <p>{t(text)}</p>}
    </Notice>
  );
}
