package kupla

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// errCut is a connection that breaks: no verdict of the service, so clients see a bare error.
var errCut = errors.New("connection reset by test")

// frame is short for what the tests write over and over.
type frame = kuplav1.FollowConversationResponse

// followScript is what the fake service does on one stream.
type followScript func(ctx context.Context, cursor string, send func(*frame) error) error

// fakeService answers calls as a test says, and remembers them.
type fakeService struct {
	kuplav1connect.UnimplementedConversationServiceHandler
	kuplav1connect.UnimplementedDeskServiceHandler
	kuplav1connect.UnimplementedQueueServiceHandler
	kuplav1connect.UnimplementedFeedbackServiceHandler

	mu      sync.Mutex
	follows []followScript // one for each stream in turn; the last one serves all that follow
	cursors []string       // what each stream was asked to go on from
	open    int            // streams being served

	watches []func(ctx context.Context, cursor string, send func(*kuplav1.WatchDeskResponse) error) error

	watchQueues func(ctx context.Context, send func(*kuplav1.WatchQueuesResponse) error) error
	send        func(ctx context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error)
	list        func(req *kuplav1.ListEventsRequest) (*kuplav1.ListEventsResponse, error)
	start       func(req *kuplav1.StartConversationRequest) (*kuplav1.StartConversationResponse, error)

	authorization map[string]string // by procedure
}

func (f *fakeService) client(opts ...Option) *Client {
	server := connect.NewServer(f.remember)
	kuplav1connect.RegisterConversationServiceHandler(server, f)
	kuplav1connect.RegisterDeskServiceHandler(server, f)
	kuplav1connect.RegisterQueueServiceHandler(server, f)
	kuplav1connect.RegisterFeedbackServiceHandler(server, f)
	return New("", append([]Option{WithTransport(connectinprocess.New(server))}, opts...)...)
}

// conversation returns a customer's handle on the conversation that the fake service serves.
func (f *fakeService) conversation(opts ...Option) *Conversation {
	return f.client(opts...).Resume(Credentials{ConversationID: "c1", ParticipantID: "p1", AccessToken: "secret"})
}

func (f *fakeService) remember(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		info, _ := connect.CallInfoForServerContext(ctx)
		f.mu.Lock()
		if f.authorization == nil {
			f.authorization = make(map[string]string)
		}
		f.authorization[spec.Procedure] = info.RequestHeader().Get("Authorization")
		f.mu.Unlock()
		return next(ctx, spec, stream)
	}
}

func (f *fakeService) FollowConversation(
	ctx context.Context, req *kuplav1.FollowConversationRequest,
	stream kuplav1connect.ConversationServiceFollowConversationServerStream,
) error {
	f.mu.Lock()
	script := f.follows[min(len(f.cursors), len(f.follows)-1)]
	f.cursors = append(f.cursors, req.GetCursor())
	f.open++
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.open--
		f.mu.Unlock()
	}()
	return script(ctx, req.GetCursor(), stream.Send)
}

func (f *fakeService) WatchDesk(
	ctx context.Context, req *kuplav1.WatchDeskRequest, stream kuplav1connect.DeskServiceWatchDeskServerStream,
) error {
	f.mu.Lock()
	script := f.watches[min(len(f.cursors), len(f.watches)-1)]
	f.cursors = append(f.cursors, req.GetCursor())
	f.mu.Unlock()
	return script(ctx, req.GetCursor(), stream.Send)
}

func (f *fakeService) WatchQueues(
	ctx context.Context, _ *kuplav1.WatchQueuesRequest, stream kuplav1connect.QueueServiceWatchQueuesServerStream,
) error {
	return f.watchQueues(ctx, stream.Send)
}

func (f *fakeService) SendMessage(
	ctx context.Context, req *kuplav1.SendMessageRequest,
) (*kuplav1.SendMessageResponse, error) {
	return f.send(ctx, proto.CloneOf(req))
}

func (f *fakeService) ListEvents(
	_ context.Context, req *kuplav1.ListEventsRequest,
) (*kuplav1.ListEventsResponse, error) {
	return f.list(req)
}

func (f *fakeService) StartConversation(
	_ context.Context, req *kuplav1.StartConversationRequest,
) (*kuplav1.StartConversationResponse, error) {
	return f.start(req)
}

func (f *fakeService) GetSurvey(context.Context, *kuplav1.GetSurveyRequest) (*kuplav1.GetSurveyResponse, error) {
	return &kuplav1.GetSurveyResponse{FeedbackToken: "once"}, nil
}

func (f *fakeService) SubmitFeedback(
	context.Context, *kuplav1.SubmitFeedbackRequest,
) (*kuplav1.SubmitFeedbackResponse, error) {
	return &kuplav1.SubmitFeedbackResponse{}, nil
}

func (f *fakeService) ListQueues(context.Context, *kuplav1.ListQueuesRequest) (*kuplav1.ListQueuesResponse, error) {
	return &kuplav1.ListQueuesResponse{}, nil
}

// at is the cursor after the given event.
func at(sequence int32) string { return "at-" + strconv.Itoa(int(sequence)) }

