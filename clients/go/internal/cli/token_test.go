package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/creack/pty"
	"github.com/zalando/go-keyring"
)

const (
	countyServer = "https://chat.example.fi"
	secret       = "kupla_s_not-a-real-one"
)

// withKeyring gives the command a keyring that answers.
func withKeyring(home string) map[string]string {
	keyring.MockInit()
	return map[string]string{"HOME": home, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/dev/null"}
}

func tokensFile(home string) string {
	return filepath.Join(home, ".local", "state", "kupla", "tokens.json")
}

// A token is kept where it was asked to be, counts for its server only, and is not shown by the way.
func TestTokenIsKept(t *testing.T) {
	for store, where := range map[string]string{"keyring": "the keyring", "file": ""} {
		t.Run(store, func(t *testing.T) {
			home := t.TempDir()
			env := withKeyring(home)
			if where == "" {
				where = tokensFile(home)
			}
			at := func(args ...string) []string { return append(args, "--server", countyServer) }
			r := runs(t, env, secret+"\n", at("token", "save", "--store", store)...)
			r.wants(t, ExitOK, "The token for https://chat.example.fi is kept in "+where+".\n")
			if strings.Contains(r.out+r.errors, secret) {
				t.Error("the token was shown")
			}
			if kept := strings.Contains(read(t, tokensFile(home)), secret); kept != (store == "file") {
				t.Errorf("in the file: %t", kept)
			}
			info, err := os.Stat(tokensFile(home))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the file has %v, %v", info.Mode(), err)
			}

			r = runs(t, env, "", at("token", "show")...)
			r.wants(t, ExitOK, "https://chat.example.fi", where, "counts here")
			if strings.Contains(r.out, secret) {
				t.Error("the token was shown")
			}
			runs(t, env, "", at("token", "show", "--output", "json")...).wants(t, ExitOK,
				`{"server":"https://chat.example.fi","store":"`+store+`","in_use":true}`+"\n")
			if r = runs(t, env, "", at("token", "show", "--reveal")...); r.out != secret+"\n" {
				t.Errorf("revealed %q", r.out)
			}
			// No other server gets it, not even one that was called the same.
			r = runs(t, env, "", "token", "show", "--reveal", "--server", "https://chat.example.fi:8443")
			r.wants(t, ExitUnauthenticated, "There is no token for https://chat.example.fi:8443.", "kupla token save")

			// What is said here goes over what is kept.
			env["KUPLA_TOKEN"] = "environment"
			if r = runs(t, env, "", at("token", "show", "--reveal")...); r.out != "environment\n" {
				t.Errorf("revealed %q", r.out)
			}
			if r = runs(t, env, "", at("token", "show", "--reveal", "--token", "flag")...); r.out != "flag\n" {
				t.Errorf("revealed %q", r.out)
			}
			runs(t, env, "", at("token", "show")...).wants(t, ExitOK, "KUPLA_TOKEN")
			delete(env, "KUPLA_TOKEN")

			runs(t, env, "", at("token", "remove")...).wants(t, ExitOK, "The token for https://chat.example.fi was removed.")
			runs(t, env, "", at("token", "remove")...).wants(t, ExitUnauthenticated, "There is no token")
			runs(t, env, "", at("token", "show")...).wants(t, ExitOK, "No token is kept here.")
			if _, err := keyring.Get("kupla", countyServer); !errors.Is(err, keyring.ErrNotFound) {
				t.Errorf("the keyring has it still: %v", err)
			}
		})
	}
}

// A named server that gets another address does not get the token of the old one.
func TestTokenStaysWithItsAddress(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home}
	writeSettings(t, home, "servers: {county: chat.example.fi}\nserver: county\n")
	runs(t, env, secret, "token", "save", "--store", "file").wants(t, ExitOK, countyServer)
	runs(t, env, "", "token", "show", "--reveal").wants(t, ExitOK, secret)
	runs(t, env, "", "config", "set", "servers.county", "chat.example.org").wants(t, ExitOK)
	runs(t, env, "", "token", "show", "--reveal").wants(t, ExitUnauthenticated, "There is no token for https://chat.example.org")
}

// Nothing of a kept token reaches another server: what it hears is looked at.
func TestTokenIsSentToItsServerOnly(t *testing.T) {
	var heard atomic.Value
	heard.Store("")
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			heard.Store(r.Header.Get("Authorization"))
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	other.Config.Protocols = new(http.Protocols)
	other.Config.Protocols.SetUnencryptedHTTP2(true)
	other.Start()
	defer other.Close()

	home := t.TempDir()
	env := map[string]string{"HOME": home}
	runs(t, env, secret, "token", "save", "--store", "file", "--server", countyServer).wants(t, ExitOK)
	call := []string{"desk", "availability", "away", "--retry-for", "0s", "--server", other.URL}
	if r := runs(t, env, "", call...); r.code == ExitOK {
		t.Errorf("it worked:\n%s", r.out)
	}
	if got := heard.Load(); got != "" {
		t.Errorf("the other server was sent %q", got)
	}
	runs(t, env, secret, "token", "save", "--store", "file", "--server", other.URL).wants(t, ExitOK)
	runs(t, env, "", call...)
	if got := heard.Load(); got != "Bearer "+secret {
		t.Errorf("its own server was sent %q", got)
	}
}

