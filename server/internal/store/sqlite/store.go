package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

var (
	_ store.Store   = (*Store)(nil)
	_ store.Watched = (*Store)(nil)
)

// Store is a database that a server has open. It is safe for concurrent use.
type Store struct {
	lock      *os.File
	engine    *engine
	memory    *memory
	committer *committer.Committer
	pool      *pool
	now       func() time.Time

	closing sync.Mutex
	closed  atomic.Bool

	secretsMu sync.Mutex
	secrets   map[string][]byte
}

// Open opens the database in the file at path, which it creates, folder and all, when it is not there, and
// brings its schema up to date. It fails with store.ErrInUse when another server has it open.
func Open(ctx context.Context, path string, opts store.Options) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := &Store{memory: newMemory(), now: opts.Now, secrets: map[string][]byte{}}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), s.release())
	}
	s.committer = committer.New(s.engine, committer.Options{
		Committed: opts.Committed, Observed: opts.Observed, Now: s.now,
	})
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	var err error
	if s.lock, err = lockServer(ctx, path); err != nil {
		return err
	}
	if err := create(path); err != nil {
		return err
	}
	if err := migrate(ctx, path); err != nil {
		return err
	}
	c, err := connect(ctx, path)
	if err != nil {
		return err
	}
	s.engine = &engine{connection: c, memory: s.memory}
	if err := s.engine.reload(ctx); err != nil {
		return err
	}
	s.pool, err = openPool(ctx, path)
	return err
}

