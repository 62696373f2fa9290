package queue

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"time"
)

// model is a load made ready for playing it through. Times are in seconds.
type model struct {
	staff    []worker
	handling times
	calls    times
	breaks   times
	// giveUp is how many of those who wait give up in a second, as a share.
	giveUp float64
	// rhythm is how long pickups take, in proportion to their average, by how many are held.
	rhythm []times
}

// worker is a professional of a model.
type worker struct {
	doing   Doing
	since   float64
	looking float64
	active  []float64
	pickups []float64
	// calling and breaking are how often a second they go to the phone and away.
	calling, breaking float64
}

func newModel(load Load, handling []float64) *model {
	m := &model{
		staff:    make([]worker, 0, len(load.Staff)),
		handling: newTimes(handling),
		calls:    newTimes(positiveSeconds(load.Calls)),
		breaks:   newTimes(positiveSeconds(load.Breaks)),
	}
	for _, r := range load.Rhythm {
		m.rhythm = append(m.rhythm, newTimes(slices.Clone(r)))
	}
	if load.Patience > 0 {
		m.giveUp = 1 / load.Patience.Seconds()
	}
	rate := func(between time.Duration) float64 {
		if between <= 0 {
			return 0
		}
		return 1 / max(between.Seconds(), 1)
	}
	for i := range load.Staff {
		p := &load.Staff[i]
		w := worker{
			doing: p.Doing, since: max(p.Since.Seconds(), 0), looking: max(p.Looking.Seconds(), 0),
			calling: rate(p.BetweenCalls), breaking: rate(p.BetweenBreaks),
			active: make([]float64, len(p.Active)), pickups: make([]float64, len(p.Pickups)),
		}
		for i, elapsed := range p.Active {
			w.active[i] = max(elapsed.Seconds(), 0)
		}
		for i, pickup := range p.Pickups {
			w.pickups[i] = max(pickup.Seconds(), 0)
		}
		if len(w.pickups) > 0 {
			m.staff = append(m.staff, w)
		}
	}
	return m
}

// times are lengths of what people did, to draw further ones from.
type times struct {
	sorted         []float64
	mean, variance float64
}

func newTimes(sample []float64) times {
	slices.Sort(sample)
	t := times{sorted: sample}
	if len(sample) > 1 {
		t.mean, t.variance = moments(sample)
	}
	return t
}

// draw returns one of the times.
func (t *times) draw(d *draws) float64 {
	return t.sorted[int(d.uniform()*float64(len(t.sorted)))]
}

// remaining returns for how much longer goes on what has gone on for elapsed, all times being stretched.
func (t *times) remaining(d *draws, stretch, elapsed float64) float64 {
	u := d.uniform()
	i := sort.SearchFloat64s(t.sorted, elapsed/stretch)
	if longer := len(t.sorted) - i; longer >= MinHistory/2 {
		return max(stretch*t.sorted[i+int(u*float64(longer))]-elapsed, 0)
	}
	// Longer than nearly all that are known: its past tells nothing of its end.
	return -stretch * t.mean * math.Log(u)
}

// known reports whether there are enough to draw from.
func (t *times) known() bool { return len(t.sorted) >= MinHistory }

// assumedCall is how long calls are taken to last, as a share of the mean conversation, before enough are known.
// The same people handle the same matters, but talking is faster than writing.
const assumedCall = 0.5

// call returns the length of a call, or what is left of one.
func (m *model) call(d *draws, stretch, elapsed float64) float64 {
	if m.calls.known() {
		return m.calls.remaining(d, 1, elapsed)
	}
	return stretch * assumedCall * m.handling.mean * d.exponential()
}

// pause returns the length of a time away, or what is left of one: until enough are known, longer than anybody
// waits.
func (m *model) pause(d *draws, elapsed float64) float64 {
	if m.breaks.known() {
		return m.breaks.remaining(d, 1, elapsed)
	}
	return longest
}

// hand is a professional in one run.
type hand struct {
	*worker
	at    float64 // when they take the next
	ready float64 // since when they are available, or will be
	ends  []float64
	// interrupted is when they go to the phone or away next.
	interrupted float64
}

