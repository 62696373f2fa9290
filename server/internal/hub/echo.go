package hub

import (
	"sync"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// EchoDelay is the longest time for which an echo waits for something else to be told with: a message on a stream of
// whoever wrote it. They have the answer to their call, and what they wait for is the reply, which then comes with it in
// one write; the echo is for their other windows and devices.
const EchoDelay = 150 * time.Millisecond

// echoes are the followers that hold an echo and have not been woken for it. They go through two generations of half the
// delay each, so that one timer serves all of them.
type echoes struct {
	mu         sync.Mutex
	young, old []*Follower
	timed      bool // the timer runs
}

// Is tells who follows: the participant of the one conversation.
func (f *Follower) Is(participantID string) {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	f.self = participantID
}

// wrote reports whether the follower is the author's. The hub's lock is held.
func (f *Follower) wrote(c *chat.Conversation, author string) bool {
	switch {
	case author == "":
		return false
	case f.staffID == "":
		return f.self == author
	}
	p := c.Participant(author)
	return p != nil && p.StaffID == f.staffID
}

// soleAuthor is the participant who wrote the events, which are all messages; empty when they are not.
func soleAuthor(events []chat.Event) string {
	author := ""
	for i := range events {
		e := &events[i]
		if _, message := e.Kind.(chat.MessagePosted); !message || i > 0 && e.ParticipantID != author {
			return ""
		}
		author = e.ParticipantID
	}
	return author
}

// echo changes a follower's slot and wakes its reader later, unless something else does before.
func (h *Hub) echo(f *Follower, change func(*Pending)) {
	f.mu.Lock()
	change(&f.pending)
	was := f.echoed
	f.echoed = true
	f.mu.Unlock()
	if was {
		return
	}
	h.echoes.mu.Lock()
	defer h.echoes.mu.Unlock()
	h.echoes.young = append(h.echoes.young, f)
	if !h.echoes.timed {
		h.echoes.timed = true
		time.AfterFunc(EchoDelay/2, h.wakeEchoed)
	}
}

// wakeEchoed wakes those that have held an echo for at least half the delay.
func (h *Hub) wakeEchoed() {
	e := &h.echoes
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.old {
		f.mu.Lock()
		waits := f.echoed
		f.echoed = false
		f.mu.Unlock()
		if waits {
			f.awake()
		}
	}
	clear(e.old)
	e.old, e.young = e.young, e.old[:0]
	if e.timed = len(e.old) > 0; e.timed {
		time.AfterFunc(EchoDelay/2, h.wakeEchoed)
	} else {
		e.young = nil // of a busy time
	}
}
