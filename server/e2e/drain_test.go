package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// balancer is the simplest there is: it gives each new connection to the next server that says it is ready, and leaves
// those that it has alone. It knows nothing of HTTP, so a client that keeps its connection keeps its server.
type balancer struct {
	listener net.Listener
	servers  []*balanced
	next     atomic.Int64
	carrying sync.WaitGroup
}

type balanced struct {
	address string
	ready   atomic.Bool
	open    atomic.Int64 // connections
	given   atomic.Int64 // connections, in all
}

// balance starts one. It asks the servers every now and then.
func balance(t *testing.T, every time.Duration, addresses ...string) *balancer {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{listener: listener}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	for _, address := range addresses {
		s := &balanced{address: address}
		b.servers = append(b.servers, s)
		b.carrying.Go(func() { s.ask(ctx, every) })
	}
	b.carrying.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			b.carrying.Go(func() { b.carry(ctx, client) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		b.carrying.Wait()
	})
	return b
}

func (b *balancer) url() string { return "http://" + b.listener.Addr().String() }

// ask finds out whether a server is ready, again and again.
func (s *balanced) ask(ctx context.Context, every time.Duration) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		ready := false
		if request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/health/ready", http.NoBody); err == nil {
			if response, err := client.Do(request); err == nil {
				ready = response.StatusCode == http.StatusOK
				_ = response.Body.Close()
			}
		}
		s.ready.Store(ready)
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

// carry carries one connection, to a server that is ready.
func (b *balancer) carry(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	for range b.servers {
		s := b.servers[int(b.next.Add(1))%len(b.servers)]
		if !s.ready.Load() {
			continue
		}
		server, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
		if err != nil {
			continue
		}
		s.join(ctx, client, server)
		return
	}
}

// join carries what both ends of a connection say, until one has ended.
func (s *balanced) join(ctx context.Context, client, server net.Conn) {
	s.given.Add(1)
	s.open.Add(1)
	defer s.open.Add(-1)
	stop := context.AfterFunc(ctx, func() {
		_ = client.Close()
		_ = server.Close()
	})
	defer stop()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // However it ends, it has ended.
			_ = way[0].Close()
		})
	}
	both.Wait()
}

// pairOfServers are two servers on one PostgreSQL behind a balancer.
type pairOfServers struct {
	*balancer

	t                *testing.T
	config, database string
	servers          [2]*process
}

// startPair starts them. The settings go on with the limits of kuplad.Unlimited.
func startPair(t *testing.T, settings string) *pairOfServers {
	t.Helper()
	cluster := pgtest.New(t, pgtest.Options{})
	if _, err := cluster.Database(t.Context(), "kupla"); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "kupla.yaml")
	if err := os.WriteFile(config, []byte(kuplad.Unlimited+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &pairOfServers{t: t, config: config, database: cluster.TCP("kupla")}
	p.runs("migrate")
	addresses := []string{freeAddress(t), freeAddress(t)}
	for i, address := range addresses {
		p.start(i, address)
	}
	p.balancer = balance(t, 50*time.Millisecond, addresses...)
	p.until("both servers are ready", func() bool {
		return p.balancer.servers[0].ready.Load() && p.balancer.servers[1].ready.Load()
	})
	return p
}

// runs calls a command of the server's program on the database, and gives what it printed.
func (p *pairOfServers) runs(args ...string) string {
	p.t.Helper()
	got := kupladRuns(p.t, "", nil, append(args, "--database", p.database)...)
	if got.code != 0 {
		p.t.Fatalf("kuplad %v: %+v", args, got)
	}
	return strings.TrimSpace(got.out)
}

func (p *pairOfServers) start(i int, address string) {
	p.t.Helper()
	p.servers[i] = startProcess(p.t, nil, filepath.Join(programs, "kuplad"), "serve", "--listen", address,
		"--config", p.config, "--database", p.database)
}

// until waits for something.
func (p *pairOfServers) until(what string, is func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited too long until %s", what)
		}
	}
}

