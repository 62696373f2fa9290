package rpc_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	grpcmetadata "google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// speaker calls the server by one protocol, as a client of that protocol does.
type speaker interface {
	// call makes a unary call. The refusal is nil when it was granted.
	call(t *testing.T, token string, m protoreflect.MethodDescriptor, req, res proto.Message) *refusal
	// open opens a stream of the server's.
	open(t *testing.T, token string, m protoreflect.MethodDescriptor, req proto.Message) frames
}

// frames reads a stream.
type frames interface {
	// next reads the next frame. It is false at the end of the stream, which a refusal says more of.
	next(t *testing.T, frame proto.Message) (ok bool, refused *refusal)
	stop()
}

// methodNamed finds a method of the contract.
func methodNamed(t *testing.T, name string) protoreflect.MethodDescriptor {
	t.Helper()
	m, ok := accessMethods()[name]
	if !ok {
		t.Fatalf("the contract has no %s", name)
	}
	return m
}

// ---- Connect, gRPC-Web and gRPC, by Connect's own client.

type connectSpeaker struct{ transport connect.Transport }

func (c connectSpeaker) call(t *testing.T, token string, m protoreflect.MethodDescriptor, req, res proto.Message) *refusal {
	t.Helper()
	ctx, info := connect.NewClientContext(t.Context())
	err := withHeader(c.transport, "Authorization", bearer(token)).CallUnary(ctx, specOf(m), req, res)
	if err == nil {
		checkCaching(t, procedureOf(m), info.ResponseHeader().Values("Cache-Control"))
		return nil
	}
	r := refusalOf(t, err)
	return &r
}

func (c connectSpeaker) open(t *testing.T, token string, m protoreflect.MethodDescriptor, req proto.Message) frames {
	t.Helper()
	stream, err := withHeader(c.transport, "Authorization", bearer(token)).CallServerStream(t.Context(), specOf(m), req)
	if err != nil {
		t.Fatalf("open %s: %v", m.FullName(), err)
	}
	return connectFrames{stream}
}

type connectFrames struct{ stream connect.ClientStream }

func (f connectFrames) next(t *testing.T, frame proto.Message) (bool, *refusal) {
	t.Helper()
	err := f.stream.Receive(frame)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		r := refusalOf(t, err)
		return false, &r
	}
	return true, nil
}

func (f connectFrames) stop() { _ = f.stream.Close() }

// ---- gRPC, by the client of google.golang.org/grpc.

type grpcSpeaker struct{ conn *grpc.ClientConn }

func withBearer(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return grpcmetadata.AppendToOutgoingContext(ctx, "authorization", bearer(token))
}

func grpcRefusal(t *testing.T, err error) *refusal {
	t.Helper()
	s, ok := grpcstatus.FromError(err)
	if !ok {
		t.Fatalf("%v is no status", err)
	}
	var details []proto.Message
	for _, d := range s.Details() {
		m, ok := d.(proto.Message)
		if !ok {
			t.Fatalf("a detail that cannot be read: %v", d)
		}
		details = append(details, m)
	}
	r := readRefusal(t, connect.Code(s.Code()), s.Message(), details)
	return &r
}

func (g grpcSpeaker) call(t *testing.T, token string, m protoreflect.MethodDescriptor, req, res proto.Message) *refusal {
	t.Helper()
	var header grpcmetadata.MD
	if err := g.conn.Invoke(withBearer(t.Context(), token), procedureOf(m), req, res, grpc.Header(&header)); err != nil {
		return grpcRefusal(t, err)
	}
	checkCaching(t, procedureOf(m), header.Get("cache-control"))
	return nil
}

func (g grpcSpeaker) open(t *testing.T, token string, m protoreflect.MethodDescriptor, req proto.Message) frames {
	t.Helper()
	ctx, cancel := context.WithCancel(withBearer(t.Context(), token))
	stream, err := g.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, procedureOf(m))
	if err != nil {
		t.Fatalf("open %s: %v", m.FullName(), err)
	}
	// A server that refuses before it reads ends the sending with io.EOF; receiving tells why.
	if err := stream.SendMsg(req); err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("send: %v", err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatalf("close send: %v", err)
	}
	return grpcFrames{stream, cancel}
}

type grpcFrames struct {
	stream grpc.ClientStream
	cancel func()
}

func (f grpcFrames) next(t *testing.T, frame proto.Message) (bool, *refusal) {
	t.Helper()
	err := f.stream.RecvMsg(frame)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, grpcRefusal(t, err)
	}
	return true, nil
}

func (f grpcFrames) stop() { f.cancel() }

// ---- Connect with JSON, by curl.

type curlSpeaker struct{ url string }

