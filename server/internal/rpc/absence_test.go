package rpc_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// A server that was down for an hour abandons nobody, loses no professional and expires nothing when it comes
// back: everybody's absence counts anew from then. Then it does what is due.
func TestOutageAbandonsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		waiting, active := s.Start(apptest.Queue), s.Start(apptest.Queue)
		take(t, nurse, active.ID)
		take(t, nurse, s.Start(apptest.Queue).ID)
		// Everybody has been away for a while, but for not as long as anything is kept.
		time.Sleep(2*time.Minute + 30*time.Second)

		s.Restart(time.Hour)
		back := time.Now()
		supervisor := s.Staff(store.Staff{ID: "supervisor", Roles: []store.Role{store.RoleSupervisor}})
		desk := watchDesk(t, supervisor, "")
		// Nothing has happened to anybody after almost three minutes: what was missing from their absence counts
		// for nothing.
		time.Sleep(time.Until(back.Add(3*time.Minute - 2*time.Second)))
		if got := lastWaiting(t, desk).GetCount(); got != 1 {
			t.Fatalf("%d wait before the professional is lost, want 1", got)
		}
		time.Sleep(4 * time.Second)
		if got := lastWaiting(t, desk).GetCount(); got != 3 {
			t.Fatalf("%d wait once the professional is lost, want 3", got)
		}
		// Nobody is there to be taken, and nobody is lost yet.
		time.Sleep(time.Until(back.Add(10*time.Minute - 2*time.Second)))
		if got := lastWaiting(t, desk).GetCount(); got != 3 {
			t.Fatalf("%d wait just before the places are given up, want 3", got)
		}
		// One comes back in time and stands first, where they stood.
		stream := follow(t, waiting.Clients, waiting.ID, waiting.Cursor)
		if p := stream.all()[0].GetSnapshot().GetPlace(); p.GetPosition() != 1 {
			t.Errorf("back at %v, want 1", p)
		}
		time.Sleep(4 * time.Second)
		if got := lastWaiting(t, desk).GetCount(); got != 1 {
			t.Errorf("%d wait, want only the one who came back", got)
		}
		wantLines(t, eventLines(eventsOf(t, active.Clients, active.ID)), "event 1 joined customer",
			"event 2 joined professional-1", "event 3 returned PROFESSIONAL_LOST", "event 4 closed ABANDONED")
		stream.wantOpen()
	})
}

// Absence goes on counting over a short restart when the service was back before the person was last seen.
func TestAbsenceCountsFromTheLaterOfSeenAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		desk := watchDesk(t, nurse, "")
		customer := s.Start(apptest.Queue)
		time.Sleep(5 * time.Minute)
		desk.stop()
		s.Restart(10 * time.Second)
		// Seen after the service was back.
		desk = watchDesk(t, nurse, "")
		time.Sleep(4 * time.Minute)
		snapshotOf(t, customer.Clients, customer.ID)
		seen := time.Now()
		time.Sleep(10*time.Minute - 2*time.Second)
		if got := lastWaiting(t, desk).GetCount(); got != 1 {
			t.Fatalf("%d wait %v after the customer was seen, want 1", got, time.Since(seen))
		}
		time.Sleep(4 * time.Second)
		if got := lastWaiting(t, desk).GetCount(); got != 0 {
			t.Errorf("%d wait %v after the customer was seen, want 0", got, time.Since(seen))
		}
	})
}

// A professional who is away for three minutes loses their conversations: each returns to its queue at its
// arrival, ahead of those who came later. One with a guest goes on with the guest.
func TestLostProfessional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, guest := available(t, s, store.Staff{ID: "nurse"}), available(t, s, store.Staff{ID: "guest"})
		customers, streams := queueUp(t, s, 4)
		nursesDesk, guestsDesk := watchDesk(t, nurse, ""), watchDesk(t, guest, "")
		take(t, nurse, customers[0].ID)
		take(t, nurse, customers[1].ID)
		nurse.Say(t, customers[1].ID, "Hei")
		invite(t, nurse, customers[1].ID, "guest")
		var nursesView *followed
		for range 3 { // Coming back in time costs nothing.
			nursesDesk.stop()
			time.Sleep(2*time.Minute + 50*time.Second)
			nursesView = follow(t, nurse, customers[0].ID, "")
			nursesView.want("snapshot ACTIVE", "event 1 joined customer", "event 2 joined professional-1")
			nursesView.stop()
		}
		lost := time.Now()
		for _, stream := range streams {
			stream.news()
		}
		guestsDesk.news()
		time.Sleep(3*time.Minute - 2*time.Second)
		wantLines(t, only(streams[0].lines(), "event"))
		time.Sleep(4 * time.Second)

		wantLines(t, only(streams[0].lines(), "event", "snapshot"), "event 3 returned PROFESSIONAL_LOST", "snapshot WAITING")
		snapshot := snapshotOf(t, customers[0].Clients, customers[0].ID)
		if !snapshot.GetConversation().GetTransferred() || snapshot.GetPlace().GetPosition() != 1 {
			t.Errorf("the returned one is at %v", snapshot.GetPlace())
		}
		for i, stream := range streams[2:] {
			// Before that they were told that nobody is there to take them.
			lines := only(stream.lines(), "place")
			wantLines(t, lines[len(lines)-1:], fmt.Sprintf("place %d moved back", i+2))
		}

		wantLines(t, only(streams[1].lines(), "event", "snapshot"), "event 5 left professional-1 LOST", "snapshot ACTIVE")
		conv := snapshotOf(t, guest, customers[1].ID).GetConversation()
		for _, p := range conv.GetParticipants() {
			if p.GetLeading() != (p.GetProfessionalId() == "guest") {
				t.Errorf("%s leads: %v", p.GetId(), p.GetLeading())
			}
		}
		if left := conv.GetParticipants()[1].GetLeaveTime().AsTime(); left.Sub(lost) < 3*time.Minute || left.Sub(lost) > 182*time.Second {
			t.Errorf("lost %v after they were last there", left.Sub(lost))
		}
		closeConversation(t, guest, customers[1].ID) // Whoever leads may.

		// Back again, the professional hears what they have lost and may read none of it.
		for _, id := range []string{customers[0].ID, customers[1].ID} {
			wantAccessEnded(t, nurse, id, "")
		}
	})
}

