package main

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// service is a simulated month. It drives the board that the server itself has, with the commits that the
// store would tell it of, so that what is told to people is what the server would tell them.
type service struct {
	model  model
	random *rand.Rand
	board  *board.Board
	book   *catalogue.Book
	now    time.Time

	events   events
	sequence int
	version  int64

	staff []*worker
	open  map[string]*talk
	// gone are those who gave up and whose turn has not come, in order of arrival: when it would have come is
	// what they would have waited.
	gone []*answer
	// calls are those waiting on the telephone: when each gives up.
	calls []time.Time

	// known is what the ways of peers go by.
	waits, handled map[string][]float64

	asked []*answer
}

// worker is a professional at work.
type worker struct {
	professional
	id       string
	profile  store.Staff
	leave    func() // ends their stream
	onShift  bool
	onBreak  bool
	calling  bool
	deciding bool
	decision int // the event that they decide by
	talks    map[string]*talk
}

// talk is an open conversation.
type talk struct {
	conversation *chat.Conversation
	answer       *answer
	with         *worker
	end          time.Time
	endEvent     int // the event that ends it; another is out of date
	leave        func()
}

// answer is what somebody was told on arrival, and what came of it.
type answer struct {
	queueID  string
	position int
	at       time.Time
	estimate queue.Estimate
	// average and product are what the peers' ways say, in minutes; negative when they say nothing.
	average, product float64

	gaveUp bool
	// wait is until the turn came, also of somebody who had given up by then. Known tells that it did.
	wait  time.Duration
	known bool
}

// event is something that happens at a time.
type event struct {
	at       time.Time
	sequence int
	do       func()
}

type events []event

func (e *events) Len() int { return len(*e) }
func (e *events) Less(i, j int) bool {
	x, y := (*e)[i], (*e)[j]
	return cmp.Or(x.at.Compare(y.at), x.sequence-y.sequence) < 0
}
func (e *events) Swap(i, j int) { (*e)[i], (*e)[j] = (*e)[j], (*e)[i] }
func (e *events) Push(x any)    { *e = append(*e, x.(event)) } //nolint:forcetypeassert // There is nothing else in it.
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

type fixed struct{ book *catalogue.Book }

func (f fixed) Book() *catalogue.Book { return f.book }

// simulate plays a month of a service, seeded, and returns what everybody who came was told.
func simulate(m model, book *catalogue.Book, start time.Time, days int, seed uint64) []*answer {
	s := &service{
		model: m, book: book, now: start,
		random: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // A simulation is to be repeatable.
		open:   map[string]*talk{},
		waits:  map[string][]float64{}, handled: map[string][]float64{},
	}
	s.board = board.New(hub.New(), fixed{book}, func() time.Time { return s.now }, board.Config{})
	for n, p := range m.staff {
		w := &worker{professional: p, id: fmt.Sprintf("professional-%d", n+1), talks: map[string]*talk{}}
		w.profile = store.Staff{
			ID: w.id, DisplayName: w.id, Roles: []store.Role{store.RoleProfessional}, QueueIDs: p.queues,
			Languages: []string{"fi"}, Capacity: p.capacity, Availability: store.Away, AvailabilityTime: s.now,
		}
		s.staff = append(s.staff, w)
		s.commitStaff(w)
	}
	for d := range days {
		s.planDay(start.AddDate(0, 0, d))
	}
	s.planArrivals(start, days)
	for len(s.events) > 0 {
		e := heap.Pop(&s.events).(event) //nolint:forcetypeassert // There is nothing else in it.
		s.now = e.at
		e.do()
	}
	return s.asked
}

// at plans something and returns its number.
func (s *service) at(t time.Time, do func()) int {
	if t.Before(s.now) {
		t = s.now
	}
	s.sequence++
	heap.Push(&s.events, event{at: t, sequence: s.sequence, do: do})
	return s.sequence
}

func minutes(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }

