package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// An identity code from the range that no person has.
const artificialCode = "100190-999P"

// fakeService is a small service in memory: enough of one to drive the command against.
type fakeService struct {
	kuplav1connect.UnimplementedConversationServiceHandler
	kuplav1connect.UnimplementedDeskServiceHandler
	kuplav1connect.UnimplementedQueueServiceHandler
	kuplav1connect.UnimplementedFeedbackServiceHandler

	listener *httptest.Server

	mu            sync.Mutex
	changed       chan struct{} // closed and replaced with every change
	queues        []*kuplav1.QueueWithStatus
	conversations []*fakeConversation
	starts        map[string]*fakeConversation // by request id
	refuseStart   []error                      // for the starts to come, in turn
	loseStarts    int                          // how many starts to carry out without an answer
	place         *kuplav1.Place
	notes         []*kuplav1.CaseNote
	colleagues    []*kuplav1.Professional
	self          *kuplav1.Professional
	answers       []*kuplav1.SurveyAnswer
	noSurvey      bool
	lastMark      int32
	transfers     []*kuplav1.TransferConversationRequest
	away          *kuplav1.GoAway // ends every stream of a desk
	deskFrames    []*kuplav1.WatchDeskResponse
	watchFails    error // ends every stream of queues
	desks         int   // how many streams of a desk were opened
	interrupted   bool  // told on all streams; what is written is refused meanwhile
}

type fakeConversation struct {
	proto    *kuplav1.Conversation
	log      []*kuplav1.Event
	requests map[string]*kuplav1.Event
	onDesk   bool
	typing   int // signs of typing by the professional
	removal  kuplav1.RemovalReason
	expires  *timestamppb.Timestamp
}

func localized(fi, sv, en string) *kuplav1.LocalizedText {
	return &kuplav1.LocalizedText{Fi: fi, Sv: sv, En: en}
}

// newFake returns a service with an open queue, "demo", and a closed one, "night".
func newFake(t *testing.T) *fakeService {
	t.Helper()
	f := &fakeService{
		changed: make(chan struct{}),
		starts:  make(map[string]*fakeConversation),
		queues: []*kuplav1.QueueWithStatus{
			{
				Queue: &kuplav1.Queue{
					Id:            "demo",
					Name:          localized("Kokeilujono", "Provkö", "Trial queue"),
					Description:   localized("Kokeiluun.", "För prov.", "For trying."),
					Notice:        localized("Hätätilanteessa soita 112.", "Ring 112 i nödfall.", "Call 112 in an emergency."),
					NoticeVersion: "n1",
					Phone:         "116117",
					Languages:     []string{"fi", "sv", "en"},
				},
				Status: &kuplav1.QueueStatus{
					State:        kuplav1.QueueState_QUEUE_STATE_OPEN,
					WaitingCount: 2,
					Estimate:     estimate(5, 10),
				},
			},
			{
				Queue: &kuplav1.Queue{Id: "night", Name: localized("Yöjono", "Nattkö", "Night queue"), Phone: "116117"},
				Status: &kuplav1.QueueStatus{
					State:      kuplav1.QueueState_QUEUE_STATE_CLOSED,
					ChangeTime: timestamppb.New(time.Date(2030, 1, 2, 5, 0, 0, 0, time.UTC)),
				},
			},
		},
		place: &kuplav1.Place{Position: 3, Estimate: estimate(5, 10)},
		self: &kuplav1.Professional{
			Id: "aino", DisplayName: "Aino Esimerkki", Availability: kuplav1.Availability_AVAILABILITY_AWAY,
		},
		colleagues: []*kuplav1.Professional{
			{Id: "veikko", DisplayName: "Veikko Esimerkki", Availability: kuplav1.Availability_AVAILABILITY_AVAILABLE},
			{Id: "venla", DisplayName: "Venla Malli", Availability: kuplav1.Availability_AVAILABILITY_ON_PHONE},
		},
	}
	server := connect.NewServer()
	kuplav1connect.RegisterConversationServiceHandler(server, f)
	kuplav1connect.RegisterDeskServiceHandler(server, f)
	kuplav1connect.RegisterQueueServiceHandler(server, f)
	kuplav1connect.RegisterFeedbackServiceHandler(server, f)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	f.listener = httptest.NewUnstartedServer(mux)
	f.listener.Config.Protocols = new(http.Protocols)
	f.listener.Config.Protocols.SetHTTP1(true)
	f.listener.Config.Protocols.SetUnencryptedHTTP2(true)
	f.listener.Start()
	t.Cleanup(func() {
		f.listener.CloseClientConnections()
		f.listener.Close()
	})
	return f
}

