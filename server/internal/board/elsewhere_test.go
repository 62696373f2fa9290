package board_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// several is a board of several servers, with what it signals.
func several(t *testing.T) (w *world, signals func() []store.Signal) {
	t.Helper()
	var list []store.Signal
	w = newWorld(t, board.Config{SeenEvery: 10 * time.Second, Signal: func(s store.Signal) { list = append(list, s) }})
	return w, func() []store.Signal {
		taken := list
		list = nil
		return taken
	}
}

// elsewhere makes a change that another server made, and does not tell it yet.
func (w *world) elsewhere(id string, command func(c *chat.Conversation) error) store.Committed {
	w.t.Helper()
	before := w.open[id]
	var c *chat.Conversation
	if before == nil {
		c = chat.Start(chat.StartParams{ID: id, QueueID: oral, Language: "fi", Now: w.now, Arrival: w.now})
	} else {
		c = before.Clone()
	}
	if command != nil {
		if err := command(c); err != nil {
			w.t.Fatal(err)
		}
	}
	told := w.committed(before, c)
	told.Elsewhere = true
	return told
}

// tell tells the board.
func (w *world) tell(changes ...store.Committed) { w.Committed(changes) }

// takenNow is takenBy at the time there is.
func (w *world) takenNow(staffID string) func(c *chat.Conversation) error {
	return func(c *chat.Conversation) error { return c.Take(chat.Staff{ID: staffID}, w.now) }
}

// Whoever began elsewhere is there by the call that began it, and stays for as long as that server goes on to see them.
func TestSeenElsewhere(t *testing.T) {
	w, signals := several(t)
	w.staff(professional("nurse", oral))
	w.tell(w.elsewhere("a", nil))
	w.wantPresent("a", true, monday)
	if got := w.TakeSeen(); len(got.Customers) > 0 {
		t.Errorf("%v are told as seen here", got.Customers)
	}
	f := w.hub.FollowConversation("a", w.now)
	for range 60 {
		w.pass(20 * time.Second)
		w.SeenElsewhere(map[string]time.Time{"a": w.now.Add(-19 * time.Second)}, nil)
		w.Tick()
	}
	last := w.now.Add(-19 * time.Second)
	w.wantPresent("a", true, monday)
	w.pass(29*time.Second - 19*time.Second)
	w.Tick()
	w.wantPresent("a", true, monday)
	w.pass(time.Second)
	w.Tick()
	w.wantPresent("a", false, last)
	if p := w.wantPlace("a", 1); !p.Held || !p.HoldExpire.Equal(last.Add(10*time.Minute)) {
		t.Errorf("the place is held: %t until %v", p.Held, p.HoldExpire)
	}
	taken(f)
	w.Signalled([]store.Signal{
		{Kind: store.SignalCustomerHere, ConversationID: "a"},
		{Kind: store.SignalCustomerHere, ConversationID: "nobody"},
		{Kind: store.SignalStaffHere, StaffID: "nurse"},
		{Kind: store.SignalStaffHere, StaffID: "nobody"},
		{Kind: store.SignalTyping, ConversationID: "a", ParticipantID: chat.CustomerID},
	})
	w.wantPresent("a", true, w.now)
	n := taken(f).NewsOf("a")
	if _, typing := n.Typing[chat.CustomerID]; !n.Presence[chat.CustomerID].Present || !typing {
		t.Errorf("followers are told %+v", n)
	}
	if m, _ := w.Staff("nurse"); !m.Present {
		t.Error("the nurse is not there")
	}
	// A clock that is ahead makes nobody stay for longer.
	w.SeenElsewhere(map[string]time.Time{"a": w.now.Add(time.Hour)}, map[string]time.Time{"nurse": w.now.Add(time.Hour)})
	w.pass(30 * time.Second)
	w.Tick()
	w.wantPresent("a", false, w.now.Add(-30*time.Second))
	if m, _ := w.Staff("nurse"); m.Present {
		t.Error("the nurse is still there")
	}
	if got := signals(); len(got) > 0 {
		t.Errorf("signalled %v of those who are elsewhere", got)
	}
}

