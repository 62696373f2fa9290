package queue

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // A bare container has no time zone database of its own.
)

// horizonDays is how far At looks in either direction. It is more than a year, so that a queue that opens
// one day a year still knows its next opening.
const horizonDays = 400

// Hours is when a queue is open, on the wall clock of its location.
//
// What holds on a day is decided by the first of these that says something of it: an exception; a public
// holiday, unless OpenOnHolidays; the hours of an eve; the week. Holidays and eves only change days on which
// the week is open: Christmas Eve on a Sunday does not open a queue that is closed on Sundays, whatever its
// hours on Christmas Eve. To open such a day, give an exception.
//
// On the nights when the clocks change, the queue is open whenever the wall clock shows a time within the
// hours: an opening time that occurs twice counts the first time, and a closing time within the repeated hour
// the second. (A break that lies within the repeated hour is therefore lost that night.) A time that does not
// occur is the instant at which the clocks are moved, so that hours which lie within the lost hour do not
// open at all that night.
//
// The zero Hours is never open. Hours must pass Validate before use, and must not be changed afterwards.
type Hours struct {
	// Location is where the wall clock hangs. Nil is Europe/Helsinki.
	Location *time.Location
	// Weekly is the ordinary week. A day that is missing is closed.
	Weekly map[time.Weekday][]Span
	// Exceptions are days that differ. They win over holidays, eves and the week.
	Exceptions []Exception
	// OpenOnHolidays makes the week hold on Finnish public holidays too; otherwise they are closed.
	OpenOnHolidays bool
	// Eves are the hours on eves, in place of the week's. No spans: closed. An eve that is missing is an
	// ordinary day.
	Eves map[Eve][]Span
}

// Exception is a run of days whose hours are Spans, whatever the week says. No spans means closed.
type Exception struct {
	// First and Last are the first and the last day, both included.
	First, Last Date
	// Spans are the hours of each of the days.
	Spans []Span
}

// Opening tells whether a queue is open at an instant, and since and until when that is so.
//
// When Open, the queue is open from Since, included, to Until, not included; hours that meet, also at
// midnight, are one opening. When not, Since is when it last closed and Until when it next opens. A zero
// time means that there is no such instant within the 400 days that are looked at.
type Opening struct {
	Open         bool
	Since, Until time.Time
}

// AlwaysOpen returns hours that are open day and night, on every day of the year.
func AlwaysOpen() Hours {
	weekly := make(map[time.Weekday][]Span, 7)
	for day := time.Sunday; day <= time.Saturday; day++ {
		weekly[day] = []Span{{From: 0, Until: EndOfDay}}
	}
	return Hours{Weekly: weekly, OpenOnHolidays: true}
}

// Validate tells everything that must be mended in the hours, or nil. Spans of a day must be in order and
// must not overlap; exceptions must not overlap one another, since neither would be the one that wins.
func (h Hours) Validate() error {
	var errs []error
	for day := range h.Weekly {
		if day < time.Sunday || day > time.Saturday {
			errs = append(errs, fmt.Errorf("weekday %d: use 0 (Sunday) to 6 (Saturday)", int(day)))
		}
	}
	// In the order of the week and of the year, so that the text is the same each time.
	for day := time.Sunday; day <= time.Saturday; day++ {
		errs = append(errs, validateSpans(strings.ToLower(day.String()), h.Weekly[day])...)
	}
	for i, x := range h.Exceptions {
		name := fmt.Sprintf("exception %v", x)
		switch {
		case !x.First.valid() || !x.Last.valid():
			errs = append(errs, fmt.Errorf("%s: give days that are in the calendar", name))
		case x.First.Compare(x.Last) > 0:
			errs = append(errs, fmt.Errorf("%s: the last day must not be before the first", name))
		}
		for _, y := range h.Exceptions[:i] {
			if x.First.Compare(y.Last) <= 0 && y.First.Compare(x.Last) <= 0 {
				errs = append(errs, fmt.Errorf("%s: overlaps exception %v; divide the days between them", name, y))
			}
		}
		errs = append(errs, validateSpans(name, x.Spans)...)
	}
	for eve := range h.Eves {
		if !eve.valid() {
			errs = append(errs, fmt.Errorf("eve %d: use one of EPIPHANY_EVE to NEW_YEARS_EVE", uint8(eve)))
		}
	}
	for eve := EpiphanyEve; eve.valid(); eve++ {
		errs = append(errs, validateSpans(eve.String(), h.Eves[eve])...)
	}
	return errors.Join(errs...)
}

func validateSpans(where string, spans []Span) []error {
	var errs []error
	for i, s := range spans {
		if err := s.validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
		}
		if i > 0 && s.From < spans[i-1].Until {
			errs = append(errs, fmt.Errorf("%s: %v begins before %v ends; put hours in order and apart", where, s, spans[i-1]))
		}
	}
	return errs
}

