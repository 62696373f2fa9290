package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runLoad runs a command of the load generator and reads what it found. It starts the server that it loads itself.
func runLoad(t *testing.T, found any, args ...string) {
	t.Helper()
	args = append(args, "--output", "json", "--kuplad", filepath.Join(programs, "kuplad"))
	command := exec.CommandContext(t.Context(), filepath.Join(programs, "kupla-load"), args...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("kupla-load %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	if err := json.Unmarshal(out, found); err != nil {
		t.Fatalf("kupla-load %s: %v in %s", strings.Join(args, " "), err, out)
	}
}

// pairsFound is what pairs found.
type pairsFound struct {
	Received int     `json:"received"`
	Rate     float64 `json:"rate"`
	Total    int     `json:"total"`
}

// figuresFound is what a load of a bench found.
type figuresFound struct {
	Pairs *pairsFound `json:"pairs"`
}

// The load generator sends exactly what its pace says and sees each message arrive once, whatever the server and
// however the messages travel.
func TestLoadPairs(t *testing.T) {
	for _, server := range []string{"--bare=false", "--bare=true"} {
		for _, protocol := range []string{"connect", "grpc", "grpcweb"} {
			for _, codec := range []string{"binary", "json"} {
				t.Run(strings.Join([]string{server, protocol, codec}, " "), func(t *testing.T) {
					var r pairsFound
					runLoad(t, &r, "pairs", server, "--protocol", protocol, "--codec", codec, "--pairs", "3",
						"--burst", "7", "--every", "50ms", "--warm-up", "100ms", "--duration", "300ms")
					if r.Total != 8*7 {
						t.Errorf("%d messages were sent, want 7 every 50 ms for 400 ms", r.Total)
					}
					if r.Received == 0 || r.Received > r.Total || r.Rate != float64(r.Received)/0.3 {
						t.Errorf("%d of %d messages counted, %f a second", r.Received, r.Total, r.Rate)
					}
				})
			}
		}
	}
}

// Without a pace each pair has one message under way, and everything sent arrives.
func TestLoadPairsBackAndForth(t *testing.T) {
	profiles := filepath.Join(t.TempDir(), "pairs")
	var r pairsFound
	runLoad(t, &r, "pairs", "--pairs", "10", "--warm-up", "100ms", "--duration", "1s", "--connections", "3", "--profile", profiles)
	if r.Received < 10 || r.Total < r.Received {
		t.Errorf("%d messages counted, and %d in all", r.Received, r.Total)
	}
	for _, kind := range []string{"cpu", "heap"} {
		if info, err := os.Stat(profiles + "-kupla-" + kind + ".pprof"); err != nil || info.Size() == 0 {
			t.Errorf("no %s profile was taken: %v", kind, err)
		}
	}
}

// memoryFound is what a server holds.
type memoryFound struct {
	Resident int64 `json:"resident"`
	InUse    int64 `json:"in_use"`
}

func TestLoadIdle(t *testing.T) {
	for _, server := range []string{"--bare=false", "--bare=true"} {
		t.Run(server, func(t *testing.T) {
			var r struct {
				Followers   int         `json:"followers"`
				Connections int         `json:"connections"`
				Each        memoryFound `json:"each"`
				Whole       memoryFound `json:"whole"`
			}
			runLoad(t, &r, "idle", server, "--followers", "120", "--per-connection", "50", "--settle", "50ms")
			if r.Followers != 120 || r.Connections != 3 {
				t.Errorf("%d followed on %d connections, want 120 on 3", r.Followers, r.Connections)
			}
			// A goroutine and what it is about cannot be less; and all of them are not more than the whole.
			if r.Each.InUse < 2<<10 || r.Whole.InUse < 120*r.Each.InUse {
				t.Errorf("each holds %+v, the server %+v", r.Each, r.Whole)
			}
		})
	}
}

// Everybody who waits is told their true place after every take, whoever arrives meanwhile included, or the load
// generator fails.
func TestLoadCrowd(t *testing.T) {
	var r struct {
		Waiting int `json:"waiting"`
		Taken   int `json:"taken"`
		Places  int `json:"places"`
		Age     struct {
			Max int64 `json:"max_ns"`
		} `json:"age"`
	}
	runLoad(t, &r, "crowd", "--waiting", "60", "--per-connection", "25", "--taken", "10", "--warm-up", "500ms", "--duration", "2s")
	if r.Waiting != 60 || r.Taken == 0 || r.Taken > 25 {
		t.Errorf("%d waited and %d were taken", r.Waiting, r.Taken)
	}
	if r.Places < 60 || r.Age.Max <= 0 {
		t.Errorf("%d places were told, the oldest %d ns old", r.Places, r.Age.Max)
	}
}

// Offered many times what it admits, a server takes on what it is set to, answers staff, tells every stored message once
// on each open stream, keeps its memory, and admits the next message when the load is over. The load generator fails when
// a stream ends, or a message is missing or comes twice.
func TestLoadOverload(t *testing.T) {
	const admit, seconds = 50, 5
	var r struct {
		Offered  float64 `json:"offered"`
		Admitted float64 `json:"admitted"`
		Refused  float64 `json:"refused"`
		Goodput  float64 `json:"goodput"`
		Staff    struct {
			Admitted int `json:"admitted"`
			Refused  int `json:"refused"`
		} `json:"staff"`
		Received int   `json:"received"`
		Silence  int64 `json:"silence_ns"`
		Before   int64 `json:"memory_before"`
		Most     int64 `json:"memory_most"`
		Recovery int64 `json:"recovery_ns"`
	}
	runLoad(t, &r, "overload", "--admit", "50", "--rate", "500", "--staff-rate", "10", "--conversations", "10",
		"--warm-up", "1s", "--duration", "5s")
	if r.Offered < 2*admit || r.Offered != r.Admitted+r.Refused {
		t.Errorf("%+v: only %f messages a second were offered, which is no overload", r, r.Offered)
	}
	// What was saved up before it counts is used in the warm-up, but for what a slow start leaves of it.
	if r.Goodput < 0.8 || r.Goodput > 1.5 {
		t.Errorf("%f of the rate were admitted", r.Goodput)
	}
	if r.Staff.Refused > 0 || r.Staff.Admitted < 10*seconds/2 {
		t.Errorf("of what staff sent %d were admitted and %d refused", r.Staff.Admitted, r.Staff.Refused)
	}
	if r.Received < 2*int(r.Admitted)*seconds || r.Silence <= 0 || r.Silence > int64(3*time.Second) {
		t.Errorf("%d messages arrived on open streams, which were silent for %d ns", r.Received, r.Silence)
	}
	if r.Most > r.Before+256<<20 {
		t.Errorf("the server's memory went from %d to %d bytes", r.Before, r.Most)
	}
	if r.Recovery <= 0 || r.Recovery > int64(3*time.Second) {
		t.Errorf("it took %d ns until a message was admitted again", r.Recovery)
	}
}

func TestLoadLong(t *testing.T) {
	type cost struct {
		CPU  int64 `json:"cpu_ns"`
		Read int64 `json:"read_bytes"`
	}
	type costs struct{ Short, Long cost }
	var rounds []struct{ Append, Resume costs }
	runLoad(t, &rounds, "long", "--events", "300", "--sends", "40", "--resumes", "20", "--rounds", "2")
	if len(rounds) != 2 {
		t.Fatalf("%d rounds, want 2", len(rounds))
	}
	for _, r := range rounds {
		for _, c := range []cost{r.Append.Short, r.Append.Long, r.Resume.Short, r.Resume.Long} {
			if c.Read <= 0 || c.CPU < 0 { // a tick of the clock is longer than all of this
				t.Errorf("an operation cost %+v", c)
			}
		}
	}
}

// The bench writes what it printed, with the settings and all rounds, and tells with --check what is not reached.
func TestLoadBench(t *testing.T) {
	out := filepath.Join(t.TempDir(), "bench", "latest.json")
	command := exec.CommandContext(t.Context(), filepath.Join(programs, "kupla-load"), "bench", "--short", "--rounds", "2",
		"--rows", "light,crowd", "--kuplad", filepath.Join(programs, "kuplad"), "--out", out)
	table, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Short    bool     `json:"short"`
		Settings []string `json:"settings"`
		Machine  struct {
			Cores int `json:"cores"`
		} `json:"machine"`
		Rows []struct {
			Name     string    `json:"name"`
			Verdict  string    `json:"verdict"`
			Measured float64   `json:"measured"`
			Rounds   []float64 `json:"rounds"`
		} `json:"rows"`
		Loads []struct {
			Name   string `json:"name"`
			Rounds []struct {
				Bare  figuresFound `json:"bare"`
				Kupla figuresFound `json:"kupla"`
			} `json:"rounds"`
		} `json:"loads"`
	}
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	if !report.Short || report.Machine.Cores < 1 || len(report.Rows) != 5 || len(report.Loads) != 2 {
		t.Fatalf("the report is %s", data)
	}
	light := report.Loads[0].Rounds
	if len(light) != 2 || len(report.Rows[0].Rounds) != 2 {
		t.Fatalf("%d rounds of %s, want 2", len(light), report.Loads[0].Name)
	}
	for _, round := range light {
		for _, side := range []*pairsFound{round.Bare.Pairs, round.Kupla.Pairs} {
			if side == nil || side.Received == 0 || side.Total < side.Received {
				t.Errorf("a side of a round is %+v", side)
			}
		}
	}
	for _, row := range report.Rows {
		if row.Measured <= 0 || row.Verdict == "" || !strings.Contains(string(table), row.Name) {
			t.Errorf("a row is %+v, the table\n%s", row, table)
		}
	}
	for _, setting := range []string{"streams_per_token: -1", "messages of 200 bytes"} {
		if !strings.Contains(strings.Join(report.Settings, "\n"), setting) || !strings.Contains(string(table), setting) {
			t.Errorf("%q is not told", setting)
		}
	}
}

