package queue

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var asOf = time.Date(2026, 9, 7, 7, 0, 0, 0, time.UTC)

// minutes returns so many equal handling times.
func minutes(n int, each float64) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(each * float64(time.Minute))
	}
	return all
}

// crew is a load told in short: how many slots are free, and for how long the others have been in use. Those
// available share them evenly and fill them at once; those on the phone have one each, and stay off the phone
// once they are.
type crew struct {
	Available, OnPhone, Free int
	Active, Handling         []time.Duration
	Pickup                   time.Duration
}

func (c crew) load() Load {
	load := Load{Handling: c.Handling}
	for range c.Available {
		load.Staff = append(load.Staff, Professional{})
	}
	for i, elapsed := range c.Active {
		p := &load.Staff[i%c.Available]
		p.Active = append(p.Active, elapsed)
		p.Pickups = append(p.Pickups, c.Pickup)
	}
	for i := range c.Free {
		p := &load.Staff[(len(c.Active)+i)%c.Available]
		p.Pickups = append(p.Pickups, c.Pickup)
	}
	for range c.OnPhone {
		load.Staff = append(load.Staff, Professional{Doing: OnPhone, Pickups: []time.Duration{c.Pickup}})
	}
	return load
}

// sample returns handling times drawn from a gamma distribution of a whole shape, which for 1 is the
// exponential.
func sample(random *rand.Rand, n, shape int, mean time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		sum := 0.0
		for range shape {
			sum += random.ExpFloat64()
		}
		all[i] = time.Duration(sum / float64(shape) * float64(mean))
	}
	return all
}

func TestEstimateReasons(t *testing.T) {
	t.Parallel()
	ten := minutes(MinHistory, 8)
	tests := []struct {
		name string
		load Load
		want Reason
	}{
		{"nobody", Load{Handling: ten}, NobodyAvailable},
		{"nobody, and no history", Load{}, NobodyAvailable},
		{"everybody is away", Load{Handling: ten, Staff: []Professional{{Doing: Away, Active: minutes(2, 4)}}}, NobodyAvailable},
		{"too little history", crew{Available: 2, Handling: ten[:MinHistory-1]}.load(), TooLittleHistory},
		{"times that are no times do not count", crew{Available: 2, Handling: append([]time.Duration{0, -time.Minute}, ten[:8]...)}.load(), TooLittleHistory},
		{"enough", crew{Available: 1, Free: 1, Handling: ten}.load(), 0},
		{"on the phone only", crew{OnPhone: 1, Handling: ten}.load(), 0},
	}
	for _, test := range tests {
		e := EstimateWait(test.load, 1, asOf, time.Time{})
		if e.CannotEstimate != test.want {
			t.Errorf("%s: reason %d, want %d", test.name, e.CannotEstimate, test.want)
		}
		if none := e.Low == 0 && e.High == 0 && e.BeforeClosing == 0; none != (test.want != 0) {
			t.Errorf("%s: %+v", test.name, e)
		}
		if e.AsOf != asOf {
			t.Errorf("%s: as of %v", test.name, e.AsOf)
		}
	}
	e := EstimateWait(crew{Available: 2, Free: 2, OnPhone: 1, Handling: minutes(12, 8)}.load(), 1, asOf, time.Time{})
	if want := (Basis{Finished: 12, Available: 2, OnPhone: 1}); e.Basis != want {
		t.Errorf("basis %+v, want %+v", e.Basis, want)
	}
}

