package rpc_test

import (
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// A start whose answer was lost is asked for again: within ten minutes it gives one more token for the same
// conversation, and every one of them works. Later it is too old, and nothing was started.
func TestRepeatedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		began := time.Now()
		req := startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.Message = "Hei" })
		first := start(t, s, req)
		customers := []apptest.Customer{first}
		for _, after := range []time.Duration{0, 5 * time.Minute, 10 * time.Minute} {
			time.Sleep(time.Until(began.Add(after)))
			c := start(t, s, req)
			if c.ID != first.ID || c.Start.GetParticipantId() != first.Start.GetParticipantId() || c.Cursor != first.Cursor {
				t.Errorf("after %v the repeat gives %v", after, c.Start)
			}
			for _, other := range customers {
				if c.Token == other.Token {
					t.Errorf("after %v the repeat gives a token that was given before", after)
				}
			}
			customers = append(customers, c)
			other := proto.CloneOf(req)
			other.Message = "Jotain muuta"
			apptest.WantReason(t, tryStart(t, s, other), connect.CodeInvalidArgument,
				kuplav1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED)
		}
		time.Sleep(time.Second)
		err := tryStart(t, s, req)
		apptest.WantReason(t, err, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_START_TOO_OLD)
		for i, c := range customers {
			c.Say(t, first.ID, "Toimii")
			stream := follow(t, c.Clients, first.ID, c.Cursor)
			if got := len(only(stream.lines(), "event")); got != i+3 {
				t.Errorf("token %d follows %d events, want %d", i, got, i+3)
			}
			stream.stop()
		}
		if open, err := s.Store.OpenConversations(t.Context()); err != nil || len(open) != 1 {
			t.Errorf("%d conversations were started (%v), want 1", len(open), err)
		}
		// The ids of starts are unique over everybody: another's is refused, and shows nothing.
		if err := tryStart(t, s, startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) {
			r.RequestId, r.Message = req.GetRequestId(), "Toinen ihminen"
		})); apptest.Reason(err) != "REQUEST_ID_REUSED" {
			t.Errorf("another start of the same id gives %v", err)
		}
	})
}

// The customer's token opens the conversation until a day after its close, for reading, saving and the survey.
// Then it opens nothing.
func TestConversationTokenEndsADayAfterTheClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		stream := follow(t, customer.Clients, customer.ID, "")
		take(t, nurse, customer.ID)
		closeConversation(t, nurse, customer.ID)
		closed := snapshotOf(t, customer.Clients, customer.ID).GetConversation().GetCloseTime().AsTime()
		stream.wantOver()
		s.Close()

		// A server that starts later knows as much.
		time.Sleep(time.Until(closed.Add(24*time.Hour - time.Second)))
		s.Restart(0)
		if got := len(eventsOf(t, customer.Clients, customer.ID)); got != 3 {
			t.Errorf("the log has %d events", got)
		}
		snapshotOf(t, customer.Clients, customer.ID)
		follow(t, customer.Clients, customer.ID, "").want("snapshot CLOSED", "event 1 joined customer",
			"event 2 joined professional-1", "event 3 closed COMPLETED", "go away CONVERSATION_CLOSED")
		markRead(t, customer.Clients, customer.ID, 3)
		if _, err := customer.Feedback.GetSurvey(t.Context(), &kuplav1.GetSurveyRequest{ConversationId: customer.ID}); err != nil {
			t.Errorf("the survey: %v", err)
		}

		time.Sleep(time.Until(closed.Add(24 * time.Hour)))
		invalid := func(call string, err error) {
			t.Helper()
			if apptest.Reason(err) != "CREDENTIALS_INVALID" || connect.CodeOf(err) != connect.CodeUnauthenticated {
				t.Errorf("%s: %v, want CREDENTIALS_INVALID", call, err)
			}
		}
		id, ctx := customer.ID, t.Context()
		_, err := customer.Conversation.GetConversation(ctx, &kuplav1.GetConversationRequest{ConversationId: id})
		invalid("GetConversation", err)
		_, err = customer.Conversation.ListEvents(ctx, &kuplav1.ListEventsRequest{ConversationId: id})
		invalid("ListEvents", err)
		_, err = customer.Conversation.MarkRead(ctx, &kuplav1.MarkReadRequest{ConversationId: id, Sequence: 1})
		invalid("MarkRead", err)
		_, err = customer.Conversation.SetTyping(ctx, &kuplav1.SetTypingRequest{ConversationId: id})
		invalid("SetTyping", err)
		_, err = customer.Conversation.SendMessage(ctx,
			&kuplav1.SendMessageRequest{ConversationId: id, RequestId: newID(), Text: "Hei"})
		invalid("SendMessage", err)
		_, err = customer.Conversation.LeaveConversation(ctx,
			&kuplav1.LeaveConversationRequest{ConversationId: id, RequestId: newID()})
		invalid("LeaveConversation", err)
		_, err = customer.Feedback.GetSurvey(ctx, &kuplav1.GetSurveyRequest{ConversationId: id})
		invalid("GetSurvey", err)
		ended := follow(t, customer.Clients, id, "")
		ended.want()
		invalid("FollowConversation", ended.end())
	})
}

