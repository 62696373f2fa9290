package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// Pairs are customers and professionals who talk: each pair has its conversation, and both follow it. Where there are
// two servers, customers are at one and professionals at the other.
//
// Without a pace each pair has one message under way at any time: the customer sends, the professional receives it and
// sends back, and so on. With one, Burst messages are sent every Every, spread over the pairs, by customer and
// professional in turn; a message that is late because the one before it was not acknowledged counts from when it was due.
type Pairs struct {
	// Pairs is how many there are.
	Pairs int
	// Burst and Every are the pace. Zero is no pace.
	Burst int
	Every time.Duration
	// WarmUp is how long they talk before it counts, and Duration how long it counts.
	WarmUp, Duration time.Duration
	// Connections is how many connections all share. Default one for each 100 streams, and at least 2.
	Connections int
	// Wire is how messages travel.
	Wire Wire
	// Rest is how long the last messages may take to arrive. What has not arrived then is lost. Default 20 s.
	Rest time.Duration
}

// PairsResult is what pairs found.
type PairsResult struct {
	// Received is how many messages arrived at the other party while it counted, and Rate how many a second.
	Received int     `json:"received"`
	Rate     float64 `json:"rate"`
	// Latency is from before a message is sent until it has arrived.
	Latency Latency `json:"latency"`
	// ServerCPU, DatabaseCPU and ClientCPU are the CPU time of a message: in kuplad, in PostgreSQL and in this process.
	ServerCPU   time.Duration `json:"server_cpu_ns"`
	DatabaseCPU time.Duration `json:"database_cpu_ns,omitempty"`
	ClientCPU   time.Duration `json:"client_cpu_ns"`
	// ServerShare, DatabaseShare and ClientShare are the CPU time a second, 1 being a whole core.
	ServerShare   float64 `json:"server_share"`
	DatabaseShare float64 `json:"database_share,omitempty"`
	ClientShare   float64 `json:"client_share"`
	// Total is how many messages were sent in all, and arrived once each and in order.
	Total int `json:"total"`
}

// restTimeout is the default of [Pairs.Rest].
const restTimeout = 20 * time.Second

// setupAtOnce is how many calls prepare a load at a time.
const setupAtOnce = 16

// talk is one run of pairs.
type talk struct {
	Pairs

	server  *Server
	base    time.Time     // what times in messages count from
	begin   time.Duration // when it begins to count, since base
	end     time.Duration // when the last message is sent, since base
	spoken  chan struct{} // closed when a pace has come to its end
	parties []*party      // a customer and their professional, in turn
}

// party is one end of a conversation.
type party struct {
	talk         *talk
	side         byte
	conversation string // the id that this end uses
	service      kuplav1connect.ConversationServiceClient
	stream       kuplav1connect.ConversationServiceFollowConversationClientStream
	message      *message
	due          chan time.Duration // of messages to send, when there is a pace

	asked        atomic.Int64 // to be sent
	sent         atomic.Int64 // acknowledged
	received     atomic.Int64 // from the other party
	lastSequence int32
	times        []time.Duration // of what was received while it counted
}

const (
	sideCustomer     = 'c'
	sideProfessional = 's'
)

// Run lets them talk on a server.
func (p Pairs) Run(ctx context.Context, server *Server) (result PairsResult, err error) {
	if p.Connections == 0 {
		p.Connections = max(2, (2*p.Pairs+streamsPerConnection-1)/streamsPerConnection)
	}
	if n := 1 + len(server.others); p.Connections%n != 0 {
		p.Connections += n - p.Connections%n
	}
	connections, err := server.connections(p.Connections, p.Wire)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, closeAll(connections)) }()
	ctx, fail := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer fail(nil)

	t := &talk{Pairs: p, server: server, base: time.Now(), spoken: make(chan struct{})}
	if err := dial(ctx, connections); err != nil {
		return result, err
	}
	conversations, err := server.converse(ctx, p.Pairs, connections)
	if err != nil {
		return result, err
	}
	for i, c := range conversations {
		t.parties = append(t.parties,
			t.party(sideCustomer, i, c.customerID, c.customer), t.party(sideProfessional, i, c.professionalID, c.professional))
	}
	if err := concurrently(ctx, len(t.parties), setupAtOnce, func(_ context.Context, i int) error {
		p := t.parties[i]
		var err error
		p.stream, err = openStream(ctx, p.service, p.conversation)
		return err
	}); err != nil {
		return result, err
	}
	t.begin = time.Since(t.base) + p.WarmUp
	t.end = t.begin + p.Duration
	for _, party := range t.parties {
		running.Go(func() {
			if err := party.follow(ctx); err != nil {
				fail(err)
			}
		})
	}
	if p.Burst > 0 {
		t.speak(ctx, &running, fail)
	} else {
		close(t.spoken)
	}

	before, err := t.usageAt(ctx, t.begin)
	if err != nil {
		return result, err
	}
	profiled := server.profile(ctx, p.Duration)
	after, err := t.usageAt(ctx, t.end)
	if err := errors.Join(err, profiled()); err != nil {
		return result, err
	}
	if result.Total, err = t.rest(ctx); err != nil {
		return result, err
	}
	fail(nil)
	running.Wait()
	var times []time.Duration
	for _, party := range t.parties {
		times = append(times, party.times...)
	}
	if len(times) == 0 {
		return result, errors.New("no message arrived while it counted: let it last longer")
	}
	used := after.since(before)
	n := time.Duration(len(times))
	result.Received, result.Rate, result.Latency = len(times), float64(len(times))/p.Duration.Seconds(), latencyOf(times)
	result.ServerCPU, result.DatabaseCPU, result.ClientCPU = used.server/n, used.database/n, used.client/n
	result.ServerShare, result.ClientShare = used.share(used.server), used.share(used.client)
	result.DatabaseShare = used.share(used.database)
	return result, nil
}

