package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
)

// queue is the one of the demonstration's queues that is open at all hours.
const queue = "emergency-help"

// shell runs commands as a script does: without a terminal.
type shell struct {
	t       *testing.T
	address string
	home    string
}

func newShell(t *testing.T, s *server) *shell {
	t.Helper()
	return &shell{t: t, address: s.url(), home: t.TempDir()}
}

// result is what a command leaves behind.
type result struct {
	t              *testing.T
	command        string
	stdout, stderr string
	code           int
}

func (s *shell) command(ctx context.Context, token string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, filepath.Join(programs, "kupla"), args...)
	command.Dir = s.home
	command.Env = []string{
		"HOME=" + s.home, "LANG=en_GB.UTF-8", "KUPLA_SERVER=" + s.address, "KUPLA_TOKEN=" + token, "PATH=" + os.Getenv("PATH"),
	}
	return command
}

// run runs a command to its end.
func (s *shell) run(token string, args ...string) result {
	s.t.Helper()
	return s.feed("", token, args...)
}

// feed is run with something on standard input.
func (s *shell) feed(input, token string, args ...string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	command := s.command(ctx, token, args...)
	command.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if exit := (&exec.ExitError{}); err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("kupla %s: %v", strings.Join(args, " "), err)
	}
	return result{
		t: s.t, command: "kupla " + strings.Join(args, " "), stdout: stdout.String(), stderr: stderr.String(),
		code: command.ProcessState.ExitCode(),
	}
}

// ends checks the exit code.
func (r result) ends(code int) result {
	r.t.Helper()
	if r.code != code {
		r.t.Fatalf("%s: exit code %d, want %d\n%s%s", r.command, r.code, code, r.stdout, r.stderr)
	}
	return r
}

// get returns what stands at a path in the JSON that was printed, as text.
func (r result) get(path ...string) string {
	r.t.Helper()
	return lookUp(r.t, r.stdout, path...)
}

// failure returns a field of the JSON that tells the failure.
func (r result) failure(path ...string) string {
	r.t.Helper()
	return lookUp(r.t, r.stderr, path...)
}

// lookUp returns a field of a line of JSON. A list of one on the way is passed through.
func lookUp(t *testing.T, line string, path ...string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(line), &value); err != nil {
		t.Fatalf("this is not one JSON object: %v\n%s", err, line)
	}
	for _, name := range path {
		if list, ok := value.([]any); ok && len(list) == 1 {
			value = list[0]
		}
		object, ok := value.(map[string]any)
		if !ok {
			t.Fatalf("there is no %s in %s", strings.Join(path, "."), line)
		}
		value = object[name]
	}
	if text, ok := value.(string); ok {
		return text
	}
	return fmt.Sprint(value)
}

// lines returns the lines that were printed.
func (r result) lines() []string {
	if r.stdout == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
}

