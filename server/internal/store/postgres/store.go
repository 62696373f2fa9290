package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

var (
	_ store.Store   = (*Store)(nil)
	_ store.Watched = (*Store)(nil)
)

// Store is a database that this server and others have open. It is safe for concurrent use.
type Store struct {
	engine    *engine
	committer *committer.Committer
	mirror    *mirror
	listener  *listener
	link      *link
	reads     *reads
	outbox    *outbox
	now       func() time.Time

	closing sync.Mutex
	closed  atomic.Bool

	secretsMu sync.Mutex
	secrets   map[string]secret
	forgotten int // how often ForgetSecrets was called
	tidied    atomic.Int64
}

// secret is a secret that was read, and when: another server may have destroyed it since.
type secret struct {
	value []byte
	read  time.Time
}

// secretFor is how long a secret is known.
const secretFor = time.Minute

// Open opens the database that dsn names, whose schema Migrate has made. dsn is a URL or a list of key=value, as libpq
// has them; it may name several hosts, with target_session_attrs=read-write to find the one that can be written.
func Open(ctx context.Context, dsn string, limits Options, opts store.Options) (*Store, error) {
	s, err := open(ctx, dsn, limits.WithDefaults(), opts)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, dsn string, limits Options, opts store.Options) (_ *Store, err error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Interrupted == nil {
		opts.Interrupted = func(bool) {}
	}
	writes, err := limits.connConfig(dsn, writing)
	if err != nil {
		return nil, err
	}
	hears, err := limits.connConfig(dsn, listening)
	if err != nil {
		return nil, err
	}
	pool, err := limits.poolConfig(dsn)
	if err != nil {
		return nil, err
	}
	if err := checkSchema(ctx, dsn); err != nil {
		return nil, err
	}
	s := &Store{now: opts.Now, secrets: map[string]secret{}, outbox: newOutbox(), link: newLink(writes, limits.ConnectTimeout)}
	s.reads = &reads{timeout: limits.BatchTimeout}
	if s.reads.pool, err = pgxpool.NewWithConfig(ctx, pool); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.reads.pool.Close()
		}
	}()
	s.mirror = newMirror(s.reads, opts)
	if err := s.mirror.load(ctx); err != nil {
		return nil, err
	}
	node := nodeName()
	s.link.interrupted = opts.Interrupted
	s.link.restored = s.restore
	s.engine = &engine{
		link: s.link, timeout: limits.BatchTimeout, node: node, outbox: s.outbox, now: opts.Now,
		settle: s.mirror.look, latest: s.mirror.latest, moved: s.reads.pool.Reset,
	}
	s.listener = &listener{
		config: hears, node: node, mirror: s.mirror, link: s.link, outbox: s.outbox, reads: s.reads, opts: limits,
	}
	s.committer = committer.New(s.engine, committer.Options{Now: opts.Now, Committed: s.committed, Observed: opts.Observed})
	s.listener.begin()
	return s, nil
}

// nodeName tells this server from the others.
func nodeName() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // It never fails: see crypto/rand.
	return hex.EncodeToString(b[:])
}

// committed hears of the committer's batches, in its goroutine.
func (s *Store) committed(batch []store.Committed) {
	e := s.engine
	s.mirror.committed(batch, &e.versions, func(id string) int64 { return e.known[id].Key })
}

// restore takes in what was missed while the database was away. The connections that read are from before.
func (s *Store) restore(ctx context.Context) error {
	s.reads.pool.Reset()
	return s.mirror.look(ctx)
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
	s.listener.close()
	err := s.link.close()
	if s.engine.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.engine.conn.Close(ctx) // It may be gone already.
	}
	s.reads.pool.Close()
	if err != nil {
		return fmt.Errorf("postgres: close: %w", err)
	}
	return nil
}

// usable fails at once when the store is closed or the database is away.
func (s *Store) usable() error {
	switch {
	case s.closed.Load():
		return store.ErrClosed
	case s.link.down.Load():
		return errInterrupted
	}
	return nil
}

