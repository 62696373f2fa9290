package rpc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// followed is a stream of a conversation.
type followed = tape[*kuplav1.FollowConversationResponse]

// places are the place frames of a stream and when they came, the first snapshot's included.
func places(stream *followed) (places []*kuplav1.Place, times []time.Time) {
	for i, f := range stream.all() {
		p := f.GetPlace()
		if i == 0 {
			p = f.GetSnapshot().GetPlace()
		}
		if p != nil {
			places, times = append(places, p), append(times, stream.times[i])
		}
	}
	return places, times
}

// queueUp makes so many wait in the test queue, each following.
func queueUp(t *testing.T, s *apptest.Server, n int) ([]apptest.Customer, []*followed) {
	t.Helper()
	var customers []apptest.Customer
	var streams []*followed
	for range n {
		c := s.Start(apptest.Queue)
		customers, streams = append(customers, c), append(streams, follow(t, c.Clients, c.ID, ""))
		synctest.Wait()
	}
	return customers, streams
}

// Near the head of the line a new place is told at once; further back, within a second.
func TestPlaceIsToldAtOnceNearTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t, capacity(100))
		nurse := s.Staff(store.Staff{ID: "nurse"})
		_, streams := queueUp(t, s, 25)
		time.Sleep(5*time.Second + 100*time.Millisecond) // between two ticks of the timer
		for i, stream := range streams {
			if all, _ := places(stream); all[len(all)-1].GetPosition() != int32(i+1) {
				t.Fatalf("number %d was told position %d", i+1, all[len(all)-1].GetPosition())
			}
			stream.news()
		}
		nurse.TakeNext(t)
		streams[0].want("event 2 joined professional-1", "snapshot ACTIVE")
		for i, stream := range streams[1:] {
			position := i + 1
			if position <= 20 {
				stream.want(fmt.Sprintf("place %d", position))
			} else {
				stream.want()
			}
		}
		time.Sleep(time.Second)
		for i, stream := range streams[21:] {
			stream.want(fmt.Sprintf("place %d", i+21))
		}
		for _, stream := range streams[1:21] {
			stream.want()
		}
	})
}

// capacity lets so many wait in the test queue, and a professional have as many conversations.
func capacity(n int32) apptest.Option {
	return apptest.WithCatalogue(func(m *kuplav1.Catalogue) {
		for _, q := range m.GetQueues() {
			if q.GetId() == apptest.Queue {
				q.Capacity = n
			}
		}
	})
}

// With 60 waiting and 20 taken within a second nobody behind the head is told more than once a second, everybody
// is told where they then stand within a second and a half, and nobody is told the same twice.
func TestPlacesAreConflatedBehindTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t, capacity(100))
		nurse := s.Staff(store.Staff{ID: "nurse", Capacity: 50})
		_, streams := queueUp(t, s, 60)
		time.Sleep(3*time.Second + 370*time.Millisecond)
		began := time.Now()
		for range 20 {
			nurse.TakeNext(t)
			time.Sleep(50 * time.Millisecond)
		}
		lastTake := time.Now().Add(-50 * time.Millisecond)
		time.Sleep(1500*time.Millisecond - 50*time.Millisecond)

		for i, stream := range streams[20:] {
			all, times := places(stream)
			last, lastTime := all[len(all)-1], times[len(all)-1]
			if last.GetPosition() != int32(i+1) {
				t.Errorf("number %d believes to be at %d, want %d", i+21, last.GetPosition(), i+1)
			}
			if lastTime.Sub(lastTake) > 1500*time.Millisecond {
				t.Errorf("number %d was told %v after the last change", i+21, lastTime.Sub(lastTake))
			}
			if age := lastTime.Sub(last.GetAsOfTime().AsTime()); age < 0 || age > 1500*time.Millisecond {
				t.Errorf("number %d was told a place %v old", i+21, age)
			}
			// Behind the head: at most one frame in any second.
			var behind time.Time
			count := 0
			for j, p := range all {
				if times[j].Before(began) {
					continue
				}
				count++
				if p.GetPosition() <= 20 {
					continue
				}
				if gap := times[j].Sub(behind); gap < time.Second {
					t.Errorf("number %d was told twice within %v behind the head", i+21, gap)
				}
				behind = times[j]
			}
			// From 60 to 40 two frames do; without conflation it would be 20.
			if i >= 20 && count > 3 {
				t.Errorf("number %d was told %d times in two and a half seconds", i+21, count)
			}
			for j := 1; j < len(all); j++ {
				if samePlace(all[j-1], all[j]) {
					t.Errorf("number %d was told %v twice", i+21, describePlace(all[j]))
				}
			}
		}
	})
}

