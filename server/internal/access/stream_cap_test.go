package access_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/access"
)

// opened is a stream as its handler sees it.
type opened struct {
	superseded <-chan struct{}
	close      func()
}

func (o opened) ended() bool {
	select {
	case <-o.superseded:
		return true
	default:
		return false
	}
}

func open(t testing.TB, c *access.StreamCap, token access.Key, address access.Address) opened {
	t.Helper()
	superseded := make(chan struct{})
	closeStream, err := c.Open(token, address, func() { close(superseded) })
	if err != nil {
		t.Fatal(err)
	}
	return opened{superseded, closeStream}
}

func address(text string, factor float64) access.Address {
	return access.Address{Prefix: netip.PrefixFrom(netip.MustParseAddr(text), 32), Factor: factor}
}

func TestStreamCapEndsTheOldestOfAToken(t *testing.T) {
	t.Parallel()
	c := access.NewStreamCap(access.StreamLimits{})
	here, token, other := address("192.0.2.1", 1), conversation(1), conversation(2)
	theirs := open(t, c, other, here)
	var streams []opened
	for range 4 {
		streams = append(streams, open(t, c, token, here))
	}
	expect := func(when string, ended ...bool) {
		t.Helper()
		for i, want := range ended {
			if streams[i].ended() != want {
				t.Errorf("%s: stream %d ended: %v, want %v", when, i, !want, want)
			}
		}
		if theirs.ended() {
			t.Errorf("%s: another token's stream has ended", when)
		}
	}
	expect("four", false, false, false, false)
	streams = append(streams, open(t, c, token, here))
	expect("a fifth", true, false, false, false, false)
	streams = append(streams, open(t, c, token, here))
	expect("a sixth", true, true, false, false, false, false)
	streams[3].close()
	streams[3].close()
	streams = append(streams, open(t, c, token, here))
	expect("one closed, one opened", true, true, false, false, false, false, false)
	streams[0].close() // a superseded stream closes late, and frees no place of the token's
	streams = append(streams, open(t, c, token, here))
	expect("an eighth", true, true, true, false, false, false, false, false)
	for _, s := range streams {
		s.close()
	}
	theirs.close()
	if c.Count() != 0 {
		t.Errorf("%d streams are counted when all are closed", c.Count())
	}
}

func TestStreamCapRefusesByAddress(t *testing.T) {
	t.Parallel()
	c := access.NewStreamCap(access.StreamLimits{PerToken: 2, PerAddress: 3})
	home, school := address("192.0.2.1", 1), address("198.51.100.1", 2)
	streams := []opened{
		open(t, c, conversation(1), home),
		open(t, c, conversation(1), home),
		open(t, c, access.Key{}, home),
	}
	for _, token := range []access.Key{conversation(1), conversation(2), {}} {
		if _, err := c.Open(token, home, func() {}); !errors.Is(err, access.ErrTooManyStreams) {
			t.Errorf("a fourth from one address: %v", err)
		}
	}
	for i, s := range streams {
		if s.ended() {
			t.Errorf("a refusal has ended stream %d", i)
		}
	}
	for i := range 6 {
		open(t, c, conversation(10+i), school)
	}
	if _, err := c.Open(conversation(20), school, func() {}); !errors.Is(err, access.ErrTooManyStreams) {
		t.Errorf("a seventh from a school with factor 2: %v", err)
	}
	streams[2].close()
	third := open(t, c, conversation(1), home)
	if !streams[0].ended() || third.ended() {
		t.Error("the oldest of the token was not ended")
	}
	// Superseded, but its handler has not ended yet: it still takes memory, and a place.
	if _, err := c.Open(conversation(2), home, func() {}); !errors.Is(err, access.ErrTooManyStreams) {
		t.Errorf("a superseded stream gave its place away: %v", err)
	}
	streams[0].close()
	open(t, c, conversation(2), home)
}

func TestStreamCapWithoutToken(t *testing.T) {
	t.Parallel()
	c := access.NewStreamCap(access.StreamLimits{})
	var streams []opened
	for range 100 {
		streams = append(streams, open(t, c, access.Key{}, address("192.0.2.1", 1)))
	}
	for _, s := range streams {
		if s.ended() {
			t.Fatal("callers without a token ended one another's streams")
		}
		s.close()
	}
}

func TestStreamCapUnlimited(t *testing.T) {
	t.Parallel()
	c := access.NewStreamCap(access.StreamLimits{PerToken: -1, PerAddress: -1})
	if c.Limits() != (access.StreamLimits{PerToken: -1, PerAddress: -1}) {
		t.Errorf("limits are %+v", c.Limits())
	}
	first := open(t, c, conversation(1), address("192.0.2.1", 1))
	for range 2000 {
		open(t, c, conversation(1), address("192.0.2.1", 1))
	}
	if first.ended() || c.Count() != 2001 {
		t.Errorf("ended %v, %d streams", first.ended(), c.Count())
	}
	if got := access.NewStreamCap(access.StreamLimits{}).Limits(); got != (access.StreamLimits{PerToken: 4, PerAddress: 512}) {
		t.Errorf("defaults are %+v", got)
	}
}

// TestStreamCapRaces opens and closes from many goroutines. Each superseded stream must have been ended
// by exactly one newer one, the live ones must fit the cap, and in the end nothing may be counted.
func TestStreamCapRaces(t *testing.T) {
	t.Parallel()
	const workers, rounds, tokens, perToken, perAddress = 16, 500, 3, 4, 30
	c := access.NewStreamCap(access.StreamLimits{PerToken: perToken, PerAddress: perAddress})
	places := []access.Address{address("192.0.2.1", 1), address("192.0.2.2", 1)}
	var openNow [2]atomic.Int64
	var refused, ended atomic.Int64
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			type held struct {
				opened
				place int
			}
			var mine []held
			drop := func(i int) {
				if mine[i].ended() {
					ended.Add(1)
				}
				// Taken off before it is closed, so that openNow is never above the cap's own count.
				openNow[mine[i].place].Add(-1)
				mine[i].close()
				if random.IntN(2) == 0 {
					mine[i].close()
				}
				mine = append(mine[:i], mine[i+1:]...)
			}
			for range rounds {
				if len(mine) > 0 && random.IntN(2) == 0 {
					drop(random.IntN(len(mine)))
					continue
				}
				place := random.IntN(len(places))
				superseded := make(chan struct{})
				closeStream, err := c.Open(conversation(random.IntN(tokens)), places[place], func() { close(superseded) })
				if err != nil {
					refused.Add(1)
					continue
				}
				if n := openNow[place].Add(1); n > perAddress {
					t.Errorf("%d streams open from one address", n)
				}
				mine = append(mine, held{opened{superseded, closeStream}, place})
			}
			for len(mine) > 0 {
				drop(0)
			}
		})
	}
	group.Wait()
	if c.Count() != 0 {
		t.Errorf("%d streams are counted when all are closed", c.Count())
	}
	if ended.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d superseded and %d refused: one of the two was not tried", ended.Load(), refused.Load())
	}
	// Each token is back to its full cap.
	for token := range tokens {
		var streams []opened
		for range perToken {
			streams = append(streams, open(t, c, conversation(token), places[0]))
		}
		for i, s := range streams {
			if s.ended() {
				t.Errorf("token %d: stream %d ended below the cap", token, i)
			}
		}
		open(t, c, conversation(token), places[0])
		if !streams[0].ended() || streams[1].ended() {
			t.Errorf("token %d: not the oldest stream was ended", token)
		}
	}
}
