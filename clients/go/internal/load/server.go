package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// settings are kuplad's in a load: nothing is limited that a load is to reach, and time closes nothing while it lasts.
const settings = `limits:
  address_starts: {per_second: -1}
  address_bad_credentials: {per_second: -1}
  address_calls: {per_second: -1}
  token_calls: {per_second: -1}
  token_sends: {per_second: -1}
  conversation_sends: {per_second: -1}
  conversation_ephemerals: {per_second: -1}
  waiting_per_address: 1000000
  streams_per_token: -1
  streams_per_address: -1
times:
  staff_lost_after: 24h
  customer_expires_after: 24h
`

const (
	// loadQueue is the one queue of a load.
	loadQueue = "load"
	// deskCapacity is how many conversations a professional may have: the most that kuplad allows.
	deskCapacity = 100
	// startTimeout is how long a server may take until it serves.
	startTimeout = 30 * time.Second
	// stopTimeout is how long a server may take to end.
	stopTimeout = 20 * time.Second
)

// Server is a server in a process of its own, to be loaded and measured.
type Server struct {
	// Name is "kupla" or "bare".
	Name string
	// URL is where it serves, and Debug where it serves profiles.
	URL, Debug string
	// PID is its process.
	PID int
	// Echo says that it sends each message to the sender's own stream too.
	Echo bool
	// ProfileTo is where profiles are written, as the beginning of their names; empty is none.
	ProfileTo string

	// Serving is how long it took from its start until it served.
	Serving time.Duration

	program string // kuplad, for tokens; empty for bare
	// storage is its database in PostgreSQL; nil is a SQLite file in dir.
	storage *database
	// others are servers on the same database, which end with it.
	others []*Server
	// word tells its tokens from those that other servers made in the same database.
	word    string
	dir     string
	process *exec.Cmd
	ended   chan struct{} // closed when the process has ended
	output  *tail

	mu      sync.Mutex
	desks   []string // staff tokens
	started int      // conversations of the bare relay
}

// StartKupla starts the kuplad at program on an empty SQLite database in a folder of its own, without limits.
func StartKupla(ctx context.Context, program string) (*Server, error) {
	return Kupla{Program: program}.Start(ctx)
}

// Kupla is which kuplad to start, and on what.
type Kupla struct {
	// Program is its file.
	Program string
	// Settings are more of its configuration, as YAML.
	Settings string
	// Postgres is where its database is made; nil is a SQLite file.
	Postgres *Postgres
	// Stored is the name of a database in Postgres that is there already, which is used instead.
	Stored string
	// Servers is how many serve the same database. Zero is one; only PostgreSQL has more.
	Servers int
}

// Start starts it, without limits.
func (k Kupla) Start(ctx context.Context) (*Server, error) {
	s := &Server{Name: "kupla", Echo: true, program: k.Program, word: uuid.NewString()[:8]}
	if err := k.start(ctx, s); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (k Kupla) start(ctx context.Context, s *Server) (err error) {
	if s.dir, err = os.MkdirTemp("", "kupla-load-"); err != nil {
		return err
	}
	if err := os.WriteFile(s.config(), []byte(settings+k.Settings), 0o600); err != nil {
		return err
	}
	switch {
	case k.Postgres == nil:
	case k.Stored != "":
		s.storage = &database{postgres: k.Postgres, name: k.Stored, kept: true}
	default:
		if s.storage, err = k.Postgres.create(ctx); err != nil {
			return err
		}
		if _, err := s.kuplad(ctx, "migrate", "--database", s.database()); err != nil {
			return err
		}
	}
	if err := s.start(ctx, k.Program, s.serve()...); err != nil {
		return err
	}
	for i := 1; i < k.Servers; i++ {
		other := &Server{Name: fmt.Sprintf("kupla-%d", i+1), Echo: true}
		s.others = append(s.others, other)
		if err := other.start(ctx, k.Program, s.serve()...); err != nil {
			return err
		}
	}
	return s.applyCatalogue(ctx)
}

// serve are the arguments of kuplad to serve its database.
func (s *Server) serve() []string {
	return []string{"serve", "--config", s.config(), "--database", s.database()}
}

// StartBare starts the bare relay, as a process of this same program.
func StartBare(ctx context.Context, echo bool) (*Server, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &Server{Name: "bare", Echo: echo}
	if err := s.start(ctx, program, "bare", fmt.Sprintf("--echo=%t", echo)); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) config() string { return filepath.Join(s.dir, "kuplad.yaml") }

// database is the address of its database.
func (s *Server) database() string {
	if s.storage != nil {
		return s.storage.dsn()
	}
	return filepath.Join(s.dir, "kupla.db")
}

// start starts the process and waits until it accepts connections.
func (s *Server) start(ctx context.Context, program string, args ...string) error {
	listen, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	debug, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	s.URL, s.Debug = "http://"+listen, "http://"+debug
	s.output = &tail{}
	args = append(args, "--listen", listen, "--debug-listen", debug)
	s.process = exec.Command(program, args...) //nolint:noctx,gosec // Stop ends it, kinder than a kill. The caller chooses the program.
	s.process.Stdout, s.process.Stderr = s.output, s.output
	began := time.Now()
	if err := s.process.Start(); err != nil {
		s.process = nil
		return err
	}
	s.PID = s.process.Process.Pid
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		_ = s.process.Wait() // how it ended is told by its output
		close(ended)
	}()
	deadline := time.Now().Add(startTimeout)
	for {
		// It accepts connections before it serves; any answer will do.
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listen+"/", http.NoBody)
		if err != nil {
			return err
		}
		answer, err := (&http.Client{Timeout: startTimeout}).Do(request)
		if err == nil {
			s.Serving = time.Since(began)
			return answer.Body.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return fmt.Errorf("%s has ended:\n%s", s.Name, s.output)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not serve: %w\n%s", s.Name, err, s.output)
		}
	}
}

