package hub

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// Hub knows who listens to what on this server.
type Hub struct {
	mu            sync.RWMutex
	conversations map[string][]*Follower // few each
	desks         map[string]map[*Follower]struct{}
	queues        map[*Follower]struct{}
	all           map[*Follower]struct{}
	closing       bool
	interrupted   bool

	echoes echoes
}

// New makes a hub to which nobody listens.
func New() *Hub {
	return &Hub{
		conversations: map[string][]*Follower{},
		desks:         map[string]map[*Follower]struct{}{},
		queues:        map[*Follower]struct{}{},
		all:           map[*Follower]struct{}{},
	}
}

// FollowConversation listens to one conversation.
func (h *Hub) FollowConversation(id string, now time.Time) *Follower {
	f := h.open(now)
	f.Add(id)
	return f
}

// FollowDesk listens to a staff member's desk: what comes onto it, the staff and the queues. Conversations
// are added with Add.
func (h *Hub) FollowDesk(staffID string, now time.Time) *Follower {
	f := h.open(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	f.staffID = staffID
	f.queues = true
	insert(h.desks, staffID, f)
	h.queues[f] = struct{}{}
	return f
}

// FollowQueues listens to the queues.
func (h *Hub) FollowQueues(now time.Time) *Follower {
	f := h.open(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	f.queues = true
	h.queues[f] = struct{}{}
	return f
}

func (h *Hub) open(now time.Time) *Follower {
	f := &Follower{hub: h, wake: make(chan struct{}, 1)}
	f.Sent(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all[f] = struct{}{}
	if h.closing {
		f.update(func(p *Pending) { p.Closing = true })
	}
	if h.interrupted {
		f.update(func(p *Pending) { p.Interruption = InterruptionBegan })
	}
	return f
}

// Add makes the follower listen to one more conversation.
func (f *Follower) Add(id string) {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	if slices.Contains(f.hub.conversations[id], f) {
		return
	}
	f.conversations = append(f.conversations, id)
	f.hub.conversations[id] = append(f.hub.conversations[id], f)
}

// Remove makes the follower stop listening to a conversation.
func (f *Follower) Remove(id string) {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	if i := slices.Index(f.conversations, id); i >= 0 {
		f.conversations = slices.Delete(f.conversations, i, i+1)
		f.hub.leave(id, f)
	}
}

// leave takes a follower from those of a conversation.
func (h *Hub) leave(id string, f *Follower) {
	followers := slices.DeleteFunc(h.conversations[id], func(other *Follower) bool { return other == f })
	if len(followers) == 0 {
		delete(h.conversations, id)
		return
	}
	h.conversations[id] = followers
}

func (h *Hub) close(f *Follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range f.conversations {
		h.leave(id, f)
	}
	f.conversations = nil
	if f.staffID != "" {
		remove(h.desks, f.staffID, f)
	}
	delete(h.queues, f)
	delete(h.all, f)
}

// Changed tells a conversation's followers its latest state and the events added. Who wrote them is told with the next
// that there is to tell, or within EchoDelay.
func (h *Hub) Changed(c *chat.Conversation, events []chat.Event, snapshot bool) {
	author := ""
	if !snapshot {
		author = soleAuthor(events)
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, f := range h.conversations[c.ID] {
		change := func(p *Pending) {
			n := p.news(c.ID)
			n.add(c, events)
			n.Snapshot = n.Snapshot || snapshot
		}
		if f.wrote(c, author) {
			h.echo(f, change)
		} else {
			f.update(change)
		}
	}
}

// Refresh asks a conversation's followers to send a new snapshot: something changed without an event.
func (h *Hub) Refresh(conversationID string) {
	h.tell(conversationID, func(p *Pending) { p.news(conversationID).Snapshot = true })
}

// Rewritten tells a conversation's followers that its log is not what they were told: the database has lost the end of
// it.
func (h *Hub) Rewritten(conversationID string) {
	h.tell(conversationID, func(p *Pending) { p.news(conversationID).Rewritten = true })
}

// Added tells a staff member's desks that a conversation came onto them.
func (h *Hub) Added(staffID, conversationID string) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for f := range h.desks[staffID] {
		f.update(func(p *Pending) {
			if !slices.Contains(p.Added, conversationID) {
				p.Added = append(p.Added, conversationID)
			}
		})
	}
}

// Read tells how far a participant has read.
func (h *Hub) Read(conversationID, participantID string, sequence int32) {
	h.tell(conversationID, func(p *Pending) {
		n := p.news(conversationID)
		if n.ReadMarks == nil {
			n.ReadMarks = map[string]int32{}
		}
		n.ReadMarks[participantID] = max(n.ReadMarks[participantID], sequence)
	})
}

// Presence tells whether a participant is there.
func (h *Hub) Presence(conversationID, participantID string, presence Presence) {
	h.tell(conversationID, func(p *Pending) {
		n := p.news(conversationID)
		if n.Presence == nil {
			n.Presence = map[string]Presence{}
		}
		n.Presence[participantID] = presence
	})
}

// Typing tells that a participant is typing.
func (h *Hub) Typing(conversationID, participantID string) {
	h.tell(conversationID, func(p *Pending) {
		n := p.news(conversationID)
		if n.Typing == nil {
			n.Typing = map[string]struct{}{}
		}
		n.Typing[participantID] = struct{}{}
	})
}

// Places tells a conversation's followers that its place may have changed.
func (h *Hub) Places(conversationID string) {
	h.tell(conversationID, func(p *Pending) { p.Places = true })
}

// Queue tells those who follow queues that one changed.
func (h *Hub) Queue(id string) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for f := range h.queues {
		f.update(func(p *Pending) {
			if p.Queues == nil {
				p.Queues = map[string]struct{}{}
			}
			p.Queues[id] = struct{}{}
		})
	}
}

// Staff tells desks that staff changed.
func (h *Hub) Staff() {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, followers := range h.desks {
		for f := range followers {
			f.update(func(p *Pending) { p.Staff = true })
		}
	}
}

// Catalogue tells those who follow queues that the catalogue was replaced.
func (h *Hub) Catalogue() {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for f := range h.queues {
		f.update(func(p *Pending) { p.Catalogue = true })
	}
}

// Tick wakes the followers that have sent nothing for so long, and those that asked for it. It is called by
// the one timer of the server.
func (h *Hub) Tick(now time.Time, quiet time.Duration) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for f := range h.all {
		if f.due(now) || f.Quiet(now) >= quiet {
			f.update(func(p *Pending) { p.Tick = true })
		}
	}
}

// Shutdown tells every follower, also those that come later, that the server is going down.
func (h *Hub) Shutdown() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closing = true
	for f := range h.all {
		f.update(func(p *Pending) { p.Closing = true })
	}
}

