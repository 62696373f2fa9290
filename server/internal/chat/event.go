package chat

import "time"

// Event is one thing that happened in a conversation.
type Event struct {
	Sequence int32     // from 1, without gaps
	Time     time.Time // UTC, to the microsecond; never earlier than the event before
	// ParticipantID is who did it; empty when the service did.
	ParticipantID string
	Kind          Kind
}

// Kind is what happened: one of the types below.
type Kind interface{ kind() }

type (
	// MessagePosted tells that somebody wrote.
	MessagePosted struct{ Text string }

	// ParticipantJoined tells that somebody came in. A professional's joining makes the conversation
	// active. Participant is as it was at that moment.
	ParticipantJoined struct {
		Participant Participant
		InviterID   string // participant id; empty when nobody invited them
	}

	// ParticipantLeft tells that somebody left while the conversation goes on.
	ParticipantLeft struct {
		ParticipantID string
		Reason        LeaveReason
	}

	// Transferred tells that the conversation was handed on. Whoever led it no longer does.
	Transferred struct {
		SourceQueueID string
		QueueID       string
		// ParticipantID leads it now. Empty when it waits in a queue. The participant's joining is the
		// next event.
		ParticipantID  string
		CustomerAgreed bool
	}

	// ReturnedToQueue tells that the conversation waits in its queue again, at its arrival.
	ReturnedToQueue struct {
		Reason  ReturnReason
		QueueID string
	}

	// ConversationClosed tells that the conversation ended.
	ConversationClosed struct{ Reason CloseReason }
)

func (MessagePosted) kind()      {}
func (ParticipantJoined) kind()  {}
func (ParticipantLeft) kind()    {}
func (Transferred) kind()        {}
func (ReturnedToQueue) kind()    {}
func (ConversationClosed) kind() {}

// Role is the part somebody has in a conversation.
type Role int8

// The roles.
const (
	Customer Role = iota + 1
	Professional
)

// CloseReason is why a conversation was closed.
type CloseReason int8

// The reasons. Zero is an open conversation.
const (
	Completed CloseReason = iota + 1
	CustomerLeft
	Abandoned
	NotReached
	RedirectedToPhone
	EndedByStaff
	Expired
)

// LeaveReason is why somebody left a conversation that goes on.
type LeaveReason int8

// The reasons. Zero is somebody who takes part.
const (
	LeftByChoice LeaveReason = iota + 1
	LeftLost
	LeftTransferred
	LeftReturned
)

// ReturnReason is why a conversation was returned to its queue.
type ReturnReason int8

// The reasons.
const (
	ReturnedByStaff ReturnReason = iota + 1
	ProfessionalLost
)
