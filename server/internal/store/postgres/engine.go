package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

var (
	_ committer.Engine    = (*engine)(nil)
	_ committer.Recoverer = (*engine)(nil)
	_ committer.Confirmer = (*engine)(nil)
)

// maxKnown is how many conversations the engine remembers. Open ones are bounded by the queues' capacities; the others
// are forgotten with all when there are more.
const maxKnown = 50_000

// engine is the committer's. Only the committer's goroutine uses it.
type engine struct {
	link    *link
	timeout time.Duration
	node    string
	outbox  *outbox
	now     func() time.Time

	conn *pgx.Conn
	life int64 // the link's, when conn was made
	// address is where conn leads, and moved is called when that is another one.
	address string
	moved   func()
	// known are conversations as they were committed or read last over this connection. A row of the same version holds
	// the same: versions are given under the row's lock. Over another connection that need not be so, as a standby that
	// took over may have lost what was not copied yet.
	known map[string]committer.Conversation
	// contested are conversations, by key, that another server has changed in between, until when they are always locked.
	contested map[int64]time.Time
	// unlocked tells that the batch runs on what is known: nothing is locked, and no transaction open, until it commits.
	unlocked bool
	// latest is a conversation as it was told last, by whichever server changed it.
	latest func(id string) (committer.Conversation, bool)
	// queues are those that have a row.
	queues map[string]bool
	// versions are those of what the batch has locked, and then of what it has written.
	versions versions
	// catalogueRead tells that the batch has read the catalogue.
	catalogueRead bool
	// doubtful tells that a commit failed that may have taken effect, until it was looked at.
	doubtful bool
	// settle looks at what is stored and tells what was not told.
	settle func(context.Context) error

	// commitHook stands between the store and its commits in tests. It is nil otherwise.
	commitHook func(commit func() error) error
}

// versions are those of rows that have one beside what the domain knows of them.
type versions struct {
	staff, queues map[string]int64
	catalogue     int64
}

// part bounds one of the parts of a batch.
func (e *engine) part(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, e.timeout)
}

// Load is committer.Engine's.
func (e *engine) Load(ctx context.Context, need *committer.Need) (*committer.Loaded, error) {
	if err := e.connect(); err != nil {
		return nil, err
	}
	// Never in the middle of a batch, which goes by what is known.
	if len(e.known) >= maxKnown {
		clear(e.known)
	}
	if l := e.remembered(need); l != nil {
		return l, nil
	}
	ctx, cancel := e.part(ctx)
	defer cancel()
	l, err := e.load(ctx, need)
	if err != nil {
		return nil, e.failed(err)
	}
	return l, nil
}

// contestedFor is how long a conversation is locked first after another server was quicker.
const contestedFor = 3 * time.Second

// remembered is what is known of conversations, when a batch needs nothing else: it then takes one round trip. The
// commit sees to it that they were still so. Nil when the rows are to be locked.
func (e *engine) remembered(need *committer.Need) *committer.Loaded {
	e.unlocked = false
	if need.Locked || need.Catalogue || len(need.Conversations) == 0 ||
		len(need.Staff)+len(need.Queues)+len(need.Origins) > 0 {
		return nil
	}
	l := &committer.Loaded{
		Conversations: make(map[string]committer.Conversation, len(need.Conversations)),
		Requests:      make(map[committer.RequestKey]committer.Remembered, len(need.Requests)),
		Counts:        committer.NewCounts(), Unlocked: true,
	}
	for _, id := range need.Conversations {
		c, ok := e.known[id]
		// What was told tells only that another server was there: it may be from before a standby took over.
		if told, open := e.latest(id); !ok || open && told.Version > c.Version || e.isContested(c.Key) {
			return nil
		}
		l.Conversations[id] = c
	}
	for _, k := range need.Requests {
		if k.ConversationID == "" {
			return nil
		}
	}
	e.unlocked = true
	e.versions = versions{}
	return l
}

func (e *engine) isContested(key int64) bool {
	until, ok := e.contested[key]
	if ok && time.Now().After(until) {
		delete(e.contested, key)
		return false
	}
	return ok
}

func (e *engine) connect() error {
	life := e.link.lives.Load()
	if e.conn != nil && !e.conn.IsClosed() {
		if e.life == life {
			return nil
		}
		e.drop()
	}
	conn, err := e.link.connect()
	if err != nil {
		return err
	}
	e.life = life
	if address := conn.PgConn().Conn().RemoteAddr().String(); address != e.address {
		if e.address != "" {
			// Another one is the primary now. Those who read are to ask it, too.
			e.moved()
		}
		e.address = address
	}
	e.conn, e.known, e.queues = conn, map[string]committer.Conversation{}, map[string]bool{}
	e.contested = map[int64]time.Time{}
	return nil
}

