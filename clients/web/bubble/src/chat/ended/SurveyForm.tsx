import type { Survey, SurveyQuestion } from "@kupla/contract/kupla/v1/feedback_pb";
import { containsIdentityCode, KuplaError } from "@kupla/sdk";
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";

import { announce } from "../app/announcer.js";
import type { Chat } from "../app/session.js";
import { localized, localizedLanguage, t } from "../i18n/i18n.js";
import type { TextKey } from "../i18n/texts.js";
import { countCharacters, countFrom } from "../talk/characters.js";
import { withoutIdentityCodes } from "../talk/identityCodes.js";
import { Button } from "../ui/Button.js";
import { Field } from "../ui/Field.js";
import { Notice } from "../ui/Notice.js";
import {
  answerLimit,
  type Answers,
  feedbackAnswers,
  type ShownQuestion,
  shownQuestions,
  type SurveyProblem,
  surveyProblems,
} from "./surveyForm.js";

/** The survey's questions. Any of them may be left out; what is answered is kept here until it was sent. */
export function SurveyForm({
  chat,
  survey,
  onSent,
  onSkip,
}: {
  chat: Chat;
  survey: Survey;
  onSent: () => void;
  onSkip: () => void;
}) {
  const questions = useMemo(() => shownQuestions(survey.questions), [survey]);
  const [answers, setAnswers] = useState<Answers>(new Map());
  const [problems, setProblems] = useState<readonly SurveyProblem[]>([]);
  const [failure, setFailure] = useState<string>();
  const [sending, setSending] = useState(false);
  const summary = useRef<HTMLDivElement>(null);

  const answer = (questionId: string, value: number | string | undefined): void => {
    const next = new Map(answers);
    if (value === undefined) {
      next.delete(questionId);
    } else {
      next.set(questionId, value);
    }
    setAnswers(next);
    setFailure(undefined);
    // A problem that was shown goes as soon as it is mended; a new one is shown when the answers are sent.
    if (problems.length > 0) {
      const left = surveyProblems(questions, next, containsIdentityCode);
      setProblems(problems.filter((problem) => left.some((other) => same(problem, other))));
    }
  };

  const send = async (): Promise<void> => {
    const found = surveyProblems(questions, answers, containsIdentityCode);
    setProblems(found);
    setFailure(undefined);
    if (found.length > 0) {
      announce([t("ended:survey.problems.title"), ...found.map(problemText)].join(". "), {
        key: "survey",
        priority: "now",
      });
      return;
    }
    setSending(true);
    try {
      await chat.conversation.submitFeedback(feedbackAnswers(questions, answers));
      onSent();
    } catch (error) {
      const text = failureText(error);
      setFailure(text);
      announce(`${t("ended:survey.problems.title")}. ${text}`, { key: "survey", priority: "now" });
    } finally {
      setSending(false);
    }
  };

  const nothing = problems.some((problem) => problem.type === "nothingAnswered");
  useEffect(() => {
    if (problems.length > 0) {
      const field = summary.current?.closest("form")?.querySelector<HTMLElement>('[aria-invalid="true"]');
      (field ?? summary.current)?.focus();
    } else if (failure !== undefined) {
      summary.current?.focus();
    }
  }, [problems, failure]);

  return (
    <form
      class="survey__form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!sending) {
          void send();
        }
      }}
    >
      <p>
        {t("ended:survey.anonymous")} {t("ended:survey.optional")}
      </p>
      {questions.map((shown) => (
        <Question
          key={shown.question.id}
          shown={shown}
          answer={answers.get(shown.question.id)}
          problem={problems.find((problem) => "questionId" in problem && problem.questionId === shown.question.id)}
          onAnswer={(value) => answer(shown.question.id, value)}
        />
      ))}
      <div ref={summary} tabIndex={-1} class="survey__summary">
        {(nothing || failure !== undefined) && (
          <Notice kind="danger" title={t("ended:survey.problems.title")}>
            <p>{failure ?? t("ended:survey.problems.nothingAnswered")}</p>
          </Notice>
        )}
      </div>
      <div class="ended__buttons">
        <Button type="submit" busy={sending}>
          {sending ? t("ended:survey.sending") : t("ended:survey.send")}
        </Button>
        <Button kind="quiet" onClick={onSkip}>
          {t("ended:survey.skip")}
        </Button>
      </div>
    </form>
  );
}

function same(a: SurveyProblem, b: SurveyProblem): boolean {
  return a.type === b.type && ("questionId" in a ? a.questionId : "") === ("questionId" in b ? b.questionId : "");
}

function problemText(problem: SurveyProblem): string {
  switch (problem.type) {
    case "nothingAnswered":
      return t("ended:survey.problems.nothingAnswered");
    case "tooLong":
      return t("ended:survey.problems.tooLong", { count: problem.over });
    case "identityCode":
      return t("ended:survey.problems.identityCode");
  }
}

function failureText(error: unknown): string {
  switch (error instanceof KuplaError ? error.reason : undefined) {
    case "FEEDBACK_TOKEN_INVALID":
    case "CREDENTIALS_INVALID":
      return t("ended:survey.problems.closed");
    case "IDENTITY_CODE_IN_TEXT":
      return t("ended:survey.problems.identityCode");
    default:
      return t("ended:survey.problems.failed");
  }
}

