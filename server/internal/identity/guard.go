package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Span is a half-open range of byte offsets in a text: text[Start:End].
type Span struct {
	// Start is the offset of the first byte.
	Start int
	// End is the offset after the last byte.
	End int
}

// ContainsCode reports whether [FindCode] finds anything in text.
func ContainsCode(text string) bool {
	_, found := FindCode(text)
	return found
}

// FindCode finds the first valid personal identity code in free text and says where it stands. It
// returns no [Code]: whoever asks is about to refuse the text, not to learn the code.
//
// It reads a code the way people and their devices write one:
//   - letters in either case, and the Cyrillic letters that look like them;
//   - any Unicode dash, hyphen or minus where the sign is "-";
//   - any white space, line breaks included, before and after the sign;
//   - decimal digits of any script, as of an Arabic keyboard, and full-width forms;
//   - characters that are not seen (soft hyphen, zero-width space and joiners, byte order mark,
//     direction marks, combining marks) anywhere.
//
// To keep telephone numbers, dates, order numbers and the like out of it, the code must be valid to
// its check character, have its sign, have no white space within its groups, and not be part of a
// longer run of letters or digits. What still passes is a valid code, whatever its writer meant by
// it: of the numbers that have the form and a possible date, one in 31.
//
// It takes time linear in the length of text and allocates nothing. Invalid UTF-8 is read as
// characters that belong to no code.
func FindCode(text string) (Span, bool) {
	s := scanner{text: text}
	return s.find()
}

// class says what a character may be in a code.
type class uint8

const (
	classOther class = iota
	classEnd
	classSpace
	classDigit
	classLetter
	classSign
)

// glyph is one visible character of the text.
type glyph struct {
	class class
	// char is the character in the official alphabet of codes, or 0 where it has none there.
	char byte
	// start and end are its byte offsets.
	start, end int
}

// word reports whether the glyph would make a longer word of a code that it touches.
func (g glyph) word() bool {
	return g.class == classDigit || g.class == classLetter
}

// scanner walks over a text. It counts the characters it decodes, so that a test can hold it to
// linear work without a stopwatch.
type scanner struct {
	text    string
	decoded int
}

// find tries every run of exactly six digits that begins a word.
//
// After a failed attempt it goes on behind that run, not behind the attempt, since the attempt may
// have read the digits of the next one: 131052-131052-308T. Each attempt ends at the first character
// that does not fit, so a stretch of the text is read by at most two attempts and once by the walk.
func (s *scanner) find() (Span, bool) {
	begins := true // whether a word may begin at g
	g := s.read(0)
	for g.class != classEnd {
		if g.class != classDigit || !begins {
			begins = !g.word()
			g = s.read(s.skipLetters(g.end, &begins))
			continue
		}
		var code [codeLength]byte
		start, digits := g.start, 0
		var end int
		for g.class == classDigit {
			if digits < 6 {
				code[digits] = g.char
			}
			digits++
			end = g.end
			g = s.read(end)
		}
		if digits == 6 {
			if stop, ok := s.complete(&code, g); ok {
				return Span{Start: start, End: stop}, true
			}
		}
		begins = false
	}
	return Span{}, false
}

// complete reads what follows the six digits of code, from g on, and returns the offset after the
// check character when the whole is a valid code that ends a word.
func (s *scanner) complete(code *[codeLength]byte, g glyph) (end int, ok bool) {
	g = s.skipSpace(g)
	if _, ok := century(g.char); !ok {
		return 0, false
	}
	code[6] = g.char
	g = s.skipSpace(s.read(g.end))
	for i := 7; i < 10; i++ {
		if g.class != classDigit {
			return 0, false
		}
		code[i] = g.char
		g = s.read(g.end)
	}
	if !g.word() || g.char == 0 {
		return 0, false
	}
	code[10] = g.char
	end = g.end
	if s.read(end).word() {
		return 0, false
	}
	return end, validate(*code) == nil
}

