package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// BenchmarkAmongMany starts, takes and sends in a database that holds a million closed conversations with ten million
// events, and in one that holds none. It tells, for each, how many of PostgreSQL's pages were looked at and how many of
// those came from the disk, and what it cost this process; and for each statement where the pages were. It takes some
// minutes.
func BenchmarkAmongMany(b *testing.B) {
	const events = 10
	for _, closed := range []int{0, 1_000_000} {
		b.Run(fmt.Sprintf("closed=%d", closed), func(b *testing.B) {
			m := newMany(b, closed, events)
			b.Run("open", m.open)
			b.Run("start+leave", m.start)
			b.Run("take+close", m.take)
			b.Run("send", m.send)
			b.Run("page", m.page)
			b.Run("forget", m.forget)
		})
	}
}

// many is a database that was in use for long, and a store on it.
type many struct {
	dsn   string
	store *Store
	// stats asks what each statement has cost.
	stats *pgx.Conn
	asked uint64
	// waiting are conversations that nobody has taken yet.
	waiting []string
	started int
}

func newMany(b *testing.B, closed, events int) *many {
	b.Helper()
	ctx := context.Background()
	c := pgtest.New(b, pgtest.Options{Settings: map[string]string{
		"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all", "shared_buffers": "512MB",
		"max_wal_size": "8GB", "maintenance_work_mem": "256MB",
	}})
	m := &many{}
	var err error
	if m.dsn, err = c.Database(ctx, "many"); err != nil {
		b.Fatal(err)
	}
	if _, _, err := Migrate(ctx, m.dsn); err != nil {
		b.Fatal(err)
	}
	// An index by what is random is made faster once than row by row.
	var byRequest string
	if err := c.Query(ctx, "many", &byRequest, `SELECT pg_get_indexdef('event_request'::regclass)`); err != nil {
		b.Fatal(err)
	}
	if err := c.Exec(ctx, "many", `CREATE EXTENSION pg_stat_statements`, `DROP INDEX event_request`,
		`SET synchronous_commit = off`, growth(b, closed, events, 0), byRequest, `VACUUM ANALYZE`, `CHECKPOINT`); err != nil {
		b.Fatal(err)
	}
	if m.stats, err = c.Connect(ctx, "many"); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = m.stats.Close(ctx) })
	m.store = m.opened(b)
	b.Cleanup(func() {
		if err := m.store.Close(); err != nil {
			b.Error(err)
		}
	})
	return m
}

func (m *many) opened(b *testing.B) *Store {
	b.Helper()
	s, err := Open(context.Background(), m.dsn, Options{}, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// request makes a request that was never made.
func (m *many) request() store.Request {
	m.asked++
	r := store.Request{Caller: "c"}
	binary.BigEndian.PutUint64(r.ID[8:], m.asked)
	return r
}

// change makes a change that must not fail.
func (m *many) change(b *testing.B, rows store.Rows, fn func(*store.Work) error) {
	if _, err := m.store.Change(context.Background(), m.request(), rows, fn); err != nil {
		b.Fatal(err)
	}
}

// open is a server's start, as far as the store is concerned.
func (m *many) open(b *testing.B) {
	for b.Loop() {
		if err := m.opened(b).Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func (m *many) startOne(b *testing.B) {
	m.started++
	id := fmt.Sprintf("%032x", m.started) // As long as the others.
	m.change(b, store.Rows{Queues: []string{"queue 1"}, Origin: "origin"}, func(w *store.Work) error {
		w.Start(chat.Start(chat.StartParams{
			ID: id, QueueID: "queue 1", Language: "fi", DisplayName: "Asiakas", Origin: "origin", Now: w.Now,
			Arrival: w.Queue("queue 1").NextArrival(w.Now),
		}))
		var hash [32]byte
		binary.BigEndian.PutUint64(hash[:], m.asked*0x9e3779b97f4a7c15) // As random as a real one.
		w.IssueToken(store.ConversationToken{Hash: hash, ConversationID: id, ParticipantID: chat.CustomerID})
		return nil
	})
	m.waiting = append(m.waiting, id)
}

func (m *many) takeOne(b *testing.B) {
	if len(m.waiting) == 0 {
		m.startOne(b)
	}
	id := m.waiting[0]
	m.waiting = m.waiting[1:]
	m.change(b, store.Rows{Staff: []string{"staff 1"}, Conversations: []string{id}}, func(w *store.Work) error {
		return w.Conversation(id).Take(chat.Staff{ID: "staff 1", DisplayName: "Maita"}, w.Now)
	})
	// As many as a professional has at once, whatever the database holds.
	m.change(b, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
		return w.Conversation(id).Close("professional-1", chat.Completed, w.Now)
	})
}

// leaveOne has the customer end a conversation, so that no more wait than elsewhere.
func (m *many) leaveOne(b *testing.B) {
	id := m.waiting[len(m.waiting)-1]
	m.waiting = m.waiting[:len(m.waiting)-1]
	m.change(b, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
		return w.Conversation(id).LeaveAsCustomer(w.Now)
	})
}

func (m *many) start(b *testing.B) {
	do := func() {
		m.startOne(b)
		m.leaveOne(b)
	}
	do()
	m.measured(b, do)
}

func (m *many) take(b *testing.B) {
	m.takeOne(b)
	for len(m.waiting) < 1000 { //nolint:mnd // More than are taken while it is measured.
		m.startOne(b)
	}
	m.measured(b, func() { m.takeOne(b) })
	for len(m.waiting) > 0 {
		m.leaveOne(b)
	}
}

func (m *many) send(b *testing.B) {
	text := strings.Repeat("a", 200)
	id, sent := "", 0
	post := func() {
		if sent%5000 == 0 { // A conversation takes no more than some thousands.
			m.startOne(b)
			id = m.waiting[0]
			m.waiting = nil
			m.change(b, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
				return w.Conversation(id).Take(chat.Staff{ID: "staff 2", DisplayName: "Maita"}, w.Now)
			})
		}
		sent++
		m.change(b, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
			return w.Conversation(id).Post(chat.CustomerID, text, w.Now)
		})
	}
	post()
	m.measured(b, post)
}

