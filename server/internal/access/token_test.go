package access_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/access"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var kinds = []access.Kind{access.KindConversation, access.KindStaff, access.KindFeedback}

func newToken(t testing.TB, kind access.Kind) access.Token {
	t.Helper()
	token, err := access.NewToken(kind)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenText(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		form := regexp.MustCompile(`^kupla_` + string(rune(kind)) + `_[0-9A-Za-z]{49}$`)
		seen := make(map[string]bool)
		for range 1000 {
			token := newToken(t, kind)
			text := token.Reveal()
			if !form.MatchString(text) {
				t.Fatalf("%v token has the form %s", kind, text)
			}
			if seen[text] {
				t.Fatal("a token was given twice")
			}
			seen[text] = true
			parsed, err := access.ParseToken(text)
			if err != nil {
				t.Fatal(err)
			}
			if !parsed.Equal(token) || parsed.Kind() != kind || parsed.Reveal() != text {
				t.Fatal("a parsed token is another one")
			}
			if parsed.Hash() != sha256.Sum256([]byte(text)) || !access.EqualHash(parsed.Hash(), token.Hash()) {
				t.Fatal("the hash is not that of the text")
			}
		}
	}
	if _, err := access.NewToken('x'); !errors.Is(err, access.ErrUnknownKind) {
		t.Errorf("NewToken of an unknown kind: %v", err)
	}
}

// TestTokenEncoding compares the base-62 arithmetic with that of math/big.
func TestTokenEncoding(t *testing.T) {
	t.Parallel()
	for range 500 {
		token := newToken(t, access.KindStaff)
		body := token.Reveal()[8 : 8+43]
		number := new(big.Int)
		for i := range len(body) {
			number.Mul(number, big.NewInt(62))
			number.Add(number, big.NewInt(int64(strings.IndexByte(base62, body[i]))))
		}
		if number.BitLen() > 256 {
			t.Fatalf("%d bits", number.BitLen())
		}
		if number.BitLen() < 200 {
			t.Fatalf("only %d bits are used", number.BitLen())
		}
	}
	// The derived secret is known here, so the number itself can be compared, not only its size.
	key := bytes.Repeat([]byte{7}, 32)
	for i := range 500 {
		part := fmt.Sprint(i)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("kupla token f"))
		mac.Write([]byte{0, 0, 0, 0, 0, 0, 0, byte(len(part))})
		mac.Write([]byte(part))
		number := new(big.Int).SetBytes(mac.Sum(nil))
		var want [43]byte
		for at := 42; at >= 0; at-- {
			var digit big.Int
			number.DivMod(number, big.NewInt(62), &digit)
			want[at] = base62[digit.Int64()]
		}
		if got := access.DeriveToken(access.KindFeedback, key, part).Reveal()[8 : 8+43]; got != string(want[:]) {
			t.Fatalf("encoded as %s, want %s", got, want)
		}
	}
}

func TestParseTokenRefuses(t *testing.T) {
	t.Parallel()
	valid := newToken(t, access.KindConversation).Reveal()
	if _, err := access.ParseToken(valid); err != nil {
		t.Fatal(err)
	}
	swapped := []byte(valid)
	for i := 8; ; i++ {
		if swapped[i] != swapped[i+1] {
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			break
		}
	}
	texts := map[string]string{
		"empty":              "",
		"prefix alone":       "kupla_c_",
		"no prefix":          valid[8:],
		"other product":      "kuplb" + valid[5:],
		"unknown kind":       "kupla_x" + valid[7:],
		"other kind":         "kupla_s" + valid[7:],
		"no underscore":      "kupla_c-" + valid[8:],
		"cut":                valid[:len(valid)-1],
		"longer":             valid + "0",
		"space before":       " " + valid,
		"line break after":   valid + "\n",
		"upper-case prefix":  "KUPLA" + valid[5:],
		"swapped neighbours": string(swapped),
		"other alphabet":     valid[:20] + "-" + valid[21:],
		"wrong checksum":     "kupla_c_" + strings.Repeat("z", 49),
		"not ASCII":          valid[:20] + "ä" + valid[22:],
	}
	for i := 8; i < len(valid); i++ {
		other := byte('0')
		if valid[i] == other {
			other = '1'
		}
		texts[fmt.Sprintf("mistyped at %d", i)] = valid[:i] + string(rune(other)) + valid[i+1:]
	}
	for name, text := range texts {
		token, err := access.ParseToken(text)
		if !errors.Is(err, access.ErrMalformedToken) || !token.IsZero() {
			t.Errorf("%s: %v, %v", name, token, err)
		}
	}
}

