package catalogue

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// What a catalogue may hold. The bounds are far above what a county has; they keep one call from growing every
// answer and every page of the service.
const (
	maxQueues        = 200
	maxCannedReplies = 1000
	maxQuestions     = 50 // As many answers as one SubmitFeedback takes.
	maxExceptions    = 500
	maxSpans         = 48

	maxLine      = 200  // Characters of a name, a title or a reason.
	maxParagraph = 2000 // Characters of a description, a notice or a question.
	maxMessage   = 4000 // Characters of a canned reply: as many as one message.

	maxKeepPlace    = 24 * time.Hour
	maxClosingGrace = 12 * time.Hour
)

// languages are those of the service, in the order in which they are named.
var languages = []string{"fi", "sv", "en"}

var (
	idPattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	phonePattern = regexp.MustCompile(`^\+?\d(?:[ -]?\d){2,18}$`)
)

// Problem is something to mend in a catalogue.
type Problem struct {
	// Path is where, by the contract's field names, such as "queues[2].opening_hours.weekly[0].spans[1].end".
	// Empty is the catalogue itself.
	Path string
	// Problem tells what to mend, as a sentence without a full stop.
	Problem string
}

// String returns the path and the sentence.
func (p Problem) String() string {
	if p.Path == "" {
		return p.Problem
	}
	return p.Path + ": " + p.Problem
}

// Validate tells everything that must be mended in a catalogue, in the order of the catalogue; nothing when it
// may be applied.
func Validate(m *kuplav1.Catalogue) []Problem {
	c := &checker{}
	c.unknown("", m.ProtoReflect())
	c.catalogue(m)
	return c.problems
}

// checker collects problems.
type checker struct {
	problems []Problem
}

func (c *checker) addf(path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: path, Problem: fmt.Sprintf(format, args...)})
}

// field is the path of a field.
func field(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// index is the path of an element.
func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// unknown finds fields that this server does not know. They would be stored and mean nothing, which
// whoever sent them would not notice.
func (c *checker) unknown(path string, m protoreflect.Message) {
	if len(m.GetUnknown()) > 0 {
		c.addf(path, "a field is set that this server does not know; update the server, or leave the field out")
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := field(path, string(fd.Name()))
		switch {
		case fd.Message() == nil || fd.IsMap(): // There is no map in a catalogue.
		case fd.IsList():
			for i := range v.List().Len() {
				c.unknown(index(at, i), v.List().Get(i).Message())
			}
		default:
			c.unknown(at, v.Message())
		}
		return true
	})
}

func (c *checker) catalogue(m *kuplav1.Catalogue) {
	// What is inherited is read in the languages of those who inherit it.
	var all, ofNotice, ofSurvey []string
	ids := make(map[string]int, len(m.GetQueues())) // Where each queue stands first.
	withoutNotice := -1
	for i, q := range m.GetQueues() {
		all = append(all, q.GetLanguages()...)
		if q.GetNotice() == nil {
			ofNotice = append(ofNotice, q.GetLanguages()...)
			if withoutNotice < 0 {
				withoutNotice = i
			}
		}
		if q.GetSurvey() == nil {
			ofSurvey = append(ofSurvey, q.GetLanguages()...)
		}
		if _, found := ids[q.GetId()]; !found {
			ids[q.GetId()] = i
		}
	}

	switch {
	case m.GetDefaultNotice() != nil:
		c.text("default_notice", m.GetDefaultNotice(), ofNotice, maxParagraph)
	case withoutNotice >= 0:
		c.addf("default_notice", "give a notice: %s has none of its own, and nobody may start without having been told "+
			"what belongs on the phone", index("queues", withoutNotice))
	}
	c.phone("default_phone", m.GetDefaultPhone())
	c.survey("default_survey", m.GetDefaultSurvey(), ofSurvey)

	if len(m.GetQueues()) == 0 {
		c.addf("queues", "give at least one queue")
	}
	for i, q := range bounded(c, "queues", m.GetQueues(), maxQueues) {
		at := index("queues", i)
		if c.id(field(at, "id"), q.GetId()) && ids[q.GetId()] != i {
			c.addf(field(at, "id"), "%q is the id of %s too; give each queue its own", q.GetId(), index("queues", ids[q.GetId()]))
		}
		c.queue(at, q, ids, m.GetDefaultNotice())
	}

	replies := make(map[string]int)
	for i, r := range bounded(c, "canned_replies", m.GetCannedReplies(), maxCannedReplies) {
		at := index("canned_replies", i)
		if c.id(field(at, "id"), r.GetId()) {
			if first, found := replies[r.GetId()]; found {
				c.addf(field(at, "id"), "%q is the id of %s too; give each reply its own", r.GetId(), index("canned_replies", first))
			} else {
				replies[r.GetId()] = i
			}
		}
		served := all
		if len(r.GetQueueIds()) > 0 {
			served = nil
		}
		for j, id := range bounded(c, field(at, "queue_ids"), r.GetQueueIds(), maxQueues) {
			target, found := ids[id]
			switch {
			case !found:
				c.addf(index(field(at, "queue_ids"), j), "there is no queue %q; name one of the catalogue", id)
				continue
			case slices.Contains(r.GetQueueIds()[:j], id):
				c.addf(index(field(at, "queue_ids"), j), "%q is named twice; name it once", id)
			}
			served = append(served, m.GetQueues()[target].GetLanguages()...)
		}
		c.text(field(at, "title"), r.GetTitle(), served, maxLine)
		c.text(field(at, "text"), r.GetText(), served, maxMessage)
	}
}

