package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// at once are so many conversations stored.
const atOnce = 50_000

// fill makes the schema in an empty database and stores closed conversations with so many events each, with everything
// that is kept of them: as they are after talking, but for their names and keys, all the same.
func fill(ctx context.Context, dsn string, conversations, events int, progress io.Writer) (err error) {
	if _, _, err := postgres.Migrate(ctx, dsn); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	began := time.Date(2026, 1, 7, 9, 0, 0, 0, time.UTC)
	model, err := talk(events, began)
	if err != nil {
		return err
	}
	data, err := record.EncodeConversation(model)
	if err != nil {
		return err
	}
	payloads := make([][]byte, 0, events)
	for _, e := range model.Pending() {
		payload, err := record.EncodeEvent(e)
		if err != nil {
			return err
		}
		payloads = append(payloads, payload)
	}
	if _, err := conn.Exec(ctx, "SET synchronous_commit = off; SET work_mem = '512MB'"); err != nil {
		return err
	}
	for from := 0; from < conversations; from += atOnce {
		fmt.Fprintf(progress, "stored: %d of %d closed conversations\n", from, conversations)
		if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			return put(ctx, tx, min(atOnce, conversations-from), data, payloads, began)
		}); err != nil {
			return err
		}
	}
	// As it would be long after: what autovacuum would do in its own time disturbs no measurement.
	for _, statement := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// put stores n conversations.
func put(ctx context.Context, tx pgx.Tx, n int, data []byte, payloads [][]byte, at time.Time) error {
	for _, s := range []struct {
		text string
		args []any
	}{
		{
			`CREATE TEMPORARY TABLE made ON COMMIT DROP AS WITH c AS (
				INSERT INTO conversation (id, version, queue_id, state, origin, arrival, last_seq, data)
				SELECT gen_random_uuid()::text, 1 + $2::integer, 'load', 3, '', $3::bigint + i, $2::integer, $4::bytea
				FROM generate_series(1, $1::integer) i RETURNING key, id) SELECT * FROM c`,
			[]any{n, len(payloads), record.Micros(at), data},
		},
		{
			// Of the messages a request is remembered.
			`INSERT INTO event (conversation_key, sequence, at, request_key, fingerprint, payload)
				SELECT m.key, p.n, $2::bigint + p.n, CASE WHEN p.n > 2 THEN gen_random_uuid() END,
				CASE WHEN p.n > 2 THEN '\x0123456789abcdef'::bytea END, p.payload
				FROM made m, unnest($1::bytea[]) WITH ORDINALITY p (payload, n) ORDER BY m.key, p.n`,
			[]any{payloads, record.Micros(at)},
		},
		{
			`INSERT INTO request (conversation_key, key, fingerprint, conversation_id, sequence, ref, at)
				SELECT 0, gen_random_uuid(), '\x0123456789abcdef'::bytea, id, 1, '', $1::bigint FROM made`,
			[]any{record.Micros(at)},
		},
		{
			`INSERT INTO conversation_token (hash, conversation_key, participant_id, create_time)
				SELECT sha256(id::bytea), key, $1, $2::bigint FROM made`,
			[]any{chat.CustomerID, record.Micros(at)},
		},
		{
			`INSERT INTO contact (conversation_id, queue_id, language, create_time, take_time, close_time, close_reason)
				SELECT id, 'load', 'fi', $1::bigint, $1::bigint + 60000000, $1::bigint + 600000000, 1 FROM made ORDER BY key`,
			[]any{record.Micros(at)},
		},
	} {
		if _, err := tx.Exec(ctx, s.text, s.args...); err != nil {
			return fmt.Errorf("%s: %w", s.text, err)
		}
	}
	return nil
}

// talk is a conversation that was taken, talked in and closed, with so many events that are not settled.
func talk(events int, now time.Time) (*chat.Conversation, error) {
	c := chat.Start(chat.StartParams{ID: "model", QueueID: "load", Language: "fi", DisplayName: "Asiakas", Now: now, Arrival: now})
	if err := c.Take(chat.Staff{ID: "load-1", DisplayName: "Kuormitus"}, now); err != nil {
		return nil, err
	}
	text := strings.Repeat("Kuormitus. ", 18)
	for len(c.Pending()) < events-1 {
		if err := c.Post(chat.CustomerID, text, now); err != nil {
			return nil, err
		}
	}
	if err := c.Close(c.Professionals()[0].ID, chat.Completed, now); err != nil {
		return nil, err
	}
	if n := len(c.Pending()); n != events {
		return nil, fmt.Errorf("a closed conversation has %d events at least, and %d were asked for", n, events)
	}
	return c, nil
}
