package access

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ForwardHeader is the header in which the trusted proxies say whom they speak for.
type ForwardHeader uint8

const (
	// ForwardXForwardedFor is X-Forwarded-For, which nearly every proxy writes.
	ForwardXForwardedFor ForwardHeader = iota
	// ForwardForwarded is Forwarded (RFC 7239).
	ForwardForwarded
)

// AddressConfig says how to find the address that a call comes from, and what stands for it in
// limits. The zero value is valid: no proxies, one IPv4 address or one IPv6 /56 is one caller.
type AddressConfig struct {
	// TrustedProxies are the addresses of our own proxies. The Forward header is believed only from
	// them. Default: none, the header is never read.
	TrustedProxies []netip.Prefix
	// Forward is the one header that is read. The proxies must set it or append to it; only one is
	// read, because a proxy passes the other on as the caller wrote it. Default: X-Forwarded-For.
	Forward ForwardHeader
	// Prefixes are the sizes of what counts as one caller.
	Prefixes Prefixes
	// Exceptions are the places where many people share one address. Of several that hold an address
	// the longest prefix counts. Default: none.
	Exceptions []Exception
}

// Prefixes says how many leading bits of an address stand for its caller.
type Prefixes struct {
	// IPv4Bits, 8–32. 0 is the default, 32: an IPv4 address is shared by a household or more already.
	IPv4Bits int
	// IPv6Bits, 16–128. 0 is the default, 56: what providers hand to a household (RIPE-690), within
	// which a single machine may use any address it likes.
	IPv6Bits int
}

// Exception multiplies the limits of a place, such as a school or a county office, where many people
// are behind one address.
type Exception struct {
	// Prefix is the place. Where it is longer than what [Prefixes] says, it is a caller of its own; else
	// each caller within it gets the factor.
	Prefix netip.Prefix
	// Factor multiplies rates, bursts and the stream cap of the place: 1–10,000, in thousandths.
	Factor float64
}

// maxFactor is the largest factor of an exception: more is a mistake, or is meant to be no limit.
const maxFactor = 10_000

// Address is what stands for the address of a caller. It is personal data: it must not be logged,
// nor shown to staff. The zero Address stands for all callers whose address is not known.
type Address struct {
	// Prefix holds the caller's address, and in limits everybody else in it. It is invalid when the
	// address is not known.
	Prefix netip.Prefix
	// Factor multiplies the limits. Less than 1 counts as 1.
	Factor float64
}

// Key returns what a [Limiter] and a [StreamCap] count the address under. The factor is part of it.
func (a Address) Key() Key {
	if !a.Prefix.IsValid() {
		return Key{}
	}
	bytes := a.Prefix.Addr().As16()
	return Key{
		high:  binary.BigEndian.Uint64(bytes[:8]),
		low:   binary.BigEndian.Uint64(bytes[8:]),
		extra: uint64(a.Prefix.Bits()+1)<<32 | uint64(thousandths(a.Factor)),
	}
}

// thousandths returns a factor as it is kept in a key.
func thousandths(factor float64) uint32 {
	return uint32(math.Round(max(1, factor) * 1000))
}

// Addresses finds the address of a caller. It is immutable.
type Addresses struct {
	config AddressConfig
	// nat64 is the well-known prefix of RFC 6052 in which translators put IPv4 addresses. It is not
	// routed in the Internet, so nobody outside can claim an address in it.
	nat64 netip.Prefix
}

