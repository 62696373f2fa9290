package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"github.com/google/uuid"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// accessTable is what every kind of caller gets from every procedure, for a conversation in each state where it
// matters. A conversation began in mental-health, where "had" took it and transferred it to emergency-help; there it
// waits. Once active, "has" leads it and has invited "guest", who is of a third queue; "has" closes it.
//
//	anon: no credentials             same: professional of the queue
//	garbled: malformed token         other: professional of another queue
//	unknown: token that nobody has   boss: supervisor of the queue
//	revoked: "has", once             boss2: supervisor of another queue
//	customer: this one               admin: of the service
//	stranger: another customer
//
// A cell is "ok", the reason of the refusal in short (see accessWords), or "-" where there is no such caller.
const accessTable = `
| procedure                                 | state   | anon | garbled | unknown | revoked | customer | stranger | has    | had   | guest  | same   | other | boss | boss2 | admin |
| QueueService.ListQueues                   | any     | ok   | ok      | ok      | ok      | ok       | ok       | ok     | ok    | ok     | ok     | ok    | ok   | ok    | ok    |
| QueueService.GetQueue                     | any     | ok   | ok      | ok      | ok      | ok       | ok       | ok     | ok    | ok     | ok     | ok    | ok   | ok    | ok    |
| QueueService.WatchQueues                  | any     | ok   | ok      | ok      | ok      | ok       | ok       | ok     | ok    | ok     | ok     | ok    | ok   | ok    | ok    |
| ConversationService.StartConversation     | any     | ok   | ok      | ok      | ok      | ok       | ok       | ok     | ok    | ok     | ok     | ok    | ok   | ok    | ok    |
| ConversationService.GetConversation       | waiting | miss | inval   | inval   | inval   | ok       | none     | -      | ended | -      | none   | none  | role | role  | role  |
| ConversationService.GetConversation       | active  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.GetConversation       | closed  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.FollowConversation    | waiting | miss | inval   | inval   | inval   | ok       | none     | -      | ended | -      | none   | none  | role | role  | role  |
| ConversationService.FollowConversation    | active  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.FollowConversation    | closed  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.ListEvents            | waiting | miss | inval   | inval   | inval   | ok       | none     | -      | ended | -      | none   | none  | role | role  | role  |
| ConversationService.ListEvents            | active  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.ListEvents            | closed  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.SendMessage           | waiting | miss | inval   | inval   | inval   | ok       | none     | -      | ended | -      | none   | none  | role | role  | role  |
| ConversationService.SendMessage           | active  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.SendMessage           | closed  | miss | inval   | inval   | inval   | closed   | none     | closed | ended | closed | none   | none  | role | role  | role  |
| ConversationService.SetTyping             | waiting | miss | inval   | inval   | inval   | ok       | none     | -      | ended | -      | none   | none  | role | role  | role  |
| ConversationService.SetTyping             | active  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.SetTyping             | closed  | miss | inval   | inval   | inval   | closed   | none     | closed | ended | closed | none   | none  | role | role  | role  |
| ConversationService.MarkRead              | waiting | miss | inval   | inval   | inval   | ok       | none     | -      | ended | -      | none   | none  | role | role  | role  |
| ConversationService.MarkRead              | active  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.MarkRead              | closed  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.LeaveConversation     | waiting | miss | inval   | inval   | inval   | ok       | none     | -      | ended | -      | none   | none  | role | role  | role  |
| ConversationService.LeaveConversation     | active  | miss | inval   | inval   | inval   | ok       | none     | ok     | ended | ok     | none   | none  | role | role  | role  |
| ConversationService.LeaveConversation     | closed  | miss | inval   | inval   | inval   | closed   | none     | closed | ended | closed | none   | none  | role | role  | role  |
| DeskService.WatchDesk                     | any     | miss | inval   | inval   | inval   | role     | role     | ok     | ok    | ok     | ok     | ok    | ok   | ok    | role  |
| DeskService.SetAvailability               | any     | miss | inval   | inval   | inval   | role     | role     | ok     | ok    | ok     | ok     | ok    | role | role  | role  |
| DeskService.TakeNext                      | any     | miss | inval   | inval   | inval   | role     | role     | ok     | queue | queue  | ok     | queue | role | role  | role  |
| DeskService.TakeConversation              | waiting | miss | inval   | inval   | inval   | role     | role     | -      | ended | -      | ok     | none  | role | role  | role  |
| DeskService.TakeConversation              | active  | miss | inval   | inval   | inval   | role     | role     | inside | ended | inside | taken  | none  | role | role  | role  |
| DeskService.TakeConversation              | closed  | miss | inval   | inval   | inval   | role     | role     | closed | ended | closed | closed | none  | role | role  | role  |
| DeskService.TransferConversation          | waiting | miss | inval   | inval   | inval   | role     | role     | -      | ended | -      | none   | none  | role | role  | role  |
| DeskService.TransferConversation          | active  | miss | inval   | inval   | inval   | role     | role     | ok     | ended | lead   | none   | none  | role | role  | role  |
| DeskService.TransferConversation          | closed  | miss | inval   | inval   | inval   | role     | role     | closed | ended | closed | none   | none  | role | role  | role  |
| DeskService.ReturnToQueue                 | waiting | miss | inval   | inval   | inval   | role     | role     | -      | ended | -      | none   | none  | role | role  | role  |
| DeskService.ReturnToQueue                 | active  | miss | inval   | inval   | inval   | role     | role     | ok     | ended | lead   | none   | none  | role | role  | role  |
| DeskService.ReturnToQueue                 | closed  | miss | inval   | inval   | inval   | role     | role     | closed | ended | closed | none   | none  | role | role  | role  |
| DeskService.InviteProfessional            | waiting | miss | inval   | inval   | inval   | role     | role     | -      | ended | -      | none   | none  | role | role  | role  |
| DeskService.InviteProfessional            | active  | miss | inval   | inval   | inval   | role     | role     | ok     | ended | lead   | none   | none  | role | role  | role  |
| DeskService.InviteProfessional            | closed  | miss | inval   | inval   | inval   | role     | role     | closed | ended | closed | none   | none  | role | role  | role  |
| DeskService.CloseConversation             | waiting | miss | inval   | inval   | inval   | role     | role     | -      | ended | -      | none   | none  | role | role  | role  |
| DeskService.CloseConversation             | active  | miss | inval   | inval   | inval   | role     | role     | ok     | ended | lead   | none   | none  | role | role  | role  |
| DeskService.CloseConversation             | closed  | miss | inval   | inval   | inval   | role     | role     | closed | ended | closed | none   | none  | role | role  | role  |
| DeskService.AddCaseNote                   | waiting | miss | inval   | inval   | inval   | role     | role     | -      | ended | -      | none   | none  | role | role  | role  |
| DeskService.AddCaseNote                   | active  | miss | inval   | inval   | inval   | role     | role     | ok     | ended | ok     | none   | none  | role | role  | role  |
| DeskService.AddCaseNote                   | closed  | miss | inval   | inval   | inval   | role     | role     | ok     | ended | ok     | none   | none  | role | role  | role  |
| DeskService.ListCaseNotes                 | waiting | miss | inval   | inval   | inval   | role     | role     | -      | ended | -      | none   | none  | role | role  | role  |
| DeskService.ListCaseNotes                 | active  | miss | inval   | inval   | inval   | role     | role     | ok     | ended | ok     | none   | none  | role | role  | role  |
| DeskService.ListCaseNotes                 | closed  | miss | inval   | inval   | inval   | role     | role     | ok     | ended | ok     | none   | none  | role | role  | role  |
| DeskService.ListCannedReplies             | any     | miss | inval   | inval   | inval   | role     | role     | ok     | queue | queue  | ok     | queue | role | role  | role  |
| DeskService.PauseQueue                    | any     | miss | inval   | inval   | inval   | role     | role     | role   | role  | role   | role   | role  | ok   | queue | role  |
| DeskService.ResumeQueue                   | any     | miss | inval   | inval   | inval   | role     | role     | role   | role  | role   | role   | role  | ok   | queue | role  |
| FeedbackService.GetSurvey                 | waiting | miss | inval   | inval   | inval   | open     | none     | -      | role  | -      | role   | role  | role | role  | role  |
| FeedbackService.GetSurvey                 | active  | miss | inval   | inval   | inval   | open     | none     | role   | role  | role   | role   | role  | role | role  | role  |
| FeedbackService.GetSurvey                 | closed  | miss | inval   | inval   | inval   | ok       | none     | role   | role  | role   | role   | role  | role | role  | role  |
| FeedbackService.SubmitFeedback            | closed  | ok   | ok      | ok      | ok      | ok       | ok       | ok     | ok    | ok     | ok     | ok    | ok   | ok    | ok    |
| FeedbackService.SummarizeFeedback         | any     | miss | inval   | inval   | inval   | role     | role     | role   | role  | role   | role   | role  | ok   | queue | role  |
| CatalogueService.ApplyCatalogue           | any     | miss | inval   | inval   | inval   | role     | role     | role   | role  | role   | role   | role  | role | role  | ok    |
| CatalogueService.ExportCatalogue          | any     | miss | inval   | inval   | inval   | role     | role     | role   | role  | role   | role   | role  | role | role  | ok    |
| Health.Check                              | any     | ok   | ok      | ok      | ok      | ok       | ok       | ok     | ok    | ok     | ok     | ok    | ok   | ok    | ok    |
| Health.List                               | any     | ok   | ok      | ok      | ok      | ok       | ok       | ok     | ok    | ok     | ok     | ok    | ok   | ok    | ok    |
| Health.Watch                              | any     | ok   | ok      | ok      | ok      | ok       | ok       | ok     | ok    | ok     | ok     | ok    | ok   | ok    | ok    |
`

