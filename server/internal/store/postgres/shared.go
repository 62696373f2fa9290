package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// Shared is a database as an administrator's command has it open, beside the servers or without one. It has what such
// commands need. It is safe for concurrent use.
type Shared struct{ reads *reads }

// OpenShared opens the database that dsn names for an administrator's command. It fails when the schema is not this
// version's.
func OpenShared(ctx context.Context, dsn string) (*Shared, error) {
	limits := Options{ReadConnections: 1}.WithDefaults()
	config, err := limits.poolConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	config.ConnConfig.RuntimeParams["application_name"] = commands
	if err := checkSchema(ctx, dsn); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return &Shared{reads: &reads{pool: pool, timeout: limits.BatchTimeout}}, nil
}

// Close closes the database.
func (s *Shared) Close() error {
	s.reads.pool.Close()
	return nil
}

// PutStaff is as in store.Store. The servers are told.
func (s *Shared) PutStaff(ctx context.Context, m store.Staff) error { return s.reads.putStaff(ctx, m) }

// PutStaffToken is as in store.Store. It fails with store.ErrNotFound when there is no such staff member, and with
// store.ErrConflict when another token has the same hash.
func (s *Shared) PutStaffToken(ctx context.Context, t store.StaffToken) error {
	return s.reads.putStaffToken(ctx, t)
}

// Staff is as in store.Store.
func (s *Shared) Staff(ctx context.Context, id string) (store.Staff, error) {
	var r staffRow
	if err := s.reads.row(ctx, selectStaff, []any{id}, r.into()...); err != nil {
		return store.Staff{}, err
	}
	return r.staff()
}

// AllStaff is as in store.Store.
func (s *Shared) AllStaff(ctx context.Context) ([]store.Staff, error) { return s.reads.allStaff(ctx) }

// StaffTokens is as in store.Store.
func (s *Shared) StaffTokens(ctx context.Context) ([]store.StaffToken, error) {
	return s.reads.staffTokens(ctx)
}

// putStaff writes a profile and tells the servers, all of them: nobody of theirs has done it.
func (r *reads) putStaff(ctx context.Context, m store.Staff) error {
	profile, err := record.EncodeStaffProfile(m)
	if err != nil {
		return err
	}
	return r.within(ctx, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			var version int64
			err := tx.QueryRow(ctx, putStaffProfile.text,
				m.ID, profile, int16(m.Availability), record.Micros(m.AvailabilityTime)).Scan(&version)
			if err != nil {
				return err
			}
			n := news{staff: map[string]int64{m.ID: version}}
			_, err = tx.Exec(ctx, notify.text, n.encode(commandNode))
			return err
		})
	})
}

// commandNode is what is written where a server's name stands when no server did it.
const commandNode = "-"

func (r *reads) putStaffToken(ctx context.Context, t store.StaffToken) error {
	data, err := record.EncodeStaffToken(t)
	if err != nil {
		return err
	}
	return r.within(ctx, func(ctx context.Context) error {
		_, err := r.pool.Exec(ctx, putStaffToken.text, t.ID, t.Hash[:], t.StaffID, record.Micros(t.CreateTime), data)
		if e, ok := errors.AsType[*pgconn.PgError](err); ok {
			switch e.Code {
			case foreignKeyViolation:
				return fmt.Errorf("%w: staff", store.ErrNotFound)
			case uniqueViolation:
				return fmt.Errorf("%w: token", store.ErrConflict)
			}
		}
		return err
	})
}

func (r *reads) allStaff(ctx context.Context) ([]store.Staff, error) {
	var list []store.Staff
	var row staffRow
	var n int
	err := r.each(ctx, ask{selectAllStaff, nil, row.into(&n), func() error {
		m, err := row.staff()
		list = append(list, m)
		return err
	}}, func() { list = nil })
	return list, err
}

func (r *reads) staffTokens(ctx context.Context) ([]store.StaffToken, error) {
	var list []store.StaffToken
	var hash, data []byte
	var id, staffID string
	err := r.each(ctx, ask{selectStaffTokens, nil, []any{&hash, &id, &staffID, &data}, func() error {
		t := store.StaffToken{ID: id, StaffID: staffID}
		if err := fill(t.Hash[:], hash); err != nil {
			return err
		}
		err := record.DecodeStaffToken(data, &t)
		list = append(list, t)
		return err
	}}, func() { list = nil })
	return list, err
}
