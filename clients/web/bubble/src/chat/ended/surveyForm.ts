import type { FeedbackAnswer } from "@kupla/sdk";
import { type SurveyQuestion, SurveyQuestionKind } from "@kupla/contract/kupla/v1/feedback_pb";

import { countCharacters } from "../talk/characters.js";

/** How many characters an open answer may have. */
export const answerLimit = 2000;

/** What somebody has answered so far, by question id: a score, that they cannot say, or a text. */
export type Answers = ReadonlyMap<string, number | "cannotSay" | string>;

/** A question that can be shown, and what may be answered to it. */
export type ShownQuestion =
  | { readonly kind: "recommendation"; readonly question: SurveyQuestion; readonly scores: readonly number[] }
  | { readonly kind: "statement"; readonly question: SurveyQuestion; readonly scores: readonly number[] }
  | { readonly kind: "openText"; readonly question: SurveyQuestion };

/** What must be mended before the answers can be sent. */
export type SurveyProblem =
  | { readonly type: "nothingAnswered" }
  | { readonly type: "tooLong"; readonly questionId: string; readonly over: number }
  | { readonly type: "identityCode"; readonly questionId: string };

const recommendationScores: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const statementScores: readonly number[] = [1, 2, 3, 4, 5];

/** The questions that this page knows how to ask. A kind that is not known is left out, as any question may be. */
export function shownQuestions(questions: readonly SurveyQuestion[]): readonly ShownQuestion[] {
  return questions.flatMap((question): ShownQuestion[] => {
    switch (question.kind) {
      case SurveyQuestionKind.RECOMMENDATION:
        return [{ kind: "recommendation", question, scores: recommendationScores }];
      case SurveyQuestionKind.STATEMENT:
        return [{ kind: "statement", question, scores: statementScores }];
      case SurveyQuestionKind.OPEN_TEXT:
        return [{ kind: "openText", question }];
      default:
        return [];
    }
  });
}

/** The answers as the service takes them. Questions without an answer are left out. */
export function feedbackAnswers(questions: readonly ShownQuestion[], answers: Answers): readonly FeedbackAnswer[] {
  return questions.flatMap(({ kind, question }): FeedbackAnswer[] => {
    const answer = answers.get(question.id);
    if (answer === undefined) {
      return [];
    }
    if (kind === "openText") {
      const text = String(answer).trim();
      return text === "" ? [] : [{ questionId: question.id, value: { case: "text", value: text } }];
    }
    return answer === "cannotSay"
      ? [{ questionId: question.id, value: { case: "cannotSay", value: true } }]
      : [{ questionId: question.id, value: { case: "score", value: Number(answer) } }];
  });
}

/** Everything to mend in the answers, in the order of the questions. Nothing when they can be sent. */
export function surveyProblems(
  questions: readonly ShownQuestion[],
  answers: Answers,
  hasIdentityCode: (text: string) => boolean,
): readonly SurveyProblem[] {
  const given = feedbackAnswers(questions, answers);
  if (given.length === 0) {
    return [{ type: "nothingAnswered" }];
  }
  return given.flatMap(({ questionId, value }): SurveyProblem[] => {
    if (value.case !== "text") {
      return [];
    }
    const over = countCharacters(value.value) - answerLimit;
    if (over > 0) {
      return [{ type: "tooLong", questionId, over }];
    }
    return hasIdentityCode(value.value) ? [{ type: "identityCode", questionId }] : [];
  });
}