// Whoever was there at the close may read and add case notes for the wrap-up time, and then no more.
func TestWrapUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, guest := available(t, s, store.Staff{ID: "nurse"}), available(t, s, store.Staff{ID: "guest"})
		before := available(t, s, store.Staff{ID: "before"})
		customer := s.Start(apptest.Queue)
		take(t, before, customer.ID)
		transfer(t, before, toColleague(customer.ID, "nurse", false))
		invite(t, nurse, customer.ID, "guest")
		closeConversation(t, nurse, customer.ID)
		closed := time.Now()
		note := &kuplav1.AddCaseNoteRequest{ConversationId: customer.ID, RequestId: newID(), Text: "Yhteenveto"}

		time.Sleep(time.Until(closed.Add(time.Hour - time.Second)))
		for name, c := range map[string]apptest.Clients{"the one who closed": nurse, "the guest": guest} {
			conv := snapshotOf(t, c, customer.ID).GetConversation()
			if got := capabilities(conv); got != " READ MARK_READ CASE_NOTES" {
				t.Errorf("%s may%s", name, got)
			}
			if got := len(eventsOf(t, c, customer.ID)); got != 6 {
				t.Errorf("%s reads %d events, want 6", name, got)
			}
			if _, err := c.Desk.AddCaseNote(t.Context(), note); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			stream := follow(t, c, customer.ID, "")
			lines := stream.lines()
			if lines[len(lines)-1] != "go away CONVERSATION_CLOSED" {
				t.Errorf("%s follows %q", name, lines)
			}
		}
		notes, err := nurse.Desk.ListCaseNotes(t.Context(), &kuplav1.ListCaseNotesRequest{ConversationId: customer.ID})
		if err != nil || len(notes.GetCaseNotes()) != 2 {
			t.Errorf("the notes are %v, %v", notes, err)
		}
		// Who had it before the close has it no more.
		wantAccessEnded(t, before, customer.ID, "")

		time.Sleep(time.Until(closed.Add(time.Hour)))
		for _, c := range []apptest.Clients{nurse, guest} {
			_, err := c.Conversation.GetConversation(t.Context(), &kuplav1.GetConversationRequest{ConversationId: customer.ID})
			wantEnded(t, "GetConversation", err)
			_, err = c.Conversation.ListEvents(t.Context(), &kuplav1.ListEventsRequest{ConversationId: customer.ID})
			wantEnded(t, "ListEvents", err)
			_, err = c.Desk.ListCaseNotes(t.Context(), &kuplav1.ListCaseNotesRequest{ConversationId: customer.ID})
			wantEnded(t, "ListCaseNotes", err)
			_, err = c.Desk.AddCaseNote(t.Context(),
				&kuplav1.AddCaseNoteRequest{ConversationId: customer.ID, RequestId: newID(), Text: "Myöhässä"})
			wantEnded(t, "AddCaseNote", err)
			_, err = c.Desk.AddCaseNote(t.Context(), note) // A repeat shows nothing either.
			wantEnded(t, "AddCaseNote again", err)
			stream := follow(t, c, customer.ID, "")
			stream.want()
			wantEnded(t, "FollowConversation", stream.end())
		}
		// The customer reads on.
		if got := len(eventsOf(t, customer.Clients, customer.ID)); got != 6 {
			t.Errorf("the customer reads %d events, want 6", got)
		}
	})
}

// capabilities names what the caller may do.
func capabilities(c *kuplav1.Conversation) string {
	names := ""
	for _, capability := range c.GetCapabilities() {
		names += short(capability)
	}
	return names
}

// Each conversation carries what the caller may do now, and that is what is then allowed.
func TestCapabilities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse, guest := available(t, s, store.Staff{ID: "nurse"}), available(t, s, store.Staff{ID: "guest"})
		customer := s.Start(apptest.Queue)
		want := func(who string, c apptest.Clients, want string) {
			t.Helper()
			if got := capabilities(snapshotOf(t, c, customer.ID).GetConversation()); got != want {
				t.Errorf("%s may%s, want%s", who, got, want)
			}
		}
		const open = " READ SEND_MESSAGE MARK_READ LEAVE"
		const leading = " TRANSFER RETURN_TO_QUEUE INVITE_PROFESSIONAL CLOSE CASE_NOTES"
		want("the waiting customer", customer.Clients, open)
		take(t, nurse, customer.ID)
		want("the customer", customer.Clients, open)
		want("the professional", nurse, " READ SEND_MESSAGE MARK_READ"+leading)
		invite(t, nurse, customer.ID, "guest")
		want("the one who leads", nurse, open+leading)
		want("the guest", guest, open+" CASE_NOTES")
		closeConversation(t, nurse, customer.ID)
		want("the customer after the close", customer.Clients, " READ MARK_READ GIVE_FEEDBACK")
		want("the professional after the close", nurse, " READ MARK_READ CASE_NOTES")
	})
}