// samePlace reports whether two places differ in no more than when they were true.
func samePlace(x, y *kuplav1.Place) bool {
	bare := func(p *kuplav1.Place) *kuplav1.Place {
		p = proto.CloneOf(p)
		p.AsOfTime = nil
		if p.GetEstimate() != nil {
			p.Estimate.AsOfTime = nil
		}
		return p
	}
	return proto.Equal(bare(x), bare(y))
}

// A conversation that returns keeps its arrival; whoever has to stand behind it again is told so, and only then.
func TestReturnedConversationMovesOthersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customers, streams := queueUp(t, s, 3)
		nurse.TakeNext(t)
		late := s.Start(apptest.Queue)
		lateStream := follow(t, late.Clients, late.ID, "")
		lateStream.lines()
		synctest.Wait()
		for _, stream := range streams {
			stream.lines()
		}
		returnToQueue(t, nurse, customers[0].ID)
		lines := streams[0].lines()
		wantLines(t, lines, "event 3 returned RETURNED_BY_STAFF", "snapshot WAITING")
		if p := snapshotOf(t, customers[0].Clients, customers[0].ID).GetPlace(); p.GetPosition() != 1 || p.GetMovedBack() {
			t.Errorf("the one who returned is at %v", describePlace(p))
		}
		streams[1].want("place 2 moved back")
		streams[2].want("place 3 moved back")
		lateStream.want("place 4 moved back")
		take(t, nurse, customers[0].ID)
		streams[1].want("place 1")
		streams[2].want("place 2")
		lateStream.want("place 3")
	})
}

// Nobody is told a place while they are being answered: the event that puts them back into the line comes first.
func TestPlaceIsToldOnlyWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		stream := follow(t, customer.Clients, customer.ID, "")
		for range 150 {
			take(t, nurse, customer.ID)
			view := follow(t, nurse, customer.ID, "")
			view.news()
			returnToQueue(t, nurse, customer.ID)
			if lines := only(view.lines(), "place"); len(lines) > 0 {
				t.Fatalf("the professional was told %q", lines)
			}
		}
		waiting := true
		for _, line := range stream.lines() {
			switch {
			case strings.Contains(line, " returned "):
				waiting = true
			case strings.Contains(line, " joined professional"):
				waiting = false
			case strings.HasPrefix(line, "place") && !waiting:
				t.Fatalf("told %q while being answered", line)
			}
		}
	})
}

