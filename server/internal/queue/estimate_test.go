package queue

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

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
		{"conversations of professionals who have gone away", Load{Handling: ten, Free: 3, Active: minutes(2, 4)}, NobodyAvailable},
		{"too little history", Load{Available: 2, Handling: ten[:MinHistory-1]}, TooLittleHistory},
		{"times that are no times do not count", Load{Available: 2, Handling: append([]time.Duration{0, -time.Minute}, ten[:8]...)}, TooLittleHistory},
		{"enough", Load{Available: 1, Handling: ten}, 0},
		{"on the phone only", Load{OnPhone: 1, Handling: ten}, 0},
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
	e := EstimateWait(Load{Available: 2, OnPhone: 1, Handling: minutes(12, 8)}, 1, asOf, time.Time{})
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
		load      Load
		position  int
		low, high time.Duration
	}{
		{"a free slot", Load{Available: 1, Free: 1, Handling: ten}, 1, 0, m},
		{"two free slots, second", Load{Available: 1, Free: 2, Handling: ten}, 2, 0, m},
		{"two free slots, third waits for a whole conversation", Load{Available: 1, Free: 2, Handling: ten}, 3, 10 * m, 10 * m},
		{"eight minutes in", Load{Available: 1, Active: minutes(1, 8), Handling: ten}, 1, 2 * m, 2 * m},
		{"eight minutes in, second", Load{Available: 1, Active: minutes(1, 8), Handling: ten}, 2, 10 * m, 15 * m},
		{"eight minutes in, fourth", Load{Available: 1, Active: minutes(1, 8), Handling: ten}, 4, 30 * m, 35 * m},
		{"two at once", Load{Available: 1, Active: []time.Duration{3 * m, 8 * m}, Handling: ten}, 2, 7 * m, 7 * m},
		{"two at once, fourth", Load{Available: 1, Active: []time.Duration{3 * m, 8 * m}, Handling: ten}, 4, 15 * m, 20 * m},
		{"a position below the first is the first", Load{Available: 1, Active: minutes(1, 8), Handling: ten}, 0, 2 * m, 2 * m},
		{"free slots are filled after a while", Load{Available: 1, Free: 1, Handling: ten, Pickups: minutes(10, 1.5)}, 1, m, 2 * m},
		{"too few known to tell after what while", Load{Available: 1, Free: 1, Handling: ten, Pickups: minutes(9, 1.5)}, 1, 0, m},
		{"and between conversations too", Load{Available: 1, Free: 1, Handling: ten, Pickups: minutes(10, 1.5)}, 2, 10 * m, 15 * m},
	}
	for _, test := range tests {
		e := EstimateWait(test.load, test.position, asOf, time.Time{})
		if e.Low != test.low || e.High != test.high {
			t.Errorf("%s: %v to %v, want %v to %v", test.name, e.Low, e.High, test.low, test.high)
		}
	}
}

// Of one slot in use at a moment of no significance, with ten minutes each, the rest is even over ten minutes:
// the range is one to nine. The same of a call, after which turns come every twenty.
func TestEstimateOfWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	ten := minutes(20, 10)
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.6 {
			t.Errorf("%s: %.2f min, want about %.2f", name, got, want)
		}
	}
	busy := NewForecast(Load{Available: 1, Handling: ten}, 200, asOf)
	phone := NewForecast(Load{OnPhone: 1, Handling: ten}, 200, asOf)
	for position, cycles := range map[int]float64{1: 0, 2: 1, 4: 3, 200: 199} {
		low, high := busy.seconds(position)
		near(fmt.Sprint("busy, low of ", position), low/60, 10*cycles+1)
		near(fmt.Sprint("busy, high of ", position), high/60, 10*cycles+9)
		low, high = phone.seconds(position)
		near(fmt.Sprint("phone, low of ", position), low/60, 20*cycles+1)
		near(fmt.Sprint("phone, high of ", position), high/60, 20*cycles+9)
	}
}

