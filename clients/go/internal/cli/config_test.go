package cli

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zalando/go-keyring"
)

// ran is a command that has ended.
type ran struct {
	code        int
	out, errors string
}

// runs takes a command to its end, in English unless env says otherwise.
func runs(t *testing.T, env map[string]string, stdin string, args ...string) ran {
	t.Helper()
	all := map[string]string{"LANG": "en_GB.UTF-8"}
	maps.Copy(all, env)
	var out, errs bytes.Buffer
	code := Run(t.Context(), args, strings.NewReader(stdin), &out, &errs, func(name string) string { return all[name] })
	return ran{code, out.String(), errs.String()}
}

// wants checks the exit code, and that the output, or for a failure the errors, have the texts.
func (r ran) wants(t *testing.T, code int, texts ...string) {
	t.Helper()
	where := r.out
	if code != ExitOK {
		where = r.errors
	}
	if r.code != code {
		t.Errorf("exit code %d, want %d\n%s%s", r.code, code, r.out, r.errors)
	}
	for _, text := range texts {
		if !strings.Contains(where, text) {
			t.Errorf("%q is not in\n%s", text, where)
		}
	}
}

// writeSettings writes the file of settings of a home.
func writeSettings(t *testing.T, home, text string) string {
	t.Helper()
	path := filepath.Join(home, ".config", "kupla", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const twoServers = `# The county's servers.
server: production
language: sv # as most of us speak
output: table
servers:
  production: https://chat.example.fi
  # For trying things out.
  test: chat-test.example.fi:8443
`

// Flags go over the environment, that over the file; and each tells where it comes from.
func TestSettingsGoOverEachOther(t *testing.T) {
	home := t.TempDir()
	path := writeSettings(t, home, twoServers)
	fromFile := map[string]string{"HOME": home}
	fromEnvironment := map[string]string{
		"HOME": home, "KUPLA_SERVER": "test", "KUPLA_LANGUAGE": "fi", "KUPLA_OUTPUT": "json",
	}
	table := func(r ran) string { return strings.Join(strings.Fields(r.out), " ") }
	servers := " servers.production https://chat.example.fi " + path + " servers.test chat-test.example.fi:8443 " + path

	tests := map[string]struct {
		env  map[string]string
		args []string
		want string
	}{
		"nothing": {
			map[string]string{"HOME": t.TempDir()},
			nil,
			"SETTING VALUE FROM server http://localhost:8080 (default) language en (default) output table (default)",
		},
		"the file": {
			fromFile, nil,
			"INSTÄLLNING VÄRDE FRÅN server production " + path + " language sv " + path + " output table " + path + servers,
		},
		"the environment": {
			fromEnvironment,
			[]string{"--output", "table"},
			"ASETUS ARVO MISTÄ server test KUPLA_SERVER language fi KUPLA_LANGUAGE output table --output" + servers,
		},
		"flags": {
			fromEnvironment,
			[]string{"--server", "https://other.example.fi", "--language", "en", "--output", "table"},
			"SETTING VALUE FROM server https://other.example.fi --server language en --language output table --output" + servers,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := runs(t, test.env, "", append([]string{"config", "list"}, test.args...)...)
			r.wants(t, ExitOK)
			if diff := cmp.Diff(test.want, table(r)); diff != "" {
				t.Error(diff)
			}
		})
	}

	r := runs(t, fromEnvironment, "", "config", "list")
	r.wants(t, ExitOK, `{"key":"server","value":"test","source":"KUPLA_SERVER"}`+"\n")
	r = runs(t, fromEnvironment, "", "config", "get", "servers.test", "--output=table")
	r.wants(t, ExitOK, "chat-test.example.fi:8443\n")
	r = runs(t, fromFile, "", "config", "get", "language")
	r.wants(t, ExitOK, "sv\n")
}

// What a command calls is what the settings say, by name or by address.
func TestNamedServer(t *testing.T) {
	f := newFake(t)
	home := t.TempDir()
	writeSettings(t, home, "servers: {here: '"+f.listener.URL+"', gone: 'http://127.0.0.1:1'}\nserver: here\n")
	env := map[string]string{"HOME": home}
	runs(t, env, "", "queues").wants(t, ExitOK, "Trial queue")
	runs(t, env, "", "queues", "--server", "gone").wants(t, ExitUnreachable, "http://127.0.0.1:1")
	env["KUPLA_SERVER"] = "gone"
	runs(t, env, "", "queues", "--server", "here").wants(t, ExitOK, "Trial queue")
	runs(t, env, "", "queues", "--server", f.listener.URL).wants(t, ExitOK, "Trial queue")
	// A name that is mistyped is no host to send a token to.
	runs(t, env, "", "queues", "--server", "heer").wants(t, ExitUsage, "No server is named heer.", "kupla config list")
}

// A file with something in it that is not known is refused, with the line.
func TestSettingsFileIsHeldToItsWord(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home}
	tests := map[string]struct{ text, want string }{
		"unknown":       {"server: a\nservers: {a: a.example.fi}\nlingo: fi\n", "line 3: there is no setting lingo"},
		"twice":         {"language: fi\nlanguage: sv\n", "line 2: language is there twice"},
		"no text":       {"language:\n  - fi\n", "line 2: one text belongs here"},
		"nothing":       {"server:\n", "line 1: one text belongs here"},
		"no mapping":    {"- server\n", "line 1: names with values belong here"},
		"language":      {"output: json\nlanguage: et\n", "line 2: et is not a value of language"},
		"output":        {"output: xml\n", "line 1: xml is not a value of output; these are: table, json"},
		"a server":      {"servers:\n  Main.Server: a.example.fi\n", "line 2: Main.Server cannot be a server's name"},
		"localhost":     {"servers:\n  localhost: a.example.fi\n", "line 2: localhost cannot be a server's name"},
		"an address":    {"servers:\n  a: ftp://a.example.fi\n", "line 2: ftp://a.example.fi is not an address"},
		"server twice":  {"servers:\n  a: a.example.fi\n  a: b.example.fi\n", "line 3: a is there twice"},
		"no YAML":       {"server: a\n  b: [\n", "line 2: this is not YAML"},
		"unknown value": {"server: nobody\n", "No server is named nobody."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := writeSettings(t, home, test.text)
			r := runs(t, env, "", "queues")
			r.wants(t, ExitUsage, test.want)
			if name != "unknown value" {
				r.wants(t, ExitUsage, path)
			}
			// What helps to repair it works all the same.
			runs(t, env, "", "config", "path").wants(t, ExitOK, path)
			runs(t, env, "", "help", "config").wants(t, ExitOK, "KUPLA_CONFIG")
			runs(t, env, "", "version").wants(t, ExitOK, "kupla ")
		})
	}
	// Whoever names a file means it to be there.
	missing := filepath.Join(home, "missing.yaml")
	runs(t, env, "", "queues", "--config", missing).wants(t, ExitUsage, "There is no file "+missing)
	env["KUPLA_CONFIG"] = missing
	runs(t, env, "", "queues").wants(t, ExitUsage, "There is no file "+missing)
	env["KUPLA_CONFIG"] = home
	runs(t, env, "", "queues").wants(t, ExitFailed, home+" cannot be read")
}

