package rpc_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// Addresses of the ranges for documentation. A school is behind one of them.
const (
	home     = "203.0.113.7"
	neighbor = "203.0.113.8"
	school   = "198.51.100.20"
	factor   = 3 // by which the school's limits are multiplied
)

// crossing is a server behind a proxy of ours, to which callers come from many addresses.
type crossing struct {
	*apptest.Server

	t     *testing.T
	clock *testClock
	url   string
}

func newCrossing(t *testing.T, change func(*rpc.Config)) *crossing {
	t.Helper()
	c := &crossing{t: t, clock: newClock(aWednesday)}
	c.Server = apptest.New(t, withClock(c.clock), apptest.WithConfig(func(config *app.Config) {
		config.RPC.Addresses = access.AddressConfig{
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
			Exceptions:     []access.Exception{{Prefix: netip.MustParsePrefix(school + "/32"), Factor: factor}},
		}
		change(&config.RPC)
	}))
	c.url = c.Listen(rpc.HTTPConfig{})
	return c
}

// caller is somebody at an address, with a token or without.
type caller struct {
	c      *crossing
	client *connect.Client
}

// from makes a caller. forwarded is what the proxy says of them.
func (c *crossing) from(forwarded, token string) caller {
	return caller{c: c, client: connect.NewClient(connecthttp.NewTransport(http.DefaultClient, c.url),
		func(next connect.ClientFunc) connect.ClientFunc {
			return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
				if info, ok := connect.CallInfoForClientContext(ctx); ok {
					if forwarded != "" {
						info.RequestHeader().Set("X-Forwarded-For", forwarded)
					}
					if token != "" {
						info.RequestHeader().Set("Authorization", bearer(token))
					}
				}
				return next(ctx, spec)
			}
		})}
}

func (c caller) call(method string, req proto.Message) error {
	c.c.t.Helper()
	_, err := invoke(c.c.t, c.client, methodNamed(c.c.t, method), req)
	return err
}

// start starts a conversation.
func (c caller) start() (*kuplav1.StartConversationResponse, error) {
	c.c.t.Helper()
	res, err := invoke(c.c.t, c.client, methodNamed(c.c.t, "ConversationService.StartConversation"),
		&kuplav1.StartConversationRequest{RequestId: newUUID(), QueueId: apptest.Queue, Language: "fi"})
	if err != nil {
		return nil, err
	}
	return res.(*kuplav1.StartConversationResponse), nil
}

func (c caller) look() error {
	c.c.t.Helper()
	return c.call("QueueService.GetQueue", &kuplav1.GetQueueRequest{QueueId: apptest.Queue})
}

func (c caller) say(id string) error {
	c.c.t.Helper()
	return c.call("ConversationService.SendMessage", &kuplav1.SendMessageRequest{ConversationId: id, RequestId: newUUID(), Text: "hei"})
}

func (c caller) get(id string) error {
	c.c.t.Helper()
	return c.call("ConversationService.GetConversation", &kuplav1.GetConversationRequest{ConversationId: id})
}

// limited reports whether a call was refused for its rate, and for how long. Any other refusal is none here.
func limited(t *testing.T, err error) (time.Duration, bool) {
	t.Helper()
	if err == nil {
		return 0, false
	}
	r := refusalOf(t, err)
	if r.reason != "RATE_LIMITED" {
		return 0, false
	}
	r.want(t, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED)
	if r.retry == nil {
		t.Fatal("it is not said after how long to try again")
	}
	return r.retry.GetRetryDelay().AsDuration(), true
}

// wantLimit makes calls until one is refused, and again when it was told to: neither sooner nor later.
func (c *crossing) wantLimit(burst int, refill time.Duration, call func() error) {
	c.t.Helper()
	for i := range burst {
		if _, is := limited(c.t, call()); is {
			c.t.Fatalf("call %d of %d is refused", i+1, burst)
		}
	}
	delay, is := limited(c.t, call())
	if !is {
		c.t.Fatalf("call %d of %d is not refused", burst+1, burst)
	}
	if delay <= refill-10*time.Millisecond || delay > refill+10*time.Millisecond {
		c.t.Errorf("to be tried again after %v, want about %v", delay, refill)
	}
	c.clock.advance(delay - 5*time.Millisecond)
	if _, is := limited(c.t, call()); !is {
		c.t.Error("it is not refused just before the time that was told")
	}
	c.clock.advance(5 * time.Millisecond)
	if _, is := limited(c.t, call()); is {
		c.t.Error("it is refused at the time that was told")
	}
	if _, is := limited(c.t, call()); !is {
		c.t.Error("more than one is granted at the time that was told for one")
	}
}

