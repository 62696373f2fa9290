package tracing_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/tracing"
)

// receiver takes traces, as a collector of OpenTelemetry does.
type receiver struct {
	*httptest.Server

	mu    sync.Mutex
	spans []*tracepb.Span
	about map[string]string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{about: map[string]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var m collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &m)
		}
		if err != nil || req.URL.Path != "/v1/traces" {
			http.Error(w, "no traces", http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, resource := range m.GetResourceSpans() {
			for _, a := range resource.GetResource().GetAttributes() {
				r.about[a.GetKey()] = a.GetValue().GetStringValue()
			}
			for _, scope := range resource.GetScopeSpans() {
				r.spans = append(r.spans, scope.GetSpans()...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	return r
}

// tracer tells the receiver of so many calls. told ends it, and returns the spans.
func (r *receiver) tracer(t *testing.T, ratio float64) (traced *tracing.Tracing, told func() []*tracepb.Span) {
	t.Helper()
	traced, err := tracing.New(t.Context(), tracing.Config{
		Endpoint: r.URL + "/v1/traces", SampleRatio: ratio, Version: "1.2.3", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return traced, func() []*tracepb.Span {
		t.Helper()
		if err := traced.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.spans
	}
}

func attributes(s *tracepb.Span) map[string]string {
	found := map[string]string{}
	for _, a := range s.GetAttributes() {
		found[a.GetKey()] = strings.Trim(a.GetValue().String(), `"`)
		if text := a.GetValue().GetStringValue(); text != "" {
			found[a.GetKey()] = text
		}
	}
	return found
}

// A call is a span with its code and reason, and within it the change that it waited for.
func TestCallsAreSpans(t *testing.T) {
	r := newReceiver(t)
	traced, told := r.tracer(t, 1)
	s := apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.Tracing = traced }))
	customer := s.Start(apptest.Queue)
	stream, err := customer.Conversation.FollowConversation(t.Context(), &kuplav1.FollowConversationRequest{ConversationId: customer.ID})
	if err != nil {
		t.Fatal(err)
	}
	customer.Say(t, customer.ID, "Hei")
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	_, err = s.Clients("").Conversation.SendMessage(t.Context(), &kuplav1.SendMessageRequest{
		ConversationId: customer.ID, RequestId: uuid.NewString(), Text: "Hei",
	})
	apptest.WantReason(t, err, connect.CodeUnauthenticated, kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING)
	_ = s.RPC.Connect().Call(t.Context(), "/made.up/Name", &connect.CallInfo{}, nil)

	spans := told()
	names := map[string]int{}
	calls := map[string]*tracepb.Span{}
	for _, span := range spans {
		names[span.GetName()]++
		calls[string(span.GetSpanId())] = span
	}
	want := map[string]int{
		"kupla.v1.ConversationService/StartConversation": 1, "kupla.v1.ConversationService/SendMessage": 2, "store.Change": 2,
	}
	if !maps.Equal(names, want) {
		t.Fatalf("the spans are %v, want %v", names, want)
	}
	reasons := 0
	for _, span := range spans {
		a := attributes(span)
		switch {
		case span.GetName() == "store.Change":
			parent := calls[string(span.GetParentSpanId())]
			if parent == nil || !bytes.Equal(parent.GetTraceId(), span.GetTraceId()) {
				t.Errorf("the change %v belongs to no call", span)
			}
		case a["kupla.reason"] == "CREDENTIALS_MISSING":
			reasons++
			if a["rpc.response.status_code"] != "UNAUTHENTICATED" {
				t.Errorf("the span of a refused call is %v", a)
			}
		case a["rpc.response.status_code"] != "OK" || len(span.GetParentSpanId()) > 0:
			t.Errorf("the span of a call is %v", span)
		}
		if span.GetStatus().GetMessage() != "" || len(span.GetEvents()) > 0 {
			t.Errorf("a span tells %q and %v", span.GetStatus().GetMessage(), span.GetEvents())
		}
	}
	if reasons != 1 {
		t.Errorf("%d spans tell the reason", reasons)
	}
	if r.about["service.name"] != "kuplad" || r.about["service.version"] != "1.2.3" {
		t.Errorf("the spans are told of %v", r.about)
	}
}

// A store that fails is an error in the span, and the text of the error is not in it.
func TestErrorsAreToldByTheirReason(t *testing.T) {
	r := newReceiver(t)
	traced, told := r.tracer(t, 1)
	s := apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.Tracing = traced }))
	customer := s.Start(apptest.Queue)
	s.Close()
	_, err := customer.Conversation.SendMessage(t.Context(), &kuplav1.SendMessageRequest{
		ConversationId: customer.ID, RequestId: uuid.NewString(), Text: "Hei",
	})
	apptest.WantReason(t, err, connect.CodeUnavailable, kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE)
	failed := 0
	for _, span := range told() {
		if span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
			failed++
			if a := attributes(span); a["kupla.reason"] != "UNAVAILABLE" || span.GetStatus().GetMessage() != "" {
				t.Errorf("a span that failed tells %v and %q", a, span.GetStatus().GetMessage())
			}
		}
	}
	if failed == 0 {
		t.Error("no span tells that the store was gone")
	}
}

