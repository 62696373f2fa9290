package identity_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/identity"
)

func TestParse(t *testing.T) {
	t.Parallel()
	type date struct {
		year  int
		month time.Month
		day   int
	}
	tests := map[string]struct {
		text       string
		want       date
		artificial bool
		err        error
	}{
		"published example, 1900s":       {text: "131052-308T", want: date{1952, time.October, 13}},
		"published example, 2000s":       {text: "141002A909X", want: date{2002, time.October, 14}, artificial: true},
		"published example, artificial":  {text: "220750-999Y", want: date{1950, time.July, 22}, artificial: true},
		"1900s hyphen":                   {text: "100190-999P", want: date{1990, time.January, 10}, artificial: true},
		"1900s sign of the reform":       {text: "100190Y999P", want: date{1990, time.January, 10}, artificial: true},
		"1800s":                          {text: withCheck("010199+900"), want: date{1899, time.January, 1}, artificial: true},
		"1900s U":                        {text: withCheck("311299U950"), want: date{1999, time.December, 31}, artificial: true},
		"2000s F":                        {text: withCheck("010124F950"), want: date{2024, time.January, 1}, artificial: true},
		"leap day 2000":                  {text: withCheck("290200A900"), want: date{2000, time.February, 29}, artificial: true},
		"leap day 1996":                  {text: withCheck("290296-900"), want: date{1996, time.February, 29}, artificial: true},
		"no leap day 1900":               {text: withCheck("290200-900"), err: identity.ErrCodeDate},
		"no leap day 1800":               {text: withCheck("290200+900"), err: identity.ErrCodeDate},
		"31 April":                       {text: withCheck("310490-900"), err: identity.ErrCodeDate},
		"day 0":                          {text: withCheck("000190-900"), err: identity.ErrCodeDate},
		"day 32":                         {text: withCheck("320190-900"), err: identity.ErrCodeDate},
		"month 0":                        {text: withCheck("010090-900"), err: identity.ErrCodeDate},
		"month 13":                       {text: withCheck("011390-900"), err: identity.ErrCodeDate},
		"individual number 000":          {text: withCheck("010190-000"), err: identity.ErrCodeNumber},
		"individual number 001":          {text: withCheck("010190-001"), err: identity.ErrCodeNumber},
		"invalid though often published": {text: "010190-999Y", err: identity.ErrCodeCheck},
		"another check character":        {text: "131052-308U", err: identity.ErrCodeCheck},
		"check character of no code":     {text: "131052-308G", err: identity.ErrCodeForm},
		"lower case":                     {text: "131052-308t", err: identity.ErrCodeForm},
		"lower-case sign":                {text: "141002a909X", err: identity.ErrCodeForm},
		"unassigned sign":                {text: withCheck("100190G999"), err: identity.ErrCodeForm},
		"en dash":                        {text: "131052–308T", err: identity.ErrCodeForm},
		"leading space":                  {text: " 131052-308T", err: identity.ErrCodeForm},
		"space for a digit":              {text: "13105 -308T", err: identity.ErrCodeForm},
		"letter for a digit":             {text: "1310S2-308T", err: identity.ErrCodeForm},
		"too long":                       {text: "131052-308TT", err: identity.ErrCodeForm},
		"too short":                      {text: "131052-308", err: identity.ErrCodeForm},
		"empty":                          {text: "", err: identity.ErrCodeForm},
		"eleven bytes of other letters":  {text: "ääääää", err: identity.ErrCodeForm},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, err := identity.Parse(test.text)
			if !errors.Is(err, test.err) {
				t.Fatalf("Parse = %v, want %v", err, test.err)
			}
			if test.err != nil {
				if !errors.Is(err, identity.ErrInvalidCode) {
					t.Errorf("%v is not ErrInvalidCode", err)
				}
				if !code.IsZero() {
					t.Error("a code comes with the error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if code.Reveal() != test.text {
				t.Errorf("Reveal = %q, want %q", code.Reveal(), test.text)
			}
			year, month, day := code.BirthDate()
			if got := (date{year, month, day}); got != test.want {
				t.Errorf("BirthDate = %v, want %v", got, test.want)
			}
			if code.Artificial() != test.artificial {
				t.Errorf("Artificial = %v, want %v", code.Artificial(), test.artificial)
			}
		})
	}
}

func TestCenturySigns(t *testing.T) {
	t.Parallel()
	centuries := map[int]string{1800: "+", 1900: "-YXWVU", 2000: "ABCDEF"}
	for century, signs := range centuries {
		for _, sign := range signs {
			code, err := identity.Parse(withCheck("150670" + string(sign) + "901"))
			if err != nil {
				t.Errorf("sign %c: %v", sign, err)
				continue
			}
			if year, _, _ := code.BirthDate(); year != century+70 {
				t.Errorf("sign %c: born %d, want %d", sign, year, century+70)
			}
		}
	}
	valid := strings.Join([]string{"+", "-YXWVU", "ABCDEF"}, "")
	for sign := range rune(0x80) {
		_, err := identity.Parse(withCheck("150670" + string(sign) + "901"))
		if accepted := err == nil; accepted != strings.ContainsRune(valid, sign) {
			t.Errorf("sign %q: accepted = %v", sign, accepted)
		}
	}
}

