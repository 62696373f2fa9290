package rpc

import (
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
	// Pages are what is served beside the contract, under the same bounds. Nil is nothing.
	Pages Pages
}

// Pages are web pages and their files.
type Pages interface {
	// Page finds what answers at a path. Nil is nothing: the path is the contract's.
	Page(urlPath string) http.Handler
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
	s.answerHealth(mux)
	if config.Reflection {
		reflector := grpcreflect.NewStaticReflector(append(s.services(), "grpc.health.v1.Health")...)
		mux.Handle(grpcreflect.NewHandlerV1(reflector))
		mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector))
	}
	handler := http.Handler(mux)
	handler = cors.New(cors.Options{
		AllowedOrigins: orNone(config.AllowedOrigins),
		AllowedMethods: connectcors.AllowedMethods(),
		AllowedHeaders: append(connectcors.AllowedHeaders(), "Authorization"),
		ExposedHeaders: connectcors.ExposedHeaders(),
		MaxAge:         int((2 * time.Hour).Seconds()),
	}).Handler(handler)
	if config.Pages != nil {
		handler = withPages(config.Pages, handler)
	}
	// Outermost: a preflight has a peer that may be slow, too.
	handler = s.bounded(handler, config.ReadTimeout, config.WriteTimeout)
	return handler
}

// withPages serves pages where there are any. They are looked up before the contract, and outside of what lets other
// origins call it: a page and its files are read by browsers, and never by another site's script.
func withPages(pages Pages, contract http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if page := pages.Page(r.URL.Path); page != nil {
			page.ServeHTTP(w, r)
			return
		}
		contract.ServeHTTP(w, r)
	})
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
