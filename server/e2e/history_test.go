package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

const (
	pairs        = 20
	messagesEach = 100 // by each of the two of a pair
	nurses       = 4
	kills        = 8
	total        = 2 * pairs * messagesEach
	deadline     = 3 * time.Minute
)

// acknowledged is a message that the service said it has.
type acknowledged struct {
	sender   string
	index    int
	sequence int32
	text     string
}

// pair is a customer, and what both parties and the test know of their conversation.
type pair struct {
	conversation *kupla.Conversation
	nurse        int

	mu       sync.Mutex
	acked    []acknowledged
	customer []*kuplav1.Event // as the customer's follower handed them out
	staff    []*kuplav1.Event // as the desk's follower handed them out
}

// Every acknowledged message is there exactly once and in order, in both parties' histories and in the
// store, while the server is killed and started again, connections are cut, answers are lost and requests are
// repeated.
func TestHistories(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	s := startServer(t)
	p := startProxy(t, s.address, 50*time.Millisecond, 1500*time.Millisecond)
	options := []kupla.Option{
		kupla.WithRetry(kupla.RetryPolicy{
			Backoff: kupla.Backoff{Initial: 10 * time.Millisecond, Max: 300 * time.Millisecond}, AttemptTimeout: 2 * time.Second, MaxElapsed: -1,
		}),
		kupla.WithReconnect(kupla.Backoff{Initial: 10 * time.Millisecond, Max: 300 * time.Millisecond}),
	}
	client := func(more ...kupla.Option) *kupla.Client {
		c := kupla.New(p.url(), append(append([]kupla.Option{}, options...), more...)...)
		t.Cleanup(c.Close)
		return c
	}
	h := &histories{t: t, byID: map[string]*pair{}}
	var followers, senders sync.WaitGroup

	desks := make([]*kupla.Client, nurses)
	for i := range desks {
		token := s.token(fmt.Sprintf("nurse-%d", i), "--role", "professional", "--queue", "emergency-help",
			"--language", "fi", "--capacity", "50")
		desks[i] = client(kupla.WithStaffToken(token))
		followers.Go(func() { h.watchDesk(ctx, desks[i]) })
	}
	for range pairs {
		c := client()
		conversation, err := c.Start(ctx, kupla.StartOptions{QueueID: "emergency-help"})
		if err != nil {
			t.Fatalf("start: %v", err)
		}
		one := &pair{conversation: conversation}
		h.add(one)
		followers.Go(func() { h.follow(ctx, one) })
	}
	for taken := 0; taken < pairs; {
		i := taken % nurses
		conv, err := desks[i].Desk().TakeNext(ctx)
		if err != nil {
			t.Fatalf("take: %v", err)
		}
		if conv == nil { // its customer has not connected yet
			time.Sleep(10 * time.Millisecond)
			continue
		}
		h.byID[conv.GetId()].nurse = i
		taken++
	}

	var repeats, acked atomic.Int32
	for _, one := range h.all() {
		senders.Go(func() { h.send(ctx, one, one.conversation, "customer", &repeats, &acked) })
		staff := desks[one.nurse].Conversation(one.conversation.ID())
		senders.Go(func() { h.send(ctx, one, staff, "nurse", &repeats, &acked) })
	}
	// By how much has been acknowledged and not by time, so that it happens as often on any machine.
	for killed := range int32(kills) {
		for acked.Load() < (killed+1)*total/(kills+1) && !t.Failed() {
			time.Sleep(5 * time.Millisecond)
		}
		s.kill()
		s.start()
	}
	senders.Wait()
	p.relent()
	for _, one := range h.all() {
		if _, err := desks[one.nurse].Desk().Close(ctx, one.conversation.ID(), kuplav1.CloseReason_CLOSE_REASON_COMPLETED); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	followers.Wait()
	s.kill() // what was acknowledged is on the disk, whether or not anybody said goodbye
	messages := h.check(ctx, s.database)
	t.Logf("%d messages in %d conversations; %d kills, %d cuts, %d requests repeated on purpose",
		messages, pairs, kills, p.counted(), repeats.Load())
}

// histories is what is known of all pairs.
type histories struct {
	t    *testing.T
	mu   sync.Mutex
	byID map[string]*pair
}

func (h *histories) add(p *pair) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byID[p.conversation.ID()] = p
}

func (h *histories) get(id string) *pair {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byID[id]
}

func (h *histories) all() []*pair {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*pair
	for _, p := range h.byID {
		all = append(all, p)
	}
	return all
}

// follow keeps what a customer is handed until the conversation is closed.
func (h *histories) follow(ctx context.Context, p *pair) {
	for update, err := range p.conversation.Follow(ctx, kupla.FollowOptions{}) {
		if err != nil {
			h.t.Errorf("customer's follower: %v", err)
			return
		}
		if update.Kind == kupla.UpdateReset {
			h.t.Errorf("customer's follower was reset: %v", update.Reset)
		}
		if update.Kind == kupla.UpdateEvent {
			p.mu.Lock()
			p.customer = append(p.customer, update.Event)
			p.mu.Unlock()
		}
	}
}

