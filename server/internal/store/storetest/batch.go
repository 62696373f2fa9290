package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

var batchTests = map[string]func(*suite){
	"OneTakerWins":                 oneTakerWins,
	"RefusalLeavesNoTrace":         refusalLeavesNoTrace,
	"PanicLeavesNoTrace":           panicLeavesNoTrace,
	"PoisonFailsAlone":             poisonFailsAlone,
	"CallerGivesUp":                callerGivesUp,
	"QueueCapacityInOneBatch":      queueCapacityInOneBatch,
	"StaffCapacityInOneBatch":      staffCapacityInOneBatch,
	"CountsFollowTheConversations": countsFollowTheConversations,
	"OriginInOneBatch":             originInOneBatch,
	"OneConversationInOneBatch":    oneConversationInOneBatch,
	"CommittedComesFirst":          committedComesFirst,
	"MissingRows":                  missingRows,
	"NowNeverDecreases":            nowNeverDecreases,
	"CloseFinishes":                closeFinishes,
}

var ignorePending = cmpopts.IgnoreUnexported(chat.Conversation{})

func oneTakerWins(s *suite) {
	const takers, rounds = 50, 20
	for _, id := range names("taker", takers) {
		s.staff(id, rounds)
	}
	for _, id := range names("c", rounds) {
		s.start(id, "q")
		var wg sync.WaitGroup
		errs := make([]error, takers)
		for i, taker := range names("taker", takers) {
			wg.Go(func() { _, errs[i] = s.take(request(taker, uint64(i), 1), id, taker) })
		}
		wg.Wait()
		won := 0
		for i, err := range errs {
			switch {
			case err == nil:
				won++
				if leader := s.conversation(id).Leader(); leader.StaffID != names("taker", takers)[i] {
					s.Errorf("%s was told to have won, %s leads", names("taker", takers)[i], leader.StaffID)
				}
			case !refusal(err, chat.AlreadyTaken):
				s.Errorf("a loser was told %v", err)
			}
		}
		if won != 1 {
			s.Fatalf("%d takers won %s", won, id)
		}
	}
}

// changeEverything does all that a change can do.
func changeEverything(w *store.Work) error {
	q := w.Queue("q")
	w.Start(conversation("new", "q", "origin", w.Now, q.NextArrival(w.Now)))
	q.Paused = true
	w.Staff("maita").Availability = store.Away
	w.Staff("maita").Languages[0] = "en"
	w.IssueToken(store.ConversationToken{Hash: [32]byte{9}, ConversationID: "c", ParticipantID: chat.CustomerID})
	w.AddCaseNote(store.CaseNote{ID: "n", ConversationID: "c", Text: "muistiinpano"})
	w.PutCatalogue(store.Catalogue{Data: []byte{1}, Etag: "e"})
	w.SubmitFeedback([32]byte{8}, store.Feedback{QueueID: "q", Language: "fi", Date: "2026-03-02", Answers: []byte{1}})
	return w.Conversation("c").LeaveAsCustomer(w.Now)
}

