package sqlite_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

// A commit whose answer was lost and that took effect is told to those who follow, and is what reads find, at
// once and not with the next write.
func TestLostAnswerIsTold(t *testing.T) {
	var mu sync.Mutex
	var told []store.Committed
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "kupla.db"), store.Options{
		Committed: func(batch []store.Committed) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, batch...)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	hear := func() []store.ConversationChange {
		mu.Lock()
		defer mu.Unlock()
		var changes []store.ConversationChange
		for _, c := range told {
			changes = append(changes, c.Conversations...)
		}
		told = nil
		return changes
	}
	request := store.Request{Caller: "start", ID: [16]byte{1}, Global: true}
	start := func(w *store.Work) error {
		w.Start(chat.Start(chat.StartParams{
			ID: "a", QueueID: "q", Language: "fi", Message: "Hei", Now: w.Now, Arrival: w.Queue("q").NextArrival(w.Now),
		}))
		w.Remember("a", "")
		return nil
	}

	s.LoseCommits(1, true)
	rows := store.Rows{Queues: []string{"q"}}
	if _, err := s.Change(t.Context(), request, rows, start); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a start whose commit was lost: %v", err)
	}
	changes := hear()
	if len(changes) != 1 || changes[0].Before != nil || changes[0].After.ID != "a" || len(changes[0].Events) != 2 {
		t.Fatalf("the start was told as %+v", changes)
	}
	if c, err := s.Conversation(t.Context(), "a"); err != nil || c.State != chat.Waiting {
		t.Fatalf("the conversation is %v, %v", c, err)
	}

	s.LoseCommits(1, true)
	leave := func(w *store.Work) error { return w.Conversation("a").LeaveAsCustomer(w.Now) }
	if _, err := s.Change(t.Context(), store.Request{Caller: "a", ID: [16]byte{2}},
		store.Rows{Conversations: []string{"a"}}, leave); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a leave whose commit was lost: %v", err)
	}
	changes = hear()
	if len(changes) != 1 || changes[0].After.State != chat.Closed || changes[0].Before.State != chat.Waiting ||
		len(changes[0].Events) != 1 || changes[0].Events[0].Sequence != 3 {
		t.Fatalf("the leave was told as %+v", changes)
	}
	if c, err := s.Conversation(t.Context(), "a"); err != nil || c.State != chat.Closed {
		t.Fatalf("the conversation is %v, %v", c, err)
	}

	// One that did not take effect is told as nothing.
	s.LoseCommits(1, false)
	request.ID = [16]byte{3}
	if _, err := s.Change(t.Context(), request, rows, func(w *store.Work) error {
		w.Start(chat.Start(chat.StartParams{ID: "b", QueueID: "q", Language: "fi", Now: w.Now, Arrival: w.Now.Add(time.Hour)}))
		return nil
	}); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a start whose commit failed: %v", err)
	}
	if changes = hear(); len(changes) != 0 {
		t.Fatalf("a start that failed was told as %+v", changes)
	}
	if _, err := s.Conversation(t.Context(), "b"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a conversation that was not stored: %v", err)
	}
}