// Conversations that all last ten minutes leave nothing to chance, so the ranges can be told by hand.
func TestEstimateByHand(t *testing.T) {
	t.Parallel()
	const m = time.Minute
	ten := minutes(20, 10)
	tests := []struct {
		name      string
		load      crew
		position  int
		low, high time.Duration
	}{
		{"a free slot", crew{Available: 1, Free: 1, Handling: ten}, 1, 0, m},
		{"two free slots, second", crew{Available: 1, Free: 2, Handling: ten}, 2, 0, m},
		{"two free slots, third waits for a whole conversation", crew{Available: 1, Free: 2, Handling: ten}, 3, 10 * m, 10 * m},
		{"eight minutes in", crew{Available: 1, Active: minutes(1, 8), Handling: ten}, 1, 2 * m, 2 * m},
		{"eight minutes in, second", crew{Available: 1, Active: minutes(1, 8), Handling: ten}, 2, 12 * m, 12 * m},
		{"eight minutes in, fourth", crew{Available: 1, Active: minutes(1, 8), Handling: ten}, 4, 30 * m, 35 * m},
		{"two at once", crew{Available: 1, Active: []time.Duration{3 * m, 8 * m}, Handling: ten}, 2, 7 * m, 7 * m},
		{"two at once, of two", crew{Available: 2, Active: []time.Duration{3 * m, 8 * m}, Handling: ten}, 2, 7 * m, 7 * m},
		{"two at once, fourth", crew{Available: 1, Active: []time.Duration{3 * m, 8 * m}, Handling: ten}, 4, 17 * m, 17 * m},
		{"a position below the first is the first", crew{Available: 1, Active: minutes(1, 8), Handling: ten}, 0, 2 * m, 2 * m},
	}
	for _, test := range tests {
		e := EstimateWait(test.load.load(), test.position, asOf, time.Time{})
		if e.Low != test.low || e.High != test.high {
			t.Errorf("%s: %v to %v, want %v to %v", test.name, e.Low, e.High, test.low, test.high)
		}
	}
}

// How people work is part of it: that they need a while to take somebody, are on the phone now and then, hold
// fewer than they may, and are not all there.
func TestEstimateKnowsHowPeopleWork(t *testing.T) {
	t.Parallel()
	ten := minutes(20, 10)
	even := make([]float64, 20) // As long each time.
	for i := range even {
		even[i] = 1
	}
	now := []time.Duration{0}
	pro := func(change func(p *Professional)) Load {
		p := Professional{Pickups: now}
		change(&p)
		return Load{Staff: []Professional{p}, Handling: ten, Rhythm: [][]float64{even}, Calls: minutes(20, 6), Breaks: minutes(20, 30)}
	}
	tests := []struct {
		name      string
		load      Load
		position  int
		low, high float64 // minutes, half a minute off at most
	}{
		{"a while until they take somebody", pro(func(p *Professional) { p.Pickups = minutes(1, 3) }), 1, 3, 3},
		{"of which two minutes are over", pro(func(p *Professional) { p.Pickups = minutes(1, 3); p.Looking = 2 * time.Minute }), 1, 1, 1},
		{"and the same after each conversation", pro(func(p *Professional) { p.Pickups = minutes(1, 3) }), 2, 16, 16},
		{"on the phone for two of six minutes", pro(func(p *Professional) { p.Doing, p.Since = OnPhone, 2*time.Minute }), 1, 4, 4},
		{"on the phone, with a conversation beside it", pro(func(p *Professional) {
			p.Doing, p.Since, p.Active = OnPhone, 2*time.Minute, minutes(1, 3)
		}), 1, 7, 7},
		{"may hold three, but takes a second only after an hour", pro(func(p *Professional) {
			p.Pickups, p.Active = []time.Duration{0, time.Hour, time.Hour}, minutes(1, 3)
		}), 1, 7, 7},
		{"a colleague comes back from a break in five minutes", Load{
			Staff: []Professional{
				{Pickups: now, Active: minutes(1, 1)},
				{Pickups: now, Doing: Away, Since: 25 * time.Minute},
			}, Handling: ten, Breaks: minutes(20, 30),
		}, 1, 5, 5},
		{"a colleague is away, and nobody knows for how long", Load{
			Staff: []Professional{{Pickups: now, Active: minutes(1, 1)}, {Pickups: now, Doing: Away}}, Handling: ten,
		}, 1, 9, 9},
	}
	for _, test := range tests {
		e := EstimateWait(test.load, test.position, asOf, time.Time{})
		if math.Abs(e.Low.Minutes()-test.low) > 0.5 || math.Abs(e.High.Minutes()-test.high) > 0.5 {
			t.Errorf("%s: %v to %v, want %v to %v min", test.name, e.Low, e.High, test.low, test.high)
		}
	}
}

