package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

func serveCommand() *cobra.Command {
	var configPath, listen, database, debugListen, themes string
	var frameAncestors []string
	var webClient bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the contract and the web client",
		Long: "Serve the contract and the web client: Connect, gRPC, gRPC-Web and pages on one port.\n\n" +
			"Apply a catalogue before the first resident comes: make an admin's token with \"kuplad token create\"\n" +
			"and call CatalogueService.ApplyCatalogue with it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSettings(configPath)
			if err != nil {
				return &usageError{err}
			}
			if listen != "" {
				s.Listen = listen
			}
			if database != "" {
				s.Database = database
			}
			if debugListen != "" {
				s.DebugListen = debugListen
			}
			if cmd.Flags().Changed("web") {
				s.Web.Enabled = &webClient
			}
			if len(frameAncestors) > 0 {
				s.Web.FrameAncestors = frameAncestors
			}
			if themes != "" {
				s.Web.Themes = themes
			}
			return serve(cmd.Context(), s, stage{})
		},
	}
	c.Flags().StringVar(&configPath, "config", "", "configuration file (YAML)")
	c.Flags().StringVar(&listen, "listen", "", "address to serve on (default 127.0.0.1:8080)")
	c.Flags().StringVar(&database, "database", "", "SQLite file (default data/kupla.db)")
	c.Flags().StringVar(&debugListen, "debug-listen", "", "address to serve profiles on, this machine's own only (default none)")
	c.Flags().BoolVar(&webClient, "web", true, "serve the web client: /kupla-chat.js and /chat/")
	c.Flags().StringArrayVar(&frameAncestors, "frame-ancestor", nil,
		"origin of pages that may have the chat on them, such as https://www.example.fi; may be given many times (default our own only)")
	c.Flags().StringVar(&themes, "themes", "", "folder of themes of your own (default none)")
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
	config, err := s.app()
	if err != nil {
		return &usageError{err}
	}
	site, err := s.Web.site(with.pages)
	if err != nil {
		return &usageError{err}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	config.Log, config.Now = log, clock
	if err := os.MkdirAll(filepath.Dir(s.Database), 0o700); err != nil {
		return fmt.Errorf("make the folder of the database: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen; is another server running? %w", err)
	}
	defer func() { _ = listener.Close() }()
	if s.DebugListen != "" {
		stop, err := serveDebug(ctx, s.DebugListen, log)
		if err != nil {
			return err
		}
		defer stop()
	}
	a, err := app.New(ctx, func(ctx context.Context, o store.Options) (store.Store, error) {
		return sqlite.Open(ctx, s.Database, o)
	}, config, with.prepare)
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
	server := &http.Server{
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
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
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
	log.Info("stopping: streams are told to come back, running calls finish")
	a.Drain()
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(finish); err != nil {
		log.Warn("some calls did not finish in time", "error", err)
		_ = server.Close()
	}
	return nil
}
