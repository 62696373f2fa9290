package queue

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"
)

// spread is how waits are spread: the shortest, the longest, and in between as many in each part. In seconds.
type spread [points]float64

// at returns the wait that has the score.
func (s *spread) at(score float64) float64 {
	switch {
	case score >= 1:
		return s[points-1] * math.Exp(score-1)
	case score <= 0:
		return s[0] * math.Exp(score)
	}
	i, share := math.Modf(score * (points - 1))
	left, right := s[int(i)], s[int(i)+1]
	return left + share*(right-left)
}

// score returns where a wait lies among those foreseen: at 0 is the shortest, at 1 the longest, and at 0.5 the
// one in the middle. Beyond either end it goes by the ratio to it.
func (s *spread) score(wait float64) float64 {
	switch {
	case wait > s[points-1]:
		return 1 + min(math.Log(wait/max(s[points-1], 1)), farOff)
	case wait < s[0]:
		return max(math.Log(max(wait, 1)/s[0]), -farOff)
	}
	i := sort.SearchFloat64s(s[:], wait)
	if i == 0 || s[i] == s[i-1] {
		return float64(i) / (points - 1)
	}
	return (float64(i-1) + (wait-s[i-1])/(s[i]-s[i-1])) / (points - 1)
}

// farOff is how far beyond the ends a score lies at most.
const farOff = 3

// Promise is what a forecast foresaw for one position.
type Promise struct {
	asOf     time.Time
	position int
	spread   spread
}

// Score is where a wait that came true lay among those foreseen for it.
type Score struct {
	// Foreseen is the wait in the middle of those foreseen.
	Foreseen time.Duration
	// Position is the one it was foreseen for.
	Position int
	// Value is 0 at the shortest wait foreseen, 1 at the longest, and below 0.1 as often as above 0.9. That it is
	// not is what later forecasts learn from.
	Value float64
}

// Score compares what was foreseen with the moment at which the turn came.
func (p *Promise) Score(taken time.Time) Score {
	return Score{
		Foreseen: seconds(p.spread.at(0.5)),
		Position: p.position,
		Value:    p.spread.score(max(taken.Sub(p.asOf).Seconds(), 0)),
	}
}

// experience is how waits that came true lay among those foreseen, lowest value first.
type experience struct {
	values []float64
	// sizes and places are the logarithms of the waits foreseen and of the positions.
	sizes, places []float64
	weight        []float64 // room for weights
}

const (
	// trust is how many values as they ought to be are put among those there are, so that the first few do not
	// upset everything.
	trust = 20
	// alike is how much, as a logarithm, waits foreseen may differ and tell half as much of each other: what holds
	// of turns that come at once tells little of those that take half an hour.
	alike = 1.0
	// near is the same of positions.
	near = 0.7
	// leastSize is below what waits foreseen are all taken for as long: half a minute.
	leastSize = 30
)

func size(seconds float64) float64 { return math.Log(max(seconds, leastSize)) }

func newExperience(scores []Score) *experience {
	type value struct{ value, size, place float64 }
	all := make([]value, 0, len(scores)+trust)
	for _, s := range scores {
		all = append(all, value{s.Value, size(s.Foreseen.Seconds()), math.Log(float64(s.Position))})
	}
	for i := range trust {
		all = append(all, value{(float64(i) + 0.5) / trust, math.NaN(), 0})
	}
	slices.SortFunc(all, func(x, y value) int { return cmp.Compare(x.value, y.value) })
	room := make([]float64, 4*len(all))
	part := func(i int) []float64 { return room[i*len(all) : (i+1)*len(all)] }
	e := &experience{values: part(0), sizes: part(1), places: part(2), weight: part(3)}
	for i, v := range all {
		e.values[i], e.sizes[i], e.places[i] = v.value, v.size, v.place
	}
	return e
}

// weigh sets how much each value tells of waits of about so many seconds, and returns the sum.
func (e *experience) weigh(seconds float64, position int) (total float64) {
	at, place := size(seconds), math.Log(float64(position))
	for i, s := range e.sizes {
		w := 1.0
		if !math.IsNaN(s) {
			x, y := (s-at)/alike, (e.places[i]-place)/near
			d := x*x + y*y
			w = 1 / (1 + d*d)
		}
		e.weight[i] = w
		total += w
	}
	return total
}

// quantile returns the value below which a share of them lies, as they are weighed.
func (e *experience) quantile(share, total float64) float64 {
	want, sum := share*total, 0.0
	for i, w := range e.weight {
		// Each value stands in the middle of its weight.
		if middle := sum + w/2; middle >= want {
			if i == 0 {
				return e.values[0]
			}
			before := sum - e.weight[i-1]/2
			part := (want - before) / (middle - before)
			return e.values[i-1] + part*(e.values[i]-e.values[i-1])
		}
		sum += w
	}
	return e.values[len(e.values)-1]
}

// share returns the share of the values that lie below one, as they are weighed: what quantile turns round.
func (e *experience) share(value, total float64) float64 {
	sum := 0.0
	for i, w := range e.weight {
		middle := sum + w/2
		if e.values[i] >= value {
			if i == 0 || e.values[i] == value {
				return middle / total
			}
			before := sum - e.weight[i-1]/2
			part := (value - e.values[i-1]) / (e.values[i] - e.values[i-1])
			return (before + part*(middle-before)) / total
		}
		sum += w
	}
	return 1
}

// ranges sets the range of each knot by what was foreseen and by experience. A later position never has a shorter
// one, in either end, also where experience differs.
func (e *experience) ranges(knots []knot) {
	low, high := 0.0, 0.0
	for i := range knots {
		k := &knots[i]
		l, h := e.narrowest(k)
		low, high = max(low, l), max(high, h)
		k.low, k.high = low, high
	}
}

// tries is how many beginnings of a range are looked at.
const tries = 7

// narrowest returns, of the ranges that hold as often as they are meant to, and begin and end at steps that people
// use, the one that is narrowest.
func (e *experience) narrowest(k *knot) (low, high float64) {
	total := e.weigh(k.spread.at(0.5), k.position)
	want := holds + unproven*trust/total
	shorter := func(than float64) float64 {
		if than <= 0 {
			return 0 // Nobody waits for less than no time.
		}
		return e.share(k.spread.score(than), total)
	}
	high = math.Inf(1)
	before := -1.0
	for try := range tries {
		l := 0.0
		if try > 0 {
			l = roundNear(k.spread.at(e.quantile(mostBelow*float64(try)/(tries-1), total)))
		}
		under := shorter(l)
		if under > mostBelow {
			l = max(stepBelow(l), 0)
			under = shorter(l)
		}
		if l == before || under > mostBelow {
			continue
		}
		before = l
		h := roundUp(k.spread.at(e.quantile(min(under+want, 1), total)))
		if less := stepBelow(h); less >= max(l, 60) && shorter(less)-under >= want-slack {
			h = less
		}
		if h-l < high-low {
			low, high = l, h
		}
	}
	return low, high
}
