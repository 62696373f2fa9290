package identity_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"github.com/kupla-chat/kupla/server/internal/identity"
)

func TestFindCode(t *testing.T) {
	t.Parallel()
	// want is the part of text that is found; "" when nothing is.
	tests := map[string]struct{ text, want string }{
		"alone":                             {"131052-308T", "131052-308T"},
		"in a sentence":                     {"Hei, tunnukseni on 131052-308T. Kiitos!", "131052-308T"},
		"second of the vectors":             {"hetu: 141002A909X", "141002A909X"},
		"third of the vectors":              {"(220750-999Y)", "220750-999Y"},
		"sign of the reform":                {"100190Y999P", "100190Y999P"},
		"1800s":                             {withCheck("010199+900"), withCheck("010199+900")},
		"lower-case check character":        {"220750-999y", "220750-999y"},
		"lower-case sign":                   {"141002a909x", "141002a909x"},
		"hyphen U+2010":                     {"220750‐999Y", "220750‐999Y"},
		"non-breaking hyphen U+2011":        {"220750‑999Y", "220750‑999Y"},
		"figure dash U+2012":                {"220750‒999Y", "220750‒999Y"},
		"en dash U+2013":                    {"220750–999Y", "220750–999Y"},
		"em dash U+2014":                    {"220750—999Y", "220750—999Y"},
		"minus U+2212":                      {"220750−999Y", "220750−999Y"},
		"full-width hyphen U+FF0D":          {"220750－999Y", "220750－999Y"},
		"small hyphen U+FE63":               {"220750﹣999Y", "220750﹣999Y"},
		"spaces around the sign":            {"220750 - 999Y", "220750 - 999Y"},
		"space before the sign":             {"220750 -999Y", "220750 -999Y"},
		"space after the sign":              {"220750- 999Y", "220750- 999Y"},
		"line break after the sign":         {"220750-\n999Y", "220750-\n999Y"},
		"line break before the sign":        {"220750\r\n-999Y", "220750\r\n-999Y"},
		"no-break and thin space":           {"220750\u00A0–\u2009999Y", "220750\u00A0–\u2009999Y"},
		"spaces around a letter":            {"141002 A 909X", "141002 A 909X"},
		"full-width digits":                 {"２２０７５０－９９９Ｙ", "２２０７５０－９９９Ｙ"},
		"full-width lower case":             {"１４１００２ａ９０９ｘ", "１４１００２ａ９０９ｘ"},
		"Arabic-Indic digits":               {"٢٢٠٧٥٠-٩٩٩Y", "٢٢٠٧٥٠-٩٩٩Y"},
		"mathematical digits":               {"𝟐𝟐𝟎𝟕𝟓𝟎-𝟗𝟗𝟗Y", "𝟐𝟐𝟎𝟕𝟓𝟎-𝟗𝟗𝟗Y"},
		"Cyrillic sign and check character": {"141002А909Х", "141002А909Х"},
		"soft hyphen between":               {"2207\u00AD50-999Y", "2207\u00AD50-999Y"},
		"zero-width space between":          {"220750\u200B-\u200B999Y", "220750\u200B-\u200B999Y"},
		"zero-width joiner between":         {"2\u200D20750-99\u200C9Y", "2\u200D20750-99\u200C9Y"},
		"byte order mark before":            {"\uFEFF220750-999Y", "220750-999Y"},
		"direction marks around":            {"\u200E220750-999Y\u200F", "220750-999Y"},
		"emoji digits":                      {"2\uFE0F\u20E320750-999Y", "2\uFE0F\u20E320750-999Y"},
		"case ending after a colon":         {"220750-999Y:n asiat", "220750-999Y"},
		"markdown":                          {"**220750-999Y**", "220750-999Y"},
		"underscores":                       {"_220750-999Y_", "220750-999Y"},
		"after invalid UTF-8":               {"\xff\xe2220750-999Y\xff", "220750-999Y"},
		"after an emoji":                    {"🙂220750-999Y🙂", "220750-999Y"},
		"after a failed attempt":            {"131052-220750-999Y", "220750-999Y"},
		"after an invalid code":             {"010190-999Y vai 100190-999P", "100190-999P"},
		"the first of two":                  {"100190Y999P, 100190-999P", "100190Y999P"},
		"after a date and a time":           {"10.1.1990 klo 12:30, 100190-999P", "100190-999P"},
		"after a separate number":           {"1 100190-999P", "100190-999P"},

		"empty":                            {"", ""},
		"nothing of the kind":              {"Hei, onko ajanvaraus auki?", ""},
		"wrong check character":            {"010190-999Y", ""},
		"check character of no code":       {"220750-999O", ""},
		"no such day":                      {withCheck("310490-900"), ""},
		"individual number 001":            {withCheck("010190-001"), ""},
		"no sign":                          {"220750999Y", ""},
		"space for the sign":               {"220750 999Y", ""},
		"soft hyphen for the sign":         {"220750\u00AD999Y", ""},
		"other sign":                       {"220750/999Y", ""},
		"unassigned letter for the sign":   {"100190G999P", ""},
		"space within the date":            {"22 07 50-999Y", ""},
		"space before the check character": {"220750-999 Y", ""},
		"dots in the date":                 {"22.07.50-999Y", ""},
		"digit before":                     {"1220750-999Y", ""},
		"letter before":                    {"x220750-999Y", ""},
		"Finnish letter before":            {"ä220750-999Y", ""},
		"Cyrillic letter before":           {"я220750-999Y", ""},
		"superscript before":               {"²220750-999Y", ""},
		"invisible between letter and it":  {"x\u200B220750-999Y", ""},
		"digit after":                      {"220750-999Y1", ""},
		"letter after":                     {"220750-999Yn", ""},
		"Finnish letter after":             {"220750-999Yö", ""},
		"invisible between it and letter":  {"220750-999Y\u00ADn", ""},
		"fraction for a digit":             {"22075½-999Y", ""},
		"cut off":                          {"220750-999", ""},
		"cut off at the sign":              {"220750-", ""},
		"date only":                        {"220750", ""},
		"phone number":                     {"040 123 4567", ""},
		"phone number with hyphens":        {"050-123-4567", ""},
		"phone number of six and four":     {"010203-4567", ""},
		"international phone number":       {"+358 40 1234567", ""},
		"dates":                            {"22.7.1950 – 23.7.1950", ""},
		"ISO dates":                        {"2025-04-10T12:30:00Z", ""},
		"range of short dates":             {"220750-230750", ""},
		"bank account":                     {"FI21 1234 5600 0007 85", ""},
		"business identity code":           {"1234567-8", ""},
		"UUID":                             {"220750ab-999e-4999-8999-220750999999", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			span, found := identity.FindCode(test.text)
			if got := test.text[span.Start:span.End]; got != test.want || found != (test.want != "") {
				t.Errorf("FindCode(%q) = %q, %v; want %q", test.text, got, found, test.want)
			}
			if identity.ContainsCode(test.text) != found {
				t.Error("ContainsCode disagrees with FindCode")
			}
		})
	}
}

