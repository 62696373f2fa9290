package queue

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"time"
)

// MinHistory is how many finished conversations an estimate needs at least. With fewer the range would say
// more about those few than about the next ones.
const MinHistory = 10

const (
	// runs is how many futures a forecast plays through. Drawn as they are by draws, the ends of the range are
	// then off by about one case in a hundred. It is the number of values that a byte has; see draws.
	runs = 1 << 8
	// outside is how many of the runs lie below the range, and how many above: one in ten each.
	outside = runs / 10
	// exactTurns is how many turns are played out one by one at least. After that, and after every slot has
	// come free about twice, how the slots stood at first no longer shows, and sums do. Of very many slots
	// mostExactTurns show how they stand well enough.
	exactTurns     = 32
	mostExactTurns = 512
	// farthest is the last position that is played out; those beyond are extended in proportion.
	farthest = 1_000_000
	// longest is a year, in seconds: more than anybody waits, and less than a Duration holds.
	longest = 365 * 24 * 60 * 60
)

// Load is what the wait rests on: the people at work and how long conversations take.
//
// A professional holds several conversations at once, up to a limit of their own; each of these is a slot. A
// slot is free, or taken up by a conversation. Count slots as they are in fact used: of somebody whose limit
// is five but who has not held more than two lately, count two, or the range promises what nobody keeps.
type Load struct {
	// Available is how many professionals who serve the queue are available.
	Available int
	// OnPhone is how many who serve the queue are on the phone.
	OnPhone int
	// Free is how many more conversations those available could take this moment, together.
	Free int
	// Active is, for each conversation that those available hold now, in this queue or another, for how long
	// they have held it. Conversations of professionals who are away are left out: their slots do not come free
	// for this queue.
	Active []time.Duration
	// Handling is, for recently finished conversations of the queue, how long each took from being taken until
	// the professional was free of it. One to two hundred are plenty. What is not positive is left out.
	Handling []time.Duration
	// Pickups is, for recently taken conversations of the queue, for how long there was both a free slot and
	// this person waiting before they were taken. May be empty: then a free slot is taken to be filled at once.
	Pickups []time.Duration
}

// Reason is why no estimate is made.
type Reason uint8

// The reasons.
const (
	// NobodyAvailable means that nobody who serves the queue is available or on the phone.
	NobodyAvailable Reason = iota + 1
	// TooLittleHistory means that fewer than MinHistory conversations have been finished.
	TooLittleHistory
)

// TurnBeforeClosing is whether a turn comes while those waiting are still served.
type TurnBeforeClosing uint8

// The answers. The zero value is that it cannot be told, because there is no estimate.
const (
	// TurnExpected means that even the long end of the range is in time.
	TurnExpected TurnBeforeClosing = iota + 1
	// TurnUncertain means that the range reaches over the end.
	TurnUncertain
	// TurnUnlikely means that even the short end of the range is too late.
	TurnUnlikely
)

// Basis is what an estimate rests on.
type Basis struct {
	// Finished is how many finished conversations the handling times are from.
	Finished int
	// Available and OnPhone are how many professionals are available and on the phone.
	Available, OnPhone int
}

// Estimate is the wait told to a person.
type Estimate struct {
	// Low and High are the range: one wait in ten is expected to be shorter than Low and one in ten longer than
	// High. They are rounded away from each other to steps that people use: minutes up to ten, then five
	// minutes up to an hour, then a quarter of an hour up to three hours, then half an hour. Both are zero
	// when there is no estimate.
	Low, High time.Duration
	// CannotEstimate is why there is no estimate. Zero: there is one.
	CannotEstimate Reason
	// Basis is what the estimate rests on, also when that is too little.
	Basis Basis
	// AsOf is when the estimate was made, which the range counts from.
	AsOf time.Time
	// BeforeClosing is whether the turn comes while those waiting are still served.
	BeforeClosing TurnBeforeClosing
}

// Forecast is the waits of all positions of a queue under one load. Make one for each queue when its load
// changes, or every few seconds, and ask it for every position.
//
// The wait of a position is the time until that many turns have come, counting the person's own. It is found
// by playing the future through many times, always with the same random numbers. In each run every slot in
// use comes free after a time drawn from the handling times that are longer than its conversation has already
// lasted, takes the next in line, and so on. All times of a run are stretched by a common factor that spreads
// as the mean of so few handling times may be off. Each turn comes no earlier than the one before it, in
// every run, and therefore in the range too.
//
// What it assumes:
//   - Somebody ON_PHONE gives one slot. It comes free when the call ends, of which only is known that it is
//     under way; from then on calls and conversations alternate, so that it takes half as many turns as
//     another. Calls are taken to last as long as conversations: the same people handle the same matters.
//   - Somebody available none of whose slots is told of, free or in use, is taken to hold one conversation
//     that is under way.
//   - Staff neither come nor go, and nobody ahead gives up. The second makes waits a little shorter than told.
//   - Turns go by position. Where the same people serve several queues, count into the position those of the
//     other lines who arrived before.
type Forecast struct {
	reason Reason
	basis  Basis
	asOf   time.Time
	knots  []knot
}

