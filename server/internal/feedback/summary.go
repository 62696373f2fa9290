package feedback

import "slices"

// MinCell is the smallest number of people of whom a count is told. Smaller ones are hidden; see the package's
// documentation.
const MinCell = 5

// Summary sums up the responses about one queue, with what must be hidden left out.
type Summary struct {
	// Responses is how many responded; 0 when fewer than MinCell did.
	Responses int
	// Questions are the questions, in the order of the survey.
	Questions []QuestionSummary
}

// QuestionSummary sums up the answers to one question.
type QuestionSummary struct {
	Question Question
	// Scores is how many gave a score; 0 when fewer than MinCell did.
	Scores int
	// Mean is the mean of the scores; nil when hidden.
	Mean *float64
	// NetPromoterScore is, for a recommendation, the percentage of 9–10 less that of 0–6, from -100 to 100;
	// nil when hidden.
	NetPromoterScore *float64
	// Counts is how many gave each score, by score; those hidden and those nobody gave are left out.
	Counts []ScoreCount
	// CannotSay is how many could not say; 0 when fewer than MinCell.
	CannotSay int
	// Texts is how many wrote an open answer; 0 when fewer than MinCell.
	Texts int
}

// ScoreCount is how many gave one score.
type ScoreCount struct {
	Score, Count int
}

// Summarize sums up the responses. Answers that do not fit a question, as when the survey has changed since
// they were given, are not counted; the response that they are in is. Of two answers to one question the
// first counts.
func Summarize(survey Survey, responses []Response) Summary {
	summary := Summary{Questions: make([]QuestionSummary, len(survey.Questions))}
	for i, q := range survey.Questions {
		summary.Questions[i].Question = q
	}
	if len(responses) < MinCell {
		return summary
	}
	summary.Responses = len(responses)
	for i, q := range survey.Questions {
		summarize(&summary.Questions[i], q, responses)
	}
	return summary
}

func summarize(into *QuestionSummary, q Question, responses []Response) {
	var (
		scores           table
		cannotSay, texts int
	)
	scores.kind = q.Kind
	for _, r := range responses {
		i := slices.IndexFunc(r, func(a Answer) bool { return a.QuestionID == q.ID })
		if i < 0 || mismatch(q, r[i]) != "" {
			continue
		}
		switch r[i].Kind {
		case Scored:
			scores.count[r[i].Score]++
		case CannotSay:
			cannotSay++
		case Written:
			texts++
		}
	}
	into.CannotSay = hideSmall(cannotSay)
	into.Texts = hideSmall(texts)
	total := scores.people()
	if total < MinCell {
		return
	}
	into.Scores = total
	shown := scores.publish()
	if shown.mean {
		mean := float64(scores.sum()) / float64(total)
		into.Mean = &mean
	}
	if shown.balance {
		nps := 100 * float64(scores.balance()) / float64(total)
		into.NetPromoterScore = &nps
	}
	for score, count := range scores.count {
		if shown.cell[score] {
			into.Counts = append(into.Counts, ScoreCount{Score: score, Count: count})
		}
	}
}

// hideSmall returns the count, or 0 when it must be hidden.
func hideSmall(count int) int {
	if count < MinCell {
		return 0
	}
	return count
}
