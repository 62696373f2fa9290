package committer

import (
	"context"
	"errors"
	"fmt"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// ErrRejected is wrapped by an engine's error that one row is to blame for, as a violated constraint. The
// batch is then tried again in halves, until the change at fault stands alone. The error must hold no
// values of rows: it is logged.
var ErrRejected = errors.New("store: rejected by the database")

// ErrAgain is wrapped by an engine's error of a batch that did nothing and may be run again as it is: another server
// was in its way.
var ErrAgain = errors.New("store: another server was quicker")

// Engine is a database as the committer uses it: from one goroutine, one batch at a time. The contexts it
// is given end with no caller.
type Engine interface {
	// Load begins a transaction, locks what is needed in the store's one order, and reads it. Rows that do
	// not exist are left out. After an error no transaction is open; it may wrap ErrAgain.
	//
	// Unless need.Locked, it may hand out instead what it remembers of conversations, without a lock, and say so by
	// Loaded.Unlocked. Commit then fails with ErrAgain unless every conversation that is written is still as it was
	// handed out and none of the requests was answered before.
	Load(ctx context.Context, need *Need) (*Loaded, error)
	// FeedbackTokenUsed reports whether a feedback token was used before, in the transaction.
	FeedbackTokenUsed(ctx context.Context, hash [32]byte) (bool, error)
	// Commit writes and commits. After an error no transaction is open. An error that wraps ErrRejected
	// tells that nothing was written and one row is to blame; one that wraps ErrAgain, that nothing was written and the
	// batch may be run again; any other, that the outcome may be unknown.
	Commit(ctx context.Context, w *Writes) error
	// Rollback ends the transaction with nothing written.
	Rollback(ctx context.Context)
}

// Recoverer is an engine that keeps in memory what is stored, which is in doubt after a commit that failed: it
// may have taken effect.
type Recoverer interface {
	// Recover ends the doubt, if there is any: it reads what is stored, and tells what became durable without
	// having been told. After an error the doubt stays.
	Recover(ctx context.Context) ([]store.Committed, error)
}

// Confirmer is an engine whose commits are only durable when a copy elsewhere has them, too.
type Confirmer interface {
	// Confirm makes sure that what was read in the transaction is as durable as what is committed, and ends the
	// transaction. A repeat is answered by what was read: without it, the answer might rest on a commit whose own
	// answer was lost while the copy was waited for.
	Confirm(ctx context.Context) error
}

// Need is what a batch reads. Every list is sorted and without duplicates.
type Need struct {
	Staff         []string
	Queues        []string
	Conversations []string
	// Origins are those whose waiting conversations are to be counted.
	Origins []string
	// Requests are where the ids of the batch's requests may be found.
	Requests []RequestKey
	// Catalogue asks for the catalogue.
	Catalogue bool
	// Locked asks for the rows as they are and stay until the batch ends.
	Locked bool
}

// RequestKey is where a request may be remembered.
type RequestKey struct {
	// Key stands for the caller and the request's id.
	Key [16]byte
	// ConversationID is the conversation that remembers it, by one of its events or beside them. Empty is
	// a request that is remembered by itself.
	ConversationID string
}

// Remembered is a request that was answered.
type Remembered struct {
	Fingerprint [8]byte
	Result      store.Result
}

// Loaded is what an engine read. The committer does not change what it points to.
type Loaded struct {
	Staff         map[string]store.Staff
	Queues        map[string]store.Queue
	Conversations map[string]Conversation
	Requests      map[RequestKey]Remembered
	// Counts holds at least what the needed queues, staff members and origins count. The committer keeps it
	// up while the batch runs, so it must be the batch's own.
	Counts Counts
	// Catalogue is nil when it was not asked for, or none was applied.
	Catalogue *store.Catalogue
	// Unlocked tells that the conversations may have been changed since by another server, and that nobody looked
	// whether the requests were answered.
	Unlocked bool
}

// Conversation is a stored conversation.
type Conversation struct {
	// Key is the engine's own name of the row. The committer only hands it back.
	Key     int64
	Version int64
	State   *chat.Conversation
}

// Writes is what a batch wrote.
type Writes struct {
	// Conversations are those that changed or began, each once, as they are after the batch.
	Conversations []*ConversationWrite
	// Events are in the order they are to be written; those of one conversation are in sequence.
	Events             []EventWrite
	Requests           []RequestWrite
	ConversationTokens []TokenWrite
	CaseNotes          []CaseNoteWrite
	// Queues and Staff are each once, as they are after the batch.
	Queues   []store.Queue
	Staff    []store.Staff
	Contacts []store.Contact
	// Catalogue is nil when it was not replaced.
	Catalogue      *store.Catalogue
	Feedback       []store.Feedback
	FeedbackTokens [][32]byte
}

// empty reports whether there is nothing to write.
func (w *Writes) empty() bool {
	return len(w.Conversations) == 0 && len(w.Requests) == 0 && len(w.ConversationTokens) == 0 &&
		len(w.CaseNotes) == 0 && len(w.Queues) == 0 && len(w.Staff) == 0 && w.Catalogue == nil &&
		len(w.Feedback) == 0 && len(w.FeedbackTokens) == 0
}

// ConversationWrite is a conversation to be written.
type ConversationWrite struct {
	// Key is what the engine loaded it by. The engine sets it when Before is nil.
	Key int64
	// BaseVersion is the version that was loaded; the stored row must still have it. Version is the new one.
	BaseVersion, Version int64
	// Before is as it was before the batch, nil when the batch began it. After is as it is now.
	Before, After *chat.Conversation
}

// Encode returns After as the record has it. The error is ErrRejected.
func (w *ConversationWrite) Encode() ([]byte, error) {
	data, err := record.EncodeConversation(w.After)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRejected, err)
	}
	return data, nil
}

// EventWrite is an event to be added.
type EventWrite struct {
	Conversation *ConversationWrite
	Sequence     int32
	// At is the event's time, as the record has it.
	At      int64
	Payload []byte
	// Carries tells that the event is the first of a request, which is remembered by RequestKey.
	Carries     bool
	RequestKey  [16]byte
	Fingerprint [8]byte
}

// RequestWrite is a request to be remembered that no event remembers.
type RequestWrite struct {
	Key [16]byte
	// ConversationKey is the engine's name of the conversation that remembers it; 0 is none. The batch has
	// not begun that one.
	ConversationKey int64
	Remembered
}

// TokenWrite is a conversation token to be added.
type TokenWrite struct {
	// ConversationKey is the engine's name of the conversation, unless the batch writes it: then it is
	// Conversation.Key once that is known.
	ConversationKey int64
	Conversation    *ConversationWrite
	Token           store.ConversationToken
}

// Key is the engine's name of the token's conversation, once the conversation is written.
func (t *TokenWrite) Key() int64 { return writtenKey(t.Conversation, t.ConversationKey) }

// CaseNoteWrite is a case note to be added.
type CaseNoteWrite struct {
	// ConversationKey and Conversation are as in TokenWrite.
	ConversationKey int64
	Conversation    *ConversationWrite
	// Data is the note as the record has it.
	Data []byte
}

// Key is the engine's name of the note's conversation, once the conversation is written.
func (n *CaseNoteWrite) Key() int64 { return writtenKey(n.Conversation, n.ConversationKey) }

func writtenKey(w *ConversationWrite, key int64) int64 {
	if w != nil {
		return w.Key
	}
	return key
}
