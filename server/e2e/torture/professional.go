package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/history"
)

// capacity is how many conversations a professional has at once.
const capacity = 6

// revokedWithin is how long after its token was revoked a professional may still be served: the 15 seconds that are
// promised, and what the faults of connections add until the professional can be told.
const revokedWithin = 60 * time.Second

// professional is somebody at a desk, day after day.
type professional struct {
	run    *run
	id     string
	random *rand.Rand

	mu             sync.Mutex
	token, tokenID string
	revoked        time.Time // when the token before this one was
	// desk is what the follower was handed of each conversation on it; waiting is who it says waits.
	desk    map[string]*history.View
	waiting []string
	cursor  string
	// heard is when the desk was heard of last while all was told.
	heard time.Time
}

func (r *run) newProfessional(ctx context.Context, number int) (*professional, error) {
	p := &professional{run: r, id: fmt.Sprintf("staff-%d", number), desk: map[string]*history.View{}}
	p.random = r.random(p.id)
	err := p.newToken(ctx)
	return p, err
}

// newToken makes a token for the professional.
func (p *professional) newToken(ctx context.Context) error {
	flags := []string{"--role", "professional", "--language", "fi", "--capacity", strconv.Itoa(capacity)}
	for _, q := range queues {
		flags = append(flags, "--queue", q)
	}
	token, id, err := p.run.admin.Token(ctx, p.id, flags...)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.token, p.tokenID = token, id
	}
	return err
}

func (p *professional) credentials() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.token
}

// live works, goes and comes back.
func (p *professional) live(ctx context.Context) {
	for ctx.Err() == nil {
		p.session(ctx)
		if p.run.calm.Load() {
			pause(ctx, 100*time.Millisecond)
			continue
		}
		away := between(p.random, 100*time.Millisecond, 2*time.Second)
		if p.random.IntN(3) == 0 {
			p.run.count(faults, "professional gone for long")
			away = between(p.random, 5*time.Second, 12*time.Second)
		} else {
			p.run.count(faults, "professional gone")
		}
		p.run.away(ctx, away)
	}
}

// shift is one time at the desk, with one token.
type shift struct {
	*professional

	token   string
	clients []*kupla.Client
	leave   context.CancelFunc
	tending sync.WaitGroup

	mu    sync.Mutex
	tends map[string]context.CancelFunc
}

func (p *professional) session(ctx context.Context) {
	length := between(p.random, 5*time.Second, 60*time.Second)
	if p.run.calm.Load() {
		length = 10 * time.Minute
	}
	here, leave := context.WithTimeout(ctx, length)
	defer leave()
	s := &shift{professional: p, token: p.credentials(), leave: leave, tends: map[string]context.CancelFunc{}}
	s.clients = []*kupla.Client{p.run.client(p.random, s.token), p.run.client(p.random, s.token)}
	defer func() {
		for _, c := range s.clients {
			c.Close()
		}
	}()
	random := p.run.random(fmt.Sprintf("watch %s %d", p.id, p.run.number()))
	fresh := p.random.IntN(3) == 0
	var both sync.WaitGroup
	both.Go(func() {
		defer leave()
		s.watch(here, random, fresh)
	})
	both.Go(func() { s.take(here) })
	both.Wait()
	s.tending.Wait()
}