// Callers do not choose what is traced, and write nothing into traces: what they say of theirs is not read.
func TestCallersTracesAreNotRead(t *testing.T) {
	r := newReceiver(t)
	traced, told := r.tracer(t, 0)
	s := apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.Tracing = traced }))
	served := httptest.NewServer(s.RPC.Handler(rpc.HTTPConfig{}))
	post := func() {
		t.Helper()
		// A span ends after its answer was sent, and a server that closes waits for both.
		defer served.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, served.URL+"/kupla.v1.QueueService/ListQueues", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range map[string]string{
			"Content-Type": "application/json", "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
			"Tracestate": "kupla=salaisuus", "Baggage": "name=salaisuus",
		} {
			req.Header.Set(key, value)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			t.Fatal(res.Status)
		}
		for key, values := range res.Header {
			if strings.Contains(strings.ToLower(key), "trace") {
				t.Errorf("a caller is told %s: %v", key, values)
			}
		}
	}
	post()
	if spans := told(); len(spans) > 0 {
		t.Errorf("a caller has chosen that %v is traced", spans)
	}

	r = newReceiver(t)
	traced, told = r.tracer(t, 1)
	s = apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.Tracing = traced }))
	served = httptest.NewServer(s.RPC.Handler(rpc.HTTPConfig{}))
	post()
	spans := told()
	if len(spans) != 1 || len(spans[0].GetLinks()) > 0 || len(spans[0].GetParentSpanId()) > 0 || spans[0].GetTraceState() != "" ||
		strings.HasPrefix(string(spans[0].GetTraceId()), "\x0a\xf7\x65") {
		t.Errorf("a caller's trace went on in %v", spans)
	}
}

// A part of the calls is traced when a part is asked for.
func TestSampleRatio(t *testing.T) {
	r := newReceiver(t)
	traced, told := r.tracer(t, 0.5)
	s := apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.Tracing = traced }))
	nobody := s.Clients("")
	const calls = 200
	for range calls {
		if _, err := nobody.Queue.ListQueues(t.Context(), &kuplav1.ListQueuesRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	// Five standard deviations: once in a million runs it is something else.
	if n := len(told()); n < calls/2-36 || n > calls/2+36 {
		t.Errorf("%d of %d calls were traced, want about half", n, calls)
	}
}

// A collector that does not answer holds up no call, and the end of the server no longer than it is let.
func TestCollectorThatDoesNotAnswer(t *testing.T) {
	held := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-held }))
	defer silent.Close()
	defer close(held)
	traced, err := tracing.New(t.Context(), tracing.Config{
		Endpoint: silent.URL + "/v1/traces", SampleRatio: 1, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.Tracing = traced }))
	customer := s.Start(apptest.Queue)
	for range 10 {
		customer.Say(t, customer.ID, "Hei")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := traced.Close(ctx); err == nil {
		t.Error("the last spans were told to nobody")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %s", took)
	}
}

// An endpoint that cannot be meant is refused.
func TestCheck(t *testing.T) {
	for _, good := range []string{"http://127.0.0.1:4318/v1/traces", "https://collector.example/v1/traces"} {
		if err := tracing.Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "127.0.0.1:4318", "http://127.0.0.1:4318", "http://127.0.0.1:4318/", "grpc://127.0.0.1:4317/x", "http:///v1/traces",
		"https://user:secret@collector.example/v1/traces", "https://collector.example/v1/traces?key=secret", "http://[::1/x",
	} {
		err := tracing.Check(bad)
		if err == nil {
			t.Errorf("%q is taken", bad)
		} else if strings.Contains(bad, "secret") && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q is shown: %v", bad, err)
		}
	}
}

// Without tracing a store is what it was.
func TestNoTracing(t *testing.T) {
	var none *tracing.Tracing
	if s := none.Store(nil); s != store.Store(nil) {
		t.Errorf("the store is %v", s)
	}
	if err := none.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
