package postgres_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// begun is how many events a conversation has that was started and taken.
const begun = 2

// insistent sends numbered messages to a conversation of its own, each until it is acknowledged, as a client does.
type insistent struct {
	s  *server
	id string

	mu           sync.Mutex
	acknowledged int
	// doubted counts the attempts that failed.
	doubted int
	stopped bool
}

func (c *insistent) send(t *testing.T) {
	for number := 1; ; number++ {
		for {
			c.mu.Lock()
			stopped := c.stopped
			c.mu.Unlock()
			if stopped {
				return
			}
			out, err := c.s.post(ask(c.id, number), c.id, fmt.Sprint(number))
			if err == nil {
				if int(out.Sequence) != begun+number {
					t.Errorf("message %d of %s was given %d", number, c.id, out.Sequence)
				}
				break
			}
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("message %d of %s: %v", number, c.id, err)
				return
			}
			c.mu.Lock()
			c.doubted++
			c.mu.Unlock()
			time.Sleep(10 * time.Millisecond)
		}
		c.mu.Lock()
		c.acknowledged = number
		c.mu.Unlock()
	}
}

func (c *insistent) count() (acknowledged, doubted int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acknowledged, c.doubted
}

// TestFailover restarts the database under two servers, kills it, and has its synchronous standby take over, while both
// write. They find the new one by themselves; nothing that was acknowledged is lost, doubled or out of order.
func TestFailover(t *testing.T) {
	ctx := t.Context()
	primary := pgtest.New(t, pgtest.Options{})
	dsn, err := primary.Database(ctx, "kupla")
	if err == nil {
		_, _, err = postgres.Migrate(ctx, dsn)
	}
	if err != nil {
		t.Fatal(err)
	}
	standby, err := primary.Standby(ctx, "second")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.CloseAfter(t, standby)
	if err := primary.Synchronous(ctx, "second"); err != nil {
		t.Fatal(err)
	}
	either := primary.TCP("kupla", primary.Address(), standby.Address())
	servers := []*server{serveAt(t, either, "a", postgres.Options{}), serveAt(t, either, "b", postgres.Options{})}
	writers := insist(t, servers)
	writers.goOn()
	if err := primary.Restart(ctx, pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	writers.goOn()
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := standby.Promote(ctx); err != nil {
		t.Fatal(err)
	}
	writers.goOn()
	writers.check(t, servers)
}

// TestConnectionsAreLost ends all connections of two servers again and again, some of them in the middle of a commit.
func TestConnectionsAreLost(t *testing.T) {
	a, b := pair(t, postgres.Options{})
	servers := []*server{a, b}
	writers := insist(t, servers)
	var database string
	a.ok(cluster.Query(t.Context(), "postgres", &database, `SELECT datname::text FROM pg_stat_activity
		WHERE application_name = 'kuplad write' LIMIT 1`))
	const rounds = 15
	ended := 0
	for range rounds {
		time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
		n, err := cluster.Disconnect(t.Context(), database, "kuplad")
		a.ok(err)
		ended += n
	}
	if ended < rounds {
		t.Errorf("%d connections were ended", ended)
	}
	writers.goOn()
	writers.check(t, servers)
}

// insistents are several who write.
type insistents struct {
	t    *testing.T
	all  []*insistent
	stop func()
}

// insist has four people write by two servers, until they are stopped or the test ends.
func insist(t *testing.T, servers []*server) *insistents {
	t.Helper()
	w := &insistents{t: t}
	var writing sync.WaitGroup
	for i, id := range numbered("c", 4) {
		c := &insistent{s: servers[i%2], id: id}
		_, err := c.s.start(store.Request{}, id)
		c.s.ok(err)
		if _, err := c.s.Change(t.Context(), store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
			return w.Conversation(id).Take(chat.Staff{ID: "maita", DisplayName: "Maita"}, w.Now)
		}); err != nil {
			t.Fatal(err)
		}
		w.all = append(w.all, c)
		writing.Go(func() { c.send(t) })
	}
	w.stop = sync.OnceFunc(func() {
		for _, c := range w.all {
			c.mu.Lock()
			c.stopped = true
			c.mu.Unlock()
		}
		writing.Wait()
	})
	t.Cleanup(w.stop)
	return w
}

// goOn waits until everybody has had more acknowledged, of which some was sent since it was called.
func (w *insistents) goOn() {
	w.t.Helper()
	const more = 10
	for _, c := range w.all {
		before, _ := c.count()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if n, _ := c.count(); n >= before+more {
				break
			}
			if time.Now().After(deadline) {
				w.t.Fatalf("%s does not go on: %d acknowledged", c.id, before)
			}
		}
	}
}

// check stops everybody and looks at what is stored, and at what the servers were told.
func (w *insistents) check(t *testing.T, servers []*server) {
	t.Helper()
	w.stop()
	doubts := 0
	var ids []string
	for _, c := range w.all {
		ids = append(ids, c.id)
		acknowledged, doubted := c.count()
		doubts += doubted
		events, err := c.s.Events(t.Context(), c.id, begun, 100_000)
		c.s.ok(err)
		// The one in flight at the end may be there.
		if len(events) < acknowledged || len(events) > acknowledged+1 {
			t.Errorf("%s has %d messages, %d were acknowledged", c.id, len(events), acknowledged)
		}
		for i, e := range events {
			if m, ok := e.Kind.(chat.MessagePosted); !ok || m.Text != fmt.Sprint(i+1) || int(e.Sequence) != begun+i+1 {
				t.Fatalf("event %d of %s is %+v", begun+i+1, c.id, e)
			}
		}
	}
	if doubts == 0 {
		t.Error("nobody noticed anything")
	}
	agree(t, ids, servers...)
	for _, s := range servers {
		s.eventually("told that the last interruption is over", func() bool {
			return len(s.interruptions) == 0 || !s.interruptions[len(s.interruptions)-1]
		})
	}
}