// watch follows the desk and keeps what it is handed.
func (s *shift) watch(ctx context.Context, random *rand.Rand, fresh bool) {
	s.professional.mu.Lock()
	if fresh {
		s.cursor = ""
	}
	if s.cursor == "" {
		clear(s.desk)
	}
	options := kupla.WatchDeskOptions{Cursor: s.cursor}
	s.professional.mu.Unlock()
	caughtUp := false
	for update, err := range s.clients[0].WatchDesk(ctx, options) {
		if err != nil {
			s.ended(ctx, err)
			return
		}
		switch update.Kind { //nolint:exhaustive // The rest is no history.
		case kupla.DeskConnected:
			s.run.streams.Add(1)
		case kupla.DeskDisconnected:
			caughtUp = false
			s.run.lost("", update.Connection)
			continue
		case kupla.DeskCaughtUp:
			caughtUp = true
		case kupla.DeskReset:
			s.run.anomalyf("reset", "", "%s's desk was reset: %v", s.id, update.Reset)
			s.professional.mu.Lock()
			s.cursor = ""
			s.professional.mu.Unlock()
			return
		case kupla.DeskSnapshot:
			for _, c := range update.Snapshot.GetConversations() {
				s.tend(ctx, c.GetConversation().GetId())
			}
		case kupla.DeskWaiting:
			s.heardOf(update.Waiting)
		case kupla.DeskConversationAdded:
			s.arrived(update.ConversationID)
			s.tend(ctx, update.ConversationID)
		case kupla.DeskEvent:
			s.record(update.ConversationID, func(rec *record, v *history.View) { rec.hand(v, update.Event) })
			if random.IntN(2000) == 0 && !s.run.calm.Load() {
				s.run.count(faults, "follower that stops to think")
				pause(ctx, between(random, 100*time.Millisecond, 3*time.Second))
			}
		case kupla.DeskConversationRemoved:
			s.removed(update.ConversationID)
		}
		s.professional.mu.Lock()
		if s.token != s.professional.token && time.Since(s.revoked) > revokedWithin {
			s.run.anomalyf("revoked token", "", "%s's desk is still followed with a token that was revoked at %s", s.id, s.revoked)
			s.leave()
		}
		s.cursor = update.Cursor
		if caughtUp {
			s.heard = time.Now()
		}
		s.professional.mu.Unlock()
		s.run.keepDeskCursor(random, update.Cursor)
	}
}

// ended deals with the end of the following: the professional's time is over, or the token is.
func (s *shift) ended(ctx context.Context, err error) {
	away, told := errors.AsType[*kupla.GoAwayError](err)
	switch {
	case ended(ctx, err):
	case s.token != s.credentials() && told && away.Reason == kuplav1.GoAwayReason_GO_AWAY_REASON_TOKEN_ENDED:
		s.run.count(trials, "stream of a revoked token ended")
	case s.token != s.credentials() && connect.CodeOf(err) == connect.CodeUnauthenticated:
		s.run.count(trials, "revoked token refused")
	default:
		s.run.anomalyf("follower", "", "%s's following of the desk ended: %v", s.id, err)
	}
}

// record finds the view that goes on for a conversation on the desk, or begins one.
func (p *professional) record(id string, do func(*record, *history.View)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rec := p.run.record(id)
	v := p.desk[id]
	if v == nil {
		v = rec.view(p.id, "SDK desk", 0)
		p.desk[id] = v
	}
	do(rec, v)
}

// arrived begins a view anew.
func (p *professional) arrived(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.desk, id)
}

// removed ends a view. It must have reached the event that says why; except where the clock was stepped while the
// professional was away, since only for some minutes by the clock somebody who was away is told the last events.
func (s *shift) removed(id string) {
	s.professional.mu.Lock()
	// What was heard last may have been under way for as long as a reader can be stalled.
	strict := !s.heard.IsZero() && !s.run.clock.steppedSince(s.heard.Add(-30*time.Second))
	if v := s.desk[id]; v != nil && strict {
		s.run.record(id).mark(v, func(v *history.View) { v.Removed = true })
	}
	delete(s.desk, id)
	s.professional.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if stop := s.tends[id]; stop != nil {
		stop()
	}
}

func (p *professional) heardOf(w *kuplav1.Waiting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = p.waiting[:0]
	for _, e := range w.GetEntries() {
		p.waiting = append(p.waiting, e.GetConversationId())
	}
}

func (p *professional) busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.desk)
}

// take takes whoever is next, or sometimes somebody out of the line, where colleagues may be quicker.
func (s *shift) take(ctx context.Context) {
	if _, err := s.clients[0].Desk().SetAvailability(ctx, kuplav1.Availability_AVAILABILITY_AVAILABLE); err != nil {
		s.refused(ctx, "", "set availability", err)
	}
	for pause(ctx, between(s.random, 30*time.Millisecond, 300*time.Millisecond)) {
		if s.busy() >= capacity {
			continue
		}
		switch s.random.IntN(10) {
		case 0:
			s.race(ctx)
		case 1:
			s.takeTwice(ctx)
		default:
			if _, err := s.clients[s.random.IntN(2)].Desk().TakeNext(ctx); err != nil {
				s.refused(ctx, "", "take next", err, kuplav1.ErrorReason_ERROR_REASON_CAPACITY_REACHED)
			}
		}
	}
}

