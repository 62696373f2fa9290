import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { localized, t } from "../i18n/i18n.js";
import { Composer } from "../talk/Composer.js";
import { Log } from "../talk/Log.js";
import { TalkHeader } from "../talk/TalkHeader.js";
import { Screen } from "../ui/Screen.js";
import { PlaceHeading } from "../waiting/PlaceHeading.js";
import { placeSentence } from "../waiting/placeText.js";
import { WaitingPanel } from "../waiting/WaitingPanel.js";
import { createAttention } from "./attention.js";
import { ConnectionBanner } from "./ConnectionBanner.js";
import { useSession } from "./context.js";
import { startVoice } from "./conversationVoice.js";
import { startSounds } from "./cue.js";
import type { Chat } from "./session.js";

/**
 * Waiting and talking. They are one screen: the log and what is being typed stay where they are when the turn comes,
 * and only what stands above them changes.
 */
export function ConversationScreen({ chat, part }: { chat: Chat; part: "waiting" | "talk" }) {
  const place = chat.state.value.place;
  const queue = localized(chat.queue.value?.name);
  const waiting = part === "waiting" && place !== undefined;
  const title = waiting ? placeSentence(place) : queue;
  useVoice(chat);
  const before = useRef(part);
  useLayoutEffect(() => {
    if (before.current === part) return;
    before.current = part;
    // What had the focus may have gone with the panel.
    if (document.activeElement === document.body) document.querySelector<HTMLElement>("#main h1")?.focus();
  }, [part]);
  return (
    <Screen
      name={waiting ? "waiting" : "talk"}
      title={title === "" ? t("common:chat") : title}
      heading={waiting ? <PlaceHeading place={place} /> : undefined}
      hideHeading={!waiting}
      footer={<Composer chat={chat} />}
    >
      <div class={waiting ? "waiting-top" : "talk-top"}>
        <ConnectionBanner chat={chat} part={part} />
        {!waiting && <TalkHeader chat={chat} />}
      </div>
      {waiting && <WaitingPanel chat={chat} place={place} />}
      <Log chat={chat} />
    </Screen>
  );
}

/** Lets the conversation be heard and noticed for as long as it is on the screen, also while the screen is not seen. */
function useVoice(chat: Chat): void {
  const { host } = useSession();
  useEffect(() => {
    startSounds();
    const attention = createAttention(host);
    const stop = startVoice(chat, attention);
    return () => {
      stop();
      attention.stop();
    };
  }, [chat, host]);
}
