package committer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kupla-chat/kupla/server/internal/store"
)

// The caps of a batch. They bound how long a batch holds its locks and how much memory it takes; larger
// ones gained nothing at 512 senders.
const (
	defaultMaxRows  = 1024
	defaultMaxBytes = 4 << 20
)

// maxTries is how often a batch is run when other servers are in its way.
const maxTries = 5

// Options are what a Committer takes.
type Options struct {
	// Committed, Observed and Now are as in store.Options.
	Committed func([]store.Committed)
	Observed  func(store.Batch)
	Now       func() time.Time
	// MaxRows is how many rows the changes of a batch name at most. 0 is 1,024.
	MaxRows int
	// MaxBytes is how much a batch writes before no further change joins it. 0 is 4 MiB.
	MaxBytes int
}

// Committer runs changes in batches. Its methods are safe for concurrent use.
type Committer struct {
	engine    Engine
	committed func([]store.Committed)
	observed  func(store.Batch)
	now       func() time.Time
	maxRows   int
	maxBytes  int

	// held is how many of pending there are, for those who look from outside.
	held atomic.Int64

	mu     sync.Mutex
	queue  []*item
	closed bool
	wake   chan struct{} // one slot: there is something to do
	done   chan struct{} // closed when the goroutine has ended

	// Of the goroutine alone.
	pending []*item
	// unlocked tells that the last attempt ran on what the engine remembered.
	unlocked bool
	last     time.Time
}

// What has become of an item. Whoever moves it on from queued owns it.
const (
	queued int32 = iota
	started
	abandoned
)

// item is one change, or one job, that waits for its turn.
type item struct {
	req   store.Request
	rows  store.Rows
	key   [16]byte
	isJob bool

	// locked tells that its rows are to be locked: it was run without, and came to nothing that could be relied on.
	locked bool
	// again tells that it is to be run again so.
	again bool

	// Of whoever owns the item.
	fn  func(*store.Work) error
	job func(context.Context) ([]store.Committed, error)

	state   atomic.Int32
	outcome store.Outcome
	err     error
	done    chan struct{}
}

// start claims the item for the committer. It reports false when its caller has given up.
func (it *item) start() bool {
	return it.state.CompareAndSwap(queued, started) || it.state.Load() == started
}

func (it *item) finish(err error) {
	it.err = err
	if err != nil {
		it.outcome = store.Outcome{}
	}
	close(it.done)
}

// New makes a Committer and starts it.
func New(engine Engine, opts Options) *Committer {
	c := &Committer{
		engine: engine, committed: opts.Committed, observed: opts.Observed, now: opts.Now,
		maxRows: opts.MaxRows, maxBytes: opts.MaxBytes,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if c.committed == nil {
		c.committed = func([]store.Committed) {}
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.maxRows <= 0 {
		c.maxRows = defaultMaxRows
	}
	if c.maxBytes <= 0 {
		c.maxBytes = defaultMaxBytes
	}
	go c.run()
	return c
}

// Change is store.Store's.
func (c *Committer) Change(
	ctx context.Context, req store.Request, rows store.Rows, fn func(*store.Work) error,
) (store.Outcome, error) {
	it := &item{req: req, rows: rows, fn: fn, done: make(chan struct{})}
	if req.Remembered() {
		it.key = KeyOf(req)
	}
	err := c.wait(ctx, it)
	if err != nil {
		return store.Outcome{}, err
	}
	return it.outcome, nil
}

// Do runs a job of the engine's owner between batches, when no transaction is open. What it tells to have
// committed is told to Options.Committed. It is waited for as a change is.
func (c *Committer) Do(ctx context.Context, job func(context.Context) ([]store.Committed, error)) error {
	return c.wait(ctx, &item{isJob: true, job: job, done: make(chan struct{})})
}

// wait queues an item and waits for its end, or for the caller's.
func (c *Committer) wait(ctx context.Context, it *item) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return store.ErrClosed
	}
	c.queue = append(c.queue, it)
	c.mu.Unlock()
	c.signal()

	select {
	case <-it.done:
		return it.err
	case <-ctx.Done():
	}
	if it.state.CompareAndSwap(queued, abandoned) {
		// It may stay in line for a while, as when the disk hangs. What it holds need not.
		it.fn, it.job = nil, nil
		return ctx.Err()
	}
	select {
	case <-it.done:
		return it.err
	default:
		return ctx.Err()
	}
}

func (c *Committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Waiting counts the changes and jobs that were accepted and are not answered yet.
func (c *Committer) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) + int(c.held.Load())
}

// Close finishes what was accepted and ends the goroutine. Later changes fail with store.ErrClosed.
func (c *Committer) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.signal()
	<-c.done
}

func (c *Committer) run() {
	clean := false
	var batch []*item
	defer func() {
		if !clean {
			c.die(batch)
		}
		close(c.done)
	}()
	for {
		batch = c.gather()
		if batch == nil {
			clean = true
			return
		}
		n := c.process(batch)
		clear(c.pending[:n])
		c.pending = c.pending[n:]
		c.held.Store(int64(len(c.pending)))
	}
}

// die answers everybody when a change has ended the goroutine, as t.FailNow does when it is called where
// it must not be. A panic passes through here too, on its way to end the program.
func (c *Committer) die(batch []*item) {
	c.mu.Lock()
	c.closed = true
	rest := c.queue
	c.queue = nil
	c.mu.Unlock()
	err := fmt.Errorf("%w: a change ended the committer", store.ErrUnavailable)
	for _, list := range [][]*item{batch, c.pending[min(len(batch), len(c.pending)):], rest} {
		for _, it := range list {
			select {
			case <-it.done:
			default:
				if it.start() {
					it.finish(err)
				}
			}
		}
	}
}

