package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// grow fills the tables that grow for years. It takes how many conversations are closed, how many events each has, how
// many more are open, and a conversation, an event and a small event, encoded. Events of one size only would leave a gap
// in each page, for the first ones that are smaller to be written to, all over the table.
//
//nolint:dupword // The n of one series and that of the next.
const grow = `
DO $$ DECLARE closed bigint := %[1]d; events bigint := %[2]d; open bigint := %[3]d; BEGIN
INSERT INTO staff SELECT 'staff ' || n, 1, '\x', 1, 0 FROM generate_series(1, 50) AS i (n);
INSERT INTO staff_token SELECT 'token ' || n, sha256(('s' || n)::bytea), 'staff ' || n, n, '\x' FROM generate_series(1, 50) AS i (n);
INSERT INTO staff_seen SELECT 'staff ' || n, n FROM generate_series(1, 50) AS i (n);
INSERT INTO queue SELECT 'queue ' || n, 1, 0, false, 0 FROM generate_series(1, 10) AS i (n);
INSERT INTO conversation (id, version, queue_id, state, origin, arrival, last_seq, data)
	SELECT md5(n::text), 9, 'queue ' || 1 + n %% 10, CASE WHEN n <= closed THEN 3 ELSE 1 + n %% 2 END,
	CASE WHEN n > closed THEN 'origin ' || n %% 7 ELSE 'origin' END, n * 1000000, events, '\x%[4]x'
	FROM generate_series(1, closed + open) AS i (n);
INSERT INTO event (conversation_key, sequence, at, request_key, fingerprint, payload)
	SELECT c.key, s, c.arrival + s, md5(c.key || '-' || s)::uuid, '\x0102030405060708', CASE WHEN s %% 3 = 0 THEN '\x%[6]x'::bytea ELSE '\x%[5]x' END
	FROM conversation c, generate_series(1, events) s ORDER BY c.key, s;
INSERT INTO request SELECT key, md5('r' || key)::uuid, '\x0102030405060708', id, 1, '', arrival FROM conversation;
INSERT INTO conversation_token SELECT sha256(('c' || key)::bytea), key, 'customer', arrival FROM conversation;
INSERT INTO case_note (conversation_key, data) SELECT key, '\x01' FROM conversation;
INSERT INTO contact (conversation_id, queue_id, language, create_time, take_time, close_time, close_reason)
	SELECT id, queue_id, 'fi', arrival, key %% 5, arrival + 1000, 1 FROM conversation WHERE state = 3;
INSERT INTO participation SELECT 'staff ' || 1 + key %% 50, key FROM conversation WHERE state = 2;
INSERT INTO customer_seen SELECT key, arrival FROM conversation WHERE state <> 3;
INSERT INTO feedback SELECT gen_random_uuid(), queue_id, '2026-0' || 1 + key %% 9 || '-01', 'fi', '\x01' FROM conversation;
INSERT INTO feedback_token_used SELECT sha256(('f' || key)::bytea) FROM conversation;
END $$`

