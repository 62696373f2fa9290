package load

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// serveBare serves a relay in this process, so that the race detector sees both sides.
func serveBare(t *testing.T, echo bool, relay kuplav1connect.ConversationServiceHandler) *Server {
	t.Helper()
	listen, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	debug, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- serveRelay(ctx, relay, Bare{Listen: listen, DebugListen: debug}, func() { close(ready) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	return &Server{Name: "bare", URL: "http://" + listen, Debug: "http://" + debug, PID: os.Getpid(), Echo: echo}
}

// talkative is a talk long enough to go wrong.
var talkative = Pairs{Pairs: 3, WarmUp: 20 * time.Millisecond, Duration: 200 * time.Millisecond, Rest: 300 * time.Millisecond}

func TestPairsTalkByEveryWire(t *testing.T) {
	for _, protocol := range Protocols {
		for _, codec := range Codecs {
			for _, echo := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s echo=%t", protocol, codec, echo), func(t *testing.T) {
					p := talkative
					p.Wire = Wire{Protocol: protocol, Codec: codec}
					r, err := p.Run(t.Context(), serveBare(t, echo, newBareService(echo)))
					if err != nil {
						t.Fatal(err)
					}
					if r.Received < 6 || r.Total < r.Received {
						t.Errorf("%d messages counted, and %d in all", r.Received, r.Total)
					}
					if r.Latency.P50 <= 0 || r.Latency.P99 < r.Latency.P50 || r.Latency.Max < r.Latency.P99 {
						t.Errorf("latency %+v", r.Latency)
					}
				})
			}
		}
	}
}

func TestPaceIsKept(t *testing.T) {
	p := talkative
	p.Burst, p.Every = 5, 20*time.Millisecond
	r, err := p.Run(t.Context(), serveBare(t, false, newBareService(false)))
	if err != nil {
		t.Fatal(err)
	}
	// 220 ms at 5 messages every 20 ms.
	if r.Total != 55 {
		t.Errorf("%d messages were sent, want 55", r.Total)
	}
}

// unfaithful is a relay that does to one message what no server may.
type unfaithful struct {
	*bareService

	harm func(b *bareService, ctx context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error)
}

func (u *unfaithful) SendMessage(ctx context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
	// The third of a customer: "aaaaaaad" is number 3.
	if strings.HasPrefix(req.GetText(), "caaaaaaad") {
		return u.harm(u.bareService, ctx, req)
	}
	return u.bareService.SendMessage(ctx, req)
}

func TestHarmIsFound(t *testing.T) {
	answer := &kuplav1.SendMessageResponse{Event: &kuplav1.Event{Sequence: 1}}
	type send = func(b *bareService, ctx context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error)
	for name, test := range map[string]struct {
		harm send
		want string
	}{
		"lost": {
			harm: func(*bareService, context.Context, *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
				return answer, nil
			},
			want: "acknowledged and",
		},
		"doubled": {
			harm: func(b *bareService, ctx context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
				if _, err := b.SendMessage(ctx, req); err != nil {
					return nil, err
				}
				return b.SendMessage(ctx, req)
			},
			want: "message 3 arrived where message 4 was to",
		},
		"changed": {
			harm: func(b *bareService, ctx context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
				return b.SendMessage(ctx, &kuplav1.SendMessageRequest{ConversationId: req.GetConversationId(), Text: req.GetText()[:199]})
			},
			want: "a message of 199 bytes arrived",
		},
		"skipped in the log": {
			harm: func(b *bareService, ctx context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
				id, _, err := takeApart(req.GetConversationId())
				if err != nil {
					return nil, err
				}
				c := b.conversation(id)
				c.mu.Lock()
				c.sequence++
				c.mu.Unlock()
				return b.SendMessage(ctx, req)
			},
			want: "arrived after event",
		},
	} {
		t.Run(name, func(t *testing.T) {
			relay := &unfaithful{bareService: newBareService(true), harm: test.harm}
			_, err := talkative.Run(t.Context(), serveBare(t, true, relay))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestIdleFollowers(t *testing.T) {
	r, err := Idle{Followers: 30, PerConnection: 7}.Run(t.Context(), serveBare(t, false, newBareService(false)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Followers != 30 || r.Connections != 5 {
		t.Errorf("%d followed on %d connections, want 30 on 5", r.Followers, r.Connections)
	}
	if r.Whole.InUse <= 0 || r.Whole.Resident < r.Whole.InUse/2 {
		t.Errorf("the server holds %+v", r.Whole)
	}
}
