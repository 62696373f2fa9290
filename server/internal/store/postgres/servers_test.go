package postgres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
)

// never is a poll interval with which only notifications tell in time.
const never = time.Hour

// soon is within what anything must happen that needs no more than a notification or a poll, on a busy machine.
const soon = 20 * time.Second

// patience is how long a database that is there may take to answer. The tests of many packages may run at once.
const patience = 20 * time.Second

// server is a store that is open beside others, and everything it was told.
type server struct {
	*postgres.Store
	t     *testing.T
	name  string
	proxy *proxy

	mu            sync.Mutex
	conversations map[string]*known
	contacts      map[string]int
	queues        map[string]store.Queue
	staff         map[string]store.Staff
	catalogue     *store.Catalogue
	signals       []store.Signal
	interruptions []bool
}

// known is what a server was told of a conversation.
type known struct {
	version int64
	after   *chat.Conversation
	events  []chat.Event
	// here and elsewhere count what was told as made by this server and by others.
	here, elsewhere int
}

// serve opens a database of the shared cluster as one server more, which can be cut off from it.
func serve(t *testing.T, database, name string, limits postgres.Options) *server {
	t.Helper()
	p := newProxy(t, cluster.Address())
	s := serveAt(t, cluster.TCP(database, p.address()), name, limits)
	s.proxy = p
	return s
}

// serveAt opens a database as one server more.
func serveAt(t *testing.T, dsn, name string, limits postgres.Options) *server {
	t.Helper()
	s := &server{
		t: t, name: name, conversations: map[string]*known{}, contacts: map[string]int{}, queues: map[string]store.Queue{},
		staff: map[string]store.Staff{},
	}
	limits.ConnectTimeout = patience
	if limits.BatchTimeout == 0 {
		limits.BatchTimeout = patience
	}
	var err error
	s.Store, err = postgres.Open(t.Context(), dsn, limits, store.Options{
		Committed: s.committed,
		Signalled: func(signals []store.Signal) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.signals = append(s.signals, signals...)
		},
		Interrupted: func(interrupted bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.interruptions = append(s.interruptions, interrupted)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
	})
	s.eventually("listening", s.Listens)
	return s
}

// pair opens an empty database as two servers.
func pair(t *testing.T, limits postgres.Options) (a, b *server) {
	t.Helper()
	database := emptyDatabase(t)
	t.Cleanup(func() { sound(t, database) })
	return serve(t, database, "a", limits), serve(t, database, "b", limits)
}

// committed checks what is told against what was told before.
func (s *server) committed(batch []store.Committed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range batch {
		for _, change := range c.Conversations {
			s.changed(change, c.Elsewhere)
		}
		for _, contact := range c.Contacts {
			s.contacts[contact.ConversationID]++
		}
		for _, q := range c.Queues {
			s.queues[q.ID] = q
		}
		for _, m := range c.Staff {
			s.staff[m.ID] = m
		}
		if c.Catalogue != nil {
			s.catalogue = c.Catalogue
		}
	}
}

func (s *server) changed(change store.ConversationChange, elsewhere bool) {
	id := change.After.ID
	k := s.conversations[id]
	if k == nil {
		k = &known{}
		s.conversations[id] = k
	}
	if change.Version <= k.version {
		s.t.Errorf("%s was told of version %d of %s after %d", s.name, change.Version, id, k.version)
	}
	forgotten := k.after != nil && k.after.State == chat.Closed && change.Before == nil
	if diff := cmp.Diff(k.after, change.Before, ignorePending); diff != "" && !forgotten {
		s.t.Errorf("%s was told of version %d of %s with another Before (-told last +Before):\n%s", s.name, change.Version, id, diff)
	}
	var last int32
	if k.after != nil {
		last = k.after.LastSequence
	}
	for _, e := range change.Events {
		// What is missing may be read from the store. That it is missing is known by who has made the change.
		if want := last + 1; e.Sequence < want || e.Sequence > want && !elsewhere {
			s.t.Errorf("%s was told of event %d of %s, want %d", s.name, e.Sequence, id, want)
		}
		last = e.Sequence
		k.events = append(k.events, e)
	}
	if n := change.After.LastSequence; n < last || n > last && !elsewhere {
		s.t.Errorf("%s was told of %s at %d with events up to %d", s.name, id, change.After.LastSequence, last)
	}
	k.version, k.after = change.Version, change.After
	if elsewhere {
		k.elsewhere++
	} else {
		k.here++
	}
}

