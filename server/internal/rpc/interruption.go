package rpc

import (
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// interruption is what a stream knows of an interruption of the service. A stream that is open goes on through it: it
// says so, and makes up for what it missed when the store can be read again.
type interruption struct {
	// announced tells that the service is interrupted, as the store has said.
	announced bool
	// behind tells that the store could not be read when the stream needed it: there is more to tell than was told.
	behind bool
	// pause is how long the last wait until the next attempt was, and next when that is.
	pause time.Duration
	next  time.Time
	// told is whether the client was told last that the service is interrupted.
	told bool
}

// The pauses between attempts to read the store when nothing says that it cannot be read.
const (
	firstPause = time.Second
	mostPause  = 8 * time.Second
)

func (i *interruption) interrupted() bool { return i.announced || i.behind }

// hear takes in what the store has said.
func (i *interruption) hear(what hub.Interruption) {
	switch what {
	case hub.InterruptionBegan:
		i.announced = true
	case hub.InterruptionOver:
		i.announced = false
		i.next = time.Time{}
	}
}

// ready reports whether it is time to make up for what was missed.
func (i *interruption) ready(now time.Time) bool { return !i.announced && !now.Before(i.next) }

// fallBehind takes it that the store could not be read: the stream goes on and tries again. Other errors are returned.
func (sc *streamContext) fallBehind(err error) error {
	if !errors.Is(err, store.ErrUnavailable) {
		return err
	}
	sc.behind = true
	sc.pause = min(max(2*sc.pause, firstPause), mostPause)
	sc.next = sc.server.now().Add(sc.pause)
	sc.follower.AgainAt(sc.next)
	return nil
}

// caughtUp tells that everything was told.
func (sc *streamContext) caughtUp() { sc.behind, sc.pause = false, 0 }

// signOfLife is the heartbeat that is due, or that tells that an interruption began or is over; nil when there is none.
func (sc *streamContext) signOfLife() *kuplav1.Heartbeat {
	interrupted := sc.interrupted()
	if interrupted == sc.told && !sc.due() {
		return nil
	}
	sc.told = interrupted
	return &kuplav1.Heartbeat{Interval: durationpb.New(sc.server.config.Heartbeat), Interrupted: interrupted}
}

// rewritten ends a stream whose log is not what it told any more. Whoever comes back with its cursor is told so, and
// begins anew.
func (s *Server) rewritten() error {
	return &streamEnd{
		reason: kuplav1.GoAwayReason_GO_AWAY_REASON_UNAVAILABLE, reconnect: true, delay: s.config.UnavailableRetryDelay,
	}
}
