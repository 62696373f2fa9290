package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

var rowsTests = map[string]func(*suite){
	"CaseNotes":            caseNotes,
	"Contacts":             contacts,
	"ConversationTokens":   conversationTokens,
	"StaffTokens":          staffTokens,
	"StaffProfile":         staffProfile,
	"QueueState":           queueState,
	"Catalogue":            catalogue,
	"Seen":                 seen,
	"Secrets":              secrets,
	"Healthy":              healthy,
	"Feedback":             feedback,
	"FeedbackTokenOnce":    feedbackTokenOnce,
	"FeedbackLeadsNowhere": feedbackLeadsNowhere,
}

func caseNotes(s *suite) {
	s.start("c", "q")
	s.start("d", "q")
	at := s.time().UTC().Truncate(time.Microsecond)
	note := func(conversation, id string) store.CaseNote {
		return store.CaseNote{
			ID: id, ConversationID: conversation, StaffID: "maita", DisplayName: "Maita", Text: "teksti " + id, Time: at,
		}
	}
	var want []store.CaseNote
	for i := range 6 {
		id := []string{"c", "d"}[i%2]
		n := note(id, fmt.Sprint("n", i))
		_, err := s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
			w.AddCaseNote(n)
			return nil
		})
		s.ok(err)
		if id == "c" {
			want = append(want, n)
		}
	}
	for range 2 {
		got, err := s.CaseNotes(s.Context(), "c", 0, 10)
		s.ok(err)
		if len(got) != 3 {
			s.Fatalf("%d notes", len(got))
		}
		for i := range got {
			want[i].Number = got[i].Number
			if i > 0 && got[i].Number <= got[i-1].Number {
				s.Errorf("note %d has number %d, after %d", i, got[i].Number, got[i-1].Number)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("(-want +got):\n%s", diff)
		}
		page, err := s.CaseNotes(s.Context(), "c", got[0].Number, 1)
		s.ok(err)
		if len(page) != 1 || page[0].ID != "n2" {
			s.Errorf("the page after the first: %+v", page)
		}
		s.reopen()
	}
	none, err := s.CaseNotes(s.Context(), "missing", 0, 10)
	if err != nil || len(none) > 0 {
		s.Errorf("notes of no conversation: %v, %v", none, err)
	}
	// For a conversation that the change has not locked, its place among the notes would be anybody's.
	_, err = s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
		w.AddCaseNote(note("d", "n"))
		return nil
	})
	if err == nil {
		s.Error("a note was added to a conversation that the change did not name")
	}
}

func contacts(s *suite) {
	s.staff("maita", 100)
	open := s.time()
	var want []store.Contact
	for _, id := range names("c", 12) {
		s.pass(time.Minute)
		s.start(id, "q")
		if id == "c-005" {
			_, err := s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{id}},
				func(w *store.Work) error { return w.Conversation(id).LeaveAsCustomer(w.Now) })
			s.ok(err)
			continue
		}
		_, err := s.take(store.Request{}, id, "maita")
		s.ok(err)
		s.pass(time.Minute)
		s.close(id)
		c := s.conversation(id)
		want = append(want, store.Contact{
			ConversationID: id, QueueID: "q", Language: "fi", CreateTime: c.CreateTime, TakeTime: c.TakeTime,
			CloseTime: c.CloseTime, CloseReason: chat.Completed,
		})
	}
	s.start("other", "p")
	_, err := s.take(store.Request{}, "other", "maita")
	s.ok(err)
	s.close("other")
	s.start("still waiting", "q")

	slices.Reverse(want)
	for range 2 {
		got, err := s.Contacts(s.Context(), "q", 100)
		s.ok(err)
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("(-want +got):\n%s", diff)
		}
		got, err = s.Contacts(s.Context(), "q", 3)
		s.ok(err)
		if diff := cmp.Diff(want[:3], got); diff != "" {
			s.Errorf("the latest three (-want +got):\n%s", diff)
		}
		counts, err := s.ClosedCounts(s.Context(), open, s.time().Add(time.Hour))
		s.ok(err)
		if diff := cmp.Diff(map[string]int{"q": 12, "p": 1}, counts); diff != "" {
			s.Errorf("closed (-want +got):\n%s", diff)
		}
		// The start is in it, the end is not.
		counts, err = s.ClosedCounts(s.Context(), want[3].CloseTime, want[1].CloseTime)
		s.ok(err)
		if counts["q"] != 2 {
			s.Errorf("closed between two closes: %v", counts)
		}
		s.reopen()
	}
	// What is closed stays so: a read mark makes no second contact.
	s.heard.take()
	_, err = s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{"c-000"}}, func(w *store.Work) error {
		c := w.Conversation("c-000")
		_, err := c.MarkRead(c.Customer(), 1)
		return err
	})
	s.ok(err)
	for _, c := range s.heard.all() {
		if len(c.Contacts) > 0 {
			s.Error("a read mark finished a contact")
		}
	}
}