// unchanged checks that everything is as it was before, also when it is read from the disk.
func (s *suite) unchanged(change func() error) {
	s.Helper()
	before, err := s.Tables()
	s.ok(err)
	conversationBefore := *s.conversation("c").Clone()
	s.heard.take()
	err = change()
	if err == nil {
		s.Fatal("the change was not refused")
	}
	after, err := s.Tables()
	s.ok(err)
	if diff := cmp.Diff(before, after); diff != "" {
		s.Errorf("the refused change wrote (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(&conversationBefore, s.conversation("c"), ignorePending); diff != "" {
		s.Errorf("the refused change can be read (-before +after):\n%s", diff)
	}
	if heard := s.heard.all(); len(heard) > 0 {
		s.Errorf("the refused change was told of: %+v", heard)
	}
	_, err = s.Conversation(s.Context(), "new")
	s.is(err, store.ErrNotFound)
	queues, err := s.Queues(s.Context())
	s.ok(err)
	if len(queues) != 1 || queues[0].Paused {
		s.Errorf("queues %+v", queues)
	}
	// Nor does a later change see it.
	_, err = s.Change(s.Context(), store.Request{}, everything(), func(w *store.Work) error {
		if q := w.Queue("q"); q.Paused || q.Waiting != 1 {
			s.Errorf("a later change sees queue %+v", q)
		}
		if m := w.Staff("maita"); m.Availability != store.Available || m.Languages[0] != "fi" {
			s.Errorf("a later change sees staff %+v", m)
		}
		if n := w.WaitingFromOrigin(); n != 0 {
			s.Errorf("a later change sees %d waiting from the origin", n)
		}
		if w.Catalogue() != nil {
			s.Error("a later change sees a catalogue")
		}
		if c := w.Conversation("c"); c.State != chat.Waiting || len(c.Pending()) > 0 {
			s.Errorf("a later change sees %s with %d pending", c, len(c.Pending()))
		}
		return errors.New("only looking")
	})
	if err == nil || err.Error() != "only looking" {
		s.Fatal(err)
	}
}

func everything() store.Rows {
	return store.Rows{
		Staff: []string{"maita"}, Queues: []string{"q"}, Conversations: []string{"c"}, Origin: "origin", Catalogue: true,
	}
}

func refusalLeavesNoTrace(s *suite) {
	s.staff("maita", 1)
	s.start("c", "q")
	refused := errors.New("refused")
	s.unchanged(func() error {
		_, err := s.Change(s.Context(), request("x", 1, 1), everything(), func(w *store.Work) error {
			s.ok(changeEverything(w))
			return refused
		})
		s.is(err, refused)
		return err
	})
	// It is the change that is good, not the store that wrote nothing.
	_, err := s.Change(s.Context(), request("x", 1, 1), everything(), changeEverything)
	s.ok(err)
	if c := s.conversation("c"); c.State != chat.Closed {
		s.Error("the change that did not refuse was not made")
	}
	s.conversation("new")
}

func panicLeavesNoTrace(s *suite) {
	s.staff("maita", 1)
	s.start("c", "q")
	s.unchanged(func() error {
		results := s.together(
			func() (store.Outcome, error) {
				return s.Change(s.Context(), request("x", 1, 1), everything(), func(w *store.Work) error {
					s.ok(changeEverything(w))
					panic("salaisuus")
				})
			},
			func() (store.Outcome, error) {
				return s.Change(s.Context(), request("x", 2, 1), everything(), func(w *store.Work) error {
					w.Conversation("not named")
					return nil
				})
			},
		)
		for _, r := range results {
			var p *store.PanicError
			if !errors.As(r.err, &p) {
				s.Fatalf("the change that panicked failed with %v", r.err)
			}
			if len(p.Stack) == 0 || r.err.Error() != "store: change panicked with a string" {
				s.Errorf("the error tells %q", r.err)
			}
		}
		return results[0].err
	})
	results := s.together(
		func() (store.Outcome, error) { return s.post(store.Request{}, "c", "ennen") },
		func() (store.Outcome, error) {
			return s.Change(s.Context(), store.Request{}, store.Rows{}, func(*store.Work) error { panic(1) })
		},
		func() (store.Outcome, error) { return s.post(store.Request{}, "c", "jälkeen") },
	)
	s.oneBatch()
	if results[0].err != nil || results[1].err == nil || results[2].err != nil {
		s.Errorf("a panic beside others: %v", results)
	}
	if got := s.texts("c"); !slices.Equal(got, []string{"ennen", "jälkeen"}) {
		s.Errorf("messages %q", got)
	}
}

// poisonFailsAlone has the database reject one change of a batch, at every place in it.
func poisonFailsAlone(s *suite) {
	s.start("taken", "q")
	s.staff("maita", 5)
	_, err := s.take(store.Request{}, "taken", "maita")
	s.ok(err)
	s.close("taken")
	const size = 9
	for at := range size {
		id := fmt.Sprint("c", at)
		s.start(id, "q")
		changes := make([]func() (store.Outcome, error), size)
		for i := range changes {
			changes[i] = func() (store.Outcome, error) { return s.post(request(id, uint64(i+1), 1), id, strconv.Itoa(i)) }
		}
		changes[at] = func() (store.Outcome, error) { return s.tryStart(request(id, 99, 1), "taken", "q", 0) }
		var want []string
		for i, r := range s.together(changes...) {
			if i == at {
				if r.err == nil || errors.Is(r.err, store.ErrUnavailable) {
					s.Errorf("an id that is taken was started again: %v", r.err)
				}
				continue
			}
			s.ok(r.err)
			want = append(want, strconv.Itoa(i))
		}
		if got := s.texts(id); !slices.Equal(got, want) {
			s.Errorf("poison at %d: messages %q, want %q", at, got, want)
		}
		if got := told(s.heard.all()); !slices.Equal(got, want) {
			s.Errorf("poison at %d: told of %q, want %q", at, got, want)
		}
	}
}

// told are the messages among what was committed.
func told(committed []store.Committed) []string {
	var texts []string
	for _, c := range committed {
		for _, change := range c.Conversations {
			for _, e := range change.Events {
				if m, ok := e.Kind.(chat.MessagePosted); ok {
					texts = append(texts, m.Text)
				}
			}
		}
	}
	return texts
}

func callerGivesUp(s *suite) {
	s.start("c", "q")
	gone, cancel := context.WithCancel(s.Context())
	cancel()
	_, err := s.Change(gone, store.Request{}, store.Rows{}, func(*store.Work) error {
		s.Error("the change of a caller who was gone ran")
		return nil
	})
	s.is(err, context.Canceled)

	// Before it starts.
	release := make(chan struct{})
	started := make(chan error, 1)
	inside, leave := context.WithCancel(s.Context())
	running := make(chan struct{})
	go func() {
		_, err := s.Change(inside, request("x", 1, 1), store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
			close(running)
			<-release
			return w.Conversation("c").Post(chat.CustomerID, "kesken", w.Now)
		})
		started <- err
	}()
	<-running
	waiting, stop := context.WithCancel(s.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := s.Change(waiting, request("x", 2, 1), store.Rows{Conversations: []string{"c"}}, func(*store.Work) error {
			s.Error("a change that was taken back ran")
			return nil
		})
		gaveUp <- err
	}()
	s.reached(2)
	stop()
	s.is(<-gaveUp, context.Canceled)

	// After: it goes on, and its request is answered.
	leave()
	s.is(<-started, context.Canceled)
	close(release)
	out, err := s.post(request("x", 1, 1), "c", "kesken")
	s.ok(err)
	if !out.Repeated || out.Sequence != 2 {
		s.Errorf("the change that had started: %+v", out)
	}
	out, err = s.post(request("x", 2, 1), "c", "uudelleen")
	s.ok(err)
	if out.Repeated {
		s.Error("the change that was taken back is remembered")
	}
	if got := s.texts("c"); !slices.Equal(got, []string{"kesken", "uudelleen"}) {
		s.Errorf("messages %q", got)
	}
}

