package kupla

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

const (
	// defaultHeartbeat is the longest silence the contract allows. It holds until a stream tells its own.
	defaultHeartbeat = 15 * time.Second
	// A stream that lasted this long was no part of a failure that goes on: pauses start small again.
	healthyAfter = 5 * time.Second
	// maxGaps is how often in a row the same event may be missing before the sequence ends.
	maxGaps = 3
)

// Connection tells that the connection was lost.
type Connection struct {
	// Cause is why: [ErrStreamSilent], [ErrStreamEnded], a [GoAwayError], a [GapError], or the error of the call.
	Cause error
	// RetryIn is how long the follower pauses before it connects again.
	RetryIn time.Duration
	// Attempt counts the attempts since the last connection that held, from 1.
	Attempt int
}

// receiver is a generated client stream.
type receiver[F any] interface {
	Receive() (F, error)
	Close() error
}

// tracker knows one kind of stream: where it stands, and what becomes of its frames.
type tracker[F, U any] interface {
	// open opens a stream from where the tracker stands.
	open(ctx context.Context) (receiver[F], error)
	// take takes in a frame. An error breaks the stream: the follower opens the next one, unless the error is
	// a fatal one. The step counts either way.
	take(frame F) (step[U], error)
	// connected and disconnected say what to hand out when the connection changes.
	connected() U
	disconnected(Connection) U
	// interrupted and restored say what to hand out when an interruption of the service begins and ends.
	interrupted() U
	restored() U
}

// step is what one frame comes to.
type step[U any] struct {
	updates   []U
	heartbeat *kuplav1.Heartbeat
	away      *kuplav1.GoAway
}

// fatal marks an error that ends the sequence.
type fatal struct{ error }

// Unwrap returns the error itself.
func (f fatal) Unwrap() error { return f.error }

// errLeft means that the consumer left the loop.
var errLeft = errors.New("kupla: the consumer left")

// follower runs one sequence. All of it happens in the goroutine that ranges over the sequence.
type follower[F, U any] struct {
	client   *Client
	tracker  tracker[F, U]
	yield    func(U, error) bool
	interval time.Duration
	failures int // since the last stream that held
	// interrupted is whether the service said last that it is interrupted. It holds until a stream says otherwise,
	// also while none can be opened.
	interrupted bool
}

// follow returns the sequence of what newTracker's stream brings. Each ranging over it starts from the
// beginning, with a tracker of its own.
func follow[F, U any](ctx context.Context, c *Client, newTracker func() tracker[F, U]) iter.Seq2[U, error] {
	return func(yield func(U, error) bool) {
		f := &follower[F, U]{client: c, tracker: newTracker(), yield: yield, interval: defaultHeartbeat}
		f.run(ctx)
	}
}

func (f *follower[F, U]) run(ctx context.Context) {
	var none U
	for {
		err := f.stream(ctx)
		switch {
		case errors.Is(err, errLeft):
			return
		case ctx.Err() != nil:
			f.yield(none, context.Cause(ctx))
			return
		}
		if away, ok := errors.AsType[*GoAwayError](err); ok && !away.Reconnect {
			if away.Reason != kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED {
				f.yield(none, err)
			}
			return
		}
		if endsFollowing(err) {
			if marked, ok := errors.AsType[fatal](err); ok {
				err = marked.error
			}
			f.yield(none, err)
			return
		}
		if saysInterrupted(err) && !f.tellInterrupted(true) {
			return
		}
		pause := f.pause(err)
		if !f.yield(f.tracker.disconnected(Connection{Cause: err, RetryIn: pause, Attempt: f.failures}), nil) {
			return
		}
		if wait(ctx, pause) != nil {
			f.yield(none, context.Cause(ctx))
			return
		}
	}
}

