package main

import (
	"bytes"
	"fmt"
	"math"
)

// The measures of the chart, in pixels.
const (
	chartLeft   = 250
	panelWidth  = 270
	panelGap    = 50
	rowHeight   = 58
	chartTop    = 92
	barHeight   = 11
	chartBottom = 60
)

// chart draws the services: on the left how often ranges of the same width hold, on the right how wide ranges are
// that hold as often.
func (r *report) chart() []byte {
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	height := chartTop + rowHeight*len(r.services) + chartBottom
	width := chartLeft + 2*panelWidth + panelGap + 40
	widest := 0.0
	for i := range r.services {
		o := &r.services[i]
		widest = max(widest, o.medianWait, o.ours.width, o.average.widthAtOurHolding, o.product.widthAtOurHolding)
	}
	widest = math.Ceil(widest/20) * 20
	second := chartLeft + panelWidth + panelGap
	p(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc">`,
		width, height, width, height)
	p(`  <title id="title">How often the ranges hold, and how wide they are</title>`)
	p(`  <desc id="desc">For each simulated service, Kupla's estimate beside two other ways. The figures are those of the`)
	p(`    table in wait_estimate.md.</desc>`)
	p(`  <style>
    .ground { fill: #ffffff; }
    .name { fill: #14202b; font: 600 13px system-ui, "Segoe UI", Roboto, sans-serif; }
    .note { fill: #33424f; font: 12px system-ui, "Segoe UI", Roboto, sans-serif; }
    .ours { fill: #1f6b8f; }
    .average { fill: #c98a1b; }
    .product { fill: #8a94a0; }
    .axis { stroke: #c3ccd4; stroke-width: 1; }
    .mark { stroke: #a3341f; stroke-width: 2; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #11171d; }
      .name { fill: #e8eef4; }
      .note { fill: #b7c3ce; }
      .ours { fill: #5fb2da; }
      .average { fill: #e0b050; }
      .axis { stroke: #3a4651; }
      .mark { stroke: #ff8a70; }
    }
  </style>`)
	p(`  <rect class="ground" width="%d" height="%d"/>`, width, height)
	p(`  <text class="name" x="%d" y="24">How often they hold, at the same width</text>`, chartLeft)
	p(`  <text class="name" x="%d" y="24">How wide they are, holding as often (min)</text>`, second)
	for i, key := range []struct{ class, name string }{
		{"ours", "Kupla"}, {"average", "average wait so far"}, {"product", "place × handling time ÷ professionals"},
	} {
		x := chartLeft + []int{0, 85, 245}[i]
		p(`  <rect class="%s" x="%d" y="42" width="12" height="12"/>`, key.class, x)
		p(`  <text class="note" x="%d" y="53">%s</text>`, x+18, key.name)
	}
	bottom := chartTop + rowHeight*len(r.services)
	axis := func(x float64, label string) {
		p(`  <line class="axis" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, x, chartTop-8, x, bottom)
		p(`  <text class="note" x="%.1f" y="%d" text-anchor="middle">%s</text>`, x, bottom+18, label)
	}
	for _, share := range []float64{0, 0.25, 0.5, 0.75, 1} {
		axis(float64(chartLeft)+share*panelWidth, percent(share))
		axis(float64(second)+share*panelWidth, fmt.Sprintf("%.0f", share*widest))
	}
	goal := float64(chartLeft) + 0.8*panelWidth
	p(`  <line class="mark" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, goal, chartTop-8, goal, bottom)
	p(`  <text class="note" x="%d" y="%d">Red: 8 cases of 10 on the left, the wait in the middle on the right.</text>`,
		chartLeft, bottom+42)
	for i := range r.services {
		o := &r.services[i]
		y := chartTop + rowHeight*i
		p(`  <text class="name" x="16" y="%d">%s</text>`, y+16, o.model.name)
		p(`  <text class="note" x="16" y="%d">median wait %s min</text>`, y+33, one(o.medianWait))
		bar := func(n int, class string, share, width float64) {
			top := y + n*(barHeight+3)
			p(`  <rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`, class, chartLeft, top, share*panelWidth, barHeight)
			p(`  <rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`, class, second, top, width/widest*panelWidth, barHeight)
		}
		bar(0, "ours", o.ours.holds, o.ours.width)
		bar(1, "average", o.average.holdsAtOurWidth, o.average.widthAtOurHolding)
		bar(2, "product", o.product.holdsAtOurWidth, o.product.widthAtOurHolding)
		wait := float64(second) + o.medianWait/widest*panelWidth
		p(`  <line class="mark" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, wait, y-3, wait, y+3*(barHeight+3))
	}
	p(`</svg>`)
	return b.Bytes()
}
