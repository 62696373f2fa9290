package rpc_test

import (
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

func supervisor(t *testing.T, s *apptest.Server) apptest.Clients {
	t.Helper()
	return s.Staff(store.Staff{ID: "supervisor", Roles: []store.Role{store.RoleSupervisor}})
}

func pause(t *testing.T, c apptest.Clients, until *timestamppb.Timestamp) {
	t.Helper()
	res, err := c.Desk.PauseQueue(t.Context(),
		&kuplav1.PauseQueueRequest{RequestId: newID(), QueueId: apptest.Queue, ResumeTime: until})
	if err != nil {
		t.Fatalf("pause: %v", err)
	}
	if !res.GetWaiting().GetPaused() {
		t.Fatal("the answer says that the queue is not paused")
	}
}

func status(t *testing.T, s *apptest.Server, queueID string) *kuplav1.QueueStatus {
	t.Helper()
	res, err := s.Clients("").Queue.GetQueue(t.Context(), &kuplav1.GetQueueRequest{QueueId: queueID})
	if err != nil {
		t.Fatalf("get queue: %v", err)
	}
	return res.GetStatus()
}

// A pause refuses starts and says until when; who waits is served. It ends by itself, or by hand, and survives a
// restart. Everybody who follows hears of it.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, boss := available(t, s, store.Staff{ID: "nurse"}), supervisor(t, s)
		waiting := s.Start(apptest.Queue)
		stream := follow(t, waiting.Clients, waiting.ID, "")
		desk, queues := watchDesk(t, nurse, ""), watchQueues(t, s.Clients(""), apptest.Queue)
		time.Sleep(2 * time.Second)
		stream.lines()
		if lastWaiting(t, desk).GetPaused() {
			t.Error("the desk says that the queue is paused before it is")
		}
		queues.lines()

		resume := time.Now().Add(30 * time.Minute).Truncate(time.Second)
		pause(t, boss, timestamppb.New(resume))
		err := tryStart(t, s, startIn(apptest.Queue))
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_QUEUE_PAUSED)
		if m := metadata(t, err); m["resume_time"] != resume.UTC().Format(time.RFC3339) || m["queue_id"] != apptest.Queue || m["phone"] == "" {
			t.Errorf("the refusal names %v", m)
		}
		if st := status(t, s, apptest.Queue); st.GetState() != kuplav1.QueueState_QUEUE_STATE_PAUSED ||
			!st.GetChangeTime().AsTime().Equal(resume) {
			t.Errorf("the queue is%s until %v", short(st.GetState()), st.GetChangeTime().AsTime())
		}
		time.Sleep(2 * time.Second)
		if !lastWaiting(t, desk).GetPaused() {
			t.Error("the desk was not told that the queue is paused")
		}
		queues.want("emergency-help PAUSED, 1 waiting")
		// Who waits, waits on, and is served.
		stream.want()
		if got := nurse.TakeNext(t).GetId(); got != waiting.ID {
			t.Error("the one who waits was not served")
		}
		returnToQueue(t, nurse, waiting.ID)

		time.Sleep(time.Until(resume.Add(-time.Second)))
		if err := tryStart(t, s, startIn(apptest.Queue)); apptest.Reason(err) != "QUEUE_PAUSED" {
			t.Errorf("a second before the pause ends a start gives %v", err)
		}
		queues.lines()
		time.Sleep(3 * time.Second)
		queues.want("emergency-help OPEN, 1 waiting")
		if lastWaiting(t, desk).GetPaused() {
			t.Error("the desk was not told that the pause has ended")
		}
		if err := tryStart(t, s, startIn(apptest.Queue)); err != nil {
			t.Errorf("after the pause a start gives %v", err)
		}

		// Without an end it lasts until it is ended by hand.
		pause(t, boss, nil)
		s.Restart(time.Hour)
		err = tryStart(t, s, startIn(apptest.Queue))
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_QUEUE_PAUSED)
		if at, ok := metadata(t, err)["resume_time"]; ok {
			t.Errorf("a pause without an end is said to end at %q", at)
		}
		if st := status(t, s, apptest.Queue); st.GetChangeTime() != nil {
			t.Errorf("a pause without an end is said to change at %v", st.GetChangeTime().AsTime())
		}
		res, err := boss.Desk.ResumeQueue(t.Context(),
			&kuplav1.ResumeQueueRequest{RequestId: newID(), QueueId: apptest.Queue})
		if err != nil || res.GetWaiting().GetPaused() {
			t.Fatalf("resume: %v, %v", res, err)
		}
		if err := tryStart(t, s, startIn(apptest.Queue)); err != nil {
			t.Errorf("after the pause was ended a start gives %v", err)
		}
	})
}

// Pausing is for the supervisors of the queue.
func TestPauseIsForItsSupervisors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, boss := s.Staff(store.Staff{ID: "nurse"}), supervisor(t, s)
		_, err := nurse.Desk.PauseQueue(t.Context(), &kuplav1.PauseQueueRequest{RequestId: newID(), QueueId: apptest.Queue})
		apptest.WantReason(t, err, connect.CodePermissionDenied, kuplav1.ErrorReason_ERROR_REASON_ROLE_REQUIRED)
		_, err = boss.Desk.PauseQueue(t.Context(), &kuplav1.PauseQueueRequest{RequestId: newID(), QueueId: dental})
		apptest.WantReason(t, err, connect.CodePermissionDenied, kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_YOURS)
		_, err = boss.Desk.ResumeQueue(t.Context(), &kuplav1.ResumeQueueRequest{RequestId: newID(), QueueId: "no-such"})
		apptest.WantReason(t, err, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND)
		if err := tryStart(t, s, startIn(apptest.Queue)); err != nil {
			t.Errorf("a refused pause stops starts: %v", err)
		}
	})
}
