package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

var (
	_ committer.Engine    = (*engine)(nil)
	_ committer.Recoverer = (*engine)(nil)
)

// engine is the committer's. Only the committer's goroutine uses it, once the store is open.
type engine struct {
	*connection
	memory   *memory
	requests requestMemory
	rows     rowMemory
	// stale tells that a commit failed, so that memory may differ from the file.
	stale bool
	// commitHook stands between the store and its commits in tests. It is nil otherwise.
	commitHook func(commit func() error) error
}

// Load is committer.Engine's.
func (e *engine) Load(ctx context.Context, need *committer.Need) (*committer.Loaded, error) {
	if _, err := e.exec(ctx, begin); err != nil {
		return nil, failure(err)
	}
	l, err := e.load(ctx, need)
	if err != nil {
		e.abort()
		return nil, failure(err)
	}
	return l, nil
}

func (e *engine) load(ctx context.Context, need *committer.Need) (*committer.Loaded, error) {
	l := &committer.Loaded{
		Staff:         make(map[string]store.Staff, len(need.Staff)),
		Queues:        make(map[string]store.Queue, len(need.Queues)),
		Conversations: make(map[string]committer.Conversation, len(need.Conversations)),
		Requests:      make(map[committer.RequestKey]committer.Remembered, len(need.Requests)),
	}
	e.memory.fill(need, l)
	for _, id := range need.Staff {
		var s store.Staff
		err := scanStaff(&s, func(into ...any) error { return e.row(ctx, selectStaff, []any{id}, into...) })
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		l.Staff[id] = s
	}
	for _, id := range need.Conversations {
		c, ok, err := e.conversation(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok {
			l.Conversations[id] = c
		}
	}
	if err := e.loadRequests(ctx, need.Requests, l); err != nil {
		return nil, err
	}
	return l, nil
}

// reload makes the memory what the file holds. It runs in a transaction.
func (e *engine) reload(ctx context.Context) error {
	open, err := e.selectOpen(ctx)
	if err != nil {
		return err
	}
	queues, catalogue, err := e.selectState(ctx)
	if err != nil {
		return err
	}
	e.memory.reset(open, queues, catalogue)
	e.requests = requestMemory{}
	e.stale = false
	return nil
}

// selectState reads the queues and the catalogue, which is nil when none was applied.
func (e *engine) selectState(ctx context.Context) (queues []store.Queue, catalogue *store.Catalogue, err error) {
	err = e.each(ctx, selectQueues, nil, func(rows *sql.Rows) error {
		var q store.Queue
		var arrival, resume int64
		err := rows.Scan(&q.ID, &arrival, &q.Paused, &resume)
		q.LastArrival, q.ResumeTime = record.Time(arrival), record.Time(resume)
		queues = append(queues, q)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	err = e.each(ctx, selectCatalogue, nil, func(rows *sql.Rows) error {
		catalogue = &store.Catalogue{}
		return scanCatalogue(catalogue, rows.Scan)
	})
	return queues, catalogue, err
}

// selectOpen reads the open conversations, and what is known of their rows. It runs in a transaction.
func (e *engine) selectOpen(ctx context.Context) ([]committer.Conversation, error) {
	var list []committer.Conversation
	at := map[string]int{}
	e.rows = rowMemory{}
	err := e.each(ctx, selectOpen, nil, func(rows *sql.Rows) error {
		c, _, err := scanConversation(rows.Scan)
		if err != nil {
			return err
		}
		e.rows[c.Key] = row{version: c.Version, sequence: c.State.LastSequence}
		at[c.State.ID] = len(list)
		list = append(list, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = e.each(ctx, selectAhead, nil, func(rows *sql.Rows) error {
		var id string
		event, err := scanEvent(rows.Scan, &id)
		if err != nil {
			return err
		}
		return advance(&list[at[id]], event)
	})
	return list, err
}

func (e *engine) conversation(ctx context.Context, id string) (committer.Conversation, bool, error) {
	c, epoch, ok := e.memory.conversation(id)
	if ok {
		return c, true, nil
	}
	c, bytes, err := e.stored(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return c, false, nil
	}
	if err != nil {
		return c, false, err
	}
	e.memory.keep(c, bytes, epoch)
	return c, true, nil
}

// loadRequests looks the batch's requests up, many at once when there are.
func (e *engine) loadRequests(ctx context.Context, keys []committer.RequestKey, l *committer.Loaded) error {
	ids := make(map[int64]string, len(l.Conversations))
	args := make([]any, 0, 2*len(keys)+2*requestChunk)
	for i := range keys {
		k := &keys[i]
		var conversation int64
		if k.ConversationID != "" {
			c, ok := l.Conversations[k.ConversationID]
			if !ok {
				continue
			}
			seen, err := e.seenIn(ctx, c)
			if err != nil {
				return err
			}
			if seen != nil && seen.absent(k.Key) {
				continue
			}
			conversation = c.Key
			ids[c.Key] = k.ConversationID
		}
		args = append(args, conversation, k.Key[:])
	}
	scan := func(rows *sql.Rows) error {
		conversation, key, r, err := scanRequest(rows.Scan)
		if err != nil {
			return err
		}
		at := committer.RequestKey{Key: key, ConversationID: ids[conversation]}
		l.Requests[at] = r.of(at.ConversationID)
		return nil
	}
	for len(args) > 0 {
		q, n := selectRequest, 2
		if len(args) > 2*requestChunk/4 {
			q, n = selectRequests, 2*requestChunk
			// The last chunk is filled up with NULL, which equals nothing.
			for len(args) < n {
				args = append(args, nil)
			}
		}
		if err := e.each(ctx, q, args[:n], scan); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

// FeedbackTokenUsed is committer.Engine's.
func (e *engine) FeedbackTokenUsed(ctx context.Context, hash [32]byte) (bool, error) {
	var one int
	err := e.row(ctx, selectFeedbackToken, []any{hash[:]}, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, failure(err)
}

// Commit is committer.Engine's.
func (e *engine) Commit(ctx context.Context, w *committer.Writes) error {
	if err := e.write(ctx, w); err != nil {
		e.abort()
		return failure(err)
	}
	e.memory.committing()
	finish := func() error {
		_, err := e.exec(ctx, commit)
		return err
	}
	if e.commitHook != nil {
		inner := finish
		finish = func() error { return e.commitHook(inner) }
	}
	if err := finish(); err != nil {
		e.doubt()
		e.abort()
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	e.memory.apply(w)
	e.requests.apply(w)
	e.rows.apply(w)
	return nil
}

// Rollback is committer.Engine's.
func (e *engine) Rollback(context.Context) { e.abort() }

func (e *engine) write(ctx context.Context, w *committer.Writes) error {
	// Conversations first: what else is written refers to them.
	for _, write := range []func(context.Context, *committer.Writes) error{
		e.writeConversations, e.writeEvents, e.writeBeside, e.writeState, e.writeFeedback,
	} {
		if err := write(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) writeConversations(ctx context.Context, w *committer.Writes) error {
	for _, c := range w.Conversations {
		if err := e.writeConversation(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) writeEvents(ctx context.Context, w *committer.Writes) error {
	for i := range w.Events {
		v := &w.Events[i]
		var key, fingerprint any // NULL for most
		if v.Carries {
			key, fingerprint = v.RequestKey[:], v.Fingerprint[:]
		}
		if _, err := e.exec(ctx, insertEvent,
			v.Conversation.Key, int64(v.Sequence), v.At, key, fingerprint, v.Payload); err != nil {
			return err
		}
	}
	return nil
}

// writeBeside writes what belongs to conversations and is not in their log.
func (e *engine) writeBeside(ctx context.Context, w *committer.Writes) error {
	for i := range w.Requests {
		r := &w.Requests[i]
		if _, err := e.exec(ctx, insertRequest, r.ConversationKey, r.Key[:], r.Fingerprint[:], r.Result.ConversationID,
			int64(r.Result.Sequence), r.Result.Ref, record.Micros(r.Result.Time)); err != nil {
			return err
		}
	}
	for i := range w.ConversationTokens {
		t := &w.ConversationTokens[i]
		if _, err := e.exec(ctx, insertConversationToken, t.Token.Hash[:], t.Key(), t.Token.ParticipantID,
			record.Micros(t.Token.CreateTime)); err != nil {
			return err
		}
	}
	for i := range w.CaseNotes {
		n := &w.CaseNotes[i]
		if _, err := e.exec(ctx, insertCaseNote, n.Key(), n.Data); err != nil {
			return err
		}
	}
	for _, c := range w.Contacts {
		if _, err := e.exec(ctx, insertContact, c.ConversationID, c.QueueID, c.Language,
			record.Micros(c.CreateTime), record.Micros(c.TakeTime), record.Micros(c.CloseTime),
			int64(c.CloseReason)); err != nil {
			return err
		}
	}
	return nil
}

// writeState writes queues, staff and the catalogue.
func (e *engine) writeState(ctx context.Context, w *committer.Writes) error {
	for _, q := range w.Queues {
		if _, err := e.exec(ctx, putQueue,
			q.ID, record.Micros(q.LastArrival), q.Paused, record.Micros(q.ResumeTime)); err != nil {
			return err
		}
	}
	for _, s := range w.Staff {
		profile, err := record.EncodeStaffProfile(s)
		if err != nil {
			return fmt.Errorf("%w: %w", committer.ErrRejected, err)
		}
		if _, err := e.exec(ctx, updateStaff,
			profile, int64(s.Availability), record.Micros(s.AvailabilityTime), s.ID); err != nil {
			return err
		}
	}
	if c := w.Catalogue; c != nil {
		_, err := e.exec(ctx, putCatalogue, blob(c.Data), c.Etag, record.Micros(c.ApplyTime))
		return err
	}
	return nil
}

func (e *engine) writeConversation(ctx context.Context, c *committer.ConversationWrite) error {
	v := c.After
	if e.rows.ahead(c) {
		return nil
	}
	arrival := record.Micros(v.ArrivalTime)
	data, err := c.Encode()
	if err != nil {
		return err
	}
	if c.Before == nil {
		r, err := e.exec(ctx, insertConversation,
			v.ID, c.Version, v.QueueID, int64(v.State), arrival, int64(v.LastSequence), data)
		if err != nil {
			return err
		}
		c.Key, err = r.LastInsertId()
		return err
	}
	var r sql.Result
	base := e.rows.base(c)
	if b := c.Before; b.State == v.State && b.QueueID == v.QueueID && b.ArrivalTime.Equal(v.ArrivalTime) {
		r, err = e.exec(ctx, updateConversation, c.Version, int64(v.LastSequence), data, c.Key, base)
	} else {
		r, err = e.exec(ctx, moveConversation, c.Version, int64(v.LastSequence), data,
			v.QueueID, int64(v.State), arrival, c.Key, base)
	}
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		// Something else than this server wrote it, or a commit that was told to have failed has not.
		e.doubt()
		return errors.Join(fmt.Errorf("%w: a conversation is not as it was loaded", store.ErrUnavailable), err)
	}
	if v.State == chat.Closed && c.Before.State != chat.Closed {
		_, err = e.exec(ctx, deleteCustomerSeen, c.Key)
	}
	return err
}

func (e *engine) writeFeedback(ctx context.Context, w *committer.Writes) error {
	for _, f := range w.Feedback {
		var id [16]byte
		_, _ = rand.Read(id[:]) // It never fails: see crypto/rand.
		if _, err := e.exec(ctx, insertFeedback, id[:], f.QueueID, f.Date, f.Language, blob(f.Answers)); err != nil {
			return err
		}
	}
	for i := range w.FeedbackTokens {
		if _, err := e.exec(ctx, insertFeedbackToken, w.FeedbackTokens[i][:]); err != nil {
			return err
		}
	}
	return nil
}

// blob makes nothing an empty blob: nil is NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
