package rpc_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// surveyed is a closed conversation with its survey.
func surveyed(t *testing.T, s *apptest.Server) (apptest.Customer, *kuplav1.GetSurveyResponse) {
	t.Helper()
	c := s.Start(apptest.Queue)
	leave(t, c.Clients, c.ID)
	res, err := c.Feedback.GetSurvey(t.Context(), &kuplav1.GetSurveyRequest{ConversationId: c.ID})
	if err != nil {
		t.Fatalf("get survey: %v", err)
	}
	return c, res
}

func score(question string, n int32) *kuplav1.SurveyAnswer {
	return &kuplav1.SurveyAnswer{QuestionId: question, Value: &kuplav1.SurveyAnswer_Score{Score: n}}
}

// submit answers a survey, as somebody without any other credential.
func submit(t *testing.T, s *apptest.Server, token string, answers ...*kuplav1.SurveyAnswer) error {
	t.Helper()
	_, err := s.Clients("").Feedback.SubmitFeedback(t.Context(),
		&kuplav1.SubmitFeedbackRequest{FeedbackToken: token, Answers: answers})
	return err
}

// summary sums up the test queue's feedback of today.
func summary(t *testing.T, boss apptest.Clients) *kuplav1.QueueFeedback {
	t.Helper()
	today := time.Now().In(helsinki(t)).Format(time.DateOnly)
	res, err := boss.Feedback.SummarizeFeedback(t.Context(),
		&kuplav1.SummarizeFeedbackRequest{StartDate: today, EndDate: today})
	if err != nil {
		t.Fatalf("summarize: %v", err)
	}
	if len(res.GetQueues()) != 1 || res.GetQueues()[0].GetQueueId() != apptest.Queue {
		t.Fatalf("the summary is of %v", res.GetQueues())
	}
	return res.GetQueues()[0]
}

// The survey comes after the end, with a token that needs no other credential. It works once: a repeat is answered
// like the first and changes nothing, whatever is in it.
func TestFeedbackIsGivenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		open := s.Start(apptest.Queue)
		_, err := open.Feedback.GetSurvey(t.Context(), &kuplav1.GetSurveyRequest{ConversationId: open.ID})
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_OPEN)

		c, survey := surveyed(t, s)
		var ids []string
		for _, q := range survey.GetSurvey().GetQuestions() {
			ids = append(ids, q.GetId())
			if q.GetText().GetFi() == "" || q.GetText().GetSv() == "" || q.GetText().GetEn() == "" {
				t.Errorf("%s has no text in some language", q.GetId())
			}
		}
		if got := strings.Join(ids, " "); got != "recommend access encounter safety information usefulness comment" {
			t.Errorf("the survey asks for %s", got)
		}
		again, err := c.Feedback.GetSurvey(t.Context(), &kuplav1.GetSurveyRequest{ConversationId: c.ID})
		if err != nil || again.GetFeedbackToken() != survey.GetFeedbackToken() {
			t.Errorf("asked again the token is another: %v", err)
		}
		count := func() int {
			rows, err := s.Store.Feedback(t.Context(), []string{apptest.Queue}, "2000-01-01", "2000-12-31")
			if err != nil {
				t.Fatal(err)
			}
			return len(rows)
		}
		for _, answers := range [][]*kuplav1.SurveyAnswer{{score("recommend", 9)}, {score("recommend", 9)}, {score("recommend", 0)}} {
			if err := submit(t, s, survey.GetFeedbackToken(), answers...); err != nil {
				t.Fatal(err)
			}
			if got := count(); got != 1 {
				t.Fatalf("%d answers are kept, want 1", got)
			}
		}
		s.Restart(time.Second)
		if err := submit(t, s, survey.GetFeedbackToken(), score("recommend", 0)); err != nil || count() != 1 {
			t.Errorf("after a restart: %v, and %d answers are kept", err, count())
		}
	})
}

