package access

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Scope is one of the things that are limited. Each has its rate in [Limits] and its own table of
// callers, so that a flood in one leaves the others alone.
type Scope uint8

const (
	// AddressStarts counts StartConversation by address.
	AddressStarts Scope = iota
	// AddressBadCredentials counts calls with a credential that was refused, by address.
	AddressBadCredentials
	// AddressCalls counts calls of every kind by address.
	AddressCalls
	// TokenCalls counts calls of every kind by token.
	TokenCalls
	// TokenSends counts SendMessage by token.
	TokenSends
	// ConversationSends counts SendMessage in a conversation, of all its participants.
	ConversationSends
	// ConversationEphemerals counts SetTyping and MarkRead in a conversation, of all its participants.
	ConversationEphemerals

	scopeCount
)

// String returns the scope's name as it appears in metrics.
func (s Scope) String() string {
	switch s {
	case AddressStarts:
		return "address_starts"
	case AddressBadCredentials:
		return "address_bad_credentials"
	case AddressCalls:
		return "address_calls"
	case TokenCalls:
		return "token_calls"
	case TokenSends:
		return "token_sends"
	case ConversationSends:
		return "conversation_sends"
	case ConversationEphemerals:
		return "conversation_ephemerals"
	default:
		return fmt.Sprintf("scope %d", uint8(s))
	}
}

// Rate is a token bucket: Burst at once, then PerSecond. The zero Rate means the default of its
// setting.
type Rate struct {
	// PerSecond is how many are allowed a second in the long run: from one a day (1.0/86400) to a
	// million. Negative is no limit at all.
	PerSecond float64
	// Burst is how many are allowed at once after a pause, at least 1.
	Burst int
}

// Unlimited is the rate that refuses nothing.
var Unlimited = Rate{PerSecond: -1}

// unlimited reports whether r refuses nothing.
func (r Rate) unlimited() bool {
	return r.PerSecond < 0
}

// refill is how long an empty bucket takes to be full: after that long without use it is like new.
func (r Rate) refill() time.Duration {
	return time.Duration(math.Ceil(float64(r.Burst) / r.PerSecond * float64(time.Second)))
}

// Limits are the rates of a [Limiter]. The zero value of each field is its default; [Unlimited]
// switches one off. The defaults are meant to be met by nobody who reads and types: they are set by
// what one person, or the people behind one ordinary address, can do at the very most, with room.
type Limits struct {
	// AddressStarts: default 1 in 20 s, at once 10. Nobody starts more than a few chats an hour, but a
	// mobile operator puts many people behind one address, and a school class may be told to try the
	// service in one lesson. How many may wait at a time is limited apart from this.
	AddressStarts Rate
	// AddressBadCredentials: default 1 in 2 s, at once 30. Tokens of 256 bits cannot be guessed at any
	// rate; this keeps lookups of refused tokens cheap. It is wide because a forgotten browser tab
	// behind a shared address comes back with its expired token for ever.
	AddressBadCredentials Rate
	// AddressCalls: default 100 a second, at once 500. An office of 100 professionals, each typing in
	// several chats, makes 100–200 calls a second at its busiest: an office is to have an [Exception].
	AddressCalls Rate
	// TokenCalls: default 20 a second, at once 100. A professional in five chats with typing marks
	// every 3 s, read marks and messages makes about five; a script that pages through reports wants
	// more for a while.
	TokenCalls Rate
	// TokenSends: default 5 a second, at once 30. A professional who answers five chats with canned
	// replies stays below one a second.
	TokenSends Rate
	// ConversationSends: default 3 a second, at once 30. People who write a line at a time send one
	// every second or two; the burst lets a client that was offline send what it has queued.
	ConversationSends Rate
	// ConversationEphemerals: default 10 a second, at once 40. Three participants who type renew their
	// mark every 3 s and mark as read what arrives: about three a second.
	ConversationEphemerals Rate
	// MaxKeys bounds the callers that are remembered in each scope, at least 1,024. Default 65,536,
	// at about 320 bytes each when all are in use: 20 MB a scope, of which callers who have no token
	// yet can fill the three by address.
	MaxKeys int
}

// defaultLimits is what the zero fields of Limits stand for.
var defaultLimits = Limits{
	AddressStarts:          Rate{PerSecond: 1.0 / 20, Burst: 10},
	AddressBadCredentials:  Rate{PerSecond: 1.0 / 2, Burst: 30},
	AddressCalls:           Rate{PerSecond: 100, Burst: 500},
	TokenCalls:             Rate{PerSecond: 20, Burst: 100},
	TokenSends:             Rate{PerSecond: 5, Burst: 30},
	ConversationSends:      Rate{PerSecond: 3, Burst: 30},
	ConversationEphemerals: Rate{PerSecond: 10, Burst: 40},
	MaxKeys:                65_536,
}

