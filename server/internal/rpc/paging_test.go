package rpc_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// Every list has pages: as many as asked for, the default for none, a cap for too many, and a token as long as
// there is more. A size below zero and a token of another list are refused.
func TestLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer, other := s.Start(apptest.Queue), s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		append10k(t, s, customer.ID, "")
		for range 101 {
			if _, err := nurse.Desk.AddCaseNote(t.Context(),
				&kuplav1.AddCaseNoteRequest{ConversationId: customer.ID, RequestId: newID(), Text: "Huomautus"}); err != nil {
				t.Fatal(err)
			}
		}
		book, err := demo.Catalogue()
		if err != nil {
			t.Fatal(err)
		}
		replies := 0
		for _, r := range book.GetCannedReplies() {
			if len(r.GetQueueIds()) == 0 || slices.Contains(r.GetQueueIds(), apptest.Queue) {
				replies++
			}
		}
		ctx := t.Context()
		for name, list := range map[string]struct {
			page      func(size int32, token string) (n int, next string, err error)
			all       int
			def, most int
		}{
			"ListEvents": {func(size int32, token string) (int, string, error) {
				res, err := customer.Conversation.ListEvents(ctx,
					&kuplav1.ListEventsRequest{ConversationId: customer.ID, PageSize: size, PageToken: token})
				return len(res.GetEvents()), res.GetNextPageToken(), err
			}, 10_002, 100, 1000},
			"ListEvents of another": {func(size int32, token string) (int, string, error) {
				res, err := other.Conversation.ListEvents(ctx,
					&kuplav1.ListEventsRequest{ConversationId: other.ID, PageSize: size, PageToken: token})
				return len(res.GetEvents()), res.GetNextPageToken(), err
			}, 1, 1, 1},
			"ListCaseNotes": {func(size int32, token string) (int, string, error) {
				res, err := nurse.Desk.ListCaseNotes(ctx,
					&kuplav1.ListCaseNotesRequest{ConversationId: customer.ID, PageSize: size, PageToken: token})
				return len(res.GetCaseNotes()), res.GetNextPageToken(), err
			}, 101, 100, 101},
			"ListCannedReplies": {func(size int32, token string) (int, string, error) {
				res, err := nurse.Desk.ListCannedReplies(ctx, &kuplav1.ListCannedRepliesRequest{PageSize: size, PageToken: token})
				return len(res.GetCannedReplies()), res.GetNextPageToken(), err
			}, replies, replies, replies},
			"ListQueues": {func(size int32, token string) (int, string, error) {
				res, err := s.Clients("").Queue.ListQueues(ctx, &kuplav1.ListQueuesRequest{PageSize: size, PageToken: token})
				return len(res.GetQueues()), res.GetNextPageToken(), err
			}, 8, 8, 8},
		} {
			for size, want := range map[int32]int{0: list.def, 1: 1, 1_000_000: list.most} {
				if n, _, err := list.page(size, ""); err != nil || n != want {
					t.Errorf("%s: a page of %d has %d (%v), want %d", name, size, n, err, want)
				}
			}
			sum, token := 0, ""
			for size := int32(list.all/10 + 1); ; {
				n, next, err := list.page(size, token)
				if err != nil || n == 0 {
					t.Fatalf("%s: a page with a token has %d, %v", name, n, err)
				}
				sum += n
				if token = next; token == "" {
					break
				}
			}
			if sum != list.all {
				t.Errorf("%s: the pages have %d in all, want %d", name, sum, list.all)
			}
			_, _, err := list.page(-1, "")
			apptest.WantReason(t, err, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST)
			for _, token := range []string{"x", customer.Cursor} {
				_, _, err = list.page(1, token)
				apptest.WantReason(t, err, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED)
			}
			if _, next, err := list.page(1, ""); err != nil {
				t.Error(err)
			} else if next != "" {
				_, err := other.Conversation.ListEvents(ctx, &kuplav1.ListEventsRequest{ConversationId: other.ID, PageToken: next})
				apptest.WantReason(t, err, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED)
			}
		}
	})
}
