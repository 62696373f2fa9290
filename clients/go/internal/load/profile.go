package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// profile takes a CPU profile of the server for a while, and a heap profile after it, when ProfileTo is set. done waits
// for both.
func (s *Server) profile(ctx context.Context, d time.Duration) (done func() error) {
	if s.ProfileTo == "" {
		return func() error { return nil }
	}
	result := make(chan error, 1)
	go func() {
		result <- errors.Join(
			s.saveProfile(ctx, "cpu", fmt.Sprintf("profile?seconds=%d", max(1, int(math.Round(d.Seconds()))))),
			s.saveProfile(ctx, "heap", "heap?gc=1"),
		)
	}()
	return func() error { return <-result }
}

func (s *Server) saveProfile(ctx context.Context, name, profile string) error {
	body, err := s.debug(ctx, profile)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.ProfileTo), 0o750); err != nil {
		return err
	}
	return os.WriteFile(s.ProfileTo+"-"+s.Name+"-"+name+".pprof", data, 0o600)
}
