package catalogue_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
)

func TestValidateGood(t *testing.T) {
	if problems := catalogue.Validate(good()); len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
}

// TestValidate breaks a good catalogue in one place and expects what is told of that place, and nothing else.
func TestValidate(t *testing.T) {
	const kind = "give a kind, such as SURVEY_QUESTION_KIND_STATEMENT"
	tests := []struct {
		name   string
		change func(m *kuplav1.Catalogue, q *kuplav1.Queue) // q is queues[0].
		want   []string                                     // Beginnings.
	}{
		{"no default notice", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.DefaultNotice = nil }, []string{
			"default_notice: give a notice: queues[1] has none of its own",
		}},
		{"no default notice, and none needed", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.DefaultNotice = nil
			m.Queues[1].Notice = text("Oma")
		}, nil},
		{"default notice without Finnish", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.DefaultNotice.Fi = "" }, []string{
			"default_notice.fi: give the text in Finnish",
		}},
		{"default notice without a language of those who inherit it", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.DefaultNotice.Sv = " \n"
		}, []string{`default_notice.sv: give the text in every language in which it is read; "sv" is missing`}},
		{"default notice without a language that nobody who inherits it serves", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.DefaultNotice.En = ""
		}, nil},
		{"default phone", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.DefaultPhone = "soita" }, []string{
			`default_phone: "soita" is no phone number`,
		}},
		{"no phone at all", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.DefaultPhone = "" }, nil},
		{"phone too short", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Phone = "11" }, []string{`queues[0].phone: "11" is no`}},
		{"phone with two spaces", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Phone = "05  123" }, []string{
			`queues[0].phone: "05  123" is no`,
		}},
		{"emergency number", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Phone = "112" }, nil},
		{"empty default survey", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.DefaultSurvey.Questions = nil }, []string{
			"default_survey.questions: give at least one question",
		}},
		{"no default survey", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.DefaultSurvey = nil }, nil},
		{"default survey without a language of those who inherit it", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.DefaultSurvey.Questions[0].Text.Sv = ""
		}, []string{"default_survey.questions[0].text.sv: give the text in every language"}},
		{"default survey without a language that nobody who inherits it serves", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.DefaultSurvey.Questions[0].Text.En = ""
		}, nil},
		{"no queues", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.Queues, m.CannedReplies[1].QueueIds = nil, nil }, []string{
			"queues: give at least one queue",
		}},
		{"too many queues", func(m *kuplav1.Catalogue, q *kuplav1.Queue) {
			for i := len(m.GetQueues()); i <= 200; i++ {
				m.Queues = append(m.Queues, &kuplav1.Queue{
					Id: fmt.Sprint("q", i), Name: q.GetName(), Description: q.GetDescription(), Languages: q.GetLanguages(),
					Notice: q.GetNotice(), OpeningHours: q.GetOpeningHours(), IdentificationPolicy: q.GetIdentificationPolicy(),
					Representation: q.GetRepresentation(), Survey: q.GetSurvey(),
				})
			}
		}, []string{"queues: there are 201; give at most 200"}},
		{"no queue id", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.Queues[1].Id, m.Queues[0].TransferQueueIds, m.CannedReplies[1].QueueIds = "", nil, nil
			m.CannedReplies[1].Title, m.CannedReplies[1].Text = text("a"), text("b")
		}, []string{`queues[1].id: "" is no id`}},
		{"queue id with a capital", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Id = "Oral" }, []string{`queues[0].id: "Oral" is no id`}},
		{"queue id with a leading hyphen", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Id = "-a" }, []string{`queues[0].id: "-a" is no`}},
		{"queue id with a line break at its end", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Id = "a\n" }, []string{"queues[0].id"}},
		{"longest queue id", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Id = strings.Repeat("a", 63) }, nil},
		{"queue id too long", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Id = strings.Repeat("a", 64) }, []string{"queues[0].id"}},
		{"queue id twice", func(m *kuplav1.Catalogue, q *kuplav1.Queue) {
			m.Queues[1].Id, q.TransferQueueIds, m.CannedReplies[1].QueueIds = q.GetId(), nil, nil
			m.CannedReplies[1].Title, m.CannedReplies[1].Text = text("a"), text("b")
		}, []string{`queues[1].id: "oral-health" is the id of queues[0] too`}},
		{"no name", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Name = nil }, []string{
			"queues[0].name.fi: give", "queues[0].name.sv: give", "queues[0].name.en: give",
		}},
		{"name too long", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Name.Fi = strings.Repeat("ä", 201) }, []string{
			"queues[0].name.fi: the text has more than 200 characters",
		}},
		{"longest name", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Name.Fi = strings.Repeat("ä", 200) }, nil},
		{"name of two lines", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Name.Fi = "a\nb" }, []string{
			"queues[0].name.fi: the text has characters in it that cannot be shown",
		}},
		{"notice of two lines", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Notice.Fi = "a\nb" }, nil},
		{"escape in a notice", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Notice.Fi = "\x1b[2J" }, []string{
			"queues[0].notice.fi: the text has characters in it that cannot be shown",
		}},
		{"not text", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Notice.Fi = "a\xff" }, []string{"queues[0].notice.fi: the text has"}},
		{"no description", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Description.En = "" }, []string{
			`queues[0].description.en: give the text in every language in which it is read; "en" is missing`,
		}},
		{"description too long", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Description.Sv = strings.Repeat("a", 2001) }, []string{
			"queues[0].description.sv: the text has more than 2000 characters",
		}},
		{"part of a notice", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Notice = &kuplav1.LocalizedText{Fi: "a"} }, []string{
			"queues[0].notice.sv: give", "queues[0].notice.en: give",
		}},
		{"no languages", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Languages = nil }, []string{
			"queues[0].languages: give at least one of fi, sv, en",
		}},
		{"unknown language", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Languages = []string{"fi", "no"} }, []string{
			`queues[0].languages[1]: "no" is not a language of the service; use fi, sv, en`,
		}},
		{"language twice", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Languages = []string{"fi", "sv", "fi"} }, []string{
			`queues[0].languages[2]: "fi" is given twice`,
		}},
		{"no hours", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours = nil }, []string{"queues[0].opening_hours: give the hours"}},
		{"no day", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Weekly[1].Day = 0 }, []string{
			"queues[0].opening_hours.weekly[1].day: give a day",
		}},
		{"unknown day", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Weekly[1].Day = 8 }, []string{
			"queues[0].opening_hours.weekly[1].day: give a day",
		}},
		{"day twice", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Weekly[1].Day = 1 }, []string{
			"queues[0].opening_hours.weekly[1].day: DAY_OF_WEEK_MONDAY is given twice",
		}},
		{"no start", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Weekly[0].Spans[1].Start = "" }, []string{
			`queues[0].opening_hours.weekly[0].spans[1].start: time of day ""`,
		}},
		{"end that is no time", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Weekly[0].Spans[1].End = "24:01" }, []string{
			`queues[0].opening_hours.weekly[0].spans[1].end: time of day "24:01"`,
		}},
		{"end before start", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Weekly[0].Spans[1].End = "12:00" }, []string{
			"queues[0].opening_hours.weekly[0].spans[1].end: 12:00 is not after the start, 12:00",
		}},
		{"spans that overlap", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Weekly[0].Spans[1].Start = "10:59" }, []string{
			"queues[0].opening_hours.weekly[0].spans[1].start: 10:59 is before the end of the span before it, 11:00",
		}},
		{"too many spans", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			var spans []*kuplav1.HoursSpan
			for i := range 49 {
				spans = append(spans, span(fmt.Sprintf("%02d:%02d", i/3, i%3*20), fmt.Sprintf("%02d:%02d", i/3, i%3*20+10)))
			}
			q.OpeningHours.Weekly[0].Spans = spans
		}, []string{"queues[0].opening_hours.weekly[0].spans: there are 49; give at most 48"}},
		{"first date", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Exceptions[0].FirstDate = "6.7.2026" }, []string{
			`queues[0].opening_hours.exceptions[0].first_date: date "6.7.2026"`,
		}},
		{"last date", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Exceptions[0].LastDate = "2026-06-31" }, []string{
			`queues[0].opening_hours.exceptions[0].last_date: date "2026-06-31"`,
		}},
		{"last date before the first", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.OpeningHours.Exceptions[0].LastDate = "2026-07-05"
		}, []string{"queues[0].opening_hours.exceptions[0].last_date: 2026-07-05 is before the first day, 2026-07-06"}},
		{"exceptions that overlap", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.OpeningHours.Exceptions[1].FirstDate = "2026-07-31"
		}, []string{"queues[0].opening_hours.exceptions[1]: 2026-07-31 overlaps the exception of 2026-07-06 to 2026-07-31"}},
		{"spans of an exception", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.OpeningHours.Exceptions[1].Spans[0].End = "07:00"
		}, []string{"queues[0].opening_hours.exceptions[1].spans[0].end: 07:00 is not after"}},
		{"description of an exception", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.OpeningHours.Exceptions[0].Description.Sv = ""
		}, []string{"queues[0].opening_hours.exceptions[0].description.sv: give"}},
		{"too many exceptions", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.OpeningHours.Exceptions = nil
			for i := range 501 {
				day := time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
				q.OpeningHours.Exceptions = append(q.OpeningHours.Exceptions, &kuplav1.HoursException{FirstDate: day})
			}
		}, []string{"queues[0].opening_hours.exceptions: there are 501; give at most 500"}},
		{"no eve", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Eves[0].Eve = 0 }, []string{
			"queues[0].opening_hours.eves[0].eve: give an eve",
		}},
		{"unknown eve", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Eves[0].Eve = 99 }, []string{
			"queues[0].opening_hours.eves[0].eve: give an eve",
		}},
		{"eve twice", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.OpeningHours.Eves[0].Eve = kuplav1.Eve_EVE_MAY_DAY_EVE
		}, []string{"queues[0].opening_hours.eves[1].eve: EVE_MAY_DAY_EVE is given twice"}},
		{"spans of an eve", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.OpeningHours.Eves[1].Spans[0].Start = "8" }, []string{
			`queues[0].opening_hours.eves[1].spans[0].start: time of day "8"`,
		}},
		{"no identification policy", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.IdentificationPolicy = 0 }, []string{
			"queues[0].identification_policy: give a policy",
		}},
		{"unknown identification policy", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.IdentificationPolicy = 77 }, []string{
			"queues[0].identification_policy: give a policy",
		}},
		{"no representation", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Representation = nil }, []string{
			"queues[0].representation.rules: give the rules",
		}},
		{"unknown rules", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Representation.Rules = 3 }, []string{
			"queues[0].representation.rules: give the rules",
		}},
		{"negative capacity", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Capacity = -1 }, []string{
			"queues[0].capacity: -1 is negative",
		}},
		{"no limit", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Capacity = 0 }, nil},
		{"no place kept", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.KeepPlaceDuration = durationpb.New(0) }, []string{
			"queues[0].keep_place_duration: give from 1s to 86400s",
		}},
		{"place kept too long", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.KeepPlaceDuration = durationpb.New(24*time.Hour + 1)
		}, []string{"queues[0].keep_place_duration: give from 1s to 86400s"}},
		{"duration that is none", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.KeepPlaceDuration = &durationpb.Duration{Seconds: 60, Nanos: -1}
		}, []string{"queues[0].keep_place_duration: give from"}},
		{"negative grace", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.ClosingGraceDuration = durationpb.New(-1) }, []string{
			"queues[0].closing_grace_duration: give from 0s to 43200s",
		}},
		{"grace too long", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.ClosingGraceDuration = durationpb.New(13 * time.Hour)
		}, []string{"queues[0].closing_grace_duration: give from 0s to 43200s"}},
		{"transfer to nowhere", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.TransferQueueIds = []string{"gone"} }, []string{
			`queues[0].transfer_queue_ids[0]: there is no queue "gone"`,
		}},
		{"transfer to itself", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.TransferQueueIds = append(q.TransferQueueIds, q.GetId())
		}, []string{`queues[0].transfer_queue_ids[1]: "oral-health" is the queue itself`}},
		{"transfer named twice", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			q.TransferQueueIds = append(q.TransferQueueIds, q.GetTransferQueueIds()[0])
		}, []string{`queues[0].transfer_queue_ids[1]: "social-guidance" is named twice`}},
		{"empty survey", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Survey = &kuplav1.Survey{} }, []string{
			"queues[0].survey.questions: give at least one question",
		}},
		{"too many questions", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			first := q.GetSurvey().GetQuestions()[0]
			for i := range 49 {
				q.Survey.Questions = append(q.Survey.Questions, &kuplav1.SurveyQuestion{
					Id: fmt.Sprint("q", i), Kind: first.GetKind(), Text: first.GetText(),
				})
			}
		}, []string{"queues[0].survey.questions: there are 51; give at most 50"}},
		{"question id", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Survey.Questions[1].Id = "a b" }, []string{
			`queues[0].survey.questions[1].id: "a b" is no id`,
		}},
		{"question id twice", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Survey.Questions[1].Id = "access" }, []string{
			`queues[0].survey.questions[1].id: "access" is the id of queues[0].survey.questions[0] too`,
		}},
		{"no kind", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Survey.Questions[0].Kind = 0 }, []string{
			"queues[0].survey.questions[0].kind: " + kind,
		}},
		{"unknown kind", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Survey.Questions[0].Kind = 99 }, []string{
			"queues[0].survey.questions[0].kind: " + kind,
		}},
		{"no question text", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Survey.Questions[0].Text.En = "" }, []string{
			"queues[0].survey.questions[0].text.en: give",
		}},
		{"version of a notice", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.NoticeVersion = "1" }, []string{
			"queues[0].notice_version: the version is worked out from the notice",
		}},
		{"version of an inherited notice", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.Queues[1].NoticeVersion = "1" }, []string{
			"queues[1].notice_version: the version is worked out from the notice",
		}},
		{"version of a survey", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) { q.Survey.Version = "1" }, []string{
			"queues[0].survey.version: the version is worked out from the questions",
		}},
		{"version of the default survey", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.DefaultSurvey.Version = "1" }, []string{
			"default_survey.version: the version is worked out from the questions",
		}},
		{"right versions", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			book, err := catalogue.Compile(good())
			if err != nil {
				panic(err)
			}
			for i, q := range book.Queues() {
				m.Queues[i].NoticeVersion = q.NoticeVersion
			}
			m.Queues[0].Survey.Version = book.Queues()[0].Survey.Version()
			m.DefaultSurvey.Version = book.Queues()[1].Survey.Version()
		}, nil},
		{"reply id", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.CannedReplies[0].Id = "Hei!" }, []string{
			`canned_replies[0].id: "Hei!" is no id`,
		}},
		{"reply id twice", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.CannedReplies[1].Id = "greeting" }, []string{
			`canned_replies[1].id: "greeting" is the id of canned_replies[0] too`,
		}},
		{"reply without a title", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) { m.CannedReplies[0].Title = nil }, []string{
			"canned_replies[0].title.fi: give", "canned_replies[0].title.sv: give", "canned_replies[0].title.en: give",
		}},
		{"reply of all queues without a language of one", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.CannedReplies[0].Text.En = ""
		}, []string{"canned_replies[0].text.en: give"}},
		{"reply without a language of its queue", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.CannedReplies[1].Text.Sv = ""
		}, []string{"canned_replies[1].text.sv: give"}},
		{"reply longer than a message", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.CannedReplies[0].Text.Fi = strings.Repeat("a", 4001)
		}, []string{"canned_replies[0].text.fi: the text has more than 4000 characters"}},
		{"reply of no queue", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.CannedReplies[1].QueueIds = append(m.CannedReplies[1].QueueIds, "gone")
		}, []string{`canned_replies[1].queue_ids[1]: there is no queue "gone"`}},
		{"queue of a reply twice", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.CannedReplies[1].QueueIds = append(m.CannedReplies[1].QueueIds, "social-guidance")
		}, []string{`canned_replies[1].queue_ids[1]: "social-guidance" is named twice`}},
		{"too many replies", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			for i := range 999 {
				m.CannedReplies = append(m.CannedReplies, &kuplav1.CannedReply{Id: fmt.Sprint("r", i), Title: text("a"), Text: text("b")})
			}
		}, []string{"canned_replies: there are 1001; give at most 1000"}},
		{"field of a later contract", func(_ *kuplav1.Catalogue, q *kuplav1.Queue) {
			unknown := protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 1)
			q.GetOpeningHours().GetWeekly()[1].ProtoReflect().SetUnknown(unknown)
		}, []string{"queues[0].opening_hours.weekly[1]: a field is set that this server does not know"}},
		{"field of a later contract at the top", func(m *kuplav1.Catalogue, _ *kuplav1.Queue) {
			m.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 1))
		}, []string{"a field is set that this server does not know"}},
		{"several, in the order of the catalogue", func(m *kuplav1.Catalogue, q *kuplav1.Queue) {
			m.DefaultPhone, q.Capacity, m.Queues[1].Id, m.CannedReplies[0].Id = "x", -2, "X", ""
			q.TransferQueueIds, m.CannedReplies[1].QueueIds = nil, []string{"oral-health"}
			m.CannedReplies[1].Title, m.CannedReplies[1].Text = text("a"), text("b")
		}, []string{"default_phone", "queues[0].capacity", "queues[1].id", "canned_replies[0].id"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := good()
			test.change(m, m.GetQueues()[0])
			problems := catalogue.Validate(m)
			if len(problems) != len(test.want) {
				t.Fatalf("problems:\n%v\nwant:\n%v", problems, test.want)
			}
			for i, p := range problems {
				if !strings.HasPrefix(p.String(), test.want[i]) {
					t.Errorf("problem %d:\n%v\nwant:\n%v", i, p, test.want[i])
				}
				if strings.HasSuffix(p.Problem, ".") || p.Problem == "" {
					t.Errorf("problem %d is not a sentence without a full stop: %q", i, p.Problem)
				}
			}
			book, err := catalogue.Compile(m)
			if len(test.want) == 0 {
				if err != nil || book == nil {
					t.Errorf("Compile: %v", err)
				}
				return
			}
			if err == nil || book != nil {
				t.Fatal("Compile made a book of it")
			}
			if !strings.HasPrefix(err.Error(), "catalogue: "+problems[0].String()) {
				t.Errorf("Compile: %v", err)
			}
		})
	}
}

