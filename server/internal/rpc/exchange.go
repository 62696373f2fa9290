package rpc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// bounded bounds, whatever protocol a request comes by, how much is read of it and for how long, and how long its peer
// may leave a write waiting. It also marks every answer as not to be kept, but for those that are the same for everybody
// and say so.
//
// http.Server's own timeouts count from the request and would end every stream.
func (s *Server) bounded(next http.Handler, readTimeout, writeTimeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		growStack(0)
		x := &exchange{ResponseWriter: w}
		defer x.end()
		next.ServeHTTP(x, x.bound(s, r, readTimeout, writeTimeout))
		x.begin(http.StatusOK) // an answer without a body writes nothing
	})
}

// growStack makes the goroutine's stack as large as handlers need it, by having needed it. Each request comes on a new
// goroutine with a small stack, and growing it means to copy it, frame by frame: here there are five, where it would
// happen by itself there are forty, and that was a twentieth of all processor time of a message.
//
//go:noinline
func growStack(i uint16) byte {
	var room [4 << 10]byte // on top of the five frames more than 4 KiB, and less than 8
	return room[i%uint16(len(room))]
}

// exchange is one request and its answer, with bounds on both.
type exchange struct {
	http.ResponseWriter
	patience

	controller http.ResponseController
	body       boundedBody
	reading    direction
	writing    direction
	version1   bool // HTTP/1, where the bounds are those of the connection
	began      bool
	held       bool // what is written is not sent before release
	unsent     bool // it would have been sent
	context    exchangeContext
}

// exchangeContext is the context of a request that knows its exchange. It is part of the exchange: a stream stands for
// as long as both do.
type exchangeContext struct {
	context.Context //nolint:containedctx // it is one

	exchange *exchange
}

type exchangeKey struct{}

// Value is the exchange, or what the context of the request has.
func (c *exchangeContext) Value(key any) any {
	if key == (exchangeKey{}) {
		return c.exchange
	}
	return c.Context.Value(key)
}

// together does work that sends several frames, and sends them as one when it is done: each write that goes out by itself
// is a frame of HTTP/2, a turn of its connection and a packet. What is too much to keep goes out before.
func together(ctx context.Context, work func(context.Context) error) error {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		return work(ctx)
	}
	x.held = true
	err := work(ctx)
	x.held = false
	if x.unsent {
		x.unsent = false
		if failed := x.FlushError(); err == nil {
			err = failed
		}
	}
	return err
}

// bound sets the bounds, and returns the request with its body bounded.
func (x *exchange) bound(s *Server, r *http.Request, readTimeout, writeTimeout time.Duration) *http.Request {
	x.controller = *http.NewResponseController(x.ResponseWriter)
	x.reading.timeout, x.writing.timeout = readTimeout, writeTimeout
	x.version1 = r.ProtoMajor == 1
	if x.version1 {
		// What was set when the request before on this connection ended.
		_ = x.controller.SetWriteDeadline(time.Time{}) // not supported by test recorders, which never block
	}
	x.body = boundedBody{
		ReadCloser: http.MaxBytesReader(x.ResponseWriter, r.Body, int64(s.requestBytes(r.URL.Path)+envelope)),
		rest:       r.Body, exchange: x,
	}
	if r.Body == nil || r.Body == http.NoBody {
		x.body.arrived = true
	} else {
		x.start(&x.reading)
	}
	securityHeaders(x.Header(), r.Method)
	if s.leaving.draining.Load() {
		x.Header().Set("Connection", "close") // in HTTP/2 it is not sent, and has net/http say that no more is to come
	}
	x.context = exchangeContext{Context: r.Context(), exchange: x}
	if !x.version1 {
		*r = *r.WithContext(&x.context) // in place: a stream stands for as long as its request does, and so would a copy
		r.Body = &x.body
		return r
	}
	// In a copy of the request: net/http looks at the body of its own one to tell whether the connection can be used
	// again. Finding another reader there it would take what is left of a body for the next request, and whoever
	// shares a proxy's connection could be made to send somebody else's.
	bounded := r.WithContext(&x.context)
	bounded.Body = &x.body
	return bounded
}

// What keeps browsers from guessing what an answer is, and from showing it. Shared by all answers and clipped, so that
// whoever adds a value to one adds it to no other.
var (
	noSniff        = slices.Clip([]string{"nosniff"})
	noReferrer     = slices.Clip([]string{"no-referrer"})
	contentsPolicy = slices.Clip([]string{"default-src 'none'; frame-ancestors 'none'"})
)

// securityHeaders adds what keeps browsers from guessing and framing. The answer to a POST is shown by none: what a form
// can post is refused without a word. These are sent in full with every answer, and of a message they were more than
// its text.
func securityHeaders(h http.Header, method string) {
	h["X-Content-Type-Options"] = noSniff
	if method != http.MethodPost {
		h["Referrer-Policy"] = noReferrer
		h["Content-Security-Policy"] = contentsPolicy
	}
}

