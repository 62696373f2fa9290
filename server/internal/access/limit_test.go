package access_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/access"
)

var start = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func newLimiter(t testing.TB, limits access.Limits) *access.Limiter {
	t.Helper()
	limiter, err := access.NewLimiter(limits)
	if err != nil {
		t.Fatal(err)
	}
	return limiter
}

func conversation(n int) access.Key {
	return access.ConversationKey(fmt.Sprint("conversation ", n))
}

// drain calls until the first refusal and returns how many calls were allowed.
func drain(t testing.TB, l *access.Limiter, scope access.Scope, key access.Key, now time.Time) int {
	t.Helper()
	for n := 0; ; n++ {
		if _, ok := l.Allow(scope, key, now); !ok {
			return n
		}
		if n > 1_000_000 {
			t.Fatal("nothing is refused")
		}
	}
}

func TestLimiterBurstAndRate(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, access.Limits{ConversationSends: access.Rate{PerSecond: 2, Burst: 5}})
	key := conversation(1)
	if n := drain(t, l, access.ConversationSends, key, start); n != 5 {
		t.Errorf("%d at once, want 5", n)
	}
	retryAfter, ok := l.Allow(access.ConversationSends, key, start)
	if ok || retryAfter != 501*time.Millisecond {
		t.Errorf("refused for %v, want the 500 ms up to the next millisecond", retryAfter)
	}
	if n := drain(t, l, access.ConversationSends, key, start.Add(499*time.Millisecond)); n != 0 {
		t.Errorf("%d after 499 ms", n)
	}
	if n := drain(t, l, access.ConversationSends, key, start.Add(501*time.Millisecond)); n != 1 {
		t.Errorf("%d after 501 ms, want 1", n)
	}
	if n := drain(t, l, access.ConversationSends, key, start.Add(time.Hour)); n != 5 {
		t.Errorf("%d after an hour, want 5", n)
	}
	if n := drain(t, l, access.ConversationSends, conversation(2), start); n != 5 {
		t.Errorf("%d of another conversation, want 5", n)
	}
	if n := drain(t, l, access.TokenSends, key, start); n != 30 {
		t.Errorf("%d in another scope, want 30", n)
	}
}

// TestLimiterAgainstModel compares decisions with a bucket in integers, and holds every refusal to its
// word: the same call at the time named is allowed, and 2 ms earlier it is not. Time goes in steps of
// 1/512 s, of which floating point makes no mistakes, so that the comparison can be exact.
func TestLimiterAgainstModel(t *testing.T) {
	t.Parallel()
	const (
		step                   = time.Second / 512
		perSecond, burst, keys = 4, 7, 5
		call                   = 512 / perSecond // steps in which one call is refilled
	)
	limits := access.Limits{TokenCalls: access.Rate{PerSecond: perSecond, Burst: burst}}
	// probed is asked beside it what will be; that must change nothing.
	l, probed := newLimiter(t, limits), newLimiter(t, limits)
	type model struct{ content, at int } // in steps
	var models [keys]model
	for i := range models {
		models[i].content = burst * call
	}
	random := rand.New(rand.NewPCG(3, 4))
	steps, refused := 0, 0
	for range 20_000 {
		steps += random.IntN(45)
		now := start.Add(time.Duration(steps) * step)
		i := random.IntN(keys)
		m := &models[i]
		m.content = min(burst*call, m.content+steps-m.at)
		m.at = steps
		want := m.content >= call
		if want {
			m.content -= call
		}
		retryAfter, ok := probed.Allow(access.TokenCalls, conversation(i), now)
		if ok != want {
			t.Fatalf("allowed %v with a content of %d steps, of which a call takes %d", ok, m.content, call)
		}
		if _, same := l.Allow(access.TokenCalls, conversation(i), now); same != ok {
			t.Fatal("Check has changed something")
		}
		if ok {
			continue
		}
		refused++
		charge := access.Charge{Scope: access.TokenCalls, Key: conversation(i)}
		if _, ok := probed.Check(now.Add(retryAfter), charge); !ok {
			t.Fatalf("still refused after the %v that were named", retryAfter)
		}
		if _, ok := probed.Check(now.Add(retryAfter-2*time.Millisecond), charge); ok {
			t.Fatalf("allowed 2 ms before the %v that were named", retryAfter)
		}
	}
	if refused < 1000 {
		t.Errorf("only %d refusals were tried", refused)
	}
}

