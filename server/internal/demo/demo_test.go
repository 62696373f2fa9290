package demo_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/feedback"
	"github.com/kupla-chat/kupla/server/internal/identity"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

func book(t *testing.T) *catalogue.Book {
	t.Helper()
	m, err := demo.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	b, err := catalogue.Compile(m)
	if err != nil {
		if invalid, ok := errors.AsType[*catalogue.InvalidError](err); ok {
			for _, p := range invalid.Problems {
				t.Log(p)
			}
		}
		t.Fatal(err)
	}
	return b
}

func TestCatalogue(t *testing.T) {
	type row struct {
		Languages, TransferTo string
		Identification        kuplav1.IdentificationPolicy
		Rules                 kuplav1.RepresentationRules
		Capacity              int
		Keep, Grace           time.Duration
		Wednesday             []queue.Span
	}
	const (
		atStart  = kuplav1.IdentificationPolicy_IDENTIFICATION_POLICY_AT_START
		optional = kuplav1.IdentificationPolicy_IDENTIFICATION_POLICY_OPTIONAL
		health   = kuplav1.RepresentationRules_REPRESENTATION_RULES_HEALTH
		social   = kuplav1.RepresentationRules_REPRESENTATION_RULES_SOCIAL
		grace    = 30 * time.Minute
	)
	hours := func(from, until int) []queue.Span {
		return []queue.Span{{From: queue.TimeOfDay(from * 60), Until: queue.TimeOfDay(until * 60)}}
	}
	want := map[string]row{
		"oral-health":         {"fi sv en", "emergency-help", atStart, health, 30, 10 * time.Minute, grace, hours(8, 15)},
		"child-health-clinic": {"fi sv en", "emergency-help", atStart, health, 20, 10 * time.Minute, grace, hours(8, 15)},
		"mental-health": {
			"fi sv en", "emergency-help social-guidance", kuplav1.IdentificationPolicy_IDENTIFICATION_POLICY_ON_ASSESSMENT, health,
			20, 15 * time.Minute, grace, hours(7, 18),
		},
		"emergency-help": {
			"fi sv en", "oral-health child-health-clinic mental-health physiotherapy health-social-work", atStart, health,
			50, 10 * time.Minute, grace, hours(0, 24),
		},
		"physiotherapy":      {"fi en", "emergency-help", optional, health, 10, 10 * time.Minute, grace, hours(9, 14)},
		"health-social-work": {"fi sv", "social-guidance", optional, social, 10, 10 * time.Minute, grace, nil},
		"student-health":     {"fi sv en", "mental-health emergency-help", optional, health, 15, 10 * time.Minute, grace, hours(8, 15)},
		"social-guidance":    {"fi sv en", "health-social-work mental-health", optional, social, 20, 15 * time.Minute, grace, hours(9, 15)},
	}
	got := map[string]row{}
	for _, q := range book(t).Queues() {
		got[q.ID] = row{
			strings.Join(q.Languages, " "), strings.Join(q.Public.GetTransferQueueIds(), " "), q.Identification, q.Rules,
			q.Policy.Capacity, q.Policy.KeepPlaceFor, q.Policy.ClosingGrace, q.Policy.Hours.Weekly[time.Wednesday],
		}
		if q.Phone != "116117" {
			t.Errorf("%s: phone %q", q.ID, q.Phone)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
}

// TestSafety sees that every notice names both numbers in every language, and that every text has every language,
// so that who reads another one than the queue serves is not left with a gap.
func TestSafety(t *testing.T) {
	b := book(t)
	each := func(where string, m *kuplav1.LocalizedText, check func(language, text string)) {
		for language, text := range map[string]string{"fi": m.GetFi(), "sv": m.GetSv(), "en": m.GetEn()} {
			if strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s: in %s: %q", where, language, text)
			}
			if identity.ContainsCode(text) {
				t.Errorf("%s: in %s: has an identity code in it", where, language)
			}
			check(language, text)
		}
	}
	anything := func(string, string) {}
	for _, q := range b.Queues() {
		each(q.ID+" name", q.Public.GetName(), anything)
		each(q.ID+" description", q.Public.GetDescription(), anything)
		each(q.ID+" notice", q.Public.GetNotice(), func(language, text string) {
			if !strings.Contains(text, "112") || !strings.Contains(text, "116117") {
				t.Errorf("%s: the notice in %s does not name 112 and 116117", q.ID, language)
			}
		})
		if n := len(b.CannedReplies(q.ID)); n < 10 {
			t.Errorf("%s has %d canned replies", q.ID, n)
		}
	}
	for _, r := range b.Catalogue().GetCannedReplies() {
		each(r.GetId()+" title", r.GetTitle(), anything)
		each(r.GetId()+" text", r.GetText(), anything)
	}
	if got := len(b.Catalogue().GetCannedReplies()); got < 12 {
		t.Errorf("%d canned replies", got)
	}
}

// TestHelplineIsAlwaysOpen looks at every hour of a year with all its holidays and changes of the clocks.
func TestHelplineIsAlwaysOpen(t *testing.T) {
	q, _ := book(t).Queue("emergency-help")
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for at := start; at.Before(start.AddDate(1, 0, 0)); at = at.Add(time.Hour) {
		if state := q.Policy.Status(at, nil).State; state != queue.Open {
			t.Fatalf("%v at %v", state, at)
		}
	}
}

func TestSurvey(t *testing.T) {
	m, err := demo.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	want := catalogue.SurveyMessage(feedback.Default())
	want.Version = ""
	if diff := cmp.Diff(want, m.GetDefaultSurvey(), protocmp.Transform()); diff != "" {
		t.Errorf("survey (-the default of the server +the demonstration's):\n%s", diff)
	}
}

// TestPeople sees that somebody speaks each language of each queue, and that there is one of each kind to try.
func TestPeople(t *testing.T) {
	b := book(t)
	people := demo.People()
	roles := map[store.Role]int{}
	ids := map[string]bool{}
	ofTwo := 0
	for _, p := range people {
		if ids[p.ID] {
			t.Errorf("%s is there twice", p.ID)
		}
		ids[p.ID] = true
		for _, r := range p.Roles {
			roles[r]++
		}
		for _, id := range p.QueueIDs {
			if _, found := b.Queue(id); !found {
				t.Errorf("%s answers %s, which does not exist", p.ID, id)
			}
		}
		if slices.Contains(p.Roles, store.RoleProfessional) {
			if p.Capacity < 1 {
				t.Errorf("%s may have no conversation", p.ID)
			}
			if len(p.QueueIDs) == 2 {
				ofTwo++
			}
		}
	}
	if roles[store.RoleProfessional] < 8 || roles[store.RoleSupervisor] != 1 || roles[store.RoleAdmin] != 1 || ofTwo == 0 {
		t.Errorf("roles %v, professionals of two queues %d", roles, ofTwo)
	}
	for _, q := range b.Queues() {
		for _, language := range q.Languages {
			if !slices.ContainsFunc(people, func(p store.Staff) bool {
				return slices.Contains(p.Roles, store.RoleProfessional) && slices.Contains(p.QueueIDs, q.ID) &&
					slices.Contains(p.Languages, language)
			}) {
				t.Errorf("nobody of %s speaks %s", q.ID, language)
			}
		}
	}
}

func TestSetup(t *testing.T) {
	ctx := t.Context()
	start := time.Date(2026, 3, 2, 21, 0, 0, 0, time.UTC)
	now := start
	clock := func() time.Time { return now }
	s, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "demo.db"), store.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	first, err := demo.Setup(ctx, s, now)
	if err != nil {
		t.Fatal(err)
	}
	holder := catalogue.NewHolder(s)
	if err := holder.Load(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(holder.Book().Queues()); n != 8 {
		t.Errorf("%d queues", n)
	}
	if len(first) != len(demo.People()) {
		t.Errorf("%d credentials", len(first))
	}
	for _, c := range first {
		caller, err := opens(ctx, s, c, clock)
		if err != nil {
			t.Errorf("%s: %v", c.Staff.ID, err)
			continue
		}
		if caller.Staff.ID != c.Staff.ID || !caller.Has(c.Staff.Roles...) || caller.Staff.DisplayName != c.Staff.DisplayName {
			t.Errorf("%s: the token is that of %+v", c.Staff.ID, caller.Staff)
		}
	}

	// Somebody configures the service and renames a person, and the demonstration starts again.
	m := holder.Book().Catalogue()
	changed, err := catalogue.Decode(encode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	changed.DefaultPhone = "112"
	data := encode(t, changed)
	if _, err := s.Change(ctx, store.Request{Caller: "test"}, store.Rows{Catalogue: true}, func(w *store.Work) error {
		w.PutCatalogue(store.Catalogue{Data: data, Etag: "changed", ApplyTime: w.Now})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	renamed := first[0].Staff
	renamed.DisplayName = "Joku Toinen"
	if err := s.PutStaff(ctx, renamed); err != nil {
		t.Fatal(err)
	}
	now = start.Add(time.Hour)
	again, err := demo.Setup(ctx, s, now)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range again {
		if !c.Token.Equal(first[i].Token) || !c.ExpireTime.Equal(first[i].ExpireTime) {
			t.Errorf("%s: a restart made another token", c.Staff.ID)
		}
	}
	now = start.Add(13 * time.Hour)
	second, err := demo.Setup(ctx, s, now)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := s.Catalogue(ctx); err != nil || kept.Etag != "changed" {
		t.Errorf("catalogue %q after the second start, %v", kept.Etag, err)
	}
	for i, c := range second {
		if _, err := opens(ctx, s, first[i], clock); !errors.Is(err, access.ErrInvalidToken) {
			t.Errorf("%s: the first token still works (%v)", c.Staff.ID, err)
		}
		caller, err := opens(ctx, s, c, clock)
		if err != nil {
			t.Errorf("%s: %v", c.Staff.ID, err)
		} else if caller.Staff.DisplayName != demo.People()[i].DisplayName {
			t.Errorf("%s is called %q", c.Staff.ID, caller.Staff.DisplayName)
		}
	}
	if tokens, err := s.StaffTokens(ctx); err != nil || len(tokens) != len(second) {
		t.Errorf("%d tokens for %d people, %v", len(tokens), len(second), err)
	}
	now = second[0].ExpireTime
	if want := start.Add(13*time.Hour + demo.TokenLifetime); !now.Equal(want) {
		t.Errorf("tokens expire at %v, want %v", now, want)
	}
	if _, err := opens(ctx, s, second[0], clock); !errors.Is(err, access.ErrInvalidToken) {
		t.Errorf("an expired token works (%v)", err)
	}
}

// opens tells whose token it is, to an authenticator that remembers nothing.
func opens(ctx context.Context, s store.Store, c demo.StaffCredential, now func() time.Time) (access.Caller, error) {
	return access.NewAuthenticator(s, now).Authenticate(ctx, c.Token.Reveal(), nil)
}

func encode(t *testing.T, m *kuplav1.Catalogue) []byte {
	t.Helper()
	data, _, err := catalogue.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSetupFails(t *testing.T) {
	ctx := t.Context()
	s, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "demo.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Setup(ctx, s, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("error %v", err)
	}
}
