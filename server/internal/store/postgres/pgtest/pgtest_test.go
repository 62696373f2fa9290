package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// childVariable has the test program start a cluster, say where, and wait to be killed.
const childVariable = "PGTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		c, err := pgtest.Start(context.Background(), pgtest.Options{})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(c.PID(), c.Folder())
		select {}
	}
	os.Exit(pgtest.Main(m))
}

// value asks a database, by its DSN, for one value.
func value[T any](t *testing.T, dsn, query string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var v T
	if err := conn.QueryRow(t.Context(), query).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDatabasesOfTheSharedCluster(t *testing.T) {
	c := pgtest.Shared(t)
	dsn := pgtest.Database(t)
	if pgtest.Shared(t) != c || pgtest.Database(t) == dsn {
		t.Error("the cluster is not shared, or its databases are")
	}
	for setting, want := range map[string]string{
		"server_encoding": "UTF8", "TimeZone": "Europe/Helsinki",
	} {
		if got := value[string](t, dsn, "SHOW "+setting); got != want {
			t.Errorf("%s is %s", setting, got)
		}
	}
	if !value[bool](t, dsn, `SELECT 'å' > 'z' AND 'a' < 'B'`) {
		t.Error("text is not ordered as in Finnish")
	}
	name := pgtest.Name()
	clone, err := c.Clone(t.Context(), name, "template1")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.DropAfter(t, c, name)
	if got := value[string](t, clone, `SELECT current_database()::text`); got != name {
		t.Errorf("connected to %s", got)
	}
	if got := value[string](t, c.TCP(name), `SELECT host(inet_client_addr())`); got != "127.0.0.1" {
		t.Errorf("TCP comes from %s", got)
	}
	if _, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://kupla@%s/%s?sslmode=disable", c.Address(), name)); err == nil {
		t.Error("anybody on the machine may connect over TCP")
	}
}

func TestRestartsKeepWhatWasCommitted(t *testing.T) {
	ctx := t.Context()
	c := pgtest.New(t, pgtest.Options{Settings: map[string]string{"max_connections": "17"}})
	dsn, err := c.Database(ctx, "kept")
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"max_connections": "17", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
	} {
		if got := value[string](t, dsn, "SHOW "+setting); got != want {
			t.Errorf("%s is %s", setting, got)
		}
	}
	if err := c.Exec(ctx, "kept", `CREATE TABLE n (n int)`); err != nil {
		t.Fatal(err)
	}
	log := func() string {
		text, err := os.ReadFile(c.Log())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for i, end := range []func() error{
		func() error { return c.Stop(ctx, pgtest.Fast) },
		func() error { return c.Stop(ctx, pgtest.Immediate) },
		c.Kill,
	} {
		held, err := pgx.Connect(ctx, c.TCP("kept"))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Exec(ctx, "kept", `INSERT INTO n VALUES (1)`); err != nil {
			t.Fatal(err)
		}
		processes, err := c.Processes()
		if err != nil || len(processes) < 4 {
			t.Fatalf("processes: %v, %v", processes, err)
		}
		before := strings.Count(log(), "not properly shut down")
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if _, err := pgx.Connect(ctx, dsn); err == nil || held.Ping(ctx) == nil || c.PID() != 0 {
			t.Error("it still serves")
		}
		for _, pid := range processes {
			if alive(pid) {
				t.Errorf("process %d still runs", pid)
			}
		}
		if err := c.Restart(ctx, pgtest.Fast); err != nil {
			t.Fatal(err)
		}
		if got := value[int](t, dsn, `SELECT count(*) FROM n`); got != i+1 {
			t.Errorf("%d rows after %d", got, i+1)
		}
		if recovered := strings.Count(log(), "not properly shut down") > before; recovered != (i > 0) {
			t.Errorf("end %d: recovered %t", i, recovered)
		}
	}
	if _, err := pgx.Connect(ctx, c.TCP("kept")); err != nil {
		t.Errorf("the port or the password has changed: %v", err)
	}
	folder := c.Folder()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
}

