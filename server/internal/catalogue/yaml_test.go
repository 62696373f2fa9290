package catalogue_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
)

var update = flag.Bool("update", false, "write the golden files anew")

const golden = "testdata/catalogue.yaml"

// TestYAMLGolden sees that a catalogue is written as it was, word for word, and is the same when it is read back.
func TestYAMLGolden(t *testing.T) {
	formatted, err := catalogue.FormatYAML(good())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, formatted, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(formatted)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", golden, diff)
	}
	parsed, err := catalogue.ParseYAML(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(good(), parsed, protocmp.Transform()); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// awkward are texts that YAML would take for something else.
var awkward = []string{
	"08:00", "yes", "null", "~", "true", "116117", "0x10", "1e3", "2026-12-24", "- a", "a: b", "# a", "a # b", " a ", "a\nb", "a\n\n b\n",
	"\ta", "'", `"`, `\`, "&a", "*a", "!a", "%a", "@a", "`a", "{a}", "[a]", "|", ">", "?", ":", "-", "---", "...", "<<",
	"ä🙂", "a\u2028b", "a\u0085b", "\ufeffa", "a\u00a0b", "a\r\nb", "\x00\x1b", "", strings.Repeat("ääkkönen ", 200),
}

func TestYAMLRoundTrip(t *testing.T) {
	for _, word := range awkward {
		m := &kuplav1.Catalogue{
			DefaultNotice: &kuplav1.LocalizedText{Fi: word},
			Queues: []*kuplav1.Queue{{Id: word, Languages: []string{word, "fi"}, OpeningHours: &kuplav1.OpeningHours{
				Weekly: []*kuplav1.DayHours{{Spans: []*kuplav1.HoursSpan{span(word, word)}}},
			}}},
		}
		formatted, err := catalogue.FormatYAML(m)
		if err != nil {
			t.Errorf("%q: %v", word, err)
			continue
		}
		parsed, err := catalogue.ParseYAML(formatted)
		if err != nil {
			t.Errorf("%q: %v\n%s", word, err, formatted)
			continue
		}
		if diff := cmp.Diff(m, parsed, protocmp.Transform()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", word, diff)
		}
	}
}

func TestFormatYAML(t *testing.T) {
	m := good()
	m.Queues[0].NoticeVersion, m.DefaultSurvey.Version = "a", "b"
	formatted, err := catalogue.FormatYAML(m)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(formatted), "version") {
		t.Error("what is output only is written")
	}
	m.DefaultPhone = "a\xff"
	if _, err := catalogue.FormatYAML(m); err == nil {
		t.Error("text that is not UTF-8 was written")
	}
	empty, err := catalogue.FormatYAML(&kuplav1.Catalogue{})
	if err != nil || string(empty) != "{}\n" {
		t.Errorf("an empty catalogue: %q, %v", empty, err)
	}
}

