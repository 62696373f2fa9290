// Command torture holds a real server to its promises while everything around it breaks, and reports what it found.
// It ends with 1 when it found anything. `make torture` builds what it needs and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/kuplad"
	"github.com/kupla-chat/kupla/server/e2e/torture"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	found, err := run(ctx)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(2) //nolint:gocritic // Nothing that stop would undo outlives the process.
	case found:
		os.Exit(1)
	}
}

func run(ctx context.Context) (found bool, err error) {
	c := torture.Config{Progress: os.Stderr}
	flag.DurationVar(&c.Duration, "duration", 8*time.Minute, "for how long there are faults, at least")
	flag.IntVar(&c.Messages, "messages", 100_000, "how many messages are to be acknowledged, at least")
	flag.DurationVar(&c.Steady, "steady", time.Minute, "for how long the server is watched under an even load afterwards")
	flag.IntVar(&c.Customers, "customers", 70, "how many conversations are open at a time")
	flag.IntVar(&c.Professionals, "professionals", 8, "how many professionals answer")
	flag.DurationVar(&c.FaultEvery, "fault-every", 4*time.Second, "how long to wait between two faults of the server, about")
	flag.Int64Var(&c.Disk, "disk", 1<<30, "how large the server's disk is, in bytes")
	flag.Uint64Var(&c.Seed, "seed", 0, "the seed of a run to repeat; 0 takes another one each time")
	database := flag.String("database", "sqlite", "sqlite is one server with a file; postgres two servers that share a PostgreSQL")
	scenarios := flag.Bool("scenarios", false,
		"with postgres: one kind of fault after the other, each for so long and so many messages, and then races")
	report := flag.String("report", "bench/torture.json", "where the report is written as JSON")
	folder := flag.String("folder", "", "where everything is kept that a run leaves; empty is a folder of its own")
	flag.Parse()
	if *database != "sqlite" && *database != "postgres" || *scenarios && *database != "postgres" {
		return false, errors.New("the database is sqlite or postgres, and scenarios are for postgres alone")
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64() //nolint:gosec // It is printed.
	}
	fmt.Fprintf(os.Stderr, "seed %d\n", c.Seed)
	if c.Folder = *folder; c.Folder == "" {
		if c.Folder, err = os.MkdirTemp("", "kupla-torture"); err != nil {
			return false, err
		}
	}
	c.Programs = filepath.Join(c.Folder, "bin")
	if err := os.MkdirAll(c.Programs, 0o700); err != nil {
		return false, err
	}
	if err := kuplad.Build(ctx, c.Programs, []string{"-tags", "torture"}, "github.com/kupla-chat/kupla/server/cmd/kuplad"); err != nil {
		return false, err
	}
	result, err := runAs(ctx, c, *database, *scenarios)
	if err != nil {
		return false, fmt.Errorf("%w\nwhat is left of it is in %s", err, c.Folder)
	}
	result.Print(os.Stdout)
	if err := result.WriteFile(*report); err != nil {
		return false, err
	}
	fmt.Printf("\nreport: %s\n", *report)
	if result.Found() > 0 {
		fmt.Printf("the servers' logs, a SQLite database and the histories are kept in %s\n", c.Folder)
		return true, nil
	}
	if *folder == "" {
		return false, os.RemoveAll(c.Folder)
	}
	return false, nil
}

// result is what a run reports.
type result interface {
	Print(w io.Writer)
	WriteFile(path string) error
	Found() int
}

// sizes are how much is done beside the scenarios.
var sizes = torture.Sizes{Rounds: 1000, Lines: 50, Messages: 1000, Keep: time.Minute}

// runAs makes one run, or all that there are of clusters.
func runAs(ctx context.Context, c torture.Config, database string, scenarios bool) (result, error) {
	if scenarios {
		return torture.RunScenarios(ctx, c, sizes)
	}
	if database == "postgres" {
		all := torture.Scenarios()
		c.Cluster = &all[len(all)-1]
	}
	return torture.Run(ctx, c)
}
