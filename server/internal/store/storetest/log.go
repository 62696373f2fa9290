package storetest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

func init() {
	tests["FollowersNeverMiss"] = followersNeverMiss
	tests["ArrivalsIncrease"] = arrivalsIncrease
	tests["EverythingIsKept"] = everythingIsKept
	tests["CrashLosesNothing"] = crashLosesNothing
	tests["EventsInPages"] = eventsInPages
}

// followersNeverMiss has many write to few conversations while followers read as the hub has them do: woken
// by Committed, reading on from their cursor.
func followersNeverMiss(s *suite) {
	const conversations, writers, each = 4, 16, 25
	s.ok(s.Store.Close())
	ids := names("c", conversations)
	wake := map[string]chan struct{}{}
	next := map[string]int32{} // of Committed alone
	for _, id := range ids {
		wake[id] = make(chan struct{}, 1)
		next[id] = 1
	}
	opened, err := s.Harness.Open(store.Options{Committed: func(batch []store.Committed) {
		for _, c := range batch {
			for _, change := range c.Conversations {
				id := change.After.ID
				for _, e := range change.Events {
					if e.Sequence != next[id] {
						s.Errorf("told of event %d of %s, want %d", e.Sequence, id, next[id])
					}
					next[id]++
				}
				if change.After.LastSequence != next[id]-1 {
					s.Errorf("told of %s at %d with events up to %d", id, change.After.LastSequence, next[id]-1)
				}
				select {
				case wake[id] <- struct{}{}:
				default:
				}
			}
		}
	}})
	s.ok(err)
	s.Store = opened
	s.Cleanup(func() { s.ok(opened.Close()) })
	for _, id := range ids {
		s.startTaken(id, "q")
	}
	const last = 2 + writers*each
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			var cursor int32
			var before time.Time
			for cursor < last {
				events, err := s.Events(s.ctx, id, cursor, 10)
				if err != nil {
					s.Error(err)
					return
				}
				for _, e := range events {
					if e.Sequence != cursor+1 || e.Time.Before(before) {
						s.Errorf("event %d at %v follows %d at %v", e.Sequence, e.Time, cursor, before)
					}
					cursor, before = e.Sequence, e.Time
				}
				if len(events) == 0 {
					// A missed wake shows as a deadlock of the bubble.
					<-wake[id]
				}
			}
		})
	}
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				for _, id := range ids {
					req := request(fmt.Sprint("writer ", w), uint64(i+1), 1)
					if _, err := s.post(req, id, fmt.Sprint(w, i)); err != nil {
						s.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		texts := s.texts(id)
		slices.Sort(texts)
		if n := len(slices.Compact(texts)); n != writers*each {
			s.Errorf("%s has %d different messages, want %d", id, n, writers*each)
		}
	}
}

func arrivalsIncrease(s *suite) {
	// The clock of the bubble stands still, so each has to be moved past the last.
	var wg sync.WaitGroup
	for _, queue := range []string{"p", "q"} {
		for _, id := range names(queue, 30) {
			wg.Go(func() { s.start(id, queue) })
		}
	}
	wg.Wait()
	check := func() map[string]time.Time {
		last := map[string]time.Time{}
		for _, c := range s.heard.all() {
			for _, change := range c.Conversations {
				at := change.After.ArrivalTime
				if !at.After(last[change.After.QueueID]) {
					s.Errorf("arrival %v was given after %v", at, last[change.After.QueueID])
				}
				last[change.After.QueueID] = at
			}
		}
		return last
	}
	last := check()
	s.reopen()
	queues, err := s.Queues(s.ctx)
	s.ok(err)
	if len(queues) != 2 {
		s.Fatalf("queues %+v", queues)
	}
	for _, q := range queues {
		if !q.LastArrival.Equal(last[q.ID]) {
			s.Errorf("%s kept arrival %v, want %v", q.ID, q.LastArrival, last[q.ID])
		}
	}
	s.start("later", "q")
	if at := s.conversation("later").ArrivalTime; !at.After(last["q"]) {
		s.Errorf("after reopening, arrival %v was given after %v", at, last["q"])
	}
	open, err := s.OpenConversations(s.ctx)
	s.ok(err)
	if len(open) != 61 {
		s.Errorf("%d are open, want 61", len(open))
	}
	if !slices.IsSortedFunc(open, func(a, b *chat.Conversation) int { return a.ArrivalTime.Compare(b.ArrivalTime) }) {
		s.Error("open conversations do not come by arrival")
	}
}

