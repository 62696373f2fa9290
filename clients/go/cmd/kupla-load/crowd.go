package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/internal/load"
)

func crowdCommand() *cobra.Command {
	var t target
	var crowd load.Crowd
	c := &cobra.Command{
		Use:   "crowd",
		Short: "Let many wait, with open streams, while one after the other is taken",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			crowd.Wire = t.wire
			return t.load(cmd, func(s *load.Server) (found, error) { return crowd.Run(cmd.Context(), s) })
		},
	}
	t.flags(c)
	f := c.Flags()
	f.IntVar(&crowd.Waiting, "waiting", 10_000, "how many wait")
	f.Float64Var(&crowd.TakenPerSecond, "taken", 20, "how many are taken a second, and replaced")
	f.DurationVar(&crowd.WarmUp, "warm-up", 5*time.Second, "how long they are taken before it counts")
	f.DurationVar(&crowd.Duration, "duration", 20*time.Second, "how long it counts")
	f.IntVar(&crowd.PerConnection, "per-connection", 100, "how many share a connection")
	return c
}
