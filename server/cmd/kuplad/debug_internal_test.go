package main

import (
	"errors"
	"log/slog"
	"net/http"
	"testing"
)

// Metrics and profiles are served to this machine only, whatever the configuration says.
func TestDebuggingIsServedToThisMachineOnly(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, listen := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "6060"} {
		_, err := serveDebug(t.Context(), listen, http.NotFoundHandler(), log)
		if _, ok := errors.AsType[*usageError](err); !ok {
			t.Errorf("%s: %v, want a refusal", listen, err)
		}
	}
	stop, err := serveDebug(t.Context(), "127.0.0.1:0", http.NotFoundHandler(), log)
	if err != nil {
		t.Fatal(err)
	}
	stop()
}
