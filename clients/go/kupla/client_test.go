package kupla

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

func TestStart(t *testing.T) {
	var got *kuplav1.StartConversationRequest
	service := &fakeService{start: func(req *kuplav1.StartConversationRequest) (*kuplav1.StartConversationResponse, error) {
		got = req
		return &kuplav1.StartConversationResponse{
			Conversation: &kuplav1.Conversation{Id: "c1"}, ParticipantId: "p1", AccessToken: "secret", Cursor: at(0),
		}, nil
	}}
	v, err := service.client().Start(t.Context(), StartOptions{QueueID: "demo", Message: "hello", NoticeVersion: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := uuid.Parse(got.GetRequestId()); err != nil || id.Version() != 4 {
		t.Errorf("request id %q", got.GetRequestId())
	}
	if got.GetLanguage() != "fi" || got.GetQueueId() != "demo" || got.GetMessage() != "hello" || got.GetNoticeVersion() != "n1" {
		t.Errorf("asked %v", got)
	}
	want := Credentials{ConversationID: "c1", ParticipantID: "p1", AccessToken: "secret", Cursor: at(0)}
	if diff := cmp.Diff(want, v.Credentials()); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
	const chosen = "0a5f6a0c-2f5c-4c53-9a55-1f7fdc0d93c1"
	if _, err := service.client().Start(t.Context(), StartOptions{RequestID: chosen}); err != nil || got.GetRequestId() != chosen {
		t.Errorf("request id %q, %v", got.GetRequestId(), err)
	}
}

func TestCredentialsAreKeptButNeverShown(t *testing.T) {
	const token = "u5f1secret9"
	service := &fakeService{}
	client := service.client(WithStaffToken(token))
	credentials := Credentials{ConversationID: "c1", ParticipantID: "p1", AccessToken: token, Cursor: "x", Sequence: 3}
	v := client.Resume(credentials)

	var logged bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&logged, nil), slog.NewTextHandler(&logged, nil)} {
		slog.New(handler).Info("x", "credentials", credentials, "token", credentials.AccessToken, "conversation", v)
	}
	shown := []string{logged.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{credentials, &credentials, credentials.AccessToken, v, *client, client} {
			shown = append(shown, fmt.Sprintf(verb, value))
		}
	}
	for _, text := range shown {
		if strings.Contains(text, token) || strings.Contains(text, fmt.Sprintf("%x", token)) {
			t.Errorf("shows the token: %s", text)
		}
	}

	kept, err := json.Marshal(v.Credentials())
	if err != nil {
		t.Fatal(err)
	}
	var restored Credentials
	if err := json.Unmarshal(kept, &restored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(credentials, restored); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
}

func TestEachCallGetsItsCredentials(t *testing.T) {
	service := &fakeService{
		start: func(*kuplav1.StartConversationRequest) (*kuplav1.StartConversationResponse, error) {
			return &kuplav1.StartConversationResponse{AccessToken: "own"}, nil
		},
		list: func(*kuplav1.ListEventsRequest) (*kuplav1.ListEventsResponse, error) {
			return &kuplav1.ListEventsResponse{}, nil
		},
	}
	client := service.client(WithStaffToken("staff"))
	v, err := client.Start(t.Context(), StartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range v.Events(t.Context()) {
		t.Fatal(err)
	}
	survey, err := v.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := v.SubmitFeedback(t.Context(), survey.GetFeedbackToken(), nil); err != nil {
		t.Fatal(err)
	}
	for _, err := range client.Queues(t.Context()) {
		t.Fatal(err)
	}
	if _, err := client.Desk().TakeNext(t.Context()); connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Fatal(err)
	}
	want := map[string]string{
		kuplav1connect.ConversationServiceStartConversationProcedure: "",
		kuplav1connect.ConversationServiceListEventsProcedure:        "Bearer own",
		kuplav1connect.FeedbackServiceGetSurveyProcedure:             "Bearer own",
		kuplav1connect.FeedbackServiceSubmitFeedbackProcedure:        "",
		kuplav1connect.QueueServiceListQueuesProcedure:               "",
		kuplav1connect.DeskServiceTakeNextProcedure:                  "Bearer staff",
	}
	if diff := cmp.Diff(want, service.authorization); diff != "" {
		t.Errorf("authorization (-want +got):\n%s", diff)
	}
	for _, err := range client.Conversation("c2").Events(t.Context()) {
		t.Fatal(err)
	}
	if got := service.authorization[kuplav1connect.ConversationServiceListEventsProcedure]; got != "Bearer staff" {
		t.Errorf("a professional presents %q", got)
	}
}

func TestEventsPagesThroughTheLog(t *testing.T) {
	page := func(next string, sequences ...int32) *kuplav1.ListEventsResponse {
		res := &kuplav1.ListEventsResponse{NextPageToken: next}
		for _, sequence := range sequences {
			res.Events = append(res.Events, message(sequence))
		}
		return res
	}
	tests := map[string]struct {
		pages map[string]*kuplav1.ListEventsResponse
		want  []int32
		gap   bool
	}{
		"whole": {
			pages: map[string]*kuplav1.ListEventsResponse{"": page("b", 1, 2), "b": page("c"), "c": page("", 3)},
			want:  upTo(3),
		},
		"with a gap": {
			pages: map[string]*kuplav1.ListEventsResponse{"": page("b", 1, 2), "b": page("", 4)},
			want:  upTo(2),
			gap:   true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			service := &fakeService{list: func(req *kuplav1.ListEventsRequest) (*kuplav1.ListEventsResponse, error) {
				return test.pages[req.GetPageToken()], nil
			}}
			var got []int32
			var end error
			for event, err := range service.conversation().Events(t.Context()) {
				if end = err; err == nil {
					got = append(got, event.GetSequence())
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if _, isGap := errors.AsType[*GapError](end); isGap != test.gap || (end != nil) != test.gap {
				t.Errorf("ended with %v", end)
			}
		})
	}
}

func TestErrorHelpers(t *testing.T) {
	retryInfo, err := connectproto.NewErrorDetail(&errdetails.RetryInfo{RetryDelay: durationpb.New(4 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := connectproto.NewErrorDetail(&errdetails.ErrorInfo{Reason: "QUEUE_FULL", Domain: "proxy.example"})
	if err != nil {
		t.Fatal(err)
	}
	full := refusal(connect.CodeResourceExhausted, "QUEUE_FULL", map[string]string{"phone": "116117", "retry_delay": "90s"})
	tests := map[string]struct {
		err    error
		reason kuplav1.ErrorReason
		phone  string
		delay  time.Duration
		asks   bool
	}{
		"nothing":     {},
		"not ours":    {err: errors.New("broken")},
		"a refusal":   {err: full, reason: kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL, phone: "116117", delay: 90 * time.Second, asks: true},
		"wrapped":     {err: fmt.Errorf("start: %w", full), reason: kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL, phone: "116117", delay: 90 * time.Second, asks: true},
		"retry info":  {err: full.WithDetail(retryInfo), reason: kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL, phone: "116117", delay: 4 * time.Second, asks: true},
		"seconds":     {err: refusal(connect.CodeUnavailable, "UNAVAILABLE", map[string]string{"retry_delay": "5"}), reason: kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE, delay: 5 * time.Second, asks: true},
		"negative":    {err: refusal(connect.CodeUnavailable, "UNAVAILABLE", map[string]string{"retry_delay": "-5s"}), reason: kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE, asks: true},
		"nonsense":    {err: refusal(connect.CodeUnavailable, "UNAVAILABLE", map[string]string{"retry_delay": "soon"}), reason: kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE},
		"a new one":   {err: refusal(connect.CodeFailedPrecondition, "FROM_THE_FUTURE", nil)},
		"by a proxy":  {err: connect.NewError(connect.CodeResourceExhausted, "").WithDetail(foreign)},
		"go away":     {err: &GoAwayError{Reconnect: true, RetryDelay: time.Second}, delay: time.Second, asks: true},
		"go for good": {err: &GoAwayError{RetryDelay: time.Second}},
		"unknown detail": {
			err:    connect.NewError(connect.CodeInternal, "").WithDetail(&connect.ErrorDetail{Type: "x.Y", Value: []byte{1}}),
			reason: kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := ReasonOf(test.err); got != test.reason {
				t.Errorf("reason %v", got)
			}
			if got := Metadata(test.err)["phone"]; got != test.phone {
				t.Errorf("phone %q", got)
			}
			if delay, asks := RetryDelay(test.err); delay != test.delay || asks != test.asks {
				t.Errorf("delay %v, %t", delay, asks)
			}
		})
	}
}
