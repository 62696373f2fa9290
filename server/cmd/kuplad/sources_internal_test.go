package main

import (
	"bytes"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"
)

// layersOf reads a file with a text, an environment and a command line.
func layersOf(t *testing.T, text string, environment []string, args ...string) *layers {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kupla.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	addSettingFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	l := readLayers(path, environment, flags)
	for i := range l.mistakes {
		l.mistakes[i].source = strings.TrimPrefix(l.mistakes[i].source, filepath.Dir(path)+"/")
	}
	for key, source := range l.sources {
		l.sources[key] = strings.TrimPrefix(source, filepath.Dir(path)+"/")
	}
	return l
}

func TestLaterLayersGoBefore(t *testing.T) {
	t.Parallel()
	l := layersOf(t, `
listen: 127.0.0.1:1
debug_listen: 127.0.0.1:11
allowed_origins: [https://file.example]
trusted_proxies:
  - 192.0.2.7
  - 2001:db8::/32
limits:
  address_starts: {burst: 3}
  token_calls: {per_second: -1}
times: &times {wrap_up: 90m, heartbeat: 1500ms}
web:
  # themes: themes
`, []string{
		"PATH=/bin", "KUPLA_LISTEN=127.0.0.1:2", "KUPLA_LIMITS_ADDRESS_STARTS_PER_SECOND=0.5",
		"KUPLA_ALLOWED_ORIGINS=https://one.example, https://two.example", "KUPLA_WEB_ENABLED=true", "KUPLA_TIMES_WRAP_UP=",
		"KUPLA_ADDRESS_EXCEPTIONS=192.0.2.0/24=30,2001:db8::/32=2.5", "KUPLA_FORWARD_HEADER=forwarded", "KUPLA_TOKEN=not ours",
	}, "--listen", "127.0.0.1:3", "--web=false", "--frame-ancestor", "https://a.example", "--frame-ancestor", "https://b.example")
	if err := l.err(); err != nil {
		t.Fatal(err)
	}
	want := defaultSettings()
	want.Listen, want.DebugListen = "127.0.0.1:3", "127.0.0.1:11"
	want.AllowedOrigins = []string{"https://one.example", "https://two.example"}
	want.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32")}
	want.ForwardHeader = "forwarded"
	want.Limits.AddressStarts = rateSetting{PerSecond: 0.5, Burst: 3}
	want.Limits.TokenCalls.PerSecond = -1
	want.Times.WrapUp, want.Times.Heartbeat = 90*time.Minute, 1500*time.Millisecond
	want.Web = webSettings{FrameAncestors: []string{"https://a.example", "https://b.example"}}
	want.Exception = []exceptionSetting{
		{netip.MustParsePrefix("192.0.2.0/24"), 30}, {netip.MustParsePrefix("2001:db8::/32"), 2.5},
	}
	if diff := cmp.Diff(want, l.settings, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"listen":                           "--listen",
		"debug_listen":                     "kupla.yaml:3",
		"allowed_origins":                  "environment KUPLA_ALLOWED_ORIGINS",
		"trusted_proxies":                  "kupla.yaml:6",
		"forward_header":                   "environment KUPLA_FORWARD_HEADER",
		"limits.address_starts.burst":      "kupla.yaml:9",
		"limits.address_starts.per_second": "environment KUPLA_LIMITS_ADDRESS_STARTS_PER_SECOND",
		"limits.token_calls.per_second":    "kupla.yaml:10",
		"times.wrap_up":                    "kupla.yaml:11",
		"times.heartbeat":                  "kupla.yaml:11",
		"web.enabled":                      "--web",
		"web.frame_ancestors":              "--frame-ancestor",
		"address_exceptions":               "environment KUPLA_ADDRESS_EXCEPTIONS",
	}, l.sources, cmpopts.IgnoreMapEntries(func(key, _ string) bool { return strings.Contains(key, "[") })); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

