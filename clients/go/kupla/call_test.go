package kupla

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// Whether a write that was given up may have been carried out is told from what became of its attempts.
func TestOutcomeUnknown(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	unreached := connect.NewError(connect.CodeUnavailable, "dial").WithCause(refused)
	down := connect.NewError(connect.CodeUnavailable, "down")
	tests := map[string]struct {
		attempts []error // the last one goes on
		unknown  bool
	}{
		"never reached":                 {[]error{unreached}, false},
		"lost":                          {[]error{down}, true},
		"lost once, then never reached": {[]error{down, unreached}, true},
		"interrupted":                   {[]error{refusal(connect.CodeUnavailable, "UNAVAILABLE", nil).WithRemote()}, true},
		"too fast":                      {[]error{refusal(connect.CodeResourceExhausted, "RATE_LIMITED", nil).WithRemote()}, false},
		"too much to do":                {[]error{refusal(connect.CodeResourceExhausted, "OVERLOADED", nil).WithRemote()}, false},
		"lost once, then refused": {
			[]error{down, refusal(connect.CodeFailedPrecondition, "CONVERSATION_CLOSED", nil).WithRemote()}, false,
		},
		"lost once, then the page of a proxy": {[]error{down, connect.NewError(connect.CodeNotFound, "404")}, true},
		"lost once, then kept out by a proxy": {[]error{down, connect.NewError(connect.CodePermissionDenied, "403")}, true},
		"lost once, then kept out": {
			[]error{down, refusal(connect.CodeUnauthenticated, "CREDENTIALS_INVALID", nil).WithRemote()}, true,
		},
		"lost once, then without the role": {
			[]error{down, refusal(connect.CodePermissionDenied, "ROLE_REQUIRED", nil).WithRemote()}, true,
		},
		"never reached, then the page of a proxy": {[]error{unreached, connect.NewError(connect.CodeNotFound, "404")}, false},
		"the page of a proxy":                     {[]error{connect.NewError(connect.CodeNotFound, "404")}, false},
		"refused":                                 {[]error{refusal(connect.CodeInvalidArgument, "INVALID_REQUEST", nil).WithRemote()}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := (&fakeService{}).client(WithRetry(RetryPolicy{MaxElapsed: 5 * time.Second}))
				calls := 0
				_, err := Call(t.Context(), c, &kuplav1.SendMessageRequest{RequestId: "kept"},
					func(_ context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
						calls++
						if req.GetRequestId() != "kept" {
							t.Errorf("attempt %d has the request id %q", calls, req.GetRequestId())
						}
						return nil, test.attempts[min(calls, len(test.attempts))-1]
					})
				if err == nil || OutcomeUnknown(err) != test.unknown {
					t.Errorf("after %d calls: unknown is %t, of: %v", calls, OutcomeUnknown(err), err)
				}
				if last := test.attempts[len(test.attempts)-1]; !errors.Is(err, last) {
					t.Errorf("the failure %v is lost in %v", last, err)
				}
			})
		})
	}
}

// A log is listed page by page, and the token of a page is good for that page and what is written behind it.
func TestEventPages(t *testing.T) {
	log := 5
	var asked []string
	service := &fakeService{list: func(req *kuplav1.ListEventsRequest) (*kuplav1.ListEventsResponse, error) {
		asked = append(asked, req.GetPageToken())
		from, _ := strconv.Atoi(req.GetPageToken())
		res := &kuplav1.ListEventsResponse{}
		for sequence := from + 1; sequence <= min(from+2, log); sequence++ {
			res.Events = append(res.Events, message(int32(sequence)))
		}
		if from+2 < log {
			res.NextPageToken = strconv.Itoa(from + 2)
		}
		return res, nil
	}}
	list := func(token string) (sequences []int32, last string) {
		t.Helper()
		for page, err := range service.conversation().EventPages(t.Context(), token) {
			if err != nil {
				t.Fatal(err)
			}
			last = page.Token
			for _, event := range page.Events {
				sequences = append(sequences, event.GetSequence())
			}
		}
		return sequences, last
	}
	got, last := list("")
	if !slices.Equal(got, upTo(5)) || last != "4" || !slices.Equal(asked, []string{"", "2", "4"}) {
		t.Errorf("listed %v, asked %q, ended at %q", got, asked, last)
	}
	log = 7
	if got, _ := list(last); !slices.Equal(got, []int32{5, 6, 7}) {
		t.Errorf("listed %v from the last page", got)
	}
	for _, missing := range []GapError{{ConversationID: "c1", Want: 1, Got: 2}, {ConversationID: "c1", Want: 3, Got: 5}} {
		service.list = func(*kuplav1.ListEventsRequest) (*kuplav1.ListEventsResponse, error) {
			res := &kuplav1.ListEventsResponse{}
			for sequence := range missing.Want - 1 {
				res.Events = append(res.Events, message(sequence+1))
			}
			res.Events = append(res.Events, message(missing.Got))
			return res, nil
		}
		for page, err := range service.conversation().EventPages(t.Context(), "") {
			if gap, ok := errors.AsType[*GapError](err); !ok || *gap != missing {
				t.Errorf("got %v, %v, want %v", page, err, &missing)
			}
		}
	}
	service.list = func(*kuplav1.ListEventsRequest) (*kuplav1.ListEventsResponse, error) {
		return nil, refusal(connect.CodeNotFound, "CONVERSATION_NOT_FOUND", nil)
	}
	for _, err := range service.conversation().EventPages(t.Context(), "") {
		if ReasonOf(err) != kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND {
			t.Errorf("got %v", err)
		}
	}
}
