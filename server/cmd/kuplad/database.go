package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

// isPostgres reports whether a database is named as PostgreSQL's are. Any other name is a SQLite file.
func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// openStore opens the database of the settings.
func (s settings) openStore(ctx context.Context, o store.Options) (store.Store, error) {
	if isPostgres(s.Database) {
		dsn, err := s.dsn()
		if err != nil {
			return nil, fmt.Errorf("read the password of the database: %w", err)
		}
		return postgres.Open(ctx, dsn, s.postgresOptions(), o)
	}
	if err := os.MkdirAll(filepath.Dir(s.Database), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the database: %w", err)
	}
	return sqlite.Open(ctx, s.Database, o)
}

// postgresOptions are the limits of how PostgreSQL is used.
func (s settings) postgresOptions() postgres.Options {
	p := s.Postgres
	return postgres.Options{
		ReadConnections: p.ReadConnections, ConnectTimeout: p.ConnectTimeout, BatchTimeout: p.BatchTimeout,
		LockTimeout: p.LockTimeout, PollInterval: p.PollInterval, AwayPollInterval: p.AwayPollInterval,
	}
}
