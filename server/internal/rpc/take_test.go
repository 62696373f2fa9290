package rpc_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// takeNext asks for the next of the queues, and returns the conversation's id; empty when nobody is there.
func takeNext(t *testing.T, c apptest.Clients, queueIDs ...string) string {
	t.Helper()
	res, err := c.Desk.TakeNext(t.Context(), &kuplav1.TakeNextRequest{RequestId: newID(), QueueIds: queueIDs})
	if err != nil {
		t.Fatalf("take next: %v", err)
	}
	return res.GetConversation().GetId()
}

func inLanguage(language string) func(*kuplav1.StartConversationRequest) {
	return func(r *kuplav1.StartConversationRequest) { r.Language = language }
}

// The earliest arrival is taken, over all the queues asked for; somebody whose language the professional does not
// speak is left, in their place, to one who does.
func TestTakeNextTakesTheEarliestArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		both := []string{apptest.Queue, dental}
		finn := s.Staff(store.Staff{ID: "finn", QueueIDs: both, Languages: []string{"fi"}, Capacity: 20})
		polyglot := s.Staff(store.Staff{ID: "polyglot", QueueIDs: both, Capacity: 20})
		next := func(req *kuplav1.StartConversationRequest) apptest.Customer {
			time.Sleep(time.Millisecond)
			return start(t, s, req)
		}
		swedish := next(startIn(apptest.Queue, inLanguage("sv")))
		first := next(startIn(dental))
		second := next(startIn(apptest.Queue))
		third := next(startIn(dental))
		english := next(startIn(apptest.Queue, inLanguage("en")))
		fourth := next(startIn(apptest.Queue))

		if got := takeNext(t, finn, dental); got != first.ID {
			t.Error("of one queue the earliest was not taken")
		}
		if got := takeNext(t, finn); got != second.ID {
			t.Error("of all queues the earliest who speaks Finnish was not taken")
		}
		if got := takeNext(t, finn, both...); got != third.ID {
			t.Error("of both queues the earliest was not taken")
		}
		if p := snapshotOf(t, swedish.Clients, swedish.ID).GetPlace(); p.GetPosition() != 1 {
			t.Errorf("the Swedish speaker, passed over, is told %v", p)
		}
		if got := takeNext(t, polyglot); got != swedish.ID {
			t.Error("the Swedish speaker was not first for one who speaks Swedish")
		}
		if got := takeNext(t, finn); got != fourth.ID {
			t.Error("the one behind the English speaker was not taken")
		}
		if got := takeNext(t, finn); got != "" {
			t.Error("an English speaker was given to one who speaks Finnish only")
		}
		if got := takeNext(t, polyglot, dental); got != "" {
			t.Error("somebody was taken from a queue that was not named")
		}
		if got := takeNext(t, polyglot); got != english.ID {
			t.Error("the English speaker was not taken")
		}
	})
}

// Of those who start at the same instant of the clock, whoever was committed first is first.
func TestArrivalsOfOneInstantKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse", Capacity: 30})
		var customers []apptest.Customer
		for range 20 {
			customers = append(customers, s.Start(apptest.Queue))
		}
		for i, c := range customers {
			if i > 0 && !c.Start.GetConversation().GetArrivalTime().AsTime().After(
				customers[i-1].Start.GetConversation().GetArrivalTime().AsTime()) {
				t.Errorf("arrival %d is not later than the one before", i+1)
			}
			if got := takeNext(t, nurse); got != c.ID {
				t.Errorf("number %d was not taken in turn", i+1)
			}
		}
	})
}

// Only queues that there are, and that are one's own, can be taken from.
func TestTakeFromQueuesThatAreNotOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		other := start(t, s, startIn(dental))
		if got := takeNext(t, nurse); got != "" {
			t.Error("took from a queue that is not theirs")
		}
		_, err := nurse.Desk.TakeNext(t.Context(), &kuplav1.TakeNextRequest{RequestId: newID(), QueueIds: []string{dental}})
		apptest.WantReason(t, err, connect.CodePermissionDenied, kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_YOURS)
		_, err = nurse.Desk.TakeNext(t.Context(), &kuplav1.TakeNextRequest{RequestId: newID(), QueueIds: []string{"no-such"}})
		apptest.WantReason(t, err, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND)
		for _, id := range []string{other.ID, "no-such-conversation"} {
			_, err = nurse.Desk.TakeConversation(t.Context(),
				&kuplav1.TakeConversationRequest{RequestId: newID(), ConversationId: id})
			apptest.WantReason(t, err, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND)
		}
	})
}