func (c *checker) queue(path string, m *kuplav1.Queue, ids map[string]int, defaultNotice *kuplav1.LocalizedText) {
	served := m.GetLanguages()
	c.text(field(path, "name"), m.GetName(), served, maxLine)
	c.text(field(path, "description"), m.GetDescription(), served, maxParagraph)
	if m.GetNotice() != nil {
		c.text(field(path, "notice"), m.GetNotice(), served, maxParagraph)
	}
	c.phone(field(path, "phone"), m.GetPhone())

	if len(served) == 0 {
		c.addf(field(path, "languages"), "give at least one of %s", strings.Join(languages, ", "))
	}
	for i, language := range served {
		switch at := index(field(path, "languages"), i); {
		case !slices.Contains(languages, language):
			c.addf(at, "%q is not a language of the service; use %s", language, strings.Join(languages, ", "))
		case slices.Contains(served[:i], language):
			c.addf(at, "%q is given twice; give it once", language)
		}
	}

	if m.GetOpeningHours() == nil {
		c.addf(field(path, "opening_hours"), "give the hours; a queue that is not to open yet has empty ones")
	} else {
		c.hours(field(path, "opening_hours"), m.GetOpeningHours(), served)
	}
	if !given(m.GetIdentificationPolicy()) {
		c.addf(field(path, "identification_policy"), "give a policy, such as IDENTIFICATION_POLICY_OPTIONAL")
	}
	if !given(m.GetRepresentation().GetRules()) {
		c.addf(field(path, "representation.rules"), "give the rules, REPRESENTATION_RULES_HEALTH or REPRESENTATION_RULES_SOCIAL")
	}
	if m.GetCapacity() < 0 {
		c.addf(field(path, "capacity"), "%d is negative; use 0 for no limit, or how many may wait", m.GetCapacity())
	}
	c.duration(field(path, "keep_place_duration"), m.GetKeepPlaceDuration(), time.Second, maxKeepPlace)
	c.duration(field(path, "closing_grace_duration"), m.GetClosingGraceDuration(), 0, maxClosingGrace)

	for i, id := range bounded(c, field(path, "transfer_queue_ids"), m.GetTransferQueueIds(), maxQueues) {
		at := index(field(path, "transfer_queue_ids"), i)
		_, found := ids[id]
		switch {
		case id == m.GetId():
			c.addf(at, "%q is the queue itself; leave it out", id)
		case !found:
			c.addf(at, "there is no queue %q; name one of the catalogue", id)
		case slices.Contains(m.GetTransferQueueIds()[:i], id):
			c.addf(at, "%q is named twice; name it once", id)
		}
	}
	c.survey(field(path, "survey"), m.GetSurvey(), served)

	notice := m.GetNotice()
	if notice == nil {
		notice = defaultNotice
	}
	if m.GetNoticeVersion() != "" && m.GetNoticeVersion() != noticeVersion(notice) {
		c.addf(field(path, "notice_version"), "the version is worked out from the notice; leave it out")
	}
}

