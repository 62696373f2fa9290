package rpc_test

import (
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// grace is for how long somebody whose stream ended still counts as there, to the second of the server's timer.
const grace = 20 * time.Second

// Each party hears when the other one's connection is gone, once it has been for a while, and when it is back.
func TestPresenceOfBothParties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		customers, nurses := follow(t, customer.Clients, customer.ID, ""), watchDesk(t, nurse, "")
		time.Sleep(time.Minute)
		if got := only(append(customers.lines(), nurses.lines()...), "present", "away"); len(got) > 0 {
			t.Errorf("told %q although everybody was there all the time", got)
		}

		left := time.Now()
		customers.stop()
		time.Sleep(grace - 2*time.Second)
		if got := only(nurses.lines(), "present", "away"); len(got) > 0 {
			t.Errorf("told %q within the grace", got)
		}
		time.Sleep(4 * time.Second)
		var away *kuplav1.Presence
		for _, f := range nurses.news() {
			if p := f.GetPresence(); p != nil {
				away = p.GetPresence()
			}
		}
		if away.GetParticipantId() != "customer" || away.GetPresent() || !away.GetChangeTime().AsTime().Equal(left) {
			t.Errorf("told %v, want that the customer is away since %v", away, left)
		}
		for _, p := range snapshotOf(t, nurse, customer.ID).GetPresences() {
			if want := p.GetParticipantId() != "customer"; p.GetPresent() != want {
				t.Errorf("the snapshot says %v", p)
			}
		}
		customers = follow(t, customer.Clients, customer.ID, customer.Cursor)
		wantLines(t, only(nurses.lines(), "present", "away"), "present customer")

		// The same the other way round, with a conversation's stream in place of the desk's.
		customers.lines()
		nurses.stop()
		time.Sleep(grace + 2*time.Second)
		wantLines(t, only(customers.lines(), "present", "away"), "away professional-1")
		nurse2 := follow(t, nurse, customer.ID, "")
		wantLines(t, only(customers.lines(), "present", "away"), "present professional-1")
		nurse2.stop()
	})
}

// Somebody who comes back within the grace was never away.
func TestReconnectWithinTheGraceTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		desk := watchDesk(t, nurse, "")
		for range 10 {
			stream := follow(t, customer.Clients, customer.ID, "")
			time.Sleep(5 * time.Second)
			stream.stop()
			time.Sleep(15 * time.Second)
		}
		if got := only(desk.lines(), "present", "away"); len(got) > 0 {
			t.Errorf("told %q", got)
		}
	})
}

// Typing is told to the others, on every stream they have, and never to the one who types.
func TestTypingIsToldToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, guest := available(t, s, store.Staff{ID: "nurse"}), available(t, s, store.Staff{ID: "guest"})
		customer, other := s.Start(apptest.Queue), s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		invite(t, nurse, customer.ID, "guest")
		tab, secondTab := follow(t, customer.Clients, customer.ID, ""), follow(t, customer.Clients, customer.ID, "")
		nursesDesk, nursesView := watchDesk(t, nurse, ""), follow(t, nurse, customer.ID, "")
		guestsDesk := watchDesk(t, guest, "")
		others := follow(t, other.Clients, other.ID, "")
		told := func() [6][]string {
			return [6][]string{
				only(tab.lines(), "typing"), only(secondTab.lines(), "typing"),
				only(nursesDesk.lines(), "typing"), only(nursesView.lines(), "typing"),
				only(guestsDesk.lines(), "typing"), only(others.lines(), "typing"),
			}
		}
		told()
		nobody := []string{}
		for _, c := range []struct {
			who  apptest.Clients
			want [6][]string
		}{
			{customer.Clients, [6][]string{nobody, nobody, {"typing customer"}, {"typing customer"}, {"typing customer"}, nobody}},
			{nurse, [6][]string{
				{"typing professional-1"}, {"typing professional-1"}, nobody, nobody, {"typing professional-1"}, nobody,
			}},
			{guest, [6][]string{
				{"typing professional-2"}, {"typing professional-2"}, {"typing professional-2"}, {"typing professional-2"}, nobody, nobody,
			}},
		} {
			setTyping(t, c.who, customer.ID)
			for i, got := range told() {
				wantLines(t, got, c.want[i]...)
			}
		}
		// It is no event, and is refused where nobody may write.
		if got := len(eventsOf(t, customer.Clients, customer.ID)); got != 3 {
			t.Errorf("the log has %d events, want 3", got)
		}
		closeConversation(t, nurse, customer.ID)
		_, err := customer.Conversation.SetTyping(t.Context(), &kuplav1.SetTypingRequest{ConversationId: customer.ID})
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED)
	})
}

// A read mark only grows, is kept, is told to all, and is never ahead of the log.
func TestReadMarksOnlyGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		for range 8 {
			customer.Say(t, customer.ID, "Hei")
		}
		stream, desk := follow(t, customer.Clients, customer.ID, ""), watchDesk(t, nurse, "")
		stream.lines()
		desk.lines()
		for _, c := range []struct{ sent, want int32 }{{3, 3}, {2, 3}, {3, 3}, {10, 10}, {1, 10}} {
			if got := markRead(t, nurse, customer.ID, c.sent); got != c.want {
				t.Errorf("marked %d and was told %d, want %d", c.sent, got, c.want)
			}
			synctest.Wait()
		}
		stream.want("read professional-1 3", "read professional-1 10")
		desk.want("read professional-1 3", "read professional-1 10")
		_, err := nurse.Conversation.MarkRead(t.Context(),
			&kuplav1.MarkReadRequest{ConversationId: customer.ID, Sequence: 11})
		apptest.WantReason(t, err, connect.CodeOutOfRange, kuplav1.ErrorReason_ERROR_REASON_SEQUENCE_AHEAD)

		s.Restart(time.Second)
		marks := snapshotOf(t, customer.Clients, customer.ID).GetReadMarks()
		if len(marks) != 1 || describeReadMark(marks[0]) != "read professional-1 10" {
			t.Errorf("after a restart the marks are %v", marks)
		}
		// After the close the customer may still read on, and say so.
		closeConversation(t, nurse, customer.ID)
		if got := markRead(t, customer.Clients, customer.ID, 11); got != 11 {
			t.Errorf("marked 11 after the close and was told %d", got)
		}
	})
}
