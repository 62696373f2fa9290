package load

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestMessage(t *testing.T) {
	m := newMessage(sideProfessional, 7)
	text := m.make(123_456, 98_765*time.Millisecond)
	if len(text) != MessageSize {
		t.Errorf("a message has %d bytes, want %d", len(text), MessageSize)
	}
	side, number, due, err := readMessage(text)
	if err != nil || side != sideProfessional || number != 123_456 || due != 98_765*time.Millisecond {
		t.Errorf("read %c %d %s, %v from %q", side, number, due, err, text)
	}
	if strings.ContainsAny(text, "0123456789") {
		t.Errorf("there are figures in %q", text)
	}
	for _, bad := range []string{text[1:], strings.Replace(text, "a", "z", 3)} {
		if _, _, _, err := readMessage(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	a, b := newMessage(sideCustomer, 1), newMessage(sideCustomer, 2)
	seen := map[string]bool{}
	for range 1000 {
		for _, m := range []*message{a, b} {
			id := m.requestID()
			if parsed, err := uuid.Parse(id); err != nil || parsed.Version() != 4 || seen[id] {
				t.Fatalf("%s is no new UUID v4: %v", id, err)
			}
			seen[id] = true
		}
	}
}

func TestLatency(t *testing.T) {
	var times []time.Duration
	for i := 100; i > 0; i-- {
		times = append(times, time.Duration(i)*time.Millisecond)
	}
	want := Latency{P50: 50 * time.Millisecond, P99: 99 * time.Millisecond, Max: 100 * time.Millisecond}
	if diff := cmp.Diff(want, latencyOf(times)); diff != "" {
		t.Error(diff)
	}
	if got := latencyOf(nil); got != (Latency{}) {
		t.Errorf("of nothing: %v", got)
	}
}

func TestRound(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"1.23ms": 1_234_567, "123µs": 123_456, "999ns": 999, "12.3s": 12_345_678_901, "0s": 0,
	} {
		if got := round(d).String(); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

func TestJudge(t *testing.T) {
	r := row{Must: atMost(3), Aim: atMost(2), value: func(kupla, bare Figures) float64 { return kupla.Pairs.Rate / bare.Pairs.Rate }}
	judged := func(r row, rates ...float64) string {
		var rounds []Round
		for _, rate := range rates {
			rounds = append(rounds, Round{
				Bare: Figures{Pairs: &PairsResult{Rate: 10}}, Kupla: Figures{Pairs: &PairsResult{Rate: 10 * rate}},
			})
		}
		return r.judge("", rounds).Verdict
	}
	if got := judged(r, 9, 1, 2, 1, 9); got != VerdictMet {
		t.Errorf("a median of 2: %s", got)
	}
	if got := judged(r, 9, 1, 2.5, 1, 9); got != VerdictKept {
		t.Errorf("a median of 2.5: %s", got)
	}
	if got := judged(r, 3.1); got != VerdictMissed {
		t.Errorf("3.1: %s", got)
	}
	r.Must, r.Aim = atLeast(3), nil
	if got := judged(r, 2, 3.5, 4, 1); got != VerdictMissed {
		t.Errorf("a median of 2.75: %s", got)
	}
	if got := judged(r, 3); got != VerdictMet {
		t.Errorf("3 without an aim: %s", got)
	}
	r.Must, r.Aim = nil, atMost(2)
	if got := judged(r, 3); got != VerdictShort {
		t.Errorf("3 with an aim of 2 alone: %s", got)
	}
	r.Aim = nil
	if got := judged(r, 3); got != VerdictNone {
		t.Errorf("without limits: %s", got)
	}
}

func TestUnknownWire(t *testing.T) {
	for _, w := range []Wire{{Protocol: "soap"}, {Codec: "xml"}} {
		if _, err := w.options(); err == nil {
			t.Errorf("%+v was accepted", w)
		}
	}
}

func TestConcurrentlyStopsAtTheFirstFailure(t *testing.T) {
	failure := errors.New("no")
	calls := 0
	err := concurrently(t.Context(), 1000, 1, func(_ context.Context, i int) error {
		calls++
		if i == 3 {
			return failure
		}
		return nil
	})
	if !errors.Is(err, failure) || calls > 10 {
		t.Errorf("%v after %d calls", err, calls)
	}
	if err := concurrently(t.Context(), 5, 2, func(context.Context, int) error { return nil }); err != nil {
		t.Error(err)
	}
}
