package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

var requestsTests = map[string]func(*suite){
	"RequestOnEvent":              requestOnEvent,
	"RequestThatStarts":           requestThatStarts,
	"RequestThatIsGlobal":         requestThatIsGlobal,
	"RequestWithoutEvent":         requestWithoutEvent,
	"RequestWithRef":              requestWithRef,
	"RequestOnSecondConversation": requestOnSecondConversation,
	"RequestRefused":              requestRefused,
	"RequestOfAnotherCaller":      requestOfAnotherCaller,
	"RequestTwiceInOneBatch":      requestTwiceInOneBatch,
	"RequestAcrossKinds":          requestAcrossKinds,
	"RequestNotRemembered":        requestNotRemembered,
	"RequestOfUnknownOutcome":     requestOfUnknownOutcome,
	"RequestWithClockSetBack":     requestWithClockSetBack,
}

// repeats asks again in every way there is, and after a restart, and wants the first answer.
func (s *suite) repeats(
	first store.Outcome, conversationID string, again func(content uint64) (store.Outcome, error), req store.Request,
) {
	s.Helper()
	for range 2 {
		out, err := again(1)
		s.ok(err)
		if !out.Repeated || out.Result != first.Result {
			s.Fatalf("asked again: %+v, want %+v repeated", out, first.Result)
		}
		_, err = again(2)
		s.is(err, store.ErrRequestIDReused)

		found, err := s.Lookup(s.Context(), req, conversationID)
		s.ok(err)
		if found != first.Result {
			s.Fatalf("looked up: %+v, want %+v", found, first.Result)
		}
		other := req
		other.Fingerprint[0]++
		_, err = s.Lookup(s.Context(), other, conversationID)
		s.is(err, store.ErrRequestIDReused)
		other = req
		other.ID[0]++
		_, err = s.Lookup(s.Context(), other, conversationID)
		s.is(err, store.ErrNotFound)
		s.reopen()
	}
}

func requestOnEvent(s *suite) {
	s.start("c", "q")
	post := func(content uint64) (store.Outcome, error) {
		return s.post(request("customer", 1, content), "c", "hei")
	}
	out, err := post(1)
	s.ok(err)
	want := store.Result{ConversationID: "c", Sequence: 2, Time: s.conversation("c").LastEventTime}
	if out.Repeated || out.Result != want {
		s.Fatalf("first answer %+v, want %+v", out, want)
	}
	s.repeats(out, "c", post, request("customer", 1, 1))
	if n := len(s.texts("c")); n != 1 {
		s.Errorf("the message is there %d times", n)
	}
}

func requestThatStarts(s *suite) {
	n := 0
	start := func(content uint64) (store.Outcome, error) {
		n++
		return s.tryStart(request("start", 1, content), fmt.Sprint("c", n), "q", 0)
	}
	out, err := start(1)
	s.ok(err)
	if want := (store.Result{ConversationID: "c1", Sequence: 1, Time: out.Time}); out.Result != want || out.Time.IsZero() {
		s.Fatalf("first answer %+v, want %+v", out, want)
	}
	s.repeats(out, "", start, request("start", 1, 1))
	open, err := s.OpenConversations(s.Context())
	s.ok(err)
	if len(open) != 1 {
		s.Errorf("%d conversations were begun", len(open))
	}
}

// requestThatIsGlobal is how whoever is next is taken: candidates are tried one after the other under one
// request, and its repeat comes while another is next.
func requestThatIsGlobal(s *suite) {
	s.staff("maita", 5)
	for _, id := range []string{"a", "b", "c"} {
		s.start(id, "q")
	}
	_, err := s.take(store.Request{}, "a", "maita")
	s.ok(err)
	req := request("maita", 1, 1)
	req.Global = true
	_, err = s.take(req, "a", "maita")
	if !refusal(err, chat.AlreadyTaken) {
		s.Fatalf("took what was taken: %v", err)
	}
	out, err := s.take(req, "b", "maita")
	s.ok(err)
	if out.Repeated || out.ConversationID != "b" || out.Sequence != 2 {
		s.Fatalf("first answer %+v", out)
	}
	s.repeats(out, "", func(content uint64) (store.Outcome, error) {
		again := request("maita", 1, content)
		again.Global = true
		return s.take(again, "c", "maita")
	}, req)
	if s.conversation("c").State != chat.Waiting {
		s.Error("the repeat took another conversation")
	}
}