// TestFindCodeDigitsOfEveryScript holds the guard to every decimal digit that the unicode package of
// this Go release knows, so that a release with new scripts cannot silently break the arithmetic.
func TestFindCodeDigitsOfEveryScript(t *testing.T) {
	t.Parallel()
	scripts := 0
	for zero := rune(0); zero <= unicode.MaxRune; zero++ {
		if !unicode.Is(unicode.Nd, zero) {
			continue
		}
		var text strings.Builder
		for _, char := range "220750-999Y" {
			if char >= '0' && char <= '9' {
				char += zero - '0'
			}
			text.WriteRune(char)
		}
		if !identity.ContainsCode(text.String()) {
			t.Errorf("not found with the digits from %U", zero)
		}
		scripts++
		zero += 9
	}
	if scripts < 60 {
		t.Errorf("only %d scripts tried", scripts)
	}
}

// TestFindCodeReportsOnlyTruth checks the guard against Parse: over every date of a century, every
// individual number of a sample and every check character, it fires exactly when Parse accepts.
func TestFindCodeReportsOnlyTruth(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := fmt.Sprintf("%02d%02d%02d%c%03d%c",
			random.IntN(34), random.IntN(14), random.IntN(100), pick(random, "+-YXWVUABCDEF"),
			900+random.IntN(100), pick(random, "0123456789ABCDEFHJKLMNPRSTUVWXY"))
		_, err := identity.Parse(text)
		if found := identity.ContainsCode(text); found != (err == nil) {
			t.Fatalf("%s: found %v, Parse says %v", text, found, err)
		}
	}
}