// release closes what is open, the lock last.
func (s *Store) release() error {
	var errs []error
	if s.pool != nil {
		errs = append(errs, s.pool.close())
	}
	if s.engine != nil {
		errs = append(errs, s.engine.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Close is store.Store's.
func (s *Store) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed.Load() {
		return nil
	}
	s.committer.Close()
	s.closed.Store(true)
	if err := s.release(); err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

// Change is store.Store's.
func (s *Store) Change(
	ctx context.Context, req store.Request, rows store.Rows, fn func(*store.Work) error,
) (store.Outcome, error) {
	return s.committer.Change(ctx, req, rows, fn)
}

// row and each read with the pool. A store that was closed says so, whatever else went wrong.
func (s *Store) row(ctx context.Context, q *query, args []any, into ...any) error {
	return s.orClosed(s.pool.row(ctx, q, args, into...))
}

func (s *Store) each(ctx context.Context, q *query, args []any, scan func(*sql.Rows) error) error {
	return s.orClosed(s.pool.each(ctx, q, args, scan))
}

func (s *Store) orClosed(err error) error {
	if err != nil && s.closed.Load() {
		return store.ErrClosed
	}
	return err
}

// Lookup is store.Store's.
func (s *Store) Lookup(ctx context.Context, req store.Request, conversationID string) (store.Result, error) {
	if !req.Remembered() {
		return store.Result{}, store.ErrNotFound
	}
	var conversation int64
	if conversationID != "" {
		c, err := s.conversation(ctx, conversationID)
		if err != nil {
			return store.Result{}, err
		}
		conversation = c.Key
	}
	key := committer.KeyOf(req)
	_, _, r, err := scanRequest(func(into ...any) error {
		return s.row(ctx, selectRequest, []any{conversation, key[:]}, into...)
	})
	if err != nil {
		return store.Result{}, err
	}
	if r.Fingerprint != req.Fingerprint {
		return store.Result{}, store.ErrRequestIDReused
	}
	return r.of(conversationID).Result, nil
}

// Conversation is store.Store's.
func (s *Store) Conversation(ctx context.Context, id string) (*chat.Conversation, error) {
	c, err := s.conversation(ctx, id)
	return c.State, err
}

func (s *Store) conversation(ctx context.Context, id string) (committer.Conversation, error) {
	if s.closed.Load() {
		return committer.Conversation{}, store.ErrClosed
	}
	c, epoch, ok := s.memory.conversation(id)
	if ok {
		return c, nil
	}
	for tries := 1; ; tries++ {
		c, size, err := scanConversation(func(into ...any) error {
			return s.row(ctx, selectConversation, []any{id}, into...)
		})
		if err != nil {
			return committer.Conversation{}, err
		}
		// Open ones are in memory, but for the moment after a commit of which it is not known whether it took effect.
		if c.State.State != chat.Closed {
			err = s.catchUp(ctx, &c)
		}
		if errors.Is(err, errOutrun) && tries < 3 {
			continue
		}
		if err != nil {
			return committer.Conversation{}, err
		}
		s.memory.keep(c, size, epoch)
		return c, nil
	}
}

// catchUp advances an open conversation that was read from its row. The error is errOutrun when it has been changed
// since, by more than messages.
func (s *Store) catchUp(ctx context.Context, c *committer.Conversation) error {
	return s.each(ctx, selectEvents, []any{c.State.ID, c.State.LastSequence, math.MaxInt32}, func(rows *sql.Rows) error {
		event, err := scanEvent(rows.Scan)
		if err != nil {
			return err
		}
		return advance(c, event)
	})
}

// Told is store.Store's.
func (s *Store) Told(id string) (*chat.Conversation, bool) { return s.memory.openConversation(id) }

// Events is store.Store's. It reads nothing of a conversation that there is not.
func (s *Store) Events(ctx context.Context, conversationID string, after int32, limit int) ([]chat.Event, error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	if limit <= 0 {
		return nil, nil
	}
	var events []chat.Event
	if c, _, ok := s.memory.conversation(conversationID); ok {
		// Who follows asks at the end of the log most often.
		n := int(c.State.LastSequence - after)
		if n <= 0 {
			return nil, nil
		}
		events = make([]chat.Event, 0, min(n, limit))
	}
	err := s.each(ctx, selectEvents, []any{conversationID, after, limit}, func(rows *sql.Rows) error {
		var sequence int32
		var at int64
		var payload sql.RawBytes
		if err := rows.Scan(&sequence, &at, &payload); err != nil {
			return err
		}
		e, err := record.DecodeEvent(sequence, record.Time(at), payload)
		events = append(events, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// OpenConversations is store.Store's. They come by arrival.
func (s *Store) OpenConversations(ctx context.Context) ([]*chat.Conversation, error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	return s.memory.openConversations(), ctx.Err()
}

// CaseNotes is store.Store's.
func (s *Store) CaseNotes(
	ctx context.Context, conversationID string, after int64, limit int,
) ([]store.CaseNote, error) {
	var notes []store.CaseNote
	err := s.each(ctx, selectCaseNotes, []any{conversationID, after, max(limit, 0)}, func(rows *sql.Rows) error {
		n := store.CaseNote{ConversationID: conversationID}
		var data sql.RawBytes
		if err := rows.Scan(&n.Number, &data); err != nil {
			return err
		}
		err := record.DecodeCaseNote(data, &n)
		notes = append(notes, n)
		return err
	})
	return notes, err
}

// Queues is store.Store's.
func (s *Store) Queues(ctx context.Context) ([]store.Queue, error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	return s.memory.allQueues(), ctx.Err()
}

// Staff is store.Store's.
func (s *Store) Staff(ctx context.Context, id string) (store.Staff, error) {
	var m store.Staff
	err := scanStaff(&m, func(into ...any) error { return s.row(ctx, selectStaff, []any{id}, into...) })
	return m, err
}

// AllStaff is store.Store's.
func (s *Store) AllStaff(ctx context.Context) ([]store.Staff, error) {
	list, err := s.pool.allStaff(ctx)
	return list, s.orClosed(err)
}

// Contacts is store.Store's.
func (s *Store) Contacts(ctx context.Context, queueID string, limit int) ([]store.Contact, error) {
	var list []store.Contact
	err := s.each(ctx, selectAnswered, []any{queueID, max(limit, 0)}, func(rows *sql.Rows) error {
		var c store.Contact
		var created, taken, closed int64
		if err := rows.Scan(&c.ConversationID, &c.QueueID, &c.Language, &created, &taken, &closed,
			&c.CloseReason); err != nil {
			return err
		}
		c.CreateTime, c.TakeTime, c.CloseTime = record.Time(created), record.Time(taken), record.Time(closed)
		list = append(list, c)
		return nil
	})
	return list, err
}

// ConversationToken is store.Store's. It reads the database every time: who looks up tokens remembers them.
func (s *Store) ConversationToken(ctx context.Context, hash [32]byte) (store.ConversationToken, error) {
	if s.closed.Load() {
		return store.ConversationToken{}, store.ErrClosed
	}
	t := store.ConversationToken{Hash: hash}
	var created int64
	if err := s.row(ctx, selectConversationToken, []any{hash[:]},
		&t.ConversationID, &t.ParticipantID, &created); err != nil {
		return store.ConversationToken{}, err
	}
	t.CreateTime = record.Time(created)
	return t, nil
}

// StaffToken is store.Store's. It reads the database every time: a token may be revoked by another process.
func (s *Store) StaffToken(ctx context.Context, hash [32]byte) (store.StaffToken, error) {
	t := store.StaffToken{Hash: hash}
	var data []byte
	if err := s.row(ctx, selectStaffToken, []any{hash[:]}, &t.ID, &t.StaffID, &data); err != nil {
		return store.StaffToken{}, err
	}
	err := record.DecodeStaffToken(data, &t)
	return t, err
}

// StaffTokens is store.Store's.
func (s *Store) StaffTokens(ctx context.Context) ([]store.StaffToken, error) {
	list, err := s.pool.staffTokens(ctx)
	return list, s.orClosed(err)
}

// PutStaff is store.Store's.
func (s *Store) PutStaff(ctx context.Context, m store.Staff) error {
	return s.committer.Do(ctx, func(ctx context.Context) ([]store.Committed, error) {
		if err := s.engine.putStaff(ctx, m); err != nil {
			return nil, err
		}
		var after store.Staff
		err := scanStaff(&after, func(into ...any) error { return s.engine.row(ctx, selectStaff, []any{m.ID}, into...) })
		if err != nil {
			return nil, failure(err)
		}
		after.Conversations = s.memory.conversationsOf(m.ID)
		return []store.Committed{{Staff: []store.Staff{after}}}, nil
	})
}

// PutStaffToken is store.Store's. It fails with store.ErrNotFound when there is no such staff member, and
// with store.ErrConflict when another token has the same hash.
func (s *Store) PutStaffToken(ctx context.Context, t store.StaffToken) error {
	return s.committer.Do(ctx, func(ctx context.Context) ([]store.Committed, error) {
		return nil, s.engine.putStaffToken(ctx, t)
	})
}

// Catalogue is store.Store's.
func (s *Store) Catalogue(ctx context.Context) (store.Catalogue, error) {
	if s.closed.Load() {
		return store.Catalogue{}, store.ErrClosed
	}
	c := s.memory.currentCatalogue()
	if c == nil {
		return store.Catalogue{}, store.ErrNotFound
	}
	return *c, ctx.Err()
}

// Feedback is store.Store's.
func (s *Store) Feedback(ctx context.Context, queueIDs []string, first, last string) ([]store.Feedback, error) {
	var list []store.Feedback
	for _, id := range queueIDs {
		err := s.each(ctx, selectFeedback, []any{id, first, last}, func(rows *sql.Rows) error {
			var f store.Feedback
			err := rows.Scan(&f.QueueID, &f.Language, &f.Date, &f.Answers)
			list = append(list, f)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ClosedCounts is store.Store's.
func (s *Store) ClosedCounts(ctx context.Context, start, end time.Time) (map[string]int, error) {
	counts := map[string]int{}
	err := s.each(ctx, countClosed, []any{start.UnixMicro(), end.UnixMicro()}, func(rows *sql.Rows) error {
		var id string
		var n int
		err := rows.Scan(&id, &n)
		counts[id] = n
		return err
	})
	return counts, err
}

// Seen is store.Store's.
func (s *Store) Seen(ctx context.Context, customers, staff map[string]time.Time) error {
	return s.committer.Do(ctx, func(ctx context.Context) ([]store.Committed, error) {
		return nil, s.engine.transact(ctx, func() error {
			for _, list := range []struct {
				query *query
				times map[string]time.Time
			}{{putCustomerSeen, customers}, {putStaffSeen, staff}} {
				for id, at := range list.times {
					if _, err := s.engine.exec(ctx, list.query, record.Micros(at), id); err != nil {
						return failure(err)
					}
				}
			}
			return nil
		})
	})
}

// CustomersSeen is store.Store's.
func (s *Store) CustomersSeen(ctx context.Context) (map[string]time.Time, error) {
	return s.seen(ctx, selectCustomersSeen)
}

// StaffSeen is store.Store's.
func (s *Store) StaffSeen(ctx context.Context) (map[string]time.Time, error) {
	return s.seen(ctx, selectStaffSeen)
}

func (s *Store) seen(ctx context.Context, q *query) (map[string]time.Time, error) {
	times := map[string]time.Time{}
	err := s.each(ctx, q, nil, func(rows *sql.Rows) error {
		var id string
		var at int64
		err := rows.Scan(&id, &at)
		times[id] = record.Time(at)
		return err
	})
	return times, err
}

// Secret is store.Store's. It is 32 bytes.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	s.secretsMu.Lock()
	value, ok := s.secrets[name]
	s.secretsMu.Unlock()
	if ok {
		return bytes.Clone(value), nil
	}
	err := s.committer.Do(ctx, func(ctx context.Context) ([]store.Committed, error) {
		fresh := make([]byte, 32)
		_, _ = rand.Read(fresh) // It never fails: see crypto/rand.
		if err := s.engine.transact(ctx, func() error {
			if _, err := s.engine.exec(ctx, insertSecret, name, fresh); err != nil {
				return failure(err)
			}
			return failure(s.engine.row(ctx, selectSecret, []any{name}, &value))
		}); err != nil {
			return nil, err
		}
		s.secretsMu.Lock()
		defer s.secretsMu.Unlock()
		s.secrets[name] = value
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	return bytes.Clone(value), nil
}

// ForgetSecrets is store.Store's.
func (s *Store) ForgetSecrets(ctx context.Context, from, before string) error {
	return s.committer.Do(ctx, func(ctx context.Context) ([]store.Committed, error) {
		if err := s.engine.transact(ctx, func() error {
			_, err := s.engine.exec(ctx, deleteSecrets, from, before)
			return failure(err)
		}); err != nil {
			return nil, err
		}
		s.secretsMu.Lock()
		defer s.secretsMu.Unlock()
		maps.DeleteFunc(s.secrets, func(name string, _ []byte) bool { return name >= from && name < before })
		return nil, nil
	})
}

// ForgetOrder is store.Store's. The rows of feedback stand in the order of their random names from the start.
func (s *Store) ForgetOrder(ctx context.Context) error { return ctx.Err() }

// Signal is store.Store's. There are no other servers.
func (s *Store) Signal(store.Signal) {}

// Refresh is store.Store's. There are no other servers.
func (s *Store) Refresh(ctx context.Context) error { return ctx.Err() }

// Stats are the store's figures.
func (s *Store) Stats() store.Stats { return store.Stats{Waiting: s.committer.Waiting()} }

// Shared is store.Store's: the file is locked.
func (s *Store) Shared() bool { return false }

// Leads is store.Store's. There is nobody else to.
func (s *Store) Leads() bool { return true }

// Healthy is store.Store's. It writes: a disk that is full can be read.
func (s *Store) Healthy(ctx context.Context) error {
	return s.committer.Do(ctx, func(ctx context.Context) ([]store.Committed, error) {
		return nil, s.engine.transact(ctx, func() error {
			_, err := s.engine.exec(ctx, updateHealth, record.Micros(s.now()))
			return failure(err)
		})
	})
}