// gather waits for items and returns those that come next: one job, or changes up to the cap of rows.
// They stay in pending until they are processed. Returns nil when closed and drained.
func (c *Committer) gather() []*item {
	for {
		c.mu.Lock()
		c.pending = append(c.pending, c.queue...)
		clear(c.queue)
		c.queue = c.queue[:0]
		closed := c.closed
		c.mu.Unlock()

		live := c.pending[:0]
		for _, it := range c.pending {
			if it.state.Load() != abandoned {
				live = append(live, it)
			}
		}
		clear(c.pending[len(live):])
		c.pending = live
		c.held.Store(int64(len(live)))

		if len(c.pending) > 0 {
			break
		}
		if closed {
			return nil
		}
		<-c.wake
	}
	if c.pending[0].isJob {
		return c.pending[:1]
	}
	rows, n := 0, 0
	for _, it := range c.pending {
		if it.isJob {
			break
		}
		rows += 1 + len(it.rows.Staff) + len(it.rows.Queues) + len(it.rows.Conversations)
		if n > 0 && rows > c.maxRows {
			break
		}
		n++
	}
	return c.pending[:n]
}

// process brings the first of the items to their end and returns how many those are: all, unless the batch
// was full before.
func (c *Committer) process(items []*item) int {
	if items[0].isJob {
		c.runJob(items[0])
		return 1
	}
	n, again, err := c.attempt(items)
	// What is rejected when it was run on what is known may be right when it is run on what is stored.
	for tries := 1; tries < maxTries && (errors.Is(err, ErrAgain) || c.unlocked && errors.Is(err, ErrRejected)); tries++ {
		lock(items[:n])
		n, again, err = c.attempt(items)
	}
	switch {
	case err == nil:
		lock(again)
		for len(again) > 0 {
			again = again[c.process(again):]
		}
	case !errors.Is(err, ErrRejected):
		if !errors.Is(err, store.ErrUnavailable) {
			err = fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		// At once, so that what took effect after all is told before its callers ask again. When the database
		// cannot be read either, the next batch tries again.
		_ = c.recover(context.Background())
		for _, it := range items[:n] {
			if it.start() {
				it.finish(err)
			}
		}
	case n == 1:
		items[0].finish(err)
	default:
		for _, half := range [][]*item{items[:n/2], items[n/2 : n]} {
			for len(half) > 0 {
				half = half[c.process(half):]
			}
		}
	}
	return n
}

// lock has items run with their rows locked from now on.
func lock(items []*item) {
	for _, it := range items {
		it.locked = true
	}
}

// recover ends the engine's doubt about what is stored, and tells what had become durable.
func (c *Committer) recover(ctx context.Context) error {
	r, ok := c.engine.(Recoverer)
	if !ok {
		return nil
	}
	committed, err := r.Recover(ctx)
	if err == nil && len(committed) > 0 {
		c.committed(committed)
	}
	return err
}

func (c *Committer) runJob(it *item) {
	if !it.start() {
		return
	}
	committed, err := it.job(context.Background())
	if err == nil && len(committed) > 0 {
		c.committed(committed)
	}
	it.finish(err)
}

// attempt runs a batch in one transaction and, when it is committed, answers its callers. It returns how
// many items it took, and those of them that are to be run again with their rows locked; after an error none has been
// answered.
func (c *Committer) attempt(items []*item) (n int, again []*item, err error) {
	ctx := context.Background()
	watch := c.watch()
	defer func() { watch.end(n, err) }()
	c.unlocked = false
	if err := c.recover(ctx); err != nil {
		return len(items), nil, err
	}
	loaded, err := c.engine.Load(ctx, needOf(items))
	if err != nil {
		return len(items), nil, err
	}
	watch.loaded()
	c.unlocked = loaded.Unlocked
	open := true
	defer func() {
		if open {
			c.engine.Rollback(ctx)
		}
	}()

	if now := c.now().UTC().Truncate(time.Microsecond); now.After(c.last) {
		c.last = now
	}
	b := newBatch(c.engine, loaded, c.last)
	answered := make([]*item, 0, len(items))
	for _, it := range items {
		if n > 0 && b.bytes >= c.maxBytes {
			break
		}
		n++
		if !it.start() {
			continue
		}
		if err := b.run(ctx, it); err != nil {
			return n, nil, err
		}
		answered = append(answered, it)
	}
	if !b.writes.empty() {
		open = false
		watch.commits()
		if err := c.engine.Commit(ctx, &b.writes); err != nil {
			return n, nil, err
		}
		watch.committed()
		if len(b.committed) > 0 {
			c.committed(b.committed)
		}
	} else {
		open = false
		if err := c.finish(ctx, answered); err != nil {
			return n, nil, err
		}
	}
	watch.end(n, nil)
	for _, it := range answered {
		if it.again {
			again = append(again, it)
		} else {
			it.finish(it.err)
		}
	}
	return n, again, nil
}

// finish ends the transaction of a batch that writes nothing.
func (c *Committer) finish(ctx context.Context, answered []*item) error {
	confirmer, ok := c.engine.(Confirmer)
	repeated := slices.ContainsFunc(answered, func(it *item) bool { return it.err == nil && it.outcome.Repeated })
	if ok && repeated {
		return confirmer.Confirm(ctx)
	}
	c.engine.Rollback(ctx)
	return nil
}
