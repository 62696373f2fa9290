package queue

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var morning = time.Date(2026, 9, 7, 5, 0, 0, 0, time.UTC)

// entry is a conversation that arrived so many seconds after the morning began.
func entry(id string, second int, version int64) Entry {
	return Entry{ConversationID: id, Arrival: morning.Add(time.Duration(second) * time.Second), Version: version, Language: "fi"}
}

// ids returns the conversations in order, after checking that all ways of asking agree.
func ids(t testing.TB, l *Line) string {
	t.Helper()
	var all []string
	for position, e := range l.All() {
		all = append(all, e.ConversationID)
		if position != len(all) {
			t.Fatalf("All: position %d, want %d", position, len(all))
		}
		if got, ok := l.Place(e.ConversationID); !ok || got != position {
			t.Fatalf("Place(%q): %d, %v, want %d", e.ConversationID, got, ok, position)
		}
		if got, ok := l.Get(e.ConversationID); !ok || got != e {
			t.Fatalf("Get(%q): %+v, %v, want %+v", e.ConversationID, got, ok, e)
		}
	}
	if l.Len() != len(all) {
		t.Fatalf("Len: %d, want %d", l.Len(), len(all))
	}
	oldest, ok := l.Oldest()
	if ok != (len(all) > 0) || ok && oldest.ConversationID != all[0] {
		t.Fatalf("Oldest: %+v, %v", oldest, ok)
	}
	for n, e := range l.Head(3) {
		if e.ConversationID != all[n] {
			t.Fatalf("Head: %d is %q, want %q", n, e.ConversationID, all[n])
		}
	}
	return strings.Join(all, " ")
}

func checkIDs(t testing.TB, l *Line, want string) {
	t.Helper()
	if got := ids(t, l); got != want {
		t.Fatalf("line %q, want %q", got, want)
	}
}

func TestLineOrder(t *testing.T) {
	t.Parallel()
	l := NewLine()
	checkIDs(t, l, "")
	for _, e := range []Entry{entry("d", 3, 1), entry("c", 1, 1), entry("b", 2, 1), entry("a", 2, 1)} {
		if !l.Apply(e) {
			t.Fatalf("%q was not taken in", e.ConversationID)
		}
	}
	checkIDs(t, l, "c a b d") // a and b arrived at once: by id.
	if _, ok := l.Place("x"); ok {
		t.Error("somebody unknown has a place")
	}
	if _, ok := l.Get("x"); ok {
		t.Error("somebody unknown has an entry")
	}
	if got := l.Head(99); len(got) != 4 {
		t.Errorf("Head(99) has %d", len(got))
	}
	if got := l.Head(-1); len(got) != 0 {
		t.Errorf("Head(-1) has %d", len(got))
	}
}

// Somebody taken comes back to the place their arrival gives, in the middle.
func TestLineReturn(t *testing.T) {
	t.Parallel()
	l := NewLine()
	for i, id := range []string{"a", "b", "c", "d"} {
		l.Apply(entry(id, i, 1))
	}
	if !l.Leave("b", 2) {
		t.Error("b did not leave")
	}
	checkIDs(t, l, "a c d")
	back := entry("b", 1, 3)
	back.Transferred = true
	if !l.Apply(back) {
		t.Error("b did not come back")
	}
	checkIDs(t, l, "a b c d")
	if got, _ := l.Get("b"); !got.Transferred {
		t.Error("b is not marked as transferred")
	}
}

func TestLineIgnoresWhatIsStale(t *testing.T) {
	t.Parallel()
	l := NewLine()
	l.Apply(entry("a", 1, 5))
	if l.Apply(entry("a", 9, 5)) || l.Apply(entry("a", 9, 4)) {
		t.Error("an entry no newer was taken in")
	}
	if l.Leave("a", 5) || l.Leave("a", 4) {
		t.Error("a leaving no newer was taken in")
	}
	if got, _ := l.Get("a"); got != entry("a", 1, 5) {
		t.Errorf("a is %+v", got)
	}
	if !l.Leave("a", 6) || l.Leave("a", 6) {
		t.Error("a leaves once")
	}
	if l.Apply(entry("a", 1, 5)) || l.Apply(entry("a", 1, 6)) {
		t.Error("an entry from before the leaving was taken in")
	}
	// A leaving that overtakes its entry.
	if l.Leave("b", 3) {
		t.Error("b was not in the line and changed it")
	}
	if l.Apply(entry("b", 1, 2)) {
		t.Error("b's entry came after its leaving and was taken in")
	}
	checkIDs(t, l, "")
	if !l.Apply(entry("b", 1, 4)) {
		t.Error("b came back and was not taken in")
	}
	checkIDs(t, l, "b")
}