// rates returns the rate of each scope, to be read or changed.
func (l *Limits) rates() [scopeCount]*Rate {
	return [scopeCount]*Rate{
		AddressStarts:          &l.AddressStarts,
		AddressBadCredentials:  &l.AddressBadCredentials,
		AddressCalls:           &l.AddressCalls,
		TokenCalls:             &l.TokenCalls,
		TokenSends:             &l.TokenSends,
		ConversationSends:      &l.ConversationSends,
		ConversationEphemerals: &l.ConversationEphemerals,
	}
}

// limitsWithDefaults returns l with its zero fields filled in, or an error that names every wrong one.
func limitsWithDefaults(l Limits) (Limits, error) {
	var problems []error
	defaults := defaultLimits.rates()
	for scope, r := range l.rates() {
		switch {
		case *r == Rate{}:
			*r = *defaults[scope]
		case r.unlimited():
			*r = Unlimited
		// Written so that NaN is refused too.
		case !(r.PerSecond >= 1.0/86400 && r.PerSecond <= 1e6):
			problems = append(problems, fmt.Errorf("%v: %v a second: not from one a day to a million a second",
				Scope(scope), r.PerSecond))
		case r.Burst < 1 || r.Burst > 1e9:
			problems = append(problems, fmt.Errorf("%v: burst %d: not in 1–1,000,000,000", Scope(scope), r.Burst))
		}
	}
	if l.MaxKeys == 0 {
		l.MaxKeys = defaultLimits.MaxKeys
	}
	if l.MaxKeys < 1024 {
		problems = append(problems, fmt.Errorf("max keys %d: fewer than 1,024", l.MaxKeys))
	}
	if len(problems) > 0 {
		return Limits{}, fmt.Errorf("limits: %w", errors.Join(problems...))
	}
	return l, nil
}

// Key is whom a limit counts: an address ([Address.Key]), a token ([TokenKey]) or a conversation
// ([ConversationKey]). Keys compare with ==, mean nothing outside the process, and hold no secret that
// could be used. The zero Key stands for all callers without one.
type Key struct {
	high, low uint64
	// extra holds, of an address, the bits of the prefix and its factor.
	extra uint64
}

// factor returns what the limits of the key are multiplied by.
func (k Key) factor() float64 {
	return max(1, float64(uint32(k.extra))/1000)
}

// TokenKey returns the key of a token, given its hash. Take it of tokens that have been found valid
// only, or everybody can make as many keys as they like.
func TokenKey(hash [32]byte) Key {
	return Key{high: binary.BigEndian.Uint64(hash[:8]), low: binary.BigEndian.Uint64(hash[8:16])}
}

// seeds make the keys of conversations and the choice of shards unpredictable, so that nobody can
// pick identifiers that collide.
var (
	conversationSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	shardSeeds        = [2]uint64{rand.Uint64(), rand.Uint64()} //nolint:gosec // Seeded by the system, and told to nobody.
)

// ConversationKey returns the key of a conversation, given its id. Take it of conversations that the
// caller may use only.
func ConversationKey(id string) Key {
	return Key{high: maphash.String(conversationSeeds[0], id), low: maphash.String(conversationSeeds[1], id)}
}

// shard returns which of the shards holds the key.
func (k Key) shard() int {
	high, low := bits.Mul64(k.high^shardSeeds[0], k.low^k.extra^shardSeeds[1])
	return int((high ^ low) % shardCount)
}

// Charge is one call to be counted under one key of one scope.
type Charge struct {
	// Scope is what is limited.
	Scope Scope
	// Key is whom it counts.
	Key Key
}

// Refusal says why and for how long a call is refused.
type Refusal struct {
	// Scope is the one that takes longest to allow the call.
	Scope Scope
	// RetryAfter is after how long the same call would be allowed if nobody else made one meanwhile,
	// rounded up to the next millisecond.
	RetryAfter time.Duration
}

// shardCount is the number of locks per scope. Two callers at the same moment meet at one in 16 times,
// and then wait for the microsecond or two that a call holds its locks.
const shardCount = 16

// Limiter counts calls by caller and refuses those above the rate.
//
// # Memory
//
// Each scope remembers at most [Limits].MaxKeys callers. One who has been quiet for long enough to be
// like new is forgotten without consequence, a few with each newcomer, and all by [Limiter.Sweep].
//
// Somebody who sprays calls from very many addresses fills the table with callers who are not like
// new. Then the one not heard from for longest is forgotten, and may come back with a full bucket: the
// limit gets softer for callers who come rarely, never harder for anyone, and those who keep calling
// stay remembered. [ScopeStats].Forgotten counts this, and should be zero in ordinary times. What
// holds against such a flood is the server's limit on its total load.
type Limiter struct {
	limits Limits
	scopes [scopeCount]scopeTable
}

