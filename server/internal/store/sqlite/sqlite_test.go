package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

func openHere(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// begins starts a conversation and has it taken: two events.
func begins(s *Store, id string) error {
	_, err := s.Change(context.Background(), store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		c := chat.Start(chat.StartParams{
			ID: id, QueueID: "q", Language: "fi", DisplayName: "Asiakas", Now: w.Now,
			Arrival: w.Queue("q").NextArrival(w.Now),
		})
		w.Start(c)
		return c.Take(chat.Staff{ID: "maita", DisplayName: "Maita"}, w.Now)
	})
	return err
}

// posts writes to the conversation that is called c.
func posts(s *Store, text string) error {
	_, err := s.Change(context.Background(), store.Request{}, store.Rows{Conversations: []string{"c"}},
		func(w *store.Work) error { return w.Conversation("c").Post(chat.CustomerID, text, w.Now) })
	return err
}

// TestEveryConnection looks at what is set on connections, those of the pool one by one.
func TestEveryConnection(t *testing.T) {
	s := openHere(t, filepath.Join(t.TempDir(), "kupla.db"))
	check := func(name string, conn *sql.Conn, more map[string]string) {
		t.Helper()
		want := map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000",
			"wal_autocheckpoint": strconv.Itoa(checkpointPages),
		}
		maps.Copy(want, more)
		for pragma, value := range want {
			var got string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != value {
				t.Errorf("%s: %s is %s, want %s", name, pragma, got, value)
			}
		}
	}
	check("writer", s.engine.conn, map[string]string{"query_only": "0"})
	for i := range 3 {
		conn, err := s.pool.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		check(fmt.Sprint("reader ", i), conn, map[string]string{"query_only": "1"})
		if _, err := conn.ExecContext(t.Context(), "DELETE FROM queue"); err == nil {
			t.Error("a reader can write")
		}
	}
}

func TestFiles(t *testing.T) {
	for _, name := range []string{"kupla.db", "a b?c#d%20é.db", "file:x?mode=memory"} {
		path := filepath.Join(t.TempDir(), "data", name)
		s := openHere(t, path)
		if err := begins(s, "c"); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s may be read by others: %v", f.Name(), info.Mode())
			}
			found = append(found, f.Name())
		}
		if want := []string{name, name + "-shm", name + "-wal", name + ".lock"}; strings.Join(found, " ") != strings.Join(want, " ") {
			t.Errorf("files %q, want %q", found, want)
		}
		folder, err := os.Stat(filepath.Dir(path))
		if err != nil || folder.Mode().Perm() != 0o700 {
			t.Errorf("the folder: %v, %v", folder.Mode(), err)
		}
	}
}