func conversationTokens(s *suite) {
	at := s.time().UTC().Truncate(time.Microsecond)
	first := store.ConversationToken{Hash: [32]byte{1}, ConversationID: "c", ParticipantID: chat.CustomerID, CreateTime: at}
	second := store.ConversationToken{Hash: [32]byte{2}, ConversationID: "c", ParticipantID: chat.CustomerID, CreateTime: at}
	_, err := s.Change(s.Context(), store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		w.Start(conversation("c", "q", "", w.Now, w.Queue("q").NextArrival(w.Now)))
		w.IssueToken(first)
		return nil
	})
	s.ok(err)
	_, err = s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
		w.IssueToken(second)
		return nil
	})
	s.ok(err)
	for range 2 {
		for _, want := range []store.ConversationToken{first, second} {
			for range 2 {
				got, err := s.ConversationToken(s.Context(), want.Hash)
				s.ok(err)
				if got != want {
					s.Errorf("got %+v, want %+v", got, want)
				}
			}
		}
		_, err = s.ConversationToken(s.Context(), [32]byte{3})
		s.is(err, store.ErrNotFound)
		s.reopen()
	}
	_, err = s.Change(s.Context(), store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		w.IssueToken(store.ConversationToken{Hash: [32]byte{4}, ConversationID: "c"})
		return nil
	})
	if err == nil {
		s.Error("a token was issued for a conversation that the change did not name")
	}
	_, err = s.ConversationToken(s.Context(), [32]byte{4})
	s.is(err, store.ErrNotFound)
}

func staffTokens(s *suite) {
	at := s.time().UTC().Truncate(time.Microsecond)
	token := store.StaffToken{
		Hash: [32]byte{1}, ID: "t1", Label: "työpöytä", StaffID: "maita", Roles: []store.Role{store.RoleProfessional},
		CreateTime: at, ExpireTime: at.Add(time.Hour),
	}
	s.is(s.PutStaffToken(s.Context(), token), store.ErrNotFound)
	s.staff("maita", 1)
	s.ok(s.PutStaffToken(s.Context(), token))
	older := store.StaffToken{Hash: [32]byte{2}, ID: "t2", StaffID: "maita", CreateTime: at.Add(-time.Hour)}
	s.ok(s.PutStaffToken(s.Context(), older))
	_, err := s.StaffToken(s.Context(), [32]byte{9})
	s.is(err, store.ErrNotFound)

	stolen := store.StaffToken{Hash: [32]byte{1}, ID: "t3", StaffID: "maita", CreateTime: at}
	s.is(s.PutStaffToken(s.Context(), stolen), store.ErrConflict)

	token.RevokeTime = at.Add(time.Minute)
	s.ok(s.PutStaffToken(s.Context(), token))
	for range 2 {
		for _, want := range []store.StaffToken{token, older} {
			got, err := s.StaffToken(s.Context(), want.Hash)
			s.ok(err)
			if diff := cmp.Diff(want, got); diff != "" {
				s.Errorf("(-want +got):\n%s", diff)
			}
		}
		all, err := s.StaffTokens(s.Context())
		s.ok(err)
		if diff := cmp.Diff([]store.StaffToken{older, token}, all); diff != "" {
			s.Errorf("all (-want +got):\n%s", diff)
		}
		s.reopen()
	}
}

