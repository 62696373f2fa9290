import { useEffect, useRef, useState } from "preact/hooks";
import type { Queue } from "@kupla/contract/kupla/v1/queue_pb";
import { IdentificationPolicy } from "@kupla/contract/kupla/v1/queue_pb";
import type { StartOptions } from "@kupla/sdk";
import { KuplaError } from "@kupla/sdk";
import { announce } from "../app/announcer.js";
import { useSession } from "../app/context.js";
import { MemoryNotice } from "../app/MemoryNotice.js";
import { errorText, servedLanguages } from "../app/errorText.js";
import { list } from "../i18n/format.js";
import { isLanguage } from "../i18n/languages.js";
import { language, localized, localizedLanguage, t } from "../i18n/i18n.js";
import type { Language } from "../i18n/languages.js";
import type { TextKey } from "../i18n/texts.js";
import { Button } from "../ui/Button.js";
import { Icon } from "../ui/Icon.js";
import { Notice } from "../ui/Notice.js";
import { PhoneLink } from "../ui/PhoneLink.js";
import { Screen } from "../ui/Screen.js";
import { beforeClosingText } from "./estimateText.js";
import { Hours } from "./Hours.js";
import { NoticeText } from "./NoticeText.js";
import type { QueueView } from "./queueStatus.js";
import { queueView } from "./queueStatus.js";
import { statusText } from "./queueStatusText.js";
import { QueueStatusLine, WaitLine } from "./QueuesScreen.js";
import { StartError } from "./StartError.js";
import { StartForm } from "./StartForm.js";
import { StartRetrying } from "./StartRetrying.js";
import { served, startLanguage, startProblems } from "./startForm.js";