// told is a copy of what the server was told of a conversation.
func (s *server) told(id string) known {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.conversations[id]; k != nil {
		return known{k.version, k.after, slices.Clone(k.events), k.here, k.elsewhere}
	}
	return known{}
}

// eventually waits until something is so, which must be soon.
func (s *server) eventually(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(soon); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		ok := is()
		s.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("server %s: not %s after %v; interruptions %v", s.name, what, soon, s.interruptions)
		}
	}
}

func (s *server) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("server %s: %v", s.name, err)
	}
}

// ask makes a request of a caller with an id of this number.
func ask(caller string, id int) store.Request {
	r := store.Request{Caller: caller}
	binary.BigEndian.PutUint64(r.ID[8:], uint64(id)+1)
	return r
}

// start begins a conversation.
func (s *server) start(req store.Request, id string) (store.Outcome, error) {
	return s.Change(s.t.Context(), req, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		w.Start(chat.Start(chat.StartParams{
			ID: id, QueueID: "q", Language: "fi", DisplayName: "Asiakas", NoticeVersion: "1", Now: w.Now,
			Arrival: w.Queue("q").NextArrival(w.Now),
		}))
		return nil
	})
}

// post appends a message of the customer's.
func (s *server) post(req store.Request, id, text string) (store.Outcome, error) {
	return s.Change(s.t.Context(), req, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
		return w.Conversation(id).Post(chat.CustomerID, text, w.Now)
	})
}

var errCapacity = errors.New("capacity reached")

// take has a professional take a conversation, unless they have as many as they may.
func (s *server) take(req store.Request, id, staff string) (store.Outcome, error) {
	rows := store.Rows{Staff: []string{staff}, Conversations: []string{id}}
	return s.Change(s.t.Context(), req, rows, func(w *store.Work) error {
		m := w.Staff(staff)
		if m.Conversations >= m.Capacity {
			return errCapacity
		}
		return w.Conversation(id).Take(chat.Staff{ID: m.ID, DisplayName: m.DisplayName}, w.Now)
	})
}

// leave has the customer end a conversation.
func (s *server) leave(id string) (store.Outcome, error) {
	return s.Change(s.t.Context(), store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
		return w.Conversation(id).LeaveAsCustomer(w.Now)
	})
}

func (s *server) professional(id string, capacity int) {
	s.t.Helper()
	s.ok(s.PutStaff(s.t.Context(), store.Staff{
		ID: id, DisplayName: "Ammattilainen " + id, Roles: []store.Role{store.RoleProfessional}, Capacity: capacity,
		Availability: store.Available,
	}))
}

// numbered are names with numbers.
func numbered(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = prefix + strconv.Itoa(i)
	}
	return list
}

var ignorePending = cmpopts.IgnoreUnexported(chat.Conversation{})

// agree checks that both servers were told everything of some conversations, as it is stored.
func agree(t *testing.T, ids []string, servers ...*server) {
	t.Helper()
	for _, s := range servers {
		for _, id := range ids {
			stored, err := servers[0].Conversation(t.Context(), id)
			s.ok(err)
			s.eventually("told of all of "+id, func() bool {
				k := s.conversations[id]
				return k != nil && k.after.LastSequence >= stored.LastSequence && k.after.State == stored.State
			})
			events, err := servers[0].Events(t.Context(), id, 0, 10_000)
			s.ok(err)
			k := s.told(id)
			for _, e := range k.events {
				if diff := cmp.Diff(events[e.Sequence-1], e); diff != "" {
					t.Errorf("%s, %s (-stored +told):\n%s", s.name, id, diff)
				}
			}
			if diff := cmp.Diff(stored, k.after, ignorePending); diff != "" {
				t.Errorf("%s, %s (-stored +told):\n%s", s.name, id, diff)
			}
			s.mu.Lock()
			if n := s.contacts[id]; n != map[bool]int{true: 1}[stored.State == chat.Closed] {
				t.Errorf("%s was told %d times that %s, which is %v, has finished", s.name, n, id, stored.State)
			}
			s.mu.Unlock()
		}
	}
}