func TestConnectionsAreEndedByName(t *testing.T) {
	ctx := t.Context()
	c := pgtest.Shared(t)
	dsn := pgtest.Database(t)
	connect := func(name string) *pgx.Conn {
		t.Helper()
		conn, err := pgx.Connect(ctx, dsn+"&application_name="+name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	listen, write := connect("listen"), connect("write")
	database := value[string](t, dsn, `SELECT current_database()::text`)
	if n, err := c.Disconnect(ctx, database, "li"); n != 1 || err != nil {
		t.Errorf("ended %d: %v", n, err)
	}
	if listen.Ping(ctx) == nil || write.Ping(ctx) != nil {
		t.Error("the wrong one was ended")
	}
	if n, err := c.Disconnect(ctx, database, ""); n != 1 || err != nil {
		t.Errorf("ended %d: %v", n, err)
	}
}

func TestStandbyTakesOver(t *testing.T) {
	ctx := t.Context()
	primary := pgtest.New(t, pgtest.Options{})
	standby, err := primary.Standby(ctx, "second")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.CloseAfter(t, standby)
	if err := primary.Synchronous(ctx, "second"); err != nil {
		t.Fatal(err)
	}
	if _, err := primary.Database(ctx, "kept"); err != nil {
		t.Fatal(err)
	}
	if err := primary.Exec(ctx, "kept", `CREATE TABLE n (n int)`, `INSERT INTO n VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	if err := primary.CaughtUp(ctx); err != nil {
		t.Fatal(err)
	}
	either := primary.TCP("kept", standby.Address(), primary.Address())
	if got := value[int](t, either, `SELECT inet_server_port()`); got != primary.Port() {
		t.Errorf("writes go to %d", got)
	}
	if got := value[int](t, standby.DSN("kept"), `SELECT count(*) FROM n`); got != 1 {
		t.Errorf("the standby has %d", got)
	}

	// Without its standby nothing is committed.
	if err := standby.Kill(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if err := primary.Exec(short, "kept", `INSERT INTO n VALUES (2)`); err == nil {
		t.Error("committed without the synchronous standby")
	}
	if err := standby.Restart(ctx, pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	if err := primary.Exec(ctx, "kept", `INSERT INTO n VALUES (3)`); err != nil {
		t.Fatal(err)
	}

	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := standby.Promote(ctx); err != nil {
		t.Fatal(err)
	}
	if got := value[int](t, either, `SELECT inet_server_port()`); got != standby.Port() {
		t.Errorf("writes go to %d", got)
	}
	if err := standby.Exec(ctx, "kept", `INSERT INTO n VALUES (4)`); err != nil {
		t.Fatal(err)
	}
	if got := value[int](t, either, `SELECT count(*) FROM n WHERE n <> 2`); got != 3 {
		t.Errorf("the promoted one has %d", got)
	}
	// It can have a standby in turn.
	third, err := standby.Standby(ctx, "third")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.CloseAfter(t, third)
	if err := standby.Synchronous(ctx, "third"); err != nil {
		t.Error(err)
	}
}

// TestNothingIsLeft has a process killed that has a cluster.
func TestNothingIsLeft(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program)
	child.Env = append(os.Environ(), childVariable+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, folder, _ := strings.Cut(strings.TrimSpace(line), " ")
	server, err := strconv.Atoi(pid)
	if err != nil || !alive(server) {
		t.Fatalf("the child said %q", line)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	for deadline := time.Now().Add(10 * time.Second); alive(server); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server outlives its parent")
		}
	}
	// The next process to start a cluster cleans up; this one may have been before.
	next := exec.CommandContext(t.Context(), program, "-test.run", "^TestDatabasesOfTheSharedCluster$")
	if out, err := next.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("what the killed process left: %v", err)
	}
	// The folder of one that lives stays.
	if _, err := os.Stat(pgtest.Shared(t).Folder()); err != nil {
		t.Error(err)
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil && !pgtest.Ended(pid) }

func TestWhatIsMissingIsNamed(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("PGTEST_BIN", empty)
	fails := func(want ...string) {
		t.Helper()
		_, err := pgtest.Programs(t.Context())
		for _, word := range want {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%v; it does not say %q", err, word)
			}
		}
	}
	fails(empty, "no initdb", "no postgres", "no pg_basebackup")
	for _, name := range []string{"initdb", "pg_basebackup", "postgres"} {
		if err := os.WriteFile(filepath.Join(empty, name), []byte("#!/bin/sh\necho 'postgres (PostgreSQL) 14.2'\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	fails(empty, "PostgreSQL 14", "15 or newer")

	// Nowhere at all.
	t.Setenv("PGTEST_BIN", "")
	t.Setenv("PATH", empty)
	pgtest.Packaged(t, []string{filepath.Join(empty, "*", "bin")})
	fails("PostgreSQL 14")
	if err := os.Remove(filepath.Join(empty, "postgres")); err != nil {
		t.Fatal(err)
	}
	fails("need PostgreSQL 15", "initdb", "PGTEST_BIN", `Debian's package "postgresql"`)
}
