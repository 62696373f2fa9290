package hub_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
)

// logs is a store of logs as far as followers need one.
type logs struct {
	mu     sync.Mutex
	events map[string][]chat.Event
}

// add appends an event, after which it is readable, and returns it.
func (l *logs) add(id string) chat.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := chat.Event{Sequence: int32(len(l.events[id]) + 1)}
	l.events[id] = append(l.events[id], e)
	return e
}

func (l *logs) after(id string, sequence int32) []chat.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	if int(sequence) >= len(l.events[id]) {
		return nil
	}
	return slices.Clone(l.events[id][sequence:])
}

// follow does what a stream does: open, read, then wait, take, and read what the shortcut does not continue.
// It returns how many events it was given by the shortcut.
func follow(t *testing.T, h *hub.Hub, l *logs, id string, enough int32) (shortcuts int) {
	f := h.FollowConversation(id, morning)
	defer f.Close()
	var position int32
	read := func(events []chat.Event) {
		for _, e := range events {
			if e.Sequence != position+1 {
				t.Errorf("%s: %d comes after %d", id, e.Sequence, position)
			}
			position = e.Sequence
		}
	}
	read(l.after(id, 0))
	for position < enough {
		<-f.Wake()
		p := f.Take()
		n := p.NewsOf(id)
		if n == nil {
			continue
		}
		if len(n.Events) > 0 && n.Events[0].Sequence <= position+1 {
			for i, e := range n.Events {
				if i > 0 && e.Sequence != n.Events[i-1].Sequence+1 {
					t.Errorf("%s: the shortcut continues %d with %d", id, n.Events[i-1].Sequence, e.Sequence)
				}
				if e.Sequence > position {
					shortcuts++
					read([]chat.Event{e})
				}
			}
		}
		read(l.after(id, position))
	}
	return shortcuts
}

// Streams that open and close while others are told: nobody misses an event, nobody is told one twice, and
// nothing is left when they are gone. Run it with the race detector.
func TestConcurrentFollowers(t *testing.T) {
	const (
		conversations = 4
		perLog        = 300
	)
	synctest.Test(t, func(t *testing.T) {
		h := hub.New()
		l := &logs{events: map[string][]chat.Event{}}
		var wg sync.WaitGroup
		var mu sync.Mutex
		shortcuts := 0
		for n := range conversations {
			id := fmt.Sprintf("c-%d", n)
			// The events of one conversation are committed, and told, in order.
			wg.Go(func() {
				for n := range perLog {
					e := l.add(id)
					h.Changed(conversation(id, e.Sequence), []chat.Event{e}, false)
					if n%10 == 0 {
						// Until everybody waits: readers that are always behind would only read the store.
						time.Sleep(time.Millisecond)
					}
				}
			})
			for range 8 {
				wg.Go(func() {
					for _, enough := range []int32{rand.Int32N(perLog), perLog} {
						n := follow(t, h, l, id, enough)
						mu.Lock()
						shortcuts += n
						mu.Unlock()
					}
				})
			}
		}
		for range 4 {
			wg.Go(func() {
				for n := range 200 {
					f := h.FollowDesk("nurse", morning)
					id := fmt.Sprintf("c-%d", n%conversations)
					f.Add(id)
					h.Added("nurse", id)
					h.Read(id, "customer", int32(n))
					h.Tick(morning, quiet)
					f.Take()
					if n%2 == 0 {
						f.Remove(id)
					}
					f.Close()
				}
			})
		}
		wg.Wait()
		if shortcuts == 0 {
			t.Error("no event came by a shortcut: this test shows nothing of them")
		}
		if n := h.Followers(); n != 0 {
			t.Errorf("%d follow after all have closed", n)
		}
	})
}

// Whoever waits when the server goes down, and whoever comes at the same moment, is told; no reader is left
// waiting.
func TestConcurrentShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New()
		for n := range 100 {
			// The bubble fails the test when one of these never ends.
			go func() {
				f := h.FollowConversation(fmt.Sprintf("c-%d", n%10), morning)
				defer f.Close()
				for {
					<-f.Wake()
					if f.Take().Closing {
						return
					}
				}
			}()
			if n == 50 {
				go h.Shutdown()
			}
		}
		synctest.Wait()
		if n := h.Followers(); n != 0 {
			t.Errorf("%d were not told", n)
		}
	})
}
