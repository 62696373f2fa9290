package main

import (
	"math"
	"slices"

	"github.com/kupla-chat/kupla/server/internal/queue"
)

// figures are what came of some months. Times are in minutes.
type figures struct {
	came int
	// told got a range, nobody and little none, as nobody was at work or too little was known. Of unknown the turn
	// did not come before the end of the day, so that nothing can be said of the range that they were told.
	told, nobody, little, unknown int
	medianWait                    float64
	ours                          way
	// average and product are what the ways of peers reach.
	average, product peer
}

// way is how often a way of telling ranges holds, and how wide they are.
type way struct {
	holds, width float64
	below, above float64
}

// peer is what a peer's way reaches with ranges as wide as ours, and with ranges that hold as often.
type peer struct {
	holdsAtOurWidth, widthAtOurHolding float64
}

// measure compares what was told with what came true.
func measure(answers []*answer) figures {
	f := figures{came: len(answers)}
	var waits, widths []float64
	var averages, products []float64
	below, above := 0, 0
	for _, a := range answers {
		switch {
		case a.estimate.CannotEstimate == queue.NobodyAvailable:
			f.nobody++
			continue
		case a.estimate.CannotEstimate == queue.TooLittleHistory:
			f.little++
			continue
		case !a.known || a.average < 0 || a.product < 0:
			f.unknown++
			continue
		}
		f.told++
		waits = append(waits, a.wait.Minutes())
		widths = append(widths, (a.estimate.High - a.estimate.Low).Minutes())
		averages = append(averages, a.average)
		products = append(products, a.product)
		switch {
		case a.wait > a.estimate.High:
			above++
		case a.wait < a.estimate.Low:
			below++
		}
	}
	if f.told == 0 {
		return f
	}
	n := float64(f.told)
	f.medianWait = median(waits)
	f.ours = way{holds: 1 - float64(below+above)/n, width: median(widths), below: float64(below) / n, above: float64(above) / n}
	f.average = bestOf(averages, waits, f.ours)
	f.product = bestOf(products, waits, f.ours)
	return f
}

// bestOf returns the best that ranges from a share of a figure to a multiple of it can reach. Both are chosen
// afterwards, from the waits themselves: better than anybody can know beforehand.
func bestOf(told, waits []float64, ours way) peer {
	ratios := make([]float64, len(told))
	bounded := make([]float64, len(told))
	for i, x := range told {
		bounded[i] = max(x, 0.5)
		ratios[i] = waits[i] / bounded[i]
	}
	slices.Sort(ratios)
	middle := median(bounded)
	// As often: the narrowest that holds so many.
	need := int(math.Ceil(ours.holds * float64(len(ratios))))
	narrowest := math.Inf(1)
	for i := 0; i+need <= len(ratios) && need > 0; i++ {
		narrowest = min(narrowest, ratios[i+need-1]-ratios[i])
	}
	// As wide: the one that holds the most.
	span, most := ours.width/middle, 0
	for i, j := 0, 0; i < len(ratios); i++ {
		for j < len(ratios) && ratios[j] <= ratios[i]+span {
			j++
		}
		most = max(most, j-i)
	}
	return peer{holdsAtOurWidth: float64(most) / float64(len(ratios)), widthAtOurHolding: narrowest * middle}
}

func mean(all []float64) float64 {
	sum := 0.0
	for _, x := range all {
		sum += x
	}
	return sum / float64(len(all))
}

func median(all []float64) float64 {
	all = slices.Clone(all)
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