// page reads a page of the middle of a closed conversation, of which there are many, or of the one just sent to.
func (m *many) page(b *testing.B) {
	var ids []string
	if err := m.stats.QueryRow(context.Background(),
		`SELECT array_agg(id) FROM (SELECT id FROM conversation ORDER BY md5(id) LIMIT 1000) c`).Scan(&ids); err != nil {
		b.Fatal(err)
	}
	n := 0
	m.measured(b, func() {
		n++
		if _, err := m.store.Events(context.Background(), ids[n%len(ids)], 1, 5); err != nil {
			b.Fatal(err)
		}
	})
}

// forget is what is done once a day, to all feedback there is.
func (m *many) forget(b *testing.B) {
	for b.Loop() {
		if err := m.store.ForgetOrder(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// statement is what one of the store's has cost.
type statement struct {
	text                string
	calls, looked, read int64
}

// measured runs something and tells what it cost.
func (m *many) measured(b *testing.B, do func()) {
	b.Helper()
	ctx := context.Background()
	if _, err := m.stats.Exec(ctx, `SELECT pg_stat_statements_reset()`); err != nil {
		b.Fatal(err)
	}
	before := cpu(b)
	n := 0
	for b.Loop() {
		do()
		n++
	}
	spent := cpu(b) - before
	statements, err := m.statements(ctx)
	if err != nil {
		b.Fatal(err)
	}
	var looked, read int64
	var table strings.Builder
	for _, s := range statements {
		looked, read = looked+s.looked, read+s.read
		fmt.Fprintf(&table, "%8.2f pages, %6.3f from the disk, %5.2f times: %s\n", float64(s.looked)/float64(n), float64(s.read)/float64(n),
			float64(s.calls)/float64(n), strings.Join(strings.Fields(s.text), " "))
	}
	b.ReportMetric(float64(looked)/float64(n), "pages/op")
	b.ReportMetric(float64(read)/float64(n), "pages-read/op")
	b.ReportMetric(float64(spent.Microseconds())/float64(n), "cpu-µs/op")
	if testing.Verbose() {
		b.Logf("each of %d:\n%s", n, table.String())
	}
}

// statements are what the server's connections have run since the last reset, those that looked at most first.
func (m *many) statements(ctx context.Context) ([]statement, error) {
	rows, err := m.stats.Query(ctx, `SELECT query, calls, shared_blks_hit + shared_blks_read, shared_blks_read
		FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND toplevel ORDER BY 3 DESC`)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s statement, err error) {
		err = row.Scan(&s.text, &s.calls, &s.looked, &s.read)
		return s, err
	})
	if err == nil && len(all) == 0 {
		err = errors.New("pg_stat_statements counted nothing")
	}
	// What asks.
	return slices.DeleteFunc(all, func(s statement) bool { return strings.Contains(s.text, "pg_stat_statements") }), err
}

// cpu is how much of the processors this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
