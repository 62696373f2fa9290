package hub_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
)

var morning = time.Date(2026, time.September, 7, 8, 30, 0, 0, time.UTC)

const quiet = 14 * time.Second

// conversation is one whose log ends with a sequence.
func conversation(id string, last int32) *chat.Conversation {
	return &chat.Conversation{ID: id, LastSequence: last}
}

// events are those from a sequence to another.
func events(first, last int32) []chat.Event {
	var list []chat.Event
	for n := first; n <= last; n++ {
		list = append(list, chat.Event{Sequence: n, Kind: chat.MessagePosted{Text: fmt.Sprint(n)}})
	}
	return list
}

// woken takes what is pending and whether the follower was woken for it.
func woken(f *hub.Follower) (hub.Pending, bool) {
	select {
	case <-f.Wake():
		return f.Take(), true
	default:
		return f.Take(), false
	}
}

// wantPending fails the test unless the follower was woken for exactly what is wanted.
func wantPending(t *testing.T, f *hub.Follower, want hub.Pending) {
	t.Helper()
	got, ok := woken(f)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(hub.News{}, chat.Conversation{})); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	if nothing := cmp.Equal(want, hub.Pending{}); ok == nothing {
		t.Errorf("woken: %t; something to take: %t", ok, !nothing)
	}
}

func news(id string, n hub.News) hub.Pending {
	n.ConversationID = id
	return hub.Pending{News: []hub.News{n}}
}

// Everybody hears of what they follow, and of nothing else.
func TestWhoHears(t *testing.T) {
	h := hub.New()
	customer := h.FollowConversation("c-1", morning)
	other := h.FollowConversation("c-2", morning)
	desk := h.FollowDesk("nurse", morning)
	desk.Add("c-1")
	colleague := h.FollowDesk("doctor", morning)
	board := h.FollowQueues(morning)
	all := map[string]*hub.Follower{
		"customer": customer, "other customer": other, "desk": desk, "colleague": colleague, "board": board,
	}
	there := hub.Presence{Present: true, Since: morning}
	c := conversation("c-1", 1)
	for _, test := range []struct {
		name string
		tell func()
		who  []string
		want hub.Pending
	}{
		{
			"a change", func() { h.Changed(c, events(1, 1), false) },
			[]string{"customer", "desk"},
			news("c-1", hub.News{Conversation: c, Events: events(1, 1)}),
		},
		{
			"a change without an event", func() { h.Changed(c, nil, true) },
			[]string{"customer", "desk"},
			news("c-1", hub.News{Conversation: c, Snapshot: true}),
		},
		{
			"a refresh", func() { h.Refresh("c-1") },
			[]string{"customer", "desk"},
			news("c-1", hub.News{Snapshot: true}),
		},
		{
			"a read mark", func() { h.Read("c-1", "customer", 7) },
			[]string{"customer", "desk"},
			news("c-1", hub.News{ReadMarks: map[string]int32{"customer": 7}}),
		},
		{
			"presence", func() { h.Presence("c-1", "customer", there) },
			[]string{"customer", "desk"},
			news("c-1", hub.News{Presence: map[string]hub.Presence{"customer": there}}),
		},
		{
			"typing", func() { h.Typing("c-1", "customer") },
			[]string{"customer", "desk"},
			news("c-1", hub.News{Typing: map[string]struct{}{"customer": {}}}),
		},
		{"places", func() { h.Places("c-1") }, []string{"customer", "desk"}, hub.Pending{Places: true}},
		{"added", func() { h.Added("nurse", "c-3") }, []string{"desk"}, hub.Pending{Added: []string{"c-3"}}},
		{
			"a queue", func() { h.Queue("oral-health") },
			[]string{"desk", "colleague", "board"},
			hub.Pending{Queues: map[string]struct{}{"oral-health": {}}},
		},
		{"staff", h.Staff, []string{"desk", "colleague"}, hub.Pending{Staff: true}},
		{"the catalogue", h.Catalogue, []string{"desk", "colleague", "board"}, hub.Pending{Catalogue: true}},
		{
			"the timer", func() { h.Tick(morning.Add(quiet), quiet) },
			slices.Collect(maps.Keys(all)),
			hub.Pending{Tick: true},
		},
		{"nobody's conversation", func() { h.Changed(conversation("c-9", 1), events(1, 1), true) }, nil, hub.Pending{}},
		{"nobody's desk", func() { h.Added("counselor", "c-1") }, nil, hub.Pending{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.tell()
			for name, f := range all {
				want := hub.Pending{}
				if slices.Contains(test.who, name) {
					want = test.want
				}
				t.Run(name, func(t *testing.T) { wantPending(t, f, want) })
			}
		})
	}
}

