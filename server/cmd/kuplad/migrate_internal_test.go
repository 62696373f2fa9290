package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// run runs a command line and gives what it printed and why it failed.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := command()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&bytes.Buffer{})
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// says has the test fail unless a command line printed the words.
func says(t *testing.T, words string, args ...string) {
	t.Helper()
	if out, err := run(t, args...); err != nil || !strings.Contains(out, words) {
		t.Errorf("kuplad %s: %v; it printed %q, want %q", strings.Join(args, " "), err, out, words)
	}
}

// fails has the test fail unless a command line failed with an error that has the words, and shows nothing secret.
func fails(t *testing.T, secret string, words []string, args ...string) {
	t.Helper()
	_, err := run(t, args...)
	if err == nil {
		t.Errorf("kuplad %s did not fail", strings.Join(args, " "))
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not tell %q: %v", word, err)
		}
	}
	if secret != "" && strings.Contains(err.Error(), secret) {
		t.Errorf("the error tells the password: %v", err)
	}
}

func TestMigrate(t *testing.T) {
	c := pgtest.Shared(t)
	pgtest.Database(t)
	dsn := pgtest.Database(t)
	name := "migrated"
	if _, err := c.Database(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	pgtest.DropAfter(t, c, name)
	// A server makes no schema, so that of two versions none changes it under the other.
	if _, err := postgres.Open(t.Context(), dsn, postgres.Options{}, store.Options{}); err == nil ||
		!strings.Contains(err.Error(), "kuplad migrate") {
		t.Errorf("a server opens an empty database: %v", err)
	}
	fails(t, "", []string{"schema 0", "kuplad migrate"}, "token", "list", "--database", dsn)
	says(t, "was empty; now it has schema", "migrate", "--database", dsn)
	says(t, "Nothing was done", "migrate", "--database", dsn)

	// With the password in a file, as a configuration has it.
	withPassword := c.TCP(name)
	before, rest, _ := strings.Cut(withPassword, "@")
	before, password, _ := strings.Cut(strings.TrimPrefix(before, "postgres://"), ":")
	folder := t.TempDir()
	file, config := filepath.Join(folder, "password"), filepath.Join(folder, "kuplad.yaml")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("database: postgres://"+before+"@"+rest+"\ndatabase_password_file: "+file+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, "was empty; now it has schema", "migrate", "--config", config)
	says(t, "ID", "token", "list", "--config", config)
	t.Setenv("KUPLA_DATABASE", withPassword)
	says(t, "Nothing was done", "migrate")

	// A database of a later version is nobody's to touch.
	if err := c.Exec(t.Context(), name, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"migrate", "token list"} {
		fails(t, password, []string{"9999", "later version"}, strings.Fields(command)...)
	}
	if _, err := postgres.Open(t.Context(), withPassword, postgres.Options{}, store.Options{}); err == nil ||
		!strings.Contains(err.Error(), "9999") || strings.Contains(err.Error(), password) {
		t.Errorf("a server opens a database of a later version: %v", err)
	}
}

func TestMigrateSaysWhatIsWrong(t *testing.T) {
	const password = "salaisuus"
	c := pgtest.Shared(t)
	nobody := "postgres://kupla:" + password + "@127.0.0.1:1/kupla?sslmode=disable"
	fails(t, password, []string{"127.0.0.1"}, "migrate", "--database", nobody)
	fails(t, password, []string{"127.0.0.1"}, "token", "list", "--database", nobody)
	fails(t, password, []string{"password authentication failed"},
		"migrate", "--database", "postgres://kupla:"+password+"@"+c.Address()+"/postgres?sslmode=disable")
	fails(t, password, []string{"database (--database)"}, "migrate", "--database", "postgres://kupla:"+password+"@host:not-a-port/x")
	fails(t, password, []string{"database (--database)"}, "migrate", "--database", "mysql://kupla:"+password+"@host/x")
	file := filepath.Join(t.TempDir(), "kupla.db")
	says(t, "SQLite file", "migrate", "--database", file)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file was made: %v", err)
	}
}

// TestTokensInPostgres makes, lists and revokes tokens while a server has the database open.
func TestTokensInPostgres(t *testing.T) {
	dsn := pgtest.Database(t)
	says(t, "schema", "migrate", "--database", dsn)
	told := make(chan store.Staff, 10)
	server, err := postgres.Open(t.Context(), dsn, postgres.Options{PollInterval: time.Hour}, store.Options{
		Committed: func(batch []store.Committed) {
			for _, c := range batch {
				for _, s := range c.Staff {
					told <- s
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	create := []string{
		"token", "create", "kaisa", "--database", dsn, "--name", "Sairaanhoitaja Kaisa", "--role", "professional",
		"--queue", "q", "--language", "fi", "--label", "kone",
	}
	token, err := run(t, create...)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-told:
		if s.ID != "kaisa" || s.DisplayName != "Sairaanhoitaja Kaisa" {
			t.Errorf("the server was told of %+v", s)
		}
	case <-time.After(5 * time.Second):
		t.Error("the server was not told of a staff member that a command added")
	}
	list, err := run(t, "token", "list", "--database", dsn)
	if err != nil || !strings.Contains(list, "kaisa") || !strings.Contains(list, "good") || strings.Contains(list, strings.TrimSpace(token)) {
		t.Fatalf("the list: %v\n%s", err, list)
	}
	lines := strings.Split(strings.TrimSpace(list), "\n")
	id := strings.Fields(lines[len(lines)-1])[0]
	says(t, "is revoked", "token", "revoke", id, "--database", dsn)
	tokens, err := server.StaffTokens(t.Context())
	if err != nil || len(tokens) != 1 || tokens[0].ID != id || tokens[0].RevokeTime.IsZero() || tokens[0].Label != "kone" {
		t.Errorf("the server finds %+v, %v", tokens, err)
	}
}
