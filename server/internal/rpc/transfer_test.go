package rpc_test

import (
	"cmp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// A transfer to a queue is for the targets that the queue has; between health and social care the customer must
// have agreed, which the log says.
func TestTransferToQueue(t *testing.T) {
	cases := map[string]struct {
		from, to string
		agreed   bool
		reason   kuplav1.ErrorReason
		code     connect.Code
	}{
		"within health care":                     {from: apptest.Queue, to: "mental-health"},
		"within health care, agreed":             {from: apptest.Queue, to: "mental-health", agreed: true},
		"within social care":                     {from: "social-guidance", to: "health-social-work"},
		"from health to social care, agreed":     {from: "mental-health", to: "social-guidance", agreed: true},
		"from social to health care, agreed":     {from: "social-guidance", to: "mental-health", agreed: true},
		"from health to social care, not agreed": {from: "mental-health", to: "social-guidance", reason: kuplav1.ErrorReason_ERROR_REASON_CUSTOMER_AGREEMENT_REQUIRED, code: connect.CodeFailedPrecondition},
		"from social to health care, not agreed": {from: "social-guidance", to: "mental-health", reason: kuplav1.ErrorReason_ERROR_REASON_CUSTOMER_AGREEMENT_REQUIRED, code: connect.CodeFailedPrecondition},
		"to a queue that is no target":           {from: dental, to: "mental-health", reason: kuplav1.ErrorReason_ERROR_REASON_TRANSFER_NOT_ALLOWED, code: connect.CodeFailedPrecondition},
		"to a queue that is no target, agreed":   {from: apptest.Queue, to: "social-guidance", agreed: true, reason: kuplav1.ErrorReason_ERROR_REASON_TRANSFER_NOT_ALLOWED, code: connect.CodeFailedPrecondition},
		"to the queue itself":                    {from: apptest.Queue, to: apptest.Queue, reason: kuplav1.ErrorReason_ERROR_REASON_TRANSFER_NOT_ALLOWED, code: connect.CodeFailedPrecondition},
		"to a queue that does not exist":         {from: apptest.Queue, to: "no-such", reason: kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND, code: connect.CodeNotFound},
	}
	synctest.Test(t, func(t *testing.T) {
		until(at(t, 10, 0).AddDate(0, 0, 1)) // A Tuesday morning, when all of them are open.
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{
			ID: "nurse", QueueIDs: []string{apptest.Queue, dental, "mental-health", "social-guidance"}, Capacity: 50,
		})
		for name, c := range cases {
			customer := start(t, s, startIn(c.from))
			arrival := customer.Start.GetConversation().GetArrivalTime().AsTime()
			take(t, nurse, customer.ID)
			time.Sleep(time.Second)
			res, err := nurse.Desk.TransferConversation(t.Context(), toQueue(customer.ID, c.to, c.agreed))
			conv := snapshotOf(t, customer.Clients, customer.ID).GetConversation()
			if c.reason != 0 {
				if apptest.Reason(err) != c.reason.String()[len("ERROR_REASON_"):] || connect.CodeOf(err) != c.code {
					t.Errorf("%s: %v, want%s", name, err, short(c.reason))
				}
				if conv.GetState() != kuplav1.ConversationState_CONVERSATION_STATE_ACTIVE || conv.GetLastSequence() != 2 {
					t.Errorf("%s: a refused transfer changed the conversation: %v", name, conv)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if conv.GetState() != kuplav1.ConversationState_CONVERSATION_STATE_WAITING || conv.GetQueueId() != c.to ||
				!conv.GetTransferred() || !conv.GetArrivalTime().AsTime().Equal(arrival) {
				t.Errorf("%s: the conversation is %v", name, conv)
			}
			if got := res.GetConversation(); got.GetQueueId() != c.to || len(got.GetCapabilities()) > 0 {
				t.Errorf("%s: whoever transferred it is told %v", name, got)
			}
			event := eventsOf(t, customer.Clients, customer.ID)[2]
			if tr := event.GetTransferred(); tr.GetSourceQueueId() != c.from || tr.GetQueueId() != c.to ||
				tr.GetParticipantId() != "" || tr.GetCustomerAgreed() != c.agreed || event.GetParticipantId() != "professional-1" {
				t.Errorf("%s: the log has %v", name, event)
			}
		}
	})
}

// Whoever comes by transfer keeps the arrival, and goes before those of the target queue who came later.
func TestTransferKeepsTheArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{ID: "nurse"})
		early := start(t, s, startIn("mental-health"))
		time.Sleep(time.Millisecond)
		moved := s.Start(apptest.Queue)
		time.Sleep(time.Millisecond)
		late := start(t, s, startIn("mental-health"))
		lateStream := follow(t, late.Clients, late.ID, "")
		lateStream.lines()
		take(t, nurse, moved.ID)
		stream := follow(t, moved.Clients, moved.ID, "")
		stream.lines()
		transfer(t, nurse, toQueue(moved.ID, "mental-health", false))
		stream.want("event 3 transferred to mental-health", "snapshot WAITING")
		for c, want := range map[*apptest.Customer]int32{&early: 1, &moved: 2, &late: 3} {
			if got := snapshotOf(t, c.Clients, c.ID).GetPlace().GetPosition(); got != want {
				t.Errorf("the place is %d, want %d", got, want)
			}
		}
		lateStream.want("place 3 moved back")
	})
}