// The place of somebody who is away is kept for the queue's time, counted from when they were last seen; it is
// told so, and they are passed over meanwhile. Then the conversation is closed as abandoned.
func TestPlaceIsKeptWhileAway(t *testing.T) {
	for _, keep := range []time.Duration{10 * time.Minute, 2 * time.Minute} {
		t.Run(keep.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := apptest.New(t, apptest.WithCatalogue(func(m *kuplav1.Catalogue) {
					for _, q := range m.GetQueues() {
						q.KeepPlaceDuration = durationpb.New(keep)
					}
				}))
				nurse := s.Staff(store.Staff{ID: "nurse"})
				customers, streams := queueUp(t, s, 2)
				desk := watchDesk(t, nurse, "")
				time.Sleep(time.Minute)
				seen := time.Now()
				streams[0].stop()
				time.Sleep(grace + 2*time.Second)

				// The desk sees that the first one is away.
				waiting := lastWaiting(t, desk)
				if len(waiting.GetEntries()) != 2 || waiting.GetEntries()[0].GetPresent() || !waiting.GetEntries()[1].GetPresent() {
					t.Fatalf("the desk was told %v", waiting)
				}
				// The second one keeps their place too: nobody is overtaken, only passed over.
				if p := snapshotOf(t, customers[1].Clients, customers[1].ID).GetPlace(); p.GetPosition() != 2 || p.GetHeld() {
					t.Errorf("the second one is told %v", describePlace(p))
				}
				if got := nurse.TakeNext(t).GetId(); got != customers[1].ID {
					t.Errorf("took the one who is away")
				}
				if res, err := nurse.Desk.TakeNext(t.Context(), &kuplav1.TakeNextRequest{RequestId: newID()}); err != nil ||
					res.GetConversation() != nil {
					t.Errorf("take next with nobody there: %v, %v", res, err)
				}

				// Whoever asks again just before the end learns that the place was held, and until when.
				time.Sleep(time.Until(seen.Add(keep - 2*time.Second)))
				place := snapshotOf(t, customers[0].Clients, customers[0].ID).GetPlace()
				if place.GetPosition() != 1 || !place.GetHeld() || !place.GetHoldExpireTime().AsTime().Equal(seen.Add(keep)) {
					t.Errorf("told %v until %v, want 1 held until %v", describePlace(place), place.GetHoldExpireTime().AsTime(), seen.Add(keep))
				}
				// That was a sign of life: it counts anew from here.
				asked := time.Now()
				if place := snapshotOf(t, customers[0].Clients, customers[0].ID).GetPlace(); place.GetHeld() || place.GetHoldExpireTime() != nil {
					t.Errorf("told %v right after a call", describePlace(place))
				}
				time.Sleep(time.Until(asked.Add(keep - 2*time.Second)))
				if got := lastWaiting(t, desk).GetCount(); got != 1 {
					t.Fatalf("%d wait, want 1", got)
				}
				time.Sleep(4 * time.Second)
				if got := lastWaiting(t, desk).GetCount(); got != 0 {
					t.Errorf("%d wait, want nobody", got)
				}
				stream := follow(t, customers[0].Clients, customers[0].ID, customers[0].Cursor)
				stream.want("snapshot CLOSED", "event 1 joined customer", "event 2 closed ABANDONED", "go away CONVERSATION_CLOSED")
			})
		})
	}
}

// lastWaiting is what a desk was told last of the test queue.
func lastWaiting(t *testing.T, desk *tape[*kuplav1.WatchDeskResponse]) *kuplav1.Waiting {
	t.Helper()
	var last *kuplav1.Waiting
	for _, f := range desk.all() {
		for _, w := range append(f.GetSnapshot().GetWaiting(), f.GetWaiting()) {
			if w.GetQueueId() == apptest.Queue {
				last = w
			}
		}
	}
	if last == nil {
		t.Fatal("the desk was told nothing of the queue")
	}
	return last
}

// A lost connection costs no place: whoever comes back in time stands where they stood.
func TestReconnectKeepsThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customers, streams := queueUp(t, s, 3)
		time.Sleep(time.Second)
		streams[0].stop()
		streams[1].stop()
		time.Sleep(9 * time.Minute)
		again := follow(t, customers[1].Clients, customers[1].ID, "")
		place := again.all()[0].GetSnapshot().GetPlace()
		if place.GetPosition() != 2 || place.GetHeld() || place.GetHoldExpireTime() != nil {
			t.Errorf("back at %v, want 2", place)
		}
		if got := nurse.TakeNext(t).GetId(); got != customers[1].ID {
			t.Error("the first who is there was not taken")
		}
		follow(t, customers[0].Clients, customers[0].ID, "")
		synctest.Wait()
		if got := nurse.TakeNext(t).GetId(); got != customers[0].ID {
			t.Error("the one who came back was not taken first")
		}
		// Whoever only calls now and then is there as well, for as long as after a stream.
		streams[2].stop()
		for range 5 {
			time.Sleep(15 * time.Second)
			snapshotOf(t, customers[2].Clients, customers[2].ID)
		}
		if got := nurse.TakeNext(t).GetId(); got != customers[2].ID {
			t.Error("the one who calls was not taken")
		}
	})
}

