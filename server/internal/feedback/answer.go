package feedback

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxTextLength is how long an open answer may be, in characters (Unicode code points).
const MaxTextLength = 2000

// AnswerKind is what an answer holds. The zero value holds nothing and fits no question.
type AnswerKind int8

// The kinds of answers.
const (
	// Scored holds a score.
	Scored AnswerKind = iota + 1
	// CannotSay says that the person cannot say.
	CannotSay
	// Written holds a text.
	Written
)

// Answer is the answer to one question.
type Answer struct {
	// QuestionID is the question answered.
	QuestionID string
	// Kind is what the answer holds.
	Kind AnswerKind
	// Score is the score when Kind is Scored.
	Score int
	// Text is the text when Kind is Written.
	Text string
}

// Response is one person's answers to a survey. Questions may be left out.
type Response []Answer

// Problem is something to mend in a response.
type Problem struct {
	// Index is the position of the answer, from 0.
	Index int
	// QuestionID is the question answered. It is empty when the survey has no such question, so that what
	// somebody sent in its place is not repeated in errors and logs.
	QuestionID string
	// Problem tells what to mend, as the end of a sentence about the answer.
	Problem string
}

// String returns a sentence such as "answers[2]: give a score from 1 to 5".
func (p Problem) String() string {
	return fmt.Sprintf("answers[%d]: %s", p.Index, p.Problem)
}

// Validate tells everything that must be mended in a response, in the order of the answers; nothing when it
// fits the survey. Whether an open answer has an identity code in it is not looked at here.
func Validate(survey Survey, response Response) []Problem {
	var problems []Problem
	answered := make(map[string]bool, len(response))
	for i, a := range response {
		q, found := survey.Question(a.QuestionID)
		if !found {
			problems = append(problems, Problem{Index: i, Problem: "the survey has no such question"})
			continue
		}
		problem := mismatch(q, a)
		if answered[q.ID] {
			problem = "the question is answered twice; answer it once"
		}
		answered[q.ID] = true
		if problem != "" {
			problems = append(problems, Problem{Index: i, QuestionID: q.ID, Problem: problem})
		}
	}
	return problems
}

// mismatch tells why an answer does not fit its question, or nothing when it does.
func mismatch(q Question, a Answer) string {
	low, high := q.Kind.scores()
	switch {
	case a.Kind < Scored || a.Kind > Written:
		return "give a value, or leave the question out"
	case q.Kind == OpenText && a.Kind == Written:
		switch {
		case !utf8.ValidString(a.Text):
			return "write the text in valid UTF-8"
		case strings.TrimSpace(a.Text) == "":
			return "write something, or leave the question out"
		case utf8.RuneCountInString(a.Text) > MaxTextLength:
			return fmt.Sprintf("write at most %d characters", MaxTextLength)
		}
		return ""
	case q.Kind == OpenText:
		return "the question asks for a text"
	case q.Kind == Statement && a.Kind == CannotSay:
		return ""
	case a.Kind == CannotSay:
		return "only a statement can be answered with \"cannot say\"; leave the question out"
	case a.Kind == Written:
		return fmt.Sprintf("the question asks for a score from %d to %d, not for a text", low, high)
	case a.Score < low || a.Score > high:
		return fmt.Sprintf("give a score from %d to %d", low, high)
	}
	return ""
}