// A transfer to a colleague is for one who is there and available, speaks the customer's language, has room, and
// answers the queue or one that it may go to. Then the colleague leads.
func TestTransferToColleague(t *testing.T) {
	cases := map[string]struct {
		colleague store.Staff
		is        kuplav1.Availability
		absent    bool // the colleague's connection is lost
		target    string
		agreed    bool
		queue     string // in which the conversation then is
		reason    kuplav1.ErrorReason
		code      connect.Code
	}{
		"of the same queue":        {colleague: store.Staff{}, queue: "mental-health"},
		"of a target of the queue": {colleague: store.Staff{QueueIDs: []string{apptest.Queue}}, queue: apptest.Queue},
		"of both":                  {colleague: store.Staff{QueueIDs: []string{apptest.Queue, "mental-health"}}, queue: "mental-health"},
		"of a queue of social care, agreed": {
			colleague: store.Staff{QueueIDs: []string{"social-guidance"}}, agreed: true, queue: "social-guidance",
		},
		"of a queue of social care, not agreed": {
			colleague: store.Staff{QueueIDs: []string{"social-guidance"}},
			reason:    kuplav1.ErrorReason_ERROR_REASON_CUSTOMER_AGREEMENT_REQUIRED, code: connect.CodeFailedPrecondition,
		},
		"of another queue": {
			colleague: store.Staff{QueueIDs: []string{dental}},
			reason:    kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND, code: connect.CodeNotFound,
		},
		"a supervisor": {
			colleague: store.Staff{Roles: []store.Role{store.RoleSupervisor}}, is: kuplav1.Availability_AVAILABILITY_UNSPECIFIED,
			reason: kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND, code: connect.CodeNotFound,
		},
		"nobody": {
			target: "no-such", reason: kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND, code: connect.CodeNotFound,
		},
		"on the phone": {
			is:     kuplav1.Availability_AVAILABILITY_ON_PHONE,
			reason: kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_AVAILABLE, code: connect.CodeFailedPrecondition,
		},
		"away": {
			is:     kuplav1.Availability_AVAILABILITY_AWAY,
			reason: kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_AVAILABLE, code: connect.CodeFailedPrecondition,
		},
		"whose connection is lost": {
			absent: true,
			reason: kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_AVAILABLE, code: connect.CodeFailedPrecondition,
		},
		"who does not speak the language": {
			colleague: store.Staff{Languages: []string{"sv", "en"}},
			reason:    kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_AVAILABLE, code: connect.CodeFailedPrecondition,
		},
		"oneself": {
			target: "nurse", reason: kuplav1.ErrorReason_ERROR_REASON_ALREADY_PARTICIPANT, code: connect.CodeFailedPrecondition,
		},
	}
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{ID: "nurse", QueueIDs: []string{"mental-health"}, Capacity: 50})
		for name, c := range cases {
			m := c.colleague
			m.ID = name
			if m.QueueIDs == nil {
				m.QueueIDs = []string{"mental-health"}
			}
			colleague := s.Staff(m)
			if m.Roles == nil {
				setAvailability(t, colleague, max(c.is, kuplav1.Availability_AVAILABILITY_AVAILABLE))
			}
			if c.absent {
				time.Sleep(time.Minute)
			}
			setAvailability(t, nurse, kuplav1.Availability_AVAILABILITY_AVAILABLE)
			customer := start(t, s, startIn("mental-health"))
			take(t, nurse, customer.ID)
			_, err := nurse.Desk.TransferConversation(t.Context(),
				toColleague(customer.ID, cmp.Or(c.target, name), c.agreed))
			conv := snapshotOf(t, customer.Clients, customer.ID).GetConversation()
			if c.reason != 0 {
				if apptest.Reason(err) != c.reason.String()[len("ERROR_REASON_"):] || connect.CodeOf(err) != c.code {
					t.Errorf("%s: %v, want%s", name, err, short(c.reason))
				}
				if conv.GetLastSequence() != 2 {
					t.Errorf("%s: a refused transfer changed the conversation: %v", name, conv)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if conv.GetState() != kuplav1.ConversationState_CONVERSATION_STATE_ACTIVE || conv.GetQueueId() != c.queue {
				t.Errorf("%s: the conversation is %v", name, conv)
			}
			events := eventsOf(t, colleague, customer.ID)
			wantLines(t, eventLines(events)[2:], "event 3 transferred to "+c.queue, "event 4 joined professional-2")
			if tr := events[2].GetTransferred(); tr.GetParticipantId() != "professional-2" || tr.GetCustomerAgreed() != c.agreed {
				t.Errorf("%s: the log has %v", name, tr)
			}
			closeConversation(t, colleague, customer.ID) // Whoever leads may.
		}
	})
}