func TestLimiterRetryAfterOfSlowRates(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{1.0 / 86400, 1.0 / 3600, 1.0 / 20, 0.3, 7, 333, 1e6} {
		l := newLimiter(t, access.Limits{AddressStarts: access.Rate{PerSecond: perSecond, Burst: 1}})
		now := start
		if _, ok := l.Allow(access.AddressStarts, access.Key{}, now); !ok {
			t.Fatal("the first is refused")
		}
		for range 50 {
			retryAfter, ok := l.Allow(access.AddressStarts, access.Key{}, now)
			if ok {
				t.Fatalf("%v a second: two at once", perSecond)
			}
			interval := time.Duration(float64(time.Second) / perSecond)
			if retryAfter <= 0 || retryAfter > interval+2*time.Millisecond {
				t.Fatalf("%v a second: refused for %v", perSecond, retryAfter)
			}
			now = now.Add(retryAfter)
			if _, ok := l.Allow(access.AddressStarts, access.Key{}, now); !ok {
				t.Fatalf("%v a second: refused after the %v that were named", perSecond, retryAfter)
			}
		}
	}
}

func TestLimiterFactor(t *testing.T) {
	t.Parallel()
	addresses := newAddresses(t, access.AddressConfig{Exceptions: []access.Exception{
		{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Factor: 2.5},
	}})
	l := newLimiter(t, access.Limits{AddressStarts: access.Rate{PerSecond: 1, Burst: 10}})
	school := addresses.Place(netip.MustParseAddr("198.51.100.7")).Key()
	home := addresses.Place(netip.MustParseAddr("192.0.2.7")).Key()
	if n := drain(t, l, access.AddressStarts, home, start); n != 10 {
		t.Errorf("%d from a home, want 10", n)
	}
	if n := drain(t, l, access.AddressStarts, school, start); n != 25 {
		t.Errorf("%d from a school, want 25", n)
	}
	if n := drain(t, l, access.AddressStarts, school, start.Add(4*time.Second)); n != 10 {
		t.Errorf("%d from a school in 4 s, want 10", n)
	}
	odd := access.Address{Prefix: netip.MustParsePrefix("192.0.2.9/32"), Factor: 0.1}.Key()
	if n := drain(t, l, access.AddressStarts, odd, start); n != 10 {
		t.Errorf("%d with a factor below 1, want 10", n)
	}
}

func TestLimiterUnlimited(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, access.Limits{TokenSends: access.Unlimited, TokenCalls: access.Rate{PerSecond: -5, Burst: 3}})
	for range 10_000 {
		if refusal, ok := l.AllowAll(start, access.Charge{Scope: access.TokenSends}, access.Charge{Scope: access.TokenCalls}); !ok {
			t.Fatalf("refused by %v", refusal.Scope)
		}
	}
	for _, stats := range l.Stats() {
		if stats.Keys != 0 {
			t.Errorf("%v remembers %d", stats.Scope, stats.Keys)
		}
	}
}

func TestAllowAllChargesAllOrNone(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, access.Limits{
		AddressCalls:      access.Rate{PerSecond: 1, Burst: 50},
		TokenSends:        access.Rate{PerSecond: 1, Burst: 20},
		ConversationSends: access.Rate{PerSecond: 0.1, Burst: 5},
	})
	address, token, talk := conversation(1), conversation(2), conversation(3)
	charges := []access.Charge{
		// In no particular order: the limiter takes its locks in its own.
		{Scope: access.ConversationSends, Key: talk},
		{Scope: access.AddressCalls, Key: address},
		{Scope: access.TokenSends, Key: token},
	}
	for i := range 5 {
		if refusal, ok := l.AllowAll(start, charges...); !ok {
			t.Fatalf("call %d refused by %v", i, refusal.Scope)
		}
	}
	for range 100 {
		refusal, ok := l.AllowAll(start, charges...)
		if ok || refusal.Scope != access.ConversationSends || refusal.RetryAfter != 10_001*time.Millisecond {
			t.Fatalf("%v, %v", refusal, ok)
		}
	}
	if n := drain(t, l, access.AddressCalls, address, start); n != 45 {
		t.Errorf("the address has %d left, want 45", n)
	}
	if n := drain(t, l, access.TokenSends, token, start); n != 15 {
		t.Errorf("the token has %d left, want 15", n)
	}
	// All three are empty now: the delay is that of the slowest.
	if refusal, ok := l.AllowAll(start, charges...); ok || refusal.Scope != access.ConversationSends || refusal.RetryAfter < 10*time.Second {
		t.Errorf("%v, %v", refusal, ok)
	}
	// A caller refused by one scope is not even entered in another.
	newcomer := access.Charge{Scope: access.TokenCalls, Key: conversation(9)}
	if _, ok := l.AllowAll(start, charges[0], newcomer); ok {
		t.Error("allowed")
	}
	if keys := l.Stats()[access.TokenCalls].Keys; keys != 0 {
		t.Errorf("%d tokens entered by a refused call", keys)
	}
}