// NewAddresses checks a configuration. The error names every setting that is wrong.
func NewAddresses(config AddressConfig) (*Addresses, error) {
	var problems []error
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(format, args...))
	}
	checkPrefix := func(what string, prefix netip.Prefix) {
		switch {
		case !prefix.IsValid():
			wrong("%s: not a prefix", what)
		case prefix.Addr().Is4In6():
			wrong("%s %v: write an IPv4 prefix as IPv4", what, prefix)
		case prefix != prefix.Masked():
			wrong("%s %v: has bits after the prefix; %v is meant, or a longer prefix", what, prefix, prefix.Masked())
		}
	}
	for _, proxy := range config.TrustedProxies {
		checkPrefix("trusted proxy", proxy)
		if proxy.IsValid() && proxy.Bits() == 0 {
			wrong("trusted proxy %v: trusting everybody lets every caller choose an address", proxy)
		}
	}
	if config.Forward > ForwardForwarded {
		wrong("forward header %d: unknown", config.Forward)
	}
	if config.Prefixes.IPv4Bits == 0 {
		config.Prefixes.IPv4Bits = 32
	}
	if config.Prefixes.IPv6Bits == 0 {
		config.Prefixes.IPv6Bits = 56
	}
	if bits := config.Prefixes.IPv4Bits; bits < 8 || bits > 32 {
		wrong("IPv4 bits %d: not in 8–32", bits)
	}
	if bits := config.Prefixes.IPv6Bits; bits < 16 || bits > 128 {
		wrong("IPv6 bits %d: not in 16–128", bits)
	}
	seen := make(map[netip.Prefix]bool, len(config.Exceptions))
	for _, exception := range config.Exceptions {
		checkPrefix("exception", exception.Prefix)
		if seen[exception.Prefix] {
			wrong("exception %v: given twice", exception.Prefix)
		}
		seen[exception.Prefix] = true
		// Written so that NaN is refused too.
		if factor := exception.Factor; !(factor >= 1 && factor <= maxFactor) {
			wrong("exception %v: factor %v: not in 1–10,000", exception.Prefix, factor)
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("addresses: %w", errors.Join(problems...))
	}
	config.TrustedProxies = slices.Clone(config.TrustedProxies)
	config.Exceptions = slices.Clone(config.Exceptions)
	// The longest first, so that the first that holds an address is the one that counts.
	slices.SortStableFunc(config.Exceptions, func(a, b Exception) int {
		return b.Prefix.Bits() - a.Prefix.Bits()
	})
	return &Addresses{config: config, nat64: netip.MustParsePrefix("64:ff9b::/96")}, nil
}

// Caller returns what stands for the caller of a request, given its RemoteAddr and header. It is
// [Addresses.Find] and [Addresses.Place] in one.
func (a *Addresses) Caller(remoteAddr string, header http.Header) Address {
	return a.Place(a.Find(remoteAddr, header))
}

// Find returns the address that a request comes from: that of the peer, unless the peer is a trusted
// proxy. Then it reads the header from the right, where the nearest proxy wrote, and returns the first
// address that is not a trusted proxy's; everything left of it is the caller's own claim. A header that
// is missing, or unreadable before that point, leaves the last trusted address: such callers share the
// proxy's limits instead of choosing their own.
//
// The address is invalid when the peer has none, as over a Unix socket.
func (a *Addresses) Find(remoteAddr string, header http.Header) netip.Addr {
	addr, ok := parseHop(remoteAddr)
	if !ok {
		return netip.Addr{}
	}
	addr = a.plain(addr)
	name, read := "X-Forwarded-For", parseHop
	if a.config.Forward == ForwardForwarded {
		name, read = "Forwarded", parseForwarded
	}
	lines := header.Values(name)
	for _, line := range slices.Backward(lines) {
		for rest, more := line, true; more; {
			if !a.trusted(addr) {
				return addr
			}
			// Split at every comma, even one within quotes: the last element is then always the one
			// that the nearest proxy wrote, whatever the caller left open before it. An address has no
			// comma, and an element torn apart does not parse.
			var hop string
			comma := strings.LastIndexByte(rest, ',')
			hop, more = strings.Trim(rest[comma+1:], " \t"), comma >= 0
			if more {
				rest = rest[:comma]
			}
			if hop == "" {
				continue // RFC 9110, 5.6.1.2: empty elements of a list are ignored
			}
			next, ok := read(hop)
			if !ok {
				return addr
			}
			addr = a.plain(next)
		}
	}
	return addr
}

