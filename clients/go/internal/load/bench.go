package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"
)

// Bench loads kuplad and the bare relay in rounds, one after the other, and compares.
type Bench struct {
	// Kuplad is the program measured.
	Kuplad string
	// Postgres is where the rows of PostgreSQL have their databases; nil is none, and no such rows.
	Postgres *Postgres
	// Stored is the name of a database there in which much is stored already; empty is none, and no row about it.
	Stored string
	// GoBench is a file of what the Go benchmarks printed that rows come from; empty is none, and no such rows.
	GoBench string
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
	visits           int
}

var (
	fullSizes = sizes{
		warmUp: 2 * time.Second, duration: 5 * time.Second, pairs: 200, fewer: 64, followers: 10_000, settle: 3 * time.Second,
		waiting: 10_000, crowdWarmUp: 5 * time.Second, crowdDuration: 20 * time.Second, events: 100_000, sends: 2000, visits: 2000,
	}
	shortSizes = sizes{
		warmUp: 200 * time.Millisecond, duration: 500 * time.Millisecond, pairs: 20, fewer: 8, followers: 100,
		settle: 200 * time.Millisecond, waiting: 200, crowdWarmUp: time.Second, crowdDuration: 2 * time.Second,
		events: 500, sends: 100, visits: 100,
	}
)

// work is one load of a bench, which fills one row of the table or several.
type work struct {
	name string
	// rounds says that the load is run in so many rounds as asked for; otherwise once.
	rounds bool
	// on is what is loaded, and beside is what it is compared with; nil is nothing.
	on, beside *side
	// run loads a server once.
	run func(ctx context.Context, s *Server) (Figures, error)
	// close gives up what run keeps between rounds; nil is nothing.
	close func() error
	// rows judge the rounds.
	rows []row
}

// side is a server to load.
type side struct {
	name  string
	start func(ctx context.Context, b Bench) (*Server, error)
	// postgres says that PostgreSQL is needed, and stored that the database with much in it is.
	postgres, stored bool
}

var (
	bareSide = &side{name: "bare", start: func(ctx context.Context, _ Bench) (*Server, error) { return StartBare(ctx, false) }}
	// On SQLite.
	sqliteSide = &side{name: "Kupla", start: func(ctx context.Context, b Bench) (*Server, error) {
		return StartKupla(ctx, b.Kuplad)
	}}
	postgresSide = &side{name: "one server", postgres: true, start: func(ctx context.Context, b Bench) (*Server, error) {
		return Kupla{Program: b.Kuplad, Postgres: b.Postgres}.Start(ctx)
	}}
	twoSide = &side{name: "two servers", postgres: true, start: func(ctx context.Context, b Bench) (*Server, error) {
		return Kupla{Program: b.Kuplad, Postgres: b.Postgres, Servers: 2}.Start(ctx)
	}}
	storedSide = &side{name: "much stored", postgres: true, stored: true, start: func(ctx context.Context, b Bench) (*Server, error) {
		return Kupla{Program: b.Kuplad, Postgres: b.Postgres, Stored: b.Stored}.Start(ctx)
	}}
	// An empty database, to compare the one with much in it with.
	emptySide = &side{name: "nothing stored", postgres: true, start: postgresSide.start}
)