// One of those who reach for the same conversation wins. The others are told so, and nothing of it.
func TestOneTakerWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		const takers = 8
		var staff []apptest.Clients
		for i := range takers {
			staff = append(staff, s.Staff(store.Staff{ID: "nurse-" + string(rune('a'+i))}))
		}
		customer := start(t, s, startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) {
			r.DisplayName, r.Message = "Salainen", "Salaisuus"
		}))
		errs := make([]error, takers)
		var wg sync.WaitGroup
		for i, c := range staff {
			wg.Go(func() {
				_, errs[i] = c.Desk.TakeConversation(t.Context(),
					&kuplav1.TakeConversationRequest{ConversationId: customer.ID, RequestId: newID()})
			})
		}
		wg.Wait()
		won := 0
		for i, err := range errs {
			if err == nil {
				won++
				continue
			}
			apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_ALREADY_TAKEN)
			if m := metadata(t, err); len(m) != 1 || m["conversation_id"] != customer.ID {
				t.Errorf("the refusal names %v", m)
			}
			if strings.Contains(err.Error(), "Sala") {
				t.Errorf("the refusal tells %q", err)
			}
			_, err = staff[i].Conversation.GetConversation(t.Context(),
				&kuplav1.GetConversationRequest{ConversationId: customer.ID})
			apptest.WantReason(t, err, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND)
		}
		if won != 1 {
			t.Errorf("%d won, want 1", won)
		}
		wantLines(t, eventLines(eventsOf(t, customer.Clients, customer.ID)),
			"event 1 joined customer", "event 2 message", "event 3 joined professional-1")
	})
}

// Professionals who take the next at the same time get one conversation each, and all of them are taken.
func TestTakeNextAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		const n = 12
		waiting := map[string]bool{}
		for range n {
			waiting[s.Start(apptest.Queue).ID] = true
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range n {
			c := s.Staff(store.Staff{ID: "nurse-" + string(rune('a'+i))})
			wg.Go(func() {
				res, err := c.Desk.TakeNext(t.Context(), &kuplav1.TakeNextRequest{RequestId: newID()})
				mu.Lock()
				defer mu.Unlock()
				if err != nil || !waiting[res.GetConversation().GetId()] {
					t.Errorf("got %v, %v", res.GetConversation().GetId(), err)
				}
				delete(waiting, res.GetConversation().GetId())
			})
		}
		wg.Wait()
		if len(waiting) > 0 {
			t.Errorf("%d were not taken", len(waiting))
		}
	})
}

// Nobody has more conversations than they may, however they come to them; one that is closed makes room.
func TestCapacityOfAProfessional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, other := available(t, s, store.Staff{ID: "nurse", Capacity: 2}), available(t, s, store.Staff{ID: "other"})
		var customers []apptest.Customer
		for range 4 {
			customers = append(customers, s.Start(apptest.Queue))
		}
		take(t, other, customers[3].ID)
		take(t, nurse, customers[0].ID)
		takeNext(t, nurse)
		full := func(err error) {
			t.Helper()
			apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_CAPACITY_REACHED)
			if m := metadata(t, err); m["capacity"] != "2" {
				t.Errorf("the refusal names %v", m)
			}
		}
		_, err := nurse.Desk.TakeNext(t.Context(), &kuplav1.TakeNextRequest{RequestId: newID()})
		full(err)
		_, err = nurse.Desk.TakeConversation(t.Context(),
			&kuplav1.TakeConversationRequest{ConversationId: customers[2].ID, RequestId: newID()})
		full(err)
		_, err = other.Desk.TransferConversation(t.Context(), toColleague(customers[3].ID, "nurse", false))
		full(err)
		_, err = other.Desk.InviteProfessional(t.Context(), &kuplav1.InviteProfessionalRequest{
			ConversationId: customers[3].ID, RequestId: newID(), ProfessionalId: "nurse",
		})
		full(err)
		closeConversation(t, nurse, customers[0].ID)
		if got := takeNext(t, nurse); got != customers[2].ID {
			t.Error("after a close the next was not taken")
		}
		if conv := snapshotOf(t, customers[3].Clients, customers[3].ID).GetConversation(); len(conv.GetParticipants()) != 2 {
			t.Errorf("a refused transfer left %d participants", len(conv.GetParticipants()))
		}
	})
}

// One person may wait in several queues. Each is its own conversation with its own place and token, and what
// happens in one does not touch the other.
func TestOnePersonInSeveralQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		start(t, s, startIn(dental))
		helpline, dentist := start(t, s, startIn(apptest.Queue)), start(t, s, startIn(dental))
		helplineStream, dentistStream := follow(t, helpline.Clients, helpline.ID, ""), follow(t, dentist.Clients, dentist.ID, "")
		if p := helplineStream.all()[0].GetSnapshot().GetPlace().GetPosition(); p != 1 {
			t.Errorf("at the helpline the place is %d, want 1", p)
		}
		if p := dentistStream.all()[0].GetSnapshot().GetPlace().GetPosition(); p != 2 {
			t.Errorf("at the dentist's the place is %d, want 2", p)
		}
		time.Sleep(2 * time.Second)
		dentistStream.lines()
		take(t, nurse, helpline.ID)
		leave(t, helpline.Clients, helpline.ID)
		time.Sleep(2 * time.Second)
		if got := dentistStream.lines(); len(got) > 0 {
			t.Errorf("what happened at the helpline told %q at the dentist's", got)
		}
		dentist.Say(t, dentist.ID, "Täällä odotetaan yhä")
		_, err := helpline.Conversation.GetConversation(t.Context(),
			&kuplav1.GetConversationRequest{ConversationId: dentist.ID})
		apptest.WantReason(t, err, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND)
	})
}
