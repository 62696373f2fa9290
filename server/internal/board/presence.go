package board

import (
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// presence is whether somebody is there: they have a stream open, or were heard of a moment ago, here or by another
// server.
type presence struct {
	streams int
	seen    time.Time // here: of the last call, or of the end of the last stream
	present bool
	since   time.Time // of the last change of present; zero when not known

	// written is the last time handed out for the store, which comes back with what others wrote.
	written time.Time
	// elsewhere is when another server saw the one last, or this one before it was started again, and until is for how
	// long that counts as being there.
	elsewhere, until time.Time
}

// last is when the one was last seen, wherever. With a stream here it is now.
func (p *presence) last() time.Time { return later(p.seen, p.elsewhere) }

// here reports whether this server has seen the one a moment ago.
func (p *presence) here(now time.Time, grace time.Duration) bool {
	return p.streams > 0 || now.Before(p.seen.Add(grace))
}

// write is when this server saw the one last, for the store.
func (p *presence) write(now time.Time) time.Time {
	p.written = p.seen
	if p.streams > 0 {
		p.written = now
	}
	return p.written
}

// goneBy reports whether the one is not there any more.
func (b *Board) goneBy(p *presence, now time.Time) bool {
	if p.here(now, b.config.PresenceGrace) || now.Before(p.until) {
		return false
	}
	// While the service is interrupted, nothing is heard of those who are elsewhere.
	return b.interrupted.IsZero() || !p.until.After(b.interrupted)
}

// ArriveCustomer tells that a customer's stream opened. The function returned tells that it ended.
func (b *Board) ArriveCustomer(conversationID string) (leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.customerStreams(conversationID, 1) {
		b.early[conversationID]++
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.customerStreams(conversationID, -1) {
			return
		}
		// It has closed, or is not known yet.
		switch n := b.early[conversationID]; n {
		case 0:
		case 1:
			delete(b.early, conversationID)
		default:
			b.early[conversationID] = n - 1
		}
	}
}

// SawCustomer tells that a customer made a call.
func (b *Board) SawCustomer(conversationID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.customerStreams(conversationID, 0)
}

// customerStreams counts a customer's streams and takes them for seen. It is not known when the conversation
// is not open.
func (b *Board) customerStreams(conversationID string, delta int) (known bool) {
	o := b.open[conversationID]
	if o == nil {
		return false
	}
	now := b.now()
	here := o.customer.here(now, b.config.PresenceGrace)
	o.customer.streams += delta
	o.customer.seen = now
	if !here {
		b.signal(store.Signal{Kind: store.SignalCustomerHere, ConversationID: conversationID})
	}
	b.seenCustomers[conversationID] = struct{}{}
	if !o.customer.present {
		b.setCustomerPresent(o, true, now)
	}
	if o.warned {
		o.warned = false
		b.hub.Refresh(conversationID)
	}
	return true
}

func (b *Board) setCustomerPresent(o *openConversation, present bool, at time.Time) {
	o.customer.present = present
	o.customer.since = at
	id := o.conversation.ID
	b.hub.Presence(id, chat.CustomerID, hub.Presence{Present: present, Since: at})
	if o.conversation.State == chat.Waiting {
		b.hub.Places(id)
		b.queueChanged(o.conversation.QueueID)
	}
}

// ArriveStaff tells that a staff member's stream opened. The function returned tells that it ended.
func (b *Board) ArriveStaff(staffID string) (leave func()) {
	b.mu.Lock()
	b.staffStreams(staffID, 1)
	b.mu.Unlock()
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.staffStreams(staffID, -1)
	}
}

// SawStaff tells that a staff member made a call.
func (b *Board) SawStaff(staffID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.staffStreams(staffID, 0)
}

func (b *Board) staffStreams(staffID string, delta int) {
	s := b.staffMember(staffID)
	now := b.now()
	here := s.presence.here(now, b.config.PresenceGrace)
	s.presence.streams += delta
	s.presence.seen = now
	if !here {
		b.signal(store.Signal{Kind: store.SignalStaffHere, StaffID: staffID})
	}
	b.seenStaff[staffID] = struct{}{}
	if !s.presence.present {
		b.setStaffPresent(staffID, s, true, now)
	}
}

func (b *Board) setStaffPresent(staffID string, s *staffMember, present bool, at time.Time) {
	s.presence.present = present
	s.presence.since = at
	for id := range s.conversations {
		o := b.open[id]
		if p := o.conversation.StaffParticipant(staffID); p != nil && p.Present() {
			b.hub.Presence(id, p.ID, hub.Presence{Present: present, Since: at})
		}
	}
	b.staffChanged(s)
}

// Presence tells whether the participants of a conversation are there, by participant id.
func (b *Board) Presence(c *chat.Conversation) map[string]hub.Presence {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := map[string]hub.Presence{}
	if o := b.open[c.ID]; o != nil {
		known[chat.CustomerID] = hub.Presence{Present: o.customer.present, Since: o.customer.since}
	}
	for _, p := range c.Professionals() {
		if s := b.staff[p.StaffID]; s != nil {
			known[p.ID] = hub.Presence{Present: s.presence.present, Since: s.presence.since}
		}
	}
	return known
}

// Seen is who was seen since the last call of TakeSeen, and when: customers by conversation, and staff.
type Seen struct {
	Customers, Staff map[string]time.Time
}

// TakeSeen returns who was seen since the last call, for the store.
func (b *Board) TakeSeen() Seen {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	seen := Seen{Customers: map[string]time.Time{}, Staff: map[string]time.Time{}}
	for id := range b.seenCustomers {
		if o := b.open[id]; o != nil {
			seen.Customers[id] = o.customer.write(now)
			if o.customer.streams > 0 {
				continue // seen again by the next call
			}
		}
		delete(b.seenCustomers, id)
	}
	for id := range b.seenStaff {
		if s := b.staff[id]; s != nil {
			seen.Staff[id] = s.presence.write(now)
			if s.presence.streams > 0 {
				continue
			}
		}
		delete(b.seenStaff, id)
	}
	return seen
}
