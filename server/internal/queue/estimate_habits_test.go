package queue

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Two colleagues of whom the faster one takes each time: what is seen of the slower one is only that they would
// have needed longer. How long each needs is learnt right nevertheless.
func TestHabitsLearnFromTimesCutShort(t *testing.T) {
	t.Parallel()
	const scale, shape = 300.0, 2.0
	random := rand.New(rand.NewPCG(21, 1))
	need := func() time.Duration { return seconds(scale * math.Pow(random.ExpFloat64(), 1/shape)) }
	h, now := NewHabits(), asOf
	at := func(waiting bool) Activity { return Activity{Connected: true, Capacity: 1, Waiting: waiting} }
	for range 400 {
		now = now.Add(time.Hour)
		for _, id := range []string{"a", "b"} {
			h.Does(id, at(true), now)
		}
		a, b := need(), need()
		first, taken := "a", now.Add(min(a, b))
		if b < a {
			first = "b"
		}
		h.Took(first, taken)
		for _, id := range []string{"a", "b"} {
			h.Does(id, at(false), taken)
		}
		now = taken
	}
	var load Load
	p := h.Professional("a", 1, now, &load)
	middle := load.Rhythm[0][len(load.Rhythm[0])/2] * p.Pickups[0].Seconds()
	want := scale * math.Pow(math.Ln2, 1/shape)
	if math.Abs(middle-want) > 0.2*want {
		t.Errorf("the time needed in the middle is %.0f s, want about %.0f", middle, want)
	}
	if !slices.IsSorted(load.Rhythm[0]) {
		t.Error("the rhythm is not in order")
	}
}

func TestHabitsLearnOfCallsAndBreaks(t *testing.T) {
	t.Parallel()
	h, now := NewHabits(), asOf
	pass := func(d time.Duration, doing Doing, connected bool) {
		h.Does("a", Activity{Connected: connected, Doing: doing, Capacity: 3}, now)
		now = now.Add(d)
	}
	for range 60 {
		pass(20*time.Minute, Available, true)
		pass(6*time.Minute, OnPhone, true)
		pass(20*time.Minute, Available, true)
		pass(6*time.Minute, OnPhone, true)
		pass(20*time.Minute, Available, true)
		pass(15*time.Minute, Away, true)
	}
	pass(12*time.Hour, Away, false) // At home, which is no break.
	pass(time.Hour, Available, true)
	pass(2*time.Minute, OnPhone, true)
	var load Load
	p := h.Professional("a", 3, now, &load)
	if p.Doing != OnPhone || p.Since != 2*time.Minute || len(p.Pickups) != 3 {
		t.Errorf("now: %+v", p)
	}
	if p.BetweenCalls < 25*time.Minute || p.BetweenCalls > 45*time.Minute {
		t.Errorf("between calls: %v, want about half an hour", p.BetweenCalls)
	}
	if p.BetweenBreaks < 50*time.Minute || p.BetweenBreaks > 90*time.Minute {
		t.Errorf("between breaks: %v, want about an hour", p.BetweenBreaks)
	}
	if len(load.Calls) != recent || slices.Max(load.Calls) != 6*time.Minute {
		t.Errorf("calls: %v", load.Calls)
	}
	if len(load.Breaks) != recent || slices.Max(load.Breaks) != 15*time.Minute {
		t.Errorf("breaks: %v", load.Breaks)
	}
}

// Of somebody who never takes a third conversation although people wait, none is expected.
func TestHabitsLearnHowManyAreHeld(t *testing.T) {
	t.Parallel()
	h, now := NewHabits(), asOf
	does := func(held int) {
		h.Does("a", Activity{Connected: true, Held: held, Capacity: 5, Waiting: true}, now)
	}
	for range 30 {
		does(0)
		for held := range 2 {
			now = now.Add(time.Minute)
			h.Took("a", now)
			does(held + 1)
		}
		now = now.Add(20 * time.Minute)
	}
	var load Load
	p := h.Professional("a", 5, now, &load)
	for held, want := range []time.Duration{time.Minute, time.Minute} {
		if got := p.Pickups[held]; got < want*3/4 || got > want*5/4 {
			t.Errorf("holding %d they take another after %v, want about %v", held, got, want)
		}
	}
	if p.Pickups[2] < time.Hour || len(p.Pickups) != 5 {
		t.Errorf("holding two they take another after %v", p.Pickups[2])
	}
}

func TestScores(t *testing.T) {
	t.Parallel()
	var s spread
	for i := range s {
		s[i] = 60 + 10*float64(i)
	}
	for _, wait := range []float64{10, 60, 65, 100, 377, 380, 600} {
		if got := s.at(s.score(wait)); math.Abs(got-wait) > 1e-6 {
			t.Errorf("the wait of the score of %v s is %v", wait, got)
		}
	}
	p := Promise{asOf: asOf, position: 3, spread: s}
	got := p.Score(asOf.Add(220 * time.Second))
	if want := (Score{Foreseen: 220 * time.Second, Position: 3, Value: 0.5}); got != want {
		t.Errorf("in the middle: %+v, want %+v", got, want)
	}
	if got := p.Score(asOf.Add(-time.Second)).Value; got >= 0 {
		t.Errorf("a turn before it was foreseen at all scores %v", got)
	}
}

// Experience moves the range to where the waits turned out to be, and only where it was made.
func TestExperience(t *testing.T) {
	t.Parallel()
	load := crew{Available: 1, Active: minutes(1, 4), Handling: sample(rand.New(rand.NewPCG(4, 4)), 100, 4, 10*time.Minute)}.load()
	near, far := EstimateWait(load, 1, asOf, time.Time{}), EstimateWait(load, 12, asOf, time.Time{})
	for range 150 {
		// Waits of the first in line turn out to be longer than nearly all that were foreseen.
		load.Scores = append(load.Scores, Score{Foreseen: 6 * time.Minute, Position: 1, Value: 1.2})
	}
	learnt, learntFar := EstimateWait(load, 1, asOf, time.Time{}), EstimateWait(load, 12, asOf, time.Time{})
	if learnt.Low <= near.High || learnt.High <= near.High {
		t.Errorf("the first is told %v to %v, before %v to %v", learnt.Low, learnt.High, near.Low, near.High)
	}
	if learntFar.Low > far.Low*3/2 || learntFar.High > far.High*3/2 {
		t.Errorf("the twelfth is told %v to %v, before %v to %v", learntFar.Low, learntFar.High, far.Low, far.High)
	}
}