// What does not fit the survey is refused by question, and the token is good for another try.
func TestFeedbackThatDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		_, survey := surveyed(t, s)
		for name, answer := range map[string]*kuplav1.SurveyAnswer{
			"a recommendation above 10":     score("recommend", 11),
			"a recommendation below 0":      score("recommend", -1),
			"a statement above 5":           score("access", 6),
			"a statement below 1":           score("access", 0),
			"a text for a score":            {QuestionId: "access", Value: &kuplav1.SurveyAnswer_Text{Text: "Hyvin"}},
			"a score for a text":            score("comment", 5),
			"no question of the survey":     score("no-such", 5),
			"cannot say for a recommending": {QuestionId: "recommend", Value: &kuplav1.SurveyAnswer_CannotSay{CannotSay: true}},
			"a text that is too long":       {QuestionId: "comment", Value: &kuplav1.SurveyAnswer_Text{Text: strings.Repeat("ä", 2001)}},
		} {
			err := submit(t, s, survey.GetFeedbackToken(), answer)
			question := answer.GetQuestionId()
			if question == "no-such" {
				question = "" // It may be anything, so it is not said again.
			}
			if apptest.Reason(err) != "ANSWER_INVALID" || connect.CodeOf(err) != connect.CodeInvalidArgument ||
				metadata(t, err)["question_id"] != question {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, token := range []string{"x", survey.GetFeedbackToken() + "x", strings.Replace(survey.GetFeedbackToken(), ".", "", 1)} {
			err := submit(t, s, token, score("recommend", 9))
			apptest.WantReason(t, err, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_FEEDBACK_TOKEN_INVALID)
		}
		err := submit(t, s, survey.GetFeedbackToken(), score("recommend", 10), score("access", 1),
			&kuplav1.SurveyAnswer{QuestionId: "safety", Value: &kuplav1.SurveyAnswer_CannotSay{CannotSay: true}},
			&kuplav1.SurveyAnswer{QuestionId: "comment", Value: &kuplav1.SurveyAnswer_Text{Text: strings.Repeat("ä", 2000)}})
		if err != nil {
			t.Errorf("good answers after bad ones: %v", err)
		}
	})
}

// What is kept of feedback leads to no conversation: the queue, the language, the day and the answers, and in no
// row of any table an identifier that another has.
func TestFeedbackLeadsToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		c, survey := surveyed(t, s)
		if strings.Contains(survey.GetFeedbackToken(), c.ID) {
			t.Error("the token has the conversation's id in it")
		}
		db := observe(t, s)
		before := db.dump()
		if err := submit(t, s, survey.GetFeedbackToken(), score("recommend", 3),
			&kuplav1.SurveyAnswer{QuestionId: "comment", Value: &kuplav1.SurveyAnswer_Text{Text: "Sanottavaa"}}); err != nil {
			t.Fatal(err)
		}
		after := db.dump()
		for table, rows := range after {
			grown := len(rows) - len(before[table])
			switch table {
			case "feedback", "feedback_token_used":
				if grown != 1 {
					t.Errorf("%s has grown by %d rows, want 1", table, grown)
				}
			default:
				if strings.Join(rows, "\n") != strings.Join(before[table], "\n") {
					t.Errorf("%s has changed, and tells when the answers came", table)
				}
			}
		}
		rows, err := s.Store.Feedback(t.Context(), []string{apptest.Queue}, "2000-01-01", "2000-01-01")
		if err != nil || len(rows) != 1 || rows[0].Language != "fi" || rows[0].Date != "2000-01-01" || rows[0].QueueID != apptest.Queue {
			t.Fatalf("kept %v, %v", rows, err)
		}
		if strings.Contains(string(rows[0].Answers), c.ID) || strings.Contains(string(rows[0].Answers), survey.GetFeedbackToken()) {
			t.Error("the answers have an identifier in them")
		}
	})
}

