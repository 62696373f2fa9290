import type { Survey } from "@kupla/contract/kupla/v1/feedback_pb";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Chat } from "../app/session.js";
import { t } from "../i18n/i18n.js";
import { createTabValues } from "../talk/tabValues.js";
import { Button } from "../ui/Button.js";
import { Icon } from "../ui/Icon.js";
import { Notice } from "../ui/Notice.js";
import { Spinner } from "../ui/Spinner.js";
import { SurveyForm } from "./SurveyForm.js";
import { shownQuestions } from "./surveyForm.js";

/** What became of the survey in this tab, so that a reload does not ask again: "sent", "skipped", or nothing yet. */
export const surveyOutcomes = createTabValues("survey");

type Stage =
  | { readonly name: "asked" | "loading" | "failed" | "sent" | "skipped" }
  | { readonly name: "open"; readonly survey: Survey };

/** Asks how it went. It opens when one wants to answer, and can be skipped at any time. */
export function SurveyCard({ chat }: { chat: Chat }) {
  const { id } = chat.conversation;
  const [stage, setStage] = useState<Stage>(() => {
    const outcome = surveyOutcomes.read(id);
    return { name: outcome === "sent" || outcome === "skipped" ? outcome : "asked" };
  });
  const title = useRef<HTMLHeadingElement>(null);
  const before = useRef(stage.name);
  useLayoutEffect(() => {
    // What was pressed is gone; the heading of what came in its place is where one goes on.
    if (before.current !== stage.name && stage.name !== "loading") {
      title.current?.focus();
    }
    before.current = stage.name;
  }, [stage.name]);

  const open = async (): Promise<void> => {
    setStage({ name: "loading" });
    try {
      const survey = await chat.conversation.survey();
      setStage(shownQuestions(survey.questions).length === 0 ? { name: "failed" } : { name: "open", survey });
    } catch {
      setStage({ name: "failed" });
    }
  };
  const end = (outcome: "sent" | "skipped"): void => {
    surveyOutcomes.write(id, outcome);
    setStage({ name: outcome });
  };

  return (
    <section class="ended__card survey" data-survey={stage.name}>
      <h2 class="ended__card-title" ref={title} tabIndex={-1}>
        {stage.name === "sent" && <Icon name="check" />}
        {stage.name === "sent" ? t("ended:survey.thanks") : t("ended:survey.title")}
      </h2>
      {stage.name === "sent" && <p>{t("ended:survey.thanksText")}</p>}
      {stage.name === "failed" && (
        <Notice kind="warning">
          <p>{t("ended:survey.loadFailed")}</p>
        </Notice>
      )}
      {(stage.name === "asked" || stage.name === "loading") && (
        <p>
          {t("ended:survey.intro")} {t("ended:survey.anonymous")}
        </p>
      )}
      {stage.name === "skipped" && <p>{t("ended:survey.skipped")}</p>}
      {stage.name !== "open" && stage.name !== "sent" && (
        <div class="ended__buttons">
          <Button
            kind={stage.name === "skipped" ? "secondary" : "primary"}
            busy={stage.name === "loading"}
            icon={stage.name === "loading" && <Spinner />}
            onClick={() => void open()}
          >
            {t(
              stage.name === "loading"
                ? "ended:survey.loading"
                : stage.name === "failed"
                  ? "ended:survey.retry"
                  : "ended:survey.open",
            )}
          </Button>
          {(stage.name === "asked" || stage.name === "failed") && (
            <Button kind="quiet" onClick={() => end("skipped")}>
              {t("ended:survey.skip")}
            </Button>
          )}
        </div>
      )}
      {stage.name === "open" && (
        <SurveyForm chat={chat} survey={stage.survey} onSent={() => end("sent")} onSkip={() => end("skipped")} />
      )}
    </section>
  );
}
