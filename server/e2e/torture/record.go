package torture

import (
	"slices"
	"sync"
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/history"
)

// record is all that the run knows of one conversation.
type record struct {
	mu      sync.Mutex
	history history.Conversation
	// seen is when an event that is no message was first heard of, by its number: it had happened by then.
	seen map[int32]time.Time
	told []toldPlace
	// cursor is one that a follower of it was given.
	cursor string
}

// toldPlace is a place as it was told.
type toldPlace struct {
	position int32
	asOf     time.Time
}

// record finds the record of a conversation, or begins it.
func (r *run) record(id string) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.records[id]
	if rec == nil {
		rec = &record{history: history.Conversation{ID: id}, seen: map[int32]time.Time{}}
		r.records[id] = rec
	}
	return rec
}

// write keeps a message that is about to be sent.
func (c *record) write(sender, text string) *history.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := &history.Message{Sender: sender, Text: text, Sent: time.Now()}
	c.history.Messages = append(c.history.Messages, m)
	return m
}

// acknowledge keeps an answer, and reports whether it is the first.
func (c *record) acknowledge(m *history.Message, sequence int32) (first bool) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(m.Sequences) == 0 {
		m.Acked = now
	}
	// An answer that says the same again tells nothing new.
	if !slices.Contains(m.Sequences, sequence) {
		m.Sequences = append(m.Sequences, sequence)
	}
	return m.Acked.Equal(now)
}

// refuse keeps that a message is not stored.
func (c *record) refuse(m *history.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.Refused = len(m.Sequences) == 0
}

// view begins what one follower is handed.
func (c *record) view(viewer, by string, after int32) *history.View {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := &history.View{Viewer: viewer, By: by, After: after}
	c.history.Views = append(c.history.Views, v)
	return v
}

// hand keeps that a follower was handed an event.
func (c *record) hand(v *history.View, e *kuplav1.Event) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	v.Events = append(v.Events, history.FromContract(e))
	if e.GetMessagePosted() == nil {
		if _, known := c.seen[e.GetSequence()]; !known {
			c.seen[e.GetSequence()] = now
		}
	}
}

// mark changes a view under the lock.
func (c *record) mark(v *history.View, change func(*history.View)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(v)
}

// tell keeps a place that the customer was told.
func (c *record) tell(p *kuplav1.Place) {
	if p == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, toldPlace{position: p.GetPosition(), asOf: p.GetAsOfTime().AsTime()})
}

// keepCursor keeps a cursor for others to try.
func (c *record) keepCursor(cursor string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cursor = cursor
}
