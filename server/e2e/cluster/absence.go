package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// AbsenceReport is how it went with the places of those who are there and of one who is not.
type AbsenceReport struct {
	// Keep is for how long a place is kept, in seconds.
	Keep float64 `json:"keep_seconds"`
	// Led is for how long customers were at one server only, and the other one led.
	Led float64 `json:"led_by_the_other_seconds"`
	// Abandoned is how long after their stream ended the place of the one who left was given up, in seconds, though the
	// leader was killed meanwhile.
	Abandoned float64 `json:"abandoned_after_seconds"`
	// Problems are what must not be.
	Problems []string `json:"problems"`
}

// late is how much longer than promised a place may be kept: for as long as what is known of those at other servers may
// be old, and for a leader to be missed.
const late = 70 * time.Second

// Absence has two customers wait at the first server only, for longer than a place is kept and while the second server
// leads. Neither may lose the place. Then one of them leaves and the leader is killed: the first server gives that place
// up, in its time, and no other. The catalogue must have been applied with keep as the time.
func Absence(ctx context.Context, c *Cluster, keep time.Duration) (*AbsenceReport, error) {
	report := &AbsenceReport{Keep: keep.Seconds(), Problems: []string{}}
	// The one who leads is the one who did not end.
	if err := c.Servers[1].Stop(); err != nil {
		return report, err
	}
	if err := c.Servers[1].Start(ctx); err != nil {
		return report, err
	}
	c.Servers[0].Kill()
	if err := c.led(ctx); err != nil {
		return report, err
	}
	if err := c.Servers[0].Start(ctx); err != nil {
		return report, err
	}

	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	var waiting [2]*kupla.Conversation
	var leave [2]context.CancelFunc
	var mu sync.Mutex // of the problems
	for i := range waiting {
		client, conversation, err := c.start(ctx, 0)
		if err != nil {
			return report, err
		}
		here, stop := context.WithCancel(ctx)
		waiting[i], leave[i] = conversation, stop
		following.Go(func() {
			defer client.Close()
			for _, err := range conversation.Follow(here, kupla.FollowOptions{}) {
				if err != nil && here.Err() == nil {
					mu.Lock()
					report.Problems = append(report.Problems, fmt.Sprintf("a follower ended: %v", err))
					mu.Unlock()
				}
			}
		})
	}
	begun := time.Now()
	// Longer than anybody who left would keep the place.
	if !pause(ctx, keep+late/2) {
		return report, ctx.Err()
	}
	for _, w := range waiting {
		if state, err := stateOf(ctx, w); err != nil || state != kuplav1.ConversationState_CONVERSATION_STATE_WAITING {
			return report, fmt.Errorf("a customer who is there is %v (%w)", state, err)
		}
	}
	report.Led = time.Since(begun).Seconds()

	left := time.Now()
	leave[0]()
	pause(ctx, time.Second)
	c.Servers[1].Kill()
	// Nobody asks as the customer meanwhile: that would be a sign of life.
	closed, err := c.closed(ctx, waiting[0].ID(), left.Add(keep+late))
	if err != nil {
		return report, err
	}
	report.Abandoned = closed.Sub(left).Seconds()
	mu.Lock()
	defer mu.Unlock()
	if closed.Before(left.Add(keep)) {
		report.Problems = append(report.Problems, fmt.Sprintf("a place that is kept for %s was given up %s after its customer left",
			keep, closed.Sub(left)))
	}
	if state, err := stateOf(ctx, waiting[1]); err != nil || state != kuplav1.ConversationState_CONVERSATION_STATE_WAITING {
		return report, fmt.Errorf("a customer who is there is %v (%w)", state, err)
	}
	return report, c.Servers[1].Start(ctx)
}

func stateOf(ctx context.Context, conversation *kupla.Conversation) (kuplav1.ConversationState, error) {
	snapshot, err := conversation.Get(ctx)
	return snapshot.GetConversation().GetState(), err
}

// led waits until a server leads.
func (c *Cluster) led(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, toldWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.DSN())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	for {
		var led bool
		if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = $1))`, Listening).Scan(&led); err != nil {
			return fmt.Errorf("nobody leads: %w", err)
		}
		if led {
			return nil
		}
		if !pause(ctx, 20*time.Millisecond) {
			return errors.New("nobody leads")
		}
	}
}

// closed waits until a conversation is closed, and tells when that was: by the row of it, past the servers.
func (c *Cluster) closed(ctx context.Context, id string, until time.Time) (at time.Time, err error) {
	conn, err := pgx.Connect(ctx, c.DSN())
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	for {
		var micros int64
		err := conn.QueryRow(ctx, `SELECT close_time FROM contact WHERE conversation_id = $1 AND close_time > 0`, id).Scan(&micros)
		switch {
		case err == nil:
			return time.UnixMicro(micros), nil
		case !errors.Is(err, pgx.ErrNoRows):
			return at, err
		case time.Now().After(until):
			return at, errors.New("a place was not given up in time")
		}
		if !pause(ctx, 50*time.Millisecond) {
			return at, ctx.Err()
		}
	}
}