// scopeTable is the callers of one scope.
type scopeTable struct {
	rate   Rate
	refill time.Duration
	shards [shardCount]shard
	// refused is how many calls were refused for this scope.
	refused atomic.Uint64
}

// shard is a part of the callers of a scope, and their order of use.
type shard struct {
	mu      sync.Mutex
	buckets map[Key]*bucket
	// ends is the anchor of the ring of buckets: ends.newer is the oldest, ends.older the newest.
	ends      bucket
	forgotten uint64
	// Shards are next to each other in an array; this keeps each on cache lines of its own.
	_ [64]byte
}

// bucket is one caller in one scope.
type bucket struct {
	key          Key
	limiter      *rate.Limiter
	used         time.Time
	older, newer *bucket
}

// NewLimiter returns a limiter with nobody in it, or an error that names every wrong setting.
func NewLimiter(limits Limits) (*Limiter, error) {
	limits, err := limitsWithDefaults(limits)
	if err != nil {
		return nil, err
	}
	l := &Limiter{limits: limits}
	for scope, r := range limits.rates() {
		table := &l.scopes[scope]
		table.rate = *r
		if !r.unlimited() {
			table.refill = r.refill()
		}
		for i := range table.shards {
			table.shards[i].reset()
		}
	}
	return l, nil
}

// Limits returns the limits in force, defaults filled in.
func (l *Limiter) Limits() Limits {
	return l.limits
}

// Allow counts one call under one key, or refuses it: then retryAfter is as in [Refusal].
func (l *Limiter) Allow(scope Scope, key Key, now time.Time) (retryAfter time.Duration, ok bool) {
	refusal, ok := l.decide(now, true, Charge{Scope: scope, Key: key})
	return refusal.RetryAfter, ok
}

// AllowAll counts one call under several keys, or refuses it and counts it under none. Concurrent
// calls see all of it or nothing. It panics when a scope is unknown or named twice, which is a
// mistake of the program.
func (l *Limiter) AllowAll(now time.Time, charges ...Charge) (refusal Refusal, ok bool) {
	return l.decide(now, true, charges...)
}

// Check says what [Limiter.AllowAll] would, and counts nothing. It is for what can be counted only
// afterwards: before a credential is looked up, Check AddressBadCredentials; when it turns out bad,
// Allow it. Calls in flight together may all pass the Check, so it can be overshot by as many.
func (l *Limiter) Check(now time.Time, charges ...Charge) (refusal Refusal, ok bool) {
	return l.decide(now, false, charges...)
}

// decide locks the shards that the charges name, asks all and, if all agree and it is to, charges all.
// The locks are taken in the order of scopes, one shard each, so callers cannot lock each other out.
//
//nolint:gocognit // Three passes under one set of locks; apart they would be harder to follow.
func (l *Limiter) decide(now time.Time, charge bool, charges ...Charge) (refusal Refusal, ok bool) {
	var keys [scopeCount]Key
	var shards [scopeCount]*shard
	for _, c := range charges {
		if c.Scope >= scopeCount || shards[c.Scope] != nil {
			panic(fmt.Sprintf("access: %v is unknown or charged twice in one call", c.Scope))
		}
		keys[c.Scope] = c.Key
		shards[c.Scope] = &l.scopes[c.Scope].shards[c.Key.shard()]
	}
	for scope, s := range shards {
		if s == nil {
			continue
		}
		if l.scopes[scope].rate.unlimited() {
			shards[scope] = nil
			continue
		}
		s.mu.Lock()
	}
	ok = true
	for scope, s := range shards {
		if s == nil {
			continue
		}
		b := s.buckets[keys[scope]]
		if b == nil {
			continue // new, so its bucket is full
		}
		if wait := b.wait(now); wait > 0 {
			ok = false
			if wait > refusal.RetryAfter {
				refusal = Refusal{Scope: Scope(scope), RetryAfter: wait}
			}
			if charge {
				s.touch(b, now) // who is refused again and again must not be forgotten
			}
		}
	}
	for scope, s := range shards {
		if s == nil {
			continue
		}
		if ok && charge {
			table := &l.scopes[scope]
			b := s.buckets[keys[scope]]
			if b == nil {
				b = s.add(keys[scope], table, l.limits.MaxKeys/shardCount, now)
			}
			s.touch(b, now)
			b.limiter.AllowN(b.used, 1)
		}
		s.mu.Unlock()
	}
	if !ok {
		l.scopes[refusal.Scope].refused.Add(1)
	}
	return refusal, ok
}

