package committer_test

import (
	"context"
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

// instant is a database that takes no time: what is left is the committer's own. It keeps what conversations have
// become, and nothing else.
type instant struct {
	conversations map[string]committer.Conversation
	batches       int
}

func (i *instant) Load(_ context.Context, need *committer.Need) (*committer.Loaded, error) {
	l := &committer.Loaded{Conversations: make(map[string]committer.Conversation, len(need.Conversations)), Counts: committer.NewCounts()}
	for _, id := range need.Conversations {
		if c, ok := i.conversations[id]; ok {
			l.Conversations[id] = c
		}
	}
	return l, nil
}

func (i *instant) FeedbackTokenUsed(context.Context, [32]byte) (bool, error) { return false, nil }

func (i *instant) Commit(_ context.Context, w *committer.Writes) error {
	i.batches++
	for _, c := range w.Conversations {
		i.conversations[c.After.ID] = committer.Conversation{Key: 1, Version: c.Version, State: c.After}
	}
	return nil
}

func (i *instant) Rollback(context.Context) {}

// BenchmarkChange is one message through the committer to a database that takes no time, sent by one or many at
// once, each in a conversation of their own.
func BenchmarkChange(b *testing.B) {
	for _, senders := range []int{1, 64, 512} {
		b.Run("senders="+strconv.Itoa(senders), func(b *testing.B) {
			ctx := context.Background()
			db := &instant{conversations: map[string]committer.Conversation{}}
			var told atomic.Int64
			c := committer.New(db, committer.Options{Committed: func(batch []store.Committed) { told.Add(int64(len(batch))) }})
			for i := range senders {
				if err := begin(ctx, c, strconv.Itoa(i)); err != nil {
					b.Fatal(err)
				}
			}
			text := string(make([]byte, 200))
			var n atomic.Int64
			told.Store(0)
			before := db.batches
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range senders {
				wg.Go(func() {
					id := strconv.Itoa(i)
					req, rows := store.Request{Caller: id}, store.Rows{Conversations: []string{id}}
					for {
						k := n.Add(1)
						if k > int64(b.N) {
							return
						}
						binary.BigEndian.PutUint64(req.ID[8:], uint64(k))
						if _, err := c.Change(ctx, req, rows, func(w *store.Work) error {
							return w.Conversation(id).Post(chat.CustomerID, text, w.Now)
						}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			c.Close()
			if told.Load() != int64(b.N) {
				b.Errorf("told of %d changes, want %d", told.Load(), b.N)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
			b.ReportMetric(float64(b.N)/float64(db.batches-before), "changes/batch")
		})
	}
}

// begin starts a conversation that somebody has taken: until then a log may only grow so long.
func begin(ctx context.Context, c *committer.Committer, id string) error {
	if _, err := c.Change(ctx, store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		w.Start(chat.Start(chat.StartParams{
			ID: id, QueueID: "q", Language: "fi", Now: w.Now, Arrival: w.Queue("q").NextArrival(w.Now),
		}))
		return nil
	}); err != nil {
		return err
	}
	_, err := c.Change(ctx, store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
		return w.Conversation(id).Take(chat.Staff{ID: "kaisa"}, w.Now)
	})
	return err
}
