package board_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
)

// wantPresent fails the test unless the customer is there, or not, since a time.
func (w *world) wantPresent(id string, want bool, since time.Time) {
	w.t.Helper()
	got := w.Presence(w.open[id])[chat.CustomerID]
	if got.Present != want || !got.Since.Equal(since) {
		w.t.Errorf("the customer is there: %t since %v, want %t since %v", got.Present, got.Since, want, since)
	}
}

// A customer is there while any of their streams is open, and for a while after the last one or a call.
func TestCustomerPresence(t *testing.T) {
	w := newWorld(t, board.Config{PresenceGrace: 20 * time.Second})
	w.start("a", oral, "fi")
	f := w.hub.FollowConversation("a", w.now)
	w.wantPresent("a", true, monday)

	first, second := w.ArriveCustomer("a"), w.ArriveCustomer("a")
	w.pass(time.Hour)
	first()
	w.pass(time.Minute)
	w.Tick()
	w.wantPresent("a", true, monday)

	second()
	ended := w.now
	w.pass(20*time.Second - 1)
	w.Tick()
	w.wantPresent("a", true, monday)
	if got := taken(f).NewsOf("a"); got != nil && len(got.Presence) > 0 {
		t.Errorf("told of %v, and nothing has changed", got.Presence)
	}
	w.pass(1)
	w.Tick()
	w.wantPresent("a", false, ended)
	want := map[string]hub.Presence{chat.CustomerID: {Since: ended}}
	if diff := cmp.Diff(want, taken(f).NewsOf("a").Presence); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}

	w.pass(time.Minute)
	w.SawCustomer("a")
	w.wantPresent("a", true, w.now)
	if got := taken(f).NewsOf("a").Presence[chat.CustomerID]; !got.Present {
		t.Errorf("told %+v on coming back", got)
	}
}

// A place says that it is held while its owner is away, and until when.
func TestPlaceIsHeld(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.start("a", oral, "fi")
	leave := w.ArriveCustomer("a")
	if p := w.wantPlace("a", 1); p.Held || !p.HoldExpire.IsZero() {
		t.Errorf("held of somebody who is there: %+v", p)
	}
	w.pass(time.Minute)
	leave()
	ended := w.now
	w.pass(20 * time.Second)
	w.Tick()
	if p := w.wantPlace("a", 1); !p.Held || !p.HoldExpire.Equal(ended.Add(10*time.Minute)) {
		t.Errorf("held: %t until %v", p.Held, p.HoldExpire)
	}
	w.ArriveCustomer("a")
	if p := w.wantPlace("a", 1); p.Held {
		t.Error("held of somebody who came back")
	}
}

// A stream of a conversation that is not known counts nothing, then or when it ends: a conversation heard of
// in between must not have one stream too few, which would be a customer who is never away.
func TestStreamOfUnknownConversation(t *testing.T) {
	w := newWorld(t, board.Config{})
	leave := w.ArriveCustomer("a")
	w.start("a", oral, "fi")
	leave()
	end := w.ArriveCustomer("a")
	end()
	w.pass(20 * time.Second)
	w.Tick()
	w.wantPresent("a", false, monday)
}

// A professional's presence is told in every conversation they are in, and to desks.
func TestStaffPresence(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.staff(professional("nurse", oral), professional("doctor", oral))
	leave := w.ArriveStaff("nurse")
	w.start("a", oral, "fi")
	w.take("a", "nurse")
	f := w.hub.FollowConversation("a", w.now)
	desk := w.hub.FollowDesk("doctor", w.now)
	leave()
	ended := w.now
	w.pass(20 * time.Second)
	w.Tick()
	want := map[string]hub.Presence{"professional-1": {Since: ended}}
	got := taken(f).NewsOf("a").Presence
	delete(got, chat.CustomerID) // who has gone as well
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if !taken(desk).Staff {
		t.Error("desks were not told")
	}
	if m, ok := w.Staff("nurse"); !ok || m.Present || m.Conversations != 1 {
		t.Errorf("the nurse is %+v", m)
	}
	w.SawStaff("nurse")
	if got := w.Presence(w.open["a"])["professional-1"]; !got.Present || !got.Since.Equal(w.now) {
		t.Errorf("after coming back: %+v", got)
	}
}

// Who was seen is handed out once; whose stream is open is seen all the time.
func TestTakeSeen(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.staff(professional("nurse", oral), professional("doctor", oral))
	w.start("a", oral, "fi")
	w.start("b", oral, "fi")
	w.start("gone", oral, "fi")
	leave := w.ArriveCustomer("a")
	w.ArriveStaff("nurse")
	w.SawStaff("doctor")
	w.change("gone", func(c *chat.Conversation) error { return c.LeaveAsCustomer(w.now) })
	w.pass(time.Second)
	want := func(customers, staff map[string]time.Time) {
		t.Helper()
		got := w.TakeSeen()
		if !maps.Equal(got.Customers, customers) || !maps.Equal(got.Staff, staff) {
			t.Errorf("seen: %v, want %v and %v", got, customers, staff)
		}
	}
	want(map[string]time.Time{"a": w.now, "b": monday}, map[string]time.Time{"nurse": w.now, "doctor": monday})
	w.pass(time.Second)
	want(map[string]time.Time{"a": w.now}, map[string]time.Time{"nurse": w.now})
	leave()
	ended := w.now
	w.pass(time.Second)
	want(map[string]time.Time{"a": ended}, map[string]time.Time{"nurse": w.now})
	want(map[string]time.Time{}, map[string]time.Time{"nurse": w.now})
}
