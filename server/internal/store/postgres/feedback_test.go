package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// TestFeedbackTellsNoOrder: which transaction wrote an answer stands with its row, between those of the conversations
// that went on at the time.
func TestFeedbackTellsNoOrder(t *testing.T) {
	ctx := context.Background()
	dsn := pgtest.Database(t)
	if _, _, err := postgres.Migrate(ctx, dsn); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(ctx, dsn, postgres.Options{}, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for i := range 20 {
		if _, err := s.Change(ctx, store.Request{}, store.Rows{}, func(w *store.Work) error {
			w.SubmitFeedback([32]byte{byte(i)}, store.Feedback{QueueID: "q", Language: "fi", Date: "2026-05-06", Answers: fmt.Append(nil, i)})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	ask := func(query string) (n int) {
		t.Helper()
		if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const (
		writers   = `SELECT count(DISTINCT xmin::text) FROM feedback`
		tokens    = `SELECT count(DISTINCT xmin::text) FROM feedback_token_used`
		misplaced = `SELECT count(*) FROM (SELECT id, lag(id) OVER (ORDER BY ctid) AS before FROM feedback) x WHERE id < before`
	)
	if n := ask(writers); n != 20 {
		t.Fatalf("%d transactions wrote the answers, want 20: nothing would be shown", n)
	}
	if err := s.ForgetOrder(ctx); err != nil {
		t.Fatal(err)
	}
	if n := ask(writers) + ask(tokens); n != 2 {
		t.Errorf("the rows of answers and tokens tell of %d transactions, want one each", n)
	}
	if n := ask(misplaced); n != 0 {
		t.Errorf("%d answers lie in another order than that of their random names", n)
	}
	answers, err := s.Feedback(ctx, []string{"q"}, "2026-05-06", "2026-05-06")
	if err != nil || len(answers) != 20 {
		t.Errorf("%d answers are left, want 20: %v", len(answers), err)
	}
	_, err = s.Change(ctx, store.Request{}, store.Rows{}, func(w *store.Work) error {
		w.SubmitFeedback([32]byte{3}, store.Feedback{QueueID: "q", Language: "fi", Date: "2026-05-06"})
		return nil
	})
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("a token that was used gave %v", err)
	}
}
