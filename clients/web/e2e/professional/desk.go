package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// desk is one professional's side.
type desk struct {
	name   string
	client *kupla.Client
	// changed gets a value whenever somebody came or went in a queue, so that who waits for somebody looks again.
	changed chan struct{}
}

var errNobodyCame = errors.New("nobody came in time")

// open sits down at a desk and tells what happens on it from then on. It answers once the desk is there.
func (s *stage) open(ctx context.Context, r *request) (any, error) {
	d := &desk{
		name:    r.Desk,
		client:  kupla.New(s.server, kupla.WithStaffToken(r.Token)),
		changed: make(chan struct{}, 1),
	}
	s.mu.Lock()
	s.desks[r.Desk] = d
	s.mu.Unlock()
	if r.Office {
		return nil, nil //nolint:nilnil // There is nothing to say, and nothing went wrong.
	}
	there := make(arrival, 1)
	s.running.Go(func() {
		for update, err := range d.client.WatchDesk(ctx, kupla.WatchDeskOptions{}) {
			if err == nil {
				s.tellDesk(d, update)
			}
			if err != nil || update.Kind == kupla.DeskCaughtUp {
				there.say(err)
			}
		}
	})
	return nil, there.wait(ctx)
}

// deskWords are the updates that are told, by what they are called.
var deskWords = map[kupla.DeskUpdateKind]string{
	kupla.DeskConnected:           "connected",
	kupla.DeskDisconnected:        "disconnected",
	kupla.DeskReset:               "reset",
	kupla.DeskEvent:               "event",
	kupla.DeskWaiting:             "waiting",
	kupla.DeskConversationAdded:   "added",
	kupla.DeskConversationRemoved: "removed",
	kupla.DeskTyping:              "typing",
	kupla.DeskReadMark:            "readMark",
	kupla.DeskPresence:            "presence",
}

