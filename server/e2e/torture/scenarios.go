package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/cluster"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
)

// ClusterReport is what was done to clusters, one thing after the other, and what was found.
type ClusterReport struct {
	Start    time.Time `json:"start"`
	Duration float64   `json:"duration_seconds"`
	// Scenarios are the runs.
	Scenarios []*Report `json:"scenarios"`
	// Race is about residents that professionals on both servers want, Across about what one server tells of the other's,
	// and Absence about places of customers who are at one server while the other one leads.
	Race    *cluster.RaceReport    `json:"race"`
	Across  *cluster.AcrossReport  `json:"across"`
	Absence *cluster.AbsenceReport `json:"absence"`
}

// Sizes are how much is done beside the scenarios.
type Sizes struct {
	// Rounds are races for one resident, Lines whole lines that are taken, Messages how many go across.
	Rounds, Lines, Messages int
	// Keep is how long places are kept.
	Keep time.Duration
}

// RunScenarios runs each scenario with a configuration, and then what people on both servers do at once. The last
// scenario alone is watched for as long as the configuration says.
func RunScenarios(ctx context.Context, config Config, sizes Sizes) (*ClusterReport, error) {
	report := &ClusterReport{Start: time.Now()}
	scenarios := Scenarios()
	for i, scenario := range scenarios {
		one := config
		one.Cluster = &scenario
		one.Folder = filepath.Join(config.Folder, fmt.Sprintf("scenario-%d", i+1))
		one.Seed += uint64(i)
		if i < len(scenarios)-1 {
			one.Steady = min(config.Steady, 5*time.Second)
		}
		if config.Progress != nil {
			fmt.Fprintf(config.Progress, "%s\n", scenario.Name)
		}
		got, err := Run(ctx, one)
		if err != nil {
			return report, fmt.Errorf("%s: %w", scenario.Name, err)
		}
		report.Scenarios = append(report.Scenarios, got)
	}
	if config.Progress != nil {
		fmt.Fprintln(config.Progress, "races, what goes across, places of those who are at the other server")
	}
	// Each is on servers of its own, and mostly waits.
	var errs [3]error
	var all sync.WaitGroup
	all.Go(func() {
		errs[0] = on(ctx, config, "race", time.Hour, func(c *cluster.Cluster) (err error) {
			report.Race, err = cluster.Race(ctx, c, sizes.Rounds, sizes.Lines)
			return err
		})
	})
	all.Go(func() {
		errs[1] = on(ctx, config, "across", time.Hour, func(c *cluster.Cluster) (err error) {
			report.Across, err = cluster.Across(ctx, c, sizes.Messages)
			return err
		})
	})
	all.Go(func() {
		errs[2] = on(ctx, config, "absence", sizes.Keep, func(c *cluster.Cluster) (err error) {
			report.Absence, err = cluster.Absence(ctx, c, sizes.Keep)
			return err
		})
	})
	all.Wait()
	report.Duration = time.Since(report.Start).Seconds()
	return report, errors.Join(errs[:]...)
}

// on does something on two servers of its own.
func on(ctx context.Context, config Config, name string, keep time.Duration, do func(*cluster.Cluster) error) (err error) {
	folder := filepath.Join(config.Folder, name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Programs: config.Programs, Folder: folder, Config: cluster.Settings, Servers: 2,
	})
	if err != nil {
		return err
	}
	err = kuplad.ApplyCatalogue(ctx, c.Admin(), c.Servers[0], keep)
	if err == nil {
		err = do(c)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	if ended := c.Close(); err == nil {
		err = ended
	}
	return err
}

// Found is how many things must not be.
func (r *ClusterReport) Found() int {
	n := len(r.Race.Problems) + len(r.Across.Problems) + len(r.Absence.Problems)
	for _, s := range r.Scenarios {
		n += len(s.Anomalies)
	}
	return n
}

// Print writes the report for people.
func (r *ClusterReport) Print(w io.Writer) {
	for _, s := range r.Scenarios {
		s.Print(w)
	}
	fmt.Fprintf(w, "\n%-34s %8s %8s %10s %10s %8s %9s\n", "scenario", "faults", "messages", "histories", "events", "streams", "anomalies")
	for _, s := range r.Scenarios {
		faults := 0
		for _, f := range Scenarios() {
			if f.Name == s.Scenario {
				faults = s.done(f.Faults)
			}
		}
		fmt.Fprintf(w, "%-34s %8d %8d %10d %10d %8d %9d\n",
			s.Scenario, faults, s.Messages, s.Histories, s.Events, s.Streams, len(s.Anomalies))
	}
	fmt.Fprintf(w, "\nraces for one resident %d, won at each server %v, told that another was quicker %d\n",
		r.Race.Rounds, r.Race.Wins, r.Race.Refused)
	fmt.Fprintf(w, "lines taken from both servers %d, residents taken once each, in order %d\n", r.Race.Lines, r.Race.Taken)
	fmt.Fprintf(w, "went on at the other server %d times in %d events; longest until told there, ms:",
		r.Across.Resumed, r.Across.Events)
	for _, what := range slices.Sorted(maps.Keys(r.Across.Delays)) {
		fmt.Fprintf(w, " %s %.0f", what, r.Across.Delays[what])
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "places kept for %.0f s: there at one server while the other led for %.0f s, and kept; given up %.1f s after leaving\n",
		r.Absence.Keep, r.Absence.Led, r.Absence.Abandoned)
	for _, problems := range [][]string{r.Race.Problems, r.Across.Problems, r.Absence.Problems} {
		for _, p := range problems {
			fmt.Fprintf(w, "  %s\n", p)
		}
	}
	fmt.Fprintf(w, "\nfound: %d\n", r.Found())
}

// done is how many of some faults there were.
func (r *Report) done(which []Fault) int {
	n := 0
	counted := map[Fault]bool{}
	for _, f := range which {
		if !counted[f] {
			counted[f] = true
			n += r.Faults[string(f)]
		}
	}
	return n
}

// WriteFile writes the report as JSON.
func (r *ClusterReport) WriteFile(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeReport(path, data)
}
