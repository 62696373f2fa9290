package rpc_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/reflect/protoreflect"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// watchedDesk reads the stream of one desk, and remembers which conversations and names it was told of, but for the
// entries of those who wait: everybody may know of those, and they have no names.
type watchedDesk struct {
	done chan struct{}

	// Written by the reader until done is closed.
	told  map[string]bool
	names map[string]bool
	lines int // frames of who waits
	err   error
}

func watchWhole(t *testing.T, c apptest.Clients) *watchedDesk {
	t.Helper()
	stream, err := c.Desk.WatchDesk(context.Background(), &kuplav1.WatchDeskRequest{})
	if err != nil {
		t.Fatal(err)
	}
	w := &watchedDesk{done: make(chan struct{}), told: map[string]bool{}, names: map[string]bool{}}
	// Its part in the race begins once it is told what there is.
	first, err := stream.Receive()
	if err != nil {
		t.Fatal(err)
	}
	w.read(first.ProtoReflect())
	go func() {
		defer close(w.done)
		for {
			frame, err := stream.Receive()
			if err != nil {
				w.err = err
				return
			}
			if frame.GetWaiting() != nil {
				w.lines++
			}
			w.read(frame.ProtoReflect())
			if frame.GetGoAway() != nil {
				return
			}
		}
	}()
	return w
}

// read takes the conversations and names out of a frame. The line is looked at for names only.
func (w *watchedDesk) read(m protoreflect.Message) {
	line := m.Descriptor().FullName() == "kupla.v1.Waiting"
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		one := func(v protoreflect.Value) {
			switch {
			case fd.Message() != nil && !line:
				w.read(v.Message())
			case fd.Message() != nil:
				w.names[racerName(fmt.Sprint(v.Message().Interface()))] = true
			case fd.Kind() == protoreflect.StringKind:
				text := v.String()
				if fd.Name() == "conversation_id" || fd.Name() == "id" && m.Descriptor().Name() == "Conversation" {
					w.told[text] = true
				}
				w.names[racerName(text)] = true
			}
		}
		if fd.IsList() {
			for i := range v.List().Len() {
				one(v.List().Get(i))
			}
		} else {
			one(v)
		}
		return true
	})
	delete(w.names, "")
}

// racerName is the name or the message of one of the residents in a text; empty when there is none.
func racerName(text string) string {
	_, name, found := strings.Cut(text, "Kilpailija ")
	if !found {
		return ""
	}
	number, _, _ := strings.Cut(name, ".")
	return number
}

// race is what professionals race in, round by round.
type race struct {
	s     *apptest.Server
	staff []apptest.Clients
	// winners are who has won, by conversation and by the resident's name.
	winners, winnersNames map[string]int
}

const racers = 50

func newRace(t *testing.T, options ...apptest.Option) *race {
	t.Helper()
	r := &race{s: apptest.New(t, options...), winners: map[string]int{}, winnersNames: map[string]int{}}
	for i := range racers {
		r.staff = append(r.staff, r.s.Staff(store.Staff{ID: fmt.Sprintf("racer-%d", i), Languages: []string{"fi"}}))
	}
	return r
}

// next tells whether a professional takes whoever is next in a round, as two of fifty do, or the conversation itself.
func next(professional, round int) bool { return (professional+round)%25 == 0 }

// run lets all of them race for one resident, and returns who won. There must be one, and the others must be told.
func (r *race) run(t *testing.T, round int) (id string, winner int) {
	t.Helper()
	name := fmt.Sprint(round)
	res, err := r.s.Clients("").Conversation.StartConversation(t.Context(), &kuplav1.StartConversationRequest{
		RequestId: newUUID(), QueueId: apptest.Queue, Language: "fi",
		DisplayName: "Kilpailija " + name + ".", Message: "Hei, olen Kilpailija " + name + ".",
	})
	if err != nil {
		t.Fatal(err)
	}
	id = res.GetConversation().GetId()
	taken, errs := make([]*kuplav1.Conversation, len(r.staff)), make([]error, len(r.staff))
	begin := make(chan struct{})
	var wait sync.WaitGroup
	for i, c := range r.staff {
		wait.Go(func() {
			<-begin
			if next(i, round) {
				res, err := c.Desk.TakeNext(context.Background(), &kuplav1.TakeNextRequest{RequestId: newUUID()})
				taken[i], errs[i] = res.GetConversation(), err
				return
			}
			res, err := c.Desk.TakeConversation(context.Background(),
				&kuplav1.TakeConversationRequest{RequestId: newUUID(), ConversationId: id})
			taken[i], errs[i] = res.GetConversation(), err
		})
	}
	close(begin)
	wait.Wait()
	winner = -1
	for i := range r.staff {
		switch {
		case errs[i] == nil && taken[i] != nil:
			if winner >= 0 || taken[i].GetId() != id {
				t.Fatalf("round %d: %d has taken %s, and %d has taken %s", round, i, taken[i].GetId(), winner, id)
			}
			winner = i
		case next(i, round):
			if errs[i] != nil {
				t.Fatalf("round %d: %d, who takes whoever is next: %v", round, i, errs[i])
			}
		default:
			refusalOf(t, errs[i]).want(t, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_ALREADY_TAKEN)
		}
	}
	if winner < 0 {
		t.Fatalf("round %d: nobody has taken the conversation", round)
	}
	r.winners[id], r.winnersNames[name] = winner, winner
	return id, winner
}

