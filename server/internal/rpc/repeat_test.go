package rpc_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// office is a server with people in it, in which every write can be made.
type office struct {
	*apptest.Server
	nurse, guest, boss, admin apptest.Clients
	// customer is being answered by the nurse, as is second; waiting and next wait.
	customer, second, waiting, next apptest.Customer
}

func newOffice(t *testing.T) office {
	t.Helper()
	onMonday(t)
	o := office{Server: apptest.New(t)}
	o.nurse = available(t, o.Server, store.Staff{ID: "nurse", Capacity: 20})
	o.guest = available(t, o.Server, store.Staff{ID: "guest", Capacity: 20})
	o.boss = o.Staff(store.Staff{
		ID: "supervisor", Roles: []store.Role{store.RoleSupervisor}, QueueIDs: []string{apptest.Queue, dental},
	})
	available(t, o.Server, store.Staff{ID: "third"})
	o.admin = o.Staff(store.Staff{ID: "admin", Roles: []store.Role{store.RoleAdmin}})
	for _, c := range []*apptest.Customer{&o.customer, &o.second, &o.waiting, &o.next} {
		*c = o.Start(apptest.Queue)
	}
	take(t, o.nurse, o.customer.ID)
	take(t, o.nurse, o.second.ID)
	return o
}

// effects is what the writes have done: a second effect of any of them would show in it.
func (o office) effects(t *testing.T) map[string]int {
	t.Helper()
	done := map[string]int{}
	for name, c := range map[string]apptest.Customer{
		"customer": o.customer, "second": o.second, "waiting": o.waiting, "next": o.next,
	} {
		done[name+"'s events"] = len(eventsOf(t, c.Clients, c.ID))
		notes, err := o.Store.CaseNotes(t.Context(), c.ID, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		done[name+"'s notes"] = len(notes)
	}
	open, err := o.Store.OpenConversations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done["open conversations"] = len(open)
	return done
}

// write is one way to change something. Asked with other, it asks for something else.
type write func(ctx context.Context, o office, requestID string, other bool) (proto.Message, error)

// errNoOther tells that a request says nothing beside whom it is about.
var errNoOther = errors.New("there is nothing else to ask for")

// pick is x, or y when another is asked for.
func pick[T any](other bool, x, y T) T {
	if other {
		return y
	}
	return x
}

// writes are all the writes that are remembered by a request id. A test fails when one is missing.
var writes = map[string]write{
	"StartConversation": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		req := &kuplav1.StartConversationRequest{
			RequestId: id, QueueId: apptest.Queue, Language: "fi", DisplayName: pick(other, "Testi", "Joku muu"), Message: "Hei",
		}
		res, err := o.Clients("").Conversation.StartConversation(ctx, req)
		if res != nil {
			res.AccessToken = "" // A repeat issues one more.
		}
		return res, err
	},
	"SendMessage": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		return o.customer.Conversation.SendMessage(ctx, &kuplav1.SendMessageRequest{
			ConversationId: o.customer.ID, RequestId: id, Text: pick(other, "Hei", "Hei hei"),
		})
	},
	"LeaveConversation": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		if other {
			return nil, errNoOther
		}
		return o.customer.Conversation.LeaveConversation(ctx, &kuplav1.LeaveConversationRequest{
			ConversationId: o.customer.ID, RequestId: id,
		})
	},
	"SetAvailability": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		return o.nurse.Desk.SetAvailability(ctx, &kuplav1.SetAvailabilityRequest{
			RequestId:    id,
			Availability: pick(other, kuplav1.Availability_AVAILABILITY_ON_PHONE, kuplav1.Availability_AVAILABILITY_AWAY),
		})
	},
	"TakeNext": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		return o.nurse.Desk.TakeNext(ctx, &kuplav1.TakeNextRequest{
			RequestId: id, QueueIds: pick(other, nil, []string{apptest.Queue}),
		})
	},
	"TakeConversation": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		if other {
			return nil, errNoOther
		}
		return o.nurse.Desk.TakeConversation(ctx, &kuplav1.TakeConversationRequest{
			ConversationId: o.next.ID, RequestId: id,
		})
	},
	"TransferConversation": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		req := toQueue(o.customer.ID, "mental-health", false)
		req.RequestId, req.Note = id, pick(other, "Siirretty", "Muu huomautus")
		return o.nurse.Desk.TransferConversation(ctx, req)
	},
	"ReturnToQueue": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		if other {
			return nil, errNoOther
		}
		return o.nurse.Desk.ReturnToQueue(ctx, &kuplav1.ReturnToQueueRequest{
			ConversationId: o.customer.ID, RequestId: id,
		})
	},
	"InviteProfessional": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		return o.nurse.Desk.InviteProfessional(ctx, &kuplav1.InviteProfessionalRequest{
			ConversationId: o.customer.ID, RequestId: id, ProfessionalId: pick(other, "guest", "third"),
		})
	},
	"CloseConversation": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		return o.nurse.Desk.CloseConversation(ctx, &kuplav1.CloseConversationRequest{
			ConversationId: o.customer.ID, RequestId: id,
			Reason: pick(other, kuplav1.CloseReason_CLOSE_REASON_COMPLETED, kuplav1.CloseReason_CLOSE_REASON_ENDED_BY_STAFF),
		})
	},
	"AddCaseNote": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		return o.nurse.Desk.AddCaseNote(ctx, &kuplav1.AddCaseNoteRequest{
			ConversationId: o.customer.ID, RequestId: id, Text: pick(other, "Huomautus", "Muu huomautus"),
		})
	},
	"PauseQueue": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		res, err := o.boss.Desk.PauseQueue(ctx, &kuplav1.PauseQueueRequest{
			RequestId: id, QueueId: apptest.Queue,
			ResumeTime: pick(other, nil, timestamppb.New(time.Now().Add(time.Hour))),
		})
		return lineOf(res.GetWaiting()), err
	},
	"ResumeQueue": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		res, err := o.boss.Desk.ResumeQueue(ctx, &kuplav1.ResumeQueueRequest{
			RequestId: id, QueueId: pick(other, apptest.Queue, dental),
		})
		return lineOf(res.GetWaiting()), err
	},
	"ApplyCatalogue": func(ctx context.Context, o office, id string, other bool) (proto.Message, error) {
		m, err := demo.Catalogue()
		if err != nil {
			return nil, err
		}
		m.Queues[0].Name.Fi = pick(other, "Uusi nimi", "Uudempi nimi")
		res, err := o.admin.Catalogue.ApplyCatalogue(ctx, &kuplav1.ApplyCatalogueRequest{RequestId: id, Catalogue: m})
		if res != nil {
			res.Changes = nil // They were made by the first one.
		}
		return res, err
	},
}