// String returns the days of the exception, such as "2026-07-06 to 2026-07-31".
func (x Exception) String() string {
	if x.First == x.Last {
		return x.First.String()
	}
	return x.First.String() + " to " + x.Last.String()
}

// At tells whether the queue is open at t and when that changes. The instants are in the hours' location.
// It costs one or two microseconds and does not allocate; hours that go on around the clock from one holiday
// to the next cost some thirty.
func (h Hours) At(t time.Time) Opening {
	if open, constant := h.constant(); constant {
		return Opening{Open: open}
	}
	local := t.In(h.location())
	w := newWalk(h, local)
	today := DateOf(local)
	for _, o := range w.openings(today) {
		if !local.Before(o.from) && local.Before(o.until) {
			return Opening{Open: true, Since: w.beginning(today, o.from), Until: w.end(today, o.until)}
		}
	}
	return Opening{Since: w.lastClosing(today, local), Until: w.nextOpening(today, local)}
}

// constant tells whether the answer is the same at all times, and what it is.
func (h Hours) constant() (open, constant bool) {
	if len(h.Exceptions) > 0 {
		return false, false
	}
	never, always := true, h.OpenOnHolidays && len(h.Eves) == 0
	for day := time.Sunday; day <= time.Saturday && (never || always); day++ {
		spans := h.Weekly[day]
		never = never && len(spans) == 0
		always = always && wholeDay(spans)
	}
	return always, never || always
}

// helsinki is loaded once. The zone is in the linked database, so it cannot be missing.
var helsinki = sync.OnceValue(func() *time.Location {
	location, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		panic("queue: the linked time zone database has no Europe/Helsinki: " + err.Error())
	}
	return location
})

func (h Hours) location() *time.Location {
	if h.Location != nil {
		return h.Location
	}
	return helsinki()
}

// on returns the spans that hold on a day.
func (h Hours) on(d Date) []Span {
	for i := range h.Exceptions {
		if x := &h.Exceptions[i]; x.First.Compare(d) <= 0 && d.Compare(x.Last) <= 0 {
			return x.Spans
		}
	}
	midnight := d.utc()
	week := h.Weekly[midnight.Weekday()]
	if len(week) == 0 || h.OpenOnHolidays && len(h.Eves) == 0 {
		return week
	}
	holiday, eve := special(midnight)
	if holiday != 0 && !h.OpenOnHolidays {
		return nil
	}
	if eve != 0 {
		if spans, given := h.Eves[eve]; given {
			return spans
		}
	}
	return week
}

// exceptionsOnly reports whether every day that is no exception is open around the clock.
func (h Hours) exceptionsOnly() bool {
	h.Exceptions = nil
	open, constant := h.constant()
	return open && constant
}

// interval is a stretch of time: from is in it, until is not.
type interval struct{ from, until time.Time }

// walk steps over the days of some hours, for one call of At.
type walk struct {
	hours    Hours
	location *time.Location
	// offset is the zone's from UTC at the time asked about, in seconds. It surely holds, and no reading of the
	// clock comes twice, between plainFrom and plainUntil, in Unix time. Asking the zone costs far more than
	// anything else here.
	offset                int64
	plainFrom, plainUntil int64
	// buffer is room for the openings of a day, so that ordinary hours do not allocate.
	buffer [4]interval
}

func newWalk(h Hours, local time.Time) walk {
	_, offset := local.Zone()
	w := walk{
		hours: h, location: local.Location(), offset: int64(offset),
		plainFrom: math.MinInt64, plainUntil: math.MaxInt64,
	}
	// Clocks have never been moved by more than a day.
	start, end := local.ZoneBounds()
	if !start.IsZero() {
		w.plainFrom = start.Unix() + 24*3600
	}
	if !end.IsZero() {
		w.plainUntil = end.Unix() - 24*3600
	}
	return w
}

// openings returns the stretches of a day in which the queue is open, in order and apart from each other.
// They are overwritten by the next call.
func (w *walk) openings(d Date) []interval {
	all := w.buffer[:0]
	for _, s := range w.hours.on(d) {
		o := interval{from: w.first(d, s.From), until: w.last(d, s.Until)}
		switch n := len(all); {
		case !o.from.Before(o.until):
			// Within the hour that is lost in spring.
		case n > 0 && !o.from.After(all[n-1].until):
			all[n-1].until = o.until
		default:
			all = append(all, o)
		}
	}
	return all
}

