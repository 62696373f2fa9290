import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n/i18n.js";
import { Button } from "../ui/Button.js";
import { Notice } from "../ui/Notice.js";
import { announce } from "./announcer.js";
import { useSession } from "./context.js";
import type { Chat } from "./session.js";

/** A connection that is back before this was hardly lost: most are, as when a phone changes its network. */
const patienceMs = 2000;

/** Tells that the connection is lost and that nothing else is. */
export function ConnectionBanner({ chat, part }: { chat: Chat; part: "waiting" | "talk" }) {
  const session = useSession();
  const { connection } = chat.state.value;
  const lost = connection === "interrupted" || connection === "offline";
  const [told, setTold] = useState(false);
  const key =
    connection === "offline"
      ? part === "waiting"
        ? "common:connection.offlineWaiting"
        : "common:connection.offlineTalk"
      : part === "waiting"
        ? "common:connection.lostWaiting"
        : "common:connection.lostTalk";

  useEffect(() => {
    if (connection === "open") {
      if (told) announce(t("common:connection.back"), { key: "connection", priority: "now" });
      setTold(false);
      return;
    }
    if (!lost || told) return;
    const timer = setTimeout(() => {
      setTold(true);
      announce(t(key), { key: "connection", priority: "now" });
    }, patienceMs);
    return () => clearTimeout(timer);
  }, [connection, lost, told, key]);

  if (!told || connection === "open") return null;
  return (
    <Notice
      kind="warning"
      title={t(key)}
      actions={
        connection === "interrupted" && (
          <Button kind="secondary" small onClick={() => session.retry()}>
            {t("common:retryNow")}
          </Button>
        )
      }
    >
      {/* Over a talk there is little room, and an unsent message tells the same. */}
      {part === "waiting" && (
        <p>{t(connection === "offline" ? "common:connection.whenOnline" : "common:connection.retrying")}</p>
      )}
    </Notice>
  );
}
