// Package worker does what time does: abandoned places, conversations that nobody reached or that expired,
// professionals who were lost, and the one timer that streams are woken by.
//
// A sweep is ordinary commands, each of which looks again under the store's locks. So it may run at any
// moment, twice, or on two servers at once, without harm. Of several servers the one that leads sweeps.
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
	// Seen is how often it is written when people were last seen, and read from the others when several servers share
	// the database. Default 10 s.
	Seen time.Duration
	// Tidy is how often memory of past callers is given back. Default 1 minute.
	Tidy time.Duration
	// Quiet is after how long without a frame a stream is woken for its heartbeat.
	Quiet time.Duration
	// OnTidy is what Tidy does. It must not block.
	OnTidy func(now time.Time)
	// Daily is done when the server begins to lead and once a day from then on.
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

	// The following are of runSweeps alone.

	// unwritten is who was seen and could not be written.
	unwritten board.Seen
	// leading tells that this server leads, as it was known last.
	leading bool
	// heard is when it was read last whom the other servers have seen. While that fails nobody's absence is acted on.
	heard time.Time
}

// DefaultSeen is the default of Config.Seen.
const DefaultSeen = 10 * time.Second

// New makes a worker. Run makes it work.
func New(s store.Store, b *board.Board, h *hub.Hub, now func() time.Time, log *slog.Logger, config Config) *Worker {
	if config.Tick == 0 {
		config.Tick = time.Second
	}
	if config.Seen == 0 {
		config.Seen = DefaultSeen
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
	w.hear(ctx)
	var daily time.Time
	for {
		select {
		case <-ctx.Done():
			// The last word of when people were there, so that absence counts from it after a restart.
			w.writeSeen(ctx)
			return
		case <-tick.C:
		}
		if w.leads() {
			w.sweep(ctx)
			daily = w.daily(ctx, daily)
		}
		if now := w.now(); now.Sub(seen) >= w.config.Seen {
			seen = now
			// In this order: what is written covers what others wrote of the same people before.
			w.hear(ctx)
			if !w.hub.Interrupted() {
				w.writeSeen(ctx)
			}
		}
	}
}

// leads reports whether this server does what time does to everybody, now: it leads, the database can be used, and it
// knows whom the others have seen.
func (w *Worker) leads() bool {
	leading := w.store.Leads()
	if leading && !w.leading {
		// What is not known is how long nobody led.
		w.board.Back(w.now())
	}
	w.leading = leading
	return leading && !w.hub.Interrupted() && (!w.store.Shared() || w.now().Sub(w.heard) < 2*w.config.Seen)
}

// hear reads whom the other servers have seen, and who the staff are that they know.
func (w *Worker) hear(ctx context.Context) {
	if !w.store.Shared() || w.hub.Interrupted() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	now := w.now()
	customers, err := w.store.CustomersSeen(ctx)
	if err != nil {
		w.unheard(ctx, err)
		return
	}
	staff, err := w.store.StaffSeen(ctx)
	if err != nil {
		w.unheard(ctx, err)
		return
	}
	members, err := w.store.AllStaff(ctx)
	if err != nil {
		w.unheard(ctx, err)
		return
	}
	if now.Sub(w.heard) >= 2*w.config.Seen {
		w.board.Back(now) // For so long nobody elsewhere was known to be there.
	}
	w.heard = now
	for _, m := range members {
		w.board.Profile(m)
	}
	w.board.SeenElsewhere(customers, staff)
}

func (w *Worker) unheard(ctx context.Context, err error) {
	if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		w.log.WarnContext(ctx, "could not read whom other servers have seen; it will be tried again", "error", err)
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