function Question({
  shown,
  answer,
  problem,
  onAnswer,
}: {
  shown: ShownQuestion;
  answer: number | string | undefined;
  problem: SurveyProblem | undefined;
  onAnswer: (value: number | string | undefined) => void;
}) {
  switch (shown.kind) {
    case "recommendation":
      return (
        <Scale
          question={shown.question}
          scores={shown.scores}
          ends={["ended:survey.lowest", "ended:survey.highest"]}
          answer={answer}
          onAnswer={onAnswer}
        />
      );
    case "statement":
      return (
        <Scale
          question={shown.question}
          scores={shown.scores}
          ends={["ended:survey.agree1", "ended:survey.agree5"]}
          names={agreement}
          cannotSay
          answer={answer}
          onAnswer={onAnswer}
        />
      );
    case "openText":
      return <OpenText question={shown.question} answer={answer} problem={problem} onAnswer={onAnswer} />;
  }
}

const agreement: readonly TextKey[] = [
  "ended:survey.agree1",
  "ended:survey.agree2",
  "ended:survey.agree3",
  "ended:survey.agree4",
  "ended:survey.agree5",
];

function Scale({
  question,
  scores,
  ends,
  names,
  cannotSay = false,
  answer,
  onAnswer,
}: {
  question: SurveyQuestion;
  scores: readonly number[];
  /** What the lowest and the highest score mean. */
  ends: readonly [TextKey, TextKey];
  /** What each score means, where each has a name. */
  names?: readonly TextKey[];
  cannotSay?: boolean;
  answer: number | string | undefined;
  onAnswer: (value: number | string | undefined) => void;
}) {
  const id = useId();
  const lowest = scores.at(0) ?? 0;
  const highest = scores.at(-1) ?? 0;
  return (
    <fieldset class="survey__question" data-question={question.id} aria-describedby={`${id}-ends`}>
      <legend class="survey__legend" lang={localizedLanguage(question.text)}>
        {localized(question.text)}
      </legend>
      <p class="survey__ends" id={`${id}-ends`}>
        <span>{`${lowest} = ${t(ends[0])}`}</span>
        <span class="visually-hidden">, </span>
        <span>{`${highest} = ${t(ends[1])}`}</span>
      </p>
      <div class={scores.length > 5 ? "survey__scale survey__scale--long" : "survey__scale"}>
        {scores.map((score, index) => (
          <Choice key={score} name={id} chosen={answer === score} onChoose={() => onAnswer(score)}>
            {score}
            {names?.[index] !== undefined && <span class="visually-hidden">, {t(names[index])}</span>}
          </Choice>
        ))}
      </div>
      {cannotSay && (
        <div class="survey__cannot-say">
          <Choice name={id} chosen={answer === "cannotSay"} onChoose={() => onAnswer("cannotSay")}>
            {t("ended:survey.cannotSay")}
          </Choice>
        </div>
      )}
      {answer !== undefined && (
        <Button
          kind="quiet"
          small
          class="survey__clear"
          onClick={(event) => {
            // The button goes with the answer; one goes on at the choices.
            event.currentTarget.closest("fieldset")?.querySelector("input")?.focus();
            onAnswer(undefined);
          }}
        >
          {t("ended:survey.clear")}
        </Button>
      )}
    </fieldset>
  );
}

function Choice({
  name,
  chosen,
  onChoose,
  children,
}: {
  name: string;
  chosen: boolean;
  onChoose: () => void;
  children: preact.ComponentChildren;
}) {
  return (
    <label class="survey__choice">
      <input class="survey__radio visually-hidden" type="radio" name={name} checked={chosen} onChange={onChoose} />
      <span class="survey__face">{children}</span>
    </label>
  );
}

function OpenText({
  question,
  answer,
  problem,
  onAnswer,
}: {
  question: SurveyQuestion;
  answer: number | string | undefined;
  problem: SurveyProblem | undefined;
  onAnswer: (value: string | undefined) => void;
}) {
  const text = typeof answer === "string" ? answer : "";
  const left = answerLimit - countCharacters(text.trim());
  return (
    <div class="survey__question" data-question={question.id}>
      <Field
        label={<span lang={localizedLanguage(question.text)}>{localized(question.text)}</span>}
        hint={left <= countFrom && left >= 0 ? t("ended:survey.left", { count: left }) : undefined}
        error={
          problem && (
            <>
              {problem.type === "tooLong"
                ? t("ended:survey.problems.tooLong", { count: Math.max(-left, 1) })
                : problemText(problem)}
              {problem.type === "identityCode" && (
                <Button kind="secondary" small onClick={() => onAnswer(withoutIdentityCodes(text))}>
                  {t("ended:survey.problems.removeCode")}
                </Button>
              )}
            </>
          )
        }
      >
        {(ids) => (
          <textarea
            {...ids}
            class="input survey__text"
            rows={4}
            value={text}
            onInput={(event) => onAnswer(event.currentTarget.value === "" ? undefined : event.currentTarget.value)}
          />
        )}
      </Field>
    </div>
  );
}