// end returns how far an opening that reaches until on day d goes on, over the days after it.
func (w *walk) end(d Date, until time.Time) time.Time {
	today := w.openings(d)
	if until.Before(today[len(today)-1].until) {
		return until
	}
	exceptionsOnly := w.hours.exceptionsOnly()
	through := false // Whether the opening goes on until the beginning of the day looked at.
	for n := 1; n <= horizonDays; n++ {
		if through && exceptionsOnly {
			n = max(n, w.hours.daysToException(d, +1))
			if n > horizonDays {
				break
			}
		}
		day := d.AddDays(n)
		if (through || until.Equal(w.first(day, 0))) && wholeDay(w.hours.on(day)) {
			through = true
			continue
		}
		if through {
			until, through = w.first(day, 0), false
		}
		next := w.openings(day)
		if len(next) == 0 || next[0].from.After(until) {
			return until
		}
		if until = next[0].until; len(next) > 1 {
			return until
		}
	}
	return time.Time{}
}

// beginning returns since when an opening that holds from on day d has gone on, over the days before it.
func (w *walk) beginning(d Date, from time.Time) time.Time {
	if from.After(w.openings(d)[0].from) {
		return from
	}
	exceptionsOnly := w.hours.exceptionsOnly()
	through := false // Whether the opening has gone on since the end of the day looked at.
	for n := 1; n <= horizonDays; n++ {
		if through && exceptionsOnly {
			n = max(n, w.hours.daysToException(d, -1))
			if n > horizonDays {
				break
			}
		}
		day := d.AddDays(-n)
		if (through || from.Equal(w.first(day, EndOfDay))) && wholeDay(w.hours.on(day)) {
			through = true
			continue
		}
		if through {
			from, through = w.first(day, EndOfDay), false
		}
		last := w.openings(day)
		if len(last) == 0 || last[len(last)-1].until.Before(from) {
			return from
		}
		if from = last[len(last)-1].from; len(last) > 1 {
			return from
		}
	}
	return time.Time{}
}

// daysToException returns how many days it is from d to the nearest exception that lies wholly ahead, looking
// forward (+1) or back (-1); more than horizonDays when there is none as near as that. An exception around d
// needs no look: each of its days is open as d is.
func (h Hours) daysToException(d Date, direction int) int {
	nearest := horizonDays + 1
	for _, x := range h.Exceptions {
		edge := x.First
		if direction < 0 {
			edge = x.Last
		}
		if edge.Compare(d)*direction > 0 {
			days := int(edge.utc().Sub(d.utc())/(24*time.Hour)) * direction
			nearest = min(nearest, days)
		}
	}
	return nearest
}

// nextOpening returns the first instant after t, on day d or later, at which the queue opens.
func (w *walk) nextOpening(d Date, t time.Time) time.Time {
	for n := range horizonDays + 1 {
		for _, o := range w.openings(d.AddDays(n)) {
			if o.from.After(t) {
				return o.from
			}
		}
	}
	return time.Time{}
}

// lastClosing returns the last instant at or before t, on day d or earlier, at which the queue closed.
func (w *walk) lastClosing(d Date, t time.Time) time.Time {
	for n := range horizonDays + 1 {
		all := w.openings(d.AddDays(-n))
		for _, o := range slices.Backward(all) {
			if !o.until.After(t) {
				return o.until
			}
		}
	}
	return time.Time{}
}

// first returns the first instant at which the wall clock shows the time on that day, or, when it never
// does, the instant at which the clocks are moved over it.
func (w *walk) first(d Date, at TimeOfDay) time.Time {
	wall := time.Date(d.Year, d.Month, d.Day, 0, int(at), 0, 0, time.UTC).Unix()
	if unix := wall - w.offset; w.plainFrom <= unix && unix < w.plainUntil {
		return time.Unix(unix, 0).In(w.location)
	}
	t := time.Date(d.Year, d.Month, d.Day, 0, int(at), 0, 0, w.location)
	start, end := t.ZoneBounds()
	switch shown := w.wall(t); {
	// In a gap the library gives an instant on either side of it.
	case shown > wall:
		return start
	case shown < wall:
		return end
	case start.IsZero():
		return t
	}
	_, before := start.Add(-time.Second).Zone()
	if earlier := time.Unix(wall-int64(before), 0).In(w.location); earlier.Before(start) {
		return earlier
	}
	return t
}

// last returns the instant after which the wall clock no longer shows a time of that day before this one: the
// last instant that shows it, except where a repeated hour begins with it, since the hour after the first is
// not within the hours either time.
func (w *walk) last(d Date, at TimeOfDay) time.Time {
	t := w.first(d, at)
	if unix := t.Unix(); w.plainFrom <= unix && unix < w.plainUntil {
		return t
	}
	_, end := t.ZoneBounds()
	if end.IsZero() {
		return t
	}
	_, after := end.Zone()
	if later := time.Unix(w.wall(t)-int64(after), 0).In(w.location); later.After(end) {
		return later
	}
	return t
}

// wall returns what the wall clock shows at t, in seconds as if it hung in UTC.
func (w *walk) wall(t time.Time) int64 {
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}