// A whole chat made of script commands alone.
func TestScriptsHaveAWholeChat(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	sh := newShell(t, s)
	nurse := s.token("nurse", "--role", "professional", "--queue", queue, "--language", "en")

	started := sh.run("", "conversation", "start", queue, "--name", "Testi", "--message", "A tick bit me",
		"--credentials-file", "chat.json", "--output", "json").ends(0)
	id := started.get("conversation", "id")
	if token := started.get("accessToken"); token != "" {
		t.Errorf("the key is printed, although it is kept in a file: %s", started.stdout)
	}
	if info, err := os.Stat(filepath.Join(sh.home, "chat.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is not kept for its owner alone: %v %v", info, err)
	}
	if place := sh.run("", "conversation", "get", "--credentials-file", "chat.json", "--output", "json").ends(0).
		get("snapshot", "place", "position"); place != "1" {
		t.Errorf("the place is %s", place)
	}

	if taken := sh.run(nurse, "desk", "take", "--output", "json").ends(0).get("conversation", "id"); taken != id {
		t.Fatalf("took %s, not %s", taken, id)
	}
	sh.feed("Hello,\nwhen did it bite?\n", nurse, "conversation", "send", id, "-").ends(0)
	sh.run("", "conversation", "typing", "--credentials-file", "chat.json").ends(0)
	if err := os.WriteFile(filepath.Join(sh.home, "answer.txt"), []byte("Yesterday\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sh.run("", "conversation", "send", "--credentials-file", "chat.json", "--file", "answer.txt").ends(0)
	if read := sh.run(nurse, "conversation", "read", id, "--output", "json").ends(0).get("readMark", "sequence"); read != "5" {
		t.Errorf("read up to %s, not 5", read)
	}
	sh.run(nurse, "desk", "note", id, "Asked about a tick").ends(0)
	notes := sh.run(nurse, "desk", "notes", id).ends(0)
	contains(t, notes.stdout, "TIME", "WRITER", "Testi nurse", "Asked about a tick")

	contains(t, sh.run("", "conversation", "events", "--credentials-file", "chat.json").ends(0).stdout,
		"You: A tick bit me", "Testi nurse joined", "Testi nurse: Hello,\n    when did it bite?", "You: Yesterday")
	sh.run(nurse, "desk", "close", id, "--reason", "completed").ends(0)
	sh.run("", "conversation", "send", "Thanks", "--credentials-file", "chat.json").ends(8)

	// Nobody needs to end what follows a conversation that is closed.
	followed := sh.run("", "conversation", "follow", "--credentials-file", "chat.json", "--output", "json").ends(0)
	var events []string
	for _, line := range followed.lines() {
		if strings.Contains(line, `"events":`) {
			events = append(events, lookUp(t, line, "events", "events", "sequence"))
		}
	}
	if want := []string{"1", "2", "3", "4", "5", "6"}; !slices.Equal(events, want) {
		t.Errorf("followed the events %v, want %v", events, want)
	}

	survey := sh.run("", "feedback", "survey", "--credentials-file", "chat.json", "--output", "json").ends(0)
	answer := []string{
		"feedback", "submit", "--feedback-token", "-", "--score", "recommend=9", "--cannot-say", "access",
		"--text", "comment=It was quick.",
	}
	sh.feed(survey.get("feedbackToken")+"\n", "", answer...).ends(0)
	sh.feed(survey.get("feedbackToken")+"\n", "", answer...).ends(0) // again, which changes nothing
	sh.run("", "feedback", "submit", "--feedback-token", "kupla_f_wrong", "--score", "recommend=9").ends(7)
}

// The same request id makes a change once, whatever became of the first answer.
func TestScriptsRepeatSafely(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	sh := newShell(t, s)
	nurse := s.token("nurse", "--role", "professional", "--queue", queue, "--language", "en")
	twice := func(token string, args ...string) (first, second result) {
		t.Helper()
		args = append(args, "--request-id", uuid.NewString(), "--output", "json")
		return sh.run(token, args...).ends(0), sh.run(token, args...).ends(0)
	}

	first, again := twice("", "conversation", "start", queue, "--credentials-file", "chat.json")
	id := first.get("conversation", "id")
	if other := again.get("conversation", "id"); other != id {
		t.Errorf("two conversations were started: %s and %s", id, other)
	}
	taken, again := twice(nurse, "desk", "take")
	if taken.get("conversation", "id") != id || again.get("conversation", "id") != id {
		t.Errorf("took %s and %s, not %s", taken.stdout, again.stdout, id)
	}
	sent, again := twice(nurse, "conversation", "send", id, "Hello")
	if sent.stdout != again.stdout {
		t.Errorf("sent two messages:\n%s%s", sent.stdout, again.stdout)
	}
	twice(nurse, "desk", "note", id, "A note")
	if notes := sh.run(nurse, "desk", "notes", id, "--output", "json").ends(0).lines(); len(notes) != 1 {
		t.Errorf("there are %d notes", len(notes))
	}

	// A service that takes the request and dies: what came of it cannot be known, and the id settles it.
	lost := sh.run(nurse, "conversation", "send", id, "Are you there?", "--output", "json", "--retry-for", "1s",
		"--server", startBlackHole(t)).ends(13)
	if code := lost.failure("code"); code != "unknown_outcome" {
		t.Errorf("the code is %s", code)
	}
	requestID := lost.failure("request_id")
	for range 2 {
		sh.run(nurse, "conversation", "send", id, "Are you there?", "--request-id", requestID).ends(0)
	}
	sh.run(nurse, "conversation", "send", id, "Something else", "--request-id", requestID).ends(4)
	if events := sh.run(nurse, "conversation", "events", id, "--output", "json").ends(0).lines(); len(events) != 4 {
		t.Errorf("there are %d events, want two arrivals and two messages:\n%s", len(events), strings.Join(events, "\n"))
	}

	// A dry run tells what would be, and does nothing.
	dry := sh.run(nurse, "desk", "close", id, "--dry-run", "--output", "json").ends(0)
	if procedure := dry.get("procedure"); procedure != "kupla.v1.DeskService/CloseConversation" {
		t.Errorf("would call %s", procedure)
	}
	if state := sh.run(nurse, "conversation", "get", id, "--output", "json").get("snapshot", "conversation", "state"); state != "CONVERSATION_STATE_ACTIVE" {
		t.Errorf("the dry run closed it: %s", state)
	}
	sh.run(nurse, "desk", "transfer", id, "--queue", "nowhere", "--dry-run").ends(7)
	sh.run(nurse, "desk", "note", id, strings.Repeat("x", 4001), "--dry-run").ends(4)
}

// startBlackHole accepts connections, reads what is sent, and hangs up without an answer.
func startBlackHole(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1<<16))
			_ = c.Close()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wait.Wait()
	})
	return "http://" + l.Addr().String()
}