// Those who give up make the wait of those behind them shorter.
func TestEstimateCountsOnSomeGivingUp(t *testing.T) {
	t.Parallel()
	load := crew{Available: 1, Active: minutes(1, 5), Handling: minutes(20, 10)}.load()
	patient := EstimateWait(load, 10, asOf, time.Time{})
	load.Patience = time.Hour
	e := EstimateWait(load, 10, asOf, time.Time{})
	if patient.Low != 95*time.Minute && patient.Low != 90*time.Minute {
		t.Errorf("patient: %v to %v", patient.Low, patient.High)
	}
	// Of nine who would wait three quarters of an hour on average, about half stay.
	if e.High >= patient.Low || e.High < 45*time.Minute {
		t.Errorf("with people who wait an hour on average: %v to %v", e.Low, e.High)
	}
}

// Far back, where turns are no longer played out one by one, they still come at the pace of whole cycles: ten
// minutes of conversation and a minute and a half until the next is taken.
func TestEstimateFarBackCountsPickups(t *testing.T) {
	t.Parallel()
	load := crew{Available: 2, Free: 2, Handling: minutes(20, 10), Pickup: 90 * time.Second}.load()
	low, high := NewForecast(load, 2000, asOf).seconds(2000)
	want := 60 * (1.5 + 999*11.5)
	if math.Abs(low-want) > 0.03*want || math.Abs(high-want) > 0.03*want {
		t.Errorf("%.0f to %.0f s, want about %.0f", low, high, want)
	}
}

// A colleague on the phone helps, but less than one at hand; and the more so the fewer calls they take.
func TestEstimateCountsThePhoneInPart(t *testing.T) {
	t.Parallel()
	handling := sample(rand.New(rand.NewPCG(1, 1)), 100, 2, 10*time.Minute)
	middle := func(c crew, between time.Duration) float64 {
		load := c.load()
		load.Calls = minutes(20, 10)
		load.Staff[len(load.Staff)-1].BetweenCalls = between
		k := NewForecast(load, 20, asOf).at(20)
		return k.spread.at(0.5)
	}
	alone := middle(crew{Available: 2, Active: minutes(2, 5), Handling: handling}, 0)
	busy := middle(crew{Available: 2, OnPhone: 1, Active: minutes(2, 5), Handling: handling}, time.Minute)
	phone := middle(crew{Available: 2, OnPhone: 1, Active: minutes(2, 5), Handling: handling}, 20*time.Minute)
	at := middle(crew{Available: 3, Active: minutes(3, 5), Handling: handling}, 0)
	if at >= phone || phone >= busy || busy > alone {
		t.Errorf("three at hand %.0f s, one of them on the phone %.0f s, again and again %.0f s, two %.0f s: want them growing", at, phone, busy, alone)
	}
}

func TestEstimateLongConversationTellsNothing(t *testing.T) {
	t.Parallel()
	// Three hours in, where none known took more than ten minutes: still a range, not zero and not for ever.
	e := EstimateWait(crew{Available: 1, Active: minutes(1, 180), Handling: minutes(20, 10)}.load(), 1, asOf, time.Time{})
	if e.Low > 2*time.Minute || e.High < 15*time.Minute || e.High > 30*time.Minute {
		t.Errorf("%v to %v, want about 1 to 25 min", e.Low, e.High)
	}
}

