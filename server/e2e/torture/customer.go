package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/history"
)

// liveAsCustomers is one customer after the other.
func (r *run) liveAsCustomers(ctx context.Context, number int) {
	random := r.random(fmt.Sprintf("customer %d", number))
	for ctx.Err() == nil && !r.draining.Load() {
		c := &customer{run: r, random: random, quota: 20 + random.IntN(250)}
		if c.start(ctx) {
			c.live(ctx)
		}
		if !pause(ctx, between(random, 0, time.Second)) {
			return
		}
	}
}

// customer is one conversation from its start to its end, seen by the customer.
type customer struct {
	run    *run
	random *rand.Rand
	record *record
	quota  int // how many messages to write before leaving is thought of

	// id and credentials stay; conversation is another handle each time the customer comes back.
	id           string
	credentials  kupla.Credentials
	conversation *kupla.Conversation
	clients      []*kupla.Client
	party        *party
	answered     atomic.Bool
	closed       atomic.Bool
}

// start begins a conversation; sometimes by two requests at once, which must begin only one.
func (c *customer) start(ctx context.Context) bool {
	options := kupla.StartOptions{
		QueueID: queues[c.random.IntN(len(queues))], RequestID: uuid.NewString(),
		Message: fmt.Sprintf("%s %d alku", history.Customer, c.run.number()), DisplayName: "Testi",
	}
	c.clients = []*kupla.Client{c.run.client(c.random, ""), c.run.client(c.random, "")}
	sent := time.Now()
	started := make([]*kupla.Conversation, 1)
	if c.random.IntN(4) == 0 {
		c.run.count(trials, "start doubled at once")
		started = make([]*kupla.Conversation, 2)
	}
	var all sync.WaitGroup
	for i := range started {
		all.Go(func() {
			var err error
			if started[i], err = c.clients[i].Start(ctx, options); err != nil && !ended(ctx, err) {
				// The clock may have been stepped between an attempt whose answer was lost and its repeat.
				c.run.refusal("", "start", err, kuplav1.ErrorReason_ERROR_REASON_START_TOO_OLD)
			}
		})
	}
	all.Wait()
	for _, s := range started {
		switch {
		case s == nil:
		case c.conversation == nil:
			c.conversation = s
		case s.ID() != c.conversation.ID():
			c.run.anomalyf("start", s.ID(), "the same start began %s, too", c.conversation.ID())
		}
	}
	if c.conversation == nil {
		c.run.mu.Lock()
		c.run.unknown[options.Message] = true
		c.run.mu.Unlock()
		return false
	}
	c.id, c.credentials = c.conversation.ID(), c.conversation.Credentials()
	c.record = c.run.record(c.id)
	m := c.record.write(history.Customer, options.Message)
	c.record.mu.Lock()
	c.record.history.QueueID = options.QueueID
	m.Sent, m.Acked, m.Sequences = sent, time.Now(), []int32{2}
	c.record.mu.Unlock()
	c.run.mu.Lock()
	c.run.tokens = append(c.run.tokens, holder{c.credentials})
	c.run.mu.Unlock()
	c.party = &party{
		run: c.run, record: c.record, sender: history.Customer, random: c.random,
		handles: []*kupla.Conversation{c.conversation, c.clients[1].Resume(c.credentials)},
	}
	return true
}

// live talks, leaves and comes back until the conversation is closed.
func (c *customer) live(ctx context.Context) {
	defer func() {
		for _, client := range c.clients {
			client.Close()
		}
	}()
	if c.random.IntN(3) == 0 {
		raw, stop := context.WithCancel(ctx)
		var beside sync.WaitGroup
		random := c.run.random("raw " + c.id)
		beside.Go(func() { c.followRaw(raw, random) })
		defer beside.Wait()
		defer stop()
	}
	for ctx.Err() == nil {
		c.session(ctx)
		if c.closed.Load() {
			c.afterwards(ctx)
			return
		}
		away := between(c.random, 100*time.Millisecond, 4*time.Second)
		if c.random.IntN(8) == 0 && !c.run.draining.Load() {
			c.run.count(faults, "customer away for long")
			away = between(c.random, keepPlace, 2*keepPlace)
		} else {
			c.run.count(faults, "customer away")
		}
		if !c.run.away(ctx, away) {
			return
		}
		// What comes back knows only what it kept.
		credentials := c.conversation.Credentials()
		c.conversation = c.clients[0].Resume(credentials)
		c.party.handles[0] = c.conversation
	}
}

// session follows and talks for a time.
func (c *customer) session(ctx context.Context) {
	length := between(c.random, 2*time.Second, 40*time.Second)
	if c.run.calm.Load() {
		length = 10 * time.Minute
	}
	here, leave := context.WithTimeout(ctx, length)
	defer leave()
	var both sync.WaitGroup
	follower := c.run.random("stalls " + c.id)
	both.Go(func() {
		defer leave()
		c.follow(here, follower)
	})
	both.Go(func() { c.talk(here) })
	both.Wait()
}

