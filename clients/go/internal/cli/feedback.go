package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// feedbackCommand holds what a script does with surveys and what they say.
func (a *app) feedbackCommand() *cobra.Command {
	return a.group("feedback", a.feedbackSurvey(), a.feedbackSubmit(), a.feedbackSummary())
}

func (a *app) feedbackSurvey() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("feedback survey", "", 0, func(cmd *cobra.Command, args []string) error {
		if s.credentials == "" {
			return usageError{a.texts.Script.CredentialsNeeded}
		}
		client, conversation, err := s.conversation(cmd, args)
		if err != nil {
			return err
		}
		defer client.Close()
		survey, err := conversation.Survey(cmd.Context())
		if err != nil {
			return err
		}
		return s.print(survey, func() string {
			rows := [][]string{{
				strings.ToUpper(s.label("question")), strings.ToUpper(s.label("kind")), strings.ToUpper(s.label("text")),
			}}
			for _, question := range survey.GetSurvey().GetQuestions() {
				rows = append(rows, []string{
					question.GetId(), s.texts.Script.QuestionKinds[question.GetKind()], in(s.language, question.GetText()),
				})
			}
			return facts(s.label("feedback-token"), survey.GetFeedbackToken()) + table(rows)
		})
	})
	return s.calls(s.ofConversation(cmd))
}

func (a *app) feedbackSubmit() *cobra.Command {
	s := &script{app: a}
	var token string
	var scores, texts, cannotSay []string
	cmd := a.command("feedback submit", "", 0, func(cmd *cobra.Command, _ []string) error {
		req := &kuplav1.SubmitFeedbackRequest{FeedbackToken: token}
		if token == "-" {
			text, err := a.readText("-", "")
			if err != nil {
				return err
			}
			req.FeedbackToken = strings.TrimSpace(text)
		}
		if req.GetFeedbackToken() == "" {
			return usageError{a.texts.Script.FeedbackTokenNeeded}
		}
		answers, err := a.answers(scores, texts, cannotSay)
		if err != nil {
			return err
		}
		if req.Answers = answers; len(answers) == 0 {
			return usageError{a.texts.Script.AnswersNeeded}
		}
		client := s.client()
		defer client.Close()
		return runWrite(cmd.Context(), s, client, write[*kuplav1.SubmitFeedbackRequest, *kuplav1.SubmitFeedbackResponse]{
			request: req,
			call:    client.FeedbackService().SubmitFeedback,
			words: func(*kuplav1.SubmitFeedbackResponse) string {
				return facts(s.label("answers"), strconv.Itoa(len(req.GetAnswers())))
			},
		})
	})
	flags := cmd.Flags()
	flags.StringVar(&token, "feedback-token", "", a.texts.Script.Flags["feedback-token"])
	flags.StringArrayVar(&scores, "score", nil, a.texts.Script.Flags["score"])
	flags.StringArrayVar(&texts, "text", nil, a.texts.Script.Flags["text"])
	flags.StringArrayVar(&cannotSay, "cannot-say", nil, a.texts.Script.Flags["cannot-say"])
	return s.writes(cmd, &kuplav1.SubmitFeedbackRequest{})
}

// answers puts the answers together, each given as QUESTION=VALUE.
func (a *app) answers(scores, texts, cannotSay []string) ([]*kuplav1.SurveyAnswer, error) {
	var answers []*kuplav1.SurveyAnswer
	for _, given := range scores {
		question, value, ok := strings.Cut(given, "=")
		score, err := strconv.ParseInt(value, 10, 32)
		if !ok || err != nil {
			return nil, usageError{fill(a.texts.Script.BadAnswer, "value", given)}
		}
		answers = append(answers, &kuplav1.SurveyAnswer{
			QuestionId: question, Value: &kuplav1.SurveyAnswer_Score{Score: int32(score)},
		})
	}
	for _, given := range texts {
		question, value, ok := strings.Cut(given, "=")
		if !ok {
			return nil, usageError{fill(a.texts.Script.BadAnswer, "value", given)}
		}
		answers = append(answers, &kuplav1.SurveyAnswer{
			QuestionId: question, Value: &kuplav1.SurveyAnswer_Text{Text: value},
		})
	}
	for _, question := range cannotSay {
		answers = append(answers, &kuplav1.SurveyAnswer{
			QuestionId: question, Value: &kuplav1.SurveyAnswer_CannotSay{CannotSay: true},
		})
	}
	return answers, nil
}

func (a *app) feedbackSummary() *cobra.Command {
	s := &script{app: a}
	var queue, first, last string
	cmd := a.command("feedback summary", "", 0, func(cmd *cobra.Command, _ []string) error {
		if first == "" || last == "" {
			return usageError{a.texts.Script.DaysNeeded}
		}
		client := s.client()
		defer client.Close()
		done := s.busy(s.texts.Settings.Waiting)
		summary, err := kupla.Call(cmd.Context(), client, &kuplav1.SummarizeFeedbackRequest{
			QueueId: queue, StartDate: first, EndDate: last,
		}, client.FeedbackService().SummarizeFeedback)
		done()
		if err != nil {
			return err
		}
		rows := s.header("queue", "closed", "responses", "question", "answers", "mean", "nps", "text")
		for _, one := range summary.GetQueues() {
			if err := rows.item(one); err != nil {
				return err
			}
			counts := []string{
				one.GetQueueId(), strconv.Itoa(int(one.GetClosedCount())), strconv.Itoa(int(one.GetResponseCount())),
			}
			if len(one.GetQuestions()) == 0 {
				rows.add(append(counts, "-", "-", "-", "-", "-")...)
			}
			for _, question := range one.GetQuestions() {
				rows.add(append(counts,
					question.GetQuestion().GetId(),
					strconv.Itoa(int(question.GetScoreCount()+question.GetTextCount())),
					number(question.Mean), number(question.NetPromoterScore), // Unset is not zero.
					in(s.language, question.GetQuestion().GetText()))...)
			}
		}
		return rows.end()
	})
	flags := cmd.Flags()
	flags.StringVar(&queue, "queue", "", a.texts.Script.Flags["one-queue"])
	flags.StringVar(&first, "from", "", a.texts.Script.Flags["from"])
	flags.StringVar(&last, "to", "", a.texts.Script.Flags["to"])
	return s.calls(cmd)
}

// number returns a figure with one decimal, or a dash where it is not told.
func number(value *float64) string {
	if value == nil {
		return "-"
	}
	return strconv.FormatFloat(*value, 'f', 1, 64)
}
