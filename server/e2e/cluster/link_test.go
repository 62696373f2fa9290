package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/server/e2e/cluster"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// connect connects over a line as a server does, under a name.
func connect(t *testing.T, dsn, name string) (*pgx.Conn, error) {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = name
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(context.Background()) }) // Some have been cut.
	}
	return conn, err
}

// answers reports whether a connection is answered, and after how long.
func answers(t *testing.T, conn *pgx.Conn) (bool, time.Duration) {
	t.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var one int
	err := conn.QueryRow(ctx, "SELECT 1").Scan(&one)
	return err == nil && one == 1, time.Since(begun)
}

// What is done to a line is done to the connections that are meant, and to no others.
func TestLink(t *testing.T) {
	t.Parallel()
	host := pgtest.New(t, pgtest.Options{})
	line, err := cluster.NewLink(t.Context(), host.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	dsn := host.TCP("postgres", line.Address())
	listening, err := connect(t, dsn, cluster.Listening)
	if err != nil {
		t.Fatal(err)
	}
	reading, err := connect(t, dsn, cluster.Reading)
	if err != nil {
		t.Fatal(err)
	}

	if n := line.KeepAway(cluster.Listening); n != 1 {
		t.Errorf("%d connections were cut, want 1", n)
	}
	if ok, _ := answers(t, listening); ok {
		t.Error("the listening connection still stands")
	}
	if _, err := connect(t, dsn, cluster.Listening); err == nil {
		t.Error("another listening connection was let through")
	}
	if ok, _ := answers(t, reading); !ok {
		t.Error("the reading connection was cut, too")
	}
	line.Let()
	if _, err := connect(t, dsn, cluster.Listening); err != nil {
		t.Errorf("after that no listening connection is let through: %v", err)
	}

	const long = 300 * time.Millisecond
	line.Hold(cluster.Reading)
	time.AfterFunc(long, line.Let)
	if ok, took := answers(t, reading); !ok || took < long-10*time.Millisecond {
		t.Errorf("what is held up was answered %t after %s", ok, took)
	}

	other := pgtest.New(t, pgtest.Options{})
	line.Point(other.Address())
	if ok, _ := answers(t, reading); ok {
		t.Error("a connection stands though the line leads elsewhere")
	}
	moved, err := connect(t, dsn, cluster.Writing)
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if err := moved.QueryRow(t.Context(), "SELECT inet_server_port()").Scan(&port); err != nil || port != other.Port() {
		t.Errorf("the line leads to port %d (%v), want %d", port, err, other.Port())
	}
}