// curl runs curl, which must be there: the README's first calls are made with it.
func curl(t *testing.T, stdin io.Reader, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Fatalf("install curl: the contract is called with it here, as in the README: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"--silent", "--show-error", "--include", "--raw", "--http1.1"}, args...)...)
	cmd.Stdin = stdin
	return cmd
}

// printed is a response as curl printed it.
type printed struct {
	code   int
	status string
	header http.Header
	body   []byte
}

// readPrinted reads a response to its end.
func readPrinted(r *bufio.Reader) (printed, error) {
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return printed{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return printed{code: res.StatusCode, status: res.Status, header: res.Header, body: body}, err
}

// curlOnce runs curl to its end and reads the response that it printed.
func curlOnce(t *testing.T, body []byte, args ...string) printed {
	t.Helper()
	var stderr bytes.Buffer
	cmd := curl(t, bytes.NewReader(body), args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("curl %q: %v: %s", args, err, &stderr)
	}
	res, err := readPrinted(bufio.NewReader(bytes.NewReader(out)))
	if err != nil {
		t.Fatalf("read what curl printed: %v\n%s", err, out)
	}
	return res
}

// curlHeaders are curl's arguments for a call with a body on its standard input.
func curlHeaders(contentType, token string) []string {
	args := []string{"--header", "Content-Type: " + contentType, "--data-binary", "@-"}
	if token != "" {
		args = append(args, "--header", "Authorization: "+bearer(token))
	}
	return args
}

// connectError is an error as the Connect protocol writes it.
type connectError struct {
	Code    connect.Code `json:"code"`
	Message string       `json:"message"`
	Details []struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	} `json:"details"`
}

func (e connectError) refusal(t testing.TB) *refusal {
	t.Helper()
	var details []proto.Message
	for _, d := range e.Details {
		raw, err := base64.RawStdEncoding.DecodeString(d.Value)
		if err != nil {
			t.Fatalf("detail %s: %v", d.Type, err)
		}
		mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(d.Type))
		if err != nil {
			t.Fatalf("detail %s: %v", d.Type, err)
		}
		m := mt.New().Interface()
		if err := proto.Unmarshal(raw, m); err != nil {
			t.Fatalf("detail %s: %v", d.Type, err)
		}
		details = append(details, m)
	}
	r := readRefusal(t, e.Code, e.Message, details)
	return &r
}

func readConnectError(t testing.TB, body []byte) *refusal {
	t.Helper()
	var e connectError
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("an error that is no JSON: %v\n%s", err, body)
	}
	return e.refusal(t)
}

func (c curlSpeaker) call(t *testing.T, token string, m protoreflect.MethodDescriptor, req, res proto.Message) *refusal {
	t.Helper()
	body, err := protojson.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	got := curlOnce(t, body, append(curlHeaders("application/json", token), c.url+procedureOf(m))...)
	if got.code != http.StatusOK {
		checkNotCached(t, got.header)
		return readConnectError(t, got.body)
	}
	checkCaching(t, procedureOf(m), got.header.Values("Cache-Control"))
	if err := protojson.Unmarshal(got.body, res); err != nil {
		t.Fatalf("read the answer: %v\n%s", err, got.body)
	}
	return nil
}

func (c curlSpeaker) open(t *testing.T, token string, m protoreflect.MethodDescriptor, req proto.Message) frames {
	t.Helper()
	message, err := protojson.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	args := append(curlHeaders("application/connect+json", token), "--no-buffer", c.url+procedureOf(m))
	cmd := curl(t, bytes.NewReader(envelope(0, message)), args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f := &curlFrames{cmd: cmd}
	response, err := http.ReadResponse(bufio.NewReader(out), nil) //nolint:bodyclose // stop ends it with the process.
	if err != nil {
		t.Fatalf("read what curl printed: %v", err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("a stream answers with %s", response.Status)
	}
	checkCaching(t, procedureOf(m), response.Header.Values("Cache-Control"))
	f.body = response.Body
	return f
}

type curlFrames struct {
	cmd  *exec.Cmd
	body io.Reader
}

// envelope puts a message into the envelope of Connect's streams.
func envelope(flags byte, message []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message)))
	return append(b, message...)
}

// readEnvelope reads one message out of its envelope.
func readEnvelope(r io.Reader) (flags byte, message []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	message = make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err = io.ReadFull(r, message)
	return head[0], message, err
}

// endOfStream is the flag of the last envelope of a Connect stream, which holds the error or nothing.
const endOfStream = 2

func readEndOfStream(t testing.TB, message []byte) *refusal {
	t.Helper()
	var end struct {
		Error *connectError `json:"error"`
	}
	if err := json.Unmarshal(message, &end); err != nil {
		t.Fatalf("the end of the stream is no JSON: %v\n%s", err, message)
	}
	if end.Error == nil {
		return nil
	}
	return end.Error.refusal(t)
}

func (f *curlFrames) next(t *testing.T, frame proto.Message) (bool, *refusal) {
	t.Helper()
	flags, message, err := readEnvelope(f.body)
	if err != nil {
		t.Fatalf("the stream ended without saying so: %v", err)
	}
	if flags&endOfStream != 0 {
		return false, readEndOfStream(t, message)
	}
	if err := protojson.Unmarshal(message, frame); err != nil {
		t.Fatalf("read a frame: %v\n%s", err, message)
	}
	return true, nil
}

func (f *curlFrames) stop() {
	_ = f.cmd.Process.Kill() // It may have ended by itself.
	_ = f.cmd.Wait()
}

// ---- What is said of every answer, whatever the protocol.

