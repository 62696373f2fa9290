package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// TestLostByAStandby has the last messages of a conversation be gone, and all connections end, as when a standby takes
// over that was not synchronous. Both servers go by what is stored from then on, whatever they had told.
func TestLostByAStandby(t *testing.T) {
	for _, test := range []struct {
		name  string
		first int // which of the servers writes first after the loss
	}{{"the one that wrote goes on", 0}, {"the other one goes on", 1}} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			database := emptyDatabase(t)
			t.Cleanup(func() { sound(t, database) })
			servers := []*server{
				serve(t, database, "a", postgres.Options{}), serve(t, database, "b", postgres.Options{}),
			}
			a := servers[0]
			_, err := a.start(store.Request{}, "c")
			a.ok(err)
			_, err = a.post(ask("c", 1), "c", "kept")
			a.ok(err)
			a.ok(cluster.Exec(ctx, database, `CREATE TABLE was AS SELECT key, version, last_seq, data FROM conversation`))
			for n := 2; n <= 4; n++ {
				_, err = a.post(ask("c", n), "c", fmt.Sprint("lost ", n))
				a.ok(err)
			}
			for _, s := range servers {
				s.eventually("told of all of c", func() bool {
					k := s.conversations["c"]
					return k != nil && k.after.LastSequence == 5
				})
			}

			a.ok(cluster.Exec(ctx, database, `WITH events AS (DELETE FROM event e USING was w
				WHERE e.conversation_key = w.key AND e.sequence > w.last_seq)
				UPDATE conversation c SET version = w.version, last_seq = w.last_seq, data = w.data FROM was w WHERE c.key = w.key`,
				`DROP TABLE was`))
			for _, s := range servers {
				s.forget()
			}
			ended, err := cluster.Disconnect(ctx, database, "kuplad")
			a.ok(err)
			if ended < 4 {
				t.Errorf("%d connections were ended", ended)
			}

			// More than were lost, so that numbers and versions that were told come again with other content.
			for n := range 5 {
				s := servers[(test.first+n)%2]
				out := s.insist(ask("c", 10+n), "c", fmt.Sprint("later ", n))
				if want := int32(3 + n); out.Sequence != want {
					t.Errorf("message %d after the loss was given %d, want %d", n, out.Sequence, want)
				}
			}
			// What was lost may be sent again by whoever still has it.
			if out := a.insist(ask("c", 2), "c", "lost 2"); out.Sequence != 8 {
				t.Errorf("what was lost was given %d when it was sent again", out.Sequence)
			}
			events, err := a.Events(ctx, "c", 2, 100)
			a.ok(err)
			if len(events) != 6 {
				t.Errorf("%d messages are stored", len(events))
			}
			agree(t, []string{"c"}, servers...)
		})
	}
}

// forget has the server be told anew: what it was told is not so any more.
func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.conversations)
}

// insist posts until it is acknowledged, as clients do while the database is away.
func (s *server) insist(req store.Request, id, text string) store.Outcome {
	s.t.Helper()
	for deadline := time.Now().Add(soon); ; time.Sleep(10 * time.Millisecond) {
		out, err := s.post(req, id, text)
		if err == nil {
			return out
		}
		if !errors.Is(err, store.ErrUnavailable) || time.Now().After(deadline) {
			s.t.Fatalf("server %s: %v", s.name, err)
		}
	}
}

// TestLookupWaitsForTheStandby: a message that is visible and that no standby has yet is not told to be sent, however
// it is asked for. Its own answer may have been lost while the standby was waited for.
func TestLookupWaitsForTheStandby(t *testing.T) {
	ctx := t.Context()
	primary := pgtest.New(t, pgtest.Options{})
	dsn, err := primary.Database(ctx, "kupla")
	if err == nil {
		_, _, err = postgres.Migrate(ctx, dsn)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := serveAt(t, primary.TCP("kupla", primary.Address()), "a", postgres.Options{BatchTimeout: 3 * time.Second})
	_, err = s.start(store.Request{}, "c")
	s.ok(err)
	_, err = s.post(ask("c", 1), "c", "Hei")
	s.ok(err)

	// From here on no commit ends, once every process of the database has heard of it.
	s.ok(primary.Set(ctx, map[string]string{"synchronous_standby_names": "nobody"}))
	s.eventuallyOK("no commit ends", func() error {
		brief, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		if primary.Exec(brief, "kupla", `UPDATE health SET at = at`) == nil {
			return errors.New("one did")
		}
		return nil
	})
	for how, lookup := range map[string]func(context.Context) error{
		"Lookup": func(ctx context.Context) error {
			_, err := s.Lookup(ctx, ask("c", 1), "c")
			return err
		},
		"a repeat": func(ctx context.Context) error {
			_, err := s.Change(ctx, ask("c", 1), store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
				return w.Conversation("c").Post(chat.CustomerID, "Hei", w.Now)
			})
			return err
		},
	} {
		brief, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		if err := lookup(brief); err == nil {
			t.Errorf("%s told that a message was sent that no standby has", how)
		}
		cancel()
	}

	s.ok(primary.Synchronous(ctx))
	s.eventuallyOK("it is told once the standby is not waited for", func() error {
		_, err := s.Lookup(ctx, ask("c", 1), "c")
		return err
	})
	if out := s.insist(ask("c", 1), "c", "Hei"); out.Sequence != 2 || !out.Repeated {
		t.Errorf("the repeat was answered with %+v", out)
	}
}

// eventuallyOK waits until something succeeds, which must be soon.
func (s *server) eventuallyOK(what string, try func() error) {
	s.t.Helper()
	for deadline := time.Now().Add(soon); ; time.Sleep(10 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("server %s: %s: %v", s.name, what, err)
		}
	}
}