// lineOf is who waits, without who of them is there: that is as it is now, also in a repeat.
func lineOf(w *kuplav1.Waiting) *kuplav1.Waiting {
	for _, e := range w.GetEntries() {
		e.Present = false
	}
	return w
}

// Every write repeated with the same id, at the same time or later, has no second effect and is answered as the
// first was, also after the server was started anew; the same id with other content is refused.
func TestRepeatedWrites(t *testing.T) {
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				ctx, id := t.Context(), newID()
				// The first comes four times at once, as from a client that does not wait.
				const n = 4
				answers := make(chan proto.Message, n)
				for range n {
					go func() {
						m, err := write(ctx, o, id, false)
						if err != nil {
							t.Error(err)
						}
						answers <- m
					}()
				}
				first := <-answers
				for range n - 1 {
					if m := <-answers; !proto.Equal(m, first) {
						t.Errorf("answered\n%v and\n%v", first, m)
					}
				}
				done := o.effects(t)
				if done["open conversations"] > 5 || done["customer's events"] > 3 || done["customer's notes"] > 1 {
					t.Errorf("made more than once: %v", done)
				}
				same := func(when string) {
					t.Helper()
					again, err := write(ctx, o, id, false)
					if err != nil {
						t.Fatalf("%s: %v", when, err)
					}
					if !proto.Equal(again, first) {
						t.Errorf("%s: answered\n%v, want\n%v", when, again, first)
					}
					for what, n := range o.effects(t) {
						if n != done[what] {
							t.Errorf("%s: %s are %d, want %d", when, what, n, done[what])
						}
					}
				}
				same("at once")
				if _, err := write(ctx, o, id, true); !errors.Is(err, errNoOther) {
					apptest.WantReason(t, err, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED)
				}
				same("after other content")
				o.Restart(0)
				same("after a restart")
			})
		})
	}
}

