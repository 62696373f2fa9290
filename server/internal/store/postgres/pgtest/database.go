package pgtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// maintenance is the database that is connected to for what is done to the whole cluster.
const maintenance = "postgres"

// Connect connects to a database of the cluster as its superuser.
func (c *Cluster) Connect(ctx context.Context, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, c.DSN(database))
}

// Exec runs statements on a database of the cluster, each by itself.
func (c *Cluster) Exec(ctx context.Context, database string, statements ...string) error {
	conn, err := c.Connect(ctx, database)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", statement, err), conn.Close(ctx))
		}
	}
	return conn.Close(ctx)
}

// Query asks a database of the cluster for one value.
func (c *Cluster) Query(ctx context.Context, database string, into any, query string, args ...any) error {
	conn, err := c.Connect(ctx, database)
	if err != nil {
		return err
	}
	return errors.Join(conn.QueryRow(ctx, query, args...).Scan(into), conn.Close(ctx))
}

// Database makes an empty database and gives its DSN.
func (c *Cluster) Database(ctx context.Context, name string) (string, error) {
	return c.DSN(name), c.Exec(ctx, maintenance, "CREATE DATABASE "+quote(name))
}

// Clone makes a database that is a copy of another one, which nobody may be connected to, and gives its DSN.
func (c *Cluster) Clone(ctx context.Context, name, template string) (string, error) {
	return c.DSN(name), c.Exec(ctx, maintenance, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(template))
}

// Drop removes a database, and ends whatever connections it has.
func (c *Cluster) Drop(ctx context.Context, name string) error {
	return c.Exec(ctx, maintenance, "DROP DATABASE "+quote(name)+" WITH (FORCE)")
}

// Disconnect ends the connections to a database whose application_name begins with a word, all when it is empty. It
// waits until they have ended, and tells how many there were.
func (c *Cluster) Disconnect(ctx context.Context, database, application string) (int, error) {
	var n int
	err := c.Query(ctx, maintenance, &n, `SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
		WHERE datname = $1 AND backend_type = 'client backend' AND pid <> pg_backend_pid()
		AND starts_with(coalesce(application_name, ''), $2)`, database, application)
	return n, err
}

// Set changes settings as ALTER SYSTEM does, and has the server read them. An empty value takes what was set so back.
// What only a start reads needs a Restart, too.
func (c *Cluster) Set(ctx context.Context, values map[string]string) error {
	var statements []string
	for name, value := range values {
		if value == "" {
			statements = append(statements, "ALTER SYSTEM RESET "+quote(name))
			continue
		}
		statements = append(statements, "ALTER SYSTEM SET "+quote(name)+" = '"+strings.ReplaceAll(value, "'", "''")+"'")
	}
	return c.Exec(ctx, maintenance, append(statements, "SELECT pg_reload_conf()")...)
}

// Standby makes a copy of the running cluster that follows it under a name. It is a cluster of its own: its Close,
// Kill and so on are not this one's.
func (c *Cluster) Standby(ctx context.Context, name string) (*Cluster, error) {
	h, err := enter(ctx)
	if err != nil {
		return nil, err
	}
	standby, err := c.standby(ctx, h, name)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the standby %q did not start: %w", name, err), leave())
	}
	return standby, nil
}

func (c *Cluster) standby(ctx context.Context, h *home, name string) (*Cluster, error) {
	h.mu.Lock()
	folder, err := h.emptyPlace()
	h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s := &Cluster{home: h, folder: folder}
	c.slots++
	slot := fmt.Sprintf("standby_%d", c.slots)
	from := fmt.Sprintf("host='%s' port=%d user=%s application_name='%s'", c.folder, c.port, superuser, name)
	if err := h.run(ctx, "pg_basebackup", "--pgdata", s.data(), "--dbname", from, "--write-recovery-conf",
		"--wal-method", "stream", "--create-slot", "--slot", slot, "--checkpoint", "fast", "--no-sync"); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if err := s.configure(c.more); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// Synchronous has every commit wait until one of the standbys of these names has it on its disk, too, and waits until
// that is so. Without names, commits wait for nobody any more.
func (c *Cluster) Synchronous(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return c.Set(ctx, map[string]string{"synchronous_standby_names": ""})
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	if err := c.Set(ctx, map[string]string{"synchronous_standby_names": "FIRST 1 (" + strings.Join(quoted, ", ") + ")"}); err != nil {
		return err
	}
	return c.until(ctx, "a standby is synchronous",
		`SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync' AND application_name = ANY($1))`, names)
}

// Promote makes a standby the primary, and waits until it is. It waits for no standbys of its own: the one that it
// followed may be gone.
func (c *Cluster) Promote(ctx context.Context) error {
	var promoted bool
	if err := c.Query(ctx, maintenance, &promoted, `SELECT pg_promote(true, 60)`); err != nil {
		return err
	}
	if !promoted {
		return fmt.Errorf("the standby was not promoted within a minute; the end of its log:\n%s", c.logEnd())
	}
	return c.Synchronous(ctx)
}

// CaughtUp waits until all standbys have everything that was committed until now.
func (c *Cluster) CaughtUp(ctx context.Context) error {
	return c.until(ctx, "the standbys have caught up",
		`SELECT count(*) > 0 AND coalesce(bool_and(replay_lsn >= pg_current_wal_lsn()), false) FROM pg_stat_replication`)
}

// until asks until the answer is yes.
func (c *Cluster) until(ctx context.Context, what, question string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := c.Connect(ctx, maintenance)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for {
		var yes bool
		if err := conn.QueryRow(ctx, question, args...).Scan(&yes); err != nil {
			return fmt.Errorf("waiting until %s: %w", what, err)
		}
		if yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// quote makes a name one that SQL takes as it is.
func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
