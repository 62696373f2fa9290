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

// candidate is a table that something told may be about.
type candidate struct {
	table
	sum, balance int
	// secrets are what must not be known when it is small: cells, and for a recommendation the groups of the net
	// promoter score.
	secrets []int
}

func candidateOf(t table) candidate {
	c := candidate{table: t, sum: t.sum(), balance: t.balance(), secrets: append([]int(nil), t.count[:]...)}
	if t.kind == Recommendation {
		var inGroup [groups]int
		for score, count := range t.count {
			inGroup[groupOf(score)] += count
		}
		c.secrets = append(c.secrets, inGroup[:]...)
	}
	return c
}

// fits reports whether a table could be the one told of. The reader knows that the smallest cells are hidden
// first, so that no hidden one is larger than one that is shown.
func (v *told) fits(c *candidate) bool {
	if v.what.mean && c.sum != v.sum || v.what.balance && c.balance != v.balance {
		return false
	}
	limit := v.people
	for score, shown := range v.what.cell {
		if shown {
			limit = min(limit, v.count[score])
		}
	}
	for score, shown := range v.what.cell {
		if shown && c.count[score] != v.count[score] || !shown && c.count[score] > limit {
			return false
		}
	}
	return true
}

// tables makes every table of so many people.
func tables(kind Kind, people int) []candidate {
	low, high := kind.scores()
	var all []candidate
	var fill func(into table, score, left int)
	fill = func(into table, score, left int) {
		if score == high {
			into.count[score] = left
			all = append(all, candidateOf(into))
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
		{Statement, []int{5, 6, 7, 8, 9, 10, 11}},
		{Recommendation, []int{5, 6}},
	}
	for _, test := range tests {
		for _, people := range test.people {
			t.Run(fmt.Sprintf("%v of %d", test.kind, people), func(t *testing.T) {
				all := tables(test.kind, people)
				views := map[told]bool{}
				for i := range all {
					views[tell(&all[i].table)] = true
				}
				for v := range views {
					var first []int
					var known []bool
					for i := range all {
						if !v.fits(&all[i]) {
							continue
						}
						counts := all[i].secrets
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
