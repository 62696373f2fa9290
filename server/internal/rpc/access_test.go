package rpc_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// staffed is a conversation that a nurse has taken, with a colleague at hand.
type staffed struct {
	*apptest.Server
	customer     apptest.Customer
	nurse, guest apptest.Clients
}

func newStaffed(t *testing.T) staffed {
	t.Helper()
	onMonday(t)
	s := staffed{Server: apptest.New(t)}
	s.nurse = available(t, s.Server, store.Staff{ID: "nurse"})
	s.guest = available(t, s.Server, store.Staff{ID: "guest"})
	s.customer = s.Start(apptest.Queue)
	take(t, s.nurse, s.customer.ID)
	s.nurse.Say(t, s.customer.ID, "Hei")
	return s
}

// partings are the ways in which a professional's part ends while the conversation goes on, but for the loss
// of the connection.
var partings = map[string]struct {
	prepare, part func(t *testing.T, s staffed)
	// last is the event that says so.
	last string
}{
	"transferred to a queue": {
		part: func(t *testing.T, s staffed) { transfer(t, s.nurse, toQueue(s.customer.ID, "mental-health", false)) },
		last: "event 4 transferred to mental-health",
	},
	"transferred to a colleague": {
		part: func(t *testing.T, s staffed) { transfer(t, s.nurse, toColleague(s.customer.ID, "guest", false)) },
		last: "event 4 transferred to emergency-help",
	},
	"returned": {
		part: func(t *testing.T, s staffed) { returnToQueue(t, s.nurse, s.customer.ID) },
		last: "event 4 returned RETURNED_BY_STAFF",
	},
	"left to a guest": {
		prepare: func(t *testing.T, s staffed) { invite(t, s.nurse, s.customer.ID, "guest") },
		part:    func(t *testing.T, s staffed) { leave(t, s.nurse, s.customer.ID) },
		last:    "event 5 left professional-1 LEFT",
	},
	"taken out as a guest when the leader returns it": {
		prepare: func(t *testing.T, s staffed) {
			transfer(t, s.nurse, toColleague(s.customer.ID, "guest", false)) // 4, 5
			invite(t, s.guest, s.customer.ID, "nurse")                       // 6
		},
		part: func(t *testing.T, s staffed) { returnToQueue(t, s.guest, s.customer.ID) },
		last: "event 7 left professional-3 RETURNED",
	},
	"taken out as a guest when the leader transfers it": {
		prepare: func(t *testing.T, s staffed) {
			transfer(t, s.nurse, toColleague(s.customer.ID, "guest", false)) // 4, 5
			invite(t, s.guest, s.customer.ID, "nurse")                       // 6
		},
		part: func(t *testing.T, s staffed) { transfer(t, s.guest, toQueue(s.customer.ID, "mental-health", false)) },
		last: "event 7 left professional-3 TRANSFERRED",
	},
}

// However a professional's part ends, the last that their stream tells is the event that says so.
func TestAccessEndsWithTheEventThatSaysSo(t *testing.T) {
	for name, c := range partings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStaffed(t)
				if c.prepare != nil {
					c.prepare(t, s)
				}
				stream := follow(t, s.nurse, s.customer.ID, "")
				stream.lines()
				c.part(t, s)
				s.customer.Say(t, s.customer.ID, "Tätä ei entinen enää näe")
				stream.want(c.last, "go away ACCESS_ENDED")
				stream.wantOver()
				frames := stream.all()
				if frames[len(frames)-1].GetGoAway().GetReconnect() {
					t.Error("the stream asks to come back to a conversation that is no longer theirs")
				}
			})
		})
	}
}