// Far back, where turns are no longer played out one by one, they still come at the pace of whole cycles: ten
// minutes of conversation and a minute and a half until the next is taken.
func TestEstimateFarBackCountsPickups(t *testing.T) {
	t.Parallel()
	load := Load{Available: 1, Free: 2, Handling: minutes(20, 10), Pickups: minutes(20, 1.5)}
	low, high := NewForecast(load, 2000, asOf).seconds(2000)
	want := 60 * (1.5 + 999*11.5)
	if math.Abs(low-want) > 60*11.5 || math.Abs(high-want) > 60*11.5 {
		t.Errorf("%.0f to %.0f s, want about %.0f", low, high, want)
	}
}

// A colleague on the phone helps, but less than one at hand.
func TestEstimateCountsThePhoneInPart(t *testing.T) {
	t.Parallel()
	handling := sample(rand.New(rand.NewPCG(1, 1)), 100, 2, 10*time.Minute)
	middle := func(load Load) float64 {
		low, high := NewForecast(load, 20, asOf).seconds(20)
		return (low + high) / 2
	}
	alone := middle(Load{Available: 2, Active: minutes(2, 5), Handling: handling})
	phone := middle(Load{Available: 2, OnPhone: 1, Active: minutes(2, 5), Handling: handling})
	at := middle(Load{Available: 3, Active: minutes(3, 5), Handling: handling})
	if at >= phone || phone >= alone {
		t.Errorf("three at hand %.0f s, two and one on the phone %.0f s, two %.0f s: want them growing", at, phone, alone)
	}
	if want := alone * 2 / 2.5; math.Abs(phone-want) > 0.1*want {
		t.Errorf("on the phone counts for other than about a half: %.0f s, want about %.0f s", phone, want)
	}
}

func TestEstimateLongConversationTellsNothing(t *testing.T) {
	t.Parallel()
	// Three hours in, where none known took more than ten minutes: still a range, not zero and not for ever.
	e := EstimateWait(Load{Available: 1, Active: minutes(1, 180), Handling: minutes(20, 10)}, 1, asOf, time.Time{})
	if e.Low > 2*time.Minute || e.High < 15*time.Minute || e.High > 30*time.Minute {
		t.Errorf("%v to %v, want about 1 to 25 min", e.Low, e.High)
	}
}