// failed ends the transaction of a batch that failed before its commit, and returns what is to be told.
func (e *engine) failed(err error) error {
	err = failure(err)
	if errors.Is(err, context.DeadlineExceeded) {
		e.link.lost()
		err = fmt.Errorf("%w: the database did not answer in time", store.ErrUnavailable)
	}
	if breaks(err) {
		e.drop()
		return fmt.Errorf("%w: %w", committer.ErrAgain, err)
	}
	e.abort()
	return err
}

// drop closes the connection, and does not wait for it: its server may be gone without a word.
func (e *engine) drop() {
	conn := e.conn
	e.conn = nil
	go func() {
		ctx, cancel := e.part(context.Background())
		defer cancel()
		_ = conn.Close(ctx)
	}()
}

// abort ends a transaction with nothing written. A connection that cannot even do that is closed: its transaction ends
// with it.
func (e *engine) abort() {
	if e.conn == nil || e.conn.IsClosed() || e.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := e.part(context.Background())
	defer cancel()
	if _, err := e.conn.Exec(ctx, rollback.text); err != nil {
		e.drop()
	}
}

// Rollback is committer.Engine's.
func (e *engine) Rollback(context.Context) { e.abort() }

// Recover is committer.Recoverer's. What may have taken effect is told as if another server had done it.
func (e *engine) Recover(ctx context.Context) ([]store.Committed, error) {
	if !e.doubtful {
		return nil, nil
	}
	if e.link.down.Load() {
		return nil, errInterrupted
	}
	ctx, cancel := e.part(ctx)
	defer cancel()
	if err := e.settle(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	e.doubtful = false
	return nil, nil
}

// Confirm is committer.Confirmer's: a commit is answered when the standby has everything before it.
func (e *engine) Confirm(ctx context.Context) error {
	ctx, cancel := e.part(ctx)
	defer cancel()
	b := &pgx.Batch{}
	b.Queue(updateHealth.text, record.Micros(e.now()))
	b.Queue(commit.text)
	if err := e.conn.SendBatch(ctx, b).Close(); err != nil {
		err = e.failed(err)
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

// FeedbackTokenUsed is committer.Engine's.
func (e *engine) FeedbackTokenUsed(ctx context.Context, hash [32]byte) (bool, error) {
	ctx, cancel := e.part(ctx)
	defer cancel()
	var one int
	err := e.conn.QueryRow(ctx, selectFeedbackToken.text, hash[:]).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, failure(err)
}

// load is the first part of a batch: one round trip, and one before it when conversations are named that this server
// does not know.
func (e *engine) load(ctx context.Context, need *committer.Need) (*committer.Loaded, error) {
	keys, err := e.keysOf(ctx, need.Conversations)
	if err != nil {
		return nil, err
	}
	r := &reading{
		engine: e, need: need, keys: keys, ids: make(map[int64]string, len(keys)),
		loaded: &committer.Loaded{
			Staff:         make(map[string]store.Staff, len(need.Staff)),
			Queues:        make(map[string]store.Queue, len(need.Queues)),
			Conversations: make(map[string]committer.Conversation, len(need.Conversations)),
			Requests:      make(map[committer.RequestKey]committer.Remembered, len(need.Requests)),
			Counts:        committer.NewCounts(),
		},
	}
	for id, key := range keys {
		r.ids[key] = id
	}
	e.versions = versions{staff: map[string]int64{}, queues: map[string]int64{}}
	e.catalogueRead = need.Catalogue
	r.ask()
	results := e.conn.SendBatch(ctx, &r.batch)
	for _, read := range r.reads {
		if err := read(results); err != nil {
			return nil, errors.Join(err, results.Close())
		}
	}
	if err := results.Close(); err != nil {
		return nil, err
	}
	for id := range r.loaded.Queues {
		e.queues[id] = true
	}
	return r.loaded, nil
}

// keysOf finds the keys of conversations. Those that there are not are left out.
func (e *engine) keysOf(ctx context.Context, ids []string) (map[string]int64, error) {
	keys := make(map[string]int64, len(ids))
	var unknown []string
	for _, id := range ids {
		if c, ok := e.known[id]; ok {
			keys[id] = c.Key
		} else {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return keys, nil
	}
	rows, err := e.conn.Query(ctx, selectKeys.text, unknown)
	if err != nil {
		return nil, err
	}
	var id string
	var key int64
	_, err = pgx.ForEachRow(rows, []any{&id, &key}, func() error {
		keys[id] = key
		return nil
	})
	return keys, err
}

// reading is the first part of a batch while it is put together and read.
type reading struct {
	engine *engine
	need   *committer.Need
	keys   map[string]int64 // of the conversations needed
	ids    map[int64]string
	loaded *committer.Loaded

	batch pgx.Batch
	reads []func(pgx.BatchResults) error
}

// run adds a statement whose answer holds nothing.
func (r *reading) run(q *query, args ...any) {
	r.batch.Queue(q.text, args...)
	r.reads = append(r.reads, func(b pgx.BatchResults) error {
		_, err := b.Exec()
		return err
	})
}

// rows adds a statement, and what is done with each of its rows once they were scanned.
func (r *reading) rows(q *query, args, into []any, each func() error) {
	r.batch.Queue(q.text, args...)
	r.reads = append(r.reads, func(b pgx.BatchResults) error {
		rows, err := b.Query()
		if err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, into, each)
		return err
	})
}

// ask puts the first part together.
func (r *reading) ask() {
	r.run(begin)
	r.askStaff()
	r.askQueues()
	r.askConversations()
	r.askRequests()
	r.askCounts()
	if r.need.Catalogue {
		r.askCatalogue()
	}
}

func (r *reading) askStaff() {
	if len(r.need.Staff) == 0 {
		return
	}
	var row staffRow
	r.rows(lockStaff, []any{r.need.Staff}, row.into(), func() error {
		s, err := row.staff()
		r.loaded.Staff[s.ID] = s
		r.engine.versions.staff[s.ID] = row.version
		return err
	})
}

func (r *reading) askQueues() {
	if len(r.need.Queues) == 0 {
		return
	}
	// A queue that has no row yet could not be locked.
	missing := slices.DeleteFunc(slices.Clone(r.need.Queues), func(id string) bool { return r.engine.queues[id] })
	if len(missing) > 0 {
		r.run(addQueues, missing)
	}
	var row queueRow
	r.rows(lockQueues, []any{r.need.Queues}, row.into(), func() error {
		r.loaded.Queues[row.id] = row.queue()
		r.engine.versions.queues[row.id] = row.version
		return nil
	})
}

func (r *reading) askConversations() {
	if len(r.keys) == 0 {
		return
	}
	keys := make([]int64, 0, len(r.keys))
	known := make([]int64, 0, len(r.keys))
	for _, key := range slices.Sorted(maps.Keys(r.ids)) {
		keys = append(keys, key)
		known = append(known, r.engine.known[r.ids[key]].Version)
	}
	var key, version int64
	var data []byte
	into := []any{&key, &version, &data}
	each := func() error {
		id := r.ids[key]
		c := r.engine.known[id]
		if data != nil {
			state, err := record.DecodeConversation(data)
			if err != nil {
				return err
			}
			if r.need.Locked && c.Version > 0 {
				r.engine.contest(key)
			}
			c = committer.Conversation{Key: key, Version: version, State: state}
			r.engine.keep(c)
		}
		r.loaded.Conversations[id] = c
		return nil
	}
	if len(keys) == 1 {
		r.rows(lockConversation, []any{keys[0], known[0]}, into, each)
		return
	}
	r.rows(lockConversations, []any{keys, known}, into, each)
}

func (r *reading) askRequests() {
	keys := make([]int64, 0, len(r.need.Requests))
	requests := make(uuids, 0, len(r.need.Requests))
	for _, k := range r.need.Requests {
		var key int64
		if k.ConversationID != "" {
			var ok bool
			if key, ok = r.keys[k.ConversationID]; !ok {
				continue
			}
		}
		keys = append(keys, key)
		requests = append(requests, uuid(k.Key))
	}
	if len(keys) == 0 {
		return
	}
	var row requestRow
	r.rows(selectRequests, []any{keys, requests}, row.into(), func() error {
		at := committer.RequestKey{Key: row.key.Bytes, ConversationID: r.ids[row.conversation]}
		remembered, err := row.remembered(at.ConversationID)
		r.loaded.Requests[at] = remembered
		return err
	})
}

func (r *reading) askCounts() {
	var name string
	var n int
	for _, c := range []struct {
		query  *query
		names  []string
		counts map[string]int
	}{
		{countWaiting, r.need.Queues, r.loaded.Counts.Waiting},
		{countOrigins, r.need.Origins, r.loaded.Counts.Origins},
		{countParticipations, r.need.Staff, r.loaded.Counts.Staff},
	} {
		if len(c.names) > 0 {
			r.rows(c.query, []any{c.names}, []any{&name, &n}, func() error {
				c.counts[name] = n
				return nil
			})
		}
	}
}

func (r *reading) askCatalogue() {
	var row catalogueRow
	r.rows(selectCatalogue, nil, row.into(), func() error {
		r.loaded.Catalogue = row.catalogue()
		r.engine.versions.catalogue = row.version
		return nil
	})
}

// contest has a conversation locked for a while.
func (e *engine) contest(key int64) {
	if len(e.contested) >= maxKnown {
		clear(e.contested)
	}
	e.contested[key] = time.Now().Add(contestedFor)
}

// keep remembers a conversation.
func (e *engine) keep(c committer.Conversation) { e.known[c.State.ID] = c }

// Commit is committer.Engine's.
func (e *engine) Commit(ctx context.Context, w *committer.Writes) error {
	ctx, cancel := e.part(ctx)
	defer cancel()
	if err := e.begin(ctx, w); err != nil {
		return e.failed(err)
	}
	out := &writeBatch{engine: e}
	if err := out.put(w); err != nil {
		e.abort()
		return err
	}
	finish := func() error { return out.send(ctx) }
	if e.commitHook != nil {
		inner := finish
		finish = func() error { return e.commitHook(inner) }
	}
	if err := finish(); err != nil {
		return e.commitFailed(err)
	}
	for _, c := range w.Conversations {
		e.keep(committer.Conversation{Key: c.Key, Version: c.Version, State: c.After})
	}
	return nil
}

// commitFailed tells what a failed commit means. Only what the database itself has refused is certain not to have
// taken effect.
func (e *engine) commitFailed(err error) error {
	err = failure(err)
	certain := errors.Is(err, committer.ErrAgain) || errors.Is(err, committer.ErrRejected)
	if certain || breaks(err) {
		return e.failed(err)
	}
	e.doubtful = true
	if errors.Is(err, context.DeadlineExceeded) {
		e.link.lost()
	}
	if e.conn != nil && !e.conn.IsClosed() {
		// Whatever came of it, nothing of it is to be taken for known.
		e.abort()
		clear(e.known)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// begin writes what the rest of the batch depends on: the conversations that began, to whose keys it refers, and the
// catalogue, which nobody has locked and another server may have replaced.
func (e *engine) begin(ctx context.Context, w *committer.Writes) error {
	if w.Catalogue != nil {
		if err := e.putCatalogue(ctx, w.Catalogue); err != nil {
			return err
		}
	}
	return e.beginConversations(ctx, w)
}

func (e *engine) putCatalogue(ctx context.Context, c *store.Catalogue) error {
	if !e.catalogueRead {
		err := e.conn.QueryRow(ctx, selectCatalogueVersion.text).Scan(&e.versions.catalogue)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
	}
	base := e.versions.catalogue
	e.versions.catalogue++
	tag, err := e.conn.Exec(ctx, putCatalogue.text,
		base, e.versions.catalogue, blob(c.Data), c.Etag, record.Micros(c.ApplyTime))
	if err == nil && tag.RowsAffected() != 1 {
		return fmt.Errorf("%w: the catalogue was replaced", committer.ErrAgain)
	}
	return err
}

func (e *engine) beginConversations(ctx context.Context, w *committer.Writes) error {
	var c columns
	began := map[string]*committer.ConversationWrite{}
	for _, v := range w.Conversations {
		if v.Before != nil {
			continue
		}
		data, err := v.Encode()
		if err != nil {
			return err
		}
		began[v.After.ID] = v
		c.add(v.After.ID, v.Version, v.After.QueueID, int16(v.After.State), v.After.Origin,
			record.Micros(v.After.ArrivalTime), v.After.LastSequence, data)
	}
	if len(began) == 0 {
		return nil
	}
	rows, err := e.conn.Query(ctx, insertConversations.text, c.args()...)
	if err != nil {
		return err
	}
	var id string
	var key int64
	_, err = pgx.ForEachRow(rows, []any{&id, &key}, func() error {
		began[id].Key = key
		return nil
	})
	return err
}

func uuid(b [16]byte) pgtype.UUID { return pgtype.UUID{Bytes: b, Valid: true} }

// feedbackID is random, so that it tells nothing.
func feedbackID() (id pgtype.UUID) {
	id.Valid = true
	_, _ = rand.Read(id.Bytes[:]) // It never fails: see crypto/rand.
	return id
}

// participants are the staff who take part in an open conversation.
func participants(c *chat.Conversation) []string {
	if c == nil || c.State != chat.Active {
		return nil
	}
	var ids []string
	for i := range c.Participants {
		if p := &c.Participants[i]; p.StaffID != "" && p.Present() {
			ids = append(ids, p.StaffID)
		}
	}
	return ids
}