// What a server has written itself comes back to it and tells it nothing: whoever leaves is away after the grace.
func TestOwnWritingIsNotElsewhere(t *testing.T) {
	w, signals := several(t)
	w.staff(professional("nurse", oral))
	w.start("a", oral, "fi")
	leave, leaveStaff := w.ArriveCustomer("a"), w.ArriveStaff("nurse")
	var written board.Seen
	for range 5 {
		w.pass(10 * time.Second)
		w.SeenElsewhere(written.Customers, written.Staff)
		written = w.TakeSeen()
	}
	w.SeenElsewhere(written.Customers, written.Staff)
	w.pass(time.Second)
	leave()
	leaveStaff()
	ended := w.now
	w.pass(9 * time.Second)
	w.SeenElsewhere(written.Customers, written.Staff)
	w.pass(11 * time.Second)
	w.Tick()
	w.wantPresent("a", false, ended)
	if m, _ := w.Staff("nurse"); m.Present {
		t.Error("the nurse is still there")
	}
	// Coming here is signalled, once; to go on being here is not.
	want := []store.Signal{{Kind: store.SignalStaffHere, StaffID: "nurse"}}
	if diff := cmp.Diff(want, signals()); diff != "" {
		t.Errorf("signalled (-want +got):\n%s", diff)
	}
	w.SawCustomer("a")
	w.pass(19 * time.Second)
	w.SawCustomer("a")
	w.ArriveCustomer("a")()
	want = []store.Signal{{Kind: store.SignalCustomerHere, ConversationID: "a"}}
	if diff := cmp.Diff(want, signals()); diff != "" {
		t.Errorf("signalled (-want +got):\n%s", diff)
	}
}

// What is older than what is known changes nothing and tells nobody, also when the conversation has closed meanwhile.
func TestLateNewsChangesNothing(t *testing.T) {
	w, _ := several(t)
	w.staff(professional("nurse", oral), professional("doctor", oral))
	nurse, doctor := w.hub.FollowDesk("nurse", w.now), w.hub.FollowDesk("doctor", w.now)
	start := w.elsewhere("a", nil)
	take := w.elsewhere("a", w.takenNow("nurse"))
	hand := w.elsewhere("a", func(c *chat.Conversation) error { return c.Return(c.Leader().ID, w.now) })
	again := w.elsewhere("a", w.takenNow("doctor"))
	w.tell(start, again)
	if p, q := taken(nurse), taken(doctor); len(p.Added) > 0 || !slices.Equal(q.Added, []string{"a"}) {
		t.Errorf("onto the desks come %v and %v", p.Added, q.Added)
	}
	f := w.hub.FollowConversation("a", w.now)
	unchanged := func() {
		t.Helper()
		w.tell(take, hand, again)
		if p, q, r := taken(nurse), taken(doctor), taken(f); len(p.Added)+len(q.Added)+len(r.News) > 0 || r.Places {
			t.Errorf("late news tell %v, %v and %+v", p.Added, q.Added, r.News)
		}
		w.wantOrder(oral)
		if got := w.Desk("nurse"); len(got) > 0 {
			t.Errorf("the nurse has %v", got)
		}
	}
	unchanged()
	if got := w.Desk("doctor"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the doctor has %v", got)
	}
	w.tell(w.elsewhere("a", func(c *chat.Conversation) error { return c.Close(c.Leader().ID, chat.Completed, w.now) }))
	taken(f)
	taken(doctor)
	unchanged()
	w.pass(30 * time.Second)
	w.Tick()
	taken(f)
	taken(nurse)
	taken(doctor)
	unchanged()
	if got := append(w.Desk("doctor"), w.Waiting(oral).QueueID); !slices.Equal(got, []string{oral}) || w.OpenIn(oral) > 0 {
		t.Errorf("after the close the doctor has %v, open are %d", got, w.OpenIn(oral))
	}
}

// A change that was made here may be told before one that was made elsewhere and came first: the desk hears of the
// conversation all the same, and everybody of what was read.
func TestOwnChangeOvertakesAnothers(t *testing.T) {
	w, _ := several(t)
	w.staff(professional("nurse", oral))
	w.start("a", oral, "fi")
	desk, f := w.hub.FollowDesk("nurse", w.now), w.hub.FollowConversation("a", w.now)
	late := w.elsewhere("a", func(c *chat.Conversation) error {
		if err := c.Take(chat.Staff{ID: "nurse"}, w.now); err != nil {
			return err
		}
		_, err := c.MarkRead(c.Leader(), 1)
		return err
	})
	w.change("a", func(c *chat.Conversation) error { return c.Post(chat.CustomerID, "Hei", w.now) })
	if got := taken(desk).Added; !slices.Equal(got, []string{"a"}) {
		t.Errorf("onto the desk come %v", got)
	}
	n := taken(f).NewsOf("a")
	if n.ReadMarks["professional-1"] != 1 || len(n.Events) != 1 || n.Events[0].Sequence != 3 {
		t.Errorf("followers are told %+v", n)
	}
	w.tell(late)
	if got := taken(desk); len(got.Added) > 0 || got.Staff {
		t.Errorf("told late: %+v", got)
	}
	if got := w.Desk("nurse"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the nurse has %v", got)
	}
	w.wantOrder(oral)
}

