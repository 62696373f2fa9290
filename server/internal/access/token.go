package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/bits"
	"net/http"
	"strings"
)

// Kind says what a token opens. It is part of the token's text and of its hash, so a token of one
// kind is never taken for one of another.
type Kind byte

const (
	// KindConversation opens one conversation for its customer, until a day after its close.
	KindConversation Kind = 'c'
	// KindStaff is a personal access token of a member of staff or a script.
	KindStaff Kind = 's'
	// KindFeedback lets its holder answer one survey once, and names nobody.
	KindFeedback Kind = 'f'
)

// String returns the kind in a word, for messages to operators.
func (k Kind) String() string {
	switch k {
	case KindConversation:
		return "conversation"
	case KindStaff:
		return "staff"
	case KindFeedback:
		return "feedback"
	default:
		return fmt.Sprintf("kind %d", byte(k))
	}
}

// known reports whether k is one of the kinds above.
func (k Kind) known() bool {
	return k == KindConversation || k == KindStaff || k == KindFeedback
}

// The text of a token is its prefix, the secret in base 62, and a checksum of both in base 62:
//
//	kupla_c_ 43 characters 6 characters
//
// Base 62 has no punctuation, so a token is one word to a double click, a URL and a regular
// expression: kupla_[csf]_[0-9A-Za-z]{49} is what a secret scanner is to be given.
const (
	tokenPrefix     = "kupla_"
	prefixLength    = len(tokenPrefix) + 2
	secretDigits    = 43 // 62^43 is just above 2^256
	checksumDigits  = 6  // 62^6 is above 2^32
	tokenLength     = prefixLength + secretDigits + checksumDigits
	base62          = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	chunkDigits     = 10
	chunkSize       = 839299365868340224 // 62^10, the largest power of 62 in 64 bits
	minDeriveKeyLen = 32
)

// Errors of [NewToken] and [ParseToken]. None of them quotes the text it is about.
var (
	// ErrUnknownKind says that a [Kind] is none of the constants.
	ErrUnknownKind = errors.New("unknown kind of token")
	// ErrMalformedToken says that a text is not a token: another prefix, length or alphabet, or a
	// checksum that does not fit, as after a typing error.
	ErrMalformedToken = errors.New("malformed token")
)

// Token is an opaque secret of 256 bits and its kind. Make one with [NewToken], [ParseToken] or
// [DeriveToken]; the zero Token is no token: it reveals nothing and equals nothing.
//
// Every way of printing a Token hides the secret, also inside other values. [Token.Reveal] is the one
// way to its text; [Token.Hash] is what may be stored.
type Token struct {
	// A closure, because fmt prints the unexported fields of an enclosing struct by reflection, without
	// asking for methods, and follows even a pointer when the verb does not fit. Into a closure no
	// printer sees. It also makes == a compile error: tokens are compared by Equal.
	text func() *[tokenLength]byte
}

// newToken returns the token of a kind that is known and a secret.
func newToken(kind Kind, secret *[32]byte) Token {
	text := new([tokenLength]byte)
	copy(text[:], tokenPrefix)
	text[prefixLength-2], text[prefixLength-1] = byte(kind), '_'
	encodeSecret((*[secretDigits]byte)(text[prefixLength:]), secret)
	*(*[checksumDigits]byte)(text[prefixLength+secretDigits:]) = checksum(text)
	return Token{text: func() *[tokenLength]byte { return text }}
}

// NewToken returns a new random token. The error is [ErrUnknownKind].
func NewToken(kind Kind) (Token, error) {
	if !kind.known() {
		return Token{}, ErrUnknownKind
	}
	secret := new([32]byte)
	// Since Go 1.24 crypto/rand.Read fills the slice or ends the program; it returns no error.
	_, _ = rand.Read(secret[:])
	return newToken(kind, secret), nil
}