func queueCapacityInOneBatch(s *suite) {
	const capacity = 10
	s.start("first", "q")
	var changes []func() (store.Outcome, error)
	for _, id := range names("c", 50) {
		changes = append(changes, func() (store.Outcome, error) { return s.tryStart(request(id, 1, 1), id, "q", capacity) })
	}
	began := 1
	for _, r := range s.together(changes...) {
		if r.err == nil {
			began++
		} else {
			s.is(r.err, errFull)
		}
	}
	s.oneBatch()
	if began != capacity {
		s.Errorf("%d wait, the capacity is %d", began, capacity)
	}
	// A place that becomes free in a batch is free for those after it, and for one only.
	results := s.together(
		func() (store.Outcome, error) { return s.tryStart(store.Request{}, "too early", "q", capacity) },
		func() (store.Outcome, error) {
			return s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{"first"}},
				func(w *store.Work) error { return w.Conversation("first").LeaveAsCustomer(w.Now) })
		},
		func() (store.Outcome, error) { return s.tryStart(store.Request{}, "in time", "q", capacity) },
		func() (store.Outcome, error) { return s.tryStart(store.Request{}, "too late", "q", capacity) },
	)
	if results[1].err != nil || results[2].err != nil || !errors.Is(results[0].err, errFull) || !errors.Is(results[3].err, errFull) {
		s.Errorf("around a place that became free: %v", results)
	}
	s.reopen()
	_, err := s.tryStart(store.Request{}, "after reopening", "q", capacity)
	s.is(err, errFull)
}

func staffCapacityInOneBatch(s *suite) {
	s.staff("maita", 3)
	s.staff("pekka", 3)
	ids := names("c", 10)
	for _, id := range ids {
		s.start(id, "q")
	}
	var changes []func() (store.Outcome, error)
	for _, id := range ids {
		changes = append(changes, func() (store.Outcome, error) { return s.take(store.Request{}, id, "maita") })
	}
	for i, r := range s.together(changes...) {
		if want := i < 3; (r.err == nil) != want {
			s.Errorf("take %d: %v", i, r.err)
		}
		if i >= 3 {
			s.is(r.err, errCapacity)
		}
	}
	s.close(ids[0])
	_, err := s.take(store.Request{}, ids[3], "maita")
	s.ok(err)
	_, err = s.take(store.Request{}, ids[4], "maita")
	s.is(err, errCapacity)
	s.reopen()
	_, err = s.take(store.Request{}, ids[4], "maita")
	s.is(err, errCapacity)
	_, err = s.take(store.Request{}, ids[4], "pekka")
	s.ok(err)
}

