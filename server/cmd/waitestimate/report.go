package main

import (
	"bytes"
	"fmt"
	"time"
)

// report is what is written.
type report struct {
	services, variations []outcome
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

// one returns minutes with a decimal.
func one(minutes float64) string { return fmt.Sprintf("%.1f", minutes) }

func (r *report) markdown() []byte {
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	o := r.services[0]
	between := 0
	for _, a := range o.answers {
		if a.known && a.wait >= 5*time.Minute && a.wait <= 10*time.Minute {
			between++
		}
	}
	p("# How good the wait estimate is\n")
	p("Printed by `make wait-estimate` from simulated months with fixed seeds; `make test` fails when the figures are no")
	p("longer what the program gives. Nothing here is from real people: it tells how the estimate does in services that")
	p("are like real ones in what is published of them.\n")
	p("A person who starts waiting is told a range, such as 4–9 min, that is meant to hold in 8 cases of 10, or that it")
	p("cannot be told. In an ordinary month, of the %d who were told one it held for **%s**; half of the ranges are at most",
		o.told, percent(o.ours.holds))
	p("**%s minutes** wide, and half of the waits at most **%s minutes** long.\n", one(o.ours.width), one(o.medianWait))
	p("![How often the ranges hold, and how wide they are](wait_estimate.svg)\n")
	p("## The services\n")
	p("Each row is %d months of %d days, with the seeds 1 to %d, from an empty history on. *Holds* is how often the true",
		seeds, days, seeds)
	p("wait fell into the range told on arrival; the wait of those who gave up is until their turn would have come. The")
	p("columns of the peers' ways are how often theirs hold when they are as wide as ours, and how wide they are, in the")
	p("middle, when they hold as often.\n")
	r.table(p, r.services)
	r.beaten(p, r.services)
	p("\nIn an ordinary month %s of the waits are between 5 and 10 minutes, which is what counties publish as typical: how\n"+
		"regularly a free professional gets to the next one is chosen so. Where they are less regular, see *Irregular* below.\n",
		percent(float64(between)/float64(o.came)))
	p("No figure was given to %d of the %d who came in an ordinary month while nobody was at work, and to %d while fewer than",
		o.nobody, o.came, o.little)
	p("ten conversations were finished. Left out for all are those whose turn did not come before the end of the day, or")
	p("for whom the peers' ways had nothing to go by: %d.\n", o.unknown)
	p("By the place in line, in an ordinary month:\n")
	p("| place | told | median wait | holds | median width |")
	p("|---|---|---|---|---|")
	for _, class := range []struct {
		name     string
		from, to int
	}{{"1", 1, 1}, {"2", 2, 2}, {"3", 3, 3}, {"4–6", 4, 6}, {"7 and on", 7, 1000}} {
		var some []*answer
		for _, a := range o.answers {
			if a.position >= class.from && a.position <= class.to {
				some = append(some, a)
			}
		}
		if f := measure(some); f.told > 0 {
			p("| %s | %d | %s | %s | %s |", class.name, f.told, one(f.medianWait), percent(f.ours.holds), one(f.ours.width))
		}
	}
	p("\n## When people behave otherwise\n")
	p("An ordinary month in which one thing is different. The estimate knows none of what the simulation is made with; it")
	p("goes by what it has seen.\n")
	r.table(p, r.variations)
	r.beaten(p, r.variations)
	p("%s", `
Where a free professional takes the next one at once, or at no regular time, a wait of a place near the head of the line
is short and mostly chance, and an honest range is wide compared with it: of a wait that may end at any moment alike, the
narrowest range that holds in 8 cases of 10 is 2.3 times as wide as the wait in the middle. Such rows hold as often, but
are wider than the wait.

## The peers' ways

- **The average wait so far**: the mean of the last 50 waits in the queue.
- **Place × average handling time ÷ professionals**: the mean of the last 200 conversations, times the place, divided by
  the professionals who are available or on the phone.

Both are one number. To compare it with a range, it is made one: from *a* times the number to *b* times. The two are chosen
for each service afterwards, from the very waits that they are then measured by, so that the ranges are as narrow as they
can be or hold as often as they can. No running service could choose them so well. Ours are told as they are, rounded to
minutes and with nothing known beforehand.

## What is simulated

The months are played by `+"`server/cmd/waitestimate`"+` through the board of the server itself, so that what is measured is what
people are told. `+"`model.go`"+` has every number.

- The opening hours are those of the demonstration's catalogue. People come most after the opening and on Mondays, and
  the days differ beyond that. They give up after a while that varies much.
- Professionals may hold 2 to 5 conversations and take on 1 to 3. They are in the middle of something else when somebody
  comes, and get to it when that is done. Several conversations, and a call beside them, slow each other down.
- They answer the phone too, and mostly take the call first; one in ten does not set themself ON_PHONE. They have breaks,
  begin and end at different times, and tell nobody when they will leave.
- Conversations last 12 to 22 minutes on average, by the queue, with a long tail.
- Professionals serve several queues, and take who came first in any of them.

## How the estimate is made

`+"`server/internal/queue/estimate*.go`"+`. For each queue the future is played 128 times: conversations and calls under way end
after times drawn from those lately finished that lasted longer, and each professional takes the next after a time as they
have needed lately with so many conversations in hand. How often they are on the phone and away, for how long, and after
how long people give up is learnt in the same way. What of other lines comes first is counted in. The range is then
corrected by where the latest 150 waits of the queue fell among those foreseen for them, the most alike counting most; of
the ranges that begin and end at whole minutes and hold as often as they should, the narrowest is told.

What is learnt is kept in memory: after a restart the handling times are there at once, and the rest is learnt anew from
cautious assumptions.`)
	return b.Bytes()
}

// beaten says where a peer's way does better, chosen afterwards as it is.
func (r *report) beaten(p func(format string, args ...any), outcomes []outcome) {
	better := 0
	for i := range outcomes {
		o := &outcomes[i]
		for _, way := range []struct {
			name string
			peer
		}{{"the average wait so far", o.average}, {"place × handling ÷ staff", o.product}} {
			if way.holdsAtOurWidth > o.ours.holds || way.widthAtOurHolding < o.ours.width {
				better++
				p("\nIn *%s*, %s does better, chosen afterwards as it is.", o.model.name, way.name)
			}
		}
	}
	if better == 0 {
		p("\nNone of the peers' ways, although chosen afterwards, does better anywhere, as wide or as often.")
	}
}

func (r *report) table(p func(format string, args ...any), outcomes []outcome) {
	p("| service | came | told | median wait | holds | shorter / longer | median width | %s |",
		"average so far: holds, width | place × handling ÷ staff: holds, width")
	p("|---|---|---|---|---|---|---|---|---|")
	for i := range outcomes {
		o := &outcomes[i]
		p("| **%s**: %s | %d | %d | %s | **%s** | %s / %s | **%s** | %s, %s | %s, %s |",
			o.model.name, o.model.about, o.came, o.told, one(o.medianWait), percent(o.ours.holds),
			percent(o.ours.below), percent(o.ours.above), one(o.ours.width),
			percent(o.average.holdsAtOurWidth), one(o.average.widthAtOurHolding),
			percent(o.product.holdsAtOurWidth), one(o.product.widthAtOurHolding))
	}
}
