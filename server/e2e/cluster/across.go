package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// AcrossReport is how what happened at one server was told at another one.
type AcrossReport struct {
	// Events is how many events the conversation had, Resumed at how many of them a follower went on at the other server.
	Events  int32 `json:"events"`
	Resumed int   `json:"resumed"`
	// Delays are the longest from the call to the telling at the other server, in milliseconds, by what was told.
	Delays map[string]float64 `json:"longest_delay_ms"`
	// Problems are what must not be.
	Problems []string `json:"problems"`
}

// told collects what one follower is told, so that it can be waited for.
type told[U any] struct {
	mu   sync.Mutex
	list []U
	more chan struct{}
	err  error
}

func newTold[U any]() *told[U] { return &told[U]{more: make(chan struct{})} }

func (t *told[U]) add(u U, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.err = err
	} else {
		t.list = append(t.list, u)
	}
	close(t.more)
	t.more = make(chan struct{})
}

// mark is where the list ends now.
func (t *told[U]) mark() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.list)
}

// wait waits until something is told after a mark.
func (t *told[U]) wait(ctx context.Context, mark int, what string, is func(U) bool) error {
	return t.waitLong(ctx, toldWithin, mark, what, is)
}

func (t *told[U]) waitLong(ctx context.Context, most time.Duration, mark int, what string, is func(U) bool) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		t.mu.Lock()
		list, more, err := t.list, t.more, t.err
		t.mu.Unlock()
		for ; mark < len(list); mark++ {
			if is(list[mark]) {
				return nil
			}
		}
		if err != nil {
			return fmt.Errorf("waiting for %s: the follower ended: %w", what, err)
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("%s was not told within %s", what, most)
		}
	}
}

// across is one conversation between a customer at the first server and a professional at the second.
type across struct {
	*Cluster

	report       AcrossReport
	customer     *kupla.Conversation
	elsewhere    *kupla.Conversation // the same, asked at the second server
	professional *kupla.Conversation
	conversation *told[kupla.Update]
	desk         *told[kupla.DeskUpdate]
	resumed      reached // where the follower stands who goes from server to server
}

