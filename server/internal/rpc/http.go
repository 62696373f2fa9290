package rpc

import (
	"errors"
	"io"
	"net/http"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	connectcors "connectrpc.com/cors"
	"connectrpc.com/grpcreflect"
	"github.com/rs/cors"

	kuplav1connect "github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// HTTPConfig is how the contract is served over HTTP. Zero values take the defaults.
type HTTPConfig struct {
	// AllowedOrigins are the origins of the web pages that may call. None means none but our own. "*" is for
	// development.
	AllowedOrigins []string
	// Reflection serves gRPC reflection. For development: it tells everybody what there is.
	Reflection bool
	// ReadTimeout is how long the body of a request may take to arrive. Default 30 s. Requests are small; whoever is
	// slower holds a connection for nothing. It does not count once the answer has begun.
	ReadTimeout time.Duration
	// WriteTimeout is how long one write may take before the peer counts as dead. Default 30 s. It is set
	// anew for each write, so a stream lives as long as it is read.
	WriteTimeout time.Duration
}

const (
	// compressFrom is the smallest message that is compressed: below it gzip costs more than it saves.
	compressFrom = 1024
	// envelope is room for what a protocol puts around a message.
	envelope = 4096
)

// Handler serves the contract: Connect, gRPC and gRPC-Web on one port.
func (s *Server) Handler(config HTTPConfig) http.Handler {
	set(&config.ReadTimeout, 30*time.Second)
	set(&config.WriteTimeout, 30*time.Second)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, s.connect,
		connecthttp.WithCompressMinBytes(compressFrom),
		connecthttp.WithConditionalOptions(func(spec connect.Spec) []connecthttp.Option {
			return []connecthttp.Option{connecthttp.WithReadMaxBytes(s.requestBytes(spec.Procedure))}
		}),
	)
	if config.Reflection {
		reflector := grpcreflect.NewStaticReflector(append(s.services(), "grpc.health.v1.Health")...)
		mux.Handle(grpcreflect.NewHandlerV1(reflector))
		mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector))
	}
	handler := http.Handler(mux)
	handler = s.limitBody(handler, config.ReadTimeout)
	handler = securityHeaders(handler)
	handler = rollingDeadline(handler, config.WriteTimeout)
	handler = cors.New(cors.Options{
		AllowedOrigins: orNone(config.AllowedOrigins),
		AllowedMethods: connectcors.AllowedMethods(),
		AllowedHeaders: append(connectcors.AllowedHeaders(), "Authorization"),
		ExposedHeaders: connectcors.ExposedHeaders(),
		MaxAge:         int((2 * time.Hour).Seconds()),
	}).Handler(handler)
	return handler
}

// orNone keeps rs/cors from taking an empty list for "everybody".
func orNone(origins []string) []string {
	if len(origins) == 0 {
		return []string{"null-origin.invalid"}
	}
	return origins
}

func (s *Server) requestBytes(procedure string) int {
	if procedure == kuplav1connect.CatalogueServiceApplyCatalogueProcedure {
		return s.config.CatalogueBytes
	}
	return s.config.RequestBytes
}

// limitBody bounds what is read of a request, and for how long, whatever protocol it comes by.
func (s *Server) limitBody(next http.Handler, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// In a copy of the request: net/http looks at the body of its own one to tell whether the connection can be
		// used again. Finding another reader there it would take what is left of a body for the next request, and
		// whoever shares a proxy's connection could be made to send somebody else's.
		body := &boundedBody{
			ReadCloser: http.MaxBytesReader(w, r.Body, int64(s.requestBytes(r.URL.Path)+envelope)), rest: r.Body,
			controller: http.NewResponseController(w),
		}
		_ = body.controller.SetReadDeadline(time.Now().Add(timeout)) // not supported by test recorders, which never block
		if writer, ok := w.(*deadlineWriter); ok {
			writer.body = body
		}
		bounded := *r
		bounded.Body = body
		next.ServeHTTP(w, &bounded)
	})
}

// boundedBody is a request's body up to its bound. The first time that it is met, some more is read and thrown away:
// most of those who are over it are so by little, and would see their sending fail instead of the answer.
type boundedBody struct {
	io.ReadCloser

	rest       io.Reader
	controller *http.ResponseController
	failed     bool
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
		b.answered()
	case err != nil:
		b.failed = true
	}
	return n, err
}

// answered ends the deadline of the body: it has arrived, or the answer has begun, and then its peer has nothing more to
// say. A body that failed to arrive keeps it, or net/http would wait for the rest of it before it answers.
func (b *boundedBody) answered() {
	if !b.failed {
		_ = b.controller.SetReadDeadline(time.Time{}) // as above
	}
}

// securityHeaders adds what keeps browsers from guessing and framing.
func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

// rollingDeadline gives each write its own deadline, so that a dead peer is found and a live one never cut. It
// also marks every answer as not to be kept, but for those that are the same for everybody and say so.
// http.Server.WriteTimeout would count from the request and end every stream.
func rollingDeadline(next http.Handler, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dw := &deadlineWriter{ResponseWriter: w, controller: http.NewResponseController(w), timeout: timeout}
		next.ServeHTTP(dw, r)
		dw.begin(http.StatusOK) // an answer without a body writes nothing
	})
}

type deadlineWriter struct {
	http.ResponseWriter

	controller *http.ResponseController
	timeout    time.Duration
	body       *boundedBody // of the request
	began      bool
}

// begin marks an answer as not to be kept unless it says otherwise, before its header leaves.
func (w *deadlineWriter) begin(status int) {
	if w.began {
		return
	}
	w.began = true
	if w.body != nil {
		w.body.answered()
	}
	if h := w.Header(); h.Get("Cache-Control") == "" || status != http.StatusOK {
		h.Set("Cache-Control", "no-store")
	}
}

// WriteHeader marks the answer and sends its header.
func (w *deadlineWriter) WriteHeader(status int) {
	w.begin(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *deadlineWriter) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	w.extend()
	return w.ResponseWriter.Write(b)
}

// Flush sends what was written. A flush may block on a peer that does not read, so it has a deadline too.
func (w *deadlineWriter) Flush() {
	_ = w.FlushError() // a failed flush shows at the next write
}

// FlushError is Flush for http.ResponseController.
func (w *deadlineWriter) FlushError() error {
	w.begin(http.StatusOK)
	w.extend()
	err := w.controller.Flush()
	// Nothing is under way now. HTTP/2 would end the stream at the deadline, however well it is.
	_ = w.controller.SetWriteDeadline(time.Time{})
	return err
}

func (w *deadlineWriter) extend() {
	_ = w.controller.SetWriteDeadline(time.Now().Add(w.timeout)) // not supported by test recorders, which never block
}

// Unwrap is for http.ResponseController.
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
