package rpc_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// reasonsOffice makes each refusal that there is.
type reasonsOffice struct {
	*accessOffice

	t     *testing.T
	clock *testClock
}

// as makes a call as a member of staff.
func (o *reasonsOffice) as(caller, method string, req proto.Message) error {
	o.t.Helper()
	_, err := invoke(o.t, o.clients[caller], methodNamed(o.t, method), req)
	return err
}

// by makes a call as the customer of a conversation.
func (o *reasonsOffice) by(c *accessCase, method string, req proto.Message) error {
	o.t.Helper()
	_, err := invoke(o.t, inProcess(o.s, c.customer.Token), methodNamed(o.t, method), req)
	return err
}

// ok fails the test unless a call is granted.
func (o *reasonsOffice) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// startIn starts a conversation, as anybody.
func (o *reasonsOffice) startIn(queueID string, change func(*kuplav1.StartConversationRequest)) error {
	o.t.Helper()
	req := &kuplav1.StartConversationRequest{RequestId: newUUID(), QueueId: queueID, Language: "fi"}
	if change != nil {
		change(req)
	}
	return o.as("anon", "ConversationService.StartConversation", req)
}

// limitedServer is a server with few of something.
func (o *reasonsOffice) limitedServer(change func(*app.Config)) *apptest.Server {
	o.t.Helper()
	return apptest.New(o.t, withClock(o.clock), apptest.WithConfig(change))
}