func TestCodeSignIsPartOfIdentity(t *testing.T) {
	t.Parallel()
	hyphen, letter := mustParse(t, "100190-999P"), mustParse(t, "100190Y999P")
	if hyphen == letter || hyphen.Equal(letter) {
		t.Error("two people are taken for one")
	}
	if again := mustParse(t, "100190-999P"); hyphen != again || !hyphen.Equal(again) {
		t.Error("one person is taken for two")
	}
}

// TestCodeIsNeverPrinted holds every way of printing a code, alone and inside other values, to the
// masked form.
func TestCodeIsNeverPrinted(t *testing.T) {
	t.Parallel()
	const secret = "220750-999Y"
	code := mustParse(t, secret)
	type holder struct {
		Exported identity.Code
		hidden   identity.Code
		pointer  *identity.Code
	}
	values := map[string]any{
		"value":   code,
		"pointer": &code,
		"slice":   []identity.Code{code},
		"key":     map[identity.Code]bool{code: true},
		"struct":  holder{code, code, &code},
		"nested":  &struct{ inner holder }{holder{code, code, &code}},
	}
	// A time may happen to hold any digits.
	timeless := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%t", "%c", "%U", "%e"} {
			leaks(t, name+" "+verb, fmt.Sprintf(verb, value))
		}
		if name != "key" {
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			leaks(t, name+" as JSON", string(text))
		}
		var text, lines bytes.Buffer
		slog.New(slog.NewTextHandler(&text, timeless)).Info("m", "value", value)
		leaks(t, name+" in a text log", text.String())
		if name != "key" {
			slog.New(slog.NewJSONHandler(&lines, timeless)).Info("m", "value", value)
			leaks(t, name+" in a JSON log", lines.String())
		}
	}
	_, err := identity.Parse("220750-999X")
	leaks(t, "an error", err.Error())

	for verb, want := range map[string]string{"%v": "220750-****", "%s": "220750-****", "%#v": "identity.Code(220750-****)"} {
		if got := fmt.Sprintf(verb, code); got != want {
			t.Errorf("%s prints %q, want %q", verb, got, want)
		}
	}
	if got := code.LogValue().String(); got != "220750-****" {
		t.Errorf("LogValue = %q", got)
	}
	if text, err := json.Marshal(code); err != nil || string(text) != `"220750-****"` {
		t.Errorf("JSON = %s, %v", text, err)
	}
}

// leaks fails when output shows the tail of the code of TestCodeIsNeverPrinted, as text, hexadecimal
// or decimal bytes.
func leaks(t *testing.T, where, output string) {
	t.Helper()
	for _, tail := range []string{"999", "393939", "39 39 39", "57 57 57", "0x39, 0x39", "71 71 71", "111001 111001"} {
		if strings.Contains(output, tail) {
			t.Errorf("%s shows the code: %s", where, output)
		}
	}
}

func TestZeroCode(t *testing.T) {
	t.Parallel()
	var code identity.Code
	if !code.IsZero() || code.Reveal() != "" || code.String() != "" || code.Artificial() {
		t.Errorf("the zero code is %q, revealed %q", code, code.Reveal())
	}
	if year, month, day := code.BirthDate(); year != 0 || month != 0 || day != 0 {
		t.Errorf("the zero code is born %d-%d-%d", year, month, day)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"131052-308T", "141002A909X", "220750-999Y", "010190-999Y", "100190Y999P", "", "ääääää"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		code, err := identity.Parse(text)
		if err != nil {
			if !errors.Is(err, identity.ErrInvalidCode) || !code.IsZero() {
				t.Fatalf("Parse = %v, %v", code, err)
			}
			return
		}
		if code.Reveal() != text {
			t.Fatalf("%q came back as %q", text, code.Reveal())
		}
		if span, ok := identity.FindCode(text); !ok || span != (identity.Span{Start: 0, End: len(text)}) {
			t.Fatalf("the guard does not find what Parse accepts: %v %v", span, ok)
		}
	})
}

func mustParse(t *testing.T, text string) identity.Code {
	t.Helper()
	code, err := identity.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return code
}

// withCheck appends the check character to DDMMYY, sign and NNN: the arithmetic of the definition,
// written independently of the code under test.
func withCheck(body string) string {
	remainder := 0
	for i := range len(body) {
		if body[i] >= '0' && body[i] <= '9' && i != 6 {
			remainder = (remainder*10 + int(body[i]-'0')) % 31
		}
	}
	return body + string("0123456789ABCDEFHJKLMNPRSTUVWXY"[remainder])
}
