package cli

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// offers returns what is offered for the last of args, with a bar before what it is.
func offers(t *testing.T, env map[string]string, args ...string) []string {
	t.Helper()
	r := runs(t, env, "", append([]string{cobra.ShellCompRequestCmd}, args...)...)
	r.wants(t, ExitOK)
	words, directive, _ := strings.Cut(r.out, ":")
	if i := strings.LastIndex(r.out, "\n:"); i >= 0 {
		words, directive = r.out[:i], r.out[i+2:]
	}
	if directive != "36\n" && directive != "4\n" { // no files, and in this order
		t.Errorf("%v: the shell is told %q", args, directive)
	}
	if words == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(words, "\t", " | "), "\n")
}

func TestCompletion(t *testing.T) {
	f := newFake(t)
	home := t.TempDir()
	writeSettings(t, home, twoServers+"  here: "+f.listener.URL+"\n")
	env := map[string]string{"HOME": home, "KUPLA_SERVER": "here", "KUPLA_TOKEN": "staff", "KUPLA_LANGUAGE": "en"}
	var own, waits *kuplav1.Conversation
	f.change(func() {
		one := f.begin("demo", "fi", "Testi")
		f.take(one)
		own, waits = one.proto, f.begin("demo", "en", "Toinen").proto
	})
	const trial, night = "demo | Trial queue", "night | Night queue"

	tests := map[string]struct {
		args []string
		want []string
	}{
		"a queue":         {[]string{"chat", ""}, []string{trial, night}},
		"a queue begun":   {[]string{"chat", "n"}, []string{night}},
		"only one queue":  {[]string{"chat", "demo", ""}, nil},
		"a queue flag":    {[]string{"desk", "take", "--queue", ""}, []string{trial, night}},
		"a queue flag =":  {[]string{"desk", "transfer", "x", "--queue="}, []string{trial, night}},
		"in its language": {[]string{"chat", "--language", "sv", "d"}, []string{"demo | Provkö"}},
		"at its server":   {[]string{"chat", "--server", "test", ""}, nil},
		"a language":      {[]string{"queues", "--language", ""}, []string{"fi", "sv", "en"}},
		"a form":          {[]string{"queues", "--output", ""}, []string{"table", "json"}},
		"a store":         {[]string{"token", "save", "--store", "k"}, []string{"keyring"}},
		"a shell":         {[]string{"completion", ""}, []string{"bash", "fish", "zsh"}},
		"a setting":       {[]string{"config", "get", "servers."}, []string{"servers.here", "servers.production", "servers.test"}},
		"a server": {[]string{"queues", "--server", ""}, []string{
			"here | " + f.listener.URL, "production | https://chat.example.fi", "test | chat-test.example.fi:8443",
		}},
		"to use a server": {[]string{"config", "use", "p"}, []string{"production | https://chat.example.fi"}},
		"a close reason":  {[]string{"desk", "close", "x", "--reason", "c"}, []string{"completed | the matter was taken care of"}},
		"an availability": {[]string{"desk", "availability", ""}, []string{"available | available", "away | away", "phone | on the phone"}},
		"on the desk":     {[]string{"desk", "close", ""}, []string{own.GetId() + " | Testi, demo"}},
		"who waits":       {[]string{"desk", "take", ""}, []string{waits.GetId() + " | demo, English, less than a minute"}},
		"a colleague":     {[]string{"desk", "invite", own.GetId(), "ve"}, []string{"veikko | Veikko Esimerkki", "venla | Venla Malli"}},
		"no file":         {[]string{"desk", "note", own.GetId(), ""}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, offers(t, env, test.args...)); diff != "" {
				t.Error(diff)
			}
		})
	}
	delete(env, "KUPLA_TOKEN")
	if got := offers(t, env, "desk", "close", ""); got != nil {
		t.Errorf("without a token: %v", got)
	}
	// A broken file of settings does not spoil the line.
	writeSettings(t, home, "no: such\n")
	if got := offers(t, env, "chat", ""); got != nil {
		t.Errorf("with broken settings: %v", got)
	}
}

// Every place that has a completion is there: a command that is renamed takes its completion along.
func TestCompletionIsOfCommandsThatThereAre(t *testing.T) {
	a := &app{env: func(string) string { return "" }, texts: textsIn(english), language: english}
	a.loadSettings(nil)
	root := a.rootCommand()
	for path := range a.argumentCompleters() {
		found, rest, err := root.Find(strings.Fields(path)[1:])
		if err != nil || len(rest) > 0 || found.CommandPath() != path {
			t.Errorf("there is no command %s", path)
		}
	}
	// What a person would be glad of, the other way round.
	each(root, func(cmd *cobra.Command) {
		for _, word := range []string{a.texts.WordQueue, a.texts.Settings.WordServer, a.texts.Settings.WordSetting} {
			if strings.Contains(cmd.Use, " "+word) && a.argumentCompleters()[cmd.CommandPath()] == nil {
				t.Errorf("%s does not complete its %s", cmd.CommandPath(), word)
			}
		}
	})
}

func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		each(sub, do)
	}
}

// A service that takes the connection and says nothing does not keep the person at the keyboard waiting.
func TestCompletionDoesNotHang(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	env := map[string]string{"KUPLA_SERVER": "http://" + listener.Addr().String(), "KUPLA_TOKEN": "staff"}
	for _, args := range [][]string{{"chat", ""}, {"desk", "close", ""}} {
		begun := time.Now()
		if got := offers(t, env, args...); got != nil {
			t.Errorf("%v: %v", args, got)
		}
		if took := time.Since(begun); took > completionTimeout+time.Second {
			t.Errorf("%v took %v", args, took)
		}
	}
	// Neither does one that cannot be reached.
	_ = listener.Close()
	if got := offers(t, env, "chat", ""); got != nil {
		t.Errorf("%v", got)
	}
}

// bash gets along without the package that most have: the one place that needs it is replaced.
func TestBashCompletionNeedsNoPackage(t *testing.T) {
	r := runs(t, nil, "", "completion", "bash")
	r.wants(t, ExitOK, "__start_kupla", `    __kupla_words "$@"`)
	if strings.Count(r.out, bashPackage) != 1 {
		t.Errorf("%q is there %d times", bashPackage, strings.Count(r.out, bashPackage))
	}
	runs(t, nil, "", "completion", "zsh").wants(t, ExitOK, "#compdef kupla")
	runs(t, nil, "", "completion", "fish").wants(t, ExitOK, "complete -c kupla")
	runs(t, nil, "", "completion", "tcsh").wants(t, ExitUsage, "tcsh is not a value of completion; these are: bash, fish, zsh")
	runs(t, nil, "", "completion").wants(t, ExitUsage, "bash|fish|zsh is missing")
}

// A keyring that is locked, with nobody at a terminal to unlock it, is given up on; with somebody it is
// waited for until they interrupt.
func TestKeyringIsNotWaitedForForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		defer close(never)
		a := &app{texts: textsIn(english), env: func(string) string { return "unix:path=/x" }}
		begun := time.Now()
		_, err := a.askKeyring(t.Context(), func() (string, error) { <-never; return "", nil })
		if err == nil || !strings.Contains(err.Error(), "it may be locked") || time.Since(begun) != keyringWait {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := a.askKeyring(ctx, func() (string, error) { <-never; return "", nil }); err == nil {
			t.Error("an interrupted wait got an answer")
		}
	})
}
