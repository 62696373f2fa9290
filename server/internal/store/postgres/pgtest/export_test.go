package pgtest

import (
	"context"
	"testing"
)

// Ended reports whether a process has ended, though nobody may have asked how yet.
func Ended(pid int) bool { return ended(pid) }

// Programs finds the folder of PostgreSQL's programs.
func Programs(ctx context.Context) (string, error) { return programs(ctx) }

// Packaged has the programs looked for elsewhere during a test.
func Packaged(t *testing.T, patterns []string) {
	t.Helper()
	before := packaged
	packaged = patterns
	t.Cleanup(func() { packaged = before })
}
