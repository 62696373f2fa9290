package kupla

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// ledger stores messages once for each request id, as the service does.
type ledger struct {
	mu     sync.Mutex
	stored map[string]int32
	asked  []*kuplav1.SendMessageRequest
}

func (l *ledger) commit(req *kuplav1.SendMessageRequest) *kuplav1.SendMessageResponse {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stored == nil {
		l.stored = make(map[string]int32)
	}
	sequence, ok := l.stored[req.GetRequestId()]
	if !ok {
		sequence = int32(len(l.stored) + 1)
		l.stored[req.GetRequestId()] = sequence
	}
	l.asked = append(l.asked, req)
	return &kuplav1.SendMessageResponse{Event: &kuplav1.Event{Sequence: sequence}}
}

// A message whose answers are lost is asked for again under the same id, and stored once.
func TestSendIsStoredOnceWhenAnswersAreLost(t *testing.T) {
	lost := map[string]error{
		"connection lost":  errCut,
		"unavailable":      refusal(connect.CodeUnavailable, "UNAVAILABLE", nil),
		"took too long":    connect.NewError(connect.CodeDeadlineExceeded, ""),
		"reset by a proxy": connect.NewError(connect.CodeCanceled, ""),
	}
	for name, failure := range lost {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l ledger
				service := &fakeService{}
				service.send = func(_ context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
					res := l.commit(req)
					if len(l.asked) < 4 {
						return nil, failure
					}
					return res, nil
				}
				v := service.conversation(lostAnswers())
				event, err := v.Send(t.Context(), "hello")
				if err != nil || event.GetSequence() != 1 || len(l.stored) != 1 || len(l.asked) != 4 {
					t.Fatalf("got %v, %v after %d calls, %d stored", event, err, len(l.asked), len(l.stored))
				}
				for _, req := range l.asked {
					if req.GetRequestId() != l.asked[0].GetRequestId() || req.GetText() != "hello" {
						t.Errorf("asked %v", req)
					}
				}
				if id, err := uuid.Parse(l.asked[0].GetRequestId()); err != nil || id.Version() != 4 {
					t.Errorf("request id %q", l.asked[0].GetRequestId())
				}
				if _, err := v.Send(t.Context(), "hello"); err != nil || len(l.stored) != 2 {
					t.Errorf("a second message: %v, %d stored", err, len(l.stored))
				}
			})
		})
	}
}

// lostAnswers makes errors that are no verdict of the service look as they do over a network.
func lostAnswers() Option {
	return optionFunc(func(c *config) {
		inner := c.transport
		c.transport = transportFunc(func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			stream, err := inner.NewClientStream(ctx, spec)
			return localErrors{stream}, err
		})
	})
}

type transportFunc func(context.Context, connect.Spec) (connect.ClientStream, error)

func (f transportFunc) NewClientStream(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
	return f(ctx, spec)
}

type localErrors struct{ connect.ClientStream }

func (s localErrors) Receive(msg any) error {
	err := s.ClientStream.Receive(msg)
	if errors.Is(err, errCut) {
		return connect.NewError(connect.CodeUnknown, "read message: connection reset")
	}
	return err
}

func TestSendIsNotRepeatedWhenRefused(t *testing.T) {
	refusals := []*connect.Error{
		refusal(connect.CodeFailedPrecondition, "IDENTITY_CODE_IN_TEXT", nil),
		refusal(connect.CodeFailedPrecondition, "CONVERSATION_CLOSED", nil),
		refusal(connect.CodeInvalidArgument, "REQUEST_ID_REUSED", nil),
		refusal(connect.CodeResourceExhausted, "QUEUE_FULL", map[string]string{"retry_delay": "1s"}),
		refusal(connect.CodeResourceExhausted, "TOO_MANY_WAITING", map[string]string{"retry_delay": "1s"}),
		refusal(connect.CodeUnauthenticated, "CREDENTIALS_INVALID", nil),
		refusal(connect.CodePermissionDenied, "ACCESS_ENDED", nil),
		refusal(connect.CodeNotFound, "CONVERSATION_NOT_FOUND", nil),
		refusal(connect.CodeAborted, "CATALOGUE_CHANGED", nil),
		refusal(connect.CodeInternal, "INTERNAL", nil),
		connect.NewError(connect.CodeUnknown, "").WithRemote(),
	}
	for _, want := range refusals {
		t.Run(want.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				service := &fakeService{send: func(context.Context, *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
					calls++
					return nil, want
				}}
				_, err := service.conversation().Send(t.Context(), "hello")
				if calls != 1 || ReasonOf(err) != ReasonOf(want) {
					t.Errorf("%d calls, %v", calls, err)
				}
			})
		})
	}
}

