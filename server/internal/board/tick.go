package board

import (
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// Tick does what time does to the board: who has been silent for too long is away, those further back in
// line are told their places, and a customer's countdown is told. It is called about once a second.
func (b *Board) Tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for _, o := range b.open {
		if o.customer.present && b.goneBy(&o.customer, now) {
			b.setCustomerPresent(o, false, o.customer.last())
		}
		b.warn(o, now)
	}
	for id, s := range b.staff {
		if s.presence.present && b.goneBy(&s.presence, now) {
			b.setStaffPresent(id, s, false, s.presence.last())
		}
	}
	for id, c := range b.gone {
		if now.Sub(c.time) >= goneAge {
			delete(b.gone, id)
		}
	}
	for _, q := range b.catalogue.Book().Queues() {
		l := b.line(q.ID)
		status := q.Policy.Status(now, Pause(b.queues[q.ID]))
		if l.dirty || status != l.status || now.Sub(l.toldTime) > forecastAge {
			if !l.dirty {
				l.changed() // in what is foreseen of it
			}
			l.dirty, l.status, l.toldTime = false, status, now
			if l.Len() <= longLine {
				l.parts = 0
				b.tellPlaces(l, nil)
			}
			b.hub.Queue(q.ID)
		}
	}
}

// goneAge is for how long it is remembered that a conversation closed: longer than what was committed before may come
// late.
const goneAge = time.Minute

const (
	// Parts is in how many parts a long line is told its places, one after the other within a second.
	Parts = 10
	// longLine is from how many in line on it is told in parts. To wake thousands at once takes most of a second, in
	// which whoever writes or takes somebody waits.
	longLine = 500
)

// changed marks places as changed.
func (l *line) changed() {
	l.dirty = true
	if l.Len() > longLine {
		l.parts = 1<<Parts - 1
	}
}

// TellPart tells one part of the long lines their places, from 0. It is called for the parts in turn, each about once a
// second, so that nobody's place is told later than that.
func (b *Board) TellPart(part int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.lines {
		if l.parts&(1<<part) != 0 {
			l.parts &^= 1 << part
			b.tellPlaces(l, func(o *openConversation) bool { return int(o.part) == part })
		}
	}
}

// tellPlaces wakes those in a line who are meant; nil means everybody. Each follower sends its place only when it is
// another than the one it sent last.
func (b *Board) tellPlaces(l *line, meant func(*openConversation) bool) {
	for position, e := range l.All() {
		if o := b.open[e.ConversationID]; o != nil && (meant == nil || meant(o)) {
			o.told = position
			b.hub.Places(e.ConversationID)
		}
	}
}

// warn tells everybody that an active conversation will expire, once.
func (b *Board) warn(o *openConversation, now time.Time) {
	if o.conversation.State != chat.Active {
		o.warned = false
		return
	}
	due := !o.customer.present && !now.Before(b.expireTime(o).Add(-b.config.CustomerWarnedBefore))
	if due != o.warned {
		o.warned = due
		b.hub.Refresh(o.conversation.ID)
	}
}

// Due is what time has done to the open conversations: what a sweep is to do about it.
type Due struct {
	// Abandoned are waiting conversations whose customer was away for longer than the place is kept.
	Abandoned []string
	// NotReached are waiting conversations whose queue has closed and whose grace is over, or whose queue no
	// longer exists.
	NotReached []string
	// Expired are active conversations whose customer was away for too long.
	Expired []string
	// Lost are professionals who were away for too long, with the conversations they are in.
	Lost map[string][]string
}

// Due tells what is due now. A sweep takes a while: whoever acts on it asks again, with Abandoned and the
// others below, when it is the conversation's turn.
func (b *Board) Due() Due {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	due := Due{Lost: map[string][]string{}}
	for id, o := range b.open {
		switch {
		case b.abandoned(o, now):
			due.Abandoned = append(due.Abandoned, id)
		case b.notReached(o, now):
			due.NotReached = append(due.NotReached, id)
		case b.expired(o, now):
			due.Expired = append(due.Expired, id)
		}
	}
	for id, s := range b.staff {
		if len(s.conversations) > 0 && b.lost(s, now) {
			for conversation := range s.conversations {
				due.Lost[id] = append(due.Lost[id], conversation)
			}
		}
	}
	return due
}

// Abandoned reports whether a waiting conversation's customer has been away for longer than the place is kept.
func (b *Board) Abandoned(conversationID string) bool { return b.ask(conversationID, b.abandoned) }

// NotReached reports whether a waiting conversation's queue has closed and its grace is over.
func (b *Board) NotReached(conversationID string) bool { return b.ask(conversationID, b.notReached) }

// Expired reports whether an active conversation's customer has been away for too long.
func (b *Board) Expired(conversationID string) bool { return b.ask(conversationID, b.expired) }

// Lost reports whether a staff member has been away for too long.
func (b *Board) Lost(staffID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.staff[staffID]
	return s != nil && b.lost(s, b.now())
}

func (b *Board) ask(conversationID string, question func(*openConversation, time.Time) bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.open[conversationID]
	return o != nil && question(o, b.now())
}

func (b *Board) abandoned(o *openConversation, now time.Time) bool {
	if o.conversation.State != chat.Waiting || o.customer.present {
		return false
	}
	q, ok := b.catalogue.Book().Queue(o.conversation.QueueID)
	return ok && !now.Before(q.Policy.PlaceKeptUntil(o.customer.last(), b.back).Add(b.config.lag()))
}

func (b *Board) notReached(o *openConversation, now time.Time) bool {
	if o.conversation.State != chat.Waiting || !now.After(b.back.Add(reachGrace)) {
		return false
	}
	q, ok := b.catalogue.Book().Queue(o.conversation.QueueID)
	if !ok {
		return true // nobody will ever answer there
	}
	_, closed := b.servedUntil(q, now)
	return closed
}

func (b *Board) expired(o *openConversation, now time.Time) bool {
	return o.conversation.State == chat.Active && !o.customer.present && !now.Before(b.expireTime(o).Add(b.config.lag()))
}

func (b *Board) lost(s *staffMember, now time.Time) bool {
	return !s.presence.present && !now.Before(later(s.presence.last(), b.back).Add(b.config.StaffLostAfter+b.config.lag()))
}

// reachGrace is how long after coming back the service waits before it closes those whom closing time has
// overtaken: their clients reconnect first, and hear why.
const reachGrace = 30 * time.Second

func later(x, y time.Time) time.Time {
	if x.After(y) {
		return x
	}
	return y
}