// growth is the statement that makes a database one that was in use for long.
func growth(t testing.TB, closed, events, open int) string {
	t.Helper()
	now := time.Now()
	c := chat.Start(chat.StartParams{ID: "c", QueueID: "queue 1", Language: "fi", DisplayName: "Asiakas", Now: now, Arrival: now})
	conversation, err := record.EncodeConversation(c)
	if err != nil {
		t.Fatal(err)
	}
	message := func(length int) []byte {
		event, err := record.EncodeEvent(chat.Event{
			Sequence: 1, Time: now, ParticipantID: chat.CustomerID, Kind: chat.MessagePosted{Text: strings.Repeat("a", length)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return event
	}
	return fmt.Sprintf(grow, closed, events, open, conversation, message(150), message(2))
}

// grown makes a database that was in use for long, and gives a connection to it as the server makes them.
func grown(t *testing.T, closed, events, open int) *pgx.Conn {
	t.Helper()
	ctx := t.Context()
	dsn := pgtest.Database(t)
	if _, _, err := Migrate(ctx, dsn); err != nil {
		t.Fatal(err)
	}
	config, err := Options{}.WithDefaults().connConfig(dsn, "test")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, statement := range []string{growth(t, closed, events, open), `VACUUM ANALYZE`} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// plan is a step of how the database would run a statement.
type plan struct {
	Kind     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Index    string `json:"Index Name"`
	Cond     string `json:"Index Cond"`
	Plans    []plan `json:"Plans"`
}

// index is what of an index tells whether a scan of it finds its way.
type index struct {
	table, leading string
	// partial tells that not every row of the table is in it.
	partial bool
}

func indexes(t *testing.T, conn *pgx.Conn) map[string]index {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT indexrelid::regclass::text, indrelid::regclass::text,
		pg_get_indexdef(indexrelid, 1, true), indpred IS NOT NULL FROM pg_index
		WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]index{}
	var name string
	var i index
	if _, err := pgx.ForEachRow(rows, []any{&name, &i.table, &i.leading, &i.partial}, func() error {
		all[name] = i
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// small are the tables that hold no more than a county has queues, staff and open conversations. All others grow.
var small = []string{
	"queue", "staff", "staff_token", "staff_seen", "catalogue", "secret", "health", "participation", "customer_seen",
}

// openOnly are the indexes that only open conversations are in.
var openOnly = []string{"conversation_open", "conversation_waiting", "conversation_origin"}

// scans tells the steps of a plan that read the whole of something that grows, or sort it.
func (p plan) scans(indexes map[string]index) []string {
	var found []string
	i, indexed := indexes[p.Index]
	switch {
	case p.Relation != "" && slices.Contains(small, p.Relation), indexed && slices.Contains(small, i.table):
	case p.Kind == "Seq Scan":
		found = append(found, "reads all of "+p.Relation)
	case indexed && !slices.Contains(openOnly, p.Index) && !regexp.MustCompile(`\b`+i.leading+`\b`).MatchString(p.Cond):
		found = append(found, fmt.Sprintf("reads all of %s by %s", i.table, p.Index))
	case p.Kind == "Sort" || p.Kind == "Incremental Sort":
		if from := p.unbounded(indexes); from != "" {
			found = append(found, "sorts what it finds in "+from)
		}
	}
	for _, part := range p.Plans {
		found = append(found, part.scans(indexes)...)
	}
	return found
}

// unbounded is a growing table of which a step may read any number of rows, though by an index: all events of a
// conversation, all contacts of a queue. It is empty when what was asked for, or a limit, bounds them.
func (p plan) unbounded(indexes map[string]index) string {
	if p.Kind == "Limit" || p.Kind == "Function Scan" {
		return ""
	}
	if p.Relation != "" && p.Index != "" && !slices.Contains(small, p.Relation) && !slices.Contains(openOnly, p.Index) &&
		!unique(p, indexes) {
		return p.Relation
	}
	for _, part := range p.Plans {
		if from := part.unbounded(indexes); from != "" {
			return from
		}
	}
	return ""
}

// unique reports whether a step finds rows by the one column that names them.
func unique(p plan, indexes map[string]index) bool {
	i := indexes[p.Index]
	return (strings.HasSuffix(p.Index, "_pkey") || strings.HasSuffix(p.Index, "_key")) && i.table != "event" && i.table != "request" &&
		strings.Contains(p.Cond, i.leading+" =")
}

// explain is how the database would run a statement, whatever its parameters.
func explain(t *testing.T, conn *pgx.Conn, text string) plan {
	t.Helper()
	ctx := t.Context()
	prepared, err := conn.Prepare(ctx, "explained", text)
	if err != nil {
		t.Fatalf("%s\n\t%v", text, err)
	}
	defer func() {
		if err := conn.Deallocate(ctx, "explained"); err != nil {
			t.Error(err)
		}
	}()
	args := ""
	if n := len(prepared.ParamOIDs); n > 0 {
		args = "(" + strings.TrimSuffix(strings.Repeat("NULL,", n), ",") + ")"
	}
	var told []byte
	if err := conn.QueryRow(ctx, "EXPLAIN (FORMAT JSON) EXECUTE explained"+args, pgx.QueryExecModeSimpleProtocol).Scan(&told); err != nil {
		t.Fatalf("%s\n\t%v", text, err)
	}
	var plans []struct {
		Plan plan `json:"Plan"`
	}
	if err := json.Unmarshal(told, &plans); err != nil {
		t.Fatal(err)
	}
	return plans[0].Plan
}

// TestNoStatementScans asks the database how it would run each statement there is, when much is stored. A scan of
// conversations, events or anything else that grows for years would cost more each year.
func TestNoStatementScans(t *testing.T) {
	conn := grown(t, 12_000, 3, 100)
	all := indexes(t, conn)
	for _, name := range openOnly {
		if !all[name].partial {
			t.Errorf("%s has more than open conversations in it", name)
		}
	}
	// No plans; and what is written again as a whole once a day: see ForgetOrder.
	apart := []*query{begin, commit, rollback, rewriteFeedback, rewriteFeedbackTokens}
	for _, q := range queries {
		if slices.Contains(apart, q) {
			continue
		}
		if found := explain(t, conn, q.text).scans(all); len(found) > 0 {
			t.Errorf("%s\n\t%s", q.text, strings.Join(found, "; "))
		}
	}
	// What the test looks for, it finds.
	for text, want := range map[string]string{
		`SELECT data FROM conversation WHERE data = $1::bytea`:                               "reads all of conversation",
		`SELECT count(*) FROM event WHERE sequence = $1::integer`:                            "reads all of event",
		`SELECT payload FROM event WHERE conversation_key = $1::bigint ORDER BY at`:          "sorts what it finds in event",
		`SELECT id FROM conversation WHERE state = 3 ORDER BY arrival LIMIT 1`:               "reads all of conversation",
		`SELECT language FROM contact WHERE queue_id = $1::text ORDER BY close_time LIMIT 1`: "reads all of contact",
	} {
		if found := explain(t, conn, text).scans(all); !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, want) }) {
			t.Errorf("%s\n\tfound %q, want %q", text, found, want)
		}
	}
}

// TestStatementsStandInOnePlace keeps every statement where the test above finds it.
func TestStatementsStandInOnePlace(t *testing.T) {
	statement := regexp.MustCompile("[`\"](SELECT|INSERT|UPDATE|DELETE|WITH|LOCK|TRUNCATE) [^`\"]*")
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(files, "query.go") {
		t.Fatal("query.go is gone")
	}
	for _, name := range files {
		if name == "query.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range statement.FindAllString(string(source), -1) {
			if !strings.Contains(found, "to_regclass('goose_db_version')") {
				t.Errorf("%s holds a statement of its own: %s", name, found)
			}
		}
	}
}