// skipLetters returns the offset of the next character that is not an ASCII letter, and notes in
// begins that no word may begin there. Most of what people write is letters, and reading each as a
// glyph took nearly half of the time for an ordinary message.
func (s *scanner) skipLetters(offset int, begins *bool) int {
	for offset < len(s.text) {
		if lower := s.text[offset] | 0x20; lower < 'a' || lower > 'z' {
			break
		}
		s.decoded++
		offset++
		*begins = false
	}
	return offset
}

// skipSpace returns g, or the first glyph after it that is not white space.
func (s *scanner) skipSpace(g glyph) glyph {
	for g.class == classSpace {
		g = s.read(g.end)
	}
	return g
}

// read returns the first visible character at or after the offset.
func (s *scanner) read(offset int) glyph {
	for offset < len(s.text) {
		s.decoded++
		char, size := rune(s.text[offset]), 1
		if char >= utf8.RuneSelf {
			char, size = utf8.DecodeRuneInString(s.text[offset:])
			if unseen(char) {
				offset += size
				continue
			}
		}
		kind, official := classify(char)
		return glyph{class: kind, char: official, start: offset, end: offset + size}
	}
	return glyph{class: classEnd, start: offset, end: offset}
}

// unseen reports whether a character leaves no mark of its own: format characters, which include the
// soft hyphen and everything of zero width, and marks that combine with what precedes them, such as
// the enclosing keycap of an emoji digit.
func unseen(char rune) bool {
	return unicode.In(char, unicode.Cf, unicode.Mn, unicode.Me)
}

// classify says what a visible character is, and what it is called in a code.
func classify(char rune) (class, byte) {
	if char < utf8.RuneSelf {
		switch {
		case '0' <= char && char <= '9':
			return classDigit, byte(char)
		case 'a' <= char && char <= 'z':
			return classLetter, byte(char) - 'a' + 'A'
		case 'A' <= char && char <= 'Z':
			return classLetter, byte(char)
		case char == '-' || char == '+':
			return classSign, byte(char)
		case unicode.IsSpace(char):
			return classSpace, 0
		default:
			return classOther, 0
		}
	}
	switch {
	case '\uFF01' <= char && char <= '\uFF5E':
		return classify(char - '\uFF01' + '!') // a full-width form of ASCII
	case unicode.Is(unicode.Nd, char):
		return classDigit, '0' + decimal(char)
	case unicode.IsLetter(char):
		return classLetter, lookalike(char)
	case unicode.IsNumber(char):
		return classLetter, 0 // ½ and ² continue a word but are no digit of a code
	case unicode.IsSpace(char):
		return classSpace, 0
	case unicode.Is(unicode.Pd, char), strings.ContainsRune("\u2043\u207B\u208B\u2212", char):
		return classSign, '-' // Pd has the dashes and hyphens; the rest are hyphen bullet and minuses
	default:
		return classOther, 0
	}
}

// decimal returns the value of a decimal digit outside ASCII. Unicode keeps the ten digits of a
// script together and in order, so the value follows from the place in the range that holds it.
func decimal(char rune) byte {
	for _, r := range unicode.Nd.R16 {
		if rune(r.Lo) <= char && char <= rune(r.Hi) {
			return byte((char - rune(r.Lo)) % 10)
		}
	}
	for _, r := range unicode.Nd.R32 {
		if rune(r.Lo) <= char && char <= rune(r.Hi) {
			return byte((char - rune(r.Lo)) % 10)
		}
	}
	return 0
}

// lookalike returns the Latin letter that a Cyrillic letter looks like in upper case, or 0. Someone
// who writes with a Cyrillic keyboard has these at hand and sees no difference.
func lookalike(char rune) byte {
	switch unicode.ToUpper(char) {
	case 'А':
		return 'A'
	case 'В':
		return 'B'
	case 'С':
		return 'C'
	case 'Е':
		return 'E'
	case 'Н':
		return 'H'
	case 'К':
		return 'K'
	case 'М':
		return 'M'
	case 'Р':
		return 'P'
	case 'Т':
		return 'T'
	case 'Х':
		return 'X'
	case 'У':
		return 'Y'
	default:
		return 0
	}
}