func staffProfile(s *suite) {
	maita := store.Staff{
		ID: "maita", DisplayName: "Maita", Roles: []store.Role{store.RoleProfessional, store.RoleSupervisor},
		QueueIDs: []string{"q", "p"}, Languages: []string{"fi"}, Capacity: 3, Availability: store.Away,
	}
	s.heard.take()
	s.ok(s.PutStaff(s.Context(), maita))
	if told := s.heard.all(); len(told) != 1 || len(told[0].Staff) != 1 || told[0].Staff[0].ID != "maita" {
		s.Errorf("told of a new staff member: %+v", told)
	}
	s.ok(s.PutStaff(s.Context(), store.Staff{ID: "aada", DisplayName: "Aada"}))
	at := s.time().UTC().Truncate(time.Microsecond)
	_, err := s.Change(s.Context(), store.Request{}, store.Rows{Staff: []string{"maita"}}, func(w *store.Work) error {
		m := w.Staff("maita")
		if diff := cmp.Diff(maita, *m); diff != "" {
			s.Errorf("a change sees (-want +got):\n%s", diff)
		}
		m.Availability, m.AvailabilityTime = store.OnPhone, at
		return nil
	})
	s.ok(err)
	// In one batch each change sees what the ones before made of them, and nothing of what one refused.
	refused := errors.New("refused")
	rows := store.Rows{Staff: []string{"maita"}}
	results := s.together(
		func() (store.Outcome, error) {
			return s.Change(s.Context(), store.Request{}, rows, func(w *store.Work) error {
				w.Staff("maita").Availability = store.Away
				return nil
			})
		},
		func() (store.Outcome, error) {
			return s.Change(s.Context(), store.Request{}, rows, func(w *store.Work) error {
				m := w.Staff("maita")
				m.Languages[0], m.QueueIDs[0], m.Roles[0] = "en", "x", store.RoleAdmin
				return refused
			})
		},
		func() (store.Outcome, error) {
			return s.Change(s.Context(), store.Request{}, rows, func(w *store.Work) error {
				m := w.Staff("maita")
				if m.Availability != store.Away {
					s.Errorf("a change sees availability %d", m.Availability)
				}
				if m.Languages[0] != "fi" || m.QueueIDs[0] != "q" || m.Roles[0] != store.RoleProfessional {
					s.Errorf("a change sees what a refused one did: %+v", m)
				}
				m.Availability = store.OnPhone
				return nil
			})
		},
	)
	s.ok(results[0].err)
	s.is(results[1].err, refused)
	s.ok(results[2].err)
	// A new profile does not touch what they are doing now.
	maita.DisplayName, maita.Capacity, maita.Languages, maita.Availability = "Maita M.", 5, []string{"fi", "sv"}, store.Available
	s.ok(s.PutStaff(s.Context(), maita))
	maita.Availability, maita.AvailabilityTime = store.OnPhone, at
	for range 2 {
		got, err := s.Staff(s.Context(), "maita")
		s.ok(err)
		if diff := cmp.Diff(maita, got); diff != "" {
			s.Errorf("(-want +got):\n%s", diff)
		}
		all, err := s.AllStaff(s.Context())
		s.ok(err)
		if len(all) != 2 || all[0].ID != "aada" || all[1].ID != "maita" {
			s.Errorf("all: %+v", all)
		}
		s.reopen()
	}
}

func queueState(s *suite) {
	resume := s.time().UTC().Truncate(time.Microsecond).Add(time.Hour)
	_, err := s.Change(s.Context(), store.Request{}, store.Rows{Queues: []string{"q", "p"}}, func(w *store.Work) error {
		q := w.Queue("q")
		q.Paused, q.ResumeTime = true, resume
		return nil
	})
	s.ok(err)
	want := []store.Queue{{ID: "q", Paused: true, ResumeTime: resume}}
	for range 2 {
		got, err := s.Queues(s.Context())
		s.ok(err)
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("(-want +got):\n%s", diff)
		}
		s.reopen()
	}
	s.together(
		func() (store.Outcome, error) {
			return s.Change(s.Context(), store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
				w.Queue("q").Paused = false
				return nil
			})
		},
		func() (store.Outcome, error) {
			return s.Change(s.Context(), store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
				if w.Queue("q").Paused {
					s.Error("a change does not see the one before it")
				}
				w.Queue("q").ResumeTime = time.Time{}
				return nil
			})
		},
	)
	got, err := s.Queues(s.Context())
	s.ok(err)
	if diff := cmp.Diff([]store.Queue{{ID: "q"}}, got); diff != "" {
		s.Errorf("resumed (-want +got):\n%s", diff)
	}
}

