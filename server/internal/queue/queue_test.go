package queue

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPolicyStatus(t *testing.T) {
	t.Parallel()
	p := Policy{Hours: weekdays(t, "08:00-15:00")}
	pause := func(since, until string) *Pause {
		var pause Pause
		if since != "" {
			pause.Since = at(t, since)
		}
		if until != "" {
			pause.Until = at(t, until)
		}
		return &pause
	}
	tests := []struct {
		name   string
		now    string
		pause  *Pause
		state  State
		since  string
		change string
	}{
		{"open", "2026-09-07 10:00", nil, Open, "2026-09-07 08:00", "2026-09-07 15:00"},
		{"closed", "2026-09-07 15:00", nil, Closed, "2026-09-07 15:00", "2026-09-08 08:00"},
		{"over the weekend", "2026-09-12 10:00", nil, Closed, "2026-09-11 15:00", "2026-09-14 08:00"},

		{"paused until lifted", "2026-09-07 10:00", pause("2026-09-07 09:30", ""), Paused, "2026-09-07 09:30", ""},
		{"paused for a while", "2026-09-07 10:00", pause("2026-09-07 09:30", "2026-09-07 10:30"), Paused, "2026-09-07 09:30", "2026-09-07 10:30"},
		{"paused since yesterday", "2026-09-08 08:00", pause("2026-09-07 09:30", ""), Paused, "2026-09-08 08:00", ""},
		{"paused beyond closing", "2026-09-07 10:00", pause("2026-09-07 09:30", "2026-09-07 16:00"), Paused, "2026-09-07 09:30", "2026-09-08 08:00"},
		{"paused until closing", "2026-09-07 10:00", pause("2026-09-07 09:30", "2026-09-07 15:00"), Paused, "2026-09-07 09:30", "2026-09-08 08:00"},
		{"paused into tomorrow", "2026-09-07 10:00", pause("2026-09-07 09:30", "2026-09-08 09:00"), Paused, "2026-09-07 09:30", "2026-09-08 09:00"},

		{"the instant a pause begins", "2026-09-07 09:30", pause("2026-09-07 09:30", "2026-09-07 10:30"), Paused, "2026-09-07 09:30", "2026-09-07 10:30"},
		{"the instant a pause ends", "2026-09-07 10:30", pause("2026-09-07 09:30", "2026-09-07 10:30"), Open, "2026-09-07 10:30", "2026-09-07 15:00"},
		{"a pause of yesterday", "2026-09-08 10:30", pause("2026-09-07 09:30", "2026-09-07 10:30"), Open, "2026-09-08 08:00", "2026-09-08 15:00"},
		{"a pause ahead", "2026-09-07 10:00", pause("2026-09-07 12:00", "2026-09-07 13:00"), Open, "2026-09-07 08:00", "2026-09-07 12:00"},
		{"a pause after closing", "2026-09-07 10:00", pause("2026-09-08 12:00", ""), Open, "2026-09-07 08:00", "2026-09-07 15:00"},
		{"a pause that ends before it begins", "2026-09-07 10:00", pause("2026-09-07 12:00", "2026-09-07 09:00"), Open, "2026-09-07 08:00", "2026-09-07 15:00"},

		{"closed, paused until lifted", "2026-09-07 16:00", pause("2026-09-07 09:30", ""), Closed, "2026-09-07 15:00", ""},
		{"closed, paused into tomorrow", "2026-09-07 16:00", pause("2026-09-07 09:30", "2026-09-08 09:00"), Closed, "2026-09-07 15:00", "2026-09-08 09:00"},
		{"closed, paused over tomorrow", "2026-09-07 16:00", pause("2026-09-07 09:30", "2026-09-08 18:00"), Closed, "2026-09-07 15:00", "2026-09-09 08:00"},
		{"closed, paused until before opening", "2026-09-07 16:00", pause("2026-09-07 09:30", "2026-09-08 07:00"), Closed, "2026-09-07 15:00", "2026-09-08 08:00"},
	}
	for _, test := range tests {
		got := p.Status(at(t, test.now), test.pause)
		if got.State != test.state {
			t.Errorf("%s: %v, want %v", test.name, got.State, test.state)
		}
		checkTime(t, test.name+": since", got.Since, test.since)
		checkTime(t, test.name+": change", got.ChangeTime, test.change)
	}

	always := Policy{Hours: AlwaysOpen()}
	if got := always.Status(at(t, "2026-09-07 10:00"), nil); got != (Status{State: Open}) {
		t.Errorf("always open: %+v", got)
	}
	got := always.Status(at(t, "2026-09-07 10:00"), pause("2026-09-07 12:00", ""))
	if got.State != Open {
		t.Errorf("always open, a pause ahead: %+v", got)
	}
	checkTime(t, "always open, a pause ahead", got.ChangeTime, "2026-09-07 12:00")
	if got := (Policy{}).Status(at(t, "2026-09-07 10:00"), pause("2026-09-07 08:00", "")); got != (Status{State: Closed}) {
		t.Errorf("never open: %+v", got)
	}
}