func requestWithoutEvent(s *suite) {
	s.start("c", "q")
	note := func(content uint64) (store.Outcome, error) {
		return s.Change(s.Context(), request("maita", 1, content), store.Rows{Conversations: []string{"c"}},
			func(w *store.Work) error {
				w.AddCaseNote(store.CaseNote{ID: fmt.Sprint("note ", content), ConversationID: "c", Text: "soita takaisin"})
				w.Remember("c", "note 1")
				return nil
			})
	}
	out, err := note(1)
	s.ok(err)
	want := store.Result{ConversationID: "c", Ref: "note 1", Time: out.Time}
	if out.Repeated || out.Result != want || out.Time.IsZero() {
		s.Fatalf("first answer %+v, want %+v", out, want)
	}
	s.repeats(out, "c", note, request("maita", 1, 1))
	notes, err := s.CaseNotes(s.Context(), "c", 0, 10)
	s.ok(err)
	if len(notes) != 1 {
		s.Errorf("the note is there %d times", len(notes))
	}
}

// requestWithRef writes an event and makes something else too: both are remembered.
func requestWithRef(s *suite) {
	s.start("c", "q")
	both := func(content uint64) (store.Outcome, error) {
		return s.Change(s.Context(), request("maita", 1, content), store.Rows{Conversations: []string{"c"}},
			func(w *store.Work) error {
				w.AddCaseNote(store.CaseNote{ID: "n", ConversationID: "c", Text: "siirretty"})
				w.Remember("c", "n")
				return w.Conversation("c").Post(chat.CustomerID, "hei", w.Now)
			})
	}
	out, err := both(1)
	s.ok(err)
	if want := (store.Result{ConversationID: "c", Sequence: 2, Ref: "n", Time: out.Time}); out.Result != want {
		s.Fatalf("first answer %+v, want %+v", out, want)
	}
	s.repeats(out, "c", both, request("maita", 1, 1))
}

// requestOnSecondConversation names two conversations and writes to the second only.
func requestOnSecondConversation(s *suite) {
	s.start("a", "q")
	s.start("b", "q")
	post := func(content uint64) (store.Outcome, error) {
		return s.Change(s.Context(), request("x", 1, content), store.Rows{Conversations: []string{"a", "b"}},
			func(w *store.Work) error { return w.Conversation("b").Post(chat.CustomerID, "hei", w.Now) })
	}
	out, err := post(1)
	s.ok(err)
	if out.ConversationID != "b" || out.Sequence != 2 {
		s.Fatalf("first answer %+v", out)
	}
	s.repeats(out, "b", post, request("x", 1, 1))
	if c := s.conversation("a"); c.LastSequence != 1 {
		s.Error("the first conversation was written to")
	}
}

func requestRefused(s *suite) {
	s.start("c", "q")
	req := request("customer", 1, 1)
	refused := errors.New("refused")
	_, err := s.Change(s.Context(), req, store.Rows{Conversations: []string{"c"}}, func(*store.Work) error { return refused })
	s.is(err, refused)
	_, err = s.Lookup(s.Context(), req, "c")
	s.is(err, store.ErrNotFound)
	// With other content even: a refusal leaves nothing behind.
	out, err := s.post(request("customer", 1, 2), "c", "hei")
	s.ok(err)
	if out.Repeated || out.Sequence != 2 {
		s.Errorf("after a refusal: %+v", out)
	}
}

func requestOfAnotherCaller(s *suite) {
	s.start("c", "q")
	for i, caller := range []string{"a", "b", ""} {
		out, err := s.post(request(caller, 1, uint64(i)), "c", caller)
		s.ok(err)
		if out.Repeated {
			s.Errorf("caller %q was answered for another", caller)
		}
		out, err = s.tryStart(request(caller, 2, uint64(i)), "started by "+caller, "q", 0)
		s.ok(err)
		if out.Repeated {
			s.Errorf("the start of caller %q was answered for another", caller)
		}
	}
	if got := s.texts("c"); len(got) != 3 {
		s.Errorf("messages %q", got)
	}
}

