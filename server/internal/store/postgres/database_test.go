package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// cluster is the shared one, once a test has asked for it.
var cluster *pgtest.Cluster

// emptied are the names of databases that have the schema and nothing in it: emptying one takes a tenth of the time
// that making another does.
var emptied struct {
	sync.Mutex

	names []string
}

// emptyDatabase gives a test a database with the schema and nothing in it, by its name.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	cluster = pgtest.Shared(t)
	emptied.Lock()
	defer emptied.Unlock()
	var name string
	if last := len(emptied.names) - 1; last >= 0 {
		name, emptied.names = emptied.names[last], emptied.names[:last]
	} else {
		name = pgtest.Name()
		dsn, err := cluster.Database(t.Context(), name)
		if err == nil {
			_, _, err = postgres.Migrate(t.Context(), dsn)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { giveBack(t, name) })
	return name
}

// giveBack empties a database for the next test. One that a test has failed with is not to be trusted.
func giveBack(t *testing.T, name string) {
	t.Helper()
	if t.Failed() {
		return
	}
	ctx := context.WithoutCancel(t.Context())
	// What a test had killed may still be at its end.
	if _, err := cluster.Disconnect(ctx, name, ""); err != nil {
		t.Error(err)
		return
	}
	var tables []string
	if err := cluster.Query(ctx, name, &tables, `SELECT array_agg(quote_ident(tablename)::text) FROM pg_tables
		WHERE schemaname = 'public' AND tablename NOT IN ('goose_db_version', 'health')`); err != nil {
		t.Error(err)
		return
	}
	if err := cluster.Exec(ctx, name, "TRUNCATE "+strings.Join(tables, ", ")+" RESTART IDENTITY CASCADE",
		"UPDATE health SET at = 0"); err != nil {
		t.Error(err)
		return
	}
	emptied.Lock()
	defer emptied.Unlock()
	emptied.names = append(emptied.names, name)
}
