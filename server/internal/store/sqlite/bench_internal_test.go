package sqlite

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	driver "modernc.org/sqlite"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// BenchmarkBare is the two statements that a message takes, so many to a commit, and nothing else: no
// lookup, no domain, no waiting. BenchmarkAppend in the same run is to be compared with it.
func BenchmarkBare(b *testing.B) {
	for _, batch := range []int{1, 32, 256} {
		b.Run(strconv.Itoa(batch), func(b *testing.B) {
			ctx := context.Background()
			s, err := Open(ctx, filepath.Join(b.TempDir(), "kupla.db"), store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			exec := func(q *query, args ...any) {
				if _, err := s.engine.exec(ctx, q, args...); err != nil {
					b.Fatal(err)
				}
			}
			conversations := int64(2 * batch)
			data, payload := make([]byte, 100), make([]byte, 215)
			for i := range conversations {
				exec(insertConversation, strconv.FormatInt(i, 10), int64(1), "q", int64(1), i, int64(1), data)
			}
			b.ResetTimer()
			for n := int64(0); n < int64(b.N); {
				exec(begin)
				for range batch {
					key, version := n%conversations+1, n/conversations+1
					var request [16]byte
					_, _ = rand.Read(request[:])
					exec(updateConversation, version+1, version, data, key, version)
					exec(insertEvent, key, version, n, request[:], request[:8], payload)
					n++
				}
				exec(commit)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}

// BenchmarkAmongMany opens a database that holds a million closed conversations, and sends in it.
func BenchmarkAmongMany(b *testing.B) {
	for _, closed := range []int{0, 1_000_000} {
		b.Run(strconv.Itoa(closed), func(b *testing.B) {
			ctx := context.Background()
			path := filepath.Join(b.TempDir(), "kupla.db")
			s, err := Open(ctx, path, store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			if err := s.engine.transact(ctx, func() error { return s.insertClosed(ctx, closed) }); err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			before := time.Now()
			if s, err = Open(ctx, path, store.Options{}); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			opened := time.Since(before)
			if err := begins(s, "c"); err != nil {
				b.Fatal(err)
			}
			// What a first message loads is not what each does.
			if err := posts(s, "Hei"); err != nil {
				b.Fatal(err)
			}
			s.pages(b, true)
			n := uint64(0)
			for b.Loop() {
				n++
				req := store.Request{Caller: "c", ID: [16]byte{byte(n), byte(n >> 8), byte(n >> 16), 1}}
				if _, err := s.Change(ctx, req, store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
					return w.Conversation("c").Post(chat.CustomerID, "Hei", w.Now)
				}); err != nil {
					b.Fatal(err)
				}
			}
			read, written := s.pages(b, false)
			b.ReportMetric(float64(read)/float64(n), "pages-read/op")
			b.ReportMetric(float64(written)/float64(n), "pages-written/op")
			b.ReportMetric(float64(opened.Milliseconds()), "open-ms")
		})
	}
}

// pages is how many pages the writer has read from the file and written since the counts were reset.
func (s *Store) pages(tb testing.TB, reset bool) (read, written int) {
	tb.Helper()
	if err := s.engine.conn.Raw(func(c any) error {
		status := c.(driver.DBStatus)
		var err error
		if read, _, err = status.Status(driver.DBStatusCacheMiss, reset); err != nil {
			return err
		}
		written, _, err = status.Status(driver.DBStatusCacheWrite, reset)
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	return read, written
}

// insertClosed adds closed conversations, each with two events, a token, a contact and a request.
func (s *Store) insertClosed(ctx context.Context, n int) error {
	c := chat.Start(chat.StartParams{ID: "closed", QueueID: "q", Language: "fi", DisplayName: "Asiakas"})
	data, err := record.EncodeConversation(c)
	if err != nil {
		return err
	}
	for _, into := range []string{
		`conversation SELECT i, 'closed-' || i, 2, 'q', 3, i, 2, ?1 FROM n`,
		`event (conversation_key, sequence, at, payload) SELECT i, 1, i, ?1 FROM n`,
		`event (conversation_key, sequence, at, request_key, fingerprint, payload)
			SELECT i, 2, i, randomblob(16), randomblob(8), ?1 FROM n`,
		`conversation_token SELECT randomblob(32), i, 'customer', i FROM n WHERE ?1 IS NOT NULL`,
		`contact (conversation_id, queue_id, language, create_time, take_time, close_time, close_reason)
			SELECT 'closed-' || i, 'q', 'fi', i - 2, i - 1, i, 1 FROM n WHERE ?1 IS NOT NULL`,
		`request SELECT 0, randomblob(16), randomblob(8), 'closed-' || i, 1, '', i FROM n WHERE ?1 IS NOT NULL`,
	} {
		if _, err := s.engine.conn.ExecContext(ctx, fmt.Sprintf(
			`WITH RECURSIVE n(i) AS (SELECT 1 WHERE %d > 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO %s`,
			n, n, into), data); err != nil {
			return err
		}
	}
	return nil
}