// play is one future.
type play struct {
	*model
	draws   draws
	stretch float64
	hands   []hand
}

// begin sets the professionals to how they are now.
func (p *play) begin() {
	for i := range p.staff {
		h := &p.hands[i]
		h.worker = &p.staff[i]
		h.at, h.ready = 0, 0
		h.ends = h.ends[:0]
		for _, elapsed := range h.active {
			h.ends = append(h.ends, p.handling.remaining(&p.draws, p.stretch, elapsed))
		}
		switch h.doing {
		case Available:
		case OnPhone:
			h.ready = p.call(&p.draws, p.stretch, h.since)
		case Away:
			h.ready = p.pause(&p.draws, h.since)
		}
		h.interrupted = p.nextInterruption(h)
		p.next(h, h.looking)
	}
	for i := len(p.hands)/2 - 1; i >= 0; i-- {
		p.siftDown(i)
	}
}

// nextInterruption returns when somebody who is available from ready on goes to the phone or away.
func (p *play) nextInterruption(h *hand) float64 {
	rate := h.calling + h.breaking
	if rate <= 0 {
		return math.Inf(1)
	}
	return h.ready + p.draws.exponential()/rate
}

// interrupt lets somebody go to the phone or away, and come back.
func (p *play) interrupt(h *hand) {
	if p.draws.uniform()*(h.calling+h.breaking) < h.calling {
		h.ready = h.interrupted + p.call(&p.draws, p.stretch, 0)
	} else {
		h.ready = h.interrupted + p.pause(&p.draws, 0)
	}
	h.interrupted = p.nextInterruption(h)
}

// mostChanges is how often somebody is interrupted or lets go of a conversation at most until they take another:
// what was learnt of them may be nonsense, and the forecast is to end nevertheless.
const mostChanges = 64

// next finds when somebody takes the next, from at on, given that somebody waits all the while, and that they
// have been looking for whom to take for so long.
func (p *play) next(h *hand, looking float64) {
	for range mostChanges {
		if h.at >= longest {
			return
		}
		if h.at < h.ready {
			h.at, looking = h.ready, 0
		}
		h.drop()
		if h.interrupted <= h.at {
			p.interrupt(h)
			continue
		}
		until := h.interrupted
		if end, ok := h.end(); ok {
			until = min(until, end)
		}
		if len(h.ends) < len(h.pickups) {
			if at := h.at + p.pickup(h, looking); at < until {
				h.at = at
				return
			}
		}
		h.at, looking = until, 0
	}
}

// pickup returns for how much longer somebody looks for whom to take, who has done so for a while.
func (p *play) pickup(h *hand, looking float64) float64 {
	held := len(h.ends)
	mean := h.pickups[held]
	if mean == 0 {
		return 0
	}
	if len(p.rhythm) > 0 {
		if rhythm := &p.rhythm[min(held, len(p.rhythm)-1)]; rhythm.known() {
			return rhythm.remaining(&p.draws, mean, looking)
		}
	}
	return mean * p.draws.exponential()
}

// end returns when the first of their conversations ends.
func (h *hand) end() (at float64, ok bool) {
	if len(h.ends) == 0 {
		return 0, false
	}
	return slices.Min(h.ends), true
}

// drop lets end what has ended.
func (h *hand) drop() {
	for i := 0; i < len(h.ends); {
		if h.ends[i] <= h.at {
			h.ends[i] = h.ends[len(h.ends)-1]
			h.ends = h.ends[:len(h.ends)-1]
			continue
		}
		i++
	}
}

// turn returns when the next turn comes, and lets whoever takes it go on.
func (p *play) turn() float64 {
	h := &p.hands[0]
	at := h.at
	if at < longest {
		h.ends = append(h.ends, at+p.stretch*p.handling.draw(&p.draws))
		p.next(h, 0)
		p.siftDown(0)
	}
	return at
}

