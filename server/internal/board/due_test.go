package board_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
)

// wantDue ticks and fails the test unless that is due, in any order.
func (w *world) wantDue(when string, want board.Due) {
	w.t.Helper()
	w.Tick()
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(want, w.Due(), sorted, cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("%s: due (-want +got):\n%s", when, diff)
	}
}

// to is a moment so long after another.
func (w *world) to(from time.Time, d time.Duration) { w.now = from.Add(d) }

// A place is kept for its time from when its owner was last there, and not a moment less.
func TestAbandoned(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.start("a", oral, "fi")
	w.start("there", oral, "fi")
	w.ArriveCustomer("there")
	w.pass(time.Minute)
	w.SawCustomer("a")
	seen := w.now
	w.to(seen, 10*time.Minute-1)
	w.wantDue("before", board.Due{})
	w.to(seen, 10*time.Minute)
	w.wantDue("then", board.Due{Abandoned: []string{"a"}})
	w.SawCustomer("a")
	w.wantDue("who came back at the last moment", board.Due{})
}

// An active conversation waits for its customer from the latest of: they were there, a professional wrote, it
// was taken. Everybody is warned before, once, and told when the warning is off.
func TestExpired(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.staff(professional("nurse", oral))
	w.ArriveStaff("nurse")
	w.start("a", oral, "fi")
	f := w.hub.FollowConversation("a", w.now)
	refreshed := func() bool { n := taken(f).NewsOf("a"); return n != nil && n.Snapshot }
	wantWarned := func(when string, want time.Time) {
		t.Helper()
		got, ok := w.ExpireTime("a")
		if ok == want.IsZero() || !got.Equal(want) {
			t.Errorf("%s: expires at %v (warned: %t), want %v", when, got, ok, want)
		}
	}
	w.pass(5 * time.Minute)
	w.take("a", "nurse")
	took := w.now
	w.to(took, 25*time.Minute-1)
	w.wantDue("before the warning", board.Due{})
	wantWarned("before the warning", time.Time{})
	refreshed()

	w.to(took, 25*time.Minute)
	w.wantDue("at the warning", board.Due{})
	wantWarned("at the warning", took.Add(30*time.Minute))
	if !refreshed() {
		t.Error("nobody was warned")
	}
	w.Tick()
	if refreshed() {
		t.Error("warned twice")
	}

	// The professional writes: the time begins anew.
	w.change("a", func(c *chat.Conversation) error { return c.Post("professional-1", "Oletko siellä?", w.now) })
	wrote := w.now
	taken(f)
	w.Tick()
	wantWarned("after the professional wrote", time.Time{})
	if !refreshed() {
		t.Error("nobody was told that it does not expire yet")
	}
	w.to(wrote, 30*time.Minute-1)
	w.wantDue("before the end", board.Due{})
	wantWarned("before the end", wrote.Add(30*time.Minute))
	refreshed()

	// The customer comes back: at once, without a tick.
	leave := w.ArriveCustomer("a")
	wantWarned("after the customer came back", time.Time{})
	if !refreshed() {
		t.Error("nobody was told that the customer is back")
	}
	w.pass(24 * time.Hour)
	w.wantDue("while the customer is there", board.Due{})
	leave()
	left := w.now
	w.to(left, 30*time.Minute)
	w.wantDue("half an hour after", board.Due{Expired: []string{"a"}})
}

// A professional who is away for too long is lost to all their conversations, as a guest too.
func TestLost(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.staff(professional("nurse", oral), professional("doctor", oral), professional("idle", oral))
	leave := w.ArriveStaff("nurse")
	w.ArriveStaff("doctor")
	for _, id := range []string{"a", "b", "c"} {
		w.start(id, oral, "fi")
		w.ArriveCustomer(id)
	}
	w.take("a", "nurse")
	w.take("b", "doctor")
	w.change("b", func(c *chat.Conversation) error {
		return c.Invite("professional-1", chat.Staff{ID: "nurse"}, w.now)
	})
	w.pass(time.Minute)
	leave()
	left := w.now
	w.to(left, 3*time.Minute-1)
	w.wantDue("before", board.Due{})
	w.to(left, 3*time.Minute)
	w.wantDue("then", board.Due{Lost: map[string][]string{"nurse": {"a", "b"}}})
	w.SawStaff("nurse")
	w.wantDue("who came back at the last moment", board.Due{})
}

// Those who wait are served for the grace after closing, then their turn did not come.
func TestNotReached(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.start("a", morning, "fi")
	w.start("b", oral, "fi")
	w.ArriveCustomer("a")
	w.ArriveCustomer("b")
	closing := time.Date(2026, time.September, 7, 9, 0, 0, 0, time.UTC) // 12:00 in Helsinki
	w.to(closing, 30*time.Minute-time.Second)                           // it is looked at once a second
	w.wantDue("within the grace", board.Due{})
	w.to(closing, 30*time.Minute)
	w.wantDue("after the grace", board.Due{NotReached: []string{"a"}})
}