// TestServersHearOfEachOther has two servers write to the same conversations at once, and each to one of its own.
// Whether notifications arrive or not makes no difference to what is told, only to when.
func TestServersHearOfEachOther(t *testing.T) {
	for name, c := range map[string]struct {
		limits  postgres.Options
		arrange func(t *testing.T, servers ...*server)
	}{
		"by notifications alone": {
			limits:  postgres.Options{PollInterval: never, AwayPollInterval: never},
			arrange: func(*testing.T, ...*server) {},
		},
		"by polling alone": {
			limits: postgres.Options{PollInterval: 50 * time.Millisecond},
			arrange: func(_ *testing.T, servers ...*server) {
				for _, s := range servers {
					s.Deafen(true)
				}
			},
		},
		"while listening connections are cut": {
			limits: postgres.Options{PollInterval: never, AwayPollInterval: 50 * time.Millisecond},
			arrange: func(t *testing.T, servers ...*server) {
				var database string
				servers[0].ok(cluster.Query(t.Context(), "postgres", &database, `SELECT datname::text FROM pg_stat_activity
					WHERE application_name = 'kuplad listen' AND datname LIKE 'test%' LIMIT 1`))
				ctx, stop := context.WithCancel(context.Background())
				var cutting sync.WaitGroup
				cutting.Go(func() {
					for ctx.Err() == nil {
						_, _ = cluster.Disconnect(ctx, database, "kuplad listen")
						time.Sleep(50 * time.Millisecond)
					}
				})
				t.Cleanup(func() { stop(); cutting.Wait() })
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, c.limits)
			a.professional("maita", 100)
			a.eventually("told of the staff member", func() bool { return a.staff["maita"].ID != "" })
			c.arrange(t, a, b)
			bothWrite(t, a, b)
		})
	}
}

func bothWrite(t *testing.T, a, b *server) {
	t.Helper()
	const writers, each = 3, 6
	shared := numbered("c", 3)
	for i, id := range shared {
		_, err := []*server{a, b}[i%2].start(store.Request{}, id)
		a.ok(err)
	}
	_, err := b.take(store.Request{}, "c1", "maita")
	b.ok(err)
	var wg sync.WaitGroup
	for i, s := range []*server{a, b} {
		own := "of " + s.name
		_, err := s.start(store.Request{}, own)
		s.ok(err)
		for w := range writers {
			wg.Go(func() {
				for n := range each {
					for _, id := range append(slices.Clone(shared), own) {
						if _, err := s.post(ask(s.name, w*each+n), id, fmt.Sprint(s.name, w, n)); err != nil {
							t.Errorf("%s: %v", s.name, err)
						}
					}
				}
			})
		}
		_ = i
	}
	wg.Wait()
	all := append(slices.Clone(shared), "of a", "of b")
	agree(t, all, a, b)
	_, err = a.leave("c2")
	a.ok(err)
	_, err = b.leave("of b")
	b.ok(err)
	agree(t, all, a, b)
	for _, s := range []*server{a, b} {
		for _, id := range shared {
			k := s.told(id)
			if want := 2*writers*each + 1; int(k.after.LastSequence) < want || len(k.events) < want/2 {
				t.Errorf("%s was told of %s at %d, want %d, with %d events", s.name, id, k.after.LastSequence, want, len(k.events))
			}
			if k.here == 0 || k.elsewhere == 0 {
				t.Errorf("%s was told of %d changes of its own and %d of others of %s", s.name, k.here, k.elsewhere, id)
			}
		}
		for _, owner := range []*server{a, b} {
			k := s.told("of " + owner.name)
			if len(k.events) < writers*each+1 {
				t.Errorf("%s was told of %d events of the conversation of %s", s.name, len(k.events), owner.name)
			}
			// What a poll finds before its own server has told it may have been made elsewhere, for all it knows.
			if (k.here == 0) != (s != owner) || s == owner && k.elsewhere > k.here {
				t.Errorf("%s was told of %d changes of its own and %d of others in the conversation of %s",
					s.name, k.here, k.elsewhere, owner.name)
			}
		}
	}
}