// live leads a conversation through much of what can happen and returns its log as it was told.
func (s *suite) live(id string) []chat.Event {
	s.Helper()
	s.staff("maita", 9)
	s.staff("pekka", 9)
	s.heard.take()
	s.start(id, "q")
	rules := chat.TransferRules{Allowed: true, NeedsAgreement: true, CustomerAgreed: true}
	for _, do := range []func(c *chat.Conversation, now time.Time) error{
		func(c *chat.Conversation, now time.Time) error { return c.Post(chat.CustomerID, "päivää 🫧", now) },
		func(c *chat.Conversation, now time.Time) error {
			return c.Take(chat.Staff{ID: "maita", DisplayName: "Maita"}, now)
		},
		func(c *chat.Conversation, now time.Time) error { return c.Post("professional-1", "hei", now) },
		func(c *chat.Conversation, _ time.Time) error {
			_, err := c.MarkRead(c.Customer(), 4)
			return err
		},
		func(c *chat.Conversation, now time.Time) error {
			return c.Invite("professional-1", chat.Staff{ID: "pekka", DisplayName: "Pekka"}, now)
		},
		func(c *chat.Conversation, now time.Time) error {
			return c.TransferToQueue("professional-1", "p", rules, now)
		},
		func(c *chat.Conversation, now time.Time) error {
			return c.Take(chat.Staff{ID: "maita", DisplayName: "Maita"}, now)
		},
		func(c *chat.Conversation, now time.Time) error { return c.Return("professional-3", now) },
		func(c *chat.Conversation, now time.Time) error {
			return c.Take(chat.Staff{ID: "pekka", DisplayName: "Pekka"}, now)
		},
	} {
		time.Sleep(time.Second)
		_, err := s.Change(s.ctx, store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
			return do(w.Conversation(id), w.Now)
		})
		s.ok(err)
	}
	var events []chat.Event
	for _, c := range s.heard.all() {
		for _, change := range c.Conversations {
			events = append(events, change.Events...)
		}
	}
	return events
}

// everythingIsKept compares conversations, open and closed, and their logs, before and after reopening.
func everythingIsKept(s *suite) {
	logs := map[string][]chat.Event{"open": s.live("open"), "closed": s.live("closed")}
	_, err := s.Change(s.ctx, store.Request{}, store.Rows{Conversations: []string{"closed"}}, func(w *store.Work) error {
		return w.Conversation("closed").Close("professional-4", chat.RedirectedToPhone, w.Now)
	})
	s.ok(err)
	logs["closed"] = append(logs["closed"], s.heard.all()[0].Conversations[0].Events...)
	kept := map[string]*chat.Conversation{"open": s.conversation("open"), "closed": s.conversation("closed")}
	for range 2 {
		for _, id := range slices.Sorted(maps.Keys(kept)) {
			// Twice: from the disk and from memory.
			for range 2 {
				if diff := cmp.Diff(kept[id], s.conversation(id), ignorePending); diff != "" {
					s.Errorf("%s (-kept +read):\n%s", id, diff)
				}
			}
			events, err := s.Events(s.ctx, id, 0, 100)
			s.ok(err)
			if diff := cmp.Diff(logs[id], events); diff != "" {
				s.Errorf("log of %s (-told +read):\n%s", id, diff)
			}
			replayed := chat.Replay("q", events)
			if replayed.State != kept[id].State || len(replayed.Participants) != len(kept[id].Participants) {
				s.Errorf("the log of %s replays to %s with %d participants", id, replayed.State, len(replayed.Participants))
			}
		}
		s.reopen()
	}
	// And it can be changed on.
	_, err = s.post(store.Request{}, "open", "vielä")
	s.ok(err)
	_, err = s.post(store.Request{}, "closed", "vielä")
	if !refusal(err, chat.ConversationIsClosed) {
		s.Errorf("a message after the close: %v", err)
	}
}

