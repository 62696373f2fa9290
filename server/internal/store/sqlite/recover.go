package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

// doubt tells that a commit failed: it may have taken effect, so memory may differ from the file.
func (e *engine) doubt() {
	e.stale = true
	e.memory.doubt()
	e.requests = requestMemory{}
}

// Recover is committer.Recoverer's.
func (e *engine) Recover(ctx context.Context) ([]store.Committed, error) {
	if !e.stale {
		return nil, nil
	}
	if _, err := e.exec(ctx, begin); err != nil {
		return nil, failure(err)
	}
	defer e.abort() // nothing is written
	open, queues, catalogue := e.memory.known()
	if err := e.reload(ctx); err != nil {
		return nil, failure(err)
	}
	committed, err := e.missed(ctx, open, queues, catalogue)
	if err != nil {
		e.doubt()
		// What was told stays what the next attempt compares with.
		e.memory.putBack(open, queues, catalogue)
		return nil, failure(err)
	}
	return committed, nil
}

// missed tells what is stored and differs from what was remembered before.
func (e *engine) missed(
	ctx context.Context, open map[string]committer.Conversation, queues map[string]store.Queue, catalogue *store.Catalogue,
) ([]store.Committed, error) {
	var c store.Committed
	nowOpen, nowQueues, nowCatalogue := e.memory.known()
	for id, now := range nowOpen {
		was, known := open[id]
		if known && was.Version == now.Version {
			continue
		}
		change, err := e.change(ctx, was.State, now)
		if err != nil {
			return nil, err
		}
		c.Conversations = append(c.Conversations, change)
	}
	for id, was := range open {
		if _, still := nowOpen[id]; still {
			continue
		}
		now, _, err := e.stored(ctx, id)
		if errors.Is(err, sql.ErrNoRows) {
			continue // it was never durable, and nobody was told of it
		}
		if err != nil {
			return nil, err
		}
		change, err := e.change(ctx, was.State, now)
		if err != nil {
			return nil, err
		}
		c.Conversations = append(c.Conversations, change)
		if contact, ok := committer.Finished(was.State, now.State); ok {
			c.Contacts = append(c.Contacts, contact)
		}
	}
	for id, now := range nowQueues {
		if was, known := queues[id]; !known || was != now {
			c.Queues = append(c.Queues, now)
		}
	}
	if nowCatalogue != nil && (catalogue == nil || catalogue.Etag != nowCatalogue.Etag) {
		c.Catalogue = nowCatalogue
	}
	// What staff are doing is not kept in memory to compare with; telling it again does no harm.
	err := e.each(ctx, selectAllStaff, nil, func(rows *sql.Rows) error {
		var s store.Staff
		err := scanStaff(&s, rows.Scan)
		c.Staff = append(c.Staff, s)
		return err
	})
	return []store.Committed{c}, err
}

// change is a conversation's part in what was missed, with the events that were added. was is nil when it
// began.
func (e *engine) change(
	ctx context.Context, was *chat.Conversation, now committer.Conversation,
) (store.ConversationChange, error) {
	change := store.ConversationChange{Before: was, After: now.State, Version: now.Version}
	var after int32
	if was != nil {
		after = was.LastSequence
	}
	err := e.each(ctx, selectEvents, []any{now.State.ID, after, math.MaxInt32}, func(rows *sql.Rows) error {
		event, err := scanEvent(rows.Scan)
		change.Events = append(change.Events, event)
		return err
	})
	return change, err
}
