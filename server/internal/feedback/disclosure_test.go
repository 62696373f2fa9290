package feedback

import (
	"fmt"
	"testing"
)

// told is everything that a reader of a summary knows of a table.
type told struct {
	what                 published
	people, sum, balance int
	count                [maxScores]int
}

func tell(t *table) told {
	v := told{what: t.publish(), people: t.people()}
	if v.what.mean {
		v.sum = t.sum()
	}
	if v.what.balance {
		v.balance = t.balance()
	}
	for score, shown := range v.what.cell {
		if shown {
			v.count[score] = t.count[score]
		}
	}
	return v
}

// fits reports whether a table could be the one told of. The reader knows that the smallest cells are hidden
// first, so that no hidden one is larger than one that is shown.
func (v *told) fits(t *table) bool {
	limit := v.people
	for score, shown := range v.what.cell {
		if shown {
			limit = min(limit, v.count[score])
		}
	}
	for score, shown := range v.what.cell {
		if shown && t.count[score] != v.count[score] || !shown && t.count[score] > limit {
			return false
		}
	}
	return (!v.what.mean || t.sum() == v.sum) && (!v.what.balance || t.balance() == v.balance)
}

// secrets are what a table holds that must not be known when it is small: cells, and for a recommendation the
// groups of the net promoter score.
func secrets(t *table) []int {
	all := append([]int(nil), t.count[:]...)
	if t.kind != Recommendation {
		return all
	}
	var inGroup [groups]int
	for score, count := range t.count {
		inGroup[groupOf(score)] += count
	}
	return append(all, inGroup[:]...)
}

// tables makes every table of so many people.
func tables(kind Kind, people int) []table {
	low, high := kind.scores()
	var all []table
	var fill func(into table, score, left int)
	fill = func(into table, score, left int) {
		if score == high {
			into.count[score] = left
			all = append(all, into)
			return
		}
		for n := range left + 1 {
			into.count[score] = n
			fill(into, score+1, left-n)
		}
	}
	fill(table{kind: kind}, low, people)
	return all
}

// TestNothingSmallFollows holds what is told of every table of so many people against every table that it could
// have been told of: no small count may be the same in all of them.
func TestNothingSmallFollows(t *testing.T) {
	tests := []struct {
		kind   Kind
		people []int
	}{
		{Statement, []int{5, 6, 7, 8, 9, 10, 11, 12}},
		{Recommendation, []int{5, 6}},
	}
	for _, test := range tests {
		for _, people := range test.people {
			t.Run(fmt.Sprintf("%v of %d", test.kind, people), func(t *testing.T) {
				all := tables(test.kind, people)
				views := map[told]bool{}
				for i := range all {
					views[tell(&all[i])] = true
				}
				for v := range views {
					var first []int
					var known []bool
					for i := range all {
						if !v.fits(&all[i]) {
							continue
						}
						counts := secrets(&all[i])
						if first == nil {
							first, known = counts, make([]bool, len(counts))
							for j := range known {
								known[j] = true
							}
						}
						for j, count := range counts {
							known[j] = known[j] && count == first[j]
						}
					}
					if first == nil {
						t.Fatalf("%+v fits no table", v)
					}
					for j, count := range first {
						if known[j] && small(count) {
							t.Errorf("%+v: count %d is known to be %d", v, j, count)
						}
					}
				}
			})
		}
	}
}
