package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of a database up to date, and tells from which version to which. 0 is an empty database.
// Servers that run meanwhile go on: migrations only add what older servers do not look at. Of two that migrate at once
// one waits for the other.
func Migrate(ctx context.Context, dsn string) (from, to int64, err error) {
	db, err := openSQL(dsn)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// Creating an index may take as long as it takes, but an administrator can end it.
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return 0, 0, err
	}
	p, err := provider(db, goose.WithSessionLocker(locker))
	if err != nil {
		return 0, 0, err
	}
	from, to, err = p.GetVersions(ctx)
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("postgres: read schema version: %w", failure(err))
	case from > to:
		return from, to, newerSchema(from, to)
	}
	if _, err := p.Up(ctx); err != nil {
		return from, to, fmt.Errorf("postgres: migrate schema: %w", err)
	}
	return from, to, nil
}

// checkSchema fails when the schema is not this version's.
func checkSchema(ctx context.Context, dsn string) (err error) {
	db, err := openSQL(dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// goose would make its table when it is asked for the version; a server makes nothing.
	var made bool
	if err := db.QueryRowContext(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&made); err != nil {
		return failure(err)
	}
	var current int64
	p, err := provider(db)
	if err != nil {
		return err
	}
	target := p.ListSources()[len(p.ListSources())-1].Version
	if made {
		if current, err = p.GetDBVersion(ctx); err != nil {
			return fmt.Errorf("read schema version: %w", failure(err))
		}
	}
	switch {
	case current > target:
		return newerSchema(current, target)
	case current < target:
		return fmt.Errorf("the database has schema %d and this version needs %d: run \"kuplad migrate\" with the same "+
			"--database or --config first", current, target)
	}
	return nil
}

func newerSchema(current, target int64) error {
	return fmt.Errorf("the database has schema %d, made by a later version; this one knows %d: use the later version",
		current, target)
}

func openSQL(dsn string) (*sql.DB, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, badDSN(err)
	}
	set(&c.ConnectTimeout, Options{}.WithDefaults().ConnectTimeout)
	c.RuntimeParams["application_name"] = commands
	return stdlib.OpenDB(*c), nil
}

func provider(db *sql.DB, more ...goose.ProviderOption) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, folder, append(more,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))...)
}
