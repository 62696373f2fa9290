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

	"connectrpc.com/connect/v2"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/metrics"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/tracing"
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
	// Metrics counts what the server does. Nil counts nothing.
	Metrics *metrics.Metrics
	// Tracing tells what calls took. Nil tells nothing.
	Tracing *tracing.Tracing
}

// around are the interceptors that trace calls.
func (c Config) around() []connect.ServerInterceptor {
	if c.Tracing == nil {
		return nil
	}
	return []connect.ServerInterceptor{c.Tracing.Interceptor()}
}

// counter is what counts calls.
func (c Config) counter() rpc.Counter {
	if c.Metrics == nil {
		return nil
	}
	return c.Metrics
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
	var hearing atomic.Pointer[hearer]
	var err error
	a.Store, err = open(ctx, config.Metrics.Store(store.Options{
		Now: config.Now,
		Committed: func(batch []store.Committed) {
			if h := hearing.Load(); h != nil {
				h.committed(batch)
			}
		},
		Signalled: func(signals []store.Signal) {
			if h := hearing.Load(); h != nil {
				h.board.Signalled(signals)
			}
		},
		Interrupted: func(interrupted bool) {
			if h := hearing.Load(); h != nil {
				h.board.Interrupt(interrupted)
			}
			// After the board: whoever is woken asks it.
			a.Hub.Interrupt(interrupted)
			if interrupted {
				config.Log.Warn("the database cannot be used: what is sent is refused for now, and streams wait")
			} else {
				config.Log.Info("the database can be used again")
			}
		},
	}))
	if err != nil {
		return nil, err
	}
	if err := a.begin(ctx, config, prepare, hearing.Store); err != nil {
		_ = a.Store.Close()
		return nil, err
	}
	return a, nil
}

func (a *App) begin(
	ctx context.Context, config Config, prepare func(context.Context, store.Store) error,
	hear func(*hearer),
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
	if config.Worker.Seen == 0 {
		config.Worker.Seen = worker.DefaultSeen
	}
	if a.Store.Shared() {
		config.Board.SeenEvery, config.Board.Signal = config.Worker.Seen, a.Store.Signal
	}
	a.Board = board.New(a.Hub, a.Catalogue, config.Now, config.Board)
	hear(&hearer{board: a.Board, catalogue: a.Catalogue, log: config.Log})
	if err := a.Board.Load(ctx, a.Store); err != nil {
		return err
	}
	var err error
	a.RPC, err = rpc.New(ctx, rpc.Deps{
		Store: config.Tracing.Store(a.Store), Board: a.Board, Hub: a.Hub, Catalogue: a.Catalogue, Now: config.Now, Log: config.Log,
		Counter: config.counter(), Around: config.around(),
	}, config.RPC)
	if err != nil {
		return err
	}
	config.Metrics.Observe(metrics.Sources{Board: a.Board, RPC: a.RPC, Store: a.Store, Now: config.Now})
	config.Worker.Quiet = a.RPC.Quiet()
	config.Worker.OnTidy = a.RPC.Tidy
	config.Worker.Daily = a.RPC.ForgetFeedbackKeys
	w := worker.New(a.Store, a.Board, a.Hub, config.Now, config.Log, config.Worker)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	a.workers.Go(func() { w.Run(running) })
	return nil
}

// hearer takes in what the store tells.
type hearer struct {
	board     *board.Board
	catalogue *catalogue.Holder
	log       *slog.Logger
}

func (h *hearer) committed(batch []store.Committed) {
	for _, c := range batch {
		if c.Catalogue != nil {
			if err := h.catalogue.Use(*c.Catalogue); err != nil {
				h.log.Error("the catalogue that was applied cannot be used", "error", err)
			}
		}
	}
	h.board.Committed(batch)
}

// Leave has the server say that it is not ready any more, and lets everything go on for a time, so that load balancers
// notice. The time is left out when none has asked for a minute, and cut short by the end of ctx.
func (a *App) Leave(ctx context.Context, delay time.Duration) {
	a.RPC.Leave()
	if delay > 0 && a.RPC.Watched() {
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
}

// Drain ends every stream with a go_away that says to come back, spread over a time, and returns when all know. Calls go
// on being answered. Where there are few streams it is done sooner.
func (a *App) Drain(ctx context.Context, spread time.Duration) { a.RPC.Drain(ctx, spread) }

// Close ends the worker and closes the store. Calls and streams must have ended.
func (a *App) Close() error {
	a.stop()
	a.workers.Wait()
	return a.Store.Close()
}
