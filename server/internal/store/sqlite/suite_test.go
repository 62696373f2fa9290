package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
	"github.com/kupla-chat/kupla/server/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		path := filepath.Join(t.TempDir(), "kupla.db")
		t.Cleanup(func() { sound(t, path) })
		return storetest.Harness{
			Open: func(opts store.Options) (store.Store, error) { return sqlite.Open(t.Context(), path, opts) },
			Crash: func(store.Store) {
				// The dead server is left with its file; what the disk held is the next one's.
				next := filepath.Join(t.TempDir(), "kupla.db")
				if err := freeze(path, next); err != nil {
					t.Fatal(err)
				}
				path = next
			},
			Tables: func() (map[string][]map[string]any, error) { return dump(t.Context(), path) },
			LoseCommits: func(s store.Store, n int, applied bool) {
				s.(*sqlite.Store).LoseCommits(n, applied)
			},
		}
	})
}

// sound has SQLite check a closed database.
func sound(t *testing.T, path string) {
	t.Helper()
	db, err := connect(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var result string
	if err := db.QueryRowContext(context.Background(), `PRAGMA integrity_check`).Scan(&result); err != nil || result != "ok" {
		t.Errorf("integrity: %s, %v", result, err)
	}
	for what, query := range map[string]string{
		"rows refer to what is not there": `SELECT count(*) FROM pragma_foreign_key_check`,
		"events are of no conversation": `SELECT count(*) FROM event e
			LEFT JOIN conversation c ON c.key = e.conversation_key WHERE c.key IS NULL`,
		// The log of an open one may be ahead of its row, by messages.
		"logs have a gap, or do not go with the row": `SELECT count(*) FROM (
			SELECT c.state, c.last_seq, count(*) AS n, max(e.sequence) AS last
			FROM conversation c LEFT JOIN event e ON e.conversation_key = c.key GROUP BY c.key)
			WHERE n <> last OR last < last_seq OR last > last_seq + CASE state WHEN 3 THEN 0 ELSE 64 END`,
		"closed conversations keep when their customer was seen": `SELECT count(*) FROM customer_seen s
			JOIN conversation c ON c.key = s.conversation_key WHERE c.state = 3`,
		"contacts are missing": `SELECT count(*) - (SELECT count(*) FROM contact) FROM conversation WHERE state = 3`,
	} {
		var n sql.NullInt64
		if err := db.QueryRowContext(context.Background(), query).Scan(&n); err != nil || n.Int64 != 0 {
			t.Errorf("%d %s: %v", n.Int64, what, err)
		}
	}
}

// connect opens a second connection to a database, past the server's lock.
func connect(path string) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: path, RawQuery: "_busy_timeout=10000"}
	return sql.Open("sqlite", u.String())
}

// freeze copies the files of a database that is being written to, so that the copy is what a killed process
// would have left at some moment. A reader that is open meanwhile keeps the log from starting anew, so
// whatever part of it is in the database when that is copied is in the log too, which is copied later.
func freeze(path, to string) error {
	db, err := connect(path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var n int
	if err := tx.QueryRowContext(context.Background(), `SELECT count(*) FROM sqlite_schema`).Scan(&n); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(path+suffix, to+suffix); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// dump reads every table.
func dump(ctx context.Context, path string) (map[string][]map[string]any, error) {
	db, err := connect(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	schema, err := dumpTable(ctx, db, "sqlite_schema")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, row := range schema {
		if row["type"] == "table" {
			names = append(names, row["name"].(string))
		}
	}
	tables := map[string][]map[string]any{}
	for _, name := range names {
		if tables[name], err = dumpTable(ctx, db, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return tables, nil
}

func dumpTable(ctx context.Context, db *sql.DB, name string) ([]map[string]any, error) {
	rows, err := db.QueryContext(ctx, `SELECT * FROM "`+name+`"`) //nolint:unqueryvet // Whatever there is.
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all []map[string]any
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := map[string]any{}
		for i, c := range columns {
			row[c] = values[i]
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