func TestParseYAML(t *testing.T) {
	const file = `
# Field names of JSON do, and so do dates and times of day without quotes.
defaultPhone: '112'
queues:
  - id: a
    languages: &languages [fi]
    capacity: 0x10
    keepPlaceDuration: 90s
    openingHours:
      openOnHolidays: true
      weekly:
        - {day: DAY_OF_WEEK_MONDAY, spans: &morning [{start: 08:00, end: 12:00}]}
        - day: 2
          spans: *morning
      exceptions: [{firstDate: 2026-12-24}]
  - id: b
    languages: *languages
    phone: null
`
	spans := []*kuplav1.HoursSpan{span("08:00", "12:00")}
	want := &kuplav1.Catalogue{
		DefaultPhone: "112",
		Queues: []*kuplav1.Queue{
			{
				Id: "a", Languages: []string{"fi"}, Capacity: 16, KeepPlaceDuration: good().GetQueues()[0].GetKeepPlaceDuration(),
				OpeningHours: &kuplav1.OpeningHours{
					OpenOnHolidays: true,
					Weekly: []*kuplav1.DayHours{
						{Day: kuplav1.DayOfWeek_DAY_OF_WEEK_MONDAY, Spans: spans}, {Day: kuplav1.DayOfWeek_DAY_OF_WEEK_TUESDAY, Spans: spans},
					},
					Exceptions: []*kuplav1.HoursException{{FirstDate: "2026-12-24"}},
				},
			},
			{Id: "b", Languages: []string{"fi"}},
		},
	}
	want.Queues[0].KeepPlaceDuration.Seconds = 90
	got, err := catalogue.ParseYAML([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("catalogue (-want +got):\n%s", diff)
	}
}

func TestParseYAMLRefuses(t *testing.T) {
	// Each level is an alias ten times over: a hundred bytes that would unfold into a billion.
	bomb := "a0: &a0 [x]\n"
	for i := range 10 {
		before := strings.TrimSuffix(strings.Repeat("*a"+string(rune('0'+i))+", ", 10), ", ")
		name := string(rune('0' + i + 1))
		if i == 9 {
			name = "9b"
		}
		bomb += "a" + name + ": &a" + name + " [" + before + "]\n"
	}
	tests := []struct {
		name, file, want string
	}{
		{"nothing", "", "line 1: there is nothing in the file"},
		{"only a comment", "# later\n", "line 1: there is nothing in the file"},
		{"a list", "\n- id: a\n", "line 2: write a catalogue"},
		{"a word", "catalogue", "line 1: write a catalogue"},
		{"not YAML", "queues: [\n", "did not find expected node content"},
		{"a tab", "queues:\n\t- id: a\n", "line 2: found character that cannot start any token"},
		{"two documents", "queues: []\n---\nqueues: []\n", "there is more than one document"},
		{"unknown field", "queues:\n  - id: a\n\n    # no such thing\n    colour: red\n", `line 5: unknown field "colour"`},
		{"unknown field on a line with others", "queues: [\n  {id: a,\n   colour: red}]\n", `line 3: unknown field "colour"`},
		{"unknown enum", "queues:\n  - identification_policy: SOMETIMES\n", "line 2: invalid value for enum"},
		{"phone without quotes", "default_phone: 116117\n", "line 1: invalid value for string field defaultPhone: 116117; put text"},
		{"text for a number", "queues:\n- capacity: many\n", "line 2: invalid value for int32 field capacity"},
		{"number that is too large", "queues:\n- capacity: 99999999999\n", "line 2: invalid value for int32"},
		{"number that is larger still", "queues:\n- capacity: 99999999999999999999\n", "line 2: "},
		{"fraction", "queues:\n- capacity: 1.5\n", `line 2: a catalogue has text, whole numbers, true and false; put "1.5" in quotes`},
		{"binary", "default_phone: !!binary aGVp\n", "line 1: a catalogue has text"},
		{"duration", "queues:\n- keep_place_duration: ten minutes\n", "line 2: invalid google.protobuf.Duration"},
		{"field twice", "default_phone: '1'\ndefault_phone: '2'\n", `line 2: duplicate field "default_phone"`},
		{"field twice, in both ways", "default_phone: '1'\ndefaultPhone: '2'\n", `line 2: duplicate field "defaultPhone"`},
		{"number for a field's name", "1: a\n", "line 1: write the name of a field"},
		{"merge key", "queues:\n- &a {id: a}\n- <<: *a\n", "line 3: write the name of a field"},
		{"list for a field's name", "? [a]\n: b\n", "line 1: write the name of a field"},
		{"aliases that unfold without end", bomb, "the file is too large, or nested too deeply"},
		{
			"long text, many times over", "default_phone: &a " + strings.Repeat("a", 1<<20) + "\nqueues: [" + strings.Repeat("*a, ", 20) + "]\n",
			"the file is too large, or nested too deeply",
		},
		{"alias of itself", "queues: &a\n  - *a\n", "the file is too large, or nested too deeply"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := catalogue.ParseYAML([]byte(test.file))
			if err == nil || m != nil {
				t.Fatalf("was read: %v", m)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q", err, test.want)
			}
		})
	}
}

func FuzzParseYAML(f *testing.F) {
	data, err := os.ReadFile(golden)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	for _, word := range awkward {
		f.Add("default_phone: " + word)
	}
	f.Add("queues: &a\n  - *a\n")
	f.Fuzz(func(t *testing.T, file string) {
		m, err := catalogue.ParseYAML([]byte(file))
		if err != nil {
			return
		}
		formatted, err := catalogue.FormatYAML(m)
		if err != nil {
			t.Fatalf("%v is read and cannot be written: %v", m, err)
		}
		again, err := catalogue.ParseYAML(formatted)
		if err != nil {
			t.Fatalf("%s is written and cannot be read: %v", formatted, err)
		}
		if len(catalogue.Diff(m, again)) > 0 {
			t.Fatalf("another catalogue after\n%s", formatted)
		}
	})
}
