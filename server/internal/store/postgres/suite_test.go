package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
	"github.com/kupla-chat/kupla/server/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.RunInRealTime(t, func(t *testing.T) storetest.Harness {
		name := emptyDatabase(t)
		t.Cleanup(func() { sound(t, name) })
		proxies := map[store.Store]*proxy{}
		return storetest.Harness{
			Open: func(opts store.Options) (store.Store, error) {
				p := newProxy(t, cluster.Address())
				s, err := postgres.Open(t.Context(), cluster.TCP(name, p.address()),
					postgres.Options{ConnectTimeout: patience, BatchTimeout: patience}, opts)
				if err != nil {
					return nil, err // Not a nil *Store.
				}
				proxies[s] = p
				return s, nil
			},
			Crash: func(s store.Store) {
				proxies[s].cut()
				// What was sent may still be at work.
				if _, err := cluster.Disconnect(t.Context(), name, ""); err != nil {
					t.Error(err)
				}
			},
			Tables:      func() (map[string][]map[string]any, error) { return dump(t.Context(), cluster, name) },
			LoseCommits: func(s store.Store, n int, applied bool) { s.(*postgres.Store).LoseCommits(n, applied) },
			Waiting:     func(s store.Store) int { return s.(*postgres.Store).Waiting() },
		}
	})
}

// unsound are the questions to which a database that nobody writes answers 0.
var unsound = map[string]string{
	"rows belong to no conversation": `SELECT count(*) FROM (
		SELECT conversation_key FROM event UNION ALL SELECT conversation_key FROM participation UNION ALL
		SELECT conversation_key FROM request WHERE conversation_key <> 0) r
		LEFT JOIN conversation c ON c.key = r.conversation_key WHERE c.key IS NULL`,
	"requests without an event are answered with a conversation that is not there": `SELECT count(*) FROM request r
		LEFT JOIN conversation c ON c.id = r.conversation_id WHERE r.conversation_id <> '' AND c.key IS NULL`,
	"logs have a gap, or do not go with the row": `SELECT count(*) FROM (
		SELECT c.last_seq, count(e.sequence) AS n, coalesce(max(e.sequence), 0) AS last
		FROM conversation c LEFT JOIN event e ON e.conversation_key = c.key GROUP BY c.key)
		l WHERE n <> last OR last <> last_seq`,
	"events go back in time": `SELECT count(*) FROM event e JOIN event n
		ON n.conversation_key = e.conversation_key AND n.sequence = e.sequence + 1 WHERE n.at < e.at`,
	"conversations that wait, or are closed, have participants": `SELECT count(*) FROM participation p
		JOIN conversation c ON c.key = p.conversation_key WHERE c.state <> 2`,
	"conversations that are talked in have no participant": `SELECT count(*) FROM conversation c WHERE state = 2
		AND NOT EXISTS (SELECT FROM participation p WHERE p.conversation_key = c.key)`,
	"closed conversations keep when their customer was seen": `SELECT count(*) FROM customer_seen s
		JOIN conversation c ON c.key = s.conversation_key WHERE c.state = 3`,
	"contacts are missing, or too many": `SELECT count(*) FROM (SELECT id FROM conversation WHERE state = 3) c
		FULL JOIN contact t ON t.conversation_id = c.id WHERE c.id IS NULL OR t.conversation_id IS NULL`,
	"arrivals were given later than the queue knows, or twice": `SELECT count(*) FROM (
		SELECT max(c.arrival) > q.last_arrival OR count(DISTINCT c.arrival) <> count(*) AS bad
		FROM conversation c JOIN queue q ON q.id = c.queue_id WHERE c.state = 1 GROUP BY q.id) b WHERE bad`,
}

// sound looks for what must not be in a database that no server has open.
func sound(t *testing.T, name string) {
	t.Helper()
	conn, err := cluster.Connect(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for what, query := range unsound {
		var n int
		if err := conn.QueryRow(context.Background(), query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d: %s: %v", n, what, err)
		}
	}
}

// dump reads every table, with columns as they would be compared: numbers as int64, and the rest as text or bytes.
func dump(ctx context.Context, c *pgtest.Cluster, name string) (_ map[string][]map[string]any, err error) {
	conn, err := c.Connect(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	rows, err := conn.Query(ctx, `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	tables := map[string][]map[string]any{}
	for _, name := range names {
		if tables[name], err = dumpTable(ctx, conn, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return tables, nil
}

func dumpTable(ctx context.Context, conn *pgx.Conn, name string) ([]map[string]any, error) {
	rows, err := conn.Query(ctx, strings.Join([]string{"SELECT * FROM", pgx.Identifier{name}.Sanitize()}, " "))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (map[string]any, error) {
		values, err := pgx.RowToMap(row)
		for column, v := range values {
			switch v := v.(type) {
			case int16:
				values[column] = int64(v)
			case int32:
				values[column] = int64(v)
			case [16]byte:
				values[column] = v[:]
			}
		}
		return values, err
	})
}
