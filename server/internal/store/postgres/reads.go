package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

// reads reads, and makes small writes that are no change, over a pool of connections.
type reads struct {
	pool    *pgxpool.Pool
	timeout time.Duration
}

// within runs something over the pool. A read is over before a caller's context could end it, and breaking one off
// would cost its connection; so only the caller's patience counts before it. What failed because its connection had
// ended is run once more: everything here may be.
func (r *reads) within(ctx context.Context, fn func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
	defer cancel()
	err := fn(ctx)
	for tries := 1; err != nil && lostConnection(err) && ctx.Err() == nil && tries < 3; tries++ {
		err = fn(ctx)
	}
	err = failure(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: the database did not answer in time", store.ErrUnavailable)
	case errors.Is(err, committer.ErrAgain):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// lostConnection reports whether a statement failed because of its connection: it ended, or its server did, or is a
// standby now.
func lostConnection(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code[:2] {
		case "57", "08": // the server is stopping, starting or has ended the connection
			return true
		}
		return e.Code == readOnly
	}
	_, network := errors.AsType[net.Error](err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return network || connecting || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// row reads one row, or returns store.ErrNotFound.
func (r *reads) row(ctx context.Context, q *query, args []any, into ...any) error {
	return r.within(ctx, func(ctx context.Context) error {
		return r.pool.QueryRow(ctx, q.text, args...).Scan(into...)
	})
}

// exec runs one statement that writes.
func (r *reads) exec(ctx context.Context, q *query, args ...any) error {
	return r.within(ctx, func(ctx context.Context) error {
		_, err := r.pool.Exec(ctx, q.text, args...)
		return err
	})
}

// each reads rows. It calls begin before the first, also when it has to begin again, and each for each.
func (r *reads) each(ctx context.Context, a ask, begin func()) error {
	return r.within(ctx, func(ctx context.Context) error {
		begin()
		rows, err := r.pool.Query(ctx, a.query.text, a.args...)
		if err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, a.into, a.each)
		return err
	})
}

// errConnectionLost is wrapped by the error of a batch whose connection had ended. It may be run again.
var errConnectionLost = errors.New("the connection had ended")

// batch reads several statements in one round trip. It does not run again by itself: what was read in part was taken
// in.
func (r *reads) batch(ctx context.Context, asks ...ask) error {
	err := r.sendBatch(ctx, asks)
	switch {
	case err == nil:
		return nil
	case lostConnection(err):
		return fmt.Errorf("%w: %w", errConnectionLost, failure(err))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: the database did not answer in time", store.ErrUnavailable)
	}
	return failure(err)
}

func (r *reads) sendBatch(ctx context.Context, asks []ask) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
	defer cancel()
	b := &pgx.Batch{}
	for _, a := range asks {
		b.Queue(a.query.text, a.args...)
	}
	results := r.pool.SendBatch(ctx, b)
	for _, a := range asks {
		rows, err := results.Query()
		if err == nil {
			_, err = pgx.ForEachRow(rows, a.into, a.each)
		}
		if err != nil {
			return errors.Join(err, results.Close())
		}
	}
	return results.Close()
}
