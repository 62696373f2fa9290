package rpc_test

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/server/internal/app/apptest"
)

// observer looks at a server's database from outside, over a connection of its own.
type observer struct {
	t    *testing.T
	conn *sql.Conn
}

// volatile are the tables that change by themselves: when people were last seen, and that the database can be written.
var volatile = []string{"customer_seen", "staff_seen", "health"}

func observe(t *testing.T, s *apptest.Server) *observer {
	t.Helper()
	// The driver comes with the store.
	db, err := sql.Open("sqlite", "file:"+s.Path()+"?mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &observer{t: t, conn: conn}
}

// version changes with every commit of anybody.
func (o *observer) version() int64 {
	o.t.Helper()
	var version int64
	if err := o.conn.QueryRowContext(o.t.Context(), "PRAGMA data_version").Scan(&version); err != nil {
		o.t.Fatalf("read the version of the data: %v", err)
	}
	return version
}

// dump is every row of every table but the volatile ones, by table.
func (o *observer) dump() map[string][]string {
	o.t.Helper()
	var tables []string
	o.each("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", func(row []any) {
		tables = append(tables, fmt.Sprint(row[0]))
	})
	all := map[string][]string{}
	for _, table := range tables {
		if slices.Contains(volatile, table) {
			continue
		}
		all[table] = []string{}
		//nolint:unqueryvet // A column that comes later is to be compared too.
		o.each("SELECT * FROM "+table, func(row []any) {
			all[table] = append(all[table], fmt.Sprintf("%q", row))
		})
		slices.Sort(all[table])
	}
	if len(all) < 10 || len(all["conversation"]) == 0 {
		o.t.Fatalf("the dump is not of a database in use: %q", slices.Sorted(maps.Keys(all)))
	}
	return all
}

func (o *observer) each(query string, do func(row []any)) {
	o.t.Helper()
	rows, err := o.conn.QueryContext(o.t.Context(), query)
	if err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
	row, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			o.t.Fatalf("%s: %v", query, err)
		}
		do(row)
	}
	if err := rows.Err(); err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
}

// checkpoint is the database at a moment.
type checkpoint struct {
	version int64
	tables  map[string][]string
}

func (o *observer) checkpoint() checkpoint {
	o.t.Helper()
	return checkpoint{version: o.version(), tables: o.dump()}
}

// unchanged fails the test when anything but the volatile tables differs from the checkpoint.
func (o *observer) unchanged(t testing.TB, what string, since checkpoint) {
	t.Helper()
	if diff := cmp.Diff(since.tables, o.dump()); diff != "" {
		t.Errorf("%s changed the store:\n%s", what, strings.TrimSpace(diff))
	}
}

// The observer sees a change of anything that is not volatile, and none of what is.
func TestObserverSeesChanges(t *testing.T) {
	s := apptest.New(t)
	customer := s.Start(apptest.Queue)
	o := observe(t, s)
	before := o.checkpoint()
	o.unchanged(t, "nothing", before)
	if err := s.Store.Seen(t.Context(), map[string]time.Time{customer.ID: time.Now().Add(time.Hour)}, nil); err != nil {
		t.Fatal(err)
	}
	o.unchanged(t, "having been seen", before)
	if o.version() == before.version {
		t.Error("a commit does not change the version")
	}
	customer.Say(t, customer.ID, "hei")
	counted := &countingTB{TB: t}
	o.unchanged(counted, "a message", before)
	if counted.errors != 1 {
		t.Error("a message is not seen")
	}
}
