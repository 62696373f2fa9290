package torture

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/history"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
)

// Sample is what the server used at a time of the run.
type Sample struct {
	// At is in seconds since the run began.
	At float64 `json:"at_seconds"`
	kuplad.Usage
}

// warmUp is how long after the last fault the load is left to become even. A server that was started last has to get
// its share first.
func (r *run) warmUp() time.Duration {
	return 5 * time.Second * time.Duration(len(r.servers)*len(r.servers))
}

// usage is what all servers use together.
func (r *run) usage(ctx context.Context) (sum kuplad.Usage, err error) {
	for _, s := range r.servers {
		one, err := s.Usage(ctx)
		if err != nil {
			return sum, err
		}
		sum.Resident += one.Resident
		sum.Heap += one.Heap
		sum.Goroutines += one.Goroutines
		sum.Descriptors += one.Descriptors
	}
	return sum, nil
}

// watchUsage samples what the server uses under an even load, without faults, and judges it.
func (r *run) watchUsage(ctx context.Context, report *Report) error {
	if !pause(ctx, min(r.warmUp(), r.config.Steady/2)) {
		return ctx.Err()
	}
	for until := time.Now().Add(r.config.Steady); time.Now().Before(until); {
		usage, err := r.usage(ctx)
		if err != nil {
			return err
		}
		report.Steady = append(report.Steady, Sample{At: time.Since(r.began).Seconds(), Usage: usage})
		if !pause(ctx, min(time.Second, r.config.Steady/12)) {
			return ctx.Err()
		}
	}
	report.Flat = flatness(report.Steady, len(r.servers))
	for _, f := range report.Flat {
		if f.After > f.Bound {
			r.anomalyf(grows, "", "%s went from %d to %d under an even load, over %d", f.What, f.Before, f.After, f.Bound)
		}
	}
	return nil
}

// grows is the kind of anomaly of what should be flat and is not.
const grows = "use grows"

// Flat is what the server used at the beginning and at the end of an even load, and what it may have used at most.
type Flat struct {
	What   string `json:"what"`
	Before int64  `json:"before"`
	After  int64  `json:"after"`
	Bound  int64  `json:"bound"`
}

// measures are what must be flat: by how much of what it was it may be more in the end, and by how much besides, so
// that small numbers may vary.
var measures = []struct {
	what  string
	of    func(kuplad.Usage) int64
	share float64
	extra int64
}{
	{"heap_bytes", func(u kuplad.Usage) int64 { return u.Heap }, 0.15, 3 << 20},
	{"resident_bytes", func(u kuplad.Usage) int64 { return u.Resident }, 0.15, 16 << 20},
	{"goroutines", func(u kuplad.Usage) int64 { return u.Goroutines }, 0.10, 25},
	{"descriptors", func(u kuplad.Usage) int64 { return u.Descriptors }, 0.10, 15},
}

// flatness compares the first third of samples with the last, each by its median.
func flatness(samples []Sample, servers int) []Flat {
	var all []Flat
	third := max(1, len(samples)/3)
	if len(samples) < 2 {
		return nil
	}
	for _, m := range measures {
		f := Flat{What: m.what, Before: median(samples[:third], m.of), After: median(samples[len(samples)-third:], m.of)}
		f.Bound = f.Before + int64(m.share*float64(f.Before)) + m.extra*int64(servers)
		all = append(all, f)
	}
	return all
}

func median(samples []Sample, of func(kuplad.Usage) int64) int64 {
	values := make([]int64, len(samples))
	for i, s := range samples {
		values[i] = of(s.Usage)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// checkRestarts looks at what the server used just after each start. What grows there grows in the store.
func checkRestarts(samples []Sample) []history.Anomaly {
	var found []history.Anomaly
	if len(samples) < 6 {
		return nil
	}
	third := len(samples) / 3
	for _, m := range measures {
		before, after := median(samples[:third], m.of), median(samples[len(samples)-third:], m.of)
		if bound := 2*before + 2*m.extra; after > bound {
			found = append(found, history.Anomaly{Kind: grows, Detail: fmt.Sprintf(
				"after starts, %s went from %d to %d, over %d", m.what, before, after, bound)})
		}
	}
	return found
}
