package sqlite_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

// BenchmarkAppend is one message made durable, sent by one or many at once, each in a conversation of
// their own.
func BenchmarkAppend(b *testing.B) {
	for _, senders := range []int{1, 64, 512} {
		b.Run(strconv.Itoa(senders), func(b *testing.B) {
			ctx := context.Background()
			var batches atomic.Int64
			s, err := sqlite.Open(ctx, filepath.Join(b.TempDir(), "kupla.db"), store.Options{
				Committed: func([]store.Committed) { batches.Add(1) },
			})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			for i := range senders {
				if err := start(ctx, s, fmt.Sprintf("conversation-%d", i)); err != nil {
					b.Fatal(err)
				}
			}
			text := string(make([]byte, 200))
			var n atomic.Int64
			batches.Store(0)
			b.ResetTimer()
			b.ReportAllocs()
			var wg sync.WaitGroup
			for i := range senders {
				wg.Go(func() {
					id := fmt.Sprintf("conversation-%d", i)
					for {
						k := n.Add(1)
						if k > int64(b.N) {
							return
						}
						req := store.Request{Caller: id}
						binary.BigEndian.PutUint64(req.ID[:], uint64(k)*0x9e3779b97f4a7c15)
						binary.BigEndian.PutUint64(req.ID[8:], uint64(k))
						_, err := s.Change(ctx, req, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
							return w.Conversation(id).Post(chat.CustomerID, text, w.Now)
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
			b.ReportMetric(float64(b.N)/float64(batches.Load()), "changes/batch")
		})
	}
}
