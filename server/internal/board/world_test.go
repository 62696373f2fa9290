package board_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// The queues of these tests. The first two are open at all hours; the third on Monday mornings.
const (
	oral    = "oral-health"
	child   = "child-health"
	morning = "morning-only"
)

// monday is when these tests begin.
var monday = time.Date(2026, time.September, 7, 8, 0, 0, 0, time.UTC)

// book is a catalogue of the queues above.
func book(t testing.TB) *catalogue.Book {
	t.Helper()
	var y strings.Builder
	text := func(indent, key, value string) {
		fmt.Fprintf(&y, "%s%s: {fi: %s, sv: %s, en: %s}\n", indent, key, value, value, value)
	}
	text("", "default_notice", "Soita 112")
	fmt.Fprintln(&y, `default_phone: "116117"`)
	fmt.Fprintln(&y, "queues:")
	for _, id := range []string{oral, child, morning} {
		fmt.Fprintf(&y, "  - id: %s\n", id)
		text("    ", "name", id)
		text("    ", "description", id)
		fmt.Fprintln(&y, "    languages: [fi, sv, en]")
		fmt.Fprintln(&y, "    capacity: 20000")
		fmt.Fprintln(&y, "    identification_policy: IDENTIFICATION_POLICY_NEVER")
		fmt.Fprintln(&y, "    representation: {rules: REPRESENTATION_RULES_HEALTH}")
		fmt.Fprintln(&y, "    opening_hours:")
		fmt.Fprintln(&y, "      open_on_holidays: true")
		fmt.Fprintln(&y, "      weekly:")
		if id == morning {
			fmt.Fprintln(&y, `        - {day: DAY_OF_WEEK_MONDAY, spans: [{start: "08:00", end: "12:00"}]}`)
			continue
		}
		for _, day := range []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"} {
			fmt.Fprintf(&y, "        - {day: DAY_OF_WEEK_%s, spans: [{start: \"00:00\", end: \"24:00\"}]}\n", day)
		}
	}
	m, err := catalogue.ParseYAML([]byte(y.String()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := catalogue.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fixed is a catalogue that never changes.
type fixed struct{ book *catalogue.Book }

func (f fixed) Book() *catalogue.Book { return f.book }

// world is a board with what feeds it: a clock that the test moves, and commits.
type world struct {
	t testing.TB
	*board.Board
	hub     *hub.Hub
	now     time.Time
	open    map[string]*chat.Conversation
	version int64
}

func newWorld(t testing.TB, config board.Config) *world {
	t.Helper()
	w := &world{t: t, hub: hub.New(), now: monday, open: map[string]*chat.Conversation{}}
	w.Board = board.New(w.hub, fixed{book(t)}, func() time.Time { return w.now }, config)
	return w
}

// pass moves the clock on.
func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// professional is a staff member of queues, who is available and speaks all languages.
func professional(id string, queues ...string) store.Staff {
	return store.Staff{
		ID: id, DisplayName: "Testi " + id, Roles: []store.Role{store.RoleProfessional}, QueueIDs: queues,
		Languages: []string{"fi", "sv", "en"}, Capacity: 5, Availability: store.Available,
	}
}

// staff makes staff members known, who are not there yet.
func (w *world) staff(members ...store.Staff) {
	w.Committed([]store.Committed{{Staff: members}})
}

// start starts a conversation. The customer was heard of just now.
func (w *world) start(id, queueID, language string) *chat.Conversation {
	c := chat.Start(chat.StartParams{
		ID: id, QueueID: queueID, Language: language, Now: w.now, Arrival: w.now,
	})
	w.commit(nil, c)
	return c
}

// change runs a command and returns what became of the conversation.
func (w *world) change(id string, command func(c *chat.Conversation) error) *chat.Conversation {
	w.t.Helper()
	before := w.open[id]
	c := before.Clone()
	if err := command(c); err != nil {
		w.t.Fatalf("%s: %v", id, err)
	}
	w.commit(before, c)
	return c
}

func (w *world) take(id, staffID string) {
	w.t.Helper()
	w.change(id, func(c *chat.Conversation) error { return c.Take(chat.Staff{ID: staffID}, w.now) })
}

func (w *world) close(id string) {
	w.t.Helper()
	w.change(id, func(c *chat.Conversation) error { return c.Close(c.Leader().ID, chat.Completed, w.now) })
}

// commit tells the board what became durable, as the store does.
func (w *world) commit(before, after *chat.Conversation) {
	w.Committed([]store.Committed{w.committed(before, after)})
}

// committed is what the store tells of a conversation that changed.
func (w *world) committed(before, after *chat.Conversation) store.Committed {
	w.version++
	events := after.Pending()
	after.Settle()
	w.open[after.ID] = after
	told := store.Committed{Conversations: []store.ConversationChange{{
		Before: before, After: after, Version: w.version, Events: events,
	}}}
	if after.State == chat.Closed {
		told.Contacts = append(told.Contacts, contact(after))
	}
	return told
}

func contact(c *chat.Conversation) store.Contact {
	return store.Contact{
		ConversationID: c.ID, QueueID: c.QueueID, CreateTime: c.CreateTime, TakeTime: c.TakeTime, CloseTime: c.CloseTime,
	}
}

// finish brings n contacts of ten minutes each to their end in a queue.
func (w *world) finish(queueID string, n int) {
	for range n {
		w.Committed([]store.Committed{{Contacts: []store.Contact{{
			QueueID: queueID, TakeTime: w.now.Add(-10 * time.Minute), CloseTime: w.now,
		}}}})
	}
}

// wantPlace fails the test unless a conversation stands there; 0 is that it does not wait.
func (w *world) wantPlace(id string, want int) board.Place {
	w.t.Helper()
	p, ok := w.Place(id)
	if ok != (want > 0) || p.Position != want {
		w.t.Errorf("%s stands at %d (waits: %t), want %d", id, p.Position, ok, want)
	}
	return p
}

// wantOrder fails the test unless those wait in a queue, in that order.
func (w *world) wantOrder(queueID string, want ...string) {
	w.t.Helper()
	got := w.Waiting(queueID)
	var ids []string
	for _, e := range got.Entries {
		ids = append(ids, e.ConversationID)
	}
	if strings.Join(ids, " ") != strings.Join(want, " ") || got.Count != len(want) {
		w.t.Errorf("in %s wait %v (%d), want %v", queueID, ids, got.Count, want)
	}
}

// taken empties a follower's slot.
func taken(f *hub.Follower) *hub.Pending {
	select {
	case <-f.Wake():
	default:
	}
	p := f.Take()
	return &p
}