func estimate(low, high int) *kuplav1.WaitEstimate {
	return &kuplav1.WaitEstimate{Result: &kuplav1.WaitEstimate_Range{Range: &kuplav1.WaitRange{
		Low:  durationpb.New(time.Duration(low) * time.Minute),
		High: durationpb.New(time.Duration(high) * time.Minute),
	}}}
}

func refusal(code connect.Code, reason string, metadata map[string]string) *connect.Error {
	info, err := connectproto.NewErrorDetail(&errdetails.ErrorInfo{Reason: reason, Domain: "kupla", Metadata: metadata})
	if err != nil {
		panic(err)
	}
	return connect.NewError(code, strings.ToLower(reason)).WithDetail(info)
}

// change changes the service and lets every stream look again.
func (f *fakeService) change(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// marked returns the furthest read mark. Its call may outlive the command that made it.
func (f *fakeService) marked() int32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lastMark
}

// find returns a conversation. The lock is held.
func (f *fakeService) find(id string) (*fakeConversation, error) {
	for _, one := range f.conversations {
		if one.proto.GetId() == id {
			return one, nil
		}
	}
	return nil, refusal(connect.CodeNotFound, "CONVERSATION_NOT_FOUND", nil)
}

// add adds an event to a log. The lock is held.
func (c *fakeConversation) add(participant string, event *kuplav1.Event) *kuplav1.Event {
	event.Sequence = int32(len(c.log) + 1)
	event.ParticipantId = participant
	event.CreateTime = timestamppb.Now()
	c.log = append(c.log, event)
	c.proto.LastSequence = event.GetSequence()
	return event
}

func posted(text string) *kuplav1.Event {
	return &kuplav1.Event{Kind: &kuplav1.Event_MessagePosted{MessagePosted: &kuplav1.MessagePosted{Text: text}}}
}

func joined(participant *kuplav1.Participant) *kuplav1.Event {
	return &kuplav1.Event{Kind: &kuplav1.Event_ParticipantJoined{
		ParticipantJoined: &kuplav1.ParticipantJoined{Participant: participant},
	}}
}

// begin adds a conversation that waits. The lock is held.
func (f *fakeService) begin(queueID, language, name string) *fakeConversation {
	one := &fakeConversation{
		proto: &kuplav1.Conversation{
			Id:      fmt.Sprintf("c%d", len(f.conversations)+1),
			QueueId: queueID, Language: language, ArrivalTime: timestamppb.Now(),
			State: kuplav1.ConversationState_CONVERSATION_STATE_WAITING,
			Participants: []*kuplav1.Participant{{
				Id: "customer", Role: kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER, DisplayName: name,
			}},
			Capabilities: []kuplav1.Capability{
				kuplav1.Capability_CAPABILITY_READ, kuplav1.Capability_CAPABILITY_SEND_MESSAGE,
				kuplav1.Capability_CAPABILITY_MARK_READ,
			},
		},
		requests: make(map[string]*kuplav1.Event),
	}
	f.conversations = append(f.conversations, one)
	one.add("customer", joined(one.proto.GetParticipants()[0]))
	return one
}

// take puts a conversation onto the desk. The lock is held.
func (f *fakeService) take(one *fakeConversation) {
	professional := &kuplav1.Participant{
		Id: "professional", Role: kuplav1.ParticipantRole_PARTICIPANT_ROLE_PROFESSIONAL,
		DisplayName: f.self.GetDisplayName(), ProfessionalId: f.self.GetId(),
	}
	one.onDesk, one.removal = true, 0
	one.proto.State = kuplav1.ConversationState_CONVERSATION_STATE_ACTIVE
	one.proto.Participants = append(one.proto.Participants, professional)
	one.add("professional", joined(professional))
}

func (f *fakeService) close(one *fakeConversation, reason kuplav1.CloseReason) {
	one.proto.State = kuplav1.ConversationState_CONVERSATION_STATE_CLOSED
	one.add("", &kuplav1.Event{Kind: &kuplav1.Event_Closed{Closed: &kuplav1.Closed{Reason: reason}}})
}