func TestLineMarkTellsChanges(t *testing.T) {
	t.Parallel()
	l := NewLine()
	l.Apply(entry("a", 1, 1))
	mark := l.Mark()
	l.Apply(entry("a", 1, 1))
	l.Leave("a", 1)
	if l.Replace([]Entry{entry("a", 1, 1)}, mark) {
		t.Error("reading the same again changed the line")
	}
	if l.Mark() != mark {
		t.Error("nothing changed and the mark moved")
	}
	l.Leave("a", 2)
	if l.Mark() == mark {
		t.Error("a left and the mark stayed")
	}
}

func TestLineReplace(t *testing.T) {
	t.Parallel()
	filled := func() *Line {
		l := NewLine()
		for i, id := range []string{"a", "b", "c"} {
			l.Apply(entry(id, i, 1))
		}
		return l
	}

	t.Run("mends what was missed", func(t *testing.T) {
		t.Parallel()
		l := filled()
		mark := l.Mark()
		if !l.Replace([]Entry{entry("a", 0, 1), entry("b", 7, 2), entry("d", 3, 1)}, mark) {
			t.Error("changed nothing")
		}
		checkIDs(t, l, "a d b")
		// What is gone stays gone when its entry comes once more.
		if l.Apply(entry("c", 2, 1)) {
			t.Error("c came back by a stale entry")
		}
	})
	t.Run("keeps who began to wait meanwhile", func(t *testing.T) {
		t.Parallel()
		l := filled()
		mark := l.Mark()
		l.Apply(entry("d", 3, 1))
		l.Replace([]Entry{entry("a", 0, 1), entry("b", 1, 1), entry("c", 2, 1)}, mark)
		checkIDs(t, l, "a b c d")
	})
	t.Run("keeps away who left meanwhile", func(t *testing.T) {
		t.Parallel()
		l := filled()
		mark := l.Mark()
		l.Leave("b", 2)
		l.Replace([]Entry{entry("a", 0, 1), entry("b", 1, 1), entry("c", 2, 1)}, mark)
		checkIDs(t, l, "a c")
	})
	t.Run("takes the newer of two changes meanwhile", func(t *testing.T) {
		t.Parallel()
		l := filled()
		mark := l.Mark()
		l.Leave("b", 2)
		l.Apply(entry("a", 8, 2))
		l.Replace([]Entry{entry("a", 9, 3), entry("b", 1, 3), entry("c", 2, 1)}, mark)
		checkIDs(t, l, "b c a")
		if got, _ := l.Get("a"); got != entry("a", 9, 3) {
			t.Errorf("a is %+v", got)
		}
	})
	t.Run("believes the store in what was known before", func(t *testing.T) {
		t.Parallel()
		// A store put back from a backup has older versions. What it says is what is.
		l := filled()
		l.Apply(entry("a", 5, 9))
		l.Leave("b", 9)
		l.Replace([]Entry{entry("a", 0, 1), entry("b", 1, 1)}, l.Mark())
		checkIDs(t, l, "a b")
	})
	t.Run("two reads finish in the wrong order", func(t *testing.T) {
		t.Parallel()
		l := filled()
		first := l.Mark()
		l.Apply(entry("d", 3, 1))
		second := l.Mark()
		// Between the reads, a leaves and e comes; neither was told.
		l.Replace([]Entry{entry("b", 1, 1), entry("c", 2, 1), entry("d", 3, 1), entry("e", 4, 1)}, second)
		l.Replace([]Entry{entry("a", 0, 1), entry("b", 1, 1), entry("c", 2, 1)}, first)
		checkIDs(t, l, "b c d e")
	})
	t.Run("by nobody", func(t *testing.T) {
		t.Parallel()
		l := filled()
		l.Replace(nil, l.Mark())
		checkIDs(t, l, "")
	})
}

