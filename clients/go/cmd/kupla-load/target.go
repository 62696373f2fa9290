package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/internal/load"
)

// target is the server that a command loads, and how it tells what it found.
type target struct {
	kuplad     string
	bare, echo bool
	postgres   string
	servers    int
	settings   string // more of kuplad's configuration
	wire       load.Wire
	profile    string
	output     string
}

// flags adds the flags that all loads have.
func (t *target) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&t.kuplad, "kuplad", "bin/kuplad", "the program to start and load")
	f.BoolVar(&t.bare, "bare", false, "load the bare relay instead")
	f.BoolVar(&t.echo, "echo", false, "with --bare: each message goes to its sender's stream too, as with Kupla")
	f.StringVar(&t.postgres, "postgres", "", "address of a PostgreSQL server on this machine to store in (default a SQLite file)")
	f.IntVar(&t.servers, "servers", 1, "with --postgres: how many servers serve the same database")
	f.StringVar(&t.wire.Protocol, "protocol", "connect", "connect, grpc or grpcweb")
	f.StringVar(&t.wire.Codec, "codec", "binary", "binary or json")
	f.StringVar(&t.profile, "profile", "", "write profiles of the server while it counts to files that begin so")
	f.StringVar(&t.output, "output", "table", "table or json")
}

// load starts the server, has it loaded, tells what was found, and stops it.
func (t *target) load(cmd *cobra.Command, run func(*load.Server) (found, error)) (err error) {
	if t.output != "table" && t.output != "json" {
		return fmt.Errorf("--output: there is no %q: give table or json", t.output)
	}
	kupla := load.Kupla{Program: t.kuplad, Settings: t.settings, Servers: t.servers}
	var s *load.Server
	switch {
	case t.bare && t.postgres != "":
		return errors.New("--bare stores nothing, and needs no --postgres")
	case t.postgres == "" && t.servers != 1:
		return errors.New("--servers needs --postgres: a SQLite file has one server")
	case t.bare:
		s, err = load.StartBare(cmd.Context(), t.echo)
	case t.postgres != "":
		if kupla.Postgres, err = load.ConnectPostgres(cmd.Context(), t.postgres); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, kupla.Postgres.Close()) }()
		fallthrough
	default:
		s, err = kupla.Start(cmd.Context())
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	s.ProfileTo = t.profile
	result, err := run(s)
	if err != nil {
		return err
	}
	if t.output == "json" {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(result)
	}
	result.Print(cmd.OutOrStdout())
	return nil
}

// found is what a load found.
type found interface{ Print(w io.Writer) }
