// Command kuplad is the Kupla server.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // bare containers have no time zones

	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version = "development"

func main() {
	collectLazily()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "kuplad:", err)
		if _, ok := errors.AsType[*usageError](err); ok {
			os.Exit(2) //nolint:gocritic // Nothing that stop would undo outlives the process.
		}
		os.Exit(1)
	}
}

// usageError is a command line that cannot be meant.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "kuplad",
		Short:         "The Kupla server: live chat for public health and social care",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(serveCommand(), demoCommand(), tokenCommand())
	return root
}