// countsFollowTheConversations moves one conversation through every state and compares what changes see.
func countsFollowTheConversations(s *suite) {
	s.staff("maita", 9)
	s.staff("pekka", 9)
	rows := store.Rows{
		Staff: []string{"maita", "pekka"}, Queues: []string{"p", "q"}, Conversations: []string{"c"}, Origin: "o",
	}
	_, err := s.Change(s.Context(), store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		w.Start(conversation("c", "q", "o", w.Now, w.Queue("q").NextArrival(w.Now)))
		return nil
	})
	s.ok(err)
	agreed := chat.TransferRules{Allowed: true}
	for _, step := range []struct {
		name                string
		do                  func(c *chat.Conversation, now time.Time) error
		q, p, origin        int
		maita, pekka, state int
	}{
		{"start", func(*chat.Conversation, time.Time) error { return nil }, 1, 0, 1, 0, 0, 1},
		{"take", func(c *chat.Conversation, now time.Time) error {
			return c.Take(chat.Staff{ID: "maita", DisplayName: "Maita"}, now)
		}, 0, 0, 0, 1, 0, 2},
		{"invite", func(c *chat.Conversation, now time.Time) error {
			return c.Invite("professional-1", chat.Staff{ID: "pekka", DisplayName: "Pekka"}, now)
		}, 0, 0, 0, 1, 1, 2},
		{"transfer", func(c *chat.Conversation, now time.Time) error {
			return c.TransferToQueue("professional-1", "p", agreed, now)
		}, 0, 1, 1, 0, 0, 1},
		{"take again", func(c *chat.Conversation, now time.Time) error {
			return c.Take(chat.Staff{ID: "pekka", DisplayName: "Pekka"}, now)
		}, 0, 0, 0, 0, 1, 2},
		{"return", func(c *chat.Conversation, now time.Time) error {
			return c.Return("professional-3", now)
		}, 0, 1, 1, 0, 0, 1},
		{"leave", func(c *chat.Conversation, now time.Time) error { return c.LeaveAsCustomer(now) }, 0, 0, 0, 0, 0, 3},
	} {
		_, err := s.Change(s.Context(), store.Request{}, rows, func(w *store.Work) error {
			return step.do(w.Conversation("c"), w.Now)
		})
		s.ok(err)
		for range 2 {
			_, err = s.Change(s.Context(), store.Request{}, rows, func(w *store.Work) error {
				got := []int{
					w.Queue("q").Waiting, w.Queue("p").Waiting, w.WaitingFromOrigin(),
					w.Staff("maita").Conversations, w.Staff("pekka").Conversations, int(w.Conversation("c").State),
				}
				want := []int{step.q, step.p, step.origin, step.maita, step.pekka, step.state}
				if !slices.Equal(got, want) {
					s.Errorf("after %s: q, p, origin, maita, pekka, state are %v, want %v", step.name, got, want)
				}
				return nil
			})
			s.ok(err)
			s.reopen()
		}
	}
	open, err := s.OpenConversations(s.Context())
	s.ok(err)
	if len(open) != 0 {
		s.Errorf("open: %v", open)
	}
}

func originInOneBatch(s *suite) {
	limited := errors.New("limited")
	start := func(id, origin string) func() (store.Outcome, error) {
		return func() (store.Outcome, error) {
			return s.Change(s.Context(), store.Request{}, store.Rows{Queues: []string{"q"}, Origin: origin}, func(w *store.Work) error {
				if w.WaitingFromOrigin() >= 2 {
					return limited
				}
				w.Start(conversation(id, "q", origin, w.Now, w.Queue("q").NextArrival(w.Now)))
				return nil
			})
		}
	}
	results := s.together(start("a", "x"), start("b", "y"), start("c", "x"), start("d", "x"), start("e", "y"))
	s.oneBatch()
	for i, r := range results {
		if (i == 3) != errors.Is(r.err, limited) {
			s.Errorf("start %d: %v", i, r.err)
		}
	}
}