func TestLineNext(t *testing.T) {
	t.Parallel()
	l := NewLine()
	for i, language := range []string{"fi", "sv", "sv", "en"} {
		e := entry(fmt.Sprint(i), i, 1)
		e.Language = language
		l.Apply(e)
	}
	away := map[string]bool{"1": true}
	next, ok := l.Next(func(e Entry) bool { return e.Language == "sv" && !away[e.ConversationID] })
	if !ok || next.ConversationID != "2" {
		t.Errorf("got %+v, %v, want 2", next, ok)
	}
	if next, ok := l.Next(func(e Entry) bool { return e.Language == "so" }); ok {
		t.Errorf("got %+v, want nobody", next)
	}
}

func TestLineWaitingFrom(t *testing.T) {
	t.Parallel()
	l := NewLine()
	from := func(id, origin string, version int64) Entry {
		e := entry(id, 1, version)
		e.Origin = origin
		return e
	}
	l.Apply(from("a", "n1", 1))
	l.Apply(from("b", "n1", 1))
	l.Apply(from("c", "", 1))
	if n := l.WaitingFrom("n1"); n != 2 {
		t.Errorf("n1: %d, want 2", n)
	}
	if n := l.WaitingFrom(""); n != 0 {
		t.Errorf("no origin: %d, want 0", n)
	}
	l.Apply(from("b", "n2", 2))
	l.Leave("a", 2)
	if n, m := l.WaitingFrom("n1"), l.WaitingFrom("n2"); n != 0 || m != 1 {
		t.Errorf("n1: %d, n2: %d, want 0 and 1", n, m)
	}
	l.Replace(nil, l.Mark())
	if len(l.origins) != 0 {
		t.Errorf("origins of nobody: %v", l.origins)
	}
}

// The number of leavings remembered is bounded, and the latest are among them.
func TestLineForgetsOldLeavings(t *testing.T) {
	t.Parallel()
	l := NewLine()
	name := func(i int) string { return fmt.Sprint("c", i) }
	const many = 5 * forgetAfter
	for i := range many {
		l.Apply(entry(name(i), i, 1))
		l.Leave(name(i), 2)
		if n := len(l.left) + len(l.leftBefore); n > 2*forgetAfter {
			t.Fatalf("%d leavings remembered", n)
		}
	}
	for i := many - forgetAfter; i < many; i++ {
		if l.Apply(entry(name(i), i, 1)) {
			t.Fatalf("leaving %d of %d is forgotten", i, many)
		}
	}
	checkIDs(t, l, "")
}

// TestLineMonotonicClock: arrivals are ordered by their time, not by a reading of the monotonic clock that one
// of them happens to carry.
func TestLineMonotonicClock(t *testing.T) {
	t.Parallel()
	l := NewLine()
	e := entry("a", 0, 1)
	e.Arrival = time.Now()
	l.Apply(e)
	if got, _ := l.Get("a"); got.Arrival != e.Arrival.Round(0) {
		t.Errorf("kept as %v", got.Arrival)
	}
}

// naiveLine is a line without cleverness: everything that was learnt, in one map that forgets nothing.
type naiveLine struct {
	known map[string]naiveFact
	clock int
}

type naiveFact struct {
	entry   Entry
	waits   bool
	version int64
	learnt  int
}

func (n *naiveLine) learn(id string, fact naiveFact) bool {
	if before, ok := n.known[id]; ok && fact.version <= before.version {
		return false
	}
	n.clock++
	fact.learnt = n.clock
	n.known[id] = fact
	return true
}

func (n *naiveLine) replace(read []Entry, mark int) {
	n.clock++
	for id, fact := range n.known {
		i := slices.IndexFunc(read, func(e Entry) bool { return e.ConversationID == id })
		switch {
		case i >= 0 && fact.waits && fact.entry == read[i]:
			// Nothing new. That it is confirmed does not make it newer than the mark: a later read that began at
			// the same mark may find it gone.
		case i < 0 && fact.waits && fact.learnt <= mark:
			n.known[id] = naiveFact{version: fact.version, learnt: n.clock}
		case i >= 0 && (fact.learnt <= mark || read[i].Version > fact.version):
			n.known[id] = naiveFact{entry: read[i], waits: true, version: read[i].Version, learnt: n.clock}
		}
	}
	for _, e := range read {
		if _, ok := n.known[e.ConversationID]; !ok {
			n.known[e.ConversationID] = naiveFact{entry: e, waits: true, version: e.Version, learnt: n.clock}
		}
	}
}