func TestCheckCountsNothing(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, access.Limits{AddressBadCredentials: access.Rate{PerSecond: 1, Burst: 3}})
	charge := access.Charge{Scope: access.AddressBadCredentials, Key: conversation(1)}
	for range 100 {
		if _, ok := l.Check(start, charge); !ok {
			t.Fatal("a check was counted")
		}
	}
	if keys := l.Stats()[access.AddressBadCredentials].Keys; keys != 0 {
		t.Errorf("checks entered %d callers", keys)
	}
	drain(t, l, charge.Scope, charge.Key, start)
	if refusal, ok := l.Check(start, charge); ok || refusal != (access.Refusal{Scope: charge.Scope, RetryAfter: 1001 * time.Millisecond}) {
		t.Errorf("%v, %v after three bad credentials", refusal, ok)
	}
}

func TestAllowAllPanicsOnMistakes(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, access.Limits{TokenSends: access.Unlimited})
	for name, charges := range map[string][]access.Charge{
		"scope twice":   {{Scope: access.TokenCalls}, {Scope: access.TokenCalls, Key: conversation(1)}},
		"unknown scope": {{Scope: access.Scope(len(l.Stats()))}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			l.AllowAll(start, charges...)
		}()
	}
	if n := drain(t, l, access.TokenCalls, access.Key{}, start); n != 100 {
		t.Errorf("%d left after the panics, want 100: a lock or a charge was left behind", n)
	}
}

// TestLimiterTimeGoingBack holds the limiter to its rate when callers that read the clock one after
// the other get the lock the other way round, and to working at all when the clock is set back.
func TestLimiterTimeGoingBack(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, access.Limits{TokenCalls: access.Rate{PerSecond: 10, Burst: 1}})
	key := conversation(1)
	allowed := 0
	for i := range 1000 {
		now := start.Add(time.Duration(i) * time.Millisecond)
		for _, now := range []time.Time{now, now.Add(-50 * time.Millisecond)} {
			if _, ok := l.Allow(access.TokenCalls, key, now); ok {
				allowed++
			}
		}
	}
	if allowed != 10 {
		t.Errorf("%d calls in a second, want 10", allowed)
	}
	late := start.Add(999 * time.Millisecond)
	retryAfter, ok := l.Allow(access.TokenCalls, key, late.Add(-time.Second))
	if ok || retryAfter < time.Second {
		t.Errorf("a caller a second behind is told %v", retryAfter)
	}
	back := start.Add(-24 * time.Hour)
	drain(t, l, access.TokenCalls, key, back)
	if n := drain(t, l, access.TokenCalls, key, back.Add(time.Second)); n != 1 {
		t.Errorf("%d calls a second after the clock was set back a day, want 1", n)
	}
}

func TestLimiterForgetsTheIdle(t *testing.T) {
	t.Parallel()
	// Full again after 10 s.
	l := newLimiter(t, access.Limits{TokenCalls: access.Rate{PerSecond: 1, Burst: 10}})
	const callers = 2000
	for i := range callers {
		l.Allow(access.TokenCalls, conversation(i), start)
	}
	keys := func() int { return l.Stats()[access.TokenCalls].Keys }
	if keys() != callers {
		t.Fatalf("%d callers remembered, want %d", keys(), callers)
	}
	if n := l.Sweep(start.Add(9 * time.Second)); n != 0 || keys() != callers {
		t.Errorf("%d swept before their time", n)
	}
	// Half of them call again; newcomers displace the others without any sweep.
	for i := range callers / 2 {
		l.Allow(access.TokenCalls, conversation(i), start.Add(9*time.Second))
	}
	for i := range callers {
		l.Allow(access.TokenCalls, conversation(callers+i), start.Add(12*time.Second))
	}
	if got, want := keys(), callers/2+callers; got != want {
		t.Errorf("%d callers remembered, want %d", got, want)
	}
	if n := l.Sweep(start.Add(time.Minute)); n != callers/2+callers || keys() != 0 {
		t.Errorf("%d swept, %d left", n, keys())
	}
	if forgotten := l.Stats()[access.TokenCalls].Forgotten; forgotten != 0 {
		t.Errorf("%d forgotten before they were like new", forgotten)
	}
}

