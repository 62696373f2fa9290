package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// Crowd is many who wait in one queue, each with a stream, while professionals take one after the other, and for each
// who was taken somebody new arrives.
type Crowd struct {
	// Waiting is how many wait.
	Waiting int
	// TakenPerSecond is how many are taken a second. Each is closed at once, so that the next can be.
	TakenPerSecond float64
	// WarmUp is how long they are taken before it counts, and Duration how long it counts.
	WarmUp, Duration time.Duration
	// PerConnection is how many share a connection. Default 100.
	PerConnection int
	// Wire is how messages travel.
	Wire Wire
}

// CrowdResult is what a crowd found.
type CrowdResult struct {
	// Waiting is how many waited, and Taken how many were taken while it counted.
	Waiting int `json:"waiting"`
	Taken   int `json:"taken"`
	// Places is how many places were told while it counted, and Rate how many a second.
	Places int     `json:"places"`
	Rate   float64 `json:"rate"`
	// Age is how old a place was when a newer one was told: from the first take that changed it until it was told.
	// Takes count from before they were asked for.
	Age Latency `json:"age"`
	// Take is how long a take took that was asked for while it counted. Takes that are slow are fewer than asked for.
	Take Latency `json:"take"`
	// ServerShare and ClientShare are the CPU time a second, 1 being a whole core.
	ServerShare float64 `json:"server_share"`
	ClientShare float64 `json:"client_share"`
	// DatabaseShare is PostgreSQL's CPU time a second.
	DatabaseShare float64 `json:"database_share,omitempty"`
	// ServerMemory is the server's memory in the end.
	ServerMemory Memory `json:"server_memory"`
}

// lastTold is how long the last places may take to be told.
const lastTold = 10 * time.Second

// crowd is one run.
type crowd struct {
	Crowd

	server      *Server
	connections []*connection
	base        time.Time
	begin, end  time.Duration // when it counts, since base

	running sync.WaitGroup
	fail    func(error)

	// takes are when each take was asked for, since base; how many are is in taken. They are in the order of the queue,
	// which is what makes everybody's true place known: whoever was i-th to arrive is taken i-th.
	takes []atomic.Int64
	taken atomic.Int32
	next  atomic.Int32 // connection for whoever arrives

	// takeTimes are how long the takes took that count; of the goroutine that takes, until takesDone is closed.
	takeTimes []time.Duration
	takesDone chan struct{}

	mu    sync.Mutex
	line  []*waiter // in order of arrival, whoever was taken included
	byID  map[string]*waiter
	taker kuplav1connect.DeskServiceClient
}

// waiter is one who waits.
type waiter struct {
	crowd *crowd
	id    string
	turn  int32 // their number in the order of arrival, from 1
	told  atomic.Int32
	ages  []time.Duration
	count int // places told while it counted

	stream kuplav1connect.ConversationServiceFollowConversationClientStream
}

// Run has a crowd wait on a server.
func (c Crowd) Run(ctx context.Context, server *Server) (result CrowdResult, err error) {
	if c.PerConnection == 0 {
		c.PerConnection = streamsPerConnection
	}
	if server.program == "" {
		return c.bare(ctx, server)
	}
	takes := int((c.WarmUp+c.Duration).Seconds()*c.TakenPerSecond) + 1
	if takes >= c.Waiting {
		return result, fmt.Errorf("%d are taken and only %d wait: the last would have arrived while it counts", takes, c.Waiting)
	}
	// The professional has a connection of their own; those of the crowd are full of streams.
	n := (c.Waiting + c.PerConnection - 1) / c.PerConnection
	connections, err := server.connections(n+1, c.Wire)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, closeAll(connections)) }()
	ctx, fail := context.WithCancelCause(ctx)
	w := &crowd{
		Crowd: c, server: server, connections: connections[:n], base: time.Now(), fail: fail,
		takes: make([]atomic.Int64, takes+1), byID: map[string]*waiter{}, takesDone: make(chan struct{}),
	}
	defer w.running.Wait()
	defer fail(nil)
	if err := dial(ctx, connections); err != nil {
		return result, err
	}
	tokens, err := server.deskTokens(ctx, 1)
	if err != nil {
		return result, err
	}
	w.taker = connections[n].desk(tokens[0])
	if err := w.gather(ctx); err != nil {
		return result, err
	}
	w.begin = time.Since(w.base) + c.WarmUp
	w.end = w.begin + c.Duration
	for _, waiter := range w.line {
		waiter.follow(ctx)
	}
	arrivals := make(chan struct{}, takes)
	w.running.Go(func() {
		for range arrivals {
			if err := w.arrive(ctx); err != nil {
				fail(err)
			}
		}
	})
	w.running.Go(func() {
		defer close(arrivals)
		defer close(w.takesDone)
		if err := w.take(ctx, arrivals); err != nil {
			fail(err)
		}
	})
	if result, err = w.measure(ctx); err != nil {
		return result, err
	}
	if err := w.rest(ctx); err != nil {
		return result, err
	}
	if result.ServerMemory, err = server.memory(ctx); err != nil {
		return result, err
	}
	fail(nil)
	w.running.Wait()
	w.sum(&result)
	return result, nil
}

