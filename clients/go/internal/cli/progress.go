package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress tells on a line of its own how far long work has come. Only a terminal is told, and on the error
// output, so that what is piped on stays as it is.
type progress struct {
	out   io.Writer // nil when nobody looks
	text  string    // with the placeholder {count}
	count int
	shown time.Time
	now   func() time.Time
}

// progressPause is how often the line changes. Work that takes no longer than that shows nothing.
const progressPause = 300 * time.Millisecond

// newProgress begins to tell about work that prints as it goes on. The text has a placeholder, {count}. finish
// must be called when the work is done. Where the output goes to a terminal as well, it tells enough by itself.
func (a *app) newProgress(text string) *progress {
	p := &progress{text: text, now: time.Now}
	if a.progressSeen() && !isTerminal(a.stdout) {
		p.out = a.stderr
	}
	p.shown = p.now()
	return p
}

// add counts n more.
func (p *progress) add(n int) {
	p.count += n
	if p.out == nil || p.now().Sub(p.shown) < progressPause {
		return
	}
	p.shown = p.now()
	_, _ = fmt.Fprint(p.out, "\r\x1b[K"+fill(p.text, "count", p.count))
}

// finish takes the line away.
func (p *progress) finish() {
	if p.out != nil {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// progressSeen reports whether somebody looks at the error output, on a terminal that can take a line away.
func (a *app) progressSeen() bool { return isTerminal(a.stderr) && a.env("TERM") != "dumb" }

// busyAfter is how long a call takes before a person wonders.
const busyAfter = time.Second

// busy tells at a terminal that a call takes its time, once it does. The function that it returns takes that
// away again and must be called before anything is printed.
func (a *app) busy(text string) (done func()) {
	if !a.progressSeen() {
		return func() {}
	}
	var mu sync.Mutex
	told, over := false, false
	timer := time.AfterFunc(busyAfter, func() {
		mu.Lock()
		defer mu.Unlock()
		if told = !over; told {
			_, _ = fmt.Fprint(a.stderr, text)
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		if over = true; told {
			_, _ = fmt.Fprint(a.stderr, "\r\x1b[K")
			told = false
		}
	}
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