// Whoever has stopped listening hears nothing more, however they listened.
func TestStopsListening(t *testing.T) {
	h := hub.New()
	desk := h.FollowDesk("nurse", morning)
	desk.Add("c-1")
	desk.Add("c-2")
	desk.Remove("c-1")
	h.Refresh("c-1")
	wantPending(t, desk, hub.Pending{})
	h.Refresh("c-2")
	wantPending(t, desk, news("c-2", hub.News{Snapshot: true}))

	customer, board := h.FollowConversation("c-1", morning), h.FollowQueues(morning)
	if n := h.Followers(); n != 3 {
		t.Errorf("%d follow, want 3", n)
	}
	for _, f := range []*hub.Follower{desk, customer, board} {
		f.Close()
		f.Close()
	}
	h.Refresh("c-1")
	h.Refresh("c-2")
	h.Added("nurse", "c-2")
	h.Queue("oral-health")
	h.Staff()
	h.Catalogue()
	h.Tick(morning.Add(time.Hour), quiet)
	h.Shutdown()
	for _, f := range []*hub.Follower{desk, customer, board} {
		wantPending(t, f, hub.Pending{})
	}
	if n := h.Followers(); n != 0 {
		t.Errorf("%d follow, want 0", n)
	}
}

// Events are gathered as they come, until they are too many: then the reader is sent to the store, and what
// comes later does not look as if nothing were missing.
func TestShortcut(t *testing.T) {
	h := hub.New()
	f := h.FollowConversation("c-1", morning)
	for n := int32(1); n <= 64; n++ {
		h.Changed(conversation("c-1", n), events(n, n), false)
	}
	wantPending(t, f, news("c-1", hub.News{Conversation: conversation("c-1", 64), Events: events(1, 64)}))

	for n := int32(65); n <= 65+64; n++ {
		h.Changed(conversation("c-1", n), events(n, n), false)
	}
	wantPending(t, f, news("c-1", hub.News{Conversation: conversation("c-1", 129)}))

	h.Changed(conversation("c-1", 200), events(130, 200), false)
	h.Changed(conversation("c-1", 201), events(201, 201), false)
	wantPending(t, f, news("c-1", hub.News{Conversation: conversation("c-1", 201)}))

	h.Changed(conversation("c-1", 202), events(202, 202), false)
	wantPending(t, f, news("c-1", hub.News{Conversation: conversation("c-1", 202), Events: events(202, 202)}))
}

// Followers are given the same events and must not be able to change each other's.
func TestShortcutIsOnesOwn(t *testing.T) {
	h := hub.New()
	quick, slow := h.FollowConversation("c-1", morning), h.FollowConversation("c-1", morning)
	published := events(1, 8)
	h.Changed(conversation("c-1", 2), published[:2], false)
	quickly, _ := woken(quick)
	h.Changed(conversation("c-1", 3), events(3, 3), false)
	mine := quickly.NewsOf("c-1").Events
	mine = append(mine, chat.Event{Sequence: 99})
	wantPending(t, slow, news("c-1", hub.News{Conversation: conversation("c-1", 3), Events: events(1, 3)}))
	wantPending(t, quick, news("c-1", hub.News{Conversation: conversation("c-1", 3), Events: events(3, 3)}))
	if diff := cmp.Diff(events(1, 8), published); diff != "" || len(mine) != 3 {
		t.Errorf("what was published changed (-want +got):\n%s", diff)
	}
}

// One slot for each: whatever number of times it changed, the latest is told, once.
func TestLatestWins(t *testing.T) {
	h := hub.New()
	f := h.FollowConversation("c-1", morning)
	for _, n := range []int32{3, 9, 4} { // a wake that comes late takes nothing back
		h.Read("c-1", "customer", n)
	}
	h.Read("c-1", "professional-1", 2)
	for n := range 5 {
		h.Presence("c-1", "customer", hub.Presence{Present: n%2 == 1, Since: morning.Add(time.Duration(n))})
		h.Typing("c-1", "customer")
		h.Places("c-1")
	}
	want := news("c-1", hub.News{
		ReadMarks: map[string]int32{"customer": 9, "professional-1": 2},
		Presence:  map[string]hub.Presence{"customer": {Since: morning.Add(4)}},
		Typing:    map[string]struct{}{"customer": {}},
	})
	want.Places = true
	wantPending(t, f, want)
	wantPending(t, f, hub.Pending{})
}

// A snapshot that was asked for is not forgotten when something else comes after.
func TestSnapshotStays(t *testing.T) {
	h := hub.New()
	f := h.FollowConversation("c-1", morning)
	h.Refresh("c-1")
	h.Changed(conversation("c-1", 1), events(1, 1), false)
	wantPending(t, f, news("c-1", hub.News{
		Conversation: conversation("c-1", 1), Events: events(1, 1), Snapshot: true,
	}))
}

