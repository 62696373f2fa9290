package cli

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"
)

func TestProgress(t *testing.T) {
	terminal, far, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = terminal.Close(), far.Close() }()
	seen := newOutput()
	go func() { _, _ = io.Copy(seen, terminal) }()

	a := &app{stderr: far, env: func(string) string { return "" }, texts: textsIn(english)}
	p := a.newProgress(a.texts.Settings.EventsSoFar)
	moment := time.Unix(0, 0)
	p.now = func() time.Time { return moment }
	p.shown = moment
	p.add(100) // too early to be worth a line
	moment = moment.Add(progressPause)
	p.add(100)
	p.add(100)
	moment = moment.Add(progressPause)
	p.add(100)
	p.finish()
	const want = "\r\x1b[K200 events…\r\x1b[K400 events…\r\x1b[K"
	seen.shows(t, want)
	if got := seen.String(); got != want {
		t.Errorf("shown %q", got)
	}
}

// A call that takes its time is told about, and that is taken away again; one that does not is not.
func TestBusy(t *testing.T) {
	terminal, far, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = terminal.Close(), far.Close() }()
	seen := newOutput()
	go func() { _, _ = io.Copy(seen, terminal) }()
	a := &app{stderr: far, env: func(string) string { return "" }}
	synctest.Test(t, func(*testing.T) {
		done := a.busy("quick")
		time.Sleep(busyAfter - time.Millisecond)
		done()
		done = a.busy("slow")
		time.Sleep(busyAfter)
		synctest.Wait()
		done()
		done() // as with a defer behind an earlier call
	})
	const want = "slow\r\x1b[K"
	seen.shows(t, want)
	if got := seen.String(); got != want {
		t.Errorf("shown %q", got)
	}
}

// Whatever is no terminal hears nothing of it, nor does a terminal that cannot take a line away.
func TestProgressIsForTerminals(t *testing.T) {
	terminal, far, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = terminal.Close(), far.Close() }()
	dumb := &app{stderr: far, env: func(string) string { return "dumb" }}
	if dumb.newProgress("{count}").out != nil {
		t.Error("a dumb terminal was told")
	}
	both := &app{stdout: far, stderr: far, env: func(string) string { return "" }}
	if both.newProgress("{count}").out != nil {
		t.Error("the output was mixed with what tells of it")
	}
	var pipe bytes.Buffer
	piped := &app{stderr: &pipe, env: func(string) string { return "" }}
	piped.busy("busy")()
	p := piped.newProgress("{count}")
	p.shown = time.Time{}
	p.add(1)
	p.finish()
	if pipe.Len() > 0 {
		t.Errorf("a pipe was told %q", pipe.String())
	}
}
