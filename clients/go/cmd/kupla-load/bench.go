package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/internal/load"
)

func benchCommand() *cobra.Command {
	var b load.Bench
	var out, document, dsn string
	var check bool
	c := &cobra.Command{
		Use:   "bench",
		Short: "Run all loads in rounds, on kuplad and on the bare relay in turn, and compare",
		Long: "Run all loads in rounds, on kuplad and on the bare relay in turn, print a table and write it to a file.\n" +
			"A ratio is the median of its rounds. GOGC, GOMEMLIMIT and GOMAXPROCS of the environment reach the servers.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			b.Progress = cmd.ErrOrStderr()
			if dsn != "" {
				if b.Postgres, err = load.ConnectPostgres(cmd.Context(), dsn); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, b.Postgres.Close()) }()
			}
			report, err := b.Run(cmd.Context())
			if err != nil {
				return err
			}
			if err := report.Print(cmd.OutOrStdout()); err != nil {
				return err
			}
			if out != "" {
				if err := report.Write(out); err != nil {
					return err
				}
			}
			if document != "" {
				if err := report.WriteInto(document); err != nil {
					return err
				}
			}
			if missed := report.Missed(); check && len(missed) > 0 {
				return fmt.Errorf("not reached: %s", strings.Join(missed, "; "))
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&b.Kuplad, "kuplad", "bin/kuplad", "the program to measure")
	f.StringVar(&dsn, "postgres", "", "address of a PostgreSQL server on this machine, for rows about it (default no such rows)")
	f.StringVar(&b.Stored, "stored", "", "name of a database there in which much is stored, for the rows about that")
	f.StringVar(&b.GoBench, "go-bench", "", "file of what Go benchmarks printed that rows come from")
	f.StringVar(&b.Revision, "revision", "", "the commit that it was built from (default what is written in it)")
	f.StringSliceVar(&b.Rows, "rows", nil, "the loads to run: some of "+strings.Join(load.WorkNames(), ", ")+" (default all)")
	f.IntVar(&b.Rounds, "rounds", 5, "rounds of a ratio")
	f.BoolVar(&b.Short, "short", false, "make everything small and quick, to see that it works")
	f.StringVar(&b.ProfileDir, "profile", "", "folder for profiles of kuplad under each load, from a round that does not count")
	f.StringVar(&out, "out", "", "file to write everything to, as JSON")
	f.StringVar(&document, "document", "", "Markdown file whose figures to write anew")
	f.BoolVar(&check, "check", false, "fail when something that must be reached is not")
	return c
}
