package kupla

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/google/go-cmp/cmp"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// serve puts the fake service behind real sockets, HTTP/1.1 and HTTP/2 without TLS on one port.
func serve(t *testing.T, service *fakeService, wrap func(http.Handler) http.Handler) *httptest.Server {
	t.Helper()
	server := connect.NewServer(service.remember)
	kuplav1connect.RegisterConversationServiceHandler(server, service)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	var handler http.Handler = mux
	if wrap != nil {
		handler = wrap(mux)
	}
	listener := httptest.NewUnstartedServer(handler)
	listener.Config.Protocols = new(http.Protocols)
	listener.Config.Protocols.SetHTTP1(true)
	listener.Config.Protocols.SetUnencryptedHTTP2(true)
	listener.Start()
	t.Cleanup(listener.Close)
	return listener
}

func quick() Option {
	return WithReconnect(Backoff{Initial: time.Millisecond, Max: 5 * time.Millisecond})
}

func TestEveryProtocolOverHTTP(t *testing.T) {
	tests := map[string]struct {
		options []Option
		proto   string
	}{
		"connect":            {proto: "HTTP/2.0"},
		"connect with json":  {options: []Option{WithJSON()}, proto: "HTTP/2.0"},
		"connect over http1": {options: []Option{WithHTTP1()}, proto: "HTTP/1.1"},
		"grpc":               {options: []Option{WithProtocol(GRPC)}, proto: "HTTP/2.0"},
		"grpc-web":           {options: []Option{WithProtocol(GRPCWeb)}, proto: "HTTP/2.0"},
		"own http client":    {options: []Option{WithHTTPClient(http.DefaultClient)}, proto: "HTTP/1.1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var protos []string
			service := &fakeService{
				follows: []followScript{
					frames(errCut, snapshotFrame(0, 3), eventFrame(1), eventFrame(2)), honest(3),
					frames(refusal(connect.CodeNotFound, "CONVERSATION_NOT_FOUND", map[string]string{"conversation_id": "c1"})),
				},
				send: func(context.Context, *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
					return nil, refusal(connect.CodeFailedPrecondition, "IDENTITY_CODE_IN_TEXT", nil)
				},
			}
			listener := serve(t, service, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					protos = append(protos, r.Proto)
					next.ServeHTTP(w, r)
				})
			})
			client := New(listener.URL, append(test.options, quick())...)
			defer client.Close()
			v := client.Resume(Credentials{ConversationID: "c1", AccessToken: "secret"})

			got := collect(t, v, FollowOptions{})
			if diff := cmp.Diff(upTo(3), got.events); diff != "" || got.err != nil {
				t.Errorf("ended with %v, events (-want +got):\n%s", got.err, diff)
			}
			got = collect(t, v, FollowOptions{})
			if ReasonOf(got.err) != kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND ||
				Metadata(got.err)["conversation_id"] != "c1" || len(got.disconnected) != 0 {
				t.Errorf("following what is not there ended with %v", got.err)
			}
			if _, err := v.Send(t.Context(), "hello"); ReasonOf(err) != kuplav1.ErrorReason_ERROR_REASON_IDENTITY_CODE_IN_TEXT {
				t.Errorf("sending ended with %v", err)
			}
			for _, proto := range protos {
				if proto != test.proto {
					t.Errorf("spoke %s", proto)
				}
			}
		})
	}
}

// Connections that are torn down under a stream and under a call cost nothing.
func TestTornConnections(t *testing.T) {
	for _, options := range [][]Option{nil, {WithHTTP1()}, {WithProtocol(GRPC)}} {
		t.Run(fmt.Sprint(len(options), " options"), func(t *testing.T) {
			var l ledger
			var listener *httptest.Server
			tear := func() { listener.CloseClientConnections() }
			service := &fakeService{}
			for cut := range int32(4) {
				service.follows = append(service.follows, func(ctx context.Context, cursor string, send func(*frame) error) error {
					_ = honest(after(cursor)+1)(ctx, cursor, func(one *frame) error {
						if one.GetGoAway() != nil {
							return errCut
						}
						return send(one)
					})
					if cut < 3 {
						tear()
					}
					<-ctx.Done()
					return ctx.Err()
				})
			}
			service.follows[3] = honest(4)
			service.send = func(_ context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
				res := l.commit(req)
				if len(l.asked) < 3 {
					tear() // stored, but the answer is lost
				}
				return res, nil
			}
			listener = serve(t, service, nil)
			client := New(listener.URL, append(options, quick(), WithRetry(RetryPolicy{Backoff: Backoff{Initial: time.Millisecond}}))...)
			defer client.Close()
			v := client.Resume(Credentials{ConversationID: "c1", AccessToken: "secret"})

			got := collect(t, v, FollowOptions{})
			if diff := cmp.Diff(upTo(4), got.events); diff != "" || got.err != nil {
				t.Errorf("ended with %v, events (-want +got):\n%s", got.err, diff)
			}
			if len(got.disconnected) != 3 {
				t.Errorf("told %d disconnects", len(got.disconnected))
			}
			event, err := v.Send(t.Context(), "hello")
			if err != nil || event.GetSequence() != 1 || len(l.stored) != 1 || len(l.asked) < 3 {
				t.Errorf("got %v, %v after %d calls, %d stored", event, err, len(l.asked), len(l.stored))
			}
		})
	}
}

func TestUnsendableTextIsRefusedAtOnce(t *testing.T) {
	calls := 0
	service := &fakeService{send: func(context.Context, *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
		calls++
		return &kuplav1.SendMessageResponse{}, nil
	}}
	client := New(serve(t, service, nil).URL)
	defer client.Close()
	start := time.Now()
	_, err := client.Resume(Credentials{ConversationID: "c1"}).Send(t.Context(), "not \xff UTF-8")
	if connect.CodeOf(err) != connect.CodeInvalidArgument || calls != 0 || time.Since(start) > 5*time.Second {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	client := New("http://"+address, WithRetry(RetryPolicy{MaxElapsed: 50 * time.Millisecond}))
	defer client.Close()
	if _, err := client.Queue(t.Context(), "demo"); connect.CodeOf(err) != connect.CodeUnavailable || fromService(err) {
		t.Errorf("got %v", err)
	}
}

// A token goes where it was meant to go and nowhere else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var leaked bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked = leaked || r.Header.Get("Authorization") != ""
	}))
	defer elsewhere.Close()
	listener := serve(t, &fakeService{}, func(http.Handler) http.Handler {
		return http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect)
	})
	client := New(listener.URL, WithStaffToken("secret"), WithRetry(RetryPolicy{MaxElapsed: time.Millisecond}))
	defer client.Close()
	_, err := client.Conversation("c1").Get(t.Context())
	if err == nil || leaked {
		t.Errorf("got %v, leaked %t", err, leaked)
	}
}

// An address that is no Kupla service answers, too. That is told apart from a refusal.
func TestSomethingElseListens(t *testing.T) {
	listener := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>hello</html>"))
	}))
	listener.Start()
	defer listener.Close()
	client := New(listener.URL, WithHTTP1(), WithRetry(RetryPolicy{MaxElapsed: time.Millisecond}))
	defer client.Close()
	_, err := client.Queue(t.Context(), "demo")
	if err == nil || fromService(err) || !strings.Contains(err.Error(), "content-type") {
		t.Errorf("got %v", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