// TestServersHearOfEverythingElse looks at what is not a conversation.
func TestServersHearOfEverythingElse(t *testing.T) {
	a, b := pair(t, postgres.Options{PollInterval: never, AwayPollInterval: never})
	a.professional("maita", 3)
	b.eventually("told of a profile", func() bool { return b.staff["maita"].Capacity == 3 })
	_, err := b.Change(t.Context(), store.Request{}, store.Rows{Staff: []string{"maita"}, Queues: []string{"q"}, Catalogue: true},
		func(w *store.Work) error {
			w.Staff("maita").Availability = store.Away
			w.Queue("q").Paused = true
			w.PutCatalogue(store.Catalogue{Data: []byte("1"), Etag: "e1"})
			return nil
		})
	b.ok(err)
	a.eventually("told of an availability", func() bool { return a.staff["maita"].Availability == store.Away })
	a.eventually("told of a pause", func() bool { return a.queues["q"].Paused })
	a.eventually("told of a catalogue", func() bool { return a.catalogue != nil && a.catalogue.Etag == "e1" })

	// A server that was deaf meanwhile finds all of it when it looks.
	a.Deafen(true)
	_, err = b.Change(t.Context(), store.Request{}, store.Rows{Staff: []string{"maita"}, Queues: []string{"q"}, Catalogue: true},
		func(w *store.Work) error {
			w.Staff("maita").Availability = store.OnPhone
			w.Queue("q").Paused = false
			w.PutCatalogue(store.Catalogue{Data: []byte("2"), Etag: "e2"})
			return nil
		})
	b.ok(err)
	_, err = b.start(store.Request{}, "c")
	b.ok(err)
	_, err = b.take(store.Request{}, "c", "maita")
	b.ok(err)
	if k := a.told("c"); k.version != 0 {
		t.Error("the deaf one was told")
	}
	a.ok(a.Refresh(t.Context()))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.staff["maita"].Availability != store.OnPhone || a.queues["q"].Paused || a.catalogue.Etag != "e2" ||
		a.conversations["c"].after.State != chat.Active || a.staff["maita"].DisplayName != "Ammattilainen maita" {
		t.Errorf("after looking: %+v, %+v, %q, %v", a.staff["maita"], a.queues["q"], a.catalogue.Etag, a.conversations["c"].after)
	}
}

// TestClosedElsewhereUnseen has a conversation begin and end while a server hears nothing: it is told of the end of
// what it knew, and need not be told of what it never knew.
func TestClosedElsewhereUnseen(t *testing.T) {
	a, b := pair(t, postgres.Options{PollInterval: never, AwayPollInterval: never})
	_, err := a.start(store.Request{}, "known")
	a.ok(err)
	b.eventually("told of it", func() bool { return b.conversations["known"] != nil })
	b.Deafen(true)
	_, err = a.post(store.Request{}, "known", "hei")
	a.ok(err)
	_, err = a.leave("known")
	a.ok(err)
	b.ok(b.Refresh(t.Context()))
	if k := b.told("known"); k.after.State != chat.Closed {
		t.Errorf("known to be %v", k.after.State)
	}
	agree(t, []string{"known"}, a, b)
	open, err := b.OpenConversations(t.Context())
	b.ok(err)
	if len(open) != 0 {
		t.Errorf("open: %v", open)
	}
}