// bare has the bare relay tell as many as often, of no queue: nobody is taken, and places have no age.
func (c Crowd) bare(ctx context.Context, server *Server) (result CrowdResult, err error) {
	n := (c.Waiting + c.PerConnection - 1) / c.PerConnection
	connections, err := server.connections(n, c.Wire)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, closeAll(connections)) }()
	ctx, fail := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer fail(nil)
	if err := dial(ctx, connections); err != nil {
		return result, err
	}
	var told atomic.Int64
	if err := concurrently(ctx, c.Waiting, setupAtOnce, func(_ context.Context, i int) error {
		stream, err := connections[i%n].conversations(bareToken('c', i)).FollowConversation(ctx,
			&kuplav1.FollowConversationRequest{ConversationId: fmt.Sprintf("%s%d", bareWaiter, i)})
		if err != nil {
			return fmt.Errorf("follow: %w", err)
		}
		running.Go(func() {
			defer func() { _ = stream.Close() }()
			for {
				frame, err := stream.Receive()
				if ctx.Err() != nil {
					return
				}
				if err == nil && frame.GetPlace() == nil {
					err = fmt.Errorf("%v came and no place", frame)
				}
				if err != nil {
					fail(fmt.Errorf("a stream ended: %w", err))
					return
				}
				told.Add(1)
			}
		})
		return nil
	}); err != nil {
		return result, err
	}
	w := &crowd{Crowd: c, server: server, base: time.Now(), begin: c.WarmUp, end: c.WarmUp + c.Duration}
	if err := w.wait(ctx, w.begin); err != nil {
		return result, err
	}
	first := told.Load()
	if result, err = w.measure(ctx); err != nil {
		return result, err
	}
	result.Places = int(told.Load() - first)
	result.Rate = float64(result.Places) / c.Duration.Seconds()
	result.ServerMemory, err = server.memory(ctx)
	return result, err
}

// gather has everybody arrive and begin to follow.
func (w *crowd) gather(ctx context.Context) error {
	arrived := make([]*kuplav1.StartConversationResponse, w.Waiting)
	if err := concurrently(ctx, w.Waiting, setupAtOnce, func(ctx context.Context, i int) error {
		var err error
		arrived[i], err = start(ctx, w.connections[i%len(w.connections)])
		return err
	}); err != nil {
		return err
	}
	// Many arrived at once; whose place is whose is told by the times that the service gave.
	slices.SortFunc(arrived, func(a, b *kuplav1.StartConversationResponse) int {
		x, y := a.GetConversation().GetArrivalTime(), b.GetConversation().GetArrivalTime()
		return cmp.Or(cmp.Compare(x.GetSeconds(), y.GetSeconds()), cmp.Compare(x.GetNanos(), y.GetNanos()))
	})
	for _, a := range arrived {
		w.join(a)
	}
	return concurrently(ctx, w.Waiting, setupAtOnce, func(_ context.Context, i int) error {
		return w.line[i].open(ctx, w.connections[i%len(w.connections)], arrived[i].GetAccessToken())
	})
}

// join puts somebody at the end of the line.
func (w *crowd) join(a *kuplav1.StartConversationResponse) *waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	joined := &waiter{crowd: w, id: a.GetConversation().GetId(), turn: int32(len(w.line) + 1)}
	w.line = append(w.line, joined)
	w.byID[joined.id] = joined
	return joined
}

// open begins to follow. What the snapshot tells is true then; only what changes afterwards has an age.
func (p *waiter) open(ctx context.Context, c *connection, token string) error {
	stream, err := c.conversations(token).FollowConversation(ctx, &kuplav1.FollowConversationRequest{ConversationId: p.id})
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	frame, err := stream.Receive()
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	place := frame.GetSnapshot().GetPlace()
	if place == nil {
		return fmt.Errorf("whoever waits is told no place, but %v", frame)
	}
	p.told.Store(p.turn - place.GetPosition())
	p.stream = stream
	return nil
}

// follow listens to the places until the turn comes.
func (p *waiter) follow(ctx context.Context) {
	p.crowd.running.Go(func() {
		defer func() { _ = p.stream.Close() }()
		for {
			frame, err := p.stream.Receive()
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				p.crowd.fail(fmt.Errorf("a stream ended: %w", err))
				return
			}
			switch f := frame.GetFrame().(type) {
			case *kuplav1.FollowConversationResponse_Place:
				if err := p.learn(f.Place.GetPosition()); err != nil {
					p.crowd.fail(err)
					return
				}
			case *kuplav1.FollowConversationResponse_GoAway:
				if f.GoAway.GetReason() != kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED || p.turn > p.crowd.taken.Load() {
					p.crowd.fail(fmt.Errorf("somebody who waits was told %v", f.GoAway))
				}
				return
			case *kuplav1.FollowConversationResponse_Reset_:
				p.crowd.fail(fmt.Errorf("a stream told %v", f.Reset_))
				return
			}
		}
	})
}

