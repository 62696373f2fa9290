import { create } from "@bufbuild/protobuf";
import { SurveyQuestionKind, SurveyQuestionSchema } from "@kupla/contract/kupla/v1/feedback_pb";
import { describe, expect, test } from "vitest";

import { answerLimit, feedbackAnswers, shownQuestions, surveyProblems } from "./surveyForm.js";

const questions = shownQuestions([
  create(SurveyQuestionSchema, { id: "recommend", kind: SurveyQuestionKind.RECOMMENDATION }),
  create(SurveyQuestionSchema, { id: "access", kind: SurveyQuestionKind.STATEMENT }),
  create(SurveyQuestionSchema, { id: "later", kind: 99 as SurveyQuestionKind }),
  create(SurveyQuestionSchema, { id: "comment", kind: SurveyQuestionKind.OPEN_TEXT }),
]);
const noCode = (): boolean => false;

test("a kind of question that is not known is left out", () => {
  expect(questions.map((question) => question.question.id)).toEqual(["recommend", "access", "comment"]);
  expect(questions[0]).toMatchObject({ scores: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });
  expect(questions[1]).toMatchObject({ scores: [1, 2, 3, 4, 5] });
});

describe("the answers that are sent", () => {
  test("hold what was answered, and nothing else", () => {
    const answers = new Map<string, number | string>([
      ["recommend", 0],
      ["access", "cannotSay"],
      ["comment", "  Hyvä palvelu.\n"],
      ["later", 3],
    ]);
    expect(feedbackAnswers(questions, answers)).toEqual([
      { questionId: "recommend", value: { case: "score", value: 0 } },
      { questionId: "access", value: { case: "cannotSay", value: true } },
      { questionId: "comment", value: { case: "text", value: "Hyvä palvelu." } },
    ]);
  });

  test("leave out an open answer of white space", () => {
    expect(feedbackAnswers(questions, new Map([["comment", " \n "]]))).toEqual([]);
  });

  test("an open answer may say what a button says", () => {
    expect(feedbackAnswers(questions, new Map([["comment", "cannotSay"]]))).toEqual([
      { questionId: "comment", value: { case: "text", value: "cannotSay" } },
    ]);
  });
});

describe("what is to be mended", () => {
  test("nothing answered", () => {
    expect(surveyProblems(questions, new Map(), noCode)).toEqual([{ type: "nothingAnswered" }]);
  });

  test("nothing, when one question is answered", () => {
    expect(surveyProblems(questions, new Map([["recommend", 0]]), noCode)).toEqual([]);
  });

  test("an open answer is counted in characters", () => {
    expect(surveyProblems(questions, new Map([["comment", "🙂".repeat(answerLimit)]]), noCode)).toEqual([]);
    expect(surveyProblems(questions, new Map([["comment", "🙂".repeat(answerLimit + 2)]]), noCode)).toEqual([
      { type: "tooLong", questionId: "comment", over: 2 },
    ]);
  });

  test("an identity code in an open answer", () => {
    const isCode = (text: string): boolean => text.includes("KOODI");
    expect(surveyProblems(questions, new Map([["comment", "minä, KOODI"]]), isCode)).toEqual([
      { type: "identityCode", questionId: "comment" },
    ]);
  });
});