// accessWords are the short words of the table.
var accessWords = map[string]kuplav1.ErrorReason{
	"miss":   kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING,
	"inval":  kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID,
	"role":   kuplav1.ErrorReason_ERROR_REASON_ROLE_REQUIRED,
	"none":   kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND,
	"ended":  kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED,
	"queue":  kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_YOURS,
	"taken":  kuplav1.ErrorReason_ERROR_REASON_ALREADY_TAKEN,
	"inside": kuplav1.ErrorReason_ERROR_REASON_ALREADY_PARTICIPANT,
	"closed": kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED,
	"open":   kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_OPEN,
	"lead":   kuplav1.ErrorReason_ERROR_REASON_NOT_LEADING,
}

// accessRow is one row of the table.
type accessRow struct {
	procedure, state string
	cells            map[string]string // by caller
}

// readAccessTable reads the table. callers are its columns, in order.
func readAccessTable(t *testing.T) (callers []string, rows []accessRow) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSpace(accessTable), "\n") {
		fields := strings.Split(strings.Trim(line, "|"), "|")
		for j := range fields {
			fields[j] = strings.TrimSpace(fields[j])
		}
		if i == 0 {
			callers = fields[2:]
			continue
		}
		if len(fields) != len(callers)+2 {
			t.Fatalf("line %d of the table has %d columns, want %d", i, len(fields), len(callers)+2)
		}
		row := accessRow{procedure: fields[0], state: fields[1], cells: map[string]string{}}
		for j, caller := range callers {
			row.cells[caller] = fields[j+2]
		}
		rows = append(rows, row)
	}
	return callers, rows
}

