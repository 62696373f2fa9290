// Command kupla-load puts load on a Kupla server and measures it. See "kupla-load --help".
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := rootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kupla-load:", err)
		os.Exit(1)
	}
}

// collectLater is the load generator's own GOGC: its garbage is short-lived and the machine's memory is large, while
// its CPU time is taken from the server beside it.
const collectLater = 400

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "kupla-load",
		Short: "Put load on a Kupla server and measure it",
		Long: "Put load on a Kupla server through its contract, and measure it. Each command starts the server that it\n" +
			"loads: kuplad on an empty SQLite database, or one of PostgreSQL with --postgres, or with --bare a relay that\n" +
			"stores nothing, to compare with. All are measured in /proc, which needs Linux.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		if cmd.Name() != "bare" && os.Getenv("GOGC") == "" {
			debug.SetGCPercent(collectLater)
		}
	}
	root.AddCommand(bareCommand(), pairsCommand(), crowdCommand(), idleCommand(), longCommand(), overloadCommand(), benchCommand())
	return root
}
