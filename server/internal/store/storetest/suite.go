package storetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// Harness is one empty database, and what the suite can do to it.
type Harness struct {
	// Open opens the database as a server does. It may be called again once the store before is closed or
	// crashed.
	Open func(opts store.Options) (store.Store, error)
	// Crash ends a store as the death of its process would: nothing is finished, nothing closed. What is
	// opened next is what the disk holds.
	Crash func(s store.Store)
	// Tables reads everything that the database holds, by table: each row by column.
	Tables func() (map[string][]map[string]any, error)
	// LoseCommits makes the answers of the store's next n commits get lost: they fail, and were or were not
	// applied.
	LoseCommits func(s store.Store, n int, applied bool)
	// Waiting counts the changes that the store has accepted and not answered yet. It is for RunInRealTime only.
	Waiting func(s store.Store) int
}

// Run runs the suite in virtual time, which is for a store that waits for nothing outside this process. The factory
// makes a Harness for each test; what it needs to undo goes to t.Cleanup.
func Run(t *testing.T, factory func(t *testing.T) Harness) {
	t.Helper()
	run(t, func(t *testing.T, test func(*suite)) {
		synctest.Test(t, func(t *testing.T) { test(&suite{T: t, Harness: factory(t), heard: &log{}}) })
	})
}

// RunInRealTime runs the suite on a store that waits for a network, which no bubble of virtual time can tell from
// work. Whether a change has reached the store is asked of Harness.Waiting. The store's clock stands still, as in a
// bubble, unless a test lets time pass.
func RunInRealTime(t *testing.T, factory func(t *testing.T) Harness) {
	t.Helper()
	run(t, func(t *testing.T, test func(*suite)) {
		s := &suite{T: t, Harness: factory(t), heard: &log{}, clock: &clock{now: time.Now().UTC().Truncate(time.Microsecond)}}
		s.now = s.clock.read
		test(s)
	})
}

func run(t *testing.T, each func(t *testing.T, test func(*suite))) {
	t.Helper()
	tests := map[string]func(*suite){}
	for _, more := range []map[string]func(*suite){requestsTests, batchTests, logTests, rowsTests} {
		maps.Copy(tests, more)
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) {
			each(t, func(s *suite) {
				s.open()
				tests[name](s)
			})
		})
	}
}

// clock is the store's clock where there is no bubble to stop all of them.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// suite is what a test has at hand.
type suite struct {
	*testing.T
	Harness
	store.Store
	heard *log
	now   func() time.Time
	clock *clock // nil in a bubble
}

// time is what the store's clock shows.
func (s *suite) time() time.Time {
	if s.clock == nil {
		return time.Now()
	}
	return s.clock.read()
}

// pass lets time pass.
func (s *suite) pass(d time.Duration) {
	if s.clock == nil {
		time.Sleep(d)
		return
	}
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	s.clock.now = s.clock.now.Add(d)
}

// reached waits until the store has accepted so many changes and answered none of them.
func (s *suite) reached(n int) {
	s.Helper()
	if s.clock == nil {
		synctest.Wait()
		return
	}
	for deadline := time.Now().Add(10 * time.Second); s.Waiting(s.Store) != n; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			s.Fatalf("%d changes wait in the store, want %d", s.Waiting(s.Store), n)
		}
	}
}

// open opens the database, again when it was opened before.
func (s *suite) open() {
	s.Helper()
	opened, err := s.Open(store.Options{Committed: s.heard.add, Now: s.now})
	if err != nil {
		s.Fatal(err)
	}
	s.Store = opened
	s.Cleanup(func() {
		if err := opened.Close(); err != nil {
			s.Error(err)
		}
	})
}

// reopen closes the database and opens it again.
func (s *suite) reopen() {
	s.Helper()
	s.ok(s.Close())
	s.open()
}

func (s *suite) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// is fails the test unless the error is the one wanted.
func (s *suite) is(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("got error %v, want %v", err, want)
	}
}

// log is what Options.Committed was told.
type log struct {
	mu      sync.Mutex
	batches [][]store.Committed
}

func (l *log) add(batch []store.Committed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, batch)
}

// take is what was told since the last call.
func (l *log) take() [][]store.Committed {
	l.mu.Lock()
	defer l.mu.Unlock()
	batches := l.batches
	l.batches = nil
	return batches
}

// all is everything told since the last call, in order.
func (l *log) all() []store.Committed { return slices.Concat(l.take()...) }

// result is what came of a change.
type result struct {
	store.Outcome
	err error
}

// together makes changes that reach the store while it is busy, in the order given, so that they are one
// batch. It fails when more was committed than that one.
func (s *suite) together(changes ...func() (store.Outcome, error)) []result {
	s.Helper()
	release := s.busy(errors.New("refused"))
	results := make([]result, len(changes))
	var done sync.WaitGroup
	for i, change := range changes {
		done.Go(func() { results[i].Outcome, results[i].err = change() })
		s.reached(1 + i + 1)
	}
	s.heard.take()
	release()
	done.Wait()
	return results
}