func TestValidateNothing(t *testing.T) {
	want := []catalogue.Problem{{Path: "queues", Problem: "give at least one queue"}}
	for _, m := range []*kuplav1.Catalogue{nil, {}} {
		if diff := cmp.Diff(want, catalogue.Validate(m)); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	}
}

// TestEveryValueIsKnown sees that what the contract gains is not refused, or lost, by what was written before it.
func TestEveryValueIsKnown(t *testing.T) {
	tests := []struct {
		name   string
		values map[int32]string
		set    func(q *kuplav1.Queue, value int32)
	}{
		{"day", kuplav1.DayOfWeek_name, func(q *kuplav1.Queue, v int32) {
			q.OpeningHours.Weekly = []*kuplav1.DayHours{{Day: kuplav1.DayOfWeek(v)}}
		}},
		{"eve", kuplav1.Eve_name, func(q *kuplav1.Queue, v int32) {
			q.OpeningHours.Eves = []*kuplav1.EveHours{{Eve: kuplav1.Eve(v)}}
		}},
		{"policy", kuplav1.IdentificationPolicy_name, func(q *kuplav1.Queue, v int32) {
			q.IdentificationPolicy = kuplav1.IdentificationPolicy(v)
		}},
		{"rules", kuplav1.RepresentationRules_name, func(q *kuplav1.Queue, v int32) {
			q.Representation.Rules = kuplav1.RepresentationRules(v)
		}},
		{"question", kuplav1.SurveyQuestionKind_name, func(q *kuplav1.Queue, v int32) {
			q.Survey.Questions[0].Kind = kuplav1.SurveyQuestionKind(v)
		}},
	}
	for _, test := range tests {
		for value, name := range test.values {
			m := good()
			test.set(m.GetQueues()[0], value)
			book, err := catalogue.Compile(m)
			if (err == nil) != (value != 0) {
				t.Errorf("%s: %v", name, err)
			}
			if err != nil {
				continue
			}
			if q := book.Queues()[0]; strings.Contains(q.Survey.Questions[0].Kind.String(), "Kind(") {
				t.Errorf("%s: the domain has no such kind", name)
			}
		}
	}
}
