package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
