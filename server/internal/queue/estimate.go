package queue

import (
	"math"
	"sort"
	"time"
)

// MinHistory is how many finished conversations an estimate needs at least. With fewer the range would say
// more about those few than about the next ones.
const MinHistory = 10

const (
	// runs is how many futures a forecast plays through. Drawn as they are by draws, the ends of the range are
	// then off by about one case in a hundred. No more than a byte has values; see draws.
	runs = 1 << 7
	// points is how many points a forecast keeps of how the waits of a position are spread.
	points = 33
	// holds is the share of the waits that are to fall into the range before it is rounded, which adds a little. It
	// may be less by slack where the next step would be more than is needed. At most mostBelow may be shorter.
	holds, slack, mostBelow = 0.78, 0.05, 0.12
	// unproven is what is added as long as nothing has come true yet: the narrowest of several ranges is narrow by
	// chance too.
	unproven = 0.06
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

// Load is what the wait rests on: the people at work, what they have in hand, and how they have worked lately.
// Habits learns what it says of the latter.
type Load struct {
	// Staff are the professionals of the queue who are connected, whatever they do.
	Staff []Professional
	// Handling is, for recently finished conversations of the queue, how long each took from being taken until
	// the professional was free of it. One to two hundred are plenty. What is not positive is left out.
	Handling []time.Duration
	// Calls and Breaks are how long people of the queue were on the phone and away lately, each time.
	Calls, Breaks []time.Duration
	// Rhythm is how long professionals took lately to take somebody, in proportion to their average, by how many
	// they held; those who held more are as the last. Where there are too few, each moment is as likely as the other.
	Rhythm [][]float64
	// Patience is after how much waiting, of all who wait together, one of them gives up. Zero: nobody does.
	Patience time.Duration
	// Scores are what Promise.Score said of the waits that came true lately.
	Scores []Score
}

// Doing is what a professional does.
type Doing uint8

// What professionals do.
const (
	// Available is when they take conversations.
	Available Doing = iota
	// OnPhone is when they are on the phone, and take none until the call is over.
	OnPhone
	// Away is when they are away for a while, as on a break.
	Away
)

// Professional is one of those who serve a queue.
type Professional struct {
	Doing Doing
	// Since is for how long they have been doing it.
	Since time.Duration
	// Active is, for each conversation that they hold, in this queue or another, for how long they have held it.
	Active []time.Duration
	// Pickups is how readily they take another while somebody waits: after how long on average, by how many they
	// hold. They take none when they hold as many as there are entries.
	Pickups []time.Duration
	// Looking is for how long somebody has been waiting whom they could take.
	Looking time.Duration
	// BetweenCalls and BetweenBreaks are for how long they are available on average until they are on the phone or
	// away again. Zero: they never are.
	BetweenCalls, BetweenBreaks time.Duration
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
	// Low and High are the range: eight waits in ten are expected to be within it, at most one in eight shorter than
	// Low, and the others longer than High. Of the ranges of which that is so it is the narrowest. They are steps
	// that people use: minutes up to twenty, then five minutes up to an hour and a half, then a quarter of an hour up
	// to three hours, then half an hour. Both are zero when there is no estimate.
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
// by playing the future through many times, always with the same random numbers. In each run every conversation and
// call under way ends after a time drawn from those that lasted longer than it has already, and each professional
// takes the next in line a while after they could, as they have needed lately with so many conversations in hand;
// now and then they go to the phone or away instead. All handling times of a run are stretched by a common factor
// that spreads as the mean of so few may be off. Each turn comes no earlier than the one before it, in every run,
// and therefore in the range too.
//
// How the waits lie in the runs is then corrected by experience: by where the waits that came true lately lay among
// those foreseen for them.
//
// What it assumes:
//   - Nobody comes to work who is not connected, and those who leave for good do so as rarely as they go away for
//     long. When a shift ends nobody tells.
//   - Each of those ahead gives up as readily as people did lately.
//   - Turns go by position. Where the same people serve several queues, count into the position those of the
//     other lines who arrived before.
//   - Before enough calls are known, they last half as long as conversations, and who is away stays away.
type Forecast struct {
	reason Reason
	basis  Basis
	asOf   time.Time
	knots  []knot
}

// knot is how the waits of one position are spread, in seconds. Between knots they are interpolated.
type knot struct {
	position  int
	spread    spread
	low, high float64 // the range, not rounded
}

// EstimateWait estimates the wait of one position, 1 being the next. Those waiting are served until
// servedUntil; zero means that no end is in sight. For many positions make a Forecast once.
func EstimateWait(load Load, position int, now, servedUntil time.Time) Estimate {
	return NewForecast(load, position, now).Wait(position, servedUntil)
}

// NewForecast forecasts the waits under the load as it is at asOf, for the positions 1 to last. Take for last
// the length of the line and one more, for a newcomer: positions further on are extended in proportion. It
// takes about two tenths of a millisecond for a short line, some milliseconds for thousands of positions, and
// tens of them with hundreds of professionals as well.
func NewForecast(load Load, last int, asOf time.Time) *Forecast {
	handling := positiveSeconds(load.Handling)
	f := &Forecast{basis: Basis{Finished: len(handling)}, asOf: asOf}
	for i := range load.Staff {
		switch load.Staff[i].Doing {
		case Available:
			f.basis.Available++
		case OnPhone:
			f.basis.OnPhone++
		case Away:
		}
	}
	switch {
	case f.basis.Available+f.basis.OnPhone == 0:
		f.reason = NobodyAvailable
	case len(handling) < MinHistory:
		f.reason = TooLittleHistory
	default:
		m := newModel(load, handling)
		if len(m.staff) == 0 {
			f.reason = NobodyAvailable // Nobody of them may hold a conversation.
			break
		}
		f.knots = m.forecast(min(max(last, 1), farthest))
		newExperience(load.Scores).ranges(f.knots)
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
	e.Low, e.High = told(low), told(high)
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

// Promise is what is told to somebody at a position, kept until it shows how right it was. Not ok when nothing is.
func (f *Forecast) Promise(position int) (p Promise, ok bool) {
	if f.reason != 0 {
		return Promise{}, false
	}
	return Promise{asOf: f.asOf, position: max(position, 1), spread: f.at(max(position, 1)).spread}, true
}

// seconds returns the range of a position, not rounded.
func (f *Forecast) seconds(position int) (low, high float64) {
	k := f.at(position)
	return k.low, k.high
}

// at returns the knot of a position, or what it would be.
func (f *Forecast) at(position int) knot {
	i := sort.Search(len(f.knots), func(i int) bool { return f.knots[i].position >= position })
	if i == len(f.knots) {
		last := f.knots[i-1]
		return last.towards(&knot{}, 1-float64(position)/float64(last.position))
	}
	right := &f.knots[i]
	if right.position == position {
		return *right
	}
	// The first knot is position 1, so there is one to the left.
	left := f.knots[i-1]
	return left.towards(right, float64(position-left.position)/float64(right.position-left.position))
}

// towards returns the knot that lies between two, at a share of the way.
func (k knot) towards(other *knot, share float64) knot {
	k.low += share * (other.low - k.low)
	k.high += share * (other.high - k.high)
	for i := range k.spread {
		k.spread[i] += share * (other.spread[i] - k.spread[i])
	}
	return k
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

// step returns the step, in minutes, that a range is told in at so many minutes. Every step divides the
// numbers at which the next begins, so that rounding keeps the order.
func step(minutes float64) float64 {
	switch {
	case minutes <= 20:
		return 1
	case minutes <= 90:
		return 5
	case minutes <= 180:
		return 15
	default:
		return 30
	}
}

// told returns the step nearest to the seconds, as a duration.
func told(seconds float64) time.Duration {
	return time.Duration(roundNear(min(seconds, longest))) * time.Second
}

// roundNear returns the step nearest to the seconds, in seconds.
func roundNear(seconds float64) float64 {
	minutes := seconds / 60
	s := step(minutes)
	return 60 * math.Round(minutes/s) * s
}

// roundUp returns the step at or above the seconds, at least one minute: nobody is told that there is no wait
// at all.
func roundUp(seconds float64) float64 {
	minutes := seconds / 60
	s := step(minutes)
	return 60 * max(math.Ceil(minutes/s)*s, 1)
}

// stepBelow returns the step before one, in seconds.
func stepBelow(seconds float64) float64 {
	return seconds - 60*step(seconds/60)
}
