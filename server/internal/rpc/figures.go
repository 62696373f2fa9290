package rpc

import (
	"context"
	"sync/atomic"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/access"
)

// Figures are what the server counts, since its start, beside the calls themselves.
type Figures struct {
	// Limits is what was refused, and who is remembered, by what is limited.
	Limits []access.ScopeStats
	// Behind is how many streams are reading from the store now what they could not be told at once.
	Behind int64
	// BehindReads is how often one has had to, and BehindEvents how many events these were behind together.
	BehindReads, BehindEvents uint64
	// CallsInFlight is how many calls are being worked on now, and CallsWaiting how many wait for their turn.
	CallsInFlight, CallsWaiting int64
	// RefusedByRate is how many calls were refused with OVERLOADED because they came too fast, and RefusedByRoom because
	// too many were being worked on.
	RefusedByRate, RefusedByRoom uint64
	// StreamEnds counts the streams that the server has ended, by what they were told.
	StreamEnds map[kuplav1.GoAwayReason]uint64
}

// goAwayReasons is how many reasons there are to end a stream, and a place for those that are unknown.
const goAwayReasons = 16

// counts are the figures as they are counted.
type counts struct {
	behind                    atomic.Int64
	behindReads, behindEvents atomic.Uint64
	ends                      [goAwayReasons]atomic.Uint64
	// failed counts the calls that failed for the store since that was logged last, and logged is when it was, in Unix
	// nanoseconds.
	failed, logged atomic.Int64
}

// unavailableEvery is how often it is logged that the store cannot be used: every call fails then.
const unavailableEvery = time.Second

// unavailable counts a call that failed because the store cannot be used. When it is to be logged, it tells how many
// that makes.
func (c *counts) unavailable(now time.Time) (calls int64, ok bool) {
	c.failed.Add(1)
	last, at := c.logged.Load(), now.UnixNano()
	if at-last < int64(unavailableEvery) || !c.logged.CompareAndSwap(last, at) {
		return 0, false
	}
	return c.failed.Swap(0), true
}

// fellBehind counts a stream that has to read so many events from the store. The function returned tells that it has.
func (c *counts) fellBehind(events int32) (done func()) {
	c.behindReads.Add(1)
	c.behindEvents.Add(uint64(max(0, events)))
	c.behind.Add(1)
	return func() { c.behind.Add(-1) }
}

// ended counts a stream that is ended for a reason.
func (c *counts) ended(reason kuplav1.GoAwayReason) {
	if reason < 0 || reason >= goAwayReasons {
		reason = kuplav1.GoAwayReason_GO_AWAY_REASON_UNSPECIFIED
	}
	c.ends[reason].Add(1)
}

// Figures are the server's figures now.
func (s *Server) Figures() Figures {
	f := Figures{
		Limits:      s.limiter.Stats(),
		Behind:      s.counts.behind.Load(),
		BehindReads: s.counts.behindReads.Load(), BehindEvents: s.counts.behindEvents.Load(),
		CallsInFlight: s.admission.inFlight.Load(),
		RefusedByRate: s.admission.tooFast.Load(), RefusedByRoom: s.admission.tooMany.Load(),
		StreamEnds: map[kuplav1.GoAwayReason]uint64{},
	}
	for i := range s.admission.lines {
		f.CallsWaiting += s.admission.lines[i].waiting.Load()
	}
	for reason := range kuplav1.GoAwayReason_name {
		if reason < goAwayReasons {
			f.StreamEnds[kuplav1.GoAwayReason(reason)] = s.counts.ends[reason].Load()
		}
	}
	return f
}

// Ready reports whether the server can serve now. It is what the health service tells.
func (s *Server) Ready(ctx context.Context) bool {
	return s.serving(ctx) == healthpb.HealthCheckResponse_SERVING
}
