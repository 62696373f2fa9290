package identity

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unique"
)

// codeLength is the length of a personal identity code in bytes: DDMMYY, sign, NNN, check character.
const codeLength = 11

// firstArtificial is the lowest individual number that is never given to a person. Numbers 900–999
// are for tests and for temporary use inside one organisation.
const firstArtificial = 900

// checkCharacters maps the remainder of DDMMYYNNN divided by 31 to the check character. Letters that
// are easily misread as digits or as one another (G, I, O, Q, Z) are left out.
const checkCharacters = "0123456789ABCDEFHJKLMNPRSTUVWXY"

// Reasons for which [Parse] refuses a text. Each of the others wraps [ErrInvalidCode]. None of them
// quotes the text, because a mistyped code is nearly always a real one.
var (
	// ErrInvalidCode is the one to test for with errors.Is when the reason does not matter.
	ErrInvalidCode = errors.New("not a personal identity code")
	// ErrCodeForm says that the text has another length or other characters than a code.
	ErrCodeForm = fmt.Errorf("%w: form", ErrInvalidCode)
	// ErrCodeDate says that the first six digits and the century sign name no calendar day.
	ErrCodeDate = fmt.Errorf("%w: date of birth", ErrInvalidCode)
	// ErrCodeNumber says that the individual number is 000 or 001, which are never given.
	ErrCodeNumber = fmt.Errorf("%w: individual number", ErrInvalidCode)
	// ErrCodeCheck says that the check character does not belong to the digits.
	ErrCodeCheck = fmt.Errorf("%w: check character", ErrInvalidCode)
)

// Code is a valid Finnish personal identity code: DDMMYY, century sign, individual number, check
// character, as the Government Decree on the Population Information System (128/2010, 2 §) defines
// it, with the century signs added to it on 1 January 2023.
//
// The sign is part of the identity. Since the reform two people may share date, individual number
// and check character and differ in the sign alone: 100190-999P is not 100190Y999P. A Code is
// therefore never normalised, and == tells persons apart.
//
// Every way of printing a Code gives its masked form, and it has no UnmarshalText: a code enters
// through [Parse] and leaves through [Code.Reveal]. The zero Code is no code and prints as nothing.
//
// A Code says nothing about gender. The parity of the individual number used to; it is not to be
// relied on and has no accessor here.
type Code struct {
	// An interned handle instead of a string, because fmt prints the unexported fields of an
	// enclosing struct by reflection, without asking for methods: a string would be spelled out, of a
	// handle only the address is. It also keeps Code comparable.
	text unique.Handle[string]
}

// Parse reads a code in its official form: exactly eleven ASCII characters, letters in upper case.
// It trims and corrects nothing, for its inputs are claims and registers; what people type is the
// business of [FindCode]. The error is one of [ErrCodeForm], [ErrCodeDate], [ErrCodeNumber] and
// [ErrCodeCheck], all of which are [ErrInvalidCode].
//
// Artificial codes are accepted: whether they are welcome depends on the environment, so the caller
// asks [Code.Artificial]. A date of birth in the future is accepted too, as there is no clock here.
func Parse(text string) (Code, error) {
	if len(text) != codeLength {
		return Code{}, ErrCodeForm
	}
	if err := validate([codeLength]byte([]byte(text))); err != nil {
		return Code{}, err
	}
	// Cloned, so that the handle does not keep a whole request body alive.
	return Code{text: unique.Make(strings.Clone(text))}, nil
}

// IsZero reports whether c is the zero Code, that is, no code at all.
func (c Code) IsZero() bool {
	return c == Code{}
}

// Equal reports whether both are the same code, sign included. It is == as a method, for comparison
// libraries that look for one.
func (c Code) Equal(other Code) bool {
	return c == other
}

// Reveal returns the code in full, or "" of the zero Code. Every use of it on behalf of a person is
// to be written into the audit log with a reason.
func (c Code) Reveal() string {
	if c.IsZero() {
		return ""
	}
	return c.text.Value()
}

// BirthDate returns the day of birth as a calendar day, without a time zone, like [time.Time.Date].
// All three are zero for the zero Code.
func (c Code) BirthDate() (year int, month time.Month, day int) {
	if c.IsZero() {
		return 0, 0, 0
	}
	year, month, day, _ = birthDate([codeLength]byte([]byte(c.text.Value())))
	return year, month, day
}

// Artificial reports whether the individual number is in 900–999, which is given to nobody: such a
// code belongs to tests and demonstrations, and is to be refused from a provider in production.
func (c Code) Artificial() bool {
	if c.IsZero() {
		return false
	}
	return number([]byte(c.text.Value()[7:10])) >= firstArtificial
}

// String returns the masked form, such as 131052-****: day of birth and sign, which staff who serve
// the person see anyway, without what makes the code usable. "" of the zero Code.
func (c Code) String() string {
	if c.IsZero() {
		return ""
	}
	return c.text.Value()[:7] + "****"
}

// GoString returns the masked form with the name of the type, for %#v.
func (c Code) GoString() string {
	return "identity.Code(" + c.String() + ")"
}

// Format writes the masked form for every verb, so that %s, %q, %x and %d are all harmless.
func (c Code) Format(state fmt.State, verb rune) {
	text := c.String()
	if verb == 'v' && state.Flag('#') {
		text = c.GoString()
	}
	// A fmt.State collects into memory; there is no failure to report, and no way to.
	_, _ = io.WriteString(state, text)
}

// MarshalText returns the masked form: a Code that ends up in JSON by accident leaks nothing. It
// never fails.
func (c Code) MarshalText() ([]byte, error) {
	return []byte(c.String()), nil
}

// LogValue returns the masked form, for log/slog.
func (c Code) LogValue() slog.Value {
	return slog.StringValue(c.String())
}

// validate checks a candidate in its official form.
func validate(text [codeLength]byte) error {
	for i, char := range text {
		if i == 6 || i == 10 {
			continue
		}
		if char < '0' || char > '9' {
			return ErrCodeForm
		}
	}
	check := strings.IndexByte(checkCharacters, text[10])
	if _, ok := century(text[6]); !ok || check < 0 {
		return ErrCodeForm
	}
	if _, _, _, ok := birthDate(text); !ok {
		return ErrCodeDate
	}
	individual := number(text[7:10])
	if individual < 2 {
		return ErrCodeNumber
	}
	if (number(text[:6])*1000+individual)%len(checkCharacters) != check {
		return ErrCodeCheck
	}
	return nil
}

// century returns the first year of the century that a sign stands for.
func century(sign byte) (year int, ok bool) {
	switch sign {
	case '+':
		return 1800, true
	case '-', 'Y', 'X', 'W', 'V', 'U':
		return 1900, true
	case 'A', 'B', 'C', 'D', 'E', 'F':
		return 2000, true
	default:
		return 0, false
	}
}

// birthDate returns the calendar day of a code whose form has been checked, and whether it exists.
func birthDate(text [codeLength]byte) (year int, month time.Month, day int, ok bool) {
	first, ok := century(text[6])
	if !ok {
		return 0, 0, 0, false
	}
	day, month, year = number(text[:2]), time.Month(number(text[2:4])), first+number(text[4:6])
	// time.Date rolls 31 April over into May, so a day that comes back unchanged exists.
	y, m, d := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Date()
	return year, month, day, y == year && m == month && d == day
}

// number reads decimal digits that have been checked to be ones.
func number(digits []byte) int {
	n := 0
	for _, digit := range digits {
		n = n*10 + int(digit-'0')
	}
	return n
}
