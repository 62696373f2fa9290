package rpc_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// code is a personal identity code of the artificial range, which nobody has.
const code = "131052-952K"

// A customer's text with a personal identity code in it is refused wherever it is written, before anything of it
// is stored.
func TestIdentityCodeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		closed := s.Start(apptest.Queue)
		leave(t, closed.Clients, closed.ID)
		survey, err := closed.Feedback.GetSurvey(t.Context(), &kuplav1.GetSurveyRequest{ConversationId: closed.ID})
		if err != nil {
			t.Fatal(err)
		}
		db := observe(t, s)
		before := db.checkpoint()
		for _, text := range []string{code, "Tunnukseni on " + code + ".", strings.ToLower(code), "(" + code + ")"} {
			_, err := customer.Conversation.SendMessage(t.Context(),
				&kuplav1.SendMessageRequest{ConversationId: customer.ID, RequestId: newID(), Text: text})
			wantRefusedCode(t, err)
			wantRefusedCode(t, tryStart(t, s, startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.Message = text })))
			wantRefusedCode(t, tryStart(t, s, startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.DisplayName = text })))
			_, err = s.Clients("").Feedback.SubmitFeedback(t.Context(), &kuplav1.SubmitFeedbackRequest{
				FeedbackToken: survey.GetFeedbackToken(),
				Answers: []*kuplav1.SurveyAnswer{
					{QuestionId: "comment", Value: &kuplav1.SurveyAnswer_Text{Text: text}},
				},
			})
			wantRefusedCode(t, err)
		}
		db.unchanged(t, "a refused text", before)
		// What only looks like one is no code.
		for _, text := range []string{"131052-952A", "131352-952K", "Varaus 131052-952"} {
			customer.Say(t, customer.ID, text)
		}
	})
}

func wantRefusedCode(t *testing.T, err error) {
	t.Helper()
	apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_IDENTITY_CODE_IN_TEXT)
	if strings.Contains(strings.ToUpper(err.Error()), "952K") {
		t.Error("the refusal has the code in it")
	}
}
