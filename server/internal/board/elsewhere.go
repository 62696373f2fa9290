package board

import (
	"time"

	"github.com/kupla-chat/kupla/server/internal/store"
)

// SeenElsewhere takes in when customers, by conversation, and staff were seen as the store has it. What this server
// wrote itself comes back with it and tells nothing.
func (b *Board) SeenElsewhere(customers, staff map[string]time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, o := range b.open {
		if at, ok := customers[id]; ok {
			b.customerElsewhere(o, at)
		}
	}
	for id, s := range b.staff {
		if at, ok := staff[id]; ok {
			b.staffElsewhere(s, at)
		}
	}
}

// Signalled takes in what other servers signalled. It is the store's Options.Signalled.
func (b *Board) Signalled(signals []store.Signal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for _, signal := range signals {
		switch signal.Kind {
		case store.SignalTyping:
			b.hub.Typing(signal.ConversationID, signal.ParticipantID)
		case store.SignalCustomerHere:
			// Of one that is not known yet, the beginning tells when its customer was there.
			if o := b.open[signal.ConversationID]; o != nil {
				b.customerElsewhere(o, now)
			}
		case store.SignalStaffHere:
			if s := b.staff[signal.StaffID]; s != nil {
				b.staffElsewhere(s, now)
			}
		}
	}
}

func (b *Board) customerElsewhere(o *openConversation, at time.Time) {
	now := b.now()
	if o.customer.heard(at, now, b.config.elsewhereAge()) && !o.customer.present && now.Before(o.customer.until) {
		b.setCustomerPresent(o, true, now)
	}
}

func (b *Board) staffElsewhere(s *staffMember, at time.Time) {
	now := b.now()
	if s.presence.heard(at, now, b.config.elsewhereAge()) && !s.presence.present && now.Before(s.presence.until) {
		b.setStaffPresent(s.ID, s, true, now)
	}
}

// heard takes in that somebody was seen by another server, and reports whether this server did not see or tell it
// itself. They count as present for an age from then on.
func (p *presence) heard(at, now time.Time, age time.Duration) bool {
	if at.After(now) {
		at = now // the other's clock is ahead
	}
	if !at.After(later(p.seen, p.written)) {
		return false
	}
	p.elsewhere = later(p.elsewhere, at)
	p.until = later(p.until, at.Add(age))
	return true
}

// elsewhereAge is for how long somebody counts as present whom another server has seen. What is known of them is as
// old as the time between two writings and two readings, and they may be there all the while.
func (c Config) elsewhereAge() time.Duration {
	return c.SeenEvery + max(c.PresenceGrace, 2*c.SeenEvery)
}

// lag is how old what is known of those who are elsewhere may be. What their absence leads to waits for so long, so
// that it never meets somebody who has just come back there.
func (c Config) lag() time.Duration { return 2 * c.SeenEvery }

// signal tells the other servers something of the moment.
func (b *Board) signal(s store.Signal) {
	if b.config.Signal != nil {
		b.config.Signal(s)
	}
}

// Interrupt tells that the service is interrupted, or no longer is. Meanwhile nothing is heard of other servers, so
// those who are there stay; absence counts from its end at the earliest.
func (b *Board) Interrupt(interrupted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	switch {
	case interrupted && b.interrupted.IsZero():
		b.interrupted = now
	case !interrupted && !b.interrupted.IsZero():
		began := b.interrupted
		b.interrupted = time.Time{}
		b.back = later(b.back, now)
		again := now.Add(b.config.elsewhereAge())
		for _, o := range b.open {
			o.customer.prolong(began, again)
		}
		for _, s := range b.staff {
			s.presence.prolong(began, again)
		}
	}
}

// prolong lets somebody who was elsewhere when an interruption began count as present until they can be heard of again.
func (p *presence) prolong(began, until time.Time) {
	if p.until.After(began) {
		p.until = later(p.until, until)
	}
}

// Back tells that absence counts from a moment at the earliest: this server begins to act on it, and does not know what
// was before.
func (b *Board) Back(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.back = later(b.back, at)
}

// Knows reports whether a conversation is open as far as this server was told.
func (b *Board) Knows(conversationID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open[conversationID] != nil
}
