import { effect, untracked } from "@preact/signals";
import { ParticipantRole } from "@kupla/contract/kupla/v1/conversation_pb";
import { t } from "../i18n/i18n.js";
import { heardText, waitSentence } from "../waiting/placeText.js";
import type { LastAnnounced } from "../waiting/placeAnnouncements.js";
import { placeAnnouncement } from "../waiting/placeAnnouncements.js";
import { isSoon } from "../waiting/soon.js";
import { announce } from "./announcer.js";
import type { Attention } from "./attention.js";
import { playCue } from "./cue.js";
import type { Chat } from "./session.js";

/**
 * Lets a conversation be noticed without being looked at: announces places by their rule and professionals as they
 * come, and gives the cues. Returns what ends it.
 */
export function startVoice(chat: Chat, attention: Attention): () => void {
  const stopPlaces = voicePlaces(chat, attention);
  const stopJoins = voiceJoins(chat, attention);
  return () => {
    stopPlaces();
    stopJoins();
    attention.end();
  };
}

function voicePlaces(chat: Chat, attention: Attention): () => void {
  let last: LastAnnounced | undefined;
  let toldWait = "";
  let wasSoon = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    const place = chat.state.peek().place;
    if (place === undefined) {
      // A place that is still to be spoken is no longer true.
      if (last !== undefined) announce("", { key: "place" });
      last = undefined;
      toldWait = "";
      wasSoon = false;
      return;
    }
    const soon = isSoon(place);
    if (soon && !wasSoon) {
      playCue("soon");
      attention.call(t("waiting:attention.soon"));
    }
    wasSoon = soon;
    const now = Date.now();
    const heard = { position: place.position, soon, movedBack: place.movedBack };
    const next = placeAnnouncement(heard, last, now);
    if (next.when === "now") {
      last = { position: place.position, soon, time: now };
      announce(heardText(place, toldWait), { key: "place" });
      toldWait = waitSentence(place);
    } else if (next.when === "later") {
      timer = setTimeout(look, next.afterMs);
    }
  };
  const stop = effect(() => {
    void chat.state.value.place;
    untracked(look);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}

function voiceJoins(chat: Chat, attention: Attention): () => void {
  let seen: number | undefined;
  return effect(() => {
    const { events, caughtUp } = chat.state.value;
    if (!caughtUp) return;
    const from = seen;
    seen = events.at(-1)?.sequence ?? 0;
    // What had happened before the page was opened is history: it is read, not told.
    if (from === undefined) return;
    for (const { sequence, kind } of events) {
      if (sequence <= from) continue;
      if (kind.case === "returnedToQueue") {
        untracked(() => announce(t("waiting:backInQueue"), { key: "joined", priority: "now" }));
      }
      if (kind.case !== "participantJoined" || kind.value.participant?.role !== ParticipantRole.PROFESSIONAL) continue;
      const name = kind.value.participant.displayName;
      untracked(() => {
        const text = name === "" ? t("waiting:joinedNameless") : t("waiting:joined", { name });
        announce(text, { key: "joined", priority: "now" });
        playCue("joined");
        attention.call(t("waiting:attention.joined"));
      });
    }
  });
}