// TestLimiterUnderSpraying calls from far more addresses than are remembered, and holds the limiter to
// its bounds: of entries, of memory, and that who keeps calling is not forgotten.
func TestLimiterUnderSpraying(t *testing.T) {
	const maxKeys = 8192
	limits := access.Limits{MaxKeys: maxKeys, AddressStarts: access.Rate{PerSecond: 1.0 / 600, Burst: 1}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := newLimiter(t, limits)
	abuser := conversation(-1)
	if _, ok := l.Allow(access.AddressStarts, abuser, start); !ok {
		t.Fatal("the first call is refused")
	}
	now := start
	for i := range 30 * maxKeys {
		now = now.Add(time.Millisecond)
		key := access.Address{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), 32)}.Key()
		if _, ok := l.Allow(access.AddressStarts, key, now); !ok {
			t.Fatalf("newcomer %d is refused", i)
		}
		if i%100 == 0 {
			if _, ok := l.Allow(access.AddressStarts, abuser, now); ok {
				t.Fatalf("after %d newcomers, who keeps calling is forgotten", i)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	stats := l.Stats()[access.AddressStarts]
	if stats.Keys > maxKeys || stats.Keys < maxKeys*9/10 {
		t.Errorf("%d callers remembered, want at most %d", stats.Keys, maxKeys)
	}
	if want := uint64(28 * maxKeys); stats.Forgotten < want {
		t.Errorf("%d forgotten, want more than %d", stats.Forgotten, want)
	}
	each := (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / maxKeys
	t.Logf("%.0f bytes for each caller remembered", each)
	if each > 400 {
		t.Errorf("%.0f bytes for each caller remembered, documented are about 320", each)
	}
	runtime.KeepAlive(l)
}

// TestLimiterRaces lets many callers share an address and a token while each has a conversation, and
// holds the limiter to the exact number: what was allowed is what every scope has been charged.
func TestLimiterRaces(t *testing.T) {
	t.Parallel()
	const callers, calls, burst = 16, 400, 1000
	l := newLimiter(t, access.Limits{
		AddressCalls:      access.Rate{PerSecond: 1, Burst: callers * calls},
		TokenSends:        access.Rate{PerSecond: 1, Burst: burst},
		ConversationSends: access.Rate{PerSecond: 1, Burst: calls},
	})
	address, token := conversation(-1), conversation(-2)
	var allowed atomic.Int64
	var each [callers]int
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			charges := []access.Charge{
				{Scope: access.AddressCalls, Key: address},
				{Scope: access.TokenSends, Key: token},
				{Scope: access.ConversationSends, Key: conversation(i)},
			}
			if i%2 == 1 {
				charges[0], charges[2] = charges[2], charges[0]
			}
			for n := range calls {
				if _, ok := l.AllowAll(start, charges...); ok {
					allowed.Add(1)
					each[i]++
				}
				if n%50 == 0 {
					l.Sweep(start)
					l.Stats()
				}
			}
		})
	}
	group.Wait()
	if allowed.Load() != burst {
		t.Errorf("%d calls of one token were allowed, want %d", allowed.Load(), burst)
	}
	if left := drain(t, l, access.AddressCalls, address, start); left != callers*calls-burst {
		t.Errorf("the address has %d left, want %d", left, callers*calls-burst)
	}
	for i, n := range each {
		if left := drain(t, l, access.ConversationSends, conversation(i), start); left != calls-n {
			t.Errorf("conversation %d has %d left after %d, want %d", i, left, n, calls-n)
		}
	}
}

