package storetest

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

var logTests = map[string]func(*suite){
	"FollowersNeverMiss": followersNeverMiss,
	"ArrivalsIncrease":   arrivalsIncrease,
	"EverythingIsKept":   everythingIsKept,
	"CrashLosesNothing":  crashLosesNothing,
	"EventsInPages":      eventsInPages,
}

// wakes is how followers are woken, as the hub does it: one slot for each conversation. It also checks what
// is told.
type wakes struct {
	*suite
	slots map[string]chan struct{}
	next  map[string]int32 // the event that comes next, by conversation; of Committed alone
}

func (w *wakes) committed(batch []store.Committed) {
	for _, c := range batch {
		for _, change := range c.Conversations {
			id := change.After.ID
			for _, e := range change.Events {
				if e.Sequence != w.next[id] {
					w.Errorf("told of event %d of %s, want %d", e.Sequence, id, w.next[id])
				}
				w.next[id]++
			}
			if change.After.LastSequence != w.next[id]-1 {
				w.Errorf("told of %s at %d with events up to %d", id, change.After.LastSequence, w.next[id]-1)
			}
			select {
			case w.slots[id] <- struct{}{}:
			default:
			}
		}
	}
}

// follow reads a log as it grows, up to an event.
func (w *wakes) follow(id string, last int32) {
	var cursor int32
	var before time.Time
	for cursor < last {
		events, err := w.Events(w.Context(), id, cursor, 10)
		if err != nil {
			w.Error(err)
			return
		}
		for _, e := range events {
			if e.Sequence != cursor+1 || e.Time.Before(before) {
				w.Errorf("event %d at %v follows %d at %v", e.Sequence, e.Time, cursor, before)
			}
			cursor, before = e.Sequence, e.Time
		}
		if len(events) == 0 {
			select {
			case <-w.slots[id]:
			case <-time.After(time.Minute):
				w.Errorf("nobody woke who follows %s at event %d", id, cursor)
				return
			}
		}
	}
}

// followersNeverMiss has many write to few conversations while followers read on from their cursor whenever
// they are woken.
func followersNeverMiss(s *suite) {
	const conversations, writers, each = 4, 16, 25
	s.ok(s.Close())
	ids := names("c", conversations)
	w := &wakes{suite: s, slots: map[string]chan struct{}{}, next: map[string]int32{}}
	for _, id := range ids {
		w.slots[id] = make(chan struct{}, 1)
		w.next[id] = 1
	}
	opened, err := s.Open(store.Options{Committed: w.committed, Now: s.now})
	s.ok(err)
	s.Store = opened
	s.Cleanup(func() { s.ok(opened.Close()) })
	for _, id := range ids {
		s.startTaken(id, "q")
	}
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() { w.follow(id, 2+writers*each) })
	}
	for n := range writers * each {
		wg.Go(func() {
			for _, id := range ids {
				if _, err := s.post(request("writer", uint64(n+1), 1), id, strconv.Itoa(n)); err != nil {
					s.Error(err)
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
	// The clock stands still, so each has to be moved past the last.
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
	queues, err := s.Queues(s.Context())
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
	open, err := s.OpenConversations(s.Context())
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
		s.pass(time.Second)
		_, err := s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
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
	_, err := s.Change(s.Context(), store.Request{}, store.Rows{Conversations: []string{"closed"}}, func(w *store.Work) error {
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
			events, err := s.Events(s.Context(), id, 0, 100)
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

// numbered is one who writes numbered messages to a conversation of their own.
type numbered struct {
	id string
	mu sync.Mutex
	// sent and acknowledged are the last numbers; stopped ends the writing.
	sent, acknowledged int
	stopped            bool
	// dying tells that nobody waits for an answer any more.
	dying bool
	// settled is the last number that was asked for again.
	settled int
}

// next is the number to write, 0 when there is none.
func (n *numbered) next() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return 0
	}
	n.sent++
	return n.sent
}

// write writes until it is stopped, and tells once when so many have been acknowledged.
func (n *numbered) write(s *suite, enough int, tell func()) {
	target := s.Store
	for count := 1; ; count++ {
		number := n.next()
		if number == 0 {
			return
		}
		_, err := target.Change(s.Context(), request(n.id, uint64(number), 1), store.Rows{Conversations: []string{n.id}},
			func(w *store.Work) error {
				return w.Conversation(n.id).Post(chat.CustomerID, strconv.Itoa(number), w.Now)
			})
		n.mu.Lock()
		if err == nil {
			n.acknowledged = number
		} else if !n.dying {
			s.Error(err)
		}
		n.mu.Unlock()
		if err != nil {
			return
		}
		if count == enough {
			tell()
		}
	}
}

// crashLosesNothing kills the store while it is written to, again and again. What was acknowledged is
// there, in order and once; what was not may be; and asking again settles which.
func crashLosesNothing(s *suite) {
	const writers, rounds, each = 8, 4, 15
	all := make([]*numbered, writers)
	for i, id := range names("c", writers) {
		s.startTaken(id, "q")
		all[i] = &numbered{id: id}
	}
	for range rounds {
		var wg, enough sync.WaitGroup
		enough.Add(writers)
		for _, n := range all {
			n.stopped, n.dying = false, false
			wg.Go(func() { n.write(s, each, enough.Done) })
		}
		enough.Wait()
		certain := make([]int, writers)
		for i, n := range all {
			n.mu.Lock()
			certain[i], n.dying = n.acknowledged, true
			n.mu.Unlock()
		}
		s.Crash(s.Store)
		for _, n := range all {
			n.mu.Lock()
			n.stopped = true
			n.mu.Unlock()
		}
		wg.Wait()
		s.open()
		for i, n := range all {
			s.settle(n, certain[i])
		}
	}
}

// settle checks what is kept of what was sent, and asks again for all that was sent since the last time, and for some
// of what was before.
func (s *suite) settle(n *numbered, certain int) {
	s.Helper()
	texts := s.texts(n.id)
	for i, text := range texts {
		if text != strconv.Itoa(i+1) {
			s.Fatalf("%s has %q at %d", n.id, text, i+1)
		}
	}
	if len(texts) < certain || len(texts) > n.sent {
		s.Fatalf("%s has %d messages; %d were acknowledged, %d sent", n.id, len(texts), certain, n.sent)
	}
	const some = 7
	for number := 1; number <= n.sent; number++ {
		if number <= n.settled && number%some != 0 {
			continue
		}
		out, err := s.post(request(n.id, uint64(number), 1), n.id, strconv.Itoa(number))
		s.ok(err)
		if out.Repeated != (number <= len(texts)) || out.Sequence != int32(number+2) {
			s.Fatalf("message %d of %s, where %d were kept: %+v", number, n.id, len(texts), out)
		}
	}
	n.settled = n.sent
}

func eventsInPages(s *suite) {
	s.start("c", "q")
	for i := range 30 {
		_, err := s.post(store.Request{}, "c", strconv.Itoa(i))
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
			events, err := s.Events(s.Context(), "c", c.after, c.limit)
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
