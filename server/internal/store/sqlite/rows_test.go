package sqlite

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// rowEnd is where the row of the conversation of these tests ends.
func rowEnd(t *testing.T, s *Store) (last int) {
	t.Helper()
	err := s.committer.Do(t.Context(), func(ctx context.Context) ([]store.Committed, error) {
		return nil, s.engine.conn.QueryRowContext(ctx, "SELECT last_seq FROM conversation WHERE id = 'c'").Scan(&last)
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// logEnd is where its log does.
func logEnd(t *testing.T, s *Store) int {
	t.Helper()
	c, err := s.Conversation(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	return int(c.LastSequence)
}

// A row is not written for every message, and whoever reads it still reads the conversation as it is: after a
// restart, and while it is not known whether the last commit took effect.
func TestLogAheadOfRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kupla.db")
	s := openHere(t, path)
	if err := begins(s, "c"); err != nil {
		t.Fatal(err)
	}
	behind := 0
	for i := range 3 * mostAhead {
		if err := posts(s, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
		switch gap := logEnd(t, s) - rowEnd(t, s); {
		case gap > mostAhead:
			t.Fatalf("after message %d the row is %d behind", i, gap)
		case gap > 0:
			behind++
		}
		if i%50 != 7 {
			continue
		}
		want, err := s.Conversation(t.Context(), "c")
		if err != nil {
			t.Fatal(err)
		}
		same := func(how string) {
			t.Helper()
			got, err := s.conversation(t.Context(), "c")
			if err != nil {
				t.Fatalf("%s: %v", how, err)
			}
			if diff := cmp.Diff(want, got.State, cmpopts.IgnoreUnexported(chat.Conversation{})); diff != "" {
				t.Errorf("%s (+) it is not what it was (-):\n%s", how, diff)
			}
		}
		s.memory.doubt()
		same("in doubt")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openHere(t, path)
		same("opened again")
	}
	if behind < 2*mostAhead {
		t.Errorf("the row was written for all but %d messages", behind)
	}
	intact(t, s, 3*mostAhead)
	_, err := s.Change(t.Context(), store.Request{}, store.Rows{Conversations: []string{"c"}},
		func(w *store.Work) error { return w.Conversation("c").LeaveAsCustomer(w.Now) })
	if err != nil {
		t.Fatal(err)
	}
	if end, want := rowEnd(t, s), logEnd(t, s); end != want {
		t.Errorf("the row of a closed conversation ends with %d, its log with %d", end, want)
	}
}

// A request is found however it is looked for: known not to be stored, looked up, or with more of them than are
// remembered, before and after a restart.
func TestRequestMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kupla.db")
	s := openHere(t, path)
	if err := begins(s, "c"); err != nil {
		t.Fatal(err)
	}
	send := func(n int) store.Outcome {
		t.Helper()
		req := store.Request{Caller: "someone"}
		binary.BigEndian.PutUint64(req.ID[:], uint64(n)+1) // the zero id is none
		outcome, err := s.Change(t.Context(), req, store.Rows{Conversations: []string{"c"}},
			func(w *store.Work) error { return w.Conversation("c").Post(chat.CustomerID, strconv.Itoa(n), w.Now) })
		if err != nil {
			t.Fatal(err)
		}
		return outcome
	}
	for n := range maxSeen + 50 {
		if o := send(n); o.Repeated {
			t.Fatalf("request %d is taken for a repeated one", n)
		}
		switch n {
		case 0, 10, maxSeen - 1, maxSeen, maxSeen + 49:
			if o := send(n); !o.Repeated {
				t.Errorf("request %d is not recognized", n)
			}
		case 20, maxSeen + 20:
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openHere(t, path)
			for _, again := range []int{0, n} {
				if o := send(again); !o.Repeated {
					t.Errorf("after a restart request %d is not recognized", again)
				}
			}
		}
	}
	var kept int
	err := s.committer.Do(t.Context(), func(context.Context) ([]store.Committed, error) {
		for _, seen := range s.engine.requests {
			kept += len(seen.keys)
		}
		return nil, nil
	})
	if err != nil || kept > maxSeen {
		t.Errorf("%d requests are remembered of one conversation (%v)", kept, err)
	}
}
