package cli

import (
	"context"
	"strconv"
	"unicode/utf8"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// maxOpenAnswer is the most characters that the contract allows in an open answer.
const maxOpenAnswer = 2000

// survey asks the questions one by one and submits what was answered. An input that ends leaves out the
// rest.
func (c *chat) survey(ctx context.Context, survey *kuplav1.GetSurveyResponse) error {
	c.console.say(c.texts.SurveyIntro)
	var answers []*kuplav1.SurveyAnswer
	for _, question := range survey.GetSurvey().GetQuestions() {
		answer, goOn := c.answer(ctx, question)
		if answer != nil {
			answer.QuestionId = question.GetId()
			answers = append(answers, answer)
		}
		if !goOn {
			break
		}
	}
	if len(answers) == 0 {
		return nil
	}
	if err := c.quick.SubmitFeedback(ctx, survey.GetFeedbackToken(), answers); err != nil {
		c.console.tell(c.texts.SurveyNotSent, "reason", c.reason(err))
		return nil
	}
	c.console.say(c.texts.SurveyThanks)
	return nil
}

// answer asks one question. It returns nil when the question is skipped, and whether to go on asking.
func (c *chat) answer(ctx context.Context, question *kuplav1.SurveyQuestion) (*kuplav1.SurveyAnswer, bool) {
	var hint, wrong string
	var low, high int64
	switch question.GetKind() {
	case kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_RECOMMENDATION:
		hint, wrong, high = c.texts.SurveyRecommendation, c.texts.SurveyBadRecommendation, 10
	case kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_STATEMENT:
		hint, wrong, low, high = c.texts.SurveyStatement, c.texts.SurveyBadStatement, 1, 5
	case kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_OPEN_TEXT:
		hint = c.texts.SurveyOpen
	default:
		return nil, true // a kind of a later version
	}
	ask := in(c.language, question.GetText()) + "\n" + hint
	for {
		line, ok := c.console.ask(ctx, ask)
		switch {
		case !ok, line == "/quit":
			return nil, false
		case line == "":
			return nil, true
		}
		if question.GetKind() == kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_OPEN_TEXT {
			if utf8.RuneCountInString(line) <= maxOpenAnswer {
				return &kuplav1.SurveyAnswer{Value: &kuplav1.SurveyAnswer_Text{Text: line}}, true
			}
			ask = fill(c.texts.SurveyTooLong, "limit", maxOpenAnswer)
			continue
		}
		if line == "-" && question.GetKind() == kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_STATEMENT {
			return &kuplav1.SurveyAnswer{Value: &kuplav1.SurveyAnswer_CannotSay{CannotSay: true}}, true
		}
		if score, err := strconv.ParseInt(line, 10, 32); err == nil && score >= low && score <= high {
			return &kuplav1.SurveyAnswer{Value: &kuplav1.SurveyAnswer_Score{Score: int32(score)}}, true
		}
		ask = wrong
	}
}
