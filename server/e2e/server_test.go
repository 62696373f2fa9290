package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/demo"
)

// programs is where the programs under test were built.
var programs string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kupla-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs = dir
	if err := kuplad.Build(context.Background(), dir, nil, "../cmd/kuplad",
		"../../clients/go/cmd/kupla", "../../clients/go/cmd/kupla-load", "./cmd/pgcluster"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// server is kuplad in its own process, with the demonstration's catalogue.
type server struct {
	*kuplad.Server

	t        *testing.T
	database string
	output   *lockedBuffer
}

// startServer starts a server on an empty database.
func startServer(t *testing.T) *server {
	t.Helper()
	output := &lockedBuffer{}
	running, err := kuplad.In(t.Context(), programs, t.TempDir(), kuplad.Unlimited, output)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Server: running, t: t, database: running.Database, output: output}
	s.start()
	t.Cleanup(func() {
		s.kill()
		if what := apptest.Leak(s.output.String()); what != "" {
			t.Errorf("%s is in the log", what)
		}
		if t.Failed() {
			t.Logf("kuplad said:\n%s", s.output.String())
		}
	})
	m, err := demo.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	admin := kupla.New(s.url(), kupla.WithStaffToken(s.token("admin", "--role", "admin")))
	defer admin.Close()
	if _, err := admin.CatalogueService().ApplyCatalogue(t.Context(), &kuplav1.ApplyCatalogueRequest{
		RequestId: uuid.NewString(), Catalogue: m,
	}); err != nil {
		t.Fatalf("apply catalogue: %v", err)
	}
	return s
}

func (s *server) url() string { return s.URL() }

// start starts the process and waits until it serves.
func (s *server) start() {
	s.t.Helper()
	if err := s.Start(s.t.Context()); err != nil {
		s.t.Fatalf("%v\n%s", err, s.output.String())
	}
}

// kill ends the process as a power cut would: nothing is flushed, nothing is told.
func (s *server) kill() { s.Kill() }

// token makes a staff token with the command that administrators use, while the server runs.
func (s *server) token(id string, flags ...string) string {
	s.t.Helper()
	token, _, err := s.Token(s.t.Context(), id, flags...)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// waitServing waits until something serves at an address.
func waitServing(t *testing.T, address string, output *lockedBuffer) {
	t.Helper()
	if err := kuplad.WaitServing(t.Context(), "http://"+address); err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
}

// freeAddress finds a port of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := kuplad.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// lockedBuffer is a buffer that a process writes and a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
