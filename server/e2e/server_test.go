package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
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
	build := exec.CommandContext(context.Background(), "go", "build", "-o", dir, "../cmd/kuplad", "../../clients/go/cmd/kupla")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// unlimited is a configuration without the limits that tests would meet.
const unlimited = `
limits:
  address_starts: {per_second: -1}
  address_bad_credentials: {per_second: -1}
  address_calls: {per_second: -1}
  token_calls: {per_second: -1}
  token_sends: {per_second: -1}
  conversation_sends: {per_second: -1}
  conversation_ephemerals: {per_second: -1}
  waiting_per_address: 1000000
  streams_per_address: -1
`

// server is kuplad in its own process.
type server struct {
	t        *testing.T
	dir      string
	address  string
	database string

	mu      sync.Mutex
	process *exec.Cmd
	output  *lockedBuffer
}

// startServer starts a server on an empty database, with the demonstration's catalogue.
func startServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), address: freeAddress(t), output: &lockedBuffer{}}
	s.database = filepath.Join(s.dir, "kupla.db")
	if err := os.WriteFile(s.config(), []byte(unlimited), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() {
		s.kill()
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

func (s *server) config() string { return filepath.Join(s.dir, "kuplad.yaml") }

func (s *server) url() string { return "http://" + s.address }

// start starts the process and waits until it serves.
func (s *server) start() {
	s.t.Helper()
	s.mu.Lock()
	s.process = exec.CommandContext(context.Background(), filepath.Join(programs, "kuplad"), "serve",
		"--config", s.config(), "--listen", s.address, "--database", s.database)
	s.process.Stdout, s.process.Stderr = s.output, s.output
	err := s.process.Start()
	s.mu.Unlock()
	if err != nil {
		s.t.Fatalf("start kuplad: %v", err)
	}
	waitServing(s.t, s.address, s.output)
}

// kill ends the process as a power cut would: nothing is flushed, nothing is told.
func (s *server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	s.process = nil
}

// token makes a staff token with the command that administrators use, while the server runs.
func (s *server) token(id string, flags ...string) string {
	s.t.Helper()
	args := append([]string{"token", "create", id, "--name", "Testi " + id, "--database", s.database}, flags...)
	command := exec.CommandContext(s.t.Context(), filepath.Join(programs, "kuplad"), args...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		s.t.Fatalf("kuplad %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// waitServing waits until something accepts connections.
func waitServing(t *testing.T, address string, output *lockedBuffer) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		client := kupla.New("http://" + address)
		_, err := client.QueueService().ListQueues(ctx, &kuplav1.ListQueuesRequest{})
		client.Close()
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not serve: %v\n%s", err, output.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// freeAddress finds a port of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
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
