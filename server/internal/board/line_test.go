package board_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

var freely = chat.TransferRules{Allowed: true}

// Conversations move through lines as their commits say: by arrival, and back at it after a return.
func TestLines(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.staff(professional("nurse", oral, child))
	for n, id := range []string{"a", "b", "c"} {
		w.now = monday.Add(time.Duration(n) * time.Minute)
		w.start(id, oral, "fi")
	}
	w.wantOrder(oral, "a", "b", "c")
	w.take("a", "nurse")
	w.wantOrder(oral, "b", "c")
	w.wantPlace("a", 0)
	w.wantPlace("c", 2)
	if got := w.Desk("nurse"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("on the desk: %v", got)
	}
	w.start("d", child, "fi")
	w.change("a", func(c *chat.Conversation) error { return c.TransferToQueue(c.Leader().ID, child, freely, w.now) })
	w.wantOrder(oral, "b", "c")
	w.wantOrder(child, "a", "d")
	w.take("b", "nurse")
	w.change("b", func(c *chat.Conversation) error { return c.Return(c.Leader().ID, w.now) })
	w.wantOrder(oral, "b", "c")
	if got := w.Desk("nurse"); len(got) != 0 {
		t.Errorf("on the desk: %v", got)
	}
	if got := w.Waiting(oral).Entries; !got[0].Transferred || got[1].Transferred {
		t.Errorf("told as come from elsewhere: %t, %t", got[0].Transferred, got[1].Transferred)
	}
	if n := w.OpenIn(oral); n != 2 {
		t.Errorf("%d are open, want 2", n)
	}
	w.change("c", func(c *chat.Conversation) error { return c.LeaveAsCustomer(w.now) })
	w.wantOrder(oral, "b")
	if n := w.OpenIn(oral); n != 1 {
		t.Errorf("%d are open, want 1", n)
	}
}

// What is older than what is known, or the same again, changes nothing.
func TestStaleVersions(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.staff(professional("nurse", oral))
	started := w.start("a", oral, "fi")
	w.start("b", oral, "fi")
	version := w.version
	taken := w.change("a", func(c *chat.Conversation) error { return c.Take(chat.Staff{ID: "nurse"}, w.now) })

	for _, again := range []store.ConversationChange{
		{After: started, Version: version - 1}, {After: taken, Version: w.version}, {After: started, Version: version - 1},
	} {
		w.Committed([]store.Committed{{Conversations: []store.ConversationChange{again}}})
		w.wantOrder(oral, "b")
		w.wantPlace("a", 0)
		if got := w.Desk("nurse"); !slices.Equal(got, []string{"a"}) {
			t.Errorf("on the desk after version %d once more: %v", again.Version, got)
		}
		if n := w.OpenIn(oral); n != 2 {
			t.Errorf("%d are open after version %d once more, want 2", n, again.Version)
		}
	}
}

// Nobody is proposed who is away, was passed over, or speaks another language; of several queues, whoever
// arrived first.
func TestNext(t *testing.T) {
	w := newWorld(t, board.Config{})
	nurse := professional("nurse", oral, child)
	nurse.Languages = []string{"fi", "en"}
	next := func(skip ...string) string {
		passed := map[string]bool{}
		for _, id := range skip {
			passed[id] = true
		}
		id, ok := w.Next(nurse, nurse.QueueIDs, passed)
		if ok != (id != "") {
			t.Errorf("proposes %q: %t", id, ok)
		}
		return id
	}
	if got := next(); got != "" {
		t.Errorf("proposes %q, and nobody waits", got)
	}
	for n, s := range []struct{ id, queue, language string }{
		{"swedish", oral, "sv"}, {"first", child, "fi"}, {"second", oral, "en"}, {"elsewhere", morning, "fi"},
	} {
		w.now = monday.Add(time.Duration(n) * time.Second)
		w.start(s.id, s.queue, s.language)
	}
	if got := next(); got != "first" {
		t.Errorf("proposes %q, want the earliest", got)
	}
	if got := next("first"); got != "second" {
		t.Errorf("proposes %q after the first was passed over", got)
	}
	if got := next("first", "second"); got != "" {
		t.Errorf("proposes %q after all were passed over", got)
	}
	leave := w.ArriveCustomer("second")
	w.pass(20 * time.Second)
	w.Tick()
	if got := next(); got != "second" {
		t.Errorf("proposes %q, want the one who is there", got)
	}
	w.wantPlace("first", 1)
	leave()
	w.pass(20 * time.Second)
	w.Tick()
	if got := next(); got != "" {
		t.Errorf("proposes %q, and all are away", got)
	}
	w.SawCustomer("first")
	if got := next(); got != "first" {
		t.Errorf("proposes %q, want the one who came back", got)
	}
}

