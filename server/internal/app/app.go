// Package app puts the rooms of the server together: store, hub, board, handlers and worker.
//
// It is what kuplad runs, and what tests run in its place, so that both have the same wiring.
package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/worker"
)

// Config is what the server goes by. Zero values take the defaults of the rooms.
type Config struct {
	RPC    rpc.Config
	Board  board.Config
	Worker worker.Config
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
	// Log is where the server logs. Nil discards.
	Log *slog.Logger
}

// Open opens a store. It hands on the options it is given.
type Open func(ctx context.Context, options store.Options) (store.Store, error)

// App is a running server, but for its port.
type App struct {
	Store     store.Store
	Catalogue *catalogue.Holder
	Hub       *hub.Hub
	Board     *board.Board
	RPC       *rpc.Server

	stop    context.CancelFunc
	workers sync.WaitGroup
}

// New opens the store and puts the server together. prepare, when given, runs on the open store before
// anything is read of it: the demonstration's catalogue and people. Close ends what New began.
func New(ctx context.Context, open Open, config Config, prepare func(context.Context, store.Store) error) (*App, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	a := &App{Hub: hub.New()}
	// The store speaks of commits from its first one on, which is before there is a board to hear of them.
	var committed atomic.Pointer[func([]store.Committed)]
	var err error
	a.Store, err = open(ctx, store.Options{
		Now: config.Now,
		Committed: func(batch []store.Committed) {
			if f := committed.Load(); f != nil {
				(*f)(batch)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	if err := a.begin(ctx, config, prepare, func(f func([]store.Committed)) { committed.Store(&f) }); err != nil {
		_ = a.Store.Close()
		return nil, err
	}
	return a, nil
}

func (a *App) begin(
	ctx context.Context, config Config, prepare func(context.Context, store.Store) error,
	hear func(func([]store.Committed)),
) error {
	if prepare != nil {
		if err := prepare(ctx, a.Store); err != nil {
			return err
		}
	}
	a.Catalogue = catalogue.NewHolder(a.Store)
	if err := a.Catalogue.Load(ctx); err != nil {
		return fmt.Errorf("read catalogue: %w", err)
	}
	a.Board = board.New(a.Hub, a.Catalogue, config.Now, config.Board)
	hear(func(batch []store.Committed) {
		for _, c := range batch {
			if c.Catalogue != nil {
				if err := a.Catalogue.Use(*c.Catalogue); err != nil {
					config.Log.Error("the catalogue that was applied cannot be used", "error", err)
				}
			}
		}
		a.Board.Committed(batch)
	})
	if err := a.Board.Load(ctx, a.Store); err != nil {
		return err
	}
	var err error
	a.RPC, err = rpc.New(ctx, rpc.Deps{
		Store: a.Store, Board: a.Board, Hub: a.Hub, Catalogue: a.Catalogue, Now: config.Now, Log: config.Log,
	}, config.RPC)
	if err != nil {
		return err
	}
	config.Worker.Quiet = a.RPC.Quiet()
	config.Worker.OnTidy = a.RPC.Tidy
	config.Worker.Daily = a.RPC.ForgetFeedbackKeys
	w := worker.New(a.Store, a.Board, a.Hub, config.Now, config.Log, config.Worker)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	a.workers.Go(func() { w.Run(running) })
	return nil
}

// Drain ends every stream with a go_away that says to come back.
func (a *App) Drain() { a.Hub.Shutdown() }

// Close ends the worker and closes the store. Calls and streams must have ended.
func (a *App) Close() error {
	a.stop()
	a.workers.Wait()
	return a.Store.Close()
}
