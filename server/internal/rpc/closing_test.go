package rpc_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// dental is a queue that closes: on weekdays but Friday it is open from 8 to 15.
const dental = "oral-health"

// at is a time of day on Monday 3 January 2000, in Helsinki.
func at(t *testing.T, hour, minute int) time.Time {
	t.Helper()
	return time.Date(2000, time.January, 3, hour, minute, 0, 0, helsinki(t))
}

// until lets the time pass.
func until(at time.Time) { time.Sleep(time.Until(at)) }

// metadata is what an error names.
func metadata(t *testing.T, err error) map[string]string {
	t.Helper()
	var e *connect.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no error of the contract", err)
	}
	for _, d := range e.Details() {
		if m, err := connectproto.UnmarshalErrorDetail(d); err == nil {
			if info, ok := m.(*errdetails.ErrorInfo); ok {
				return info.GetMetadata()
			}
		}
	}
	t.Fatalf("%v has no ErrorInfo", err)
	return nil
}

// tryStart asks to start and returns why not.
func tryStart(t *testing.T, s *apptest.Server, req *kuplav1.StartConversationRequest) error {
	t.Helper()
	_, err := s.Clients("").Conversation.StartConversation(t.Context(), req)
	return err
}

// Before the opening nobody may start, and is told when they may; from then on they may.
func TestOpeningTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(at(t, 8, 0).Add(-time.Second))
		s := apptest.New(t)
		err := tryStart(t, s, startIn(dental))
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_QUEUE_CLOSED)
		if m := metadata(t, err); m["next_opening_time"] != "2000-01-03T06:00:00Z" || m["queue_id"] != dental || m["phone"] != "116117" {
			t.Errorf("the refusal names %v", m)
		}
		time.Sleep(time.Second)
		if err := tryStart(t, s, startIn(dental)); err != nil {
			t.Errorf("at the opening time: %v", err)
		}
	})
}

// Closing time stops starts and says when the queue opens next. Those who wait are served for the grace, and then
// closed as not reached; one who is being answered goes on.
func TestClosingTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(at(t, 14, 50))
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{ID: "nurse", QueueIDs: []string{dental}})
		desk := watchDesk(t, nurse, "")
		talking := start(t, s, startIn(dental))
		take(t, nurse, talking.ID)
		talkingStream := follow(t, talking.Clients, talking.ID, "")
		until(at(t, 14, 59))
		served, notReached := start(t, s, startIn(dental)), start(t, s, startIn(dental))
		servedStream := follow(t, served.Clients, served.ID, "")
		notReachedStream := follow(t, notReached.Clients, notReached.ID, "")

		until(at(t, 15, 0))
		err := tryStart(t, s, startIn(dental))
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_QUEUE_CLOSED)
		if m := metadata(t, err); m["next_opening_time"] != "2000-01-04T06:00:00Z" {
			t.Errorf("after the closing the refusal names %v", m)
		}
		until(at(t, 15, 29))
		if got := nurse.TakeNext(t).GetId(); got != served.ID {
			t.Error("the first in line was not served within the grace")
		}
		until(at(t, 15, 30).Add(-time.Second))
		talkingStream.lines()
		servedStream.lines()
		wantLines(t, only(notReachedStream.lines(), "event"), "event 1 joined customer")
		until(at(t, 15, 30).Add(2 * time.Second))
		notReachedStream.want("event 2 closed NOT_REACHED", "snapshot CLOSED", "go away CONVERSATION_CLOSED")
		notReachedStream.wantOver()
		for _, stream := range []*followed{talkingStream, servedStream} {
			if got := only(stream.lines(), "event"); len(got) > 0 {
				t.Errorf("whoever is being answered was told %q", got)
			}
			stream.wantOpen()
		}
		// The phone is offered by the queue.
		q, err := s.Clients("").Queue.GetQueue(t.Context(), &kuplav1.GetQueueRequest{QueueId: dental})
		if err != nil || q.GetQueue().GetPhone() != "116117" {
			t.Errorf("the queue's phone is %q (%v)", q.GetQueue().GetPhone(), err)
		}
		if q.GetStatus().GetState() != kuplav1.QueueState_QUEUE_STATE_CLOSED ||
			!q.GetStatus().GetChangeTime().AsTime().Equal(at(t, 8, 0).AddDate(0, 0, 1)) {
			t.Errorf("the queue is%s until %v", short(q.GetStatus().GetState()), q.GetStatus().GetChangeTime().AsTime())
		}
		desk.wantOpen()
	})
}

// A professional gives the reason of a close; those that are the service's to give are refused.
func TestCloseReasons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		for value := range kuplav1.CloseReason_name {
			reason := kuplav1.CloseReason(value)
			c := s.Start(apptest.Queue)
			take(t, nurse, c.ID)
			_, err := nurse.Desk.CloseConversation(t.Context(),
				&kuplav1.CloseConversationRequest{ConversationId: c.ID, RequestId: newID(), Reason: reason})
			conv := snapshotOf(t, c.Clients, c.ID).GetConversation()
			switch reason {
			case kuplav1.CloseReason_CLOSE_REASON_COMPLETED, kuplav1.CloseReason_CLOSE_REASON_REDIRECTED_TO_PHONE,
				kuplav1.CloseReason_CLOSE_REASON_ENDED_BY_STAFF:
				if err != nil || conv.GetCloseReason() != reason || conv.GetState() != kuplav1.ConversationState_CONVERSATION_STATE_CLOSED {
					t.Errorf("closed%s: %v, %v", short(reason), err, conv)
				}
				events := eventsOf(t, c.Clients, c.ID)
				if last := events[len(events)-1]; last.GetClosed().GetReason() != reason || last.GetParticipantId() != "professional-1" {
					t.Errorf("the log ends with %v", last)
				}
			default:
				apptest.WantReason(t, err, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST)
				closeConversation(t, nurse, c.ID)
			}
		}
	})
}

