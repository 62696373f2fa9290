package queue

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Habits learns from what professionals do how they work: how readily they take another conversation, how often
// and for how long they are on the phone and away. The newer counts for more. It is told of every change (Does),
// and of every conversation taken (Took).
//
// Nobody is watched by it: it keeps sums, for as long as the server runs, and shows them to nobody.
type Habits struct {
	staff map[string]*habit
	// readiness is that of all, by how many they hold.
	readiness [levels]tally
	calling   tally
	breaking  tally
	// patterns are how long anybody needs to take somebody, by how many they hold.
	patterns [heldApart]pattern
}

// pattern is the latest times in which anybody could have taken somebody, and what they show.
type pattern struct {
	spells []spell
	rhythm []float64
	known  bool // rhythm is that of the spells
}

// spell is for how long somebody could have taken another, in proportion to how long they need on average, and
// whether they did.
type spell struct {
	length float64
	took   bool
}

const (
	// levels is how many conversations at once are told apart: more are taken for as many.
	levels = 8
	// fading is what is left of a tally with each further event: about the last thirty count.
	fading = 0.97
	// recent is how many calls and breaks of a professional are remembered.
	recent = 30
	// spells is how many times in which somebody could have taken another are remembered of all, and quantiles how
	// many points show how they are spread. Of those who hold nobody, one and two or more they are kept apart:
	// somebody may take the first at once, and a second only after having read what the first one wrote.
	spells    = 150
	quantiles = 50
	heldApart = 3
)

// tally is for how long something could have happened, and how often it did.
type tally struct{ seconds, times float64 }

func (t *tally) happened() {
	t.seconds, t.times = t.seconds*fading, t.times*fading+1
}

// between returns for how long it could happen on average until it did, given what is thought before anything is
// known, which weighs as much as so many events.
func (t *tally) between(before, weight float64) float64 {
	return (t.seconds + weight*before) / (t.times + weight)
}

// habit is how one professional works.
type habit struct {
	now       Activity
	asOf      time.Time
	since     time.Time // of what they do now
	looking   time.Time // since when there is somebody whom they could take
	took      bool      // they have taken somebody since
	readiness [levels]tally
	calling   tally
	breaking  tally
	calls     []time.Duration
	breaks    []time.Duration
}

// Activity is what a professional does at a time.
type Activity struct {
	// Connected tells that they are there at all.
	Connected bool
	Doing     Doing
	// Held is how many conversations they hold, and Capacity how many they may.
	Held, Capacity int
	// Waiting tells that somebody waits whom they could take.
	Waiting bool
}

// could tells whether they could take somebody now.
func (a Activity) could() bool {
	return a.Connected && a.Doing == Available && a.Waiting && a.Held < a.Capacity
}

// What is thought of people before anything is known of them, in seconds: that they take one at once, and another
// one gladly, but each further one less so; and how often they go to the phone and away. It is soon outweighed.
var (
	readinessBefore = [levels]float64{30, 60, 180, 600, 1800, 3600, 7200, 14400}
	callingBefore   = 2 * time.Hour.Seconds()
	breakingBefore  = 4 * time.Hour.Seconds()
)

// NewHabits returns what is known when nothing is.
func NewHabits() *Habits { return &Habits{staff: map[string]*habit{}} }

func (h *Habits) of(id string) *habit {
	p := h.staff[id]
	if p == nil {
		p = &habit{}
		h.staff[id] = p
	}
	return p
}

// Does tells what a professional does from now on.
func (h *Habits) Does(id string, a Activity, now time.Time) {
	p := h.of(id)
	h.pass(p, now)
	was := p.now
	p.now = a
	if was.could() != a.could() || was.could() && a.Held != was.Held {
		if was.could() && !p.took {
			h.spell(p, was.Held, false, now)
		}
		p.looking, p.took = now, false
	}
	if was.Connected == a.Connected && was.Doing == a.Doing {
		return
	}
	if was.Connected && a.Connected {
		switch {
		case was.Doing == Available && a.Doing == OnPhone:
			p.calling.happened()
			h.calling.happened()
		case was.Doing == Available && a.Doing == Away:
			p.breaking.happened()
			h.breaking.happened()
		}
	}
	switch {
	case was.Connected && was.Doing == OnPhone:
		p.calls = remember(p.calls, now.Sub(p.since))
	case was.Connected && was.Doing == Away && a.Connected:
		p.breaks = remember(p.breaks, now.Sub(p.since))
	}
	p.since = now
}