// Every request of the contract that has a request id is among the writes tested here.
func TestEveryWriteIsTestedForRepeats(t *testing.T) {
	protoregistry.GlobalFiles.RangeFilesByPackage("kupla.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				_, tested := writes[string(m.Name())]
				if has := m.Input().Fields().ByName("request_id") != nil; has != tested {
					t.Errorf("%s has a request id: %v, and is tested for repeats: %v", m.FullName(), has, tested)
				}
			}
		}
		return true
	})
}

// The ids of two callers are apart, but for those of starts.
func TestRequestIDsOfTwoCallersAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		id := newID()
		for _, c := range []apptest.Clients{o.customer.Clients, o.nurse} {
			if _, err := c.Conversation.SendMessage(t.Context(),
				&kuplav1.SendMessageRequest{ConversationId: o.customer.ID, RequestId: id, Text: "Hei"}); err != nil {
				t.Fatal(err)
			}
		}
		wantLines(t, eventLines(eventsOf(t, o.nurse, o.customer.ID))[2:], "event 3 message", "event 4 message")
	})
}

// A refusal is not remembered: the same id may be sent again, and then takes effect.
func TestRefusedWriteMayBeTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, guest, boss := available(t, s, store.Staff{ID: "nurse", Capacity: 1}), available(t, s, store.Staff{ID: "guest"}), supervisor(t, s)
		// A start that a pause refuses.
		pause(t, boss, nil)
		req := startIn(apptest.Queue)
		for range 2 {
			if err := tryStart(t, s, req); apptest.Reason(err) != "QUEUE_PAUSED" {
				t.Fatalf("got %v", err)
			}
		}
		if _, err := boss.Desk.ResumeQueue(t.Context(),
			&kuplav1.ResumeQueueRequest{RequestId: newID(), QueueId: apptest.Queue}); err != nil {
			t.Fatal(err)
		}
		first := start(t, s, req)
		// A take next that found nobody, and one that was refused for capacity.
		take(t, guest, first.ID)
		next := &kuplav1.TakeNextRequest{RequestId: newID()}
		takeIt := func() (string, error) {
			res, err := nurse.Desk.TakeNext(t.Context(), next)
			return res.GetConversation().GetId(), err
		}
		for range 2 {
			if got, err := takeIt(); got != "" || err != nil {
				t.Fatalf("took %q, %v", got, err)
			}
		}
		second := s.Start(apptest.Queue)
		for range 2 {
			if got, err := takeIt(); got != second.ID || err != nil {
				t.Fatalf("took %q, %v, want the one who came", got, err)
			}
		}
		third := s.Start(apptest.Queue)
		next = &kuplav1.TakeNextRequest{RequestId: newID()}
		if _, err := takeIt(); apptest.Reason(err) != "CAPACITY_REACHED" {
			t.Fatalf("got %v", err)
		}
		closeConversation(t, nurse, second.ID)
		if got, err := takeIt(); got != third.ID || err != nil {
			t.Fatalf("took %q, %v", got, err)
		}
		// A message that was refused for what was in it cannot be mended under the same id, because nothing of it
		// was kept: it may even be another one.
		message := &kuplav1.SendMessageRequest{ConversationId: third.ID, RequestId: newID(), Text: "Tunnus on " + code}
		if _, err := third.Conversation.SendMessage(t.Context(), message); apptest.Reason(err) != "IDENTITY_CODE_IN_TEXT" {
			t.Fatalf("got %v", err)
		}
		message.Text = "Ilman tunnusta"
		if _, err := third.Conversation.SendMessage(t.Context(), message); err != nil {
			t.Error(err)
		}
	})
}