// Each limit refuses those above their rate, says when to come back, means it, and leaves everybody else alone.
func TestRateLimits(t *testing.T) {
	const burst, refill = 3, 4 * time.Second
	rate := access.Rate{PerSecond: 1 / refill.Seconds(), Burst: burst}
	type people struct {
		c               *crossing
		id, other       string // conversations
		customer, nurse string // tokens
		stranger        string
	}
	tests := map[string]struct {
		set func(*access.Limits)
		// call is one that counts; others are calls of others, or of other kinds, that are granted at the same moment.
		call   func(p people) func() error
		others func(p people) map[string]error
	}{
		"starts of an address": {
			func(l *access.Limits) { l.AddressStarts = rate },
			func(p people) func() error {
				return func() error { _, err := p.c.from(home, "").start(); return err }
			},
			func(p people) map[string]error {
				_, err := p.c.from(neighbor, "").start()
				return map[string]error{"the neighbor's start": err, "looking": p.c.from(home, "").look(), "talking": p.c.from(home, p.customer).say(p.id)}
			},
		},
		"bad credentials of an address": {
			func(l *access.Limits) { l.AddressBadCredentials = rate },
			func(p people) func() error {
				return func() error { return p.c.from(home, "kupla_s_guess").get(p.id) }
			},
			func(p people) map[string]error {
				return map[string]error{"looking": p.c.from(home, "").look(), "the customer": p.c.from(home, p.customer).get(p.id)}
			},
		},
		"calls of an address": {
			func(l *access.Limits) { l.AddressCalls = rate },
			func(p people) func() error { return func() error { return p.c.from(home, "").look() } },
			func(p people) map[string]error {
				return map[string]error{"the neighbor": p.c.from(neighbor, "").look()}
			},
		},
		"calls of a token": {
			func(l *access.Limits) { l.TokenCalls = rate },
			func(p people) func() error { return func() error { return p.c.from(home, p.customer).get(p.id) } },
			func(p people) map[string]error {
				return map[string]error{
					"without a token": p.c.from(home, "").look(), "another token": p.c.from(home, p.stranger).get(p.other),
				}
			},
		},
		"messages of a token": {
			func(l *access.Limits) { l.TokenSends = rate },
			func(p people) func() error { return func() error { return p.c.from(home, p.customer).say(p.id) } },
			func(p people) map[string]error {
				return map[string]error{
					"the professional's message": p.c.from(home, p.nurse).say(p.id), "reading": p.c.from(home, p.customer).get(p.id),
				}
			},
		},
		"messages in a conversation": {
			func(l *access.Limits) { l.ConversationSends = rate },
			func(p people) func() error {
				turn := 0
				return func() error {
					turn++
					return p.c.from(home, []string{p.customer, p.nurse}[turn%2]).say(p.id)
				}
			},
			func(p people) map[string]error {
				return map[string]error{
					"another conversation": p.c.from(home, p.stranger).say(p.other), "reading": p.c.from(home, p.customer).get(p.id),
				}
			},
		},
		"typing and reading in a conversation": {
			func(l *access.Limits) { l.ConversationEphemerals = rate },
			func(p people) func() error {
				turn := 0
				return func() error {
					turn++
					if turn%2 == 0 {
						return p.c.from(home, p.nurse).call("ConversationService.SetTyping", &kuplav1.SetTypingRequest{ConversationId: p.id})
					}
					return p.c.from(home, p.customer).call("ConversationService.MarkRead", &kuplav1.MarkReadRequest{ConversationId: p.id, Sequence: 1})
				}
			},
			func(p people) map[string]error {
				return map[string]error{
					"another conversation": p.c.from(home, p.stranger).call("ConversationService.SetTyping", &kuplav1.SetTypingRequest{ConversationId: p.other}),
					"a message":            p.c.from(home, p.customer).say(p.id),
				}
			},
		},
	}
	limiter, err := access.NewLimiter(access.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if scopes := limiter.Stats(); len(scopes) != len(tests) {
		t.Errorf("there are %d limits, and %d are tested", len(scopes), len(tests))
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCrossing(t, func(config *rpc.Config) { test.set(&config.Limits) })
			p := people{c: c, nurse: c.StaffToken(store.Staff{ID: "nurse"})}
			// From elsewhere, and with all that they need; a minute later nothing of it counts any more.
			for i, address := range []string{"192.0.2.1", "192.0.2.2"} {
				started, err := c.from(address, "").start()
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					p.id, p.customer = started.GetConversation().GetId(), started.GetAccessToken()
				} else {
					p.other, p.stranger = started.GetConversation().GetId(), started.GetAccessToken()
				}
			}
			if err := c.from("192.0.2.3", p.nurse).call("DeskService.TakeConversation",
				&kuplav1.TakeConversationRequest{ConversationId: p.id, RequestId: newUUID()}); err != nil {
				t.Fatal(err)
			}
			c.clock.advance(time.Minute)
			c.wantLimit(burst, refill, test.call(p))
			for who, err := range test.others(p) {
				if err != nil {
					t.Errorf("%s is refused too: %v", who, err)
				}
			}
		})
	}
}