// accessMethods are the methods of the contract and of health, by the name that the table has them by.
func accessMethods() map[string]protoreflect.MethodDescriptor {
	methods := map[string]protoreflect.MethodDescriptor{}
	for _, m := range contractMethods() {
		methods[shortName(m)] = m
	}
	health := healthpb.File_grpc_health_v1_health_proto.Services().ByName("Health").Methods()
	for i := range health.Len() {
		methods[shortName(health.Get(i))] = health.Get(i)
	}
	return methods
}

// Every procedure has its rows and its policy, and nothing else has.
func TestAccessTableIsWhole(t *testing.T) {
	methods := accessMethods()
	_, rows := readAccessTable(t)
	states := map[string][]string{}
	for _, row := range rows {
		if methods[row.procedure] == nil {
			t.Errorf("the table has %s, which the contract has not", row.procedure)
		}
		states[row.procedure] = append(states[row.procedure], row.state)
	}
	policies := rpc.PolicyProcedures()
	for name, m := range methods {
		if !slices.Contains(policies, procedureOf(m)) {
			t.Errorf("policies has no row for %s", name)
		}
		// What is about a conversation is looked at in each of its states.
		want := []string{"waiting", "active", "closed"}
		if m.Input().Fields().ByName("conversation_id") == nil {
			want = states[name][:min(1, len(states[name]))]
		}
		if got := states[name]; len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("the table has rows of %s for the states %q, want %q", name, got, want)
		}
	}
	if len(policies) != len(methods) {
		t.Errorf("policies has %d rows, and there are %d procedures", len(policies), len(methods))
	}
}

