package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// A log has the lines of its level and those above, in its format.
func TestLogLevels(t *testing.T) {
	levels := strings.Fields(tagOf(t, "Level"))
	if len(levels) != 4 {
		t.Fatalf("the levels are %q", levels)
	}
	for format := range strings.FieldsSeq(tagOf(t, "Format")) {
		for i, level := range levels {
			var log bytes.Buffer
			l := logSettings{Format: format, Level: level}.logger(&log)
			for _, each := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
				l.Log(t.Context(), each, "said", "number", 1)
			}
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			if len(lines) != len(levels)-i {
				t.Errorf("%s, %s: %d lines", format, level, len(lines))
			}
			for _, line := range lines {
				if json.Valid([]byte(line)) != (format == "json") {
					t.Errorf("%s: %s", format, line)
				}
			}
		}
	}
}

// tagOf are the words that a key of the log takes.
func tagOf(t *testing.T, name string) string {
	t.Helper()
	field, ok := reflect.TypeFor[logSettings]().FieldByName(name)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return field.Tag.Get("of")
}

// What net/http says of a connection that went wrong is logged without the address it came from.
func TestPeersAreNotLogged(t *testing.T) {
	var log lockedLog
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(
		addressless{logSettings{Format: "text", Level: "debug"}.logger(&log).Handler()}, slog.LevelDebug)
	server.StartTLS()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 77)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, strings.Repeat("no TLS ", 100)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(log.String(), "handshake"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was logged of it: %q", log.String())
		}
	}
	server.Close()
	if said := log.String(); strings.Contains(said, "127.0.0.77") || !strings.Contains(said, "level=DEBUG") {
		t.Errorf("it was logged as %s", said)
	}
}

// Addresses of every form are left out, and nothing else.
func TestAddressesAreLeftOut(t *testing.T) {
	for said, want := range map[string]string{
		"http: TLS handshake error from 192.0.2.7:54321: EOF":         "http: TLS handshake error from a peer: EOF",
		"http: panic serving [2001:db8::7]:54321: oh":                 "http: panic serving a peer: oh",
		"read tcp 127.0.0.1:80->192.0.2.7:9: reset":                   "read tcp a peer->a peer: reset",
		"from [fe80::1%eth0]:1: x":                                    "from a peer: x",
		"from 192.0.2.7":                                              "from a peer",
		"http: Accept error: too many open files; retrying in 5ms":    "http: Accept error: too many open files; retrying in 5ms",
		"http2: server connection error: PROTOCOL_ERROR, version 1.2": "http2: server connection error: PROTOCOL_ERROR, version 1.2",
	} {
		var log bytes.Buffer
		logger := slog.NewLogLogger(addressless{slog.NewTextHandler(&log, nil)}, slog.LevelInfo)
		logger.Print(said)
		if got := log.String(); !strings.Contains(got, want) {
			t.Errorf("%q is logged as %q, want %q", said, got, want)
		}
	}
}

// A port for debugging has metrics and profiles.
func TestDebuggingHasMetricsAndProfiles(t *testing.T) {
	var log lockedLog
	stop, err := serveDebug(t.Context(), "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "kupla_ready 1\n")
	}), slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var line struct {
		Address string `json:"address"`
	}
	if err := json.Unmarshal([]byte(log.String()), &line); err != nil {
		t.Fatal(err)
	}
	for path, part := range map[string]string{"/metrics": "kupla_ready 1", "/debug/pprof/": "goroutine", "/debug/pprof/heap?debug=1": "heap profile"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+line.Address+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), part) {
			t.Errorf("%s: %s, %v, %.200q", path, res.Status, err, body)
		}
	}
}

// lockedLog is a log that a server writes and a test reads.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