// A school is many people behind one address: its limits are multiplied.
func TestExceptionMultipliesLimits(t *testing.T) {
	rate := access.Rate{PerSecond: 1.0 / 6, Burst: 2}
	c := newCrossing(t, func(config *rpc.Config) { config.Limits.AddressStarts = rate })
	start := func(address string) func() error {
		return func() error { _, err := c.from(address, "").start(); return err }
	}
	c.wantLimit(2, 6*time.Second, start(home))
	c.wantLimit(2*factor, 6*time.Second/factor, start(school))
}

// What stands for a caller is the address that our proxy saw, and of IPv6 what one household has.
func TestWhoCountsAsOneCaller(t *testing.T) {
	for name, test := range map[string]struct {
		first, second string
		same          bool
	}{
		"two addresses": {home, neighbor, false},
		"what the caller claims before the proxy": {"192.0.2.200, " + home, "192.0.2.201, " + home, true},
		"one household of IPv6":                   {"2001:db8:1:100::1", "2001:db8:1:1ff::2", true},
		"two households of IPv6":                  {"2001:db8:1:100::1", "2001:db8:1:200::1", false},
		"with a port and without":                 {home + ":5000", home, true},
		"through two of our proxies":              {home + ", 127.0.0.9", home, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrossing(t, func(config *rpc.Config) { config.Limits.AddressCalls = access.Rate{PerSecond: 0.1, Burst: 1} })
			if _, is := limited(t, c.from(test.first, "").look()); is {
				t.Fatal("the first call is refused")
			}
			if _, is := limited(t, c.from(test.second, "").look()); is != test.same {
				t.Errorf("the second is refused: %t, want %t", is, test.same)
			}
		})
	}
	// Without a proxy of ours nobody is believed.
	c := newCrossing(t, func(config *rpc.Config) {
		config.Addresses = access.AddressConfig{}
		config.Limits.AddressCalls = access.Rate{PerSecond: 0.1, Burst: 1}
	})
	if err := c.from(home, "").look(); err != nil {
		t.Fatal(err)
	}
	if _, is := limited(t, c.from(neighbor, "").look()); !is {
		t.Error("a caller is believed to be at another address")
	}
}

