package kupla

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// RetryPolicy is how calls are repeated whose outcome is not known, or which the service asks to repeat.
type RetryPolicy struct {
	// Backoff is the pause between attempts. Default: 100 milliseconds at first, 5 seconds at most.
	Backoff
	// AttemptTimeout is how long one attempt may take before it counts as lost. Default 10 seconds; negative
	// means as long as the context allows.
	AttemptTimeout time.Duration
	// MaxElapsed is after how long no further attempt is made. Default 2 minutes; negative means to go on
	// until the context ends.
	MaxElapsed time.Duration
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	p.Backoff = p.Backoff.withDefaults(defaultRetryBackoff)
	if p.AttemptTimeout == 0 {
		p.AttemptTimeout = 10 * time.Second
	}
	if p.MaxElapsed == 0 {
		p.MaxElapsed = 2 * time.Minute
	}
	return p
}

// retry makes a call until it is answered, refused, or it is time to give up. The request stays the same,
// its request id included, which is what makes the repeat safe.
func retry[Req proto.Message, Res any](
	ctx context.Context,
	c *Client,
	req Req,
	call func(context.Context, Req) (Res, error),
) (Res, error) {
	// Text that is not valid UTF-8 cannot be sent, ever. The transport would notice only after an empty request
	// has gone out, and it would look like an answer lost on the way.
	if _, err := proto.Marshal(req); err != nil {
		var none Res
		return none, connect.Errorf(connect.CodeInvalidArgument, "the request cannot be encoded: %v", err).WithCause(err)
	}
	start := time.Now()
	unknown := false // whether one of the attempts may have been carried out
	for failures := 0; ; failures++ {
		res, err := attempt(ctx, c.retry.AttemptTimeout, req, call)
		if err == nil {
			return res, nil
		}
		var none Res
		unknown = unknown || leavesOpen(err)
		if ctx.Err() != nil {
			return none, settle(fmt.Errorf("kupla: %w, after: %w", context.Cause(ctx), err), unknown)
		}
		if !worthRepeating(err) {
			// A verdict on this attempt need not be one on those before.
			return none, settle(err, unknown && !settles(err))
		}
		pause := c.random(c.retry.bound(failures))
		if delay, ok := RetryDelay(err); ok {
			pause += delay
		}
		if c.retry.MaxElapsed > 0 && time.Since(start)+pause > c.retry.MaxElapsed {
			return none, settle(fmt.Errorf("kupla: gave up after %d attempts: %w", failures+1, err), unknown)
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
			// Waiting would only replace what is known about the failure by the passing of the deadline.
			return none, settle(fmt.Errorf("kupla: %w, after: %w", context.DeadlineExceeded, err), unknown)
		}
		if wait(ctx, pause) != nil {
			return none, settle(fmt.Errorf("kupla: %w, after: %w", context.Cause(ctx), err), unknown)
		}
	}
}

func attempt[Req, Res any](
	ctx context.Context,
	timeout time.Duration,
	req Req,
	call func(context.Context, Req) (Res, error),
) (Res, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	return call(ctx, req)
}

// worthRepeating reports whether the outcome of a failed call is unknown, or the service asks to try again.
// The caller has made sure that it is not the caller's own context that ended.
func worthRepeating(err error) bool {
	switch connect.CodeOf(err) {
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeCanceled:
		return true
	case connect.CodeResourceExhausted:
		return asksToWait(err)
	case connect.CodeUnknown, connect.CodeInternal, connect.CodeAborted, connect.CodeDataLoss, connect.CodeInvalidArgument:
		// The service's own verdict stands. Otherwise the answer was lost or garbled on the way.
		return !fromService(err)
	default:
		return false
	}
}

// asksToWait reports whether the service asks to make the same call later, and has not carried it out.
func asksToWait(err error) bool {
	switch ReasonOf(err) {
	case kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED, kuplav1.ErrorReason_ERROR_REASON_OVERLOADED:
		return true
	default:
		return false
	}
}

// wait pauses for d, or returns the context's error if that ends first.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