// row is one line of the table.
type row struct {
	Name string
	Unit string
	// Must and Aim are the limits; nil is none.
	Must, Aim *limit
	// value is what one round gives; beside has none where only kuplad is loaded.
	value func(kupla, beside Figures) float64
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
	bursts := pairs(Pairs{Pairs: z.fewer, Burst: z.fewer, Every: 100 * time.Millisecond})
	long := &Long{Events: z.events, Sends: z.sends, Resumes: z.sends}
	longRun := func(ctx context.Context, s *Server) (Figures, error) {
		if long.server != s {
			if err := errors.Join(long.Close(), long.Fill(ctx, s)); err != nil {
				return Figures{}, err
			}
		}
		r, err := long.Round(ctx)
		return Figures{Long: &r}, err
	}
	return []work{
		{
			name: "pairs-200", rounds: true, on: sqliteSide, beside: bareSide, run: pairs(Pairs{Pairs: z.pairs}),
			rows: []row{
				{Name: "200 pairs, durable send → received", Unit: "× bare", Must: atLeast(0.55), Aim: atLeast(0.75), value: ratio(rate)},
				{Name: "200 pairs, server CPU a message", Unit: "× bare", Must: atMost(2.2), Aim: atMost(1.7), value: ratio(messageCPU)},
			},
		},
		{
			name: "pairs-64", rounds: true, on: sqliteSide, beside: bareSide, run: pairs(Pairs{Pairs: z.fewer}),
			rows: []row{{Name: "64 pairs, durable send → received", Unit: "× bare", value: ratio(rate)}},
		},
		{
			name: "light", rounds: true, on: sqliteSide, beside: bareSide, run: pairs(Pairs{Pairs: 1}),
			rows: []row{{Name: "1 pair, light, p50", Unit: "× bare", Must: atMost(3), Aim: atMost(2), value: ratio(p50)}},
		},
		{
			name: "bursts", rounds: true, on: sqliteSide, beside: bareSide, run: bursts,
			rows: []row{
				{Name: "64 messages every 100 ms, p99", Unit: "× bare", Must: atMost(1.6), value: ratio(p99)},
				{
					Name: "64 messages every 100 ms, p99 more than bare's", Unit: "ms", Aim: atMost(milliseconds(syncTime)),
					value: func(kupla, bare Figures) float64 { return p99(kupla) - p99(bare) },
				},
			},
		},
		{
			name: "idle-100", on: sqliteSide, beside: bareSide, run: idle(z.followers, streamsPerConnection),
			rows: []row{{
				Name: "idle followed conversation, 100 streams a connection", Unit: "KB", Must: atMost(24), Aim: atMost(20),
				value: memoryEach,
			}},
		},
		{
			name: "idle-1", on: sqliteSide, beside: bareSide, run: idle(z.followers/2, 1),
			rows: []row{{
				Name: "idle followed conversation, one connection each", Unit: "KB", Must: atMost(55), Aim: atMost(40),
				value: memoryEach,
			}},
		},
		{
			name: "crowd", on: sqliteSide, beside: bareSide,
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
			name: "long", rounds: true, on: sqliteSide, run: longRun, close: long.Close,
			rows: []row{
				{Name: "100,000 events: server CPU of an append", Unit: "× event 10", Must: atMost(1.1), value: longer(appended, cpuOf)},
				{Name: "100,000 events: bytes read by an append", Unit: "× event 10", Must: atMost(1.1), value: longer(appended, readOf)},
				{Name: "100,000 events: server CPU of a resume", Unit: "× event 10", Must: atMost(1.1), value: longer(resumed, cpuOf)},
				{Name: "100,000 events: bytes read by a resume", Unit: "× event 10", Must: atMost(1.1), value: longer(resumed, readOf)},
			},
		},
		{
			name: "postgres-pairs-200", rounds: true, on: postgresSide, beside: bareSide, run: pairs(Pairs{Pairs: z.pairs}),
			rows: []row{
				{Name: "200 pairs, durable send → received", Unit: "× bare", Must: atLeast(0.7), Aim: atLeast(0.9), value: ratio(rate)},
				{Name: "200 pairs, server CPU a message", Unit: "× bare", Must: atMost(1.6), Aim: atMost(1.2), value: ratio(messageCPU)},
			},
		},
		{
			name: "postgres-pairs-64", rounds: true, on: postgresSide, beside: bareSide, run: pairs(Pairs{Pairs: z.fewer}),
			rows: []row{
				{Name: "64 pairs, durable send → received", Unit: "× bare", Must: atLeast(0.55), Aim: atLeast(0.8), value: ratio(rate)},
			},
		},
		{
			name: "postgres-light", rounds: true, on: postgresSide, beside: bareSide, run: pairs(Pairs{Pairs: 1}),
			rows: []row{{Name: "1 pair, light, p50", Unit: "× bare", Must: atMost(3), Aim: atMost(2), value: ratio(p50)}},
		},
		{
			name: "postgres-bursts", rounds: true, on: postgresSide, beside: bareSide, run: bursts,
			rows: []row{{Name: "64 messages every 100 ms, p99", Unit: "× bare", Must: atMost(1.6), value: ratio(p99)}},
		},
		{
			name: "postgres-two", rounds: true, on: twoSide, beside: postgresSide, run: pairs(Pairs{Pairs: 1}),
			rows: []row{{
				Name: "1 pair across two servers, light, p50", Unit: "× one server", Must: atMost(3), Aim: atMost(2), value: ratio(p50),
			}},
		},
		{
			name: "postgres-stored", rounds: true, on: storedSide, beside: emptySide,
			run: func(ctx context.Context, s *Server) (Figures, error) {
				r, err := Visits{Visits: z.visits}.Run(ctx, s)
				return Figures{Visits: &r}, err
			},
			rows: []row{
				{Name: storedName + ": server CPU of a start", Unit: "× empty", Must: atMost(1.1), value: ratio(visit(started, cpuOf))},
				{Name: storedName + ": buffers of a start", Unit: "× empty", Must: atMost(1.1), value: ratio(visit(started, buffersOf))},
				{Name: storedName + ": server CPU of a take", Unit: "× empty", Must: atMost(1.1), value: ratio(visit(taken, cpuOf))},
				{Name: storedName + ": buffers of a take", Unit: "× empty", Must: atMost(1.1), value: ratio(visit(taken, buffersOf))},
				{Name: storedName + ": server CPU of a send", Unit: "× empty", Must: atMost(1.1), value: ratio(visit(sent, cpuOf))},
				{Name: storedName + ": buffers of a send", Unit: "× empty", Must: atMost(1.1), value: ratio(visit(sent, buffersOf))},
				{
					Name: storedName + ": server start", Unit: "s", Must: atMost(2),
					value: func(kupla, _ Figures) float64 { return kupla.Visits.Serving.Seconds() },
				},
			},
		},
		{
			name: "postgres-long", rounds: true, on: postgresSide, run: longRun, close: long.Close,
			rows: []row{
				{Name: "100,000 events: server CPU of an append", Unit: "× event 10", Must: atMost(1.1), value: longer(appended, cpuOf)},
				{Name: "100,000 events: buffers of an append", Unit: "× event 10", Must: atMost(1.1), value: longer(appended, buffersOf)},
				{Name: "100,000 events: server CPU of a resume", Unit: "× event 10", Must: atMost(1.1), value: longer(resumed, cpuOf)},
				{Name: "100,000 events: buffers of a resume", Unit: "× event 10", Must: atMost(1.1), value: longer(resumed, buffersOf)},
			},
		},
	}
}