// Only so many wait who were started from one address; whoever is answered or gone makes room.
func TestWaitingCap(t *testing.T) {
	c := newCrossing(t, func(config *rpc.Config) { config.WaitingPerAddress = 2 })
	full := func(address string, most int) []*kuplav1.StartConversationResponse {
		t.Helper()
		var started []*kuplav1.StartConversationResponse
		for range most {
			res, err := c.from(address, "").start()
			if err != nil {
				t.Fatalf("%s: %v", address, err)
			}
			started = append(started, res)
		}
		_, err := c.from(address, "").start()
		r := refusalOf(t, err)
		r.want(t, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_WAITING)
		if r.metadata["limit"] != fmt.Sprint(most) || r.retry.GetRetryDelay().AsDuration() <= 0 {
			t.Errorf("%s: metadata is %v, and to be tried again after %v", address, r.metadata, r.retry)
		}
		return started
	}
	started := full(home, 2)
	full(neighbor, 2)
	full(school, 2*factor)

	if err := c.from(home, started[0].GetAccessToken()).call("ConversationService.LeaveConversation",
		&kuplav1.LeaveConversationRequest{ConversationId: started[0].GetConversation().GetId(), RequestId: newUUID()}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.from(home, "").start(); err != nil {
		t.Errorf("after one has left: %v", err)
	}
	nurse := c.StaffToken(store.Staff{ID: "nurse"})
	if err := c.from(home, nurse).call("DeskService.TakeConversation",
		&kuplav1.TakeConversationRequest{ConversationId: started[1].GetConversation().GetId(), RequestId: newUUID()}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.from(home, "").start(); err != nil {
		t.Errorf("after one is answered: %v", err)
	}
	if _, err := c.from(home, "").start(); err == nil || refusalOf(t, err).reason != "TOO_MANY_WAITING" {
		t.Errorf("one more than may wait: %v", err)
	}
}

// Somebody who tries tokens is slowed down, and nobody else behind the same address is.
func TestBadCredentialsBlockNobodyElse(t *testing.T) {
	c := newCrossing(t, func(config *rpc.Config) {
		config.Limits.AddressBadCredentials = access.Rate{PerSecond: 1.0 / 60, Burst: 2}
	})
	nurse := c.StaffToken(store.Staff{ID: "nurse"})
	canned := func(token string) error {
		return c.from(home, token).call("DeskService.ListCannedReplies", &kuplav1.ListCannedRepliesRequest{})
	}
	if err := canned(nurse); err != nil {
		t.Fatal(err)
	}
	unknown, err := access.NewToken(access.KindStaff)
	if err != nil {
		t.Fatal(err)
	}
	guesses := []string{"kupla_s_guess", unknown.Reveal(), "kupla_s_guess"}
	var got []string
	for _, guess := range guesses {
		got = append(got, refusalOf(t, canned(guess)).reason)
	}
	if want := []string{"CREDENTIALS_INVALID", "CREDENTIALS_INVALID", "RATE_LIMITED"}; !slices.Equal(got, want) {
		t.Fatalf("guesses are answered %q, want %q", got, want)
	}
	if err := canned(nurse); err != nil {
		t.Errorf("a professional whose token was good: %v", err)
	}
	// Looked up again, as tokens are every few seconds.
	c.clock.advance(7 * time.Second)
	if _, is := limited(t, canned("kupla_s_guess")); !is {
		t.Fatal("the one who guesses is free again too soon")
	}
	if err := canned(nurse); err != nil {
		t.Errorf("a professional whose token was good a while ago: %v", err)
	}
	// A resident who starts now has a token that nobody has used yet.
	started, err := c.from(home, "").start()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.from(home, started.GetAccessToken()).get(started.GetConversation().GetId()); err != nil {
		t.Errorf("a resident who has just started: %v", err)
	}
	// Once revoked, a token is as bad as any other.
	tokens, err := c.Store.StaffTokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		token.RevokeTime = c.clock.now()
		if err := c.Store.PutStaffToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	c.clock.advance(7 * time.Second)
	if r := refusalOf(t, canned(nurse)); r.reason != "CREDENTIALS_INVALID" {
		t.Errorf("a revoked token: %s", r.reason)
	}
	if _, is := limited(t, canned(nurse)); !is {
		t.Error("a revoked token is looked up as often as anybody likes")
	}
}

// As many streams are open from one address as may be; one more is refused, and one less makes room.
func TestStreamsPerAddress(t *testing.T) {
	const most = 3
	c := newCrossing(t, func(config *rpc.Config) { config.Streams = access.StreamLimits{PerAddress: most} })
	m := methodNamed(t, "QueueService.WatchQueues")
	open := func(address string) (connect.ClientStream, error) {
		t.Helper()
		stream, err := c.from(address, "").client.CallServerStream(context.Background(), specOf(m), &kuplav1.WatchQueuesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return stream, stream.Receive(&kuplav1.WatchQueuesResponse{})
	}
	full := func(address string, most int) []connect.ClientStream {
		t.Helper()
		var streams []connect.ClientStream
		for range most {
			stream, err := open(address)
			if err != nil {
				t.Fatalf("%s: %v", address, err)
			}
			streams = append(streams, stream)
		}
		_, err := open(address)
		r := refusalOf(t, err)
		r.want(t, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_STREAMS)
		if r.metadata["limit"] != fmt.Sprint(most) || r.retry.GetRetryDelay().AsDuration() <= 0 {
			t.Errorf("%s: metadata is %v, and to be tried again after %v", address, r.metadata, r.retry)
		}
		return streams
	}
	streams := full(home, most)
	streams = append(streams, full(neighbor, most)...)
	streams = append(streams, full(school, most*factor)...)
	if err := streams[0].Close(); err != nil {
		t.Fatal(err)
	}
	// The server hears of the end over the network, a moment later.
	for deadline := time.Now().Add(20 * time.Second); ; {
		stream, err := open(home)
		if err == nil {
			streams = append(streams, stream)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after one has ended: %v", err)
		}
	}
	for _, stream := range streams[1:] {
		_ = stream.Close() // The server may have ended it.
	}
}
