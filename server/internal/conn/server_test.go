package conn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// served is a Server under test.
type served struct {
	*Server

	address string
	ended   chan error
	known   atomic.Int32 // connections that net/http tells of
}

func serve(t *testing.T, handler http.HandlerFunc, change ...func(*served)) *served {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &served{address: l.Addr().String(), ended: make(chan error, 1)}
	s.Server = NewServer(&http.Server{
		Handler: handler, Protocols: protocols, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				s.known.Add(1)
			}
		},
	})
	for _, f := range change {
		f(s)
	}
	go func() { s.ended <- s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// caller speaks one version of HTTP.
func caller(t *testing.T, version2 bool) *http.Client {
	t.Helper()
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!version2)
	protocols.SetUnencryptedHTTP2(version2)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (s *served) post(ctx context.Context, c *http.Client, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	return response.Proto + " " + string(answer), err
}

func (s *served) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func echo(w http.ResponseWriter, r *http.Request) {
	if r.RemoteAddr == "" || r.Context().Value(http.LocalAddrContextKey) == nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = io.Copy(w, r.Body)
}

// Both versions are served, and net/http knows only of the connections of one: it has no buffers for the others. When
// this fails with a later version of Go, what is looked for in TLSNextProto has another name or is gone.
func TestVersions(t *testing.T) {
	s := serve(t, echo)
	large := strings.Repeat("kuuleeko ", 100_000)
	for _, body := range []string{"", "hei", large} {
		for version, want := range map[bool]string{false: "HTTP/1.1 ", true: "HTTP/2.0 "} {
			got, err := s.post(t.Context(), caller(t, version), body)
			if got != want+body || err != nil {
				t.Errorf("got %.40q, %v, want %.40q", got, err, want+body)
			}
		}
	}
	if n := s.known.Load(); n != 3 {
		t.Errorf("net/http knows of %d connections, want the three of HTTP/1", n)
	}
}

// However little of it comes at a time, the beginning of a connection is understood, and nothing of it gets lost.
func TestSlowBeginnings(t *testing.T) {
	s := serve(t, echo)
	const settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" // a frame that sets nothing
	for _, test := range []struct{ name, says, want string }{
		{"HTTP/2", preface + settings, "\x00\x00"}, // its own settings, of less than 256 bytes
		{"HTTP/1", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nhei", "HTTP/1.1 200 OK\r\n"},
		{"nearly HTTP/2", strings.Replace(preface, "SM", "SN", 1), "HTTP/1.1 200 OK\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := s.dial(t)
			go func() {
				for i := range test.says {
					if _, err := c.Write([]byte{test.says[i]}); err != nil {
						return // it has been refused before the end
					}
				}
			}()
			got := make([]byte, len(test.want))
			if _, err := io.ReadFull(bufio.NewReader(c), got); string(got) != test.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

// Who does not say what they speak is not listened to for ever, and nor is who begins to say it.
func TestSilence(t *testing.T) {
	s := serve(t, echo, func(s *served) { s.ReadHeaderTimeout = 20 * time.Millisecond })
	for _, said := range []string{"", "PRI * HT", preface[:len(preface)-1]} {
		c := s.dial(t)
		if _, err := io.WriteString(c, said); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("after %q: %v, want the end", said, err)
		}
	}
	// The time counts until it is known what is spoken, and no longer.
	client := caller(t, true)
	for range 2 {
		if _, err := s.post(t.Context(), client, "hei"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * s.ReadHeaderTimeout) // that nothing happens shows in time alone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.own) != 1 {
		t.Errorf("%d connections are kept, want the one of the client that called twice", len(s.own))
	}
}

// held is a handler that waits for the test.
func held() (handler http.HandlerFunc, began, goOn chan struct{}) {
	began, goOn = make(chan struct{}, 1), make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		select {
		case <-goOn:
			echo(w, r)
		case <-r.Context().Done():
		}
	}, began, goOn
}

// Shutdown takes nobody new, lets running calls end, and waits for that.
func TestShutdown(t *testing.T) {
	handler, began, goOn := held()
	s := serve(t, handler)
	silent := s.dial(t)
	var answered sync.WaitGroup
	answered.Go(func() {
		if got, err := s.post(t.Context(), caller(t, true), "hei"); got != "HTTP/2.0 hei" || err != nil {
			t.Errorf("a call that ran: %q, %v", got, err)
		}
	})
	<-began
	over := make(chan error, 1)
	go func() { over <- s.Shutdown(t.Context()) }()
	if err := <-s.ended; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serving ended with %v", err)
	}
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a connection that had said nothing: %v", err)
	}
	select {
	case err := <-over:
		t.Fatalf("did not wait for the call: %v", err)
	default:
	}
	close(goOn)
	answered.Wait()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if s.keep(nil, false) {
		t.Error("takes connections after it")
	}
}

// A call that does not end in time is cut.
func TestShutdownInVain(t *testing.T) {
	handler, began, _ := held()
	s := serve(t, handler)
	cut := make(chan error, 1)
	go func() {
		_, err := s.post(t.Context(), caller(t, true), "hei")
		cut <- err
	}()
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-cut; err == nil {
		t.Error("a call was answered that did not end")
	}
	s.serving.Wait()
}

// Without keep-alives a connection ends with the last call on it, as with net/http.
func TestKeepAlivesOff(t *testing.T) {
	s := serve(t, echo)
	client := caller(t, true)
	reused := func() (was bool) {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn: func(i httptrace.GotConnInfo) { was = i.Reused },
		})
		if _, err := s.post(ctx, client, "hei"); err != nil {
			t.Fatal(err)
		}
		return was
	}
	reused()
	if !reused() {
		t.Fatal("a second call does not come over the first one's connection")
	}
	s.SetKeepAlivesEnabled(false)
	for range 1000 { // the client hears of it soon, not at once
		if !reused() {
			return
		}
	}
	t.Error("calls come over a connection that was to end")
}

// A connection whose serving panics ends alone, and it is told.
func TestPanic(t *testing.T) {
	var told bytes.Buffer
	s := NewServer(&http.Server{ErrorLog: slog.NewLogLogger(slog.NewTextHandler(&told, nil), slog.LevelError)})
	one, other := net.Pipe()
	defer func() { _, _ = one.Close(), other.Close() }()
	s.speak(nil, one)
	if !strings.Contains(told.String(), "ended with a panic") {
		t.Errorf("told %q", told.String())
	}
}

// failing fails once, as when there are no more file descriptors.
type failing struct {
	net.Listener

	failed atomic.Bool
}

type temporary struct{ error }

func (temporary) Temporary() bool { return true }
func (temporary) Timeout() bool   { return false }

func (f *failing) Accept() (net.Conn, error) {
	if f.failed.CompareAndSwap(false, true) {
		return nil, temporary{errors.New("too many open files")}
	}
	return f.Listener.Accept()
}

// An error that passes does not end the serving, and one that does not ends it.
func TestAcceptFails(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &served{address: l.Addr().String(), ended: make(chan error, 1)}
	s.Server = NewServer(&http.Server{Handler: http.HandlerFunc(echo), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)})
	go func() { s.ended <- s.Serve(&failing{Listener: l}) }()
	if got, err := s.post(t.Context(), caller(t, false), "hei"); got != "HTTP/1.1 hei" || err != nil {
		t.Errorf("after an error that passed: %q, %v", got, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("without its listener it ended with %v", err)
	}
}
