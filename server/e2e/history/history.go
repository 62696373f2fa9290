package history

import (
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// Customer is the viewer of a customer's views and the sender of their messages. Staff go by their ids.
const Customer = "customer"

// Message is something that somebody wrote, and what became of it.
type Message struct {
	// Sender is Customer, or the id of a professional.
	Sender string
	// Text is unique within the conversation.
	Text string
	// Sent is just before the first attempt, Acked just after the first answer that it is stored; zero until then.
	// Both are of one clock that never goes back.
	Sent, Acked time.Time
	// Sequences are the events that answers named, one for each answer.
	Sequences []int32
	// Refused tells that the service refused it for good and no attempt before can have stored it.
	Refused bool
}

// View is what one follower was handed of a conversation.
type View struct {
	// Viewer is Customer, or the id of a professional.
	Viewer string
	// By is the kind of follower, for whoever reads a report.
	By string
	// After is the event that the view began after.
	After  int32
	Events []Event
	// Whole tells that the follower was told that the conversation is closed and that there is no more.
	Whole bool
	// Removed tells that the follower was told that the conversation left the professional's desk, after the event
	// that says why.
	Removed bool
}

// Conversation is all that is known of one.
type Conversation struct {
	ID string
	// QueueID is the queue that it was started in.
	QueueID  string
	Messages []*Message
	Views    []*View

	// Log is what the store has. State is the conversation as the store keeps it beside the log; nil is not compared.
	Log   []chat.Event
	State *chat.Conversation
}

// Anomaly is something that must not be.
type Anomaly struct {
	// Kind is one of the kinds below, or one of the caller's own.
	Kind string `json:"kind"`
	// Conversation is where; empty when it is about no single one.
	Conversation string `json:"conversation,omitempty"`
	Detail       string `json:"detail"`
}

// The kinds of anomalies.
const (
	// BrokenLog is a log with a gap, with a time before the one before, or that tells another story than the state.
	BrokenLog = "broken log"
	// Forbidden is an event that may not come in the state it came in.
	Forbidden = "forbidden event"
	// Lost is an acknowledged message that is not in the log.
	Lost = "lost message"
	// Doubled is a message that is in the log more than once.
	Doubled = "doubled message"
	// Misplaced is a message that is not where an answer said, or not by whom it was written.
	Misplaced = "misplaced message"
	// Reordered is a message that comes before one acknowledged before it was sent.
	Reordered = "reordered message"
	// StoredAfterAll is a message that is in the log although it was refused.
	StoredAfterAll = "refused message stored"
	// Unwritten is a message in the log that nobody wrote.
	Unwritten = "message that nobody wrote"
	// Skipped is an event that a follower was not handed, or not in its turn.
	Skipped = "skipped event"
	// Changed is an event that a follower was handed otherwise than it is stored.
	Changed = "changed event"
	// Foreign is an event that a follower was handed and may not see.
	Foreign = "foreign event"
	// Unfinished is a view that was told the end before the end.
	Unfinished = "unfinished view"
	// FalsePlace is a place that the line cannot have been.
	FalsePlace = "false place"
)