// One who returns to the queue within the grace waits on; after it, there is nobody to wait for.
func TestReturnRespectsClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(at(t, 14, 50))
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{ID: "nurse", QueueIDs: []string{dental}})
		desk := watchDesk(t, nurse, "")
		early, late := start(t, s, startIn(dental)), start(t, s, startIn(dental))
		earlyStream, lateStream := follow(t, early.Clients, early.ID, ""), follow(t, late.Clients, late.ID, "")
		take(t, nurse, early.ID)
		take(t, nurse, late.ID)
		until(at(t, 15, 10))
		returnToQueue(t, nurse, early.ID)
		until(at(t, 15, 30).Add(-time.Second))
		if got := only(earlyStream.lines(), "event"); got[len(got)-1] != "event 3 returned RETURNED_BY_STAFF" {
			t.Errorf("within the grace the one who returned was told %q", got)
		}
		until(at(t, 15, 31))
		wantLines(t, only(earlyStream.lines(), "event"), "event 4 closed NOT_REACHED")
		returnToQueue(t, nurse, late.ID)
		time.Sleep(2 * time.Second)
		if got := only(lateStream.lines(), "event"); got[len(got)-1] != "event 4 closed NOT_REACHED" {
			t.Errorf("after the grace the one who returned was told %q", got)
		}
		desk.wantOpen()
	})
}

// Transfers into a queue ignore how many wait in it, and respect its closing: within the grace they are taken,
// afterwards refused with when it opens.
func TestTransfersIgnoreCapacityAndRespectClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(at(t, 14, 50))
		s := apptest.New(t, apptest.WithCatalogue(func(m *kuplav1.Catalogue) {
			for _, q := range m.GetQueues() {
				if q.GetId() == dental {
					q.Capacity = 1
				}
			}
		}))
		nurse := available(t, s, store.Staff{ID: "nurse"})
		dentist := watchDesk(t, available(t, s, store.Staff{ID: "dentist", QueueIDs: []string{dental}}), "")
		start(t, s, startIn(dental))
		err := tryStart(t, s, startIn(dental))
		apptest.WantReason(t, err, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL)
		if m := metadata(t, err); m["capacity"] != "1" || m["queue_id"] != dental || m["phone"] == "" || m["retry_delay"] == "" {
			t.Errorf("the refusal names %v", m)
		}
		move := func() error {
			c := s.Start(apptest.Queue)
			take(t, nurse, c.ID)
			_, err := nurse.Desk.TransferConversation(t.Context(), toQueue(c.ID, dental, false))
			return err
		}
		for _, minute := range []int{55, 60, 89} {
			until(at(t, 14, 0).Add(time.Duration(minute) * time.Minute))
			if err := move(); err != nil {
				t.Fatalf("%d minutes after 14: %v", minute, err)
			}
		}
		until(at(t, 15, 30))
		err = move()
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_QUEUE_CLOSED)
		if m := metadata(t, err); m["next_opening_time"] != "2000-01-04T06:00:00Z" || m["queue_id"] != dental {
			t.Errorf("the refusal names %v", m)
		}
		dentist.wantOpen()
	})
}

// Near closing time the estimate tells whether the turn still comes.
func TestTurnBeforeClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(at(t, 14, 20))
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{ID: "nurse", QueueIDs: []string{dental}, Capacity: 1})
		desk := watchDesk(t, nurse, "")
		for range 11 {
			c := start(t, s, startIn(dental))
			take(t, nurse, c.ID)
			time.Sleep(2 * time.Minute)
			closeConversation(t, nurse, c.ID)
		}
		before := func() kuplav1.TurnBeforeClosing {
			res, err := s.Clients("").Queue.GetQueue(t.Context(), &kuplav1.GetQueueRequest{QueueId: dental})
			if err != nil {
				t.Fatal(err)
			}
			if res.GetStatus().GetEstimate().GetRange() == nil {
				t.Fatalf("there is no estimate: %v", res.GetStatus().GetEstimate())
			}
			return res.GetStatus().GetEstimate().GetTurnBeforeClosing()
		}
		take(t, nurse, start(t, s, startIn(dental)).ID)
		time.Sleep(time.Second)
		if got := before(); got != kuplav1.TurnBeforeClosing_TURN_BEFORE_CLOSING_EXPECTED {
			t.Errorf("with 48 minutes left and 2 minutes a conversation it is%s", short(got))
		}
		var line []apptest.Customer
		for range 29 {
			line = append(line, start(t, s, startIn(dental)))
		}
		time.Sleep(time.Second)
		if got := before(); got != kuplav1.TurnBeforeClosing_TURN_BEFORE_CLOSING_UNLIKELY {
			t.Errorf("behind 30 conversations of 2 minutes it is%s", short(got))
		}
		// Those who wait are told for their own place.
		for position, want := range map[int]kuplav1.TurnBeforeClosing{
			1:  kuplav1.TurnBeforeClosing_TURN_BEFORE_CLOSING_EXPECTED,
			24: kuplav1.TurnBeforeClosing_TURN_BEFORE_CLOSING_UNCERTAIN,
			29: kuplav1.TurnBeforeClosing_TURN_BEFORE_CLOSING_UNLIKELY,
		} {
			c := line[position-1]
			if got := snapshotOf(t, c.Clients, c.ID).GetPlace().GetEstimate(); got.GetTurnBeforeClosing() != want {
				t.Errorf("at %d, with a range of %v, it is%s", position, got.GetRange(), short(got.GetTurnBeforeClosing()))
			}
		}
		desk.wantOpen()
	})
}