func (s *stage) tellDesk(d *desk, update kupla.DeskUpdate) {
	now := s.teller.clock.now()
	word, ok := deskWords[update.Kind]
	if !ok {
		return
	}
	t := told{Told: word, Time: now, Desk: d.name, Conversation: update.ConversationID, History: update.History}
	if m := deskMessage(update); m != nil {
		t.Value = raw(m)
	}
	s.teller.line(t)
	if update.Kind == kupla.DeskWaiting {
		select {
		case d.changed <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// deskMessage is the contract's message in an update, or nil.
func deskMessage(update kupla.DeskUpdate) proto.Message {
	switch update.Kind {
	case kupla.DeskEvent:
		return update.Event
	case kupla.DeskWaiting:
		return update.Waiting
	case kupla.DeskConversationAdded:
		return update.Conversation
	case kupla.DeskTyping:
		return update.Typing
	case kupla.DeskReadMark:
		return update.ReadMark
	case kupla.DeskPresence:
		return update.Presence
	case kupla.DeskReset:
		return update.Reset
	default:
		return nil
	}
}

func (s *stage) setAvailability(ctx context.Context, r *request) (any, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	value, err := named(kuplav1.Availability_value, "AVAILABILITY_", r.Availability)
	if err != nil {
		return nil, err
	}
	_, err = d.client.Desk().SetAvailability(ctx, kuplav1.Availability(value))
	return nil, err
}

// taken is a conversation that came onto the desk.
type taken struct {
	Conversation string `json:"conversation"`
	Participant  string `json:"participant"`
	Customer     string `json:"customer"`
}

// lookAgain is how long whoever waits for somebody waits before looking anyway: present is told later than waiting.
const lookAgain = 200 * time.Millisecond

// takeNext takes the next who waits, and waits for somebody until the time is over.
func (s *stage) takeNext(ctx context.Context, r *request) (any, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.within(), fmt.Errorf("%w: %s", errNobodyCame, r.within()))
	defer cancel()
	for {
		c, err := d.client.Desk().TakeNext(ctx, r.Queues...)
		if err != nil && ctx.Err() == nil {
			return nil, err
		}
		if c != nil {
			return takenOf(c), nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-d.changed:
		case <-time.After(lookAgain):
		}
	}
}

func takenOf(c *kuplav1.Conversation) taken {
	t := taken{Conversation: c.GetId()}
	for _, p := range c.GetParticipants() {
		if p.GetRole() == kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER {
			t.Customer = p.GetId()
		} else if p.GetLeading() {
			t.Participant = p.GetId()
		}
	}
	return t
}

// sent is a message in the log, and when its sending began.
type sent struct {
	Sequence int32 `json:"sequence"`
	Time     int64 `json:"time"`
}

func (s *stage) send(ctx context.Context, r *request) (any, error) {
	c, err := s.conversation(r)
	if err != nil {
		return nil, err
	}
	began := s.teller.clock.now()
	event, err := c.Send(ctx, r.Text)
	if err != nil {
		return nil, err
	}
	return sent{Sequence: event.GetSequence(), Time: began}, nil
}

func (s *stage) setTyping(ctx context.Context, r *request) (any, error) {
	c, err := s.conversation(r)
	if err != nil {
		return nil, err
	}
	return nil, c.SetTyping(ctx)
}

func (s *stage) markRead(ctx context.Context, r *request) (any, error) {
	c, err := s.conversation(r)
	if err != nil {
		return nil, err
	}
	_, err = c.MarkRead(ctx, r.Sequence)
	return nil, err
}

func (s *stage) closeConversation(ctx context.Context, r *request) (any, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	reason, err := named(kuplav1.CloseReason_value, "CLOSE_REASON_", r.Reason)
	if err != nil {
		return nil, err
	}
	_, err = d.client.Desk().Close(ctx, r.Conversation, kuplav1.CloseReason(reason))
	return nil, err
}

// transfer hands a conversation on to a queue, or to a colleague when one is named.
func (s *stage) transfer(ctx context.Context, r *request) (any, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	options := kupla.TransferOptions{CustomerAgreed: r.CustomerAgreed}
	if r.Professional != "" {
		_, err = d.client.Desk().TransferToProfessional(ctx, r.Conversation, r.Professional, options)
	} else {
		_, err = d.client.Desk().TransferToQueue(ctx, r.Conversation, r.Queue, options)
	}
	return nil, err
}

func (s *stage) returnToQueue(ctx context.Context, r *request) (any, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	_, err = d.client.Desk().ReturnToQueue(ctx, r.Conversation)
	return nil, err
}

// conversation is the handle of who is asked to do something: of the desk that is named, or of a resident.
func (s *stage) conversation(r *request) (*kupla.Conversation, error) {
	if r.Desk == "" {
		return s.resident(r.Conversation)
	}
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	return d.client.Conversation(r.Conversation), nil
}

// follow follows one conversation beside the desk, as another program would, and tells its events.
func (s *stage) follow(ctx context.Context, r *request) (any, error) {
	c, err := s.conversation(r)
	if err != nil {
		return nil, err
	}
	there := make(arrival, 1)
	s.running.Go(func() {
		for update, err := range c.Follow(ctx, kupla.FollowOptions{}) {
			now := s.teller.clock.now()
			switch {
			case err != nil:
				if ctx.Err() == nil {
					fmt.Fprintln(os.Stderr, "professional: follow:", err)
				}
			case update.Kind == kupla.UpdateEvent:
				s.teller.line(told{
					Told: "followed", Time: now, Conversation: r.Conversation, History: update.History, Value: raw(update.Event),
				})
				continue
			case update.Kind != kupla.UpdateCaughtUp:
				continue
			}
			there.say(err)
		}
	})
	return nil, there.wait(ctx)
}

// log lists the whole log of a conversation, as it is kept.
func (s *stage) log(ctx context.Context, r *request) (any, error) {
	c, err := s.conversation(r)
	if err != nil {
		return nil, err
	}
	events := []any{}
	for event, err := range c.Events(ctx) {
		if err != nil {
			return nil, err
		}
		events = append(events, raw(event))
	}
	return events, nil
}

// arrival is the first word of a stream that goes on by itself: that it has caught up, or why it could not.
type arrival chan error

// say tells it, unless it was told before.
func (a arrival) say(err error) {
	select {
	case a <- err:
	default:
	}
}

func (a arrival) wait(ctx context.Context) error {
	select {
	case err := <-a:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
