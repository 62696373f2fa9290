package queue

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/aa"
)

// Holiday is a Finnish public holiday. The zero value is no holiday.
//
// The list and its two rules of our own are Finnish law: the church holidays of the Church Act (kirkkolaki
// 1054/1993, chapter 4 section 3, kept as they were when act 652/2023 replaced it), among them Midsummer Day
// on the Saturday after 19 June and All Saints' Day on the Saturday after 30 October; Independence Day (act
// 388/1937); and May Day (act 272/1944). They have stood on these days since 1992, when Epiphany and
// Ascension Day were moved back from Saturdays; for earlier years today's rules are given.
type Holiday uint8

// The public holidays, in the order of the year.
const (
	NewYearsDay Holiday = iota + 1
	Epiphany
	GoodFriday
	EasterSunday
	EasterMonday
	MayDay
	AscensionDay
	WhitSunday
	MidsummerDay
	AllSaintsDay
	IndependenceDay
	ChristmasDay
	StStephensDay
)

// Eve is a day before a holiday on which hours often differ although it is no public holiday. The zero
// value is no eve.
type Eve uint8

// The eves, in the order of the year. Eves of holidays that are ordinary working days to nearly everybody
// are left out; an [Exception] does for them.
const (
	// EpiphanyEve is 5 January.
	EpiphanyEve Eve = iota + 1
	// MaundyThursday is the day before Good Friday.
	MaundyThursday
	// HolySaturday is the day before Easter Sunday.
	HolySaturday
	// MayDayEve is 30 April.
	MayDayEve
	// MidsummerEve is the Friday after 18 June.
	MidsummerEve
	// ChristmasEve is 24 December.
	ChristmasEve
	// NewYearsEve is 31 December.
	NewYearsEve
)

// names holds a name in the languages of the service, as written in running text.
type names struct{ fi, sv, en string }

// in returns the name in a language given as a BCP 47 tag, and in Finnish for languages that we do not have.
func (n names) in(language string) string {
	primary, _, _ := strings.Cut(language, "-")
	switch strings.ToLower(primary) {
	case "sv":
		return n.sv
	case "en":
		return n.en
	default:
		return n.fi
	}
}

// midsummerDay is the first Saturday from 20 June, allSaintsDay the first from 31 October.
var (
	midsummerDay = &cal.Holiday{Month: time.June, Day: 20, Weekday: time.Saturday, Offset: 1, Func: cal.CalcWeekdayFrom}
	allSaintsDay = &cal.Holiday{Month: time.October, Day: 31, Weekday: time.Saturday, Offset: 1, Func: cal.CalcWeekdayFrom}
)

// holidays is indexed by Holiday. rickar/cal has no Finland, only the parts that many countries share.
var holidays = [...]struct {
	names
	rule *cal.Holiday
}{
	NewYearsDay:  {names{"uudenvuodenpäivä", "nyårsdagen", "New Year's Day"}, aa.NewYear},
	Epiphany:     {names{"loppiainen", "trettondagen", "Epiphany"}, aa.Epiphany},
	GoodFriday:   {names{"pitkäperjantai", "långfredagen", "Good Friday"}, aa.GoodFriday},
	EasterSunday: {names{"pääsiäispäivä", "påskdagen", "Easter Sunday"}, aa.Easter},
	EasterMonday: {names{"toinen pääsiäispäivä", "annandag påsk", "Easter Monday"}, aa.EasterMonday},
	MayDay:       {names{"vappu", "första maj", "May Day"}, aa.WorkersDay},
	AscensionDay: {names{"helatorstai", "Kristi himmelsfärdsdag", "Ascension Day"}, aa.AscensionDay},
	WhitSunday:   {names{"helluntaipäivä", "pingstdagen", "Whit Sunday"}, aa.Pentecost},
	MidsummerDay: {names{"juhannuspäivä", "midsommardagen", "Midsummer Day"}, midsummerDay},
	AllSaintsDay: {names{"pyhäinpäivä", "alla helgons dag", "All Saints' Day"}, allSaintsDay},
	IndependenceDay: {
		names{"itsenäisyyspäivä", "självständighetsdagen", "Independence Day"},
		&cal.Holiday{Month: time.December, Day: 6, Func: cal.CalcDayOfMonth},
	},
	ChristmasDay:  {names{"joulupäivä", "juldagen", "Christmas Day"}, aa.ChristmasDay},
	StStephensDay: {names{"tapaninpäivä", "annandag jul", "St Stephen's Day"}, aa.ChristmasDay2},
}

