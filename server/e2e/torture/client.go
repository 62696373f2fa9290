package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// client makes a client of the service, behind the proxy, that speaks one of its protocols.
func (r *run) client(random *rand.Rand, token string) *kupla.Client {
	options := []kupla.Option{
		kupla.WithRetry(kupla.RetryPolicy{
			Backoff:        kupla.Backoff{Initial: 10 * time.Millisecond, Max: 500 * time.Millisecond},
			AttemptTimeout: 2 * time.Second, MaxElapsed: -1,
		}),
		kupla.WithReconnect(kupla.Backoff{Initial: 10 * time.Millisecond, Max: 500 * time.Millisecond}),
		kupla.WithStaffToken(token),
	}
	return kupla.New(r.proxy.url(), append(options, r.protocol(random)...)...)
}

// protocol chooses a protocol and an encoding.
func (*run) protocol(random *rand.Rand) []kupla.Option {
	switch random.IntN(6) {
	case 0:
		return []kupla.Option{kupla.WithHTTP1()}
	case 1:
		return []kupla.Option{kupla.WithProtocol(kupla.GRPC)}
	case 2:
		return []kupla.Option{kupla.WithProtocol(kupla.GRPCWeb)}
	case 3:
		return []kupla.Option{kupla.WithJSON()}
	default:
		return nil
	}
}

// line is a client with connections of its own, so that it is known what happened to them.
type line struct {
	*kupla.Client

	run   *run
	http  *http.Client
	begun time.Time

	mu        sync.Mutex
	addresses []string
}

// line makes one. close ends it.
func (r *run) line(random *rand.Rand, token string) *line {
	l := &line{run: r, begun: time.Now()}
	protocols := new(http.Protocols)
	http1 := random.IntN(3) == 0
	protocols.SetHTTP1(http1)
	protocols.SetUnencryptedHTTP2(!http1)
	l.http = &http.Client{Transport: &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, network, address)
			if err == nil {
				l.mu.Lock()
				l.addresses = append(l.addresses, c.LocalAddr().String())
				l.mu.Unlock()
			}
			return c, err
		},
		HTTP2: &http.HTTP2Config{SendPingTimeout: 3 * time.Second, PingTimeout: 3 * time.Second},
	}}
	if r.config.Cluster != nil {
		// All that is half-open is reset in the end; and a machine that runs all this may be slow to answer.
		l.http.Transport.(*http.Transport).HTTP2.PingTimeout = 20 * time.Second //nolint:forcetypeassert // As above.
	}
	options := []kupla.Option{kupla.WithHTTPClient(l.http), kupla.WithStaffToken(token)}
	if !http1 && random.IntN(2) == 0 {
		options = append(options, kupla.WithProtocol(kupla.GRPC))
	}
	l.Client = kupla.New(r.proxy.url(), options...)
	return l
}

func (l *line) close() { l.http.CloseIdleConnections() }

// harmed reports whether something was done to the line, or to the server while it stood, that ends a stream which had
// begun, or one that had not.
func (l *line) harmed(begun bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	enough := parted
	if begun {
		enough = broken
	}
	return len(l.addresses) == 0 || l.run.outages.during(l.begun, time.Now()) ||
		slices.ContainsFunc(l.addresses, func(a string) bool { return l.run.proxy.harmed(a) >= enough })
}

// refusal is why a call was refused, in the service's own words; unspecified when it was not the service that
// refused. Refusals that no behaviour of this run can lead to are anomalies.
func (r *run) refusal(conversation, what string, err error, expected ...kuplav1.ErrorReason) kuplav1.ErrorReason {
	reason := kupla.ReasonOf(err)
	if reason == kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return reason
	}
	r.count(refusals, reason.String()[len("ERROR_REASON_"):])
	switch reason { //nolint:exhaustive // These may come at any time, by what is done to the server.
	case kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE, kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED:
		return reason
	}
	if slices.Contains(expected, reason) {
		return reason
	}
	r.anomalyf("unexpected refusal", conversation, "%s: %v: %v", what, reason, err)
	return reason
}

// ended reports whether an error is only that the run, or a person's time in it, is over.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// lost counts why a follower of the SDK lost its connection. A stream that ends without a word is an anomaly, and so
// is one that skipped something: what was injected shows itself as an error of the connection.
func (r *run) lost(conversation string, c *kupla.Connection) {
	_, gap := errors.AsType[*kupla.GapError](c.Cause)
	away, gone := errors.AsType[*kupla.GoAwayError](c.Cause)
	switch {
	case gap, errors.Is(c.Cause, kupla.ErrStreamEnded), errors.Is(c.Cause, kupla.ErrHistoryLost):
		r.anomalyf("follower", conversation, "%v", c.Cause)
	case gone:
		r.count(losses, away.Reason.String())
	case errors.Is(c.Cause, kupla.ErrStreamSilent):
		r.count(losses, "silent")
	default:
		r.refusal(conversation, "follow", c.Cause)
		r.count(losses, connect.CodeOf(c.Cause).String())
	}
}