// Place returns what stands for an address in limits, which is the zero Address for an invalid one.
func (a *Addresses) Place(addr netip.Addr) Address {
	if !addr.IsValid() {
		return Address{}
	}
	addr = a.plain(addr)
	bits := a.config.Prefixes.IPv6Bits
	if addr.Is4() {
		bits = a.config.Prefixes.IPv4Bits
	}
	factor := 1.0
	for _, exception := range a.config.Exceptions {
		if exception.Prefix.Contains(addr) {
			factor = exception.Factor
			bits = max(bits, exception.Prefix.Bits())
			break
		}
	}
	// Prefix fails only for more bits than the address has, which NewAddresses has excluded.
	prefix, _ := addr.Prefix(bits)
	return Address{Prefix: prefix, Factor: factor}
}

// trusted reports whether addr is one of our proxies.
func (a *Addresses) trusted(addr netip.Addr) bool {
	for _, proxy := range a.config.TrustedProxies {
		if proxy.Contains(addr) {
			return true
		}
	}
	return false
}

// plain returns addr without zone, and as IPv4 where it is one in other clothes: without this all
// IPv4 callers that a translator lets in would share one IPv6 prefix.
func (a *Addresses) plain(addr netip.Addr) netip.Addr {
	addr = addr.WithZone("").Unmap()
	if a.nat64.Contains(addr) {
		bytes := addr.As16()
		return netip.AddrFrom4([4]byte(bytes[12:]))
	}
	return addr
}

// parseHop reads an address with or without port, an IPv6 one with or without brackets: proxies write
// all of these into X-Forwarded-For.
func parseHop(text string) (netip.Addr, bool) {
	if addrPort, err := netip.ParseAddrPort(text); err == nil {
		return addrPort.Addr(), true
	}
	if len(text) > 2 && text[0] == '[' && text[len(text)-1] == ']' {
		text = text[1 : len(text)-1]
		if !strings.Contains(text, ":") {
			return netip.Addr{}, false
		}
	}
	addr, err := netip.ParseAddr(text)
	return addr, err == nil
}

// parseForwarded reads the address in the "for" of one element of a Forwarded header (RFC 7239, 4).
// It refuses an element that is not well formed as a whole, since part of it may be text of the
// caller's, such as the host it asked for; and "unknown" and obfuscated names, which are no addresses.
// Beyond the grammar it takes what proxies really write: space after a semicolon, and a port or
// brackets without quotes.
func parseForwarded(element string) (addr netip.Addr, ok bool) {
	for rest := element; rest != ""; {
		if strings.IndexByte("; \t", rest[0]) >= 0 {
			rest = rest[1:]
			continue
		}
		var name, value string
		if name, value, rest, ok = cutPair(rest); !ok {
			return netip.Addr{}, false
		}
		if !strings.EqualFold(name, "for") {
			continue
		}
		if addr.IsValid() {
			return netip.Addr{}, false // two addresses: one of them is not the proxy's
		}
		if addr, ok = parseHop(value); !ok {
			return netip.Addr{}, false
		}
	}
	return addr, addr.IsValid()
}

// cutPair cuts name=value from the front of text, up to a semicolon or the end.
func cutPair(text string) (name, value, rest string, ok bool) {
	name, rest, ok = strings.Cut(text, "=")
	if !ok || !isToken(name, "") {
		return "", "", "", false
	}
	if strings.HasPrefix(rest, `"`) {
		value, rest, ok = cutQuoted(rest)
		return name, value, rest, ok && (rest == "" || rest[0] == ';')
	}
	end := strings.IndexByte(rest, ';')
	if end < 0 {
		end = len(rest)
	}
	value, rest = rest[:end], rest[end:]
	return name, value, rest, isToken(value, ":[]")
}

// cutQuoted cuts a quoted-string (RFC 9110, 5.6.4) from the front of text.
func cutQuoted(text string) (value, rest string, ok bool) {
	var unquoted strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			return unquoted.String(), text[i+1:], true
		case '\\':
			i++
			if i == len(text) {
				return "", "", false
			}
			unquoted.WriteByte(text[i])
		default:
			unquoted.WriteByte(c)
		}
	}
	return "", "", false
}

// isToken reports whether text is a token (RFC 9110, 5.6.2), in which the characters of extra are
// allowed too.
func isToken(text, extra string) bool {
	for i := range len(text) {
		c := text[i]
		if !isLetter(c) && !isDigit(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return text != ""
}
