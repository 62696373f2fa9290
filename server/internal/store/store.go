package store

import (
	"context"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// Store keeps conversations, queues, staff, tokens, the catalogue and feedback.
type Store interface {
	// Change runs fn on the named rows and makes what it did durable.
	//
	// When the request was answered before, fn does not run and the remembered result comes back with
	// Outcome.Repeated. Returns what fn refused with, ErrNotFound for a named row that does not exist,
	// ErrRequestIDReused, ErrUnavailable or ErrClosed. When ctx ends first, its error comes back and the
	// outcome is unknown unless the change had not been started.
	Change(ctx context.Context, req Request, rows Rows, fn func(*Work) error) (Outcome, error)

	// Lookup finds what a request was answered with, without changing anything. conversationID may be
	// empty for requests that name none. Returns ErrNotFound, ErrRequestIDReused.
	Lookup(ctx context.Context, req Request, conversationID string) (Result, error)

	// Conversation reads one conversation. The caller must not change it. Returns ErrNotFound.
	Conversation(ctx context.Context, id string) (*chat.Conversation, error)
	// Told is an open conversation as it was told last by Options.Committed, or read when the store was opened. It does
	// not ask the database, which may know better when there are other servers. The caller must not change it.
	Told(id string) (*chat.Conversation, bool)
	// Events reads up to limit events of a conversation after a sequence, in order.
	Events(ctx context.Context, conversationID string, after int32, limit int) ([]chat.Event, error)
	// OpenConversations reads all that are waiting or active. The caller must not change them.
	OpenConversations(ctx context.Context) ([]*chat.Conversation, error)
	// CaseNotes reads up to limit case notes of a conversation after a note's Number, in order.
	CaseNotes(ctx context.Context, conversationID string, after int64, limit int) ([]CaseNote, error)

	// Queues reads what is kept of every queue that was ever used, by id.
	Queues(ctx context.Context) ([]Queue, error)
	// Staff reads one staff member. Returns ErrNotFound.
	Staff(ctx context.Context, id string) (Staff, error)
	// AllStaff reads every staff member, by id.
	AllStaff(ctx context.Context) ([]Staff, error)
	// Contacts reads the latest finished contacts of a queue that were answered, newest first.
	Contacts(ctx context.Context, queueID string, limit int) ([]Contact, error)

	// ConversationToken finds a conversation token by its hash. Returns ErrNotFound; an expired token is
	// found, and its expiry is the caller's to judge.
	ConversationToken(ctx context.Context, hash [32]byte) (ConversationToken, error)
	// StaffToken finds a staff token by its hash. Returns ErrNotFound; see ConversationToken.
	StaffToken(ctx context.Context, hash [32]byte) (StaffToken, error)
	// StaffTokens reads the staff tokens there are, by creation, revoked ones included.
	StaffTokens(ctx context.Context) ([]StaffToken, error)
	// PutStaff adds or replaces a staff member's profile: name, roles, queues, languages, capacity. What
	// they are doing now stays as it is.
	PutStaff(ctx context.Context, s Staff) error
	// PutStaffToken adds a staff token, or replaces the one with the same id.
	PutStaffToken(ctx context.Context, t StaffToken) error

	// Catalogue reads the catalogue as it was applied last. Returns ErrNotFound when none was.
	Catalogue(ctx context.Context) (Catalogue, error)

	// Feedback reads the answers given about queues between two dates, both inclusive.
	Feedback(ctx context.Context, queueIDs []string, first, last string) ([]Feedback, error)
	// ClosedCounts counts the conversations closed from a time until before another, by queue.
	ClosedCounts(ctx context.Context, start, end time.Time) (map[string]int, error)

	// Seen records when customers and staff were last seen, in one update. A time earlier than the one
	// kept changes nothing.
	Seen(ctx context.Context, customers, staff map[string]time.Time) error
	// CustomersSeen reads when the customers of open conversations were last seen, by conversation.
	CustomersSeen(ctx context.Context) (map[string]time.Time, error)
	// StaffSeen reads when staff members were last seen.
	StaffSeen(ctx context.Context) (map[string]time.Time, error)

	// Secret is a key of the named kind, random and made once for each database: to derive feedback tokens
	// and to mark address prefixes.
	Secret(ctx context.Context, name string) ([]byte, error)
	// ForgetSecrets destroys the secrets whose names are from one, inclusive, to before another. Asked for
	// again, a secret is a new one.
	ForgetSecrets(ctx context.Context, from, before string) error

	// ForgetOrder sees to it that nothing in the database tells any more when, or in which order, the feedback was
	// given that is stored until now.
	ForgetOrder(ctx context.Context) error
	// Signal tells the other servers of the database something of the moment. It returns at once; what is not
	// told within a moment, as while the database is away, is dropped. On a database of one server it does nothing.
	Signal(s Signal)
	// Refresh takes in what other servers have committed until now, as far as it has not been told yet. It is for
	// when nothing may be missed, as before saying that nobody waits.
	Refresh(ctx context.Context) error
	// Shared reports whether other servers may use the database at the same time.
	Shared() bool
	// Leads reports whether this server is the one that does what time does. It moves to another one when this
	// one is gone. Two may lead for a moment.
	Leads() bool
	// Healthy tells whether the database can be read and written now.
	Healthy(ctx context.Context) error
	// Close finishes what was accepted and closes the database.
	Close() error
}

// Options are what every engine takes.
type Options struct {
	// Committed hears of every batch, in the order of commits. It must not block and must not change what
	// it is given. Nil hears nothing.
	Committed func([]Committed)
	// Signalled hears what other servers signalled. It must not block. Nil hears nothing.
	Signalled func([]Signal)
	// Interrupted hears that the database cannot be used (true), and that it can again (false), when everything that
	// other servers committed meanwhile has been told. It must not block. Nil hears nothing.
	Interrupted func(bool)
	// Observed hears of every batch what it took. It must not block. Nil hears nothing.
	Observed func(Batch)
	// Now is the clock of what the store itself stamps. Nil is time.Now.
	Now func() time.Time
}

// Request names a call, so that its repeat can be told from a new one.
type Request struct {
	// Caller is who asks: the scope in which ID is unique. For a start, which nobody is yet known to ask,
	// it is one fixed word, which makes the id globally unique.
	Caller string
	// ID is the client's random UUID. Zero is a request that is not remembered, as a sweep's.
	ID [16]byte
	// Fingerprint tells content from other content: a hash over the procedure and the request.
	Fingerprint [8]byte
	// Global remembers the request by caller and id alone, also where the change names conversations. It is
	// for a request that names none itself, as taking whoever is next: its repeat may come while another
	// conversation is, so what it made cannot be looked for in a conversation.
	Global bool
}

// Remembered reports whether the request has an id to be remembered by.
func (r Request) Remembered() bool { return r.ID != [16]byte{} }

// Rows names what a change needs. They are locked in the one order of the store: staff, queues,
// conversations, each by id.
type Rows struct {
	Staff         []string
	Queues        []string
	Conversations []string
	// Origin asks how many wait that were started from the same address prefix.
	Origin string
	// Catalogue asks for the catalogue.
	Catalogue bool
}

// Result is what a request is remembered by.
type Result struct {
	ConversationID string
	// Sequence is the request's first event; 0 when it wrote none.
	Sequence int32
	// Ref is what else it made: a case note's id, a catalogue's etag. Often empty.
	Ref string
	// Time is when the request was answered first.
	Time time.Time
}

// Outcome is what came of a change.
type Outcome struct {
	Result
	// Repeated tells that the request was answered before and nothing was done now.
	Repeated bool
}

// Committed is one change that became durable.
type Committed struct {
	// Elsewhere tells that it was made by another server of the database, or may have been, and may be several
	// changes in one. Nobody who made it called this server.
	Elsewhere bool
	// Conversations are those that changed or began, as they are now, with the events added.
	Conversations []ConversationChange
	// Queues are those whose kept state changed.
	Queues []Queue
	// Staff are those whose kept state changed.
	Staff []Staff
	// Catalogue is the catalogue that was applied; nil when none was.
	Catalogue *Catalogue
	// Contacts are those that finished.
	Contacts []Contact
}

// ConversationChange is one conversation's part in a change.
type ConversationChange struct {
	// Before is the conversation as it was told last; nil when it began, or was not known.
	Before *chat.Conversation
	// After is the conversation as it is. Shared: not to be changed.
	After *chat.Conversation
	// Version grows with every change of the conversation. What has a smaller one is older.
	Version int64
	// Events are those added, in order, without those that are missing when another server was in between: they
	// are to be read from the store.
	Events []chat.Event
}

// SignalKind is what a signal tells.
type SignalKind uint8

// The kinds of signals.
const (
	// SignalTyping tells that a participant of a conversation is typing.
	SignalTyping SignalKind = iota + 1
	// SignalCustomerHere tells that the customer of a conversation has come to a server.
	SignalCustomerHere
	// SignalStaffHere tells that a staff member has come to a server.
	SignalStaffHere
)

// Signal is something of the moment that servers tell each other. It is not kept, and may be lost.
type Signal struct {
	Kind SignalKind
	// ConversationID is the conversation; empty for SignalStaffHere.
	ConversationID string
	// ParticipantID is who is typing.
	ParticipantID string
	// StaffID is who has come, for SignalStaffHere.
	StaffID string
}

// Queue is what is kept of a queue beside the catalogue.
type Queue struct {
	ID string
	// LastArrival is the last arrival given. The next is later.
	LastArrival time.Time
	// Paused tells that a supervisor has paused starts; until ResumeTime, or by hand when that is zero.
	Paused     bool
	ResumeTime time.Time

	// Waiting is how many wait, as a change sees it. Read only.
	Waiting int
}

// NextArrival gives the next arrival in the queue: now, or just after the last one given.
func (q *Queue) NextArrival(now time.Time) time.Time {
	at := now.UTC().Truncate(time.Microsecond)
	if !at.After(q.LastArrival) {
		at = q.LastArrival.Add(time.Microsecond)
	}
	q.LastArrival = at
	return at
}

// Role is what a staff member may do.
type Role string

// The roles.
const (
	RoleProfessional Role = "professional"
	RoleSupervisor   Role = "supervisor"
	RoleAdmin        Role = "admin"
)

// Availability is whether a professional takes conversations.
type Availability int8

// The availabilities, numbered as in the contract.
const (
	Available Availability = iota + 1
	OnPhone
	Away
)

// Staff is a staff member.
type Staff struct {
	ID          string
	DisplayName string
	Roles       []Role
	QueueIDs    []string
	Languages   []string
	// Capacity is how many conversations they may have at once.
	Capacity int

	Availability     Availability
	AvailabilityTime time.Time

	// Conversations is how many they take part in now, as a change sees it. Read only.
	Conversations int
}

// CaseNote is a note that only staff may see.
type CaseNote struct {
	// Number orders the notes of one conversation. Given by the store.
	Number         int64
	ID             string
	ConversationID string
	StaffID        string
	DisplayName    string
	Text           string
	Time           time.Time
}

// ConversationToken opens one conversation.
type ConversationToken struct {
	Hash           [32]byte
	ConversationID string
	ParticipantID  string
	CreateTime     time.Time
}

// StaffToken opens what a staff member may do.
type StaffToken struct {
	Hash  [32]byte
	ID    string // names the token in lists; not secret
	Label string
	// StaffID is whose it is.
	StaffID string
	// Roles narrows the staff member's roles. Empty is all of them.
	Roles      []Role
	CreateTime time.Time
	ExpireTime time.Time // zero never expires
	RevokeTime time.Time // zero while it is good
}

// Catalogue is the catalogue as it was applied.
type Catalogue struct {
	// Data is the contract's Catalogue message, in deterministic binary form.
	Data []byte
	// Etag identifies Data.
	Etag string
	// ApplyTime is when it was applied.
	ApplyTime time.Time
}

// Contact is a finished conversation, as counted.
type Contact struct {
	ConversationID string
	QueueID        string
	Language       string
	CreateTime     time.Time
	TakeTime       time.Time // zero when nobody answered
	CloseTime      time.Time
	CloseReason    chat.CloseReason
}

// Feedback is one person's answers, which nothing links to them.
type Feedback struct {
	QueueID  string
	Language string
	Date     string // YYYY-MM-DD in Europe/Helsinki
	// Answers are the contract's answers, encoded by the caller.
	Answers []byte
}
