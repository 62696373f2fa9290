package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	const mb = 1 << 20
	for name, test := range map[string]struct {
		live, scanned uint64
		want          int
	}{
		"before the first collection": {0, 0, mostPercent},
		"an empty server":             {8 * mb, 10 * mb, 1200},
		"thousands of followers":      {48 * mb, 80 * mb, 100},
		"half the floor":              {64 * mb, 64 * mb, 100},
		"two thirds of the floor":     {86 * mb, 86 * mb, leastPercent},
		"above the floor":             {500 * mb, 600 * mb, leastPercent},
	} {
		if got := percentFor(test.live, test.scanned); got != test.want {
			t.Errorf("%s: %d percent, want %d", name, got, test.want)
		}
	}
}

// The percentage follows what is in use, from one collection to the next.
func TestCollectLazily(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	defer debug.SetGCPercent(debug.SetGCPercent(leastPercent))
	collectLazily()
	// Finalizers run in a goroutine of their own, some time after the collection.
	becomes := func(want func(percent int) bool) bool {
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			runtime.GC()
			percent := debug.SetGCPercent(leastPercent)
			debug.SetGCPercent(percent)
			if want(percent) {
				return true
			}
		}
		return false
	}
	if !becomes(func(percent int) bool { return percent > leastPercent }) {
		t.Error("with little in use the heap may not grow by more than usual")
	}
	held := make([]byte, heapFloor)
	if !becomes(func(percent int) bool { return percent == leastPercent }) {
		t.Error("with much in use the heap may grow by more than usual")
	}
	runtime.KeepAlive(held)

	t.Setenv("GOGC", "50")
	debug.SetGCPercent(50)
	collectLazily()
	if p := debug.SetGCPercent(50); p != 50 {
		t.Errorf("GOGC=50 became %d", p)
	}
}
