package history

import (
	"fmt"
	"math"
	"time"
)

// Moment is when something happened, as far as that is known.
type Moment struct{ Earliest, Latest time.Time }

// Wait is one time for which a conversation stood in a queue.
type Wait struct {
	Conversation string
	QueueID      string
	Arrival      time.Time
	// From is when it began to wait, To when it no longer did. To is zero when it waits to this day.
	From, To Moment
}

// Told is a place that a customer was told.
type Told struct {
	Conversation string
	Position     int32
	// AsOf is when the service says that it was true.
	AsOf Moment
}

// CheckPlaces holds places against who waited: a place is at least one more than those who certainly stood before
// the customer at that moment, and at most one more than those who may have.
func CheckPlaces(waits []Wait, told []Told) []Anomaly {
	own, queues := map[string][]Wait{}, map[string][]Wait{}
	for _, w := range waits {
		own[w.Conversation] = append(own[w.Conversation], w)
		queues[w.QueueID] = append(queues[w.QueueID], w)
	}
	var found []Anomaly
	for _, t := range told {
		fewest, most := int32(math.MaxInt32), int32(0)
		for _, w := range own[t.Conversation] {
			if !w.may(t.AsOf) {
				continue
			}
			low, high := bounds(w, queues[w.QueueID], t.AsOf)
			fewest, most = min(fewest, low), max(most, high)
		}
		if most == 0 {
			found = append(found, Anomaly{Kind: FalsePlace, Conversation: t.Conversation, Detail: fmt.Sprintf(
				"told place %d as of %s, when it did not wait", t.Position, stamp(t.AsOf.Earliest))})
			continue
		}
		if t.Position < fewest || t.Position > most {
			found = append(found, Anomaly{Kind: FalsePlace, Conversation: t.Conversation, Detail: fmt.Sprintf(
				"told place %d as of %s, when it was between %d and %d", t.Position, stamp(t.AsOf.Earliest), fewest, most)})
		}
	}
	return found
}

// bounds are the first and the last place that a conversation can have had.
func bounds(mine Wait, line []Wait, at Moment) (low, high int32) {
	certain, possible := map[string]bool{}, map[string]bool{}
	for _, w := range line {
		if w.Conversation == mine.Conversation || !w.before(mine) {
			continue
		}
		if w.may(at) {
			possible[w.Conversation] = true
		}
		if w.must(at) {
			certain[w.Conversation] = true
		}
	}
	return int32(len(certain)) + 1, int32(len(possible)) + 1
}

func (w Wait) before(other Wait) bool {
	if c := w.Arrival.Compare(other.Arrival); c != 0 {
		return c < 0
	}
	return w.Conversation < other.Conversation
}

// may reports whether it can have waited at some time within a moment.
func (w Wait) may(at Moment) bool {
	return !w.From.Earliest.After(at.Latest) && (w.To.Latest.IsZero() || !w.To.Latest.Before(at.Earliest))
}

// must reports whether it waited all through a moment.
func (w Wait) must(at Moment) bool {
	return w.From.Latest.Before(at.Earliest) && (w.To.Earliest.IsZero() || w.To.Earliest.After(at.Latest))
}
