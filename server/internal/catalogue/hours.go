package catalogue

import (
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/queue"
)

// weekdays are the days of the contract as Go has them.
var weekdays = map[kuplav1.DayOfWeek]time.Weekday{
	kuplav1.DayOfWeek_DAY_OF_WEEK_MONDAY:    time.Monday,
	kuplav1.DayOfWeek_DAY_OF_WEEK_TUESDAY:   time.Tuesday,
	kuplav1.DayOfWeek_DAY_OF_WEEK_WEDNESDAY: time.Wednesday,
	kuplav1.DayOfWeek_DAY_OF_WEEK_THURSDAY:  time.Thursday,
	kuplav1.DayOfWeek_DAY_OF_WEEK_FRIDAY:    time.Friday,
	kuplav1.DayOfWeek_DAY_OF_WEEK_SATURDAY:  time.Saturday,
	kuplav1.DayOfWeek_DAY_OF_WEEK_SUNDAY:    time.Sunday,
}

// eves are the eves of the contract as the domain has them.
var eves = map[kuplav1.Eve]queue.Eve{
	kuplav1.Eve_EVE_NEW_YEARS_EVE:   queue.NewYearsEve,
	kuplav1.Eve_EVE_EPIPHANY_EVE:    queue.EpiphanyEve,
	kuplav1.Eve_EVE_MAUNDY_THURSDAY: queue.MaundyThursday,
	kuplav1.Eve_EVE_HOLY_SATURDAY:   queue.HolySaturday,
	kuplav1.Eve_EVE_MAY_DAY_EVE:     queue.MayDayEve,
	kuplav1.Eve_EVE_MIDSUMMER_EVE:   queue.MidsummerEve,
	kuplav1.Eve_EVE_CHRISTMAS_EVE:   queue.ChristmasEve,
}

// hours checks opening hours and reads them. What comes back is only of use when no problem was found.
func (c *checker) hours(path string, m *kuplav1.OpeningHours, languages []string) queue.Hours {
	before := len(c.problems)
	h := queue.Hours{
		Weekly:         make(map[time.Weekday][]queue.Span, len(m.GetWeekly())),
		Eves:           make(map[queue.Eve][]queue.Span, len(m.GetEves())),
		OpenOnHolidays: m.GetOpenOnHolidays(),
	}
	for i, day := range bounded(c, field(path, "weekly"), m.GetWeekly(), len(weekdays)) {
		at := index(field(path, "weekly"), i)
		weekday, known := weekdays[day.GetDay()]
		switch _, given := h.Weekly[weekday]; {
		case !known:
			c.addf(field(at, "day"), "give a day, from DAY_OF_WEEK_MONDAY to DAY_OF_WEEK_SUNDAY")
		case given:
			c.addf(field(at, "day"), "%v is given twice; put its spans together", day.GetDay())
		}
		h.Weekly[weekday] = c.spans(field(at, "spans"), day.GetSpans())
	}
	h.Exceptions = c.exceptions(field(path, "exceptions"), m.GetExceptions(), languages)
	for i, m := range bounded(c, field(path, "eves"), m.GetEves(), len(eves)) {
		at := index(field(path, "eves"), i)
		eve, known := eves[m.GetEve()]
		switch _, given := h.Eves[eve]; {
		case !known:
			c.addf(field(at, "eve"), "give an eve, such as EVE_MIDSUMMER_EVE")
		case given:
			c.addf(field(at, "eve"), "%v is given twice; put its spans together", m.GetEve())
		}
		h.Eves[eve] = c.spans(field(at, "spans"), m.GetSpans())
	}
	if len(c.problems) == before {
		// The domain has the last word, also on rules that it learns after this was written.
		if err := h.Validate(); err != nil {
			c.addf(path, "%v", err)
		}
	}
	return h
}

func (c *checker) exceptions(path string, list []*kuplav1.HoursException, languages []string) []queue.Exception {
	list = bounded(c, path, list, maxExceptions)
	all := make([]queue.Exception, 0, len(list))
	for i, m := range list {
		at := index(path, i)
		if m.GetDescription() != nil {
			c.text(field(at, "description"), m.GetDescription(), languages, maxLine)
		}
		x := queue.Exception{Spans: c.spans(field(at, "spans"), m.GetSpans())}
		var err error
		if x.First, err = queue.ParseDate(m.GetFirstDate()); err != nil {
			c.addf(field(at, "first_date"), "%v", err)
			continue
		}
		x.Last = x.First
		if m.GetLastDate() != "" {
			if x.Last, err = queue.ParseDate(m.GetLastDate()); err != nil {
				c.addf(field(at, "last_date"), "%v", err)
				continue
			}
		}
		if x.First.Compare(x.Last) > 0 {
			c.addf(field(at, "last_date"), "%v is before the first day, %v; give a day on or after it", x.Last, x.First)
			continue
		}
		for _, other := range all {
			if x.First.Compare(other.Last) <= 0 && other.First.Compare(x.Last) <= 0 {
				c.addf(at, "%v overlaps the exception of %v; divide the days between them", x, other)
				break // The first is enough to mend it by.
			}
		}
		all = append(all, x)
	}
	return all
}

// spans checks the spans of a day and reads them.
func (c *checker) spans(path string, list []*kuplav1.HoursSpan) []queue.Span {
	list = bounded(c, path, list, maxSpans)
	spans := make([]queue.Span, 0, len(list))
	for i, m := range list {
		at := index(path, i)
		from, err := queue.ParseTimeOfDay(m.GetStart())
		if err != nil {
			c.addf(field(at, "start"), "%v", err)
			continue
		}
		until, err := queue.ParseTimeOfDay(m.GetEnd())
		if err != nil {
			c.addf(field(at, "end"), "%v", err)
			continue
		}
		switch {
		case until <= from:
			c.addf(field(at, "end"), "%v is not after the start, %v; divide hours that run over midnight between the two days",
				until, from)
		case len(spans) > 0 && from < spans[len(spans)-1].Until:
			c.addf(field(at, "start"), "%v is before the end of the span before it, %v; put the spans in order and apart",
				from, spans[len(spans)-1].Until)
		}
		spans = append(spans, queue.Span{From: from, Until: until})
	}
	return spans
}
