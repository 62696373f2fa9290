package sqlite

import (
	"database/sql"
	"errors"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// scanner is a row's Scan.
type scanner func(into ...any) error

func scanConversation(scan scanner) (c committer.Conversation, bytes int, err error) {
	var data []byte
	if err := scan(&c.Key, &c.Version, &data); err != nil {
		return c, 0, err
	}
	c.State, err = record.DecodeConversation(data)
	return c, len(data), err
}

// scanEvent scans an event, after what stands before it in the row.
func scanEvent(scan scanner, before ...any) (chat.Event, error) {
	var sequence int32
	var at int64
	var payload sql.RawBytes
	if err := scan(append(before, &sequence, &at, &payload)...); err != nil {
		return chat.Event{}, err
	}
	return record.DecodeEvent(sequence, record.Time(at), payload)
}

// remembered is a request as it is stored.
type remembered struct {
	committer.Remembered
	// onEvent tells that an event remembers it, so that its conversation is the one asked for.
	onEvent bool
}

// of is the request, when it was looked for in this conversation.
func (r remembered) of(conversationID string) committer.Remembered {
	if r.onEvent {
		r.Result.ConversationID = conversationID
	}
	return r.Remembered
}

func scanRequest(scan scanner) (conversation int64, key [16]byte, r remembered, err error) {
	var at int64
	var stored, fingerprint []byte
	var id sql.NullString
	if err := scan(&conversation, &stored, &fingerprint, &id, &r.Result.Sequence, &r.Result.Ref, &at); err != nil {
		return 0, key, r, err
	}
	r.onEvent, r.Result.ConversationID, r.Result.Time = !id.Valid, id.String, record.Time(at)
	if err := fill(key[:], stored); err != nil {
		return 0, key, r, err
	}
	err = fill(r.Fingerprint[:], fingerprint)
	return conversation, key, r, err
}

func scanStaff(s *store.Staff, scan scanner) error {
	var profile []byte
	var at int64
	if err := scan(&s.ID, &profile, &s.Availability, &at); err != nil {
		return err
	}
	s.AvailabilityTime = record.Time(at)
	return record.DecodeStaffProfile(profile, s)
}

func scanCatalogue(c *store.Catalogue, scan scanner) error {
	var at int64
	err := scan(&c.Data, &c.Etag, &at)
	c.ApplyTime = record.Time(at)
	return err
}

// fill copies a blob of fixed length.
func fill(into, blob []byte) error {
	if len(blob) != len(into) {
		return errors.New("sqlite: a stored hash has the wrong length")
	}
	copy(into, blob)
	return nil
}
