package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kupla-chat/kupla/server/internal/store/postgres"
)

func migrateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Make the schema of a PostgreSQL database, or bring it up to date",
		Long: "Make the schema of a PostgreSQL database, or bring it up to date. A server refuses a database whose schema is\n" +
			"not its own version's. Run it before the first server of a new version: servers of the version before go on\n" +
			"meanwhile. Run again, it changes nothing. The schema of a SQLite file is brought up to date by the server.",
		Example: "  kuplad migrate --database postgres://kupla@db.example.fi/kupla?sslmode=verify-full",
		Args:    cobra.NoArgs,
	}
	read := databaseFlags(c.Flags())
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := read()
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if !isPostgres(s.Database) {
			fmt.Fprintf(out, "%s is a SQLite file: the server brings its schema up to date when it starts. Nothing was done.\n",
				s.Database)
			return nil
		}
		dsn, err := s.dsn()
		if err != nil {
			return fmt.Errorf("read the password of the database: %w", err)
		}
		from, to, err := postgres.Migrate(cmd.Context(), dsn)
		switch {
		case err != nil:
			return err
		case from == to:
			fmt.Fprintf(out, "The database has schema %d, which is this version's. Nothing was done.\n", to)
		case from == 0:
			fmt.Fprintf(out, "The database was empty; now it has schema %d.\n", to)
		default:
			fmt.Fprintf(out, "The database had schema %d; now it has schema %d.\n", from, to)
		}
		return nil
	}
	return c
}

// databaseFlags gives a command the flags that say which database is meant, and returns how to read the settings with
// them. Only what concerns the database is checked.
func databaseFlags(flags *pflag.FlagSet) func() (settings, error) {
	path := flags.String("config", "", "configuration file (YAML)")
	flags.String("database", "", "SQLite file, or address of a PostgreSQL database (default "+defaultSettings().Database+")")
	return func() (settings, error) {
		l := readLayers(*path, os.Environ(), flags)
		l.checkDatabase()
		return l.settings, l.err()
	}
}
