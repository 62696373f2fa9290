package apptest

import (
	"context"
	"log/slog"
	"regexp"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/identity"
	"github.com/kupla-chat/kupla/server/internal/tracing"
)

// token is any of our tokens.
var token = regexp.MustCompile(`kupla_[a-z]_[0-9A-Za-z]{20,}`)

// Leak finds in what a server tells operators what must never be there: a token, or a personal identity code. It tells
// which of them; empty is neither.
func Leak(told string) string {
	switch {
	case token.MatchString(told):
		return "a token"
	case identity.ContainsCode(told):
		return "a personal identity code"
	}
	return ""
}

// audit has every line of a server's log, at whatever level, and every span of its calls looked through. So all that
// any test does is searched for secrets that get out.
func audit(t testing.TB, config *app.Config) {
	t.Helper()
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	all := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	config.Log = slog.New(slog.NewMultiHandler(config.Log.Handler(), slog.NewTextHandler(auditor{t}, all)))
	if config.Tracing != nil {
		return
	}
	var err error
	if config.Tracing, err = tracing.Local(auditor{t}); err != nil {
		t.Fatal(err)
	}
}

// auditor looks through a log and spans.
type auditor struct{ t testing.TB }

func (a auditor) look(where, told string) {
	if what := Leak(told); what != "" {
		a.t.Errorf("%s is in %s: %s", what, where, told)
	}
}

// Write is io.Writer's, for a log.
func (a auditor) Write(b []byte) (int, error) {
	a.look("the log", string(b))
	return len(b), nil
}

// ExportSpans is sdktrace.SpanExporter's.
func (a auditor) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		a.look("the name of a span", s.Name())
		a.look("the status of a span", s.Status().Description)
		for _, attribute := range s.Attributes() {
			a.look("the attribute "+string(attribute.Key)+" of a span", attribute.Value.String())
		}
		if len(s.Events())+len(s.Links()) > 0 {
			a.t.Errorf("a span has events or links, which may tell anything: %v, %v", s.Events(), s.Links())
		}
	}
	return nil
}

// Shutdown is sdktrace.SpanExporter's.
func (auditor) Shutdown(context.Context) error { return nil }