// A desk that nobody reads takes no more room than what is on it.
func TestSlotIsBounded(t *testing.T) {
	h := hub.New()
	f := h.FollowDesk("nurse", morning)
	f.Add("c-1")
	for n := range int32(10_000) {
		h.Changed(conversation("c-1", n+1), events(n+1, n+1), n%2 == 0)
		h.Added("nurse", fmt.Sprintf("c-%d", n%3))
		h.Queue(fmt.Sprintf("q-%d", n%8))
		h.Read("c-1", "customer", n)
		h.Typing("c-1", "customer")
		h.Staff()
	}
	got, _ := woken(f)
	n := got.NewsOf("c-1")
	if len(got.News) != 1 || len(got.Added) != 3 || len(got.Queues) != 8 || len(n.Events) != 0 ||
		len(n.ReadMarks) != 1 || len(n.Typing) != 1 {
		t.Errorf("a slot holds %d conversations, %d added, %d queues, %d events, %d read marks, %d typing",
			len(got.News), len(got.Added), len(got.Queues), len(n.Events), len(n.ReadMarks), len(n.Typing))
	}
	if n.Conversation.LastSequence != 10_000 {
		t.Errorf("the latest state ends at %d, want 10000", n.Conversation.LastSequence)
	}
}

// The timer wakes those who have sent nothing for long, and those who asked for it, once.
func TestTick(t *testing.T) {
	h := hub.New()
	idle, busy, held := h.FollowConversation("c-1", morning), h.FollowConversation("c-2", morning), h.FollowQueues(morning)
	at := morning.Add(quiet)
	busy.Sent(at.Add(-time.Second))
	held.Sent(at)
	held.Again()
	if got := busy.Quiet(at); got != time.Second {
		t.Errorf("silent for %v, want 1s", got)
	}
	h.Tick(at.Add(-1), quiet)
	wantPending(t, idle, hub.Pending{})
	wantPending(t, held, hub.Pending{Tick: true})
	h.Tick(at, quiet)
	wantPending(t, idle, hub.Pending{Tick: true})
	wantPending(t, busy, hub.Pending{})
	wantPending(t, held, hub.Pending{})

	// Of several times asked for the earliest counts.
	held.Sent(at.Add(time.Hour))
	held.AgainAt(at.Add(5 * time.Second))
	held.AgainAt(at.Add(3 * time.Second))
	held.AgainAt(at.Add(4 * time.Second))
	h.Tick(at.Add(3*time.Second-1), 24*time.Hour)
	wantPending(t, held, hub.Pending{})
	h.Tick(at.Add(3*time.Second), 24*time.Hour)
	wantPending(t, held, hub.Pending{Tick: true})
	h.Tick(at.Add(5*time.Second), 24*time.Hour)
	wantPending(t, held, hub.Pending{})
}

// Everybody is told that the server goes down, those who come while it does included.
func TestShutdown(t *testing.T) {
	h := hub.New()
	follow := map[string]func() *hub.Follower{
		"conversation": func() *hub.Follower { return h.FollowConversation("c-1", morning) },
		"desk":         func() *hub.Follower { return h.FollowDesk("nurse", morning) },
		"queues":       func() *hub.Follower { return h.FollowQueues(morning) },
	}
	early := map[string]*hub.Follower{}
	for name, open := range follow {
		early[name] = open()
	}
	h.Shutdown()
	for name, f := range early {
		t.Run(name, func(t *testing.T) { wantPending(t, f, hub.Pending{Closing: true}) })
	}
	for name, open := range follow {
		t.Run("late "+name, func(t *testing.T) { wantPending(t, open(), hub.Pending{Closing: true}) })
	}
}

// An interruption is told to everybody, also to those who come during it, and its end once; the end comes with what was
// told before it, and takes the place of a beginning that was not taken.
func TestInterruption(t *testing.T) {
	h := hub.New()
	conv, desk, queues := h.FollowConversation("a", morning), h.FollowDesk("nurse", morning), h.FollowQueues(morning)
	h.Interrupt(true)
	h.Interrupt(true)
	late := h.FollowConversation("a", morning)
	for _, f := range []*hub.Follower{conv, desk, queues, late} {
		wantPending(t, f, hub.Pending{Interruption: hub.InterruptionBegan})
	}
	if !h.Interrupted() {
		t.Error("the hub does not know of the interruption")
	}
	h.Rewritten("a")
	h.Interrupt(false)
	over := hub.Pending{Interruption: hub.InterruptionOver}
	wantPending(t, desk, over)
	wantPending(t, queues, over)
	over.News = []hub.News{{ConversationID: "a", Rewritten: true}}
	wantPending(t, conv, over)
	h.Interrupt(true)
	h.Interrupt(false)
	wantPending(t, conv, hub.Pending{Interruption: hub.InterruptionOver})
	if p, woken := woken(h.FollowConversation("a", morning)); woken || p.Interruption != 0 {
		t.Errorf("whoever comes later is told %+v", p)
	}
	if h.Interrupted() {
		t.Error("the hub does not know that it is over")
	}
}
