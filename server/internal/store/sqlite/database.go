package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

const (
	// busyTimeout is how long a write waits for another process's. They write a row or two at a time.
	busyTimeout = 10 * time.Second
	// lockPatience is how long an opening server waits for one that is just ending.
	lockPatience = time.Second
	lockInterval = 20 * time.Millisecond
	// checkpointPages is after how many pages of 4 KiB the log is moved into the database. The default of
	// 1,000 costs a quarter of the speed at 512 senders; this costs a tenth of a second when recovering.
	checkpointPages = 8000
	// journalLimit is what the log shrinks back to when something, as a long read, has made it grow.
	journalLimit = 64 << 20
	// writerCache and readerCache are pages kept in memory by each connection, in KiB. What is not in them is most often
	// in the machine's own cache.
	writerCache = 16 << 10
	readerCache = 2 << 10
)

//go:embed migrations/*.sql
var migrations embed.FS

// dsn names the database with what every connection has to have.
func dsn(path string, cacheKiB int, readOnly bool) string {
	v := url.Values{}
	v.Set("_busy_timeout", strconv.FormatInt(busyTimeout.Milliseconds(), 10))
	v.Set("_journal_mode", "WAL")
	v.Set("_synchronous", "FULL")
	v.Set("_foreign_keys", "1")
	v.Set("_dqs", "0")
	v.Set("_defensive", "1")
	v.Set("_error_rc", "1")
	v.Set("_txlock", "immediate")
	v.Add("_pragma", fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages))
	v.Add("_pragma", fmt.Sprintf("journal_size_limit(%d)", journalLimit))
	v.Add("_pragma", fmt.Sprintf("cache_size(-%d)", cacheKiB))
	if readOnly {
		v.Set("_query_only", "1")
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: v.Encode()}
	return u.String()
}

// create makes the folder and the file, for nobody else to read, when they are not there. SQLite gives the
// files that it adds the same permissions.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// Its name must survive a power cut as its content does.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// lockServer takes the lock that only one server has, or fails with store.ErrInUse.
func lockServer(ctx context.Context, path string) (*os.File, error) {
	name := path + ".lock"
	for waited := time.Duration(0); ; waited += lockInterval {
		f, ok, err := tryLock(name)
		if err != nil {
			return nil, err
		}
		if ok {
			// Who has it is for people to read; nothing depends on it.
			if err := f.Truncate(0); err == nil {
				_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
			}
			return f, nil
		}
		if waited >= lockPatience {
			return nil, inUse(path, name)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockInterval):
		}
	}
}

func inUse(path, name string) error {
	holder := "another process"
	if data, err := os.ReadFile(name); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
			holder = "process " + strconv.Itoa(pid)
		}
	}
	return fmt.Errorf("%w: %s is open in %s; stop that server first, or give this one a data folder of its own",
		store.ErrInUse, path, holder)
}

// versions is how far the database's schema has come and how far this program would take it.
func versions(ctx context.Context, db *sql.DB) (p *goose.Provider, current, target int64, err error) {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, 0, 0, err
	}
	p, err = goose.NewProvider(goose.DialectSQLite3, db, folder,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, 0, 0, err
	}
	current, target, err = p.GetVersions(ctx)
	return p, current, target, err
}

// migrate brings the schema up to date. The caller holds the server's lock.
func migrate(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(path, readerCache, false))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(bringUp(ctx, db), db.Close())
}

func bringUp(ctx context.Context, db *sql.DB) error {
	p, current, target, err := versions(ctx, db)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	switch {
	case current > target:
		return newerSchema(current, target)
	case current < target:
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrate schema: %w", err)
		}
	}
	return nil
}

func newerSchema(current, target int64) error {
	return fmt.Errorf("the database has schema %d, made by a later version; this one knows %d: use the later version",
		current, target)
}

// connection is a connection that writes, with its statements. One goroutine uses it.
type connection struct {
	db         *sql.DB
	conn       *sql.Conn
	statements []*sql.Stmt // by query.index, prepared when first used
}

