// Package worker does what time does: abandoned places, conversations that nobody reached or that expired,
// professionals who were lost, and the one timer that streams are woken by.
//
// A sweep is ordinary commands, each of which looks again under the store's locks. So it may run at any
// moment, twice, or on two servers at once, without harm.
package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// Config is how often things are done. Zero values take the defaults.
type Config struct {
	// Tick is how often the board is looked at and streams are woken. Default 1 s.
	Tick time.Duration
	// Seen is how often it is written when people were last seen. Default 20 s.
	Seen time.Duration
	// Tidy is how often memory of past callers is given back. Default 1 minute.
	Tidy time.Duration
	// Quiet is after how long without a frame a stream is woken for its heartbeat.
	Quiet time.Duration
	// OnTidy is what Tidy does. It must not block.
	OnTidy func(now time.Time)
	// Daily is done when the worker begins and once a day from then on.
	Daily func(ctx context.Context, now time.Time) error
}

// Worker is the server's one timer.
type Worker struct {
	store  store.Store
	board  *board.Board
	hub    *hub.Hub
	now    func() time.Time
	log    *slog.Logger
	config Config

	// unwritten is who was seen and could not be written. Of Run alone.
	unwritten board.Seen
}

// New makes a worker. Run makes it work.
func New(s store.Store, b *board.Board, h *hub.Hub, now func() time.Time, log *slog.Logger, config Config) *Worker {
	if config.Tick == 0 {
		config.Tick = time.Second
	}
	if config.Seen == 0 {
		config.Seen = 20 * time.Second
	}
	if config.Tidy == 0 {
		config.Tidy = time.Minute
	}
	return &Worker{store: s, board: b, hub: h, now: now, log: log, config: config}
}

// Run works until ctx ends. What was seen last is written before it returns.
func (w *Worker) Run(ctx context.Context) {
	// Apart, because sweeping waits for the store: streams have their heartbeats however slow that is.
	var sweeping sync.WaitGroup
	sweeping.Go(func() { w.runSweeps(ctx) })
	defer sweeping.Wait()
	tick := time.NewTicker(w.config.Tick)
	defer tick.Stop()
	telling := time.NewTicker(w.config.Tick / board.Parts)
	defer telling.Stop()
	tidied := w.now()
	for part := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-telling.C:
			w.board.TellPart(part)
			part = (part + 1) % board.Parts
			continue
		case <-tick.C:
		}
		now := w.now()
		w.board.Tick()
		w.hub.Tick(now, w.config.Quiet)
		if now.Sub(tidied) >= w.config.Tidy && w.config.OnTidy != nil {
			tidied = now
			w.config.OnTidy(now)
		}
	}
}

// runSweeps sweeps, and writes when people were last seen, until ctx ends.
func (w *Worker) runSweeps(ctx context.Context) {
	tick := time.NewTicker(w.config.Tick)
	defer tick.Stop()
	seen := w.now()
	var daily time.Time
	for {
		select {
		case <-ctx.Done():
			// The last word of when people were there, so that absence counts from it after a restart.
			w.writeSeen(ctx)
			return
		case <-tick.C:
		}
		w.sweep(ctx)
		daily = w.daily(ctx, daily)
		if now := w.now(); now.Sub(seen) >= w.config.Seen {
			seen = now
			w.writeSeen(ctx)
		}
	}
}

// daily does what is done once a day, when it is time, and returns when it was done last.
func (w *Worker) daily(ctx context.Context, last time.Time) time.Time {
	now := w.now()
	if w.config.Daily == nil || now.Sub(last) < 24*time.Hour {
		return last
	}
	if err := w.config.Daily(ctx, now); err != nil {
		w.log.WarnContext(ctx, "what is done daily failed; it will be tried again", "error", err)
		return last
	}
	return now
}

// seenTimeout is for how long it is tried to write when people were last seen.
const seenTimeout = 5 * time.Second

// writeSeen writes when people were last seen. It goes on when the server is going down, and what could not be
// written is written with the next.
func (w *Worker) writeSeen(ctx context.Context) {
	seen := w.board.TakeSeen()
	keepLatest(seen.Customers, w.unwritten.Customers)
	keepLatest(seen.Staff, w.unwritten.Staff)
	w.unwritten = board.Seen{}
	if len(seen.Customers)+len(seen.Staff) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), seenTimeout)
	defer cancel()
	if err := w.store.Seen(ctx, seen.Customers, seen.Staff); err != nil {
		w.unwritten = seen
		w.log.WarnContext(ctx, "could not write when people were last seen; it will be tried again", "error", err)
	}
}

// keepLatest adds times to others, each unless a later one is there.
func keepLatest(times, others map[string]time.Time) {
	for id, at := range others {
		if at.After(times[id]) {
			times[id] = at
		}
	}
}

// errNoLongerDue refuses what was due when the sweep began and no longer is: somebody came back.
var errNoLongerDue = errors.New("no longer due")

// sweep does what is due. Each is asked again under the store's locks, because the list is from before those
// that came first in it.
func (w *Worker) sweep(ctx context.Context) {
	due := w.board.Due()
	for _, id := range due.Abandoned {
		w.change(ctx, id, func() bool { return w.board.Abandoned(id) }, (*chat.Conversation).Abandon)
	}
	for _, id := range due.NotReached {
		w.change(ctx, id, func() bool { return w.board.NotReached(id) }, (*chat.Conversation).NotReach)
	}
	for _, id := range due.Expired {
		w.change(ctx, id, func() bool { return w.board.Expired(id) }, (*chat.Conversation).Expire)
	}
	for staffID, conversations := range due.Lost {
		for _, id := range conversations {
			w.change(ctx, id, func() bool { return w.board.Lost(staffID) },
				func(c *chat.Conversation, now time.Time) error { return c.LoseProfessional(staffID, now) })
		}
	}
}

// change runs one command of a sweep, if it is still due. A refusal means that somebody was quicker: the
// customer was taken, or left.
func (w *Worker) change(
	ctx context.Context, id string, due func() bool, command func(*chat.Conversation, time.Time) error,
) {
	_, err := w.store.Change(ctx, store.Request{}, store.Rows{Conversations: []string{id}}, func(work *store.Work) error {
		if !due() {
			return errNoLongerDue
		}
		return command(work.Conversation(id), work.Now)
	})
	_, refused := errors.AsType[*chat.Refusal](err)
	if err != nil && !refused && !errors.Is(err, errNoLongerDue) && ctx.Err() == nil {
		w.log.WarnContext(ctx, "sweep failed; it will be tried again", "conversation_id", id, "error", err)
	}
}
