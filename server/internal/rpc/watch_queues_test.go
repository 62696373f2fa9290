package rpc_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// The snapshot has all queues, or those asked for, in the catalogue's order, as ListQueues has them.
func TestWatchQueuesBeginsWithASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nobody := s.Clients("")
		list, err := nobody.Queue.ListQueues(t.Context(), &kuplav1.ListQueuesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		all := watchQueues(t, nobody).all()[0].GetSnapshot().GetQueues()
		if len(all) != 8 || len(all) != len(list.GetQueues()) {
			t.Fatalf("the snapshot has %d queues and the list %d, want 8", len(all), len(list.GetQueues()))
		}
		for i, q := range all {
			if q.GetQueue().GetId() != list.GetQueues()[i].GetQueue().GetId() {
				t.Errorf("queue %d is %s, and %s in the list", i, q.GetQueue().GetId(), list.GetQueues()[i].GetQueue().GetId())
			}
			// New Year's Day 2000, two in the morning: only the queue that never closes is open.
			want := kuplav1.QueueState_QUEUE_STATE_CLOSED
			if q.GetQueue().GetId() == apptest.Queue {
				want = kuplav1.QueueState_QUEUE_STATE_OPEN
			}
			for _, got := range []kuplav1.QueueState{q.GetStatus().GetState(), list.GetQueues()[i].GetStatus().GetState()} {
				if got != want {
					t.Errorf("%s is%s, want%s", q.GetQueue().GetId(), short(got), short(want))
				}
			}
			if q.GetQueue().GetNotice().GetFi() == "" || q.GetQueue().GetNoticeVersion() == "" {
				t.Errorf("%s has no notice", q.GetQueue().GetId())
			}
		}
		two := watchQueues(t, nobody, "social-guidance", dental).all()[0].GetSnapshot().GetQueues()
		if len(two) != 2 || two[0].GetQueue().GetId() != dental || two[1].GetQueue().GetId() != "social-guidance" {
			t.Errorf("asked for two, got %v", two)
		}
		stream := watchQueues(t, nobody, dental, "no-such")
		stream.want()
		apptest.WantReason(t, stream.end(), connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND)
	})
}

// A queue is told at most once a second, as it is then; nothing is told twice, and nothing of queues not followed.
func TestWatchQueuesTellsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t, capacity(22))
		nurse := s.Staff(store.Staff{ID: "nurse", Capacity: 50})
		stream, other := watchQueues(t, s.Clients(""), apptest.Queue), watchQueues(t, s.Clients(""), dental)
		time.Sleep(3*time.Second + 450*time.Millisecond)
		stream.want("snapshot of 1")
		for range 20 {
			s.Start(apptest.Queue)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(1500 * time.Millisecond)
		lines := stream.lines()
		if len(lines) > 4 || lines[len(lines)-1] != "emergency-help OPEN, 20 waiting" {
			t.Errorf("20 starts in two seconds were told as %q", lines)
		}
		for _, gap := range stream.gaps()[1:] {
			if gap < time.Second {
				t.Errorf("told twice within %v", gap)
			}
		}
		s.Start(apptest.Queue)
		s.Start(apptest.Queue)
		time.Sleep(2 * time.Second)
		all := stream.all()
		if last := all[len(all)-1].GetStatus().GetStatus(); last.GetWaitingCount() != 22 || !last.GetFull() {
			t.Errorf("a full queue is told as %v", last)
		}
		nurse.TakeNext(t)
		time.Sleep(2 * time.Second)
		all = stream.all()
		if last := all[len(all)-1].GetStatus().GetStatus(); last.GetWaitingCount() != 21 || last.GetFull() {
			t.Errorf("a queue that is full no more is told as %v", last)
		}
		wantLines(t, without(other.lines(), "heartbeat"), "snapshot of 1")
	})
}

// Opening and closing are told when they come.
func TestWatchQueuesTellsOpeningAndClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			hour int
			line string
			next time.Time
		}{
			{8, "oral-health OPEN, 0 waiting", at(t, 15, 0)},
			{15, "oral-health CLOSED, 0 waiting", at(t, 8, 0).AddDate(0, 0, 1)},
		} {
			until(at(t, c.hour, 0).Add(-time.Minute))
			s := apptest.New(t)
			stream := watchQueues(t, s.Clients(""), dental)
			stream.want("snapshot of 1")
			until(at(t, c.hour, 0).Add(2 * time.Second))
			wantLines(t, without(stream.lines(), "heartbeat"), c.line)
			for _, f := range stream.all() {
				if st := f.GetStatus().GetStatus(); st != nil && !st.GetChangeTime().AsTime().Equal(c.next) {
					t.Errorf("%s until %v, want %v", c.line, st.GetChangeTime().AsTime(), c.next)
				}
			}
			stream.stop()
			s.Close()
		}
	})
}

// A new catalogue is told as a new snapshot; when none of the queues is left, the stream ends.
func TestWatchQueuesTellsANewCatalogue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		all, one := watchQueues(t, s.Clients("")), watchQueues(t, s.Clients(""), "student-health")
		all.lines()
		one.lines()
		without := func(m *kuplav1.Catalogue) {
			m.Queues = slices.DeleteFunc(m.GetQueues(), func(q *kuplav1.Queue) bool { return q.GetId() == "student-health" })
			for _, r := range m.GetCannedReplies() {
				r.QueueIds = nil
			}
			m.Queues[0].Name.Fi = "Uusi nimi"
		}
		s.ChangeCatalogue(without)
		frames := all.news()
		if len(frames) != 1 || len(frames[0].GetSnapshot().GetQueues()) != 7 ||
			frames[0].GetSnapshot().GetQueues()[0].GetQueue().GetName().GetFi() != "Uusi nimi" {
			t.Errorf("a new catalogue was told as %v", frames)
		}
		one.want("go away QUEUE_REMOVED")
		one.wantOver()
		last := one.all()
		if last[len(last)-1].GetGoAway().GetReconnect() {
			t.Error("the stream asks to come back to a queue that is no more")
		}
	})
}
