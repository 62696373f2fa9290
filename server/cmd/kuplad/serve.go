package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/conn"
	"github.com/kupla-chat/kupla/server/internal/store"
)

func serveCommand() *cobra.Command {
	var configPath string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the contract and the web client",
		Long: "Serve the contract and the web client: Connect, gRPC, gRPC-Web and pages on one port.\n\n" +
			"Apply a catalogue before the first resident comes: make an admin's token with \"kuplad token create\"\n" +
			"and call CatalogueService.ApplyCatalogue with it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l := readLayers(configPath, os.Environ(), cmd.Flags())
			l.check()
			if err := l.err(); err != nil {
				return err
			}
			s := l.settings
			return serve(cmd.Context(), s, stage{prepare: s.refuseDemonstration})
		},
	}
	c.Flags().StringVar(&configPath, "config", "", "configuration file (YAML)")
	addSettingFlags(c.Flags())
	return c
}

// readHeaderTimeout bounds how long a caller may take to say what it wants, against slow sockets.
const readHeaderTimeout = 10 * time.Second

// stage is what a server has beside an ordinary one. Each may be left out.
type stage struct {
	// prepare runs on the open store.
	prepare func(context.Context, store.Store) error
	// pages are served beside the web client.
	pages map[string]http.Handler
	// ready hears the address served on.
	ready func(net.Addr)
}

// serve runs the server until ctx ends.
func serve(ctx context.Context, s settings, with stage) (err error) {
	config := s.app()
	site, err := s.Web.site(with.pages)
	if err != nil {
		return &usageError{err}
	}
	log := s.Log.logger(os.Stderr)
	config.Log, config.Now = log, clock
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen; is another server running? %w", err)
	}
	defer func() { _ = listener.Close() }()
	stop, err := s.observe(ctx, &config)
	if err != nil {
		return err
	}
	defer stop()
	a, err := app.New(ctx, s.openStore, config, with.prepare)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()

	serving := s.http()
	if site != nil {
		serving.Pages = site
		if !site.Complete() {
			log.Warn("built without the web client: its pages say so; see \"make web\"")
		}
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := conn.NewServer(&http.Server{
		Handler:           a.RPC.Handler(serving),
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       2 * time.Minute,
		// Proxies multiplex many residents over one connection, and each follows a stream.
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 1000, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second,
			// None: of what a phone that follows costs, remembering the few headers of its answers was 2 KB, to save a
			// few hundred bytes of the next one.
			MaxEncoderHeaderTableSize: 1,
		},
		ErrorLog: slog.NewLogLogger(addressless{log.Handler()}, slog.LevelDebug),
	})
	done := make(chan error, 1)
	go func() {
		if s.TLSCertificate != "" {
			done <- server.ServeTLS(listener, s.TLSCertificate, s.TLSKey)
			return
		}
		done <- server.Serve(listener)
	}()
	log.Info("serving", "address", listener.Addr().String(), "version", version)
	if with.ready != nil {
		with.ready(listener.Addr())
	}
	select {
	case err := <-done:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping: not ready any more, streams are told to come back, running calls finish; once more ends it at once")
	stopping := context.WithoutCancel(ctx)
	a.Leave(stopping, s.Drain.Delay)
	// A connection ends with the last stream on it: whoever comes back makes another one, and gets to another server.
	server.SetKeepAlivesEnabled(false)
	a.Drain(stopping, s.Drain.Spread)
	finish, cancel := context.WithTimeout(stopping, s.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(finish); err != nil {
		log.Warn("some calls did not finish in time", "error", err)
		_ = server.Close()
	}
	return nil
}
