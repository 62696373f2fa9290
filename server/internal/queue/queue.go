package queue

import (
	"errors"
	"fmt"
	"time"
)

// What a [Policy] says where it leaves a duration at zero.
const (
	// DefaultKeepPlaceFor is how long the place of somebody whose connection is lost is kept.
	DefaultKeepPlaceFor = 10 * time.Minute
	// DefaultClosingGrace is how long after closing those already waiting are served.
	DefaultClosingGrace = 30 * time.Minute
	// NoGrace in Policy.ClosingGrace lets nobody be served after closing. Zero could not say so: it is what a
	// policy has that says nothing.
	NoGrace time.Duration = -1
)

// bridgeHorizon is how far ahead ServedUntil follows openings between which the grace leaves no gap; the first
// closing after that is taken for the end. A queue that closes for ten minutes each night would otherwise be
// followed for ever.
const bridgeHorizon = 14 * 24 * time.Hour

// Why a start is refused. A queue that is not open tells when that changes by Policy.Status.
var (
	// ErrClosed means that it is outside opening hours.
	ErrClosed = errors.New("the queue is closed")
	// ErrPaused means that a supervisor has paused the queue.
	ErrPaused = errors.New("the queue is paused")
	// ErrFull means that as many wait as the queue takes.
	ErrFull = errors.New("the queue is full")
)

// Policy is what decides whether a start is accepted, how long a place is kept and what happens at closing.
type Policy struct {
	// Hours are when starts are accepted.
	Hours Hours
	// Capacity is how many may wait at once. Zero is no limit. Transfers and returns are not held to it.
	Capacity int
	// KeepPlaceFor is how long the place of somebody whose connection is lost is kept. Zero is
	// DefaultKeepPlaceFor.
	KeepPlaceFor time.Duration
	// ClosingGrace is how long after closing those already waiting are served. Zero is DefaultClosingGrace;
	// NoGrace is not at all.
	ClosingGrace time.Duration
}

// Pause is a supervisor's decision to accept no starts although the hours say open. It does not touch those
// already waiting.
type Pause struct {
	// Since is when the pause begins. It may lie ahead.
	Since time.Time
	// Until is when it ends, not included. Zero: when a supervisor ends it.
	Until time.Time
}

// holds reports whether the pause is in force at t. A nil pause never is.
func (p *Pause) holds(t time.Time) bool {
	return p != nil && !t.Before(p.Since) && (p.Until.IsZero() || t.Before(p.Until))
}

// State is whether a queue accepts starts.
type State uint8

// The states of a queue, numbered as in the contract.
const (
	// Open is when starts are accepted, capacity permitting.
	Open State = iota + 1
	// Closed is outside opening hours, paused or not.
	Closed
	// Paused is within opening hours, when a supervisor has paused the queue.
	Paused
)

// String returns "closed", "paused" or "open".
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case Paused:
		return "paused"
	case Open:
		return "open"
	default:
		return fmt.Sprintf("State(%d)", uint8(s))
	}
}

// Status is the state of a queue at an instant.
type Status struct {
	State State
	// Since is when the state began, as far as the hours and the present pause tell. Zero: not known.
	Since time.Time
	// ChangeTime of an open queue is when starts stop being accepted: at closing or at a pause that is
	// already decided. Of one that is not open it is when starts are next accepted, so that a person who
	// comes back then is not met by a pause. Zero: not known.
	ChangeTime time.Time
}

// Validate tells everything that must be mended in the policy, or nil.
func (p Policy) Validate() error {
	errs := []error{p.Hours.Validate()}
	if p.Capacity < 0 {
		errs = append(errs, fmt.Errorf("capacity %d: use 0 for no limit, or how many may wait", p.Capacity))
	}
	if p.KeepPlaceFor < 0 {
		errs = append(errs, fmt.Errorf("keep a place for %v: use 0 for the default of %v, or a time above it",
			p.KeepPlaceFor, DefaultKeepPlaceFor))
	}
	return errors.Join(errs...)
}

