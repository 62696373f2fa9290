package sqlite

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNoStatementScans asks the database how it would run each statement there is. A scan of conversations,
// events or anything else that grows for years would cost more each year.
func TestNoStatementScans(t *testing.T) {
	s := openHere(t, filepath.Join(t.TempDir(), "kupla.db"))
	// These stay small: as many as a county has queues, staff members and tokens of theirs.
	small := regexp.MustCompile(`^SCAN (queue|staff|staff_token|staff_seen)( |$)`)
	// These are no tables: the arguments of the statement itself.
	arguments := regexp.MustCompile(`^SCAN (q|\d+ CONSTANT ROWS)$`)
	// This is an index of the open ones.
	open := regexp.MustCompile(`^SCAN (c|conversation) USING (COVERING )?INDEX conversation_open$`)
	for _, q := range queries {
		if strings.HasPrefix(q.text, "BEGIN") || q == commit || q == rollback {
			continue
		}
		plan := explain(t, s, q)
		for _, step := range plan {
			switch {
			case !strings.HasPrefix(step, "SCAN"):
			case small.MatchString(step), arguments.MatchString(step), open.MatchString(step):
			default:
				t.Errorf("%s\n\tscans: %s", q.text, strings.Join(plan, "; "))
			}
			if strings.Contains(step, "AUTOMATIC") {
				t.Errorf("%s\n\tmakes an index each time: %s", q.text, step)
			}
		}
		// What is sorted must be small too, or come from an index in order.
		if sorts := strings.Contains(strings.Join(plan, ";"), "TEMP B-TREE FOR ORDER BY"); sorts && q != selectStaffTokens {
			t.Errorf("%s\n\tsorts: %s", q.text, strings.Join(plan, "; "))
		}
	}
}

// explain is how the database would run a statement, step by step.
func explain(t *testing.T, s *Store, q *query) []string {
	t.Helper()
	rows, err := s.engine.conn.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+q.text,
		make([]any, strings.Count(q.text, "?"))...)
	if err != nil {
		t.Fatalf("%s: %v", q.text, err)
	}
	defer func() { _ = rows.Close() }()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestStatementsStandInOnePlace keeps every statement where the test above finds it.
func TestStatementsStandInOnePlace(t *testing.T) {
	statement := regexp.MustCompile("[`\"](SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE) [^`\"]*")
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
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
			if !strings.Contains(found, "FROM sqlite_schema") {
				t.Errorf("%s holds a statement of its own: %s", name, found)
			}
		}
	}
}
