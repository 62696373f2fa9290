// Command pgcluster runs another program beside a PostgreSQL of its own, which ends with it:
//
//	pgcluster bin/kupla-load bench --postgres {dsn}
//
// In the program's arguments {dsn} is the address of the cluster's maintenance database, as its superuser; and with
// -closed, {stored} that of a database in which so many closed conversations are stored.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// settings make the cluster as large as one that a county would start with: a checkpoint is not what is measured.
var settings = map[string]string{
	// Tells what each statement reads.
	"shared_preload_libraries": "pg_stat_statements",

	"shared_buffers":       "1GB",
	"max_wal_size":         "8GB",
	"maintenance_work_mem": "256MB",
}

const (
	maintenance = "postgres"
	stored      = "stored"
)

func main() {
	closed := flag.Int("closed", 0, "how many closed conversations {stored} has; 0 is no such database")
	events := flag.Int("events", 10, "how many events each of them has, at least 4")
	flag.Func("set", "a setting of PostgreSQL beside those that it has, as shared_buffers=4GB; may be given again", func(v string) error {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			return errors.New("write it as name=value")
		}
		settings[name] = value
		return nil
	})
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *closed, *events, flag.Args())
	stop()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		os.Exit(max(1, ended.ExitCode())) // It has said why.
	case err != nil:
		fmt.Fprintln(os.Stderr, "pgcluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, closed, events int, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("name the program to run beside PostgreSQL, and its arguments")
	}
	cluster, err := pgtest.Start(ctx, pgtest.Options{Settings: settings})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	replaced := []string{"{dsn}", cluster.DSN(maintenance)}
	if closed > 0 {
		dsn, err := cluster.Database(ctx, stored)
		if err != nil {
			return err
		}
		// Nothing is tidied up while it is filled: fill does so once, in the end.
		if err := cluster.Set(ctx, map[string]string{"autovacuum": "off"}); err != nil {
			return err
		}
		if err := fill(ctx, dsn, closed, events, os.Stderr); err != nil {
			return fmt.Errorf("store closed conversations: %w", err)
		}
		if err := cluster.Set(ctx, map[string]string{"autovacuum": ""}); err != nil {
			return err
		}
		replaced = append(replaced, "{stored}", dsn)
	}
	names := strings.NewReplacer(replaced...)
	for i := range args {
		args[i] = names.Replace(args[i])
	}
	// An interrupt at the terminal reaches it, too; it may finish.
	command := exec.Command(args[0], args[1:]...) //nolint:noctx,gosec // As above. The caller chooses the program.
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	return command.Run()
}
