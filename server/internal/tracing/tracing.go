// Package tracing tells what calls took, as OpenTelemetry traces.
//
// # What is told
//
// A span of every sampled call that has one answer, with its procedure, protocol, code and reason, and within it a span
// of every change in the store that it waited for. Streams are not traced: they go on for hours, and a span is told
// when it ends; metrics tell of them.
//
// # What is not
//
// No text, name, token, address or id of anybody. The texts of errors may hold what somebody sent, so of an error only
// its code and reason are told.
//
// # Whose traces they are
//
// The server samples, and begins each trace. What callers say of traces of their own is not read: residents' browsers
// are not to choose what is sampled, nor to write into the county's traces.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"

	"connectrpc.com/connect/v2"
	"connectrpc.com/otelconnect"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/kupla-chat/kupla/server/internal/rpc"
)

// The attributes of spans that are our own.
const (
	reasonKey   = attribute.Key("kupla.reason")
	rowsKey     = attribute.Key("kupla.rows")
	repeatedKey = attribute.Key("kupla.repeated")
)

// Config is where traces go and how many.
type Config struct {
	// Endpoint is the URL that takes traces as OTLP over HTTP, as "http://127.0.0.1:4318/v1/traces".
	Endpoint string
	// SampleRatio is which part of the calls is traced, from 0 to 1.
	SampleRatio float64
	// Version is the server's.
	Version string
	// Log hears when traces cannot be told.
	Log *slog.Logger
}

// Check finds what is wrong with an endpoint.
func Check(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return errors.New("it is not a URL: write it whole, as http://127.0.0.1:4318/v1/traces")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return errors.New("the URL may not hold a password or a query; give headers in OTEL_EXPORTER_OTLP_HEADERS")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.Path == "", u.Path == "/":
		return fmt.Errorf("%q is not a whole URL: write it with its path, as http://127.0.0.1:4318/v1/traces", endpoint)
	}
	return nil
}

// Tracing tells traces. A nil one tells none, and costs nothing.
type Tracing struct {
	provider    *sdktrace.TracerProvider
	tracer      trace.Tracer
	interceptor connect.ServerInterceptor
}

// New begins to tell traces to an endpoint. Close ends it.
//
// How the exporter sends them, as its headers, certificates and timeouts, it takes from the environment variables of
// OpenTelemetry, and so does the resource that the spans are told of.
func New(ctx context.Context, config Config) (*Tracing, error) {
	if err := Check(config.Endpoint); err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(config.Endpoint))
	if err != nil {
		return nil, err
	}
	// The only way to hear of it: the exporter has no logger of its own.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		config.Log.Warn("traces could not be told; the calls themselves are not affected", "error", err)
	}))
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", "kuplad"), attribute.String("service.version", config.Version)),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return newTracing(sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
	), config.SampleRatio)
}

// Local tells every span at once to an exporter of this process, before its call is answered. It is for tests.
func Local(exporter sdktrace.SpanExporter) (*Tracing, error) {
	return newTracing(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithSampler(sdktrace.AlwaysSample())), 1)
}

// newTracing samples before anything is done for a call: every trace begins here, so there is nobody else to ask, and a
// call that is not traced is to cost nothing.
func newTracing(provider *sdktrace.TracerProvider, ratio float64) (*Tracing, error) {
	discreet := discreetProvider{provider}
	traced, err := otelconnect.NewServerInterceptor(
		otelconnect.WithTracerProvider(discreet),
		otelconnect.WithoutMetrics(),
		otelconnect.WithPropagator(propagation.NewCompositeTextMapPropagator()),
	)
	if err != nil {
		return nil, err
	}
	return &Tracing{
		provider: provider, tracer: discreet.Tracer("github.com/kupla-chat/kupla/server"),
		interceptor: func(next connect.ServerFunc) connect.ServerFunc {
			told := traced(reasoned(next))
			return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
				if traces(spec) && rand.Float64() < ratio { //nolint:gosec // Nobody gains from guessing it.
					return told(ctx, spec, stream)
				}
				return next(ctx, spec, stream)
			}
		},
	}, nil
}

// traces reports whether calls of a procedure are traced: those of the contract that have one answer. Names that
// callers have made up are not, and neither is who asks every second whether the server is well.
func traces(spec connect.Spec) bool {
	switch spec.Procedure {
	case healthpb.Health_Check_FullMethodName, healthpb.Health_List_FullMethodName:
		return false
	}
	return spec.Schema != nil && spec.StreamType == connect.StreamTypeUnary
}

// Interceptor traces calls. It belongs around all others.
func (t *Tracing) Interceptor() connect.ServerInterceptor { return t.interceptor }

// Close tells what has not been told yet, for as long as ctx lets it.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// reasoned adds to a call's span why it was refused.
func reasoned(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		err := next(ctx, spec, stream)
		if err != nil {
			if span := trace.SpanFromContext(ctx); span.IsRecording() {
				span.SetAttributes(reasonKey.String(rpc.Reason(err)))
			}
		}
		return err
	}
}

// discreetProvider makes spans that are told no text of an error.
type discreetProvider struct{ trace.TracerProvider }

// Tracer is trace.TracerProvider's.
func (p discreetProvider) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return discreetTracer{p.TracerProvider.Tracer(name, options...)}
}

type discreetTracer struct{ trace.Tracer }

// Start is trace.Tracer's.
func (t discreetTracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	ctx, span := t.Tracer.Start(ctx, name, options...)
	if !span.IsRecording() {
		return ctx, span
	}
	span = discreetSpan{span}
	return trace.ContextWithSpan(ctx, span), span
}

type discreetSpan struct{ trace.Span }

// SetStatus is trace.Span's, without the text.
func (s discreetSpan) SetStatus(code codes.Code, _ string) { s.Span.SetStatus(code, "") }

// RecordError is trace.Span's: it records nothing.
func (discreetSpan) RecordError(error, ...trace.EventOption) {}