// checkCaching holds an answer to what the design has: that of the two procedures that are the same for everybody may
// be kept for five seconds, everything else nowhere.
func checkCaching(t testing.TB, procedure string, got []string) {
	t.Helper()
	want := []string{"no-store"}
	if sameForEverybody(procedure) {
		want = []string{"public, max-age=5"}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s answers with Cache-Control %q, want %q", procedure, got, want)
	}
}

func sameForEverybody(procedure string) bool {
	return procedure == "/kupla.v1.QueueService/ListQueues" || procedure == "/kupla.v1.QueueService/GetQueue"
}

func checkNotCached(t testing.TB, h http.Header) {
	t.Helper()
	if got := h.Values("Cache-Control"); !slices.Equal(got, []string{"no-store"}) {
		t.Errorf("the answer has Cache-Control %q, want no-store", got)
	}
}

// watchedTransport looks at every response's header as it passes.
type watchedTransport struct {
	t     *testing.T
	next  http.RoundTripper
	proto string
}

func (w *watchedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.Proto != w.proto {
		w.t.Errorf("%s was answered by %s, want %s", r.URL.Path, res.Proto, w.proto)
	}
	if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		w.t.Errorf("%s: X-Content-Type-Options is %q", r.URL.Path, got)
	}
	if got := res.Header.Get("Content-Security-Policy"); (r.Method == http.MethodPost) != (got == "") {
		w.t.Errorf("%s %s: Content-Security-Policy is %q", r.Method, r.URL.Path, got)
	}
	if got := res.Header.Values("Cache-Control"); len(got) != 1 {
		w.t.Errorf("%s: Cache-Control is %q", r.URL.Path, got)
	}
	if res.StatusCode != http.StatusOK || !sameForEverybody(r.URL.Path) {
		checkNotCached(w.t, res.Header)
	}
	return res, err
}

// httpClient is a client that speaks one version of HTTP, without TLS.
func httpClient(t *testing.T, version2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: &http.Protocols{}}
	w := &watchedTransport{t: t, next: transport, proto: "HTTP/1.1"}
	if version2 {
		transport.Protocols.SetUnencryptedHTTP2(true)
		w.proto = "HTTP/2.0"
	} else {
		transport.Protocols.SetHTTP1(true)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: w}
}

