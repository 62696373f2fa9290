package kupla

import (
	"math/rand/v2"
	"time"
)

// Backoff is how long to pause between attempts. Each pause is random between nothing and a bound that
// doubles from Initial to Max, so that clients that lost the service together do not return together.
type Backoff struct {
	// Initial is the bound of the first pause.
	Initial time.Duration
	// Max is the largest bound.
	Max time.Duration
}

var (
	defaultRetryBackoff = Backoff{Initial: 100 * time.Millisecond, Max: 5 * time.Second}
	defaultReconnect    = Backoff{Initial: 250 * time.Millisecond, Max: 15 * time.Second}
)

// withDefaults fills fields left zero from defaults.
func (b Backoff) withDefaults(defaults Backoff) Backoff {
	if b.Initial <= 0 {
		b.Initial = defaults.Initial
	}
	if b.Max <= 0 {
		b.Max = defaults.Max
	}
	b.Max = max(b.Max, b.Initial)
	return b
}

// bound returns the longest pause after the given number of failures before this one.
func (b Backoff) bound(failures int) time.Duration {
	bound := b.Initial
	for range failures {
		if bound >= b.Max/2 {
			return b.Max
		}
		bound *= 2
	}
	return bound
}

// jitter picks a pause up to a bound.
type jitter func(bound time.Duration) time.Duration

// fullJitter picks any pause from nothing to bound, all of them equally likely.
func fullJitter(bound time.Duration) time.Duration {
	return rand.N(bound + 1) //nolint:gosec // Nobody gains anything by guessing a pause.
}
