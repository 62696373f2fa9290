package chat

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// CustomerID is the participant id of the customer in every conversation.
const CustomerID = "customer"

// MaxEvents is how many events one log may hold. Far more than people write; it bounds a runaway script.
const MaxEvents = 1_000_000

// MaxEventsUnanswered is how many events a log may hold before a professional has ever taken the conversation:
// anybody may start one, without credentials.
const MaxEventsUnanswered = 200

// MaxParticipants is how many may have taken part in one conversation. Somebody who comes back is counted
// again.
const MaxParticipants = 500

// Conversation is one contact, from the moment someone starts waiting until it is closed.
type Conversation struct {
	ID       string
	QueueID  string
	State    State
	Language string // BCP 47: fi, sv, en

	CreateTime  time.Time
	ArrivalTime time.Time // orders the queue; kept over transfers and returns
	TakeTime    time.Time // the first take; zero until then
	CloseTime   time.Time // zero while open
	CloseReason CloseReason

	// Transferred tells that it came to its queue from elsewhere, by transfer or return.
	Transferred bool
	// NoticeVersion is the wording of the notice shown before the start, as the client told it.
	NoticeVersion string
	// Origin marks the address prefix it was started from, as a keyed hash. It counts how many wait from
	// one address and is of no other use; empty once closed.
	Origin string

	Participants []Participant
	// ReadMarks is the last event each participant has read, by participant id.
	ReadMarks map[string]int32

	LastSequence  int32
	LastEventTime time.Time
	// LastStaffMessageTime is when a professional last wrote: the countdown of a customer who is away
	// starts anew then. Zero when none has.
	LastStaffMessageTime time.Time

	pending []Event
	changed bool
}

// Participant is somebody who takes or took part. Somebody who comes back is a new participant.
type Participant struct {
	ID          string
	Role        Role
	StaffID     string // empty for the customer
	DisplayName string
	JoinTime    time.Time
	// JoinSequence is the event that brought them in.
	JoinSequence int32
	LeaveTime    time.Time // zero while they take part
	// LeaveSequence is the event that took them out: the last one they may see. Zero while they take part.
	LeaveSequence int32
	LeaveReason   LeaveReason
	// Leading marks the professional who took the conversation or was handed it.
	Leading bool
}

// Present reports whether the participant takes part now.
func (p *Participant) Present() bool { return p.LeaveSequence == 0 }

// StartParams is what Start needs.
type StartParams struct {
	ID            string
	QueueID       string
	Language      string
	DisplayName   string
	Message       string // optional
	NoticeVersion string
	Origin        string
	// Now is the time of the start; Arrival the place in the queue, later than the last one given there.
	Now, Arrival time.Time
}

// Start begins a conversation that waits in a queue. Its log begins with the customer's joining, and their
// message when there is one.
func Start(p StartParams) *Conversation {
	c := &Conversation{
		ID:            p.ID,
		QueueID:       p.QueueID,
		State:         Waiting,
		Language:      p.Language,
		CreateTime:    stamp(p.Now),
		ArrivalTime:   stamp(p.Arrival),
		NoticeVersion: p.NoticeVersion,
		Origin:        p.Origin,
		ReadMarks:     map[string]int32{},
	}
	c.join(Participant{ID: CustomerID, Role: Customer, DisplayName: p.DisplayName}, CustomerID, "", p.Now)
	if p.Message != "" {
		c.emit(CustomerID, MessagePosted{Text: p.Message}, p.Now)
	}
	return c
}

// Clone returns a copy that shares nothing with c and has no pending events.
func (c *Conversation) Clone() *Conversation {
	d := *c
	d.Participants = slices.Clone(c.Participants)
	d.ReadMarks = maps.Clone(c.ReadMarks)
	if d.ReadMarks == nil {
		d.ReadMarks = map[string]int32{}
	}
	d.pending = nil
	d.changed = false
	return &d
}

// Pending returns the events recorded since the conversation was loaded, cloned or settled.
func (c *Conversation) Pending() []Event { return c.pending }

// Changed reports whether anything in the conversation changed since it was loaded, cloned or settled.
func (c *Conversation) Changed() bool { return c.changed }

// Settle forgets pending events and changes: the store calls it once they are durable.
func (c *Conversation) Settle() {
	c.pending = nil
	c.changed = false
}

// Participant returns the participant with the id, or nil.
func (c *Conversation) Participant(id string) *Participant {
	for i := range c.Participants {
		if c.Participants[i].ID == id {
			return &c.Participants[i]
		}
	}
	return nil
}