func grpcConn(t *testing.T, url string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A whole chat goes the same way in every protocol, with refusals that can be read, and no answer about a person may be
// kept by anybody on the way.
func TestProtocols(t *testing.T) {
	s := apptest.New(t)
	url := s.Listen(rpc.HTTPConfig{})
	over := func(version2 bool, options ...connecthttp.Option) func(*testing.T) speaker {
		return func(t *testing.T) speaker {
			return connectSpeaker{connecthttp.NewTransport(httpClient(t, version2), url, options...)}
		}
	}
	asJSON, web := connecthttp.WithProtoJSON(), connecthttp.WithGRPCWeb()
	for name, newSpeaker := range map[string]func(*testing.T) speaker{
		"curl":                            func(*testing.T) speaker { return curlSpeaker{url} },
		"Connect, binary, HTTP 1.1":       over(false),
		"Connect, JSON, HTTP 1.1":         over(false, asJSON),
		"Connect, binary, h2c":            over(true),
		"Connect, JSON, h2c":              over(true, asJSON),
		"Connect, binary, gzip, HTTP 1.1": over(false, connecthttp.WithSendGzip()),
		"Connect, GET, HTTP 1.1":          over(false, connecthttp.WithHTTPGet()),
		"gRPC-Web, binary, HTTP 1.1":      over(false, web),
		"gRPC-Web, JSON, HTTP 1.1":        over(false, web, asJSON),
		"gRPC-Web, binary, h2c":           over(true, web),
		"gRPC by Connect, binary, h2c":    over(true, connecthttp.WithGRPC()),
		"gRPC by Connect, JSON, h2c":      over(true, connecthttp.WithGRPC(), asJSON),
		"gRPC by google.golang.org/grpc":  func(t *testing.T) speaker { return grpcSpeaker{grpcConn(t, url)} },
	} {
		t.Run(name, func(t *testing.T) {
			wholeChat(t, newSpeaker(t), s.StaffToken(store.Staff{ID: "nurse"}))
		})
	}
}

// chatter makes the calls of one chat.
type chatter struct {
	t *testing.T
	speaker
}

// must makes a call that is granted.
func (c chatter) must(token, method string, req, res proto.Message) {
	c.t.Helper()
	if r := c.call(c.t, token, methodNamed(c.t, method), req, res); r != nil {
		c.t.Fatalf("%s: %v %s: %s", method, r.code, r.reason, r.message)
	}
}

// refused makes a call that is refused.
func (c chatter) refused(token, method string, req proto.Message) refusal {
	c.t.Helper()
	m := methodNamed(c.t, method)
	r := c.call(c.t, token, m, req, emptyMessage(c.t, m.Output()))
	if r == nil {
		c.t.Fatalf("%s was granted", method)
	}
	return *r
}

// wholeChat starts a conversation, follows it, takes, writes, closes and answers the survey.
func wholeChat(t *testing.T, by speaker, nurse string) {
	t.Helper()
	c := chatter{t, by}

	var queues kuplav1.ListQueuesResponse
	c.must("", "QueueService.ListQueues", &kuplav1.ListQueuesRequest{}, &queues)
	if n := len(queues.GetQueues()); n != 8 {
		t.Fatalf("%d queues, want 8", n)
	}
	var queue kuplav1.GetQueueResponse
	c.must("", "QueueService.GetQueue", &kuplav1.GetQueueRequest{QueueId: apptest.Queue}, &queue)
	if got := queue.GetStatus().GetState(); got != kuplav1.QueueState_QUEUE_STATE_OPEN {
		t.Fatalf("the queue is %v, want open", got)
	}

	var started kuplav1.StartConversationResponse
	start := &kuplav1.StartConversationRequest{
		RequestId: newUUID(), QueueId: apptest.Queue, Language: "sv", DisplayName: "Åsa", Message: "Hej, det är bråttom",
		NoticeVersion: queue.GetQueue().GetNoticeVersion(),
	}
	c.must("", "ConversationService.StartConversation", start, &started)
	id, customer := started.GetConversation().GetId(), started.GetAccessToken()

	followMethod := methodNamed(t, "ConversationService.FollowConversation")
	stream := c.open(t, customer, followMethod, &kuplav1.FollowConversationRequest{ConversationId: id, Cursor: started.GetCursor()})
	defer stream.stop()
	log := &followedLog{t: t, stream: stream}
	if got := log.frame().GetSnapshot().GetPlace().GetPosition(); got != 1 {
		t.Fatalf("the first frame tells position %d, want 1", got)
	}
	log.wantEvent(1, func(e *kuplav1.Event) bool {
		return e.GetParticipantJoined().GetParticipant().GetDisplayName() == "Åsa"
	})
	log.wantEvent(2, func(e *kuplav1.Event) bool { return e.GetMessagePosted().GetText() == start.GetMessage() })

	var taken kuplav1.TakeConversationResponse
	c.must(nurse, "DeskService.TakeConversation", &kuplav1.TakeConversationRequest{ConversationId: id, RequestId: newUUID()}, &taken)
	log.wantEvent(3, func(e *kuplav1.Event) bool { return e.GetParticipantJoined().GetParticipant().GetLeading() })

	var sent kuplav1.SendMessageResponse
	c.must(nurse, "ConversationService.SendMessage", &kuplav1.SendMessageRequest{ConversationId: id, RequestId: newUUID(), Text: "Hej! 👋"}, &sent)
	log.wantEvent(4, func(e *kuplav1.Event) bool { return proto.Equal(e, sent.GetEvent()) })
	answer := &kuplav1.SendMessageRequest{ConversationId: id, RequestId: newUUID(), Text: "Tack"}
	c.must(customer, "ConversationService.SendMessage", answer, &sent)
	log.wantEvent(5, func(e *kuplav1.Event) bool {
		return e.GetMessagePosted().GetText() == "Tack" && proto.Equal(e, sent.GetEvent())
	})

	// A repeat is answered like the first, and says nothing twice.
	var again kuplav1.SendMessageResponse
	c.must(customer, "ConversationService.SendMessage", answer, &again)
	if !proto.Equal(&again, &sent) {
		t.Fatalf("a repeat is answered with %v, the first was with %v", &again, &sent)
	}

	// Refusals come with all they have to tell.
	r := c.refused(customer, "ConversationService.SendMessage", &kuplav1.SendMessageRequest{
		ConversationId: id, RequestId: newUUID(), Text: "Tunnukseni on " + artificialCode,
	})
	r.want(t, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_IDENTITY_CODE_IN_TEXT)
	r = c.refused(customer, "ConversationService.SendMessage", &kuplav1.SendMessageRequest{ConversationId: id, RequestId: "1", Text: "x"})
	r.want(t, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST)
	if !r.violations {
		t.Error("the refusal of a bad field does not say which")
	}
	r = c.refused("kupla_c_x", "ConversationService.GetConversation", &kuplav1.GetConversationRequest{ConversationId: id})
	r.want(t, connect.CodeUnauthenticated, kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID)
	r = c.refused("", "QueueService.GetQueue", &kuplav1.GetQueueRequest{QueueId: "no-such-queue"})
	r.want(t, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND)
	if r.metadata["queue_id"] != "no-such-queue" {
		t.Errorf("metadata is %v", r.metadata)
	}

	// So do those of streams: before the request is read, and after.
	c.refusedStream(followMethod, "", &kuplav1.FollowConversationRequest{ConversationId: id}).
		want(t, connect.CodeUnauthenticated, kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING)
	c.refusedStream(followMethod, customer, &kuplav1.FollowConversationRequest{ConversationId: newUUID()}).
		want(t, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND)
	c.refusedStream(followMethod, customer, &kuplav1.FollowConversationRequest{}).
		want(t, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST)

	var closed kuplav1.CloseConversationResponse
	c.must(nurse, "DeskService.CloseConversation", &kuplav1.CloseConversationRequest{
		ConversationId: id, RequestId: newUUID(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
	}, &closed)
	log.wantEvent(6, func(e *kuplav1.Event) bool {
		return e.GetClosed().GetReason() == kuplav1.CloseReason_CLOSE_REASON_COMPLETED
	})
	log.wantGoAway(kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED)

	var survey kuplav1.GetSurveyResponse
	c.must(customer, "FeedbackService.GetSurvey", &kuplav1.GetSurveyRequest{ConversationId: id}, &survey)
	c.must("", "FeedbackService.SubmitFeedback", &kuplav1.SubmitFeedbackRequest{
		FeedbackToken: survey.GetFeedbackToken(),
		Answers:       []*kuplav1.SurveyAnswer{{QuestionId: "recommend", Value: &kuplav1.SurveyAnswer_Score{Score: 10}}},
	}, &kuplav1.SubmitFeedbackResponse{})
}

// refusedStream opens a stream that is refused.
func (c chatter) refusedStream(m protoreflect.MethodDescriptor, token string, req proto.Message) refusal {
	c.t.Helper()
	stream := c.open(c.t, token, m, req)
	defer stream.stop()
	ok, r := stream.next(c.t, emptyMessage(c.t, m.Output()))
	if ok || r == nil {
		c.t.Fatalf("%s was not refused (a frame: %t)", m.FullName(), ok)
	}
	return *r
}

// followedLog reads a followed conversation.
type followedLog struct {
	t      *testing.T
	stream frames
	events []*kuplav1.Event // received, and not asked for yet
}

// frame reads the next frame, which there must be.
func (l *followedLog) frame() *kuplav1.FollowConversationResponse {
	l.t.Helper()
	frame := &kuplav1.FollowConversationResponse{}
	ok, r := l.stream.next(l.t, frame)
	if !ok {
		l.t.Fatalf("the stream ended: %+v", r)
	}
	if frame.GetCursor() == "" {
		l.t.Errorf("a frame without a cursor: %v", frame)
	}
	return frame
}

// wantEvent reads on to the next event, which must be the one of this number.
func (l *followedLog) wantEvent(sequence int32, is func(*kuplav1.Event) bool) {
	l.t.Helper()
	for {
		if len(l.events) == 0 {
			l.events = l.frame().GetEvents().GetEvents()
			continue
		}
		e := l.events[0]
		l.events = l.events[1:]
		if e.GetSequence() != sequence || !is(e) {
			l.t.Fatalf("event %d is %v", sequence, e)
		}
		return
	}
}

// wantGoAway reads on to the end, which must be said first.
func (l *followedLog) wantGoAway(reason kuplav1.GoAwayReason) {
	l.t.Helper()
	for {
		if len(l.events) > 0 {
			l.t.Fatalf("one more event: %v", l.events[0])
		}
		frame := l.frame()
		if l.events = frame.GetEvents().GetEvents(); l.events != nil {
			continue
		}
		if frame.GetGoAway() == nil {
			continue
		}
		if got := frame.GetGoAway().GetReason(); got != reason {
			l.t.Fatalf("go_away says %v, want %v", got, reason)
		}
		if ok, r := l.stream.next(l.t, &kuplav1.FollowConversationResponse{}); ok || r != nil {
			l.t.Fatalf("go_away was not the end: a frame: %t, refused: %+v", ok, r)
		}
		return
	}
}

// Only what is the same for everybody can be asked for in a URL, so nothing about a person ever is.
func TestOnlyQueuesAreInURLs(t *testing.T) {
	s := apptest.New(t)
	url := s.Listen(rpc.HTTPConfig{})
	var readable []string
	for _, m := range contractMethods() {
		if methodOptions(m).GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS {
			readable = append(readable, shortName(m))
		}
	}
	if want := []string{"QueueService.GetQueue", "QueueService.ListQueues"}; !slices.Equal(readable, want) {
		t.Fatalf("these may be in a URL: %q, want %q", readable, want)
	}
	queries := map[string]string{
		"QueueService.ListQueues": `{"page_size":3}`,
		"QueueService.GetQueue":   `{"queue_id":"emergency-help"}`,
	}
	for _, m := range contractMethods() {
		message, may := queries[shortName(m)]
		if !may {
			message = "{}"
		}
		res := curlOnce(t, nil, "--get", "--data-urlencode", "connect=v1", "--data-urlencode", "encoding=json",
			"--data-urlencode", "message="+message, url+procedureOf(m))
		if !may {
			if res.code != http.StatusMethodNotAllowed {
				t.Errorf("GET %s: %s, want 405", shortName(m), res.status)
			}
			checkNotCached(t, res.header)
			continue
		}
		if res.code != http.StatusOK {
			t.Errorf("GET %s: %s: %s", shortName(m), res.status, res.body)
		}
		checkCaching(t, procedureOf(m), res.header.Values("Cache-Control"))
		answer := emptyMessage(t, m.Output())
		if err := protojson.Unmarshal(res.body, answer); err != nil || !strings.Contains(string(res.body), "emergency-help") && !strings.Contains(string(res.body), "oral-health") {
			t.Errorf("GET %s: %v: %s", shortName(m), err, res.body)
		}
	}
	// A refusal is not kept: the queue may come.
	res := curlOnce(t, nil, "--get", "--data-urlencode", "connect=v1", "--data-urlencode", "encoding=json",
		"--data-urlencode", `message={"queue_id":"x"}`, url+"/kupla.v1.QueueService/GetQueue")
	if res.code != http.StatusNotFound {
		t.Errorf("GET of no queue: %s", res.status)
	}
	checkNotCached(t, res.header)
	readConnectError(t, res.body).want(t, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND)
}

// What was reached but is no procedure is refused with a reason too, in every protocol.
func TestUnknownProcedure(t *testing.T) {
	s := apptest.New(t)
	url := s.Listen(rpc.HTTPConfig{})
	const procedure = "/kupla.v1.QueueService/DropQueues"
	res := curlOnce(t, []byte("{}"), append(curlHeaders("application/json", ""), url+procedure)...)
	if res.code != http.StatusNotImplemented {
		t.Errorf("Connect: %s", res.status)
	}
	readConnectError(t, res.body).want(t, connect.CodeUnimplemented, kuplav1.ErrorReason_ERROR_REASON_PROCEDURE_UNKNOWN)

	err := grpcConn(t, url).Invoke(t.Context(), procedure, &kuplav1.ListQueuesRequest{}, &kuplav1.ListQueuesResponse{})
	grpcRefusal(t, err).want(t, connect.CodeUnimplemented, kuplav1.ErrorReason_ERROR_REASON_PROCEDURE_UNKNOWN)
}

// Health is the standard service, for probes that know nothing of us.
func TestHealthOverGRPC(t *testing.T) {
	s := apptest.New(t)
	client := healthpb.NewHealthClient(grpcConn(t, s.Listen(rpc.HTTPConfig{})))
	services := []string{""}
	for _, m := range contractMethods() {
		if name := string(m.Parent().FullName()); !slices.Contains(services, name) {
			services = append(services, name)
		}
	}
	for _, service := range services {
		res, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || res.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("check %q: %v, %v", service, res, err)
		}
	}
	// The standard has NOT_FOUND for a service that the server does not know.
	_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "kupla.v1.Nothing"})
	if got := grpcstatus.Code(err); got != codes.NotFound {
		t.Errorf("check of no service: %v, want not found", err)
	}
	list, err := client.List(t.Context(), &healthpb.HealthListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range services {
		if list.GetStatuses()[service].GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("list tells %v of %q", list.GetStatuses()[service], service)
		}
	}
	watch := func(service string) grpc.ServerStreamingClient[healthpb.HealthCheckResponse] {
		stream, err := client.Watch(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	next := func(stream grpc.ServerStreamingClient[healthpb.HealthCheckResponse], want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if res, err := stream.Recv(); err != nil || res.GetStatus() != want {
			t.Fatalf("watch: %v, %v, want %v", res, err, want)
		}
	}
	next(watch("kupla.v1.Nothing"), healthpb.HealthCheckResponse_SERVICE_UNKNOWN)
	stream := watch("")
	next(stream, healthpb.HealthCheckResponse_SERVING)
	s.Drain()
	next(stream, healthpb.HealthCheckResponse_NOT_SERVING)
}

// Reflection tells everything there is, where it is on, and nothing where it is off.
func TestReflection(t *testing.T) {
	s := apptest.New(t)
	list := func(config rpc.HTTPConfig) ([]string, error) {
		stream, err := reflectionpb.NewServerReflectionClient(grpcConn(t, s.Listen(config))).ServerReflectionInfo(t.Context())
		if err != nil {
			return nil, err
		}
		if err := stream.Send(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{ListServices: "*"},
		}); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		res, err := stream.Recv()
		var names []string
		for _, service := range res.GetListServicesResponse().GetService() {
			names = append(names, service.GetName())
		}
		return names, err
	}
	names, err := list(rpc.HTTPConfig{Reflection: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range accessMethods() {
		if service := string(m.Parent().FullName()); !slices.Contains(names, service) {
			t.Errorf("reflection tells of %q, and not of %s", names, service)
		}
	}
	if names, err := list(rpc.HTTPConfig{}); grpcstatus.Code(err) != codes.Unimplemented {
		t.Errorf("reflection that is off answers %q, %v", names, err)
	}
}

// Pages of other origins may call only where the operator has named them.
func TestCORS(t *testing.T) {
	s := apptest.New(t)
	const ours, others = "https://chat.example.fi", "https://evil.example"
	preflight := func(url, origin string) http.Header {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, url+"/kupla.v1.ConversationService/SendMessage", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", http.MethodPost)
		r.Header.Set("Access-Control-Request-Headers", "authorization,connect-protocol-version,content-type")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		return res.Header
	}
	call := func(url, origin string) http.Header {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/kupla.v1.QueueService/ListQueues", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		return res.Header
	}
	const allow = "Access-Control-Allow-Origin"
	open := s.Listen(rpc.HTTPConfig{AllowedOrigins: []string{ours}})
	shut := s.Listen(rpc.HTTPConfig{})
	h := preflight(open, ours)
	if h.Get(allow) != ours || h.Get("Access-Control-Allow-Methods") != http.MethodPost {
		t.Errorf("preflight of ours: %v", h)
	}
	for _, name := range []string{"authorization", "connect-protocol-version", "content-type"} {
		if !strings.Contains(strings.ToLower(h.Get("Access-Control-Allow-Headers")), name) {
			t.Errorf("preflight of ours does not allow %s: %v", name, h)
		}
	}
	if h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("tokens travel in a header that the page sets; cookies are not asked for: %v", h)
	}
	if h := call(open, ours); h.Get(allow) != ours || !strings.Contains(h.Get("Vary"), "Origin") ||
		!strings.Contains(strings.ToLower(h.Get("Access-Control-Expose-Headers")), "grpc-status") {
		t.Errorf("call of ours: %v", h)
	}
	for what, h := range map[string]http.Header{
		"preflight of others":                  preflight(open, others),
		"call of others":                       call(open, others),
		"preflight of a file":                  preflight(open, "null"),
		"preflight when nobody is allowed":     preflight(shut, ours),
		"call when nobody is allowed":          call(shut, ours),
		"call by no origin where nobody is":    call(shut, "null"),
		"preflight of a longer name than ours": preflight(open, ours+".evil.example"),
	} {
		if h.Get(allow) != "" {
			t.Errorf("%s: %s is %q", what, allow, h.Get(allow))
		}
	}
}

// Small answers are not compressed, which would only cost; large ones are, for those who ask.
func TestCompression(t *testing.T) {
	s := apptest.New(t)
	url := s.Listen(rpc.HTTPConfig{})
	nurse := s.StaffToken(store.Staff{ID: "nurse"})
	encoding := func(procedure, accept string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+procedure, strings.NewReader(
			fmt.Sprintf(`{"request_id":%q,"availability":"AVAILABILITY_AVAILABLE"}`, newUUID())))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", bearer(nurse))
		r.Header.Set("Accept-Encoding", accept)
		res, err := (&http.Transport{DisableCompression: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", procedure, res.Status)
		}
		return res.Header.Get("Content-Encoding")
	}
	const large, small = "/kupla.v1.QueueService/ListQueues", "/kupla.v1.DeskService/SetAvailability"
	if got := encoding(large, "gzip"); got != "gzip" {
		t.Errorf("a large answer is encoded as %q, want gzip", got)
	}
	if got := encoding(large, "identity"); got != "" {
		t.Errorf("a large answer to one who does not ask is encoded as %q", got)
	}
	if got := encoding(small, "gzip"); got != "" {
		t.Errorf("a small answer is encoded as %q", got)
	}
}

// What cannot be negotiated is refused before there is a call, and harms nothing.
func TestNegotiation(t *testing.T) {
	s := apptest.New(t)
	url := s.Listen(rpc.HTTPConfig{})
	for name, test := range map[string]struct {
		path, contentType, body string
		header                  http.Header
		want                    int
	}{
		"a type we do not speak": {"/kupla.v1.QueueService/ListQueues", "text/plain", "{}", nil, http.StatusUnsupportedMediaType},
		"an encoding we do not know": {
			"/kupla.v1.QueueService/ListQueues", "application/json", "{}",
			http.Header{"Content-Encoding": {"br"}},
			http.StatusNotImplemented,
		},
		"a timeout that is none": {
			"/kupla.v1.QueueService/ListQueues", "application/json", "{}",
			http.Header{"Connect-Timeout-Ms": {"soon"}},
			http.StatusBadRequest,
		},
		"a page that there is not": {"/", "application/json", "{}", nil, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			maps.Copy(r.Header, test.header)
			r.Header.Set("Content-Type", test.contentType)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			if res.StatusCode != test.want {
				t.Errorf("%s, want %d", res.Status, test.want)
			}
			checkNotCached(t, res.Header)
		})
	}
}

