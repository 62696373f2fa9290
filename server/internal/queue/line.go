package queue

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"
)

// forgetAfter is how many leavings are remembered at least; at most twice as many are. They are needed only
// for as long as a row read earlier may still be under way, which is seconds.
const forgetAfter = 8192

// Entry is one conversation that waits in a queue.
//
// Whether the person is present is not here: it changes without a new version of the conversation. Who takes
// the next passes over those away by the function given to Line.Next.
type Entry struct {
	// ConversationID identifies the conversation.
	ConversationID string
	// Arrival decides the order. It is given once, when the conversation first waits, and stays the same over
	// transfers and returns. It must come from the store, in the store's precision: compared with a finer time
	// of one's own, two nodes would not agree on the order.
	Arrival time.Time
	// Language is the language the person wishes to be served in, as a BCP 47 tag.
	Language string
	// Transferred tells that the conversation has been taken before: it came from another queue or back to
	// this one.
	Transferred bool
	// Version is the version of the conversation that the entry was made from. It grows with every change.
	Version int64
	// Origin is a tag for the network that the conversation was started from, for Line.WaitingFrom. Empty when
	// it is not to be counted.
	Origin string
}

// Compare returns -1 when e comes before f, +1 when it comes after, and 0 when they are the same
// conversation's: earlier arrivals first, those of the same instant by conversation id.
func (e Entry) Compare(f Entry) int {
	return cmp.Or(e.Arrival.Compare(f.Arrival), strings.Compare(e.ConversationID, f.ConversationID))
}

// Line is who waits in one queue, in order of arrival.
//
// It is fed from versioned rows that may come late, twice or out of order: what is older than what is already
// known, also of those who have left, is ignored. It is not safe for concurrent use; the caller locks.
//
// Order is a sorted slice: a place is a binary search, and a change moves at most one pointer per entry, which
// for 10,000 waiting is a few microseconds. That stops being the best choice only far above 100,000.
type Line struct {
	order   []*place
	places  map[string]*place
	origins map[string]int
	// left and leftBefore are those who left, in two generations: when left is full it takes the place of
	// leftBefore, and the oldest are forgotten. Of somebody who came back, what is in places counts, and left
	// before leftBefore.
	left, leftBefore map[string]leaving
	// changes numbers what was learnt.
	changes Mark
}

// place is an entry and when it was learnt.
type place struct {
	Entry
	learnt Mark
}

// leaving is the version at which a conversation no longer waited and when that was learnt.
type leaving struct {
	version int64
	learnt  Mark
}

// Mark is a point in what a line has learnt. Two equal marks of a line mean that nothing has changed between
// them.
type Mark uint64

// NewLine returns a line in which nobody waits.
func NewLine() *Line {
	return &Line{
		places:  map[string]*place{},
		origins: map[string]int{},
		left:    map[string]leaving{},
	}
}

// Apply takes in a conversation that waits, as it was at a version, and reports whether that changed the
// line. An entry no newer than what is known of the conversation is ignored.
func (l *Line) Apply(e Entry) bool {
	if known, ok := l.known(e.ConversationID); ok && e.Version <= known {
		return false
	}
	l.changes++
	l.put(e)
	return true
}

// Leave takes in that a conversation no longer waits in this queue since a version, and reports whether that
// changed the line. It is ignored when something as new or newer is known. The version of a conversation that
// is not in the line is remembered too, so that its entry is not taken in should it come late.
func (l *Line) Leave(id string, version int64) bool {
	if known, ok := l.known(id); ok && version <= known {
		return false
	}
	_, waited := l.places[id]
	l.changes++
	l.drop(id)
	l.remember(id, version)
	return waited
}

// Forget forgets a conversation with its version, for when versions begin anew: what was known of it is not so any more.
func (l *Line) Forget(id string) {
	l.changes++
	l.drop(id)
	delete(l.left, id)
	delete(l.leftBefore, id)
}

// Mark returns the point that the line has reached. Take it before reading the store for Replace.
func (l *Line) Mark() Mark {
	return l.changes
}

// Replace takes in everything that waits as it was read again from the store, and reports whether that changed
// the line. It mends whatever was missed.
//
// The mark is the one taken before the read began, and the read must see all that was committed before that.
// Then the rule is: what was learnt before the mark gives way to what was read, and what was learnt since
// gives way only to a newer version. So a conversation that began to wait, or left, while the read was under
// way is as the line knows it, and one that is not in what was read and was known before is gone. What cannot
// be told apart from an arrival is a row that was read before its conversation left, comes after the read, and
// is the first that the line hears of it: that one stays until the next Replace, and taking it fails in the
// store.
func (l *Line) Replace(entries []Entry, since Mark) bool {
	before := l.changes
	read := make(map[string]struct{}, len(entries))
	for _, e := range entries {
		read[e.ConversationID] = struct{}{}
		if version, learnt, ok := l.lastKnown(e.ConversationID); ok && learnt > since && e.Version <= version {
			continue
		}
		if p, ok := l.places[e.ConversationID]; ok && p.same(e) {
			// Confirmed, but not newer than the mark for that: another read that began at the same mark may find
			// it gone.
			continue
		}
		l.changes++
		l.put(e)
	}
	var gone []*place
	for _, p := range l.order {
		if _, ok := read[p.ConversationID]; !ok && p.learnt <= since {
			gone = append(gone, p)
		}
	}
	if len(gone) > 0 {
		l.changes++
	}
	for _, p := range gone {
		l.drop(p.ConversationID)
		// At which version it left is not known, only that it was a later one than this.
		l.remember(p.ConversationID, p.Version)
	}
	return l.changes != before
}