func TestDeriveToken(t *testing.T) {
	t.Parallel()
	key, otherKey := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	token := access.DeriveToken(access.KindFeedback, key, "ab", "c")
	if again := access.DeriveToken(access.KindFeedback, key, "ab", "c"); !token.Equal(again) || token.Reveal() != again.Reveal() {
		t.Error("the same arguments give another token")
	}
	if parsed, err := access.ParseToken(token.Reveal()); err != nil || !parsed.Equal(token) {
		t.Errorf("a derived token does not parse: %v", err)
	}
	others := map[string]access.Token{
		"other key":         access.DeriveToken(access.KindFeedback, otherKey, "ab", "c"),
		"longer key":        access.DeriveToken(access.KindFeedback, append(key[:32:32], 1), "ab", "c"),
		"other kind":        access.DeriveToken(access.KindStaff, key, "ab", "c"),
		"other boundary":    access.DeriveToken(access.KindFeedback, key, "a", "bc"),
		"one part":          access.DeriveToken(access.KindFeedback, key, "abc"),
		"an empty part":     access.DeriveToken(access.KindFeedback, key, "ab", "c", ""),
		"order":             access.DeriveToken(access.KindFeedback, key, "c", "ab"),
		"no parts":          access.DeriveToken(access.KindFeedback, key),
		"length in a part":  access.DeriveToken(access.KindFeedback, key, "ab\x00\x00\x00\x00\x00\x00\x00\x01c"),
		"one letter's case": access.DeriveToken(access.KindFeedback, key, "ab", "C"),
	}
	seen := map[string]string{token.Reveal()[8:]: "itself"}
	for name, other := range others {
		if twin, ok := seen[other.Reveal()[8:]]; ok || other.Equal(token) {
			t.Errorf("%s gives the token of %s", name, twin)
		}
		seen[other.Reveal()[8:]] = name
	}
	for name, derive := range map[string]func(){
		"short key":    func() { access.DeriveToken(access.KindFeedback, key[:31], "a") },
		"no key":       func() { access.DeriveToken(access.KindFeedback, nil, "a") },
		"unknown kind": func() { access.DeriveToken('x', key, "a") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			derive()
		}()
	}
}

func TestTokenEqual(t *testing.T) {
	t.Parallel()
	var zero, alsoZero access.Token
	token := newToken(t, access.KindStaff)
	if zero.Equal(alsoZero) || zero.Equal(token) || token.Equal(zero) {
		t.Error("the zero token equals something")
	}
	if token.Equal(newToken(t, access.KindStaff)) {
		t.Error("two random tokens are equal")
	}
	if zero.Reveal() != "" || zero.String() != "" || !zero.IsZero() || zero.Kind() != 0 {
		t.Error("the zero token is something")
	}
	a, b := token.Hash(), token.Hash()
	b[31] ^= 1
	if access.EqualHash(a, b) || !access.EqualHash(a, a) {
		t.Error("EqualHash is wrong")
	}
}

// TestTokenIsNeverPrinted holds every way of printing a token, alone and inside other values, to the
// masked form.
func TestTokenIsNeverPrinted(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{3}, 32)
	token := access.DeriveToken(access.KindStaff, key, "demo")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("kupla token s\x00\x00\x00\x00\x00\x00\x00\x04demo"))
	secret := mac.Sum(nil)
	body := token.Reveal()[8:]
	marks := []string{
		body[:12], body[30:], hex.EncodeToString(secret[:6]), strings.ToUpper(hex.EncodeToString(secret[:6])),
		fmt.Sprintf("% d", secret[:4])[1:], fmt.Sprintf("%d %d %d %d", secret[0], secret[1], secret[2], secret[3]),
		fmt.Sprintf("0x%x, 0x%x", secret[0], secret[1]),
	}
	leaks := func(where, output string) {
		t.Helper()
		for _, mark := range marks {
			if strings.Contains(output, mark) {
				t.Errorf("%s shows the token: %s", where, output)
			}
		}
	}
	type holder struct {
		Exported access.Token
		hidden   access.Token
		pointer  *access.Token
	}
	values := map[string]any{
		"value":   token,
		"pointer": &token,
		"slice":   []access.Token{token},
		"map":     map[string]access.Token{"a": token},
		"struct":  holder{token, token, &token},
		"nested":  &struct{ inner holder }{holder{token, token, &token}},
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%t", "%c", "%U", "%e"} {
			leaks(name+" "+verb, fmt.Sprintf(verb, value))
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		leaks(name+" as JSON", string(text))
		var plain, lines bytes.Buffer
		slog.New(slog.NewTextHandler(&plain, nil)).Info("m", "value", value)
		slog.New(slog.NewJSONHandler(&lines, nil)).Info("m", "value", value)
		leaks(name+" in a text log", plain.String())
		leaks(name+" in a JSON log", lines.String())
	}
	_, err := access.ParseToken(token.Reveal() + "x")
	leaks("an error", err.Error())
	for verb, want := range map[string]string{"%v": "kupla_s_****", "%s": "kupla_s_****", "%#v": "access.Token(kupla_s_****)"} {
		if got := fmt.Sprintf(verb, token); got != want {
			t.Errorf("%s prints %q, want %q", verb, got, want)
		}
	}
	if got := token.LogValue().String(); got != "kupla_s_****" {
		t.Errorf("LogValue = %q", got)
	}
}