// A repeat is answered under today's access: whoever has handed the conversation on is told what they took, as it
// was when it left them, and nothing of what came later.
func TestRepeatShowsNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{ID: "nurse"})
		other := available(t, s, store.Staff{ID: "other", DisplayName: "Myöhempi Tekijä", QueueIDs: []string{"mental-health"}})
		customer := s.Start(apptest.Queue)
		next := &kuplav1.TakeNextRequest{RequestId: newID()}
		taken, err := nurse.Desk.TakeNext(t.Context(), next)
		if err != nil || len(taken.GetConversation().GetCapabilities()) == 0 {
			t.Fatalf("took %v, %v", taken, err)
		}
		req := toQueue(customer.ID, "mental-health", false)
		left := transfer(t, nurse, req)
		take(t, other, customer.ID)
		other.Say(t, customer.ID, "Hei")
		check := func(when string) {
			t.Helper()
			again, err := nurse.Desk.TakeNext(t.Context(), next)
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			if !proto.Equal(again.GetConversation(), left) {
				t.Errorf("%s: take next answers\n%v, want\n%v", when, again.GetConversation(), left)
			}
			moved, err := nurse.Desk.TransferConversation(t.Context(), req)
			if err != nil || !proto.Equal(moved.GetConversation(), left) {
				t.Errorf("%s: the transfer answers\n%v, %v, want\n%v", when, moved.GetConversation(), err, left)
			}
			if c := again.GetConversation(); c.GetLastSequence() != 3 || len(c.GetParticipants()) != 2 || len(c.GetCapabilities()) > 0 ||
				c.GetState() != kuplav1.ConversationState_CONVERSATION_STATE_WAITING || c.GetCloseTime() != nil {
				t.Errorf("%s: told %v", when, c)
			}
		}
		check("while another has it")
		transfer(t, other, toQueue(customer.ID, "social-guidance", true))
		check("in a third queue")
		leave(t, customer.Clients, customer.ID)
		check("after its end")
	})
}

// A guest who has left is told nothing of where the conversation went, either.
func TestRepeatedLeaveShowsNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		nurse, guest := available(t, s, store.Staff{ID: "nurse"}), available(t, s, store.Staff{ID: "guest"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		invite(t, nurse, customer.ID, "guest")
		req := &kuplav1.LeaveConversationRequest{ConversationId: customer.ID, RequestId: newID()}
		first, err := guest.Conversation.LeaveConversation(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		transfer(t, nurse, toQueue(customer.ID, "mental-health", false))
		again, err := guest.Conversation.LeaveConversation(t.Context(), req)
		if err != nil || !proto.Equal(again, first) {
			t.Errorf("answered\n%v, %v, want\n%v", again, err, first)
		}
	})
}

// A lost answer is answered by asking again, also once the conversation is closed; and a message that was sent is
// shown as it is in the log.
func TestRepeatAfterTheClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		message := &kuplav1.SendMessageRequest{ConversationId: customer.ID, RequestId: newID(), Text: "Hei"}
		sent, err := customer.Conversation.SendMessage(t.Context(), message)
		if err != nil {
			t.Fatal(err)
		}
		ending := &kuplav1.CloseConversationRequest{
			ConversationId: customer.ID, RequestId: newID(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
		}
		closed, err := nurse.Desk.CloseConversation(t.Context(), ending)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		again, err := customer.Conversation.SendMessage(t.Context(), message)
		if err != nil || !proto.Equal(again, sent) {
			t.Errorf("the message is answered %v, %v, want %v", again, err, sent)
		}
		closedAgain, err := nurse.Desk.CloseConversation(t.Context(), ending)
		if err != nil || !proto.Equal(closedAgain, closed) {
			t.Errorf("the close is answered %v, %v, want %v", closedAgain, err, closed)
		}
		message.RequestId = newID()
		_, err = customer.Conversation.SendMessage(t.Context(), message)
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED)
	})
}