// What is wrong is told at once, each with its key, its place and what to do.
func TestMistakes(t *testing.T) {
	t.Parallel()
	l := layersOf(t, `listen: 127.0.0.1:80x
listen: 127.0.0.1:8080
databse: x
allowed_origins: https://a.example
trusted_proxies: [10.0.0.1/8, zzz]
forward_header: via
reflection: yes
shutdown_timeout:
limits:
  request_bytes: 64k
  address_starts: {per_second: 0, burst: [1]}
  waiting_per_address: 0
  token_calls: 5
  streams_per_token: -2
times:
  heartbeat: 20s
  wrap_up: 5
address_exceptions:
  - {prefix: 192.0.2.0/24}
  - {prefix: 192.0.2.0/24, factor: 0.5}
`, []string{
		"KUPLA_LITSEN=:1", "KUPLA_LIMITS_TOKEN_CALLS_PER_SECOND=NaN", "KUPLA_ADDRESS_EXCEPTIONS=192.0.2.0/24",
		"KUPLA_SOMETHING_ELSE_ALTOGETHER=1",
	}, "--debug-listen", "0.0.0.0:6060")
	l.check()
	var got []string
	for _, m := range l.mistakes {
		got = append(got, m.String())
	}
	want := []string{
		`listen (kupla.yaml:2): it stands there a second time; leave one out`,
		`databse (kupla.yaml:3): there is no such key; is database meant?`,
		`allowed_origins (kupla.yaml:4): give a list, such as [https://a.example]`,
		`trusted_proxies[1] (kupla.yaml:5): "zzz" is no prefix of addresses; give one such as 192.0.2.0/24 or 192.0.2.7`,
		`forward_header (kupla.yaml:6): "via" is none of x-forwarded-for, forwarded`,
		`reflection (kupla.yaml:7): "yes" is neither true nor false`,
		`shutdown_timeout (kupla.yaml:8): it has no value; give one, or leave the key out`,
		`limits.request_bytes (kupla.yaml:10): "64k" is no whole number; write it in digits alone, such as 65536`,
		`limits.address_starts.per_second (kupla.yaml:11): 0 is out of bounds; give 0.0000116 to 1000000, or -1 for no limit`,
		`limits.address_starts.burst (kupla.yaml:11): give one value, and no list and no keys`,
		`limits.waiting_per_address (kupla.yaml:12): 0 is too little; give at least 1`,
		`limits.token_calls (kupla.yaml:13): this has keys of its own; give them below it, such as "per_second: …"`,
		`limits.streams_per_token (kupla.yaml:14): -2 is too little; give at least 1, or -1 for no limit`,
		`times.heartbeat (kupla.yaml:16): 20s is out of bounds; give 100ms to 15s`,
		`times.wrap_up (kupla.yaml:17): "5" is no time; give one with its unit, such as 30s or 1h30m`,
		`address_exceptions[0].factor (kupla.yaml:19): it is missing`,
		`address_exceptions[1].factor (kupla.yaml:20): 0.5 is out of bounds; give 1 to 10000`,
		`address_exceptions (environment KUPLA_ADDRESS_EXCEPTIONS): "192.0.2.0/24" is no PREFIX=FACTOR; give one such as 192.0.2.0/24=30`,
		`limits.token_calls.per_second (environment KUPLA_LIMITS_TOKEN_CALLS_PER_SECOND): "NaN" is no number; give one such as 0.5`,
		`(environment): KUPLA_LITSEN is no setting; is KUPLA_LISTEN meant?`,
		`(environment): KUPLA_SOMETHING_ELSE_ALTOGETHER is no setting; see docs/operating.md for those there are`,
		`listen (kupla.yaml:1): "80x" is no port; give one from 0 to 65535, such as 8080`,
		`debug_listen (--debug-listen): served on this machine only, such as localhost:8080, and not on "0.0.0.0"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// What no value tells on its own.
func TestChecks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"tls_certificate: a.pem":                   "go together",
		"{tls_certificate: a.pem, tls_key: b.pem}": "cannot be used: open a.pem",
		"trusted_proxies: [10.0.0.1/8]":            "10.0.0.0/8 is meant",
		"trusted_proxies: [0.0.0.0/1]":             "large part of the Internet",
		"trusted_proxies: ['::/0']":                "large part of the Internet",
		"address_exceptions: [{prefix: 10.0.0.0/8, factor: 2}, {prefix: 10.0.0.0/8, factor: 3}]": "given twice",
		"allowed_origins: [www.example.fi]":                              "has no scheme",
		"allowed_origins: ['https://']":                                  "names no host",
		"allowed_origins: ['https://*']":                                 "names no host",
		"allowed_origins: ['https://*.fi']":                              "lets every page below fi call",
		"allowed_origins: [https://a.example/]":                          "more than a scheme, a host and a port",
		"allowed_origins: [https://A.example]":                           "capital letters",
		"web: {frame_ancestors: ['*']}":                                  "frame ancestor",
		"web: {themes: " + folder + "/missing}":                          "themes",
		"times: {customer_expires_after: 1m}":                            "times.customer_warned_before: 5m0s before the end",
		"database: " + folder:                                            "is a folder",
		"database: mysql://db/kupla":                                     "no kind of database",
		"database: file:kupla.db":                                        "no kind of database",
		"database: host=db user=kupla":                                   "postgres://user@host:5432/name",
		"{database: a.db, database_password_file: " + folder + "/empty}": "a SQLite file has no password",
		"database: postgres://kupla@db/kupla":                            "need not be encrypted",
		"database: postgres://kupla@db/kupla?sslmode=prefer":             "need not be encrypted",
		"database: postgres://kupla@localhost,db/kupla":                  "sent to db need not",
		"database: postgres://kupla@db/kupla?sslmode=full":               "sslmode is invalid",
		"{database: 'postgres://kupla@localhost/kupla', database_password_file: " + folder + "/empty}":   "is empty",
		"{database: 'postgres://kupla@localhost/kupla', database_password_file: " + folder + "/missing}": "no such file",
		"{database: 'postgres://localhost/kupla', database_password_file: " + folder + "/empty}":         "names no user",
		"{database: 'postgres://kupla:x@localhost/kupla', database_password_file: " + folder + "/empty}": "has a password, too",
	}
	for text, want := range tests {
		l := layersOf(t, text, nil)
		l.check()
		if err := l.err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want one that says %q", text, err, want)
		}
	}
	for _, text := range []string{
		"",
		"allowed_origins: ['*', https://a.example, 'https://*.county.example', 'http://localhost:5173', capacitor://localhost]",
		"database: postgres://kupla@db/kupla?sslmode=verify-full",
		"database: postgres://kupla@db/kupla?sslmode=disable",
		"database: postgresql://kupla@localhost:5433,127.0.0.1:5434/kupla?target_session_attrs=read-write",
		"database: postgres://kupla@/kupla?host=/run/postgresql",
		"{listen: ':8080', trusted_proxies: [10.0.0.0/8, 'fd00::/8']}",
		"reflection: true",
	} {
		l := layersOf(t, text, nil)
		l.check()
		if err := l.err(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What a number may be is said of every one, and the default is within it.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := defaultSettings()
	exception := exceptionSetting{Factor: 1}
	for _, k := range append(keysOf(&s), partKeys("", reflect.ValueOf(&exception).Elem())...) {
		if _, ok := number(k.value); ok && k.tag.Get("min") == "" {
			t.Errorf("%s has no smallest value", k.path)
		}
		if problem := outOfBounds(k); problem != "" {
			t.Errorf("the default of %s: %s", k.path, problem)
		}
	}
}

// No two keys have the same name in the environment, none has a client's, and every flag is a key.
func TestNames(t *testing.T) {
	t.Parallel()
	s := defaultSettings()
	seen, flags := map[string]string{}, maps.Clone(settingFlags)
	for _, k := range keysOf(&s) {
		if other, ok := seen[k.variable()]; ok || slices.Contains(clientVariables, k.variable()) {
			t.Errorf("%s and %s are both %s", k.path, other, k.variable())
		}
		seen[k.variable()] = k.path
		delete(flags, k.path)
	}
	if len(flags) > 0 {
		t.Errorf("flags of no key: %v", flags)
	}
}

// What is printed is a configuration that says the same.
func TestConfigPrint(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kupla.yaml")
	if err := os.WriteFile(path, []byte(`
allowed_origins: [https://a.example]
trusted_proxies: [10.0.0.0/8]
address_exceptions: [{prefix: 192.0.2.0/24, factor: 30}, {prefix: '2001:db8::/32', factor: 1.5}]
limits: {token_calls: {per_second: -1}}
forward_header: forwarded
debug_listen: 127.0.0.1:6060
`), 0o600); err != nil {
		t.Fatal(err)
	}
	printed := func(args ...string) string {
		t.Helper()
		c := command()
		var out bytes.Buffer
		c.SetOut(&out)
		c.SetArgs(append([]string{"config", "print"}, args...))
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	first := printed("--config", path, "--listen", "0.0.0.0:1")
	for _, line := range []string{
		"listen: 0.0.0.0:1 # --listen\n", "database: data/kupla.db # default\n",
		"trusted_proxies: # " + path + ":3\n  - 10.0.0.0/8\n", "  heartbeat: 15s # default\n",
		"  - {prefix: 192.0.2.0/24, factor: 30}\n", "debug_listen: 127.0.0.1:6060 # " + path + ":7\n",
		"forward_header: forwarded # " + path + ":6\n",
	} {
		if !strings.Contains(first, line) {
			t.Errorf("%q is not in\n%s", line, first)
		}
	}
	again := layersOf(t, first, nil)
	if err := again.err(); err != nil {
		t.Fatal(err)
	}
	read := layersOf(t, "", nil)
	read.readFile(path)
	read.settings.Listen = "0.0.0.0:1"
	if diff := cmp.Diff(read.settings, again.settings, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("printed and read again (-want +got):\n%s", diff)
	}
}

// A password is shown neither where settings are printed nor where a mistake is told.
func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	for _, database := range []string{
		"postgres://kupla:" + secret + "@localhost:1,localhost:2/kupla?target_session_attrs=read-write",
		"postgresql://localhost/kupla?user=kupla&password=" + secret,
		"postgres://kupla:" + secret + "%zz@localhost/kupla",
		"postgres://kupla:" + secret + "@db/kupla",
		"mysql://kupla:" + secret + "@db/kupla",
		"host=localhost password=" + secret,
	} {
		for _, do := range []string{"print", "check"} {
			c := command()
			var out bytes.Buffer
			c.SetOut(&out)
			c.SetArgs([]string{"config", do, "--database", database})
			err := c.ExecuteContext(t.Context())
			if err != nil {
				out.WriteString(err.Error())
			}
			if out.Len() == 0 || strings.Contains(out.String(), secret) {
				t.Errorf("config %s --database %s tells\n%s", do, database, out.String())
			}
		}
	}
	if got := withoutSecrets("https://kupla:" + secret + "@collector.example/v1/traces"); strings.Contains(got, secret) {
		t.Errorf("where traces go is told as %s", got)
	}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("p@ss/wörd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := settings{Database: "postgres://kupla@h1:1,h2:2/kupla?sslmode=disable", DatabasePasswordFile: file}
	got, err := s.dsn()
	if want := "postgres://kupla:p%40ss%2Fw%C3%B6rd@h1:1,h2:2/kupla?sslmode=disable"; err != nil || got != want {
		t.Errorf("with its password the address is %q, %v; want %q", got, err, want)
	}
}