// The first in line are told their place at once; those behind by the next tick, and only when it changed.
func TestPlacesTold(t *testing.T) {
	w := newWorld(t, board.Config{NearHead: 2})
	w.staff(professional("nurse", oral))
	told := map[string]func() bool{}
	var ids []string
	for n := range 5 {
		id := fmt.Sprint(n)
		ids = append(ids, id)
		w.now = monday.Add(time.Duration(n) * time.Second)
		w.start(id, oral, "fi")
		f := w.hub.FollowConversation(id, w.now)
		told[id] = func() bool { return taken(f).Places }
	}
	want := func(when string, want ...string) {
		t.Helper()
		var got []string
		for _, id := range ids {
			if told[id]() {
				got = append(got, id)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: told %v, want %v", when, got, want)
		}
	}
	w.Tick()
	want("first tick", ids...)
	w.pass(time.Second)
	w.Tick()
	want("nothing changed")
	w.take("0", "nurse")
	want("one taken", "1", "2")
	w.pass(time.Second)
	w.Tick()
	want("the tick after", "1", "2", "3", "4")
	w.change("4", func(c *chat.Conversation) error { return c.LeaveAsCustomer(w.now) })
	want("the last one left")
	// Estimates grow old also where nothing happens.
	w.pass(time.Second)
	w.Tick()
	want("tick", "1", "2", "3")
	w.pass(5 * time.Second)
	w.Tick()
	want("5 s later")
	w.pass(time.Second)
	w.Tick()
	want("6 s later", "1", "2", "3")
}

// A queue's status counts who waits, and says when no more are taken.
func TestStatus(t *testing.T) {
	w := newWorld(t, board.Config{})
	if _, ok := w.Status("no-such-queue"); ok {
		t.Error("there is a status of a queue that there is not")
	}
	w.start("a", oral, "fi")
	s, _ := w.Status(oral)
	if s.Waiting != 1 || s.Full || s.State != queue.Open || s.Estimate.CannotEstimate != queue.NobodyAvailable || !s.AsOf.Equal(w.now) {
		t.Errorf("status is %+v", s)
	}
	w.Committed([]store.Committed{{Queues: []store.Queue{{ID: oral, Paused: true, ResumeTime: w.now.Add(time.Hour)}}}})
	if s, _ := w.Status(oral); s.State != queue.Paused || !s.ChangeTime.Equal(w.now.Add(time.Hour)) {
		t.Errorf("paused for an hour: %+v", s)
	}
	if !w.Waiting(oral).Paused {
		t.Error("the desk is not told of the pause")
	}
	w.pass(time.Hour)
	if s, _ := w.Status(oral); s.State != queue.Open {
		t.Errorf("an hour later: %+v", s)
	}
	if w.Waiting(oral).Paused {
		t.Error("the desk is told of a pause that is over")
	}
}

// The estimate rests on who is there, what they do, and the latest contacts: no more than the history.
func TestEstimateRestsOn(t *testing.T) {
	w := newWorld(t, board.Config{History: 15})
	w.start("a", oral, "fi")
	w.finish(oral, 40)
	// A contact that nobody answered says nothing of how long answering takes.
	w.Committed([]store.Committed{{Contacts: []store.Contact{{QueueID: oral, CloseTime: w.now}}}})
	estimate := func() queue.Estimate { return w.wantPlace("a", 1).Estimate }
	if got := estimate(); got.CannotEstimate != queue.NobodyAvailable || got.Basis.Finished != 15 {
		t.Errorf("nobody there: %+v", got)
	}
	phone := professional("phone", oral)
	phone.Availability = store.OnPhone
	w.staff(professional("nurse", oral), professional("elsewhere", child), phone, professional("absent", oral))
	for _, id := range []string{"nurse", "elsewhere", "phone"} {
		w.SawStaff(id)
	}
	got := estimate()
	if got.CannotEstimate != 0 || got.Basis.Available != 1 || got.Basis.OnPhone != 1 {
		t.Errorf("one available, one on the phone: %+v", got)
	}
	w.pass(20 * time.Second)
	w.Tick()
	if got := estimate(); got.Basis.Available != 0 || got.Basis.OnPhone != 0 {
		t.Errorf("everybody has gone: %+v", got)
	}
}

// A long line is told in parts, everybody once and nobody by the tick; all the same when it has become short meanwhile.
func TestLongLineToldInParts(t *testing.T) {
	w := newWorld(t, board.Config{NearHead: 2})
	w.staff(professional("nurse", oral))
	var ids []string
	followers := map[string]*hub.Follower{}
	for n := range 600 {
		id := fmt.Sprint(n)
		ids = append(ids, id)
		w.now = w.now.Add(time.Millisecond)
		w.start(id, oral, "fi")
		followers[id] = w.hub.FollowConversation(id, w.now)
	}
	told := func() (n int) {
		for _, f := range followers {
			if taken(f).Places {
				n++
			}
		}
		return n
	}
	round := func() (parts []int) {
		for part := range board.Parts {
			w.TellPart(part)
			parts = append(parts, told())
		}
		return parts
	}
	w.Tick()
	round()
	told()
	w.take(ids[0], "nurse")
	if n := told(); n != 2 {
		t.Errorf("%d were told at once, want the 2 near the head", n)
	}
	w.pass(time.Second)
	w.Tick()
	if n := told(); n != 0 {
		t.Errorf("the tick woke %d of a long line", n)
	}
	sum := 0
	for part, n := range round() {
		if sum += n; n < 50 || n > 70 {
			t.Errorf("part %d is told to %d of 599", part, n)
		}
	}
	if sum != 599 {
		t.Errorf("%d were told, want each once", sum)
	}
	if parts := round(); slices.Max(parts) != 0 {
		t.Errorf("nothing changed, and %v were told", parts)
	}
	for _, id := range ids[1:150] {
		w.take(id, "nurse")
	}
	w.pass(time.Second)
	w.Tick()
	for _, id := range ids[150:] {
		if !taken(followers[id]).Places {
			t.Fatalf("a line that became short is not told by the tick: %s", id)
		}
	}
}