// end ends the bounds when the answer is whole, as far as the handler goes. net/http may then still read what is left
// of the request, to use the connection again, and send what it holds of the answer: the bounds of these two are its own
// deadlines, because the answer may not be touched any more.
func (x *exchange) end() {
	x.mu.Lock()
	x.ended = true
	if x.timer != nil {
		x.timer.Stop()
	}
	x.mu.Unlock()
	now := time.Now()
	if !x.body.arrived {
		_ = x.controller.SetReadDeadline(now.Add(x.reading.timeout)) // not supported by test recorders, which never block
	}
	_ = x.controller.SetWriteDeadline(now.Add(x.writing.timeout)) // as above
}

// begin marks an answer as not to be kept unless it says otherwise, before its header leaves.
func (x *exchange) begin(status int) {
	if x.began {
		return
	}
	x.began = true
	// In HTTP/2 the answer may go out while the request still comes in: its peer has nothing to say any more. In HTTP/1
	// net/http reads what is left of the request before it sends the answer, and would wait for it for ever.
	if !x.version1 && !x.body.failed {
		x.stop(&x.reading)
	}
	if h := x.Header(); h.Get("Cache-Control") == "" || status != http.StatusOK {
		h.Set("Cache-Control", "no-store")
	}
}

// WriteHeader marks the answer and sends its header.
func (x *exchange) WriteHeader(status int) {
	x.begin(status)
	x.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the answer, for as long as the peer takes some of it in time.
func (x *exchange) Write(b []byte) (int, error) {
	x.begin(http.StatusOK)
	x.start(&x.writing)
	n, err := x.ResponseWriter.Write(b)
	x.stop(&x.writing)
	return n, err
}

// Flush sends what was written. It may wait for a peer that does not read, so it is bounded too.
func (x *exchange) Flush() {
	_ = x.FlushError() // a failed flush shows at the next write
}

// FlushError is Flush for http.ResponseController.
func (x *exchange) FlushError() error {
	x.begin(http.StatusOK)
	if x.held {
		x.unsent = true
		return nil
	}
	x.start(&x.writing)
	err := x.controller.Flush()
	x.stop(&x.writing)
	return err
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// boundedBody is a request's body up to its bound. The first time that it is met, some more is read and thrown away:
// most of those who are over it are so by little, and would see their sending fail instead of the answer.
type boundedBody struct {
	io.ReadCloser

	rest     io.Reader
	exchange *exchange
	arrived  bool // whole
	failed   bool
}

// thrownAway is how much is read of a request that is too large. Beyond it the connection ends.
const thrownAway = 1 << 20

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge && b.rest != nil {
		_, _ = io.CopyN(io.Discard, b.rest, thrownAway) // What fails here fails for the answer too.
		b.rest = nil
	}
	switch {
	case errors.Is(err, io.EOF):
		b.arrived = true
		b.exchange.stop(&b.exchange.reading)
	case err != nil:
		b.failed = true
	}
	return n, err
}

// patience is how long a peer may keep the server waiting, in each direction. When it is over, the deadline of net/http
// is set to a time that has passed, which ends what waits and fails what comes after.
//
// It is a timer of its own because net/http's deadlines are costly in HTTP/2: setting one is a message to the goroutine
// of the connection, and with one before and after every write that is more than the write itself. The timer is not set
// anew for every wait either: it goes off once for many, and looks what is still waited for.
type patience struct {
	mu      sync.Mutex
	timer   *time.Timer // of both directions
	goesOff time.Time   // when the timer does; zero when it does not
	ended   bool
}

// direction is the waiting for a peer in one direction.
type direction struct {
	timeout time.Duration
	until   time.Time // zero when the peer is not waited for
}

// start begins to wait.
func (x *exchange) start(d *direction) {
	now := time.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	d.until = now.Add(d.timeout)
	switch {
	case x.timer == nil:
		x.timer = time.AfterFunc(d.timeout, x.goOff)
	case x.goesOff.IsZero() || x.goesOff.After(d.until):
		x.timer.Reset(d.timeout)
	default:
		return
	}
	x.goesOff = d.until
}

// stop ends the wait: the peer did its part.
func (x *exchange) stop(d *direction) {
	x.mu.Lock()
	defer x.mu.Unlock()
	d.until = time.Time{}
}

func (x *exchange) goOff() {
	now := time.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return // net/http forbids to touch an answer after its end
	}
	x.goesOff = time.Time{}
	over := time.Unix(1, 0)
	if x.look(&x.reading, now) {
		_ = x.controller.SetReadDeadline(over) // not supported by test recorders, which never block
	}
	if x.look(&x.writing, now) {
		_ = x.controller.SetWriteDeadline(over) // as above
	}
	if x.goesOff.IsZero() {
		x.timer = nil // nobody is waited for, and most streams are silent most of the time
		return
	}
	x.timer.Reset(x.goesOff.Sub(now))
}

// look reports whether the wait in a direction is over; one that goes on decides when the timer goes off next.
func (x *exchange) look(d *direction, now time.Time) (over bool) {
	switch {
	case d.until.IsZero():
	case !d.until.After(now):
		d.until = time.Time{}
		return true
	case x.goesOff.IsZero() || d.until.Before(x.goesOff):
		x.goesOff = d.until
	}
	return false
}