// storedName is what the stored database has when make bench makes it.
const storedName = "1,000,000 closed conversations, 10,000,000 events"

func rate(f Figures) float64       { return f.Pairs.Rate }
func messageCPU(f Figures) float64 { return float64(f.Pairs.ServerCPU) }
func placeCPU(f Figures) float64   { return f.Crowd.ServerShare / f.Crowd.Rate }
func p50(f Figures) float64        { return milliseconds(f.Pairs.Latency.P50) }
func p99(f Figures) float64        { return milliseconds(f.Pairs.Latency.P99) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func memoryEach(kupla, _ Figures) float64 { return float64(kupla.Idle.Each.Resident) / 1024 }

// ratio compares what both servers gave.
func ratio(of func(Figures) float64) func(kupla, beside Figures) float64 {
	return func(kupla, beside Figures) float64 { return of(kupla) / of(beside) }
}

func appended(r LongResult) LongPair { return r.Append }
func resumed(r LongResult) LongPair  { return r.Resume }
func cpuOf(c Cost) float64           { return float64(c.CPU) }
func readOf(c Cost) float64          { return float64(c.Read) }
func buffersOf(c Cost) float64       { return c.Buffers.All }

func started(r VisitsResult) Cost { return r.Start }
func taken(r VisitsResult) Cost   { return r.Take }
func sent(r VisitsResult) Cost    { return r.Send }

func visit(what func(VisitsResult) Cost, of func(Cost) float64) func(Figures) float64 {
	return func(f Figures) float64 { return of(what(*f.Visits)) }
}

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
	report, err := b.newReport(ctx, z)
	if err != nil {
		return nil, err
	}
	for _, w := range works(z, report.Machine.Sync) {
		if len(b.Rows) > 0 && !slices.Contains(b.Rows, w.name) {
			continue
		}
		if lacking := b.lacking(w); lacking != "" {
			if len(b.Rows) > 0 {
				return nil, fmt.Errorf("the row %s needs %s", w.name, lacking)
			}
			fmt.Fprintf(b.Progress, "%s: left out, as it needs %s\n", w.name, lacking)
			continue
		}
		done, err := b.work(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		report.Loads = append(report.Loads, done.load)
		report.Rows = append(report.Rows, done.rows...)
	}
	if b.GoBench != "" {
		row, err := batching(b.GoBench)
		if err != nil {
			return nil, err
		}
		report.Rows = append(report.Rows, row)
	}
	return report, nil
}

// lacking is what a load needs that there is not; empty is nothing.
func (b Bench) lacking(w work) string {
	for _, s := range []*side{w.on, w.beside} {
		switch {
		case s == nil:
		case s.postgres && b.Postgres == nil:
			return "PostgreSQL: give its address"
		case s.stored && b.Stored == "":
			return "a database of PostgreSQL in which much is stored: give its name"
		}
	}
	return ""
}

// measured is what one load gave.
type measured struct {
	load Load
	rows []Row
}

// work runs one load in its rounds, on servers that were started for it and are kept for all of its rounds.
func (b Bench) work(ctx context.Context, w work) (m measured, err error) {
	kupla, err := w.on.start(ctx, b)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, kupla.Stop()) }()
	servers := []*Server{kupla}
	var beside *Server
	if w.beside != nil {
		if beside, err = w.beside.start(ctx, b); err != nil {
			return m, err
		}
		defer func() { err = errors.Join(err, beside.Stop()) }()
		servers = append(servers, beside)
		if w.beside != bareSide {
			m.load.Beside = w.beside.name
		}
	}
	if w.on.postgres {
		m.load.Database = postgresName
	}
	if w.close != nil {
		defer func() { err = errors.Join(err, w.close()) }()
	}
	rounds := 1
	if w.rounds {
		rounds = b.Rounds
	}
	m.load.Name = w.name
	began := time.Now()
	before, err := othersTime(servers...)
	if err != nil {
		return m, err
	}
	for i := range rounds {
		fmt.Fprintf(b.Progress, "%s: round %d of %d\n", w.name, i+1, rounds)
		var round Round
		if beside != nil {
			figures, err := w.run(ctx, beside)
			if err != nil {
				return m, fmt.Errorf("%s: %w", w.beside.name, err)
			}
			if w.beside == bareSide {
				round.Bare = figures
			} else {
				round.Beside = figures
			}
		}
		if round.Kupla, err = w.run(ctx, kupla); err != nil {
			return m, err
		}
		m.load.Rounds = append(m.load.Rounds, round)
	}
	after, err := othersTime(servers...)
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
		judged := r.judge(w.name, m.load.Rounds)
		judged.Database = m.load.Database
		m.rows = append(m.rows, judged)
	}
	return m, nil
}

// profile runs a load once more, on a server of its own, and keeps profiles of it.
func (b Bench) profile(ctx context.Context, w work) (err error) {
	fmt.Fprintf(b.Progress, "%s: one more round, profiled\n", w.name)
	s, err := w.on.start(ctx, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	s.ProfileTo = filepath.Join(b.ProfileDir, w.name)
	_, err = w.run(ctx, s)
	return err
}

// judge makes a line of the table of the rounds.
func (r row) judge(load string, rounds []Round) Row {
	out := Row{Load: load, Name: r.Name, Unit: r.Unit, Must: r.Must.report(), Aim: r.Aim.report()}
	for _, round := range rounds {
		out.Rounds = append(out.Rounds, r.value(round.Kupla, round.compared()))
	}
	r.conclude(&out)
	return out
}

// conclude takes the median of a row's rounds and holds it against the limits.
func (r row) conclude(out *Row) {
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
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