// Customer returns the customer.
func (c *Conversation) Customer() *Participant { return c.Participant(CustomerID) }

// StaffParticipant returns a professional's latest part in the conversation, or nil when they never took
// part.
func (c *Conversation) StaffParticipant(staffID string) *Participant {
	for i := len(c.Participants) - 1; i >= 0; i-- {
		if c.Participants[i].Role == Professional && c.Participants[i].StaffID == staffID {
			return &c.Participants[i]
		}
	}
	return nil
}

// Professionals returns those professionals who take part now.
func (c *Conversation) Professionals() []*Participant {
	var found []*Participant
	for i := range c.Participants {
		if p := &c.Participants[i]; p.Role == Professional && p.Present() {
			found = append(found, p)
		}
	}
	return found
}

// Leader returns the professional who leads the conversation now, or nil.
func (c *Conversation) Leader() *Participant {
	for _, p := range c.Professionals() {
		if p.Leading {
			return p
		}
	}
	return nil
}

// VisibleThrough is the number of the last event that a participant may see.
func (c *Conversation) VisibleThrough(p *Participant) int32 {
	if p.LeaveSequence != 0 {
		return p.LeaveSequence
	}
	return c.LastSequence
}

// Readable reports whether a participant may read the conversation at a time. A customer always may, for
// as long as their token lives. A professional may while they take part, and after the close for the
// wrap-up time when they were there at the close.
func (c *Conversation) Readable(p *Participant, now time.Time, wrapUp time.Duration) bool {
	switch {
	case p.Role == Customer:
		return true
	case !p.Present():
		return false
	case c.State == Closed:
		return now.Before(c.CloseTime.Add(wrapUp))
	}
	return true
}

// emit appends an event. Times are kept to the microsecond, which is what the databases keep, and never
// decrease within a log even when the clock does.
func (c *Conversation) emit(author string, kind Kind, now time.Time) int32 {
	at := stamp(now)
	if at.Before(c.LastEventTime) {
		at = c.LastEventTime
	}
	c.LastSequence++
	c.LastEventTime = at
	c.pending = append(c.pending, Event{Sequence: c.LastSequence, Time: at, ParticipantID: author, Kind: kind})
	c.changed = true
	return c.LastSequence
}

// join adds a participant and tells it in the log.
func (c *Conversation) join(p Participant, author, inviter string, now time.Time) {
	p.JoinTime = stamp(now)
	if p.JoinTime.Before(c.LastEventTime) {
		p.JoinTime = c.LastEventTime
	}
	p.JoinSequence = c.LastSequence + 1
	c.emit(author, ParticipantJoined{Participant: p, InviterID: inviter}, now)
	c.Participants = append(c.Participants, p)
}

// joinStaff adds a professional.
func (c *Conversation) joinStaff(s Staff, leading bool, inviter string, now time.Time) {
	n := 0
	for _, p := range c.Participants {
		if p.Role == Professional {
			n++
		}
	}
	id := "professional-" + strconv.Itoa(n+1)
	c.join(Participant{
		ID: id, Role: Professional, StaffID: s.ID, DisplayName: s.DisplayName, Leading: leading,
	}, id, inviter, now)
}

// leave takes a participant out at an event already emitted.
func (c *Conversation) leave(p *Participant, reason LeaveReason, sequence int32) {
	p.LeaveSequence = sequence
	p.LeaveTime = c.LastEventTime
	p.LeaveReason = reason
	p.Leading = false
	c.changed = true
}

// leaveAll takes every professional out. Guests are told first, one event each; whoever leads leaves with
// the event that kind makes, which also changes the state.
func (c *Conversation) leaveAll(reason LeaveReason, author string, kind Kind, now time.Time) {
	var leader *Participant
	for _, p := range c.Professionals() {
		if p.Leading {
			leader = p
			continue
		}
		c.leave(p, reason, c.emit("", ParticipantLeft{ParticipantID: p.ID, Reason: reason}, now))
	}
	sequence := c.emit(author, kind, now)
	if leader != nil {
		c.leave(leader, reason, sequence)
	}
}

// String identifies the conversation in a log line, without anything a person wrote.
func (c *Conversation) String() string {
	return fmt.Sprintf("conversation %s (%s in %s, %d events)", c.ID, c.State, c.QueueID, c.LastSequence)
}

// stamp brings a time to what is stored: UTC, to the microsecond.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Microsecond)
}
