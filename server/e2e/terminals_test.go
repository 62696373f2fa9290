package e2e

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// terminal is the command line client in its own process, as somebody at a terminal has it.
type terminal struct {
	t       *testing.T
	name    string
	command *exec.Cmd
	in      io.WriteCloser

	mu    sync.Mutex
	lines []string
	read  int // how many of the lines were waited for already
	ended chan struct{}
}

func openTerminal(t *testing.T, name, home string, environment []string, args ...string) *terminal {
	t.Helper()
	m := &terminal{t: t, name: name, ended: make(chan struct{})}
	m.command = exec.CommandContext(context.Background(), filepath.Join(programs, "kupla"), args...)
	m.command.Env = append(append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_STATE_HOME="+home), environment...)
	in, err := m.command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.in = in
	out, w := io.Pipe()
	m.command.Stdout, m.command.Stderr = w, w
	if err := m.command.Start(); err != nil {
		t.Fatalf("start kupla %s: %v", strings.Join(args, " "), err)
	}
	go func() {
		defer close(m.ended)
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			m.mu.Lock()
			m.lines = append(m.lines, scanner.Text())
			m.mu.Unlock()
		}
	}()
	go func() {
		_ = m.command.Wait()
		_ = w.Close()
	}()
	t.Cleanup(func() {
		_ = m.command.Process.Kill()
		<-m.ended
		if t.Failed() {
			t.Logf("%s saw:\n%s", name, strings.Join(m.lines, "\n"))
		}
	})
	return m
}

// types writes a line.
func (m *terminal) types(line string) {
	m.t.Helper()
	if _, err := io.WriteString(m.in, line+"\n"); err != nil {
		m.t.Fatalf("%s types %q: %v", m.name, line, err)
	}
}

// sees waits for a line with the text, after those waited for before.
func (m *terminal) sees(text string) {
	m.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		m.mu.Lock()
		for ; m.read < len(m.lines); m.read++ {
			if strings.Contains(m.lines[m.read], text) {
				m.read++
				m.mu.Unlock()
				return
			}
		}
		m.mu.Unlock()
		if time.Now().After(deadline) {
			m.t.Fatalf("%s does not see %q", m.name, text)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// exits waits for the process to end without a failure.
func (m *terminal) exits() {
	m.t.Helper()
	select {
	case <-m.ended:
	case <-time.After(20 * time.Second):
		m.t.Fatalf("%s does not exit", m.name)
	}
	if code := m.command.ProcessState.ExitCode(); code != 0 {
		m.t.Fatalf("%s exits with %d", m.name, code)
	}
}

// A whole chat in two terminals: the place while waiting, the talk, a server killed in the middle of it, the
// identity code that is not sent, the close and the survey.
func TestTwoTerminals(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	token := s.token("nurse", "--role", "professional", "--queue", "emergency-help", "--language", "en")

	resident := openTerminal(t, "the resident", t.TempDir(), nil,
		"chat", "emergency-help", "--server", s.url(), "--language", "en", "--name", "Testi", "--message", "A tick bit me")
	resident.sees("112")
	resident.types("yes")
	resident.sees("You are next")

	nurse := openTerminal(t, "the nurse", t.TempDir(), []string{"KUPLA_TOKEN=" + token},
		"desk", "--server", s.url(), "--language", "en")
	nurse.sees("1 waiting")
	nurse.types("/take")
	nurse.sees("Testi")
	nurse.sees("A tick bit me")
	nurse.types("Hello, when did it bite?")
	resident.sees("Hello, when did it bite?")
	resident.types("Yesterday")
	nurse.sees("Yesterday")

	s.kill()
	resident.types("Are you still there?")
	s.start()
	nurse.sees("Are you still there?")
	nurse.types("Yes, go on")
	resident.sees("Yes, go on")

	resident.types("My code is 131052-9085")
	resident.sees("identity code")
	nurse.types("/note Asked about a tick")
	nurse.types("/close")
	nurse.sees("closed")
	resident.sees("10") // the first question: from 0 to 10
	resident.types("9")
	for range 10 { // nothing to say to the rest
		resident.types("")
	}
	resident.exits()
	nurse.types("/quit")
	nurse.exits()

	queues := openTerminal(t, "a script", t.TempDir(), nil, "queues", "--server", s.url(), "--language", "fi")
	queues.sees("Päivystysapu")
	queues.exits()
}