func (n *naiveLine) order() []Entry {
	var all []Entry
	for _, fact := range n.known {
		if fact.waits {
			all = append(all, fact.entry)
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		if a.Arrival.Equal(b.Arrival) {
			return strings.Compare(a.ConversationID, b.ConversationID)
		}
		return a.Arrival.Compare(b.Arrival)
	})
	return all
}

func checkAgainstNaive(t testing.TB, l *Line, n *naiveLine) {
	t.Helper()
	want := n.order()
	var got []Entry
	for _, e := range l.All() {
		got = append(got, e)
	}
	if !slices.Equal(want, got) {
		t.Fatalf("line (-naive +line):\n%s", cmp.Diff(want, got))
	}
	ids(t, l)
	origins := map[string]int{}
	for _, e := range want {
		origins[e.Origin]++
	}
	delete(origins, "")
	if !maps.Equal(origins, l.origins) {
		t.Fatalf("origins %v, want %v", l.origins, origins)
	}
}

// FuzzLine reads operations from bytes and compares the line with a naive one after each.
func FuzzLine(f *testing.F) {
	f.Add([]byte{0, 1, 1, 1, 0, 2, 1, 1, 1, 1, 2, 0})                   // Two come, one leaves.
	f.Add([]byte{0, 1, 5, 1, 2, 0, 0, 0, 0, 2, 7, 2, 3, 3, 1, 9})       // A read that races with an arrival.
	f.Add([]byte{0, 1, 1, 1, 2, 0, 0, 0, 1, 1, 2, 0, 3, 1, 1, 1})       // A read that races with a leaving.
	f.Add([]byte{1, 3, 9, 0, 0, 3, 1, 8, 0, 3, 1, 10, 2, 0, 0, 0, 3})   // A leaving that overtakes.
	f.Add([]byte{0, 1, 1, 9, 2, 0, 0, 0, 3, 1, 1, 2, 0, 1, 3, 9, 3, 0}) // A store that went back.
	f.Fuzz(func(t *testing.T, operations []byte) {
		l, n := NewLine(), &naiveLine{known: map[string]naiveFact{}}
		var mark Mark
		naiveMark := 0
		decode := func(b []byte) Entry {
			e := entry(string('a'+rune(b[0]%8)), int(b[1]%16), int64(b[2]%16))
			e.Origin = []string{"", "n1", "n2"}[b[1]%3]
			e.Transferred = b[2]%2 == 1
			return e
		}
		for len(operations) >= 4 {
			kind, rest := operations[0]%4, operations[1:]
			e := decode(rest)
			operations = operations[4:]
			switch kind {
			case 0:
				want := n.learn(e.ConversationID, naiveFact{entry: e, waits: true, version: e.Version})
				if got := l.Apply(e); got != want {
					t.Fatalf("Apply(%+v): %v, want %v", e, got, want)
				}
			case 1:
				want := n.known[e.ConversationID].waits
				want = n.learn(e.ConversationID, naiveFact{version: e.Version}) && want
				if got := l.Leave(e.ConversationID, e.Version); got != want {
					t.Fatalf("Leave(%q, %d): %v, want %v", e.ConversationID, e.Version, got, want)
				}
			case 2:
				mark, naiveMark = l.Mark(), n.clock
			case 3:
				// As many of the bytes that follow as the entry's version says are what was read.
				var read []Entry
				for i := int64(0); i < e.Version && len(operations) >= 3; i++ {
					one := decode(operations)
					operations = operations[3:]
					if !slices.ContainsFunc(read, func(e Entry) bool { return e.ConversationID == one.ConversationID }) {
						read = append(read, one)
					}
				}
				before := n.order()
				n.replace(read, naiveMark)
				changed := l.Replace(read, mark)
				if want := !slices.Equal(before, n.order()); want && !changed {
					t.Fatal("Replace changed the line and did not say so")
				}
			}
			checkAgainstNaive(t, l, n)
		}
	})
}