// A file that others can read is refused, whatever the command, with what to do.
func TestTokensThatOthersCanRead(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home}
	runs(t, env, secret, "token", "save", "--store", "file", "--server", countyServer).wants(t, ExitOK)
	if err := os.Chmod(tokensFile(home), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"token", "show"},
		{"token", "show", "--reveal"},
		{"token", "check"},
		{"token", "remove"},
		{"token", "save", "--store", "file"},
		{"desk", "take"},
	} {
		r := runs(t, env, secret, append(args, "--server", countyServer)...)
		r.wants(t, ExitFailed, tokensFile(home), "(mode 0640)", "chmod 600 "+tokensFile(home))
		if strings.Contains(r.out+r.errors, secret) {
			t.Errorf("%v: the token was shown", args)
		}
	}
	// Who has no need of a token is not held up.
	runs(t, env, "", "queues", "--server", "http://127.0.0.1:1").wants(t, ExitUnreachable)
}

// Where no keyring answers, that is said before a token is asked for, and what to do instead.
func TestNoKeyring(t *testing.T) {
	home := t.TempDir()
	env := withKeyring(home)
	keyring.MockInitWithError(errors.New("the name org.freedesktop.secrets was not provided"))
	r := runs(t, env, "", "token", "save", "--server", countyServer)
	r.wants(t, ExitFailed, "No keyring answers", "org.freedesktop.secrets", "kupla token save --store file", "KUPLA_TOKEN")
	if _, err := os.Stat(tokensFile(home)); err == nil {
		t.Error("something was kept")
	}

	// The same later on: a token was kept, and the keyring has gone or lost it.
	keyring.MockInit()
	runs(t, env, secret, "token", "save", "--server", countyServer).wants(t, ExitOK)
	keyring.MockInit()
	runs(t, env, "", "token", "check", "--server", countyServer).wants(t, ExitFailed, "The keyring no longer has the token")
	keyring.MockInitWithError(errors.New("locked"))
	runs(t, env, "", "desk", "take", "--server", countyServer).wants(t, ExitFailed, "No keyring answers", "locked")

	// Moving it to a file leaves none behind in the keyring.
	keyring.MockInit()
	runs(t, env, secret, "token", "save", "--server", countyServer).wants(t, ExitOK)
	runs(t, env, secret, "token", "save", "--server", countyServer, "--store", "file").wants(t, ExitOK)
	if _, err := keyring.Get("kupla", countyServer); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("the keyring has it still: %v", err)
	}
}

func TestHasSessionBus(t *testing.T) {
	folder := t.TempDir()
	none := func(string) string { return "" }
	if hasSessionBus(none, folder) {
		t.Error("a session without a bus")
	}
	if !hasSessionBus(func(string) string { return "unix:path=/x" }, folder) {
		t.Error("the variable was not seen")
	}
	if err := os.WriteFile(filepath.Join(folder, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !hasSessionBus(none, folder) {
		t.Error("the socket was not seen")
	}
}

func TestTokenSaveRefuses(t *testing.T) {
	env := map[string]string{"HOME": t.TempDir()}
	tests := map[string]struct {
		stdin string
		args  []string
		code  int
		want  string
	}{
		"nothing":       {"", nil, ExitUsage, "No token came."},
		"an empty line": {"\n" + secret + "\n", nil, ExitUsage, "No token came."},
		"two words":     {"Bearer x\n", nil, ExitUsage, "That is not a token"},
		"a letter":      {"kupla_ä\n", nil, ExitUsage, "That is not a token"},
		"too long":      {strings.Repeat("x", maxToken+1), nil, ExitUsage, "That is not a token"},
		"an argument":   {"", []string{secret}, ExitUsage, "too much here"},
		"a store":       {secret, []string{"--store", "cloud"}, ExitUsage, "cloud is not a value of --store; these are: keyring, file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			runs(t, env, test.stdin, append([]string{"token", "save", "--store", "file"}, test.args...)...).wants(t, test.code, test.want)
		})
	}
	runs(t, map[string]string{}, secret, "token", "save", "--store", "file").wants(t, ExitFailed, "HOME is not set")
	r := runs(t, env, secret, "token", "save", "--store", "file", "--server", "http://chat.example.fi")
	r.wants(t, ExitOK)
	if !strings.Contains(r.errors, "is not encrypted") {
		t.Errorf("no warning:\n%s", r.errors)
	}
}

// At a terminal the token is asked for and not shown.
func TestTokenPrompt(t *testing.T) {
	terminal, keyboard, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = terminal.Close(), keyboard.Close() }()
	home := t.TempDir()
	env := map[string]string{"HOME": home, "LANG": "en_GB.UTF-8"}
	shown, ended := newOutput(), make(chan int, 1)
	go func() { _, _ = io.Copy(shown, terminal) }()
	var out strings.Builder
	go func() {
		ended <- Run(t.Context(), []string{"token", "save", "--store", "file", "--server", countyServer},
			keyboard, &out, keyboard, func(name string) string { return env[name] })
	}()
	shown.shows(t, "Token for https://chat.example.fi (it is not shown): ")
	if _, err := terminal.WriteString(secret + "\r"); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != ExitOK {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(shown.String()+out.String(), secret) {
		t.Error("the token was shown")
	}
	if !strings.Contains(read(t, tokensFile(home)), secret) {
		t.Error("the token was not kept")
	}

	// Interrupted, the terminal shows again what is typed.
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		ended <- Run(ctx, []string{"token", "save", "--store", "file", "--server", countyServer},
			keyboard, &out, keyboard, func(name string) string { return env[name] })
	}()
	shown.shows(t, "Token for https://chat.example.fi (it is not shown): ")
	interrupt()
	if code := <-ended; code != ExitFailed {
		t.Errorf("exit code %d", code)
	}
	if _, err := terminal.WriteString("seen"); err != nil {
		t.Fatal(err)
	}
	shown.shows(t, "seen")
}