func catalogue(s *suite) {
	at := s.time().UTC().Truncate(time.Microsecond)
	rows := store.Rows{Catalogue: true}
	apply := func(etag string) func() (store.Outcome, error) {
		return func() (store.Outcome, error) {
			return s.Change(s.Context(), request("admin", uint64(etag[0]), 1), rows, func(w *store.Work) error {
				w.PutCatalogue(store.Catalogue{Data: []byte(etag), Etag: etag, ApplyTime: at})
				w.Remember("", etag)
				return nil
			})
		}
	}
	out, err := apply("1")()
	s.ok(err)
	s.repeats(out, "", func(content uint64) (store.Outcome, error) {
		return s.Change(s.Context(), request("admin", '1', content), rows, func(*store.Work) error { return nil })
	}, request("admin", '1', 1))
	s.together(apply("2"), func() (store.Outcome, error) {
		return s.Change(s.Context(), store.Request{}, rows, func(w *store.Work) error {
			if w.Catalogue().Etag != "2" {
				s.Errorf("a change sees catalogue %q", w.Catalogue().Etag)
			}
			return nil
		})
	}, apply("3"))
	told := s.oneBatch()
	if len(told) != 2 || told[0].Catalogue.Etag != "2" || told[1].Catalogue.Etag != "3" {
		s.Errorf("told %+v", told)
	}
	for range 2 {
		got, err := s.Catalogue(s.Context())
		s.ok(err)
		if diff := cmp.Diff(store.Catalogue{Data: []byte("3"), Etag: "3", ApplyTime: at}, got); diff != "" {
			s.Errorf("(-want +got):\n%s", diff)
		}
		s.reopen()
	}
}

func seen(s *suite) {
	s.staff("maita", 1)
	s.start("a", "q")
	s.start("b", "q")
	at := s.time().UTC().Truncate(time.Microsecond)
	check := func(customers, staff map[string]time.Time) {
		s.Helper()
		for range 2 {
			got, err := s.CustomersSeen(s.Context())
			s.ok(err)
			if diff := cmp.Diff(customers, got); diff != "" {
				s.Errorf("customers (-want +got):\n%s", diff)
			}
			got, err = s.StaffSeen(s.Context())
			s.ok(err)
			if diff := cmp.Diff(staff, got); diff != "" {
				s.Errorf("staff (-want +got):\n%s", diff)
			}
			s.reopen()
		}
	}
	type times = map[string]time.Time
	check(times{}, times{})
	version := func() int64 {
		_, err := s.post(store.Request{}, "a", "hei")
		s.ok(err)
		return s.heard.all()[0].Conversations[0].Version
	}
	s.heard.take()
	before := version()
	s.ok(s.Seen(s.Context(), times{"a": at, "missing": at}, times{"maita": at, "missing": at}))
	if after := version(); after != before+1 {
		s.Error("being seen changed the conversation")
	}
	check(times{"a": at}, times{"maita": at})
	s.ok(s.Seen(s.Context(), times{"a": at.Add(-time.Minute), "b": at.Add(time.Second)}, times{"maita": at.Add(-time.Second)}))
	check(times{"a": at, "b": at.Add(time.Second)}, times{"maita": at})
	s.ok(s.Seen(s.Context(), times{"a": at.Add(time.Minute)}, times{"maita": at.Add(time.Hour)}))
	check(times{"a": at.Add(time.Minute), "b": at.Add(time.Second)}, times{"maita": at.Add(time.Hour)})
	// A closed conversation is nobody's to look after, even when its customer still reads.
	_, err := s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{"a"}},
		func(w *store.Work) error { return w.Conversation("a").LeaveAsCustomer(w.Now) })
	s.ok(err)
	check(times{"b": at.Add(time.Second)}, times{"maita": at.Add(time.Hour)})
	s.ok(s.Seen(s.Context(), times{"a": at.Add(time.Hour)}, nil))
	check(times{"b": at.Add(time.Second)}, times{"maita": at.Add(time.Hour)})
}