// What must not be in a refusal: all that was said, and who said it.
const (
	secretName  = "Pirkko Piiloutuva"
	secretText  = "hammas lohkesi eilen"
	secretReply = "katsotaan yhdessä"
	secretNote  = "vaikuttaa huolestuneelta"
)

// accessOffice is the staff of the table, at work.
type accessOffice struct {
	s       *apptest.Server
	tokens  map[string]string
	clients map[string]*connect.Client // of those who are always the same
}

func newAccessOffice(t *testing.T, clock *testClock) *accessOffice {
	t.Helper()
	o := &accessOffice{
		s:       apptest.New(t, withClock(clock)),
		tokens:  map[string]string{"anon": "", "garbled": "kupla_s_nonsense"},
		clients: map[string]*connect.Client{},
	}
	supervisor, admin := []store.Role{store.RoleSupervisor}, []store.Role{store.RoleAdmin}
	for _, m := range []store.Staff{
		{ID: "has", QueueIDs: []string{apptest.Queue}},
		{ID: "had", QueueIDs: []string{"mental-health"}},
		{ID: "guest", QueueIDs: []string{"oral-health"}},
		{ID: "same", QueueIDs: []string{apptest.Queue}},
		{ID: "other", QueueIDs: []string{"physiotherapy"}},
		{ID: "boss", QueueIDs: []string{apptest.Queue}, Roles: supervisor},
		{ID: "boss2", QueueIDs: []string{"physiotherapy"}, Roles: supervisor},
		{ID: "admin", QueueIDs: []string{}, Roles: admin},
	} {
		m.DisplayName, m.Capacity = "Hoitaja Näkymätön "+m.ID, 1000
		o.tokens[m.ID] = o.s.StaffToken(m)
	}
	o.tokens["revoked"] = o.revokedToken(t)
	unknown, err := access.NewToken(access.KindConversation)
	if err != nil {
		t.Fatal(err)
	}
	o.tokens["unknown"] = unknown.Reveal()
	for caller, token := range o.tokens {
		o.clients[caller] = inProcess(o.s, token)
	}
	// Those who are invited must be there.
	for _, id := range []string{"guest", "same", "has"} {
		if _, err := o.s.Clients(o.tokens[id]).Desk.ListCannedReplies(t.Context(), &kuplav1.ListCannedRepliesRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// revokedToken makes one more token for "has" and revokes it.
func (o *accessOffice) revokedToken(t *testing.T) string {
	t.Helper()
	token, err := access.NewToken(access.KindStaff)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.s.Store.PutStaffToken(t.Context(), store.StaffToken{
		Hash: token.Hash(), ID: "revoked", StaffID: "has", CreateTime: aWednesday, RevokeTime: aWednesday,
	}); err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

// accessCase is a fresh conversation, and those who have to do with it.
type accessCase struct {
	*accessOffice
	id             string
	customer       apptest.Clients
	stranger       string
	feedbackTicket string
}

// prepare makes a conversation in a state; none where any state will do, as the call is about none.
func (o *accessOffice) prepare(t *testing.T, state string) *accessCase {
	t.Helper()
	if state == "any" {
		return &accessCase{accessOffice: o, id: newUUID()}
	}
	ctx := t.Context()
	start := func(queueID, name, message string) *kuplav1.StartConversationResponse {
		res, err := o.s.Clients("").Conversation.StartConversation(ctx, &kuplav1.StartConversationRequest{
			RequestId: uuid.NewString(), QueueId: queueID, Language: "fi", DisplayName: name, Message: message,
		})
		if err != nil {
			t.Fatalf("start: %v", err)
		}
		return res
	}
	must := func(what string, err error) {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	had, has := o.s.Clients(o.tokens["had"]), o.s.Clients(o.tokens["has"])
	res := start("mental-health", secretName, secretText)
	c := &accessCase{accessOffice: o, id: res.GetConversation().GetId(), customer: o.s.Clients(res.GetAccessToken())}
	_, err := had.Desk.TakeConversation(ctx, &kuplav1.TakeConversationRequest{ConversationId: c.id, RequestId: uuid.NewString()})
	must("take", err)
	_, err = had.Desk.TransferConversation(ctx, &kuplav1.TransferConversationRequest{
		ConversationId: c.id, RequestId: uuid.NewString(), Note: secretNote,
		Target: &kuplav1.TransferConversationRequest_QueueId{QueueId: apptest.Queue},
	})
	must("transfer", err)
	if state == "active" || state == "closed" {
		_, err = has.Desk.TakeConversation(ctx, &kuplav1.TakeConversationRequest{ConversationId: c.id, RequestId: uuid.NewString()})
		must("take", err)
		has.Say(t, c.id, secretReply)
		_, err = has.Desk.InviteProfessional(ctx, &kuplav1.InviteProfessionalRequest{
			ConversationId: c.id, RequestId: uuid.NewString(), ProfessionalId: "guest",
		})
		must("invite", err)
	}
	if state == "closed" {
		_, err = has.Desk.CloseConversation(ctx, &kuplav1.CloseConversationRequest{
			ConversationId: c.id, RequestId: uuid.NewString(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
		})
		must("close", err)
		survey, err := c.customer.Feedback.GetSurvey(ctx, &kuplav1.GetSurveyRequest{ConversationId: c.id})
		must("get survey", err)
		c.feedbackTicket = survey.GetFeedbackToken()
	}
	return c
}

// client is the client of a caller.
func (c *accessCase) client(t *testing.T, caller string) *connect.Client {
	t.Helper()
	switch caller {
	case "customer", "stranger":
		if caller == "customer" && c.customer.Token != "" {
			return inProcess(c.s, c.customer.Token)
		}
		stranger := c.s.Start(apptest.Queue)
		c.stranger = stranger.ID
		return inProcess(c.s, stranger.Token)
	}
	if c.clients[caller] == nil {
		t.Fatalf("the table has a caller %q whom nobody knows", caller)
	}
	return c.clients[caller]
}

// end closes what prepare and client left open, so that lines stay short.
func (c *accessCase) end(t *testing.T) {
	t.Helper()
	c.endAll(t, c.id, c.stranger)
}

// endAll closes conversations that are open.
func (o *accessOffice) endAll(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if id == "" {
			continue
		}
		_, err := o.s.Store.Change(t.Context(), store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
			return w.Conversation(id).LeaveAsCustomer(w.Now)
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, chat.Refuse(chat.ConversationIsClosed)) {
			t.Fatalf("end: %v", err)
		}
	}
}

// request is a request that a procedure would grant to whoever may make it, about one conversation or about queue.
func (c *accessCase) request(t *testing.T, m protoreflect.MethodDescriptor, conversationID string) proto.Message {
	t.Helper()
	req := emptyMessage(t, m.Input())
	switch req := req.(type) {
	case *kuplav1.GetQueueRequest:
		req.QueueId = apptest.Queue
	case *kuplav1.StartConversationRequest:
		req.QueueId, req.Language = apptest.Queue, "fi"
	case *kuplav1.SendMessageRequest:
		req.Text = "hei"
	case *kuplav1.MarkReadRequest:
		req.Sequence = 1
	case *kuplav1.SetAvailabilityRequest:
		req.Availability = kuplav1.Availability_AVAILABILITY_AVAILABLE
	case *kuplav1.TakeNextRequest:
		req.QueueIds = []string{apptest.Queue}
	case *kuplav1.TransferConversationRequest:
		req.Target = &kuplav1.TransferConversationRequest_QueueId{QueueId: "mental-health"}
	case *kuplav1.InviteProfessionalRequest:
		req.ProfessionalId = "same"
	case *kuplav1.CloseConversationRequest:
		req.Reason = kuplav1.CloseReason_CLOSE_REASON_COMPLETED
	case *kuplav1.AddCaseNoteRequest:
		req.Text = "soitetaan huomenna"
	case *kuplav1.ListCannedRepliesRequest:
		req.QueueId = apptest.Queue
	case *kuplav1.PauseQueueRequest:
		req.QueueId = apptest.Queue
	case *kuplav1.ResumeQueueRequest:
		req.QueueId = apptest.Queue
	case *kuplav1.SubmitFeedbackRequest:
		req.FeedbackToken = c.feedbackTicket
		req.Answers = []*kuplav1.SurveyAnswer{{QuestionId: "recommend", Value: &kuplav1.SurveyAnswer_Score{Score: 9}}}
	case *kuplav1.SummarizeFeedbackRequest:
		req.QueueId, req.StartDate, req.EndDate = apptest.Queue, "2026-11-01", "2026-11-30"
	case *kuplav1.ApplyCatalogueRequest:
		req.Catalogue = proto.CloneOf(c.s.Catalogue.Book().Catalogue())
	}
	fields := m.Input().Fields()
	set := func(name protoreflect.Name, value string) {
		if field := fields.ByName(name); field != nil {
			req.ProtoReflect().Set(field, protoreflect.ValueOfString(value))
		}
	}
	set("conversation_id", conversationID)
	set("request_id", uuid.NewString())
	return req
}

// errorText is all that an error tells, in one text, with an id in it replaced.
func errorText(t *testing.T, err error, id string) string {
	t.Helper()
	var e *connect.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no refusal", err)
	}
	text := fmt.Sprintf("%v: %s\n", e.Code(), e.Message())
	for _, d := range e.Details() {
		m, err := connectproto.UnmarshalErrorDetail(d)
		if err != nil {
			t.Fatal(err)
		}
		// prototext varies its spacing on purpose, from one build to the next but not within one.
		text += d.Type + " " + prototext.Format(m) + "\n"
	}
	return strings.ReplaceAll(text, id, "<id>")
}

// Every procedure gives every kind of caller what the table says; a refusal tells nothing of the conversation, and one
// that is not the caller's looks the same as one that does not exist.
func TestAccessTable(t *testing.T) {
	callers, rows := readAccessTable(t)
	methods := accessMethods()
	o := newAccessOffice(t, newClock(aWednesday))
	secrets := []string{secretName, secretText, secretReply, secretNote, "Näkymätön", "professional-"}
	for _, row := range rows {
		t.Run(row.procedure+"/"+row.state, func(t *testing.T) {
			m := methods[row.procedure]
			// A call that is refused changes nothing, so the next caller meets the conversation as it was prepared.
			c := o.prepare(t, row.state)
			for _, caller := range callers {
				want := row.cells[caller]
				if want == "-" {
					continue
				}
				client := c.client(t, caller)
				_, err := invoke(t, client, m, c.request(t, m, c.id))
				switch {
				case err == nil:
					if want != "ok" {
						t.Errorf("%s: got ok, want %s", caller, want)
					}
					o.undo(t, row.procedure)
					c.end(t)
					c = o.prepare(t, row.state)
					continue
				case want == "ok":
					t.Errorf("%s: got %v, want ok", caller, err)
					continue
				}
				reason, known := accessWords[want]
				if !known {
					t.Fatalf("the table has a word %q that nobody knows", want)
				}
				r := refusalOf(t, err)
				if "ERROR_REASON_"+r.reason != reason.String() {
					t.Errorf("%s: got %s, want %s", caller, r.reason, want)
				}
				text := errorText(t, err, c.id)
				for _, secret := range secrets {
					if strings.Contains(text, secret) {
						t.Errorf("%s: the refusal tells %q:\n%s", caller, secret, text)
					}
				}
				// Whoever has no part in it learns not even that there is such a conversation, nor what it does.
				if blind := []string{"miss", "inval", "role", "none"}; slices.Contains(blind, want) {
					nowhere := newUUID()
					_, err := invoke(t, client, m, c.request(t, m, nowhere))
					if err == nil {
						t.Errorf("%s: a conversation that does not exist: got ok", caller)
					} else if other := errorText(t, err, nowhere); other != text {
						t.Errorf("%s: a conversation that is not theirs:\n%s\none that does not exist:\n%s", caller, text, other)
					}
				}
			}
			c.end(t)
		})
	}
	used := map[string]bool{}
	for _, row := range rows {
		for word := range maps.Values(row.cells) {
			used[word] = true
		}
	}
	for word := range accessWords {
		if !used[word] {
			t.Errorf("no cell has the word %q", word)
		}
	}
}

// undo takes back what a granted call did to everybody.
func (o *accessOffice) undo(t *testing.T, procedure string) {
	t.Helper()
	if procedure != "DeskService.PauseQueue" {
		return
	}
	if _, err := o.s.Clients(o.tokens["boss"]).Desk.ResumeQueue(context.Background(), &kuplav1.ResumeQueueRequest{
		RequestId: uuid.NewString(), QueueId: apptest.Queue,
	}); err != nil {
		t.Fatal(err)
	}
}