// A server that is drained hands its clients to the other one, also where nothing but their connections leads to it:
// each client makes a new connection, goes on from its cursor, and nobody misses a word.
func TestDrainMovesClients(t *testing.T) {
	t.Parallel()
	p := startPair(t, "  streams_per_token: -1\ndrain: {delay: 500ms, spread: 1s}\n")
	catalogue, err := demo.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	admin := kupla.New(p.url(), kupla.WithStaffToken(p.runs("token", "create", "admin", "--name", "Testi Pää", "--role", "admin")))
	defer admin.Close()
	if _, err := admin.CatalogueService().ApplyCatalogue(t.Context(), &kuplav1.ApplyCatalogueRequest{
		RequestId: uuid.NewString(), Catalogue: catalogue,
	}); err != nil {
		t.Fatal(err)
	}
	admin.Close()
	token := p.runs("token", "create", "nurse", "--name", "Testi Hoitaja", "--role", "professional",
		"--queue", "emergency-help", "--language", "fi", "--capacity", "10")

	var talks []*talk
	for i, options := range [][]kupla.Option{nil, {kupla.WithProtocol(kupla.GRPC)}, {kupla.WithHTTP1()}, nil, nil} {
		resident := kupla.New(p.url(), options...)
		t.Cleanup(resident.Close)
		conversation, err := resident.Start(t.Context(), kupla.StartOptions{QueueID: "emergency-help", Language: "fi"})
		if err != nil {
			t.Fatal(err)
		}
		nurse := kupla.New(p.url(), append(options, kupla.WithStaffToken(token))...)
		t.Cleanup(nurse.Close)
		if _, err := nurse.Desk().Take(t.Context(), conversation.ID()); err != nil {
			t.Fatal(err)
		}
		talks = append(talks, begin(t, fmt.Sprint("talk ", i), conversation, nurse.Conversation(conversation.ID())))
	}
	everybodySaid := func(messages int) {
		t.Helper()
		for _, one := range talks {
			one.until(t, messages)
		}
	}
	everybodySaid(20)
	for i, server := range p.servers {
		if p.balancer.servers[i].open.Load() == 0 {
			t.Fatalf("nobody is at server %d", i)
		}
		given := p.balancer.servers[1-i].given.Load()
		took := server.stop(t)
		t.Logf("server %d was drained in %s", i, took.Round(10*time.Millisecond))
		if took < 500*time.Millisecond || took > 8*time.Second {
			t.Errorf("server %d took %s to stop", i, took)
		}
		everybodySaid(20)
		if p.balancer.servers[1-i].given.Load() == given {
			t.Errorf("nobody has moved to server %d", 1-i)
		}
		p.start(i, p.balancer.servers[i].address)
		p.until("the server is back", p.balancer.servers[i].ready.Load)
		// Those who come next are shared out again.
		if i == 0 {
			for range 4 {
				client := kupla.New(p.url())
				t.Cleanup(client.Close)
				if _, err := client.Queue(t.Context(), "emergency-help"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, one := range talks {
		one.end(t)
	}
}

// A server for which nobody has to wait stops at once, and one that is asked a second time does so whatever goes on.
func TestStopSignals(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "kupla.yaml")
	if err := os.WriteFile(config, []byte("drain: {delay: 10m, spread: 10m}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() (*process, string) {
		address := freeAddress(t)
		p := startProcess(t, nil, filepath.Join(programs, "kuplad"), "serve", "--config", config,
			"--listen", address, "--database", filepath.Join(t.TempDir(), "kupla.db"))
		waitServing(t, address, p.output)
		return p, "http://" + address
	}
	alone, _ := start()
	if took := alone.stop(t); took > 5*time.Second {
		t.Errorf("with nobody there it took %s to stop", took)
	}

	watched, url := start()
	ready := func() int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/health/ready", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	if status := ready(); status != http.StatusOK {
		t.Fatalf("ready: %d", status)
	}
	if err := watched.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ready() != http.StatusServiceUnavailable; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it says to be ready all the same")
		}
	}
	began := time.Now()
	if err := watched.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-watched.ended:
		if err == nil {
			t.Error("it stopped as if it had drained")
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the second signal took %s", took)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the second signal does not end it")
	}
}
