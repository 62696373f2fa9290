package access_test

import (
	"math"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/access"
)

func newAddresses(t testing.TB, config access.AddressConfig) *access.Addresses {
	t.Helper()
	addresses, err := access.NewAddresses(config)
	if err != nil {
		t.Fatal(err)
	}
	return addresses
}

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func TestFindByXForwardedFor(t *testing.T) {
	t.Parallel()
	addresses := newAddresses(t, access.AddressConfig{TrustedProxies: prefixes("10.0.0.0/8", "fd00::/8")})
	const proxy = "10.0.0.1:4321"
	tests := map[string]struct {
		peer  string
		lines []string
		want  string
	}{
		"no proxy":                     {"192.0.2.7:1234", nil, "192.0.2.7"},
		"no proxy, claims ignored":     {"192.0.2.7:1234", []string{"198.51.100.1"}, "192.0.2.7"},
		"IPv6 peer":                    {"[2001:db8::7]:1234", nil, "2001:db8::7"},
		"IPv6 peer with zone":          {"[fe80::1%eth0]:1234", nil, "fe80::1"},
		"IPv4 in IPv6":                 {"[::ffff:192.0.2.7]:1234", nil, "192.0.2.7"},
		"translated IPv4":              {"[64:ff9b::c000:207]:1234", nil, "192.0.2.7"},
		"peer without port":            {"192.0.2.7", nil, "192.0.2.7"},
		"Unix socket":                  {"@", []string{"198.51.100.1"}, "invalid IP"},
		"no peer":                      {"", []string{"198.51.100.1"}, "invalid IP"},
		"proxy without header":         {proxy, nil, "10.0.0.1"},
		"proxy with empty header":      {proxy, []string{""}, "10.0.0.1"},
		"one hop":                      {proxy, []string{"192.0.2.7"}, "192.0.2.7"},
		"trusted proxy as IPv4-in-6":   {"[::ffff:10.0.0.1]:1", []string{"192.0.2.7"}, "192.0.2.7"},
		"IPv6 proxy":                   {"[fd00::1]:1", []string{"2001:db8::7"}, "2001:db8::7"},
		"claim left of the hop":        {proxy, []string{"198.51.100.1, 192.0.2.7"}, "192.0.2.7"},
		"trusted claim left of it":     {proxy, []string{"10.9.9.9, 192.0.2.7"}, "192.0.2.7"},
		"two proxies":                  {proxy, []string{"198.51.100.1, 192.0.2.7, 10.0.0.2"}, "192.0.2.7"},
		"on several lines":             {proxy, []string{"198.51.100.1", "192.0.2.7", "10.0.0.2"}, "192.0.2.7"},
		"without spaces":               {proxy, []string{"198.51.100.1,192.0.2.7,10.0.0.2"}, "192.0.2.7"},
		"with tabs":                    {proxy, []string{"198.51.100.1,\t192.0.2.7\t"}, "192.0.2.7"},
		"empty elements":               {proxy, []string{"198.51.100.1, 192.0.2.7, ,", ""}, "192.0.2.7"},
		"with port":                    {proxy, []string{"192.0.2.7:5555"}, "192.0.2.7"},
		"IPv6 bare":                    {proxy, []string{"2001:db8::7"}, "2001:db8::7"},
		"IPv6 in brackets":             {proxy, []string{"[2001:db8::7]"}, "2001:db8::7"},
		"IPv6 with port":               {proxy, []string{"[2001:db8::7]:5555"}, "2001:db8::7"},
		"IPv4 in brackets":             {proxy, []string{"[192.0.2.7]"}, "10.0.0.1"},
		"all trusted":                  {proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"unreadable hop":               {proxy, []string{"192.0.2.7, unknown"}, "10.0.0.1"},
		"unreadable behind a trusted":  {proxy, []string{"192.0.2.7, what, 10.0.0.2"}, "10.0.0.2"},
		"unreadable claim is not read": {proxy, []string{"what, 192.0.2.7"}, "192.0.2.7"},
		"IPv4-in-6 hop":                {proxy, []string{"::ffff:192.0.2.7"}, "192.0.2.7"},
		"leading zeros are no address": {proxy, []string{"192.000.002.007"}, "10.0.0.1"},
		"long claims":                  {proxy, []string{strings.Repeat("10.0.0.9, ", 10_000) + "192.0.2.7"}, "192.0.2.7"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"X-Forwarded-For": test.lines, "Forwarded": {"for=203.0.113.66"}, "X-Real-Ip": {"203.0.113.66"}}
			if got := addresses.Find(test.peer, header).String(); got != test.want {
				t.Errorf("Find = %s, want %s", got, test.want)
			}
		})
	}
}

