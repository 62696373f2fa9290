package catalogue

import (
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/feedback"
)

// SurveyMessage is a survey as the contract has it, with its version.
func SurveyMessage(s feedback.Survey) *kuplav1.Survey {
	m := &kuplav1.Survey{Version: s.Version()}
	for _, q := range s.Questions {
		m.Questions = append(m.Questions, QuestionMessage(q))
	}
	return m
}

// QuestionMessage is a question as the contract has it.
func QuestionMessage(q feedback.Question) *kuplav1.SurveyQuestion {
	return &kuplav1.SurveyQuestion{
		Id:   q.ID,
		Kind: kuplav1.SurveyQuestionKind(q.Kind),
		Text: &kuplav1.LocalizedText{Fi: q.Text.Fi, Sv: q.Text.Sv, En: q.Text.En},
	}
}

// surveyOf is a survey of the contract as the domain has it. Its version is not read: it is worked out.
func surveyOf(m *kuplav1.Survey) feedback.Survey {
	var s feedback.Survey
	for _, q := range m.GetQuestions() {
		text := q.GetText()
		s.Questions = append(s.Questions, feedback.Question{
			ID: q.GetId(),
			// The numbers are the same; a kind that the domain does not know is refused by Validate.
			Kind: feedback.Kind(q.GetKind()),
			Text: feedback.Text{Fi: text.GetFi(), Sv: text.GetSv(), En: text.GetEn()},
		})
	}
	return s
}