// The estimate says why there is none, until there is enough to go by; then it is a range with its basis.
func TestEstimate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t, capacity(100))
		newcomer := func() *kuplav1.WaitEstimate {
			res, err := s.Clients("").Queue.GetQueue(t.Context(), &kuplav1.GetQueueRequest{QueueId: apptest.Queue})
			if err != nil {
				t.Fatal(err)
			}
			return res.GetStatus().GetEstimate()
		}
		waiting := s.Start(apptest.Queue)
		stream := follow(t, waiting.Clients, waiting.ID, "")
		placed := func() *kuplav1.WaitEstimate {
			all, _ := places(stream)
			return all[len(all)-1].GetEstimate()
		}
		for _, e := range []*kuplav1.WaitEstimate{newcomer(), placed()} {
			if e.GetCannotEstimate() != kuplav1.CannotEstimateReason_CANNOT_ESTIMATE_REASON_NOBODY_AVAILABLE {
				t.Errorf("with nobody there the estimate is %v", e)
			}
		}
		nurse := available(t, s, store.Staff{ID: "nurse", Capacity: 1})
		desk := watchDesk(t, nurse, "")
		time.Sleep(2 * time.Second)
		for _, e := range []*kuplav1.WaitEstimate{newcomer(), placed()} {
			if e.GetCannotEstimate() != kuplav1.CannotEstimateReason_CANNOT_ESTIMATE_REASON_TOO_LITTLE_HISTORY ||
				e.GetBasis().GetAvailableCount() != 1 {
				t.Errorf("without history the estimate is %v", e)
			}
		}
		// The phone is the same people's: who is on it will be back, who is away will not.
		setAvailability(t, nurse, kuplav1.Availability_AVAILABILITY_ON_PHONE)
		if b := newcomer().GetBasis(); b.GetAvailableCount() != 0 || b.GetOnPhoneCount() != 1 {
			t.Errorf("on the phone the basis is %v", b)
		}
		setAvailability(t, nurse, kuplav1.Availability_AVAILABILITY_AWAY)
		if e := newcomer(); e.GetCannotEstimate() != kuplav1.CannotEstimateReason_CANNOT_ESTIMATE_REASON_NOBODY_AVAILABLE {
			t.Errorf("with everybody away the estimate is %v", e)
		}
		setAvailability(t, nurse, kuplav1.Availability_AVAILABILITY_AVAILABLE)

		const finished = 12
		next := waiting
		for range finished {
			take(t, nurse, next.ID)
			time.Sleep(6 * time.Minute)
			closeConversation(t, nurse, next.ID)
			next = s.Start(apptest.Queue)
		}
		leave(t, next.Clients, next.ID)
		busy := s.Start(apptest.Queue)
		take(t, nurse, busy.ID)
		second := s.Start(apptest.Queue)
		secondStream := follow(t, second.Clients, second.ID, "")
		time.Sleep(2 * time.Second)
		all, _ := places(secondStream)
		for _, e := range []*kuplav1.WaitEstimate{newcomer(), all[len(all)-1].GetEstimate()} {
			r := e.GetRange()
			if r == nil || r.GetHigh().AsDuration() < time.Minute || r.GetHigh().AsDuration() > 40*time.Minute ||
				r.GetLow().AsDuration() > r.GetHigh().AsDuration() {
				t.Fatalf("the estimate is %v", e)
			}
			if e.GetBasis().GetFinishedCount() != finished || e.GetBasis().GetAvailableCount() != 1 {
				t.Errorf("the basis is %v", e.GetBasis())
			}
			if age := time.Since(e.GetAsOfTime().AsTime()); age > 6*time.Second {
				t.Errorf("the estimate is %v old", age)
			}
			if e.GetTurnBeforeClosing() != kuplav1.TurnBeforeClosing_TURN_BEFORE_CLOSING_EXPECTED {
				t.Errorf("in a queue that never closes the turn is%s", short(e.GetTurnBeforeClosing()))
			}
		}
		if first, further := all[len(all)-1].GetEstimate().GetRange(), newcomer().GetRange(); further.GetHigh().AsDuration() <=
			first.GetHigh().AsDuration() {
			t.Errorf("the newcomer's range %v is not longer than the next one's %v", further, first)
		}
		// Without a connection nobody is available, whatever they said.
		desk.stop()
		time.Sleep(30 * time.Second)
		if e := newcomer(); e.GetCannotEstimate() != kuplav1.CannotEstimateReason_CANNOT_ESTIMATE_REASON_NOBODY_AVAILABLE {
			t.Errorf("with the only professional lost the estimate is %v", e)
		}
	})
}