// Nothing that comes after the end of a professional's part reaches a reader of theirs who is slow, not even
// when the conversation has moved on and was closed meanwhile.
func TestAccessEndsForASlowReaderToo(t *testing.T) {
	for name, c := range partings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStaffed(t)
				if c.prepare != nil {
					c.prepare(t, s)
				}
				slow, err := s.nurse.Conversation.FollowConversation(t.Context(),
					&kuplav1.FollowConversationRequest{ConversationId: s.customer.ID})
				if err != nil {
					t.Fatal(err)
				}
				// The server is in the middle of sending the snapshot from here on.
				if _, err := slow.Receive(); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				c.part(t, s)
				later := available(t, s.Server, store.Staff{ID: "later", QueueIDs: []string{apptest.Queue, "mental-health"}})
				if snapshotOf(t, s.customer.Clients, s.customer.ID).GetConversation().GetState() ==
					kuplav1.ConversationState_CONVERSATION_STATE_WAITING {
					take(t, later, s.customer.ID)
					later.Say(t, s.customer.ID, "Nyt jatkan minä")
					closeConversation(t, later, s.customer.ID)
				} else {
					closeConversation(t, s.guest, s.customer.ID)
				}
				stream := record(t, slow, describeFollowed)
				frames := stream.all()
				lines := stream.lines()
				if n := len(lines); n < 2 || lines[n-2] != c.last || lines[n-1] != "go away ACCESS_ENDED" {
					t.Fatalf("the stream ended with %q, want %q and ACCESS_ENDED", lines, c.last)
				}
				for _, f := range frames {
					if f.GetSnapshot() != nil {
						t.Errorf("got a snapshot of what came later: %v", f.GetSnapshot().GetConversation().GetState())
					}
				}
			})
		})
	}
}

// What a professional had and no longer has is refused to them as such, whatever they ask.
func TestAccessThatEndedIsRefused(t *testing.T) {
	for name, c := range partings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStaffed(t)
				if c.prepare != nil {
					c.prepare(t, s)
				}
				before := follow(t, s.nurse, s.customer.ID, "")
				cursor := before.all()[1].GetCursor()
				before.stop()
				c.part(t, s)
				wantAccessEnded(t, s.nurse, s.customer.ID, cursor)
			})
		})
	}
}

// wantAccessEnded asks for everything there is of a conversation.
func wantAccessEnded(t *testing.T, c apptest.Clients, id, cursor string) {
	t.Helper()
	ctx := t.Context()
	for _, cursor := range []string{"", cursor} {
		stream := follow(t, c, id, cursor)
		if frames := stream.all(); len(frames) > 0 {
			t.Errorf("FollowConversation began with %s", describeFollowed(frames[0]))
		}
		wantEnded(t, "FollowConversation", stream.end())
	}
	_, err := c.Conversation.GetConversation(ctx, &kuplav1.GetConversationRequest{ConversationId: id})
	wantEnded(t, "GetConversation", err)
	_, err = c.Conversation.ListEvents(ctx, &kuplav1.ListEventsRequest{ConversationId: id})
	wantEnded(t, "ListEvents", err)
	_, err = c.Conversation.SendMessage(ctx,
		&kuplav1.SendMessageRequest{ConversationId: id, RequestId: newID(), Text: "Hei"})
	wantEnded(t, "SendMessage", err)
	_, err = c.Conversation.SetTyping(ctx, &kuplav1.SetTypingRequest{ConversationId: id})
	wantEnded(t, "SetTyping", err)
	_, err = c.Conversation.MarkRead(ctx, &kuplav1.MarkReadRequest{ConversationId: id, Sequence: 1})
	wantEnded(t, "MarkRead", err)
	_, err = c.Conversation.LeaveConversation(ctx,
		&kuplav1.LeaveConversationRequest{ConversationId: id, RequestId: newID()})
	wantEnded(t, "LeaveConversation", err)
	_, err = c.Desk.TransferConversation(ctx, toQueue(id, "mental-health", true))
	wantEnded(t, "TransferConversation", err)
	_, err = c.Desk.ReturnToQueue(ctx, &kuplav1.ReturnToQueueRequest{ConversationId: id, RequestId: newID()})
	wantEnded(t, "ReturnToQueue", err)
	_, err = c.Desk.InviteProfessional(ctx,
		&kuplav1.InviteProfessionalRequest{ConversationId: id, RequestId: newID(), ProfessionalId: "guest"})
	if apptest.Reason(err) != "ACCESS_ENDED" && apptest.Reason(err) != "PROFESSIONAL_NOT_FOUND" {
		t.Errorf("InviteProfessional: %v", err)
	}
	_, err = c.Desk.CloseConversation(ctx, &kuplav1.CloseConversationRequest{
		ConversationId: id, RequestId: newID(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
	})
	wantEnded(t, "CloseConversation", err)
	_, err = c.Desk.AddCaseNote(ctx, &kuplav1.AddCaseNoteRequest{ConversationId: id, RequestId: newID(), Text: "Hei"})
	wantEnded(t, "AddCaseNote", err)
	_, err = c.Desk.ListCaseNotes(ctx, &kuplav1.ListCaseNotesRequest{ConversationId: id})
	wantEnded(t, "ListCaseNotes", err)
}

func wantEnded(t *testing.T, call string, err error) {
	t.Helper()
	if apptest.Reason(err) != "ACCESS_ENDED" || connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("%s: %v with reason %q, want ACCESS_ENDED", call, err, apptest.Reason(err))
	}
}

