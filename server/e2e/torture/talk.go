package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/history"
)

// party is one side of one conversation, and how it writes: once, repeatedly, at once, out of turn.
type party struct {
	run    *run
	record *record
	sender string
	random *rand.Rand
	// handles are on the same conversation, over connections of their own.
	handles []*kupla.Conversation
	earlier []sent // some that were acknowledged
}

// sent is a message and the id that it was sent under.
type sent struct {
	*history.Message

	id string
}

// keptEarlier is how many acknowledged messages are kept to be repeated.
const keptEarlier = 16

func (p *party) handle() *kupla.Conversation { return p.handles[p.random.IntN(len(p.handles))] }

func (p *party) compose() sent {
	// Some are long, so that frames and pages of the disk are torn at other places.
	filler := strings.Repeat("ä", p.random.IntN(40))
	if p.random.IntN(50) == 0 {
		filler = strings.Repeat("pitkä viesti ", 100+p.random.IntN(150))
	}
	text := fmt.Sprintf("%s %d %s", p.sender, p.run.number(), filler)
	return sent{Message: p.record.write(p.sender, text), id: uuid.NewString()}
}

// talk writes something in one of the ways. It reports whether the party may go on.
func (p *party) talk(ctx context.Context) bool {
	dice := p.random.IntN(100)
	switch {
	case dice < 8:
		p.run.count(trials, "request doubled at once")
		return p.double(ctx)
	case dice < 14:
		p.run.count(trials, "requests out of turn")
		return p.overtake(ctx)
	case dice < 20 && len(p.earlier) > 0:
		p.run.count(trials, "request repeated later")
		return p.repeat(ctx, p.earlier[p.random.IntN(len(p.earlier))])
	case dice < 21 && len(p.earlier) > 0:
		p.run.count(trials, "request id with other content")
		return p.reuse(ctx, p.earlier[p.random.IntN(len(p.earlier))])
	default:
		return p.once(ctx, p.handle(), p.compose())
	}
}

// once sends one message until it is answered.
func (p *party) once(ctx context.Context, handle *kupla.Conversation, m sent) bool {
	ok, goOn := p.attempt(ctx, handle, m)
	p.keep(ok, m)
	return goOn
}

func (p *party) keep(acknowledged bool, m sent) {
	switch {
	case !acknowledged:
	case len(p.earlier) < keptEarlier:
		p.earlier = append(p.earlier, m)
	default:
		p.earlier[p.random.IntN(keptEarlier)] = m
	}
}

// attempt sends a message and keeps what was answered.
func (p *party) attempt(ctx context.Context, handle *kupla.Conversation, m sent) (acknowledged, goOn bool) {
	event, err := handle.SendWithID(ctx, m.id, m.Text)
	if err == nil {
		if event.GetMessagePosted().GetText() != m.Text {
			p.run.anomalyf("answer", handle.ID(), "%q was answered with %v", m.Text, event)
		}
		if p.record.acknowledge(m.Message, event.GetSequence()) {
			p.run.acked.Add(1)
		}
		return true, true
	}
	return false, p.refused(ctx, handle, m, err)
}

// refused deals with a refusal of a message. It reports whether the party may go on.
func (p *party) refused(ctx context.Context, handle *kupla.Conversation, m sent, err error) bool {
	if ended(ctx, err) {
		return false
	}
	const (
		closed      = kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED
		tooLong     = kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_TOO_LONG
		accessEnded = kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED
		credentials = kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID
	)
	expected := []kuplav1.ErrorReason{closed, tooLong}
	if p.sender != history.Customer {
		expected = append(expected, accessEnded, credentials)
	}
	reason := p.run.refusal(handle.ID(), "send", err, expected...)
	// What a customer is refused because the conversation is closed is not stored, and was not before: a repeat of
	// what is stored is answered also then. A professional may have lost the access to ask.
	if p.sender == history.Customer && reason == closed {
		p.record.refuse(m.Message)
	}
	return false
}

// double sends one message several times at once.
func (p *party) double(ctx context.Context) bool {
	m := p.compose()
	var all sync.WaitGroup
	acknowledged, goOn := make([]bool, 3), make([]bool, 3)
	for i := range acknowledged {
		handle, delay := p.handle(), time.Duration(p.random.Int64N(int64(5*time.Millisecond)))
		all.Go(func() {
			time.Sleep(delay)
			acknowledged[i], goOn[i] = p.attempt(ctx, handle, m)
		})
	}
	all.Wait()
	p.keep(acknowledged[0], m)
	return goOn[0] && goOn[1] && goOn[2]
}

// overtake sends two messages of which the second may be first.
func (p *party) overtake(ctx context.Context) bool {
	first, second := p.compose(), p.compose()
	one, other := p.handle(), p.handle()
	var all sync.WaitGroup
	var goOn bool
	all.Go(func() { _, goOn = p.attempt(ctx, one, second) })
	also := p.once(ctx, other, first)
	all.Wait()
	return goOn && also
}

// repeat sends again what was acknowledged, as a client does that lost its memory. The answer must be the same.
func (p *party) repeat(ctx context.Context, m sent) bool {
	handle := p.handle()
	event, err := handle.SendWithID(ctx, m.id, m.Text)
	if err == nil {
		p.record.acknowledge(m.Message, event.GetSequence())
		return true
	}
	if ended(ctx, err) {
		return false
	}
	if p.sender == history.Customer {
		p.run.anomalyf("repeat", handle.ID(), "%q was acknowledged, and its repeat refused: %v", m.Text, err)
		return false
	}
	return p.refused(ctx, handle, m, err)
}

// reuse sends something else under the id of what was acknowledged. It must be refused.
func (p *party) reuse(ctx context.Context, m sent) bool {
	handle := p.handle()
	event, err := handle.SendWithID(ctx, m.id, m.Text+" ja muuta")
	if err == nil {
		p.run.anomalyf("reuse", handle.ID(), "the id of %q was used for other content and answered with %v", m.Text, event)
		return true
	}
	if ended(ctx, err) {
		return false
	}
	const reused = kuplav1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED
	if p.sender == history.Customer {
		p.run.refusal(handle.ID(), "reuse of a request id", err, reused)
		return true
	}
	reason := p.run.refusal(handle.ID(), "reuse of a request id", err, reused,
		kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED,
		kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID)
	return reason == reused
}