// siftDown moves the professional at i to their place among those below, whoever takes first being on top.
func (p *play) siftDown(i int) {
	for {
		child := 2*i + 1
		if child >= len(p.hands) {
			return
		}
		if child+1 < len(p.hands) && p.hands[child+1].at < p.hands[child].at {
			child++
		}
		if p.hands[i].at <= p.hands[child].at {
			return
		}
		p.hands[i], p.hands[child] = p.hands[child], p.hands[i]
		i = child
	}
}

// forecast plays the future through and returns how the waits of the positions up to last are spread.
func (m *model) forecast(last int) []knot {
	at := positions(last)
	// turns[k][run] is when the turn of position at[k] comes in that run.
	turns := make([][]float64, len(at))
	all := make([]float64, len(at)*runs)
	for k := range turns {
		turns[k] = all[k*runs : (k+1)*runs]
	}
	slots := 0
	for i := range m.staff {
		slots += len(m.staff[i].pickups)
	}
	exact := min(max(exactTurns, 2*slots), mostExactTurns)
	// How far the mean of this many handling times may be off, relative to itself. Two fewer than there are,
	// because the variance is itself only known from them.
	spread := math.Sqrt(m.handling.variance/float64(len(m.handling.sorted)-2)) / m.handling.mean
	ends := make([]float64, slots+8*len(m.staff))
	p := play{model: m, hands: make([]hand, len(m.staff))}
	for i := range p.hands {
		n := max(len(m.staff[i].pickups), len(m.staff[i].active)+1)
		if n > len(ends) {
			ends = make([]float64, n)
		}
		p.hands[i].ends, ends = ends[:0:n], ends[n:]
	}
	orders := parts()
	reached := len(at)
	var far []farther
	for run := range runs {
		p.draws = draws{run: uint8(run), parts: &orders[run]}
		z := p.draws.normal()
		p.stretch = math.Exp(spread*z - spread*spread/2)
		p.begin()
		k, now, half, used := 0, 0.0, 0.0, true
		for position := 1; k < len(at) && at[k] <= exact; position++ {
			if used {
				now = p.turn()
			}
			// The turn of somebody who has given up by then is that of whoever comes after.
			used = m.giveUp == 0 || p.draws.exponential() >= now*m.giveUp
			if position == at[k] {
				turns[k][run] = now
				k++
			}
			if position == exact/2 {
				half = now
			}
		}
		if k < len(at) {
			reached = k
			far = append(far, farther{draws: p.draws, stretch: p.stretch, half: half, now: now})
		}
	}
	if len(far) > 0 {
		m.leap(far, at, reached, exact, turns)
	}
	knots := make([]knot, len(at))
	for k, position := range at {
		slices.Sort(turns[k])
		knots[k].position = position
		for i := range knots[k].spread {
			knots[k].spread[i] = turns[k][i*(runs-1)/(points-1)]
		}
	}
	return knots
}

// farther is one future as far as it was played out: when its last turn came, and when the one halfway there did.
type farther struct {
	draws              draws
	stretch, half, now float64
}

// leap goes on from knot to knot, from the one reached. Far on, turns come at a common pace, which is that of the
// second half of those played out; and their spread is that of a sum. A leap is drawn from the distribution that has
// this mean and variance and is never negative.
func (m *model) leap(far []farther, at []int, reached, exact int, turns [][]float64) {
	gap := 0.0
	for _, f := range far {
		gap += (f.now - f.half) / f.stretch
	}
	gap /= float64(len(far) * (exact - exact/2))
	relative := m.handling.variance / (m.handling.mean * m.handling.mean)
	for run, f := range far {
		now := f.now
		for k := reached; k < len(at); k++ {
			n := float64(at[k] - at[k-1])
			mean := n * gap * f.stretch
			sigma := math.Log1p(relative / n)
			now += mean * math.Exp(math.Sqrt(sigma)*f.draws.normal()-sigma/2)
			turns[k][run] = now
		}
	}
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

// exponential returns a number of the exponential distribution with mean 1.
func (d *draws) exponential() float64 {
	return -math.Log(d.uniform())
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
