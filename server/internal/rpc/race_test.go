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

// Fifty professionals race for one resident, a thousand times, half of them for that one and half for whoever is next.
// One wins; the others are told so, and see nothing of the conversation.
//
// It calls in process: over loopback the sockets of a hundred streams would take most of the time, and what is raced for
// is behind them.
func TestOneWinsTheResident(t *testing.T) {
	const professionals, rounds = 50, 1000
	// The clock moves by hand, and now and then: what fifty desks are told of each other is not raced for, and would take
	// most of the time.
	clock := newClock(aWednesday)
	s := apptest.New(t, withClock(clock))
	staff := make([]apptest.Clients, professionals)
	desks := make([]*watchedDesk, professionals)
	for i := range staff {
		staff[i] = s.Staff(store.Staff{ID: fmt.Sprintf("racer-%d", i)})
		desks[i] = watchWhole(t, staff[i])
	}
	winners := map[string]int{}      // by conversation
	winnersNames := map[string]int{} // by the resident's name
	takes := make([]error, professionals)
	got := make([]*kuplav1.Conversation, professionals)
	for round := range rounds {
		name := fmt.Sprintf("%d", round)
		res, err := s.Clients("").Conversation.StartConversation(t.Context(), &kuplav1.StartConversationRequest{
			RequestId: newUUID(), QueueId: apptest.Queue, Language: "fi",
			DisplayName: "Kilpailija " + name + ".", Message: "Hei, olen Kilpailija " + name + ".",
		})
		if err != nil {
			t.Fatal(err)
		}
		id := res.GetConversation().GetId()
		begin := make(chan struct{})
		var wait sync.WaitGroup
		for i, c := range staff {
			got[i], takes[i] = nil, nil
			wait.Go(func() {
				<-begin
				if next(i, round) {
					res, err := c.Desk.TakeNext(context.Background(), &kuplav1.TakeNextRequest{RequestId: newUUID()})
					got[i], takes[i] = res.GetConversation(), err
					return
				}
				res, err := c.Desk.TakeConversation(context.Background(),
					&kuplav1.TakeConversationRequest{RequestId: newUUID(), ConversationId: id})
				got[i], takes[i] = res.GetConversation(), err
			})
		}
		close(begin)
		wait.Wait()
		winner := -1
		for i := range staff {
			switch {
			case takes[i] == nil && got[i] != nil:
				if winner >= 0 {
					t.Fatalf("round %d: both %d and %d have taken the conversation", round, winner, i)
				}
				if got[i].GetId() != id {
					t.Fatalf("round %d: %d has taken another conversation", round, i)
				}
				winner = i
			case next(i, round):
				if takes[i] != nil {
					t.Fatalf("round %d: %d, who takes whoever is next: %v", round, i, takes[i])
				}
			default:
				refusalOf(t, takes[i]).want(t, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_ALREADY_TAKEN)
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody has taken the conversation", round)
		}
		winners[id], winnersNames[name] = winner, winner
		for i, c := range staff {
			if i%10 != round%10 && round%25 != 0 {
				continue // Each looks in turn, and all of them now and then.
			}
			_, err := c.Conversation.GetConversation(t.Context(), &kuplav1.GetConversationRequest{ConversationId: id})
			if i == winner {
				if err != nil {
					t.Fatalf("round %d: the winner: %v", round, err)
				}
				continue
			}
			if apptest.Reason(err) != "CONVERSATION_NOT_FOUND" {
				t.Fatalf("round %d: %d, who lost, gets %v", round, i, err)
			}
		}
		if _, err := staff[winner].Desk.CloseConversation(t.Context(), &kuplav1.CloseConversationRequest{
			ConversationId: id, RequestId: newUUID(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
		}); err != nil {
			t.Fatal(err)
		}
		if round%25 == 0 {
			clock.advance(time.Second)
		}
	}
	s.Drain()
	seen, lines := 0, 0
	for i, desk := range desks {
		<-desk.done
		if desk.err != nil {
			t.Errorf("the desk of %d ended with %v", i, desk.err)
		}
		lines += desk.lines
		for id := range desk.told {
			if winners[id] != i {
				t.Errorf("the desk of %d was told of %s, which %d has taken", i, id, winners[id])
			}
			seen++
		}
		for name := range desk.names {
			if winnersNames[name] != i {
				t.Errorf("the desk of %d was told the name or the words of resident %s, whom %d has taken", i, name, winnersNames[name])
			}
		}
	}
	// A desk hears of what it took, also when it is over before it is told; one that is over so soon may be skipped.
	if seen < rounds/2 || lines == 0 {
		t.Errorf("the desks were told of %d conversations and %d lines: they did not follow the race", seen, lines)
	}
}

// next tells whether a professional takes whoever is next in a round, or the conversation itself.
func next(professional, round int) bool { return (professional+round)%2 == 0 }

// However many calls a professional makes at once, they get as many conversations as they may have, and not one more.
func TestCapacityHoldsInARace(t *testing.T) {
	const calls, capacity, rounds = 24, 3, 15
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
