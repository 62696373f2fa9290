package catalogue_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/feedback"
	"github.com/kupla-chat/kupla/server/internal/queue"
)

func compile(t *testing.T, m *kuplav1.Catalogue) *catalogue.Book {
	t.Helper()
	book, err := catalogue.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func TestCompileOwn(t *testing.T) {
	m := good()
	q, found := compile(t, m).Queue("oral-health")
	if !found {
		t.Fatal("no such queue")
	}
	wantPolicy := queue.Policy{
		Hours: queue.Hours{
			Weekly: map[time.Weekday][]queue.Span{
				time.Monday: {{From: 8 * 60, Until: 11 * 60}, {From: 12 * 60, Until: queue.EndOfDay}},
				time.Sunday: {{From: 10 * 60, Until: 12 * 60}},
			},
			Exceptions: []queue.Exception{
				{First: queue.Date{Year: 2026, Month: 7, Day: 6}, Last: queue.Date{Year: 2026, Month: 7, Day: 31}, Spans: []queue.Span{}},
				{
					First: queue.Date{Year: 2026, Month: 12, Day: 24}, Last: queue.Date{Year: 2026, Month: 12, Day: 24},
					Spans: []queue.Span{{From: 8 * 60, Until: 10 * 60}},
				},
			},
			OpenOnHolidays: true,
			Eves: map[queue.Eve][]queue.Span{
				queue.MidsummerEve: {},
				queue.MayDayEve:    {{From: 8 * 60, Until: 12 * 60}},
			},
		},
		Capacity:     30,
		KeepPlaceFor: 15 * time.Minute,
		ClosingGrace: queue.NoGrace,
	}
	if diff := cmp.Diff(wantPolicy, q.Policy); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	if err := q.Policy.Validate(); err != nil {
		t.Errorf("policy: %v", err)
	}
	if q.ID != "oral-health" || q.Phone != "+358 5 123 4567" ||
		q.Identification != kuplav1.IdentificationPolicy_IDENTIFICATION_POLICY_AT_START ||
		q.Rules != kuplav1.RepresentationRules_REPRESENTATION_RULES_HEALTH {
		t.Errorf("queue: %+v", q)
	}
	if !q.Serves("sv") || q.Serves("no") || q.Serves("") {
		t.Errorf("serves %v", q.Languages)
	}
	if !q.TransfersTo("social-guidance") || q.TransfersTo("oral-health") {
		t.Error("transfers elsewhere than to social-guidance")
	}
	wantSurvey := feedback.Survey{Questions: []feedback.Question{
		{ID: "access", Kind: feedback.Statement, Text: feedback.Text{Fi: "Pääsin suomeksi", Sv: "Pääsin på svenska", En: "Pääsin in English"}},
		{
			ID: "comment", Kind: feedback.OpenText,
			Text: feedback.Text{Fi: "Sana vapaa suomeksi", Sv: "Sana vapaa på svenska", En: "Sana vapaa in English"},
		},
	}}
	if diff := cmp.Diff(wantSurvey, q.Survey); diff != "" {
		t.Errorf("survey (-want +got):\n%s", diff)
	}
	want := proto.CloneOf(m.GetQueues()[0])
	want.NoticeVersion = q.NoticeVersion
	want.Survey.Version = wantSurvey.Version()
	if diff := cmp.Diff(want, q.Public, protocmp.Transform()); diff != "" {
		t.Errorf("public (-want +got):\n%s", diff)
	}
	if len(q.NoticeVersion) != 12 {
		t.Errorf("notice version %q", q.NoticeVersion)
	}
}

func TestCompileInherits(t *testing.T) {
	m := good()
	q, _ := compile(t, m).Queue("social-guidance")
	want := proto.CloneOf(m.GetQueues()[1])
	want.Notice = m.GetDefaultNotice()
	want.NoticeVersion = q.NoticeVersion
	want.Phone = "116117"
	want.KeepPlaceDuration = durationpb.New(10 * time.Minute)
	want.ClosingGraceDuration = durationpb.New(30 * time.Minute)
	want.Survey = proto.CloneOf(m.GetDefaultSurvey())
	want.Survey.Version = q.Survey.Version()
	if diff := cmp.Diff(want, q.Public, protocmp.Transform()); diff != "" {
		t.Errorf("public (-want +got):\n%s", diff)
	}
	if q.Phone != "116117" || q.Policy.KeepPlaceFor != queue.DefaultKeepPlaceFor || q.Policy.ClosingGrace != queue.DefaultClosingGrace {
		t.Errorf("queue: %+v", q)
	}
	if status := q.Policy.Status(time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), nil); status.State != queue.Closed {
		t.Errorf("a queue without hours is %v", status.State)
	}

	m.DefaultSurvey = nil
	q, _ = compile(t, m).Queue("social-guidance")
	if diff := cmp.Diff(feedback.Default(), q.Survey); diff != "" {
		t.Errorf("survey of a catalogue without one (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(catalogue.SurveyMessage(feedback.Default()), q.Public.GetSurvey(), protocmp.Transform()); diff != "" {
		t.Errorf("public survey of a catalogue without one (-want +got):\n%s", diff)
	}
}

// TestCompileLeavesItsInput sees that neither the catalogue given nor the one applied gains what is inherited, and
// that the book does not follow changes of what it was made from.
func TestCompileLeavesItsInput(t *testing.T) {
	m := good()
	book := compile(t, m)
	for name, got := range map[string]*kuplav1.Catalogue{"given": m, "applied": book.Catalogue()} {
		if diff := cmp.Diff(good(), got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	m.Queues[0].Name.Fi, m.DefaultNotice.Sv, m.CannedReplies[0].Text.En = "toinen", "annan", "other"
	if diff := cmp.Diff(good(), book.Catalogue(), protocmp.Transform()); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
}

func TestNoticeVersion(t *testing.T) {
	versions := map[string]string{}
	add := func(name string, change func(m *kuplav1.Catalogue)) {
		m := good()
		change(m)
		version := compile(t, m).Queues()[1].NoticeVersion
		if other, found := versions[version]; found {
			t.Errorf("%s has the version of %s", name, other)
		}
		versions[version] = name
	}
	add("the notice", func(*kuplav1.Catalogue) {})
	add("another Finnish text", func(m *kuplav1.Catalogue) { m.DefaultNotice.Fi += "!" })
	add("another Swedish text", func(m *kuplav1.Catalogue) { m.DefaultNotice.Sv += "!" })
	add("another English text", func(m *kuplav1.Catalogue) { m.DefaultNotice.En += "!" })
	add("a text moved on", func(m *kuplav1.Catalogue) {
		m.DefaultNotice.Sv, m.DefaultNotice.En = m.GetDefaultNotice().GetSv()+"x", m.GetDefaultNotice().GetEn()[1:]
	})
	add("one of its own", func(m *kuplav1.Catalogue) { m.Queues[1].Notice = text("Oma") })

	m := good()
	m.Queues[1].Notice = proto.CloneOf(m.GetDefaultNotice())
	same := compile(t, m).Queues()[1].NoticeVersion
	if versions[same] != "the notice" {
		t.Error("the same wording has another version when it is the queue's own")
	}
}

func TestQueues(t *testing.T) {
	book := compile(t, good())
	var ids []string
	for _, q := range book.Queues() {
		ids = append(ids, q.ID)
		if same, found := book.Queue(q.ID); !found || same != q {
			t.Errorf("Queue(%q) is another", q.ID)
		}
	}
	if diff := cmp.Diff([]string{"oral-health", "social-guidance"}, ids); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
	if q, found := book.Queue("gone"); found || q != nil {
		t.Error("there is a queue that is not there")
	}
}

func TestCannedReplies(t *testing.T) {
	book := compile(t, good())
	tests := []struct {
		queues []string
		want   []string
	}{
		{nil, nil},
		{[]string{"gone"}, nil},
		{[]string{"oral-health"}, []string{"greeting"}},
		{[]string{"social-guidance"}, []string{"greeting", "booking"}},
		{[]string{"social-guidance", "oral-health", "gone"}, []string{"greeting", "booking"}},
		{[]string{"oral-health", "oral-health"}, []string{"greeting"}},
	}
	for _, test := range tests {
		var ids []string
		for _, r := range book.CannedReplies(test.queues...) {
			ids = append(ids, r.GetId())
		}
		if diff := cmp.Diff(test.want, ids); diff != "" {
			t.Errorf("replies of %v (-want +got):\n%s", test.queues, diff)
		}
	}
}

func TestTransferRules(t *testing.T) {
	m := good()
	third := proto.CloneOf(m.GetQueues()[0])
	third.Id = "physiotherapy"
	third.TransferQueueIds = []string{"oral-health"}
	m.Queues = append(m.Queues, third)
	book := compile(t, m)
	tests := []struct {
		from, to                string
		allowed, needsAgreement bool
	}{
		{"oral-health", "social-guidance", true, true},
		{"social-guidance", "oral-health", false, true},
		{"physiotherapy", "oral-health", true, false},
		{"oral-health", "physiotherapy", false, false},
		{"oral-health", "oral-health", false, false},
		{"oral-health", "gone", false, false},
		{"gone", "oral-health", false, false},
	}
	for _, test := range tests {
		allowed, needsAgreement := book.TransferRules(test.from, test.to)
		if allowed != test.allowed || needsAgreement != test.needsAgreement {
			t.Errorf("from %s to %s: allowed %v, needs agreement %v", test.from, test.to, allowed, needsAgreement)
		}
	}
}

func TestEmptyBook(t *testing.T) {
	book := &catalogue.Book{}
	if book.Etag() != "" || len(book.Queues()) != 0 || len(book.CannedReplies("a")) != 0 || len(book.CannedReplies("a", "b")) != 0 {
		t.Errorf("book: %+v", book)
	}
	if _, found := book.Queue("a"); found {
		t.Error("there is a queue")
	}
	if allowed, _ := book.TransferRules("a", "b"); allowed {
		t.Error("a transfer is allowed")
	}
	if diff := cmp.Diff(&kuplav1.Catalogue{}, book.Catalogue(), protocmp.Transform()); diff != "" {
		t.Errorf("catalogue (-want +got):\n%s", diff)
	}
}

func TestInvalidError(t *testing.T) {
	m := good()
	m.DefaultPhone, m.Queues[0].Capacity = "x", -1
	_, err := catalogue.Compile(m)
	var invalid *catalogue.InvalidError
	if !errors.As(err, &invalid) || len(invalid.Problems) != 2 {
		t.Fatalf("error: %v", err)
	}
	want := "catalogue: " + invalid.Problems[0].String() + " (and 1 more to mend)"
	if err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}