func (f *fakeService) ListQueues(context.Context, *kuplav1.ListQueuesRequest) (*kuplav1.ListQueuesResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	res := &kuplav1.ListQueuesResponse{}
	for _, queue := range f.queues {
		res.Queues = append(res.Queues, proto.CloneOf(queue))
	}
	return res, nil
}

func (f *fakeService) GetQueue(_ context.Context, req *kuplav1.GetQueueRequest) (*kuplav1.GetQueueResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, queue := range f.queues {
		if queue.GetQueue().GetId() == req.GetQueueId() {
			clone := proto.CloneOf(queue)
			return &kuplav1.GetQueueResponse{Queue: clone.GetQueue(), Status: clone.GetStatus()}, nil
		}
	}
	return nil, refusal(connect.CodeNotFound, "QUEUE_NOT_FOUND", map[string]string{"queue_id": req.GetQueueId()})
}

func (f *fakeService) WatchQueues(
	ctx context.Context, _ *kuplav1.WatchQueuesRequest, stream kuplav1connect.QueueServiceWatchQueuesServerStream,
) error {
	f.mu.Lock()
	failure := f.watchFails
	f.mu.Unlock()
	if failure != nil {
		return failure
	}
	for {
		f.mu.Lock()
		snapshot := &kuplav1.QueuesSnapshot{}
		for _, queue := range f.queues {
			snapshot.Queues = append(snapshot.Queues, proto.CloneOf(queue))
		}
		changed := f.changed
		beat := &kuplav1.Heartbeat{Interrupted: f.interrupted}
		f.mu.Unlock()
		for _, frame := range []*kuplav1.WatchQueuesResponse{
			{Frame: &kuplav1.WatchQueuesResponse_Snapshot{Snapshot: snapshot}},
			{Frame: &kuplav1.WatchQueuesResponse_Heartbeat{Heartbeat: beat}},
		} {
			if err := stream.Send(frame); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fakeService) StartConversation(
	ctx context.Context, req *kuplav1.StartConversationRequest,
) (*kuplav1.StartConversationResponse, error) {
	var res *kuplav1.StartConversationResponse
	var err error
	lose := false
	f.change(func() {
		if len(f.refuseStart) > 0 {
			err, f.refuseStart = f.refuseStart[0], f.refuseStart[1:]
			return
		}
		if strings.Contains(req.GetMessage(), artificialCode) {
			err = refusal(connect.CodeFailedPrecondition, "IDENTITY_CODE_IN_TEXT", nil)
			return
		}
		one := f.starts[req.GetRequestId()]
		if one == nil {
			one = f.begin(req.GetQueueId(), req.GetLanguage(), req.GetDisplayName())
			one.proto.NoticeVersion = req.GetNoticeVersion()
			f.starts[req.GetRequestId()] = one
			if req.GetMessage() != "" {
				one.add("customer", posted(req.GetMessage()))
			}
		}
		if lose = f.loseStarts > 0; lose {
			f.loseStarts--
		}
		res = &kuplav1.StartConversationResponse{
			Conversation: proto.CloneOf(one.proto), ParticipantId: "customer", AccessToken: "token-of-" + one.proto.GetId(),
		}
	})
	if lose {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return res, err
}

// authorize makes sure that a conversation's own token, or the staff token, came with the call.
func (f *fakeService) authorize(ctx context.Context, id string) error {
	info, _ := connect.CallInfoForServerContext(ctx)
	switch info.RequestHeader().Get("Authorization") {
	case "Bearer staff", "Bearer token-of-" + id:
		return nil
	default:
		return refusal(connect.CodeUnauthenticated, "CREDENTIALS_INVALID", nil)
	}
}

func (f *fakeService) GetConversation(
	ctx context.Context, req *kuplav1.GetConversationRequest,
) (*kuplav1.GetConversationResponse, error) {
	if err := f.authorize(ctx, req.GetConversationId()); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	one, err := f.find(req.GetConversationId())
	if err != nil {
		return nil, err
	}
	return &kuplav1.GetConversationResponse{Snapshot: one.snapshot()}, nil
}

func (c *fakeConversation) snapshot() *kuplav1.ConversationSnapshot {
	return &kuplav1.ConversationSnapshot{Conversation: proto.CloneOf(c.proto), ExpireTime: c.expires}
}

func (f *fakeService) FollowConversation(
	ctx context.Context, req *kuplav1.FollowConversationRequest,
	stream kuplav1connect.ConversationServiceFollowConversationServerStream,
) error {
	if err := f.authorize(ctx, req.GetConversationId()); err != nil {
		return err
	}
	var at, typed int
	_, _ = fmt.Sscanf(req.GetCursor(), "at-%d", &at)
	send := func(frame *kuplav1.FollowConversationResponse) error {
		frame.Cursor = fmt.Sprintf("at-%d", at)
		return stream.Send(frame)
	}
	for first := true; ; first = false {
		f.mu.Lock()
		one, err := f.find(req.GetConversationId())
		if err != nil {
			f.mu.Unlock()
			return err
		}
		snapshot, log, typing, changed := one.snapshot(), one.log, one.typing, f.changed
		beat := &kuplav1.Heartbeat{Interrupted: f.interrupted}
		waiting := one.proto.GetState() == kuplav1.ConversationState_CONVERSATION_STATE_WAITING
		closed := one.proto.GetState() == kuplav1.ConversationState_CONVERSATION_STATE_CLOSED
		place := proto.CloneOf(f.place)
		f.mu.Unlock()
		if waiting {
			snapshot.Place = place
		}
		if first {
			typed = typing
		}
		if err := send(&kuplav1.FollowConversationResponse{
			Frame: &kuplav1.FollowConversationResponse_Snapshot{Snapshot: snapshot},
		}); err != nil {
			return err
		}
		for ; at < len(log); err = send(&kuplav1.FollowConversationResponse{
			Frame: &kuplav1.FollowConversationResponse_Events{Events: &kuplav1.Events{Events: log[at-1 : at]}},
		}) {
			if err != nil {
				return err
			}
			at++
		}
		if err := send(&kuplav1.FollowConversationResponse{
			Frame: &kuplav1.FollowConversationResponse_Heartbeat{Heartbeat: beat},
		}); err != nil {
			return err
		}
		if closed {
			return send(&kuplav1.FollowConversationResponse{Frame: &kuplav1.FollowConversationResponse_GoAway{
				GoAway: &kuplav1.GoAway{Reason: kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED},
			}})
		}
		for ; typed < typing; typed++ {
			if err := send(&kuplav1.FollowConversationResponse{Frame: &kuplav1.FollowConversationResponse_Typing{
				Typing: &kuplav1.Typing{ParticipantId: "professional"},
			}}); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ListEvents lists two events a page.
func (f *fakeService) ListEvents(ctx context.Context, req *kuplav1.ListEventsRequest) (*kuplav1.ListEventsResponse, error) {
	if err := f.authorize(ctx, req.GetConversationId()); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	one, err := f.find(req.GetConversationId())
	if err != nil {
		return nil, err
	}
	from, _ := strconv.Atoi(req.GetPageToken())
	from = min(from, len(one.log))
	res := &kuplav1.ListEventsResponse{Events: one.log[from:min(from+2, len(one.log))]}
	if from+2 < len(one.log) {
		res.NextPageToken = strconv.Itoa(from + 2)
	}
	return proto.CloneOf(res), nil
}

func (f *fakeService) SendMessage(
	ctx context.Context, req *kuplav1.SendMessageRequest,
) (res *kuplav1.SendMessageResponse, err error) {
	if err := f.authorize(ctx, req.GetConversationId()); err != nil {
		return nil, err
	}
	info, _ := connect.CallInfoForServerContext(ctx)
	who := "customer"
	if info.RequestHeader().Get("Authorization") == "Bearer staff" {
		who = "professional"
	}
	f.change(func() {
		var one *fakeConversation
		if one, err = f.find(req.GetConversationId()); err != nil {
			return
		}
		switch {
		case f.interrupted:
			err = refusal(connect.CodeUnavailable, "UNAVAILABLE", map[string]string{"retry_delay": "10ms"})
		case strings.Contains(req.GetText(), artificialCode):
			err = refusal(connect.CodeFailedPrecondition, "IDENTITY_CODE_IN_TEXT", nil)
		case one.proto.GetState() == kuplav1.ConversationState_CONVERSATION_STATE_CLOSED:
			err = refusal(connect.CodeFailedPrecondition, "CONVERSATION_CLOSED", nil)
		default:
			if one.requests[req.GetRequestId()] == nil {
				one.requests[req.GetRequestId()] = one.add(who, posted(req.GetText()))
			}
			res = &kuplav1.SendMessageResponse{Event: proto.CloneOf(one.requests[req.GetRequestId()])}
		}
	})
	return res, err
}

func (f *fakeService) MarkRead(_ context.Context, req *kuplav1.MarkReadRequest) (*kuplav1.MarkReadResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastMark = max(f.lastMark, req.GetSequence())
	return &kuplav1.MarkReadResponse{ReadMark: &kuplav1.ReadMark{Sequence: f.lastMark}}, nil
}

func (f *fakeService) LeaveConversation(
	ctx context.Context, req *kuplav1.LeaveConversationRequest,
) (res *kuplav1.LeaveConversationResponse, err error) {
	if err := f.authorize(ctx, req.GetConversationId()); err != nil {
		return nil, err
	}
	f.change(func() {
		var one *fakeConversation
		if one, err = f.find(req.GetConversationId()); err != nil {
			return
		}
		if one.onDesk {
			err = refusal(connect.CodeFailedPrecondition, "LAST_PROFESSIONAL", nil)
			return
		}
		f.close(one, kuplav1.CloseReason_CLOSE_REASON_CUSTOMER_LEFT)
		res = &kuplav1.LeaveConversationResponse{Conversation: proto.CloneOf(one.proto)}
	})
	return res, err
}

func (f *fakeService) GetSurvey(
	ctx context.Context, req *kuplav1.GetSurveyRequest,
) (*kuplav1.GetSurveyResponse, error) {
	if err := f.authorize(ctx, req.GetConversationId()); err != nil {
		return nil, err
	}
	if f.noSurvey {
		return &kuplav1.GetSurveyResponse{}, nil
	}
	return &kuplav1.GetSurveyResponse{
		FeedbackToken: "once",
		Survey: &kuplav1.Survey{Questions: []*kuplav1.SurveyQuestion{
			{Id: "recommend", Kind: kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_RECOMMENDATION, Text: localized("Suosittelisitko?", "Skulle du rekommendera?", "Would you recommend it?")},
			{Id: "clear", Kind: kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_STATEMENT, Text: localized("Selkeää.", "Tydligt.", "It was clear.")},
			{Id: "safe", Kind: kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_STATEMENT, Text: localized("Turvallista.", "Tryggt.", "It was safe.")},
			{Id: "later", Kind: 99, Text: localized("?", "?", "?")},
			{Id: "words", Kind: kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_OPEN_TEXT, Text: localized("Mitä muuta?", "Vad annat?", "Anything else?")},
		}},
	}, nil
}

func (f *fakeService) SubmitFeedback(
	ctx context.Context, req *kuplav1.SubmitFeedbackRequest,
) (*kuplav1.SubmitFeedbackResponse, error) {
	info, _ := connect.CallInfoForServerContext(ctx)
	if req.GetFeedbackToken() != "once" || info.RequestHeader().Has("Authorization") {
		return nil, refusal(connect.CodeNotFound, "FEEDBACK_TOKEN_INVALID", nil)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers = req.GetAnswers()
	return &kuplav1.SubmitFeedbackResponse{}, nil
}

func (f *fakeService) WatchDesk(
	ctx context.Context, _ *kuplav1.WatchDeskRequest, stream kuplav1connect.DeskServiceWatchDeskServerStream,
) error {
	if err := f.authorize(ctx, "desk"); err != nil {
		return err
	}
	f.mu.Lock()
	f.desks++
	f.mu.Unlock()
	told := map[string]int{} // events, by conversation on the desk
	sent := 0                // of the frames that tests add
	for first := true; ; first = false {
		f.mu.Lock()
		snapshot := &kuplav1.DeskSnapshot{Professional: proto.CloneOf(f.self), Colleagues: f.colleagues}
		waiting := &kuplav1.Waiting{QueueId: "demo"}
		var out []*kuplav1.WatchDeskResponse
		for _, one := range f.conversations {
			id := one.proto.GetId()
			if one.proto.GetState() == kuplav1.ConversationState_CONVERSATION_STATE_WAITING {
				if waiting.GetCount() == 0 {
					waiting.LongestWaitStartTime = one.proto.GetArrivalTime()
				}
				waiting.Count++
				waiting.Entries = append(waiting.Entries, &kuplav1.WaitingEntry{
					ConversationId: id, QueueId: one.proto.GetQueueId(), ArrivalTime: one.proto.GetArrivalTime(),
					Language: one.proto.GetLanguage(), Present: true, Transferred: one.removal != 0,
				})
			}
			_, known := told[id]
			switch {
			case one.onDesk && !known && !first:
				out = append(out, &kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_ConversationAdded{
					ConversationAdded: &kuplav1.ConversationAdded{Snapshot: one.snapshot()},
				}})
			case one.onDesk && !first:
				out = append(out, &kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_ConversationSnapshot{
					ConversationSnapshot: one.snapshot(),
				}})
			}
			if one.onDesk || known {
				for ; told[id] < len(one.log); told[id]++ {
					out = append(out, &kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Events{
						Events: &kuplav1.DeskEvents{ConversationId: id, Events: one.log[told[id] : told[id]+1]},
					}})
				}
			}
			if one.onDesk {
				snapshot.Conversations = append(snapshot.Conversations, one.snapshot())
			} else if known {
				delete(told, id)
				out = append(out, &kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_ConversationRemoved{
					ConversationRemoved: &kuplav1.ConversationRemoved{ConversationId: id, Reason: one.removal},
				}})
			}
		}
		snapshot.Waiting = []*kuplav1.Waiting{waiting}
		if first {
			out = append([]*kuplav1.WatchDeskResponse{{Frame: &kuplav1.WatchDeskResponse_Snapshot{Snapshot: snapshot}}}, out...)
		} else {
			out = append(out, &kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Waiting{Waiting: waiting}})
		}
		out = append(out, f.deskFrames[sent:]...)
		sent = len(f.deskFrames)
		out = append(out, &kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Heartbeat{
			Heartbeat: &kuplav1.Heartbeat{Interrupted: f.interrupted},
		}})
		if f.away != nil {
			out = append(out, &kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_GoAway{GoAway: f.away}})
		}
		changed := f.changed
		f.mu.Unlock()
		for _, frame := range out {
			frame = proto.CloneOf(frame)
			frame.Cursor = "desk" // this desk always begins anew
			if err := stream.Send(frame); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fakeService) SetAvailability(
	_ context.Context, req *kuplav1.SetAvailabilityRequest,
) (*kuplav1.SetAvailabilityResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.self.Availability = req.GetAvailability()
	return &kuplav1.SetAvailabilityResponse{Professional: proto.CloneOf(f.self)}, nil
}

func (f *fakeService) TakeNext(context.Context, *kuplav1.TakeNextRequest) (*kuplav1.TakeNextResponse, error) {
	res := &kuplav1.TakeNextResponse{}
	f.change(func() {
		for _, one := range f.conversations {
			if one.proto.GetState() == kuplav1.ConversationState_CONVERSATION_STATE_WAITING {
				f.take(one)
				res.Conversation = proto.CloneOf(one.proto)
				return
			}
		}
	})
	return res, nil
}

func (f *fakeService) TakeConversation(
	_ context.Context, req *kuplav1.TakeConversationRequest,
) (res *kuplav1.TakeConversationResponse, err error) {
	f.change(func() {
		var one *fakeConversation
		if one, err = f.find(req.GetConversationId()); err != nil {
			return
		}
		if one.proto.GetState() != kuplav1.ConversationState_CONVERSATION_STATE_WAITING {
			err = refusal(connect.CodeFailedPrecondition, "ALREADY_TAKEN", nil)
			return
		}
		f.take(one)
		res = &kuplav1.TakeConversationResponse{Conversation: proto.CloneOf(one.proto)}
	})
	return res, err
}

// release lets a conversation go from the desk back to waiting.
func (f *fakeService) release(one *fakeConversation, reason kuplav1.RemovalReason, event *kuplav1.Event) {
	one.onDesk, one.removal = false, reason
	one.proto.State = kuplav1.ConversationState_CONVERSATION_STATE_WAITING
	one.add("professional", event)
}

func (f *fakeService) TransferConversation(
	_ context.Context, req *kuplav1.TransferConversationRequest,
) (res *kuplav1.TransferConversationResponse, err error) {
	f.change(func() {
		var one *fakeConversation
		if one, err = f.find(req.GetConversationId()); err != nil {
			return
		}
		if req.GetQueueId() == "night" && !req.GetCustomerAgreed() {
			err = refusal(connect.CodeFailedPrecondition, "CUSTOMER_AGREEMENT_REQUIRED", nil)
			return
		}
		f.transfers = append(f.transfers, proto.CloneOf(req))
		f.release(one, kuplav1.RemovalReason_REMOVAL_REASON_TRANSFERRED, &kuplav1.Event{
			Kind: &kuplav1.Event_Transferred{Transferred: &kuplav1.Transferred{
				QueueId: cmp.Or(req.GetQueueId(), one.proto.GetQueueId()),
			}},
		})
		res = &kuplav1.TransferConversationResponse{Conversation: proto.CloneOf(one.proto)}
	})
	return res, err
}

func (f *fakeService) ReturnToQueue(
	_ context.Context, req *kuplav1.ReturnToQueueRequest,
) (res *kuplav1.ReturnToQueueResponse, err error) {
	f.change(func() {
		var one *fakeConversation
		if one, err = f.find(req.GetConversationId()); err != nil {
			return
		}
		f.release(one, kuplav1.RemovalReason_REMOVAL_REASON_RETURNED, &kuplav1.Event{
			Kind: &kuplav1.Event_ReturnedToQueue{ReturnedToQueue: &kuplav1.ReturnedToQueue{
				QueueId: "demo", Reason: kuplav1.ReturnReason_RETURN_REASON_RETURNED_BY_STAFF,
			}},
		})
		res = &kuplav1.ReturnToQueueResponse{Conversation: proto.CloneOf(one.proto)}
	})
	return res, err
}

func (f *fakeService) InviteProfessional(
	_ context.Context, req *kuplav1.InviteProfessionalRequest,
) (res *kuplav1.InviteProfessionalResponse, err error) {
	f.change(func() {
		var one *fakeConversation
		if one, err = f.find(req.GetConversationId()); err != nil {
			return
		}
		one.add("professional", &kuplav1.Event{Kind: &kuplav1.Event_ParticipantJoined{
			ParticipantJoined: &kuplav1.ParticipantJoined{
				InviterParticipantId: "professional",
				Participant: &kuplav1.Participant{
					Id: "invited", Role: kuplav1.ParticipantRole_PARTICIPANT_ROLE_PROFESSIONAL,
					DisplayName: "Venla Malli", ProfessionalId: req.GetProfessionalId(),
				},
			},
		}})
		res = &kuplav1.InviteProfessionalResponse{Conversation: proto.CloneOf(one.proto)}
	})
	return res, err
}

func (f *fakeService) CloseConversation(
	_ context.Context, req *kuplav1.CloseConversationRequest,
) (res *kuplav1.CloseConversationResponse, err error) {
	f.change(func() {
		var one *fakeConversation
		if one, err = f.find(req.GetConversationId()); err != nil {
			return
		}
		f.close(one, req.GetReason())
		res = &kuplav1.CloseConversationResponse{Conversation: proto.CloneOf(one.proto)}
	})
	return res, err
}

func (f *fakeService) AddCaseNote(
	_ context.Context, req *kuplav1.AddCaseNoteRequest,
) (*kuplav1.AddCaseNoteResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	note := &kuplav1.CaseNote{
		Id: "n1", Text: req.GetText(), DisplayName: f.self.GetDisplayName(), CreateTime: timestamppb.Now(),
	}
	f.notes = append(f.notes, note)
	return &kuplav1.AddCaseNoteResponse{CaseNote: note}, nil
}

func (f *fakeService) ListCaseNotes(
	context.Context, *kuplav1.ListCaseNotesRequest,
) (*kuplav1.ListCaseNotesResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &kuplav1.ListCaseNotesResponse{CaseNotes: f.notes}, nil
}

func (f *fakeService) ListCannedReplies(
	context.Context, *kuplav1.ListCannedRepliesRequest,
) (*kuplav1.ListCannedRepliesResponse, error) {
	return &kuplav1.ListCannedRepliesResponse{CannedReplies: []*kuplav1.CannedReply{
		{Id: "greeting", Title: localized("Tervehdys", "Hälsning", "Greeting"), Text: localized("Hei! Miten voin auttaa?", "Hej! Hur kan jag hjälpa?", "Hello! How can I help?")},
	}}, nil
}
