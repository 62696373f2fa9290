package committer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// fake is a database in memory that fails on command.
type fake struct {
	t *testing.T
	// mu is of everything: tests look and meddle while the committer works.
	mu sync.Mutex

	conversations map[string]committer.Conversation
	events        map[string]int // how many, by conversation
	requests      map[committer.RequestKey]committer.Remembered
	used          map[[32]byte]bool

	// poison is the id of a conversation whose row is rejected.
	poison string
	// load and commit run inside the calls of these names, and may fail them.
	load   func() error
	commit func() error
	// usedFails makes looking a feedback token up fail.
	usedFails error

	open    bool
	needs   []committer.Need
	commits []int // how many events each attempt to commit had
}

func newFake(t *testing.T) *fake {
	return &fake{
		t: t, conversations: map[string]committer.Conversation{}, events: map[string]int{},
		requests: map[committer.RequestKey]committer.Remembered{}, used: map[[32]byte]bool{},
		load: func() error { return nil }, commit: func() error { return nil },
	}
}

func (f *fake) check(ctx context.Context, open bool) {
	if ctx.Done() != nil {
		f.t.Error("the engine was given a context that can end")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open != open {
		f.t.Errorf("a transaction is open: %v, want %v", f.open, open)
	}
}

func (f *fake) Load(ctx context.Context, need *committer.Need) (*committer.Loaded, error) {
	f.check(ctx, false)
	f.mu.Lock()
	f.needs = append(f.needs, *need)
	f.mu.Unlock()
	for _, list := range [][]string{need.Staff, need.Queues, need.Conversations, need.Origins} {
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
			f.t.Errorf("needed %q: not sorted, or not each once", list)
		}
	}
	f.mu.Lock()
	load := f.load
	f.mu.Unlock()
	if err := load(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = true
	l := &committer.Loaded{
		Conversations: map[string]committer.Conversation{}, Counts: committer.NewCounts(),
		Requests: map[committer.RequestKey]committer.Remembered{},
	}
	for _, id := range need.Conversations {
		if c, ok := f.conversations[id]; ok {
			l.Conversations[id] = c
		}
	}
	for _, key := range need.Requests {
		if r, ok := f.requests[key]; ok {
			l.Requests[key] = r
		}
	}
	return l, nil
}

func (f *fake) FeedbackTokenUsed(ctx context.Context, hash [32]byte) (bool, error) {
	f.check(ctx, true)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used[hash], f.usedFails
}

func (f *fake) Commit(ctx context.Context, w *committer.Writes) error {
	f.check(ctx, true)
	f.mu.Lock()
	f.open = false
	f.commits = append(f.commits, len(w.Events))
	commit := f.commit
	f.mu.Unlock()
	if err := commit(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range w.Conversations {
		if c.After.ID == f.poison {
			return fmt.Errorf("%w: poison", committer.ErrRejected)
		}
	}
	for _, c := range w.Conversations {
		if was := f.conversations[c.After.ID].Version; was != c.BaseVersion || c.Version <= was {
			f.t.Errorf("%s goes from version %d to %d, stored is %d", c.After.ID, c.BaseVersion, c.Version, was)
		}
		if c.Key == 0 {
			c.Key = int64(len(f.conversations) + 1)
		}
		data, err := c.Encode()
		if err != nil {
			return err
		}
		kept, err := record.DecodeConversation(data)
		if err != nil {
			f.t.Error(err)
		}
		f.conversations[c.After.ID] = committer.Conversation{Key: c.Key, Version: c.Version, State: kept}
	}
	for _, e := range w.Events {
		id := e.Conversation.After.ID
		f.events[id]++
		if int(e.Sequence) != f.events[id] {
			f.t.Errorf("event %d of %s is written at %d", e.Sequence, id, f.events[id])
		}
		if e.Carries {
			f.requests[committer.RequestKey{Key: e.RequestKey, ConversationID: id}] = committer.Remembered{
				Fingerprint: e.Fingerprint,
				Result:      store.Result{ConversationID: id, Sequence: e.Sequence, Time: record.Time(e.At)},
			}
		}
	}
	for _, r := range w.Requests {
		key := committer.RequestKey{Key: r.Key}
		for id, c := range f.conversations {
			if c.Key == r.ConversationKey {
				key.ConversationID = id
			}
		}
		f.requests[key] = r.Remembered
	}
	for _, hash := range w.FeedbackTokens {
		f.used[hash] = true
	}
	for i := range w.ConversationTokens {
		if w.ConversationTokens[i].Key() == 0 {
			f.t.Error("a token is written for no conversation")
		}
	}
	for i := range w.CaseNotes {
		if w.CaseNotes[i].Key() == 0 {
			f.t.Error("a note is written for no conversation")
		}
	}
	return nil
}

func (f *fake) Rollback(ctx context.Context) {
	f.check(ctx, true)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = false
}

// set changes what the database does.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

var errDisk = errors.New("disk on fire")