// planDay plans the shifts and breaks of a day, and the end of its waiting.
func (s *service) planDay(day time.Time) {
	clock := func(hour float64) time.Time { return day.Add(minutes(60 * hour)) }
	for _, w := range s.staff {
		weekend := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
		if weekend && !w.weekends {
			continue
		}
		jitter := func(m float64) time.Duration { return minutes(m * (2*s.random.Float64() - 1)) }
		s.at(clock(w.from).Add(jitter(6)), func() { s.begin(w) })
		middle := (w.from + w.to) / 2
		for _, pause := range []struct{ at, length float64 }{{w.from + 1.6, 12}, {middle, 30}, {w.to - 1.7, 12}} {
			at := clock(pause.at).Add(jitter(25))
			s.at(at, func() { s.pause(w, minutes(pause.length*(0.8+0.4*s.random.Float64()))) })
		}
		s.at(clock(w.to).Add(jitter(5)), func() { s.finish(w) })
	}
}

// planArrivals plans who comes and who calls in the month.
func (s *service) planArrivals(start time.Time, days int) {
	dayFactor := make([]float64, days)
	for d := range dayFactor {
		u := s.model.unevenness
		dayFactor[d] = math.Exp(u*s.random.NormFloat64() - u*u/2)
	}
	// In the order of the catalogue, so that the same seed gives the same month.
	var callTimes []time.Time
	var callWeights []float64
	for _, q := range s.book.Queues() {
		n := s.model.contacts[q.ID]
		if n == 0 {
			continue
		}
		var times []time.Time
		var weights []float64
		end := start.AddDate(0, 0, days)
		for t := start; t.Before(end); {
			opening := q.Policy.Hours.At(t)
			if !opening.Open {
				if opening.Until.IsZero() {
					break
				}
				t = opening.Until
				continue
			}
			until := opening.Until
			if until.IsZero() || until.After(end) {
				until = end
			}
			for ; t.Before(until); t = t.Add(time.Minute) {
				hour := int(t.Sub(opening.Since).Minutes() / 15)
				if opening.Since.IsZero() || opening.Since.Before(t.Add(-24*time.Hour)) {
					hour = (t.Hour()+16)%24*4 + t.Minute()/15 // Open at all hours: counted from eight in the morning.
				}
				times = append(times, t)
				weights = append(weights, s.model.hour[min(hour, len(s.model.hour)-1)]*s.model.weekday[t.Weekday()]*
					dayFactor[int(t.Sub(start).Hours()/24)])
			}
		}
		for _, at := range s.draw(times, weights, n) {
			s.at(at, func() { s.arrive(q.ID) })
		}
		if len(times) > len(callTimes) {
			callTimes, callWeights = times, weights
		}
	}
	for _, at := range s.draw(callTimes, callWeights, s.model.calls) {
		s.at(at, s.ring)
	}
}

// draw draws about n times, each minute as likely as it weighs.
func (s *service) draw(times []time.Time, weights []float64, n int) []time.Time {
	sums := make([]float64, len(weights))
	total := 0.0
	for i, w := range weights {
		total += w
		sums[i] = total
	}
	n += int(math.Sqrt(float64(n)) * s.random.NormFloat64())
	drawn := make([]time.Time, 0, max(n, 0))
	for range n {
		i, _ := slices.BinarySearch(sums, s.random.Float64()*total)
		drawn = append(drawn, times[min(i, len(times)-1)].Add(minutes(s.random.Float64())))
	}
	return drawn
}

// arrive is somebody who starts a conversation.
func (s *service) arrive(queueID string) {
	id := fmt.Sprintf("conversation-%05d", len(s.asked))
	c := chat.Start(chat.StartParams{ID: id, QueueID: queueID, Language: "fi", Now: s.now, Arrival: s.now})
	t := &talk{conversation: c}
	a := &answer{queueID: queueID, at: s.now}
	a.average, a.product = s.peers(queueID)
	t.answer = a
	s.open[id] = t
	s.asked = append(s.asked, a)
	s.commit(nil, c)
	t.leave = s.board.ArriveCustomer(id)
	place, _ := s.board.Place(id)
	a.position, a.estimate = place.Position, place.Estimate
	if a.product >= 0 {
		a.product *= float64(place.Position)
	}
	s.at(s.now.Add(minutes(s.model.patience*s.random.ExpFloat64())), func() { s.giveUp(t) })
	q, _ := s.book.Queue(queueID)
	until, _ := q.Policy.ServedUntil(s.now)
	if !until.IsZero() {
		s.at(until, func() {
			s.giveUp(t)
			s.gone = slices.DeleteFunc(s.gone, func(x *answer) bool { return x == a })
		})
	}
	s.look()
}

