package rpc

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/access"
)

// Admission is how much a server does at a time, whoever calls. What is beyond it is refused at once with OVERLOADED, so
// that what is admitted is answered as quickly as ever. Open streams count as calls only until their first frame.
//
// A quarter of both is kept for staff: when more residents call than there is room for, those who can help them are to
// get through. Staff is whose token is remembered as good, so that nobody gains anything by a token of their invention;
// the first call with one counts as a resident's.
type Admission struct {
	// CallsInFlight is how many calls may be worked on. As many more wait for a moment. Default 512; negative is no limit.
	//
	// A call is worked on from when its request has been read until its answer is written: whoever sends or reads slowly
	// takes nobody's place.
	CallsInFlight int
	// Calls is how many calls may come in the long run, and at once, but for those that are answered from memory: the
	// queues and their status. Default unlimited.
	Calls access.Rate
}

// defaultCallsInFlight is several times what a server works on at a time when it does as much as it can.
const defaultCallsInFlight = 512

func (a Admission) withDefaults() Admission {
	set(&a.CallsInFlight, defaultCallsInFlight)
	set(&a.Calls, access.Unlimited)
	return a
}

const (
	// staffShare is the part of the calls that is kept for staff: one in so many.
	staffShare = 4
	// admissionWait is how long a call waits for its turn: a crowd that comes at once is worked off in that time, and
	// nobody notices it.
	admissionWait = 250 * time.Millisecond
	// Whoever is refused is asked to come back after a time between these two, each after another one.
	overloadedAtLeast = 500 * time.Millisecond
	overloadedAtMost  = 2500 * time.Millisecond
)

// class is what is kept for a call.
type class uint8

const (
	residentCall class = iota
	staffCall
	// unlimitedCall is always admitted.
	unlimitedCall
)

// limitedClasses is how many classes there are a limit for.
const limitedClasses = unlimitedCall

// classOf tells what is kept for a call.
func (s *Server) classOf(p policy, header http.Header) class {
	if p.health {
		return unlimitedCall
	}
	if p.roles == nil {
		return residentCall
	}
	if token, ok := access.BearerToken(header); ok && s.authenticator.KnowsStaff(token) {
		return staffCall
	}
	return residentCall
}

// admission admits calls. Its fast path is two atomic operations, of which the second is for the rate alone.
type admission struct {
	// most is how many of a class may be worked on while so many are altogether.
	most     [limitedClasses]int64
	inFlight atomic.Int64
	lines    [limitedClasses]line

	// interval is the time of one call at the rate; zero is no rate. The calls admitted stand one after the other in time,
	// and next is where the coming one would: ahead of now by no more than there is room for.
	interval int64
	room     [limitedClasses]int64
	next     atomic.Int64

	tooFast, tooMany atomic.Uint64
}

// line is those of a class who wait for their turn.
type line struct {
	waiting atomic.Int64
	turn    chan struct{}
}

func newAdmission(config Admission) *admission {
	a := &admission{}
	n := int64(config.CallsInFlight)
	if n < 0 {
		n = math.MaxInt32
	}
	a.most[staffCall], a.most[residentCall] = n, max(1, n-n/staffShare)
	for i := range a.lines {
		a.lines[i].turn = make(chan struct{}, min(n, defaultCallsInFlight))
	}
	if rate := config.Calls; rate.PerSecond > 0 {
		burst := int64(max(1, rate.Burst))
		a.interval = max(1, int64(float64(time.Second)/rate.PerSecond))
		a.room[staffCall], a.room[residentCall] = burst*a.interval, max(1, burst-burst/staffShare)*a.interval
	}
	return a
}

// look refuses a call before anything is read or looked up of it: when calls come faster than they may, or so many wait
// already that it would in vain.
func (a *admission) look(c class, light bool, now time.Time) error {
	if c == unlimitedCall {
		return nil
	}
	if a.lines[c].waiting.Load() >= a.most[c] {
		a.tooMany.Add(1)
		return overloaded()
	}
	if !light && a.interval > 0 && !a.inTime(c, now.UnixNano()) {
		a.tooFast.Add(1)
		return overloaded()
	}
	return nil
}

// inTime takes the next place in time for a call, if there is room.
func (a *admission) inTime(c class, now int64) bool {
	for {
		was := a.next.Load()
		from := max(was, now)
		if was > now+a.room[staffCall]+int64(time.Second) {
			from = now // further ahead than there ever is room for: the clock was set back
		}
		next := from + a.interval
		if next-now > a.room[c] {
			return false
		}
		if a.next.CompareAndSwap(was, next) {
			return true
		}
	}
}

// enter begins to work on a call, after waiting for its turn when there is no room. Each is to be followed by leave,
// unless it failed.
func (a *admission) enter(ctx context.Context, c class) error {
	if a.try(c) {
		return nil
	}
	return a.wait(ctx, c)
}

func (a *admission) try(c class) bool {
	for {
		n := a.inFlight.Load()
		if n >= a.most[c] {
			return false
		}
		if a.inFlight.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// wait waits for a turn.
func (a *admission) wait(ctx context.Context, c class) error {
	l := &a.lines[c]
	// Before the next try, so that whoever leaves after it sees that somebody waits.
	if l.waiting.Add(1) > a.most[c] {
		l.waiting.Add(-1)
		a.tooMany.Add(1)
		return overloaded()
	}
	defer l.waiting.Add(-1)
	timer := time.NewTimer(admissionWait)
	defer timer.Stop()
	for !a.try(c) {
		select {
		case <-l.turn:
		case <-timer.C:
			if a.try(c) {
				return nil
			}
			a.tooMany.Add(1)
			return overloaded()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// leave ends the work on a call, and gives the turn to one that waits: staff first, since there may be no room for others.
func (a *admission) leave() {
	n := a.inFlight.Add(-1)
	for _, c := range [...]class{staffCall, residentCall} {
		if l := &a.lines[c]; l.waiting.Load() > 0 && n < a.most[c] {
			select {
			case l.turn <- struct{}{}:
			default: // as many turns as anybody could take are given
			}
			return
		}
	}
}

// overloaded is the refusal, with a time to come back that is another one for each.
func overloaded() error {
	//nolint:gosec // Nobody gains anything by guessing it.
	delay := overloadedAtLeast + rand.N(overloadedAtMost-overloadedAtLeast)
	return refuseLater(kuplav1.ErrorReason_ERROR_REASON_OVERLOADED, delay)
}

// workStream is a call's stream that has the call worked on from when its request is read until the first of its answer
// is written.
type workStream struct {
	connect.ServerStream

	admission *admission
	ctx       context.Context //nolint:containedctx // It is the call's, as the stream is.
	class     class
	working   bool
	worked    bool
}

// Receive reads the request, and waits for the turn of the call.
func (w *workStream) Receive(msg any) error {
	if err := w.ServerStream.Receive(msg); err != nil {
		return err
	}
	if w.working || w.worked {
		return nil
	}
	if err := w.admission.enter(w.ctx, w.class); err != nil {
		return err
	}
	w.working = true
	return nil
}

// Send writes the answer, or a part of it.
func (w *workStream) Send(msg any) error {
	w.done()
	return w.ServerStream.Send(msg)
}

// done ends the work.
func (w *workStream) done() {
	if w.working {
		w.working, w.worked = false, true
		w.admission.leave()
	}
}
