package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// columns gathers rows by column, as unnest takes them.
type columns struct{ lists []any }

// add adds a row. Every row has the same types.
func (c *columns) add(values ...any) {
	if c.lists == nil {
		c.lists = make([]any, len(values))
	}
	for i, v := range values {
		switch v := v.(type) {
		case string:
			c.lists[i] = appended(c.lists[i], v)
		case int64:
			c.lists[i] = appended(c.lists[i], v)
		case int32:
			c.lists[i] = appended(c.lists[i], v)
		case int16:
			c.lists[i] = appended(c.lists[i], v)
		case bool:
			c.lists[i] = appended(c.lists[i], v)
		case []byte:
			list, _ := c.lists[i].(byteas)
			c.lists[i] = append(list, v)
		case pgtype.UUID:
			list, _ := c.lists[i].(uuids)
			c.lists[i] = append(list, v)
		default:
			panic(fmt.Sprintf("postgres: no column holds a %T", v))
		}
	}
}

// What pgx would otherwise take for lists of anything, and look at each element by reflection.
type (
	byteas = pgtype.FlatArray[[]byte]
	uuids  = pgtype.FlatArray[pgtype.UUID]
)

func appended[T any](list any, v T) []T {
	typed, _ := list.([]T) // Nil at first.
	return append(typed, v)
}

func (c *columns) empty() bool { return c.lists == nil }

// args are the columns as a statement's arguments.
func (c *columns) args() []any { return c.lists }

type staffRow struct {
	id               string
	version          int64
	profile          []byte
	availability     int16
	availabilityTime int64
}

func (r *staffRow) into(more ...any) []any {
	return append([]any{&r.id, &r.version, &r.profile, &r.availability, &r.availabilityTime}, more...)
}

func (r *staffRow) staff() (store.Staff, error) {
	s := store.Staff{
		ID: r.id, Availability: store.Availability(r.availability), AvailabilityTime: record.Time(r.availabilityTime),
	}
	err := record.DecodeStaffProfile(r.profile, &s)
	return s, err
}

type queueRow struct {
	id                   string
	version              int64
	lastArrival, resumes int64
	paused               bool
}

func (r *queueRow) into() []any {
	return []any{&r.id, &r.version, &r.lastArrival, &r.paused, &r.resumes}
}

func (r *queueRow) queue() store.Queue {
	return store.Queue{
		ID: r.id, LastArrival: record.Time(r.lastArrival), Paused: r.paused, ResumeTime: record.Time(r.resumes),
	}
}

type catalogueRow struct {
	version int64
	data    []byte
	etag    string
	applied int64
}

func (r *catalogueRow) into() []any { return []any{&r.version, &r.data, &r.etag, &r.applied} }

func (r *catalogueRow) catalogue() *store.Catalogue {
	return &store.Catalogue{Data: r.data, Etag: r.etag, ApplyTime: record.Time(r.applied)}
}

// requestRow is a request as it is stored. Only one that no event remembers tells the conversation.
type requestRow struct {
	conversation   int64
	key            pgtype.UUID
	fingerprint    []byte
	conversationID *string
	sequence       int32
	ref            string
	at             int64
}

func (r *requestRow) into() []any {
	return []any{&r.conversation, &r.key, &r.fingerprint, &r.conversationID, &r.sequence, &r.ref, &r.at}
}

// remembered is the request, when it was looked for in this conversation.
func (r *requestRow) remembered(conversationID string) (committer.Remembered, error) {
	m := committer.Remembered{Result: store.Result{
		ConversationID: conversationID, Sequence: r.sequence, Ref: r.ref, Time: record.Time(r.at),
	}}
	if r.conversationID != nil {
		m.Result.ConversationID = *r.conversationID
	}
	err := fill(m.Fingerprint[:], r.fingerprint)
	return m, err
}

type conversationRow struct {
	key, version int64
	data         []byte
}

func (r *conversationRow) into() []any { return []any{&r.key, &r.version, &r.data} }

func (r *conversationRow) conversation() (committer.Conversation, error) {
	c := committer.Conversation{Key: r.key, Version: r.version}
	var err error
	c.State, err = record.DecodeConversation(r.data)
	return c, err
}

type eventRow struct {
	sequence int32
	at       int64
	payload  []byte
}

func (r *eventRow) into(before ...any) []any { return append(before, &r.sequence, &r.at, &r.payload) }

func (r *eventRow) event() (chat.Event, error) {
	return record.DecodeEvent(r.sequence, record.Time(r.at), r.payload)
}

// fill copies a value of fixed length.
func fill(into, value []byte) error {
	if len(value) != len(into) {
		return errors.New("postgres: a stored hash has the wrong length")
	}
	copy(into, value)
	return nil
}