func connect(ctx context.Context, path string) (*connection, error) {
	db, err := sql.Open("sqlite", dsn(path, writerCache, false))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &connection{db: db, conn: conn, statements: make([]*sql.Stmt, len(queries))}, nil
}

func (c *connection) close() error {
	var errs []error
	for _, s := range c.statements {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, c.conn.Close(), c.db.Close())...)
}

func (c *connection) statement(ctx context.Context, q *query) (*sql.Stmt, error) {
	if s := c.statements[q.index]; s != nil {
		return s, nil
	}
	s, err := c.conn.PrepareContext(ctx, q.text)
	if err != nil {
		return nil, err
	}
	c.statements[q.index] = s
	return s, nil
}

func (c *connection) exec(ctx context.Context, q *query, args ...any) (sql.Result, error) {
	s, err := c.statement(ctx, q) //nolint:sqlclosecheck // Closed with the connection.
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

// row reads one row. It returns sql.ErrNoRows when there is none.
func (c *connection) row(ctx context.Context, q *query, args []any, into ...any) error {
	s, err := c.statement(ctx, q) //nolint:sqlclosecheck // Closed with the connection.
	if err != nil {
		return err
	}
	return s.QueryRowContext(ctx, args...).Scan(into...)
}

// each reads rows, calling scan for each.
func (c *connection) each(ctx context.Context, q *query, args []any, scan func(*sql.Rows) error) error {
	s, err := c.statement(ctx, q)
	if err != nil {
		return err
	}
	return eachRow(ctx, s, args, scan)
}

func eachRow(ctx context.Context, s *sql.Stmt, args []any, scan func(*sql.Rows) error) error {
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // What went wrong is in rows.Err.
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// transact runs fn in a transaction.
func (c *connection) transact(ctx context.Context, fn func() error) error {
	if _, err := c.exec(ctx, begin); err != nil {
		return failure(err)
	}
	err := fn()
	if err == nil {
		if _, err = c.exec(ctx, commit); err == nil {
			return nil
		}
		err = failure(err)
	}
	c.abort()
	return err
}

// abort ends a transaction. It may have ended already: SQLite ends it by itself when the disk is full.
func (c *connection) abort() {
	_, _ = c.exec(context.Background(), rollback)
}

// pool reads.
type pool struct {
	db         *sql.DB
	statements []*sql.Stmt // by query.index
}

// reading are the queries of the pool.
var reading = []*query{
	selectConversation, selectEvents, selectCaseNotes, selectAnswered, countClosed, selectRequest,
	selectConversationToken, selectStaffToken, selectStaffTokens, selectStaff, selectAllStaff,
	selectFeedback, selectCustomersSeen, selectStaffSeen,
}

func openPool(ctx context.Context, path string) (*pool, error) {
	db, err := sql.Open("sqlite", dsn(path, readerCache, true))
	if err != nil {
		return nil, err
	}
	n := max(4, 2*runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	p := &pool{db: db, statements: make([]*sql.Stmt, len(queries))}
	for _, q := range reading {
		//nolint:sqlclosecheck // Closed with the pool.
		if p.statements[q.index], err = db.PrepareContext(ctx, q.text); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	return p, nil
}

func (p *pool) close() error {
	var errs []error
	for _, s := range p.statements {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, p.db.Close())...)
}

// row reads one row, or returns store.ErrNotFound. A read of one row is over before a caller's context
// could end it, and watching that would cost a goroutine.
func (p *pool) row(ctx context.Context, q *query, args []any, into ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return failure(p.statements[q.index].QueryRowContext(context.WithoutCancel(ctx), args...).Scan(into...))
}

// each reads rows, calling scan for each.
func (p *pool) each(ctx context.Context, q *query, args []any, scan func(*sql.Rows) error) error {
	return failure(eachRow(ctx, p.statements[q.index], args, scan))
}

// failure makes the store's error of the database's. SQLite's messages name tables and columns, no values.
func failure(err error) error {
	var e *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict),
		errors.Is(err, committer.ErrRejected):
		return err
	case errors.As(err, &e):
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
			return fmt.Errorf("%w: %w", committer.ErrRejected, err)
		}
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