// race takes somebody whom the desk says waits.
func (s *shift) race(ctx context.Context) {
	s.professional.mu.Lock()
	waiting := slices.Clone(s.waiting)
	s.professional.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	id := waiting[s.random.IntN(min(3, len(waiting)))]
	s.run.count(trials, "conversation taken out of the line")
	if _, err := s.clients[0].Desk().Take(ctx, id); err != nil {
		s.refused(ctx, id, "take", err, kuplav1.ErrorReason_ERROR_REASON_CAPACITY_REACHED,
			kuplav1.ErrorReason_ERROR_REASON_ALREADY_TAKEN, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED,
			kuplav1.ErrorReason_ERROR_REASON_ALREADY_PARTICIPANT)
	}
}

// takeTwice asks for the next by two equal requests at once, which must give one conversation.
func (s *shift) takeTwice(ctx context.Context) {
	s.run.count(trials, "take doubled at once")
	request := &kuplav1.TakeNextRequest{RequestId: uuid.NewString()}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var both sync.WaitGroup
	var taken [2]string
	for i, c := range s.clients {
		both.Go(func() {
			response, err := c.DeskService().TakeNext(ctx, request)
			taken[i] = response.GetConversation().GetId()
			if err != nil && ctx.Err() == nil {
				s.refused(ctx, "", "take next", err, kuplav1.ErrorReason_ERROR_REASON_CAPACITY_REACHED)
			}
		})
	}
	both.Wait()
	if taken[0] != "" && taken[1] != "" && taken[0] != taken[1] {
		s.run.anomalyf("take", taken[0], "one request took %s, too", taken[1])
	}
}

// refused deals with a refusal of anything that a professional does.
func (s *shift) refused(ctx context.Context, conversation, what string, err error, expected ...kuplav1.ErrorReason) {
	const invalid = kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID
	if ended(ctx, err) {
		return
	}
	if s.token != s.credentials() {
		expected = append(expected, invalid)
	}
	if s.run.refusal(conversation, s.id+" "+what, err, expected...) == invalid {
		s.leave()
	}
}

// tend begins to talk in a conversation that is on the desk.
func (s *shift) tend(ctx context.Context, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tends[id] != nil || ctx.Err() != nil {
		return
	}
	here, stop := context.WithCancel(ctx)
	s.tends[id] = stop
	random := s.run.random(fmt.Sprintf("tend %s %s %d", s.id, id, s.run.number()))
	s.tending.Go(func() {
		t := &tending{shift: s, id: id, random: random, quota: 10 + random.IntN(200)}
		t.party = &party{
			run: s.run, record: s.run.record(id), sender: s.id, random: random,
			handles: []*kupla.Conversation{s.clients[0].Conversation(id), s.clients[1].Conversation(id)},
		}
		t.run(here)
		s.mu.Lock()
		defer s.mu.Unlock()
		stop()
		delete(s.tends, id)
	})
}

// tending is one professional's part in one conversation.
type tending struct {
	*shift

	id     string
	random *rand.Rand
	quota  int
	party  *party
}

func (t *tending) run(ctx context.Context) {
	for {
		if t.shift.run.draining.Load() {
			t.close(ctx)
			if !pause(ctx, 200*time.Millisecond) {
				return
			}
			continue
		}
		if t.shift.run.gate.Wait(ctx) != nil || !t.party.talk(ctx) {
			return
		}
		t.quota--
		if t.quota < 0 || t.random.IntN(25) == 0 {
			t.act(ctx)
		}
	}
}

// mayLose are the refusals of somebody who has just lost the conversation, or the lead in it.
var mayLose = []kuplav1.ErrorReason{
	kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED,
	kuplav1.ErrorReason_ERROR_REASON_NOT_LEADING,
}

func (t *tending) close(ctx context.Context) {
	if _, err := t.clients[0].Desk().Close(ctx, t.id, kuplav1.CloseReason_CLOSE_REASON_COMPLETED); err != nil {
		t.refused(ctx, t.id, "close", err, mayLose...)
	}
}