func TestEstimateBeforeClosing(t *testing.T) {
	t.Parallel()
	handling := minutes(10, 9)
	handling = append(handling, minutes(10, 11)...)
	load := crew{Available: 1, Active: minutes(1, 8), Handling: handling}.load()
	e := EstimateWait(load, 4, asOf, time.Time{})
	if e.Low >= e.High || e.Low < 25*time.Minute || e.High > 40*time.Minute {
		t.Fatalf("the fourth position waits %v to %v, want about half an hour", e.Low, e.High)
	}
	tests := []struct {
		name   string
		served time.Time
		want   TurnBeforeClosing
	}{
		{"no end", time.Time{}, TurnExpected},
		{"in an hour", asOf.Add(time.Hour), TurnExpected},
		{"just as the range ends", asOf.Add(e.High), TurnExpected},
		{"within the range", asOf.Add(e.High - time.Second), TurnUncertain},
		{"just as the range begins", asOf.Add(e.Low), TurnUnlikely},
		{"before it", asOf.Add(10 * time.Minute), TurnUnlikely},
		{"already over", asOf.Add(-time.Minute), TurnUnlikely},
	}
	for _, test := range tests {
		if got := EstimateWait(load, 4, asOf, test.served).BeforeClosing; got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestEstimateRounding(t *testing.T) {
	t.Parallel()
	for minutes, want := range map[float64]float64{
		0: 0, 0.4: 0, 0.6: 1, 9.4: 9, 19.6: 20, 21: 20, 23: 25, 59: 60, 91: 90, 100: 105, 179: 180, 190: 180, 200: 210, 300: 300,
	} {
		if got := told(60 * minutes).Minutes(); got != want {
			t.Errorf("%v min are told as %v, want %v", minutes, got, want)
		}
	}
	for seconds := 0.0; seconds < 5*3600; seconds += 7 {
		if told(seconds) > told(seconds+7) || roundUp(seconds) > roundUp(seconds+7) {
			t.Fatalf("rounding changes the order at %v s", seconds)
		}
		if up := roundUp(seconds); up != told(up).Seconds() {
			t.Fatalf("%v s are rounded up to %v, which is told as %v", seconds, up, told(up))
		}
	}
}

// The same load gives the same range, whatever the length of the line it was forecast for.
func TestForecastIsSteady(t *testing.T) {
	t.Parallel()
	load := crew{
		Available: 3, OnPhone: 1, Free: 1, Active: minutes(4, 3),
		Handling: sample(rand.New(rand.NewPCG(2, 2)), 80, 1, 9*time.Minute),
	}.load()
	long := NewForecast(load, 5000, asOf)
	for _, p := range []int{1, 2, 7, 33, 100, 1000, 5000} {
		want := long.Wait(p, time.Time{})
		if got := EstimateWait(load, p, asOf, time.Time{}); got != want {
			t.Errorf("position %d: alone %+v, among all %+v", p, got, want)
		}
	}
	// Beyond the last position asked for, in proportion.
	short := NewForecast(load, 50, asOf)
	low, high := short.seconds(short.knots[len(short.knots)-1].position * 2)
	last := short.knots[len(short.knots)-1]
	if low != 2*last.low || high != 2*last.high {
		t.Errorf("twice the last: %v to %v, want twice %v to %v", low, high, last.low, last.high)
	}
}

func TestEstimateBeyondReason(t *testing.T) {
	t.Parallel()
	e := EstimateWait(crew{Available: 1, Free: 1, Handling: minutes(20, 1e6)}.load(), math.MaxInt, asOf, asOf.Add(time.Hour))
	if e.Low != e.High || e.High != 365*24*time.Hour || e.BeforeClosing != TurnUnlikely {
		t.Errorf("got %+v, want the longest that is told", e)
	}
}

func TestForecastDoesNotChangeItsLoad(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	made := func() Load {
		load := crew{Available: 2, Free: 1, Active: minutes(2, 3), Handling: sample(random, 30, 1, time.Minute)}.load()
		load.Calls, load.Breaks = sample(random, 30, 1, time.Minute), sample(random, 30, 1, time.Minute)
		load.Rhythm = make([][]float64, 1)
		for range 30 {
			load.Rhythm[0] = append(load.Rhythm[0], random.ExpFloat64())
			load.Scores = append(load.Scores, Score{Foreseen: time.Minute, Position: 1, Value: random.Float64()})
		}
		return load
	}
	load := made()
	random = rand.New(rand.NewPCG(3, 3))
	want := made()
	NewForecast(load, 10, asOf)
	if diff := cmp.Diff(want, load); diff != "" {
		t.Errorf("the caller's load was changed (-want +got):\n%s", diff)
	}
}

func drawLoad(t *rapid.T) Load {
	duration := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.OneOf(
			rapid.Int64Range(1, int64(time.Hour)),
			rapid.Int64Range(1, 1000),
			rapid.Int64Range(0, int64(1000*time.Hour)),
		).Draw(t, "duration"))
	})
	durations := func(name string, least, most int) []time.Duration {
		return rapid.SliceOfN(duration, least, most).Draw(t, name)
	}
	pro := rapid.Custom(func(t *rapid.T) Professional {
		return Professional{
			Doing: Doing(rapid.IntRange(0, 2).Draw(t, "doing")), Since: duration.Draw(t, "since"),
			Active: rapid.SliceOfN(duration, 0, 4).Draw(t, "active"), Pickups: rapid.SliceOfN(duration, 0, 5).Draw(t, "pickups"),
			Looking: duration.Draw(t, "looking"), BetweenCalls: duration.Draw(t, "calls"), BetweenBreaks: duration.Draw(t, "breaks"),
		}
	})
	score := rapid.Custom(func(t *rapid.T) Score {
		return Score{
			Foreseen: duration.Draw(t, "foreseen"), Position: rapid.IntRange(1, 50).Draw(t, "position"),
			Value: rapid.Float64Range(-farOff, 1+farOff).Draw(t, "value"),
		}
	})
	return Load{
		Staff:    rapid.SliceOfN(pro, 0, 7).Draw(t, "staff"),
		Handling: durations("handling", MinHistory+2, 40),
		Calls:    durations("calls", 0, 20),
		Breaks:   durations("breaks", 0, 20),
		Rhythm:   rapid.SliceOfN(rapid.SliceOfN(rapid.Float64Range(0, 10), 0, 20), 0, 3).Draw(t, "rhythm"),
		Patience: rapid.OneOf(rapid.Just(time.Duration(0)), duration).Draw(t, "patience"),
		Scores:   rapid.SliceOfN(score, 0, 60).Draw(t, "scores"),
	}
}