// oneConversationInOneBatch has several changes of a batch change one conversation: each sees the ones
// before, and each is told of by itself.
func oneConversationInOneBatch(s *suite) {
	s.start("c", "q")
	heard := s.heard.all()
	s.staff("maita", 1)
	first := heard[len(heard)-1].Conversations[0].After
	kept := *first.Clone()
	var changes []func() (store.Outcome, error)
	for i := range 5 {
		changes = append(changes, func() (store.Outcome, error) { return s.post(request("x", uint64(i+1), 1), "c", strconv.Itoa(i)) })
	}
	changes = slices.Insert(changes, 2, func() (store.Outcome, error) { return s.take(store.Request{}, "c", "maita") })
	for i, r := range s.together(changes...) {
		s.ok(r.err)
		if r.Sequence != int32(i+2) {
			s.Errorf("change %d wrote event %d", i, r.Sequence)
		}
	}
	told := s.oneBatch()
	if len(told) != len(changes) {
		s.Fatalf("told of %d changes, want %d", len(told), len(changes))
	}
	before := first
	var version int64
	for i, c := range told {
		change := c.Conversations[0]
		if change.Before != before {
			s.Errorf("change %d: Before is not After of the one before it", i)
		}
		if i > 0 && change.Version <= version {
			s.Errorf("change %d has version %d, after %d", i, change.Version, version)
		}
		if len(change.Events) != 1 || change.Events[0].Sequence != int32(i+2) || change.After.LastSequence != int32(i+2) {
			s.Errorf("change %d: events %+v, last sequence %d", i, change.Events, change.After.LastSequence)
		}
		before, version = change.After, change.Version
	}
	if got := s.conversation("c"); got != before {
		if diff := cmp.Diff(before, got, ignorePending); diff != "" {
			s.Errorf("read after the batch (-told +read):\n%s", diff)
		}
	}
	if diff := cmp.Diff(&kept, first, ignorePending); diff != "" {
		s.Errorf("what was read before has changed since (-before +after):\n%s", diff)
	}
}

// committedComesFirst checks that whoever is answered finds that everybody was told, and that what they
// were told can be read.
func committedComesFirst(s *suite) {
	s.start("c", "q")
	s.heard.take()
	_, err := s.post(store.Request{}, "c", "hei")
	s.ok(err)
	told := s.heard.all()
	if len(told) != 1 || len(told[0].Conversations) != 1 {
		s.Fatalf("told %+v", told)
	}
	change := told[0].Conversations[0]
	events, err := s.Events(s.Context(), "c", 1, 10)
	s.ok(err)
	if diff := cmp.Diff(change.Events, events); diff != "" {
		s.Errorf("(-told +read):\n%s", diff)
	}
	if diff := cmp.Diff(change.After, s.conversation("c"), ignorePending); diff != "" {
		s.Errorf("(-told +read):\n%s", diff)
	}
	if change.After.Changed() || len(change.After.Pending()) > 0 {
		s.Error("what is shared has something pending")
	}

	s.staff("maita", 1)
	s.heard.take()
	_, err = s.Change(s.Context(), store.Request{}, everything(), changeEverything)
	s.ok(err)
	told = s.heard.all()
	if len(told) != 1 {
		s.Fatalf("told of %d changes", len(told))
	}
	got := told[0]
	if len(got.Conversations) != 2 || got.Conversations[0].After.ID != "c" || got.Conversations[1].After.ID != "new" ||
		got.Conversations[1].Before != nil || got.Conversations[1].Version == 0 {
		s.Errorf("told conversations %+v", got.Conversations)
	}
	if len(got.Queues) != 1 || !got.Queues[0].Paused || got.Queues[0].Waiting != 1 {
		s.Errorf("told queues %+v", got.Queues)
	}
	if len(got.Staff) != 1 || got.Staff[0].Availability != store.Away {
		s.Errorf("told staff %+v", got.Staff)
	}
	if got.Catalogue == nil || got.Catalogue.Etag != "e" {
		s.Errorf("told catalogue %+v", got.Catalogue)
	}
	if len(got.Contacts) != 1 || got.Contacts[0].ConversationID != "c" {
		s.Errorf("told contacts %+v", got.Contacts)
	}

	// What changes nothing is told to nobody.
	_, err = s.Change(s.Context(), request("x", 1, 1), everything(), func(w *store.Work) error {
		w.Conversation("c")
		w.Queue("q")
		w.Staff("maita")
		return nil
	})
	s.ok(err)
	if told := s.heard.all(); len(told) > 0 {
		s.Errorf("told of nothing: %+v", told)
	}
}

