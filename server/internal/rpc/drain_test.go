package rpc_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/rpc"
)

// Streams are told to go one after the other, evenly over the time, and each goes on with all there is until it is.
func TestDrainSpreads(t *testing.T) {
	const streams, spread = 400, 2 * time.Second
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		customer := s.Start(apptest.Queue)
		queues := make([]*tape[*kuplav1.WatchQueuesResponse], streams)
		for i := range queues {
			queues[i] = watchQueues(t, s.Clients(""))
		}
		synctest.Wait()
		began := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.App.Drain(t.Context(), spread)
		}()

		// Calls are answered meanwhile, and whoever opens a stream is told what there is, and to go.
		time.Sleep(spread / 2)
		snapshotOf(t, customer.Clients, customer.ID)
		late := follow(t, customer.Clients, customer.ID, "")
		late.want("snapshot WAITING", "event 1 joined customer", "go away SHUTDOWN")
		late.wantOver()

		<-done
		synctest.Wait()
		if took := time.Since(began); took > spread || took < spread*9/10 {
			t.Errorf("it took %s, want %s", took, spread)
		}
		var told []time.Duration
		order := 0
		for i, q := range queues {
			frames := q.all()
			if g := frames[len(frames)-1].GetGoAway(); g.GetReason() != kuplav1.GoAwayReason_GO_AWAY_REASON_SHUTDOWN || !g.GetReconnect() {
				t.Fatalf("stream %d ended with %v", i, frames[len(frames)-1])
			}
			q.wantOver()
			q.mu.Lock()
			told = append(told, q.times[len(q.times)-1].Sub(began))
			q.mu.Unlock()
			if i > 0 && told[i] > told[i-1] {
				order++
			}
		}
		// As many up as down: neither in the order in which they came nor in the other.
		if order < streams/4 || order > streams*3/4 {
			t.Errorf("%d of %d were told after the one that came before it", order, streams)
		}
		slices.Sort(told)
		for tenth := range 10 {
			within := 0
			for _, at := range told {
				if at >= spread*time.Duration(tenth)/10 && at < spread*time.Duration(tenth+1)/10 {
					within++
				}
			}
			if within < streams/20 || within > streams/5 {
				t.Errorf("%d of %d were told in the %d. tenth of the time", within, streams, tenth+1)
			}
		}
	})
}

// A few streams are told soon, and the end of the context tells the rest at once.
func TestDrainIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		for range 3 {
			watchQueues(t, s.Clients(""))
		}
		synctest.Wait()
		began := time.Now()
		s.App.Drain(t.Context(), time.Hour)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("three streams took %s", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		var queues []*tape[*kuplav1.WatchQueuesResponse]
		for range 300 {
			queues = append(queues, watchQueues(t, s.Clients("")))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		s.App.Drain(ctx, time.Hour)
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %s, and was to take a second", took)
		}
		for _, q := range queues {
			q.wantOver()
		}
	})
}

// Readiness goes first. Whoever watches it is told at once, and has the delay to turn callers elsewhere; when nobody
// watches, nobody is waited for.
func TestReadinessGoesFirst(t *testing.T) {
	const delay = 3 * time.Second
	s := apptest.New(t)
	url := s.Listen(rpc.HTTPConfig{})
	get := func(method, path string) (int, http.Header) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode, response.Header
	}
	wait := func() time.Duration {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), delay)
		defer cancel()
		s.Leave(ctx, 10*delay)
		return time.Since(began)
	}
	if status, _ := get(http.MethodGet, "/health/live"); status != http.StatusOK {
		t.Errorf("live: %d", status)
	}

	health := healthpb.NewHealthClient(grpcConn(t, url))
	watch, err := health.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := watch.Recv(); err != nil || first.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("watch: %v, %v", first, err)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		status, header := get(method, "/health/ready")
		if status != http.StatusOK || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s of ready: %d, %v", method, status, header)
		}
	}

	left := make(chan time.Duration, 1)
	go func() { left <- wait() }()
	began := time.Now()
	if next, err := watch.Recv(); err != nil || next.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("watch: %v, %v", next, err)
	}
	if took := time.Since(began); took > delay/2 {
		t.Errorf("who watches was told after %s", took)
	}
	if status, _ := get(http.MethodGet, "/health/ready"); status != http.StatusServiceUnavailable {
		t.Errorf("ready: %d", status)
	}
	if status, _ := get(http.MethodGet, "/health/live"); status != http.StatusOK {
		t.Errorf("live while it leaves: %d", status)
	}
	if answer, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil ||
		answer.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("check: %v, %v", answer, err)
	}
	list, err := health.List(t.Context(), &healthpb.HealthListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for name, one := range list.GetStatuses() {
		if one.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
			t.Errorf("list tells %v of %q", one.GetStatus(), name)
		}
	}
	// Everything else goes on.
	stream, err := s.Clients("").Queue.WatchQueues(t.Context(), &kuplav1.WatchQueuesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	if frame, err := stream.Receive(); err != nil || frame.GetSnapshot() == nil {
		t.Errorf("a stream that is opened meanwhile: %v, %v", frame, err)
	}
	customer := s.Start(apptest.Queue)
	snapshotOf(t, customer.Clients, customer.ID)
	if took := <-left; took < delay*9/10 {
		t.Errorf("it waited %s for those who watch", took)
	}

	alone := apptest.New(t)
	began = time.Now()
	alone.Leave(t.Context(), 10*delay)
	if took := time.Since(began); took > delay {
		t.Errorf("it waited %s for nobody", took)
	}
}

// Every answer ends its connection while the server drains, so that the next call is made elsewhere; no call fails of it.
func TestDrainEndsConnections(t *testing.T) {
	for _, version := range []string{"HTTP/1", "HTTP/2"} {
		t.Run(version, func(t *testing.T) {
			s := apptest.New(t)
			url := s.Listen(rpc.HTTPConfig{})
			transport := &http.Transport{Protocols: &http.Protocols{}}
			transport.Protocols.SetHTTP1(version == "HTTP/1")
			transport.Protocols.SetUnencryptedHTTP2(version == "HTTP/2")
			defer transport.CloseIdleConnections()
			var dials atomic.Int32
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				dials.Add(1)
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}
			queues := apptest.Over(&http.Client{Transport: transport}, url, "").Queue
			call := func() {
				t.Helper()
				if _, err := queues.ListQueues(t.Context(), &kuplav1.ListQueuesRequest{}); err != nil {
					t.Fatal(err)
				}
			}
			for range 5 {
				call()
			}
			if n := dials.Load(); n != 1 {
				t.Fatalf("%d connections before", n)
			}
			s.Drain()
			// In HTTP/2 the end of the connection may be told just after the answer.
			for calls := 0; dials.Load() < 3; calls++ {
				if calls == 100 {
					t.Fatalf("%d connections after 100 calls", dials.Load())
				}
				call()
			}
		})
	}
}
