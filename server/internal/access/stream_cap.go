package access

import (
	"errors"
	"fmt"
	"sync"
)

// ErrTooManyStreams is returned by [StreamCap.Open] when the caller's address has as many streams as
// it may.
var ErrTooManyStreams = errors.New("too many streams from one address")

// StreamLimits says how many streams may be open at a time. The zero value of a field is its default,
// and a negative one is no limit.
type StreamLimits struct {
	// PerToken: default 4. One stream is enough for a client; tabs of one browser share a token.
	PerToken int
	// PerAddress: default 512, multiplied by the [Exception] of the address. An open stream costs up to
	// 50 KB, so that is 25 MB; an office of 200 professionals with two tabs each stays below.
	PerAddress int
}

// StreamCap counts the open streams of every token and every address. One stream too many of a token
// ends the oldest of that token, because the newest is the one its user is looking at; one too many
// of an address is refused, because others of that address are not the caller's to end.
//
// Memory: one entry for each open stream, and none for callers without.
type StreamCap struct {
	limits StreamLimits

	mu sync.Mutex
	// byToken holds the streams that have not been superseded, oldest first.
	byToken map[Key][]*stream
	// byAddress counts the streams that have not been closed.
	byAddress map[Key]int
}

// stream is one open stream.
type stream struct {
	token, address Key
	supersede      func()
	closed         bool
}

// NewStreamCap returns a cap with no streams.
func NewStreamCap(limits StreamLimits) *StreamCap {
	if limits.PerToken == 0 {
		limits.PerToken = 4
	}
	if limits.PerAddress == 0 {
		limits.PerAddress = 512
	}
	return &StreamCap{
		limits:    limits,
		byToken:   make(map[Key][]*stream),
		byAddress: make(map[Key]int),
	}
}

// Limits returns the limits in force, defaults filled in.
func (c *StreamCap) Limits() StreamLimits {
	return c.limits
}

// Open counts a new stream of a token from an address. A zero token key is a caller without a token,
// who is counted by address only. The error is [ErrTooManyStreams]; then nothing has changed, and no
// older stream is ended.
//
// The stream must end, saying why, when supersede is called, which happens at most once, under a lock, and
// must not wait. It must call closeStream when it has ended, for whatever reason; calling it again does
// nothing. A superseded stream counts for its address until then, so that nobody holds more memory than
// the cap by opening streams faster than the old ones can end.
func (c *StreamCap) Open(token Key, address Address, supersede func()) (closeStream func(), err error) {
	s := &stream{token: token, address: address.Key(), supersede: supersede}

	c.mu.Lock()
	defer c.mu.Unlock()
	open := c.byAddress[s.address]
	if c.limits.PerAddress >= 0 && float64(open) >= float64(c.limits.PerAddress)*s.address.factor() {
		return nil, fmt.Errorf("%w: %d are open", ErrTooManyStreams, open)
	}
	c.byAddress[s.address] = open + 1
	if s.token != (Key{}) {
		streams := c.byToken[s.token]
		if c.limits.PerToken >= 0 && len(streams) >= c.limits.PerToken {
			streams[0].supersede()
			// Moved to the front instead of sliced off, so that the array does not grow for ever.
			streams = streams[:copy(streams, streams[1:])]
		}
		c.byToken[s.token] = append(streams, s)
	}
	return func() { c.close(s) }, nil
}

// Count returns how many streams have not been closed.
func (c *StreamCap) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := 0
	for _, n := range c.byAddress {
		count += n
	}
	return count
}

// close takes a stream out of the count, once.
func (c *StreamCap) close(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	c.byAddress[s.address]--
	if c.byAddress[s.address] == 0 {
		delete(c.byAddress, s.address)
	}
	streams := c.byToken[s.token]
	for i, other := range streams {
		if other != s {
			continue
		}
		copy(streams[i:], streams[i+1:])
		streams[len(streams)-1] = nil
		streams = streams[:len(streams)-1]
		if len(streams) == 0 {
			delete(c.byToken, s.token)
		} else {
			c.byToken[s.token] = streams
		}
		return
	}
}
