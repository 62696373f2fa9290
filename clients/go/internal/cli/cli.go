package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // the times that the service tells are Finnish ones, also on machines without time zones

	"github.com/kupla-chat/kupla/clients/go/kupla"
)

const (
	defaultServer = "http://localhost:8080"
	localHost     = "localhost"
)

// Run runs the command with the given arguments, without the program's name, and returns its exit code. env
// looks up an environment variable, as os.Getenv does. When ctx ends, the command ends in an orderly way.
//
// When stdin and stdout are both a terminal, lines are edited in it; otherwise it is line in, line out. A
// read of stdin that nobody needs any more may still be waiting when Run returns.
func Run(
	ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) string,
) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, env: env}
	a.interrupted = func() bool { return ctx.Err() != nil }
	a.loadSettings(args)
	a.chooseLanguage(args)
	a.zone = helsinki()

	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if command.CommandPath() == diffCommand {
		err = a.notDifferent(err)
	}
	if err == nil {
		return ExitOK
	}
	return a.complainOf(err, command.CommandPath())
}

// app is one run of the command.
type app struct {
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
	env      func(string) string
	language language
	asked    bool // whether the language was chosen for this command
	texts    *texts
	zone     *time.Location
	// interrupted reports whether whoever runs the command has ended it.
	interrupted func() bool

	settings settings
	server   string // the address, made whole by parseServer
	token    string
	output   string // the form of what is printed: outputTable or outputJSON
}

// usageError tells that the command was not understood.
type usageError struct{ text string }

// Error describes the error.
func (e usageError) Error() string { return e.text }

// complain prints to the error output.
func (a *app) complain(text string) { _, _ = fmt.Fprintln(a.stderr, clean(text)) }

// quickClient returns a client that soon tells when the service cannot be reached. It is for calls that
// somebody waits for with nothing else to do.
func (a *app) quickClient() *kupla.Client {
	return kupla.New(a.server, kupla.WithStaffToken(a.token), kupla.WithRetry(kupla.RetryPolicy{
		MaxElapsed: 2 * time.Second,
	}))
}

// patientClient returns a client that repeats what it was asked to do until it is done.
func (a *app) patientClient() *kupla.Client {
	return kupla.New(a.server, kupla.WithStaffToken(a.token), kupla.WithRetry(kupla.RetryPolicy{MaxElapsed: -1}))
}

// parseServer makes an address whole: a bare host gets a scheme, which is https unless it is this machine.
func parseServer(server string) (string, bool) {
	if !strings.Contains(server, "://") {
		host, _, _ := strings.Cut(server, "/")
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); host == localHost || ip.IsLoopback() {
			server = "http://" + server
		} else {
			server = "https://" + server
		}
	}
	parsed, err := url.Parse(server)
	if err != nil || parsed.Host == "" || parsed.User != nil || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return "", false
	}
	return strings.TrimRight(server, "/"), true
}

// isLocal reports whether an address is of this machine.
func isLocal(server string) bool {
	parsed, err := url.Parse(server)
	return err == nil && (parsed.Hostname() == localHost || net.ParseIP(parsed.Hostname()).IsLoopback())
}
