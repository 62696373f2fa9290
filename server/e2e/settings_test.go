package e2e

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/kupla-chat/kupla/clients/go/kupla"
)

// What the service tells about a token, for each kind of staff; and that it says so when it is not good.
func TestTokenCheck(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	nurse := s.token("nurse", "--role", "professional", "--queue", "emergency-help", "--language", "fi", "--language", "sv")
	tests := map[string]struct {
		token string
		want  string
	}{
		"a professional": {nurse, `"valid":true,"professional":{"id":"nurse","display_name":"Testi nurse","queue_ids":["emergency-help"],` +
			`"languages":["fi","sv"]},"desk":true,"feedback":false,"catalogue":false}`},
		"a supervisor": {
			s.token("boss", "--role", "supervisor", "--queue", "emergency-help"),
			`"desk":true,"feedback":true,"catalogue":false}`,
		},
		"an admin": {
			s.token("admin2", "--role", "admin"),
			`"valid":true,"professional":null,"desk":false,"feedback":false,"catalogue":true}`,
		},
	}
	for name, test := range tests {
		got := s.userWith(test.token).runs("kupla", "token", "check", "--output", "json")
		if got.code != 0 || !strings.Contains(got.out, test.want) || !strings.Contains(got.out, `"server":"`+s.url()+`"`) {
			t.Errorf("%s: %+v", name, got)
		}
		if strings.Contains(got.out+got.errors, test.token) {
			t.Errorf("%s: the token was shown", name)
		}
	}
	u := s.userWith(nurse)
	got := u.runs("kupla", "token", "check")
	contains(t, got.out, s.url(), "tokens.json", "Testi nurse (nurse)", "emergency-help", "Finnish, Swedish", "kuplad token list")
	u.env = append(u.env, "KUPLA_TOKEN=kupla_s_made-up")
	if got := u.runs("kupla", "token", "check"); got.code != 5 || got.out != "" {
		t.Errorf("a token that is not good: %+v", got)
	}
	s.kill()
	if got := u.runs("kupla", "token", "check"); got.code != 3 {
		t.Errorf("without the service: %+v", got)
	}
}

// The real bash, with what the program tells it, completes what the real service has.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	u := s.userWith(s.token("nurse", "--role", "professional", "--queue", "emergency-help", "--language", "fi"))
	resident := kupla.New(s.url())
	defer resident.Close()
	waits, err := resident.Start(t.Context(), kupla.StartOptions{QueueID: "emergency-help", Language: "fi"})
	if err != nil {
		t.Fatal(err)
	}
	// As bash calls it for a line that ends at the cursor: the words broken at = and : as well.
	const press = `
set -u
COLUMNS=80
compopt() { :; } # which may only be called while a key is handled
source <(kupla completion bash)
COMP_LINE=$1; COMP_POINT=${#COMP_LINE}; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_TYPE=9 COMP_KEY=9
[[ $(complete -p kupla) == *__start_kupla* ]]
__start_kupla
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"`
	tests := map[string]struct {
		words []string
		want  string
	}{
		"kupla conf":                 {[]string{"kupla", "conf"}, "config"},
		"kupla chat ":                {[]string{"kupla", "chat", ""}, "oral-health "},
		"kupla chat eme":             {[]string{"kupla", "chat", "eme"}, "emergency-help"},
		"kupla chat --server=te":     {[]string{"kupla", "chat", "--server", "=", "te"}, "test"},
		"kupla queues --output=":     {[]string{"kupla", "queues", "--output", "="}, "table\njson"},
		"kupla queues --output j":    {[]string{"kupla", "queues", "--output", "j"}, "json"},
		"kupla desk take ":           {[]string{"kupla", "desk", "take", ""}, waits.ID()},
		"kupla desk close x extra x": {[]string{"kupla", "desk", "close", "x", "extra", "x"}, ""},
	}
	for line, test := range tests {
		got := u.runs("bash", append([]string{"--noprofile", "--norc", "-c", press, "bash", line}, test.words...)...)
		if got.code != 0 || got.errors != "" || !strings.HasPrefix(strings.TrimLeft(got.out, " "), test.want) || test.want == "" && got.out != "" {
			t.Errorf("%q: %+v, want %q", line, got, test.want)
		}
	}

	// And with the key itself, at a terminal.
	shell := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-i")
	shell.Env = append(os.Environ(), append(u.env, "TERM=dumb", "PS1=$ ")...)
	keyboard, err := pty.Start(shell)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = keyboard.Close()
		_ = shell.Process.Kill()
		_ = shell.Wait()
	}()
	screen := &lockedBuffer{}
	go func() { _, _ = io.Copy(screen, keyboard) }()
	presses := func(keys, want string) {
		t.Helper()
		if _, err := keyboard.WriteString(keys); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(screen.String(), want); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%q did not come:\n%q", want, screen.String())
			}
		}
	}
	presses("source <(kupla completion bash); echo $((6 * 7)) ready\n", "42 ready")
	presses("kupla chat emer\t", "kupla chat emergency-help ")
	presses("\x15kupla queues --output=j\t", "kupla queues --output=json ")
	presses("\x15kupla desk take \t", "kupla desk take "+waits.ID())

	s.kill()
	got := u.runs("bash", "--noprofile", "--norc", "-c", press, "bash", "kupla chat ", "kupla", "chat", "")
	if got != (said{}) {
		t.Errorf("without the service: %+v", got)
	}
}

// The settings and the token's file as the program itself writes them.
func TestSettingsFiles(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	u := s.userWith(s.token("nurse", "--role", "professional", "--queue", "emergency-help", "--language", "fi"))
	home := strings.TrimPrefix(u.env[0], "HOME=")
	for file, want := range map[string]string{
		".config/kupla/config.yaml":      "servers:\n  test: " + s.url() + "\nserver: test\n",
		".local/state/kupla/tokens.json": "kupla_s_",
	} {
		info, err := os.Stat(filepath.Join(home, file))
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(home, file))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 || !strings.Contains(string(data), want) {
			t.Errorf("%s: %v\n%s", file, info.Mode(), data)
		}
	}
	if got := u.runs("kupla", "queues"); got.code != 0 || !strings.Contains(got.out, "emergency-help") {
		t.Errorf("queues: %+v", got)
	}
}
