package torture

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/history"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
	"github.com/kupla-chat/kupla/server/internal/chat"
)

// The short form of `make torture`: every kind of fault at least once. What it recorded then shows that its checker
// finds what is wrong, in histories as they really are.
func TestShortForm(t *testing.T) {
	folder := t.TempDir()
	if err := kuplad.Build(t.Context(), folder, []string{"-tags", "torture"}, "../../cmd/kuplad"); err != nil {
		t.Fatal(err)
	}
	config := Config{
		Programs: folder, Folder: folder, Seed: uint64(time.Now().UnixNano()),
		Duration: 8 * time.Second, Messages: 600, Steady: 4 * time.Second,
		Customers: 24, Professionals: 4, FaultEvery: 200 * time.Millisecond, Disk: 128 << 20,
		Progress: t.Output(),
	}
	report, err := Run(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	report.Print(t.Output())
	if len(report.Anomalies) > 0 {
		t.Errorf("%d anomalies, with the seed %d; make torture keeps what is needed to look into one", len(report.Anomalies), config.Seed)
		if log, err := os.ReadFile(filepath.Join(folder, "kuplad.log")); err == nil {
			t.Logf("kuplad said:\n%s", log)
		}
	}
	if report.Messages < config.Messages || report.Conversations < config.Customers {
		t.Errorf("%d messages in %d conversations are no torture", report.Messages, report.Conversations)
	}
	for _, kind := range []string{
		harmCut, harmHalfOpen, harmDeaf, harmStall, "server killed", "server stopped in order", "server frozen", "disk full",
		"token revoked", "customer away",
	} {
		if report.Faults[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
	for _, mutation := range mutations {
		t.Run(mutation.name, func(t *testing.T) {
			h := pick(t, report.histories)
			mutation.mutate(h)
			found := history.Check(h)
			if !slices.ContainsFunc(found, func(a history.Anomaly) bool { return a.Kind == mutation.kind }) {
				t.Errorf("found %v, want a %s", found, mutation.kind)
			}
		})
	}
}

// pick copies a recorded history in which there is something to change: two messages of one sender that followed each
// other, in a view that goes to the end.
func pick(t *testing.T, histories []*history.Conversation) *history.Conversation {
	t.Helper()
	for _, h := range histories {
		for _, v := range h.Views {
			if !v.Whole || len(v.Events) < 10 {
				continue
			}
			c, copied := *h, *v
			copied.Events = slices.Clone(v.Events)
			c.Log, c.Messages, c.Views = slices.Clone(h.Log), slices.Clone(h.Messages), []*history.View{&copied}
			if pairIn(&c) >= 0 {
				return &c
			}
		}
	}
	t.Fatal("no history is long enough")
	return nil
}

// pairIn is the first of two messages in a row of one sender, of which the second was sent after the first was
// acknowledged, among what the view has; -1 when there are none.
func pairIn(h *history.Conversation) int {
	written := map[string]*history.Message{}
	for _, m := range h.Messages {
		written[m.Text] = m
	}
	for i := int(h.Views[0].After); i+1 < len(h.Log); i++ {
		one, ok := h.Log[i].Kind.(chat.MessagePosted)
		other, also := h.Log[i+1].Kind.(chat.MessagePosted)
		if !ok || !also || h.Log[i].ParticipantID != h.Log[i+1].ParticipantID {
			continue
		}
		first, second := written[one.Text], written[other.Text]
		if len(first.Sequences) > 0 && len(second.Sequences) > 0 && first.Acked.Before(second.Sent) {
			return i
		}
	}
	return -1
}

// handed is where in the view the first of the pair is.
func handed(h *history.Conversation) int { return pairIn(h) - int(h.Views[0].After) }

var mutations = []struct {
	name, kind string
	mutate     func(*history.Conversation)
}{
	{"lost from the store", history.Lost, func(h *history.Conversation) {
		i := pairIn(h)
		h.Log = slices.Delete(h.Log, i, i+1)
		renumber(h)
	}},
	{"doubled in the store", history.Doubled, func(h *history.Conversation) {
		i := pairIn(h)
		h.Log = slices.Insert(h.Log, i, h.Log[i])
		renumber(h)
	}},
	{"swapped in the store, and the answers with it", history.Reordered, func(h *history.Conversation) {
		i := pairIn(h)
		h.Log[i].Kind, h.Log[i+1].Kind = h.Log[i+1].Kind, h.Log[i].Kind
		one, other := h.Log[i].Kind.(chat.MessagePosted).Text, h.Log[i+1].Kind.(chat.MessagePosted).Text
		for at, m := range h.Messages {
			changed := *m
			switch m.Text {
			case one:
				changed.Sequences = []int32{int32(i + 1)}
			case other:
				changed.Sequences = []int32{int32(i + 2)}
			}
			h.Messages[at] = &changed
		}
		h.Views, h.State = nil, nil
	}},
	{"lost on the way to a follower", history.Skipped, func(h *history.Conversation) {
		v, i := h.Views[0], handed(h)
		v.Events = slices.Delete(v.Events, i, i+1)
	}},
	{"doubled on the way to a follower", history.Skipped, func(h *history.Conversation) {
		v, i := h.Views[0], handed(h)
		v.Events = slices.Insert(v.Events, i, v.Events[i])
	}},
	{"swapped on the way to a follower", history.Skipped, func(h *history.Conversation) {
		e, i := h.Views[0].Events, handed(h)
		e[i], e[i+1] = e[i+1], e[i]
	}},
	{"a foreign event", history.Changed, func(h *history.Conversation) {
		foreign := h.Log[pairIn(h)]
		foreign.Kind = chat.MessagePosted{Text: "not yours"}
		h.Views[0].Events[handed(h)] = history.FromStore(foreign)
	}},
	{"a stranger at the desk", history.Foreign, func(h *history.Conversation) { h.Views[0].Viewer = "eve" }},
}

func renumber(h *history.Conversation) {
	for i := range h.Log {
		h.Log[i].Sequence = int32(i + 1)
	}
	h.Views, h.State = nil, nil
}

func samples(usage ...kuplad.Usage) []Sample {
	var all []Sample
	for i, u := range usage {
		all = append(all, Sample{At: float64(i), Usage: u})
	}
	return all
}

// A leak is found, and a wobble is none.
func TestFlatness(t *testing.T) {
	even := kuplad.Usage{Resident: 80 << 20, Heap: 20 << 20, Goroutines: 500, Descriptors: 120}
	for _, test := range []struct {
		name string
		last kuplad.Usage
		over string
	}{
		{"the same", even, ""},
		{"a wobble", kuplad.Usage{Resident: 90 << 20, Heap: 22 << 20, Goroutines: 530, Descriptors: 130}, ""},
		{"less", kuplad.Usage{Resident: 1, Heap: 1, Goroutines: 1, Descriptors: 1}, ""},
		{"heap", kuplad.Usage{Resident: 80 << 20, Heap: 27 << 20, Goroutines: 500, Descriptors: 120}, "heap_bytes"},
		{"memory", kuplad.Usage{Resident: 120 << 20, Heap: 20 << 20, Goroutines: 500, Descriptors: 120}, "resident_bytes"},
		{"goroutines", kuplad.Usage{Resident: 80 << 20, Heap: 20 << 20, Goroutines: 600, Descriptors: 120}, "goroutines"},
		{"descriptors", kuplad.Usage{Resident: 80 << 20, Heap: 20 << 20, Goroutines: 500, Descriptors: 160}, "descriptors"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var over []string
			for _, f := range flatness(samples(even, even, even, even, test.last, test.last), 1) {
				if f.After > f.Bound {
					over = append(over, f.What)
				}
			}
			if got := strings.Join(over, " "); got != test.over {
				t.Errorf("over their bounds: %q, want %q", got, test.over)
			}
		})
	}
	if found := checkRestarts(samples(even, even, even, even, kuplad.Usage{Heap: 200 << 20}, kuplad.Usage{Heap: 200 << 20})); len(found) != 1 {
		t.Errorf("a heap that grows from start to start: found %v", found)
	}
}

// What the server's clock showed is brought back to when it was, to all times that it can have been.
func TestClock(t *testing.T) {
	begun := time.Now()
	c := &clock{epochs: []epoch{
		{start: begun.Add(-40 * time.Second)},
		{start: begun.Add(-30 * time.Second), offset: time.Hour},
		{start: begun.Add(-20 * time.Second), offset: -5 * time.Second},
	}}
	for _, test := range []struct {
		shown            time.Duration
		earliest, latest time.Duration
		ok               bool
	}{
		{-35 * time.Second, -35 * time.Second, -35 * time.Second, true},
		{time.Hour - 25*time.Second, -25 * time.Second, -25 * time.Second, true},
		{-15 * time.Second, -10 * time.Second, -10 * time.Second, true},
		// Shown at 25 s ago would be shown again 20 s ago; the clock had left it 5 s before, but may not have noticed.
		{-25 * time.Second, -20 * time.Second, -20 * time.Second, true},
		{-2 * time.Hour, 0, 0, false},
		{time.Hour, 0, 0, false},
	} {
		t.Run(test.shown.String(), func(t *testing.T) {
			got, ok := c.when(begun.Add(test.shown))
			if ok != test.ok {
				t.Fatalf("ok is %t", ok)
			}
			if !ok {
				return
			}
			if earliest, latest := got.Earliest.Sub(begun), got.Latest.Sub(begun); earliest != test.earliest || latest != test.latest {
				t.Errorf("from %s to %s, want %s to %s", earliest, latest, test.earliest, test.latest)
			}
		})
	}
}