// Status tells the state of the queue at now. The pause is the one that the supervisor has set last; nil
// when there is none.
func (p Policy) Status(now time.Time, pause *Pause) Status {
	if pause != nil && !pause.Until.IsZero() && !pause.Until.After(pause.Since) {
		pause = nil // It ends before it begins.
	}
	hours := p.Hours.At(now)
	switch {
	case !hours.Open:
		next := hours.Until
		if !next.IsZero() && pause.holds(next) {
			next = p.afterPause(pause)
		}
		return Status{State: Closed, Since: hours.Since, ChangeTime: next}
	case pause.holds(now):
		return Status{State: Paused, Since: later(hours.Since, pause.Since), ChangeTime: p.afterPause(pause)}
	default:
		status := Status{State: Open, Since: hours.Since, ChangeTime: hours.Until}
		switch {
		case pause == nil:
		case pause.Since.After(now):
			if status.ChangeTime.IsZero() || pause.Since.Before(status.ChangeTime) {
				status.ChangeTime = pause.Since
			}
		default:
			// The pause is over.
			status.Since = later(hours.Since, pause.Until)
		}
		return status
	}
}

// afterPause returns when starts are accepted after the pause: at its end if the hours are then open, else at
// the next opening. Zero: not known.
func (p Policy) afterPause(pause *Pause) time.Time {
	if pause.Until.IsZero() {
		return time.Time{}
	}
	hours := p.Hours.At(pause.Until)
	if hours.Open {
		return pause.Until
	}
	return hours.Until
}

// CheckStart tells why a start at now is refused when so many wait already: ErrClosed, ErrPaused or ErrFull.
// Nil: it is accepted. That nobody is available is no reason to refuse; the estimate says so instead.
func (p Policy) CheckStart(now time.Time, pause *Pause, waiting int) error {
	switch p.Status(now, pause).State {
	case Closed:
		return ErrClosed
	case Paused:
		return ErrPaused
	case Open:
	}
	if p.Full(waiting) {
		return ErrFull
	}
	return nil
}

// Full reports whether so many waiting leave no room for another.
func (p Policy) Full(waiting int) bool {
	return p.Capacity > 0 && waiting >= p.Capacity
}

// ServedUntil tells until when those who wait at now are served: the closing time and the grace after it.
//
// When closed is true that time has come and nobody waiting may be kept: their conversations are to be closed
// as not reached. A queue that opens again before the grace is over goes on serving them, so a break shorter
// than the grace ends nothing, and a server that was down over the end of the grace and is back in the next
// opening finds nothing to close. A zero deadline with closed false means that no end is in sight.
// Transfers into a queue go by the same answer; a pause does not change it.
func (p Policy) ServedUntil(now time.Time) (deadline time.Time, closed bool) {
	grace := p.grace()
	hours := p.Hours.At(now)
	if !hours.Open {
		if hours.Since.IsZero() {
			return time.Time{}, true
		}
		if deadline = hours.Since.Add(grace); !now.Before(deadline) {
			return deadline, true
		}
		if hours.Until.IsZero() || hours.Until.After(deadline) {
			return deadline, false
		}
		hours = p.Hours.At(hours.Until)
	}
	for !hours.Until.IsZero() && hours.Until.Before(now.Add(bridgeHorizon)) {
		deadline = hours.Until.Add(grace)
		next := p.Hours.At(hours.Until).Until
		if next.IsZero() || next.After(deadline) {
			return deadline, false
		}
		hours = p.Hours.At(next)
	}
	if hours.Until.IsZero() {
		return time.Time{}, false
	}
	return hours.Until.Add(grace), false
}

// PlaceKeptUntil tells when the place of somebody not heard of since lastSeen is given up. The time counts
// from the later of lastSeen and the moment at which the service itself was back, so that no outage of ours
// costs anybody their place.
func (p Policy) PlaceKeptUntil(lastSeen, serviceBack time.Time) time.Time {
	keep := p.KeepPlaceFor
	if keep == 0 {
		keep = DefaultKeepPlaceFor
	}
	return later(lastSeen, serviceBack).Add(keep)
}

// grace returns the closing grace, at least zero.
func (p Policy) grace() time.Duration {
	if p.ClosingGrace == 0 {
		return DefaultClosingGrace
	}
	return max(p.ClosingGrace, 0)
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