// Taken and returned elsewhere and told as one, it stands where it stood, and desks hear that it was returned.
func TestSeveralChangesInOne(t *testing.T) {
	w, _ := several(t)
	w.staff(professional("nurse", oral))
	w.start("a", oral, "fi")
	w.pass(time.Second)
	w.start("b", oral, "fi")
	desk := w.hub.FollowDesk("nurse", w.now)
	before := w.open["a"]
	w.elsewhere("a", w.takenNow("nurse"))
	last := w.elsewhere("a", func(c *chat.Conversation) error { return c.Return(c.Leader().ID, w.now) })
	last.Conversations[0].Before = before
	w.tell(last)
	w.wantOrder(oral, "a", "b")
	if _, told := taken(desk).Queues[oral]; !told {
		t.Error("the desk was not told")
	}
	if e := w.Waiting(oral).Entries[0]; !e.Transferred {
		t.Errorf("waits as %+v", e)
	}
}

// The streams of a customer whose conversation this server was not told of yet count when it is.
func TestStreamsBeforeTheNews(t *testing.T) {
	w, signals := several(t)
	start := w.elsewhere("a", nil)
	first, second, third := w.ArriveCustomer("a"), w.ArriveCustomer("a"), w.ArriveCustomer("a")
	first()
	w.pass(time.Hour)
	w.tell(start)
	w.wantPresent("a", true, w.now)
	want := []store.Signal{{Kind: store.SignalCustomerHere, ConversationID: "a"}}
	if diff := cmp.Diff(want, signals()); diff != "" {
		t.Errorf("signalled (-want +got):\n%s", diff)
	}
	second()
	w.pass(time.Hour)
	w.Tick()
	if got := w.TakeSeen().Customers["a"]; !got.Equal(w.now) {
		t.Errorf("seen at %v, want now", got)
	}
	third()
	ended := w.now
	w.pass(20 * time.Second)
	w.Tick()
	w.wantPresent("a", false, ended)
}

// While the service is interrupted nobody who is elsewhere goes away, and absence begins anew when it is over.
func TestInterruption(t *testing.T) {
	w, _ := several(t)
	w.staff(professional("nurse", oral))
	w.tell(w.elsewhere("a", nil), w.elsewhere("b", w.takenNow("nurse")))
	w.start("here", oral, "fi")
	leave := w.ArriveCustomer("here")
	w.Signalled([]store.Signal{{Kind: store.SignalStaffHere, StaffID: "nurse"}})
	w.pass(5 * time.Second)
	w.Interrupt(true)
	leave()
	left := w.now
	for range 1800 {
		w.pass(time.Second)
		w.Tick()
	}
	w.wantPresent("a", true, monday)
	w.wantPresent("here", false, left) // That one has left is known here.
	w.Interrupt(false)
	over := w.now
	w.pass(29 * time.Second)
	w.Tick()
	w.wantPresent("a", true, monday)
	w.pass(time.Second)
	w.Tick()
	w.wantPresent("a", false, monday)
	// What the others write takes a while to arrive, and nobody is lost for that.
	w.to(over, 3*time.Minute+20*time.Second-1)
	w.wantDue("before", board.Due{})
	w.to(over, 3*time.Minute+20*time.Second)
	w.wantDue("three minutes", board.Due{Lost: map[string][]string{"nurse": {"b"}}})
	w.to(over, 10*time.Minute+20*time.Second-1)
	w.SawStaff("nurse")
	w.wantDue("before ten", board.Due{})
	w.to(over, 10*time.Minute+20*time.Second)
	w.SawStaff("nurse")
	w.wantDue("ten minutes", board.Due{Abandoned: []string{"a", "here"}})
	w.Back(w.now)
	w.wantDue("when another one leads", board.Due{})
}

// A standby that has taken over may lack the end of a log. Then what is stored counts, and followers are told to ask
// again.
func TestLostChanges(t *testing.T) {
	w, _ := several(t)
	w.staff(professional("nurse", oral))
	start := w.elsewhere("a", nil)
	w.tell(start)
	w.tell(w.elsewhere("a", w.takenNow("nurse")))
	f := w.hub.FollowConversation("a", w.now)
	w.wantOrder(oral)
	w.tell(start)
	if n := taken(f).NewsOf("a"); n == nil || !n.Rewritten {
		t.Errorf("followers are told %+v", n)
	}
	w.wantOrder(oral, "a")
	if got := w.Desk("nurse"); len(got) > 0 {
		t.Errorf("the nurse has %v", got)
	}
	w.open["a"] = start.Conversations[0].After
	w.version = start.Conversations[0].Version
	w.tell(w.elsewhere("a", w.takenNow("nurse")))
	w.wantOrder(oral)
	if got := w.Desk("nurse"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("taken again, the nurse has %v", got)
	}
	if n := taken(f).NewsOf("a"); n == nil || n.Rewritten {
		t.Errorf("then followers are told %+v", n)
	}
}
