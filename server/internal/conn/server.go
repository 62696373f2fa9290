package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// Server is an http.Server that serves on the connections of this package.
//
// Of an unencrypted connection net/http does not know what is spoken over it: it makes 8 KB of buffers for HTTP/1,
// looks, and keeps them although HTTP/2 then has its own. Here it is looked at before, and net/http gets a connection of
// HTTP/2 in the way in which it would hand it to golang.org/x/net/http2. Where that way is closed, it gets the connection
// as any other, and keeps its buffers.
//
// ConnState, ConnContext and BaseContext are not asked for the connections of HTTP/2 that are not encrypted.
type Server struct {
	*http.Server

	mu      sync.Mutex
	leaving bool
	// own are the connections that Server does not know of, and whether they have begun to speak HTTP/2.
	own     map[net.Conn]bool
	serving sync.WaitGroup
}

// NewServer makes a server of one that is not used otherwise.
func NewServer(s *http.Server) *Server { return &Server{Server: s, own: map[net.Conn]bool{}} }

// Serve is http.Server's.
func (s *Server) Serve(l net.Listener) error {
	return s.Server.Serve(&sorter{
		Listener: Listen(l), server: s, others: make(chan accepted), closed: make(chan struct{}),
	})
}

// ServeTLS is http.Server's.
func (s *Server) ServeTLS(l net.Listener, certificate, key string) error {
	return s.Server.ServeTLS(Listen(l), certificate, key)
}

// Shutdown is http.Server's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.leave(func(speaks bool) bool { return !speaks })
	err := s.Server.Shutdown(ctx) // tells those of HTTP/2 to end, whoever knows of them
	over := make(chan struct{})
	go func() {
		s.serving.Wait()
		close(over)
	}()
	select {
	case <-over:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close is http.Server's.
func (s *Server) Close() error {
	s.leave(func(bool) bool { return true })
	return s.Server.Close()
}

// leave takes no more connections, and closes some of those there are.
func (s *Server) leave(closes func(speaks bool) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = true
	for c, speaks := range s.own {
		if closes(speaks) {
			_ = c.Close() // whoever reads it finds out
		}
	}
}

// keep takes a connection down, unless the server is leaving.
func (s *Server) keep(c net.Conn, speaks bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving {
		return false
	}
	if _, ok := s.own[c]; !ok {
		s.serving.Add(1)
	}
	s.own[c] = speaks
	return true
}

// release forgets a connection.
func (s *Server) release(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.own[c]; ok {
		delete(s.own, c)
		s.serving.Done()
	}
}

const (
	// preface is how a client begins to speak HTTP/2: RFC 9113, section 3.4.
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	// handOver is by what name net/http keeps, among the protocols of TLS, the function for unencrypted connections of
	// HTTP/2 whose preface has been read. golang.org/x/net/http2 puts its own there.
	handOver = "unencrypted_http2"
)

// beginning is a connection whose beginning can be looked at.
type beginning interface {
	net.Conn
	// begins reports whether a connection begins so. What was found so has been read, what was not is still to be read.
	begins(prefix string) (bool, error)
}

// sort finds out what a connection speaks, and serves it when that is HTTP/2.
func (s *Server) sort(c net.Conn, l *sorter) {
	serve := s.TLSNextProto[handOver]
	b, ok := c.(beginning)
	if !ok || serve == nil {
		l.pass(accepted{conn: c})
		return
	}
	if !s.keep(c, false) {
		_ = c.Close() // it has said nothing yet
		return
	}
	defer s.release(c)
	if d := s.ReadHeaderTimeout; d > 0 {
		_ = b.SetReadDeadline(time.Now().Add(d)) // fails for a closed connection, as the reading then does
	}
	speaks, err := b.begins(preface)
	if err != nil {
		_ = c.Close()
		return
	}
	_ = b.SetReadDeadline(time.Time{}) // as above
	if !speaks {
		s.release(c)
		l.pass(accepted{conn: c})
		return
	}
	defer func() { _ = c.Close() }()
	if s.keep(c, true) {
		s.speak(serve, c)
	}
}

// speak serves HTTP/2 until the connection ends.
func (s *Server) speak(serve func(*http.Server, *tls.Conn, http.Handler), c net.Conn) {
	defer func() {
		// As net/http has it: what goes wrong with one connection ends that one.
		if p := recover(); p != nil && s.ErrorLog != nil {
			s.ErrorLog.Printf("a connection of HTTP/2 ended with a panic: %v\n%s", p, debug.Stack())
		}
	}()
	serve(s.Server, tls.Client(unencrypted{conn: c}, nil), s.Handler)
}

// unencrypted is how a connection is handed over where one of TLS is expected: net/http and golang.org/x/net/http2 ask
// what is within it for its UnencryptedNetConn.
type unencrypted struct {
	net.Conn // nil: nobody uses it

	conn net.Conn
}

// UnencryptedNetConn is the connection.
func (u unencrypted) UnencryptedNetConn() net.Conn { return u.conn }

// sorter is the listener that net/http has: it accepts what is left to it.
type sorter struct {
	net.Listener

	server *Server
	others chan accepted
	begin  sync.Once
	end    sync.Once
	closed chan struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

// Accept waits for the next connection that does not begin with HTTP/2. net/http has set up what it hands those to when
// it calls this first.
func (l *sorter) Accept() (net.Conn, error) {
	l.begin.Do(func() { go l.accept() })
	select {
	case a := <-l.others:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the accepting.
func (l *sorter) Close() error {
	l.end.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

func (l *sorter) accept() {
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			go l.server.sort(c, l)
			continue
		}
		// net/http waits a moment before it goes on, if it does, and here the next error waits for it.
		l.pass(accepted{err: err})
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// pass has net/http accept a connection, or hear of an error.
func (l *sorter) pass(a accepted) {
	select {
	case l.others <- a:
	case <-l.closed:
		if a.conn != nil {
			_ = a.conn.Close() // as net/http does with what it accepts too late
		}
	}
}
