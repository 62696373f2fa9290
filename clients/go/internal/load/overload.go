package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// Overload offers a server many times the messages that it is set to admit. Residents offer them at a rate, whether or not
// those before were answered; professionals write now and then meanwhile; both follow all the time.
type Overload struct {
	// Admit is how many calls a second the server is set to admit.
	Admit float64
	// Rate is how many messages a second residents offer.
	Rate float64
	// StaffRate is how many messages a second professionals send. Default 20.
	StaffRate float64
	// Conversations is how many there are. Each has two streams. Default 100.
	Conversations int
	// WarmUp is how long it lasts before it counts, and Duration how long it counts.
	WarmUp, Duration time.Duration
	// Outstanding is how many messages may be under way. What is due beyond them is not sent, and told. Default 1000.
	Outstanding int
	// Rest is how long the last messages may take to arrive. Default 20 s.
	Rest time.Duration
	// Wire is how messages travel.
	Wire Wire
}

const (
	defaultStaffRate     = 20
	defaultConversations = 100
	defaultOutstanding   = 1000
	// offerEvery is how often is looked what is due.
	offerEvery = 2 * time.Millisecond
	// memoryEvery is how often the server's memory is looked at.
	memoryEvery = 200 * time.Millisecond
	// longestRecovery is after how long without an admitted message it is taken that the server does not recover.
	longestRecovery = 10 * time.Second
)

// OverloadResult is what an overload found.
type OverloadResult struct {
	// Admit is what the server is set to, and Asked what was to be offered a second.
	Admit float64 `json:"admit"`
	Asked float64 `json:"asked"`
	// Offered is what residents really sent, Admitted what was stored of it and Refused what was not, a second. Unsent was
	// due while as many as allowed were under way.
	Offered  float64 `json:"offered"`
	Admitted float64 `json:"admitted"`
	Refused  float64 `json:"refused"`
	Unsent   float64 `json:"unsent"`
	// Goodput is what was admitted of residents and professionals, in parts of what the server is set to.
	Goodput float64 `json:"goodput"`
	// Latency is of what was admitted and Refusal of what was not: from the sending until the answer.
	Latency Latency `json:"latency"`
	Refusal Latency `json:"refusal"`
	// Staff is what became of what professionals sent.
	Staff StaffResult `json:"staff"`
	// Received is how many messages arrived on open streams in all: each that was stored, once on each of two streams.
	// Delivery is from the sending until the other party had it, and Silence the longest time in which no stream told any.
	Received int           `json:"received"`
	Delivery Latency       `json:"delivery"`
	Silence  time.Duration `json:"silence_ns"`
	// Before and Most are the server's resident memory before the load, and the most during it.
	Before int64 `json:"memory_before"`
	Most   int64 `json:"memory_most"`
	// Recovery is from the end of the load until a resident's message was admitted, and Attempts how many that took.
	Recovery time.Duration `json:"recovery_ns"`
	Attempts int           `json:"recovery_attempts"`
	// ServerShare and ClientShare are the CPU time a second, 1 being a whole core, of all Cores.
	ServerShare float64 `json:"server_share"`
	ClientShare float64 `json:"client_share"`
	Cores       int     `json:"cores"`
}

// StaffResult is what became of what professionals sent.
type StaffResult struct {
	Admitted int     `json:"admitted"`
	Refused  int     `json:"refused"`
	Latency  Latency `json:"latency"`
}

// Settings are what the server is to be started with. What may come at once is what comes in two seconds, so that a
// machine with much else to do may stand still for one without anything's being lost of the rate.
func (o Overload) Settings() string {
	return fmt.Sprintf("admission:\n  calls: {per_second: %g, burst: %d}\n", o.Admit, max(1, int(2*o.Admit)))
}

// overload is one run.
type overload struct {
	Overload

	base       time.Time
	begin, end time.Duration // when it counts, since base
	parties    []*listener
	residents  *offers
	staff      *offers
	heard      atomic.Int64 // messages on streams
	// lastHeard is when the last was, since base, and silence the longest time without one, while it counts.
	lastHeard, silence atomic.Int64
}