// dialRaw connects to a server and writes the beginning of a request.
func dialRaw(t *testing.T, url, beginning string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, beginning); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A peer that is cut off in the middle of a request harms nobody, and is no incident.
func TestHalfRequest(t *testing.T) {
	var log safeBuffer
	s := apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.Log = log.logger() }))
	url := s.Listen(rpc.HTTPConfig{})
	conn := dialRaw(t, url, "POST /kupla.v1.ConversationService/StartConversation HTTP/1.1\r\nHost: x\r\n"+
		"Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"queue_id\":")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(answer, []byte("INTERNAL")) || strings.Contains(log.String(), "incident_id") {
		t.Errorf("half a request is an incident: %s\n%s", answer, log.String())
	}
	if _, err := apptest.Over(http.DefaultClient, url, "").Queue.ListQueues(t.Context(), &kuplav1.ListQueuesRequest{}); err != nil {
		t.Errorf("after a request that was cut off: %v", err)
	}
}

// A request that does not arrive ends by itself; a stream that is followed does not, however little its peer says.
func TestSlowRequest(t *testing.T) {
	const timeout = 100 * time.Millisecond
	s := apptest.New(t)
	url := s.Listen(rpc.HTTPConfig{ReadTimeout: timeout})
	conn := dialRaw(t, url, "POST /kupla.v1.ConversationService/StartConversation HTTP/1.1\r\nHost: x\r\n"+
		"Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"queue_id\":")
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("the connection is not ended: %v", err)
	}
	if !bytes.Contains(answer, []byte("CALL_ENDED")) {
		t.Errorf("a request that does not arrive is answered: %s", answer)
	}
	// Also when it is answered without being read, which net/http makes up for before it sends the answer.
	for name, head := range map[string]string{
		"no such procedure":   "POST /nothing HTTP/1.1\r\nContent-Type: application/json\r\n",
		"no token":            "POST /kupla.v1.DeskService/TakeNext HTTP/1.1\r\nContent-Type: application/json\r\n",
		"no token, streaming": "POST /kupla.v1.DeskService/WatchDesk HTTP/1.1\r\nContent-Type: application/connect+json\r\n",
		"no content type":     "POST /kupla.v1.QueueService/ListQueues HTTP/1.1\r\n",
		"preflight": "OPTIONS /kupla.v1.QueueService/ListQueues HTTP/1.1\r\nOrigin: https://x.example\r\n" +
			"Access-Control-Request-Method: POST\r\n",
	} {
		conn := dialRaw(t, url, head+"Host: x\r\nContent-Length: 500\r\n\r\n")
		if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection of a request that does not arrive is not ended", name)
		}
	}
	for name, by := range map[string]speaker{
		"HTTP 1.1": connectSpeaker{connecthttp.NewTransport(httpClient(t, false), url)},
		"h2c":      connectSpeaker{connecthttp.NewTransport(httpClient(t, true), url)},
		"gRPC":     grpcSpeaker{grpcConn(t, url)},
		"curl":     curlSpeaker{url},
	} {
		t.Run(name, func(t *testing.T) {
			customer := s.Start(apptest.Queue)
			stream := by.open(t, customer.Token, methodNamed(t, "ConversationService.FollowConversation"),
				&kuplav1.FollowConversationRequest{ConversationId: customer.ID})
			defer stream.stop()
			log := &followedLog{t: t, stream: stream}
			log.wantEvent(1, func(*kuplav1.Event) bool { return true })
			// The network is real here, and so is its time.
			time.Sleep(3 * timeout)
			customer.Say(t, customer.ID, "hei")
			log.wantEvent(2, func(*kuplav1.Event) bool { return true })
		})
	}
}

