package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
)

// said is a message of a participant, and the conversation with it.
func said(sequence int32, author string) (*chat.Conversation, []chat.Event) {
	c := conversation("c-1", sequence)
	c.Participants = []chat.Participant{
		{ID: "customer", Role: chat.Customer},
		{ID: "professional-1", Role: chat.Professional, StaffID: "nurse"},
		{ID: "professional-2", Role: chat.Professional, StaffID: "doctor"},
	}
	list := events(sequence, sequence)
	list[0].ParticipantID = author
	return c, list
}

// Who wrote is told what they wrote with what comes next, and soon even if nothing does; everybody else at once.
func TestEcho(t *testing.T) {
	const step = hub.EchoDelay / 2
	synctest.Test(t, func(t *testing.T) {
		h := hub.New()
		customer, window := h.FollowConversation("c-1", morning), h.FollowConversation("c-1", morning)
		customer.Is("customer")
		window.Is("customer")
		nurse, doctor := h.FollowDesk("nurse", morning), h.FollowDesk("doctor", morning)
		nurse.Add("c-1")
		doctor.Add("c-1")

		// One message, and nothing after it.
		began := time.Now()
		c, first := said(1, "customer")
		h.Changed(c, first, false)
		want := news("c-1", hub.News{Conversation: c, Events: first})
		wantPending(t, nurse, want)
		wantPending(t, doctor, want)
		<-customer.Wake()
		if after := time.Since(began); after < step || after > hub.EchoDelay {
			t.Errorf("an echo was told after %s", after)
		}
		if got := customer.Take(); len(got.News) != 1 || len(got.News[0].Events) != 1 {
			t.Errorf("the echo is %+v", got)
		}
		synctest.Wait()
		wantPending(t, window, want)

		// A reply that comes soon enough takes it along, to both windows, and nobody is woken twice.
		c, mine := said(2, "professional-1")
		h.Changed(c, mine, false)
		if _, ok := woken(customer); !ok {
			t.Error("the customer is not told at once what the nurse wrote")
		}
		window.Take()
		time.Sleep(step / 2)
		c, reply := said(3, "customer")
		h.Changed(c, reply, false)
		got, ok := woken(nurse)
		if !ok || len(got.News) != 1 || len(got.News[0].Events) != 2 {
			t.Errorf("the nurse is told %+v with the reply", got)
		}
		if got, ok := woken(doctor); !ok || len(got.News[0].Events) != 2 {
			t.Errorf("the doctor is told %+v", got)
		}
		c, last := said(4, "professional-2")
		h.Changed(c, last, false)
		for range 2 {
			if _, ok := woken(customer); !ok {
				break
			}
		}
		woken(window)
		woken(nurse)
		time.Sleep(2 * hub.EchoDelay)
		if _, ok := woken(nurse); ok {
			t.Error("the nurse was woken for an echo that they have")
		}
		if _, ok := woken(doctor); !ok {
			t.Error("the doctor was not told what they wrote")
		}
	})
}

// Only a message waits: what else its author does is told at once, and so is one that the service wrote.
func TestOnlyMessagesEcho(t *testing.T) {
	h := hub.New()
	f := h.FollowConversation("c-1", morning)
	f.Is("customer")
	c, list := said(1, "customer")
	left := []chat.Event{list[0], {Sequence: 2, ParticipantID: "customer", Kind: chat.ConversationClosed{}}}
	for name, tell := range map[string]func(){
		"a snapshot":           func() { h.Changed(c, list, true) },
		"a message and an end": func() { h.Changed(c, left, false) },
		"two authors": func() {
			_, other := said(2, "professional-1")
			h.Changed(c, append(list[:1:1], other...), false)
		},
		"a change without events": func() { h.Changed(c, nil, false) },
		"one of the service":      func() { c, list := said(3, ""); h.Changed(c, list, false) },
	} {
		tell()
		if _, ok := woken(f); !ok {
			t.Errorf("%s waits", name)
		}
	}
}
