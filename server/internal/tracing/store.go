package tracing

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// Store returns a store whose changes are told as spans of the calls that wait for them. Of a nil Tracing it is the
// store itself.
func (t *Tracing) Store(s store.Store) store.Store {
	if t == nil {
		return s
	}
	return tracedStore{Store: s, tracer: t.tracer}
}

type tracedStore struct {
	store.Store

	tracer trace.Tracer
}

// Change is store.Store's. Its span lasts from when the change is handed over until it is durable: what it waits for
// the batch before it, and what its own batch takes.
func (s tracedStore) Change(
	ctx context.Context, req store.Request, rows store.Rows, fn func(*store.Work) error,
) (store.Outcome, error) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return s.Store.Change(ctx, req, rows, fn)
	}
	ctx, span := s.tracer.Start(ctx, "store.Change")
	defer span.End()
	outcome, err := s.Store.Change(ctx, req, rows, fn)
	span.SetAttributes(
		rowsKey.Int(len(rows.Staff)+len(rows.Queues)+len(rows.Conversations)),
		repeatedKey.Bool(outcome.Repeated),
	)
	if err != nil {
		refusal, refused := errors.AsType[*chat.Refusal](err)
		switch {
		case refused:
			span.SetAttributes(reasonKey.String(string(refusal.Reason)))
		case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed):
			span.SetAttributes(reasonKey.String("UNAVAILABLE"))
			span.SetStatus(codes.Error, "")
		}
	}
	return outcome, err
}
