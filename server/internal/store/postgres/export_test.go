package postgres

import (
	"context"
	"errors"

	"github.com/kupla-chat/kupla/server/internal/store"
)

// LoseCommits makes the next n commits fail, after they were applied or instead.
func (s *Store) LoseCommits(n int, applied bool) {
	// The committer reads it between two batches; the suite calls this when none runs.
	_ = s.committer.Do(context.Background(), func(context.Context) ([]store.Committed, error) {
		s.engine.commitHook = func(commit func() error) error {
			if n == 0 {
				return commit()
			}
			n--
			if applied {
				if err := commit(); err != nil {
					return err
				}
			}
			return errors.New("the answer was lost")
		}
		return nil, nil
	})
}

// Waiting counts the changes that were accepted and not answered yet.
func (s *Store) Waiting() int { return s.committer.Waiting() }

// Deafen drops whatever other servers notify of, or no longer does.
func (s *Store) Deafen(deaf bool) { s.listener.deaf.Store(deaf) }

// Listens reports whether the listening connection is there.
func (s *Store) Listens() bool { return s.listener.listens.Load() }
