package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// heapFloor is how large the heap may grow, in bytes, before garbage is collected, however little of it is
	// in use. An empty server uses some ten megabytes. Left to double from there it collects dozens of times a
	// second under load, which takes a tenth of its processor time.
	heapFloor = 128 << 20
	// leastPercent is by how much the heap grows between two collections from two thirds of the floor in use on. It is
	// half of Go's own, with which what thousands of followers leave behind while they come lies between what stays, and
	// takes 1 KB more for each of them.
	leastPercent = 50
	// mostPercent keeps Go's smallest heap, which is 4 MiB at 100 percent, at the floor.
	mostPercent = heapFloor / (4 << 20) * 100
)

// collectLazily makes the collector wait until the heap has reached the floor. A server that holds more than that takes
// less memory than it would by itself.
// GOGC and GOMEMLIMIT of the environment go before it: who sets either knows better.
func collectLazily() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	used := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}
	var collected func(*sentinel)
	collected = func(*sentinel) {
		metrics.Read(used)
		live := used[0].Value.Uint64()
		debug.SetGCPercent(percentFor(live, live+used[1].Value.Uint64()+used[2].Value.Uint64()))
		runtime.SetFinalizer(new(sentinel), collected)
	}
	collected(nil)
}

// sentinel is garbage from the start, so that its finalizer runs after the next collection. It is too large for
// those objects that share an allocation, whose finalizers may never run.
type sentinel [4]uintptr

// percentFor is by how many percent of what is scanned the heap may grow over what of it is live, in bytes.
func percentFor(live, scanned uint64) int {
	room := heapFloor - min(live, heapFloor)
	return int(min(max(room*100/max(scanned, 1), leastPercent), mostPercent))
}
