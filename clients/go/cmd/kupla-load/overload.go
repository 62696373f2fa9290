package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/internal/load"
)

func overloadCommand() *cobra.Command {
	var t target
	var o load.Overload
	c := &cobra.Command{
		Use:   "overload",
		Short: "Offer many times the messages that the server is set to admit",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if t.bare {
				return errors.New("--bare admits everything: leave it out")
			}
			o.Wire = t.wire
			t.settings = o.Settings()
			return t.load(cmd, func(s *load.Server) (found, error) { return o.Run(cmd.Context(), s) })
		},
	}
	t.flags(c)
	f := c.Flags()
	f.Float64Var(&o.Admit, "admit", 1000, "calls a second that the server is set to admit")
	f.Float64Var(&o.Rate, "rate", 10_000, "messages a second that residents offer")
	f.Float64Var(&o.StaffRate, "staff-rate", 20, "messages a second that professionals send")
	f.IntVar(&o.Conversations, "conversations", 100, "how many conversations, each followed by both sides")
	f.IntVar(&o.Outstanding, "outstanding", 1000, "messages under way at most; what is due beyond is not sent, and told")
	f.DurationVar(&o.WarmUp, "warm-up", 2*time.Second, "how long it lasts before it counts")
	f.DurationVar(&o.Duration, "duration", time.Minute, "how long it counts")
	return c
}
