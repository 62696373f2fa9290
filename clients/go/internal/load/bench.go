package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Bench loads kuplad and the bare relay in rounds, one after the other, and compares.
type Bench struct {
	// Kuplad is the program measured.
	Kuplad string
	// Revision is the commit that it was built from. Default what is written in it.
	Revision string
	// Rows are the names of the rows to measure; none means all.
	Rows []string
	// Rounds is how many rounds a ratio is the median of.
	Rounds int
	// Short makes everything small and quick, to see that it works. Its figures mean nothing.
	Short bool
	// ProfileDir is where profiles of kuplad under each load are written, from a round that does not count; empty is
	// none.
	ProfileDir string
	// Progress is told what is going on.
	Progress io.Writer
}

// sizes are how large the loads of a bench are.
type sizes struct {
	warmUp, duration time.Duration
	pairs, fewer     int
	followers        int
	settle           time.Duration
	waiting          int
	crowdWarmUp      time.Duration
	crowdDuration    time.Duration
	events, sends    int
}

var (
	fullSizes = sizes{
		warmUp: 2 * time.Second, duration: 5 * time.Second, pairs: 200, fewer: 64, followers: 10_000, settle: 3 * time.Second,
		waiting: 10_000, crowdWarmUp: 5 * time.Second, crowdDuration: 20 * time.Second, events: 100_000, sends: 2000,
	}
	shortSizes = sizes{
		warmUp: 200 * time.Millisecond, duration: 500 * time.Millisecond, pairs: 20, fewer: 8, followers: 100,
		settle: 200 * time.Millisecond, waiting: 200, crowdWarmUp: time.Second, crowdDuration: 2 * time.Second,
		events: 500, sends: 100,
	}
)

// work is one load of a bench, which fills one row of the table or several.
type work struct {
	name string
	// rounds says that the load is run in so many rounds as asked for; otherwise once.
	rounds bool
	// bare says that the bare relay is loaded too.
	bare bool
	// run loads a server once.
	run func(ctx context.Context, s *Server) (Figures, error)
	// close gives up what run keeps between rounds; nil is nothing.
	close func() error
	// rows judge the rounds.
	rows []row
}

// row is one line of the table.
type row struct {
	Name string
	Unit string
	// Must and Aim are the limits; nil is none.
	Must, Aim *limit
	// value is what one round gives; bare has none where only kuplad is loaded.
	value func(kupla, bare Figures) float64
}

// limit is a bound to keep.
type limit struct {
	Least bool // the least allowed, otherwise the most
	Value float64
}

func (l *limit) kept(value float64) bool {
	if l.Least {
		return value >= l.Value
	}
	return value <= l.Value
}

func atMost(v float64) *limit  { return &limit{Value: v} }
func atLeast(v float64) *limit { return &limit{Least: true, Value: v} }