// FuzzFindCode puts a random valid code, written in a random one of the ways the guard knows, between
// two arbitrary texts. It must be found, or another one before it.
func FuzzFindCode(f *testing.F) {
	f.Add("Hei, ", ". Kiitos!", uint64(1))
	f.Add("131052-", "-308T", uint64(2))
	f.Add("220750 -\n", "\u200b1", uint64(3))
	f.Add("\xff\xe2\x80", "\xe2", uint64(4))
	f.Fuzz(func(t *testing.T, before, after string, seed uint64) {
		if span, ok := identity.FindCode(before + after); ok {
			checkSpan(t, before+after, span)
		}
		random := rand.New(rand.NewPCG(seed, 0))
		// The neighbours are of ASCII so that they cannot complete broken UTF-8 around them.
		opening := before + string(pick(random, " \n(:/_*\"."))
		text := opening + written(random, artificialCode(random)) + string(pick(random, " \n):/_*\".,!?")) + after
		span, ok := identity.FindCode(text)
		if !ok {
			t.Fatalf("not found in %q", text)
		}
		checkSpan(t, text, span)
		if span.Start > len(opening)+len("\u2060") {
			t.Fatalf("found %v in %q, behind the code that begins at %d", span, text, len(opening))
		}
	})
}

// checkSpan holds a span to what a reader of it relies on: it lies in the text, and what it covers is
// found again when it stands alone.
func checkSpan(t *testing.T, text string, span identity.Span) {
	t.Helper()
	if span.Start < 0 || span.End > len(text) || span.End-span.Start < 11 {
		t.Fatalf("span %v of a text of %d bytes", span, len(text))
	}
	part := text[span.Start:span.End]
	if alone, ok := identity.FindCode(part); !ok || alone != (identity.Span{Start: 0, End: len(part)}) {
		t.Fatalf("%q is not found alone: %v, %v", part, alone, ok)
	}
}

// artificialCode returns a random valid code that belongs to nobody.
func artificialCode(random *rand.Rand) string {
	for {
		code := withCheck(fmt.Sprintf("%02d%02d%02d%c%03d", 1+random.IntN(31), 1+random.IntN(12),
			random.IntN(100), pick(random, "+-YXWVUABCDEF"), 900+random.IntN(100)))
		if _, err := identity.Parse(code); err == nil {
			return code
		}
	}
}

// written returns the code as somebody might type it.
func written(random *rand.Rand, code string) string {
	fullWidth, lower := random.IntN(4) == 0, random.IntN(2) == 0
	var text strings.Builder
	for i, char := range code {
		if lower {
			char = unicode.ToLower(char)
		}
		if char == '-' {
			char = pick(random, "-‐‑‒–—―−﹣－")
		}
		if fullWidth && char < 0x80 {
			char += '！' - '!'
		}
		if i == 6 {
			text.WriteString(spaces(random))
		}
		text.WriteRune(char)
		if i == 6 {
			text.WriteString(spaces(random))
		}
		if i < len(code)-1 && random.IntN(6) == 0 {
			text.WriteRune(pick(random, "\u00AD\u200B\u200C\u200D\u2060\uFEFF\u200E\u200F\uFE0F"))
		}
	}
	return text.String()
}

func spaces(random *rand.Rand) string {
	var text strings.Builder
	for random.IntN(3) == 0 {
		text.WriteRune(pick(random, " \t\n\r\u00A0\u2009\u202F\u3000\u2028"))
	}
	return text.String()
}

func pick(random *rand.Rand, from string) rune {
	characters := []rune(from)
	return characters[random.IntN(len(characters))]
}

func BenchmarkFindCode(b *testing.B) {
	texts := map[string]string{
		"message200": strings.Repeat("Hei, hammasta särkee ja soitin jo 22.7. numeroon 040 123 4567. ", 4)[:200],
		"hostile1MB": strings.Repeat("220750 - 220750 -\n", 1<<20/18),
	}
	for name, text := range texts {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if identity.ContainsCode(text) {
					b.Fatal("found")
				}
			}
		})
	}
}
