package sqlite

import (
	"errors"

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

// scanEventRequest reads what an event remembers. Which conversation it is in the caller knows.
func scanEventRequest(scan scanner) (committer.Remembered, error) {
	var r committer.Remembered
	var at int64
	var fingerprint []byte
	if err := scan(&r.Result.Sequence, &at, &fingerprint); err != nil {
		return r, err
	}
	r.Result.Time = record.Time(at)
	return r, fill(r.Fingerprint[:], fingerprint)
}

func scanRequest(scan scanner) (key [16]byte, r committer.Remembered, err error) {
	var at int64
	var stored, fingerprint []byte
	if err := scan(&stored, &fingerprint, &r.Result.ConversationID, &r.Result.Sequence, &r.Result.Ref, &at); err != nil {
		return key, r, err
	}
	r.Result.Time = record.Time(at)
	if err := fill(key[:], stored); err != nil {
		return key, r, err
	}
	return key, r, fill(r.Fingerprint[:], fingerprint)
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