// works are all loads of a bench. syncTime is what one fsync takes where the database is.
func works(z sizes, syncTime time.Duration) []work {
	pairs := func(p Pairs) func(context.Context, *Server) (Figures, error) {
		p.WarmUp, p.Duration = z.warmUp, z.duration
		return func(ctx context.Context, s *Server) (Figures, error) {
			r, err := p.Run(ctx, s)
			return Figures{Pairs: &r}, err
		}
	}
	idle := func(followers, perConnection int) func(context.Context, *Server) (Figures, error) {
		return func(ctx context.Context, s *Server) (Figures, error) {
			r, err := Idle{Followers: followers, PerConnection: perConnection, Settle: z.settle}.Run(ctx, s)
			return Figures{Idle: &r}, err
		}
	}
	long := &Long{Events: z.events, Sends: z.sends, Resumes: z.sends}
	return []work{
		{
			name: "pairs-200", rounds: true, bare: true, run: pairs(Pairs{Pairs: z.pairs}),
			rows: []row{
				{Name: "200 pairs, durable send → received", Unit: "× bare", Must: atLeast(0.55), Aim: atLeast(0.75), value: ratio(rate)},
				{Name: "200 pairs, server CPU a message", Unit: "× bare", Must: atMost(2.2), Aim: atMost(1.7), value: ratio(messageCPU)},
			},
		},
		{
			name: "pairs-64", rounds: true, bare: true, run: pairs(Pairs{Pairs: z.fewer}),
			rows: []row{{Name: "64 pairs, durable send → received", Unit: "× bare", value: ratio(rate)}},
		},
		{
			name: "light", rounds: true, bare: true, run: pairs(Pairs{Pairs: 1}),
			rows: []row{{Name: "1 pair, light, p50", Unit: "× bare", Must: atMost(3), Aim: atMost(2), value: ratio(p50)}},
		},
		{
			name: "bursts", rounds: true, bare: true, run: pairs(Pairs{Pairs: z.fewer, Burst: z.fewer, Every: 100 * time.Millisecond}),
			rows: []row{
				{Name: "64 messages every 100 ms, p99", Unit: "× bare", Must: atMost(1.6), value: ratio(p99)},
				{
					Name: "64 messages every 100 ms, p99 more than bare's", Unit: "ms", Aim: atMost(milliseconds(syncTime)),
					value: func(kupla, bare Figures) float64 { return p99(kupla) - p99(bare) },
				},
			},
		},
		{
			name: "idle-100", bare: true, run: idle(z.followers, streamsPerConnection),
			rows: []row{{
				Name: "idle followed conversation, 100 streams a connection", Unit: "KB", Must: atMost(24), Aim: atMost(20),
				value: memoryEach,
			}},
		},
		{
			name: "idle-1", bare: true, run: idle(z.followers/2, 1),
			rows: []row{{
				Name: "idle followed conversation, one connection each", Unit: "KB", Must: atMost(55), Aim: atMost(40),
				value: memoryEach,
			}},
		},
		{
			name: "crowd", bare: true,
			run: func(ctx context.Context, s *Server) (Figures, error) {
				crowd := Crowd{Waiting: z.waiting, TakenPerSecond: 20, WarmUp: z.crowdWarmUp, Duration: z.crowdDuration}
				r, err := crowd.Run(ctx, s)
				return Figures{Crowd: &r}, err
			},
			rows: []row{
				{
					// What the others presuppose; one may be late at either end.
					Name: "10,000 waiting: taken a second", Unit: "of 20", Must: atLeast(19),
					value: func(kupla, _ Figures) float64 { return float64(kupla.Crowd.Taken) / z.crowdDuration.Seconds() },
				},
				{
					Name: "10,000 waiting, 20 taken a second: server", Unit: "% of a core", Must: atMost(25), Aim: atMost(12),
					value: func(kupla, _ Figures) float64 { return 100 * kupla.Crowd.ServerShare },
				},
				{
					Name: "10,000 waiting, 20 taken a second: server CPU a place", Unit: "× bare", value: ratio(placeCPU),
				},
				{
					Name: "10,000 waiting, 20 taken a second: oldest place", Unit: "s", Must: atMost(1.5),
					value: func(kupla, _ Figures) float64 { return kupla.Crowd.Age.Max.Seconds() },
				},
			},
		},
		{
			name: "long", rounds: true,
			run: func(ctx context.Context, s *Server) (Figures, error) {
				if long.server != s {
					if err := errors.Join(long.Close(), long.Fill(ctx, s)); err != nil {
						return Figures{}, err
					}
				}
				r, err := long.Round(ctx)
				return Figures{Long: &r}, err
			},
			close: long.Close,
			rows: []row{
				{Name: "100,000 events: server CPU of an append", Unit: "× event 10", Must: atMost(1.1), value: longer(appended, cpuOf)},
				{Name: "100,000 events: bytes read by an append", Unit: "× event 10", Must: atMost(1.1), value: longer(appended, readOf)},
				{Name: "100,000 events: server CPU of a resume", Unit: "× event 10", Must: atMost(1.1), value: longer(resumed, cpuOf)},
				{Name: "100,000 events: bytes read by a resume", Unit: "× event 10", Must: atMost(1.1), value: longer(resumed, readOf)},
			},
		},
	}
}

