package torture

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"
)

// proxy stands between clients and the server and harms connections while they work: whatever is under way, in the
// middle of requests, answers and frames.
type proxy struct {
	listener net.Listener
	// targets are the servers. A connection goes to the one with the fewest.
	targets []string
	// shortest and longest are how long a connection is left alone before each harm.
	shortest, longest time.Duration
	count             func(kind string)
	wait              sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand
	links  map[*link]struct{}
	harms  map[string]harm // the worst, by the client's address
	struck map[string]harm // what is being done to servers, by their addresses
	calm   bool
}

// harm is how badly something was done to a connection, or to the server that it leads to.
type harm int

const (
	// parted connections lead to a server that was asked to stop: who followed on them is told so.
	parted harm = iota + 1
	// broken ones may end anywhere.
	broken
)

// What is done to connections.
const (
	harmCut      = "connection cut in a frame"
	harmHalfOpen = "connection half-open"
	harmDeaf     = "answers lost"
	harmStall    = "reader stalled"
)

func startProxy(
	ctx context.Context, targets []string, shortest, longest time.Duration, random *rand.Rand, count func(string),
) (*proxy, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{
		listener: l, targets: targets, shortest: shortest, longest: longest, count: count, random: random,
		links: map[*link]struct{}{}, harms: map[string]harm{}, struck: map[string]harm{},
	}
	p.wait.Go(p.accept)
	return p, nil
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for l := range p.links {
		l.reset()
	}
	p.mu.Unlock()
	p.wait.Wait()
}

// relent ends the harming, for those harmed already too: they are cut, so that nobody waits for them.
func (p *proxy) relent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calm = true
	for l := range p.links {
		if l.mode() != passing {
			l.reset()
		}
	}
}

// harmed is how the connection that a client has from an address has been harmed.
func (p *proxy) harmed(address string) harm {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.harms[address]
}

// strike notes what is about to be done to a server: to all connections that lead to it, and to those that come until
// spare.
func (p *proxy) strike(target string, how harm) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.struck[target] = how
	for l := range p.links {
		if l.target == target {
			p.note(l.client, how)
		}
	}
}

// spare notes that a server is left alone again.
func (p *proxy) spare(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.struck, target)
}

// note is called with the lock held.
func (p *proxy) note(client net.Conn, how harm) {
	address := client.RemoteAddr().String()
	p.harms[address] = max(p.harms[address], how)
}

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
	defer func() { _ = client.Close() }()
	l := &link{client: client, changed: make(chan struct{}), ended: make(chan struct{})}
	if !p.lead(l) {
		return
	}
	server := l.server
	defer l.end()
	defer func() {
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	}()
	p.wait.Go(func() { p.harm(l) })
	var pipes sync.WaitGroup
	pipes.Go(func() { l.pipe(server, client, false) })
	pipes.Go(func() { l.pipe(client, server, true) })
	pipes.Wait()
}

// lead leads a connection to the server that has the fewest, and else to another one.
func (p *proxy) lead(l *link) bool {
	p.mu.Lock()
	counts := map[string]int{}
	for other := range p.links {
		counts[other.target]++
	}
	targets := slices.Clone(p.targets)
	p.random.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	p.mu.Unlock()
	slices.SortStableFunc(targets, func(a, b string) int { return counts[a] - counts[b] })
	for _, target := range targets {
		server, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", target)
		if err != nil {
			continue
		}
		p.mu.Lock()
		l.server, l.target = server, target
		p.links[l] = struct{}{}
		p.note(l.client, p.struck[target])
		p.mu.Unlock()
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(l.client, broken)
	return false
}

// between is a random time.
func (p *proxy) between(shortest, longest time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return shortest + time.Duration(p.random.Int64N(int64(longest-shortest)))
}

// begin counts a harm to a link. It does nothing once all is calm.
func (p *proxy) begin(l *link, kind string) bool {
	p.mu.Lock()
	if p.calm {
		p.mu.Unlock()
		return false
	}
	p.note(l.client, broken)
	p.mu.Unlock()
	p.count(kind)
	return true
}

// harm harms a link again and again until it is gone.
func (p *proxy) harm(l *link) {
	for l.sleep(p.between(p.shortest, p.longest)) {
		p.mu.Lock()
		dice := p.random.IntN(10)
		p.mu.Unlock()
		switch {
		case dice < 5:
			if p.begin(l, harmCut) {
				l.set(cutting) // with the next bytes; or without, when none come
				l.sleep(time.Second)
				l.reset()
			}
		case dice < 6:
			if p.begin(l, harmHalfOpen) {
				l.set(swallowing)
				// Long enough for heartbeats to be missed. It ends by a reset only then, unless the client gives up before.
				l.sleep(p.between(2*time.Second, 20*time.Second))
				l.reset()
			}
		case dice < 8:
			if p.begin(l, harmDeaf) {
				l.set(deaf)
				l.sleep(p.between(20*time.Millisecond, 500*time.Millisecond))
				l.reset()
			}
		default:
			if p.begin(l, harmStall) {
				l.set(stalled)
				l.sleep(p.between(500*time.Millisecond, 8*time.Second))
				l.set(passing)
			}
		}
	}
}

// mode is what a link does with what it is given.
type mode int

const (
	passing    mode = iota
	cutting         // passes half of what comes next, and resets
	swallowing      // takes everything and passes nothing on
	deaf            // passes requests on and swallows answers
	stalled         // reads nothing, so that buffers fill up to the sender
)

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	target         string // the address of the server
	ended          chan struct{}

	mu      sync.Mutex
	now     mode
	changed chan struct{}
	over    bool
}

func (l *link) mode() mode {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *link) set(m mode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = m
	close(l.changed)
	l.changed = make(chan struct{})
}

// sleep waits for a time, and reports whether the link still stands.
func (l *link) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ended:
		return false
	}
}

// passes waits while the link is stalled, and says what to do with what comes.
func (l *link) passes() mode {
	for {
		l.mu.Lock()
		m, changed := l.now, l.changed
		l.mu.Unlock()
		if m != stalled {
			return m
		}
		select {
		case <-changed:
		case <-l.ended:
			return swallowing
		}
	}
}

func (l *link) pipe(to, from net.Conn, down bool) {
	defer l.end()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			switch m := l.passes(); {
			case m == cutting:
				_, _ = to.Write(buffer[:(n+1)/2])
				l.reset()
				return
			case m == swallowing, m == deaf && down:
			default:
				if _, err := to.Write(buffer[:n]); err != nil {
					return
				}
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) && l.mode() == passing { // a goodbye is passed on as one
				if tcp, ok := to.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
					l.sleep(100 * time.Millisecond) // for what the other side still has to say
				}
			}
			return
		}
	}
}

// reset ends the link as a broken line does: neither side can tell how much of what it sent arrived.
func (l *link) reset() {
	for _, c := range []net.Conn{l.client, l.server} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	l.end()
}

func (l *link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.over = true
	close(l.ended)
	_ = l.client.Close()
	_ = l.server.Close()
}