// giveUp ends the waiting of somebody who still waits.
func (s *service) giveUp(t *talk) {
	if t.conversation.State != chat.Waiting {
		return
	}
	t.answer.gaveUp = true
	i, _ := slices.BinarySearchFunc(s.gone, t.answer, func(x, y *answer) int { return x.at.Compare(y.at) })
	s.gone = slices.Insert(s.gone, i, t.answer)
	s.change(t, func(c *chat.Conversation) error { return c.LeaveAsCustomer(s.now) })
	t.leave()
	delete(s.open, t.conversation.ID)
}

// ring is a call that comes in; callers give up after some minutes.
func (s *service) ring() {
	s.calls = append(s.calls, s.now.Add(minutes(12*s.random.ExpFloat64())))
	s.look()
}

// callWaits reports whether somebody waits on the telephone.
func (s *service) callWaits() bool {
	s.calls = slices.DeleteFunc(s.calls, func(until time.Time) bool { return until.Before(s.now) })
	return len(s.calls) > 0
}

func (s *service) begin(w *worker) {
	w.onShift = true
	w.leave = s.board.ArriveStaff(w.id)
	s.set(w, store.Available)
	s.look()
}

func (s *service) finish(w *worker) {
	w.onShift = false
	if !w.calling {
		s.set(w, store.Away)
	}
	s.goHome(w)
}

// goHome ends the connection of somebody whose shift is over and whose conversations are.
func (s *service) goHome(w *worker) {
	if !w.onShift && len(w.talks) == 0 && !w.calling && w.leave != nil {
		w.leave()
		w.leave = nil
		s.at(s.now.Add(time.Minute), s.board.Tick)
	}
}

func (s *service) pause(w *worker, length time.Duration) {
	if !w.onShift || w.onBreak {
		return
	}
	if w.calling {
		s.at(s.now.Add(2*time.Minute), func() { s.pause(w, length) })
		return
	}
	w.onBreak = true
	s.set(w, store.Away)
	s.at(s.now.Add(length), func() {
		w.onBreak = false
		if w.onShift {
			s.set(w, store.Available)
			s.look()
		}
	})
}

// set sets what a professional says they do.
func (s *service) set(w *worker, availability store.Availability) {
	if w.profile.Availability != availability {
		w.profile.Availability, w.profile.AvailabilityTime = availability, s.now
		s.commitStaff(w)
	}
}

func (s *service) commitStaff(w *worker) {
	s.board.Committed([]store.Committed{{Staff: []store.Staff{w.profile}}})
}

// look lets everybody who is free see what there is to do. A call that rings is answered at once. Who sets about
// a conversation gets to it after a while, when what they were doing is written down and what the customer has
// written is read; meanwhile they answer no call.
func (s *service) look() {
	for _, w := range s.staff {
		if !w.onShift || w.onBreak || w.calling {
			continue
		}
		waits := s.waitsFor(w)
		if w.deciding {
			w.deciding = waits // A colleague was faster: they turn to something else.
			continue
		}
		if len(w.talks) <= 1 && s.callWaits() && (!waits || s.random.Float64() < s.model.callFirst) {
			s.call(w)
			continue
		}
		if !waits {
			continue
		}
		w.deciding = true
		after := s.model.reaction * math.Exp(s.model.reactionSpread*s.random.NormFloat64())
		if s.random.Float64() < s.model.distracted {
			after += 4 * s.random.ExpFloat64()
		}
		number := 0
		number = s.at(s.now.Add(minutes(after)), func() {
			if !w.deciding || w.decision != number {
				return
			}
			w.deciding = false
			if w.onShift && !w.onBreak && !w.calling {
				s.takeNext(w)
			}
			s.look()
		})
		w.decision = number
	}
}

// waitsFor reports whether somebody waits whom a professional would take.
func (s *service) waitsFor(w *worker) bool {
	_, waits := s.next(w)
	return waits || s.nextGone(w) >= 0
}

// next is whom a professional would take from the lines, if they took on another.
func (s *service) next(w *worker) (string, bool) {
	if len(w.talks) >= w.limit {
		return "", false
	}
	return s.board.Next(w.profile, w.queues, nil)
}

// nextGone is who of those gone would be taken, or -1.
func (s *service) nextGone(w *worker) int {
	if len(w.talks) >= w.limit {
		return -1
	}
	return slices.IndexFunc(s.gone, func(a *answer) bool { return slices.Contains(w.queues, a.queueID) })
}