// What is left of a request that is too large is never taken for the next request on the same connection: behind a proxy
// that would be somebody else's.
func TestTooLargeIsNotTheNextRequest(t *testing.T) {
	s := apptest.New(t)
	url := s.Listen(rpc.HTTPConfig{})
	for name, test := range map[string]struct {
		size   int
		header string
	}{
		"a little too large":        {70 << 10, ""},
		"too large":                 {600 << 10, ""},
		"far too large":             {4 << 20, ""},
		"refused before it is read": {600 << 10, "Authorization: Bearer kupla_c_x\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dialRaw(t, url, "")
			hidden := "POST /kupla.v1.QueueService/ListQueues HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
				"Content-Length: 2\r\n\r\n{}"
			body := strings.Repeat(hidden, 1+test.size/len(hidden))
			go func() {
				// The server may end the connection while this writes. If it does not, the last request is the next one.
				_, _ = fmt.Fprintf(conn, "POST /kupla.v1.ConversationService/SendMessage HTTP/1.1\r\nHost: x\r\n"+
					"Content-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", test.header, len(body), body)
				_, _ = fmt.Fprint(conn, "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			}()
			var answers []string
			for r := bufio.NewReader(conn); ; {
				res, err := readPrinted(r)
				if err != nil {
					break // The connection ended, in good order or not.
				}
				answers = append(answers, res.status)
				if bytes.Contains(res.body, []byte("oral-health")) {
					t.Fatal("the request hidden in the body was answered")
				}
			}
			if len(answers) > 2 || len(answers) == 2 && answers[1] != "404 Not Found" {
				t.Errorf("a request and the one after it were answered %q", answers)
			}
		})
	}
}

// Whoever sends a little too much is told so and not cut off, in every protocol.
func TestTooLargeIsTold(t *testing.T) {
	s := apptest.New(t)
	url := s.Listen(rpc.HTTPConfig{})
	large := &kuplav1.StartConversationRequest{
		RequestId: newUUID(), QueueId: apptest.Queue, Language: "fi", Message: strings.Repeat("x", 900<<10),
	}
	over := func(version2 bool, options ...connecthttp.Option) speaker {
		return connectSpeaker{connecthttp.NewTransport(httpClient(t, version2), url, options...)}
	}
	for name, by := range map[string]speaker{
		"curl":              curlSpeaker{url},
		"Connect, HTTP 1.1": over(false),
		"Connect, h2c":      over(true),
		"gRPC-Web":          over(false, connecthttp.WithGRPCWeb()),
		"gRPC":              grpcSpeaker{grpcConn(t, url)},
	} {
		t.Run(name, func(t *testing.T) {
			r := chatter{t, by}.refused("", "ConversationService.StartConversation", large)
			r.want(t, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE)
			if r.metadata["limit_bytes"] != "65536" {
				t.Errorf("metadata is %v", r.metadata)
			}
		})
	}
}
