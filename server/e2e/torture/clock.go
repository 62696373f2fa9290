package torture

import (
	"os"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/history"
)

// lag is how long the server may take to notice that its clock was stepped, on a machine that is busy.
const lag = 500 * time.Millisecond

// clock is the server's clock, which the run steps, and all that it ever showed.
type clock struct {
	path string

	mu     sync.Mutex
	epochs []epoch
}

// epoch is a time for which the server's clock differed from the machine's by the same.
type epoch struct {
	start  time.Time // by the machine's clock
	offset time.Duration
}

func newClock(path string) (*clock, error) {
	c := &clock{path: path}
	err := c.step(0)
	return c, err
}

// step sets by how much the server's clock differs from the machine's.
func (c *clock) step(offset time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epochs = append(c.epochs, epoch{start: time.Now().Round(0), offset: offset})
	if err := os.WriteFile(c.path+".new", []byte(offset.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(c.path+".new", c.path)
}

// offset is by how much it differs now.
func (c *clock) offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epochs[len(c.epochs)-1].offset
}

// steppedSince reports whether it was stepped after a time.
func (c *clock) steppedSince(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.epochs) > 1 && c.epochs[len(c.epochs)-1].start.After(t)
}

// when is when, by the machine's clock, the server's showed a time. It showed some more than once. It is not ok
// when it never did.
func (c *clock) when(shown time.Time) (m history.Moment, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, e := range c.epochs {
		at := shown.Add(-e.offset)
		end := time.Now()
		if i+1 < len(c.epochs) {
			end = c.epochs[i+1].start
		}
		if at.Before(e.start.Add(-time.Millisecond)) || at.After(end.Add(lag)) {
			continue
		}
		if !ok || at.Before(m.Earliest) {
			m.Earliest = at
		}
		if !ok || at.After(m.Latest) {
			m.Latest = at
		}
		ok = true
	}
	return m, ok
}
