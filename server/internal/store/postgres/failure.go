package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

// databaseError is an error of PostgreSQL's without the values that its message may hold.
type databaseError struct{ code, constraint string }

func (e *databaseError) Error() string {
	if e.constraint != "" {
		return "PostgreSQL: SQLSTATE " + e.code + ", constraint " + e.constraint
	}
	return "PostgreSQL: SQLSTATE " + e.code
}

// The SQLSTATEs that are told apart.
const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
	readOnly            = "25006"
	serialization       = "40001"
	deadlock            = "40P01"
	lockNotAvailable    = "55P03"
	planChanged         = "0A000"
	divisionByZero      = "22012" // how a batch fails whose rows are not as they were loaded
)

// failure makes the store's error of the database's.
func failure(err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotFound) ||
		errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrClosed) ||
		errors.Is(err, committer.ErrRejected) || errors.Is(err, committer.ErrAgain) {
		return err
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrNotFound
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		// In full: it is of no row, holds no password, and says what an operator has to mend.
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	told := &databaseError{code: pg.Code, constraint: pg.ConstraintName}
	switch {
	case pg.Code == serialization, pg.Code == deadlock, pg.Code == lockNotAvailable, pg.Code == planChanged,
		pg.Code == divisionByZero:
		return fmt.Errorf("%w: %w", committer.ErrAgain, told)
	case pg.Code == uniqueViolation && taken[pg.ConstraintName]:
		// Another server has answered the same request meanwhile: run again, it is found.
		return fmt.Errorf("%w: %w", committer.ErrAgain, told)
	case strings.HasPrefix(pg.Code, "22"), strings.HasPrefix(pg.Code, "23"):
		return fmt.Errorf("%w: %w", committer.ErrRejected, told)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, told)
}

// taken are the constraints that a request violates that was answered before.
var taken = map[string]bool{"request_pkey": true, "feedback_token_used_pkey": true, "event_request": true}

// breaks reports whether a connection is not to be used any more after an error, though it is open: its server has
// become a standby.
func breaks(err error) bool {
	e, ok := errors.AsType[*databaseError](err)
	return ok && e.code == readOnly
}