// Took tells that a professional takes somebody from a line, before what they do from then on is told.
func (h *Habits) Took(id string, now time.Time) {
	p := h.of(id)
	h.pass(p, now)
	if p.now.Connected && p.now.Doing == Available {
		if p.now.could() {
			h.spell(p, p.now.Held, true, now)
			p.took = true
		}
	}
}

// spell remembers a time in which somebody could have taken another.
func (h *Habits) spell(p *habit, held int, took bool, now time.Time) {
	level, length := min(held, levels-1), max(now.Sub(p.looking).Seconds(), 0)
	h.patterns[min(held, heldApart-1)].add(spell{length / h.pickup(p, level), took})
	for _, t := range []*tally{&p.readiness[level], &h.readiness[level]} {
		t.seconds += length * length
		if took {
			t.happened()
		}
	}
}

func (p *pattern) add(s spell) {
	if len(p.spells) == spells {
		p.spells = append(p.spells[:0], p.spells[1:]...)
	}
	p.spells = append(p.spells, s)
	p.known = false
}

// quantiles returns how long people need to take somebody, in proportion to their average, as evenly spaced
// quantiles; nothing when too few were taken. Of times that were cut short, as by somebody else who was faster, is
// known only that they would have been longer (the product-limit estimate of Kaplan and Meier).
func (p *pattern) quantiles() []float64 {
	if p.known {
		return p.rhythm
	}
	p.known, p.rhythm = true, nil
	sorted := slices.Clone(p.spells)
	slices.SortFunc(sorted, func(x, y spell) int { return cmp.Compare(x.length, y.length) })
	survive, taken := 1.0, 0
	rhythm := make([]float64, 0, quantiles)
	below := func() float64 { return 1 - (float64(len(rhythm))+0.5)/quantiles }
	for i, s := range sorted {
		if !s.took {
			continue
		}
		taken++
		survive *= 1 - 1/float64(len(sorted)-i)
		for len(rhythm) < quantiles && below() >= survive {
			rhythm = append(rhythm, s.length)
		}
	}
	if taken < MinHistory {
		return nil
	}
	// Beyond the longest known each further moment is as likely as the other.
	for longest := sorted[len(sorted)-1].length; len(rhythm) < quantiles; {
		rhythm = append(rhythm, longest+math.Log(survive/below()))
	}
	p.rhythm = rhythm
	return rhythm
}

// pass counts the time that has passed since something was last told.
func (h *Habits) pass(p *habit, now time.Time) {
	seconds := max(now.Sub(p.asOf).Seconds(), 0)
	p.asOf = now
	if !p.now.Connected || p.now.Doing != Available {
		return
	}
	p.calling.seconds += seconds
	h.calling.seconds += seconds
	p.breaking.seconds += seconds
	h.breaking.seconds += seconds
}

func remember(all []time.Duration, d time.Duration) []time.Duration {
	if len(all) == recent {
		all = append(all[:0], all[1:]...)
	}
	return append(all, d)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Professional tells how somebody works, who may hold so many, and adds their calls and breaks to the load's.
func (h *Habits) Professional(id string, capacity int, now time.Time, load *Load) Professional {
	p := h.of(id)
	load.Calls = append(load.Calls, p.calls...)
	load.Breaks = append(load.Breaks, p.breaks...)
	pro := Professional{
		Doing: p.now.Doing, Since: now.Sub(p.since), Pickups: make([]time.Duration, capacity),
		BetweenCalls:  seconds(p.calling.between(h.calling.between(callingBefore, 5), 5)),
		BetweenBreaks: seconds(p.breaking.between(h.breaking.between(breakingBefore, 5), 5)),
	}
	for held := range pro.Pickups {
		pro.Pickups[held] = seconds(h.pickup(p, min(held, levels-1)))
	}
	if p.now.could() {
		pro.Looking = now.Sub(p.looking)
	}
	load.Rhythm = make([][]float64, heldApart)
	for i := range h.patterns {
		load.Rhythm[i] = h.patterns[i].quantiles()
	}
	return pro
}

// pickup returns after how many seconds somebody takes another on average who holds so many.
func (h *Habits) pickup(p *habit, level int) float64 {
	before := readinessBefore[level] * readinessBefore[level]
	return math.Sqrt(p.readiness[level].between(h.readiness[level].between(before, 2), 2))
}