// A later position never has a shorter range, and a range never ends before it begins.
func TestForecastIsMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		load := drawLoad(t)
		last := rapid.OneOf(rapid.IntRange(1, 60), rapid.IntRange(1, 3000)).Draw(t, "last")
		f := NewForecast(load, last, asOf)
		served := asOf.Add(time.Duration(rapid.Int64Range(0, int64(10*time.Hour)).Draw(t, "served")))
		before := f.Wait(1, served)
		for p := 1; p <= last+100; p++ {
			e := f.Wait(p, served)
			if e.CannotEstimate != 0 {
				if e.CannotEstimate != before.CannotEstimate {
					t.Fatalf("position %d: reason %d, position 1: %d", p, e.CannotEstimate, before.CannotEstimate)
				}
				continue
			}
			if e.Low < 0 || e.Low > e.High || e.High < time.Minute {
				t.Fatalf("position %d: %v to %v", p, e.Low, e.High)
			}
			if e.Low < before.Low || e.High < before.High || e.BeforeClosing < before.BeforeClosing {
				t.Fatalf("position %d: %+v, the one before: %+v", p, e, before)
			}
			before = e
		}
	})
}

// coverage is how often waits were within the range.
type coverage struct{ below, within, above, all int }

func (c *coverage) count(f *Forecast, position int, wait time.Duration) {
	c.all++
	switch e := f.Wait(position, time.Time{}); {
	case wait < e.Low:
		c.below++
	case wait > e.High:
		c.above++
	default:
		c.within++
	}
}