// Change is store.Store's.
func (s *Store) Change(
	ctx context.Context, req store.Request, rows store.Rows, fn func(*store.Work) error,
) (store.Outcome, error) {
	if s.link.down.Load() && !s.closed.Load() {
		return store.Outcome{}, errInterrupted
	}
	return s.committer.Change(ctx, req, rows, fn)
}

// row, each and exec read and write with the pool.
func (s *Store) row(ctx context.Context, q *query, args []any, into ...any) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.orClosed(s.reads.row(ctx, q, args, into...))
}

func (s *Store) each(ctx context.Context, a ask, begin func()) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.orClosed(s.reads.each(ctx, a, begin))
}

func (s *Store) exec(ctx context.Context, q *query, args ...any) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.orClosed(s.reads.exec(ctx, q, args...))
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
	var key int64
	if conversationID != "" {
		c, err := s.conversation(ctx, conversationID)
		if err != nil {
			return store.Result{}, err
		}
		key = c.Key
	}
	var r requestRow
	err := s.row(ctx, selectRequests, []any{[]int64{key}, [][16]byte{committer.KeyOf(req)}}, r.into()...)
	if err != nil {
		return store.Result{}, err
	}
	found, err := r.remembered(conversationID)
	if err != nil {
		return store.Result{}, err
	}
	if found.Fingerprint != req.Fingerprint {
		return store.Result{}, store.ErrRequestIDReused
	}
	// It may be visible and not on the standby yet, as when its own answer was lost while that was waited for. A commit
	// after it is answered when the standby has both.
	if err := s.exec(ctx, updateHealth, record.Micros(s.now())); err != nil {
		return store.Result{}, err
	}
	return found.Result, nil
}

// Conversation is store.Store's.
func (s *Store) Conversation(ctx context.Context, id string) (*chat.Conversation, error) {
	c, err := s.conversation(ctx, id)
	return c.State, err
}

func (s *Store) conversation(ctx context.Context, id string) (committer.Conversation, error) {
	var r conversationRow
	if err := s.row(ctx, selectConversation, []any{id}, r.into()...); err != nil {
		return committer.Conversation{}, err
	}
	return r.conversation()
}

// Told is store.Store's.
func (s *Store) Told(id string) (*chat.Conversation, bool) {
	c, ok := s.mirror.latest(id)
	return c.State, ok
}

// Events is store.Store's.
func (s *Store) Events(ctx context.Context, conversationID string, after int32, limit int) ([]chat.Event, error) {
	if limit <= 0 {
		return nil, s.usable()
	}
	var events []chat.Event
	var e eventRow
	err := s.each(ctx, ask{selectEvents, []any{conversationID, after, int64(limit)}, e.into(), func() error {
		v, err := e.event()
		events = append(events, v)
		return err
	}}, func() { events = nil })
	if err != nil {
		return nil, err
	}
	return events, nil
}

// OpenConversations is store.Store's. They come by arrival.
func (s *Store) OpenConversations(context.Context) ([]*chat.Conversation, error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	return s.mirror.openConversations(), nil
}

// CaseNotes is store.Store's.
func (s *Store) CaseNotes(
	ctx context.Context, conversationID string, after int64, limit int,
) ([]store.CaseNote, error) {
	var notes []store.CaseNote
	var number int64
	var data []byte
	err := s.each(ctx, ask{
		selectCaseNotes, []any{conversationID, after, int64(max(limit, 0))}, []any{&number, &data}, func() error {
			n := store.CaseNote{Number: number, ConversationID: conversationID}
			err := record.DecodeCaseNote(data, &n)
			notes = append(notes, n)
			return err
		},
	}, func() { notes = nil })
	return notes, err
}

// Queues is store.Store's.
func (s *Store) Queues(ctx context.Context) ([]store.Queue, error) {
	var list []store.Queue
	var q queueRow
	err := s.each(ctx, ask{selectQueues, nil, q.into(), func() error {
		list = append(list, q.queue())
		return nil
	}}, func() { list = nil })
	return list, err
}

// Staff is store.Store's.
func (s *Store) Staff(ctx context.Context, id string) (store.Staff, error) {
	var r staffRow
	if err := s.row(ctx, selectStaff, []any{id}, r.into()...); err != nil {
		return store.Staff{}, err
	}
	return r.staff()
}