// knot is the range of one position, in seconds, not rounded. Between knots the range is interpolated.
type knot struct {
	position  int
	low, high float64
}

// EstimateWait estimates the wait of one position, 1 being the next. Those waiting are served until
// servedUntil; zero means that no end is in sight. For many positions make a Forecast once.
func EstimateWait(load Load, position int, now, servedUntil time.Time) Estimate {
	return NewForecast(load, position, now).Wait(position, servedUntil)
}

// NewForecast forecasts the waits under the load as it is at asOf, for the positions 1 to last. Take for last
// the length of the line and one more, for a newcomer: positions further on are extended in proportion. It
// takes about a tenth of a millisecond for a short line, some milliseconds for thousands of positions, and
// tens of them with hundreds of slots as well.
func NewForecast(load Load, last int, asOf time.Time) *Forecast {
	handling := positiveSeconds(load.Handling)
	f := &Forecast{
		basis: Basis{Finished: len(handling), Available: max(load.Available, 0), OnPhone: max(load.OnPhone, 0)},
		asOf:  asOf,
	}
	switch {
	case f.basis.Available+f.basis.OnPhone == 0:
		f.reason = NobodyAvailable
	case len(handling) < MinHistory:
		f.reason = TooLittleHistory
	default:
		f.knots = newModel(load, handling).forecast(min(max(last, 1), farthest))
	}
	return f
}

// Wait estimates the wait of a position, 1 being the next. Those waiting are served until servedUntil; zero
// means that no end is in sight.
func (f *Forecast) Wait(position int, servedUntil time.Time) Estimate {
	e := Estimate{CannotEstimate: f.reason, Basis: f.basis, AsOf: f.asOf}
	if f.reason != 0 {
		return e
	}
	low, high := f.seconds(max(position, 1))
	low, high = min(low, longest), min(high, longest)
	e.Low, e.High = roundDown(low), roundUp(high)
	switch {
	case servedUntil.IsZero() || !f.asOf.Add(e.High).After(servedUntil):
		e.BeforeClosing = TurnExpected
	case f.asOf.Add(e.Low).Before(servedUntil):
		e.BeforeClosing = TurnUncertain
	default:
		e.BeforeClosing = TurnUnlikely
	}
	return e
}

// seconds returns the range of a position, not rounded.
func (f *Forecast) seconds(position int) (low, high float64) {
	i := sort.Search(len(f.knots), func(i int) bool { return f.knots[i].position >= position })
	if i == len(f.knots) {
		last := f.knots[i-1]
		ratio := float64(position) / float64(last.position)
		return last.low * ratio, last.high * ratio
	}
	right := f.knots[i]
	if right.position == position {
		return right.low, right.high
	}
	// The first knot is position 1, so there is one to the left.
	left := f.knots[i-1]
	share := float64(position-left.position) / float64(right.position-left.position)
	return left.low + share*(right.low-left.low), left.high + share*(right.high-left.high)
}

// positions returns those at which a forecast has knots: each of the first, then ever further apart, up to
// one that is at least last. Which ones they are does not depend on last.
func positions(last int) []int {
	all := make([]int, 0, 64)
	for p := 1; ; p = max(p+1, p*8/7) {
		all = append(all, p)
		if p >= last {
			return all
		}
	}
}

// model is a load made ready for playing it through. Times are in seconds.
type model struct {
	free    int       // Slots that are free.
	active  []float64 // For how long each slot in use has been.
	unknown int       // Slots in use of which nothing more is known.
	phone   int       // Slots of people on the phone.

	handling   []float64 // In order.
	sums       []float64 // Of the handling times up to and including each.
	mean       float64
	variance   float64
	pickups    []float64
	pickMean   float64
	pickSpread float64 // Variance.
}

func newModel(load Load, handling []float64) *model {
	slices.Sort(handling)
	m := &model{free: max(load.Free, 0), phone: max(load.OnPhone, 0), handling: handling}
	if load.Available > 0 {
		m.active = make([]float64, len(load.Active))
		for i, elapsed := range load.Active {
			m.active[i] = max(elapsed.Seconds(), 0)
		}
		m.unknown = max(load.Available-m.free-len(m.active), 0)
	} else {
		m.free = 0
	}
	m.mean, m.variance = moments(handling)
	m.sums = make([]float64, len(handling))
	sum := 0.0
	for i, h := range handling {
		sum += h
		m.sums[i] = sum
	}
	if len(load.Pickups) >= MinHistory {
		m.pickups = make([]float64, len(load.Pickups))
		for i, p := range load.Pickups {
			m.pickups[i] = max(p.Seconds(), 0)
		}
		slices.Sort(m.pickups)
		m.pickMean, m.pickSpread = moments(m.pickups)
	}
	return m
}

