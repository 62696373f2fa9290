package queue

import (
	"fmt"
	"strings"
)

// TimeOfDay is a time on the wall clock in whole minutes after local midnight, 0 to 1440. 1440 is 24:00, the
// end of the day. It is not a duration since midnight: on the nights when the clocks change those differ.
type TimeOfDay int

// EndOfDay is 24:00.
const EndOfDay TimeOfDay = 24 * 60

// ParseTimeOfDay reads a time in the form "08:00"; "24:00" is the end of the day.
func ParseTimeOfDay(text string) (TimeOfDay, error) {
	bad := func() (TimeOfDay, error) {
		return 0, fmt.Errorf("time of day %q: write hours and minutes as in 08:00, at most 24:00", text)
	}
	if len(text) != len("08:00") || text[2] != ':' {
		return bad()
	}
	for _, i := range [...]int{0, 1, 3, 4} {
		if text[i] < '0' || text[i] > '9' {
			return bad()
		}
	}
	hour := int(text[0]-'0')*10 + int(text[1]-'0')
	minute := int(text[3]-'0')*10 + int(text[4]-'0')
	t := TimeOfDay(hour*60 + minute)
	if minute > 59 || t > EndOfDay {
		return bad()
	}
	return t, nil
}

// String returns the time in the form "08:00".
func (t TimeOfDay) String() string {
	return fmt.Sprintf("%02d:%02d", int(t)/60, int(t)%60)
}

// Span is a part of a day on the wall clock: open from From, no longer open at Until. Until may be 24:00.
type Span struct {
	From, Until TimeOfDay
}

// ParseSpan reads a span in the form "08:00-15:00". Its end must come after its beginning; what runs over
// midnight is written as two spans, one on each day.
func ParseSpan(text string) (Span, error) {
	first, last, found := strings.Cut(text, "-")
	if !found {
		return Span{}, fmt.Errorf("hours %q: write the beginning and the end as in 08:00-15:00", text)
	}
	from, err := ParseTimeOfDay(first)
	if err != nil {
		return Span{}, fmt.Errorf("hours %q: %w", text, err)
	}
	until, err := ParseTimeOfDay(last)
	if err != nil {
		return Span{}, fmt.Errorf("hours %q: %w", text, err)
	}
	s := Span{From: from, Until: until}
	if err := s.validate(); err != nil {
		return Span{}, err
	}
	return s, nil
}

// String returns the span in the form "08:00-15:00".
func (s Span) String() string {
	return s.From.String() + "-" + s.Until.String()
}

func (s Span) validate() error {
	switch {
	case s.From < 0 || s.Until > EndOfDay:
		return fmt.Errorf("hours %d to %d minutes after midnight: keep within 00:00 and 24:00", s.From, s.Until)
	case s.From >= s.Until:
		return fmt.Errorf("hours %v: the end must come after the beginning; "+
			"divide hours that run over midnight between the two days", s)
	}
	return nil
}

// wholeDay reports whether the spans leave no minute of the day out.
func wholeDay(spans []Span) bool {
	var reached TimeOfDay
	for _, s := range spans {
		if s.From > reached {
			return false
		}
		reached = s.Until
	}
	return reached == EndOfDay
}