// act does something with the conversation as a whole.
func (t *tending) act(ctx context.Context) {
	desk := t.clients[t.random.IntN(2)].Desk()
	colleague := fmt.Sprintf("staff-%d", t.random.IntN(t.shift.run.config.Professionals))
	target := queues[t.random.IntN(len(queues))]
	options := kupla.TransferOptions{CustomerAgreed: true}
	var err error
	expected := mayLose
	var what string
	dice := t.random.IntN(12)
	if dice < 5 && t.random.IntN(3) == 0 && !t.shift.run.calm.Load() {
		// Passes it on and is gone: what their desk says of it then is told only when they are back.
		t.shift.run.count(faults, "professional gone while passing on")
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		t.leave()
	}
	switch {
	case dice < 2:
		what = "transfer to queue"
		_, err = desk.TransferToQueue(ctx, t.id, target, options)
		expected = append(expected, kuplav1.ErrorReason_ERROR_REASON_TRANSFER_NOT_ALLOWED)
	case dice < 4:
		what = "transfer to colleague"
		_, err = desk.TransferToProfessional(ctx, t.id, colleague, options)
		expected = append(expected, cannotCome...)
	case dice < 5:
		what = "return"
		_, err = desk.ReturnToQueue(ctx, t.id)
	case dice < 7:
		what = "invite"
		_, err = desk.Invite(ctx, t.id, colleague)
		expected = append(expected, cannotCome...)
	case dice < 8:
		what = "leave"
		_, err = t.party.handles[0].Leave(ctx)
		expected = append(expected, kuplav1.ErrorReason_ERROR_REASON_LAST_PROFESSIONAL)
	case dice < 9:
		what = "note"
		_, err = desk.AddNote(ctx, t.id, "Muistiinpano")
	default:
		if t.quota < 0 {
			t.close(ctx)
			return
		}
		what = "typing"
		err = t.party.handles[0].SetTyping(ctx)
	}
	t.shift.run.count(trials, what)
	if err != nil {
		t.refused(ctx, t.id, what, err, expected...)
	}
}

// cannotCome are the refusals because of the colleague.
var cannotCome = []kuplav1.ErrorReason{
	kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_AVAILABLE, kuplav1.ErrorReason_ERROR_REASON_ALREADY_PARTICIPANT,
	kuplav1.ErrorReason_ERROR_REASON_CAPACITY_REACHED, kuplav1.ErrorReason_ERROR_REASON_TRANSFER_NOT_ALLOWED,
}

// keepDeskCursor keeps some cursors of desks, for others to try.
func (r *run) keepDeskCursor(random *rand.Rand, cursor string) {
	if random.IntN(50) != 0 || cursor == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cursors) < 64 {
		r.cursors = append(r.cursors, cursor)
	} else {
		r.cursors[random.IntN(len(r.cursors))] = cursor
	}
}

// revoke takes a professional's token away and gives them another one. That the old one is served no longer shows
// itself in the shift that has it: it must end.
func (p *professional) revoke(ctx context.Context) error {
	p.mu.Lock()
	old, id := p.token, p.tokenID
	p.revoked = time.Now()
	p.mu.Unlock()
	if err := p.newToken(ctx); err != nil {
		return err
	}
	if err := p.run.admin.RevokeToken(ctx, id); err != nil {
		return err
	}
	p.mu.Lock()
	p.revoked = time.Now()
	p.mu.Unlock()
	p.run.later.Go(func() {
		if pause(ctx, revokedWithin) {
			p.checkRevoked(ctx, old)
		}
	})
	return nil
}

// checkRevoked looks that a revoked token is not served.
func (p *professional) checkRevoked(ctx context.Context, token string) {
	client := kupla.New(p.run.servers[0].URL(), kupla.WithStaffToken(token))
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := client.DeskService().ListCannedReplies(ctx, &kuplav1.ListCannedRepliesRequest{})
	switch {
	case err == nil:
		p.run.anomalyf("revoked token", "", "%s is still served with a token that was revoked %s ago", p.id, revokedWithin)
	case connect.CodeOf(err) == connect.CodeUnauthenticated:
		p.run.count(trials, "revoked token tried later")
	}
}