// offers are the messages of residents, or those of professionals.
type offers struct {
	sides  []kuplav1connect.ConversationServiceClient
	ids    []string
	side   byte
	next   int
	unsent int

	mu                sync.Mutex
	stored            int // in all
	admitted, refused []time.Duration
}

// listener is one open stream.
type listener struct {
	side   byte
	stream kuplav1connect.ConversationServiceFollowConversationClientStream
	last   int32
	times  []time.Duration
}

// Run overloads a server that was started with its settings.
func (o Overload) Run(ctx context.Context, server *Server) (result OverloadResult, err error) {
	o.StaffRate, o.Conversations = cmp.Or(o.StaffRate, defaultStaffRate), cmp.Or(o.Conversations, defaultConversations)
	o.Outstanding, o.Rest = cmp.Or(o.Outstanding, defaultOutstanding), cmp.Or(o.Rest, restTimeout)
	// Half of them for the streams, and half for what is offered.
	connections, err := server.connections(2*max(2, 2*o.Conversations/streamsPerConnection), o.Wire)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, closeAll(connections)) }()
	ctx, fail := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer fail(nil)

	run := &overload{Overload: o}
	if err := run.prepare(ctx, server, connections); err != nil {
		return result, err
	}
	if result.Before, err = server.resident(); err != nil {
		return result, err
	}
	run.base = time.Now()
	run.begin, run.end = o.WarmUp, o.WarmUp+o.Duration
	for _, l := range run.parties {
		running.Go(func() {
			if err := run.listen(ctx, l); err != nil {
				fail(err)
			}
		})
	}
	var offering sync.WaitGroup
	for _, one := range []struct {
		*offers
		rate float64
	}{{run.residents, o.Rate}, {run.staff, o.StaffRate}} {
		offering.Go(func() {
			if err := run.offer(ctx, one.offers, one.rate); err != nil {
				fail(err)
			}
		})
	}
	if err := run.watch(ctx, server, &result); err != nil {
		return result, err
	}
	offering.Wait()
	if result.Recovery, result.Attempts, err = run.recovery(ctx); err != nil {
		return result, err
	}
	if err := run.rest(ctx); err != nil {
		return result, err
	}
	fail(nil)
	running.Wait()
	run.tell(&result)
	return result, nil
}

// prepare begins the conversations and opens the streams.
func (r *overload) prepare(ctx context.Context, server *Server, connections []*connection) error {
	if err := dial(ctx, connections); err != nil {
		return err
	}
	following, offering := connections[:len(connections)/2], connections[len(connections)/2:]
	conversations, err := server.converseAt(ctx, r.Conversations, deskCapacity, offering)
	if err != nil {
		return fmt.Errorf("%w; is the rate that is admitted too low for so many conversations?", err)
	}
	r.residents, r.staff = &offers{side: sideCustomer}, &offers{side: sideProfessional}
	desks, err := server.deskTokens(ctx, (r.Conversations+deskCapacity-1)/deskCapacity)
	if err != nil {
		return err
	}
	for i, c := range conversations {
		r.residents.sides, r.residents.ids = append(r.residents.sides, c.customer), append(r.residents.ids, c.customerID)
		r.staff.sides, r.staff.ids = append(r.staff.sides, c.professional), append(r.staff.ids, c.professionalID)
		for side, token := range []string{c.customerToken, desks[i/deskCapacity]} {
			service := following[(2*i+side)%len(following)].conversations(token)
			stream, err := openStream(ctx, service, c.customerID)
			if err != nil {
				return err
			}
			r.parties = append(r.parties, &listener{side: []byte{sideCustomer, sideProfessional}[side], stream: stream})
		}
	}
	return nil
}

// listen receives until ctx ends. No event is missing and none comes twice, or it fails.
func (r *overload) listen(ctx context.Context, l *listener) error {
	defer func() { _ = l.stream.Close() }()
	for {
		frame, err := l.stream.Receive()
		if ctx.Err() != nil {
			return nil // It is over, and so is the stream.
		}
		if err != nil {
			return fmt.Errorf("an open stream ended: %w", err)
		}
		switch f := frame.GetFrame().(type) {
		case *kuplav1.FollowConversationResponse_Events:
			for _, e := range f.Events.GetEvents() {
				if err := r.hear(l, e); err != nil {
					return err
				}
			}
		case *kuplav1.FollowConversationResponse_GoAway, *kuplav1.FollowConversationResponse_Reset_:
			return fmt.Errorf("an open stream told %v", frame)
		}
	}
}