// Every failure has the exit code that is documented for it, and says the same as JSON.
func TestScriptsExitByError(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	sh := newShell(t, s)
	nurse := s.token("nurse", "--role", "professional", "--queue", queue, "--language", "en")
	other := s.token("other", "--role", "professional", "--queue", queue, "--language", "en")
	admin := s.token("admin")
	start := func(file string) string {
		t.Helper()
		return sh.run("", "conversation", "start", queue, "--credentials-file", file, "--output", "json").ends(0).get("conversation", "id")
	}
	closed := start("closed.json")
	sh.run("", "conversation", "leave", "--credentials-file", "closed.json").ends(0)
	gone := start("taken.json")
	sh.run(other, "desk", "take", gone).ends(0)

	// A queue in which one may wait.
	exported := sh.run(admin, "catalogue", "export").ends(0).stdout
	small := regexp.MustCompile(`(?s)(- id: `+queue+`\n.*?capacity: )\d+`).ReplaceAllString(exported, "${1}1")
	sh.feed(small, admin, "catalogue", "apply", "-").ends(0)

	nobody := freeAddress(t)
	tests := []struct {
		name   string
		token  string
		args   []string
		code   int
		kind   string
		reason string
	}{
		{"usage", nurse, []string{"desk", "close"}, 2, "usage", ""},
		{"unknown flag", nurse, []string{"desk", "close", "--nonsense"}, 2, "usage", ""},
		{"bad request id", nurse, []string{"desk", "close", gone, "--request-id", "x"}, 2, "usage", ""},
		{"unreachable", nurse, []string{"queues", "--server", nobody}, 3, "unavailable", ""},
		{"unreachable change", nurse, []string{"desk", "take", "--server", nobody, "--retry-for", "0s"}, 3, "unavailable", ""},
		{"invalid", nurse, []string{"conversation", "send", gone, " "}, 4, "invalid_argument", "INVALID_REQUEST"},
		{"no token", "", []string{"desk", "take"}, 5, "unauthenticated", "CREDENTIALS_MISSING"},
		{"bad token", "kupla_s_wrong", []string{"desk", "take"}, 5, "unauthenticated", "CREDENTIALS_INVALID"},
		{"bad token, following", "kupla_s_wrong", []string{"desk", "watch"}, 5, "unauthenticated", "CREDENTIALS_INVALID"},
		{"not allowed", nurse, []string{"catalogue", "export"}, 6, "permission_denied", "ROLE_REQUIRED"},
		{"not there", nurse, []string{"conversation", "get", "nowhere"}, 7, "not_found", "CONVERSATION_NOT_FOUND"},
		{"no such queue", "", []string{"queues", "get", "nowhere"}, 7, "not_found", "QUEUE_NOT_FOUND"},
		{"closed", nurse, []string{"desk", "take", closed}, 8, "failed_precondition", "CONVERSATION_CLOSED"},
		{"taken", nurse, []string{"desk", "take", gone}, 9, "failed_precondition", "ALREADY_TAKEN"},
		{"changed", admin, []string{"catalogue", "apply", "small.yaml", "--etag", "0123"}, 10, "aborted", "CATALOGUE_CHANGED"},
		{"nobody", nurse, []string{"desk", "take"}, 12, "nobody_waiting", ""},
		{"nobody, tried", nurse, []string{"desk", "take", "--dry-run"}, 12, "nobody_waiting", ""},
		{"full", "", []string{"conversation", "start", queue}, 11, "resource_exhausted", "QUEUE_FULL"},
		{"full, tried", "", []string{"conversation", "start", queue, "--dry-run"}, 11, "resource_exhausted", "QUEUE_FULL"},
	}
	if err := os.WriteFile(filepath.Join(sh.home, "small.yaml"), []byte(exported), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		if test.name == "full" { // from here on
			start("first.json")
		}
		got := sh.run(test.token, append(test.args, "--output", "json")...)
		if got.code != test.code || got.failure("code") != test.kind || got.failure("reason") != test.reason ||
			got.failure("exit_code") != fmt.Sprint(test.code) || got.failure("message") == "" {
			t.Errorf("%s: exit code %d, want %d %s %s\n%s", test.name, got.code, test.code, test.kind, test.reason, got.stderr)
		}
		if got.stdout != "" && got.stdout != "{}\n" {
			t.Errorf("%s: printed %s", test.name, got.stdout)
		}
		plain := sh.run(test.token, test.args...)
		if plain.code != test.code || plain.stderr == "" || strings.Contains(plain.stderr, "{") {
			t.Errorf("%s: for people, exit code %d\n%s", test.name, plain.code, plain.stderr)
		}
	}
}

