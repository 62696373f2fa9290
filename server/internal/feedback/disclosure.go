package feedback

import "math"

// maxScores is how many different scores a question has at most: 0 to 10.
const maxScores = 11

// table is how many gave each score to one question.
type table struct {
	kind  Kind
	count [maxScores]int // by score
}

// published is what is told of a table beside how many are in it.
type published struct {
	// mean tells the sum of the scores, since the number of people is told.
	mean bool
	// balance tells how many more promoters there are than detractors, for the same reason.
	balance bool
	// cell tells how many gave a score.
	cell [maxScores]bool
}

// group is the part that a score has in the net promoter score.
type group int

const (
	passive group = iota
	promoter
	detractor
	groups // how many there are
)

func groupOf(score int) group {
	switch {
	case score >= 9:
		return promoter
	case score >= 7:
		return passive
	default:
		return detractor
	}
}

// weight is what somebody of the group adds to the balance.
func (g group) weight() int {
	switch g {
	case promoter:
		return 1
	case detractor:
		return -1
	default:
		return 0
	}
}

func (t *table) people() int {
	people := 0
	for _, count := range t.count {
		people += count
	}
	return people
}

func (t *table) sum() int {
	sum := 0
	for score, count := range t.count {
		sum += score * count
	}
	return sum
}

func (t *table) balance() int {
	balance := 0
	for score, count := range t.count {
		balance += groupOf(score).weight() * count
	}
	return balance
}

// publish decides what is told of a table of at least MinCell people: the first of what is described in the
// package's documentation that gives no small count away.
func (t *table) publish() published {
	var p published
	p.mean = true
	p.balance = t.kind == Recommendation
	for score, count := range t.count {
		p.cell[score] = count >= MinCell
	}
	for !t.safe(p) {
		smallest := -1
		for score, shown := range p.cell {
			if shown && (smallest < 0 || t.count[score] < t.count[smallest]) {
				smallest = score
			}
		}
		switch {
		case smallest >= 0:
			p.cell[smallest] = false
		case p.mean:
			// The net promoter score says more about a recommendation than the mean, and gives less away.
			p.mean = false
		default:
			p.balance = false
			return p
		}
	}
	return p
}

// safe reports whether no small count follows from what is told.
func (t *table) safe(p published) bool {
	hidden, largestHidden, smallestShown := 0, 0, math.MaxInt
	for score, count := range t.count {
		if p.cell[score] {
			smallestShown = min(smallestShown, count)
		} else {
			hidden += count
			largestHidden = max(largestHidden, count)
		}
	}
	nothingToGoBy := !p.mean && !p.balance && smallestShown == math.MaxInt
	switch {
	case hidden == 0 || nothingToGoBy:
		return true
	case hidden < MinCell:
		return false
	}
	// How large a hidden cell may be for all that a reader knows. When every large one is shown: small. When
	// some had to be hidden, they were the smallest.
	limit := smallestShown
	if largestHidden < MinCell {
		limit = MinCell - 1
	}

	var blurredScore [maxScores]bool
	var blurredGroup [groups]bool
	t.moves(p, limit, func(change [maxScores]int) {
		var moved [groups]int
		for score, by := range change {
			if by != 0 {
				blurredScore[score] = true
			}
			moved[groupOf(score)] += by
		}
		for g, by := range moved {
			if by != 0 {
				blurredGroup[g] = true
			}
		}
	})

	var inGroup [groups]int
	for score, count := range t.count {
		inGroup[groupOf(score)] += count
		if small(count) && !blurredScore[score] {
			return false
		}
	}
	if t.kind == Recommendation {
		for g, count := range inGroup {
			if small(count) && !blurredGroup[g] {
				return false
			}
		}
	}
	return true
}

// small reports whether a count must not be known. Zero may be: it is about nobody.
func small(count int) bool { return count > 0 && count < MinCell }

// moves finds every change of two people's hidden answers, or of one's, that leaves what is told as it is and no
// hidden cell larger than limit.
func (t *table) moves(p published, limit int, found func(change [maxScores]int)) {
	low, high := t.kind.scores()
	for a := low; a <= high; a++ {
		for b := a; b <= high; b++ {
			for c := low; c <= high; c++ {
				for d := c; d <= high; d++ {
					if p.mean && a+b != c+d {
						continue
					}
					if p.balance &&
						groupOf(a).weight()+groupOf(b).weight() != groupOf(c).weight()+groupOf(d).weight() {
						continue
					}
					var change [maxScores]int
					change[a]--
					change[b]--
					change[c]++
					change[d]++
					if t.allows(p, limit, change) {
						found(change)
					}
				}
			}
		}
	}
}

// allows reports whether the table could be changed so: only in hidden cells, to counts from 0 to limit.
func (t *table) allows(p published, limit int, change [maxScores]int) bool {
	for score, by := range change {
		if by == 0 {
			continue
		}
		if after := t.count[score] + by; p.cell[score] || after < 0 || after > limit {
			return false
		}
	}
	return true
}