// eves is indexed by Eve. The day is that of the rule plus so many days.
var eves = [...]struct {
	names
	key  string
	rule *cal.Holiday
	days int
}{
	EpiphanyEve:    {names{"loppiaisaatto", "trettondagsafton", "Epiphany Eve"}, "EPIPHANY_EVE", aa.Epiphany, -1},
	MaundyThursday: {names{"kiirastorstai", "skärtorsdagen", "Maundy Thursday"}, "MAUNDY_THURSDAY", aa.GoodFriday, -1},
	HolySaturday:   {names{"lankalauantai", "påskafton", "Holy Saturday"}, "HOLY_SATURDAY", aa.Easter, -1},
	MayDayEve:      {names{"vapunaatto", "valborgsmässoafton", "May Day Eve"}, "MAY_DAY_EVE", aa.WorkersDay, -1},
	MidsummerEve:   {names{"juhannusaatto", "midsommarafton", "Midsummer Eve"}, "MIDSUMMER_EVE", midsummerDay, -1},
	ChristmasEve:   {names{"jouluaatto", "julafton", "Christmas Eve"}, "CHRISTMAS_EVE", aa.ChristmasDay, -1},
	// Counted within the year, so that no eve belongs to the year before its holiday's.
	NewYearsEve: {names{"uudenvuodenaatto", "nyårsafton", "New Year's Eve"}, "NEW_YEARS_EVE", aa.ChristmasDay, +6},
}

// Name returns the holiday's name in a language given as a BCP 47 tag: Finnish, Swedish or English, and
// Finnish when the language is another.
func (h Holiday) Name(language string) string {
	if h == 0 || int(h) >= len(holidays) {
		return ""
	}
	return holidays[h].in(language)
}

// Name returns the eve's name in a language given as a BCP 47 tag: Finnish, Swedish or English, and Finnish
// when the language is another.
func (e Eve) Name(language string) string {
	if !e.valid() {
		return ""
	}
	return eves[e].in(language)
}

// String returns the name used in configuration, such as "MIDSUMMER_EVE".
func (e Eve) String() string {
	if !e.valid() {
		return "EVE_UNKNOWN"
	}
	return eves[e].key
}

func (e Eve) valid() bool {
	return e != 0 && int(e) < len(eves)
}

// IsHoliday tells whether d is a Finnish public holiday, and which. Where two fall on one day, as May Day and
// Ascension Day did in 2008, it is the first in the order of the constants.
func IsHoliday(d Date) (Holiday, bool) {
	if !d.valid() {
		return 0, false
	}
	holiday, _ := special(d.utc())
	return holiday, holiday != 0
}

// IsEve tells whether d is an eve, and which.
func IsEve(d Date) (Eve, bool) {
	if !d.valid() {
		return 0, false
	}
	_, eve := special(d.utc())
	return eve, eve != 0
}

// yearOfDays holds the holidays and eves of one year by day of the year, from 1.
type yearOfDays struct {
	holiday [367]Holiday
	eve     [367]Eve
}

// The years that are kept once computed. Others are computed each time, so that a date far away, which
// somebody outside may name, cannot fill memory.
const (
	firstKeptYear = 1950
	keptYears     = 200
)

var kept [keptYears]atomic.Pointer[yearOfDays]

// special returns the holiday and the eve of the day that begins at utc.
func special(utc time.Time) (Holiday, Eve) {
	year := utc.Year()
	var days *yearOfDays
	if i := year - firstKeptYear; i >= 0 && i < keptYears {
		if days = kept[i].Load(); days == nil {
			// Two callers may both compute the year; the results are the same.
			days = daysOf(year)
			kept[i].Store(days)
		}
	} else {
		days = daysOf(year)
	}
	n := utc.YearDay()
	return days.holiday[n], days.eve[n]
}

func daysOf(year int) *yearOfDays {
	days := &yearOfDays{}
	for h := NewYearsDay; int(h) < len(holidays); h++ {
		if n := yearDay(holidays[h].rule, year, 0); days.holiday[n] == 0 {
			days.holiday[n] = h
		}
	}
	for e := EpiphanyEve; int(e) < len(eves); e++ {
		days.eve[yearDay(eves[e].rule, year, eves[e].days)] = e
	}
	return days
}

// yearDay returns the day of the year on which rule falls, plus so many days.
func yearDay(rule *cal.Holiday, year, days int) int {
	midnight, _ := rule.Calc(year)
	// The library answers in the zone of the machine. Where clocks are moved forward at midnight, that midnight
	// comes out as the evening before; twelve hours later it is the right day everywhere.
	return DateOf(midnight.Add(12 * time.Hour)).AddDays(days).utc().YearDay()
}