func TestBearerToken(t *testing.T) {
	t.Parallel()
	token := newToken(t, access.KindConversation).Reveal()
	tests := map[string]struct {
		values []string
		want   string
	}{
		"ours":                  {[]string{"Bearer " + token}, token},
		"lower-case scheme":     {[]string{"bearer " + token}, token},
		"upper-case scheme":     {[]string{"BEARER " + token}, token},
		"two spaces":            {[]string{"Bearer  " + token}, token},
		"JWT":                   {[]string{"Bearer eyJh.eyJz-_.c2ln"}, "eyJh.eyJz-_.c2ln"},
		"padded":                {[]string{"Bearer abc=="}, "abc=="},
		"longest":               {[]string{"Bearer " + strings.Repeat("a", 8192)}, strings.Repeat("a", 8192)},
		"none":                  {nil, ""},
		"empty":                 {[]string{""}, ""},
		"two headers":           {[]string{"Bearer " + token, "Bearer " + token}, ""},
		"two in one header":     {[]string{"Bearer " + token + ", Bearer " + token}, ""},
		"scheme alone":          {[]string{"Bearer"}, ""},
		"scheme and space":      {[]string{"Bearer "}, ""},
		"scheme and spaces":     {[]string{"Bearer   "}, ""},
		"no scheme":             {[]string{token}, ""},
		"other scheme":          {[]string{"Basic dXNlcjpwYXNz"}, ""},
		"longer scheme":         {[]string{"Bearers " + token}, ""},
		"tab":                   {[]string{"Bearer\t" + token}, ""},
		"space before":          {[]string{" Bearer " + token}, ""},
		"space after":           {[]string{"Bearer " + token + " "}, ""},
		"space inside":          {[]string{"Bearer abc def"}, ""},
		"padding alone":         {[]string{"Bearer =="}, ""},
		"padding inside":        {[]string{"Bearer a=b"}, ""},
		"quoted":                {[]string{`Bearer "abc"`}, ""},
		"control character":     {[]string{"Bearer abc\x00"}, ""},
		"not ASCII":             {[]string{"Bearer äbc"}, ""},
		"at sign, next to A":    {[]string{"Bearer a@b"}, ""},
		"backtick, next to a":   {[]string{"Bearer a`b"}, ""},
		"bracket, next to Z":    {[]string{"Bearer a[b"}, ""},
		"longer than allowed":   {[]string{"Bearer " + strings.Repeat("a", 8193)}, ""},
		"second header invalid": {[]string{"Bearer " + token, ""}, ""},
	}
	for name, test := range tests {
		header := http.Header{"Authorization": test.values}
		got, ok := access.BearerToken(header)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
		if access.HasCredential(header) != (len(test.values) > 0) {
			t.Errorf("%s: HasCredential = %v", name, access.HasCredential(header))
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("")
	f.Add(access.DeriveToken(access.KindFeedback, bytes.Repeat([]byte{7}, 32), "seed").Reveal())
	f.Add("kupla_c_" + strings.Repeat("z", 49))
	f.Fuzz(func(t *testing.T, text string) {
		token, err := access.ParseToken(text)
		switch {
		case err != nil && !errors.Is(err, access.ErrMalformedToken):
			t.Fatalf("error %v", err)
		case err == nil && token.Reveal() != text:
			t.Fatal("a token has two texts")
		}
	})
}

func BenchmarkParseToken(b *testing.B) {
	text := newToken(b, access.KindStaff).Reveal()
	b.ReportAllocs()
	for b.Loop() {
		token, err := access.ParseToken(text)
		if err != nil {
			b.Fatal(err)
		}
		if token.Hash() == [32]byte{} {
			b.Fatal("no hash")
		}
	}
}
