package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// takersOnEach is how many professionals race on each server.
const takersOnEach = 3

// RaceReport is how races for residents went.
type RaceReport struct {
	// Rounds is how many races for one resident there were, and Wins how many of them each server's professionals won.
	Rounds int   `json:"rounds"`
	Wins   []int `json:"wins"`
	// Refused is how many were told that somebody else was quicker.
	Refused int `json:"refused"`
	// Lines is how many lines were taken from both ends of the cluster at once, Taken how many residents were.
	Lines int `json:"lines"`
	Taken int `json:"taken"`
	// Problems are what must not be.
	Problems []string `json:"problems"`
}

// race is the races on one cluster.
type race struct {
	*Cluster

	takers []*taker
	report RaceReport
	mu     sync.Mutex
}

// taker is a professional at one server.
type taker struct {
	id     string
	server int
	client *kupla.Client
	// other is of another server, for what is asked again there.
	other *kupla.Client
}

func (r *race) problemf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Problems = append(r.report.Problems, fmt.Sprintf(format, args...))
}

// Race has professionals on all servers take one resident so many times, and then take lines of residents so many
// times. The catalogue must have been applied.
func Race(ctx context.Context, c *Cluster, rounds, lines int) (*RaceReport, error) {
	r := &race{Cluster: c, report: RaceReport{Wins: make([]int, len(c.Servers)), Problems: []string{}}}
	defer func() {
		for _, t := range r.takers {
			t.client.Close()
			t.other.Close()
		}
	}()
	for i := range takersOnEach * len(c.Servers) {
		t := &taker{id: fmt.Sprintf("racer-%d", i), server: i % len(c.Servers)}
		token, err := c.staff(ctx, t.id)
		if err != nil {
			return nil, err
		}
		if t.client, err = c.available(ctx, t.server, token); err != nil {
			return nil, err
		}
		t.other = kupla.New(c.Servers[(t.server+1)%len(c.Servers)].URL(), kupla.WithStaffToken(token))
		r.takers = append(r.takers, t)
	}
	for i := range rounds {
		if err := r.round(ctx, i); err != nil {
			return &r.report, err
		}
	}
	for i := range lines {
		if err := r.line(ctx, i); err != nil {
			return &r.report, err
		}
	}
	return &r.report, nil
}

// round is one race for one resident.
func (r *race) round(ctx context.Context, number int) error {
	client, conversation, err := r.start(ctx, number%len(r.Servers))
	if err != nil {
		return err
	}
	defer client.Close()
	id := conversation.ID()
	requests := make([]*kuplav1.TakeConversationRequest, len(r.takers))
	won := make([]bool, len(r.takers))
	errs := make([]error, len(r.takers))
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i, t := range r.takers {
		requests[i] = &kuplav1.TakeConversationRequest{ConversationId: id, RequestId: uuid.NewString()}
		all.Go(func() {
			<-begin
			won[i], errs[i] = take(ctx, t.client, requests[i])
		})
	}
	close(begin)
	all.Wait()
	var winner *taker
	for i, t := range r.takers {
		switch {
		case errs[i] != nil:
			return fmt.Errorf("round %d, %s: %w", number, t.id, errs[i])
		case !won[i]:
			r.report.Refused++
		case winner != nil:
			r.problemf("round %d: both %s and %s took %s", number, winner.id, t.id, id)
		default:
			winner = t
		}
	}
	if winner == nil {
		r.problemf("round %d: nobody took %s", number, id)
		return nil
	}
	r.report.Rounds++
	r.report.Wins[winner.server]++
	// The same requests again, at the other server: the same answers.
	for i, t := range r.takers {
		again, err := take(ctx, t.other, requests[i])
		if err != nil {
			return fmt.Errorf("round %d, %s again: %w", number, t.id, err)
		}
		if again != won[i] {
			r.problemf("round %d: %s was answered %t, and %t elsewhere", number, t.id, won[i], again)
		}
	}
	if err := r.joined(ctx, conversation, winner); err != nil {
		return err
	}
	_, err = winner.client.Desk().Close(ctx, id, kuplav1.CloseReason_CLOSE_REASON_COMPLETED)
	return err
}

// take takes a conversation; false is that somebody else has it. Any other refusal is an error.
func take(ctx context.Context, client *kupla.Client, request *kuplav1.TakeConversationRequest) (bool, error) {
	_, err := client.DeskService().TakeConversation(ctx, request)
	if kupla.ReasonOf(err) == kuplav1.ErrorReason_ERROR_REASON_ALREADY_TAKEN {
		return false, nil
	}
	return err == nil, err
}

