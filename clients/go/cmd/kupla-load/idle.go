package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/internal/load"
)

func idleCommand() *cobra.Command {
	var t target
	var idle load.Idle
	c := &cobra.Command{
		Use:   "idle",
		Short: "Let customers follow conversations in which nothing is said, and measure the server's memory",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			idle.Wire = t.wire
			return t.load(cmd, func(s *load.Server) (found, error) { return idle.Run(cmd.Context(), s) })
		},
	}
	t.flags(c)
	f := c.Flags()
	f.IntVar(&idle.Followers, "followers", 5000, "how many follow")
	f.IntVar(&idle.PerConnection, "per-connection", 100, "how many share a connection")
	f.DurationVar(&idle.Settle, "settle", 3*time.Second, "how long nothing happens before memory is measured")
	return c
}