// slot is when a slot takes its next turn, in one run.
type slot struct {
	at    float64
	phone bool
}

// forecast plays the future through and returns the ranges of the positions up to last.
func (m *model) forecast(last int) []knot {
	at := positions(last)
	// turns[k][d.run] is when the turn of position at[k] comes in that run.
	turns := make([][]float64, len(at))
	all := make([]float64, len(at)*runs)
	for k := range turns {
		turns[k] = all[k*runs : (k+1)*runs]
	}

	slots := make([]slot, 0, m.free+len(m.active)+m.unknown+m.phone)
	exact := min(max(exactTurns, 2*cap(slots)), mostExactTurns)
	// How far the mean of this many handling times may be off, relative to itself. Two fewer than there are,
	// because the variance is itself only known from them.
	spread := math.Sqrt(m.variance/float64(len(m.handling)-2)) / m.mean
	orders := parts()
	for run := range runs {
		d := draws{run: uint8(run), parts: &orders[run]}
		z := d.normal()
		stretch := math.Exp(spread*z - spread*spread/2)
		m.play(&d, stretch, exact, at, slots, turns)
	}

	knots := make([]knot, len(at))
	for k, p := range at {
		slices.Sort(turns[k])
		knots[k] = knot{position: p, low: turns[k][outside], high: turns[k][runs-1-outside]}
	}
	return knots
}

// play plays one future through: turns one by one up to exact, and after that in leaps from knot to knot.
func (m *model) play(d *draws, stretch float64, exact int, at []int, slots []slot, turns [][]float64) {
	slots = slots[:0]
	for range m.free {
		slots = append(slots, slot{at: m.pickup(d)})
	}
	for _, elapsed := range m.active {
		slots = append(slots, slot{at: m.remaining(d, stretch, elapsed) + m.pickup(d)})
	}
	for range m.unknown {
		slots = append(slots, slot{at: m.underWay(d, stretch) + m.pickup(d)})
	}
	for range m.phone {
		slots = append(slots, slot{at: m.underWay(d, stretch) + m.pickup(d), phone: true})
	}
	heapify(slots)

	k := 0
	now := 0.0
	for turn := 1; k < len(at) && at[k] <= exact; turn++ {
		now = slots[0].at
		if turn == at[k] {
			turns[k][d.run] = now
			k++
		}
		busy := stretch * m.draw(d)
		if slots[0].phone {
			busy += stretch * m.draw(d) // The call in between.
		}
		slots[0].at += busy + m.pickup(d)
		siftDown(slots, 0)
	}

	// Far on, turns come at the slots' common rate, and their spread is that of a sum. A leap is drawn from the
	// distribution that has this mean and variance and is never negative.
	rate, dispersion := m.pace(stretch)
	for ; k < len(at); k++ {
		n := float64(at[k] - at[k-1])
		mean, variance := n/rate, n*dispersion/(rate*rate*rate)
		sigma := math.Log1p(variance / (mean * mean))
		now += mean * math.Exp(math.Sqrt(sigma)*d.normal()-sigma/2)
		turns[k][d.run] = now
	}
}

// pace returns how many turns a second the slots take together in the long run, and how fast the variance of
// that number grows, by the renewal theorem: a slot with cycles of mean m and variance v takes t/m turns in a
// time t, with variance t·v/m³.
func (m *model) pace(stretch float64) (rate, dispersion float64) {
	add := func(slots int, mean, variance float64) {
		rate += float64(slots) / mean
		dispersion += float64(slots) * variance / (mean * mean * mean)
	}
	mean, variance := stretch*m.mean, stretch*stretch*m.variance
	add(m.free+len(m.active)+m.unknown, mean+m.pickMean, variance+m.pickSpread)
	add(m.phone, 2*mean+m.pickMean, 2*variance+m.pickSpread)
	return rate, dispersion
}

// draws are the random numbers of one run. They are functions of the run and of how many were drawn before, so
// that the same load always gives the same range: a forecast renewed every second would otherwise flicker.
//
// Over all runs, the n-th numbers drawn are one in each of as many equal parts between 0 and 1, in an order
// shuffled for each n. So what is drawn n-th is spread as evenly as can be, and far fewer runs do than with
// numbers that know nothing of each other. After the first evenDraws they do without.
type draws struct {
	run   uint8
	n     uint64
	parts *[evenDraws]uint8
}

