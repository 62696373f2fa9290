package board_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// kept is a store as far as a board reads one. Whatever else of it is called panics.
type kept struct {
	store.Store
	open                []*chat.Conversation
	queues              []store.Queue
	staff               []store.Staff
	customers, lastSeen map[string]time.Time
	contacts            []store.Contact
	err                 error
	// first runs before anything is read, between after the conversations were read and before anything else is.
	first, between func()
}

func (k *kept) OpenConversations(context.Context) ([]*chat.Conversation, error) {
	if k.first != nil {
		k.first()
	}
	open := slices.Clone(k.open)
	if k.between != nil {
		k.between()
	}
	return open, k.err
}
func (k *kept) Queues(context.Context) ([]store.Queue, error)               { return k.queues, nil }
func (k *kept) AllStaff(context.Context) ([]store.Staff, error)             { return k.staff, nil }
func (k *kept) CustomersSeen(context.Context) (map[string]time.Time, error) { return k.customers, nil }

func (k *kept) StaffSeen(context.Context) (map[string]time.Time, error) { return k.lastSeen, nil }

func (k *kept) Contacts(_ context.Context, queueID string, n int) ([]store.Contact, error) {
	var list []store.Contact
	for _, c := range k.contacts {
		if c.QueueID == queueID && len(list) < n {
			list = append(list, c)
		}
	}
	return list, nil
}

// before is a conversation that was started before the board was there.
func (w *world) before(id string, commands ...func(c *chat.Conversation) error) *chat.Conversation {
	w.t.Helper()
	c := chat.Start(chat.StartParams{ID: id, QueueID: oral, Language: "fi", Now: w.now, Arrival: w.now})
	for _, command := range commands {
		if err := command(c); err != nil {
			w.t.Fatal(err)
		}
	}
	c.Settle()
	w.open[id] = c
	return c
}

func takenBy(staffID string) func(c *chat.Conversation) error {
	return func(c *chat.Conversation) error { return c.Take(chat.Staff{ID: staffID}, monday) }
}

func (w *world) load(k *kept) {
	w.t.Helper()
	if err := w.Load(context.Background(), k); err != nil {
		w.t.Fatal(err)
	}
}

// After an outage everything is as it was kept, and nobody's absence began before the service was back.
func TestLoad(t *testing.T) {
	w := newWorld(t, board.Config{})
	k := &kept{
		queues: []store.Queue{{ID: child, Paused: true}},
		staff:  []store.Staff{professional("nurse", oral)},
		customers: map[string]time.Time{
			"away": monday.Add(-time.Minute), "active": monday, "waiting": monday,
		},
		lastSeen: map[string]time.Time{"nurse": monday},
	}
	for n, id := range []string{"away", "waiting", "never seen"} {
		w.now = monday.Add(time.Duration(n) * time.Second)
		k.open = append(k.open, w.before(id))
	}
	slices.Reverse(k.open) // the store need not know the order
	k.open = append(k.open, w.before("active", takenBy("nurse")))
	for range queue.MinHistory {
		k.contacts = append(k.contacts, store.Contact{QueueID: oral, TakeTime: monday, CloseTime: monday.Add(10 * time.Minute)})
	}
	// An hour later the service is back.
	w.now = monday.Add(time.Hour)
	back := w.now
	w.load(k)

	w.wantOrder(oral, "away", "waiting", "never seen")
	if got := w.Desk("nurse"); !slices.Equal(got, []string{"active"}) {
		t.Errorf("on the desk: %v", got)
	}
	if s, _ := w.Status(child); s.State != queue.Paused {
		t.Errorf("the paused queue is %+v", s)
	}
	if p := w.wantPlace("away", 1); !p.Held || !p.HoldExpire.Equal(back.Add(10*time.Minute)) {
		t.Errorf("held: %t until %v, want the whole time from %v", p.Held, p.HoldExpire, back)
	}
	if got := w.Presence(w.open["waiting"])[chat.CustomerID]; got.Present || !got.Since.IsZero() {
		t.Errorf("presence is %+v, and nothing is known of it yet", got)
	}
	if _, ok := w.Next(professional("nurse", oral), []string{oral}, nil); ok {
		t.Error("somebody is proposed of whom nothing was heard yet")
	}
	w.wantDue("at once", board.Due{})
	w.to(back, 3*time.Minute)
	w.wantDue("3 minutes later", board.Due{Lost: map[string][]string{"nurse": {"active"}}})
	w.SawStaff("nurse")
	if p := w.wantPlace("waiting", 2); p.Estimate.CannotEstimate != 0 || p.Estimate.Basis.Finished != queue.MinHistory {
		t.Errorf("the estimate is %+v", p.Estimate)
	}
	w.SawCustomer("waiting")
	w.to(back, 10*time.Minute)
	w.SawStaff("nurse")
	w.SawCustomer("waiting")
	w.wantDue("10 minutes later", board.Due{Abandoned: []string{"away", "never seen"}})
	w.to(back, 30*time.Minute)
	w.SawStaff("nurse")
	w.SawCustomer("waiting")
	w.wantDue("30 minutes later", board.Due{Abandoned: []string{"away", "never seen"}, Expired: []string{"active"}})
}