// ParseToken reads the text of a token, exactly as [Token.Reveal] wrote it. That a text parses says
// that it was copied whole, not that the token was ever issued: the checksum holds no secret. It does
// keep typing errors and random noise away from the store. The error is [ErrMalformedToken].
func ParseToken(text string) (Token, error) {
	if len(text) != tokenLength || !strings.HasPrefix(text, tokenPrefix) ||
		!Kind(text[prefixLength-2]).known() || text[prefixLength-1] != '_' {
		return Token{}, ErrMalformedToken
	}
	held := new([tokenLength]byte)
	copy(held[:], text)
	for _, c := range held[prefixLength:] {
		if !isDigit(c) && !isLetter(c) {
			return Token{}, ErrMalformedToken
		}
	}
	if checksum(held) != [checksumDigits]byte(held[prefixLength+secretDigits:]) {
		return Token{}, ErrMalformedToken
	}
	return Token{text: func() *[tokenLength]byte { return held }}, nil
}

// DeriveToken returns the token that key makes of parts: always the same for the same arguments, and
// to anyone without the key as good as random. It serves where the same token must be handed out
// again without having been stored, such as the feedback token of a conversation.
//
// It is HMAC-SHA-256 over the kind and the parts, each preceded by its length, so that ("ab", "c")
// and ("a", "bc") differ. The key must be secret and random, and used for nothing else; whoever has
// it can tell which token belongs to which parts.
//
// It panics when kind is unknown or key is shorter than 32 bytes: both are mistakes of the program,
// and a token derived from a guessable key would let anyone mint more. A key from a configuration is
// to be checked when that is read.
func DeriveToken(kind Kind, key []byte, parts ...string) Token {
	if !kind.known() {
		panic("access: " + ErrUnknownKind.Error())
	}
	if len(key) < minDeriveKeyLen {
		panic(fmt.Sprintf("access: a key of %d bytes derives no tokens; %d are needed", len(key), minDeriveKeyLen))
	}
	mac := hmac.New(sha256.New, key)
	// Writing to a hash never fails.
	message := append([]byte("kupla token "), byte(kind))
	for _, part := range parts {
		message = binary.BigEndian.AppendUint64(message, uint64(len(part)))
		message = append(message, part...)
	}
	_, _ = mac.Write(message)
	return newToken(kind, (*[32]byte)(mac.Sum(nil)))
}

// Kind returns what the token opens, or 0 of the zero Token.
func (t Token) Kind() Kind {
	if t.IsZero() {
		return 0
	}
	return Kind(t.text()[prefixLength-2])
}

// IsZero reports whether t is the zero Token, that is, no token.
func (t Token) IsZero() bool {
	return t.text == nil
}

// Reveal returns the token's text, to be handed to its owner once, or "" of the zero Token.
func (t Token) Reveal() string {
	if t.IsZero() {
		return ""
	}
	return string(t.text()[:])
}

// Hash returns the SHA-256 of the token's text: what is stored in its place and looked up by. An
// operator who holds a token finds its row with sha256sum.
//
// A plain, fast hash is right here. Slow hashes (argon2, bcrypt) and salts make up for secrets that
// can be guessed, as passwords can; among 2^256 equally likely tokens nothing can be tried out,
// however fast the hash is, and equal tokens do not occur. A slow one would only make every call
// slow. This stops being true the day a token has less entropy than that.
//
// The hash of the zero Token is that of the empty text, which no token has.
func (t Token) Hash() [32]byte {
	if t.IsZero() {
		return sha256.Sum256(nil)
	}
	return sha256.Sum256(t.text()[:])
}

// Equal reports, in constant time, whether both are the same token. The zero Token equals nothing,
// itself included.
func (t Token) Equal(other Token) bool {
	if t.IsZero() || other.IsZero() {
		return false
	}
	return subtle.ConstantTimeCompare(t.text()[:], other.text()[:]) == 1
}