// crashLosesNothing kills the store while it is written to, again and again. What was acknowledged is
// there, in order and once; what was not may be; and asking again settles which.
func crashLosesNothing(s *suite) {
	const writers, rounds, each = 8, 4, 15
	ids := names("c", writers)
	for _, id := range ids {
		s.startTaken(id, "q")
	}
	sent := make([]int, writers)
	for round := range rounds {
		var mu sync.Mutex
		acknowledged := make([]int, writers) // each writer's messages are numbered from 1
		var stopped bool
		enough := make(chan struct{}, writers)
		var wg sync.WaitGroup
		target := s.Store
		for w, id := range ids {
			wg.Go(func() {
				for n := 1; ; n++ {
					mu.Lock()
					if stopped {
						mu.Unlock()
						return
					}
					sent[w]++
					number := sent[w]
					mu.Unlock()
					_, err := target.Change(s.ctx, request(id, uint64(number), 1), store.Rows{Conversations: []string{id}},
						func(w *store.Work) error {
							return w.Conversation(id).Post(chat.CustomerID, fmt.Sprint(number), w.Now)
						})
					if err != nil {
						s.Errorf("round %d: %v", round, err)
						return
					}
					mu.Lock()
					acknowledged[w] = number
					mu.Unlock()
					if n == each {
						enough <- struct{}{}
					}
				}
			})
		}
		for range writers {
			<-enough
		}
		mu.Lock()
		certain := slices.Clone(acknowledged)
		mu.Unlock()
		s.Harness.Crash(target)
		mu.Lock()
		stopped = true
		mu.Unlock()
		wg.Wait()

		s.open()
		for w, id := range ids {
			texts := s.texts(id)
			for i, text := range texts {
				if text != fmt.Sprint(i+1) {
					s.Fatalf("round %d: %s has %q at %d", round, id, text, i+1)
				}
			}
			if len(texts) < certain[w] || len(texts) > sent[w] {
				s.Fatalf("round %d: %s has %d messages; %d were acknowledged, %d sent", round, id, len(texts), certain[w], sent[w])
			}
			for number := 1; number <= sent[w]; number++ {
				out, err := s.post(request(id, uint64(number), 1), id, fmt.Sprint(number))
				s.ok(err)
				if out.Repeated != (number <= len(texts)) || out.Sequence != int32(number+2) {
					s.Fatalf("round %d: message %d of %s, where %d were kept: %+v", round, number, id, len(texts), out)
				}
			}
		}
	}
}

func eventsInPages(s *suite) {
	s.start("c", "q")
	for i := range 30 {
		_, err := s.post(store.Request{}, "c", fmt.Sprint(i))
		s.ok(err)
	}
	for _, c := range []struct {
		after int32
		limit int
		want  []int32
	}{
		{0, 3, []int32{1, 2, 3}}, {28, 10, []int32{29, 30, 31}}, {31, 10, nil}, {99, 10, nil}, {5, 0, nil}, {30, 1, []int32{31}},
	} {
		for range 2 {
			events, err := s.Events(s.ctx, "c", c.after, c.limit)
			s.ok(err)
			var got []int32
			for _, e := range events {
				got = append(got, e.Sequence)
			}
			if !slices.Equal(got, c.want) {
				s.Errorf("%d events after %d: %v, want %v", c.limit, c.after, got, c.want)
			}
		}
	}
}