// A professional who was lost hears it on the desk they resume: the event that says so, and no later one.
func TestLostProfessionalResumesTheDesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, other := available(t, s, store.Staff{ID: "nurse"}), available(t, s, store.Staff{ID: "other"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		desk := watchDesk(t, nurse, "")
		cursor := desk.all()[len(desk.all())-1].GetCursor()
		desk.stop()
		time.Sleep(4 * time.Minute)
		take(t, other, customer.ID)
		other.Say(t, customer.ID, "Tätä ei entinen enää näe")
		desk = watchDesk(t, nurse, cursor)
		wantLines(t, only(desk.lines(), "snapshot", "event", "removed"),
			"snapshot of 0", "event 3 returned PROFESSIONAL_LOST", "removed LOST")
	})
}

// A customer who is away while being answered is given thirty minutes. From the twenty-fifth on everybody is
// told until when; the professional's message begins the time anew, and so does coming back.
func TestCustomerAwayWhileActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		desk := watchDesk(t, nurse, "")
		stream := follow(t, customer.Clients, customer.ID, "")
		time.Sleep(31 * time.Minute) // While both are there nothing expires.
		stream.stop()
		seen := time.Now()
		desk.news()

		// warned are the times at which it was told to expire, in the order told; zero that it does not.
		warned := func() []time.Duration {
			var told []time.Duration
			for _, f := range desk.news() {
				if snapshot := f.GetConversationSnapshot(); snapshot != nil {
					at := time.Duration(0)
					if snapshot.GetExpireTime() != nil {
						at = snapshot.GetExpireTime().AsTime().Sub(seen)
					}
					told = append(told, at)
				}
			}
			return told
		}
		wantWarned := func(want ...time.Duration) {
			t.Helper()
			got := warned()
			if len(got) != len(want) {
				t.Fatalf("told %v, want %v", got, want)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("told %v, want %v", got, want)
				}
			}
		}
		at := func(after time.Duration) { time.Sleep(time.Until(seen.Add(after))) }

		at(25*time.Minute - time.Second)
		wantWarned()
		at(25*time.Minute + time.Second)
		wantWarned(30 * time.Minute)
		// A message of the professional's: thirty minutes from then.
		at(28 * time.Minute)
		nurse.Say(t, customer.ID, "Oletko vielä siellä?")
		at(28*time.Minute + 2*time.Second)
		wantWarned(0)
		at(53*time.Minute - time.Second)
		wantWarned()
		at(53*time.Minute + time.Second)
		wantWarned(58 * time.Minute)
		// The customer comes back: no expiry, and thirty minutes from when they leave again.
		at(57 * time.Minute)
		stream = follow(t, customer.Clients, customer.ID, "")
		wantWarned(0)
		at(59 * time.Minute)
		stream.stop()
		seen = time.Now()
		at(25*time.Minute + time.Second)
		wantWarned(30 * time.Minute)
		if got := snapshotOf(t, nurse, customer.ID).GetExpireTime().AsTime(); !got.Equal(seen.Add(30 * time.Minute)) {
			t.Errorf("the snapshot has %v, want %v", got, seen.Add(30*time.Minute))
		}
		at(30*time.Minute - time.Second)
		wantLines(t, only(desk.lines(), "event", "removed"))
		at(30*time.Minute + time.Second)
		wantLines(t, only(desk.lines(), "event", "removed"), "event 4 closed EXPIRED", "removed CLOSED")
	})
}

// A conversation that comes to another professional after a long absence of the customer's does not expire at
// once: whoever takes it gets the time to write.
func TestTakingBeginsTheCustomersTimeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t, apptest.WithCatalogue(func(m *kuplav1.Catalogue) {
			for _, q := range m.GetQueues() {
				q.KeepPlaceDuration = durationpb.New(2 * time.Hour)
			}
		}))
		nurse := s.Staff(store.Staff{ID: "nurse"})
		desk := watchDesk(t, nurse, "")
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		returnToQueue(t, nurse, customer.ID)
		time.Sleep(35 * time.Minute)
		take(t, nurse, customer.ID)
		time.Sleep(30*time.Minute - 2*time.Second)
		if got := snapshotOf(t, nurse, customer.ID).GetConversation().GetState(); got != kuplav1.ConversationState_CONVERSATION_STATE_ACTIVE {
			t.Fatalf("the conversation is%s half an hour after the take", short(got))
		}
		time.Sleep(4 * time.Second)
		if got := snapshotOf(t, nurse, customer.ID).GetConversation().GetCloseReason(); got != kuplav1.CloseReason_CLOSE_REASON_EXPIRED {
			t.Errorf("the conversation was closed%s", short(got))
		}
		desk.stop()
	})
}