// EqualHash reports, in constant time, whether two hashes of tokens are the same. A lookup by hash is
// not in constant time and need not be: what its timing tells is about the hash, from which there is
// no way back to a token. Comparing what was found once more with this costs nothing and holds also
// for a store that compares with another collation.
func EqualHash(a, b [32]byte) bool {
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String returns the prefix and no secret, such as kupla_c_****; "" of the zero Token.
func (t Token) String() string {
	if t.IsZero() {
		return ""
	}
	return string(t.text()[:prefixLength]) + "****"
}

// GoString returns the masked form with the name of the type, for %#v.
func (t Token) GoString() string {
	return "access.Token(" + t.String() + ")"
}

// Format writes the masked form for every verb.
func (t Token) Format(state fmt.State, verb rune) {
	text := t.String()
	if verb == 'v' && state.Flag('#') {
		text = t.GoString()
	}
	// A fmt.State collects into memory; there is no failure to report, and no way to.
	_, _ = io.WriteString(state, text)
}

// MarshalText returns the masked form, so that a Token that ends up in JSON by accident leaks
// nothing. It never fails.
func (t Token) MarshalText() ([]byte, error) {
	return []byte(t.String()), nil
}

// LogValue returns the masked form, for log/slog.
func (t Token) LogValue() slog.Value {
	return slog.StringValue(t.String())
}

// maxBearerLength bounds a bearer token in bytes. Ours have 57; the access token of an identity
// provider is a signed JWT of one or two thousand, more when it lists many roles.
const maxBearerLength = 8 << 10

// BearerToken returns the credential of the one Authorization header, when that is exactly
//
//	Bearer b64token
//
// as RFC 6750, 2.1 has it; the scheme is read in any case (RFC 9110, 11.1). Anything else is false:
// no header, several headers, another scheme, an empty or overlong token, one with other characters.
//
// The caller must refuse a request that has an Authorization header for which this is false instead
// of treating it as one without: whoever presents something broken did not mean to be anonymous.
// [HasCredential] tells the two apart.
func BearerToken(header http.Header) (string, bool) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	token = strings.TrimLeft(token, " ")
	if len(token) > maxBearerLength || !isBase64Token(token) {
		return "", false
	}
	return token, true
}

// HasCredential reports whether the caller presents any credential, be it well formed or not.
func HasCredential(header http.Header) bool {
	return len(header.Values("Authorization")) > 0
}

// isBase64Token reports whether text is 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=".
func isBase64Token(text string) bool {
	body := strings.TrimRight(text, "=")
	for i := range len(body) {
		c := body[i]
		if !isLetter(c) && !isDigit(c) && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return body != ""
}

// encodeSecret writes secret, read as one big-endian number, in 43 digits of base 62.
func encodeSecret(digits *[secretDigits]byte, secret *[32]byte) {
	var limbs [4]uint64
	for i := range limbs {
		limbs[i] = binary.BigEndian.Uint64(secret[8*i:])
	}
	for at := len(digits); at > 0; {
		// One long division by 62^10 yields ten digits at once.
		var chunk uint64
		for i := range limbs {
			limbs[i], chunk = bits.Div64(chunk, limbs[i], chunkSize)
		}
		for range min(chunkDigits, at) {
			at--
			digits[at] = base62[chunk%62]
			chunk /= 62
		}
	}
}

// checksum returns the CRC-32 of a token's prefix and secret, in base 62. A CRC of 32 bits notices
// every single wrong character and every two swapped neighbours.
func checksum(text *[tokenLength]byte) (digits [checksumDigits]byte) {
	sum := crc32.ChecksumIEEE(text[:prefixLength+secretDigits])
	for at := len(digits) - 1; at >= 0; at-- {
		digits[at] = base62[sum%62]
		sum /= 62
	}
	return digits
}

// isDigit reports whether c is a decimal digit of ASCII.
func isDigit(c byte) bool {
	return '0' <= c && c <= '9'
}

// isLetter reports whether c is a letter of ASCII.
func isLetter(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z'
}