// TestLineFollowsTheStore plays a store whose changes reach the line late, twice, out of order or not at all,
// and reads that take a while. The line never goes back on what it knows of a conversation while nothing is
// read, and is exactly the store after a read that nothing raced with.
func TestLineFollowsTheStore(t *testing.T) {
	t.Parallel()
	type row struct {
		entry Entry
		waits bool
	}
	rapid.Check(t, func(t *rapid.T) {
		l := NewLine()
		store := map[string]row{}
		var underway []row
		type reading struct {
			mark    Mark
			entries []Entry
			done    bool
		}
		var read *reading
		snapshot := func() []Entry {
			var all []Entry
			for _, r := range store {
				if r.waits {
					all = append(all, r.entry)
				}
			}
			return all
		}
		deliver := func(r row) {
			if r.waits {
				l.Apply(r.entry)
			} else {
				l.Leave(r.entry.ConversationID, r.entry.Version)
			}
		}
		change := func(t *rapid.T) {
			id := rapid.StringMatching("[a-f]").Draw(t, "id")
			r := store[id]
			if r.entry.Version == 0 {
				r.entry = entry(id, rapid.IntRange(0, 20).Draw(t, "arrival"), 0)
			} else if rapid.Bool().Draw(t, "moves") {
				r.waits = !r.waits
			}
			if r.entry.Version == 0 {
				r.waits = true
			}
			r.entry.Version++
			store[id] = r
			if rapid.IntRange(0, 3).Draw(t, "missed") > 0 {
				underway = append(underway, r)
			}
		}
		newest := map[string]int64{}
		t.Repeat(map[string]func(*rapid.T){
			"change": change,
			"deliver": func(t *rapid.T) {
				if len(underway) == 0 {
					t.Skip("nothing under way")
				}
				i := rapid.IntRange(0, len(underway)-1).Draw(t, "which")
				deliver(underway[i])
				if rapid.Bool().Draw(t, "once") {
					underway = slices.Delete(underway, i, i+1)
				}
			},
			"begin read": func(*rapid.T) { read = &reading{mark: l.Mark()} },
			"read": func(t *rapid.T) {
				if read == nil || read.done {
					t.Skip("no read under way")
				}
				read.entries, read.done = snapshot(), true
			},
			"replace": func(t *rapid.T) {
				if read == nil || !read.done {
					t.Skip("nothing read")
				}
				l.Replace(read.entries, read.mark)
				read = nil
			},
			"": func(t *rapid.T) {
				for _, e := range l.All() {
					if e.Version < newest[e.ConversationID] {
						t.Fatalf("%q went back from version %d to %d", e.ConversationID, newest[e.ConversationID], e.Version)
					}
					newest[e.ConversationID] = e.Version
					if e.Version > store[e.ConversationID].entry.Version {
						t.Fatalf("%+v is newer than the store", e)
					}
				}
			},
		})
		for _, r := range underway {
			deliver(r)
		}
		l.Replace(snapshot(), l.Mark())
		want := snapshot()
		slices.SortFunc(want, Entry.Compare)
		if got := l.Head(l.Len()); !slices.Equal(got, want) {
			t.Fatalf("line %v, want %v", got, want)
		}
	})
}

// longLine is a line of 10,000, and the ids in order.
func longLine() (*Line, []string) {
	const n = 10_000
	l := NewLine()
	all := make([]string, n)
	for i := range n {
		all[i] = fmt.Sprintf("0197f0c0-0000-7000-8000-%012d", i)
		l.Apply(entry(all[i], i, 1))
	}
	return l, all
}

func BenchmarkLinePlace(b *testing.B) {
	l, all := longLine()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok := l.Place(all[i%len(all)]); !ok {
			b.Fatal("no place")
		}
		i += 7919
	}
}

func BenchmarkLineAll(b *testing.B) {
	l, _ := longLine()
	b.ReportAllocs()
	for b.Loop() {
		sum := 0
		for position := range l.All() {
			sum += position
		}
		if sum == 0 {
			b.Fatal("nobody")
		}
	}
}

// BenchmarkLineTake takes the first of 10,000 and lets another arrive.
func BenchmarkLineTake(b *testing.B) {
	l, _ := longLine()
	b.ReportAllocs()
	i := 10_000
	for b.Loop() {
		first, _ := l.Oldest()
		l.Leave(first.ConversationID, 2)
		l.Apply(entry(fmt.Sprintf("0197f0c0-0000-7000-8000-%012d", i), i, 1))
		i++
	}
}

// BenchmarkLineReplace reads again a line of 10,000 in which nothing has changed, as happens every few seconds.
func BenchmarkLineReplace(b *testing.B) {
	l, _ := longLine()
	read := l.Head(l.Len())
	b.ReportAllocs()
	for b.Loop() {
		l.Replace(read, l.Mark())
	}
}