// survey checks a survey; nil is one that is inherited.
func (c *checker) survey(path string, m *kuplav1.Survey, served []string) {
	if m == nil {
		return
	}
	questions := field(path, "questions")
	if len(m.GetQuestions()) == 0 {
		c.addf(questions, "give at least one question, or leave the survey out to inherit one")
	}
	before := len(c.problems)
	seen := make(map[string]int)
	for i, q := range bounded(c, questions, m.GetQuestions(), maxQuestions) {
		at := index(questions, i)
		if c.id(field(at, "id"), q.GetId()) {
			if first, found := seen[q.GetId()]; found {
				c.addf(field(at, "id"), "%q is the id of %s too; give each question its own", q.GetId(), index(questions, first))
			} else {
				seen[q.GetId()] = i
			}
		}
		if !given(q.GetKind()) {
			c.addf(field(at, "kind"), "give a kind, such as SURVEY_QUESTION_KIND_STATEMENT")
		}
		c.text(field(at, "text"), q.GetText(), served, maxParagraph)
	}
	if m.GetVersion() != "" && len(c.problems) == before && m.GetVersion() != surveyOf(m).Version() {
		c.addf(field(path, "version"), "the version is worked out from the questions; leave it out")
	}
}

// id checks an identifier and reports whether it is one.
func (c *checker) id(path, id string) bool {
	if idPattern.MatchString(id) {
		return true
	}
	c.addf(path, "%q is no id; use 1 to 63 of a–z, 0–9 and -, not beginning with -", id)
	return false
}

// text checks a text that is read in the languages served, and in Finnish, which clients fall back to.
func (c *checker) text(path string, m *kuplav1.LocalizedText, served []string, most int) {
	for _, language := range languages {
		text := textIn(m, language)
		at := field(path, language)
		needed := language == "fi" || slices.Contains(served, language)
		switch {
		case strings.TrimSpace(text) == "" && language == "fi":
			c.addf(at, "give the text in Finnish, which is shown where another language is missing")
		case strings.TrimSpace(text) == "" && needed:
			c.addf(at, "give the text in every language in which it is read; %q is missing", language)
		case utf8.RuneCountInString(text) > most:
			c.addf(at, "the text has more than %d characters; shorten it", most)
		case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool {
			return unicode.IsControl(r) && (r != '\n' || most == maxLine)
		}):
			c.addf(at, "the text has characters in it that cannot be shown; take out control characters")
		}
	}
}

// textIn is a text in a language of the service.
func textIn(m *kuplav1.LocalizedText, language string) string {
	switch language {
	case "sv":
		return m.GetSv()
	case "en":
		return m.GetEn()
	default:
		return m.GetFi()
	}
}

func (c *checker) phone(path, number string) {
	if number != "" && !phonePattern.MatchString(number) {
		c.addf(path, "%q is no phone number; write digits, with single spaces and a leading + where you like, "+
			"such as 116117 or +358 5 123 4567", number)
	}
}

// duration checks a duration; nil is the default.
func (c *checker) duration(path string, m *durationpb.Duration, least, most time.Duration) {
	if m == nil {
		return
	}
	if d := m.AsDuration(); m.CheckValid() != nil || d < least || d > most {
		c.addf(path, "give from %s to %s, or leave it out for the default", protoDuration(least), protoDuration(most))
	}
}

// protoDuration writes a duration as the contract's JSON does.
func protoDuration(d time.Duration) string { return fmt.Sprintf("%ds", int64(d/time.Second)) }

// bounded is the part of a list that is looked at: no more of it than there may be. Whoever sends the largest list that
// fits into a request must not keep the server busy comparing its elements with each other.
func bounded[T any](c *checker, path string, list []T, most int) []T {
	if len(list) > most {
		c.addf(path, "there are %d; give at most %d", len(list), most)
		return list[:most]
	}
	return list
}

// given reports whether an enum has a value that this server knows, other than the unspecified one.
func given(value protoreflect.Enum) bool {
	n := value.Number()
	return n != 0 && value.Descriptor().Values().ByNumber(n) != nil
}
