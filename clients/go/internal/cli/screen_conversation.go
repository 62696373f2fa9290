package cli

import (
	"maps"
	"slices"
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// screenConversation is one conversation on the screen, with all that was said in it.
type screenConversation struct {
	id       string
	number   int // to choose it by, as long as it is on the screen
	snapshot *kuplav1.ConversationSnapshot
	people   *people
	events   []*kuplav1.Event
	last     int32                // the number of the last event
	history  int32                // the last event that had happened before it came here
	read     map[string]int32     // how far each participant has read
	since    map[string]time.Time // since when each participant is as they are
	typing   map[string]time.Time // when each last showed signs of typing

	seen    int32 // the last event that was before the professional's eyes
	newFrom int32 // the first event that was not, when the conversation was opened; 0 for none
	marked  int32 // how far the service was told that this one has read
	marking bool  // whether it is being told

	draft    string
	outgoing []*outgoing // what was written and is not in the log yet
	scroll   int         // how many lines the log is scrolled up

	closed  bool
	removed bool // whether it has left the desk
	removal kuplav1.RemovalReason
	stale   bool // whether it stands from before the service was restored
}

// outgoing is a message on its way. Its request id stays, so that trying again never doubles it.
type outgoing struct {
	requestID string
	text      string
	state     outgoingState
	reason    string // why it failed
	sequence  int32  // its number in the log, once it was sent
}

type outgoingState int

const (
	outgoingWaits outgoingState = iota
	outgoingSends
	outgoingSent
	outgoingFailed
	// outgoingSeen is on its way still, but the log has it already.
	outgoingSeen
)

func newScreenConversation(id string, number int, people *people) *screenConversation {
	return &screenConversation{
		id: id, number: number, people: people,
		read: make(map[string]int32), since: make(map[string]time.Time), typing: make(map[string]time.Time),
	}
}

func (c *screenConversation) queueID() string { return c.snapshot.GetConversation().GetQueueId() }

// learn takes in how the conversation is now.
func (c *screenConversation) learn(snapshot *kuplav1.ConversationSnapshot) {
	c.snapshot = snapshot
	c.people.learn(snapshot)
	for _, mark := range snapshot.GetReadMarks() {
		c.learnRead(mark)
	}
	for _, presence := range snapshot.GetPresences() {
		c.learnSince(presence)
	}
	if snapshot.GetConversation().GetState() == kuplav1.ConversationState_CONVERSATION_STATE_CLOSED {
		c.closed = true
	}
}

func (c *screenConversation) learnRead(mark *kuplav1.ReadMark) {
	id := mark.GetParticipantId()
	c.read[id] = max(c.read[id], mark.GetSequence())
}

func (c *screenConversation) learnSince(presence *kuplav1.Presence) {
	if presence.GetChangeTime() != nil {
		c.since[presence.GetParticipantId()] = presence.GetChangeTime().AsTime()
	} else {
		delete(c.since, presence.GetParticipantId())
	}
}

// customerID returns the customer's part.
func (c *screenConversation) customerID() string {
	for id, participant := range c.people.byID {
		if participant.GetRole() == kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER {
			return id
		}
	}
	return ""
}

// customerAway reports whether the customer is not connected, and since when if that is known.
func (c *screenConversation) customerAway() (away bool, since time.Time) {
	id := c.customerID()
	return c.people.absent[id], c.since[id]
}

// types returns who else is typing at the given moment.
func (c *screenConversation) types(now time.Time) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(c.typing)) {
		if now.Sub(c.typing[id]) < typingLasts {
			ids = append(ids, id)
		}
	}
	return ids
}

// unread returns the messages of others that were not read, by their numbers, oldest first. self tells who is
// the professional here.
func (c *screenConversation) unread(self func(participantID string) bool) []int32 {
	seen := c.seen
	for id, sequence := range c.read {
		if self(id) {
			seen = max(seen, sequence)
		}
	}
	var all []int32
	for _, event := range slices.Backward(c.events) {
		if event.GetSequence() <= seen {
			break
		}
		if event.GetMessagePosted() != nil && !self(event.GetParticipantId()) {
			all = append(all, event.GetSequence())
		}
	}
	slices.Reverse(all)
	return all
}

// lastMessage returns the last message in the log, or nil.
func (c *screenConversation) lastMessage() *kuplav1.Event {
	for _, event := range slices.Backward(c.events) {
		if event.GetMessagePosted() != nil {
			return event
		}
	}
	return nil
}

// unsent reports whether something that was written here has not reached the service.
func (c *screenConversation) unsent() bool {
	return c.draft != "" || slices.ContainsFunc(c.outgoing, func(one *outgoing) bool {
		return one.state != outgoingSent && one.state != outgoingSeen
	})
}

// inFlight returns the message that is being sent, or nil.
func (c *screenConversation) inFlight() *outgoing {
	for _, one := range c.outgoing {
		if one.state == outgoingSends || one.state == outgoingSeen {
			return one
		}
	}
	return nil
}

// failed returns the message that failed first, or nil.
func (c *screenConversation) failed() *outgoing {
	for _, one := range c.outgoing {
		if one.state == outgoingFailed {
			return one
		}
	}
	return nil
}

// drop takes a message off what is on its way.
func (c *screenConversation) drop(gone *outgoing) {
	c.outgoing = slices.DeleteFunc(c.outgoing, func(one *outgoing) bool { return one == gone })
}

// settle drops what is on its way no more, because the log has it.
func (c *screenConversation) settle() {
	c.outgoing = slices.DeleteFunc(c.outgoing, func(one *outgoing) bool {
		return one.state == outgoingSent && one.sequence <= c.last
	})
}

// forget empties the log, as when the service was restored. What was written here stays.
func (c *screenConversation) forget(fresh *people) {
	c.people, c.events, c.last, c.history, c.seen, c.newFrom, c.marked = fresh, nil, 0, 0, 0, 0, 0
	c.scroll, c.stale = 0, true
	clear(c.read)
	clear(c.since)
	clear(c.typing)
}
