package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"slices"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

// maxSeen is how many requests are remembered of one conversation: 8 KB. More are looked up in the database.
const maxSeen = 1024

// requestMemory knows of open conversations which requests are not stored, so that new ones, which nearly all are,
// need not be looked up. What it does not know is looked up. Only the committer's goroutine uses it.
type requestMemory map[int64]*seenRequests // by the conversation's key

// seenRequests are all requests of one conversation that are stored.
type seenRequests struct {
	keys []uint64 // the beginning of each; two may share one, and are then looked up
	many bool     // there are more than are remembered
}

func beginning(key [16]byte) uint64 { return binary.BigEndian.Uint64(key[:]) }

// absent reports that the request is certainly not stored.
func (s *seenRequests) absent(key [16]byte) bool {
	return !s.many && !slices.Contains(s.keys, beginning(key))
}

func (s *seenRequests) add(key [16]byte) {
	if len(s.keys) >= maxSeen {
		s.keys, s.many = nil, true
	}
	if !s.many {
		s.keys = append(s.keys, beginning(key))
	}
}

// apply takes in what was committed.
func (m requestMemory) apply(w *committer.Writes) {
	for _, c := range w.Conversations {
		if c.Before == nil {
			m[c.Key] = &seenRequests{}
		}
	}
	for i := range w.Events {
		if e := &w.Events[i]; e.Carries && m[e.Conversation.Key] != nil {
			m[e.Conversation.Key].add(e.RequestKey)
		}
	}
	for i := range w.Requests {
		if r := &w.Requests[i]; m[r.ConversationKey] != nil {
			m[r.ConversationKey].add(r.Key)
		}
	}
	for _, c := range w.Conversations {
		if c.After.State == chat.Closed {
			delete(m, c.Key)
		}
	}
}

// seenIn returns the requests of a conversation; nil when they are to be looked up. Of a conversation that was open
// when the server started they are read once.
func (e *engine) seenIn(ctx context.Context, c committer.Conversation) (*seenRequests, error) {
	if c.State.State == chat.Closed {
		return nil, nil //nolint:nilnil // As said above.
	}
	if s := e.requests[c.Key]; s != nil {
		return s, nil
	}
	s := &seenRequests{many: c.State.LastSequence > maxSeen}
	if !s.many {
		err := e.each(ctx, selectRequestKeys, []any{c.Key}, func(rows *sql.Rows) error {
			var stored sql.RawBytes
			if err := rows.Scan(&stored); err != nil {
				return err
			}
			var key [16]byte
			if err := fill(key[:], stored); err != nil {
				return err
			}
			s.add(key)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	e.requests[c.Key] = s
	return s, nil
}