// Changing a setting changes nothing else in the file, which stays the person's alone.
func TestConfigChanges(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home, "LANG": "en_GB.UTF-8"}
	path := filepath.Join(home, ".config", "kupla", "config.yaml")

	runs(t, env, "", "config", "set", "servers.production", "https://chat.example.fi").wants(t, ExitOK,
		"servers.production is now https://chat.example.fi.")
	runs(t, env, "", "config", "use", "production").wants(t, ExitOK, "server is now production.")
	if got, want := read(t, path), "servers:\n  production: https://chat.example.fi\nserver: production\n"; got != want {
		t.Errorf("the file is\n%s", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}

	writeSettings(t, home, twoServers)
	runs(t, env, "", "config", "set", "language", "en").wants(t, ExitOK)
	runs(t, env, "", "config", "set", "output", "json").wants(t, ExitOK)
	runs(t, env, "", "config", "use", "test").wants(t, ExitOK)
	runs(t, env, "", "config", "remove", "servers.production").wants(t, ExitOK)
	runs(t, env, "", "config", "remove", "output").wants(t, ExitOK)
	want := `# The county's servers.
server: test
language: en # as most of us speak
servers:
  # For trying things out.
  test: chat-test.example.fi:8443
`
	if diff := cmp.Diff(want, read(t, path)); diff != "" {
		t.Error(diff)
	}

	// Behind a symbolic link, as with settings kept under version control, the file itself is changed.
	linked := filepath.Join(home, "linked.yaml")
	if err := os.Symlink(path, linked); err != nil {
		t.Fatal(err)
	}
	runs(t, env, "", "config", "set", "language", "fi", "--config", linked).wants(t, ExitOK)
	if !strings.Contains(read(t, path), "language: fi") {
		t.Error("the link was replaced")
	}
}