// Sweep forgets every caller who has been quiet for long enough to be like new, and returns how many.
// Newcomers displace such callers anyway; call it every minute or so to give memory back when no
// newcomers come.
func (l *Limiter) Sweep(now time.Time) int {
	swept := 0
	for i := range l.scopes {
		table := &l.scopes[i]
		for j := range table.shards {
			s := &table.shards[j]
			s.mu.Lock()
			swept += s.expire(table.refill, now, len(s.buckets))
			if len(s.buckets) == 0 {
				s.reset() // a Go map does not shrink
			}
			s.mu.Unlock()
		}
	}
	return swept
}

// ScopeStats says how full the table of a scope is.
type ScopeStats struct {
	// Scope is the scope.
	Scope Scope
	// Keys is how many callers are remembered now.
	Keys int
	// Forgotten is how many callers have been forgotten, since the start, before they were like new.
	Forgotten uint64
	// Refused is how many calls have been refused, since the start, because of this scope before all others.
	Refused uint64
}

// Stats returns the figures of every scope, in their order.
func (l *Limiter) Stats() []ScopeStats {
	stats := make([]ScopeStats, scopeCount)
	for i := range l.scopes {
		stats[i].Scope = Scope(i)
		stats[i].Refused = l.scopes[i].refused.Load()
		for j := range l.scopes[i].shards {
			s := &l.scopes[i].shards[j]
			s.mu.Lock()
			stats[i].Keys += len(s.buckets)
			stats[i].Forgotten += s.forgotten
			s.mu.Unlock()
		}
	}
	return stats
}

// clockSlack is how far callers may be apart who read the clock, then race for the lock. A now that is
// further back than this is a clock that has been set back.
const clockSlack = 10 * time.Second

// at returns the time to use for the bucket. It never goes back while the clock does not: rate.Limiter
// takes an earlier time as its new base, and would grant the difference twice.
func (b *bucket) at(now time.Time) time.Time {
	if b.used.After(now) && b.used.Sub(now) < clockSlack {
		return b.used
	}
	return now
}

// wait returns after how long the bucket holds one call, 0 if it does now.
func (b *bucket) wait(now time.Time) time.Duration {
	at := b.at(now)
	missing := 1 - b.limiter.TokensAt(at)
	if missing <= 0 {
		return 0
	}
	seconds := missing/float64(b.limiter.Limit()) + at.Sub(now).Seconds()
	// Up to the next millisecond, and never none: whoever comes back when told must find the bucket
	// ready, also after the roundings of floating point.
	return time.Duration(math.Floor(seconds*1000)+1) * time.Millisecond
}

// reset empties the shard.
func (s *shard) reset() {
	s.buckets = make(map[Key]*bucket)
	s.ends.older, s.ends.newer = &s.ends, &s.ends
}

// add returns a new, full bucket, and makes room for it. It looks at two of the oldest, so that
// expired ones leave faster than new ones come.
func (s *shard) add(key Key, table *scopeTable, room int, now time.Time) *bucket {
	s.expire(table.refill, now, 2)
	if len(s.buckets) >= room {
		s.remove(s.ends.newer)
		s.forgotten++
	}
	// Rounded down, and of a factor of at least 1: so no bucket takes longer to refill than the table
	// says, which expire relies on.
	factor := key.factor()
	b := &bucket{
		key: key,
		limiter: rate.NewLimiter(rate.Limit(table.rate.PerSecond*factor),
			int(float64(table.rate.Burst)*factor)),
	}
	s.buckets[key] = b
	s.link(b)
	return b
}

// touch makes b the newest.
func (s *shard) touch(b *bucket, now time.Time) {
	at := b.at(now)
	if at.Before(b.used) {
		// The clock has been set back. Taking nothing moves the limiter's base there; else nothing would
		// refill until the clock is again where it was.
		b.limiter.AllowN(at, 0)
	}
	b.used = at
	if s.ends.older != b {
		s.unlink(b)
		s.link(b)
	}
}

// expire removes up to limit of the oldest, as far as they are like new, and returns how many.
func (s *shard) expire(refill time.Duration, now time.Time, limit int) int {
	removed := 0
	for removed < limit {
		oldest := s.ends.newer
		if oldest == &s.ends || now.Sub(oldest.used) < refill {
			break
		}
		s.remove(oldest)
		removed++
	}
	return removed
}

// remove forgets b.
func (s *shard) remove(b *bucket) {
	delete(s.buckets, b.key)
	s.unlink(b)
}

// link puts b into the ring as the newest.
func (s *shard) link(b *bucket) {
	b.older, b.newer = s.ends.older, &s.ends
	b.older.newer, s.ends.older = b, b
}

// unlink takes b out of the ring.
func (s *shard) unlink(b *bucket) {
	b.older.newer, b.newer.older = b.newer, b.older
}