// Stop ends the server, and those beside it, and removes what it stored.
func (s *Server) Stop() (err error) {
	for _, other := range s.others {
		err = errors.Join(err, other.Stop())
	}
	if s.process != nil {
		_ = s.process.Process.Signal(os.Interrupt) // it may have ended already
		select {
		case <-s.ended:
		case <-time.After(stopTimeout):
			_ = s.process.Process.Kill()
			<-s.ended
		}
	}
	if s.storage != nil {
		err = errors.Join(err, s.storage.drop())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// applyCatalogue makes one queue that is always open and never full.
func (s *Server) applyCatalogue(ctx context.Context) error {
	token, err := s.token(ctx, "load-admin", "--role", "admin")
	if err != nil {
		return err
	}
	text := &kuplav1.LocalizedText{Fi: "Kuormitus", Sv: "Belastning", En: "Load"}
	q := &kuplav1.Queue{
		Id: loadQueue, Name: text, Description: text, Languages: []string{"fi", "sv", "en"},
		OpeningHours:         &kuplav1.OpeningHours{OpenOnHolidays: true},
		IdentificationPolicy: kuplav1.IdentificationPolicy_IDENTIFICATION_POLICY_NEVER,
		Representation:       &kuplav1.Representation{Rules: kuplav1.RepresentationRules_REPRESENTATION_RULES_HEALTH},
	}
	for day := kuplav1.DayOfWeek_DAY_OF_WEEK_MONDAY; day <= kuplav1.DayOfWeek_DAY_OF_WEEK_SUNDAY; day++ {
		q.OpeningHours.Weekly = append(q.OpeningHours.Weekly, &kuplav1.DayHours{
			Day: day, Spans: []*kuplav1.HoursSpan{{Start: "00:00", End: "24:00"}},
		})
	}
	admin := kupla.New(s.URL, kupla.WithStaffToken(token))
	defer admin.Close()
	_, err = admin.CatalogueService().ApplyCatalogue(ctx, &kuplav1.ApplyCatalogueRequest{
		RequestId: uuid.NewString(),
		Catalogue: &kuplav1.Catalogue{DefaultNotice: text, DefaultPhone: "116117", Queues: []*kuplav1.Queue{q}},
	})
	if err != nil {
		return fmt.Errorf("apply the catalogue: %w\n%s", err, s.output)
	}
	return nil
}

// token makes a staff token with the command that administrators use.
func (s *Server) token(ctx context.Context, id string, flags ...string) (string, error) {
	id += "-" + s.word
	return s.kuplad(ctx, append([]string{"token", "create", id, "--name", "Kuormitus " + id, "--database", s.database()}, flags...)...)
}

// kuplad runs a command that administrators use, and gives what it printed.
func (s *Server) kuplad(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, s.program, args...) //nolint:gosec // The program is the caller's to choose.
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("kuplad %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// deskTokens are the tokens of n professionals. Those made before are used again.
func (s *Server) deskTokens(ctx context.Context, n int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := len(s.desks)
	if n > have {
		s.desks = append(s.desks, make([]string, n-have)...)
		if err := concurrently(ctx, n-have, runtime.NumCPU(), func(ctx context.Context, i int) error {
			var err error
			s.desks[have+i], err = s.token(ctx, fmt.Sprintf("load-%d", have+i), "--role", "professional", "--queue", loadQueue,
				"--language", "fi", "--language", "sv", "--language", "en", "--capacity", strconv.Itoa(deskCapacity))
			return err
		}); err != nil {
			s.desks = s.desks[:have]
			return nil, err
		}
	}
	return s.desks[:n], nil
}

// freeAddress finds a port of this machine that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// concurrently calls f for 0 to n-1, so many at a time, until one fails.
func concurrently(ctx context.Context, n, atOnce int, f func(ctx context.Context, i int) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(n, atOnce) {
		workers.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					fail(err)
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// tail keeps the end of what a process says.
type tail struct {
	mu   sync.Mutex
	data []byte
}

var _ io.Writer = (*tail)(nil)

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - tailSize; over > 0 {
		t.data = t.data[over:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}