// end closes the conversation, so that the winner may win again.
func (r *race) end(t *testing.T, id string, winner int) {
	t.Helper()
	if _, err := r.staff[winner].Desk.CloseConversation(t.Context(), &kuplav1.CloseConversationRequest{
		ConversationId: id, RequestId: newUUID(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
	}); err != nil {
		t.Fatal(err)
	}
}

// Fifty professionals race for one resident, a thousand times: some for that one, some for whoever is next. One wins,
// the others are told so, and the conversation is none that they know of.
//
// They call in process: over loopback the sockets would take most of the time, and what is raced for is behind them.
func TestOneWinsTheResident(t *testing.T) {
	r := newRace(t)
	for round := range 1000 {
		id, winner := r.run(t, round)
		loser := (winner + 1 + round%(racers-1)) % racers
		_, err := r.staff[loser].Conversation.GetConversation(t.Context(), &kuplav1.GetConversationRequest{ConversationId: id})
		if apptest.Reason(err) != "CONVERSATION_NOT_FOUND" {
			t.Fatalf("round %d: %d, who lost, gets %v", round, loser, err)
		}
		r.end(t, id, winner)
	}
}

// Those who lose see nothing: all fifty follow their desks while they race, and each looks for the conversation
// afterwards. What a desk is told of a conversation that somebody else took is an entry of the line, without a name.
func TestLosersSeeNothing(t *testing.T) {
	const rounds = 20
	clock := newClock(aWednesday)
	r := newRace(t, withClock(clock))
	desks := make([]*watchedDesk, racers)
	for i := range desks {
		desks[i] = watchWhole(t, r.staff[i])
	}
	for round := range rounds {
		id, winner := r.run(t, round)
		for i, c := range r.staff {
			_, err := c.Conversation.GetConversation(t.Context(), &kuplav1.GetConversationRequest{ConversationId: id})
			switch {
			case i == winner && err != nil:
				t.Fatalf("round %d: the winner: %v", round, err)
			case i != winner && apptest.Reason(err) != "CONVERSATION_NOT_FOUND":
				t.Fatalf("round %d: %d, who lost, gets %v", round, i, err)
			}
		}
		// A line is told at most four times a second, so time must pass for it to be told at all.
		clock.advance(time.Second)
		r.end(t, id, winner)
	}
	r.s.Drain()
	told, lines := 0, 0
	for i, desk := range desks {
		<-desk.done
		if desk.err != nil {
			t.Errorf("the desk of %d ended with %v", i, desk.err)
		}
		lines += desk.lines
		for id := range desk.told {
			if r.winners[id] != i {
				t.Errorf("the desk of %d was told of %s, which %d has taken", i, id, r.winners[id])
			}
			told++
		}
		for name := range desk.names {
			if r.winnersNames[name] != i {
				t.Errorf("the desk of %d was told the name or the words of resident %s, whom %d has taken", i, name, r.winnersNames[name])
			}
		}
	}
	if told < rounds/2 || lines < rounds {
		t.Errorf("the desks were told of %d conversations and %d lines: they did not follow the race", told, lines)
	}
}

// However many calls a professional makes at once, they get as many conversations as they may have, and not one more.
func TestCapacityHoldsInARace(t *testing.T) {
	const calls, capacity, rounds = 24, 3, 5
	next := func(call, round int) bool { return (call+round)%3 == 0 }
	s := apptest.New(t)
	nurse := s.Staff(store.Staff{ID: "nurse", Capacity: capacity})
	for round := range rounds {
		ids := make([]string, calls)
		customers := make([]apptest.Customer, calls)
		for i := range ids {
			customers[i] = s.Start(apptest.Queue)
			ids[i] = customers[i].ID
		}
		taken, errs := make([]string, calls), make([]error, calls)
		begin := make(chan struct{})
		var wait sync.WaitGroup
		for i := range calls {
			wait.Go(func() {
				<-begin
				if next(i, round) {
					res, err := nurse.Desk.TakeNext(context.Background(), &kuplav1.TakeNextRequest{RequestId: newUUID()})
					taken[i], errs[i] = res.GetConversation().GetId(), err
					return
				}
				res, err := nurse.Desk.TakeConversation(context.Background(),
					&kuplav1.TakeConversationRequest{RequestId: newUUID(), ConversationId: ids[i]})
				taken[i], errs[i] = res.GetConversation().GetId(), err
			})
		}
		close(begin)
		wait.Wait()
		have := map[string]bool{}
		for i := range calls {
			if errs[i] == nil {
				if taken[i] == "" || have[taken[i]] {
					t.Errorf("round %d: call %d has taken %q", round, i, taken[i])
				}
				have[taken[i]] = true
				continue
			}
			r := refusalOf(t, errs[i])
			// One of the calls may have named a conversation that another of them took as the next.
			if r.reason == "ALREADY_PARTICIPANT" && !next(i, round) {
				continue
			}
			r.want(t, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_CAPACITY_REACHED)
			if r.metadata["capacity"] != "3" {
				t.Errorf("round %d: metadata is %v", round, r.metadata)
			}
		}
		if len(have) != capacity {
			t.Fatalf("round %d: %d conversations, want %d", round, len(have), capacity)
		}
		for _, c := range customers {
			if _, err := c.Conversation.LeaveConversation(t.Context(), &kuplav1.LeaveConversationRequest{
				ConversationId: c.ID, RequestId: newUUID(),
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