func checkTime(t *testing.T, name string, got time.Time, want string) {
	t.Helper()
	switch {
	case want == "" && !got.IsZero():
		t.Errorf("%s: %v, want none", name, got)
	case want != "" && !got.Equal(at(t, want)):
		t.Errorf("%s: %v, want %s", name, got, want)
	}
}

func TestPolicyCheckStart(t *testing.T) {
	t.Parallel()
	p := Policy{Hours: weekdays(t, "08:00-15:00"), Capacity: 2}
	open, closed := at(t, "2026-09-07 10:00"), at(t, "2026-09-07 15:00")
	pause := &Pause{Since: at(t, "2026-09-07 09:00")}
	tests := []struct {
		name    string
		policy  Policy
		now     time.Time
		pause   *Pause
		waiting int
		want    error
	}{
		{"open", p, open, nil, 1, nil},
		{"full", p, open, nil, 2, ErrFull},
		{"over full by transfers", p, open, nil, 3, ErrFull},
		{"no limit", Policy{Hours: p.Hours}, open, nil, 100_000, nil},
		{"paused", p, open, pause, 0, ErrPaused},
		{"closed", p, closed, nil, 0, ErrClosed},
		{"closed and paused and full", p, closed, pause, 2, ErrClosed},
	}
	for _, test := range tests {
		if got := test.policy.CheckStart(test.now, test.pause, test.waiting); !errors.Is(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestPolicyServedUntil(t *testing.T) {
	t.Parallel()
	office := weekdays(t, "08:00-12:00 12:20-15:00")
	grace := func(d time.Duration) Policy { return Policy{Hours: office, ClosingGrace: d} }
	seasonal := Hours{Exceptions: []Exception{{First: day(t, "2026-05-20"), Last: day(t, "2026-05-20"), Spans: spans(t, "10:00-12:00")}}}
	longOpen := AlwaysOpen()
	longOpen.Exceptions = []Exception{{First: day(t, "2026-12-24"), Last: day(t, "2026-12-26")}}
	tests := []struct {
		name     string
		policy   Policy
		now      string
		deadline string
		closed   bool
	}{
		// The break of 20 minutes is shorter than the default grace of 30.
		{"in the morning, over the break", grace(0), "2026-09-07 09:00", "2026-09-07 15:30", false},
		{"in the break", grace(0), "2026-09-07 12:10", "2026-09-07 15:30", false},
		{"in the afternoon", grace(0), "2026-09-07 13:00", "2026-09-07 15:30", false},
		{"in the grace", grace(0), "2026-09-07 15:29", "2026-09-07 15:30", false},
		{"at its end", grace(0), "2026-09-07 15:30", "2026-09-07 15:30", true},
		{"in the night", grace(0), "2026-09-08 03:00", "2026-09-07 15:30", true},
		{"in the next opening", grace(0), "2026-09-08 08:00", "2026-09-08 15:30", false},

		// A break just as long as the grace is bridged: at its end the queue is open.
		{"break as long as the grace", grace(20 * time.Minute), "2026-09-07 12:19", "2026-09-07 15:20", false},
		{"the same, in the morning", grace(20 * time.Minute), "2026-09-07 09:00", "2026-09-07 15:20", false},
		{"break longer than the grace", grace(10 * time.Minute), "2026-09-07 09:00", "2026-09-07 12:10", false},
		{"in its grace", grace(10 * time.Minute), "2026-09-07 12:09", "2026-09-07 12:10", false},
		{"after its grace", grace(10 * time.Minute), "2026-09-07 12:10", "2026-09-07 12:10", true},
		{"no grace, open", grace(NoGrace), "2026-09-07 13:00", "2026-09-07 15:00", false},
		{"no grace, closed", grace(NoGrace), "2026-09-07 15:00", "2026-09-07 15:00", true},
		{"no grace, in the break", grace(NoGrace), "2026-09-07 12:00", "2026-09-07 12:00", true},

		{"always open", Policy{Hours: AlwaysOpen()}, "2026-09-07 09:00", "", false},
		{"never open", Policy{}, "2026-09-07 09:00", "", true},
		{"open until Christmas", Policy{Hours: longOpen}, "2026-09-07 09:00", "2026-12-24 00:30", false},
		{"the last day of a season", Policy{Hours: seasonal}, "2026-05-20 11:00", "2026-05-20 12:30", false},
		{"its grace", Policy{Hours: seasonal}, "2026-05-20 12:15", "2026-05-20 12:30", false},
		{"before it", Policy{Hours: seasonal}, "2026-05-20 09:00", "", true},

		// The grace runs through the night of the change: 02:50 EET + 30 min is 04:20 EEST.
		{"over the change", Policy{Hours: everyDay(t, "00:00-02:50")}, "2026-03-29 02:55", "2026-03-29 04:20", false},
	}
	for _, test := range tests {
		deadline, closed := test.policy.ServedUntil(at(t, test.now))
		if closed != test.closed {
			t.Errorf("%s: closed %v, want %v", test.name, closed, test.closed)
		}
		checkTime(t, test.name, deadline, test.deadline)
	}

	// A gap of ten minutes each night ends nothing, and following it does not go on for ever.
	nightly := Policy{Hours: everyDay(t, "00:00-23:50")}
	now := at(t, "2026-09-07 23:55")
	if deadline, closed := nightly.ServedUntil(now); closed || deadline.Before(now.AddDate(0, 0, 13)) {
		t.Errorf("nightly gap: %v, %v", deadline, closed)
	}
}

// The deadline told is kept: nobody is closed before it, and all are at it.
func TestPolicyServedUntilIsKept(t *testing.T) {
	t.Parallel()
	p := Policy{Hours: weekdays(t, "00:00-01:00 08:00-12:00 12:20-15:00 15:40-24:00")}
	for now := at(t, "2026-03-26 00:00"); now.Before(at(t, "2026-04-02 00:00")); now = now.Add(7 * time.Minute) {
		deadline, closed := p.ServedUntil(now)
		if closed {
			continue
		}
		if before, closed := p.ServedUntil(deadline.Add(-1)); closed || !before.Equal(deadline) {
			t.Fatalf("at %v told %v, but just before it told %v, closed %v", now, deadline, before, closed)
		}
		if _, closed := p.ServedUntil(deadline); !closed {
			t.Fatalf("at %v told %v, and then not closed", now, deadline)
		}
	}
}

func TestPolicyPlaceKeptUntil(t *testing.T) {
	t.Parallel()
	seen, back := at(t, "2026-09-07 09:00"), at(t, "2026-09-07 10:00")
	tests := []struct {
		name           string
		policy         Policy
		lastSeen, back time.Time
		want           string
	}{
		{"default", Policy{}, seen, time.Time{}, "2026-09-07 09:10"},
		{"set", Policy{KeepPlaceFor: 3 * time.Minute}, seen, time.Time{}, "2026-09-07 09:03"},
		{"the service was away for an hour", Policy{}, seen, back, "2026-09-07 10:10"},
		{"seen since it was back", Policy{}, back, seen, "2026-09-07 10:10"},
	}
	for _, test := range tests {
		checkTime(t, test.name, test.policy.PlaceKeptUntil(test.lastSeen, test.back), test.want)
	}
}

func TestPolicyValidate(t *testing.T) {
	t.Parallel()
	if err := (Policy{Hours: AlwaysOpen(), ClosingGrace: NoGrace}).Validate(); err != nil {
		t.Error(err)
	}
	bad := Policy{
		Hours:    Hours{Weekly: map[time.Weekday][]Span{time.Monday: {{5, 4}}}},
		Capacity: -1, KeepPlaceFor: -time.Second,
	}
	err := bad.Validate()
	for _, want := range []string{"monday", "capacity -1", "keep a place for -1s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func TestStateString(t *testing.T) {
	t.Parallel()
	for state, want := range map[State]string{Open: "open", Closed: "closed", Paused: "paused", 9: "State(9)"} {
		if got := state.String(); got != want {
			t.Errorf("%d: %q, want %q", state, got, want)
		}
	}
}
