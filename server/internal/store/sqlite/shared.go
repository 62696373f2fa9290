package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// Shared is a database as an administrator's command has it open, beside the server or without one. It has
// what such commands need and nothing that the server keeps in memory. It is safe for concurrent use.
type Shared struct {
	mu         sync.Mutex // of connection and closed
	connection *connection
	pool       *pool
	closed     bool
}

// OpenShared opens the database in the file at path for an administrator's command, while a server may
// have it open. It creates the database when there is none. It fails when the schema has to be brought up
// to date while a server runs, which is the server's to do when it starts.
func OpenShared(ctx context.Context, path string) (*Shared, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := &Shared{}
	if err := s.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), s.Close())
	}
	return s, nil
}

func (s *Shared) open(ctx context.Context, path string) error {
	if err := create(path); err != nil {
		return err
	}
	ready, err := schemaReady(ctx, path)
	if err != nil {
		return err
	}
	if !ready {
		// As a server would, and in its place: nobody else may write meanwhile.
		lock, err := lockServer(ctx, path)
		if err != nil {
			return fmt.Errorf("the schema is not this version's: %w", err)
		}
		err = migrate(ctx, path)
		if err := errors.Join(err, lock.Close()); err != nil {
			return err
		}
	}
	if s.connection, err = connect(ctx, path); err != nil {
		return err
	}
	s.pool, err = openPool(ctx, path)
	return err
}

// schemaReady reports whether the schema is this version's. It creates nothing.
func schemaReady(ctx context.Context, path string) (bool, error) {
	db, err := sql.Open("sqlite", dsn(path, readerCache, true))
	if err != nil {
		return false, err
	}
	defer func() { _ = db.Close() }() // It only reads.
	var n int
	if err := db.QueryRowContext(ctx,
		`SELECT count(*) FROM sqlite_schema WHERE name = 'goose_db_version'`).Scan(&n); err != nil {
		return false, failure(err)
	}
	if n == 0 {
		return false, nil
	}
	_, current, target, err := versions(ctx, db)
	if err != nil {
		return false, fmt.Errorf("read schema version: %w", err)
	}
	if current > target {
		return false, newerSchema(current, target)
	}
	return current == target, nil
}

// Close closes the database.
func (s *Shared) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	if s.pool != nil {
		errs = append(errs, s.pool.close())
	}
	if s.connection != nil {
		errs = append(errs, s.connection.close())
	}
	return errors.Join(errs...)
}

// PutStaff is as in store.Store. The server sees it from its next read on.
func (s *Shared) PutStaff(ctx context.Context, m store.Staff) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	return s.connection.putStaff(ctx, m)
}

// PutStaffToken is as in store.Store. It fails with store.ErrNotFound when there is no such staff member,
// and with store.ErrConflict when another token has the same hash.
func (s *Shared) PutStaffToken(ctx context.Context, t store.StaffToken) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	return s.connection.putStaffToken(ctx, t)
}

// Staff is as in store.Store.
func (s *Shared) Staff(ctx context.Context, id string) (store.Staff, error) {
	var m store.Staff
	err := scanStaff(&m, func(into ...any) error { return s.pool.row(ctx, selectStaff, []any{id}, into...) })
	return m, err
}

// AllStaff is as in store.Store.
func (s *Shared) AllStaff(ctx context.Context) ([]store.Staff, error) { return s.pool.allStaff(ctx) }

// StaffTokens is as in store.Store.
func (s *Shared) StaffTokens(ctx context.Context) ([]store.StaffToken, error) {
	return s.pool.staffTokens(ctx)
}

func (c *connection) putStaff(ctx context.Context, m store.Staff) error {
	profile, err := record.EncodeStaffProfile(m)
	if err != nil {
		return err
	}
	return c.transact(ctx, func() error {
		_, err := c.exec(ctx, putStaffProfile, m.ID, profile, int64(m.Availability), record.Micros(m.AvailabilityTime))
		return failure(err)
	})
}

func (c *connection) putStaffToken(ctx context.Context, t store.StaffToken) error {
	data, err := record.EncodeStaffToken(t)
	if err != nil {
		return err
	}
	return c.transact(ctx, func() error {
		_, err := c.exec(ctx, putStaffToken, t.ID, t.Hash[:], t.StaffID, record.Micros(t.CreateTime), data)
		if e, ok := errors.AsType[*sqlitedriver.Error](err); ok {
			switch e.Code() {
			case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
				return fmt.Errorf("%w: staff", store.ErrNotFound)
			case sqlite3.SQLITE_CONSTRAINT_UNIQUE:
				return fmt.Errorf("%w: token", store.ErrConflict)
			}
		}
		return failure(err)
	})
}

func (p *pool) allStaff(ctx context.Context) ([]store.Staff, error) {
	var list []store.Staff
	err := p.each(ctx, selectAllStaff, nil, func(rows *sql.Rows) error {
		var m store.Staff
		err := scanStaff(&m, rows.Scan)
		list = append(list, m)
		return err
	})
	return list, err
}

func (p *pool) staffTokens(ctx context.Context) ([]store.StaffToken, error) {
	var list []store.StaffToken
	err := p.each(ctx, selectStaffTokens, nil, func(rows *sql.Rows) error {
		var t store.StaffToken
		var hash, data []byte
		if err := rows.Scan(&hash, &t.ID, &t.StaffID, &data); err != nil {
			return err
		}
		if err := fill(t.Hash[:], hash); err != nil {
			return err
		}
		err := record.DecodeStaffToken(data, &t)
		list = append(list, t)
		return err
	})
	return list, err
}