func secrets(s *suite) {
	var mu sync.Mutex
	found := map[string][]byte{}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			name := fmt.Sprint("secret ", i%2)
			value, err := s.Secret(s.Context(), name)
			if err != nil {
				s.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if was, ok := found[name]; ok && !bytes.Equal(was, value) {
				s.Errorf("%s is two", name)
			}
			found[name] = value
		})
	}
	wg.Wait()
	if bytes.Equal(found["secret 0"], found["secret 1"]) || len(found["secret 0"]) < 32 {
		s.Error("secrets are short or the same")
	}
	s.reopen()
	for name, want := range found {
		got, err := s.Secret(s.Context(), name)
		s.ok(err)
		if !bytes.Equal(got, want) {
			s.Errorf("%s is another after reopening", name)
		}
	}
}

func healthy(s *suite) {
	s.ok(s.Healthy(s.Context()))
	s.LoseCommits(s.Store, 1, false)
	_, err := s.tryStart(store.Request{}, "c", "q", 0)
	s.is(err, store.ErrUnavailable)
	s.ok(s.Healthy(s.Context()))
}

func feedback(s *suite) {
	give := func(token byte, f store.Feedback) {
		s.Helper()
		_, err := s.Change(s.Context(), store.Request{}, store.Rows{}, func(w *store.Work) error {
			w.SubmitFeedback([32]byte{token}, f)
			return nil
		})
		s.ok(err)
	}
	for i, f := range []store.Feedback{
		{QueueID: "q", Language: "fi", Date: "2026-02-28", Answers: []byte{1}},
		{QueueID: "q", Language: "sv", Date: "2026-03-01", Answers: []byte{2, 0}},
		{QueueID: "p", Language: "en", Date: "2026-03-02", Answers: nil},
		{QueueID: "r", Language: "fi", Date: "2026-03-02", Answers: []byte{4}},
	} {
		give(byte(i), f)
	}
	for range 2 {
		for _, c := range []struct {
			queues      []string
			first, last string
			want        []string
		}{
			{[]string{"q", "p", "r"}, "2026-01-01", "2026-12-31", []string{"[1]", "[2 0]", "[]", "[4]"}},
			{[]string{"q"}, "2026-03-01", "2026-03-01", []string{"[2 0]"}},
			{[]string{"q"}, "2026-02-28", "2026-03-01", []string{"[1]", "[2 0]"}},
			{[]string{"p", "s"}, "2026-03-02", "2026-03-02", []string{"[]"}},
			{nil, "2026-01-01", "2026-12-31", nil},
		} {
			found, err := s.Feedback(s.Context(), c.queues, c.first, c.last)
			s.ok(err)
			var got []string
			for _, f := range found {
				got = append(got, fmt.Sprintf("%v", f.Answers))
			}
			if !slices.Equal(got, c.want) {
				s.Errorf("%v from %s to %s: %v, want %v", c.queues, c.first, c.last, got, c.want)
			}
		}
		s.reopen()
	}
}

func feedbackTokenOnce(s *suite) {
	give := func(id uint64) func() (store.Outcome, error) {
		return func() (store.Outcome, error) {
			return s.Change(s.Context(), request("feedback", id, 1), store.Rows{}, func(w *store.Work) error {
				w.SubmitFeedback([32]byte{7}, store.Feedback{QueueID: "q", Language: "fi", Date: "2026-03-02", Answers: []byte{1}})
				return nil
			})
		}
	}
	// Not even under the same request: see SubmitFeedback.
	results := s.together(give(1), give(2), give(1))
	s.ok(results[0].err)
	s.is(results[1].err, store.ErrConflict)
	s.is(results[2].err, store.ErrConflict)
	for range 2 {
		_, err := give(1)()
		s.is(err, store.ErrConflict)
		found, err := s.Feedback(s.Context(), []string{"q"}, "2026-03-02", "2026-03-02")
		s.ok(err)
		if len(found) != 1 {
			s.Errorf("the answers are there %d times", len(found))
		}
		s.reopen()
	}
	_, err := s.Change(s.Context(), store.Request{}, store.Rows{}, func(w *store.Work) error {
		for range 2 {
			w.SubmitFeedback([32]byte{8}, store.Feedback{QueueID: "q", Date: "2026-03-02"})
		}
		return nil
	})
	s.is(err, store.ErrConflict)
}