func TestEstimateBeforeClosing(t *testing.T) {
	t.Parallel()
	// The fourth position waits 30 to 35 minutes.
	load := Load{Available: 1, Active: minutes(1, 8), Handling: minutes(20, 10)}
	tests := []struct {
		name   string
		served time.Time
		want   TurnBeforeClosing
	}{
		{"no end", time.Time{}, TurnExpected},
		{"in an hour", asOf.Add(time.Hour), TurnExpected},
		{"just as the range ends", asOf.Add(35 * time.Minute), TurnExpected},
		{"within the range", asOf.Add(34 * time.Minute), TurnUncertain},
		{"just as the range begins", asOf.Add(30 * time.Minute), TurnUnlikely},
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
	tests := []struct{ seconds, low, high float64 }{
		{0, 0, 1},
		{1, 0, 1},
		{60, 1, 1},
		{61, 1, 2},
		{599, 9, 10},
		{600, 10, 10},
		{601, 10, 15},
		{59 * 60, 55, 60},
		{61 * 60, 60, 75},
		{179 * 60, 165, 180},
		{181 * 60, 180, 210},
		{300 * 60, 300, 300},
	}
	for _, test := range tests {
		low, high := roundDown(test.seconds).Minutes(), roundUp(test.seconds).Minutes()
		if low != test.low || high != test.high {
			t.Errorf("%v s: %v to %v min, want %v to %v", test.seconds, low, high, test.low, test.high)
		}
	}
	for seconds := 0.0; seconds < 5*3600; seconds += 7 {
		if roundDown(seconds) > roundDown(seconds+7) || roundUp(seconds) > roundUp(seconds+7) {
			t.Fatalf("rounding changes the order at %v s", seconds)
		}
		if roundDown(seconds).Seconds() > seconds || roundUp(seconds).Seconds() < seconds {
			t.Fatalf("rounding is inward at %v s", seconds)
		}
	}
}

// The same load gives the same range, whatever the length of the line it was forecast for.
func TestForecastIsSteady(t *testing.T) {
	t.Parallel()
	load := Load{
		Available: 3, OnPhone: 1, Free: 1, Active: minutes(4, 3),
		Handling: sample(rand.New(rand.NewPCG(2, 2)), 80, 1, 9*time.Minute),
	}
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
	e := EstimateWait(Load{Available: 1, Handling: minutes(20, 1e6)}, math.MaxInt, asOf, asOf.Add(time.Hour))
	if e.Low != e.High || e.High != 365*24*time.Hour || e.BeforeClosing != TurnUnlikely {
		t.Errorf("got %+v, want the longest that is told", e)
	}
}

func TestForecastDoesNotChangeItsLoad(t *testing.T) {
	t.Parallel()
	load := Load{Available: 1, Handling: sample(rand.New(rand.NewPCG(3, 3)), 30, 1, time.Minute), Pickups: sample(rand.New(rand.NewPCG(3, 4)), 30, 1, time.Minute)}
	handling, pickups := slices.Clone(load.Handling), slices.Clone(load.Pickups)
	NewForecast(load, 10, asOf)
	if !slices.Equal(load.Handling, handling) || !slices.Equal(load.Pickups, pickups) {
		t.Error("the caller's times were moved about")
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
	return Load{
		Available: rapid.IntRange(0, 6).Draw(t, "available"),
		OnPhone:   rapid.IntRange(0, 3).Draw(t, "on the phone"),
		Free:      rapid.IntRange(0, 8).Draw(t, "free"),
		Active:    rapid.SliceOfN(duration, 0, 12).Draw(t, "active"),
		Handling:  rapid.SliceOfN(duration, MinHistory+2, 40).Draw(t, "handling"),
		Pickups:   rapid.SliceOfN(duration, 0, 20).Draw(t, "pickups"),
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
type coverage struct{ below, within, above, told, all int }

func (c *coverage) count(f *Forecast, position int, wait time.Duration) {
	low, high := f.seconds(position)
	c.all++
	switch {
	case wait.Seconds() < low:
		c.below++
	case wait.Seconds() > high:
		c.above++
	default:
		c.within++
	}
	if e := f.Wait(position, time.Time{}); e.Low <= wait && wait <= e.High {
		c.told++
	}
}

func (c *coverage) share(n int) float64 { return float64(n) / float64(c.all) }

func (c *coverage) String() string {
	return fmt.Sprintf("%d waits: %.3f within the range before rounding, %.3f below, %.3f above; %.3f as told",
		c.all, c.share(c.within), c.share(c.below), c.share(c.above), c.share(c.told))
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
			load := Load{Available: slots}
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
					load.Active = append(load.Active, now-f.start)
				}
			}
			if len(load.Active) != slots {
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
// about as often as it says, before it is rounded, and no less often as it is told.
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
			if within := c.share(c.within); within < 0.75 || within > 0.86 {
				t.Errorf("the range holds in %.3f of cases, want about 0.8", within)
			}
			if c.share(c.told) < 0.78 {
				t.Errorf("the range as told holds in %.3f of cases, want at least 0.8", c.share(c.told))
			}
			if c.share(c.below) < 0.05 || c.share(c.above) < 0.05 {
				t.Errorf("one-sided: %.3f below and %.3f above, want about 0.1 each", c.share(c.below), c.share(c.above))
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
				load := Load{Available: test.slots, Handling: sample(random, test.history, test.shape, mean)}
				ends := make([]slot, test.slots)
				for i := range ends {
					// What is left of a conversation goes with what has been of it: draw one that lasted as long.
					elapsed := time.Duration(random.Float64() * float64(mean))
					whole := elapsed
					for whole <= elapsed {
						whole = sample(random, 1, test.shape, mean)[0]
					}
					load.Active = append(load.Active, elapsed)
					ends[i] = slot{at: (whole - elapsed).Seconds()}
				}
				heapify(ends)
				wait := 0.0
				for range test.position {
					wait = ends[0].at
					ends[0].at += sample(random, 1, test.shape, mean)[0].Seconds()
					siftDown(ends, 0)
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

func benchmarkLoad(slots int) Load {
	return Load{
		Available: max(slots/3, 1), OnPhone: slots / 10, Free: 0, Active: minutes(slots, 4),
		Handling: sample(rand.New(rand.NewPCG(5, 5)), 200, 2, 9*time.Minute),
	}
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
