import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n/i18n.js";
import { Button } from "../ui/Button.js";
import { Icon } from "../ui/Icon.js";
import { Screen } from "../ui/Screen.js";
import { Spinner } from "../ui/Spinner.js";
import { announce } from "./announcer.js";
import { useSession } from "./context.js";

/** What is quicker than this needs no "one moment": it would only flicker. */
const patienceMs = 400;

/** Nothing is known yet. */
export function LoadingScreen() {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      setLate(true);
      announce(t("common:loading.text"), { key: "loading" });
    }, patienceMs);
    return () => clearTimeout(timer);
  }, []);
  return (
    <Screen name="loading" title={t("common:loading.title")} hideHeading takesFocus={false}>
      {late && (
        <p class="centred">
          <Spinner />
          {t("common:loading.text")}
        </p>
      )}
    </Screen>
  );
}

const problemIcons = { unreachable: "offline", interrupted: "info", failed: "offline", elsewhere: "bubble" } as const;

/** Something keeps the chat from going on, and one can try again. */
export function ProblemScreen({ problem }: { problem: "unreachable" | "failed" | "elsewhere" }) {
  const session = useSession();
  const connection =
    problem === "unreachable" ? (session.chat.value?.state.value ?? session.queues.value).connection : undefined;
  const words = connection === "interrupted" ? connection : problem;
  const title = t(`common:${words}.title`);
  const text = connection === "offline" ? t("common:unreachable.offline") : t(`common:${words}.text`);
  useEffect(() => announce(`${title}. ${text}`, { key: "problem", priority: "now" }), [title, text]);
  return (
    <Screen name={problem} title={title}>
      <div class="problem">
        <Icon name={problemIcons[words]} class="problem__icon" />
        <p>{text}</p>
        <Button icon={<Icon name="retry" />} onClick={() => session.retry()}>
          {problem === "elsewhere" ? t("common:elsewhere.action") : t("common:retryNow")}
        </Button>
      </div>
    </Screen>
  );
}

/** The conversation can no longer be shown. */
export function GoneScreen() {
  const session = useSession();
  return (
    <Screen name="gone" title={t("common:gone.title")}>
      <p>{t("common:gone.text")}</p>
      <p>
        <Button onClick={() => session.startAgain()}>{t("common:gone.startAgain")}</Button>
      </p>
    </Screen>
  );
}

/** The browser keeps nothing in frames, so the chat opens as a page of its own. */
export function StorageBlockedScreen() {
  const own = new URL(window.location.href);
  own.searchParams.delete("embedded");
  return (
    <Screen name="storageBlocked" title={t("common:storageBlocked.title")}>
      <p>{t("common:storageBlocked.text")}</p>
      <p>
        <a class="button button--primary" href={own.href} target="_blank" rel="noopener">
          <Icon name="bubble" />
          <span class="button__label">{t("common:storageBlocked.link")}</span>
        </a>
      </p>
    </Screen>
  );
}
