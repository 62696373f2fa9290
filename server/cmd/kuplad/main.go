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
	ctx, stop := stoppedBySignals()
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "kuplad:", err)
		if _, ok := errors.AsType[*usageError](err); ok {
			os.Exit(2) //nolint:gocritic // Nothing that stop would undo outlives the process.
		}
		os.Exit(1)
	}
}

// stoppedBySignals is a context that ends when the process is asked to stop. Asked a second time, the process ends at
// once: whoever does that does not want to wait for what the first began.
func stoppedBySignals() (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(context.Background())
	asked := make(chan os.Signal, 2)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-asked
		stop()
		<-asked
		fmt.Fprintln(os.Stderr, "kuplad: asked a second time, so it ends without finishing what it was at")
		os.Exit(1)
	}()
	return ctx, stop
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
	root.AddCommand(serveCommand(), demoCommand(), migrateCommand(), tokenCommand(), configCommand(), healthCommand())
	return root
}