func TestNewLimiterSettings(t *testing.T) {
	t.Parallel()
	defaults := newLimiter(t, access.Limits{}).Limits()
	if defaults.AddressStarts != (access.Rate{PerSecond: 0.05, Burst: 10}) || defaults.MaxKeys != 65_536 {
		t.Errorf("defaults are %+v", defaults)
	}
	custom := newLimiter(t, access.Limits{TokenCalls: access.Rate{PerSecond: 7, Burst: 9}, MaxKeys: 2000}).Limits()
	want := defaults
	want.TokenCalls, want.MaxKeys = access.Rate{PerSecond: 7, Burst: 9}, 2000
	if custom != want {
		t.Errorf("limits are %+v, want %+v", custom, want)
	}
	for name, limits := range map[string]access.Limits{
		"token_calls: burst 0":            {TokenCalls: access.Rate{PerSecond: 1}},
		"token_sends: burst -1":           {TokenSends: access.Rate{PerSecond: 1, Burst: -1}},
		"address_starts: 0 a second":      {AddressStarts: access.Rate{Burst: 3}},
		"address_calls: 1e-06 a second":   {AddressCalls: access.Rate{PerSecond: 1e-6, Burst: 1}},
		"address_calls: 1e+07 a second":   {AddressCalls: access.Rate{PerSecond: 1e7, Burst: 1}},
		"conversation_sends: NaN":         {ConversationSends: access.Rate{PerSecond: math.NaN(), Burst: 1}},
		"conversation_ephemerals: +Inf":   {ConversationEphemerals: access.Rate{PerSecond: math.Inf(1), Burst: 1}},
		"address_bad_credentials: burst ": {AddressBadCredentials: access.Rate{PerSecond: 1, Burst: 2e9}},
		"max keys 1000":                   {MaxKeys: 1000},
		"max keys -1":                     {MaxKeys: -1},
	} {
		if l, err := access.NewLimiter(limits); err == nil || l != nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	names := make(map[string]bool)
	for _, stats := range newLimiter(t, access.Limits{}).Stats() {
		names[stats.Scope.String()] = true
	}
	if len(names) != 7 {
		t.Errorf("the scopes have the names %v", names)
	}
}

func TestAllowAllAllocatesNothing(t *testing.T) {
	l := newLimiter(t, access.Limits{})
	key := conversation(1)
	now := start
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Second)
		if _, ok := l.AllowAll(now,
			access.Charge{Scope: access.AddressCalls, Key: key},
			access.Charge{Scope: access.TokenCalls, Key: key},
			access.Charge{Scope: access.TokenSends, Key: key},
			access.Charge{Scope: access.ConversationSends, Key: key},
		); !ok {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLimiter(b *testing.B) {
	const callers = 1000
	keys := make([]access.Key, callers)
	for i := range keys {
		keys[i] = conversation(i)
	}
	plenty := access.Rate{PerSecond: 1e6, Burst: 1e9}
	limits := access.Limits{AddressCalls: plenty, TokenCalls: plenty, TokenSends: plenty, ConversationSends: plenty}
	b.Run("Allow", func(b *testing.B) {
		l := newLimiter(b, limits)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok := l.Allow(access.TokenCalls, keys[i%callers], start.Add(time.Duration(i))); !ok {
				b.Fatal("refused")
			}
		}
	})
	b.Run("AllowAll4", func(b *testing.B) {
		l := newLimiter(b, limits)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			key := keys[i%callers]
			if _, ok := l.AllowAll(start.Add(time.Duration(i)),
				access.Charge{Scope: access.AddressCalls, Key: key}, access.Charge{Scope: access.TokenCalls, Key: key},
				access.Charge{Scope: access.TokenSends, Key: key}, access.Charge{Scope: access.ConversationSends, Key: key},
			); !ok {
				b.Fatal("refused")
			}
		}
	})
	b.Run("Refused", func(b *testing.B) {
		l := newLimiter(b, access.Limits{TokenCalls: access.Rate{PerSecond: 1.0 / 86400, Burst: 1}})
		l.Allow(access.TokenCalls, keys[0], start)
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := l.Allow(access.TokenCalls, keys[0], start); ok {
				b.Fatal("allowed")
			}
		}
	})
	b.Run("Newcomers", func(b *testing.B) {
		l := newLimiter(b, access.Limits{})
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			address := access.Address{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), 32)}
			if _, ok := l.Allow(access.AddressStarts, address.Key(), start); !ok {
				b.Fatal("refused")
			}
		}
	})
	b.Run("Parallel", func(b *testing.B) {
		l := newLimiter(b, limits)
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.IntN(callers); pb.Next(); i++ {
				if _, ok := l.Allow(access.TokenCalls, keys[i%callers], start); !ok {
					b.Error("refused")
					return
				}
			}
		})
	})
}
