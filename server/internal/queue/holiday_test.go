package queue

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rickar/cal/v2"
)

// day parses a date of a test table.
func day(t testing.TB, text string) Date {
	t.Helper()
	d, err := ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// holidayTable is the almanac's, written out by hand.
var holidayTable = map[string]Holiday{
	"2024-01-01": NewYearsDay, "2025-01-01": NewYearsDay, "2026-01-01": NewYearsDay, "2027-01-01": NewYearsDay,
	"2024-01-06": Epiphany, "2025-01-06": Epiphany, "2026-01-06": Epiphany, "2027-01-06": Epiphany,
	"2024-03-29": GoodFriday, "2025-04-18": GoodFriday, "2026-04-03": GoodFriday, "2027-03-26": GoodFriday,
	"2024-03-31": EasterSunday, "2025-04-20": EasterSunday, "2026-04-05": EasterSunday, "2027-03-28": EasterSunday,
	"2024-04-01": EasterMonday, "2025-04-21": EasterMonday, "2026-04-06": EasterMonday, "2027-03-29": EasterMonday,
	"2024-05-01": MayDay, "2025-05-01": MayDay, "2026-05-01": MayDay, "2027-05-01": MayDay,
	"2024-05-09": AscensionDay, "2025-05-29": AscensionDay, "2026-05-14": AscensionDay, "2027-05-06": AscensionDay,
	"2024-05-19": WhitSunday, "2025-06-08": WhitSunday, "2026-05-24": WhitSunday, "2027-05-16": WhitSunday,
	"2024-06-22": MidsummerDay, "2025-06-21": MidsummerDay, "2026-06-20": MidsummerDay, "2027-06-26": MidsummerDay,
	"2024-11-02": AllSaintsDay, "2025-11-01": AllSaintsDay, "2026-10-31": AllSaintsDay, "2027-11-06": AllSaintsDay,
	"2024-12-06": IndependenceDay, "2025-12-06": IndependenceDay, "2026-12-06": IndependenceDay, "2027-12-06": IndependenceDay,
	"2024-12-25": ChristmasDay, "2025-12-25": ChristmasDay, "2026-12-25": ChristmasDay, "2027-12-25": ChristmasDay,
	"2024-12-26": StStephensDay, "2025-12-26": StStephensDay, "2026-12-26": StStephensDay, "2027-12-26": StStephensDay,
}

var eveTable = map[string]Eve{
	"2024-01-05": EpiphanyEve, "2025-01-05": EpiphanyEve, "2026-01-05": EpiphanyEve, "2027-01-05": EpiphanyEve,
	"2024-03-28": MaundyThursday, "2025-04-17": MaundyThursday, "2026-04-02": MaundyThursday, "2027-03-25": MaundyThursday,
	"2024-03-30": HolySaturday, "2025-04-19": HolySaturday, "2026-04-04": HolySaturday, "2027-03-27": HolySaturday,
	"2024-04-30": MayDayEve, "2025-04-30": MayDayEve, "2026-04-30": MayDayEve, "2027-04-30": MayDayEve,
	"2024-06-21": MidsummerEve, "2025-06-20": MidsummerEve, "2026-06-19": MidsummerEve, "2027-06-25": MidsummerEve,
	"2024-12-24": ChristmasEve, "2025-12-24": ChristmasEve, "2026-12-24": ChristmasEve, "2027-12-24": ChristmasEve,
	"2024-12-31": NewYearsEve, "2025-12-31": NewYearsEve, "2026-12-31": NewYearsEve, "2027-12-31": NewYearsEve,
}

func TestHolidaysAndEves2024To2027(t *testing.T) {
	t.Parallel()
	gotHolidays, gotEves := map[string]Holiday{}, map[string]Eve{}
	for d := day(t, "2024-01-01"); d.Year < 2028; d = d.AddDays(1) {
		if h, ok := IsHoliday(d); ok {
			gotHolidays[d.String()] = h
		}
		if e, ok := IsEve(d); ok {
			gotEves[d.String()] = e
		}
	}
	if diff := cmp.Diff(holidayTable, gotHolidays); diff != "" {
		t.Errorf("holidays (-almanac +got):\n%s", diff)
	}
	if diff := cmp.Diff(eveTable, gotEves); diff != "" {
		t.Errorf("eves (-almanac +got):\n%s", diff)
	}
}

func TestHolidayOnAnotherHoliday(t *testing.T) {
	t.Parallel()
	// Ascension Day fell on May Day in 2008, and falls on its eve in 2285, which is then closed as a holiday.
	if h, ok := IsHoliday(day(t, "2008-05-01")); !ok || h != MayDay {
		t.Errorf("2008-05-01: got %v, %v, want May Day", h.Name("en"), ok)
	}
	if h, ok := IsHoliday(day(t, "2285-04-30")); !ok || h != AscensionDay {
		t.Errorf("2285-04-30: got %v, %v, want Ascension Day", h.Name("en"), ok)
	}
}

func TestHolidayOfNoDay(t *testing.T) {
	t.Parallel()
	for _, d := range []Date{{}, {Year: 2026, Month: 12, Day: 56}, {Year: 2026, Month: 13, Day: 1}, {Year: 10000, Month: 1, Day: 1}} {
		if h, ok := IsHoliday(d); ok {
			t.Errorf("%v is not in the calendar and yet %s", d, h.Name("en"))
		}
		if e, ok := IsEve(d); ok {
			t.Errorf("%v is not in the calendar and yet %v", d, e)
		}
	}
}

// Where clocks were moved forward at midnight, that midnight does not exist, and the library, which answers in
// the zone of the machine, is on the evening before: on Easter in Havana and on the Azores, on All Saints' Day in
// São Paulo.
func TestHolidaysDoNotDependOnTheMachinesZone(t *testing.T) {
	defer func(before *time.Location) { cal.DefaultLoc = before }(cal.DefaultLoc)
	for zone, year := range map[string]int{"America/Havana": 1994, "Atlantic/Azores": 1986, "America/Sao_Paulo": 1985} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		cal.DefaultLoc = time.UTC
		want := daysOf(year)
		cal.DefaultLoc = location
		if got := daysOf(year); *got != *want {
			t.Errorf("the holidays of %d are others where the machine stands in %s", year, zone)
		}
	}
}

func TestHolidayNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		language string
		holiday  string
		eve      string
	}{
		{"fi", "juhannuspäivä", "juhannusaatto"},
		{"sv", "midsommardagen", "midsommarafton"},
		{"sv-FI", "midsommardagen", "midsommarafton"},
		{"EN", "Midsummer Day", "Midsummer Eve"},
		{"so", "juhannuspäivä", "juhannusaatto"},
	}
	for _, test := range tests {
		if got := MidsummerDay.Name(test.language); got != test.holiday {
			t.Errorf("holiday in %q: got %q, want %q", test.language, got, test.holiday)
		}
		if got := MidsummerEve.Name(test.language); got != test.eve {
			t.Errorf("eve in %q: got %q, want %q", test.language, got, test.eve)
		}
	}
	seen := map[string]bool{}
	for _, language := range []string{"fi", "sv", "en"} {
		clear(seen)
		for _, h := range slices.Sorted(maps.Values(holidayTable)) {
			seen[h.Name(language)] = true
		}
		for _, e := range slices.Sorted(maps.Values(eveTable)) {
			seen[e.Name(language)] = true
		}
		if len(seen) != 13+7 || seen[""] {
			t.Errorf("%s: %d different names, want 20, none empty: %v", language, len(seen), seen)
		}
	}
	if Holiday(0).Name("fi") != "" || Eve(0).Name("fi") != "" || Holiday(99).Name("fi") != "" || Eve(99).Name("fi") != "" {
		t.Error("what is no holiday has a name")
	}
	if got := MidsummerEve.String(); got != "MIDSUMMER_EVE" {
		t.Errorf("got %q", got)
	}
}
