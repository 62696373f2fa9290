package load

import (
	"bufio"
	"cmp"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// What became of a row.
const (
	// VerdictMet is that the aim is met; where there is no aim, what must be reached.
	VerdictMet = "aim met"
	// VerdictKept is that what must be reached is, and the aim is not.
	VerdictKept = "must met"
	// VerdictShort is that the aim is not met where nothing must be reached.
	VerdictShort = "aim missed"
	// VerdictMissed is that what must be reached is not.
	VerdictMissed = "MISSED"
	// VerdictNone is that there is no limit.
	VerdictNone = "told"
)

// Report is what a bench found.
type Report struct {
	// Time is when, and Revision of what: the commit that kuplad was built from, as far as it knows.
	Time     time.Time `json:"time"`
	Revision string    `json:"revision"`
	// Short says that everything was small and quick, so that the figures mean nothing.
	Short   bool    `json:"short"`
	Machine Machine `json:"machine"`
	// Settings are how it was measured: the sizes of the loads, and the servers' environment and configuration.
	Settings []string `json:"settings"`
	Rows     []Row    `json:"rows"`
	Loads    []Load   `json:"loads"`
}

// Machine is where it was measured.
type Machine struct {
	Cores     int    `json:"cores"`
	Processor string `json:"processor"`
	OS        string `json:"os"`
	Go        string `json:"go"`
	// Sync is what writing 4 KB to the disk and waiting until they are there takes where the database is: the median.
	Sync time.Duration `json:"sync_ns"`
}

// Row is one line of the table.
type Row struct {
	Load string `json:"load"`
	// Database is where kuplad stores, when not in SQLite.
	Database string    `json:"database,omitempty"`
	Name     string    `json:"name"`
	Unit     string    `json:"unit"`
	Must     string    `json:"must,omitempty"`
	Aim      string    `json:"aim,omitempty"`
	Measured float64   `json:"measured"`
	Rounds   []float64 `json:"rounds"`
	Verdict  string    `json:"verdict"`
}

// Load is everything that one load gave.
type Load struct {
	Name string `json:"name"`
	// Database is where kuplad stores, when not in SQLite.
	Database string `json:"database,omitempty"`
	// Beside is what Kupla is compared with, when not with the bare relay.
	Beside string `json:"beside,omitempty"`
	// Others is how much CPU time a second everything else on the machine took meanwhile, 1 being a whole core. It is
	// what to look at first when a figure surprises.
	Others float64 `json:"others_share"`
	Rounds []Round `json:"rounds"`
}

// Round is one round: the bare relay, or what else Kupla is compared with, and then Kupla.
type Round struct {
	Bare   Figures `json:"bare,omitzero"`
	Beside Figures `json:"beside,omitzero"`
	Kupla  Figures `json:"kupla"`
}

// compared is what Kupla is compared with.
func (r Round) compared() Figures {
	if r.Beside != (Figures{}) {
		return r.Beside
	}
	return r.Bare
}

// postgresName is the database of the rows about it.
const postgresName = "PostgreSQL"

// Figures are what one load of one server gave: one of them.
type Figures struct {
	Pairs  *PairsResult  `json:"pairs,omitempty"`
	Idle   *IdleResult   `json:"idle,omitempty"`
	Crowd  *CrowdResult  `json:"crowd,omitempty"`
	Long   *LongResult   `json:"long,omitempty"`
	Visits *VisitsResult `json:"visits,omitempty"`
}

func (l *limit) report() string {
	switch {
	case l == nil:
		return ""
	case l.Least:
		return "≥ " + figure(l.Value)
	default:
		return "≤ " + figure(l.Value)
	}
}

// figure is a number with three digits or so.
func figure(v float64) string {
	switch {
	case v >= 100 || v == float64(int(v)):
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
	}
}

// newReport tells how it is measured.
func (b Bench) newReport(ctx context.Context, z sizes) (*Report, error) {
	r := &Report{Time: time.Now().UTC().Truncate(time.Second), Revision: cmp.Or(b.Revision, revision(b.Kuplad)), Short: b.Short}
	r.Machine = Machine{
		Cores: runtime.NumCPU(), Processor: processor(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
	var err error
	if r.Machine.Sync, err = syncTime(); err != nil {
		return nil, err
	}
	environment := func(name string) string {
		if value := os.Getenv(name); value != "" {
			return name + "=" + value
		}
		return name + " unset"
	}
	r.Settings = []string{
		"SQLite in the system's temporary folder, unless PostgreSQL is named; client and server on the same machine",
		fmt.Sprintf("messages of %d bytes, Connect protocol, binary; one HTTP/2 connection for each %d streams, at least 2",
			MessageSize, streamsPerConnection),
		fmt.Sprintf("%d rounds of a ratio, bare and Kupla in turn; both are started anew for each load and kept for its rounds", b.Rounds),
		fmt.Sprintf("pairs: %s to warm up, %s counted, %d conversations a professional", z.warmUp, z.duration, conversationsPerDesk),
		fmt.Sprintf("idle: %d followers; crowd: %d waiting, %s to warm up, %s counted; long: %d events, %d sends and resumes",
			z.followers, z.waiting, z.crowdWarmUp, z.crowdDuration, z.events, z.sends),
		"servers: " + environment("GOGC") + ", " + environment("GOMEMLIMIT") + ", " + environment("GOMAXPROCS"),
		fmt.Sprintf("staff capacity %d; queue capacity unlimited; kuplad.yaml:", deskCapacity),
	}
	r.Settings = append(r.Settings, strings.Split(strings.TrimRight(settings, "\n"), "\n")...)
	if b.Postgres != nil {
		told, err := b.Postgres.settings(ctx)
		if err != nil {
			return nil, err
		}
		r.Settings = append(r.Settings, told+"; on the same machine and disk, reached over its socket",
			fmt.Sprintf("visits of a database: %d started, taken and sent to, one after the other", z.visits))
	}
	return r, nil
}

// revision is the commit that a program was built from.
func revision(program string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "unknown"
	}
	revision, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " and changes since"
		}
	}
	return revision + changed
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// syncTime measures what a commit waits for.
func syncTime() (time.Duration, error) {
	f, err := os.CreateTemp("", "kupla-load-")
	if err != nil {
		return 0, err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	const times = 101
	block := make([]byte, 4<<10)
	taken := make([]time.Duration, times)
	for i := range taken {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		taken[i] = time.Since(began)
	}
	slices.Sort(taken)
	return taken[times/2], nil
}

// Missed are the rows whose must is not reached.
func (r *Report) Missed() []string {
	var missed []string
	for _, row := range r.Rows {
		if row.Verdict == VerdictMissed {
			missed = append(missed, row.Name)
		}
	}
	return missed
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s, commit %s\n", r.Time.Format(time.DateTime+" MST"), r.Revision)
	if r.Short {
		fmt.Fprintln(w, "Short: everything is small and quick, to see that it works. The figures mean nothing.")
	}
	m := r.Machine
	fmt.Fprintf(w, "%d cores, %s, %s, %s, fsync %s\n", m.Cores, m.Processor, m.OS, m.Go, round(m.Sync))
	for _, s := range r.Settings {
		fmt.Fprintf(w, "  %s\n", s)
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "work\tmust\taim\tmeasured\trounds\tverdict")
	for _, row := range r.Rows {
		rounds := make([]string, len(row.Rounds))
		for i, v := range row.Rounds {
			rounds[i] = figure(v)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s %s\t%s\t%s\n", row.title(), orDash(row.Must), orDash(row.Aim),
			figure(row.Measured), row.Unit, strings.Join(rounds, " "), row.Verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return r.printRounds(w)
}

// printRounds writes the figures that the ratios are made of: the round in the middle of each load.
func (r *Report) printRounds(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "load\tbare\tKupla\teverything else on the machine")
	for _, l := range r.Loads {
		middle := l.Rounds[len(l.Rounds)/2]
		fmt.Fprintf(table, "%s\t%s\t%s\t%.0f %% of a core\n", l.Name, l.compared(middle), summary(middle.Kupla), 100*l.Others)
	}
	return table.Flush()
}

// title is what a row is about.
func (r Row) title() string {
	if r.Database == "" {
		return r.Name
	}
	return r.Database + ": " + r.Name
}

// compared is what Kupla is compared with in a round, in a line.
func (l Load) compared(r Round) string {
	if l.Beside == "" {
		return summary(r.Bare)
	}
	return l.Beside + ": " + summary(r.Beside)
}

// summary is one round in a line.
func summary(f Figures) string {
	switch {
	case f.Pairs != nil:
		r := f.Pairs
		return fmt.Sprintf("%.0f/s, p50 %s, p99 %s, CPU %s", r.Rate, round(r.Latency.P50), round(r.Latency.P99), round(r.ServerCPU)) +
			databaseCPU(r.DatabaseCPU)
	case f.Idle != nil:
		return fmt.Sprintf("%s resident, %s in use", kilobytes(f.Idle.Each.Resident), kilobytes(f.Idle.Each.InUse))
	case f.Crowd != nil && f.Crowd.Taken == 0:
		return fmt.Sprintf("%.0f places/s, %.1f %% of a core", f.Crowd.Rate, 100*f.Crowd.ServerShare)
	case f.Crowd != nil:
		return fmt.Sprintf("%.0f places/s, %.1f %% of a core, age %s", f.Crowd.Rate, 100*f.Crowd.ServerShare, f.Crowd.Age)
	case f.Long != nil:
		return fmt.Sprintf("append %s; resume %s", f.Long.Append.Long, f.Long.Resume.Long)
	case f.Visits != nil:
		return fmt.Sprintf("start %s; take %s; send %s; serves after %s",
			f.Visits.Start, f.Visits.Take, f.Visits.Send, round(f.Visits.Serving))
	default:
		return "–"
	}
}

func databaseCPU(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return " and PostgreSQL's " + round(d).String()
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// Write writes the report for programs.
func (r *Report) Write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644) //nolint:gosec // For everybody to read, as what is committed.
}