// feedbackLeadsNowhere reads the whole database for anything that would lead from answers to those who gave
// them.
func feedbackLeadsNowhere(s *suite) {
	const n = 20
	var given []string
	for i, id := range names("conversation", n) {
		s.pass(7 * time.Minute)
		s.start(id, "q")
		_, err := s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
			w.IssueToken(store.ConversationToken{
				Hash: [32]byte{byte(i), 1}, ConversationID: id, ParticipantID: chat.CustomerID, CreateTime: w.Now,
			})
			return w.Conversation(id).LeaveAsCustomer(w.Now)
		})
		s.ok(err)
		answers := fmt.Sprintf("answers %d", i)
		given = append(given, answers)
		// As badly as a caller can: it names the conversation everywhere.
		_, err = s.Change(s.Context(), request(id, uint64(i+1), 0xfedcba9876543210), store.Rows{Conversations: []string{id}},
			func(w *store.Work) error {
				w.SubmitFeedback([32]byte{byte(i), 2}, store.Feedback{
					QueueID: "q", Language: "fi", Date: "2026-03-02", Answers: []byte(answers),
				})
				w.Remember(id, id)
				return nil
			})
		s.ok(err)
	}

	found, err := s.Feedback(s.Context(), []string{"q"}, "2026-03-02", "2026-03-02")
	s.ok(err)
	var order []string
	for _, f := range found {
		order = append(order, string(f.Answers))
	}
	if len(order) != n {
		s.Fatalf("%d answers", len(order))
	}
	if slices.Equal(order, given) {
		s.Error("the answers come in the order they were given")
	}

	tables, err := s.Tables()
	s.ok(err)
	at := tableWith(tables, "answers ")
	if len(tables[at]) != n {
		s.Fatalf("table %q has %d rows, want %d", at, len(tables[at]), n)
	}
	// The queue, the language and the day are meant to be kept.
	s.joinedByNothing(tables, at, []string{"q", "fi", "2026-03-02"})
	for i, id := range names("conversation", n) {
		s.usedTokenStandsAlone(tables, [32]byte{byte(i), 2})
		// A fingerprint of the answers would tell whose they are, to who tries all against all.
		req := request(id, uint64(i+1), 0xfedcba9876543210)
		_, err := s.Lookup(s.Context(), req, id)
		s.is(err, store.ErrNotFound)
		if name := tableWith(tables, string(req.Fingerprint[:])); name != "" {
			s.Errorf("%s keeps the fingerprint of answers", name)
		}
	}
}

// tableWith is a table that has the part somewhere; empty when none has.
func tableWith(tables map[string][]map[string]any, part string) string {
	for name, rows := range tables {
		for _, row := range rows {
			for _, v := range row {
				if bytes.Contains(asBytes(v), []byte(part)) {
					return name
				}
			}
		}
	}
	return ""
}

// joinedByNothing checks that no value of a table, but those meant to be there, is anywhere else.
func (s *suite) joinedByNothing(tables map[string][]map[string]any, table string, meant []string) {
	s.Helper()
	others := maps.Clone(tables)
	delete(others, table)
	for _, row := range tables[table] {
		for column, value := range row {
			if _, ok := value.(int64); ok {
				s.Errorf("%s.%s is a number: it could be an order or a time", table, column)
			}
			v := string(asBytes(value))
			if slices.Contains(meant, v) {
				continue
			}
			if name := tableWith(others, v); name != "" {
				s.Errorf("%s.%s is found in %s", table, column, name)
			}
		}
	}
}

// usedTokenStandsAlone checks that nothing is kept beside a feedback token that was used.
func (s *suite) usedTokenStandsAlone(tables map[string][]map[string]any, token [32]byte) {
	s.Helper()
	found := 0
	for name, rows := range tables {
		for _, row := range rows {
			for _, v := range row {
				if !bytes.Contains(asBytes(v), token[:]) {
					continue
				}
				found++
				if len(row) > 1 {
					s.Errorf("%s keeps more than a used token: %v", name, slices.Sorted(maps.Keys(row)))
				}
			}
		}
	}
	if found != 1 {
		s.Errorf("a used token is kept %d times", found)
	}
}

// asBytes is a value of a column as it might be compared.
func asBytes(v any) []byte {
	switch v := v.(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	case nil:
		return nil
	}
	return fmt.Append(nil, v)
}