func (r *overload) hear(l *listener, e *kuplav1.Event) error {
	if e.GetSequence() != l.last+1 {
		return fmt.Errorf("event %d arrived after event %d", e.GetSequence(), l.last)
	}
	l.last = e.GetSequence()
	posted := e.GetMessagePosted()
	if posted == nil {
		return nil
	}
	side, _, sent, err := readMessage(posted.GetText())
	if err != nil {
		return err
	}
	now := time.Since(r.base)
	r.heard.Add(1)
	last := time.Duration(r.lastHeard.Swap(int64(now)))
	if last >= r.begin && now < r.end {
		for longest := r.silence.Load(); int64(now-last) > longest; longest = r.silence.Load() {
			if r.silence.CompareAndSwap(longest, int64(now-last)) {
				break
			}
		}
	}
	if side != l.side && sent >= r.begin && sent < r.end {
		l.times = append(l.times, now-sent)
	}
	return nil
}

// offer sends at a rate until the end, whatever becomes of what was sent before.
func (r *overload) offer(ctx context.Context, o *offers, rate float64) error {
	message := newMessage(o.side, uint64(o.side))
	var sending sync.WaitGroup
	defer sending.Wait()
	under := make(chan struct{}, r.Outstanding)
	failed := make(chan error, 1)
	ticker := time.NewTicker(offerEvery)
	defer ticker.Stop()
	for due := 0; ; {
		select {
		case <-ctx.Done():
			return nil // It is over.
		case err := <-failed:
			return err
		case <-ticker.C:
		}
		now := time.Since(r.base)
		if now >= r.end {
			return nil
		}
		for ; due < int(now.Seconds()*rate); due++ {
			select {
			case under <- struct{}{}:
			default:
				if now >= r.begin {
					o.unsent++
				}
				continue
			}
			o.next++
			i := o.next % len(o.sides)
			sent := time.Since(r.base)
			request := &kuplav1.SendMessageRequest{
				ConversationId: o.ids[i], RequestId: message.requestID(), Text: message.make(o.next, sent),
			}
			sending.Go(func() {
				defer func() { <-under }()
				if err := r.send(ctx, o, o.sides[i], request, sent); err != nil {
					select {
					case failed <- err:
					default: // Another was first.
					}
				}
			})
		}
	}
}

// send sends one message once.
func (r *overload) send(
	ctx context.Context, o *offers, to kuplav1connect.ConversationServiceClient, request *kuplav1.SendMessageRequest,
	sent time.Duration,
) error {
	_, err := to.SendMessage(ctx, request)
	answered := time.Since(r.base)
	o.mu.Lock()
	defer o.mu.Unlock()
	counts := answered >= r.begin && answered < r.end
	switch {
	case err == nil:
		o.stored++
		if counts {
			o.admitted = append(o.admitted, answered-sent)
		}
	case isOverloaded(err):
		if counts {
			o.refused = append(o.refused, answered-sent)
		}
	case ctx.Err() == nil:
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

func isOverloaded(err error) bool {
	return connect.CodeOf(err) == connect.CodeResourceExhausted &&
		kupla.ReasonOf(err) == kuplav1.ErrorReason_ERROR_REASON_OVERLOADED
}

// watch looks at the server until the end.
func (r *overload) watch(ctx context.Context, server *Server, result *OverloadResult) error {
	sleep := func(until time.Duration) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(until - time.Since(r.base)):
			return nil
		}
	}
	if err := sleep(r.begin); err != nil {
		return err
	}
	before, err := server.usage()
	if err != nil {
		return err
	}
	profiled := server.profile(ctx, r.Duration)
	for now := r.begin; now < r.end; now = time.Since(r.base) {
		resident, err := server.resident()
		if err != nil {
			return err
		}
		result.Most = max(result.Most, resident)
		if err := sleep(min(now+memoryEvery, r.end)); err != nil {
			return err
		}
	}
	after, err := server.usage()
	if err := errors.Join(err, profiled()); err != nil {
		return err
	}
	used := after.since(before)
	result.ServerShare, result.ClientShare, result.Cores = used.share(used.server), used.share(used.client), runtime.NumCPU()
	return nil
}

