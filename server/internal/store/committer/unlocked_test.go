package committer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

// remembering is a database that hands out what it remembers of conversations, which another server may have changed
// since.
type remembering struct {
	*fake
	known    map[string]committer.Conversation
	unlocked bool
	// locked is how many batches had their rows locked, and known how many were run on what is remembered.
	locked, onKnown int
}

func (r *remembering) Load(ctx context.Context, need *committer.Need) (*committer.Loaded, error) {
	r.unlocked = false
	if need.Locked || len(need.Queues) > 0 || len(need.Conversations) == 0 {
		r.locked++
		return r.fake.Load(ctx, need)
	}
	l := &committer.Loaded{
		Conversations: map[string]committer.Conversation{}, Counts: committer.NewCounts(),
		Requests: map[committer.RequestKey]committer.Remembered{}, Unlocked: true,
	}
	for _, id := range need.Conversations {
		c, ok := r.known[id]
		if !ok {
			return r.fake.Load(ctx, need)
		}
		l.Conversations[id] = c
	}
	r.unlocked = true
	r.onKnown++
	return l, nil
}

func (r *remembering) Commit(ctx context.Context, w *committer.Writes) error {
	if !r.unlocked {
		return r.fake.Commit(ctx, w)
	}
	for _, c := range w.Conversations {
		if r.conversations[c.After.ID].Version != c.BaseVersion {
			return fmt.Errorf("%w: version", committer.ErrAgain)
		}
	}
	for _, e := range w.Events {
		key := committer.RequestKey{Key: e.RequestKey, ConversationID: e.Conversation.After.ID}
		if _, answered := r.requests[key]; e.Carries && answered {
			return fmt.Errorf("%w: answered", committer.ErrAgain)
		}
	}
	r.set(func() { r.open = true })
	return r.fake.Commit(ctx, w)
}

func (r *remembering) Rollback(ctx context.Context) {
	if !r.unlocked {
		r.fake.Rollback(ctx)
	}
}

// remember has the database remember what it holds now.
func (r *remembering) remember() { r.known = maps.Clone(r.conversations) }

func runRemembering(t *testing.T, test func(b *bench, r *remembering)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &remembering{fake: newFake(t)}
		b := &bench{T: t, db: r.fake}
		b.Committer = committer.New(r, committer.Options{Committed: func(c []store.Committed) {
			b.db.set(func() { b.told = append(b.told, c) })
		}})
		defer b.Close()
		b.ok(b.start("c"))
		b.ok(b.start("d"))
		r.remember()
		r.locked = 0
		test(b, r)
	})
}

// elsewhere changes a conversation as another server does.
func (r *remembering) elsewhere(t *testing.T, id string, change func(*chat.Conversation) error) {
	t.Helper()
	c := r.conversations[id]
	c.State = c.State.Clone()
	if err := change(c.State); err != nil {
		t.Fatal(err)
	}
	r.events[id] += len(c.State.Pending())
	c.State.Settle()
	c.Version++
	r.conversations[id] = c
}

func TestKnownConversationsAreNotLoaded(t *testing.T) {
	runRemembering(t, func(b *bench, r *remembering) {
		for i := range 3 {
			b.ok(b.post("c", fmt.Sprint(i)))
			r.remember()
		}
		if r.onKnown != 3 || r.locked != 0 || b.db.events["c"] != 4 {
			t.Errorf("%d batches ran on what is known and %d locked; %d events", r.onKnown, r.locked, b.db.events["c"])
		}
	})
}

func TestChangedElsewhereRunsAgainLocked(t *testing.T) {
	runRemembering(t, func(b *bench, r *remembering) {
		r.elsewhere(t, "c", func(c *chat.Conversation) error { return c.Post(chat.CustomerID, "theirs", c.LastEventTime) })
		b.ok(b.post("c", "ours"))
		if r.onKnown != 1 || r.locked != 1 || b.db.events["c"] != 3 {
			t.Errorf("%d batches ran on what is known and %d locked; %d events", r.onKnown, r.locked, b.db.events["c"])
		}
		if got := b.told[len(b.told)-1]; len(got) != 1 || got[0].Conversations[0].Events[0].Sequence != 3 {
			t.Errorf("told of %+v", got)
		}
	})
}

// TestRefusedByWhatIsOldRunsAgainLocked: what is known says that the conversation is over; meanwhile it is not, as
// when a standby has taken over. The message beside it is not held up, and written once.
func TestRefusedByWhatIsOldRunsAgainLocked(t *testing.T) {
	runRemembering(t, func(b *bench, r *remembering) {
		closed := r.known["c"]
		closed.State = closed.State.Clone()
		b.ok(closed.State.Abandon(closed.State.LastEventTime))
		r.known["c"] = closed
		for _, err := range b.busy(1, func() error { return b.post("c", "a") }, func() error { return b.post("d", "b") }) {
			b.ok(err)
		}
		if b.db.events["c"] != 2 || b.db.events["d"] != 2 {
			t.Errorf("events %v", b.db.events)
		}
	})
}

func TestRefusalsAreGivenByLockedRowsAlone(t *testing.T) {
	runRemembering(t, func(b *bench, r *remembering) {
		refused := errors.New("refused")
		ran := 0
		_, err := b.Change(context.Background(), store.Request{}, store.Rows{Conversations: []string{"c"}}, func(*store.Work) error {
			ran++
			return refused
		})
		b.is(err, refused)
		if ran != 2 || r.locked != 1 {
			t.Errorf("ran %d times, %d of them locked", ran, r.locked)
		}
	})
}

// TestWhatWritesNothingIsLocked: its answer is what it read.
func TestWhatWritesNothingIsLocked(t *testing.T) {
	runRemembering(t, func(b *bench, r *remembering) {
		r.elsewhere(t, "c", func(c *chat.Conversation) error { return c.Post(chat.CustomerID, "theirs", c.LastEventTime) })
		var last int32
		_, err := b.Change(context.Background(), store.Request{}, store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
			last = w.Conversation("c").LastSequence
			return nil
		})
		b.ok(err)
		if last != 2 {
			t.Errorf("read event %d, want 2", last)
		}
	})
}

func TestRepeatsAreFoundByLockedRows(t *testing.T) {
	runRemembering(t, func(b *bench, r *remembering) {
		post := func() (store.Outcome, error) {
			req := store.Request{Caller: "x", ID: [16]byte{1}}
			return b.Change(context.Background(), req, store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
				return w.Conversation("c").Post(chat.CustomerID, "once", w.Now)
			})
		}
		first, err := post()
		b.ok(err)
		r.remember()
		again, err := post()
		b.ok(err)
		if !again.Repeated || again.Sequence != first.Sequence || b.db.events["c"] != 2 {
			t.Errorf("first %+v, then %+v; %d events", first, again, b.db.events["c"])
		}
	})
}

// TestRejectedByWhatIsOldRunsAgainLocked: a row that was written from what is no longer so may be rejected for that.
func TestRejectedByWhatIsOldRunsAgainLocked(t *testing.T) {
	runRemembering(t, func(b *bench, r *remembering) {
		b.db.set(func() {
			b.db.commit = func() error {
				b.db.set(func() { b.db.commit = func() error { return nil } })
				return fmt.Errorf("%w: a sequence was there", committer.ErrRejected)
			}
		})
		b.ok(b.post("c", "once"))
		if r.locked != 1 || b.db.events["c"] != 2 {
			t.Errorf("%d batches were locked; %d events", r.locked, b.db.events["c"])
		}
	})
}
