package store

import (
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// Work is what a change reads and writes. The engine fills it with the rows named, runs the change's
// function on it, and writes what was recorded. It does no I/O itself.
type Work struct {
	// Now is the time of the change: never earlier than that of the change before.
	Now time.Time

	conversations map[string]*chat.Conversation
	queues        map[string]*Queue
	staff         map[string]*Staff
	waitingOrigin int
	catalogue     *Catalogue

	recorded Recorded
}

// Recorded is what a change asked to be written beside the rows it changed in place.
type Recorded struct {
	Started            []*chat.Conversation
	ConversationTokens []ConversationToken
	CaseNotes          []CaseNote
	Catalogue          *Catalogue
	Feedback           []Feedback
	// FeedbackTokens are the hashes of feedback tokens used up. A hash that is used already refuses the
	// change with ErrConflict.
	FeedbackTokens [][32]byte
	// Ref is what the request is remembered by beside its conversation and first event.
	Ref string
	// ConversationID is what the request is remembered by when it wrote no event.
	ConversationID string
}

// NewWork makes a Work over rows that the engine has loaded and will write back. The engine passes copies
// that it can throw away when the change refuses.
func NewWork(
	now time.Time, conversations map[string]*chat.Conversation, queues map[string]*Queue, staff map[string]*Staff,
	waitingOrigin int, catalogue *Catalogue,
) *Work {
	return &Work{
		Now: now, conversations: conversations, queues: queues, staff: staff,
		waitingOrigin: waitingOrigin, catalogue: catalogue,
	}
}

// Conversation is one of the named conversations, to be changed by its commands. It panics when the change
// did not name it, which is a defect of the caller.
func (w *Work) Conversation(id string) *chat.Conversation {
	c, ok := w.conversations[id]
	if !ok {
		panic("store: change did not name conversation " + id)
	}
	return c
}

// Queue is one of the named queues, to be changed in place. A queue that was never used has its zero
// state. It panics when the change did not name it.
func (w *Work) Queue(id string) *Queue {
	q, ok := w.queues[id]
	if !ok {
		panic("store: change did not name queue " + id)
	}
	return q
}

// Staff is one of the named staff members, to be changed in place. It panics when the change did not name
// them.
func (w *Work) Staff(id string) *Staff {
	s, ok := w.staff[id]
	if !ok {
		panic("store: change did not name staff " + id)
	}
	return s
}

// WaitingFromOrigin is how many wait that were started from the origin named.
func (w *Work) WaitingFromOrigin() int { return w.waitingOrigin }

// Catalogue is the catalogue, when the change asked for it; nil when none was applied yet.
func (w *Work) Catalogue() *Catalogue { return w.catalogue }

// Start adds a new conversation. Its id must be new.
func (w *Work) Start(c *chat.Conversation) { w.recorded.Started = append(w.recorded.Started, c) }

// IssueToken adds a conversation token.
func (w *Work) IssueToken(t ConversationToken) {
	w.recorded.ConversationTokens = append(w.recorded.ConversationTokens, t)
}

// AddCaseNote adds a case note. Its Number is given by the store.
func (w *Work) AddCaseNote(n CaseNote) {
	w.recorded.CaseNotes = append(w.recorded.CaseNotes, n)
}

// PutCatalogue replaces the catalogue.
func (w *Work) PutCatalogue(c Catalogue) { w.recorded.Catalogue = &c }

// SubmitFeedback uses a feedback token up and adds the answers. The request of a change that does so is not
// remembered, as a fingerprint of the answers beside a conversation would tell whose they are: its repeat
// finds the token used up.
func (w *Work) SubmitFeedback(token [32]byte, f Feedback) {
	w.recorded.FeedbackTokens = append(w.recorded.FeedbackTokens, token)
	w.recorded.Feedback = append(w.recorded.Feedback, f)
}

// Remember names what the request is remembered by, beside its first event: the conversation it is about
// and what else it made.
func (w *Work) Remember(conversationID, ref string) {
	w.recorded.ConversationID = conversationID
	w.recorded.Ref = ref
}

// Recorded is what the change asked to be written. For engines.
func (w *Work) Recorded() *Recorded { return &w.recorded }
