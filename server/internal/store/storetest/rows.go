package storetest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

func init() {
	tests["CaseNotes"] = caseNotes
	tests["Contacts"] = contacts
	tests["ConversationTokens"] = conversationTokens
	tests["StaffTokens"] = staffTokens
	tests["StaffProfile"] = staffProfile
	tests["QueueState"] = queueState
	tests["Catalogue"] = catalogue
	tests["Seen"] = seen
	tests["Secrets"] = secrets
	tests["Healthy"] = healthy
	tests["Feedback"] = feedback
	tests["FeedbackTokenOnce"] = feedbackTokenOnce
	tests["FeedbackLeadsNowhere"] = feedbackLeadsNowhere
}

func caseNotes(s *suite) {
	s.start("c", "q")
	s.start("d", "q")
	at := time.Now().UTC().Truncate(time.Microsecond)
	note := func(conversation, id string) store.CaseNote {
		return store.CaseNote{
			ID: id, ConversationID: conversation, StaffID: "maita", DisplayName: "Maita", Text: "teksti " + id, Time: at,
		}
	}
	var want []store.CaseNote
	for i := range 6 {
		id := []string{"c", "d"}[i%2]
		n := note(id, fmt.Sprint("n", i))
		_, err := s.Change(s.ctx, store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
			w.AddCaseNote(n)
			return nil
		})
		s.ok(err)
		if id == "c" {
			want = append(want, n)
		}
	}
	for range 2 {
		got, err := s.CaseNotes(s.ctx, "c", 0, 10)
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
		page, err := s.CaseNotes(s.ctx, "c", got[0].Number, 1)
		s.ok(err)
		if len(page) != 1 || page[0].ID != "n2" {
			s.Errorf("the page after the first: %+v", page)
		}
		s.reopen()
	}
	none, err := s.CaseNotes(s.ctx, "missing", 0, 10)
	if err != nil || len(none) > 0 {
		s.Errorf("notes of no conversation: %v, %v", none, err)
	}
	// For a conversation that the change has not locked, its place among the notes would be anybody's.
	_, err = s.Change(s.ctx, store.Request{}, store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
		w.AddCaseNote(note("d", "n"))
		return nil
	})
	if err == nil {
		s.Error("a note was added to a conversation that the change did not name")
	}
}

func contacts(s *suite) {
	s.staff("maita", 100)
	open := time.Now()
	var want []store.Contact
	for _, id := range names("c", 12) {
		time.Sleep(time.Minute)
		s.start(id, "q")
		if id == "c-005" {
			_, err := s.Change(s.ctx, store.Request{}, store.Rows{Conversations: []string{id}},
				func(w *store.Work) error { return w.Conversation(id).LeaveAsCustomer(w.Now) })
			s.ok(err)
			continue
		}
		_, err := s.take(store.Request{}, id, "maita")
		s.ok(err)
		time.Sleep(time.Minute)
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
		got, err := s.Contacts(s.ctx, "q", 100)
		s.ok(err)
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("(-want +got):\n%s", diff)
		}
		got, err = s.Contacts(s.ctx, "q", 3)
		s.ok(err)
		if diff := cmp.Diff(want[:3], got); diff != "" {
			s.Errorf("the latest three (-want +got):\n%s", diff)
		}
		counts, err := s.ClosedCounts(s.ctx, open, time.Now().Add(time.Hour))
		s.ok(err)
		if diff := cmp.Diff(map[string]int{"q": 12, "p": 1}, counts); diff != "" {
			s.Errorf("closed (-want +got):\n%s", diff)
		}
		// The start is in it, the end is not.
		counts, err = s.ClosedCounts(s.ctx, want[3].CloseTime, want[1].CloseTime)
		s.ok(err)
		if counts["q"] != 2 {
			s.Errorf("closed between two closes: %v", counts)
		}
		s.reopen()
	}
	// What is closed stays so: a read mark makes no second contact.
	s.heard.take()
	_, err = s.Change(s.ctx, store.Request{}, store.Rows{Conversations: []string{"c-000"}}, func(w *store.Work) error {
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
	at := time.Now().UTC().Truncate(time.Microsecond)
	first := store.ConversationToken{Hash: [32]byte{1}, ConversationID: "c", ParticipantID: chat.CustomerID, CreateTime: at}
	second := store.ConversationToken{Hash: [32]byte{2}, ConversationID: "c", ParticipantID: chat.CustomerID, CreateTime: at}
	_, err := s.Change(s.ctx, store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		w.Start(conversation("c", "q", "", w.Now, w.Queue("q").NextArrival(w.Now)))
		w.IssueToken(first)
		return nil
	})
	s.ok(err)
	_, err = s.Change(s.ctx, store.Request{}, store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
		w.IssueToken(second)
		return nil
	})
	s.ok(err)
	for range 2 {
		for _, want := range []store.ConversationToken{first, second} {
			for range 2 {
				got, err := s.ConversationToken(s.ctx, want.Hash)
				s.ok(err)
				if got != want {
					s.Errorf("got %+v, want %+v", got, want)
				}
			}
		}
		_, err = s.ConversationToken(s.ctx, [32]byte{3})
		s.is(err, store.ErrNotFound)
		s.reopen()
	}
	_, err = s.Change(s.ctx, store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		w.IssueToken(store.ConversationToken{Hash: [32]byte{4}, ConversationID: "c"})
		return nil
	})
	if err == nil {
		s.Error("a token was issued for a conversation that the change did not name")
	}
	_, err = s.ConversationToken(s.ctx, [32]byte{4})
	s.is(err, store.ErrNotFound)
}

