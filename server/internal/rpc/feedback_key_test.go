package rpc_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
)

// The key that a day's feedback tokens are made with is destroyed when they can no longer be used: from then
// on nothing that is stored tells whose survey was answered.
func TestFeedbackKeysAreDestroyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Days pass, so the timer ticks by the minute.
		s := apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.Worker.Tick = time.Minute }))
		customer := s.Start(apptest.Queue)
		if _, err := customer.Conversation.LeaveConversation(context.Background(), &kuplav1.LeaveConversationRequest{
			ConversationId: customer.ID, RequestId: "5f0c9d1e-7f0b-4a53-9a06-6f3f4d6c2b11",
		}); err != nil {
			t.Fatal(err)
		}
		survey, err := customer.Feedback.GetSurvey(context.Background(), &kuplav1.GetSurveyRequest{ConversationId: customer.ID})
		if err != nil {
			t.Fatal(err)
		}
		helsinki, err := time.LoadLocation("Europe/Helsinki")
		if err != nil {
			t.Fatal(err)
		}
		name := "feedback " + time.Now().In(helsinki).Format(time.DateOnly)
		before, err := s.Store.Secret(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		if same, err := s.Store.Secret(context.Background(), name); err != nil || !bytes.Equal(same, before) {
			t.Fatalf("the key is gone after a day, while its tokens are still good: %v", err)
		}
		time.Sleep(4 * 24 * time.Hour)
		if after, err := s.Store.Secret(context.Background(), name); err != nil || bytes.Equal(after, before) {
			t.Fatalf("the key is still there after five days: %v", err)
		}
		_, err = s.Clients("").Feedback.SubmitFeedback(context.Background(), &kuplav1.SubmitFeedbackRequest{
			FeedbackToken: survey.GetFeedbackToken(),
			Answers: []*kuplav1.SurveyAnswer{{
				QuestionId: survey.GetSurvey().GetQuestions()[0].GetId(), Value: &kuplav1.SurveyAnswer_Score{Score: 9},
			}},
		})
		apptest.WantReason(t, err, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_FEEDBACK_TOKEN_INVALID)
	})
}