func (c *coverage) share(n int) float64 { return float64(n) / float64(c.all) }

func (c *coverage) String() string {
	return fmt.Sprintf("%d waits: %.3f within the range as told, %.3f below, %.3f above",
		c.all, c.share(c.within), c.share(c.below), c.share(c.above))
}

// simulate runs a queue of people arriving at random and so many slots for so many arrivals, and asks for the
// range of each who has to wait, as they arrive, going by the last conversations finished before.
func simulate(random *rand.Rand, slots, shape, history, arrivals int) coverage {
	const mean = 8 * time.Minute
	var c coverage
	type talk struct{ start, end time.Duration }
	now := time.Duration(0)
	busy := make([]talk, slots)                  // What each slot holds last.
	starts := make([]time.Duration, 0, arrivals) // When the arrivals are taken.
	var finished []talk
	for n := range arrivals {
		now += time.Duration(random.ExpFloat64() * float64(mean) / float64(slots) / 0.92)
		// First come, first served: this arrival takes the slot that is free first.
		first := 0
		for i := range busy {
			if busy[i].end < busy[first].end {
				first = i
			}
		}
		start := max(now, busy[first].end)
		if waiting := slices.IndexFunc(starts, func(s time.Duration) bool { return s > now }); start > now {
			// Those ahead are taken after now; those who hold a slot were taken before.
			ahead := 0
			if waiting >= 0 {
				ahead = len(starts) - waiting
			}
			load := crew{Available: 1}.load()
			load.Staff[0].Pickups = make([]time.Duration, slots)
			slices.SortFunc(finished, func(a, b talk) int { return int(a.end - b.end) })
			known := 0
			for known < len(finished) && finished[known].end <= now {
				known++
			}
			for _, f := range finished[max(0, known-history):known] {
				load.Handling = append(load.Handling, f.end-f.start)
			}
			for _, f := range finished[known:] {
				if f.start <= now {
					load.Staff[0].Active = append(load.Staff[0].Active, now-f.start)
				}
			}
			if len(load.Staff[0].Active) != slots {
				panic("somebody waits although a slot is free")
			}
			// Not each one: those close in time share their fate.
			if known >= history && n%4 == 0 {
				c.count(NewForecast(load, ahead+1, asOf), ahead+1, start-now)
			}
		}
		taken := talk{start: start, end: start + sample(random, 1, shape, mean)[0]}
		busy[first] = taken
		starts = append(starts, start)
		finished = append(finished, taken)
		if len(finished) > 4*history+200 {
			finished = slices.Delete(finished, 0, 100)
		}
	}
	return c
}

// TestEstimateHoldsInEightOfTen runs small queues over thousands of arrivals and checks that the range holds
// about as often as it says.
func TestEstimateHoldsInEightOfTen(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                  string
		slots, shape, history int
	}{
		{"exponential, one slot", 1, 1, 100},
		{"exponential, three slots", 3, 1, 100},
		{"gamma, three slots", 3, 3, 100},
		{"gamma, six slots, short history", 6, 2, 20},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := simulate(rand.New(rand.NewPCG(7, uint64(i))), test.slots, test.shape, test.history, 2000)
			t.Log(&c)
			if c.all < 300 {
				t.Fatalf("only %d had to wait", c.all)
			}
			if within := c.share(c.within); within < 0.74 || within > 0.86 {
				t.Errorf("the range holds in %.3f of cases, want about 0.8", within)
			}
			if c.share(c.below) > mostBelow+0.03 {
				t.Errorf("%.3f are below, want at most %v", c.share(c.below), mostBelow)
			}
		})
	}
}

