package cli

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// followed is what a follower handed out.
type followed[U any] struct {
	update U
	err    error
}

// relay hands on what a follower tells, until it ends or ctx does. done is closed when it has let go of the stream.
func relay[U any](ctx context.Context, all iter.Seq2[U, error]) (updates <-chan followed[U], done <-chan struct{}) {
	out, ended := make(chan followed[U]), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(out)
		for update, err := range all {
			select {
			case out <- followed[U]{update, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, ended
}

// talk is the conversation, from the first line to the survey.
func (c *chat) talk(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	calls, aside := newWorker(running), newCourier(running)
	updates, done := relay(running, c.conversation.Follow(running, kupla.FollowOptions{}))
	defer func() {
		stop()
		<-done
		calls.close()
		aside.close()
	}()

	lines := c.console.input()
	for {
		// Lines wait while a call runs, so that they take effect in order, and until it is known what may be done.
		var next <-chan string
		if !calls.busy && c.snapshot != nil {
			next = lines
		}
		select {
		case told, open := <-updates:
			if !open {
				return c.afterwards(ctx)
			}
			if told.err != nil {
				if ctx.Err() != nil {
					return c.pause()
				}
				// With a refusal the key opens nothing any more.
				c.keep = kupla.ReasonOf(told.err) == kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED
				return told.err
			}
			c.show(told.update, aside)
		case line, open := <-next:
			switch {
			case !open:
				lines = nil // the conversation goes on without further lines
			case strings.TrimSpace(line) == "/quit":
				return c.pause()
			default:
				c.do(line, calls)
			}
		case result := <-calls.results:
			calls.finish(result)
		case <-c.console.keys:
			if can(c.snapshot, kuplav1.Capability_CAPABILITY_SEND_MESSAGE) {
				aside.typing(c.conversation)
			}
		case <-c.console.left:
			return c.pause()
		case <-ctx.Done():
			return c.pause()
		}
	}
}

// pause ends the program but not the conversation.
func (c *chat) pause() error {
	if !c.closed {
		c.console.say(c.texts.LeftOpen)
	}
	return nil
}

// do does what a line says.
func (c *chat) do(line string, calls *worker) {
	text := strings.TrimSpace(line)
	switch {
	case text == "":
	case text == "/help":
		c.console.say(c.texts.ChatHelp)
	case text == "/leave":
		calls.run(func(ctx context.Context) func() {
			_, err := c.conversation.Leave(ctx)
			return func() {
				if err != nil && ctx.Err() == nil {
					c.console.tell(c.texts.LeaveFailed, "reason", c.reason(err))
				}
			}
		})
	case strings.HasPrefix(text, "//"):
		c.send(text[1:], calls)
	case strings.HasPrefix(text, "/"):
		c.console.tell(c.texts.UnknownChatCommand, "command", strings.Fields(text)[0])
	default:
		c.send(text, calls)
	}
}

func (c *chat) send(text string, calls *worker) {
	c.sending++
	calls.run(func(ctx context.Context) func() {
		event, err := c.conversation.Send(ctx, text)
		return func() {
			c.sending--
			if err == nil {
				c.sent[event.GetSequence()] = true
			} else if ctx.Err() == nil {
				c.console.tell(c.texts.NotSent, "reason", c.reason(err))
			}
			c.showOwn()
		}
	})
}

// show tells what happened.
func (c *chat) show(update kupla.Update, aside *courier) {
	switch update.Kind {
	case kupla.UpdateConnected:
		if c.lost {
			c.console.say(c.texts.ConnectionBack)
		}
		c.connected, c.lost = true, false
	case kupla.UpdateDisconnected:
		switch {
		case c.outage: // which is told, and why nothing comes
			return
		case c.lost:
		case c.connected:
			c.console.say(c.texts.ConnectionLost)
		default:
			c.console.tell(c.texts.NotConnected, "server", c.server)
		}
		c.lost = true
	case kupla.UpdateInterrupted:
		c.outage = true
		c.console.say(c.texts.Interrupted)
	case kupla.UpdateRestored:
		c.outage = false
		c.console.say(c.texts.InterruptionOver)
	case kupla.UpdateReset:
		c.console.say(c.texts.StartedOver)
		c.people = c.newPeople(c.people.own)
		c.place, c.closed, c.caughtUp = "", false, false
		clear(c.sent)
	case kupla.UpdateSnapshot:
		c.snapshot = update.Snapshot
		c.people.learn(update.Snapshot)
		if update.Snapshot.GetPlace() != nil {
			c.showPlace(update.Snapshot.GetPlace())
		} else {
			c.place = ""
		}
	case kupla.UpdatePlace:
		c.showPlace(update.Place)
	case kupla.UpdateCaughtUp:
		c.caughtUp = true
	case kupla.UpdateEvent:
		c.showEvent(update.Event)
		if can(c.snapshot, kuplav1.Capability_CAPABILITY_MARK_READ) {
			aside.read(c.conversation, update.Sequence)
		}
	case kupla.UpdateTyping:
		c.console.sayAll(c.people.types(update.Typing.GetParticipantId()))
	case kupla.UpdatePresence:
		c.console.sayAll(c.people.comesOrGoes(update.Presence))
	default: // how far others have read, and what later versions tell
	}
}

// showPlace tells the place and the wait, unless nothing has changed that can be seen.
func (c *chat) showPlace(place *kuplav1.Place) {
	var parts []string
	if place.GetPosition() == 1 {
		parts = append(parts, c.texts.PlaceNext)
	} else {
		parts = append(parts, fill(c.texts.Place, "position", place.GetPosition()))
	}
	if wait, known := c.wait(place.GetEstimate()); known {
		parts = append(parts, fill(c.texts.Wait, "wait", wait))
	} else {
		parts = append(parts, fill(c.texts.NoWait, "reason", wait))
	}
	if late := c.texts.BeforeClosing[place.GetEstimate().GetTurnBeforeClosing()]; late != "" {
		parts = append(parts, late)
		if c.queue.GetPhone() != "" {
			parts = append(parts, fill(c.texts.PhoneInstead, "phone", c.queue.GetPhone()))
		}
	}
	text := strings.Join(parts, " ")
	if text == c.place {
		return
	}
	if place.GetMovedBack() {
		c.console.say(c.texts.MovedBack)
	}
	c.place = text
	c.console.say(text)
	if place.GetHeld() && place.GetHoldExpireTime() != nil {
		c.console.tell(c.texts.PlaceHeld, "time", c.moment(place.GetHoldExpireTime().AsTime()))
	}
}

// showEvent tells an event of the log.
func (c *chat) showEvent(event *kuplav1.Event) {
	switch kind := event.GetKind().(type) {
	case *kuplav1.Event_MessagePosted:
		c.people.wrote(event.GetParticipantId())
		if event.GetParticipantId() == c.people.own && c.caughtUp {
			c.own = append(c.own, event)
			c.showOwn()
			return
		}
		c.console.say(c.people.message(event))
	case *kuplav1.Event_ParticipantJoined:
		c.people.joined(event)
		if joined := kind.ParticipantJoined.GetParticipant(); joined.GetId() != c.people.own {
			c.place = "" // the wait is over
			text := c.texts.CanTalkNow
			if kind.ParticipantJoined.GetInviterParticipantId() != "" {
				text = c.texts.JoinedToo
			}
			c.console.tell(text, "name", c.people.name(joined.GetId()))
		}
	case *kuplav1.Event_ParticipantLeft:
		text, ok := c.texts.Left[kind.ParticipantLeft.GetReason()]
		if !ok {
			text = c.texts.Left[kuplav1.LeaveReason_LEAVE_REASON_UNSPECIFIED]
		}
		c.console.tell(text, "name", c.people.name(kind.ParticipantLeft.GetParticipantId()))
	case *kuplav1.Event_Transferred:
		c.place = ""
		if leader := kind.Transferred.GetParticipantId(); leader != "" {
			c.console.tell(c.texts.TransferredToPerson, "name", c.people.name(leader))
		} else {
			c.console.tell(c.texts.TransferredToQueue, "queue", c.queueName(kind.Transferred.GetQueueId()))
		}
	case *kuplav1.Event_ReturnedToQueue:
		c.place = ""
		text, ok := c.texts.Returned[kind.ReturnedToQueue.GetReason()]
		if !ok {
			text = c.texts.Returned[kuplav1.ReturnReason_RETURN_REASON_UNSPECIFIED]
		}
		c.console.say(text)
	case *kuplav1.Event_Closed:
		c.showClosed(kind.Closed.GetReason())
	}
}

func (c *chat) showClosed(reason kuplav1.CloseReason) {
	c.closed = true
	text, ok := c.texts.Closed[reason]
	if !ok {
		text = c.texts.Closed[kuplav1.CloseReason_CLOSE_REASON_UNSPECIFIED]
	}
	if c.queue.GetPhone() != "" && (reason == kuplav1.CloseReason_CLOSE_REASON_NOT_REACHED ||
		reason == kuplav1.CloseReason_CLOSE_REASON_REDIRECTED_TO_PHONE) {
		text += " " + fill(c.texts.PhoneInstead, "phone", c.queue.GetPhone())
	}
	c.console.say(text)
}

// showOwn shows own messages as the log has them, once it is certain which were sent from here. In a terminal
// those stand there already, as they were written; through pipes they complete the record.
func (c *chat) showOwn() {
	for len(c.own) > 0 {
		event := c.own[0]
		here := c.sent[event.GetSequence()]
		if !here && c.sending > 0 {
			return
		}
		delete(c.sent, event.GetSequence())
		c.own = c.own[1:]
		if !here || c.console.editor == nil {
			c.console.say(c.people.message(event))
		}
	}
}

// afterwards asks how it went. The conversation is closed, and nothing needs to be kept any more.
func (c *chat) afterwards(ctx context.Context) error {
	c.keep = false
	if !c.closed {
		c.showClosed(kuplav1.CloseReason_CLOSE_REASON_UNSPECIFIED)
	}
	if c.options.noSurvey {
		return nil
	}
	quick, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	res, err := c.quick.Resume(c.conversation.Credentials()).Survey(quick)
	if err != nil || len(res.GetSurvey().GetQuestions()) == 0 {
		return nil // the conversation went well; that there is no survey is no failure of it
	}
	return c.survey(ctx, res)
}