func missingRows(s *suite) {
	s.staff("maita", 1)
	run := func(rows store.Rows) (ran bool, err error) {
		_, err = s.Change(s.Context(), store.Request{}, rows, func(*store.Work) error { ran = true; return nil })
		return ran, err
	}
	for _, rows := range []store.Rows{{Conversations: []string{"missing"}}, {Staff: []string{"maita", "missing"}}} {
		ran, err := run(rows)
		s.is(err, store.ErrNotFound)
		if ran {
			s.Errorf("the change ran without %+v", rows)
		}
	}
	_, err := s.Conversation(s.Context(), "missing")
	s.is(err, store.ErrNotFound)
	_, err = s.Staff(s.Context(), "missing")
	s.is(err, store.ErrNotFound)
	_, err = s.Catalogue(s.Context())
	s.is(err, store.ErrNotFound)
	events, err := s.Events(s.Context(), "missing", 0, 10)
	if err != nil || len(events) > 0 {
		s.Errorf("events of no conversation: %v, %v", events, err)
	}
	// A queue that was never used is one that nobody waits in.
	_, err = s.Change(s.Context(), store.Request{}, store.Rows{Queues: []string{"new"}, Catalogue: true}, func(w *store.Work) error {
		if *w.Queue("new") != (store.Queue{ID: "new"}) {
			s.Errorf("a queue that was never used: %+v", w.Queue("new"))
		}
		if w.Catalogue() != nil {
			s.Error("there is a catalogue")
		}
		return nil
	})
	s.ok(err)
	queues, err := s.Queues(s.Context())
	s.ok(err)
	if len(queues) > 0 {
		s.Errorf("queues %+v", queues)
	}
}

func nowNeverDecreases(s *suite) {
	s.ok(s.Close())
	seconds := []int{0, 5, 3, 3, 9, 1}
	i := 0
	start := s.time()
	s.now = func() time.Time {
		at := start.Add(time.Duration(seconds[min(i, len(seconds)-1)]) * time.Second)
		i++
		return at
	}
	s.open()
	var last time.Time
	look := func() (store.Outcome, error) {
		return s.Change(s.Context(), store.Request{}, store.Rows{}, func(w *store.Work) error {
			if w.Now.Before(last) {
				s.Errorf("now is %v, after %v", w.Now, last)
			}
			if w.Now.Location() != time.UTC || !w.Now.Equal(w.Now.Truncate(time.Microsecond)) {
				s.Errorf("now is %v, want UTC to the microsecond", w.Now)
			}
			last = w.Now
			return nil
		})
	}
	for range seconds {
		_, err := look()
		s.ok(err)
	}
	s.together(look, look)
	if !last.Equal(start.Add(9 * time.Second)) {
		s.Errorf("the last now is %v after the first", last.Sub(start))
	}
}

func closeFinishes(s *suite) {
	s.start("c", "q")
	release := s.busy(nil)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := s.post(store.Request{}, "c", strconv.Itoa(i)); err != nil {
				s.Errorf("accepted before the close: %v", err)
			}
		})
	}
	s.reached(21)
	wg.Go(func() { s.ok(s.Close()) })
	err := context.DeadlineExceeded
	for errors.Is(err, context.DeadlineExceeded) { // The close has not begun yet.
		ctx, cancel := context.WithTimeout(s.Context(), 10*time.Millisecond)
		_, err = s.Change(ctx, store.Request{}, store.Rows{Conversations: []string{"c"}}, func(*store.Work) error {
			s.Error("a change that came after the close ran")
			return nil
		})
		cancel()
	}
	s.is(err, store.ErrClosed)
	release()
	wg.Wait()
	_, err = s.Conversation(s.Context(), "c")
	s.is(err, store.ErrClosed)
	_, err = s.Events(s.Context(), "c", 0, 1)
	s.is(err, store.ErrClosed)
	_, err = s.AllStaff(s.Context())
	s.is(err, store.ErrClosed)
	s.is(s.Healthy(s.Context()), store.ErrClosed)
	s.ok(s.Close())
	s.open()
	if got := s.texts("c"); len(got) != 20 {
		s.Errorf("%d messages, want 20", len(got))
	}
}
