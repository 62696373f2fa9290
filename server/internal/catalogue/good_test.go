package catalogue_test

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

func text(word string) *kuplav1.LocalizedText {
	return &kuplav1.LocalizedText{Fi: word + " suomeksi", Sv: word + " på svenska", En: word + " in English"}
}

func span(start, end string) *kuplav1.HoursSpan { return &kuplav1.HoursSpan{Start: start, End: end} }

// good is a catalogue with something in every field that can be set. Queue 0 has everything of its own; queue 1
// has nothing that it need not have.
func good() *kuplav1.Catalogue {
	return &kuplav1.Catalogue{
		DefaultNotice: text("Hätätilanteessa 112"),
		DefaultPhone:  "116117",
		DefaultSurvey: &kuplav1.Survey{Questions: []*kuplav1.SurveyQuestion{
			{Id: "recommend", Kind: kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_RECOMMENDATION, Text: text("Suosittelisitko")},
		}},
		Queues: []*kuplav1.Queue{
			{
				Id:          "oral-health",
				Name:        text("Suun terveydenhuolto"),
				Description: text("Ajanvaraus"),
				Notice:      text("Oma ilmoitus"),
				Phone:       "+358 5 123 4567",
				Languages:   []string{"fi", "sv", "en"},
				OpeningHours: &kuplav1.OpeningHours{
					Weekly: []*kuplav1.DayHours{
						{
							Day:   kuplav1.DayOfWeek_DAY_OF_WEEK_MONDAY,
							Spans: []*kuplav1.HoursSpan{span("08:00", "11:00"), span("12:00", "24:00")},
						},
						{Day: kuplav1.DayOfWeek_DAY_OF_WEEK_SUNDAY, Spans: []*kuplav1.HoursSpan{span("10:00", "12:00")}},
					},
					Exceptions: []*kuplav1.HoursException{
						{FirstDate: "2026-07-06", LastDate: "2026-07-31", Description: text("Kesä")},
						{FirstDate: "2026-12-24", Spans: []*kuplav1.HoursSpan{span("08:00", "10:00")}},
					},
					OpenOnHolidays: true,
					Eves: []*kuplav1.EveHours{
						{Eve: kuplav1.Eve_EVE_MIDSUMMER_EVE},
						{Eve: kuplav1.Eve_EVE_MAY_DAY_EVE, Spans: []*kuplav1.HoursSpan{span("08:00", "12:00")}},
					},
				},
				IdentificationPolicy: kuplav1.IdentificationPolicy_IDENTIFICATION_POLICY_AT_START,
				Representation:       &kuplav1.Representation{Rules: kuplav1.RepresentationRules_REPRESENTATION_RULES_HEALTH},
				Capacity:             30,
				KeepPlaceDuration:    durationpb.New(15 * time.Minute),
				ClosingGraceDuration: durationpb.New(0),
				TransferQueueIds:     []string{"social-guidance"},
				Survey: &kuplav1.Survey{Questions: []*kuplav1.SurveyQuestion{
					{Id: "access", Kind: kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_STATEMENT, Text: text("Pääsin")},
					{Id: "comment", Kind: kuplav1.SurveyQuestionKind_SURVEY_QUESTION_KIND_OPEN_TEXT, Text: text("Sana vapaa")},
				}},
			},
			{
				Id:                   "social-guidance",
				Name:                 &kuplav1.LocalizedText{Fi: "Neuvonta", Sv: "Rådgivning"},
				Description:          &kuplav1.LocalizedText{Fi: "Neuvontaa", Sv: "Rådgivning"},
				Languages:            []string{"sv"},
				OpeningHours:         &kuplav1.OpeningHours{},
				IdentificationPolicy: kuplav1.IdentificationPolicy_IDENTIFICATION_POLICY_NEVER,
				Representation:       &kuplav1.Representation{Rules: kuplav1.RepresentationRules_REPRESENTATION_RULES_SOCIAL},
			},
		},
		CannedReplies: []*kuplav1.CannedReply{
			{Id: "greeting", Title: text("Tervehdys"), Text: text("Hei!")},
			{
				Id:       "booking",
				Title:    &kuplav1.LocalizedText{Fi: "Varaus", Sv: "Bokning"},
				Text:     &kuplav1.LocalizedText{Fi: "Varaan ajan.", Sv: "Jag bokar en tid."},
				QueueIds: []string{"social-guidance"},
			},
		},
	}
}
