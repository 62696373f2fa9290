import { useEffect, useRef, useState } from "preact/hooks";

import { Capability } from "@kupla/contract/kupla/v1/conversation_pb";
import { announce } from "../app/announcer.js";
import { LeaveDialog } from "../app/LeaveDialog.js";
import type { Chat } from "../app/session.js";
import { list } from "../i18n/format.js";
import { t } from "../i18n/i18n.js";
import { Button } from "../ui/Button.js";
import { Icon } from "../ui/Icon.js";
import { VisuallyHidden } from "../ui/VisuallyHidden.js";
import { ExpireNotice } from "./ExpireNotice.js";
import "./talk.css";
import { usePeople } from "./usePeople.js";
import { nameOf } from "./words.js";

/** How long somebody must be away before it is said aloud: a page that is reloaded is back within that. */
const awayMs = 5000;

/** Who answers and whether they are there, the way out, and the warning before the conversation expires. */
export function TalkHeader({ chat }: { chat: Chat }) {
  const state = chat.state.value;
  const people = usePeople(state);
  const [leaving, setLeaving] = useState(false);
  const names = people.professionals.map((id) => nameOf(people, id));
  const away = people.professionals.filter((id) => state.presences.get(id)?.present === false);
  const allAway = names.length > 0 && away.length === names.length;
  useAwayAnnounced(
    away.map((id) => nameOf(people, id)),
    state.connection === "open",
  );
  return (
    <div class="talk-header">
      <div class="talk-header__row">
        {names.length > 0 && (
          <div class="talk-header__who">
            <p class="talk-header__names">
              <VisuallyHidden>{t("talk:answeredBy")} </VisuallyHidden>
              {list(names)}
            </p>
            {/* Who is there is not known while the connection is lost. */}
            {state.connection === "open" && (
              <p class={allAway ? "talk-header__presence talk-header__presence--away" : "talk-header__presence"}>
                <span class="talk-header__dot" aria-hidden="true" />
                {allAway ? t("talk:away") : t("talk:present")}
              </p>
            )}
          </div>
        )}
        {state.capabilities.has(Capability.LEAVE) && (
          <Button
            kind="secondary"
            small
            class="talk-header__leave"
            icon={<Icon name="leave" />}
            onClick={() => setLeaving(true)}
          >
            {t("talk:leave")}
          </Button>
        )}
      </div>
      <ExpireNotice chat={chat} />
      {leaving && <LeaveDialog chat={chat} onClose={() => setLeaving(false)} />}
    </div>
  );
}

/** Says aloud that those who answer have gone, once they have been away for a while, and that they are back. */
function useAwayAnnounced(away: readonly string[], connected: boolean): void {
  const told = useRef<string>("");
  const names = list(away);
  useEffect(() => {
    if (!connected || names === told.current) {
      return undefined;
    }
    const timer = window.setTimeout(() => {
      const text = names === "" ? t("talk:cameBack", { name: told.current }) : t("talk:wentAway", { name: names });
      told.current = names;
      announce(text, { key: "presence" });
    }, awayMs);
    return () => window.clearTimeout(timer);
  }, [names, connected]);
}
