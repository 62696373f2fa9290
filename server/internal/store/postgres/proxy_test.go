package postgres_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands between one server and PostgreSQL, so that the server can be cut off from it.
type proxy struct {
	to string
	l  net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool
	gone  bool // nobody gets through any more
}

// newProxy makes a proxy to an address. It goes with the test.
func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{to: to, l: l, conns: map[net.Conn]bool{}}
	go p.serve()
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
	})
	return p
}

func (p *proxy) address() string { return p.l.Addr().String() }

func (p *proxy) serve() {
	for {
		from, err := p.l.Accept()
		if err != nil {
			return
		}
		go p.carry(from)
	}
}

func (p *proxy) carry(from net.Conn) {
	defer p.end(from)
	if !p.add(from) {
		return
	}
	to, err := (&net.Dialer{}).Dial("tcp4", p.to)
	if err != nil {
		return
	}
	defer p.end(to)
	if !p.add(to) {
		return
	}
	go func() {
		_, _ = io.Copy(to, from)
		p.end(to)
	}()
	_, _ = io.Copy(from, to)
}

func (p *proxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.gone
}

func (p *proxy) end(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

// cut ends all connections and lets nobody through any more.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	for c := range p.conns {
		_ = c.Close()
	}
}

// mend lets others through again.
func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = false
}
