package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/internal/load"
)

func longCommand() *cobra.Command {
	var t target
	var long load.Long
	var rounds int
	c := &cobra.Command{
		Use:   "long",
		Short: "Compare a message and a resume in a long conversation with the same in short ones",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			long.Wire = t.wire
			return t.load(cmd, func(s *load.Server) (results found, err error) {
				if err := long.Fill(cmd.Context(), s); err != nil {
					return nil, err
				}
				defer func() { err = errors.Join(err, long.Close()) }()
				var all longResults
				for range rounds {
					r, err := long.Round(cmd.Context())
					if err != nil {
						return nil, err
					}
					all = append(all, r)
				}
				return all, nil
			})
		},
	}
	t.flags(c)
	f := c.Flags()
	f.IntVar(&long.Events, "events", 100_000, "how many events the long log has")
	f.IntVar(&long.Sends, "sends", 2000, "how many messages are measured in each")
	f.IntVar(&long.Resumes, "resumes", 2000, "how many resumes are measured in each")
	f.IntVar(&rounds, "rounds", 5, "how often both are measured")
	return c
}

// longResults are those of several rounds.
type longResults []load.LongResult

func (l longResults) Print(w io.Writer) {
	for _, r := range l {
		r.Print(w)
	}
}