// watchDesk keeps what a professional is handed until every conversation taken has left the desk again.
func (h *histories) watchDesk(ctx context.Context, c *kupla.Client) {
	open, closed := map[string]bool{}, 0
	for update, err := range c.WatchDesk(ctx, kupla.WatchDeskOptions{}) {
		if err != nil {
			h.t.Errorf("desk's follower: %v", err)
			return
		}
		switch update.Kind { //nolint:exhaustive // The rest is no history.
		case kupla.DeskReset:
			h.t.Errorf("desk's follower was reset: %v", update.Reset)
		case kupla.DeskEvent:
			p := h.get(update.ConversationID)
			p.mu.Lock()
			p.staff = append(p.staff, update.Event)
			p.mu.Unlock()
			open[update.ConversationID] = true
		case kupla.DeskConversationRemoved:
			if update.Removal != kuplav1.RemovalReason_REMOVAL_REASON_CLOSED {
				h.t.Errorf("conversation left the desk: %v", update.Removal)
			}
			delete(open, update.ConversationID)
			closed++
			if closed == pairs/nurses {
				return
			}
		}
	}
}

// send writes messages one after the other. Some are sent again under the same id once they are
// acknowledged, as by a client that lost its memory of the answer.
func (h *histories) send(ctx context.Context, p *pair, c *kupla.Conversation, sender string, repeats, acked *atomic.Int32) {
	for i := range messagesEach {
		id := uuid.NewString()
		text := fmt.Sprintf("%s %d of %s", sender, i, p.conversation.ID())
		event, err := c.SendWithID(ctx, id, text)
		if err != nil {
			h.t.Errorf("send: %v", err)
			return
		}
		p.mu.Lock()
		p.acked = append(p.acked, acknowledged{sender, i, event.GetSequence(), text})
		p.mu.Unlock()
		acked.Add(1)
		if rand.N(8) == 0 {
			repeats.Add(1)
			again, err := c.SendWithID(ctx, id, text)
			if err != nil {
				h.t.Errorf("send again: %v", err)
				return
			}
			if diff := cmp.Diff(event, again, protocmp.Transform()); diff != "" {
				h.t.Errorf("the repeat names another event (-first +again):\n%s", diff)
			}
		}
		time.Sleep(rand.N(40 * time.Millisecond))
	}
}

// check compares all histories whole, and returns how many messages there are.
func (h *histories) check(ctx context.Context, database string) int {
	h.t.Helper()
	st, err := sqlite.Open(ctx, database, store.Options{})
	if err != nil {
		h.t.Fatalf("open the store after the last kill: %v", err)
	}
	defer func() { _ = st.Close() }()
	messages := 0
	for _, p := range h.all() {
		id := p.conversation.ID()
		stored, err := st.Events(ctx, id, 0, 100_000)
		if err != nil {
			h.t.Fatal(err)
		}
		messages += h.checkOne(p, stored)
	}
	return messages
}

func (h *histories) checkOne(p *pair, stored []chat.Event) int {
	h.t.Helper()
	id := p.conversation.ID()
	for name, events := range map[string][]*kuplav1.Event{"customer": p.customer, "professional": p.staff} {
		if len(events) != len(stored) {
			h.t.Errorf("%s: the %s has %d events, the store %d", id, name, len(events), len(stored))
			continue
		}
		for i, e := range events {
			text, _ := stored[i].Kind.(chat.MessagePosted)
			if e.GetSequence() != int32(i+1) || stored[i].Sequence != e.GetSequence() ||
				e.GetMessagePosted().GetText() != text.Text || !e.GetCreateTime().AsTime().Equal(stored[i].Time) {
				h.t.Errorf("%s: event %d of the %s is %v, of the store %v", id, i+1, name, e, stored[i])
				break
			}
		}
	}
	times := map[string]int{}
	messages := 0
	for i, e := range stored {
		if i > 0 && e.Time.Before(stored[i-1].Time) {
			h.t.Errorf("%s: event %d is earlier than the one before", id, e.Sequence)
		}
		if m, ok := e.Kind.(chat.MessagePosted); ok {
			times[m.Text]++
			messages++
		}
	}
	last := map[string]int32{}
	for _, a := range p.acked {
		if times[a.text] != 1 {
			h.t.Errorf("%s: %q was acknowledged and is stored %d times", id, a.text, times[a.text])
		}
		if m, ok := stored[a.sequence-1].Kind.(chat.MessagePosted); !ok || m.Text != a.text {
			h.t.Errorf("%s: %q was acknowledged as %d, where %v is", id, a.text, a.sequence, stored[a.sequence-1])
		}
		if a.sequence <= last[a.sender] {
			h.t.Errorf("%s: %q came before the one sent before it", id, a.text)
		}
		last[a.sender] = a.sequence
	}
	if messages != len(p.acked) || messages != 2*messagesEach {
		h.t.Errorf("%s: %d messages stored, %d acknowledged, %d sent", id, messages, len(p.acked), 2*messagesEach)
	}
	return messages
}
