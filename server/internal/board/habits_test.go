package board_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/queue"
)

// estimate returns the range told to somebody who waits, in minutes.
func (w *world) estimate(id string) (low, high float64) {
	w.t.Helper()
	p, ok := w.Place(id)
	if !ok || p.Estimate.CannotEstimate != 0 {
		w.t.Fatalf("%s: %+v", id, p)
	}
	return p.Estimate.Low.Minutes(), p.Estimate.High.Minutes()
}

// atWork lets somebody be connected and available.
func (w *world) atWork(id string, capacity int, queues ...string) {
	s := professional(id, queues...)
	s.Capacity = capacity
	w.staff(s)
	w.ArriveStaff(id)
}

// Somebody who may hold five conversations and never takes a second one is not counted on for more than one.
func TestEstimateLearnsHowManyAreHeld(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.finish(oral, 20)
	w.atWork("nurse", 5, oral)
	w.start("0", oral, "fi")
	for n := range 40 {
		w.take(fmt.Sprint(n), "nurse")
		w.start(fmt.Sprint(n+1), oral, "fi")
		if n == 0 {
			if _, high := w.estimate("1"); high > 3 {
				t.Errorf("before anything is known, the next of five is told up to %v min", high)
			}
		}
		w.pass(10 * time.Minute)
		w.close(fmt.Sprint(n))
	}
	w.take("40", "nurse")
	w.start("41", oral, "fi")
	if low, high := w.estimate("41"); low < 5 || high > 15 {
		t.Errorf("behind the one of ten minutes that is always held: %v to %v min", low, high)
	}
}

// Calls are learnt from what professionals say they do.
func TestEstimateLearnsOfCalls(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.finish(oral, 20)
	w.atWork("nurse", 1, oral)
	phone := professional("nurse", oral)
	phone.Capacity, phone.Availability = 1, 2
	for range 15 {
		w.pass(2 * time.Hour)
		w.staff(phone)
		w.pass(8 * time.Minute)
		w.atWork("nurse", 1, oral)
	}
	w.pass(time.Hour)
	w.staff(phone)
	w.pass(2 * time.Minute)
	w.start("a", oral, "fi")
	if low, high := w.estimate("a"); low < 5 || low > 6 || high < 6 || high > 10 {
		t.Errorf("two minutes into a call, which last eight: %v to %v min", low, high)
	}
}

// Who came before in another line of the same professionals has their turn before.
func TestEstimateCountsOtherLines(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.finish(oral, 20)
	w.finish(child, 20)
	w.atWork("nurse", 1, oral, child)
	w.start("first", oral, "fi")
	w.take("first", "nurse")
	w.pass(time.Second)
	for n := range 3 {
		w.start(fmt.Sprint("child-", n), child, "fi")
		w.pass(time.Second)
	}
	w.start("a", oral, "fi")
	three, _ := w.estimate("a")
	if three < 18 {
		t.Errorf("behind three of another line, of ten minutes each: from %v min", three)
	}
	w.atWork("colleague", 1, child)
	w.pass(10 * time.Second)
	if low, high := w.estimate("a"); low >= three || high < 15 {
		t.Errorf("when half of those three are a colleague's: %v to %v min; all three: from %v", low, high, three)
	}
	for n := range 3 {
		w.change(fmt.Sprint("child-", n), func(c *chat.Conversation) error { return c.LeaveAsCustomer(w.now) })
	}
	w.pass(10 * time.Second)
	if low, high := w.estimate("a"); low > 10 || high > 15 {
		t.Errorf("when they have gone: %v to %v min", low, high)
	}
}

// What was told and did not hold widens what is told later: waits that come true are compared with what was
// foreseen, those of people who gave up too.
func TestEstimateLearnsFromWhatCameTrue(t *testing.T) {
	w := newWorld(t, board.Config{})
	// The history says ten minutes each; in truth it is half an hour.
	w.finish(oral, 200)
	w.atWork("nurse", 1, oral)
	next := 0
	start := func() string {
		next++
		id := fmt.Sprint("c-", next)
		w.start(id, oral, "fi")
		return id
	}
	held := start()
	w.take(held, "nurse")
	_, before := w.estimate(start())
	waits := fmt.Sprint("c-", next)
	for n := range 30 {
		leaves := start()
		w.estimate(leaves)
		last := start()
		w.pass(30 * time.Minute)
		if n%2 == 0 {
			w.change(leaves, func(c *chat.Conversation) error { return c.LeaveAsCustomer(w.now) })
		} else {
			w.change(last, func(c *chat.Conversation) error { return c.LeaveAsCustomer(w.now) })
			last = leaves
		}
		w.close(held)
		w.take(waits, "nurse")
		held, waits = waits, last
		w.estimate(waits)
	}
	w.pass(time.Minute)
	if _, after := w.estimate(waits); before > 13 || after < 20 {
		t.Errorf("told at first up to %v min, and after thirty waits of half an hour up to %v", before, after)
	}
	if got := w.wantPlace(waits, 1).Estimate.Basis; got != (queue.Basis{Finished: 200, Available: 1}) {
		t.Errorf("the basis is %+v", got)
	}
}