func staffTokens(s *suite) {
	at := time.Now().UTC().Truncate(time.Microsecond)
	token := store.StaffToken{
		Hash: [32]byte{1}, ID: "t1", Label: "työpöytä", StaffID: "maita", Roles: []store.Role{store.RoleProfessional},
		CreateTime: at, ExpireTime: at.Add(time.Hour),
	}
	s.is(s.PutStaffToken(s.ctx, token), store.ErrNotFound)
	s.staff("maita", 1)
	s.ok(s.PutStaffToken(s.ctx, token))
	older := store.StaffToken{Hash: [32]byte{2}, ID: "t2", StaffID: "maita", CreateTime: at.Add(-time.Hour)}
	s.ok(s.PutStaffToken(s.ctx, older))
	_, err := s.StaffToken(s.ctx, [32]byte{9})
	s.is(err, store.ErrNotFound)

	stolen := store.StaffToken{Hash: [32]byte{1}, ID: "t3", StaffID: "maita", CreateTime: at}
	s.is(s.PutStaffToken(s.ctx, stolen), store.ErrConflict)

	token.RevokeTime = at.Add(time.Minute)
	s.ok(s.PutStaffToken(s.ctx, token))
	for range 2 {
		for _, want := range []store.StaffToken{token, older} {
			got, err := s.StaffToken(s.ctx, want.Hash)
			s.ok(err)
			if diff := cmp.Diff(want, got); diff != "" {
				s.Errorf("(-want +got):\n%s", diff)
			}
		}
		all, err := s.StaffTokens(s.ctx)
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
	s.ok(s.PutStaff(s.ctx, maita))
	if told := s.heard.all(); len(told) != 1 || len(told[0].Staff) != 1 || told[0].Staff[0].ID != "maita" {
		s.Errorf("told of a new staff member: %+v", told)
	}
	s.ok(s.PutStaff(s.ctx, store.Staff{ID: "aada", DisplayName: "Aada"}))
	at := time.Now().UTC().Truncate(time.Microsecond)
	_, err := s.Change(s.ctx, store.Request{}, store.Rows{Staff: []string{"maita"}}, func(w *store.Work) error {
		m := w.Staff("maita")
		if diff := cmp.Diff(maita, *m); diff != "" {
			s.Errorf("a change sees (-want +got):\n%s", diff)
		}
		m.Availability, m.AvailabilityTime = store.OnPhone, at
		return nil
	})
	s.ok(err)
	// A new profile does not touch what they are doing now.
	maita.DisplayName, maita.Capacity, maita.Languages, maita.Availability = "Maita M.", 5, []string{"fi", "sv"}, store.Available
	s.ok(s.PutStaff(s.ctx, maita))
	maita.Availability, maita.AvailabilityTime = store.OnPhone, at
	for range 2 {
		got, err := s.Staff(s.ctx, "maita")
		s.ok(err)
		if diff := cmp.Diff(maita, got); diff != "" {
			s.Errorf("(-want +got):\n%s", diff)
		}
		all, err := s.AllStaff(s.ctx)
		s.ok(err)
		if len(all) != 2 || all[0].ID != "aada" || all[1].ID != "maita" {
			s.Errorf("all: %+v", all)
		}
		s.reopen()
	}
}

func queueState(s *suite) {
	resume := time.Now().UTC().Truncate(time.Microsecond).Add(time.Hour)
	_, err := s.Change(s.ctx, store.Request{}, store.Rows{Queues: []string{"q", "p"}}, func(w *store.Work) error {
		q := w.Queue("q")
		q.Paused, q.ResumeTime = true, resume
		return nil
	})
	s.ok(err)
	want := []store.Queue{{ID: "q", Paused: true, ResumeTime: resume}}
	for range 2 {
		got, err := s.Queues(s.ctx)
		s.ok(err)
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("(-want +got):\n%s", diff)
		}
		s.reopen()
	}
	s.together(
		func() (store.Outcome, error) {
			return s.Change(s.ctx, store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
				w.Queue("q").Paused = false
				return nil
			})
		},
		func() (store.Outcome, error) {
			return s.Change(s.ctx, store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
				if w.Queue("q").Paused {
					s.Error("a change does not see the one before it")
				}
				w.Queue("q").ResumeTime = time.Time{}
				return nil
			})
		},
	)
	got, err := s.Queues(s.ctx)
	s.ok(err)
	if diff := cmp.Diff([]store.Queue{{ID: "q"}}, got); diff != "" {
		s.Errorf("resumed (-want +got):\n%s", diff)
	}
}