// What would make a file that the next run refuses is refused.
func TestConfigRefuses(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home, "LANG": "en_GB.UTF-8", "KUPLA_LANGUAGE": "en"}
	path := writeSettings(t, home, twoServers)
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"what":             {[]string{"set", "colour", "blue"}, ExitUsage, "there is no setting colour; these there are: server, language, output, servers.NAME"},
		"no value":         {[]string{"set", "language"}, ExitUsage, "VALUE is missing"},
		"language":         {[]string{"set", "language", "et"}, ExitUsage, "et is not a language"},
		"output":           {[]string{"set", "output", "xml"}, ExitUsage, "xml is not a value of output"},
		"address":          {[]string{"set", "servers.a", "ftp://a"}, ExitUsage, "ftp://a is not an address"},
		"name":             {[]string{"set", "servers.A", "a.example.fi"}, ExitUsage, "A cannot be a server's name"},
		"empty name":       {[]string{"set", "servers.", "a.example.fi"}, ExitUsage, "cannot be a server's name"},
		"unknown server":   {[]string{"use", "nobody"}, ExitUsage, "No server is named nobody."},
		"server in use":    {[]string{"remove", "servers.production"}, ExitFailed, "production is the server in use"},
		"not there":        {[]string{"remove", "servers.a"}, ExitFailed, "servers.a is not set"},
		"get what":         {[]string{"get", "colour"}, ExitUsage, "there is no setting colour"},
		"get not there":    {[]string{"get", "servers.a"}, ExitFailed, "servers.a is not set"},
		"unknown command":  {[]string{"lists"}, ExitUsage, "There is no command"},
		"too many":         {[]string{"path", "x"}, ExitUsage, "x is too much here"},
		"nowhere to write": {[]string{"set", "language", "fi", "--config", "/proc/none/config.yaml"}, ExitUsage, "There is no file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			runs(t, env, "", append([]string{"config"}, test.args...)...).wants(t, test.code, test.want)
			if got := read(t, path); got != twoServers {
				t.Errorf("the file was changed to\n%s", got)
			}
		})
	}
	runs(t, map[string]string{"KUPLA_LANGUAGE": "et"}, "", "queues").wants(t, ExitUsage, "et is not a language")
	runs(t, map[string]string{"KUPLA_OUTPUT": "xml"}, "", "queues").wants(t, ExitUsage, "xml is not a value of output")
	runs(t, nil, "", "config", "set", "language", "fi").wants(t, ExitFailed, "HOME is not set")
	runs(t, map[string]string{"XDG_CONFIG_HOME": "/somewhere"}, "", "config", "path").wants(t, ExitOK, "/somewhere/kupla/config.yaml\n")
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What another flag says is not taken for the file of settings, which chooses where a token goes, nor for the language.
func TestMessageIsNoFlag(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	var heard atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	defer other.Close()
	writeSettings(t, home, "server: "+f.listener.URL+"\nlanguage: en\n")
	elsewhere := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(elsewhere, []byte("server: "+other.URL+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HOME": home, "KUPLA_TOKEN": "staff"}
	runs(t, env, "", "conversation", "start", "demo", "--message", "--config="+elsewhere).wants(t, ExitOK)
	runs(t, env, "", "conversation", "start", "demo", "--name", "--config", "--message", elsewhere).wants(t, ExitOK)
	runs(t, env, "", "conversation", "start", "demo", "--message", "--language=sv").wants(t, ExitOK, "waiting")
	f.change(func() {
		for _, one := range f.conversations {
			if one.proto.GetLanguage() != "en" {
				t.Errorf("a conversation in %s was started", one.proto.GetLanguage())
			}
		}
		if len(f.conversations) != 3 {
			t.Errorf("%d conversations were started", len(f.conversations))
		}
	})
	if got := offers(t, env, "desk", "transfer", "x", "--note", "--config="+elsewhere, "--professional", ""); got != nil {
		t.Errorf("offered %v", got)
	}
	if heard.Load() != 0 {
		t.Errorf("the server of another file was called %d times", heard.Load())
	}
	// The last of two counts, as with every flag.
	runs(t, env, "", "config", "get", "server", "--config", filepath.Join(home, "none.yaml"), "--config", elsewhere).wants(t, ExitOK, other.URL)
}

// From "catalogue diff" the exit code 1 is a difference, whatever else goes wrong here.
func TestDiffFailsOtherThanByADifference(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	file := filepath.Join(home, "catalogue.yaml")
	if err := os.WriteFile(file, []byte("queues: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	diff := []string{"catalogue", "diff", file, "--server", f.listener.URL}
	env := withKeyring(home)
	keyring.MockInit()
	runs(t, env, secret, "token", "save", "--server", f.listener.URL).wants(t, ExitOK)
	keyring.MockInit()
	runs(t, env, "", diff...).wants(t, ExitInternal, "The keyring no longer has the token")
	keyring.MockInitWithError(errors.New("locked"))
	runs(t, env, "", diff...).wants(t, ExitInternal, "No keyring answers")
	if err := os.Chmod(tokensFile(home), 0o644); err != nil {
		t.Fatal(err)
	}
	runs(t, env, "", diff...).wants(t, ExitInternal, "(mode 0644)")
	env["KUPLA_CONFIG"] = t.TempDir() // a folder cannot be read as a file
	runs(t, env, "", diff...).wants(t, ExitInternal, "is a directory")
	runs(t, env, "", append(diff, "--output", "json")...).wants(t, ExitInternal, `"exit_code":14`)
	runs(t, env, "", "catalogue", "diff", "--no-such").wants(t, ExitUsage)
}