// AllStaff is store.Store's.
func (s *Store) AllStaff(ctx context.Context) ([]store.Staff, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	list, err := s.reads.allStaff(ctx)
	return list, s.orClosed(err)
}

// Contacts is store.Store's.
func (s *Store) Contacts(ctx context.Context, queueID string, limit int) ([]store.Contact, error) {
	var list []store.Contact
	var c store.Contact
	var created, taken, closed int64
	var reason int16
	into := []any{&c.ConversationID, &c.QueueID, &c.Language, &created, &taken, &closed, &reason}
	err := s.each(ctx, ask{selectAnswered, []any{queueID, int64(max(limit, 0))}, into, func() error {
		c.CreateTime, c.TakeTime, c.CloseTime = record.Time(created), record.Time(taken), record.Time(closed)
		c.CloseReason = chat.CloseReason(reason)
		list = append(list, c)
		return nil
	}}, func() { list = nil })
	return list, err
}

// ConversationToken is store.Store's.
func (s *Store) ConversationToken(ctx context.Context, hash [32]byte) (store.ConversationToken, error) {
	t := store.ConversationToken{Hash: hash}
	var created int64
	if err := s.row(ctx, selectConversationToken, []any{hash[:]}, &t.ConversationID, &t.ParticipantID, &created); err != nil {
		return store.ConversationToken{}, err
	}
	t.CreateTime = record.Time(created)
	return t, nil
}

// StaffToken is store.Store's.
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
	if err := s.usable(); err != nil {
		return nil, err
	}
	list, err := s.reads.staffTokens(ctx)
	return list, s.orClosed(err)
}

// PutStaff is store.Store's. Its change is told as if another server had made it.
func (s *Store) PutStaff(ctx context.Context, m store.Staff) error {
	if err := s.usable(); err != nil {
		return err
	}
	if err := s.reads.putStaff(ctx, m); err != nil {
		return s.orClosed(err)
	}
	return s.Refresh(ctx)
}

// PutStaffToken is store.Store's. It fails with store.ErrNotFound when there is no such staff member, and with
// store.ErrConflict when another token has the same hash.
func (s *Store) PutStaffToken(ctx context.Context, t store.StaffToken) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.orClosed(s.reads.putStaffToken(ctx, t))
}

// Catalogue is store.Store's.
func (s *Store) Catalogue(ctx context.Context) (store.Catalogue, error) {
	var r catalogueRow
	if err := s.row(ctx, selectCatalogue, nil, r.into()...); err != nil {
		return store.Catalogue{}, err
	}
	return *r.catalogue(), nil
}

