package hub

import (
	"testing"
	"time"
)

// When the last follower is gone nothing is kept of what it followed.
func TestNothingIsKept(t *testing.T) {
	now := time.Date(2026, time.September, 7, 8, 30, 0, 0, time.UTC)
	h := New()
	customer := h.FollowConversation("c-1", now)
	desk := h.FollowDesk("nurse", now)
	desk.Add("c-1")
	desk.Add("c-2")
	desk.Remove("c-2")
	board := h.FollowQueues(now)
	if len(h.conversations) != 1 || len(h.desks) != 1 || len(h.queues) != 2 || len(h.all) != 3 {
		t.Errorf("kept: %d conversations, %d desks, %d that follow queues, %d in all",
			len(h.conversations), len(h.desks), len(h.queues), len(h.all))
	}
	for _, f := range []*Follower{customer, desk, board} {
		f.Close()
	}
	if len(h.conversations)+len(h.desks)+len(h.queues)+len(h.all) != 0 {
		t.Errorf("kept: %v, %v, %v, %v", h.conversations, h.desks, h.queues, h.all)
	}
}