// takeNext lets a professional take whoever is next. The turns of those who gave up come and go.
func (s *service) takeNext(w *worker) {
	for {
		id, waits := s.next(w)
		i := s.nextGone(w)
		if i < 0 || waits && s.open[id].answer.at.Before(s.gone[i].at) {
			if waits {
				s.take(w, s.open[id])
			}
			return
		}
		s.gone[i].known, s.gone[i].wait = true, s.now.Sub(s.gone[i].at)
		s.gone = slices.Delete(s.gone, i, i+1)
	}
}

func (s *service) call(w *worker) {
	s.calls = s.calls[1:]
	w.calling = true
	if s.random.Float64() < s.model.callMarked {
		s.set(w, store.OnPhone)
	}
	const sigma = 0.7
	length := minutes(s.model.callMean * w.pace * math.Exp(sigma*s.random.NormFloat64()-sigma*sigma/2))
	for _, id := range sortedKeys(w.talks) { // Conversations go on at half pace meanwhile.
		t := w.talks[id]
		s.endAt(t, t.end.Add(length/2))
	}
	s.at(s.now.Add(length), func() {
		w.calling = false
		switch {
		case w.onShift && !w.onBreak:
			s.set(w, store.Available)
		default:
			s.set(w, store.Away)
		}
		s.goHome(w)
		s.look()
	})
}

func (s *service) take(w *worker, t *talk) {
	a := t.answer
	a.known, a.wait = true, s.now.Sub(a.at)
	s.waits[a.queueID] = append(s.waits[a.queueID], a.wait.Minutes())
	s.change(t, func(c *chat.Conversation) error {
		return c.Take(chat.Staff{ID: w.id, DisplayName: w.id}, s.now)
	})
	t.with = w
	length := s.model.handling(s.random, s.model.handlingMean[a.queueID]) * w.pace * (1 + 0.12*float64(len(w.talks)))
	w.talks[t.conversation.ID] = t
	s.endAt(t, s.now.Add(minutes(max(length, 0.5))))
}

// endAt plans when a conversation ends, in place of what was planned.
func (s *service) endAt(t *talk, end time.Time) {
	t.end = end
	number := 0
	number = s.at(end, func() {
		if t.endEvent != number {
			return
		}
		s.close(t)
	})
	t.endEvent = number
}

func (s *service) close(t *talk) {
	c := t.conversation
	s.handled[c.QueueID] = append(s.handled[c.QueueID], s.now.Sub(c.TakeTime).Minutes())
	s.change(t, func(c *chat.Conversation) error { return c.Close(c.Leader().ID, chat.Completed, s.now) })
	t.leave()
	delete(s.open, c.ID)
	delete(t.with.talks, c.ID)
	s.goHome(t.with)
	s.look()
}

// change runs a command of the domain and tells the board, as the store does.
func (s *service) change(t *talk, command func(c *chat.Conversation) error) {
	before := t.conversation
	after := before.Clone()
	if err := command(after); err != nil {
		panic(fmt.Sprintf("the simulation does what the domain refuses: %v", err))
	}
	t.conversation = after
	s.commit(before, after)
}

func (s *service) commit(before, after *chat.Conversation) {
	s.version++
	change := store.Committed{Conversations: []store.ConversationChange{{
		Before: before, After: after, Version: s.version, Events: after.Pending(),
	}}}
	after.Settle()
	if after.State == chat.Closed {
		change.Contacts = []store.Contact{{
			ConversationID: after.ID, QueueID: after.QueueID, Language: after.Language,
			CreateTime: after.CreateTime, TakeTime: after.TakeTime, CloseTime: after.CloseTime,
		}}
	}
	s.board.Committed([]store.Committed{change})
}

// peers returns what the peers' ways would say now: the average of the last waits, and how long one
// conversation takes on average, divided among the professionals at work.
func (s *service) peers(queueID string) (average, each float64) {
	at := 0
	for _, w := range s.staff {
		if w.leave != nil && w.profile.Availability != store.Away && slices.Contains(w.queues, queueID) {
			at++
		}
	}
	average, each = -1, -1
	if waits := s.waits[queueID]; len(waits) >= queue.MinHistory {
		average = mean(waits[max(0, len(waits)-50):])
	}
	if handled := s.handled[queueID]; len(handled) >= queue.MinHistory && at > 0 {
		each = mean(handled[max(0, len(handled)-200):]) / float64(at)
	}
	return average, each
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
