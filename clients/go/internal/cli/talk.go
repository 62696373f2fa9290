package cli

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

const (
	// typingLasts is how long a sign of typing holds, typingRenews how often it is renewed while it lasts.
	typingLasts  = 6 * time.Second
	typingRenews = 3 * time.Second
)

// people knows who takes part in a conversation.
type people struct {
	app    *app
	own    string // the own participant id, where it is known
	byID   map[string]*kuplav1.Participant
	typing map[string]time.Time // when each last showed signs of typing
	absent map[string]bool
}

func (a *app) newPeople(own string) *people {
	return &people{
		app:    a,
		own:    own,
		byID:   make(map[string]*kuplav1.Participant),
		typing: make(map[string]time.Time),
		absent: make(map[string]bool),
	}
}

// learn takes in everybody in a conversation.
func (p *people) learn(snapshot *kuplav1.ConversationSnapshot) {
	for _, participant := range snapshot.GetConversation().GetParticipants() {
		p.byID[participant.GetId()] = participant
	}
	for _, presence := range snapshot.GetPresences() {
		p.absent[presence.GetParticipantId()] = !presence.GetPresent()
	}
}

// joined takes in one who came.
func (p *people) joined(event *kuplav1.Event) {
	if participant := event.GetParticipantJoined().GetParticipant(); participant != nil {
		p.byID[participant.GetId()] = participant
	}
}

// name returns what to call somebody.
func (p *people) name(id string) string {
	participant := p.byID[id]
	switch {
	case id != "" && id == p.own:
		return p.app.texts.You
	case participant.GetDisplayName() != "":
		return oneLine(participant.GetDisplayName())
	case participant.GetRole() == kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER:
		return p.app.texts.Customer
	default:
		return p.app.texts.Professional
	}
}

// customer returns what to call the customer.
func (p *people) customer() string {
	for id, participant := range p.byID {
		if participant.GetRole() == kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER {
			return p.name(id)
		}
	}
	return p.app.texts.Customer
}

// types returns what to say when somebody else shows signs of typing: something when they begin, nothing
// while they go on.
func (p *people) types(id string) string {
	if id == p.own {
		return ""
	}
	last := p.typing[id]
	p.typing[id] = time.Now()
	if time.Since(last) < typingLasts {
		return ""
	}
	return fill(p.app.texts.Typing, "name", p.name(id))
}

// wrote notes that somebody wrote, which ends their typing.
func (p *people) wrote(id string) { delete(p.typing, id) }

// comesOrGoes returns what to say when somebody else's connection comes or goes, or nothing if that is no
// news.
func (p *people) comesOrGoes(presence *kuplav1.Presence) string {
	id := presence.GetParticipantId()
	was := p.absent[id]
	p.absent[id] = !presence.GetPresent()
	switch {
	case id == p.own, was == !presence.GetPresent(), p.byID[id] == nil:
		return ""
	case was:
		return fill(p.app.texts.CameBack, "name", p.name(id))
	default:
		return fill(p.app.texts.WentAway, "name", p.name(id))
	}
}

// message returns a message as a line.
func (p *people) message(event *kuplav1.Event) string {
	return p.app.clock(event.GetCreateTime()) + " " + p.name(event.GetParticipantId()) + ": " +
		indented(event.GetMessagePosted().GetText())
}

// can reports whether the caller may do something with a conversation now.
func can(snapshot *kuplav1.ConversationSnapshot, wanted kuplav1.Capability) bool {
	return slices.Contains(snapshot.GetConversation().GetCapabilities(), wanted)
}

// courier tells the service how far one has read and that one is typing, beside everything else: neither may
// hold up the conversation, and each matters only until the next.
type courier struct {
	ctx     context.Context //nolint:containedctx // it lives as long as the command
	mu      sync.Mutex
	marks   map[string]mark
	running bool
	typed   time.Time
	wait    sync.WaitGroup
}

type mark struct {
	conversation *kupla.Conversation
	sequence     int32
}

func newCourier(ctx context.Context) *courier {
	return &courier{ctx: ctx, marks: make(map[string]mark)}
}

// read tells that everything up to an event was read.
func (c *courier) read(conversation *kupla.Conversation, sequence int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sequence <= c.marks[conversation.ID()].sequence {
		return
	}
	c.marks[conversation.ID()] = mark{conversation, sequence}
	if !c.running {
		c.running = true
		c.wait.Go(c.deliver)
	}
}

func (c *courier) deliver() {
	for {
		next, ok := c.next()
		if !ok {
			return
		}
		// Failing is no loss: the next mark says more.
		_, _ = next.conversation.MarkRead(c.ctx, next.sequence)
	}
}

func (c *courier) next() (mark, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, next := range c.marks {
		delete(c.marks, id)
		return next, true
	}
	c.running = false
	return mark{}, false
}

// typing tells that one is typing, as often as that needs to be told.
func (c *courier) typing(conversation *kupla.Conversation) {
	if time.Since(c.typed) < typingRenews {
		return
	}
	c.typed = time.Now()
	c.wait.Go(func() { _ = conversation.SetTyping(c.ctx) }) // it may be lost
}

// close waits for what is on its way. The context must have ended.
func (c *courier) close() { c.wait.Wait() }

// worker runs the calls that lines ask for beside the loop, one at a time, and hands back what is to be done
// in the loop afterwards.
type worker struct {
	ctx     context.Context //nolint:containedctx // it lives as long as the command
	results chan func()
	busy    bool
	wait    sync.WaitGroup
}

func newWorker(ctx context.Context) *worker {
	return &worker{ctx: ctx, results: make(chan func())}
}

// run runs call, and its result in the loop.
func (w *worker) run(call func(context.Context) (result func())) {
	w.busy = true
	w.wait.Go(func() {
		result := call(w.ctx)
		select {
		case w.results <- result:
		case <-w.ctx.Done():
		}
	})
}

// finish runs a result. The loop calls it with what comes from results.
func (w *worker) finish(result func()) {
	w.busy = false
	result()
}

// close waits for the call that runs. The context must have ended.
func (w *worker) close() { w.wait.Wait() }
