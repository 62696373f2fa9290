package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// Bare is what the bare relay is told.
type Bare struct {
	// Listen is the address served on.
	Listen string
	// DebugListen is the address of profiles; empty is none.
	DebugListen string
	// Echo hands each message to the sender's own stream too, as the contract does. The limit is without.
	Echo bool
}

// bareCursor is as long as the cursors of Kupla. Nothing is kept, so there is nothing to resume.
const bareCursor = "AAAAAAAAAAAAAAAAAAAAAAA"

// The two ends of a conversation of the bare relay, as the last letter of the id that each of them uses for it.
const (
	bareCustomer     = 'c'
	bareProfessional = 'd'
)

// bareID is the id of a conversation for one of its ends, as long as those of Kupla.
func bareID(n int, side byte) string {
	return fmt.Sprintf("%08d-0000-4000-8000-00000000000%c", n, side)
}

// takeApart is the conversation that an id is about, and which of its ends uses it.
func takeApart(id string) (conversation string, end int, err error) {
	if id == "" {
		return "", 0, connect.NewError(connect.CodeInvalidArgument, "no conversation is named")
	}
	last := len(id) - 1
	if id[last] == bareProfessional {
		return id[:last], 1, nil
	}
	return id[:last], 0, nil
}

// bareParticipants are what the ends are called, as in Kupla.
var bareParticipants = [2]string{"customer", "professional-1"}

// bareService relays.
type bareService struct {
	kuplav1connect.UnimplementedConversationServiceHandler

	echo   bool
	places barePlaces

	mu            sync.RWMutex
	conversations map[string]*bareConversation
}

// bareConversation is the open streams of a conversation's two ends. Whoever sends writes to the other's stream
// himself: handing it to a goroutine of the stream costs a tenth of the throughput.
type bareConversation struct {
	mu       sync.Mutex
	sequence int32
	streams  [2]*kuplav1connect.ConversationServiceFollowConversationServerStream
}

// conversation finds a conversation, or makes it.
func (b *bareService) conversation(id string) *bareConversation {
	b.mu.RLock()
	c := b.conversations[id]
	b.mu.RUnlock()
	if c != nil {
		return c
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c = b.conversations[id]; c == nil {
		c = &bareConversation{}
		b.conversations[id] = c
	}
	return c
}

// FollowConversation keeps the stream open for what the other end says.
func (b *bareService) FollowConversation(
	ctx context.Context, req *kuplav1.FollowConversationRequest,
	stream kuplav1connect.ConversationServiceFollowConversationServerStream,
) error {
	if strings.HasPrefix(req.GetConversationId(), bareWaiter) {
		return b.places.tell(ctx, stream)
	}
	id, end, err := takeApart(req.GetConversationId())
	if err != nil {
		return err
	}
	c := b.conversation(id)
	c.mu.Lock()
	err = stream.Send(&kuplav1.FollowConversationResponse{
		Cursor: bareCursor,
		Frame: &kuplav1.FollowConversationResponse_Snapshot{Snapshot: &kuplav1.ConversationSnapshot{
			Conversation: &kuplav1.Conversation{Id: req.GetConversationId(), State: kuplav1.ConversationState_CONVERSATION_STATE_ACTIVE},
		}},
	})
	c.streams[end] = &stream
	c.mu.Unlock()
	if err == nil {
		<-ctx.Done()
		err = ctx.Err()
	}
	// Nobody may write to the stream once this has returned.
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[end] == &stream {
		c.streams[end] = nil
	}
	return err
}

// SendMessage hands a message to the other end's stream.
func (b *bareService) SendMessage(
	_ context.Context, req *kuplav1.SendMessageRequest,
) (*kuplav1.SendMessageResponse, error) {
	id, end, err := takeApart(req.GetConversationId())
	if err != nil {
		return nil, err
	}
	c := b.conversation(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sequence++
	event := &kuplav1.Event{
		Sequence: c.sequence, CreateTime: timestamppb.New(time.Now()), ParticipantId: bareParticipants[end],
		Kind: &kuplav1.Event_MessagePosted{MessagePosted: &kuplav1.MessagePosted{Text: req.GetText()}},
	}
	for i, stream := range c.streams {
		if i == end && !b.echo {
			continue
		}
		if stream == nil {
			return nil, connect.NewError(connect.CodeFailedPrecondition, "both ends must follow before one of them sends")
		}
		if err := stream.Send(&kuplav1.FollowConversationResponse{
			Cursor: bareCursor, Frame: &kuplav1.FollowConversationResponse_Events{Events: &kuplav1.Events{Events: []*kuplav1.Event{event}}},
		}); err != nil {
			return nil, err
		}
	}
	return &kuplav1.SendMessageResponse{Event: event}, nil
}

// What kuplad's server has, so that the two differ in nothing but what they do.
const (
	bareCompressFrom      = 1024
	bareRequestBytes      = 64 << 10
	bareReadHeaderTimeout = 10 * time.Second
	bareIdleTimeout       = 2 * time.Minute
	bareStreams           = 1000
	barePingAfter         = 30 * time.Second
	barePingTimeout       = 15 * time.Second
)

// ServeBare serves the bare relay until ctx ends.
func ServeBare(ctx context.Context, config Bare) error {
	relay := newBareService(config.Echo)
	var running sync.WaitGroup
	defer running.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	running.Go(func() { relay.places.tick(ctx) })
	return serveRelay(ctx, relay, config, func() {})
}

func newBareService(echo bool) *bareService {
	return &bareService{echo: echo, conversations: map[string]*bareConversation{}}
}

// serveRelay serves until ctx ends, and calls ready when it does.
func serveRelay(ctx context.Context, relay kuplav1connect.ConversationServiceHandler, config Bare, ready func()) error {
	service := connect.NewServer()
	kuplav1connect.RegisterConversationServiceHandler(service, relay)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, service,
		connecthttp.WithCompressMinBytes(bareCompressFrom), connecthttp.WithReadMaxBytes(bareRequestBytes))
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler: mux, Protocols: protocols,
		ReadHeaderTimeout: bareReadHeaderTimeout, IdleTimeout: bareIdleTimeout,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: bareStreams, SendPingTimeout: barePingAfter, PingTimeout: barePingTimeout,
		},
	}
	done := make(chan error, 2)
	serve := func(server *http.Server, address string) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("cannot listen; is another server running? %w", err)
		}
		go func() { done <- server.Serve(listener) }()
		return nil
	}
	defer func() { _ = server.Close() }()
	if err := serve(server, config.Listen); err != nil {
		return err
	}
	if config.DebugListen != "" {
		debug := http.NewServeMux()
		debug.HandleFunc("/debug/pprof/", pprof.Index)
		debug.HandleFunc("/debug/pprof/profile", pprof.Profile)
		profiles := &http.Server{Handler: debug, ReadHeaderTimeout: bareReadHeaderTimeout}
		defer func() { _ = profiles.Close() }()
		if err := serve(profiles, config.DebugListen); err != nil {
			return err
		}
	}
	ready()
	select {
	case <-ctx.Done():
		return nil
	case err := <-done:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	}
}