func catalogue(s *suite) {
	at := time.Now().UTC().Truncate(time.Microsecond)
	rows := store.Rows{Catalogue: true}
	apply := func(etag string) func() (store.Outcome, error) {
		return func() (store.Outcome, error) {
			return s.Change(s.ctx, request("admin", uint64(etag[0]), 1), rows, func(w *store.Work) error {
				w.PutCatalogue(store.Catalogue{Data: []byte(etag), Etag: etag, ApplyTime: at})
				w.Remember("", etag)
				return nil
			})
		}
	}
	out, err := apply("1")()
	s.ok(err)
	s.repeats(out, "", func(content uint64) (store.Outcome, error) {
		return s.Change(s.ctx, request("admin", '1', content), rows, func(*store.Work) error { return nil })
	}, request("admin", '1', 1))
	s.together(apply("2"), func() (store.Outcome, error) {
		return s.Change(s.ctx, store.Request{}, rows, func(w *store.Work) error {
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
		got, err := s.Catalogue(s.ctx)
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
	at := time.Now().UTC().Truncate(time.Microsecond)
	check := func(customers, staff map[string]time.Time) {
		s.Helper()
		for range 2 {
			got, err := s.CustomersSeen(s.ctx)
			s.ok(err)
			if diff := cmp.Diff(customers, got); diff != "" {
				s.Errorf("customers (-want +got):\n%s", diff)
			}
			got, err = s.StaffSeen(s.ctx)
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
	s.ok(s.Seen(s.ctx, times{"a": at, "missing": at}, times{"maita": at, "missing": at}))
	if after := version(); after != before+1 {
		s.Error("being seen changed the conversation")
	}
	check(times{"a": at}, times{"maita": at})
	s.ok(s.Seen(s.ctx, times{"a": at.Add(-time.Minute), "b": at.Add(time.Second)}, times{"maita": at.Add(-time.Second)}))
	check(times{"a": at, "b": at.Add(time.Second)}, times{"maita": at})
	s.ok(s.Seen(s.ctx, times{"a": at.Add(time.Minute)}, times{"maita": at.Add(time.Hour)}))
	check(times{"a": at.Add(time.Minute), "b": at.Add(time.Second)}, times{"maita": at.Add(time.Hour)})
	// A closed conversation is nobody's to look after, even when its customer still reads.
	_, err := s.Change(s.ctx, store.Request{}, store.Rows{Conversations: []string{"a"}},
		func(w *store.Work) error { return w.Conversation("a").LeaveAsCustomer(w.Now) })
	s.ok(err)
	check(times{"b": at.Add(time.Second)}, times{"maita": at.Add(time.Hour)})
	s.ok(s.Seen(s.ctx, times{"a": at.Add(time.Hour)}, nil))
	check(times{"b": at.Add(time.Second)}, times{"maita": at.Add(time.Hour)})
}

func secrets(s *suite) {
	var mu sync.Mutex
	found := map[string][]byte{}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			name := fmt.Sprint("secret ", i%2)
			value, err := s.Secret(s.ctx, name)
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
		got, err := s.Secret(s.ctx, name)
		s.ok(err)
		if !bytes.Equal(got, want) {
			s.Errorf("%s is another after reopening", name)
		}
	}
}

func healthy(s *suite) {
	s.ok(s.Healthy(s.ctx))
	s.LoseCommits(s.Store, 1, false)
	_, err := s.tryStart(store.Request{}, "c", "q", 0)
	s.is(err, store.ErrUnavailable)
	s.ok(s.Healthy(s.ctx))
}

func feedback(s *suite) {
	give := func(token byte, f store.Feedback) {
		s.Helper()
		_, err := s.Change(s.ctx, store.Request{}, store.Rows{}, func(w *store.Work) error {
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
			found, err := s.Feedback(s.ctx, c.queues, c.first, c.last)
			s.ok(err)
			var got []string
			for _, f := range found {
				got = append(got, fmt.Sprint(f.Answers))
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
			return s.Change(s.ctx, request("feedback", id, 1), store.Rows{}, func(w *store.Work) error {
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
		found, err := s.Feedback(s.ctx, []string{"q"}, "2026-03-02", "2026-03-02")
		s.ok(err)
		if len(found) != 1 {
			s.Errorf("the answers are there %d times", len(found))
		}
		s.reopen()
	}
	_, err := s.Change(s.ctx, store.Request{}, store.Rows{}, func(w *store.Work) error {
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
		time.Sleep(7 * time.Minute)
		s.start(id, "q")
		_, err := s.Change(s.ctx, store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
			w.IssueToken(store.ConversationToken{
				Hash: [32]byte{byte(i), 1}, ConversationID: id, ParticipantID: chat.CustomerID, CreateTime: w.Now,
			})
			return w.Conversation(id).LeaveAsCustomer(w.Now)
		})
		s.ok(err)
		answers := fmt.Sprintf("answers %d", i)
		given = append(given, answers)
		// As badly as a caller can: it names the conversation everywhere.
		_, err = s.Change(s.ctx, request(id, uint64(i+1), 0xfedcba9876543210), store.Rows{Conversations: []string{id}},
			func(w *store.Work) error {
				w.SubmitFeedback([32]byte{byte(i), 2}, store.Feedback{
					QueueID: "q", Language: "fi", Date: "2026-03-02", Answers: []byte(answers),
				})
				w.Remember(id, id)
				return nil
			})
		s.ok(err)
	}

	found, err := s.Feedback(s.ctx, []string{"q"}, "2026-03-02", "2026-03-02")
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
	holds := func(row map[string]any, column, part string) bool {
		return column != "" && bytes.Contains(asBytes(row[column]), []byte(part))
	}
	var tableOfAnswers string
	for name, rows := range tables {
		for _, row := range rows {
			for column := range row {
				if holds(row, column, "answers ") {
					tableOfAnswers = name
				}
			}
		}
	}
	rows := tables[tableOfAnswers]
	if len(rows) != n {
		s.Fatalf("table %q has %d rows, want %d", tableOfAnswers, len(rows), n)
	}
	shared := []string{"q", "fi", "2026-03-02"} // What is meant to be kept.
	for _, row := range rows {
		for column, value := range row {
			v := asBytes(value)
			if _, ok := value.(int64); ok {
				s.Errorf("%s.%s is a number: it could be an order or a time", tableOfAnswers, column)
			}
			if slices.Contains(shared, string(v)) {
				continue
			}
			for name, others := range tables {
				if name == tableOfAnswers {
					continue
				}
				for _, other := range others {
					for c, w := range other {
						if bytes.Contains(asBytes(w), v) {
							s.Errorf("%s.%s is found in %s.%s", tableOfAnswers, column, name, c)
						}
					}
				}
			}
		}
	}
	// Nor may anything beside them tell when which conversation gave some: what a used token or its request
	// is kept with.
	for i := range n {
		id := names("conversation", n)[i]
		used := [32]byte{byte(i), 2}
		for name, rows := range tables {
			for _, row := range rows {
				mentions, isToken := false, false
				for _, v := range row {
					mentions = mentions || bytes.Contains(asBytes(v), []byte(id))
					isToken = isToken || bytes.Equal(asBytes(v), used[:])
				}
				if isToken && len(row) > 1 {
					s.Errorf("%s keeps more than a used token: %v", name, slices.Sorted(maps.Keys(row)))
				}
				if mentions && isToken {
					s.Errorf("%s joins a used token to its conversation", name)
				}
			}
		}
		// A fingerprint of the answers would tell whose they are, to who tries all against all.
		_, err := s.Lookup(s.ctx, request(id, uint64(i+1), 1), id)
		s.is(err, store.ErrNotFound)
		fingerprint := request(id, uint64(i+1), 0xfedcba9876543210).Fingerprint
		for name, rows := range tables {
			for _, row := range rows {
				for column, v := range row {
					if bytes.Contains(asBytes(v), fingerprint[:]) {
						s.Errorf("%s.%s keeps the fingerprint of answers", name, column)
					}
				}
			}
		}
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
