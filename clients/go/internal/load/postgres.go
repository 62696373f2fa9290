package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a PostgreSQL server on this machine, in which kuplad's databases are made and whose processes are
// measured apart from kuplad's.
type Postgres struct {
	dsn *url.URL
	// pid is its first process, whose children serve the connections.
	pid int
	// version is as it tells it.
	version string

	mu   sync.Mutex
	conn *pgx.Conn // to a database that nothing else is done in
	made int
}

// ConnectPostgres connects to the maintenance database of a PostgreSQL server on this machine, as somebody who may make
// others.
func ConnectPostgres(ctx context.Context, dsn string) (*Postgres, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("write the address of PostgreSQL as postgres://user@host:5432/postgres")
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	p := &Postgres{dsn: u, conn: conn}
	var backend int
	err = conn.QueryRow(ctx, "SELECT pg_backend_pid(), current_setting('server_version')").Scan(&backend, &p.version)
	if err == nil {
		p.pid, err = parentOf(backend)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("find the processes of PostgreSQL, which has to run on this machine: %w", err), p.Close())
	}
	if _, err := conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"); err != nil {
		return nil, errors.Join(fmt.Errorf("what is read is told by PostgreSQL's extension pg_stat_statements: %w", err), p.Close())
	}
	return p, nil
}

// Close ends the connection.
func (p *Postgres) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return p.conn.Close(ctx)
}

// settings are those that tell how it is set.
func (p *Postgres) settings(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	told := []string{"PostgreSQL " + p.version}
	for _, name := range []string{"shared_buffers", "max_wal_size", "fsync", "synchronous_commit", "full_page_writes"} {
		var value string
		if err := p.conn.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return "", err
		}
		told = append(told, name+" "+value)
	}
	return strings.Join(told, ", "), nil
}

// cpuTime is how much CPU time all its processes have used, those that have ended included.
func (p *Postgres) cpuTime() (time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	total := time.Duration(0)
	for _, file := range stats {
		fields, err := statFields(file)
		if err != nil {
			continue // It has ended, and the first process knows what it used.
		}
		of := []int{statUser, statSystem}
		switch strconv.Itoa(p.pid) {
		case filepath.Base(filepath.Dir(file)):
			of = append(of, statChildrenUser, statChildrenSystem)
		case fields[statParent]:
		default:
			continue
		}
		used, err := ticks(fields, of...)
		if err != nil {
			return 0, err
		}
		total += used
	}
	return total, nil
}

// parentOf is the process that started another.
func parentOf(pid int) (int, error) {
	fields, err := statFields(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(fields[statParent])
}

// database is one database of a server.
type database struct {
	postgres *Postgres
	name     string
	// kept says that it was there before, and stays.
	kept bool
}

// create makes an empty database.
func (p *Postgres) create(ctx context.Context) (*database, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made++
	d := &database{postgres: p, name: fmt.Sprintf("kupla_load_%d_%d", os.Getpid(), p.made)}
	_, err := p.conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{d.name}.Sanitize())
	return d, err
}

// dsn is its address.
func (d *database) dsn() string {
	u := *d.postgres.dsn
	u.Path = "/" + d.name
	return u.String()
}

// drop removes it, unless it was there before.
func (d *database) drop() error {
	if d.kept {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	d.postgres.mu.Lock()
	defer d.postgres.mu.Unlock()
	_, err := d.postgres.conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{d.name}.Sanitize()+" WITH (FORCE)")
	return err
}

// buffers is how many pages its statements have looked at so far: all, wherever they were, and those of them that were
// not in PostgreSQL's memory.
func (d *database) buffers(ctx context.Context) (b Buffers, err error) {
	d.postgres.mu.Lock()
	defer d.postgres.mu.Unlock()
	err = d.postgres.conn.QueryRow(ctx, `SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0)::float8,
		coalesce(sum(shared_blks_read), 0)::float8 FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
		WHERE d.datname = $1`, d.name).Scan(&b.All, &b.Read)
	if err != nil {
		err = fmt.Errorf("PostgreSQL does not tell what is read; is pg_stat_statements in shared_preload_libraries? %w", err)
	}
	return b, err
}

// The fields of /proc/…/stat, counted from the third.
const (
	statParent         = 1
	statUser           = 11
	statSystem         = 12
	statChildrenUser   = 13
	statChildrenSystem = 14
)

// statFields reads the fields of a process from the third on. The second is the program's name in parentheses, and may
// hold anything.
func statFields(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) <= statChildrenSystem {
		return nil, fmt.Errorf("%s has %d fields", path, len(fields))
	}
	return fields, nil
}

// ticks adds up fields that are CPU times.
func ticks(fields []string, which ...int) (time.Duration, error) {
	var sum int64
	for _, i := range which {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * clockTick, nil
}