func rate(f Figures) float64       { return f.Pairs.Rate }
func messageCPU(f Figures) float64 { return float64(f.Pairs.ServerCPU) }
func placeCPU(f Figures) float64   { return f.Crowd.ServerShare / f.Crowd.Rate }
func p50(f Figures) float64        { return milliseconds(f.Pairs.Latency.P50) }
func p99(f Figures) float64        { return milliseconds(f.Pairs.Latency.P99) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func memoryEach(kupla, _ Figures) float64 { return float64(kupla.Idle.Each.Resident) / 1024 }

// ratio compares what both servers gave.
func ratio(of func(Figures) float64) func(kupla, bare Figures) float64 {
	return func(kupla, bare Figures) float64 { return of(kupla) / of(bare) }
}

func appended(r LongResult) LongPair { return r.Append }
func resumed(r LongResult) LongPair  { return r.Resume }
func cpuOf(c Cost) float64           { return float64(c.CPU) }
func readOf(c Cost) float64          { return float64(c.Read) }

// longer compares the long log with short ones.
func longer(what func(LongResult) LongPair, of func(Cost) float64) func(kupla, bare Figures) float64 {
	return func(kupla, _ Figures) float64 {
		pair := what(*kupla.Long)
		return of(pair.Long) / of(pair.Short)
	}
}

// WorkNames are the names of all loads of a bench.
func WorkNames() []string {
	var names []string
	for _, w := range works(fullSizes, 0) {
		names = append(names, w.name)
	}
	return names
}

// Run runs the bench.
func (b Bench) Run(ctx context.Context) (*Report, error) {
	for _, name := range b.Rows {
		if !slices.Contains(WorkNames(), name) {
			return nil, fmt.Errorf("there is no row %q: give some of %v", name, WorkNames())
		}
	}
	z := fullSizes
	if b.Short {
		z = shortSizes
	}
	report, err := b.newReport(z)
	if err != nil {
		return nil, err
	}
	for _, w := range works(z, report.Machine.Sync) {
		if len(b.Rows) > 0 && !slices.Contains(b.Rows, w.name) {
			continue
		}
		done, err := b.work(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		report.Loads = append(report.Loads, done.load)
		report.Rows = append(report.Rows, done.rows...)
	}
	return report, nil
}

// measured is what one load gave.
type measured struct {
	load Load
	rows []Row
}

// work runs one load in its rounds, on servers that were started for it and are kept for all of its rounds.
func (b Bench) work(ctx context.Context, w work) (m measured, err error) {
	kupla, err := StartKupla(ctx, b.Kuplad)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, kupla.Stop()) }()
	var bare *Server
	if w.bare {
		if bare, err = StartBare(ctx, false); err != nil {
			return m, err
		}
		defer func() { err = errors.Join(err, bare.Stop()) }()
	}
	if w.close != nil {
		defer func() { err = errors.Join(err, w.close()) }()
	}
	rounds := 1
	if w.rounds {
		rounds = b.Rounds
	}
	m.load.Name = w.name
	pids := []int{os.Getpid(), kupla.PID}
	if w.bare {
		pids = append(pids, bare.PID)
	}
	began := time.Now()
	before, err := othersTime(pids...)
	if err != nil {
		return m, err
	}
	for i := range rounds {
		fmt.Fprintf(b.Progress, "%s: round %d of %d\n", w.name, i+1, rounds)
		var round Round
		if w.bare {
			if round.Bare, err = w.run(ctx, bare); err != nil {
				return m, fmt.Errorf("bare: %w", err)
			}
		}
		if round.Kupla, err = w.run(ctx, kupla); err != nil {
			return m, err
		}
		m.load.Rounds = append(m.load.Rounds, round)
	}
	after, err := othersTime(pids...)
	if err != nil {
		return m, err
	}
	m.load.Others = (after - before).Seconds() / time.Since(began).Seconds()
	if b.ProfileDir != "" {
		if err := b.profile(ctx, w); err != nil {
			return m, err
		}
	}
	for _, r := range w.rows {
		m.rows = append(m.rows, r.judge(w.name, m.load.Rounds))
	}
	return m, nil
}

// profile runs a load once more, on a server of its own, and keeps profiles of it.
func (b Bench) profile(ctx context.Context, w work) (err error) {
	fmt.Fprintf(b.Progress, "%s: one more round, profiled\n", w.name)
	s, err := StartKupla(ctx, b.Kuplad)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	s.ProfileTo = filepath.Join(b.ProfileDir, w.name)
	_, err = w.run(ctx, s)
	return err
}

// judge takes the median of the rounds and holds it against the limits.
func (r row) judge(load string, rounds []Round) Row {
	out := Row{Load: load, Name: r.Name, Unit: r.Unit, Must: r.Must.report(), Aim: r.Aim.report()}
	for _, round := range rounds {
		out.Rounds = append(out.Rounds, r.value(round.Kupla, round.Bare))
	}
	out.Measured = median(out.Rounds)
	switch {
	case r.Must == nil && r.Aim == nil:
		out.Verdict = VerdictNone
	case r.Must != nil && !r.Must.kept(out.Measured):
		out.Verdict = VerdictMissed
	case r.Aim == nil || r.Aim.kept(out.Measured):
		out.Verdict = VerdictMet
	case r.Must == nil:
		out.Verdict = VerdictShort
	default:
		out.Verdict = VerdictKept
	}
	return out
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
