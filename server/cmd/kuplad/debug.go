package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
)

// serveDebug serves what tells how the running server does: metrics under /metrics, for Prometheus, and profiles under
// /debug/pprof/, in the form that `go tool pprof` reads. They tell how the server is built and how busy the service is,
// and taking a profile costs it time, so they have a port of their own that is never reachable from outside this
// machine. stop ends it.
func serveDebug(ctx context.Context, listen string, metrics http.Handler, log *slog.Logger) (stop func(), err error) {
	if err := onlyLoopback(listen); err != nil {
		return nil, &usageError{fmt.Errorf("debug_listen: %w", err)}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for debugging: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics)
	mux.HandleFunc("/debug/pprof/", pprof.Index) // and the profiles that it lists, by name
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("debugging ended", "error", err)
		}
	}()
	log.Info("serving metrics and profiles", "address", listener.Addr().String())
	return func() { _ = server.Close() }, nil
}