// Across has a customer at one server and a professional at the other do what people do, and measures how long it takes
// until the other one is told; meanwhile a follower goes from server to server with its cursor. The catalogue must
// have been applied.
func Across(ctx context.Context, c *Cluster, messages int) (*AcrossReport, error) {
	a := &across{
		Cluster: c, conversation: newTold[kupla.Update](), desk: newTold[kupla.DeskUpdate](),
		report: AcrossReport{Delays: map[string]float64{}, Problems: []string{}},
	}
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()

	token, err := c.staff(ctx, "across-1")
	if err != nil {
		return nil, err
	}
	staff, err := c.available(ctx, 1, token)
	if err != nil {
		return nil, err
	}
	defer staff.Close()
	following.Go(func() {
		for update, err := range staff.WatchDesk(ctx, kupla.WatchDeskOptions{}) {
			a.desk.add(update, err)
		}
	})
	ahead, first, err := c.start(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer ahead.Close()
	client, conversation, err := c.start(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	a.customer = conversation
	here, leave := context.WithCancel(ctx)
	defer leave()
	other := kupla.New(c.Servers[1].URL())
	defer other.Close()
	a.elsewhere = other.Resume(conversation.Credentials())
	following.Go(func() {
		for update, err := range conversation.Follow(here, kupla.FollowOptions{}) {
			a.conversation.add(update, err)
		}
	})
	if err := a.places(ctx, staff, first); err != nil {
		return &a.report, err
	}
	a.professional = staff.Conversation(conversation.ID())
	sides := []*kupla.Conversation{client.Resume(a.customer.Credentials()), a.elsewhere}
	for turn := range messages / 2 {
		if err := a.exchange(ctx); err != nil {
			return &a.report, err
		}
		if err := a.resume(ctx, sides[turn%2]); err != nil {
			return &a.report, err
		}
	}
	if err := a.deaf(ctx); err != nil {
		return &a.report, err
	}
	return &a.report, a.presence(ctx, leave, &following)
}

// goneWithin bounds how long somebody counts as being there who left another server: for as long as what is known of
// them there may be old.
const goneWithin = 50 * time.Second

// presence has the customer leave the first server and come back, and waits until the desk at the second one tells so.
func (a *across) presence(ctx context.Context, leave context.CancelFunc, following *sync.WaitGroup) error {
	is := func(present bool) func(kupla.DeskUpdate) bool {
		return func(u kupla.DeskUpdate) bool {
			return u.ConversationID == a.customer.ID() && u.Presence.GetParticipantId() == a.customer.ParticipantID() &&
				u.Presence.GetPresent() == present
		}
	}
	mark := a.desk.mark()
	if err := a.measure("gone", func() error {
		leave()
		return nil
	}, func() error {
		return a.desk.waitLong(ctx, goneWithin, mark, "that the customer is gone", is(false))
	}); err != nil {
		return err
	}
	mark = a.desk.mark()
	return a.measure("back", func() error {
		following.Go(func() {
			for _, err := range a.customer.Follow(ctx, kupla.FollowOptions{}) {
				if err != nil {
					return // ctx has ended.
				}
			}
		})
		return nil
	}, func() error { return a.desk.wait(ctx, mark, "that the customer is back", is(true)) })
}

// measure does something and waits until it is told.
func (a *across) measure(what string, do, wait func() error) error {
	begun := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := wait(); err != nil {
		a.report.Problems = append(a.report.Problems, err.Error())
		return err
	}
	took := float64(time.Since(begun)) / float64(time.Millisecond)
	a.report.Delays[what] = max(a.report.Delays[what], took)
	return nil
}

// places has the one ahead taken at the second server, which moves the customer up at the first; then takes the customer.
func (a *across) places(ctx context.Context, staff *kupla.Client, ahead *kupla.Conversation) error {
	is := func(p *kuplav1.Place, position int32) bool { return p.GetPosition() == position }
	if err := a.conversation.wait(ctx, 0, "place 2", func(u kupla.Update) bool {
		return is(u.Place, 2) || is(u.Snapshot.GetPlace(), 2)
	}); err != nil {
		return err
	}
	mark := a.conversation.mark()
	if err := a.measure("place", func() error {
		_, err := staff.Desk().Take(ctx, ahead.ID())
		return err
	}, func() error {
		return a.conversation.wait(ctx, mark, "place 1", func(u kupla.Update) bool { return is(u.Place, 1) })
	}); err != nil {
		return err
	}
	mark = a.conversation.mark()
	return a.measure("taken", func() error {
		_, err := staff.Desk().Take(ctx, a.customer.ID())
		return err
	}, func() error {
		return a.conversation.wait(ctx, mark, "the professional", func(u kupla.Update) bool {
			return u.Event.GetParticipantJoined() != nil
		})
	})
}

// exchange is one message each way, with what goes with it.
func (a *across) exchange(ctx context.Context) error {
	id := a.customer.ID()
	for _, step := range []struct {
		what string
		// from the customer to the desk, or the other way
		down  bool
		do    func(on *kupla.Conversation) (sequence int32, err error)
		event func(e *kuplav1.Event, t *kuplav1.Typing, m *kuplav1.ReadMark, sequence int32) bool
	}{
		{"typing", true, typing, isTyping},
		{"message", true, a.send, isMessage},
		{"typing", false, typing, isTyping},
		{"message", false, a.send, isMessage},
		{"read mark", true, markRead, isMark},
		{"read mark", false, markRead, isMark},
	} {
		desk, conversation := a.desk.mark(), a.conversation.mark()
		var sequence int32
		err := a.measure(step.what, func() (err error) {
			on := a.professional
			if step.down {
				on = a.customer
			}
			sequence, err = step.do(on)
			return err
		}, func() error {
			if step.down {
				return a.desk.wait(ctx, desk, step.what, func(u kupla.DeskUpdate) bool {
					return u.ConversationID == id && step.event(u.Event, u.Typing, u.ReadMark, sequence)
				})
			}
			return a.conversation.wait(ctx, conversation, step.what, func(u kupla.Update) bool {
				return step.event(u.Event, u.Typing, u.ReadMark, sequence)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deaf has messages go across while no server hears of the other: polling must carry them.
func (a *across) deaf(ctx context.Context) error {
	for i := range a.Servers {
		for _, l := range a.Links(i) {
			if l.KeepAway(Listening) == 0 {
				return errors.New("there is no listening connection")
			}
			defer l.Let() //nolint:gocritic // There are two.
		}
	}
	for range 3 {
		desk, conversation := a.desk.mark(), a.conversation.mark()
		var sequence int32
		if err := a.measure("message, not listening", func() (err error) {
			sequence, err = a.send(a.customer)
			return err
		}, func() error {
			return a.desk.wait(ctx, desk, "a message by polling", func(u kupla.DeskUpdate) bool {
				return u.ConversationID == a.customer.ID() && isMessage(u.Event, nil, nil, sequence)
			})
		}); err != nil {
			return err
		}
		if err := a.measure("message, not listening", func() (err error) {
			sequence, err = a.send(a.professional)
			return err
		}, func() error {
			return a.conversation.wait(ctx, conversation, "a message by polling", func(u kupla.Update) bool {
				return isMessage(u.Event, nil, nil, sequence)
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

func typing(on *kupla.Conversation) (int32, error) { return 0, on.SetTyping(context.Background()) }

func isTyping(_ *kuplav1.Event, t *kuplav1.Typing, _ *kuplav1.ReadMark, _ int32) bool {
	return t != nil
}

func (a *across) send(on *kupla.Conversation) (int32, error) {
	event, err := on.Send(context.Background(), "Viesti")
	a.report.Events = max(a.report.Events, event.GetSequence())
	return event.GetSequence(), err
}

func isMessage(e *kuplav1.Event, _ *kuplav1.Typing, _ *kuplav1.ReadMark, sequence int32) bool {
	return e.GetSequence() == sequence
}

// markRead marks all that there is.
func markRead(on *kupla.Conversation) (int32, error) {
	snapshot, err := on.Get(context.Background())
	if err != nil {
		return 0, err
	}
	mark, err := on.MarkRead(context.Background(), snapshot.GetConversation().GetLastSequence())
	return mark.GetSequence(), err
}

func isMark(_ *kuplav1.Event, _ *kuplav1.Typing, m *kuplav1.ReadMark, sequence int32) bool {
	return m.GetSequence() == sequence && sequence > 0
}

// resume has a follower go on at one server, with the cursor that it had from the other one, as far as there is anything
// new.
func (a *across) resume(ctx context.Context, side *kupla.Conversation) error {
	last := a.resumed.last
	var err error
	if a.resumed, err = a.some(ctx, side, a.resumed.cursor, last); err != nil {
		return err
	}
	if a.resumed.last == last {
		return errors.New("a follower that resumed was told nothing")
	}
	a.report.Resumed++
	return nil
}

// reached is where a follower stands.
type reached struct {
	cursor string
	last   int32
}

// some follows from a cursor until everything has been told that was said.
func (a *across) some(ctx context.Context, side *kupla.Conversation, cursor string, last int32) (reached, error) {
	ctx, cancel := context.WithTimeout(ctx, toldWithin)
	defer cancel()
	at := reached{cursor: cursor, last: last}
	stream, err := side.Service().FollowConversation(ctx, &kuplav1.FollowConversationRequest{
		ConversationId: side.ID(), Cursor: cursor,
	})
	if err != nil {
		return at, err
	}
	defer func() {
		cancel()
		_ = stream.Close()
	}()
	for at.last < a.report.Events {
		frame, err := stream.Receive()
		if err != nil {
			return at, fmt.Errorf("a follower that resumed after event %d: %w", last, err)
		}
		switch kind := frame.GetFrame().(type) {
		case *kuplav1.FollowConversationResponse_Events:
			for _, e := range kind.Events.GetEvents() {
				if e.GetSequence() != at.last+1 {
					return at, fmt.Errorf("a follower that resumed after event %d was handed event %d after %d",
						last, e.GetSequence(), at.last)
				}
				at.last = e.GetSequence()
			}
		case *kuplav1.FollowConversationResponse_Reset_, *kuplav1.FollowConversationResponse_GoAway:
			return at, fmt.Errorf("a follower that resumed after event %d was told %v", last, frame)
		}
		at.cursor = frame.GetCursor()
	}
	return at, nil
}