// recovery sends until a message is admitted, now that the load is over.
func (r *overload) recovery(ctx context.Context) (took time.Duration, attempts int, err error) {
	began := time.Now()
	message := newMessage(sideCustomer, 0)
	for attempts = 1; ; attempts++ {
		_, err := r.residents.sides[0].SendMessage(ctx, &kuplav1.SendMessageRequest{
			ConversationId: r.residents.ids[0], RequestId: message.requestID(), Text: message.make(0, time.Since(r.base)),
		})
		took = time.Since(began)
		switch {
		case err == nil:
			r.residents.stored++
			return took, attempts, nil
		case !isOverloaded(err):
			return took, attempts, err
		case took > longestRecovery:
			return took, attempts, fmt.Errorf("%s after the load no message is admitted: %w", longestRecovery, err)
		}
		time.Sleep(time.Millisecond)
	}
}

// rest waits until everything stored has arrived on both streams of its conversation.
func (r *overload) rest(ctx context.Context) error {
	want := 2 * int64(r.residents.stored+r.staff.stored)
	for deadline := time.Now().Add(r.Rest); r.heard.Load() != want; {
		if time.Now().After(deadline) {
			return fmt.Errorf("of %d messages on open streams %d have arrived", want, r.heard.Load())
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(offerEvery):
		}
	}
	return nil
}

// tell tells what was found, when everything has ended.
func (r *overload) tell(result *OverloadResult) {
	seconds := r.Duration.Seconds()
	residents, staff := r.residents, r.staff
	result.Admit, result.Asked = r.Admit, r.Rate
	result.Admitted, result.Refused = float64(len(residents.admitted))/seconds, float64(len(residents.refused))/seconds
	result.Offered, result.Unsent = result.Admitted+result.Refused, float64(residents.unsent)/seconds
	result.Goodput = (result.Admitted + float64(len(staff.admitted))/seconds) / r.Admit
	result.Latency, result.Refusal = latencyOf(residents.admitted), latencyOf(residents.refused)
	result.Staff = StaffResult{Admitted: len(staff.admitted), Refused: len(staff.refused), Latency: latencyOf(staff.admitted)}
	var times []time.Duration
	for _, l := range r.parties {
		times = append(times, l.times...)
	}
	result.Received, result.Delivery = int(r.heard.Load()), latencyOf(times)
	result.Silence = time.Duration(r.silence.Load())
}

// resident is the server's resident memory.
func (s *Server) resident() (int64, error) {
	return procValue(fmt.Sprintf("/proc/%d/status", s.PID), "VmRSS")
}

// Print writes the result for people.
func (r OverloadResult) Print(w io.Writer) {
	fmt.Fprintf(w, "offered    %.0f messages/s of %.0f asked for (%.0f not sent, as too many were under way)\n",
		r.Offered, r.Asked, r.Unsent)
	fmt.Fprintf(w, "admitted   %.0f messages/s, %s; with those of staff %.3f of the %.0f admitted\n",
		r.Admitted, r.Latency, r.Goodput, r.Admit)
	fmt.Fprintf(w, "refused    %.0f messages/s, %s\n", r.Refused, r.Refusal)
	fmt.Fprintf(w, "staff      %d admitted, %s; %d refused\n", r.Staff.Admitted, r.Staff.Latency, r.Staff.Refused)
	fmt.Fprintf(w, "streams    %d messages arrived, each once and in order, %s; silent for %s at most\n",
		r.Received, r.Delivery, round(r.Silence))
	fmt.Fprintf(w, "memory     %s before, %s at most\n", kilobytes(r.Before), kilobytes(r.Most))
	fmt.Fprintf(w, "recovery   a message was admitted %s after the load, at the attempt %d\n", round(r.Recovery), r.Attempts)
	fmt.Fprintf(w, "processor  server %.0f %%, client %.0f %% of a core, of %d cores\n",
		100*r.ServerShare, 100*r.ClientShare, r.Cores)
}
