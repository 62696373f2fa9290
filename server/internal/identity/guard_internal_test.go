package identity

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestFindCodeIsLinear counts the characters that the scanner decodes in texts made to send it back
// and forth, instead of timing it on a machine that others use too.
func TestFindCodeIsLinear(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	tests := map[string]string{
		"digits":                  "1",
		"groups of six":           "220750 ",
		"attempts in a chain":     "220750-",
		"attempts with space":     "220750 - ",
		"attempts cut at the end": "220750-999",
		"attempts with a sign":    "220750A",
		"invalid codes":           "010190-999Y ",
		"invisible":               "\u200B",
		"invisible after a group": "220750\u00AD\u00AD\u00AD\u00AD",
		"white space":             " ",
		"invalid UTF-8":           "\xff",
		"cut UTF-8":               "\xe2\x80",
	}
	for name, unit := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			long, short := strings.Repeat(unit, size/len(unit)), strings.Repeat(unit, size/16/len(unit))
			for _, text := range []string{
				long, "220750" + short, "220750-" + short, "220750-9" + short, "220750 " + short + "-999X",
			} {
				s := scanner{text: text}
				if _, ok := s.find(); ok {
					t.Fatal("found a code")
				}
				if runes := utf8.RuneCountInString(text); s.decoded > 5*runes {
					t.Errorf("decoded %d characters of a text of %d", s.decoded, runes)
				}
			}
		})
	}
}

func TestFindCodeAllocatesNothing(t *testing.T) {
	text := "Hei, tunnukseni on ２２０７５０－\u00AD９９９Ｙ"
	if n := testing.AllocsPerRun(100, func() {
		if !ContainsCode(text) {
			t.Fatal("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
