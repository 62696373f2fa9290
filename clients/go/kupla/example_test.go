package kupla_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

func Example() {
	// client := kupla.New("http://localhost:8080")
	client := newDemo().client()
	ctx := context.Background()

	conversation, err := client.Start(ctx, kupla.StartOptions{QueueID: "helpline", Language: "en"})
	if err != nil {
		panic(err)
	}
	if _, err := conversation.Send(ctx, "A tick bit me."); err != nil {
		panic(err)
	}
	for update, err := range conversation.Follow(ctx, kupla.FollowOptions{}) {
		if err != nil {
			panic(err)
		}
		switch update.Kind {
		case kupla.UpdatePlace:
			fmt.Println("place:", update.Place.GetPosition())
		case kupla.UpdateEvent:
			if message := update.Event.GetMessagePosted(); message != nil {
				fmt.Printf("%d: %s\n", update.Sequence, message.GetText())
			}
		case kupla.UpdateDisconnected:
			fmt.Println("connection lost, the place is kept")
		default: // there is more to show, and more to come in later versions
		}
	}
	fmt.Println("closed")
	// Output:
	// place: 1
	// 1: A tick bit me.
	// connection lost, the place is kept
	// place: 1
	// 2: Is the skin around it red?
	// closed
}

func ExampleConversation_Follow_interruption() {
	client := newDemo().client()
	ctx := context.Background()
	conversation, err := client.Start(ctx, kupla.StartOptions{QueueID: "helpline", Language: "en"})
	if err != nil {
		panic(err)
	}
	for update, err := range conversation.Follow(ctx, kupla.FollowOptions{}) {
		if err != nil {
			panic(err)
		}
		switch update.Kind {
		case kupla.UpdateInterrupted:
			fmt.Println("The service is interrupted. Your place is kept; you need not do anything.")
		case kupla.UpdateRestored:
			fmt.Println("The interruption is over.")
		case kupla.UpdateEvent:
			fmt.Println(update.Event.GetMessagePosted().GetText())
		default:
		}
	}
	// Output:
	// The service is interrupted. Your place is kept; you need not do anything.
	// The interruption is over.
	// Is the skin around it red?
}

func ExampleClient_Resume() {
	client := newDemo().client()
	ctx := context.Background()
	conversation, err := client.Start(ctx, kupla.StartOptions{QueueID: "helpline"})
	if err != nil {
		panic(err)
	}
	if _, err := conversation.Send(ctx, "A tick bit me."); err != nil {
		panic(err)
	}
	for update, err := range conversation.Follow(ctx, kupla.FollowOptions{}) {
		if err != nil {
			panic(err)
		}
		if update.Kind == kupla.UpdateEvent {
			break // the program stops here
		}
	}
	kept, err := json.Marshal(conversation.Credentials())
	if err != nil {
		panic(err)
	}

	// Later, perhaps on another day:
	var credentials kupla.Credentials
	if err := json.Unmarshal(kept, &credentials); err != nil {
		panic(err)
	}
	fmt.Println("token:", credentials.AccessToken)
	options := kupla.FollowOptions{Cursor: credentials.Cursor, Sequence: credentials.Sequence}
	for update, err := range client.Resume(credentials).Follow(ctx, options) {
		if err != nil {
			panic(err)
		}
		if update.Kind == kupla.UpdateEvent {
			fmt.Printf("%d: %s\n", update.Sequence, update.Event.GetMessagePosted().GetText())
		}
	}
	// Output:
	// token: [redacted]
	// 2: Is the skin around it red?
}

func ExampleReasonOf() {
	client := newDemo().client()
	_, err := client.Start(context.Background(), kupla.StartOptions{QueueID: "full"})
	if kupla.ReasonOf(err) == kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL {
		delay, _ := kupla.RetryDelay(err)
		fmt.Printf("The queue is full. Try again in %v, or call %s.\n", delay, kupla.Metadata(err)["phone"])
	}
	// Output:
	// The queue is full. Try again in 1m0s, or call 116117.
}

func ExampleClient_WatchDesk() {
	client := newDemo().client(kupla.WithStaffToken("a staff token"))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for update, err := range client.WatchDesk(ctx, kupla.WatchDeskOptions{}) {
		if err != nil {
			panic(err)
		}
		if update.Kind == kupla.DeskWaiting {
			fmt.Println("waiting:", update.Waiting.GetCount())
			break
		}
	}
	// Output:
	// waiting: 3
}

// demo is a service with one conversation that a professional answers and closes. Its first stream breaks, and it is
// interrupted for a moment during the second.
type demo struct {
	kuplav1connect.UnimplementedConversationServiceHandler
	kuplav1connect.UnimplementedDeskServiceHandler

	mu      sync.Mutex
	log     []*kuplav1.Event
	streams int
}

