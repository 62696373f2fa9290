package pgtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// T is what of *testing.T is needed here. This package is for programs, too, which must not link the other.
type T interface {
	Helper()
	Context() context.Context
	Cleanup(cleanup func())
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Failed() bool
	Logf(format string, args ...any)
}

// New starts a cluster for a test alone, which may do anything to it. It ends with the test. Where there is no
// PostgreSQL, the test fails.
func New(t T, opts Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	CloseAfter(t, c)
	return c
}

// CloseAfter ends a cluster with a test, and shows the end of its log when the test failed.
func CloseAfter(t T, c *Cluster) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of PostgreSQL's log:\n%s", c.logEnd())
		}
		if err := c.Close(); err != nil {
			t.Errorf("PostgreSQL did not end: %v", err)
		}
	})
}

// shared is the cluster that the tests of a program share.
var shared struct {
	sync.Mutex

	cluster *Cluster
	err     error
	// databases counts those that were made in it, to name the next.
	databases atomic.Int64
}

// Shared is the cluster that all tests of the program share; the first to ask starts it. It must not be stopped or set
// otherwise. The program's TestMain calls [Main], which ends it. Where there is no PostgreSQL, the test fails.
//
// Unlike others, it does not wait for the disk: making and removing databases takes a fifth of the time so, and only
// the end of the whole machine could tell.
func Shared(t T) *Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = Start(t.Context(), Options{Settings: map[string]string{"fsync": "off"}})
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

// Database makes an empty database for a test, in the shared cluster, and gives its DSN. It goes with the test.
func Database(t T) string {
	t.Helper()
	c := Shared(t)
	name := Name()
	dsn, err := c.Database(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	DropAfter(t, c, name)
	return dsn
}

// Name is a name for a database that no other one in the shared cluster has.
func Name() string { return fmt.Sprintf("test_%d", shared.databases.Add(1)) }

// DropAfter removes a database after a test.
func DropAfter(t T, c *Cluster, name string) {
	t.Cleanup(func() {
		if err := c.Drop(context.WithoutCancel(t.Context()), name); err != nil {
			t.Errorf("the database %s was not removed: %v", name, err)
		}
	})
}

// Main runs the tests of a program and then ends what they shared. It gives the program's exit code.
func Main(m interface{ Run() int }) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		if err := shared.cluster.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "PostgreSQL did not end: %v\n", err)
			code = max(code, 1)
		}
	}
	return code
}
