package hub

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// maxShortcut is how many events a slot holds for one conversation before the reader is sent to the store.
const maxShortcut = 64

// Presence is whether a participant is there, and since when.
type Presence struct {
	Present bool
	Since   time.Time // zero when not known
}

// News is what is new of one conversation.
type News struct {
	// ConversationID is which one.
	ConversationID string
	// Conversation is the latest state; nil when no event or state came. Shared: not to be changed.
	Conversation *chat.Conversation
	// Events are the events added, when they are few and without a gap; otherwise read the store. Shared, too.
	Events []chat.Event
	// Snapshot asks for a new snapshot: something changed without an event.
	Snapshot bool
	// Rewritten tells that what was told of the log may not be so any more.
	Rewritten bool
	ReadMarks map[string]int32
	Presence  map[string]Presence
	Typing    map[string]struct{}

	overflow bool
}

// Interruption is what becomes of an interruption of the service.
type Interruption uint8

// What becomes of an interruption. The zero value is nothing new.
const (
	InterruptionBegan Interruption = iota + 1
	InterruptionOver
)

// Pending is what came since the last Take.
type Pending struct {
	// News is what is new, each conversation once. Most streams follow one, so that a list is less than a map.
	News []News
	// Added are conversations that came onto the follower's desk.
	Added []string
	// Queues are those whose line or status changed.
	Queues map[string]struct{}
	// Places tells that the places in the line may have changed.
	Places bool
	// Staff tells that staff changed: who is available, who is there.
	Staff bool
	// Catalogue tells that the catalogue was replaced.
	Catalogue bool
	// Tick tells that the shared timer asks for a sign of life or a check of credentials.
	Tick bool
	// Closing tells that the server is going down.
	Closing bool
	// Interruption is what became last of an interruption of the service. What was committed before one is over is
	// in the slot before that is.
	Interruption Interruption
	// Superseded tells that the same caller has opened more streams than they may, and this was the oldest.
	Superseded bool
}

// Follower is one stream's slot. Its methods are safe for concurrent use.
type Follower struct {
	hub     *Hub
	staffID string // whose desk; empty for others
	queues  bool   // whether it hears of queues
	// self is the participant who follows; empty for desks, and for as long as that is not known.
	self string

	wake chan struct{}
	// again is from when on the shared timer is to wake the stream, in Unix nanoseconds; 0 is not at all.
	again atomic.Int64
	// lastFrame is when the stream last sent, in Unix nanoseconds. The shared timer goes by it.
	lastFrame atomic.Int64

	mu      sync.Mutex
	pending Pending
	echoed  bool // holds an echo that nothing has woken the reader for yet

	// conversations are those listened to, guarded by hub.mu. Nobody but a desk has more than one.
	conversations []string
}

// Wake is readable when there is something to Take.
func (f *Follower) Wake() <-chan struct{} { return f.wake }

// Take empties the slot.
func (f *Follower) Take() Pending {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pending
	f.pending, f.echoed = Pending{}, false
	return p
}

// Sent tells when the stream last sent a frame.
func (f *Follower) Sent(now time.Time) { f.lastFrame.Store(now.UnixNano()) }

// Quiet is how long the stream has sent nothing.
func (f *Follower) Quiet(now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - f.lastFrame.Load())
}

// Again asks to be woken by the next tick of the shared timer, for what was held back until then.
func (f *Follower) Again() { f.again.Store(1) }

// AgainAt asks to be woken by the first tick at or after a time, unless an earlier wake was asked for.
func (f *Follower) AgainAt(t time.Time) {
	at := t.UnixNano()
	for {
		was := f.again.Load()
		if was != 0 && was <= at || f.again.CompareAndSwap(was, at) {
			return
		}
	}
}

// due reports whether a wake that was asked for is due, and forgets it then.
func (f *Follower) due(now time.Time) bool {
	at := f.again.Load()
	return at != 0 && at <= now.UnixNano() && f.again.CompareAndSwap(at, 0)
}

// Supersede wakes the stream to end because a newer one has taken its place.
func (f *Follower) Supersede() { f.update(func(p *Pending) { p.Superseded = true }) }

// Close ends the listening. It may be called more than once.
func (f *Follower) Close() { f.hub.close(f) }

// update changes the slot and wakes the reader.
func (f *Follower) update(change func(*Pending)) {
	f.mu.Lock()
	change(&f.pending)
	f.mu.Unlock()
	f.awake()
}

func (f *Follower) awake() {
	select {
	case f.wake <- struct{}{}:
	default: // it is to wake already
	}
}

// NewsOf is what is new of a conversation; nil when nothing is. It stands in News.
func (p *Pending) NewsOf(conversationID string) *News {
	for i := range p.News {
		if p.News[i].ConversationID == conversationID {
			return &p.News[i]
		}
	}
	return nil
}

// news is NewsOf to write into. It is good until the next one.
func (p *Pending) news(conversationID string) *News {
	if n := p.NewsOf(conversationID); n != nil {
		return n
	}
	p.News = append(p.News, News{ConversationID: conversationID})
	return &p.News[len(p.News)-1]
}

// add appends events to the shortcut, or gives it up when there are too many.
func (n *News) add(c *chat.Conversation, events []chat.Event) {
	n.Conversation = c
	if n.overflow {
		return
	}
	if len(n.Events)+len(events) > maxShortcut {
		n.overflow = true
		n.Events = nil
		return
	}
	// The events are shared with other followers: more of them go into a slice of the slot's own.
	if len(n.Events) == 0 {
		n.Events = slices.Clip(events)
		return
	}
	n.Events = append(slices.Clip(n.Events), events...)
}
