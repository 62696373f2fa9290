package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// BenchmarkSend sends messages of 200 bytes, from so many senders at once, each into a conversation of their own. The
// one without batches is what a transaction for each message gives.
func BenchmarkSend(b *testing.B) {
	for _, senders := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) { benchmarkSend(b, senders, 0) })
	}
	b.Run("senders=64/unbatched", func(b *testing.B) { benchmarkSend(b, 64, 1) })
}

func benchmarkSend(b *testing.B, senders, maxRows int) {
	c := pgtest.New(b, pgtest.Options{})
	b.ReportMetric(messageRate(b, c, senders, maxRows, b.N, b.ResetTimer), "messages/s")
}

// BenchmarkBatching tells how many times as fast 64 senders are in batches as with a transaction for each message, in
// turn. make bench makes a row of its table of it.
func BenchmarkBatching(b *testing.B) {
	const senders, messages = 64, 20_000
	c := pgtest.New(b, pgtest.Options{})
	var batched, single float64
	for b.Loop() {
		single += messageRate(b, c, senders, 1, messages/10, func() {})
		batched += messageRate(b, c, senders, 0, messages, func() {})
	}
	b.ReportMetric(batched/float64(b.N), "batched/s")
	b.ReportMetric(single/float64(b.N), "single/s")
	b.ReportMetric(batched/single, "times")
}

// messageRate sends n messages to an empty database and tells how many a second. It calls begin when everything is
// ready. The cluster is not the one that the tests share: that one does not wait for the disk.
func messageRate(b *testing.B, c *pgtest.Cluster, senders, maxRows, n int, begin func()) float64 {
	b.Helper()
	ctx := context.Background()
	name := pgtest.Name()
	dsn, err := c.Database(ctx, name)
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := Migrate(ctx, dsn); err != nil {
		b.Fatal(err)
	}
	s, err := Open(ctx, dsn, Options{}, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	if maxRows > 0 {
		s.committer.Close()
		s.committer = committer.New(s.engine, committer.Options{MaxRows: maxRows, Committed: s.committed})
	}
	text := strings.Repeat("a", 200)
	started := 0
	start := func(id string) {
		_, err := s.Change(ctx, store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
			c := chat.Start(chat.StartParams{
				ID: id, QueueID: "q", Language: "fi", DisplayName: "A", Now: w.Now, Arrival: w.Queue("q").NextArrival(w.Now),
			})
			w.Start(c)
			return c.Take(chat.Staff{ID: "maita", DisplayName: "Maita"}, w.Now)
		})
		if err != nil {
			b.Fatal(err)
		}
		started++
	}
	for i := range senders {
		start(fmt.Sprintf("c%d-0", i))
	}
	var left, asked atomic.Int64
	left.Store(int64(n))
	begin()
	began := time.Now()
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for n := 0; left.Add(-1) >= 0; n++ {
				if n > 0 && n%9000 == 0 {
					start(fmt.Sprintf("c%d-%d", i, n/9000)) // a conversation takes no more
				}
				id := fmt.Sprintf("c%d-%d", i, n/9000)
				req := store.Request{Caller: id}
				binary.BigEndian.PutUint64(req.ID[8:], uint64(asked.Add(1)))
				if _, err := s.Change(ctx, req, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
					return w.Conversation(id).Post(chat.CustomerID, text, w.Now)
				}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(began).Seconds()
}