// Those whom closing time has overtaken while the service was down are given time to come back and hear why.
func TestLoadAfterClosing(t *testing.T) {
	w := newWorld(t, board.Config{})
	c := chat.Start(chat.StartParams{ID: "a", QueueID: morning, Language: "fi", Now: w.now, Arrival: w.now})
	c.Settle()
	w.open["a"] = c
	back := monday.Add(12 * time.Hour)
	w.now = back
	w.load(&kept{open: []*chat.Conversation{c}})
	w.to(back, 30*time.Second)
	w.wantDue("30 s after coming back", board.Due{})
	w.to(back, 30*time.Second+1)
	w.wantDue("just after", board.Due{NotReached: []string{"a"}})
}

// What is committed while the board is filled wins over what was read before, whatever it is.
func TestLoadRacesWithCommits(t *testing.T) {
	w := newWorld(t, board.Config{History: 100})
	w.hub.FollowConversation("closes", w.now)
	nurse := professional("nurse", oral)
	k := &kept{
		queues: []store.Queue{{ID: oral}}, staff: []store.Staff{nurse},
		customers: map[string]time.Time{},
		open: []*chat.Conversation{
			w.before("closes", takenBy("nurse")), w.before("taken"), w.before("stays"), w.before("leaves"),
			w.before("returns", takenBy("nurse")),
		},
	}
	for range 20 {
		k.contacts = append(k.contacts, store.Contact{
			ConversationID: "old", QueueID: oral, TakeTime: monday, CloseTime: monday.Add(10 * time.Minute),
		})
	}
	k.first = func() {
		w.pass(time.Minute)
		k.open = append(k.open, w.start("new", oral, "fi"))
	}
	k.between = func() {
		w.pass(time.Second)
		closed := w.change("closes", func(c *chat.Conversation) error { return c.Close("professional-1", chat.Completed, w.now) })
		// The contacts are read later, and have it already.
		k.contacts = append([]store.Contact{contact(closed)}, k.contacts...)
		w.take("taken", "nurse")
		w.change("leaves", func(c *chat.Conversation) error { return c.LeaveAsCustomer(w.now) })
		w.change("returns", func(c *chat.Conversation) error { return c.Return("professional-1", w.now) })
		w.start("short", oral, "fi")
		w.change("short", func(c *chat.Conversation) error { return c.LeaveAsCustomer(w.now) })
		w.Committed([]store.Committed{{Queues: []store.Queue{{ID: oral, Paused: true}}}})
		phone := nurse
		phone.Availability = store.OnPhone
		w.staff(phone)
	}
	w.load(k)

	w.wantOrder(oral, "returns", "stays", "new")
	w.wantPlace("closes", 0)
	if got := w.Desk("nurse"); !slices.Equal(got, []string{"taken"}) {
		t.Errorf("on the desk: %v", got)
	}
	if n := w.OpenIn(oral); n != 4 {
		t.Errorf("%d are open, want 4", n)
	}
	if s, _ := w.Status(oral); s.State != queue.Paused {
		t.Errorf("the queue is %+v", s)
	}
	if m, _ := w.Staff("nurse"); m.Availability != store.OnPhone {
		t.Errorf("the nurse is %+v", m)
	}
	w.wantPresent("new", true, w.now) // who began while the board was filled is there, by the call that began it
	w.SawStaff("nurse")
	if got := w.wantPlace("new", 3).Estimate.Basis.Finished; got != 21 {
		t.Errorf("the estimate rests on %d contacts, want 21: those read, and the one that closed in between once", got)
	}
	// From here on commits are taken in as they come.
	w.take("stays", "nurse")
	w.wantOrder(oral, "returns", "new")
}

// A store that cannot be read is told, and what was committed meanwhile is not lost.
func TestLoadFails(t *testing.T) {
	w := newWorld(t, board.Config{})
	k := &kept{err: store.ErrUnavailable, between: func() { w.start("a", oral, "fi") }}
	if err := w.Load(context.Background(), k); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	w.wantOrder(oral, "a")
}

// Everything at once, for the race detector: commits, streams, questions and ticks while the board is filled.
func TestConcurrentUse(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.staff(professional("nurse", oral))
	k := &kept{}
	for n := range 20 {
		k.open = append(k.open, w.before(fmt.Sprintf("before-%d", n)))
	}
	var wg sync.WaitGroup
	// As in the store, one goroutine commits.
	wg.Go(func() {
		for n := range 100 {
			w.start(fmt.Sprintf("c-%d", n), oral, "fi")
			w.take(fmt.Sprintf("c-%d", n), "nurse")
			if n%2 == 0 {
				w.close(fmt.Sprintf("c-%d", n))
			}
		}
	})
	wg.Go(func() { w.load(k) })
	for range 4 {
		wg.Go(func() {
			for n := range 100 {
				id := fmt.Sprintf("c-%d", n)
				leave, leaveStaff := w.ArriveCustomer(id), w.ArriveStaff("nurse")
				w.Place(id)
				w.Status(oral)
				w.Waiting(oral)
				w.Next(professional("nurse", oral), []string{oral}, nil)
				w.Colleagues("me")
				w.Desk("nurse")
				w.Tick()
				w.Due()
				w.TakeSeen()
				leave()
				leaveStaff()
			}
		})
	}
	wg.Wait()
	if n := len(w.Desk("nurse")); n != 50 {
		t.Errorf("%d on the desk, want 50", n)
	}
	if n := w.Waiting(oral).Count; n != 20 {
		t.Errorf("%d wait, want 20", n)
	}
	if m, _ := w.Staff("nurse"); !m.Present || m.Conversations != 50 {
		t.Errorf("the nurse is %+v", m)
	}
}