// TestOneAnswerForOneRequest repeats requests on two servers at once.
func TestOneAnswerForOneRequest(t *testing.T) {
	const rounds = 30
	a, b := pair(t, postgres.Options{})
	a.professional("maita", 1000)
	both := func(call func(s *server, other string) (store.Outcome, error)) (out [2]store.Outcome) {
		t.Helper()
		var errs [2]error
		var wg sync.WaitGroup
		for i, s := range []*server{a, b} {
			wg.Go(func() { out[i], errs[i] = call(s, s.name) })
		}
		wg.Wait()
		a.ok(errors.Join(errs[:]...))
		if out[0].Result != out[1].Result || out[0].Repeated == out[1].Repeated {
			t.Fatalf("answered %+v and %+v", out[0], out[1])
		}
		return out
	}
	for i := range rounds {
		// A start: each server makes an id of its own.
		started := both(func(s *server, name string) (store.Outcome, error) {
			return s.start(ask("start", i), fmt.Sprint(name, i))
		})
		id := started[0].ConversationID
		// A message.
		both(func(s *server, _ string) (store.Outcome, error) { return s.post(ask("customer", i), id, "hei") })
		// Taking whoever is next: each tries another.
		other := fmt.Sprint("other ", i)
		_, err := a.start(store.Request{}, other)
		a.ok(err)
		req := ask("maita", i)
		req.Global = true
		taken := both(func(s *server, name string) (store.Outcome, error) {
			return s.take(req, map[string]string{"a": id, "b": other}[name], "maita")
		})
		for _, c := range []string{id, other} {
			got, err := b.Conversation(t.Context(), c)
			b.ok(err)
			if (got.State == chat.Active) != (c == taken[0].ConversationID) {
				t.Errorf("%s is %v, and %s was taken", c, got.State, taken[0].ConversationID)
			}
		}
		// What no event remembers.
		both(func(s *server, _ string) (store.Outcome, error) {
			return s.Change(t.Context(), ask("note", i), store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
				w.AddCaseNote(store.CaseNote{ID: "n", ConversationID: id})
				w.Remember(id, "n")
				return nil
			})
		})
		notes, err := a.CaseNotes(t.Context(), id, 0, 10)
		a.ok(err)
		events, err := a.Events(t.Context(), id, 0, 10)
		a.ok(err)
		if want := 2 + map[bool]int{true: 1}[taken[0].ConversationID == id]; len(notes) != 1 || len(events) != want {
			t.Errorf("%d notes and %d events, want 1 and %d", len(notes), len(events), want)
		}
	}
}

// TestOneWinner has takers on two servers race for one resident after the other.
func TestOneWinner(t *testing.T) {
	const rounds, takers = 40, 4
	a, b := pair(t, postgres.Options{})
	for i := range 2 * takers {
		a.professional(fmt.Sprint("taker ", i), rounds)
	}
	for _, id := range numbered("c", rounds) {
		_, err := a.start(store.Request{}, id)
		a.ok(err)
		errs := make([]error, 2*takers)
		var wg sync.WaitGroup
		for i := range errs {
			s := []*server{a, b}[i%2]
			wg.Go(func() { _, errs[i] = s.take(ask("taker", i), id, fmt.Sprint("taker ", i)) })
		}
		wg.Wait()
		var won []int
		for i, err := range errs {
			var r *chat.Refusal
			switch {
			case err == nil:
				won = append(won, i)
			case !errors.As(err, &r) || r.Reason != chat.AlreadyTaken:
				t.Errorf("a loser was told %v", err)
			}
		}
		c, err := b.Conversation(t.Context(), id)
		b.ok(err)
		if len(won) != 1 || c.Leader().StaffID != fmt.Sprint("taker ", won[0]) {
			t.Fatalf("%v were told to have won %s, %s leads", won, id, c.Leader().StaffID)
		}
	}
	agree(t, numbered("c", rounds), a, b)
}

