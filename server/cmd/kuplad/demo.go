package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/demo/county"
	"github.com/kupla-chat/kupla/server/internal/store"
)

func demoCommand() *cobra.Command {
	var data, listen, configPath string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Serve a demonstration with eight queues and made-up staff",
		Long: "Serve a demonstration: an embedded database, the eight queues of a wellbeing services county, and\n" +
			"made-up staff whose tokens are printed. Only for trying out: never serve the public with it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSettings(configPath)
			if err != nil {
				return &usageError{err}
			}
			s.Listen = listen
			s.Database = filepath.Join(data, "kupla.db")
			s.Reflection = true
			if err := onlyLoopback(listen); err != nil {
				return &usageError{fmt.Errorf("--listen: the demonstration: %w", err)}
			}
			if len(s.TrustedProxies) > 0 {
				return &usageError{errors.New("trusted_proxies: the demonstration has no proxy before it: everybody who comes " +
					"through it could use its tokens; leave the key out")}
			}
			if len(s.AllowedOrigins) == 0 {
				s.AllowedOrigins = []string{"*"}
			}
			s.Drain = drainSettings{} // There is no other server to go to.
			// Everybody who tries it comes from this machine.
			s.Exception = append(s.Exception,
				exceptionSetting{Prefix: netip.MustParsePrefix("127.0.0.0/8"), Factor: demoFactor},
				exceptionSetting{Prefix: netip.MustParsePrefix("::1/128"), Factor: demoFactor})
			if len(s.Web.FrameAncestors) == 0 {
				// A web developer's own page, served from another port of this machine.
				s.Web.FrameAncestors = []string{"http://localhost:*", "http://127.0.0.1:*"}
			}
			var people []demo.StaffCredential
			return serve(cmd.Context(), s, stage{
				prepare: func(ctx context.Context, st store.Store) (err error) {
					people, err = demo.Setup(ctx, st, time.Now())
					return err
				},
				pages: county.Pages(),
				ready: func(addr net.Addr) { welcome(cmd.OutOrStdout(), addr, people) },
			})
		},
	}
	c.Flags().StringVar(&data, "data", "data", "folder of the database")
	c.Flags().StringVar(&listen, "listen", "localhost:8080", "address to serve on; this machine's own only")
	c.Flags().StringVar(&configPath, "config", "", "configuration file (YAML)")
	return c
}

// demoFactor multiplies the limits of this machine's own address.
const demoFactor = 100

// onlyLoopback refuses to show to a network what is for this machine: the demonstration, whose tokens are for
// everybody, and profiles.
func onlyLoopback(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	if host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("served on this machine only, such as localhost:8080, and not on %q", host)
	}
	return nil
}

// welcome prints what a newcomer needs: the address, and the tokens ready to paste.
func welcome(w io.Writer, addr net.Addr, people []demo.StaffCredential) {
	url := "http://" + addr.String()
	fmt.Fprintf(w, "\nKupla's demonstration is at %s: open it in a browser, and chat from the page of a county that does\n"+
		"not exist. Everybody in it is made up.\n\nStaff, with their tokens for today:\n", url)
	for _, p := range people {
		fmt.Fprintf(w, "  %s\n    export KUPLA_TOKEN=%s\n", describe(p.Staff), p.Token.Reveal())
	}
	fmt.Fprintf(w, "\nOr try it in two more terminals:\n")
	fmt.Fprintf(w, "  go run ./clients/go/cmd/kupla chat emergency-help --server %s\n", url)
	fmt.Fprintf(w, "  go run ./clients/go/cmd/kupla desk --server %s      (after one of the exports above)\n\n", url)
}

// describe tells who somebody is, in a line.
func describe(s store.Staff) string {
	var roles []string
	for _, r := range s.Roles {
		roles = append(roles, string(r))
	}
	text := s.DisplayName + ": " + strings.Join(roles, ", ")
	if slices.Contains(s.Roles, store.RoleProfessional) {
		text += " of " + strings.Join(s.QueueIDs, ", ") + " in " + strings.Join(s.Languages, ", ")
	}
	return text
}