// follow keeps what the customer is handed.
func (c *customer) follow(ctx context.Context, random *rand.Rand) {
	id := c.id
	cursor, sequence := c.conversation.Cursor()
	view := c.record.view(history.Customer, "SDK", sequence)
	var place *kuplav1.Place
	for update, err := range c.conversation.Follow(ctx, kupla.FollowOptions{Cursor: cursor, Sequence: sequence}) {
		if err != nil {
			if !ended(ctx, err) {
				c.run.anomalyf("follower", id, "the customer's following ended: %v", err)
			}
			return
		}
		switch update.Kind { //nolint:exhaustive // The rest is no history.
		case kupla.UpdateConnected:
			c.run.streams.Add(1)
			place = nil
		case kupla.UpdateDisconnected:
			c.run.lost(id, update.Connection)
		case kupla.UpdateReset:
			c.run.anomalyf("reset", id, "the customer's follower was reset: %v", update.Reset)
			return
		case kupla.UpdateInterrupted:
			c.run.interrupted.Add(1)
		case kupla.UpdateSnapshot:
			place = update.Snapshot.GetPlace()
			c.record.tell(place)
		case kupla.UpdatePlace:
			if place != nil && update.Place.GetPosition() > place.GetPosition() && !update.Place.GetMovedBack() {
				c.run.anomalyf(history.FalsePlace, id, "the place went from %v to %v and nobody said why", place, update.Place)
			}
			place = update.Place
			c.record.tell(place)
		case kupla.UpdateEvent:
			c.record.hand(view, update.Event)
			role := update.Event.GetParticipantJoined().GetParticipant().GetRole()
			if role == kuplav1.ParticipantRole_PARTICIPANT_ROLE_PROFESSIONAL {
				c.answered.Store(true)
			}
			if random.IntN(500) == 0 && !c.run.calm.Load() {
				c.run.count(faults, "follower that stops to think")
				pause(ctx, between(random, 100*time.Millisecond, 3*time.Second))
			}
		}
	}
	// A sequence that ends without an error has handed out everything there is.
	c.closed.Store(true)
	c.record.mark(view, func(v *history.View) { v.Whole = true })
}

// talk writes until the conversation is over.
func (c *customer) talk(ctx context.Context) {
	for written := 0; !c.run.draining.Load() && !c.closed.Load(); written++ {
		// Before somebody has answered, a log has room for no more than a few words.
		if !c.answered.Load() && written > 5 {
			if !pause(ctx, 50*time.Millisecond) {
				return
			}
			continue
		}
		if c.run.gate.Wait(ctx) != nil || !c.party.talk(ctx) {
			return
		}
		c.quota--
		switch {
		case c.quota < 0 && c.random.IntN(30) == 0:
			if _, err := c.conversation.Leave(ctx); err != nil && !ended(ctx, err) {
				c.run.refusal(c.id, "leave", err, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED)
			}
			return
		case c.random.IntN(60) == 0:
			c.small(ctx)
		}
	}
}

// small is what people do besides writing.
func (c *customer) small(ctx context.Context) {
	const closed = kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED
	_, sequence := c.conversation.Cursor()
	var err error
	switch c.random.IntN(3) {
	case 0:
		err = c.conversation.SetTyping(ctx)
	case 1:
		if sequence > 0 {
			_, err = c.conversation.MarkRead(ctx, sequence)
		}
	default:
		c.list(ctx)
	}
	if err != nil && !ended(ctx, err) {
		c.run.refusal(c.id, "typing or read mark", err, closed)
	}
}

// list reads the whole log by pages.
func (c *customer) list(ctx context.Context) {
	c.run.count(trials, "log listed by pages")
	view := c.record.view(history.Customer, "pages", 0)
	for event, err := range c.conversation.Events(ctx) {
		if err != nil {
			if !ended(ctx, err) {
				c.run.refusal(c.id, "list events", err)
			}
			return
		}
		c.record.hand(view, event)
	}
}

// afterwards looks at a closed conversation again, repeats what was written, and tries to write more.
func (c *customer) afterwards(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if c.random.IntN(2) == 0 {
		c.list(ctx)
	}
	for _, m := range c.party.earlier[:min(2, len(c.party.earlier))] {
		c.run.count(trials, "request repeated after the close")
		c.party.repeat(ctx, m)
	}
	if c.random.IntN(4) == 0 {
		c.run.count(trials, "message after the close")
		if c.party.once(ctx, c.conversation, c.party.compose()) {
			c.run.anomalyf("after the close", c.id, "a message was taken")
		}
	}
}