// What is exported and applied again changes nothing, a difference is shown line by line, and what a colleague
// changed in between is not undone.
func TestScriptsKeepTheCatalogueAsCode(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	sh := newShell(t, s)
	admin := s.token("admin")
	file := func(name, text string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(sh.home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}

	// The demonstration's own file, an export of it, and an export as JSON are all the same catalogue.
	own, err := os.ReadFile("../internal/demo/catalogue.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sh.run(admin, "catalogue", "export", "--file", "export.yaml").ends(0)
	exported := sh.run(admin, "catalogue", "export").ends(0).stdout
	for _, name := range []string{
		file("own.yaml", string(own)), "export.yaml",
		file("export.json", sh.run(admin, "catalogue", "export", "--output", "json").ends(0).stdout),
	} {
		if diff := sh.run(admin, "catalogue", "diff", name).ends(0); diff.stdout != "" {
			t.Errorf("%s differs:\n%s", name, diff.stdout)
		}
		contains(t, sh.run(admin, "catalogue", "validate", name).ends(0).stdout, "nothing")
		contains(t, sh.run(admin, "catalogue", "apply", name).ends(0).stdout, "nothing")
	}

	changed := file("changed.yaml", strings.Replace(exported, "capacity: 30", "capacity: 31", 1))
	contains(t, sh.run(admin, "catalogue", "diff", changed).ends(1).stdout,
		"changed: queues/oral-health", "-capacity: 30", "+capacity: 31")
	if line := sh.run(admin, "catalogue", "diff", changed, "--output", "json").ends(1); line.get("path") != "queues/oral-health" || line.stderr != "" {
		t.Errorf("as JSON:\n%s%s", line.stdout, line.stderr)
	}
	contains(t, sh.run(admin, "catalogue", "apply", changed, "--dry-run").ends(0).stdout, "queues/oral-health")
	sh.run(admin, "catalogue", "diff", changed).ends(1)

	// Two export the same; the second to apply is told, and nothing of the first is lost.
	held := file("held.yaml", strings.Replace(
		sh.run(admin, "catalogue", "export", "--with-etag").ends(0).stdout, "capacity: 30", "capacity: 29", 1))
	contains(t, sh.run(admin, "catalogue", "apply", changed).ends(0).stdout, "changed", "queues/oral-health")
	refused := sh.run(admin, "catalogue", "apply", held, "--output", "json").ends(10)
	if refused.failure("reason") != "CATALOGUE_CHANGED" {
		t.Errorf("refused with\n%s", refused.stderr)
	}
	sh.run(admin, "catalogue", "diff", changed).ends(0)
	// One's own apply again, as after an answer that was lost, is no conflict: it is already so.
	again := file("again.yaml", strings.Replace(sh.run(admin, "catalogue", "export", "--with-etag").ends(0).stdout,
		"capacity: 31", "capacity: 33", 1))
	id := uuid.NewString()
	sh.run(admin, "catalogue", "apply", again, "--request-id", id).ends(0)
	contains(t, sh.run(admin, "catalogue", "apply", again, "--request-id", id).ends(0).stdout, "already what again.yaml says")
	sh.run(admin, "catalogue", "apply", again, "--dry-run").ends(0)

	// Somebody changes it between the showing and the applying: a proxy in between does.
	between := startMeddler(t, s.url(), func() {
		s := *sh
		s.run(admin, "catalogue", "apply", "export.yaml").ends(0)
	})
	file("third.yaml", strings.Replace(exported, "capacity: 30", "capacity: 32", 1))
	sh.run(admin, "catalogue", "apply", "third.yaml", "--server", between).ends(10)
	sh.run(admin, "catalogue", "diff", "export.yaml").ends(0)

	// What is wrong is told with its line, by the reader and by the service.
	broken := strings.Replace(exported, "default_phone:", "default_fone:", 1)
	contains(t, sh.run(admin, "catalogue", "validate", file("broken.yaml", broken)).ends(4).stderr,
		fmt.Sprintf("broken.yaml:%d:", lineOf(broken, "default_fone")), "default_fone")
	wrong := regexp.MustCompile(`start: "?08:00"?`).ReplaceAllString(exported, `start: "8.00"`)
	contains(t, sh.run(admin, "catalogue", "validate", file("wrong.yaml", wrong)).ends(4).stderr,
		fmt.Sprintf("wrong.yaml:%d: queues[0].opening_hours", lineOf(wrong, `"8.00"`)))
	sh.run(admin, "catalogue", "diff", "wrong.yaml").ends(4)
	sh.run(admin, "catalogue", "diff", "no-such-file.yaml").ends(14) // and not 1, which is a difference
}

// At a terminal the catalogue is applied only after a yes; --yes says it beforehand.
func TestScriptsAskAtATerminal(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	sh := newShell(t, s)
	admin := s.token("admin")
	exported := sh.run(admin, "catalogue", "export").ends(0).stdout
	changed := strings.Replace(exported, "capacity: 30", "capacity: 31", 1)
	if err := os.WriteFile(filepath.Join(sh.home, "changed.yaml"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	apply := func(answer string, code int, args ...string) {
		t.Helper()
		command := sh.command(t.Context(), admin, append([]string{"catalogue", "apply", "changed.yaml"}, args...)...)
		command.Env = append(command.Env, "TERM=xterm")
		keyboard, err := pty.Start(command)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = keyboard.Close() }()
		screen := &lockedBuffer{}
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _ = io.Copy(screen, keyboard) // it ends with an error, as terminals do
		}()
		if answer != "" {
			for deadline := time.Now().Add(20 * time.Second); !strings.Contains(screen.String(), "Apply this?"); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("nothing is asked:\n%s", screen.String())
				}
			}
			if _, err := keyboard.WriteString(answer + "\r"); err != nil {
				t.Fatal(err)
			}
		}
		_ = command.Wait()
		<-read
		if got := command.ProcessState.ExitCode(); got != code {
			t.Errorf("exit code %d, want %d:\n%s", got, code, screen.String())
		}
		contains(t, screen.String(), "queues/oral-health")
		if asked := strings.Contains(screen.String(), "Apply this?"); asked != (answer != "") {
			t.Errorf("asked is %t:\n%s", asked, screen.String())
		}
	}
	apply("no", 1)
	sh.run(admin, "catalogue", "diff", "changed.yaml").ends(1)
	apply("yes", 0)
	sh.run(admin, "catalogue", "diff", "changed.yaml").ends(0)
	if err := os.WriteFile(filepath.Join(sh.home, "changed.yaml"), []byte(exported), 0o600); err != nil {
		t.Fatal(err)
	}
	apply("", 0, "--yes")
	sh.run(admin, "catalogue", "diff", "changed.yaml").ends(0)
}