// A staff token that was revoked, or has expired, ends the streams it opened within 15 seconds, whenever they
// were opened and whatever else happens on them.
func TestTokenEndEndsStreams(t *testing.T) {
	const little, longer = 100 * time.Millisecond, 20100 * time.Millisecond
	for _, c := range []struct {
		way    string
		desk   bool
		opened time.Duration // for how long the stream has been open
		news   time.Duration // after how long a frame is sent, which puts the next heartbeat off
	}{
		{way: "revoked", opened: little, news: 4700 * time.Millisecond},
		{way: "revoked", opened: longer, news: 0},
		{way: "revoked", opened: longer, news: 4900 * time.Millisecond},
		{way: "revoked", opened: longer, news: 13900 * time.Millisecond},
		{way: "revoked", desk: true, opened: longer, news: 4900 * time.Millisecond},
		{way: "expired", opened: longer, news: 4900 * time.Millisecond},
		{way: "expired", desk: true, opened: little, news: 4700 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := apptest.New(t)
				nurse := s.Staff(store.Staff{ID: "nurse"})
				customer := s.Start(apptest.Queue)
				take(t, nurse, customer.ID)
				time.Sleep(20 * time.Second)
				var endOfStream func() ending
				if c.desk {
					desk := watchDesk(t, nurse, "")
					endOfStream = func() ending { return endOf(desk) }
				} else {
					conversation := follow(t, nurse, customer.ID, "")
					endOfStream = func() ending { return endOf(conversation) }
				}
				time.Sleep(c.opened)
				// A call now makes the token known as good for a while.
				snapshotOf(t, nurse, customer.ID)
				endToken(t, s, c.way)
				ended := time.Now()
				time.Sleep(c.news)
				customer.Say(t, customer.ID, "Hei")
				time.Sleep(15*time.Second - c.news)
				if end := endOfStream(); end.last != "go away TOKEN_ENDED" || !errors.Is(end.err, io.EOF) ||
					end.time.Sub(ended) > 15*time.Second {
					t.Errorf("the last frame is %q, %v after the token's end, and the end %v",
						end.last, end.time.Sub(ended), end.err)
				}
				_, err := nurse.Conversation.GetConversation(t.Context(),
					&kuplav1.GetConversationRequest{ConversationId: customer.ID})
				apptest.WantReason(t, err, connect.CodeUnauthenticated, kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID)
			})
		})
	}
}

// ending is the last frame of a stream, when it came, and how the stream ended.
type ending struct {
	last string
	time time.Time
	err  error
}

