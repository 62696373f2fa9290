package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

// errOutrun tells that more than messages came after a row.
var errOutrun = errors.New("the log is ahead of the conversation's row by more than messages")

// mostAhead is by how many messages the log of an open conversation may be ahead of its row: so many are read and
// replayed when it is read.
const mostAhead = 64

// rowMemory knows what the rows of open conversations hold. The log is the truth: a row that only messages came after
// is not written for each of them, which was a fourth of what a message costs in the store. Whoever reads the row of an
// open conversation advances it by its log. Only the committer's goroutine uses it.
type rowMemory map[int64]row // by the conversation's key

// row is what a row holds: the version it was written with and the event it ends with.
type row struct {
	version  int64
	sequence int32
}

// ahead reports whether a write can be left to the log. Each change of it has added one message then, which is how
// versions are counted when the row is advanced.
func (m rowMemory) ahead(c *committer.ConversationWrite) bool {
	stored, ok := m[c.Key]
	if !ok || c.Before == nil || c.After.State == chat.Closed {
		return false
	}
	return c.After.LastSequence-stored.sequence <= mostAhead &&
		c.Version-stored.version == int64(c.After.LastSequence-stored.sequence) &&
		c.After.OnlyPosted(c.Before)
}

// base is the version that the row has now.
func (m rowMemory) base(c *committer.ConversationWrite) int64 {
	if stored, ok := m[c.Key]; ok {
		return stored.version
	}
	return c.BaseVersion
}

// apply takes in what was committed.
func (m rowMemory) apply(w *committer.Writes) {
	for _, c := range w.Conversations {
		switch {
		case c.After.State == chat.Closed:
			delete(m, c.Key)
		case !m.ahead(c):
			m[c.Key] = row{version: c.Version, sequence: c.After.LastSequence}
		}
	}
}

// advance takes a message that the row did not know into a conversation that was read from it.
func advance(c *committer.Conversation, event chat.Event) error {
	if err := c.State.Advance(event); err != nil {
		return fmt.Errorf("%w: %w: %w", store.ErrUnavailable, errOutrun, err)
	}
	c.Version++
	return nil
}

// stored reads a conversation as it is stored, and how large its row is. It runs in a transaction.
func (e *engine) stored(ctx context.Context, id string) (committer.Conversation, int, error) {
	c, size, err := scanConversation(func(into ...any) error {
		return e.row(ctx, selectConversation, []any{id}, into...)
	})
	if err != nil || c.State.State == chat.Closed {
		return c, size, err
	}
	err = e.each(ctx, selectEvents, []any{id, c.State.LastSequence, math.MaxInt32}, func(rows *sql.Rows) error {
		event, err := scanEvent(rows.Scan)
		if err != nil {
			return err
		}
		return advance(&c, event)
	})
	return c, size, err
}
