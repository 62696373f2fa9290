//go:build torture

package main

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// This build's clock can be stepped from outside, as an operator or a time service may step a machine's: the file
// that KUPLAD_CLOCK_FILE names holds by how much it differs from the machine's, such as "-90m", and is looked at
// fifty times a second. No released program is built with the tag.
//
// Like a step of the machine's clock, it changes what the clock shows and not how much time has passed: times that
// were read in this process and not stored still have their true distance. That takes writing into a time.Time,
// for which there is no other way; a check at the start stops the program should its inside ever change.
func init() {
	path := os.Getenv("KUPLAD_CLOCK_FILE")
	if path == "" {
		return
	}
	var offset atomic.Int64
	read := func() {
		text, err := os.ReadFile(path)
		if err != nil {
			return
		}
		if d, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil {
			offset.Store(int64(d / time.Second))
		}
	}
	read()
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			read()
		}
	}()
	clock = func() time.Time { return step(time.Now(), offset.Load()) }

	now := time.Now()
	if later := step(now, 3600); later.Sub(now) != 0 || later.Round(0).Sub(now.Round(0)) != time.Hour {
		panic(fmt.Sprintf("a time.Time is not what it was: %v stepped by an hour is %v", now, later))
	}
}

// step changes what a time shows by whole seconds, and leaves its monotonic reading alone. In a time with such a
// reading the seconds since 1885 are the 33 bits above the 30 of the nanoseconds.
func step(t time.Time, seconds int64) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(seconds) << 30
	return t
}