func lineOf(text, part string) int {
	before, _, _ := strings.Cut(text, part)
	return 1 + strings.Count(before, "\n")
}

// startMeddler stands before the service, and does something once after the first apply that only validates.
func startMeddler(t *testing.T, target string, meddle func()) string {
	t.Helper()
	var once sync.Once
	return startRecorder(t, target, func(path string) {
		if strings.HasSuffix(path, "/ApplyCatalogue") {
			once.Do(meddle)
		}
	})
}

// startRecorder stands before the service, and tells which procedures were called, after each was answered.
func startRecorder(t *testing.T, target string, called func(path string)) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:     transport,
		FlushInterval: -1,
	}
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		streams := strings.Contains(r.URL.Path, "/Follow") || strings.Contains(r.URL.Path, "/Watch")
		if streams {
			called(r.URL.Path)
		}
		proxy.ServeHTTP(w, r)
		if !streams {
			called(r.URL.Path)
		}
	}))
	front.Config.Protocols = protocols
	front.Config.ErrorLog = nil
	front.Start()
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
		transport.CloseIdleConnections()
	})
	return front.URL
}

// Every command that docs/cli.md lists makes the call that stands beside it. That every call of the contract is
// in the list, and that the list is that of the program, is tested with the program.
func TestScriptsMakeEveryCall(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	sh := newShell(t, s)
	var mu sync.Mutex
	calls := map[string]bool{}
	sh.address = startRecorder(t, s.url(), func(path string) {
		mu.Lock()
		defer mu.Unlock()
		calls[strings.TrimPrefix(path, "/kupla.v1.")] = true
	})
	// Tokens are looked at where the database is.
	nurse := s.token("nurse", "--role", "professional", "--queue", queue, "--language", "en")
	second := s.token("second", "--role", "professional", "--queue", queue, "--language", "en")
	boss := s.token("boss", "--role", "supervisor", "--queue", queue)
	admin := s.token("admin")

	made := map[string]map[string]bool{} // calls, by command
	do := func(token string, args ...string) result {
		t.Helper()
		mu.Lock()
		clear(calls)
		mu.Unlock()
		got := sh.run(token, append(args, "--output", "json")...).ends(0)
		mu.Lock()
		defer mu.Unlock()
		for length := range min(len(args), 2) {
			path := strings.Join(args[:length+1], " ")
			if made[path] == nil {
				made[path] = map[string]bool{}
			}
			maps.Copy(made[path], calls)
		}
		return got
	}

	do("", "queues")
	do("", "queues", "get", queue)
	do("", "queues", "watch", "--once", queue)
	do(boss, "queues", "pause", queue, "--for", "10m")
	do(boss, "queues", "resume", queue)
	do(nurse, "desk", "availability", "available")
	do(second, "desk", "availability", "available")
	id := do("", "conversation", "start", queue, "--credentials-file", "a.json").get("conversation", "id")
	do(nurse, "desk", "take")
	do(nurse, "desk", "return", id)
	do(nurse, "desk", "take", id)
	do(nurse, "desk", "watch", "--once")
	do(nurse, "desk", "replies", queue)
	do(nurse, "desk", "invite", id, "second")
	do(nurse, "desk", "note", id, "A note")
	do(nurse, "desk", "notes", id)
	do(nurse, "conversation", "send", id, "Hello")
	do("", "conversation", "typing", "--credentials-file", "a.json")
	do("", "conversation", "read", "--credentials-file", "a.json", "--sequence", "3")
	do("", "conversation", "get", "--credentials-file", "a.json")
	do("", "conversation", "events", "--credentials-file", "a.json")
	do("", "conversation", "follow", "--credentials-file", "a.json", "--once")
	do(second, "conversation", "leave", id)
	do(nurse, "desk", "transfer", id, "--professional", "second")
	do(second, "desk", "close", id)
	token := do("", "feedback", "survey", "--credentials-file", "a.json").get("feedbackToken")
	do("", "feedback", "submit", "--feedback-token", token, "--score", "recommend=10")
	do(boss, "feedback", "summary", "--from", "2026-01-01", "--to", "2026-12-31")
	do(admin, "catalogue", "export", "--file", "catalogue.json")
	do(admin, "catalogue", "validate", "catalogue.json")
	do(admin, "catalogue", "diff", "catalogue.json")
	do(admin, "catalogue", "apply", "catalogue.json")

	document, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `kupla ([a-z ]*[a-z])[^`]*` \\| (`[A-Za-z]+/.*?`) \\|").FindAllStringSubmatch(string(document), -1)
	if len(rows) < 29 {
		t.Fatalf("docs/cli.md lists %d commands", len(rows))
	}
	for _, row := range rows {
		for _, call := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[2], -1) {
			if path := commandPath(row[1]); !made[path][call[1]] {
				t.Errorf("kupla %s does not call %s, but %v", path, call[1], slices.Sorted(maps.Keys(made[path])))
			}
		}
	}
}

// commandPath takes the words that stand for arguments off a command.
func commandPath(use string) string {
	words := strings.Fields(use)
	return strings.Join(words[:min(len(words), 2)], " ")
}

// watcher is a command that watches, whose lines are read until it is killed.
type watcher struct {
	t       *testing.T
	command *exec.Cmd
	lines   chan string
}

func (s *shell) watch(token string, args ...string) *watcher {
	s.t.Helper()
	w := &watcher{t: s.t, command: s.command(s.t.Context(), token, args...), lines: make(chan string)}
	out, err := w.command.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := w.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(w.lines)
		// All that was written is read, also after the kill.
		reader := bufio.NewReaderSize(out, 1<<20)
		for {
			line, err := reader.ReadString('\n')
			if strings.HasSuffix(line, "\n") {
				w.lines <- line
			}
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
					s.t.Errorf("reading what %v prints: %v", args, err)
				}
				return
			}
		}
	}()
	return w
}

// eventsUntilKilled returns the numbers of the events that are printed; at the given number the process is killed
// as with kill -9, wherever it is.
func (w *watcher) eventsUntilKilled(last int, number func(line string) (int, bool)) []int {
	w.t.Helper()
	var numbers []int
	killed := false
	timeout := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-w.lines:
			if !ok {
				_ = w.command.Wait()
				return numbers
			}
			n, is := number(line)
			if is {
				numbers = append(numbers, n)
			}
			if is && n >= last && !killed {
				killed = true
				_ = w.command.Process.Kill()
			}
		case <-timeout:
			_ = w.command.Process.Kill()
			w.t.Fatalf("only %d events came: %v", len(numbers), numbers)
		}
	}
}

// A script that watches is killed again and again while messages come, and goes on with its cursor file:
// nothing is left out, and at most the last line comes twice.
func TestScriptsResumeAfterAKill(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	sh := newShell(t, s)
	nurse := s.token("nurse", "--role", "professional", "--queue", queue, "--language", "en")
	id := sh.run("", "conversation", "start", queue, "--credentials-file", "chat.json", "--output", "json").ends(0).get("conversation", "id")
	sh.run(nurse, "desk", "take").ends(0)

	const messages = 80
	staff := kupla.New(s.url(), kupla.WithStaffToken(nurse))
	defer staff.Close()
	sent := make(chan error, 1)
	go func() {
		for i := range messages {
			if _, err := staff.Conversation(id).Send(t.Context(), fmt.Sprintf("message %d", i)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()

	var wait sync.WaitGroup
	for _, args := range [][]string{
		{"conversation", "follow", "--credentials-file", "chat.json"},
		{"desk", "watch"},
	} {
		wait.Go(func() {
			cursor := "cursor-" + args[0]
			args := append(args, "--output", "json", "--cursor-file", cursor)
			number := func(line string) (int, bool) {
				var frame struct {
					Events *struct {
						Events []struct {
							Sequence int `json:"sequence"`
						} `json:"events"`
					} `json:"events"`
				}
				if err := json.Unmarshal([]byte(line), &frame); err != nil {
					t.Errorf("this is not one object: %v\n%s", err, line)
				}
				if frame.Events == nil {
					return 0, false
				}
				if n := len(frame.Events.Events); n != 1 {
					t.Errorf("a line with %d events: %s", n, line)
				}
				return frame.Events.Events[0].Sequence, true
			}
			last, kills, repeats := 0, 0, 0
			for last < messages+2 { // two came in before
				numbers := sh.watch(nurse, args...).eventsUntilKilled(min(last+9, messages+2), number)
				kills++
				for i, n := range numbers {
					switch {
					case n == last+1:
					case i == 0 && n == last:
						repeats++
					default:
						t.Errorf("%s: event %d came after %d, in line %d after kill %d", args[0], n, last, i, kills)
					}
					last = n
				}
			}
			t.Logf("%s: %d kills, %d lines came twice", args[0], kills, repeats)
			if info, err := os.Stat(filepath.Join(sh.home, cursor)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the cursor file: %v %v", info, err)
			}
			leftovers, _ := filepath.Glob(filepath.Join(sh.home, "."+cursor+"*"))
			if len(leftovers) > kills {
				t.Errorf("%d files were left behind", len(leftovers))
			}
		})
	}
	wait.Wait()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}

	// One at a time, as a timer does: all of them once, then only what is new.
	list := []string{"conversation", "events", id, "--output", "json", "--cursor-file", "events"}
	if n := len(sh.run(nurse, list...).ends(0).lines()); n != messages+2 {
		t.Errorf("listed %d events", n)
	}
	if n := len(sh.run(nurse, list...).ends(0).lines()); n != 0 {
		t.Errorf("listed %d events again", n)
	}
	sh.run("", "conversation", "send", "--credentials-file", "chat.json", "One more").ends(0)
	if n := len(sh.run(nurse, list...).ends(0).lines()); n != 1 {
		t.Errorf("listed %d new events", n)
	}
	// A cursor of something else is not gone by.
	sh.run(nurse, "conversation", "follow", id, "--once", "--cursor-file", "events").ends(1)
}
