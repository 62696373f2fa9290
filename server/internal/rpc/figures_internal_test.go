package rpc

import (
	"testing"
	"time"
)

// That the store cannot be used is logged at once, and then once a second with how many calls it was.
func TestUnavailableIsLoggedOnceASecond(t *testing.T) {
	var c counts
	begin := time.Date(2026, time.September, 7, 8, 0, 0, 0, time.UTC)
	for _, call := range []struct {
		after time.Duration
		calls int64 // 0 is not logged
	}{
		{0, 1},
		{time.Millisecond, 0},
		{500 * time.Millisecond, 0},
		{time.Second, 3},
		{1500 * time.Millisecond, 0},
		{time.Minute, 2},
	} {
		calls, ok := c.unavailable(begin.Add(call.after))
		if calls != call.calls || ok != (call.calls > 0) {
			t.Errorf("after %v: %d calls, logged: %t, want %d", call.after, calls, ok, call.calls)
		}
	}
}
