package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// profile takes a CPU profile of the server and those beside it for a while, and a heap profile after it, when ProfileTo
// is set. done waits for all.
func (s *Server) profile(ctx context.Context, d time.Duration) (done func() error) {
	if s.ProfileTo == "" {
		return func() error { return nil }
	}
	result := make(chan error, 1)
	go func() {
		cpu := fmt.Sprintf("profile?seconds=%d", max(1, int(math.Round(d.Seconds()))))
		servers := append([]*Server{s}, s.others...)
		errs := make([]error, len(servers))
		var saving sync.WaitGroup
		for i, one := range servers {
			saving.Go(func() {
				errs[i] = errors.Join(one.saveProfile(ctx, s.ProfileTo, "cpu", cpu), one.saveProfile(ctx, s.ProfileTo, "heap", "heap?gc=1"))
			})
		}
		saving.Wait()
		result <- errors.Join(errs...)
	}()
	return func() error { return <-result }
}

func (s *Server) saveProfile(ctx context.Context, to, name, profile string) error {
	body, err := s.debug(ctx, profile)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	return os.WriteFile(to+"-"+s.Name+"-"+name+".pprof", data, 0o600)
}
