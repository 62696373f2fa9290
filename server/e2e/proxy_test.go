package e2e

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between clients and the server and cuts connections: in the middle of requests, answers and
// frames, whatever is under way.
type proxy struct {
	listener net.Listener
	target   string
	// shortest and longest are how long a connection lives.
	shortest, longest time.Duration
	wait              sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	cuts  int
	calm  bool
}

func startProxy(t *testing.T, target string, shortest, longest time.Duration) *proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{
		listener: l, target: target, shortest: shortest, longest: longest, conns: map[net.Conn]struct{}{},
	}
	p.wait.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.wait.Wait()
	})
	return p
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wait.Go(func() { p.serve(c) })
	}
}

func (p *proxy) serve(client net.Conn) {
	defer p.forget(client)
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	defer p.forget(server)
	p.remember(client, server)
	// A cut is a reset, not a goodbye: neither side can tell how much of what it sent arrived.
	life := p.shortest + rand.N(p.longest-p.shortest)
	cut := time.AfterFunc(life, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.calm {
			return
		}
		p.cuts++
		for _, c := range []net.Conn{client, server} {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = c.Close()
		}
	})
	defer cut.Stop()
	done := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
		_ = from.Close()
		done <- struct{}{}
	}
	go pipe(server, client)
	go pipe(client, server)
	<-done
	<-done
}

func (p *proxy) remember(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
}

func (p *proxy) forget(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// relent ends the cutting.
func (p *proxy) relent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calm = true
}

func (p *proxy) counted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}
