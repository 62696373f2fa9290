package cli

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

func TestQueues(t *testing.T) {
	f := newFake(t)
	s := start(t, f, "", "queues")
	s.ends(ExitOK)
	want := "" +
		"QUEUE  NAME         STATE                               WAITING  WAIT\n" +
		"demo   Trial queue  open                                2        5–10 min\n" +
		"night  Night queue  closed, opens 2 January at 07:00    0        -\n"
	if got := s.out.String(); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s = start(t, f, "", "queues", "--language=fi")
	s.expect("JONO", "Kokeilujono", "auki", "kiinni, aukeaa 2.1. klo 07:00")
	s.ends(ExitOK)
	f.queues = nil
	s = start(t, f, "", "queues", "--language", "sv")
	s.expect("Det finns inga köer.\n")
	s.ends(ExitOK)
}

func TestQueuesWatch(t *testing.T) {
	f := newFake(t)
	s := start(t, f, "", "queues", "--watch")
	s.expect("Night queue")
	f.change(func() { f.queues[0].Status.WaitingCount = 3 })
	s.expect(" Trial queue: open, 3 waiting, wait 5–10 min\n")
	f.listener.CloseClientConnections()
	s.expectError("Trying again", "The connection is back.\n")
	f.change(func() {
		f.queues[0].Status.Full = true
		f.queues[0].Status.Estimate = &kuplav1.WaitEstimate{}
	})
	s.expect(" Trial queue: full, 3 waiting, wait cannot be estimated\n")
	s.stop()
	s.ends(ExitOK)
	if n := strings.Count(s.out.String(), "Night queue"); n != 1 {
		t.Errorf("a queue that does not change was shown %d times", n)
	}
}

func TestUsage(t *testing.T) {
	f := newFake(t)
	tests := map[string]struct {
		args []string
		code int
		out  string
		err  string
	}{
		"nothing":          {nil, ExitOK, "Commands:", ""},
		"help":             {[]string{"help", "chat"}, ExitOK, "kupla chat QUEUE [options]", ""},
		"help flag":        {[]string{"desk", "--help", "--language", "fi"}, ExitOK, "kupla desk [valitsimet]", ""},
		"help for nothing": {[]string{"help", "nothing"}, ExitUsage, "", "There is no command nothing."},
		"version":          {[]string{"version"}, ExitOK, "kupla ", ""},
		"unknown command":  {[]string{"chatt"}, ExitUsage, "", "There is no command chatt."},
		"unknown flag":     {[]string{"chat", "--nonsense", "x"}, ExitUsage, "", "There is no option --nonsense."},
		"unknown short":    {[]string{"chat", "-x"}, ExitUsage, "", "There is no option -x."},
		"missing value":    {[]string{"chat", "demo", "--name"}, ExitUsage, "", "The option --name needs a value."},
		"bad value":        {[]string{"queues", "--watch=perhaps"}, ExitUsage, "", "The option --watch was not understood."},
		"too much":         {[]string{"chat", "demo", "more"}, ExitUsage, "", "more is too much here."},
		"which queue":      {[]string{"chat"}, ExitUsage, "", "Which queue?"},
		"contradiction":    {[]string{"chat", "demo", "--resume", "--new"}, ExitUsage, "", "do not go together"},
		"bad language":     {[]string{"queues", "--language", "et"}, ExitUsage, "", "et is not a language"},
		"bad server":       {[]string{"queues", "--server", "ftp://example.com"}, ExitUsage, "", "ftp://example.com is not an address."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, f, t.TempDir(), test.args...)
			s.ends(test.code)
			if !strings.Contains(s.out.String(), test.out) {
				t.Errorf("%q is not in\n%s", test.out, s.out)
			}
			s.complains(test.err)
			if test.code == ExitUsage {
				s.complains("Help: kupla")
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	_ = listener.Close()
	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.Config.Protocols = new(http.Protocols)
	other.Config.Protocols.SetUnencryptedHTTP2(true)
	other.Start()
	defer other.Close()

	f := newFake(t)
	for _, args := range [][]string{{"queues"}, {"chat", "demo"}, {"desk", "--token", "staff"}} {
		s := start(t, f, t.TempDir(), append(args, "--server", nobody)...)
		s.ends(ExitUnreachable)
		s.complains("Cannot reach the service at http://" + nobody)
		s = start(t, f, t.TempDir(), append(args, "--server", other.URL)...)
		s.ends(ExitUnreachable)
		s.complains("not as the chat service does")
	}
}

func TestParseServer(t *testing.T) {
	tests := map[string]string{
		"http://localhost:8080":    "http://localhost:8080",
		"https://chat.example.fi/": "https://chat.example.fi",
		"localhost:8080":           "http://localhost:8080",
		"127.0.0.1:8080":           "http://127.0.0.1:8080",
		"[::1]:8080":               "http://[::1]:8080",
		"chat.example.fi":          "https://chat.example.fi",
		"chat.example.fi:8443/x":   "https://chat.example.fi:8443/x",
		"":                         "",
		"http://":                  "",
		"ftp://example.fi":         "",
		"http://user:pw@host":      "",
		"http://bad host":          "",
	}
	for server, want := range tests {
		if got, ok := parseServer(server); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t", server, got, ok)
		}
	}
}