// reasonScenarios make a refusal for each reason, in the order of the contract. Those that a call cannot meet are nil,
// and said to be.
var reasonScenarios = map[kuplav1.ErrorReason]func(o *reasonsOffice) error{
	kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST: func(o *reasonsOffice) error {
		return o.startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.RequestId = "one" })
	},
	kuplav1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED: func(o *reasonsOffice) error {
		id := newUUID()
		o.ok(o.startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.RequestId = id }))
		return o.startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.RequestId, r.Language = id, "sv" })
	},
	kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED: func(o *reasonsOffice) error {
		return o.as("anon", "QueueService.ListQueues", &kuplav1.ListQueuesRequest{PageToken: "two"})
	},
	kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING: func(o *reasonsOffice) error {
		return o.as("anon", "DeskService.WatchDesk", &kuplav1.WatchDeskRequest{})
	},
	kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID: func(o *reasonsOffice) error {
		return o.as("garbled", "DeskService.WatchDesk", &kuplav1.WatchDeskRequest{})
	},
	kuplav1.ErrorReason_ERROR_REASON_ROLE_REQUIRED: func(o *reasonsOffice) error {
		return o.as("has", "CatalogueService.ExportCatalogue", &kuplav1.ExportCatalogueRequest{})
	},
	kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED: func(o *reasonsOffice) error {
		return o.as("had", "ConversationService.GetConversation",
			&kuplav1.GetConversationRequest{ConversationId: o.prepare(o.t, "active").id})
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_YOURS: func(o *reasonsOffice) error {
		return o.as("has", "DeskService.TakeNext", &kuplav1.TakeNextRequest{RequestId: newUUID(), QueueIds: []string{"oral-health"}})
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND: func(o *reasonsOffice) error {
		return o.startIn("no-such-queue", nil)
	},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND: func(o *reasonsOffice) error {
		return o.as("has", "ConversationService.GetConversation", &kuplav1.GetConversationRequest{ConversationId: newUUID()})
	},
	kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND: func(o *reasonsOffice) error {
		return o.as("has", "DeskService.InviteProfessional", &kuplav1.InviteProfessionalRequest{
			ConversationId: o.prepare(o.t, "active").id, RequestId: newUUID(), ProfessionalId: "nobody",
		})
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_CLOSED: func(o *reasonsOffice) error {
		return o.startIn("health-social-work", nil) // open on Tuesdays and Thursdays
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_PAUSED: func(o *reasonsOffice) error {
		o.ok(o.as("boss", "DeskService.PauseQueue", &kuplav1.PauseQueueRequest{
			RequestId: newUUID(), QueueId: apptest.Queue, ResumeTime: timestamppb.New(o.clock.now().Add(time.Hour)),
		}))
		defer o.undo(o.t, "DeskService.PauseQueue")
		return o.startIn(apptest.Queue, nil)
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL: func(o *reasonsOffice) error {
		for range 10 {
			o.ok(o.startIn("physiotherapy", nil))
		}
		return o.startIn("physiotherapy", nil)
	},
	kuplav1.ErrorReason_ERROR_REASON_LANGUAGE_NOT_SERVED: func(o *reasonsOffice) error {
		return o.startIn("physiotherapy", func(r *kuplav1.StartConversationRequest) { r.Language = "sv" })
	},
	kuplav1.ErrorReason_ERROR_REASON_NOTICE_OUTDATED: func(o *reasonsOffice) error {
		return o.startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.NoticeVersion = "last year's" })
	},
	kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_WAITING: func(o *reasonsOffice) error {
		s := o.limitedServer(func(c *app.Config) { c.RPC.WaitingPerAddress = 1 })
		client := apptest.Over(http.DefaultClient, s.Listen(rpc.HTTPConfig{}), "").Conversation
		for range 2 {
			if _, err := client.StartConversation(o.t.Context(), &kuplav1.StartConversationRequest{
				RequestId: newUUID(), QueueId: apptest.Queue, Language: "fi",
			}); err != nil {
				return err
			}
		}
		return nil
	},
	kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED: func(o *reasonsOffice) error {
		s := o.limitedServer(func(c *app.Config) { c.RPC.Limits.AddressCalls = access.Rate{PerSecond: 1, Burst: 1} })
		m := methodNamed(o.t, "QueueService.ListQueues")
		_, err := invoke(o.t, inProcess(s, ""), m, &kuplav1.ListQueuesRequest{})
		o.ok(err)
		_, err = invoke(o.t, inProcess(s, ""), m, &kuplav1.ListQueuesRequest{})
		return err
	},
	kuplav1.ErrorReason_ERROR_REASON_ALREADY_TAKEN: func(o *reasonsOffice) error {
		return o.as("same", "DeskService.TakeConversation",
			&kuplav1.TakeConversationRequest{ConversationId: o.prepare(o.t, "active").id, RequestId: newUUID()})
	},
	kuplav1.ErrorReason_ERROR_REASON_CAPACITY_REACHED: func(o *reasonsOffice) error {
		small := o.s.Staff(store.Staff{ID: "small", Capacity: 1})
		_, err := small.Desk.TakeConversation(o.t.Context(),
			&kuplav1.TakeConversationRequest{ConversationId: o.prepare(o.t, "waiting").id, RequestId: newUUID()})
		o.ok(err)
		_, err = small.Desk.TakeConversation(o.t.Context(),
			&kuplav1.TakeConversationRequest{ConversationId: o.prepare(o.t, "waiting").id, RequestId: newUUID()})
		return err
	},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED: func(o *reasonsOffice) error {
		c := o.prepare(o.t, "closed")
		return o.by(c, "ConversationService.SendMessage",
			&kuplav1.SendMessageRequest{ConversationId: c.id, RequestId: newUUID(), Text: "x"})
	},
	// Only a sweep meets these, when somebody else was quicker: nobody is told.
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_WAITING: nil,
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_ACTIVE:  nil,
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_OPEN: func(o *reasonsOffice) error {
		c := o.prepare(o.t, "waiting")
		return o.by(c, "FeedbackService.GetSurvey", &kuplav1.GetSurveyRequest{ConversationId: c.id})
	},
	kuplav1.ErrorReason_ERROR_REASON_IDENTITY_CODE_IN_TEXT: func(o *reasonsOffice) error {
		return o.startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.Message = artificialCode })
	},
	kuplav1.ErrorReason_ERROR_REASON_TRANSFER_NOT_ALLOWED: func(o *reasonsOffice) error {
		return o.as("has", "DeskService.TransferConversation", &kuplav1.TransferConversationRequest{
			ConversationId: o.prepare(o.t, "active").id, RequestId: newUUID(),
			Target: &kuplav1.TransferConversationRequest_QueueId{QueueId: "student-health"},
		})
	},
	kuplav1.ErrorReason_ERROR_REASON_CUSTOMER_AGREEMENT_REQUIRED: func(o *reasonsOffice) error {
		c := o.s.Start("mental-health")
		o.ok(o.as("had", "DeskService.TakeConversation", &kuplav1.TakeConversationRequest{ConversationId: c.ID, RequestId: newUUID()}))
		return o.as("had", "DeskService.TransferConversation", &kuplav1.TransferConversationRequest{
			ConversationId: c.ID, RequestId: newUUID(),
			Target: &kuplav1.TransferConversationRequest_QueueId{QueueId: "social-guidance"},
		})
	},
	kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_AVAILABLE: func(o *reasonsOffice) error {
		return o.as("has", "DeskService.TransferConversation", &kuplav1.TransferConversationRequest{
			ConversationId: o.prepare(o.t, "active").id, RequestId: newUUID(),
			Target: &kuplav1.TransferConversationRequest_ProfessionalId{ProfessionalId: "same"},
		})
	},
	kuplav1.ErrorReason_ERROR_REASON_ALREADY_PARTICIPANT: func(o *reasonsOffice) error {
		return o.as("has", "DeskService.InviteProfessional", &kuplav1.InviteProfessionalRequest{
			ConversationId: o.prepare(o.t, "active").id, RequestId: newUUID(), ProfessionalId: "guest",
		})
	},
	kuplav1.ErrorReason_ERROR_REASON_LAST_PROFESSIONAL: func(o *reasonsOffice) error {
		c := o.prepare(o.t, "active")
		leave := func() *kuplav1.LeaveConversationRequest {
			return &kuplav1.LeaveConversationRequest{ConversationId: c.id, RequestId: newUUID()}
		}
		o.ok(o.as("guest", "ConversationService.LeaveConversation", leave()))
		return o.as("has", "ConversationService.LeaveConversation", leave())
	},
	kuplav1.ErrorReason_ERROR_REASON_NOT_LEADING: func(o *reasonsOffice) error {
		return o.as("guest", "DeskService.ReturnToQueue",
			&kuplav1.ReturnToQueueRequest{ConversationId: o.prepare(o.t, "active").id, RequestId: newUUID()})
	},
	kuplav1.ErrorReason_ERROR_REASON_SEQUENCE_AHEAD: func(o *reasonsOffice) error {
		c := o.prepare(o.t, "waiting")
		return o.by(c, "ConversationService.MarkRead", &kuplav1.MarkReadRequest{ConversationId: c.id, Sequence: 1000})
	},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_TOO_LONG: func(o *reasonsOffice) error {
		c := o.prepare(o.t, "waiting")
		// A million events take too long to write; where they end is what counts.
		_, err := o.s.Store.Change(o.t.Context(), store.Request{}, store.Rows{Conversations: []string{c.id}}, func(w *store.Work) error {
			conv := w.Conversation(c.id)
			if err := conv.Post(chat.CustomerID, "viimeinen", w.Now); err != nil {
				return err
			}
			conv.LastSequence = chat.MaxEvents
			conv.Pending()[len(conv.Pending())-1].Sequence = chat.MaxEvents
			return nil
		})
		o.ok(err)
		return o.by(c, "ConversationService.SendMessage",
			&kuplav1.SendMessageRequest{ConversationId: c.id, RequestId: newUUID(), Text: "x"})
	},
	kuplav1.ErrorReason_ERROR_REASON_START_TOO_OLD: func(o *reasonsOffice) error {
		clock := newClock(aWednesday)
		s := apptest.New(o.t, withClock(clock))
		req := &kuplav1.StartConversationRequest{RequestId: newUUID(), QueueId: apptest.Queue, Language: "fi"}
		_, err := s.Clients("").Conversation.StartConversation(o.t.Context(), req)
		o.ok(err)
		clock.advance(10*time.Minute + time.Second)
		_, err = s.Clients("").Conversation.StartConversation(o.t.Context(), req)
		return err
	},
	kuplav1.ErrorReason_ERROR_REASON_FEEDBACK_TOKEN_INVALID: func(o *reasonsOffice) error {
		return o.as("anon", "FeedbackService.SubmitFeedback", &kuplav1.SubmitFeedbackRequest{
			FeedbackToken: "three", Answers: []*kuplav1.SurveyAnswer{{QuestionId: "recommend"}},
		})
	},
	kuplav1.ErrorReason_ERROR_REASON_ANSWER_INVALID: func(o *reasonsOffice) error {
		return o.as("anon", "FeedbackService.SubmitFeedback", &kuplav1.SubmitFeedbackRequest{
			FeedbackToken: o.prepare(o.t, "closed").feedbackTicket,
			Answers:       []*kuplav1.SurveyAnswer{{QuestionId: "recommend", Value: &kuplav1.SurveyAnswer_Score{Score: 11}}},
		})
	},
	kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_INVALID: func(o *reasonsOffice) error {
		return o.as("admin", "CatalogueService.ApplyCatalogue",
			&kuplav1.ApplyCatalogueRequest{RequestId: newUUID(), Catalogue: &kuplav1.Catalogue{}})
	},
	kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_CHANGED: func(o *reasonsOffice) error {
		return o.as("admin", "CatalogueService.ApplyCatalogue", &kuplav1.ApplyCatalogueRequest{
			RequestId: newUUID(), Catalogue: o.s.Catalogue.Book().Catalogue(), Etag: "yesterday's",
		})
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_IN_USE: func(o *reasonsOffice) error {
		c := o.s.Start("mental-health")
		defer func() { o.endAll(o.t, c.ID) }()
		m := o.s.Catalogue.Book().Catalogue()
		m.Queues = slices.DeleteFunc(m.GetQueues(), func(q *kuplav1.Queue) bool { return q.GetId() == "mental-health" })
		for _, q := range m.GetQueues() {
			q.TransferQueueIds = nil
		}
		for _, r := range m.GetCannedReplies() {
			r.QueueIds = nil
		}
		return o.as("admin", "CatalogueService.ApplyCatalogue", &kuplav1.ApplyCatalogueRequest{RequestId: newUUID(), Catalogue: m})
	},
	kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE: func(o *reasonsOffice) error {
		s := apptest.New(o.t)
		customer := s.Start(apptest.Queue)
		s.Close()
		_, err := customer.Conversation.SendMessage(o.t.Context(),
			&kuplav1.SendMessageRequest{ConversationId: customer.ID, RequestId: newUUID(), Text: "x"})
		return err
	},
	kuplav1.ErrorReason_ERROR_REASON_INTERNAL: func(o *reasonsOffice) error {
		var log safeBuffer
		s := o.limitedServer(func(c *app.Config) { c.Log = log.logger() })
		boss := s.Staff(store.Staff{ID: "boss", Roles: []store.Role{store.RoleSupervisor}})
		// As a program does that has written something else.
		db, err := sql.Open("sqlite", "file:"+s.Path()+"?_pragma=busy_timeout(10000)")
		o.ok(err)
		defer func() { _ = db.Close() }()
		_, err = db.ExecContext(o.t.Context(),
			"INSERT INTO feedback (id, queue_id, date, language, answers) VALUES (x'01', ?, '2026-11-25', 'fi', x'ff')", apptest.Queue)
		o.ok(err)
		_, err = boss.Feedback.SummarizeFeedback(o.t.Context(),
			&kuplav1.SummarizeFeedbackRequest{StartDate: "2026-11-01", EndDate: "2026-11-30"})
		// What the caller is told is found in the log, once.
		if id := refusalOf(o.t, err).metadata["incident_id"]; id == "" || strings.Count(log.String(), id) != 1 {
			o.t.Errorf("incident %q is not in the log once:\n%s", id, log.String())
		}
		return err
	},
	kuplav1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE: func(o *reasonsOffice) error {
		client := apptest.Over(http.DefaultClient, o.s.Listen(rpc.HTTPConfig{}), "").Conversation
		_, err := client.StartConversation(o.t.Context(), &kuplav1.StartConversationRequest{Message: strings.Repeat("x", 70<<10)})
		return err
	},
	kuplav1.ErrorReason_ERROR_REASON_PROCEDURE_UNKNOWN: func(o *reasonsOffice) error {
		return o.clients["anon"].CallUnary(o.t.Context(), connect.Spec{Procedure: "/kupla.v1.DeskService/GoHome"},
			&kuplav1.ListQueuesRequest{}, &kuplav1.ListQueuesResponse{})
	},
	kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED: func(o *reasonsOffice) error {
		ctx, cancel := context.WithCancel(o.t.Context())
		cancel()
		_, err := o.s.Clients("").Conversation.StartConversation(ctx,
			&kuplav1.StartConversationRequest{RequestId: newUUID(), QueueId: apptest.Queue, Language: "fi"})
		return err
	},
	kuplav1.ErrorReason_ERROR_REASON_OVERLOADED: func(o *reasonsOffice) error {
		s := o.limitedServer(func(c *app.Config) { c.RPC.Admission.Calls = access.Rate{PerSecond: 1, Burst: 1} })
		m := methodNamed(o.t, "FeedbackService.SubmitFeedback")
		answers := &kuplav1.SubmitFeedbackRequest{FeedbackToken: "kupla_f_none"}
		if _, err := invoke(o.t, inProcess(s, ""), m, answers); apptest.Reason(err) == "OVERLOADED" {
			o.t.Errorf("the first call: %v", err)
		}
		_, err := invoke(o.t, inProcess(s, ""), m, answers)
		return err
	},
	kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_STREAMS: func(o *reasonsOffice) error {
		s := o.limitedServer(func(c *app.Config) { c.RPC.Streams.PerAddress = 1 })
		stream, err := s.Clients("").Queue.WatchQueues(o.t.Context(), &kuplav1.WatchQueuesRequest{})
		o.ok(err)
		defer func() { _ = stream.Close() }()
		_, err = stream.Receive()
		o.ok(err)
		_, err = invoke(o.t, inProcess(s, ""), methodNamed(o.t, "QueueService.WatchQueues"), &kuplav1.WatchQueuesRequest{})
		return err
	},
}

// Every reason of the contract is met by a caller as the contract has it: with its code, all the metadata that is
// documented, and a message in which everything is filled in.
func TestEveryReason(t *testing.T) {
	clock := newClock(aWednesday)
	o := &reasonsOffice{accessOffice: newAccessOffice(t, clock), t: t, clock: clock}
	documented := rpc.DocumentedReasons(t)
	for number := range kuplav1.ErrorReason_name {
		reason := kuplav1.ErrorReason(number)
		if reason == kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			continue
		}
		scenario, ok := reasonScenarios[reason]
		if !ok {
			t.Errorf("nobody has made a refusal for %v", reason)
		}
		if scenario == nil {
			continue
		}
		t.Run(strings.TrimPrefix(reason.String(), "ERROR_REASON_"), func(t *testing.T) {
			o.t = t
			err := scenario(o)
			if err == nil {
				t.Fatal("it was granted")
			}
			r := refusalOf(t, err)
			if want := strings.TrimPrefix(reason.String(), "ERROR_REASON_"); r.reason != want {
				t.Fatalf("got %v %s: %s", r.code, r.reason, r.message)
			}
			if !slices.Contains(documented[reason].Codes, r.code.String()) {
				t.Errorf("the code is %v, the contract has %q", r.code, documented[reason].Codes)
			}
			for _, key := range documented[reason].Metadata {
				if r.metadata[key] == "" {
					t.Errorf("metadata is %v, the contract has %q", r.metadata, documented[reason].Metadata)
				}
			}
			for key := range r.metadata {
				if key != strings.ToLower(key) {
					t.Errorf("a key of the metadata is %q", key)
				}
			}
		})
	}
	if _, ok := errors.AsType[*connect.Error](o.as("anon", "QueueService.ListQueues", &kuplav1.ListQueuesRequest{})); ok {
		t.Error("after all of this the server refuses what it should not")
	}
}