// Feedback is store.Store's.
func (s *Store) Feedback(ctx context.Context, queueIDs []string, first, last string) ([]store.Feedback, error) {
	var list []store.Feedback
	for _, id := range queueIDs {
		before := len(list)
		var f store.Feedback
		err := s.each(ctx, ask{
			selectFeedback, []any{id, first, last}, []any{&f.QueueID, &f.Language, &f.Date, &f.Answers}, func() error {
				list = append(list, store.Feedback{
					QueueID: f.QueueID, Language: f.Language, Date: f.Date, Answers: bytes.Clone(f.Answers),
				})
				return nil
			},
		}, func() { list = list[:before] })
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ClosedCounts is store.Store's.
func (s *Store) ClosedCounts(ctx context.Context, start, end time.Time) (map[string]int, error) {
	counts := map[string]int{}
	var id string
	var n int
	err := s.each(ctx, ask{
		countClosed, []any{start.UnixMicro(), end.UnixMicro()}, []any{&id, &n}, func() error {
			counts[id] = n
			return nil
		},
	}, func() { clear(counts) })
	return counts, err
}

// tidyInterval is how often a server removes what Seen wrote of conversations that were closed meanwhile.
const tidyInterval = time.Minute

// Seen is store.Store's.
func (s *Store) Seen(ctx context.Context, customers, staff map[string]time.Time) error {
	for _, list := range []struct {
		query *query
		times map[string]time.Time
	}{{putCustomersSeen, customers}, {putStaffSeen, staff}} {
		if len(list.times) == 0 {
			continue
		}
		var c columns
		for id, at := range list.times {
			c.add(id, record.Micros(at))
		}
		if err := s.exec(ctx, list.query, c.args()...); err != nil {
			return err
		}
	}
	if now, last := time.Now().UnixNano(), s.tidied.Load(); now-last > int64(tidyInterval) && s.tidied.CompareAndSwap(last, now) {
		return s.exec(ctx, tidyCustomersSeen)
	}
	return s.usable()
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
	var id string
	var at int64
	err := s.each(ctx, ask{q, nil, []any{&id, &at}, func() error {
		times[id] = record.Time(at)
		return nil
	}}, func() { clear(times) })
	return times, err
}

// Secret is store.Store's. It is 32 bytes.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	s.secretsMu.Lock()
	known, ok := s.secrets[name]
	s.secretsMu.Unlock()
	if ok && time.Since(known.read) < secretFor {
		return bytes.Clone(known.value), nil
	}
	s.secretsMu.Lock()
	forgotten := s.forgotten
	s.secretsMu.Unlock()
	value, err := s.readSecret(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		fresh := make([]byte, 32)
		_, _ = rand.Read(fresh) // It never fails: see crypto/rand.
		if err := s.exec(ctx, insertSecret, name, fresh); err != nil {
			return nil, err
		}
		// Another server's may have come first.
		value, err = s.readSecret(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	s.secretsMu.Lock()
	if s.forgotten == forgotten { // or it may have been read before it was destroyed
		s.secrets[name] = secret{value: value, read: time.Now()}
	}
	s.secretsMu.Unlock()
	return bytes.Clone(value), nil
}

func (s *Store) readSecret(ctx context.Context, name string) (value []byte, err error) {
	err = s.row(ctx, selectSecret, []any{name}, &value)
	return value, err
}

// ForgetSecrets is store.Store's. Another server knows them for no more than a minute longer.
func (s *Store) ForgetSecrets(ctx context.Context, from, before string) error {
	if err := s.exec(ctx, deleteSecrets, from, before); err != nil {
		return err
	}
	s.secretsMu.Lock()
	defer s.secretsMu.Unlock()
	s.forgotten++
	clear(s.secrets)
	return nil
}

// ForgetOrder is store.Store's. PostgreSQL keeps with each row which transaction wrote it and where it came to lie: they
// stand between those of the events that were written before and after. Written again all together, they tell nothing.
func (s *Store) ForgetOrder(ctx context.Context) error {
	if err := s.usable(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, rewriteTimeout)
	defer cancel()
	return s.orClosed(failure(pgx.BeginFunc(ctx, s.reads.pool, func(tx pgx.Tx) error {
		for _, q := range []*query{rewriteFeedback, rewriteFeedbackTokens} {
			if _, err := tx.Exec(ctx, q.text); err != nil {
				return err
			}
		}
		return nil
	})))
}

// rewriteTimeout is how long it may take to write all feedback of all years again.
const rewriteTimeout = 10 * time.Minute

// Signal is store.Store's.
func (s *Store) Signal(signal store.Signal) { s.outbox.put(signal) }

// Refresh is store.Store's.
func (s *Store) Refresh(ctx context.Context) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.orClosed(s.mirror.look(ctx))
}

// Stats is store.Watched's.
func (s *Store) Stats() store.Stats {
	pool := s.reads.pool.Stat()
	return store.Stats{
		Waiting: s.committer.Waiting(), Heard: time.Unix(0, s.listener.heard.Load()),
		Connections: &store.Connections{
			Most: int(pool.MaxConns()), Open: int(pool.TotalConns()), Used: int(pool.AcquiredConns()),
			Waits: pool.EmptyAcquireCount(), Waited: pool.EmptyAcquireWaitTime(),
		},
	}
}

// Shared is store.Store's.
func (s *Store) Shared() bool { return true }

// Leads is store.Store's.
func (s *Store) Leads() bool { return s.listener.leads() }

// Healthy is store.Store's. It writes: a standby can be read.
func (s *Store) Healthy(ctx context.Context) error {
	return s.exec(ctx, updateHealth, record.Micros(s.now()))
}