// TestEstimateHoldsFarBack checks positions that are reached by leaps, and short histories, against futures
// played one by one.
func TestEstimateHoldsFarBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ slots, shape, history, position int }{
		{2, 1, 100, 80},
		{4, 3, 30, 60},
		{2, 2, MinHistory, 40},
		{12, 1, 200, 80},
	} {
		t.Run(fmt.Sprintf("%+v", test), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(11, uint64(test.position)))
			var c coverage
			const mean = 10 * time.Minute
			for range 150 {
				load := crew{Available: 1, Handling: sample(random, test.history, test.shape, mean)}.load()
				pro := &load.Staff[0]
				pro.Pickups = make([]time.Duration, test.slots)
				ends := make([]float64, test.slots)
				for i := range ends {
					// What is left of a conversation goes with what has been of it: draw one that lasted as long.
					elapsed := time.Duration(random.Float64() * float64(mean))
					whole := elapsed
					for whole <= elapsed {
						whole = sample(random, 1, test.shape, mean)[0]
					}
					pro.Active = append(pro.Active, elapsed)
					ends[i] = (whole - elapsed).Seconds()
				}
				wait := 0.0
				for range test.position {
					wait = slices.Min(ends)
					ends[slices.Index(ends, wait)] += sample(random, 1, test.shape, mean)[0].Seconds()
				}
				c.count(NewForecast(load, test.position, asOf), test.position, time.Duration(wait*float64(time.Second)))
			}
			t.Log(&c)
			if within := c.share(c.within); within < 0.72 || within > 0.88 {
				t.Errorf("the range holds in %.3f of cases, want about 0.8", within)
			}
		})
	}
}

// benchmarkLoad is a queue that has been at work for long, with everything that can be known of it.
func benchmarkLoad(slots int) Load {
	random := rand.New(rand.NewPCG(5, 5))
	load := crew{
		Available: max(slots/3, 1), OnPhone: slots / 10, Active: minutes(slots, 4), Pickup: time.Minute,
		Handling: sample(random, 200, 2, 9*time.Minute),
	}.load()
	load.Calls, load.Breaks = sample(random, 100, 1, 6*time.Minute), sample(random, 50, 1, 20*time.Minute)
	load.Patience, load.Rhythm = time.Hour, make([][]float64, 1)
	for i := range load.Staff {
		load.Staff[i].BetweenCalls, load.Staff[i].BetweenBreaks = 20*time.Minute, 2*time.Hour
	}
	for range 150 {
		load.Rhythm[0] = append(load.Rhythm[0], random.ExpFloat64())
		load.Scores = append(load.Scores, Score{Foreseen: 5 * time.Minute, Position: 1 + random.IntN(5), Value: random.Float64()})
	}
	return load
}

// BenchmarkEstimateWait is one position on its own: a newcomer to a short line.
func BenchmarkEstimateWait(b *testing.B) {
	load := benchmarkLoad(6)
	b.ReportAllocs()
	for b.Loop() {
		EstimateWait(load, 5, asOf, time.Time{})
	}
}

func BenchmarkNewForecast(b *testing.B) {
	for _, bench := range []struct{ slots, last int }{{3, 2}, {6, 21}, {20, 101}, {60, 10_001}, {600, 10_001}} {
		b.Run(fmt.Sprintf("slots=%d/last=%d", bench.slots, bench.last), func(b *testing.B) {
			load := benchmarkLoad(bench.slots)
			b.ReportAllocs()
			for b.Loop() {
				NewForecast(load, bench.last, asOf)
			}
		})
	}
}

// BenchmarkForecastWait is one position of a forecast that is already made, as for each of 10,000 waiting.
func BenchmarkForecastWait(b *testing.B) {
	f := NewForecast(benchmarkLoad(60), 10_001, asOf)
	served := asOf.Add(5 * time.Hour)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		f.Wait(i%10_000+1, served)
		i += 7919
	}
}