// Place returns a conversation's position, 1 being the next to be taken. It is not ok when the conversation
// does not wait here.
func (l *Line) Place(id string) (position int, ok bool) {
	p, ok := l.places[id]
	if !ok {
		return 0, false
	}
	return l.search(p.Entry) + 1, true
}

// Get returns a conversation's entry. It is not ok when the conversation does not wait here.
func (l *Line) Get(id string) (Entry, bool) {
	p, ok := l.places[id]
	if !ok {
		return Entry{}, false
	}
	return p.Entry, true
}

// At returns the entry at a position, 1 being the next. It is not ok when nobody stands there.
func (l *Line) At(position int) (Entry, bool) {
	if position < 1 || position > len(l.order) {
		return Entry{}, false
	}
	return l.order[position-1].Entry, true
}

// Before returns how many come before an entry, which may be one of another line.
func (l *Line) Before(e Entry) int { return l.search(e) }

// Len returns how many wait.
func (l *Line) Len() int {
	return len(l.order)
}

// WaitingFrom returns how many wait that have the origin.
func (l *Line) WaitingFrom(origin string) int {
	return l.origins[origin]
}

// Head returns the first n entries, or all when there are fewer.
func (l *Line) Head(n int) []Entry {
	n = max(0, min(n, len(l.order)))
	head := make([]Entry, n)
	for i, p := range l.order[:n] {
		head[i] = p.Entry
	}
	return head
}

// Oldest returns the entry that is next. It is not ok when nobody waits.
func (l *Line) Oldest() (Entry, bool) {
	if len(l.order) == 0 {
		return Entry{}, false
	}
	return l.order[0].Entry, true
}

// All returns the positions, from 1, and the entries in order. The line must not be changed meanwhile.
func (l *Line) All() iter.Seq2[int, Entry] {
	return func(yield func(int, Entry) bool) {
		for i, p := range l.order {
			if !yield(i+1, p.Entry) {
				return
			}
		}
	}
}

// Next returns the first entry in order that matches: whom a professional takes, passing over those away and
// those whose language the professional does not speak. It is not ok when none matches.
func (l *Line) Next(match func(Entry) bool) (Entry, bool) {
	for _, p := range l.order {
		if match(p.Entry) {
			return p.Entry, true
		}
	}
	return Entry{}, false
}

// known returns the newest version known of a conversation.
func (l *Line) known(id string) (version int64, ok bool) {
	version, _, ok = l.lastKnown(id)
	return version, ok
}

// lastKnown returns the newest version known of a conversation and when it was learnt.
func (l *Line) lastKnown(id string) (version int64, learnt Mark, ok bool) {
	if p, ok := l.places[id]; ok {
		return p.Version, p.learnt, true
	}
	if gone, ok := l.left[id]; ok {
		return gone.version, gone.learnt, true
	}
	gone, ok := l.leftBefore[id]
	return gone.version, gone.learnt, ok
}

// put makes e the conversation's entry, learnt now.
func (l *Line) put(e Entry) {
	e.Arrival = e.Arrival.Round(0) // A reading of the monotonic clock would be compared in place of the time.
	p, ok := l.places[e.ConversationID]
	if ok && p.Compare(e) == 0 {
		// The common case of a change: the place stays.
		l.count(p.Origin, -1)
		l.count(e.Origin, +1)
		p.Entry, p.learnt = e, l.changes
		return
	}
	l.drop(e.ConversationID)
	p = &place{Entry: e, learnt: l.changes}
	l.places[e.ConversationID] = p
	l.order = slices.Insert(l.order, l.search(e), p)
	l.count(e.Origin, +1)
}

// drop removes a conversation from the line, if it is in it.
func (l *Line) drop(id string) {
	p, ok := l.places[id]
	if !ok {
		return
	}
	i := l.search(p.Entry)
	l.order = slices.Delete(l.order, i, i+1)
	delete(l.places, id)
	l.count(p.Origin, -1)
}

// remember notes that a conversation left.
func (l *Line) remember(id string, version int64) {
	if len(l.left) >= forgetAfter {
		l.leftBefore, l.left = l.left, make(map[string]leaving)
	}
	l.left[id] = leaving{version: version, learnt: l.changes}
}

// count adds to the number waiting from an origin.
func (l *Line) count(origin string, n int) {
	if origin == "" {
		return
	}
	if l.origins[origin] += n; l.origins[origin] == 0 {
		delete(l.origins, origin)
	}
}

// search returns how many entries come before e.
func (l *Line) search(e Entry) int {
	i, _ := slices.BinarySearchFunc(l.order, e, func(p *place, e Entry) int { return p.Compare(e) })
	return i
}

// same reports whether the place was made from the same entry.
func (p *place) same(e Entry) bool {
	arrival := p.Arrival.Equal(e.Arrival)
	e.Arrival = p.Arrival
	return arrival && p.Entry == e
}
