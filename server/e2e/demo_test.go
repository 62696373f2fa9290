package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// demonstration is what make run starts.
type demonstration struct {
	address string
	process *exec.Cmd
	output  *lockedBuffer
}

func (d *demonstration) url() string { return "http://" + d.address }

// startDemo starts a demonstration on a port of its own and waits until it serves.
func startDemo(t *testing.T) *demonstration {
	t.Helper()
	d := &demonstration{address: freeAddress(t), output: &lockedBuffer{}}
	d.process = exec.CommandContext(context.Background(), filepath.Join(programs, "kuplad"), "demo", "--listen", d.address, "--data", t.TempDir())
	d.process.Stdout, d.process.Stderr = d.output, d.output
	if err := d.process.Start(); err != nil {
		t.Fatalf("start the demonstration: %v", err)
	}
	t.Cleanup(func() {
		_ = d.process.Process.Kill()
		_ = d.process.Wait()
	})
	waitServing(t, d.address, d.output)
	return d
}

// token waits for the printed export line of a made-up person, and returns the token in it.
func (d *demonstration) token(t *testing.T, name string) string {
	t.Helper()
	pattern := regexp.MustCompile(regexp.QuoteMeta(name) + `.*\n\s+export KUPLA_TOKEN=(\S+)\n`)
	deadline := time.Now().Add(10 * time.Second)
	for {
		if found := pattern.FindStringSubmatch(d.output.String()); found != nil {
			return found[1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("no token of %s was printed:\n%s", name, d.output.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// contains fails the test when a text does not have every part, in order.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		i := strings.Index(rest, part)
		if i < 0 {
			t.Fatalf("%q is missing, or not in order, in:\n%s", part, text)
		}
		rest = rest[i+len(part):]
	}
}