func newDemo() *demo { return &demo{} }

func (d *demo) client(opts ...kupla.Option) *kupla.Client {
	server := connect.NewServer()
	kuplav1connect.RegisterConversationServiceHandler(server, d)
	kuplav1connect.RegisterDeskServiceHandler(server, d)
	return kupla.New("", append(opts,
		kupla.WithTransport(connectinprocess.New(server)),
		kupla.WithReconnect(kupla.Backoff{Initial: time.Millisecond}),
	)...)
}

func (d *demo) StartConversation(
	_ context.Context, req *kuplav1.StartConversationRequest,
) (*kuplav1.StartConversationResponse, error) {
	if req.GetQueueId() == "full" {
		detail, err := connectproto.NewErrorDetail(&errdetails.ErrorInfo{
			Reason: "QUEUE_FULL", Domain: "kupla", Metadata: map[string]string{"phone": "116117", "retry_delay": "60s"},
		})
		if err != nil {
			return nil, err
		}
		return nil, connect.NewError(connect.CodeResourceExhausted, "the queue is full").WithDetail(detail)
	}
	return &kuplav1.StartConversationResponse{
		Conversation: &kuplav1.Conversation{Id: "c1"}, ParticipantId: "p1", AccessToken: "secret",
	}, nil
}

func (d *demo) SendMessage(
	_ context.Context, req *kuplav1.SendMessageRequest,
) (*kuplav1.SendMessageResponse, error) {
	return &kuplav1.SendMessageResponse{Event: d.add("p1", req.GetText())}, nil
}

func (d *demo) add(participant, text string) *kuplav1.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	event := &kuplav1.Event{
		Sequence:      int32(len(d.log) + 1),
		ParticipantId: participant,
		Kind:          &kuplav1.Event_MessagePosted{MessagePosted: &kuplav1.MessagePosted{Text: text}},
	}
	d.log = append(d.log, event)
	return event
}

func (d *demo) FollowConversation(
	_ context.Context, req *kuplav1.FollowConversationRequest,
	stream kuplav1connect.ConversationServiceFollowConversationServerStream,
) error {
	d.mu.Lock()
	d.streams++
	first := d.streams == 1
	last := int32(len(d.log))
	d.mu.Unlock()
	var next int32 = 1
	if req.GetCursor() == "1" {
		next = 2
	}
	send := func(frame *kuplav1.FollowConversationResponse) error {
		frame.Cursor = fmt.Sprint(next - 1)
		return stream.Send(frame)
	}
	if err := send(&kuplav1.FollowConversationResponse{Frame: &kuplav1.FollowConversationResponse_Snapshot{
		Snapshot: &kuplav1.ConversationSnapshot{Conversation: &kuplav1.Conversation{LastSequence: last}},
	}}); err != nil {
		return err
	}
	if err := send(&kuplav1.FollowConversationResponse{Frame: &kuplav1.FollowConversationResponse_Place{
		Place: &kuplav1.Place{Position: 1},
	}}); err != nil {
		return err
	}
	if !first {
		for _, interrupted := range []bool{true, false} {
			if err := send(&kuplav1.FollowConversationResponse{Frame: &kuplav1.FollowConversationResponse_Heartbeat{
				Heartbeat: &kuplav1.Heartbeat{Interrupted: interrupted},
			}}); err != nil {
				return err
			}
		}
		d.add("p2", "Is the skin around it red?")
	}
	d.mu.Lock()
	rest := d.log[next-1:]
	d.mu.Unlock()
	if len(rest) > 0 {
		next += int32(len(rest))
		if err := send(&kuplav1.FollowConversationResponse{
			Frame: &kuplav1.FollowConversationResponse_Events{Events: &kuplav1.Events{Events: rest}},
		}); err != nil {
			return err
		}
	}
	if first {
		return connect.NewError(connect.CodeUnavailable, "restarting")
	}
	return send(&kuplav1.FollowConversationResponse{Frame: &kuplav1.FollowConversationResponse_GoAway{
		GoAway: &kuplav1.GoAway{
			Reason:     kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED,
			RetryDelay: durationpb.New(0),
		},
	}})
}

func (d *demo) WatchDesk(
	ctx context.Context, _ *kuplav1.WatchDeskRequest, stream kuplav1connect.DeskServiceWatchDeskServerStream,
) error {
	if err := stream.Send(&kuplav1.WatchDeskResponse{
		Frame: &kuplav1.WatchDeskResponse_Snapshot{Snapshot: &kuplav1.DeskSnapshot{}},
	}); err != nil {
		return err
	}
	if err := stream.Send(&kuplav1.WatchDeskResponse{
		Frame: &kuplav1.WatchDeskResponse_Waiting{Waiting: &kuplav1.Waiting{QueueId: "helpline", Count: 3}},
	}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}
