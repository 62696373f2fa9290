package queue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// at parses a local time in Helsinki, "2026-06-18 07:30"; on the night in autumn a trailing " EET" or " EEST"
// says which of the two is meant.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	for zone, offset := range map[string]int{" EEST": 3 * 3600, " EET": 2 * 3600} {
		if short, found := strings.CutSuffix(text, zone); found {
			when, err := time.ParseInLocation("2006-01-02 15:04", short, time.FixedZone(zone, offset))
			if err != nil {
				t.Fatal(err)
			}
			return when.In(helsinki())
		}
	}
	when, err := time.ParseInLocation("2006-01-02 15:04", text, helsinki())
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// spans parses "08:00-12:00 13:00-16:00"; an empty text is no spans.
func spans(t testing.TB, text string) []Span {
	t.Helper()
	all := []Span{}
	for field := range strings.FieldsSeq(text) {
		s, err := ParseSpan(field)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// weekdays returns hours that are the same from Monday to Friday.
func weekdays(t testing.TB, text string) Hours {
	t.Helper()
	weekly := map[time.Weekday][]Span{}
	for d := time.Monday; d <= time.Friday; d++ {
		weekly[d] = spans(t, text)
	}
	return Hours{Weekly: weekly}
}

// everyDay returns hours that are the same on every day of the year.
func everyDay(t testing.TB, text string) Hours {
	t.Helper()
	h := weekdays(t, text)
	h.Weekly[time.Saturday], h.Weekly[time.Sunday] = spans(t, text), spans(t, text)
	h.OpenOnHolidays = true
	return h
}

// opening is what a test wants of At. Empty times are zero.
type opening struct {
	open         bool
	since, until string
}

func checkAt(t *testing.T, h Hours, now string, want opening) {
	t.Helper()
	got := h.At(at(t, now))
	if got.Open != want.open {
		t.Errorf("%s: open %v, want %v", now, got.Open, want.open)
	}
	for _, edge := range []struct {
		name string
		got  time.Time
		want string
	}{{"since", got.Since, want.since}, {"until", got.Until, want.until}} {
		switch {
		case edge.want == "" && edge.got.IsZero():
		case edge.want == "":
			t.Errorf("%s: %s %v, want none", now, edge.name, edge.got)
		case !edge.got.Equal(at(t, edge.want)):
			t.Errorf("%s: %s %v, want %s", now, edge.name, edge.got, edge.want)
		}
	}
}

func TestParseTimeOfDay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]TimeOfDay{"00:00": 0, "08:05": 485, "23:59": 1439, "24:00": EndOfDay} {
		got, err := ParseTimeOfDay(text)
		if err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("%q comes back as %q", text, got.String())
		}
	}
	for _, text := range []string{"", "8:00", "08.00", "24:01", "25:00", "12:60", "-1:00", "08:00 ", "0８:0", "+8:00"} {
		if got, err := ParseTimeOfDay(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestParseSpan(t *testing.T) {
	t.Parallel()
	got, err := ParseSpan("08:00-24:00")
	if err != nil || got != (Span{From: 480, Until: 1440}) || got.String() != "08:00-24:00" {
		t.Errorf("got %v, %v", got, err)
	}
	for text, want := range map[string]string{
		"08:00":       "08:00-15:00",
		"8-15":        "08:00, at most",
		"08:00-8":     "08:00, at most",
		"15:00-08:00": "over midnight",
		"08:00-08:00": "after the beginning",
	} {
		if _, err := ParseSpan(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	got, err := ParseDate("2024-02-29")
	if err != nil || got != (Date{2024, time.February, 29}) || got.String() != "2024-02-29" {
		t.Errorf("got %v, %v", got, err)
	}
	if next := got.AddDays(1); next != (Date{2024, time.March, 1}) || next.Compare(got) != 1 || got.Compare(next) != -1 {
		t.Errorf("the day after: %v", next)
	}
	for _, text := range []string{"", "2025-02-29", "29.2.2024", "2024-2-9", "2024-02-29T00:00:00Z"} {
		if got, err := ParseDate(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestHoursValidate(t *testing.T) {
	t.Parallel()
	good := weekdays(t, "08:00-12:00 12:00-15:00")
	good.Exceptions = []Exception{
		{First: day(t, "2026-07-06"), Last: day(t, "2026-07-31")},
		{First: day(t, "2026-08-01"), Last: day(t, "2026-08-01"), Spans: spans(t, "00:00-24:00")},
	}
	good.Eves = map[Eve][]Span{ChristmasEve: nil, MidsummerEve: spans(t, "08:00-12:00")}
	for name, h := range map[string]Hours{"good": good, "zero": {}, "always": AlwaysOpen()} {
		if err := h.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	tests := []struct {
		name  string
		hours Hours
		want  []string
	}{
		{"overlap", Hours{Weekly: map[time.Weekday][]Span{time.Monday: {{480, 720}, {700, 900}}}}, []string{"monday: 11:40-15:00 begins before 08:00-12:00 ends"}},
		{"out of order", Hours{Weekly: map[time.Weekday][]Span{time.Monday: {{700, 900}, {480, 600}}}}, []string{"in order"}},
		{"backwards", Hours{Weekly: map[time.Weekday][]Span{time.Friday: {{900, 480}}}}, []string{"friday", "after the beginning"}},
		{"too late", Hours{Weekly: map[time.Weekday][]Span{time.Friday: {{900, 1500}}}}, []string{"within 00:00 and 24:00"}},
		{"negative", Hours{Weekly: map[time.Weekday][]Span{time.Friday: {{-5, 90}}}}, []string{"within 00:00 and 24:00"}},
		{"weekday", Hours{Weekly: map[time.Weekday][]Span{7: nil}}, []string{"weekday 7"}},
		{"eve", Hours{Eves: map[Eve][]Span{77: nil}}, []string{"eve 77"}},
		{"eve hours", Hours{Eves: map[Eve][]Span{MayDayEve: {{600, 600}}}}, []string{"MAY_DAY_EVE"}},
		{"exception backwards", Hours{Exceptions: []Exception{{First: Date{2026, 7, 2}, Last: Date{2026, 7, 1}}}}, []string{"2026-07-02 to 2026-07-01", "before the first"}},
		{"exception nowhere", Hours{Exceptions: []Exception{{First: Date{2026, 2, 30}, Last: Date{2026, 3, 1}}}}, []string{"in the calendar"}},
		{"exceptions overlap", Hours{Exceptions: []Exception{
			{First: Date{2026, 7, 1}, Last: Date{2026, 7, 31}},
			{First: Date{2026, 7, 31}, Last: Date{2026, 7, 31}},
		}}, []string{"exception 2026-07-31: overlaps exception 2026-07-01 to 2026-07-31"}},
		{"everything at once", Hours{
			Weekly:     map[time.Weekday][]Span{time.Sunday: {{5, 4}}, time.Saturday: {{3, 2}}},
			Exceptions: []Exception{{First: Date{2026, 7, 1}, Last: Date{2026, 7, 1}, Spans: []Span{{9, 8}}}},
		}, []string{"sunday", "saturday", "exception 2026-07-01: hours"}},
	}
	for _, test := range tests {
		err := test.hours.Validate()
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want an error with %q", test.name, err, want)
			}
		}
	}
}

func TestHoursOrdinaryWeek(t *testing.T) {
	t.Parallel()
	h := weekdays(t, "08:00-12:00 12:30-15:00")
	// 2026-09-07 is a Monday.
	checkAt(t, h, "2026-09-07 07:59", opening{false, "2026-09-04 15:00", "2026-09-07 08:00"})
	checkAt(t, h, "2026-09-07 08:00", opening{true, "2026-09-07 08:00", "2026-09-07 12:00"})
	checkAt(t, h, "2026-09-07 11:59", opening{true, "2026-09-07 08:00", "2026-09-07 12:00"})
	checkAt(t, h, "2026-09-07 12:00", opening{false, "2026-09-07 12:00", "2026-09-07 12:30"})
	checkAt(t, h, "2026-09-07 12:30", opening{true, "2026-09-07 12:30", "2026-09-07 15:00"})
	checkAt(t, h, "2026-09-07 15:00", opening{false, "2026-09-07 15:00", "2026-09-08 08:00"})
	checkAt(t, h, "2026-09-12 12:00", opening{false, "2026-09-11 15:00", "2026-09-14 08:00"})
}

func TestHoursAcceptAnyZoneOfNow(t *testing.T) {
	t.Parallel()
	h := weekdays(t, "08:00-15:00")
	got := h.At(time.Date(2026, 9, 7, 5, 30, 0, 0, time.UTC)) // 08:30 in Helsinki.
	if !got.Open || got.Until.Location().String() != "Europe/Helsinki" || !got.Until.Equal(at(t, "2026-09-07 15:00")) {
		t.Errorf("got %+v", got)
	}
	h.Location = time.UTC
	if got := h.At(time.Date(2026, 9, 7, 5, 30, 0, 0, time.UTC)); got.Open {
		t.Errorf("in UTC: got %+v", got)
	}
}

func TestHoursMeet(t *testing.T) {
	t.Parallel()
	within := weekdays(t, "08:00-12:00 12:00-15:00")
	checkAt(t, within, "2026-09-07 12:00", opening{true, "2026-09-07 08:00", "2026-09-07 15:00"})

	// A night shift from Friday evening to Monday morning, over three midnights.
	night := Hours{OpenOnHolidays: true, Weekly: map[time.Weekday][]Span{
		time.Friday: spans(t, "18:00-24:00"), time.Saturday: spans(t, "00:00-24:00"),
		time.Sunday: spans(t, "00:00-24:00"), time.Monday: spans(t, "00:00-07:00 09:00-10:00"),
	}}
	weekend := opening{true, "2026-09-11 18:00", "2026-09-14 07:00"}
	for _, now := range []string{"2026-09-11 18:00", "2026-09-12 00:00", "2026-09-13 12:00", "2026-09-14 00:00", "2026-09-14 06:59"} {
		checkAt(t, night, now, weekend)
	}
	checkAt(t, night, "2026-09-11 17:59", opening{false, "2026-09-07 10:00", "2026-09-11 18:00"})
	checkAt(t, night, "2026-09-14 07:00", opening{false, "2026-09-14 07:00", "2026-09-14 09:00"})
	checkAt(t, night, "2026-09-14 09:00", opening{true, "2026-09-14 09:00", "2026-09-14 10:00"})

	// Every night but never through the day.
	nights := everyDay(t, "00:00-06:00 22:00-24:00")
	checkAt(t, nights, "2026-09-12 23:00", opening{true, "2026-09-12 22:00", "2026-09-13 06:00"})
	checkAt(t, nights, "2026-09-13 01:00", opening{true, "2026-09-12 22:00", "2026-09-13 06:00"})
}

func TestHoursAlwaysAndNever(t *testing.T) {
	t.Parallel()
	checkAt(t, AlwaysOpen(), "2026-12-25 03:00", opening{true, "", ""})
	checkAt(t, everyDay(t, "00:00-12:00 12:00-24:00"), "2026-12-25 03:00", opening{true, "", ""})
	checkAt(t, Hours{}, "2026-12-25 03:00", opening{false, "", ""})
	// Eves and holidays do not open what the week has closed.
	checkAt(t, Hours{Eves: map[Eve][]Span{ChristmasEve: spans(t, "08:00-12:00")}}, "2026-12-24 10:00", opening{false, "", ""})

	// Always but on one day, far away in both directions, near, and out of sight.
	h := AlwaysOpen()
	h.Exceptions = []Exception{
		{First: day(t, "2026-03-10"), Last: day(t, "2026-03-11")},
		{First: day(t, "2026-12-24"), Last: day(t, "2026-12-24"), Spans: spans(t, "00:00-12:00")},
	}
	checkAt(t, h, "2026-09-01 10:00", opening{true, "2026-03-12 00:00", "2026-12-24 12:00"})
	checkAt(t, h, "2026-03-12 00:00", opening{true, "2026-03-12 00:00", "2026-12-24 12:00"})
	checkAt(t, h, "2026-12-23 23:00", opening{true, "2026-03-12 00:00", "2026-12-24 12:00"})
	checkAt(t, h, "2026-12-24 11:00", opening{true, "2026-03-12 00:00", "2026-12-24 12:00"})
	checkAt(t, h, "2026-03-10 00:00", opening{false, "2026-03-10 00:00", "2026-03-12 00:00"})
	checkAt(t, h, "2026-12-24 12:00", opening{false, "2026-12-24 12:00", "2026-12-25 00:00"})
	checkAt(t, h, "2026-01-01 10:00", opening{true, "", "2026-03-10 00:00"})
	checkAt(t, h, "2027-01-01 10:00", opening{true, "2026-12-25 00:00", ""})
	checkAt(t, h, "2029-01-01 10:00", opening{true, "", ""})

	// An exception that is itself open all day is no edge.
	h.Exceptions = append(h.Exceptions, Exception{First: day(t, "2026-10-01"), Last: day(t, "2026-10-20"), Spans: spans(t, "00:00-24:00")})
	checkAt(t, h, "2026-09-01 10:00", opening{true, "2026-03-12 00:00", "2026-12-24 12:00"})
	checkAt(t, h, "2026-10-10 10:00", opening{true, "2026-03-12 00:00", "2026-12-24 12:00"})

	// Around the clock, but not on holidays.
	h = AlwaysOpen()
	h.OpenOnHolidays = false
	checkAt(t, h, "2026-08-01 10:00", opening{true, "2026-06-21 00:00", "2026-10-31 00:00"})
	checkAt(t, h, "2026-12-25 10:00", opening{false, "2026-12-25 00:00", "2026-12-27 00:00"})

	// One day a year is still found; what is further away is not.
	h = Hours{Exceptions: []Exception{{First: day(t, "2026-05-20"), Last: day(t, "2026-05-20"), Spans: spans(t, "10:00-12:00")}}}
	checkAt(t, h, "2025-06-01 10:00", opening{false, "", "2026-05-20 10:00"})
	checkAt(t, h, "2027-06-01 10:00", opening{false, "2026-05-20 12:00", ""})
	checkAt(t, h, "2025-01-01 10:00", opening{false, "", ""})
}

func TestHoursHolidaysEvesAndExceptions(t *testing.T) {
	t.Parallel()
	h := weekdays(t, "08:00-15:00")
	h.Eves = map[Eve][]Span{MaundyThursday: spans(t, "08:00-13:00"), ChristmasEve: {}, NewYearsEve: spans(t, "08:00-12:00")}
	h.Exceptions = []Exception{
		{First: day(t, "2026-05-01"), Last: day(t, "2026-05-01"), Spans: spans(t, "10:00-11:00")},
		{First: day(t, "2026-12-31"), Last: day(t, "2026-12-31"), Spans: spans(t, "09:00-10:00")},
		{First: day(t, "2026-07-06"), Last: day(t, "2026-07-31")},
		{First: day(t, "2026-09-12"), Last: day(t, "2026-09-12"), Spans: spans(t, "10:00-14:00")},
	}
	// Easter 2026: Maundy Thursday is short, then four days are closed.
	checkAt(t, h, "2026-04-02 12:59", opening{true, "2026-04-02 08:00", "2026-04-02 13:00"})
	checkAt(t, h, "2026-04-02 13:00", opening{false, "2026-04-02 13:00", "2026-04-07 08:00"})
	checkAt(t, h, "2026-04-06 10:00", opening{false, "2026-04-02 13:00", "2026-04-07 08:00"})
	// An exception opens May Day, a Friday, and wins over the eve's hours on New Year's Eve.
	checkAt(t, h, "2026-05-01 10:30", opening{true, "2026-05-01 10:00", "2026-05-01 11:00"})
	checkAt(t, h, "2026-12-31 08:30", opening{false, "2026-12-30 15:00", "2026-12-31 09:00"})
	// An eve that is not configured is an ordinary day: May Day Eve.
	checkAt(t, h, "2026-04-30 14:59", opening{true, "2026-04-30 08:00", "2026-04-30 15:00"})
	// Christmas 2026: the eve is closed, then a holiday, then a holiday on Saturday.
	checkAt(t, h, "2026-12-24 10:00", opening{false, "2026-12-23 15:00", "2026-12-28 08:00"})
	// July is closed but for its first days; a Saturday is opened.
	checkAt(t, h, "2026-07-20 10:00", opening{false, "2026-07-03 15:00", "2026-08-03 08:00"})
	checkAt(t, h, "2026-09-12 10:00", opening{true, "2026-09-12 10:00", "2026-09-12 14:00"})

	// New Year's Eve 2028 is a Sunday: its hours do not open a day that the week has closed.
	checkAt(t, h, "2028-12-31 10:00", opening{false, "2028-12-29 15:00", "2029-01-02 08:00"})

	h.OpenOnHolidays = true
	checkAt(t, h, "2026-04-03 10:00", opening{true, "2026-04-03 08:00", "2026-04-03 15:00"})
	checkAt(t, h, "2026-04-02 13:00", opening{false, "2026-04-02 13:00", "2026-04-03 08:00"})
	checkAt(t, h, "2026-12-24 10:00", opening{false, "2026-12-23 15:00", "2026-12-25 08:00"})
}

// Every public holiday of four years is closed from the closing before it to the opening after it, and open
// when holidays do not matter.
func TestHoursOnEveryHoliday(t *testing.T) {
	t.Parallel()
	closed := everyDay(t, "08:00-15:00")
	closed.OpenOnHolidays = false
	open := everyDay(t, "08:00-15:00")
	for date := range holidayTable {
		noon := date + " 12:00"
		before, after := day(t, date), day(t, date)
		for holidayTable[before.String()] != 0 {
			before = before.AddDays(-1)
		}
		for holidayTable[after.String()] != 0 {
			after = after.AddDays(1)
		}
		checkAt(t, closed, noon, opening{false, before.String() + " 15:00", after.String() + " 08:00"})
		checkAt(t, open, noon, opening{true, date + " 08:00", date + " 15:00"})
	}
}

// Clocks go from 03:00 EET to 04:00 EEST on these nights, and from 04:00 EEST to 03:00 EET on those.
var (
	springNights = []string{"2024-03-31", "2025-03-30", "2026-03-29", "2027-03-28"}
	autumnNights = []string{"2024-10-27", "2025-10-26", "2026-10-25", "2027-10-31"}
)

func TestHoursOnTheNightsInSpring(t *testing.T) {
	t.Parallel()
	for _, night := range springNights {
		t.Run(night, func(t *testing.T) {
			t.Parallel()
			the := func(clock string) string { return night + " " + clock }
			before := day(t, night).AddDays(-1).String()
			after := day(t, night).AddDays(1).String()
			only := func(text string) Hours {
				return Hours{Exceptions: []Exception{{First: day(t, night), Last: day(t, night), Spans: spans(t, text)}}}
			}

			whole := only("00:00-24:00")
			checkAt(t, whole, the("12:00"), opening{true, the("00:00"), after + " 00:00"})
			if o := whole.At(at(t, the("12:00"))); o.Until.Sub(o.Since) != 23*time.Hour {
				t.Errorf("the day has %v, want 23 h", o.Until.Sub(o.Since))
			}
			// Over the lost hour: an hour shorter.
			checkAt(t, only("02:00-05:00"), the("02:59"), opening{true, the("02:00"), the("05:00")})
			checkAt(t, only("02:00-05:00"), the("04:00"), opening{true, the("02:00"), the("05:00")})
			if o := only("02:00-05:00").At(at(t, the("04:30"))); o.Until.Sub(o.Since) != 2*time.Hour {
				t.Errorf("02:00-05:00 lasts %v, want 2 h", o.Until.Sub(o.Since))
			}
			// An end or a beginning in it is the instant of the change.
			checkAt(t, only("02:00-03:30"), the("02:30"), opening{true, the("02:00"), the("04:00")})
			checkAt(t, only("02:00-03:00"), the("02:30"), opening{true, the("02:00"), the("04:00")})
			checkAt(t, only("03:30-05:00"), the("04:00"), opening{true, the("04:00"), the("05:00")})
			checkAt(t, only("03:30-05:00"), the("02:59"), opening{false, "", the("04:00")})
			checkAt(t, only("04:00-05:00"), the("04:00"), opening{true, the("04:00"), the("05:00")})
			// All of it within the lost hour: not open that night, and no opening of no length.
			checkAt(t, only("03:10-03:50"), the("02:00"), opening{false, "", ""})
			checkAt(t, only("03:00-04:00"), the("04:00"), opening{false, "", ""})
			// A break in the lost hour is no break.
			checkAt(t, only("01:00-03:00 04:00-05:00"), the("02:00"), opening{true, the("01:00"), the("05:00")})
			// A night shift over it.
			checkAt(t, everyDay(t, "00:00-06:00 22:00-24:00"), the("02:00"), opening{true, before + " 22:00", the("06:00")})
			checkAt(t, everyDay(t, "08:00-15:00"), the("02:00"), opening{false, before + " 15:00", the("08:00")})
		})
	}
}

func TestHoursOnTheNightsInAutumn(t *testing.T) {
	t.Parallel()
	for _, night := range autumnNights {
		t.Run(night, func(t *testing.T) {
			t.Parallel()
			the := func(clock string) string { return night + " " + clock }
			before := day(t, night).AddDays(-1).String()
			after := day(t, night).AddDays(1).String()
			only := func(text string) Hours {
				return Hours{Exceptions: []Exception{{First: day(t, night), Last: day(t, night), Spans: spans(t, text)}}}
			}

			whole := only("00:00-24:00")
			checkAt(t, whole, the("12:00"), opening{true, the("00:00"), after + " 00:00"})
			if o := whole.At(at(t, the("12:00"))); o.Until.Sub(o.Since) != 25*time.Hour {
				t.Errorf("the day has %v, want 25 h", o.Until.Sub(o.Since))
			}
			// Over the repeated hour: an hour longer.
			if o := only("02:00-05:00").At(at(t, the("02:30"))); o.Until.Sub(o.Since) != 4*time.Hour {
				t.Errorf("02:00-05:00 lasts %v, want 4 h", o.Until.Sub(o.Since))
			}
			// Closing within the repeated hour counts the second time, so that it is open at both 03:15.
			closing := opening{true, the("02:00"), the("03:30 EET")}
			for _, now := range []string{"02:00", "03:15 EEST", "03:45 EEST", "03:15 EET"} {
				checkAt(t, only("02:00-03:30"), the(now), closing)
			}
			checkAt(t, only("02:00-03:30"), the("03:30 EET"), opening{false, the("03:30 EET"), ""})
			// Closing as the hour begins the first time: neither of its halves is within the hours.
			checkAt(t, only("02:00-03:00"), the("02:30"), opening{true, the("02:00"), the("03:00 EEST")})
			checkAt(t, only("02:00-03:00"), the("03:00 EEST"), opening{false, the("03:00 EEST"), ""})
			checkAt(t, only("02:00-03:00"), the("03:00 EET"), opening{false, the("03:00 EEST"), ""})
			// Opening within it counts the first time.
			checkAt(t, only("03:30-05:00"), the("03:15 EEST"), opening{false, "", the("03:30 EEST")})
			checkAt(t, only("03:30-05:00"), the("03:15 EET"), opening{true, the("03:30 EEST"), the("05:00")})
			checkAt(t, only("03:00-04:00"), the("03:59 EET"), opening{true, the("03:00 EEST"), the("04:00")})
			checkAt(t, only("04:00-05:00"), the("03:59 EET"), opening{false, "", the("04:00")})
			// Within it: from the first beginning to the second end.
			checkAt(t, only("03:10-03:20"), the("03:30 EEST"), opening{true, the("03:10 EEST"), the("03:20 EET")})
			// A break within it is lost.
			checkAt(t, only("02:00-03:15 03:30-05:00"), the("03:20 EEST"), opening{true, the("02:00"), the("05:00")})
			// A night shift over it.
			checkAt(t, everyDay(t, "00:00-06:00 22:00-24:00"), the("03:30 EET"), opening{true, before + " 22:00", the("06:00")})
			checkAt(t, everyDay(t, "08:00-15:00"), the("03:30 EET"), opening{false, before + " 15:00", the("08:00")})
		})
	}
}

// slowly is the hours as somebody would read them off a wall clock, in steps of five minutes: the instants of
// a day are listed, and a span holds from the first that shows its beginning or later, to just after the last
// that shows less than its end.
type slowly struct {
	first int64  // In Unix time.
	open  []bool // By steps from first.
}

const slowStep = 5 * 60

func readSlowly(h Hours, first, last Date, location *time.Location) slowly {
	begin := time.Date(first.Year, first.Month, first.Day, 0, 0, 0, 0, location).Unix()
	end := time.Date(last.Year, last.Month, last.Day, 0, 0, 0, 0, location).Unix()
	s := slowly{first: begin, open: make([]bool, (end-begin)/slowStep)}
	days := map[Date][]int{} // The steps of each day.
	minutes := make([]TimeOfDay, len(s.open))
	for i := range s.open {
		local := time.Unix(s.unix(i), 0).In(location)
		days[DateOf(local)] = append(days[DateOf(local)], i)
		minutes[i] = TimeOfDay(local.Hour()*60 + local.Minute())
	}
	for d, instants := range days {
		all := h.Weekly[d.Weekday()]
		_, holiday := IsHoliday(d)
		if eve, ok := IsEve(d); ok && len(all) > 0 {
			if special, ok := h.Eves[eve]; ok {
				all = special
			}
		}
		if holiday && !h.OpenOnHolidays {
			all = nil
		}
		for _, x := range h.Exceptions {
			if d.Compare(x.First) >= 0 && d.Compare(x.Last) <= 0 {
				all = x.Spans
			}
		}
		for _, span := range all {
			from, until := -1, -1
			for _, i := range instants {
				if from < 0 && minutes[i] >= span.From {
					from = i
				}
				if minutes[i] < span.Until {
					until = i
				}
			}
			for i := from; i >= 0 && i <= until; i++ {
				s.open[i] = true
			}
		}
	}
	return s
}

func (s slowly) unix(i int) int64 { return s.first + int64(i)*slowStep }

// at answers like Hours.At for a step, with zero times where the edge is out of what was read.
func (s slowly) at(i int) (open bool, since, until int64) {
	open = s.open[i]
	first, last := i, i
	for first > 0 && s.open[first-1] == open {
		first--
	}
	for last < len(s.open) && s.open[last] == open {
		last++
	}
	if first > 0 {
		since = s.unix(first)
	}
	if last < len(s.open) {
		until = s.unix(last)
	}
	return open, since, until
}

func drawSpans(t *rapid.T, label string) []Span {
	var all []Span
	reached := 0
	for range rapid.IntRange(0, 4).Draw(t, label+" count") {
		if reached >= 24*60 {
			break
		}
		from := min(reached+5*rapid.OneOf(rapid.IntRange(0, 40), rapid.Just(0)).Draw(t, label+" gap"), 24*60-5)
		until := rapid.OneOf(rapid.IntRange(1, 60), rapid.Just(24*12)).Draw(t, label+" length")
		s := Span{From: TimeOfDay(from), Until: TimeOfDay(min(from+5*until, 24*60))}
		if s.From < TimeOfDay(reached) || s.From >= s.Until {
			break
		}
		all = append(all, s)
		reached = int(s.Until)
	}
	return all
}

// TestHoursAgainstTheWallClock compares At with a reading of the wall clock, around the nights when the clocks
// change, in Helsinki and in zones where they change at midnight or by half an hour.
func TestHoursAgainstTheWallClock(t *testing.T) {
	t.Parallel()
	nights := map[string][]string{
		"Europe/Helsinki":     append(append([]string{"2026-06-19", "2025-12-24"}, springNights...), autumnNights...),
		"Asia/Beirut":         {"2024-03-31", "2024-10-26", "2024-10-27"},
		"America/Havana":      {"2024-03-10", "2024-11-03"},
		"Australia/Lord_Howe": {"2024-04-07", "2024-10-06"},
	}
	for zone, dates := range nights {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				night, err := ParseDate(rapid.SampledFrom(dates).Draw(t, "night"))
				if err != nil {
					t.Fatal(err)
				}
				h := Hours{
					Location:       location,
					Weekly:         map[time.Weekday][]Span{},
					OpenOnHolidays: rapid.Bool().Draw(t, "open on holidays"),
				}
				for d := time.Sunday; d <= time.Saturday; d++ {
					h.Weekly[d] = drawSpans(t, d.String())
				}
				if rapid.Bool().Draw(t, "eves") {
					h.Eves = map[Eve][]Span{}
					for e := EpiphanyEve; e.valid(); e++ {
						h.Eves[e] = drawSpans(t, e.String())
					}
				}
				if rapid.Bool().Draw(t, "exception") {
					first := night.AddDays(rapid.IntRange(-3, 2).Draw(t, "first"))
					h.Exceptions = []Exception{{
						First: first, Last: first.AddDays(rapid.IntRange(0, 2).Draw(t, "days")), Spans: drawSpans(t, "exception"),
					}}
				}
				if err := h.Validate(); err != nil {
					t.Fatalf("drew bad hours: %v", err)
				}
				slow := readSlowly(h, night.AddDays(-5), night.AddDays(6), location)
				const margin = 3 * 24 * 3600 / slowStep
				for i := margin; i < len(slow.open)-margin; i += 7 {
					unix := slow.unix(i)
					open, since, until := slow.at(i)
					got := h.At(time.Unix(unix, 0))
					if got.Open != open {
						t.Fatalf("%v: open %v, want %v", time.Unix(unix, 0).In(location), got.Open, open)
					}
					if since != 0 && got.Since.Unix() != since || until != 0 && got.Until.Unix() != until {
						t.Fatalf("%v: since %v until %v, want %v and %v", time.Unix(unix, 0).In(location), got.Since, got.Until,
							time.Unix(since, 0).In(location), time.Unix(until, 0).In(location))
					}
				}
			})
		})
	}
}

// Wherever the edges of an answer are within reach, the answer just inside each is the same and the one just
// outside is the opposite.
func TestHoursEdgesAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := Hours{Weekly: map[time.Weekday][]Span{}, OpenOnHolidays: rapid.Bool().Draw(t, "open on holidays")}
		for d := time.Sunday; d <= time.Saturday; d++ {
			if rapid.Bool().Draw(t, fmt.Sprint("whole ", d)) {
				h.Weekly[d] = []Span{{0, EndOfDay}}
			} else {
				h.Weekly[d] = drawSpans(t, d.String())
			}
		}
		now := time.Unix(rapid.Int64Range(1704060000, 1830290400).Draw(t, "now"), 0) // 2024 to 2027.
		o := h.At(now)
		if !o.Since.IsZero() {
			if o.Since.After(now) {
				t.Fatalf("since %v is after %v", o.Since, now)
			}
			if in := h.At(o.Since); in != o {
				t.Fatalf("at the beginning %+v, want %+v", in, o)
			}
			if out := h.At(o.Since.Add(-1)); out.Open == o.Open || !out.Until.Equal(o.Since) {
				t.Fatalf("before the beginning %+v of %+v", out, o)
			}
		}
		if !o.Until.IsZero() {
			if !o.Until.After(now) {
				t.Fatalf("until %v is not after %v", o.Until, now)
			}
			if in := h.At(o.Until.Add(-1)); in != o {
				t.Fatalf("at the end %+v, want %+v", in, o)
			}
			if out := h.At(o.Until); out.Open == o.Open || !out.Since.Equal(o.Until) {
				t.Fatalf("after the end %+v of %+v", out, o)
			}
		}
	})
}

func BenchmarkHoursAt(b *testing.B) {
	h := weekdays(b, "08:00-15:00")
	h.Eves = map[Eve][]Span{ChristmasEve: nil}
	always := AlwaysOpen()
	exceptions := AlwaysOpen()
	exceptions.Exceptions = []Exception{{First: day(b, "2027-08-01"), Last: day(b, "2027-08-01")}}
	notOnHolidays := AlwaysOpen()
	notOnHolidays.OpenOnHolidays = false
	for _, bench := range []struct {
		name  string
		hours Hours
		now   string
	}{
		{"open", h, "2026-09-08 10:00"},
		{"closed", h, "2026-09-08 20:00"},
		{"always", always, "2026-09-08 10:00"},
		{"always-but-a-far-day", exceptions, "2026-09-08 10:00"},
		{"always-but-holidays", notOnHolidays, "2026-08-08 10:00"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			now := at(b, bench.now)
			b.ReportAllocs()
			for b.Loop() {
				bench.hours.At(now)
			}
		})
	}
}