// busy keeps the store busy with a change that changes nothing, until release is called.
func (s *suite) busy(err error) (release func()) {
	s.Helper()
	inside, leave := make(chan struct{}, 1), make(chan struct{})
	go func() {
		_, _ = s.Change(s.Context(), store.Request{}, store.Rows{}, func(*store.Work) error {
			inside <- struct{}{}
			<-leave
			return err
		})
	}()
	<-inside
	return func() { close(leave) }
}

// oneBatch is what was committed by the last together. It fails unless that was one batch.
func (s *suite) oneBatch() []store.Committed {
	s.Helper()
	batches := s.heard.take()
	if len(batches) != 1 {
		s.Fatalf("%d batches were committed, want 1", len(batches))
	}
	return batches[0]
}

// request makes a request of a caller with an id and content of these numbers.
func request(caller string, id, content uint64) store.Request {
	r := store.Request{Caller: caller}
	binary.BigEndian.PutUint64(r.ID[8:], id)
	binary.BigEndian.PutUint64(r.Fingerprint[:], content)
	return r
}

// start begins a conversation.
func (s *suite) start(id, queue string) store.Outcome {
	s.Helper()
	out, err := s.tryStart(store.Request{}, id, queue, 0)
	s.ok(err)
	return out
}

var errFull = errors.New("queue full")

// tryStart begins a conversation, unless the queue is full. A capacity of 0 is none.
func (s *suite) tryStart(req store.Request, id, queue string, capacity int) (store.Outcome, error) {
	return s.Change(s.Context(), req, store.Rows{Queues: []string{queue}}, func(w *store.Work) error {
		q := w.Queue(queue)
		if capacity > 0 && q.Waiting >= capacity {
			return errFull
		}
		w.Start(conversation(id, queue, "", w.Now, q.NextArrival(w.Now)))
		return nil
	})
}

func conversation(id, queue, origin string, now, arrival time.Time) *chat.Conversation {
	return chat.Start(chat.StartParams{
		ID: id, QueueID: queue, Language: "fi", DisplayName: "Asiakas", NoticeVersion: "1", Origin: origin,
		Now: now, Arrival: arrival,
	})
}

// startTaken begins a conversation that a professional has taken: its log begins with two events, and it
// takes many more than one that waits.
func (s *suite) startTaken(id, queue string) {
	s.Helper()
	_, err := s.Change(s.Context(), store.Request{}, store.Rows{Queues: []string{queue}}, func(w *store.Work) error {
		c := conversation(id, queue, "", w.Now, w.Queue(queue).NextArrival(w.Now))
		w.Start(c)
		return c.Take(chat.Staff{ID: "maita", DisplayName: "Maita"}, w.Now)
	})
	s.ok(err)
}

// post appends a message of the customer's.
func (s *suite) post(req store.Request, id, text string) (store.Outcome, error) {
	return s.Change(s.Context(), req, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
		return w.Conversation(id).Post(chat.CustomerID, text, w.Now)
	})
}

var errCapacity = errors.New("capacity reached")

// take has a professional take a conversation, unless they have as many as they may.
func (s *suite) take(req store.Request, id, staff string) (store.Outcome, error) {
	rows := store.Rows{Staff: []string{staff}, Conversations: []string{id}}
	return s.Change(s.Context(), req, rows, func(w *store.Work) error {
		m := w.Staff(staff)
		if m.Conversations >= m.Capacity {
			return errCapacity
		}
		return w.Conversation(id).Take(chat.Staff{ID: m.ID, DisplayName: m.DisplayName}, w.Now)
	})
}

// close closes a conversation as the professional who took it first.
func (s *suite) close(id string) {
	s.Helper()
	_, err := s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
		return w.Conversation(id).Close("professional-1", chat.Completed, w.Now)
	})
	s.ok(err)
}

// staff adds a professional.
func (s *suite) staff(id string, capacity int) {
	s.Helper()
	s.ok(s.PutStaff(s.Context(), store.Staff{
		ID: id, DisplayName: "Ammattilainen " + id, Roles: []store.Role{store.RoleProfessional},
		QueueIDs: []string{"q"}, Languages: []string{"fi", "sv"}, Capacity: capacity,
		Availability: store.Available,
	}))
}

// conversation reads a conversation.
func (s *suite) conversation(id string) *chat.Conversation {
	s.Helper()
	c, err := s.Conversation(s.Context(), id)
	s.ok(err)
	return c
}

// texts are the messages in a conversation's log, which must be numbered without gaps.
func (s *suite) texts(id string) []string {
	s.Helper()
	var texts []string
	var after int32
	for {
		events, err := s.Events(s.Context(), id, after, 7)
		s.ok(err)
		if len(events) == 0 {
			return texts
		}
		for _, e := range events {
			if e.Sequence != after+1 {
				s.Fatalf("event %d follows event %d", e.Sequence, after)
			}
			after = e.Sequence
			if m, ok := e.Kind.(chat.MessagePosted); ok {
				texts = append(texts, m.Text)
			}
		}
	}
}

// refusal tells whether an error is a refusal for the reason.
func refusal(err error, reason chat.Reason) bool {
	var r *chat.Refusal
	return errors.As(err, &r) && r.Reason == reason
}

// names are numbered names.
func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%03d", prefix, i)
	}
	return list
}