// evenDraws is enough for queues of a hundred slots; with more, the slots make up for each other.
const evenDraws = 512

// parts are the orders in which the parts are drawn from, by run and draw. They are the same in every process.
var parts = sync.OnceValue(func() *[runs][evenDraws]uint8 {
	random := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // The same load is to give the same range everywhere; nothing is secret.
	var all [runs][evenDraws]uint8
	for n := range evenDraws {
		for run, part := range random.Perm(runs) {
			all[run][n] = uint8(part)
		}
	}
	return &all
})

// uniform returns a number between 0 and 1, neither included.
func (d *draws) uniform() float64 {
	n := d.n
	d.n++
	u := (float64(scramble(n<<8|uint64(d.run))>>12) + 0.5) / (1 << 52)
	if n < evenDraws {
		return (float64(d.parts[n]) + u) / runs
	}
	return u
}

// normal returns a number of the standard normal distribution.
func (d *draws) normal() float64 {
	return math.Sqrt2 * math.Erfinv(2*d.uniform()-1)
}

// scramble returns a number that looks unlike x and unlike that of any number near x (the finalizer of
// SplitMix64).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// draw returns one of the handling times.
func (m *model) draw(d *draws) float64 {
	return m.handling[int(d.uniform()*float64(len(m.handling)))]
}

// pickup returns for how long a free slot stays free although somebody waits.
func (m *model) pickup(d *draws) float64 {
	if len(m.pickups) == 0 {
		return 0
	}
	return m.pickups[int(d.uniform()*float64(len(m.pickups)))]
}

// remaining returns for how much longer a conversation goes on that has gone on for elapsed.
func (m *model) remaining(d *draws, stretch, elapsed float64) float64 {
	u := d.uniform()
	i := sort.SearchFloat64s(m.handling, elapsed/stretch)
	if longer := len(m.handling) - i; longer >= MinHistory/2 {
		return max(stretch*m.handling[i+int(u*float64(longer))]-elapsed, 0)
	}
	// Longer than nearly all that are known: its past tells nothing of its end.
	return -stretch * m.mean * math.Log1p(-u)
}

// underWay returns for how much longer a conversation or call goes on that is met at a moment of no
// significance: a long one is met more often, in proportion to its length, and each part of it as often.
func (m *model) underWay(d *draws, stretch float64) float64 {
	i := sort.SearchFloat64s(m.sums, d.uniform()*m.sums[len(m.sums)-1])
	return stretch * m.handling[min(i, len(m.handling)-1)] * d.uniform()
}

// heapify makes the slots a heap with the earliest first.
func heapify(slots []slot) {
	for i := len(slots)/2 - 1; i >= 0; i-- {
		siftDown(slots, i)
	}
}

// siftDown moves the slot at i to its place among those below it.
func siftDown(slots []slot, i int) {
	for {
		child := 2*i + 1
		if child >= len(slots) {
			return
		}
		if child+1 < len(slots) && slots[child+1].at < slots[child].at {
			child++
		}
		if slots[i].at <= slots[child].at {
			return
		}
		slots[i], slots[child] = slots[child], slots[i]
		i = child
	}
}

// moments returns the mean and the variance of a sample.
func moments(sample []float64) (mean, variance float64) {
	for _, x := range sample {
		mean += x
	}
	mean /= float64(len(sample))
	for _, x := range sample {
		variance += (x - mean) * (x - mean)
	}
	return mean, variance / float64(len(sample)-1)
}

// positiveSeconds returns the durations above zero, in seconds.
func positiveSeconds(durations []time.Duration) []float64 {
	seconds := make([]float64, 0, len(durations))
	for _, d := range durations {
		if d > 0 {
			seconds = append(seconds, d.Seconds())
		}
	}
	return seconds
}

// step returns the step, in minutes, that a range is told in at so many minutes. Every step divides the
// numbers at which the next begins, so that rounding keeps the order.
func step(minutes float64) float64 {
	switch {
	case minutes <= 10:
		return 1
	case minutes <= 60:
		return 5
	case minutes <= 180:
		return 15
	default:
		return 30
	}
}

// roundDown returns the step at or below the seconds.
func roundDown(seconds float64) time.Duration {
	minutes := seconds / 60
	s := step(minutes)
	return time.Duration(math.Floor(minutes/s)*s) * time.Minute
}

// roundUp returns the step at or above the seconds, at least one minute: nobody is told that there is no wait
// at all.
func roundUp(seconds float64) time.Duration {
	minutes := seconds / 60
	s := step(minutes)
	return max(time.Duration(math.Ceil(minutes/s)*s)*time.Minute, time.Minute)
}