func endOf[F any](r *tape[F]) ending {
	frames := r.all()
	return ending{last: r.describe(frames[len(frames)-1]), time: r.times[len(frames)-1], err: r.end()}
}

// endToken revokes the only staff token there is, or makes it expire now.
func endToken(t *testing.T, s *apptest.Server, way string) {
	t.Helper()
	tokens, err := s.Store.StaffTokens(t.Context())
	if err != nil || len(tokens) != 1 {
		t.Fatalf("there are %d tokens (%v), want 1", len(tokens), err)
	}
	switch way {
	case "revoked":
		tokens[0].RevokeTime = time.Now()
	case "expired":
		tokens[0].ExpireTime = time.Now()
	}
	if err := s.Store.PutStaffToken(t.Context(), tokens[0]); err != nil {
		t.Fatal(err)
	}
}

// A staff member who loses a queue hears no more of it, and one whose role is taken away of nothing.
func TestProfileChangeReachesOpenDesks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		member := store.Staff{
			ID: "nurse", DisplayName: "Testi", Roles: []store.Role{store.RoleProfessional},
			QueueIDs: []string{apptest.Queue, "mental-health"}, Languages: []string{"fi"}, Capacity: 2,
		}
		nurse := s.Staff(member)
		desk := watchDesk(t, nurse, "")
		if got := len(desk.news()[0].GetSnapshot().GetWaiting()); got != 2 {
			t.Fatalf("the desk has %d queues, want 2", got)
		}
		member.QueueIDs = []string{"mental-health"}
		if err := s.Store.PutStaff(t.Context(), member); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		var queues []string
		for _, f := range desk.news() {
			if f.GetSnapshot() != nil {
				queues = nil
				for _, w := range f.GetSnapshot().GetWaiting() {
					queues = append(queues, w.GetQueueId())
				}
			}
		}
		if !slices.Equal(queues, []string{"mental-health"}) {
			t.Errorf("the last snapshot has the queues %q, want mental-health", queues)
		}
		s.Start(apptest.Queue)
		time.Sleep(5 * time.Second)
		if got := only(desk.lines(), "waiting"); len(got) > 0 {
			t.Errorf("heard %q of a queue that is no longer theirs", got)
		}
		desk.wantOpen()

		member.Roles = []store.Role{store.RoleAdmin}
		if err := s.Store.PutStaff(t.Context(), member); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		if end := endOf(desk); end.last != "go away TOKEN_ENDED" {
			t.Errorf("the last frame is %q, want TOKEN_ENDED", end.last)
		}
	})
}

// Somebody who was professional and supervisor and is only supervisor from now on may watch the lines, and
// hears nothing more of conversations, on a stream that is open either.
func TestLosingOneOfTwoRolesEndsTheDesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		member := store.Staff{
			ID: "nurse", DisplayName: "Testi", Roles: []store.Role{store.RoleProfessional, store.RoleSupervisor},
			QueueIDs: []string{apptest.Queue}, Languages: []string{"fi"}, Capacity: 2,
		}
		nurse := s.Staff(member)
		customer := s.Start(apptest.Queue)
		nurse.TakeNext(t)
		desk := watchDesk(t, nurse, "")
		desk.wantOpen()
		member.Roles = []store.Role{store.RoleSupervisor}
		if err := s.Store.PutStaff(t.Context(), member); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		if end := endOf(desk); end.last != "go away TOKEN_ENDED" {
			t.Errorf("the last frame is %q, want TOKEN_ENDED", end.last)
		}
		again := watchDesk(t, nurse, "")
		customer.Say(t, customer.ID, "Hei")
		time.Sleep(time.Second)
		for _, f := range again.news() {
			if f.GetEvents() != nil || len(f.GetSnapshot().GetConversations()) > 0 {
				t.Errorf("a supervisor is told of a conversation: %v", f)
			}
		}
	})
}