// Drain is Shutdown in good order: it tells those who follow now one after the other, in no particular order, evenly over
// a time, and returns when all know. Those that come meanwhile are told at once. A time of zero, and the end of ctx, tell
// the rest at once.
func (h *Hub) Drain(ctx context.Context, over time.Duration) {
	h.mu.Lock()
	h.closing = true
	followers := slices.Collect(maps.Keys(h.all))
	h.mu.Unlock()
	// A map is gone through from a random place on, and neighbours stay neighbours.
	//nolint:gosec // Nobody gains anything by guessing who is next.
	rand.Shuffle(len(followers), func(i, j int) { followers[i], followers[j] = followers[j], followers[i] })
	step := min(drainStep, over/max(1, time.Duration(len(followers))))
	began := time.Now()
	for i, f := range followers {
		if wait := time.Duration(i)*step - time.Since(began); wait > drainGrain && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
		}
		f.update(func(p *Pending) { p.Closing = true })
	}
}

const (
	// drainStep is the longest time between two followers that are told to go: that few at a time are no crowd.
	drainStep = 10 * time.Millisecond
	// drainGrain is the shortest time that is worth a timer.
	drainGrain = time.Millisecond
)

// Interrupt tells every follower, also those that come later, that the service is interrupted, or no longer is.
func (h *Hub) Interrupt(interrupted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.interrupted == interrupted {
		return
	}
	h.interrupted = interrupted
	what := InterruptionOver
	if interrupted {
		what = InterruptionBegan
	}
	for f := range h.all {
		f.update(func(p *Pending) { p.Interruption = what })
	}
}

// Interrupted reports whether the service is interrupted.
func (h *Hub) Interrupted() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.interrupted
}

// Followers counts the open followers.
func (h *Hub) Followers() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.all)
}

func (h *Hub) tell(conversationID string, change func(*Pending)) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, f := range h.conversations[conversationID] {
		f.update(change)
	}
}

func insert(m map[string]map[*Follower]struct{}, id string, f *Follower) {
	if m[id] == nil {
		m[id] = map[*Follower]struct{}{}
	}
	m[id][f] = struct{}{}
}

func remove(m map[string]map[*Follower]struct{}, id string, f *Follower) {
	delete(m[id], f)
	if len(m[id]) == 0 {
		delete(m, id)
	}
}