func (t *talk) party(side byte, i int, id string, service kuplav1connect.ConversationServiceClient) *party {
	return &party{
		talk: t, side: side, conversation: id, service: service,
		message: newMessage(side, uint64(i)), due: make(chan time.Duration, dueBacklog),
	}
}

// usageAt waits for a time and reads what was used until then.
func (t *talk) usageAt(ctx context.Context, at time.Duration) (usage, error) {
	if err := t.wait(ctx, at); err != nil {
		return usage{}, err
	}
	return t.server.usage()
}

func (t *talk) wait(ctx context.Context, at time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(at - time.Since(t.base)):
		return nil
	}
}

// follow receives until ctx ends, and without a pace sends back what it received: the customer begins.
func (p *party) follow(ctx context.Context) error {
	defer func() { _ = p.stream.Close() }()
	if p.talk.Burst == 0 && p.side == sideCustomer {
		p.asked.Add(1)
		if err := p.send(ctx, time.Since(p.talk.base)); err != nil {
			return err
		}
	}
	for {
		frame, err := p.stream.Receive()
		if ctx.Err() != nil {
			return nil // It is over, and so is the stream.
		}
		if err != nil {
			return fmt.Errorf("a stream ended: %w", err)
		}
		switch f := frame.GetFrame().(type) {
		case *kuplav1.FollowConversationResponse_Events:
			for _, e := range f.Events.GetEvents() {
				if err := p.event(ctx, e); err != nil {
					return err
				}
			}
		case *kuplav1.FollowConversationResponse_GoAway, *kuplav1.FollowConversationResponse_Reset_:
			return fmt.Errorf("a stream told %v", frame)
		}
	}
}

// event takes in one event: each once, in order.
func (p *party) event(ctx context.Context, e *kuplav1.Event) error {
	if s := e.GetSequence(); s <= p.lastSequence || p.talk.server.Echo && s != p.lastSequence+1 {
		return fmt.Errorf("event %d arrived after event %d", s, p.lastSequence)
	}
	p.lastSequence = e.GetSequence()
	posted := e.GetMessagePosted()
	if posted == nil {
		return nil
	}
	side, number, due, err := readMessage(posted.GetText())
	if err != nil || side == p.side {
		return err
	}
	now := time.Since(p.talk.base)
	answers := p.talk.Burst == 0 && now < p.talk.end
	if answers {
		p.asked.Add(1) // before it counts as received, so that whoever adds up sees that there is more to come
	}
	if got := p.received.Add(1); int64(number) != got {
		return fmt.Errorf("message %d arrived where message %d was to", number, got)
	}
	if now >= p.talk.begin && now < p.talk.end {
		p.times = append(p.times, now-due)
	}
	if answers {
		return p.send(ctx, now)
	}
	return nil
}

// send sends one message and waits until it is acknowledged.
func (p *party) send(ctx context.Context, due time.Duration) error {
	number := p.sent.Load() + 1
	response, err := p.service.SendMessage(ctx, &kuplav1.SendMessageRequest{
		ConversationId: p.conversation, RequestId: p.message.requestID(), Text: p.message.make(int(number), due),
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // It is over.
		}
		return fmt.Errorf("send: %w", err)
	}
	if response.GetEvent().GetSequence() == 0 {
		return errors.New("a message was acknowledged without its event")
	}
	p.sent.Store(number)
	return nil
}

// rest waits until everything sent has arrived, and tells how much that was.
func (t *talk) rest(ctx context.Context) (int, error) {
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-t.spoken:
	}
	deadline := time.Since(t.base) + cmp.Or(t.Rest, restTimeout)
	for {
		// In this order: what was received was asked for before.
		received := t.sum(func(p *party) *atomic.Int64 { return &p.received })
		sent := t.sum(func(p *party) *atomic.Int64 { return &p.sent })
		asked := t.sum(func(p *party) *atomic.Int64 { return &p.asked })
		if received == asked && sent == asked {
			return int(received), nil
		}
		now := time.Since(t.base)
		if now > deadline {
			return 0, fmt.Errorf("of %d messages %d were acknowledged and %d arrived", asked, sent, received)
		}
		if err := t.wait(ctx, now+20*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// sum adds up what all parties count.
func (t *talk) sum(of func(*party) *atomic.Int64) (n int64) {
	for _, p := range t.parties {
		n += of(p).Load()
	}
	return n
}