// stream runs one stream to its end and returns why it ended.
func (f *follower[F, U]) stream(ctx context.Context) (end error) {
	streamCtx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	// The watch runs only while the stream is waited for, not while the consumer thinks.
	watch := time.AfterFunc(2*f.interval, func() { cut(ErrStreamSilent) })
	defer watch.Stop()

	stream, err := f.tracker.open(streamCtx)
	if err != nil {
		return cause(streamCtx, err)
	}
	defer func() {
		cut(nil) // first, or closing might wait for the rest of the stream
		_ = stream.Close()
	}()

	var since time.Time
	defer func() {
		if !since.IsZero() && time.Since(since) >= healthyAfter {
			f.failures = 0
		}
	}()
	for {
		frame, err := stream.Receive()
		watch.Stop()
		if err != nil {
			return cause(streamCtx, err)
		}
		step, err := f.tracker.take(frame)
		// A stream that is sent away before it brought anything never stood.
		if since.IsZero() && step.away == nil {
			since = time.Now()
			if !f.tellConnected(step.heartbeat) {
				return errLeft
			}
		}
		for _, update := range step.updates {
			if !f.yield(update, nil) {
				return errLeft
			}
		}
		if step.heartbeat != nil && !f.tellInterrupted(step.heartbeat.GetInterrupted()) {
			return errLeft
		}
		if err != nil {
			return err
		}
		if step.away != nil {
			return &GoAwayError{
				Reason:     step.away.GetReason(),
				Reconnect:  step.away.GetReconnect(),
				RetryDelay: max(step.away.GetRetryDelay().AsDuration(), 0),
			}
		}
		if interval := heartbeatInterval(step.heartbeat); interval > 0 {
			f.interval = interval
		}
		watch.Reset(2 * f.interval)
	}
}

// tellConnected says that the connection stands, after its first frame: a heartbeat, or another. A stream begins with
// what could be read just now, which ends an interruption as well. It returns whether to go on.
func (f *follower[F, U]) tellConnected(heartbeat *kuplav1.Heartbeat) bool {
	return f.yield(f.tracker.connected(), nil) && (heartbeat.GetInterrupted() || f.tellInterrupted(false))
}

// tellInterrupted says that an interruption has begun or ended, when that is news. It returns whether to go on.
func (f *follower[F, U]) tellInterrupted(interrupted bool) bool {
	if f.interrupted == interrupted {
		return true
	}
	f.interrupted = interrupted
	if interrupted {
		return f.yield(f.tracker.interrupted(), nil)
	}
	return f.yield(f.tracker.restored(), nil)
}

// pause returns how long to wait before the next stream, and counts the failure.
func (f *follower[F, U]) pause(err error) time.Duration {
	pause := f.client.random(f.client.reconnect.bound(f.failures))
	f.failures++
	if delay, ok := RetryDelay(err); ok {
		return delay + pause
	}
	if away, ok := errors.AsType[*GoAwayError](err); ok && away.RetryDelay == 0 && f.failures == 1 {
		return 0 // "zero means at once", but not in a circle
	}
	return pause
}

// cause returns why a call under ctx failed, in words of this package where it has them.
func cause(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), ErrStreamSilent):
		return ErrStreamSilent
	case errors.Is(err, io.EOF):
		return ErrStreamEnded
	default:
		return err
	}
}

// endsFollowing reports whether trying again with the same credentials and cursor is pointless.
func endsFollowing(err error) bool {
	if _, ok := errors.AsType[fatal](err); ok {
		return true
	}
	switch connect.CodeOf(err) {
	case connect.CodeUnauthenticated, connect.CodePermissionDenied, connect.CodeNotFound, connect.CodeUnimplemented:
		return true
	case connect.CodeInvalidArgument, connect.CodeFailedPrecondition, connect.CodeOutOfRange:
		// A garbled answer looks like one of these, too, but not from the service.
		return fromService(err)
	default:
		return false
	}
}

// saysInterrupted reports whether the service gave an interruption as the reason for refusing or ending a stream.
func saysInterrupted(err error) bool {
	if away, ok := errors.AsType[*GoAwayError](err); ok {
		return away.Reason == kuplav1.GoAwayReason_GO_AWAY_REASON_UNAVAILABLE
	}
	return ReasonOf(err) == kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE
}

// heartbeatInterval returns the silence that a heartbeat allows, or 0 when it says nothing about it. Less than a
// second would take a short delay on the way for a dead stream.
func heartbeatInterval(heartbeat *kuplav1.Heartbeat) time.Duration {
	told := heartbeat.GetInterval().AsDuration()
	if told <= 0 {
		return 0
	}
	return max(told, time.Second)
}

// cursors are the events of a frame, each with where to resume after it: after the last one that is the frame's cursor,
// after the others it is what it was, which is the empty string.
func cursors(cursor string, events []*kuplav1.Event) iter.Seq2[string, *kuplav1.Event] {
	return func(yield func(string, *kuplav1.Event) bool) {
		for i, event := range events {
			at := ""
			if i == len(events)-1 {
				at = cursor
			}
			if !yield(at, event) {
				return
			}
		}
	}
}