func TestFindByForwarded(t *testing.T) {
	t.Parallel()
	addresses := newAddresses(t, access.AddressConfig{
		TrustedProxies: prefixes("10.0.0.0/8"),
		Forward:        access.ForwardForwarded,
	})
	tests := map[string]struct {
		lines []string
		want  string
	}{
		"none":                           {nil, "10.0.0.1"},
		"IPv4":                           {[]string{"for=192.0.2.7"}, "192.0.2.7"},
		"any case":                       {[]string{"For=192.0.2.7"}, "192.0.2.7"},
		"quoted":                         {[]string{`for="192.0.2.7:80"`}, "192.0.2.7"},
		"quoted with escapes":            {[]string{`for="192.0.\2.7"`}, "192.0.2.7"},
		"IPv6":                           {[]string{`for="[2001:db8::7]:80"`}, "2001:db8::7"},
		"port without quotes":            {[]string{`for=192.0.2.7:80`}, "192.0.2.7"},
		"other pairs":                    {[]string{`by=10.0.0.1;for=192.0.2.7;proto=https;host="a.example"`}, "192.0.2.7"},
		"space after semicolon":          {[]string{`for=192.0.2.7; proto=https; by=10.0.0.1`}, "192.0.2.7"},
		"empty pairs":                    {[]string{`;for=192.0.2.7;`}, "192.0.2.7"},
		"claim left of the hop":          {[]string{"for=198.51.100.1, for=192.0.2.7"}, "192.0.2.7"},
		"two proxies, two lines":         {[]string{"for=198.51.100.1, for=192.0.2.7", "for=10.0.0.2"}, "192.0.2.7"},
		"unknown":                        {[]string{"for=192.0.2.7, for=unknown"}, "10.0.0.1"},
		"obfuscated":                     {[]string{"for=_hidden"}, "10.0.0.1"},
		"no for":                         {[]string{"proto=https"}, "10.0.0.1"},
		"for twice":                      {[]string{"for=192.0.2.7;for=198.51.100.1"}, "10.0.0.1"},
		"no value":                       {[]string{"for="}, "10.0.0.1"},
		"no equals sign":                 {[]string{"192.0.2.7"}, "10.0.0.1"},
		"text after the quotes":          {[]string{`for="192.0.2.7"x`}, "10.0.0.1"},
		"open quote":                     {[]string{`for="192.0.2.7`}, "10.0.0.1"},
		"ends in a backslash":            {[]string{`for="192.0.2.7\`}, "10.0.0.1"},
		"claim leaves a quote open":      {[]string{`for=", for=192.0.2.7`}, "192.0.2.7"},
		"claim leaves a quote open, v6":  {[]string{`for="x, for="[2001:db8::7]"`}, "2001:db8::7"},
		"claim ends in a backslash":      {[]string{`for="\, for=192.0.2.7`}, "192.0.2.7"},
		"address in the host":            {[]string{`for=192.0.2.7;host="x;for=198.51.100.1"`}, "192.0.2.7"},
		"element in the host":            {[]string{`for=192.0.2.7;host="x, for=198.51.100.1"`}, "10.0.0.1"},
		"element in the host, quoted":    {[]string{`for=192.0.2.7;host="x,for=198.51.100.1;y=\""`}, "10.0.0.1"},
		"element in the host, more pair": {[]string{`for=192.0.2.7;host="x,for=198.51.100.1;y=";proto="https"`}, "10.0.0.1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"Forwarded": test.lines, "X-Forwarded-For": {"203.0.113.66"}}
			if got := addresses.Find("10.0.0.1:1", header).String(); got != test.want {
				t.Errorf("Find = %s, want %s", got, test.want)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	exceptions := []access.Exception{
		{Prefix: netip.MustParsePrefix("198.51.0.0/16"), Factor: 3},
		{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Factor: 20},
		{Prefix: netip.MustParsePrefix("2001:db8:1::/48"), Factor: 10},
		{Prefix: netip.MustParsePrefix("2001:db8:2:300::/64"), Factor: 2.5},
	}
	tests := map[string]struct {
		prefixes access.Prefixes
		addr     string
		prefix   string
		factor   float64
	}{
		"IPv4":                        {access.Prefixes{}, "192.0.2.7", "192.0.2.7/32", 1},
		"IPv6":                        {access.Prefixes{}, "2001:db8:9:8ff:a::7", "2001:db8:9:800::/56", 1},
		"IPv4 in IPv6":                {access.Prefixes{}, "::ffff:192.0.2.7", "192.0.2.7/32", 1},
		"translated":                  {access.Prefixes{}, "64:ff9b::c633:6407", "198.51.100.7/32", 20},
		"wider IPv4":                  {access.Prefixes{IPv4Bits: 24}, "192.0.2.7", "192.0.2.0/24", 1},
		"longer IPv6":                 {access.Prefixes{IPv6Bits: 64}, "2001:db8:9:8ff:a::7", "2001:db8:9:8ff::/64", 1},
		"a school":                    {access.Prefixes{}, "198.51.100.7", "198.51.100.7/32", 20},
		"beside the school":           {access.Prefixes{}, "198.51.101.7", "198.51.101.7/32", 3},
		"school in a wider caller":    {access.Prefixes{IPv4Bits: 16}, "198.51.100.7", "198.51.100.0/24", 20},
		"IPv6 school, many callers":   {access.Prefixes{}, "2001:db8:1:1::1", "2001:db8:1::/56", 10},
		"IPv6 school, within caller":  {access.Prefixes{}, "2001:db8:2:300::1", "2001:db8:2:300::/64", 2.5},
		"IPv6, its neighbour":         {access.Prefixes{}, "2001:db8:2:301::1", "2001:db8:2:300::/56", 1},
		"zone is no caller of itself": {access.Prefixes{}, "fe80::1%eth0", "fe80::/56", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addresses := newAddresses(t, access.AddressConfig{Prefixes: test.prefixes, Exceptions: exceptions})
			got := addresses.Place(netip.MustParseAddr(test.addr))
			if got.Prefix.String() != test.prefix || got.Factor != test.factor {
				t.Errorf("Place = %v × %v, want %s × %v", got.Prefix, got.Factor, test.prefix, test.factor)
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		t.Parallel()
		addresses := newAddresses(t, access.AddressConfig{})
		if got := addresses.Place(netip.Addr{}); got != (access.Address{}) {
			t.Errorf("Place of no address = %v", got)
		}
		if got := addresses.Caller("@", http.Header{}); got.Key() != (access.Key{}) {
			t.Errorf("a caller without address has the key %v", got.Key())
		}
	})
}

func TestAddressKey(t *testing.T) {
	t.Parallel()
	addresses := newAddresses(t, access.AddressConfig{Exceptions: []access.Exception{
		{Prefix: netip.MustParsePrefix("2001:db8:2:300::/64"), Factor: 2},
	}})
	key := func(addr string) access.Key { return addresses.Place(netip.MustParseAddr(addr)).Key() }
	if key("2001:db8::1") != key("2001:db8:0:ff::2") {
		t.Error("one household has two keys")
	}
	different := map[access.Key]string{{}: "none"}
	for _, addr := range []string{"192.0.2.7", "192.0.2.8", "2001:db8::1", "2001:db8:0:100::1", "2001:db8:2:300::1", "2001:db8:2:301::1", "0.0.0.0", "::"} {
		if twin, ok := different[key(addr)]; ok {
			t.Errorf("%s has the key of %s", addr, twin)
		}
		different[key(addr)] = addr
	}
}

func TestNewAddressesRefuses(t *testing.T) {
	t.Parallel()
	one := func(prefix netip.Prefix, factor float64) []access.Exception {
		return []access.Exception{{Prefix: prefix, Factor: factor}}
	}
	place := netip.MustParsePrefix("192.0.2.0/24")
	tests := map[string]struct {
		config access.AddressConfig
		says   string
	}{
		"proxy with host bits":     {access.AddressConfig{TrustedProxies: prefixes("10.0.0.5/8")}, "10.0.0.0/8 is meant"},
		"proxy as IPv4 in IPv6":    {access.AddressConfig{TrustedProxies: prefixes("::ffff:10.0.0.0/104")}, "write an IPv4 prefix as IPv4"},
		"no proxy prefix":          {access.AddressConfig{TrustedProxies: []netip.Prefix{{}}}, "not a prefix"},
		"everybody is a proxy":     {access.AddressConfig{TrustedProxies: prefixes("0.0.0.0/0")}, "trusting everybody"},
		"everybody, IPv6":          {access.AddressConfig{TrustedProxies: prefixes("::/0")}, "trusting everybody"},
		"unknown header":           {access.AddressConfig{Forward: 2}, "forward header 2"},
		"IPv4 bits":                {access.AddressConfig{Prefixes: access.Prefixes{IPv4Bits: 33}}, "IPv4 bits 33"},
		"few IPv4 bits":            {access.AddressConfig{Prefixes: access.Prefixes{IPv4Bits: 7}}, "IPv4 bits 7"},
		"negative IPv6 bits":       {access.AddressConfig{Prefixes: access.Prefixes{IPv6Bits: -1}}, "IPv6 bits -1"},
		"IPv6 bits":                {access.AddressConfig{Prefixes: access.Prefixes{IPv6Bits: 129}}, "IPv6 bits 129"},
		"exception with host bits": {access.AddressConfig{Exceptions: one(netip.MustParsePrefix("192.0.2.7/24"), 2)}, "192.0.2.0/24 is meant"},
		"exception of nothing":     {access.AddressConfig{Exceptions: one(netip.Prefix{}, 2)}, "not a prefix"},
		"factor missing":           {access.AddressConfig{Exceptions: one(place, 0)}, "factor 0"},
		"factor below 1":           {access.AddressConfig{Exceptions: one(place, 0.5)}, "factor 0.5"},
		"factor too large":         {access.AddressConfig{Exceptions: one(place, 10_001)}, "factor 10001"},
		"factor infinite":          {access.AddressConfig{Exceptions: one(place, math.Inf(1))}, "factor +Inf"},
		"factor no number":         {access.AddressConfig{Exceptions: one(place, math.NaN())}, "factor NaN"},
		"exception twice":          {access.AddressConfig{Exceptions: append(one(place, 2), one(place, 3)...)}, "given twice"},
	}
	for name, test := range tests {
		addresses, err := access.NewAddresses(test.config)
		if err == nil || addresses != nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := access.NewAddresses(access.AddressConfig{Forward: 9, Prefixes: access.Prefixes{IPv4Bits: 99, IPv6Bits: 999}})
	for _, part := range []string{"forward header 9", "IPv4 bits 99", "IPv6 bits 999"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %q", err, part)
		}
	}
}

// FuzzFind holds the search to what it is for: whatever a caller writes into the header before it
// reaches the proxy, the address found is the one the proxy appended.
func FuzzFind(f *testing.F) {
	f.Add("198.51.100.1", false)
	f.Add(`for="`, true)
	f.Add(`for="\`, true)
	f.Add(`for=1.2.3.4;host="`, true)
	f.Add(",,;=", true)
	addresses := map[bool]*access.Addresses{}
	for _, forwarded := range []bool{false, true} {
		config := access.AddressConfig{TrustedProxies: prefixes("10.0.0.0/8")}
		if forwarded {
			config.Forward = access.ForwardForwarded
		}
		addresses[forwarded] = newAddresses(f, config)
	}
	f.Fuzz(func(t *testing.T, claim string, forwarded bool) {
		for caller, element := range map[string]string{
			"192.0.2.7":   `for=192.0.2.7;proto=https`,
			"2001:db8::7": `proto=https;for="[2001:db8::7]:443"`,
		} {
			header := http.Header{"X-Forwarded-For": {claim + ", " + caller}}
			if forwarded {
				header = http.Header{"Forwarded": {claim + ", " + element}}
			}
			if got := addresses[forwarded].Find("10.0.0.1:1", header); got != netip.MustParseAddr(caller) {
				t.Fatalf("Find = %v after the claim %q, want %s", got, claim, caller)
			}
			// The claim alone, as from a proxy that appends nothing: any address, but no panic.
			addresses[forwarded].Find("10.0.0.1:1", http.Header{"X-Forwarded-For": {claim}, "Forwarded": {claim}})
		}
	})
}

func BenchmarkCaller(b *testing.B) {
	addresses := newAddresses(b, access.AddressConfig{TrustedProxies: prefixes("10.0.0.0/8")})
	header := http.Header{"X-Forwarded-For": {"192.0.2.7"}}
	b.ReportAllocs()
	for b.Loop() {
		if addresses.Caller("10.0.0.1:4321", header).Key() == (access.Key{}) {
			b.Fatal("no caller")
		}
	}
}
