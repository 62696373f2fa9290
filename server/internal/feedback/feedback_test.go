package feedback_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/server/internal/feedback"
)

func score(question string, n int) feedback.Answer {
	return feedback.Answer{QuestionID: question, Kind: feedback.Scored, Score: n}
}

func cannotSay(question string) feedback.Answer {
	return feedback.Answer{QuestionID: question, Kind: feedback.CannotSay}
}

func written(question, text string) feedback.Answer {
	return feedback.Answer{QuestionID: question, Kind: feedback.Written, Text: text}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name     string
		response feedback.Response
		want     []string
	}{
		{"nothing", nil, nil},
		{"everything", feedback.Response{
			score("recommend", 0), score("access", 1), cannotSay("encounter"), score("safety", 5),
			score("information", 3), score("usefulness", 4), written("comment", "Kiitos!"),
		}, nil},
		{"highest recommendation", feedback.Response{score("recommend", 10)}, nil},
		{"recommendation too high", feedback.Response{score("recommend", 11)}, []string{"answers[0]: give a score from 0 to 10"}},
		{"recommendation too low", feedback.Response{score("recommend", -1)}, []string{"answers[0]: give a score from 0 to 10"}},
		{"statement too high", feedback.Response{score("access", 6)}, []string{"answers[0]: give a score from 1 to 5"}},
		{"statement too low", feedback.Response{score("access", 0)}, []string{"answers[0]: give a score from 1 to 5"}},
		{"cannot say how likely", feedback.Response{cannotSay("recommend")}, []string{
			`answers[0]: only a statement can be answered with "cannot say"; leave the question out`,
		}},
		{"cannot say in words", feedback.Response{cannotSay("comment")}, []string{"answers[0]: the question asks for a text"}},
		{"score for a text", feedback.Response{score("comment", 3)}, []string{"answers[0]: the question asks for a text"}},
		{"text for a score", feedback.Response{written("access", "5")}, []string{
			"answers[0]: the question asks for a score from 1 to 5, not for a text",
		}},
		{"no value", feedback.Response{{QuestionID: "access"}}, []string{"answers[0]: give a value, or leave the question out"}},
		{"unknown kind of value", feedback.Response{{QuestionID: "access", Kind: 9}}, []string{
			"answers[0]: give a value, or leave the question out",
		}},
		{"unknown question", feedback.Response{score("access", 3), score("010190-900P", 3)}, []string{
			"answers[1]: the survey has no such question",
		}},
		{"twice", feedback.Response{score("access", 3), score("safety", 3), score("access", 9)}, []string{
			"answers[2]: the question is answered twice; answer it once",
		}},
		{"only white space", feedback.Response{written("comment", " \n\t\u00a0\u3000")}, []string{
			"answers[0]: write something, or leave the question out",
		}},
		{"empty", feedback.Response{written("comment", "")}, []string{
			"answers[0]: write something, or leave the question out",
		}},
		{"as long as may be, in characters", feedback.Response{written("comment", strings.Repeat("ä", 2000))}, nil},
		{"too long", feedback.Response{written("comment", strings.Repeat("a", 2001))}, []string{
			"answers[0]: write at most 2000 characters",
		}},
		{"not text", feedback.Response{written("comment", "a\xffb")}, []string{"answers[0]: write the text in valid UTF-8"}},
		{"several", feedback.Response{score("recommend", 99), score("access", 3), cannotSay("comment")}, []string{
			"answers[0]: give a score from 0 to 10", "answers[2]: the question asks for a text",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, p := range feedback.Validate(feedback.Default(), test.response) {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProblemsName sees that a problem names a question of the survey and never what was sent instead.
func TestProblemsName(t *testing.T) {
	got := feedback.Validate(feedback.Default(), feedback.Response{score("safety", 9), score("010190-900P", 3)})
	want := []feedback.Problem{
		{Index: 0, QuestionID: "safety", Problem: "give a score from 1 to 5"},
		{Index: 1, Problem: "the survey has no such question"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

var survey = feedback.Survey{Questions: []feedback.Question{
	{ID: "recommend", Kind: feedback.Recommendation},
	{ID: "access", Kind: feedback.Statement},
	{ID: "comment", Kind: feedback.OpenText},
}}

// answers makes one response for each score.
func answers(question string, scores ...int) []feedback.Response {
	responses := make([]feedback.Response, len(scores))
	for i, n := range scores {
		responses[i] = feedback.Response{score(question, n)}
	}
	return responses
}

// times repeats a score.
func times(n, score int) []int {
	scores := make([]int, n)
	for i := range scores {
		scores[i] = score
	}
	return scores
}

func join(parts ...[]int) []int {
	var all []int
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func TestSummarizeScores(t *testing.T) {
	tests := []struct {
		name     string
		question string
		scores   []int
		want     feedback.QuestionSummary
	}{
		{"nobody", "access", nil, feedback.QuestionSummary{}},
		{"four are too few", "access", times(4, 5), feedback.QuestionSummary{}},
		{"five alike", "access", times(5, 5), feedback.QuestionSummary{
			Scores: 5, Mean: new(5.), Counts: []feedback.ScoreCount{{Score: 5, Count: 5}},
		}},
		{
			"five in disagreement: a mean that many tables have",
			"access",
			[]int{1, 2, 3, 4, 5},
			feedback.QuestionSummary{Scores: 5, Mean: new(3.)},
		},
		{
			"one of five differs: the mean would say which score it is",
			"access", join(times(4, 5), []int{4}),
			feedback.QuestionSummary{Scores: 5},
		},
		{
			"one of a hundred differs: total less cell would say that there is one, and the mean which",
			"access", join(times(99, 5), []int{4}),
			feedback.QuestionSummary{Scores: 100},
		},
		{
			"all cells large",
			"access", join(times(5, 1), times(5, 3), times(10, 5)),
			feedback.QuestionSummary{Scores: 20, Mean: new(3.5), Counts: []feedback.ScoreCount{
				{Score: 1, Count: 5}, {Score: 3, Count: 5}, {Score: 5, Count: 10},
			}},
		},
		{
			"two are hidden: total less cell would say that there are two",
			"access", join(times(5, 5), []int{1, 3}),
			feedback.QuestionSummary{Scores: 7, Mean: new(29. / 7)},
		},
		{
			"small cells hide behind each other",
			"access", join(times(2, 1), times(3, 2), times(2, 3), times(3, 4), times(20, 5)),
			feedback.QuestionSummary{Scores: 30, Mean: new(126. / 30), Counts: []feedback.ScoreCount{{Score: 5, Count: 20}}},
		},
		{
			"a single small cell takes others with it",
			"access", join(times(6, 1), times(6, 2), times(2, 3), times(20, 4), times(30, 5)),
			feedback.QuestionSummary{Scores: 64, Mean: new(254. / 64), Counts: []feedback.ScoreCount{
				{Score: 4, Count: 20}, {Score: 5, Count: 30},
			}},
		},
		{
			"large groups only",
			"recommend", join(times(10, 10), times(5, 8), times(5, 0)),
			feedback.QuestionSummary{Scores: 20, Mean: new(7.), NetPromoterScore: new(25.), Counts: []feedback.ScoreCount{
				{Score: 0, Count: 5}, {Score: 8, Count: 5}, {Score: 10, Count: 10},
			}},
		},
		{
			"promoters 9 and 10, detractors to 6",
			"recommend", join(times(5, 9), times(5, 10), times(5, 7), times(10, 8), times(15, 6)),
			feedback.QuestionSummary{
				Scores: 40, Mean: new((45. + 50 + 35 + 80 + 90) / 40), NetPromoterScore: new(-12.5),
				Counts: []feedback.ScoreCount{
					{Score: 6, Count: 15}, {Score: 7, Count: 5}, {Score: 8, Count: 10}, {Score: 9, Count: 5}, {Score: 10, Count: 5},
				},
			},
		},
		{
			"few detractors: the promoters' cells and the net promoter score would tell how many",
			"recommend", join(times(20, 10), times(10, 9), times(5, 8), times(2, 3), []int{5}),
			feedback.QuestionSummary{
				Scores: 38, Mean: new(341. / 38), NetPromoterScore: new(100 * 27. / 38),
				Counts: []feedback.ScoreCount{{Score: 10, Count: 20}},
			},
		},
		{
			"all but one promote: the net promoter score would tell that there is one",
			"recommend", join(times(9, 10), []int{8}),
			feedback.QuestionSummary{Scores: 10},
		},
		{
			"the mean would give it away, the net promoter score does not",
			"recommend", join(times(5, 6), []int{5}),
			feedback.QuestionSummary{Scores: 6, NetPromoterScore: new(-100.)},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// Five more who wrote only, so that the number of responses is never what hides the scores.
			responses := answers(test.question, test.scores...)
			for range 5 {
				responses = append(responses, feedback.Response{written("comment", "Kiitos!")})
			}
			summary := feedback.Summarize(survey, responses)
			for i, q := range survey.Questions {
				want := feedback.QuestionSummary{}
				switch q.ID {
				case test.question:
					want = test.want
				case "comment":
					want.Texts = 5
				}
				want.Question = q
				if diff := cmp.Diff(want, summary.Questions[i]); diff != "" {
					t.Errorf("question %s (-want +got):\n%s", q.ID, diff)
				}
			}
			if want := len(test.scores) + 5; summary.Responses != want {
				t.Errorf("responses = %d, want %d", summary.Responses, want)
			}
		})
	}
}

func TestSummarizeCounts(t *testing.T) {
	repeat := func(n int, r feedback.Response) []feedback.Response {
		all := make([]feedback.Response, n)
		for i := range all {
			all[i] = r
		}
		return all
	}
	tests := []struct {
		name      string
		responses []feedback.Response
		want      feedback.Summary
	}{
		{"none", nil, feedback.Summary{}},
		{"four responses", repeat(4, feedback.Response{score("access", 5), written("comment", "a")}), feedback.Summary{}},
		{
			"four who cannot say, and four texts", append(
				repeat(4, feedback.Response{cannotSay("access"), written("comment", "a")}),
				repeat(6, feedback.Response{score("recommend", 10)})...),
			feedback.Summary{Responses: 10, Questions: []feedback.QuestionSummary{
				{Scores: 6, Mean: new(10.), NetPromoterScore: new(100.), Counts: []feedback.ScoreCount{{Score: 10, Count: 6}}},
				{},
				{},
			}},
		},
		{
			"five who cannot say, and five texts",
			repeat(5, feedback.Response{cannotSay("access"), written("comment", "a")}),
			feedback.Summary{Responses: 5, Questions: []feedback.QuestionSummary{{}, {CannotSay: 5}, {Texts: 5}}},
		},
		{
			"what fits no question is in no count",
			repeat(5, feedback.Response{
				score("gone", 3), score("access", 9), cannotSay("recommend"), written("comment", " "), {QuestionID: "access"},
			}),
			feedback.Summary{Responses: 5, Questions: []feedback.QuestionSummary{{}, {}, {}}},
		},
		{
			"the first of two answers counts",
			repeat(5, feedback.Response{score("access", 5), score("access", 1)}),
			feedback.Summary{Responses: 5, Questions: []feedback.QuestionSummary{
				{}, {Scores: 5, Mean: new(5.), Counts: []feedback.ScoreCount{{Score: 5, Count: 5}}}, {},
			}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			if want.Questions == nil {
				want.Questions = make([]feedback.QuestionSummary, len(survey.Questions))
			}
			for i := range want.Questions {
				want.Questions[i].Question = survey.Questions[i]
			}
			if diff := cmp.Diff(want, feedback.Summarize(survey, test.responses)); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDefault(t *testing.T) {
	kinds := map[string]feedback.Kind{}
	for _, q := range feedback.Default().Questions {
		kinds[q.ID] = q.Kind
		for language, text := range map[string]string{"fi": q.Text.Fi, "sv": q.Text.Sv, "en": q.Text.En} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("question %s has no text in %s", q.ID, language)
			}
		}
	}
	want := map[string]feedback.Kind{
		"recommend": feedback.Recommendation, "access": feedback.Statement, "encounter": feedback.Statement,
		"safety": feedback.Statement, "information": feedback.Statement, "usefulness": feedback.Statement,
		"comment": feedback.OpenText,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
}

// TestVersion sees that everything that a person reads or answers is in the version, and that parts do not
// run into each other.
func TestVersion(t *testing.T) {
	seen := map[string]string{}
	add := func(name string, change func(*feedback.Survey)) {
		s := feedback.Default()
		change(&s)
		version := s.Version()
		if other, found := seen[version]; found {
			t.Errorf("%s has the version of %s", name, other)
		}
		seen[version] = name
		if len(version) != 12 || version != s.Version() {
			t.Errorf("%s: version %q", name, version)
		}
	}
	add("the default", func(*feedback.Survey) {})
	add("no question", func(s *feedback.Survey) { s.Questions = nil })
	add("another id", func(s *feedback.Survey) { s.Questions[0].ID = "recommendation" })
	add("another kind", func(s *feedback.Survey) { s.Questions[0].Kind = feedback.Statement })
	add("another Finnish text", func(s *feedback.Survey) { s.Questions[0].Text.Fi += "!" })
	add("another Swedish text", func(s *feedback.Survey) { s.Questions[0].Text.Sv += "!" })
	add("another English text", func(s *feedback.Survey) { s.Questions[0].Text.En += "!" })
	add("a text moved on", func(s *feedback.Survey) {
		s.Questions[0].Text.Sv, s.Questions[0].Text.En = "", s.Questions[0].Text.Sv+s.Questions[0].Text.En
	})
	add("another order", func(s *feedback.Survey) {
		s.Questions[0], s.Questions[1] = s.Questions[1], s.Questions[0]
	})
	add("one question less", func(s *feedback.Survey) { s.Questions = s.Questions[1:] })
}

func TestKindString(t *testing.T) {
	for kind, want := range map[feedback.Kind]string{
		feedback.Recommendation: "recommendation", feedback.Statement: "statement", feedback.OpenText: "open text",
		0: "Kind(0)",
	} {
		if got := kind.String(); got != want {
			t.Errorf("Kind(%d).String() = %q, want %q", int8(kind), got, want)
		}
	}
}
