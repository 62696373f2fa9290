package torture

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/kuplad"
)

// The short form of `make torture-cluster`: each kind of fault, by itself and all at once, some times.
func TestClusterShortForm(t *testing.T) {
	t.Parallel()
	programs := t.TempDir()
	if err := kuplad.Build(t.Context(), programs, nil, "../../cmd/kuplad"); err != nil {
		t.Fatal(err)
	}
	for _, scenario := range Scenarios() {
		t.Run(strings.ReplaceAll(scenario.Name, " ", "_"), func(t *testing.T) {
			t.Parallel() // Most of the time is waited for a fault to be over.
			config := Config{
				Programs: programs, Folder: t.TempDir(), Seed: uint64(time.Now().UnixNano()),
				Duration: 6 * time.Second, Messages: 300, Steady: 500 * time.Millisecond,
				Customers: 12, Professionals: 3, FaultEvery: time.Second,
				Progress: t.Output(), Cluster: &scenario,
			}
			report, err := Run(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			report.Print(t.Output())
			if len(report.Anomalies) > 0 {
				t.Errorf("%d anomalies, with the seed %d; make torture-cluster keeps what is needed to look into one",
					len(report.Anomalies), config.Seed)
				logs, err := filepath.Glob(filepath.Join(config.Folder, "*.log"))
				if err != nil {
					t.Error(err)
				}
				for _, path := range logs {
					log, err := os.ReadFile(path)
					if err != nil {
						t.Error(err)
					}
					t.Logf("%s says:\n%s", filepath.Base(path), log)
				}
			}
			if report.Messages < config.Messages || report.Conversations < config.Customers {
				t.Errorf("%d messages in %d conversations are no torture", report.Messages, report.Conversations)
			}
			// What is mended by the next connection is no interruption; this is not.
			if slices.Contains(scenario.Faults, RestartDatabase) && report.Interrupted == 0 {
				t.Error("no follower was told of an interruption")
			}
			for _, fault := range scenario.Faults {
				if report.Faults[string(fault)] == 0 {
					t.Errorf("no %s", fault)
				}
			}
		})
	}
}