func TestSendWaitsAsLongAsAsked(t *testing.T) {
	for _, reason := range []string{"RATE_LIMITED", "OVERLOADED"} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			service := &fakeService{send: func(context.Context, *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
				calls++
				if calls == 1 {
					return nil, refusal(connect.CodeResourceExhausted, reason, map[string]string{"retry_delay": "3s"})
				}
				return &kuplav1.SendMessageResponse{Event: message(1)}, nil
			}}
			start := time.Now()
			if _, err := service.conversation(withRandom(longest)).Send(t.Context(), "hello"); err != nil {
				t.Fatal(err)
			}
			if want := 3*time.Second + 100*time.Millisecond; time.Since(start) != want {
				t.Errorf("%s: waited %v, want %v", reason, time.Since(start), want)
			}
		})
	}
}

func TestRetryEnds(t *testing.T) {
	down := connect.NewError(connect.CodeUnavailable, "down")
	hung := func(ctx context.Context, _ *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	failing := func(context.Context, *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
		return nil, down
	}
	tests := map[string]struct {
		policy  RetryPolicy
		timeout time.Duration
		send    func(context.Context, *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error)
		after   time.Duration // when it ends; pauses are as long as they may be
		is      error
		code    connect.Code
	}{
		// 0.1+0.2+0.4+0.8+1.6+3.2 seconds, then 5 each as long as they fit into 2 minutes.
		"by itself": {send: failing, after: 6300*time.Millisecond + 22*5*time.Second, code: connect.CodeUnavailable},
		"when told": {
			policy: RetryPolicy{MaxElapsed: time.Second},
			send:   failing, after: 700 * time.Millisecond, code: connect.CodeUnavailable,
		},
		"at the deadline, without waiting for it": {
			policy: RetryPolicy{MaxElapsed: -1}, timeout: time.Second,
			send: failing, after: 700 * time.Millisecond, is: context.DeadlineExceeded, code: connect.CodeUnavailable,
		},
		"hung to the deadline": {
			policy: RetryPolicy{AttemptTimeout: -1}, timeout: 40 * time.Second,
			send: hung, after: 40 * time.Second, is: context.DeadlineExceeded, code: connect.CodeDeadlineExceeded,
		},
		"hung in each attempt": {
			policy: RetryPolicy{AttemptTimeout: 2 * time.Second, MaxElapsed: 5 * time.Second},
			send:   hung, after: 2*3*time.Second + 300*time.Millisecond, code: connect.CodeDeadlineExceeded,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.timeout)
					defer cancel()
				}
				service := &fakeService{send: test.send}
				start := time.Now()
				_, err := service.conversation(WithRetry(test.policy), withRandom(longest)).Send(ctx, "hello")
				if time.Since(start) != test.after {
					t.Errorf("ended after %v, want %v", time.Since(start), test.after)
				}
				if connect.CodeOf(err) != test.code || test.is != nil && !errors.Is(err, test.is) {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{send: func(context.Context, *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
			return nil, connect.NewError(connect.CodeUnavailable, "down")
		}}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := service.conversation(withRandom(longest)).Send(ctx, "hello")
		if !errors.Is(err, context.Canceled) || connect.CodeOf(err) != connect.CodeUnavailable || time.Since(start) != time.Second {
			t.Errorf("ended after %v with %v", time.Since(start), err)
		}
	})
}

func TestBackoffBounds(t *testing.T) {
	b := Backoff{Initial: 100 * time.Millisecond, Max: time.Second}
	var got []time.Duration
	for failures := range 6 {
		got = append(got, b.bound(failures))
	}
	want := []time.Duration{
		100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, time.Second, time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bounds (-want +got):\n%s", diff)
	}
	if b.bound(1_000_000) != time.Second {
		t.Error("bounds do not stay at the largest")
	}
	if got := (Backoff{Initial: time.Minute}).withDefaults(defaultReconnect); got.Max != time.Minute {
		t.Errorf("the largest bound %v is below the first", got.Max)
	}
}

func TestFullJitterUsesTheWholeRange(t *testing.T) {
	const bound = time.Second
	low, high := bound, time.Duration(0)
	for range 10_000 {
		pause := fullJitter(bound)
		if pause < 0 || pause > bound {
			t.Fatalf("pause %v", pause)
		}
		low, high = min(low, pause), max(high, pause)
	}
	if low > bound/100 || high < bound-bound/100 {
		t.Errorf("pauses between %v and %v", low, high)
	}
	if fullJitter(0) != 0 {
		t.Error("a pause out of nothing")
	}
}