func requestTwiceInOneBatch(s *suite) {
	s.start("c", "q")
	var changes []func() (store.Outcome, error)
	for i := range 10 {
		changes = append(changes,
			func() (store.Outcome, error) { return s.post(request("customer", 1, 1), "c", "hei") },
			func() (store.Outcome, error) { return s.tryStart(request("start", 1, 1), fmt.Sprint("new", i), "q", 0) })
	}
	changes = append(changes,
		func() (store.Outcome, error) { return s.post(request("customer", 1, 2), "c", "jotain muuta") },
		func() (store.Outcome, error) { return s.tryStart(request("start", 1, 2), "other", "q", 0) })
	results := s.together(changes...)
	s.oneBatch()
	for i, r := range results[:20] {
		s.ok(r.err)
		if r.Repeated != (i >= 2) || r.Result != results[i%2].Result {
			s.Errorf("change %d: %+v, the first was %+v", i, r.Outcome, results[i%2].Outcome)
		}
	}
	s.is(results[20].err, store.ErrRequestIDReused)
	s.is(results[21].err, store.ErrRequestIDReused)
	if got := s.texts("c"); len(got) != 1 {
		s.Errorf("messages %q", got)
	}
	open, err := s.OpenConversations(s.Context())
	s.ok(err)
	if len(open) != 2 {
		s.Errorf("%d conversations are open, want 2", len(open))
	}
}

// requestAcrossKinds uses an id again for something of another kind: in one conversation it is found, however
// it is remembered there.
func requestAcrossKinds(s *suite) {
	s.start("c", "q")
	note := func(w *store.Work) error {
		w.AddCaseNote(store.CaseNote{ID: "n", ConversationID: "c"})
		return nil
	}
	rows := store.Rows{Conversations: []string{"c"}}
	_, err := s.post(request("x", 1, 1), "c", "hei")
	s.ok(err)
	_, err = s.Change(s.Context(), request("x", 2, 1), rows, note)
	s.ok(err)
	_, err = s.Change(s.Context(), request("x", 1, 2), rows, note)
	s.is(err, store.ErrRequestIDReused)
	_, err = s.post(request("x", 2, 2), "c", "hei")
	s.is(err, store.ErrRequestIDReused)
	// The same among those that name none.
	_, err = s.tryStart(request("x", 3, 1), "d", "q", 0)
	s.ok(err)
	_, err = s.Change(s.Context(), request("x", 3, 2), store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		w.Queue("q").Paused = true
		return nil
	})
	s.is(err, store.ErrRequestIDReused)
}

// requestNotRemembered has no id, as a sweep's.
func requestNotRemembered(s *suite) {
	s.start("c", "q")
	for range 3 {
		out, err := s.post(store.Request{}, "c", "hei")
		s.ok(err)
		if out.Repeated {
			s.Error("a request without an id was remembered")
		}
	}
	_, err := s.Lookup(s.Context(), store.Request{}, "c")
	s.is(err, store.ErrNotFound)
	if got := s.texts("c"); len(got) != 3 {
		s.Errorf("messages %q", got)
	}
}

// requestOfUnknownOutcome loses the answers of commits that were applied, and of those that were not. The
// repeat settles both.
func requestOfUnknownOutcome(s *suite) {
	s.start("c", "q")
	var want []string
	for i, applied := range []bool{true, false, true} {
		text := fmt.Sprint("viesti ", i)
		want = append(want, text)
		s.LoseCommits(s.Store, 1, applied)
		post := func() (store.Outcome, error) { return s.post(request("customer", uint64(i+1), 1), "c", text) }
		for _, r := range s.together(
			post,
			func() (store.Outcome, error) { return s.post(store.Request{}, "missing", "") },
		) {
			// A refusal too: it might rest on what was not committed.
			s.is(r.err, store.ErrUnavailable)
		}
		out, err := post()
		s.ok(err)
		if out.Repeated != applied || out.Sequence != int32(i+2) {
			s.Errorf("asked again, applied %v: %+v", applied, out)
		}
	}
	got := s.texts("c")
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("messages %q, want %q", got, want)
	}
	if c := s.conversation("c"); c.LastSequence != 4 {
		s.Errorf("last sequence %d, want 4", c.LastSequence)
	}
	s.pass(time.Second)
	s.ok(s.Healthy(s.Context()))
}

// requestWithClockSetBack answers a repeat with the first answer's time when the log was ahead of the clock.
func requestWithClockSetBack(s *suite) {
	s.start("c", "q")
	s.ok(s.Close())
	s.now = func() time.Time { return s.time().Add(-time.Hour) }
	s.open()
	post := func(content uint64) (store.Outcome, error) { return s.post(request("x", 1, content), "c", "hei") }
	out, err := post(1)
	s.ok(err)
	if at := s.conversation("c").LastEventTime; !out.Time.Equal(at) {
		s.Errorf("answered at %v, the event is of %v", out.Time, at)
	}
	s.repeats(out, "c", post, request("x", 1, 1))
}