// joined looks that the log has the winner, and nobody else.
func (r *race) joined(ctx context.Context, conversation *kupla.Conversation, winner *taker) error {
	var joined []string
	for event, err := range winner.other.Conversation(conversation.ID()).Events(ctx) {
		if err != nil {
			return err
		}
		if p := event.GetParticipantJoined().GetParticipant(); p.GetRole() == kuplav1.ParticipantRole_PARTICIPANT_ROLE_PROFESSIONAL {
			joined = append(joined, p.GetProfessionalId())
		}
	}
	if !slices.Equal(joined, []string{winner.id}) {
		r.problemf("%s was taken by %s, and the log has %v", conversation.ID(), winner.id, joined)
	}
	return nil
}

// lineLength is how many residents wait when a line is taken.
const lineLength = 8

// taking is one answer to the wish for who is next.
type taking struct {
	taker       *taker
	id          string
	begun, done time.Time
}

// line has all professionals take whoever is next until nobody waits.
func (r *race) line(ctx context.Context, number int) error {
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	var order []string
	for i := range lineLength {
		client, conversation, err := r.start(ctx, (number+i)%len(r.Servers))
		if err != nil {
			return err
		}
		order = append(order, conversation.ID())
		following.Go(func() {
			defer client.Close()
			for _, err := range conversation.Follow(ctx, kupla.FollowOptions{}) {
				if err != nil && ctx.Err() == nil {
					r.problemf("line %d: a follower ended: %v", number, err)
				}
			}
		})
	}
	// From when both servers tell of them all, the order is known everywhere.
	for _, t := range r.takers[:len(r.Servers)] {
		if err := t.waitFor(ctx, order); err != nil {
			return err
		}
	}
	answers, errs := make([][]taking, len(r.takers)), make([]error, len(r.takers))
	var all sync.WaitGroup
	for i, t := range r.takers {
		all.Go(func() { answers[i], errs[i] = t.takeAll(ctx) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("line %d: %w", number, err)
	}
	taken := slices.Concat(answers...)
	r.judgeLine(number, order, taken)
	for _, one := range taken {
		if _, err := one.taker.other.Desk().Close(ctx, one.id, kuplav1.CloseReason_CLOSE_REASON_COMPLETED); err != nil {
			return err
		}
	}
	return nil
}

// takeAll takes whoever is next until nobody waits.
func (t *taker) takeAll(ctx context.Context) (taken []taking, err error) {
	for {
		begun := time.Now()
		c, err := t.client.Desk().TakeNext(ctx)
		if err != nil || c == nil {
			return taken, err
		}
		taken = append(taken, taking{taker: t, id: c.GetId(), begun: begun, done: time.Now()})
	}
}

// judgeLine looks that everybody was taken once, and nobody before one who came earlier: who is asked for after another
// was given comes after that one.
func (r *race) judgeLine(number int, order []string, taken []taking) {
	r.report.Lines++
	r.report.Taken += len(taken)
	times := map[string]int{}
	for _, one := range taken {
		times[one.id]++
	}
	for _, id := range order {
		if times[id] != 1 {
			r.problemf("line %d: %s was taken %d times", number, id, times[id])
		}
	}
	if len(times) != len(order) {
		r.problemf("line %d: %d were taken of a line of %d", number, len(times), len(order))
	}
	for _, one := range taken {
		for _, later := range taken {
			if one.done.Before(later.begun) && slices.Index(order, one.id) > slices.Index(order, later.id) {
				r.problemf("line %d: %s was taken %s after %s, who came later", number, later.id, later.begun.Sub(one.done), one.id)
			}
		}
	}
}

// toldWithin bounds how long it may take until something that happened at one server is told at another one.
const toldWithin = 10 * time.Second

// waitFor waits until the professional's desk tells that all of them wait, and are there.
func (t *taker) waitFor(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, toldWithin)
	defer cancel()
	for update, err := range t.client.WatchDesk(ctx, kupla.WatchDeskOptions{}) {
		if err != nil {
			return fmt.Errorf("%s is not told of a line: %w", t.id, err)
		}
		here := map[string]bool{}
		lines := update.Snapshot.GetWaiting()
		if update.Waiting != nil {
			lines = append(lines, update.Waiting)
		}
		for _, line := range lines {
			for _, e := range line.GetEntries() {
				here[e.GetConversationId()] = e.GetPresent()
			}
		}
		if !slices.ContainsFunc(ids, func(id string) bool { return !here[id] }) {
			return nil
		}
	}
	return ctx.Err()
}