// learn takes in a place that was told: it stands for so many takes, and is as old as the first of them that had not
// been told.
func (p *waiter) learn(position int32) error {
	now := time.Since(p.crowd.base)
	told, knows := p.told.Load(), p.turn-position
	if asked := p.crowd.taken.Load(); position < 1 || knows > asked || knows < told {
		return fmt.Errorf("place %d was told to the %d. who arrived, after %d takes, of which %d had been told",
			position, p.turn, asked, told)
	}
	counts := now >= p.crowd.begin && now < p.crowd.end
	if counts {
		p.count++
	}
	if knows == told {
		return nil // only the estimate is new
	}
	if counts {
		p.ages = append(p.ages, now-time.Duration(p.crowd.takes[told+1].Load()))
	}
	p.told.Store(knows)
	return nil
}

// take takes one after the other, at the pace.
func (w *crowd) take(ctx context.Context, arrivals chan<- struct{}) error {
	pause := time.Duration(float64(time.Second) / w.TakenPerSecond)
	for at := time.Since(w.base); at < w.end && int(w.taken.Load()) < len(w.takes)-1; at += pause {
		if err := w.wait(ctx, at); err != nil {
			return nil //nolint:nilerr // It is over.
		}
		n := w.taken.Load() + 1
		asked := time.Since(w.base)
		w.takes[n].Store(int64(asked))
		w.taken.Store(n)
		taken, err := w.taker.TakeNext(ctx, &kuplav1.TakeNextRequest{RequestId: uuid.NewString()})
		if err != nil {
			return fmt.Errorf("take: %w", err)
		}
		if asked >= w.begin && asked < w.end {
			w.takeTimes = append(w.takeTimes, time.Since(w.base)-asked)
		}
		id := taken.GetConversation().GetId()
		w.mu.Lock()
		first := w.line[n-1]
		who := w.byID[id]
		w.mu.Unlock()
		if who != first {
			return fmt.Errorf("conversation %q was taken, and it was not its turn", id)
		}
		if _, err := w.taker.CloseConversation(ctx, &kuplav1.CloseConversationRequest{
			ConversationId: id, RequestId: uuid.NewString(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
		}); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		arrivals <- struct{}{}
	}
	return nil
}

// arrive has somebody new arrive and follow.
func (w *crowd) arrive(ctx context.Context) error {
	c := w.connections[int(w.next.Add(1))%len(w.connections)]
	a, err := start(ctx, c)
	if err != nil {
		return err
	}
	joined := w.join(a)
	if err := joined.open(ctx, c, a.GetAccessToken()); err != nil {
		return err
	}
	joined.follow(ctx)
	return nil
}

func (w *crowd) wait(ctx context.Context, at time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(at - time.Since(w.base)):
		return nil
	}
}

// measure waits while it counts.
func (w *crowd) measure(ctx context.Context) (result CrowdResult, err error) {
	if err := w.wait(ctx, w.begin); err != nil {
		return result, err
	}
	before, err := w.server.usage()
	if err != nil {
		return result, err
	}
	first := w.taken.Load()
	profiled := w.server.profile(ctx, w.Duration)
	if err := w.wait(ctx, w.end); err != nil {
		return result, err
	}
	after, err := w.server.usage()
	if err := errors.Join(err, profiled()); err != nil {
		return result, err
	}
	used := after.since(before)
	result.Waiting, result.Taken = w.Waiting, int(w.taken.Load()-first)
	result.ServerShare, result.ClientShare = used.share(used.server), used.share(used.client)
	result.DatabaseShare = used.share(used.database)
	return result, nil
}

// rest waits until everybody who waits has been told the last take.
func (w *crowd) rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.takesDone:
	}
	deadline := time.Since(w.base) + lastTold
	for {
		behind, most := 0, int32(0)
		taken := w.taken.Load()
		for _, p := range w.waiting() {
			if p.turn > taken && p.told.Load() != taken {
				behind++
				most = max(most, taken-p.told.Load())
			}
		}
		now := time.Since(w.base)
		if behind == 0 {
			return nil
		}
		if now > deadline {
			return fmt.Errorf("%d who wait were not told their last place within %s: they have not heard of up to %d of %d takes",
				behind, lastTold, most, taken)
		}
		if err := w.wait(ctx, now+50*time.Millisecond); err != nil {
			return err
		}
	}
}

// waiting are all who ever waited.
func (w *crowd) waiting() []*waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.line)
}

// sum adds up what everybody learnt.
func (w *crowd) sum(result *CrowdResult) {
	var ages []time.Duration
	for _, p := range w.waiting() {
		ages = append(ages, p.ages...)
		result.Places += p.count
	}
	result.Rate = float64(result.Places) / w.Duration.Seconds()
	result.Age, result.Take = latencyOf(ages), latencyOf(w.takeTimes)
}
