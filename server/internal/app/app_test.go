package app_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// A whole chat in virtual time: the wiring works, and closes without leaving anything running.
func TestChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		stream, err := customer.Conversation.FollowConversation(context.Background(),
			&kuplav1.FollowConversationRequest{ConversationId: customer.ID})
		if err != nil {
			t.Fatal(err)
		}
		first, err := stream.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if got := first.GetSnapshot().GetPlace().GetPosition(); got != 1 {
			t.Errorf("place is %d, want 1", got)
		}
		taken := nurse.TakeNext(t)
		if taken.GetId() != customer.ID {
			t.Fatalf("took %s, want %s", taken.GetId(), customer.ID)
		}
		nurse.Say(t, customer.ID, "Hei")
		last := customer.Say(t, customer.ID, "Kiitos")
		if last.GetSequence() != 4 {
			t.Errorf("sequence is %d, want 4", last.GetSequence())
		}
		time.Sleep(time.Minute)
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	})
}
