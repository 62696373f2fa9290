package rpc_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"connectrpc.com/connect/v2/connectproto"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
)

// contractMethods are all methods of package kupla.v1 that are linked in, by name: also those of a service that
// nobody remembered to register.
func contractMethods() []protoreflect.MethodDescriptor {
	var methods []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage("kupla.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			all := file.Services().Get(i).Methods()
			for j := range all.Len() {
				methods = append(methods, all.Get(j))
			}
		}
		return true
	})
	slices.SortFunc(methods, func(a, b protoreflect.MethodDescriptor) int { return cmp.Compare(a.FullName(), b.FullName()) })
	return methods
}

// shortName is a method's name as the tables have it: "DeskService.TakeNext".
func shortName(m protoreflect.MethodDescriptor) string {
	return string(m.Parent().Name()) + "." + string(m.Name())
}

func procedureOf(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// methodOptions are the options of a method.
func methodOptions(m protoreflect.MethodDescriptor) *descriptorpb.MethodOptions {
	options, _ := m.Options().(*descriptorpb.MethodOptions) // Unset options are nil, which has the defaults.
	return options
}

func specOf(m protoreflect.MethodDescriptor) connect.Spec {
	spec := connect.Spec{Procedure: procedureOf(m), Schema: m}
	if m.IsStreamingServer() {
		spec.StreamType = connect.StreamTypeServer
	}
	switch methodOptions(m).GetIdempotencyLevel() {
	case descriptorpb.MethodOptions_NO_SIDE_EFFECTS:
		spec.IdempotencyLevel = connect.IdempotencyNoSideEffects
	case descriptorpb.MethodOptions_IDEMPOTENT:
		spec.IdempotencyLevel = connect.IdempotencyIdempotent
	case descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN:
	}
	return spec
}

// emptyMessage makes an empty message of a type that is linked in.
func emptyMessage(t testing.TB, d protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	mt, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatalf("message type %s: %v", d.FullName(), err)
	}
	return mt.New().Interface()
}

// withHeader makes a client that sends a header with each call; an empty value is not sent.
func withHeader(transport connect.Transport, key, value string) *connect.Client {
	return connect.NewClient(transport, func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			if info, ok := connect.CallInfoForClientContext(ctx); ok && value != "" {
				info.RequestHeader().Set(key, value)
			}
			stream, err := next(ctx, spec)
			return patientStream{stream}, err
		}
	})
}

// patientStream waits for the answer also when the server did not want the request. A server that refuses before it
// reads ends the sending with io.EOF, behind which the in-process transport hides the refusal.
type patientStream struct{ connect.ClientStream }

func (s patientStream) Send(msg any) error {
	if err := s.ClientStream.Send(msg); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// bearer is the header of a token; nobody has none.
func bearer(token string) string {
	if token == "" {
		return ""
	}
	return "Bearer " + token
}

// inProcess makes a client that calls without a network.
func inProcess(s *apptest.Server, token string) *connect.Client {
	return withHeader(connectinprocess.New(s.RPC.Connect()), "Authorization", bearer(token))
}

// invoke calls any method. Of a stream it returns the first frame, and ends it.
func invoke(t testing.TB, client *connect.Client, m protoreflect.MethodDescriptor, req proto.Message) (proto.Message, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res := emptyMessage(t, m.Output())
	if !m.IsStreamingServer() {
		if err := client.CallUnary(ctx, specOf(m), req, res); err != nil {
			return nil, err
		}
		return res, nil
	}
	stream, err := client.CallServerStream(ctx, specOf(m), req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }() // Ended early on purpose.
	if err := stream.Receive(res); err != nil {
		if errors.Is(err, io.EOF) {
			t.Fatalf("%s ended without a frame and without an error", m.FullName())
		}
		return nil, err
	}
	return res, nil
}

// refusal is what a refused caller is told.
type refusal struct {
	code       connect.Code
	message    string
	reason     string
	metadata   map[string]string
	retry      *errdetails.RetryInfo
	violations bool // protovalidate's, as a detail
}

// refusalOf reads an error of a Connect client, and holds it to what every refusal must be.
func refusalOf(t testing.TB, err error) refusal {
	t.Helper()
	var e *connect.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T) is no refusal", err, err)
	}
	var details []proto.Message
	for _, d := range e.Details() {
		m, err := connectproto.UnmarshalErrorDetail(d)
		if err != nil {
			t.Fatalf("detail %s: %v", d.Type, err)
		}
		details = append(details, m)
	}
	return readRefusal(t, e.Code(), e.Message(), details)
}

// readRefusal holds a refusal to what every one must be: one ErrorInfo of our domain with a reason of the contract, a
// message in which everything is filled in, and a retry delay that is the same in both places.
func readRefusal(t testing.TB, code connect.Code, message string, details []proto.Message) refusal {
	t.Helper()
	r := refusal{code: code, message: message}
	infos := 0
	for _, d := range details {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			infos++
			r.reason, r.metadata = d.GetReason(), d.GetMetadata()
			if d.GetDomain() != "kupla" {
				t.Errorf("%v: %s: the domain is %q", code, message, d.GetDomain())
			}
		case *errdetails.RetryInfo:
			r.retry = d
		case *validate.Violations:
			r.violations = len(d.GetViolations()) > 0
		default:
			t.Errorf("%v: %s: a detail %T", code, message, d)
		}
	}
	if infos != 1 {
		t.Fatalf("%v: %s: %d ErrorInfo details, want one", code, message, infos)
	}
	r.check(t)
	return r
}

// want fails the test unless it is for the reason.
func (r refusal) want(t testing.TB, code connect.Code, reason kuplav1.ErrorReason) {
	t.Helper()
	if want := strings.TrimPrefix(reason.String(), "ERROR_REASON_"); r.reason != want || r.code != code {
		t.Fatalf("got %v %s (%s), want %v %s", r.code, r.reason, r.message, code, want)
	}
}

// placeholder is what a text has where a value is to be filled in.
var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func (r refusal) check(t testing.TB) {
	t.Helper()
	if kuplav1.ErrorReason_value["ERROR_REASON_"+r.reason] == 0 {
		t.Errorf("reason %q is none of the contract", r.reason)
	}
	if r.message == "" || placeholder.MatchString(r.message) {
		t.Errorf("%s: the message is empty or not filled in: %q", r.reason, r.message)
	}
	told := ""
	if r.retry != nil {
		told = r.retry.GetRetryDelay().AsDuration().String()
	}
	if r.metadata["retry_delay"] != told {
		t.Errorf("%s: retry_delay is %q in the metadata and %q as RetryInfo", r.reason, r.metadata["retry_delay"], told)
	}
}

// testClock is a clock that stands still until it is moved.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

// aWednesday is an ordinary working day in November, at 10 in Helsinki: every queue of the demonstration that is open
// on Wednesdays is.
var aWednesday = time.Date(2026, time.November, 25, 8, 0, 0, 0, time.UTC)

func newClock(at time.Time) *testClock { return &testClock{at: at} }

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func (c *testClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// withClock makes a server go by a clock.
func withClock(c *testClock) apptest.Option {
	return apptest.WithConfig(func(config *app.Config) { config.Now = c.now })
}

// artificialCode is a valid personal identity code that nobody has: individual numbers from 900 on are for testing.
const artificialCode = "100190-999P"

// newUUID makes a request id.
func newUUID() string { return uuid.NewString() }