// TestCapacitiesHold has two servers fill what has a limit.
func TestCapacitiesHold(t *testing.T) {
	const capacity, tries = 7, 40
	a, b := pair(t, postgres.Options{})
	a.professional("maita", capacity)
	full := errors.New("full")
	race := func(call func(s *server, i int) error, refused error) {
		t.Helper()
		errs := make([]error, tries)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = call([]*server{a, b}[i%2], i) })
		}
		wg.Wait()
		n := 0
		for _, err := range errs {
			if err == nil {
				n++
			} else if !errors.Is(err, refused) {
				t.Errorf("refused with %v", err)
			}
		}
		if n != capacity {
			t.Errorf("%d got in, the capacity is %d", n, capacity)
		}
	}
	limited := func(rows store.Rows, prefix, origin string, there func(w *store.Work) int) func(*server, int) error {
		return func(s *server, i int) error {
			_, err := s.Change(t.Context(), store.Request{}, rows, func(w *store.Work) error {
				if there(w) >= capacity {
					return full
				}
				w.Start(chat.Start(chat.StartParams{
					ID: fmt.Sprint(prefix, i), QueueID: "q", Language: "fi", DisplayName: "Asiakas", NoticeVersion: "1",
					Origin: origin, Now: w.Now, Arrival: w.Queue("q").NextArrival(w.Now),
				}))
				return nil
			})
			return err
		}
	}
	race(limited(store.Rows{Queues: []string{"q"}}, "queue ", "", func(w *store.Work) int { return w.Queue("q").Waiting }), full)
	race(limited(store.Rows{Queues: []string{"q"}, Origin: "o"}, "origin ", "o", (*store.Work).WaitingFromOrigin), full)
	ids := numbered("c", tries)
	for _, id := range ids {
		_, err := a.start(store.Request{}, id)
		a.ok(err)
	}
	race(func(s *server, i int) error {
		_, err := s.take(store.Request{}, ids[i], "maita")
		return err
	}, errCapacity)

	// One token of a resident's, used on both.
	errs := make([]error, 10)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = []*server{a, b}[i%2].Change(t.Context(), store.Request{}, store.Rows{}, func(w *store.Work) error {
				w.SubmitFeedback([32]byte{1}, store.Feedback{QueueID: "q", Language: "fi", Date: "2026-03-02"})
				return nil
			})
		})
	}
	wg.Wait()
	given := 0
	for _, err := range errs {
		if err == nil {
			given++
		} else if !errors.Is(err, store.ErrConflict) {
			t.Errorf("refused with %v", err)
		}
	}
	if given != 1 {
		t.Errorf("one token was used %d times", given)
	}

	// One catalogue after the other, each knowing the one before.
	const catalogues = 20
	wg = sync.WaitGroup{}
	for i := range catalogues {
		wg.Go(func() {
			_, err := []*server{a, b}[i%2].Change(t.Context(), store.Request{}, store.Rows{Catalogue: true}, func(w *store.Work) error {
				n := 0
				if c := w.Catalogue(); c != nil {
					n, _ = strconv.Atoi(c.Etag)
				}
				w.PutCatalogue(store.Catalogue{Data: []byte{1}, Etag: strconv.Itoa(n + 1)})
				return nil
			})
			if err != nil {
				t.Errorf("catalogue %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if c, err := a.Catalogue(t.Context()); err != nil || c.Etag != strconv.Itoa(catalogues) {
		t.Errorf("after %d catalogues there is %q: %v", catalogues, c.Etag, err)
	}

	// One secret.
	found := make([][]byte, 10)
	wg = sync.WaitGroup{}
	for i := range found {
		wg.Go(func() { found[i], _ = []*server{a, b}[i%2].Secret(t.Context(), "one") })
	}
	wg.Wait()
	for _, value := range found {
		if len(value) < 32 || !bytes.Equal(value, found[0]) {
			t.Errorf("secrets differ: %x, %x", found[0], value)
		}
	}
}

func TestSignalsReachTheOthers(t *testing.T) {
	a, b := pair(t, postgres.Options{PollInterval: never, AwayPollInterval: never})
	want := map[store.Signal]bool{
		{Kind: store.SignalTyping, ConversationID: "a b,c%", ParticipantID: "professional-1"}: true,
		{Kind: store.SignalCustomerHere, ConversationID: "ä"}:                                 true,
		{Kind: store.SignalStaffHere, StaffID: "maita@example.fi"}:                            true,
	}
	for s := range want {
		a.Signal(s)
	}
	b.eventually("signalled", func() bool { return len(b.signals) >= len(want) })
	b.mu.Lock()
	got := map[store.Signal]bool{}
	for _, s := range b.signals {
		got[s] = true
	}
	if !maps.Equal(got, want) || len(b.signals) != len(want) {
		t.Errorf("signalled %+v", b.signals)
	}
	b.mu.Unlock()

	// Many at once are more than one notification holds.
	const many = 1000
	for _, id := range numbered("a conversation with a long name ", many) {
		b.Signal(store.Signal{Kind: store.SignalTyping, ConversationID: id, ParticipantID: chat.CustomerID})
	}
	a.eventually("signalled by all", func() bool { return len(a.signals) == many })
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.signals) != len(want) {
		t.Errorf("a server was told its own signals: %d", len(b.signals))
	}
}

// TestOneLeads looks at who leads while leaders come and go.
func TestOneLeads(t *testing.T) {
	database := emptyDatabase(t)
	servers := []*server{serve(t, database, "a", postgres.Options{}), serve(t, database, "b", postgres.Options{})}
	// moved waits until one that is not another leads, and only that one.
	moved := func(from *server) *server {
		t.Helper()
		for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			var leaders []*server
			for _, s := range servers {
				if s.Leads() {
					leaders = append(leaders, s)
				}
			}
			if len(leaders) == 1 && leaders[0] != from {
				return leaders[0]
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d lead", len(leaders))
			}
		}
	}
	first := moved(nil)
	// Its machine is gone, as far as PostgreSQL can tell.
	first.proxy.cut()
	first.eventually("interrupted", func() bool { return slices.Equal(first.interruptions, []bool{true}) })
	second := moved(first)
	first.proxy.mend()
	first.eventually("back", func() bool { return slices.Equal(first.interruptions, []bool{true, false}) })
	if first.Leads() || !second.Leads() {
		t.Error("the one that came back took the lead from the other")
	}
	// It closes.
	second.ok(second.Close())
	if moved(second) != first {
		t.Error("nobody took over")
	}
	// Its connection breaks, and there is nobody else.
	_, err := cluster.Disconnect(t.Context(), database, "kuplad listen")
	first.ok(err)
	time.Sleep(100 * time.Millisecond)
	if moved(nil) != first {
		t.Error("it does not lead again")
	}
}

// TestInterruption takes the database away from one of two servers.
func TestInterruption(t *testing.T) {
	a, b := pair(t, postgres.Options{})
	ids := numbered("c", 3)
	for _, id := range ids {
		_, err := a.start(store.Request{}, id)
		a.ok(err)
	}
	agree(t, ids, a, b)
	b.proxy.cut()
	b.eventually("interrupted", func() bool { return slices.Equal(b.interruptions, []bool{true}) })
	began := time.Now()
	for range 50 {
		_, err := b.post(ask("b", 1), "c0", "ei mene")
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a change during the interruption: %v", err)
		}
		if _, err := b.Conversation(t.Context(), "c0"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a read during the interruption: %v", err)
		}
	}
	if err := b.Healthy(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("healthy during the interruption: %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("failing took %v", took)
	}
	for i, id := range ids {
		_, err := a.post(ask("a", i), id, "sillä välin")
		a.ok(err)
	}
	_, err := a.leave("c1")
	a.ok(err)
	_, err = a.start(store.Request{}, "new")
	a.ok(err)
	told := make(chan bool, 1)
	b.proxy.mend()
	b.eventually("back", func() bool {
		if len(b.interruptions) != 2 || b.interruptions[1] {
			return false
		}
		// Everything missed was told before it was said to be over.
		c := b.conversations
		told <- c["new"] != nil && c["c1"].after.State == chat.Closed && len(c["c0"].events) == 2
		return true
	})
	if !<-told {
		t.Error("the end of the interruption was told before what was missed")
	}
	agree(t, append(ids, "new"), a, b)
	out, err := b.post(ask("b", 1), "c0", "menee")
	b.ok(err)
	if out.Repeated {
		t.Error("a change that was refused is remembered")
	}
	b.ok(b.Healthy(t.Context()))
	agree(t, ids, a, b)
}
