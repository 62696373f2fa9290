package rpc_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/rpc"
)

// A start is answered with everything a client needs to follow, and the log begins with it.
func TestStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		q, err := s.Clients("").Queue.GetQueue(t.Context(), &kuplav1.GetQueueRequest{QueueId: apptest.Queue})
		if err != nil {
			t.Fatal(err)
		}
		c := start(t, s, startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) {
			r.DisplayName, r.Message, r.Language, r.NoticeVersion = " Testi ", "Hei", "sv", q.GetQueue().GetNoticeVersion()
		}))
		conv := c.Start.GetConversation()
		if conv.GetState() != kuplav1.ConversationState_CONVERSATION_STATE_WAITING || conv.GetQueueId() != apptest.Queue ||
			conv.GetLanguage() != "sv" || conv.GetLastSequence() != 2 || conv.GetNoticeVersion() != q.GetQueue().GetNoticeVersion() ||
			len(conv.GetParticipants()) != 1 || conv.GetParticipants()[0].GetDisplayName() != "Testi" ||
			conv.GetParticipants()[0].GetId() != c.Start.GetParticipantId() || c.Token == "" {
			t.Errorf("started %v", conv)
		}
		follow(t, c.Clients, c.ID, c.Cursor).want("snapshot WAITING", "event 1 joined customer", "event 2 message")
		if without := s.Start(apptest.Queue); without.Start.GetConversation().GetLastSequence() != 1 {
			t.Errorf("without a message the log has %d events", without.Start.GetConversation().GetLastSequence())
		}
	})
}

// What a queue does not offer is refused, and says what it offers.
func TestStartRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		err := tryStart(t, s, startIn("no-such"))
		apptest.WantReason(t, err, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND)
		if m := metadata(t, err); m["queue_id"] != "no-such" {
			t.Errorf("the refusal names %v", m)
		}
		err = tryStart(t, s, startIn("physiotherapy", inLanguage("sv")))
		apptest.WantReason(t, err, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_LANGUAGE_NOT_SERVED)
		if m := metadata(t, err); m["languages"] != "fi, en" || m["language"] != "sv" || m["queue_id"] != "physiotherapy" {
			t.Errorf("the refusal names %v", m)
		}
		err = tryStart(t, s, startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.NoticeVersion = "vanha" }))
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_NOTICE_OUTDATED)
		q, getErr := s.Clients("").Queue.GetQueue(t.Context(), &kuplav1.GetQueueRequest{QueueId: apptest.Queue})
		if m := metadata(t, err); getErr != nil || m["notice_version"] != q.GetQueue().GetNoticeVersion() {
			t.Errorf("the refusal names %v", m)
		}
	})
}

// A queue takes as many as it has room for. Whoever leaves, or is taken, makes room.
func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t, capacity(3))
		var waiting []apptest.Customer
		for range 3 {
			waiting = append(waiting, s.Start(apptest.Queue))
		}
		err := tryStart(t, s, startIn(apptest.Queue))
		apptest.WantReason(t, err, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL)
		m := metadata(t, err)
		if m["capacity"] != "3" || m["queue_id"] != apptest.Queue || m["phone"] != "116117" || m["retry_delay"] == "" {
			t.Errorf("the refusal names %v", m)
		}
		for key, value := range m {
			if key != "retry_delay" && !strings.Contains(err.Error(), value) {
				t.Errorf("the metadata has %s %q and the message %q has not", key, value, err)
			}
		}
		leave(t, waiting[1].Clients, waiting[1].ID)
		if err := tryStart(t, s, startIn(apptest.Queue)); err != nil {
			t.Errorf("after one has left: %v", err)
		}
	})
}

// So many may wait from one address; each that ends makes room.
func TestWaitingPerAddress(t *testing.T) {
	s := apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.RPC.WaitingPerAddress = 2 }))
	url := s.Listen(rpc.HTTPConfig{})
	begin := func() (*kuplav1.StartConversationResponse, error) {
		return apptest.Over(http.DefaultClient, url, "").Conversation.StartConversation(t.Context(), startIn(apptest.Queue))
	}
	first, err := begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := begin(); err != nil {
		t.Fatal(err)
	}
	_, err = begin()
	apptest.WantReason(t, err, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_WAITING)
	if m := metadata(t, err); m["limit"] != "2" || m["retry_delay"] == "" {
		t.Errorf("the refusal names %v", m)
	}
	leave(t, apptest.Over(http.DefaultClient, url, first.GetAccessToken()), first.GetConversation().GetId())
	if _, err := begin(); err != nil {
		t.Errorf("after one has left: %v", err)
	}
}
