import { useEffect, useState } from "preact/hooks";
import type { Place } from "@kupla/contract/kupla/v1/conversation_pb";
import { Capability } from "@kupla/contract/kupla/v1/conversation_pb";
import { soundsOn, turnSounds } from "../app/cue.js";
import { LeaveDialog } from "../app/LeaveDialog.js";
import { MemoryNotice } from "../app/MemoryNotice.js";
import type { Chat } from "../app/session.js";
import { moment, untilMoment } from "../i18n/format.js";
import { localized, t } from "../i18n/i18n.js";
import { beforeClosingText, durationText } from "../start/estimateText.js";
import { Button } from "../ui/Button.js";
import { Icon } from "../ui/Icon.js";
import { Notice } from "../ui/Notice.js";
import { PhoneLink } from "../ui/PhoneLink.js";
import { isSoon } from "./soon.js";
import { waitSentence } from "./placeText.js";
import "./waiting.css";

/** How long "your place moved back" stays: a place is told anew every so often, and the reason with it only once. */
const movedBackMs = 60_000;

/** What there is to know while waiting, below the place. */
export function WaitingPanel({ chat, place }: { chat: Chat; place: Place }) {
  const { capabilities, conversation } = chat.state.value;
  const queue = chat.queue.value;
  const [leaving, setLeaving] = useState(false);
  const movedBack = useMovedBack(place);
  const closing = beforeClosingText(place.estimate);
  const asOf = place.estimate?.result.case === "range" ? place.estimate.asOfTime : undefined;
  const soon = isSoon(place);
  const keep = queue?.keepPlaceDuration;
  return (
    <div class="waiting">
      {soon && <Notice kind="success" title={t("waiting:soon")} />}
      <ul class="facts">
        <li class="facts__item">
          <Icon name="clock" />
          <span>
            {waitSentence(place)}
            {asOf !== undefined && (
              <>
                {" "}
                <span class="muted waiting__as-of">{t("waiting:asOf", { time: moment(asOf) })}</span>
              </>
            )}
          </span>
        </li>
        {queue !== undefined && (
          <li class="facts__item">
            <Icon name="people" />
            <span>{localized(queue.name)}</span>
          </li>
        )}
        {place.held && place.holdExpireTime !== undefined ? (
          <li class="facts__item">
            <Icon name="lock" />
            <span>{t("waiting:held", { time: untilMoment(place.holdExpireTime) })}</span>
          </li>
        ) : (
          keep !== undefined && (
            <li class="facts__item">
              <Icon name="lock" />
              <span>{t(soon ? "waiting:keepSoon" : "waiting:keep", { duration: durationText(keep) })}</span>
            </li>
          )
        )}
      </ul>
      {movedBack && (
        <Notice kind="info">
          <p>{t("waiting:movedBack")}</p>
        </Notice>
      )}
      {conversation?.transferred === true && (
        <Notice kind="info">
          <p>{t("waiting:transferred")}</p>
        </Notice>
      )}
      {closing !== undefined && (
        <Notice kind="warning" title={closing}>
          {queue !== undefined && queue.phone !== "" && (
            <p>
              {t("waiting:callInstead")} <PhoneLink phone={queue.phone} />
            </p>
          )}
        </Notice>
      )}
      <MemoryNotice />
      <div class="waiting__actions">
        <button
          type="button"
          role="switch"
          class="switch"
          aria-checked={soundsOn.value}
          onClick={() => turnSounds(!soundsOn.value)}
        >
          <Icon name={soundsOn.value ? "soundOn" : "soundOff"} />
          <span>{t("waiting:sound")}</span>
          <span class="switch__track" aria-hidden="true" />
        </button>
        {capabilities.has(Capability.LEAVE) && (
          <Button kind="quiet" icon={<Icon name="leave" />} onClick={() => setLeaving(true)}>
            {t("waiting:leave")}
          </Button>
        )}
      </div>
      {capabilities.has(Capability.SEND_MESSAGE) && <p class="muted waiting__write">{t("waiting:writeNow")}</p>}
      {leaving && <LeaveDialog chat={chat} onClose={() => setLeaving(false)} />}
    </div>
  );
}

function useMovedBack(place: Place): boolean {
  const [until, setUntil] = useState(0);
  useEffect(() => {
    if (!place.movedBack) return;
    setUntil(Date.now() + movedBackMs);
    const timer = setTimeout(() => setUntil(0), movedBackMs);
    return () => clearTimeout(timer);
  }, [place.movedBack, place.position]);
  return place.movedBack || until > Date.now();
}
