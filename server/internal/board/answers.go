package board

import (
	"cmp"
	"slices"
	"time"

	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// forecastAge is how old a forecast may be. Handling times are minutes, so the range told does not change
// in a few seconds, and a forecast of a long line costs milliseconds.
const forecastAge = 5 * time.Second

// shortLine is how long a line is whose forecast is made anew with every change, and longLineForecastAge how
// old that of a longer one may be after a change.
const (
	shortLine           = 50
	longLineForecastAge = time.Second
)

// waitingEntries is how many of those who wait a desk is told.
const waitingEntries = 50

// Place is where somebody stands.
type Place struct {
	Position int
	Estimate queue.Estimate
	AsOf     time.Time
	// Held tells that the customer is away and the place is kept, until HoldExpire.
	Held       bool
	HoldExpire time.Time
}

// Place tells where a conversation stands. Not ok when it does not wait.
func (b *Board) Place(conversationID string) (Place, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.open[conversationID]
	if o == nil || o.conversation.State != chat.Waiting {
		return Place{}, false
	}
	q, known := b.catalogue.Book().Queue(o.conversation.QueueID)
	l := b.line(o.conversation.QueueID)
	position, ok := l.Place(conversationID)
	if !ok || !known {
		return Place{}, false
	}
	o.told = position
	now := b.now()
	p := Place{
		Position: position, AsOf: now,
		Estimate: b.wait(q, position, now),
	}
	if o.promise == nil {
		if promise, ok := l.forecast.Promise(position + b.aheadElsewhere(l, position)); ok {
			o.promise = &promise
		}
	}
	if !o.customer.present {
		p.Held = true
		p.HoldExpire = q.Policy.PlaceKeptUntil(o.customer.last(), b.back)
	}
	return p, true
}

// wait estimates the wait of a position in a queue.
func (b *Board) wait(q *catalogue.Queue, position int, now time.Time) queue.Estimate {
	l := b.forecast(q, position, now)
	deadline, _ := b.servedUntil(q, now)
	return l.forecast.Wait(position+b.aheadElsewhere(l, position), deadline)
}

// forecast sees to it that the forecast of a line is not outdated.
func (b *Board) forecast(q *catalogue.Queue, position int, now time.Time) *line {
	l := b.line(q.ID)
	if l.outdated(now) {
		load := b.load(l, q.ID, now)
		last := max(l.Len()+1, position)
		l.forecast = queue.NewForecast(load, last+b.aheadElsewhere(l, last), now)
		l.forecastTime, l.forecastStale = now, false
	}
	return l
}

// servedUntil is until when those who wait in a queue are served. It is worked out once a second for each
// queue: going through opening hours takes microseconds, and everybody in line asks.
func (b *Board) servedUntil(q *catalogue.Queue, now time.Time) (deadline time.Time, closed bool) {
	l := b.line(q.ID)
	if l.servedOf != q || now.Before(l.servedAsOf) || now.Sub(l.servedAsOf) >= time.Second {
		l.served, l.servedClosed = q.Policy.ServedUntil(now)
		l.servedOf, l.servedAsOf = q, now
	}
	return l.served, l.servedClosed
}

// outdated reports whether the forecast is to be made anew: at once when something changed in a short line,
// and about once a second in a long one, where it costs milliseconds and the change of one place is little.
func (l *line) outdated(now time.Time) bool {
	age := now.Sub(l.forecastTime)
	return l.forecast == nil || age > forecastAge ||
		l.forecastStale && (l.Len() <= shortLine || age >= longLineForecastAge)
}

// Status is how a queue is.
type Status struct {
	queue.Status
	Waiting  int
	Full     bool
	Estimate queue.Estimate
	AsOf     time.Time
}

// Status tells how a queue is. Not ok when the catalogue has none such.
func (b *Board) Status(queueID string) (Status, bool) {
	q, ok := b.catalogue.Book().Queue(queueID)
	if !ok {
		return Status{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	waiting := b.line(queueID).Len()
	return Status{
		Status:   q.Policy.Status(now, Pause(b.queues[queueID])),
		Waiting:  waiting,
		Full:     q.Policy.Full(waiting),
		Estimate: b.wait(q, waiting+1, now),
		AsOf:     now,
	}, true
}

// Pause is the pause that is kept of a queue; nil when there is none.
func Pause(q store.Queue) *queue.Pause {
	if !q.Paused {
		return nil
	}
	return &queue.Pause{Until: q.ResumeTime}
}

// Waiting is who waits in a queue.
type Waiting struct {
	QueueID string
	Count   int
	Entries []WaitingEntry // the first 50
	Paused  bool
	AsOf    time.Time
}

// WaitingEntry is one who waits.
type WaitingEntry struct {
	queue.Entry
	Present bool
}

// Waiting tells who waits in a queue.
func (b *Board) Waiting(queueID string) Waiting {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	l := b.line(queueID)
	w := Waiting{QueueID: queueID, Count: l.Len(), AsOf: now}
	if p := Pause(b.queues[queueID]); p != nil {
		w.Paused = p.Until.IsZero() || now.Before(p.Until)
	}
	for _, e := range l.Head(waitingEntries) {
		o := b.open[e.ConversationID]
		w.Entries = append(w.Entries, WaitingEntry{Entry: e, Present: o != nil && o.customer.present})
	}
	return w
}

// Next proposes whom a staff member takes: the earliest arrival in the queues who is present and whose
// language they speak, and who is not in skip.
func (b *Board) Next(s store.Staff, queueIDs []string, skip map[string]bool) (conversationID string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var best queue.Entry
	for _, id := range queueIDs {
		e, found := b.line(id).Next(func(e queue.Entry) bool {
			o := b.open[e.ConversationID]
			return o != nil && o.customer.present && !skip[e.ConversationID] && slices.Contains(s.Languages, e.Language)
		})
		if found && (!ok || e.Compare(best) < 0) {
			best, ok = e, true
		}
	}
	return best.ConversationID, ok
}

// StaffMember is a staff member as they are now.
type StaffMember struct {
	store.Staff
	Present bool
}

// Staff tells how a staff member is now. Those never heard of are not ok.
func (b *Board) Staff(id string) (StaffMember, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.staff[id]
	if s == nil {
		return StaffMember{}, false
	}
	return s.answer(), true
}

// Colleagues lists the professionals other than one, by name.
func (b *Board) Colleagues(of string) []StaffMember {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []StaffMember
	for id, s := range b.staff {
		if id != of && slices.Contains(s.Roles, store.RoleProfessional) {
			found = append(found, s.answer())
		}
	}
	slices.SortFunc(found, func(x, y StaffMember) int {
		return cmp.Or(cmp.Compare(x.DisplayName, y.DisplayName), cmp.Compare(x.ID, y.ID))
	})
	return found
}

// Profile brings a staff member's profile up to date: names and queues are changed by admin commands,
// which the server hears of when the token is looked up.
func (b *Board) Profile(s store.Staff) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.staffMember(s.ID)
	if m.DisplayName == s.DisplayName && m.Capacity == s.Capacity && slices.Equal(m.Roles, s.Roles) &&
		slices.Equal(m.QueueIDs, s.QueueIDs) && slices.Equal(m.Languages, s.Languages) {
		return
	}
	availability, since := m.Availability, m.AvailabilityTime
	if availability == 0 {
		availability, since = s.Availability, s.AvailabilityTime
	}
	m.Staff = s
	m.Availability, m.AvailabilityTime = availability, since
	b.staffChanged(m)
}

// Desk lists the open conversations in which a staff member takes part, oldest first.
func (b *Board) Desk(staffID string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.staff[staffID]
	if s == nil {
		return nil
	}
	ids := make([]string, 0, len(s.conversations))
	for id := range s.conversations {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y string) int {
		return cmp.Or(b.open[x].conversation.CreateTime.Compare(b.open[y].conversation.CreateTime), cmp.Compare(x, y))
	})
	return ids
}

// answer copies what others may know.
func (s *staffMember) answer() StaffMember {
	m := StaffMember{Staff: s.Staff, Present: s.presence.present}
	m.Conversations = len(s.conversations)
	return m
}

// ExpireTime is when an active conversation expires unless the customer comes back or a professional
// writes. Not ok until everybody is to be warned.
func (b *Board) ExpireTime(conversationID string) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.open[conversationID]
	if o == nil || !o.warned {
		return time.Time{}, false
	}
	return b.expireTime(o), true
}

func (b *Board) expireTime(o *openConversation) time.Time {
	from := later(later(o.customer.last(), b.back), o.conversation.LastStaffMessageTime)
	// Whoever comes to it anew, perhaps after it has waited for long, gets the time to write.
	for _, p := range o.conversation.Professionals() {
		from = later(from, p.JoinTime)
	}
	return from.Add(b.config.CustomerExpiresAfter)
}

// OpenIn counts the conversations that wait or are being answered in a queue.
func (b *Board) OpenIn(queueID string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, o := range b.open {
		if o.conversation.QueueID == queueID {
			n++
		}
	}
	return n
}
