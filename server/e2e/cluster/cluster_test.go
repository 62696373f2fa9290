package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/cluster"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
)

// programs is the folder with kuplad.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "kupla-cluster")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		defer func() { _ = os.RemoveAll(folder) }()
		programs = folder
		if err := kuplad.Build(context.Background(), folder, nil, "../../cmd/kuplad"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		return m.Run()
	}())
}

// start starts two servers on a PostgreSQL of their own, with a catalogue that keeps places for so long.
func start(t *testing.T, keep time.Duration) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Start(t.Context(), cluster.Options{
		Programs: programs, Folder: t.TempDir(), Config: cluster.Settings, Servers: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		for _, path := range c.Logs() {
			log, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			if strings.Contains(string(log), "level=ERROR") || t.Failed() {
				t.Errorf("%s says:\n%s", filepath.Base(path), log)
			}
		}
	})
	if err := kuplad.ApplyCatalogue(t.Context(), c.Admin(), c.Servers[0], keep); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRace(t *testing.T) {
	t.Parallel()
	report, err := cluster.Race(t.Context(), start(t, time.Hour), 100, 5)
	t.Logf("%+v", report)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Error(p)
	}
	// Who is quicker is chance; that one server always is, is not.
	if report.Rounds != 100 || report.Wins[0] == 0 || report.Wins[1] == 0 {
		t.Errorf("%d rounds were won by %v", report.Rounds, report.Wins)
	}
	if want := 100 * 5; report.Refused != want {
		t.Errorf("%d were told that another one was quicker, want %d", report.Refused, want)
	}
}

func TestAcross(t *testing.T) {
	t.Parallel()
	report, err := cluster.Across(t.Context(), start(t, time.Hour), 60)
	t.Logf("%+v", report)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Error(p)
	}
	if report.Events < 60 || report.Resumed != 30 {
		t.Errorf("a follower resumed %d times in %d events", report.Resumed, report.Events)
	}
	for _, what := range []string{"place", "taken", "message", "typing", "read mark", "message, not listening", "gone", "back"} {
		if report.Delays[what] == 0 {
			t.Errorf("no %s was told", what)
		}
	}
}

func TestAbsence(t *testing.T) {
	t.Parallel()
	report, err := cluster.Absence(t.Context(), start(t, 2*time.Second), 2*time.Second)
	t.Logf("%+v", report)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Error(p)
	}
}
