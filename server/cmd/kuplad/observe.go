package main

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"time"

	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/metrics"
	"github.com/kupla-chat/kupla/server/internal/tracing"
)

// logSettings are how the server logs.
type logSettings struct {
	// Format is how a line is written.
	Format string `yaml:"format" of:"text json"`
	// Level is from what importance on it is.
	Level string `yaml:"level" of:"debug info warn error"`
}

// logger writes a log.
func (l logSettings) logger(to io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // One of the words that the key takes; TestLogLevels has them all.
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

// tracingSettings are where traces go, and of which part of the calls.
type tracingSettings struct {
	// Endpoint is the URL that takes them. None is off.
	Endpoint string `yaml:"endpoint" secret:"password"`
	// SampleRatio is the part of the calls that is traced.
	SampleRatio float64 `yaml:"sample_ratio" min:"0" max:"1"`
}

// flushTimeout is how long a server that stops may take to tell the traces that it has not told yet.
const flushTimeout = 5 * time.Second

// observe begins what tells operators how the server does: metrics and profiles on their own port, and traces. stop
// ends it, after the server has ended.
func (s settings) observe(ctx context.Context, config *app.Config) (stop func(), err error) {
	stopTracing, err := s.trace(ctx, config)
	if err != nil || s.DebugListen == "" {
		return stopTracing, err
	}
	config.Metrics = metrics.New(version)
	stopDebug, err := serveDebug(ctx, s.DebugListen, config.Metrics.Handler(), config.Log)
	if err != nil {
		stopTracing()
		return nil, err
	}
	return func() {
		stopDebug()
		stopTracing()
	}, nil
}

// trace begins to tell traces, when there is somewhere to.
func (s settings) trace(ctx context.Context, config *app.Config) (stop func(), err error) {
	if s.Tracing.Endpoint == "" {
		return func() {}, nil
	}
	t, err := tracing.New(ctx, tracing.Config{
		Endpoint: s.Tracing.Endpoint, SampleRatio: s.Tracing.SampleRatio, Version: version, Log: config.Log,
	})
	if err != nil {
		return nil, &usageError{err}
	}
	config.Tracing = t
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := t.Close(ctx); err != nil {
			config.Log.Warn("the last traces could not be told", "error", err)
		}
	}, nil
}

func (l *layers) checkTracing() {
	if endpoint := l.settings.Tracing.Endpoint; endpoint != "" {
		if err := tracing.Check(endpoint); err != nil {
			l.becausef("tracing.endpoint", "%v", err)
		}
	}
}

// addressless logs without the addresses of peers. net/http writes them into what it says of a connection that went
// wrong, and they are residents'.
type addressless struct{ slog.Handler }

// peerAddress is an IPv4 address, or an IPv6 one as it stands before a port, with the port or without.
var peerAddress = regexp.MustCompile(`(\b\d{1,3}(\.\d{1,3}){3}\b|\[[0-9A-Fa-f:.]+(%[\w.-]+)?\])(:\d+)?`)

// Handle is slog.Handler's.
func (a addressless) Handle(ctx context.Context, r slog.Record) error {
	said := slog.NewRecord(r.Time, r.Level, peerAddress.ReplaceAllLiteralString(r.Message, "a peer"), r.PC)
	r.Attrs(func(attr slog.Attr) bool {
		said.AddAttrs(attr)
		return true
	})
	return a.Handler.Handle(ctx, said)
}
