package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/internal/load"
)

// timersPerSecond is how many timers keep a pace at most; a faster one sends several messages at each.
const timersPerSecond = 1000

func pairsCommand() *cobra.Command {
	var t target
	var p load.Pairs
	var rate float64
	c := &cobra.Command{
		Use:   "pairs",
		Short: "Let pairs of a customer and a professional talk",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rate > 0 {
				if p.Burst > 0 {
					return errors.New("--rate and --burst are two paces: give one of them")
				}
				p.Burst = max(1, int(rate/timersPerSecond))
				p.Every = time.Duration(float64(p.Burst) / rate * float64(time.Second))
			}
			p.Wire = t.wire
			return t.load(cmd, func(s *load.Server) (found, error) { return p.Run(cmd.Context(), s) })
		},
	}
	t.flags(c)
	f := c.Flags()
	f.IntVar(&p.Pairs, "pairs", 200, "how many pairs")
	f.DurationVar(&p.WarmUp, "warm-up", 2*time.Second, "how long they talk before it counts")
	f.DurationVar(&p.Duration, "duration", 5*time.Second, "how long it counts")
	f.Float64Var(&rate, "rate", 0, "messages a second of all pairs (default as fast as answers come)")
	f.IntVar(&p.Burst, "burst", 0, "messages at once, every --every (default as fast as answers come)")
	f.DurationVar(&p.Every, "every", 100*time.Millisecond, "time between bursts")
	f.IntVar(&p.Connections, "connections", 0, "connections that all share (default one for 100 streams, at least 2)")
	return c
}