/** One queue, and what to know and say before going in. What was typed stays while the queue changes around it. */
export function QueueScreen({ queueId }: { queueId: string }) {
  const session = useSession();
  const entry = session.queues.value.queues?.find(({ queue }) => queue?.id === queueId);
  const unfinished = session.unfinishedStart(queueId);
  const [name, setName] = useState(unfinished?.displayName ?? "");
  const [message, setMessage] = useState(unfinished?.message ?? "");
  const [chosen, setChosen] = useState<Language | undefined>(
    isLanguage(unfinished?.language) ? unfinished.language : undefined,
  );
  const [checked, setChecked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<KuplaError>();
  const [retrying, setRetrying] = useState<KuplaError>();
  const notice = useRef<HTMLElement>(null);
  const noticeVersion = entry?.queue?.noticeVersion;
  const shownVersion = useRef(noticeVersion);
  const [noticeChanged, setNoticeChanged] = useState(false);

  // The notice changed under the reader's eyes: say so, and let it be read before the start.
  useEffect(() => {
    if (shownVersion.current !== undefined && noticeVersion !== shownVersion.current) {
      setNoticeChanged(true);
      announce(t("start:noticeChanged"), { key: "start", priority: "now" });
    }
    shownVersion.current = noticeVersion;
  }, [noticeVersion]);

  const start = async (options: StartOptions) => {
    setBusy(true);
    try {
      await session.start(options, ({ error }) => setRetrying(error));
    } catch (error) {
      if (!(error instanceof KuplaError)) throw error;
      setFailure(error);
      setRetrying(undefined);
      setBusy(false);
      announce(errorText(error), { key: "start", priority: "now" });
      if (error.reason === "NOTICE_OUTDATED") {
        setNoticeChanged(true);
        session.refreshQueues();
        notice.current?.focus();
      } else if (error.reason === "LANGUAGE_NOT_SERVED") {
        // The choice comes with the refusal, further up: that is where one goes on.
        requestAnimationFrame(() => document.querySelector<HTMLElement>("#start input:checked")?.focus());
      }
    }
  };

  // The page was left in the middle of a start: it may have been made, and asking again gives the same place.
  useEffect(() => {
    if (unfinished === undefined) return;
    announce(t("start:goingOn"), { key: "start" });
    void start(unfinished);
  }, []);

  const queue = entry?.queue;
  const view = queueView(queue, entry?.status);
  useStatusAnnounced(view);
  if (queue === undefined) return null;
  const refused = failure?.reason === "LANGUAGE_NOT_SERVED" ? servedLanguages(failure) : [];
  const codes = refused.length > 0 ? refused : served(queue.languages);
  const startIn = startLanguage(chosen, language.value, codes);
  const problems = checked ? startProblems(name, message) : undefined;

  const check = () => {
    setFailure(undefined);
    setChecked(true);
    announce("", { key: "start" });
    const wrong = startProblems(name, message);
    if (wrong !== undefined) {
      const field = wrong.name === undefined ? "#start textarea" : "#start input[type=text]";
      // The first field that is to be mended, so that it is found at once.
      document.querySelector<HTMLElement>(field)?.focus();
      const identityCode = wrong.name === "identityCode" || wrong.message === "identityCode";
      if (identityCode) announce(t("start:identityCode"), { key: "start", priority: "now" });
      return;
    }
    announce(t("start:submitting"), { key: "start" });
    void start({
      queueId,
      language: startIn,
      displayName: name.trim() || undefined,
      message: message.trim() || undefined,
      noticeVersion: queue.noticeVersion,
    });
  };

  const closing = view.canStart ? beforeClosingText(entry?.status?.estimate) : undefined;
  return (
    <Screen name="queue" title={localized(queue.name)}>
      <p class="lead" lang={localizedLanguage(queue.description)}>
        {localized(queue.description)}
      </p>
      <p class="queue-status" data-kind={view.kind}>
        <QueueStatusLine view={view} />
        {view.showsWait && <WaitLine estimate={entry?.status?.estimate} />}
      </p>
      {closing !== undefined && <Notice kind="warning" title={closing} />}

      <section class="must-read" ref={notice} tabIndex={-1} aria-labelledby="must-read">
        <Notice kind="warning" title={<span id="must-read">{t("start:noticeTitle")}</span>}>
          {noticeChanged && (
            <p>
              <strong>{t("start:noticeChanged")}</strong>
            </p>
          )}
          <div lang={localizedLanguage(queue.notice)}>
            <NoticeText text={localized(queue.notice)} />
          </div>
          {queue.phone !== "" && (
            <p class="phone-line">
              {t("start:phoneInstead")} <PhoneLink phone={queue.phone} />
            </p>
          )}
        </Notice>
      </section>

      <Facts queue={queue} />
      <MemoryNotice />

      {view.canStart || busy ? (
        <StartForm
          name={name}
          message={message}
          language={startIn}
          codes={codes}
          asksLanguage={!codes.includes(language.value) || (chosen !== undefined && chosen !== language.value)}
          problems={problems}
          busy={busy}
          onName={setName}
          onMessage={setMessage}
          onLanguage={setChosen}
          onStart={check}
          failure={
            failure !== undefined ? (
              <StartError error={failure} queuePhone={queue.phone} onOtherQueue={() => session.choose(undefined)} />
            ) : (
              retrying !== undefined && <StartRetrying error={retrying} phone={queue.phone} />
            )
          }
        />
      ) : (
        <Notice kind="info" title={view.kind === "unknown" ? t("start:cannotStart") : statusText(view)}>
          <p>{t("start:opensItself")}</p>
        </Notice>
      )}

      {queue.openingHours !== undefined && <Hours hours={queue.openingHours} />}
      <p class="back">
        <Button kind="quiet" icon={<Icon name="arrowLeft" />} onClick={() => session.choose(undefined)}>
          {t("common:backToQueues")}
        </Button>
      </p>
    </Screen>
  );
}

/** Says it when the queue opens, closes or fills up while one reads: the form comes and goes with that. */
function useStatusAnnounced(view: QueueView): void {
  const known = useRef(view.kind);
  useEffect(() => {
    if (known.current === view.kind) return;
    known.current = view.kind;
    announce(statusText(view), { key: "status" });
  }, [view.kind]);
}

/** What is good to know: who asks who one is, who sees the conversation, in which languages. */
function Facts({ queue }: { queue: Queue }) {
  const identification = identificationKey(queue.identificationPolicy);
  return (
    <ul class="facts">
      {identification !== undefined && (
        <li class="facts__item">
          <Icon name="lock" />
          <span>{t(identification)}</span>
        </li>
      )}
      <li class="facts__item">
        <Icon name="people" />
        <span>{t("start:privacy")}</span>
      </li>
      <li class="facts__item">
        <Icon name="globe" />
        <span>
          {t("start:languagesServed", {
            languages: list(served(queue.languages).map((code) => t(`common:languageIn.${code}`))),
          })}
        </span>
      </li>
    </ul>
  );
}

function identificationKey(policy: IdentificationPolicy): TextKey | undefined {
  switch (policy) {
    case IdentificationPolicy.NEVER:
      return "start:identification.never";
    case IdentificationPolicy.OPTIONAL:
      return "start:identification.optional";
    case IdentificationPolicy.ON_ASSESSMENT:
      return "start:identification.onAssessment";
    case IdentificationPolicy.AT_START:
      return "start:identification.atStart";
    default:
      return undefined;
  }
}