// A guest is brought in beside the one who leads, may write and leave, and does not decide. The customer is told
// who they are by name only.
func TestInvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, guest := available(t, s, store.Staff{ID: "nurse"}), available(t, s, store.Staff{ID: "guest", Languages: []string{"en"}})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		conv := invite(t, nurse, customer.ID, "guest")
		if len(conv.GetParticipants()) != 3 {
			t.Fatalf("there are %d participants", len(conv.GetParticipants()))
		}
		again := &kuplav1.InviteProfessionalRequest{ConversationId: customer.ID, RequestId: newID(), ProfessionalId: "guest"}
		_, err := nurse.Desk.InviteProfessional(t.Context(), again)
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_ALREADY_PARTICIPANT)
		again.ProfessionalId, again.RequestId = "no-such", newID()
		_, err = nurse.Desk.InviteProfessional(t.Context(), again)
		apptest.WantReason(t, err, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND)

		guest.Say(t, customer.ID, "Hei")
		_, err = guest.Desk.TransferConversation(t.Context(), toQueue(customer.ID, dental, false))
		apptest.WantReason(t, err, connect.CodePermissionDenied, kuplav1.ErrorReason_ERROR_REASON_NOT_LEADING)
		_, err = guest.Desk.ReturnToQueue(t.Context(),
			&kuplav1.ReturnToQueueRequest{ConversationId: customer.ID, RequestId: newID()})
		apptest.WantReason(t, err, connect.CodePermissionDenied, kuplav1.ErrorReason_ERROR_REASON_NOT_LEADING)
		_, err = guest.Desk.CloseConversation(t.Context(), &kuplav1.CloseConversationRequest{
			ConversationId: customer.ID, RequestId: newID(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
		})
		apptest.WantReason(t, err, connect.CodePermissionDenied, kuplav1.ErrorReason_ERROR_REASON_NOT_LEADING)

		for _, p := range snapshotOf(t, customer.Clients, customer.ID).GetConversation().GetParticipants() {
			if p.GetProfessionalId() != "" {
				t.Errorf("the customer is told the professional's identifier %q", p.GetProfessionalId())
			}
		}
		for _, e := range eventsOf(t, customer.Clients, customer.ID) {
			if id := e.GetParticipantJoined().GetParticipant().GetProfessionalId(); id != "" {
				t.Errorf("the customer's log has the professional's identifier %q", id)
			}
		}
		joined := eventsOf(t, nurse, customer.ID)[2].GetParticipantJoined()
		if joined.GetInviterParticipantId() != "professional-1" || joined.GetParticipant().GetProfessionalId() != "guest" {
			t.Errorf("the log has %v", joined)
		}
		leave(t, guest, customer.ID)
		_, err = nurse.Conversation.LeaveConversation(t.Context(),
			&kuplav1.LeaveConversationRequest{ConversationId: customer.ID, RequestId: newID()})
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_LAST_PROFESSIONAL)
		// Who comes back is a new participant.
		invite(t, nurse, customer.ID, "guest")
		wantLines(t, eventLines(eventsOf(t, guest, customer.ID))[4:],
			"event 5 left professional-2 LEFT", "event 6 joined professional-3")
	})
}

// The note of a transfer is for whoever goes on, and never for the customer.
func TestTransferNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{ID: "nurse"})
		psychologist := available(t, s, store.Staff{ID: "psychologist", QueueIDs: []string{"mental-health"}})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		refused := toQueue(customer.ID, "social-guidance", false)
		refused.Note = "Ei mene perille"
		if _, err := nurse.Desk.TransferConversation(t.Context(), refused); apptest.Reason(err) != "TRANSFER_NOT_ALLOWED" {
			t.Fatalf("got %v", err)
		}
		req := toQueue(customer.ID, "mental-health", false)
		req.Note = "Asia on kesken"
		transfer(t, nurse, req)
		transfer(t, nurse, req) // A repeat adds no second one.
		take(t, psychologist, customer.ID)
		notes, err := psychologist.Desk.ListCaseNotes(t.Context(), &kuplav1.ListCaseNotesRequest{ConversationId: customer.ID})
		if err != nil {
			t.Fatal(err)
		}
		if len(notes.GetCaseNotes()) != 1 || notes.GetCaseNotes()[0].GetText() != "Asia on kesken" ||
			notes.GetCaseNotes()[0].GetProfessionalId() != "nurse" {
			t.Errorf("the notes are %v", notes.GetCaseNotes())
		}
		stream := follow(t, customer.Clients, customer.ID, "")
		for _, f := range stream.all() {
			if got := f.String(); strings.Contains(got, "kesken") {
				t.Errorf("the customer is told %q", got)
			}
		}
	})
}