// runBeside runs a program beside a PostgreSQL of its own, in whose arguments the addresses are, and gives what it
// printed.
func runBeside(t *testing.T, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(programs, "pgcluster"), args...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // it removes what it made
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("pgcluster %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// On PostgreSQL, customers at one server and professionals at another see each message once.
func TestLoadAcrossServers(t *testing.T) {
	out := runBeside(t, filepath.Join(programs, "kupla-load"), "pairs", "--kuplad", filepath.Join(programs, "kuplad"),
		"--postgres", "{dsn}", "--servers", "2", "--pairs", "3", "--burst", "7", "--every", "50ms", "--warm-up", "100ms",
		"--duration", "300ms", "--output", "json")
	var r pairsFound
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if r.Total != 8*7 || r.Received == 0 || r.Received > r.Total {
		t.Errorf("%d of %d messages counted, want 7 every 50 ms for 400 ms in all", r.Received, r.Total)
	}
}

// The rows of PostgreSQL are measured in databases of their own, and in the one with much in it, which stays; and what
// Go benchmarks printed becomes a row, too.
func TestLoadBenchPostgres(t *testing.T) {
	dir := t.TempDir()
	out, printed := filepath.Join(dir, "latest.json"), filepath.Join(dir, "printed.txt")
	if err := os.WriteFile(printed, []byte("goos: linux\nBenchmarkBatching-2 1 200 ns/op 9000 batched/s 1500 single/s 6.000 times\n"+
		"BenchmarkBatching-2 1 200 ns/op 9000 batched/s 2250 single/s 4.000 times\nPASS\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `"$0" bench --short --rounds 1 --kuplad "$1" --rows postgres-two,postgres-stored \
		--postgres '{dsn}' --stored stored --go-bench "$2" --out "$3" >&2 && "$0" pairs --kuplad "$1" --postgres '{dsn}' \
		--pairs 1 --warm-up 0s --duration 300ms --output json`
	var again pairsFound
	if err := json.Unmarshal(runBeside(t, "-closed", "300", "-set", "fsync=off", "sh", "-c", script,
		filepath.Join(programs, "kupla-load"), filepath.Join(programs, "kuplad"), printed, out), &again); err != nil {
		t.Fatal(err)
	}
	if again.Received == 0 {
		t.Error("no message arrived after the bench")
	}
	type cost struct {
		Buffers struct {
			All float64 `json:"all"`
		} `json:"buffers"`
	}
	type figures struct {
		Pairs  *pairsFound `json:"pairs"`
		Visits *struct {
			Start   cost  `json:"start"`
			Take    cost  `json:"take"`
			Send    cost  `json:"send"`
			Serving int64 `json:"serving_ns"`
		} `json:"visits"`
	}
	var report struct {
		Settings []string `json:"settings"`
		Rows     []struct {
			Name     string  `json:"name"`
			Database string  `json:"database"`
			Measured float64 `json:"measured"`
		} `json:"rows"`
		Loads []struct {
			Beside string `json:"beside"`
			Rounds []struct {
				Beside figures `json:"beside"`
				Kupla  figures `json:"kupla"`
			} `json:"rounds"`
		} `json:"loads"`
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Loads) != 2 || !strings.Contains(strings.Join(report.Settings, "\n"), "fsync off") {
		t.Fatalf("the report is %s", data)
	}
	two, stored := report.Loads[0], report.Loads[1]
	if p := two.Rounds[0]; two.Beside != "one server" || p.Beside.Pairs.Received == 0 || p.Kupla.Pairs.Received == 0 {
		t.Errorf("the load of two servers is %+v", two)
	}
	for _, f := range []figures{stored.Rounds[0].Beside, stored.Rounds[0].Kupla} {
		v := f.Visits
		// Nothing is sent, taken or started without any page being looked at.
		if v.Start.Buffers.All < 1 || v.Take.Buffers.All < 1 || v.Send.Buffers.All < 1 || v.Serving <= 0 {
			t.Errorf("visits cost %+v", v)
		}
	}
	if last := report.Rows[len(report.Rows)-1]; last.Measured != 5 || last.Database != "PostgreSQL" {
		t.Errorf("the Go benchmark's row is %+v, want the median 5", last)
	}
}

// What cannot be measured is refused by name.
func TestLoadRefusals(t *testing.T) {
	for want, args := range map[string][]string{
		"needs PostgreSQL":    {"bench", "--rows", "postgres-light"},
		"needs --postgres":    {"pairs", "--servers", "2"},
		"needs no --postgres": {"pairs", "--bare", "--postgres", "postgres://x/y"},
		"there is no row":     {"bench", "--rows", "nothing"},
		"failed to connect":   {"pairs", "--postgres", "postgres://x@/y?host=" + t.TempDir()},
		"has no run of":       {"bench", "--rows", "light", "--short", "--rounds", "1", "--go-bench", "load_test.go"},
	} {
		args = append(args, "--kuplad", filepath.Join(programs, "kuplad"))
		out, err := exec.CommandContext(t.Context(), filepath.Join(programs, "kupla-load"), args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v, %s; want it to say %q", args, err, out, want)
		}
	}
}
