package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

func command(t *testing.T, task, path string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), program)
	cmd.Env = append(os.Environ(), childTask+"="+task, childPath+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, store.Options{})
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

// TestKilled kills a server that is being written to, with SIGKILL, again and again. All it acknowledged is
// there, in order and once.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kupla.db")
	ctx := context.Background()
	s := open(t, path)
	for w := range killedWriters {
		if err := start(ctx, s, strconv.Itoa(w)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for round := range 4 {
		cmd := command(t, "write", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := map[string]int{}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			id, number, _ := strings.Cut(lines.Text(), " ")
			if acknowledged[id], err = strconv.Atoi(number); err != nil {
				t.Fatal(err)
			}
			if n == 150 {
				if round == 0 {
					// It has the file for itself as long as it lives.
					if _, err := sqlite.Open(ctx, path, store.Options{}); !errors.Is(err, store.ErrInUse) ||
						!strings.Contains(err.Error(), fmt.Sprintf("process %d", cmd.Process.Pid)) {
						t.Errorf("opened beside a server: %v", err)
					}
				}
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // It was killed.
		if len(acknowledged) == 0 {
			t.Fatal("nothing was acknowledged")
		}

		s := open(t, path)
		for w := range killedWriters {
			id := strconv.Itoa(w)
			c, err := s.Conversation(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if int(c.LastSequence)-2 < acknowledged[id] {
				t.Errorf("round %d: %d was acknowledged to %s, %d is kept", round, acknowledged[id], id, c.LastSequence-2)
			}
			events, err := s.Events(ctx, id, 0, 1e6)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) != int(c.LastSequence) {
				t.Fatalf("round %d: %d events, last sequence %d", round, len(events), c.LastSequence)
			}
			for i, e := range events[2:] {
				if text := e.Kind.(chat.MessagePosted).Text; int(e.Sequence) != i+3 || text != strconv.Itoa(i+1) {
					t.Fatalf("round %d: event %d is %q", round, e.Sequence, text)
				}
			}
			if last := acknowledged[id]; last > 0 {
				out, err := post(ctx, s, id, last)
				if err != nil || !out.Repeated || int(out.Sequence) != last+2 {
					t.Errorf("round %d: asked again for %d: %+v, %v", round, last, out, err)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "kupla.db")
	ctx := t.Context()
	s := open(t, path)
	_, err := sqlite.Open(ctx, path, store.Options{})
	if !errors.Is(err, store.ErrInUse) {
		t.Fatalf("opened twice: %v", err)
	}
	for _, part := range []string{path, fmt.Sprintf("process %d", os.Getpid()), "stop that server first"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the refusal does not tell %q: %v", part, err)
		}
	}
	if err := start(ctx, s, "c"); err != nil {
		t.Errorf("after another was refused: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

// TestOpenWaitsForOneThatEnds starts a server while the one before is still closing, as supervisors do.
func TestOpenWaitsForOneThatEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kupla.db")
	s := open(t, path)
	opened := make(chan error, 1)
	go func() {
		next, err := sqlite.Open(context.Background(), path, store.Options{})
		if err == nil {
			err = next.Close()
		}
		opened <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func TestOpenGivesUpWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kupla.db")
	open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlite.Open(ctx, path, store.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestAdministratorBesideServer writes staff and tokens from another process while the server is busy.
func TestAdministratorBesideServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kupla.db")
	ctx := t.Context()
	s := open(t, path)
	if err := s.PutStaff(ctx, store.Staff{ID: "maita", DisplayName: "?", Availability: store.OnPhone}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StaffToken(ctx, [32]byte{1}); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a token before there is one: %v", err)
	}

	stop := make(chan struct{})
	var wg sync.WaitGroup
	const writers = 16
	counts := make([]int, writers)
	for w := range writers {
		id := strconv.Itoa(w)
		if err := start(ctx, s, id); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := post(ctx, s, id, n); err != nil {
					t.Error(err)
					return
				}
				counts[w] = n
			}
		})
	}
	if out, err := command(t, "token", path).Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	token, err := s.StaffToken(ctx, [32]byte{1})
	if err != nil || token.StaffID != "maita" {
		t.Errorf("the token made beside the server: %+v, %v", token, err)
	}
	m, err := s.Staff(ctx, "maita")
	if err != nil || m.DisplayName != "Maita" || m.Capacity != 4 || m.Availability != store.OnPhone {
		t.Errorf("the profile made beside the server: %+v, %v", m, err)
	}
	if _, err := s.Change(ctx, store.Request{}, store.Rows{Staff: []string{"maita"}}, func(w *store.Work) error {
		if w.Staff("maita").Capacity != 4 {
			t.Errorf("a change sees capacity %d", w.Staff("maita").Capacity)
		}
		w.Staff("maita").Availability = store.Available
		return nil
	}); err != nil {
		t.Error(err)
	}

	shared, err := sqlite.OpenShared(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shared.Close() })
	if m, err := shared.Staff(ctx, "maita"); err != nil || m.Availability != store.Available {
		t.Errorf("the command sees %+v, %v", m, err)
	}
	tokens, err := shared.StaffTokens(ctx)
	if err != nil || len(tokens) != 1 {
		t.Errorf("the command sees tokens %+v, %v", tokens, err)
	}
	token.RevokeTime = token.RevokeTime.AddDate(2025, 0, 0)
	if err := shared.PutStaffToken(ctx, token); err != nil {
		t.Error(err)
	}
	if got, err := s.StaffToken(ctx, [32]byte{1}); err != nil || !got.RevokeTime.Equal(token.RevokeTime) {
		t.Errorf("the server sees the revoked token as %+v, %v", got, err)
	}
	if err := shared.PutStaffToken(ctx, store.StaffToken{ID: "u", StaffID: "nobody"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a token of nobody's: %v", err)
	}
	all, err := shared.AllStaff(ctx)
	if err != nil || len(all) != 1 {
		t.Errorf("all staff: %+v, %v", all, err)
	}

	if err := shared.Close(); err != nil {
		t.Error(err)
	}
	if err := shared.PutStaff(ctx, store.Staff{ID: "late"}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("wrote after it was closed: %v", err)
	}

	close(stop)
	wg.Wait()
	for w := range writers {
		c, err := s.Conversation(ctx, strconv.Itoa(w))
		if err != nil || int(c.LastSequence) != 2+counts[w] {
			t.Errorf("conversation %d has %d messages and %d events: %v", w, counts[w], c.LastSequence, err)
		}
	}
}

// TestAdministratorComesFirst makes a token before any server has run.
func TestAdministratorComesFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "kupla.db")
	if out, err := command(t, "token", path).Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := open(t, path)
	if _, err := s.StaffToken(t.Context(), [32]byte{1}); err != nil {
		t.Error(err)
	}
}