func TestOpenWhereItCannot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("this is no database, but it is long enough to be looked at as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(file, "kupla.db"), file, t.TempDir()} {
		if s, err := Open(t.Context(), path, store.Options{}); err == nil {
			t.Errorf("opened %s: %v", path, s.Close())
		}
		if s, err := OpenShared(t.Context(), path); err == nil {
			t.Errorf("opened %s: %v", path, s.Close())
		}
	}
	// A failed open lets go of the lock.
	lock, ok, err := tryLock(file + ".lock")
	if err != nil || !ok {
		t.Fatalf("the lock is still held: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}

func TestMigrations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kupla.db")
	ctx := t.Context()

	// An empty file beside a running server is not the command's to fill.
	if err := create(path); err != nil {
		t.Fatal(err)
	}
	lock, ok, err := tryLock(path + ".lock")
	if err != nil || !ok {
		t.Fatal(err)
	}
	if _, err := OpenShared(ctx, path); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a command migrated beside a server: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}

	s := openHere(t, path)
	if err := begins(s, "c"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Again, with nothing to do.
	s = openHere(t, path)
	if _, err := s.Conversation(ctx, "c"); err != nil {
		t.Error(err)
	}
	if err := s.engine.transact(ctx, func() error {
		_, err := s.engine.conn.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, path, store.Options{}); err == nil || !strings.Contains(err.Error(), "later version") {
		t.Errorf("a server opened a later version's database: %v", err)
	}
	if _, err := OpenShared(ctx, path); err == nil || !strings.Contains(err.Error(), "later version") {
		t.Errorf("a command opened a later version's database: %v", err)
	}
}

// fillUp writes until the database takes no more, and returns how many messages it took.
func fillUp(t *testing.T, s *Store, before int) int {
	t.Helper()
	text := strings.Repeat("täynnä ", 300)
	for n := before; ; n++ {
		err := posts(s, text)
		if err != nil {
			if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "full") {
				t.Fatalf("message %d: %v", n, err)
			}
			if strings.Contains(err.Error(), "täynnä") {
				t.Errorf("the error tells what was written: %v", err)
			}
			return n
		}
		if n > before+100_000 {
			t.Fatal("the disk is never full")
		}
	}
}

// intact checks that the conversation has as many messages as were acknowledged, in memory and on the disk.
func intact(t *testing.T, s *Store, messages int) {
	t.Helper()
	c, err := s.Conversation(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Events(t.Context(), "c", 0, 1e6)
	if err != nil {
		t.Fatal(err)
	}
	if int(c.LastSequence) != messages+2 || len(events) != messages+2 {
		t.Errorf("last sequence %d, %d events; %d messages were acknowledged", c.LastSequence, len(events), messages)
	}
	var sound string
	if err := s.pool.db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("integrity: %s, %v", sound, err)
	}
}

func recovers(t *testing.T, s *Store, path string, full, free func(*Store)) {
	t.Helper()
	if err := begins(s, "c"); err != nil {
		t.Fatal(err)
	}
	messages := 0
	for round := range 2 {
		full(s)
		messages = fillUp(t, s, messages)
		intact(t, s, messages)
		if err := begins(s, fmt.Sprint("new ", round)); !errors.Is(err, store.ErrUnavailable) {
			// Something small may still fit.
			if err != nil {
				t.Errorf("a start on a full disk: %v", err)
			}
		}
		free(s)
		if err := s.Healthy(t.Context()); err != nil {
			t.Errorf("with room again: %v", err)
		}
		if err := posts(s, "taas"); err != nil {
			t.Errorf("with room again: %v", err)
		}
		messages++
		intact(t, s, messages)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	intact(t, openHere(t, path), messages)
}

// TestDatabaseFull has the database refuse to grow.
func TestDatabaseFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kupla.db")
	limit := func(pages string) func(*Store) {
		return func(s *Store) {
			if err := s.committer.Do(t.Context(), func(ctx context.Context) ([]store.Committed, error) {
				_, err := s.engine.conn.ExecContext(ctx, "PRAGMA max_page_count = "+pages)
				return nil, err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	n := 200
	recovers(t, openHere(t, path), path, func(s *Store) {
		limit(strconv.Itoa(n))(s)
		n += 200
	}, limit("1000000"))
}

// TestUnknownWriter has something else write a conversation behind the server's back.
func TestUnknownWriter(t *testing.T) {
	s := openHere(t, filepath.Join(t.TempDir(), "kupla.db"))
	if err := begins(s, "c"); err != nil {
		t.Fatal(err)
	}
	if err := s.committer.Do(t.Context(), func(ctx context.Context) ([]store.Committed, error) {
		_, err := s.engine.conn.ExecContext(ctx, "UPDATE conversation SET version = version + 5")
		return nil, err
	}); err != nil {
		t.Fatal(err)
	}
	// A message alone is left to the log; whatever else is written finds the row changed.
	_, err := s.Change(context.Background(), store.Request{}, store.Rows{Conversations: []string{"c"}},
		func(w *store.Work) error {
			c := w.Conversation("c")
			_, err := c.MarkRead(c.Customer(), 1)
			return err
		})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("wrote over what another has written: %v", err)
	}
	if err := posts(s, "hei"); err != nil {
		t.Errorf("after reading it again: %v", err)
	}
	intact(t, s, 1)
}

// TestErrorsTellNoValues violates constraints with what must not be told.
func TestErrorsTellNoValues(t *testing.T) {
	s := openHere(t, filepath.Join(t.TempDir(), "kupla.db"))
	const secret = "salaisuus"
	if err := begins(s, secret); err != nil {
		t.Fatal(err)
	}
	if err := s.Seen(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	// Not named and closed long ago, so that only the database knows it.
	s.memory.reset(nil, nil, nil)
	err := begins(s, secret)
	if !errors.Is(err, committer.ErrRejected) {
		t.Fatalf("an id was taken twice: %v", err)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error tells the value: %v", err)
	}
}

// TestClosedConversationsAreForgotten drops conversations from memory and reads them from the disk.
func TestClosedConversationsAreForgotten(t *testing.T) {
	s := openHere(t, filepath.Join(t.TempDir(), "kupla.db"))
	s.memory.closed.limit = 2
	for i := range 6 {
		id := strconv.Itoa(i)
		if err := begins(s, id); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Change(t.Context(), store.Request{}, store.Rows{Conversations: []string{id}},
			func(w *store.Work) error { return w.Conversation(id).LeaveAsCustomer(w.Now) }); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.memory.closed.entries); n != 2 {
		t.Errorf("%d closed conversations are kept", n)
	}
	if n := len(s.memory.open); n != 0 {
		t.Errorf("%d open conversations are kept", n)
	}
	for i := range 6 {
		id := strconv.Itoa(i)
		// Changed, dropped by the reads of the others, and read again.
		if _, err := s.Change(t.Context(), store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
			c := w.Conversation(id)
			_, err := c.MarkRead(c.Customer(), 2)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 6 {
		c, err := s.Conversation(t.Context(), strconv.Itoa(i))
		if err != nil || c.ReadMarks[chat.CustomerID] != 2 {
			t.Errorf("conversation %d: %v, %v", i, c, err)
		}
	}
}
