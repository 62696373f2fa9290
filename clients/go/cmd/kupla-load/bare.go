package main

import (
	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/internal/load"
)

func bareCommand() *cobra.Command {
	var config load.Bare
	c := &cobra.Command{
		Use:   "bare",
		Short: "Serve the bare relay: messages go straight to the other party, and nothing is stored",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return load.ServeBare(cmd.Context(), config)
		},
	}
	c.Flags().StringVar(&config.Listen, "listen", "127.0.0.1:8090", "address to serve on")
	c.Flags().StringVar(&config.DebugListen, "debug-listen", "", "address to serve profiles on (default none)")
	c.Flags().BoolVar(&config.Echo, "echo", false, "send each message to its sender's stream too, as Kupla does")
	return c
}
