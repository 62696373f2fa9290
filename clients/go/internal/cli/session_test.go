package cli

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// session is a running command with pipes for input and output.
type session struct {
	t      *testing.T
	in     *io.PipeWriter
	out    *output
	errors *output
	stop   context.CancelFunc
	code   chan int
	at     int // up to where the output has been expected
}

// output collects what is written and wakes those who wait for it.
type output struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	changed chan struct{}
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

func (o *output) wait() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed
}

// start runs the command. It speaks English and keeps its files in home.
func start(t *testing.T, f *fakeService, home string, args ...string) *session {
	t.Helper()
	return startWith(t, f, map[string]string{"HOME": home}, args...)
}

func startWith(t *testing.T, f *fakeService, env map[string]string, args ...string) *session {
	t.Helper()
	reader, writer := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	s := &session{t: t, in: writer, out: newOutput(), errors: newOutput(), stop: stop, code: make(chan int, 1)}
	lookup := func(name string) string {
		if value, ok := env[name]; ok {
			return value
		}
		switch name {
		case "KUPLA_SERVER":
			return f.listener.URL
		case "LANG":
			return "en_GB.UTF-8"
		default:
			return ""
		}
	}
	go func() { s.code <- Run(ctx, args, reader, s.out, s.errors, lookup) }()
	t.Cleanup(func() {
		stop()
		_ = writer.Close()
	})
	return s
}

// write writes lines.
func (s *session) write(lines ...string) {
	s.t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(s.in, line+"\n"); err != nil {
			s.t.Fatalf("writing %q: %v\n%s", line, err, s.out)
		}
	}
}

// expect waits until the texts have come, in order, behind what was expected before.
func (s *session) expect(texts ...string) {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for _, text := range texts {
		for {
			changed := s.out.wait()
			all := s.out.String()
			if i := strings.Index(all[s.at:], text); i >= 0 {
				s.at += i + len(text)
				break
			}
			select {
			case <-changed:
			case <-deadline:
				s.t.Fatalf("%q did not come. Output:\n%s\nErrors:\n%s", text, all, s.errors)
			}
		}
	}
}

// expectError waits until the texts have come on the error output, in order.
func (s *session) expectError(texts ...string) {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	at := 0
	for _, text := range texts {
		for {
			changed := s.errors.wait()
			all := s.errors.String()
			if i := strings.Index(all[at:], text); i >= 0 {
				at += i + len(text)
				break
			}
			select {
			case <-changed:
			case <-deadline:
				s.t.Fatalf("%q is not among the errors:\n%s", text, all)
			}
		}
	}
}

// expectAll waits until the texts have come, in any order, behind what was expected before.
func (s *session) expectAll(texts ...string) {
	s.t.Helper()
	from, to := s.at, s.at
	for _, text := range texts {
		s.at = from
		s.expect(text)
		to = max(to, s.at)
	}
	s.at = to
}

// never makes sure that a text has not come.
func (s *session) never(text string) {
	s.t.Helper()
	if strings.Contains(s.out.String()+s.errors.String(), text) {
		s.t.Errorf("%q came. Output:\n%s\nErrors:\n%s", text, s.out, s.errors)
	}
}

// ends waits for the end and checks the exit code.
func (s *session) ends(code int) {
	s.t.Helper()
	select {
	case got := <-s.code:
		if got != code {
			s.t.Errorf("exit code %d, want %d. Output:\n%s\nErrors:\n%s", got, code, s.out, s.errors)
		}
	case <-time.After(20 * time.Second):
		s.t.Fatalf("it does not end. Output:\n%s\nErrors:\n%s", s.out, s.errors)
	}
}

// complains checks what is on the error output. The command must have ended.
func (s *session) complains(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(s.errors.String(), text) {
			s.t.Errorf("%q is not among the errors:\n%s", text, s.errors)
		}
	}
}
