package cluster

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// The names that a server gives its connections, as PostgreSQL is told them.
const (
	Listening = "kuplad listen"
	Writing   = "kuplad write"
	Reading   = "kuplad read"
	// All begins the name of every connection.
	All = ""
)

// Link is the line between one server and one host of PostgreSQL. Its methods may be called concurrently.
type Link struct {
	listener net.Listener
	wait     sync.WaitGroup

	mu       sync.Mutex
	to       string
	sessions map[*session]struct{}
	// away begins the names of those that are not let through; nil lets all through. held begins the names of those
	// that are held up, as long as held is not nil.
	away *string
	held *hold
	over bool
}

// hold is a time for which connections are held up.
type hold struct {
	name string
	over chan struct{} // closed then
}

// session is one connection of a server's.
type session struct {
	server, database net.Conn
	name             string
	once             sync.Once
	ended            chan struct{}
}

func (s *session) end() {
	s.once.Do(func() {
		close(s.ended)
		_ = s.server.Close()
		_ = s.database.Close()
	})
}

// NewLink makes a line to an address. Close ends it.
func NewLink(ctx context.Context, to string) (*Link, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &Link{listener: l, to: to, sessions: map[*session]struct{}{}}
	k.wait.Go(k.accept)
	return k, nil
}

// Address is where the server finds the database.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Close ends the line and all that is on it.
func (l *Link) Close() {
	_ = l.listener.Close()
	l.Let()
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.Cut(All)
	l.wait.Wait()
}

// Point leads the line to another address. What is on it ends.
func (l *Link) Point(to string) {
	l.mu.Lock()
	l.to = to
	l.mu.Unlock()
	l.Cut(All)
}

// Cut ends the connections whose names begin with a word, and tells how many there were.
func (l *Link) Cut(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for s := range l.sessions {
		if strings.HasPrefix(s.name, name) {
			s.end()
			n++
		}
	}
	return n
}

// KeepAway ends the connections whose names begin with a word and lets no more of them through until Let.
func (l *Link) KeepAway(name string) int {
	l.mu.Lock()
	l.away = &name
	l.mu.Unlock()
	return l.Cut(name)
}

// Hold passes nothing on, either way, of the connections whose names begin with a word, until Let. Nothing of it is
// lost.
func (l *Link) Hold(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		close(l.held.over)
	}
	l.held = &hold{name: name, over: make(chan struct{})}
}

// Let ends KeepAway and Hold.
func (l *Link) Let() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = nil
	if l.held != nil {
		close(l.held.over)
		l.held = nil
	}
}

func (l *Link) accept() {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.wait.Go(func() { l.serve(c) })
	}
}

func (l *Link) serve(server net.Conn) {
	defer func() { _ = server.Close() }()
	_ = server.SetReadDeadline(time.Now().Add(10 * time.Second))
	greeting, err := readGreeting(server)
	if err != nil {
		return
	}
	_ = server.SetReadDeadline(time.Time{})
	l.mu.Lock()
	to := l.to
	l.mu.Unlock()
	database, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", to)
	if err != nil {
		return
	}
	s := &session{server: server, database: database, name: applicationName(greeting), ended: make(chan struct{})}
	defer s.end()
	l.mu.Lock()
	if l.over || l.to != to || l.away != nil && strings.HasPrefix(s.name, *l.away) {
		l.mu.Unlock()
		return
	}
	l.sessions[s] = struct{}{}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.sessions, s)
	}()
	if !l.passes(s) {
		return
	}
	if _, err := database.Write(greeting); err != nil {
		return
	}
	var pipes sync.WaitGroup
	pipes.Go(func() { l.pipe(s, database, server) })
	pipes.Go(func() { l.pipe(s, server, database) })
	pipes.Wait()
}

func (l *Link) pipe(s *session, to, from net.Conn) {
	defer s.end()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !l.passes(s) {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// passes waits while a session is held up, and reports whether it still stands.
func (l *Link) passes(s *session) bool {
	for {
		l.mu.Lock()
		held := l.held
		l.mu.Unlock()
		if held == nil || !strings.HasPrefix(s.name, held.name) {
			return true
		}
		select {
		case <-held.over:
		case <-s.ended:
			return false
		}
	}
}

// mostGreeting bounds the first message of a connection, as PostgreSQL does.
const mostGreeting = 10_000

// readGreeting reads the first message of a connection, which says what it is for: its length and the rest. Asking to
// break off a statement is such a message, too, and has no name.
func readGreeting(from io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(head)
	if length < 8 || length > mostGreeting {
		return nil, io.ErrUnexpectedEOF
	}
	message := make([]byte, length)
	copy(message, head)
	_, err := io.ReadFull(from, message[4:])
	return message, err
}

// applicationName is the name in a first message: after the length and the version come keys and values, each ended by
// a zero.
func applicationName(greeting []byte) string {
	words := bytes.Split(greeting[8:], []byte{0})
	for i := 0; i+1 < len(words); i += 2 {
		if string(words[i]) == "application_name" {
			return string(words[i+1])
		}
	}
	return ""
}
