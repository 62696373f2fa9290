package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/server/internal/store"
)

// errInterrupted is what everything fails with while the database is away.
var errInterrupted = fmt.Errorf("%w: the database cannot be reached", store.ErrUnavailable)

// The pauses between attempts to reach a database that is away.
const (
	firstPause = 100 * time.Millisecond
	mostPause  = time.Second
)

// link knows whether the database can be used. It makes the connections that write.
type link struct {
	config *pgx.ConnConfig
	// patience is how long a write may take by which it is found out whether the database can be written.
	patience time.Duration
	// restored runs when the database can be written again, before anybody is told: it takes in what was missed.
	restored func(context.Context) error
	// interrupted hears of the beginning and the end of an interruption.
	interrupted func(bool)

	down atomic.Bool
	// lives counts the interruptions that are over. A connection from before one is not to be used: its server may be
	// gone without a word, or be the primary no more.
	lives atomic.Int64
	mu    sync.Mutex
	// spare is the connection that the end of the interruption was found with.
	spare *pgx.Conn

	probing sync.Mutex

	ctx    context.Context //nolint:containedctx // The life of the store, which no call is part of.
	stop   context.CancelFunc
	probes sync.WaitGroup
}

func newLink(config *pgx.ConnConfig, patience time.Duration) *link {
	l := &link{config: config, patience: patience}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

// connect makes a connection that writes. When that cannot be done, the interruption begins.
func (l *link) connect() (*pgx.Conn, error) {
	l.mu.Lock()
	spare := l.spare
	l.spare = nil
	l.mu.Unlock()
	if spare != nil && !spare.IsClosed() {
		return spare, nil
	}
	if l.down.Load() {
		return nil, errInterrupted
	}
	conn, err := l.dial(l.ctx)
	if err != nil {
		l.lost()
		return nil, err
	}
	return conn, nil
}

func (l *link) dial(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return nil, unreachable(err)
	}
	return conn, nil
}

// unreachable is the error of a connection that could not be made. pgx tells the host and the user, and no password.
func unreachable(err error) error { return fmt.Errorf("%w: %w", store.ErrUnavailable, err) }

// lost tells that the database could not be reached. It looks until it can be again.
func (l *link) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil || !l.down.CompareAndSwap(false, true) {
		return
	}
	l.probes.Go(l.probe)
}

// probe waits until the database can be used. What is mended by the first new connection is no interruption.
func (l *link) probe() {
	// One after the other, or the end of one could be told after the beginning of the next.
	l.probing.Lock()
	defer l.probing.Unlock()
	told := false
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		if l.attempt() == nil {
			if told {
				l.interrupted(false)
			}
			return
		}
		if !told && l.ctx.Err() == nil {
			told = true
			l.interrupted(true)
		}
		select {
		case <-l.ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// attempt makes a connection, writes over it, and takes in what was missed. A primary whose synchronous standby is gone
// can be reached, but no commit ends.
func (l *link) attempt() error {
	conn, err := l.dial(l.ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.patience)
	defer cancel()
	if _, err = conn.Exec(ctx, updateHealth.text, time.Now().UnixMicro()); err == nil {
		err = l.restored(l.ctx)
	}
	if err != nil {
		_ = conn.Close(ctx)
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spare != nil {
		_ = l.spare.Close(ctx) // nobody took it
	}
	l.spare = conn
	l.lives.Add(1)
	l.down.Store(false)
	return nil
}

// close ends the looking.
func (l *link) close() error {
	l.mu.Lock()
	l.stop() // under the lock: nobody begins to look after it
	l.mu.Unlock()
	l.probes.Wait()
	spare := l.spare
	l.spare = nil
	if spare == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return spare.Close(ctx)
}