// A token is of no use to anybody some days later.
func TestFeedbackTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		_, early := surveyed(t, s)
		_, late := surveyed(t, s)
		s.Close()
		time.Sleep(24 * time.Hour)
		s.Restart(0)
		if err := submit(t, s, early.GetFeedbackToken(), score("recommend", 9)); err != nil {
			t.Errorf("a day later: %v", err)
		}
		s.Close()
		time.Sleep(3 * 24 * time.Hour)
		s.Restart(0)
		apptest.WantReason(t, submit(t, s, late.GetFeedbackToken(), score("recommend", 9)), connect.CodeNotFound,
			kuplav1.ErrorReason_ERROR_REASON_FEEDBACK_TOKEN_INVALID)
	})
}

// A summary hides what fewer than five people said.
func TestSummaryHidesTheFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		boss := supervisor(t, s)
		answer := func(n int32) {
			_, survey := surveyed(t, s)
			if err := submit(t, s, survey.GetFeedbackToken(), score("recommend", n),
				&kuplav1.SurveyAnswer{QuestionId: "comment", Value: &kuplav1.SurveyAnswer_Text{Text: "Sanottavaa"}}); err != nil {
				t.Fatal(err)
			}
		}
		for range 4 {
			answer(9)
		}
		sum := summary(t, boss)
		if sum.GetResponseCount() != 0 || sum.GetClosedCount() != 4 {
			t.Errorf("of four the summary tells %d responses of %d", sum.GetResponseCount(), sum.GetClosedCount())
		}
		for _, q := range sum.GetQuestions() {
			if q.GetScoreCount() != 0 || q.Mean != nil || q.NetPromoterScore != nil || len(q.GetScores()) > 0 || q.GetTextCount() != 0 {
				t.Errorf("of four the summary tells %v", q)
			}
		}
		for range 2 {
			answer(9)
		}
		sum = summary(t, boss)
		if sum.GetResponseCount() != 6 || sum.GetClosedCount() != 6 {
			t.Errorf("of six the summary tells %d responses of %d", sum.GetResponseCount(), sum.GetClosedCount())
		}
		recommend := sum.GetQuestions()[0]
		if recommend.GetQuestion().GetId() != "recommend" || recommend.GetScoreCount() != 6 || recommend.GetMean() != 9 ||
			recommend.GetNetPromoterScore() != 100 {
			t.Errorf("of six the recommendation is %v", recommend)
		}
		for _, n := range recommend.GetScores() {
			if n.GetCount() < 5 {
				t.Errorf("a score of %d people is told", n.GetCount())
			}
		}
		// One who differs is not to be seen: neither their score, nor what it would follow from.
		answer(0)
		recommend = summary(t, boss).GetQuestions()[0]
		for _, n := range recommend.GetScores() {
			if n.GetScore() == 0 || n.GetCount() < 5 {
				t.Errorf("the score %d of %d people is told", n.GetScore(), n.GetCount())
			}
		}
		rangeStrings(summary(t, boss).ProtoReflect(), func(field, value string) {
			if strings.Contains(value, "Sanottavaa") {
				t.Errorf("%s tells %q", field, value)
			}
		})
	})
}

// Summaries are for the supervisors of the queue.
func TestSummaryIsForItsSupervisors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, boss := s.Staff(store.Staff{ID: "nurse"}), supervisor(t, s)
		req := &kuplav1.SummarizeFeedbackRequest{StartDate: "2000-01-01", EndDate: "2000-01-31"}
		_, err := nurse.Feedback.SummarizeFeedback(t.Context(), req)
		apptest.WantReason(t, err, connect.CodePermissionDenied, kuplav1.ErrorReason_ERROR_REASON_ROLE_REQUIRED)
		req.QueueId = dental
		_, err = boss.Feedback.SummarizeFeedback(t.Context(), req)
		apptest.WantReason(t, err, connect.CodePermissionDenied, kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_YOURS)
		req.QueueId, req.EndDate = "", "1999-12-31"
		_, err = boss.Feedback.SummarizeFeedback(t.Context(), req)
		apptest.WantReason(t, err, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST)
	})
}