// after is the event that a cursor stands behind.
func after(cursor string) int32 {
	sequence, _ := strconv.ParseInt(strings.TrimPrefix(cursor, "at-"), 10, 32)
	return int32(sequence)
}

func snapshotFrame(cursor, last int32) *frame {
	return &frame{Cursor: at(cursor), Frame: &kuplav1.FollowConversationResponse_Snapshot{
		Snapshot: &kuplav1.ConversationSnapshot{Conversation: &kuplav1.Conversation{Id: "c1", LastSequence: last}},
	}}
}

func eventFrame(sequence int32) *frame {
	return eventsFrame(sequence, sequence)
}

// eventsFrame is one frame with several events.
func eventsFrame(from, to int32) *frame {
	events := &kuplav1.Events{}
	for sequence := from; sequence <= to; sequence++ {
		events.Events = append(events.Events, message(sequence))
	}
	return &frame{Cursor: at(to), Frame: &kuplav1.FollowConversationResponse_Events{Events: events}}
}

func message(sequence int32) *kuplav1.Event {
	return &kuplav1.Event{Sequence: sequence, Kind: &kuplav1.Event_MessagePosted{
		MessagePosted: &kuplav1.MessagePosted{Text: fmt.Sprintf("message %d", sequence)},
	}}
}

func heartbeatFrame(cursor int32, interval time.Duration) *frame {
	return &frame{Cursor: at(cursor), Frame: &kuplav1.FollowConversationResponse_Heartbeat{
		Heartbeat: &kuplav1.Heartbeat{Interval: durationpb.New(interval)},
	}}
}

func goAwayFrame(cursor int32, reason kuplav1.GoAwayReason, reconnect bool, delay time.Duration) *frame {
	return &frame{Cursor: at(cursor), Frame: &kuplav1.FollowConversationResponse_GoAway{
		GoAway: &kuplav1.GoAway{Reason: reason, Reconnect: reconnect, RetryDelay: durationpb.New(delay)},
	}}
}

func closedFrame(cursor int32) *frame {
	return goAwayFrame(cursor, kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED, false, 0)
}

// honest serves a closed log of the given length as the contract says.
func honest(last int32) followScript {
	return func(_ context.Context, cursor string, send func(*frame) error) error {
		from := after(cursor)
		if err := send(snapshotFrame(from, last)); err != nil {
			return err
		}
		for sequence := from + 1; sequence <= last; sequence++ {
			if err := send(eventFrame(sequence)); err != nil {
				return err
			}
		}
		return send(closedFrame(last))
	}
}

// frames sends the given frames, whatever the cursor, and ends with err.
func frames(err error, all ...*frame) followScript {
	return func(_ context.Context, _ string, send func(*frame) error) error {
		for _, one := range all {
			if err := send(one); err != nil {
				return err
			}
		}
		return err
	}
}

// hang sends the given frames and then nothing until the client gives up.
func hang(all ...*frame) followScript {
	return func(ctx context.Context, _ string, send func(*frame) error) error {
		for _, one := range all {
			if err := send(one); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return ctx.Err()
	}
}

// refusal returns an error as the service makes them.
func refusal(code connect.Code, reason string, metadata map[string]string) *connect.Error {
	info, err := connectproto.NewErrorDetail(&errdetails.ErrorInfo{
		Reason: reason, Domain: "kupla", Metadata: metadata,
	})
	if err != nil {
		panic(err)
	}
	return connect.NewError(code, strings.ToLower(reason)).WithDetail(info)
}

// tally is what a sequence handed out.
type tally struct {
	events       []int32
	kinds        []UpdateKind
	disconnected []*Connection
	err          error
}

func (l *tally) count(kind UpdateKind) int {
	n := 0
	for _, k := range l.kinds {
		if k == kind {
			n++
		}
	}
	return n
}

// collect follows to the end.
func collect(t *testing.T, v *Conversation, options FollowOptions) *tally {
	t.Helper()
	var l tally
	for update, err := range v.Follow(t.Context(), options) {
		if err != nil {
			l.err = err
			continue
		}
		l.kinds = append(l.kinds, update.Kind)
		switch update.Kind {
		case UpdateEvent:
			l.events = append(l.events, update.Event.GetSequence())
			if update.Sequence != update.Event.GetSequence() {
				t.Errorf("event %d came with sequence %d", update.Event.GetSequence(), update.Sequence)
			}
			if after(update.Cursor) != update.Sequence {
				t.Errorf("event %d came with cursor %q", update.Sequence, update.Cursor)
			}
		case UpdateDisconnected:
			l.disconnected = append(l.disconnected, update.Connection)
		default:
		}
	}
	return &l
}

// upTo is 1 to last.
func upTo(last int32) []int32 {
	var all []int32
	for sequence := int32(1); sequence <= last; sequence++ {
		all = append(all, sequence)
	}
	return all
}

// withRandom replaces the randomness of pauses.
func withRandom(random jitter) Option {
	return optionFunc(func(c *config) { c.random = random })
}

// longest makes every pause as long as it may be.
func longest(bound time.Duration) time.Duration { return bound }
