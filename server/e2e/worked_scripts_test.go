package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// said is a program that has ended.
type said struct {
	code        int
	out, errors string
}

// user is somebody with a home of their own, who has kept a token in it.
type user struct {
	t   *testing.T
	env []string
}

// userWith returns a user of the server whose token is kept as the scripts' README tells.
func (s *server) userWith(token string) *user {
	s.t.Helper()
	home := s.t.TempDir()
	u := &user{t: s.t, env: []string{
		"HOME=" + home, "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "LC_ALL=C.UTF-8", "KUPLA_TOKEN=", "KUPLA_SERVER=", "KUPLA_CONFIG=",
		"PATH=" + programs + string(os.PathListSeparator) + os.Getenv("PATH"),
	}}
	for _, line := range []string{
		"kupla config set servers.test " + s.url(),
		"kupla config use test",
		"kupla token save --store file <<< " + token,
	} {
		if got := u.runs("bash", "-c", line); got.code != 0 {
			s.t.Fatalf("%s: %s", line, got.errors)
		}
	}
	return u
}

// runs takes a program to its end.
func (u *user) runs(name string, args ...string) said {
	u.t.Helper()
	if name == "kupla" {
		name = filepath.Join(programs, name)
	}
	command := exec.CommandContext(u.t.Context(), name, args...)
	command.Env = append(os.Environ(), u.env...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		u.t.Fatalf("%s: %v", name, err)
	} else if ok {
		return said{exit.ExitCode(), out.String(), errs.String()}
	}
	return said{0, out.String(), errs.String()}
}

// script runs one of the scripts of docs/scripts.
func (u *user) script(name string, args ...string) said {
	u.t.Helper()
	return u.runs(filepath.Join("..", "..", "docs", "scripts", name), args...)
}

// The nightly check says nothing while the catalogue is the one in the file, and what differs when somebody changed
// the service past it.
func TestCatalogueCheck(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	token := s.token("admin2", "--role", "admin")
	u := s.userWith(token)
	file := filepath.Join(t.TempDir(), "catalogue.yaml")
	if got := u.runs("kupla", "catalogue", "export", "--file", file); got.code != 0 {
		t.Fatalf("export: %s", got.errors)
	}
	if got := u.script("catalogue_check.sh", file); got != (said{}) {
		t.Fatalf("the same catalogue: %+v", got)
	}

	admin := kupla.New(s.url(), kupla.WithStaffToken(token))
	defer admin.Close()
	exported, err := admin.CatalogueService().ExportCatalogue(t.Context(), &kuplav1.ExportCatalogueRequest{})
	if err != nil {
		t.Fatal(err)
	}
	changed := exported.GetCatalogue()
	changed.DefaultPhone = "0100 100"
	if _, err := admin.CatalogueService().ApplyCatalogue(t.Context(), &kuplav1.ApplyCatalogueRequest{
		RequestId: uuid.NewString(), Catalogue: changed,
	}); err != nil {
		t.Fatal(err)
	}
	got := u.script("catalogue_check.sh", file)
	if got.code != 1 || got.errors != "" {
		t.Errorf("exit code %d, errors %q", got.code, got.errors)
	}
	contains(t, got.out, "is not the one in "+file, "default_phone", "0100 100", "116117", "kupla catalogue apply "+file)

	if got := u.runs("kupla", "catalogue", "apply", "--yes", file); got.code != 0 {
		t.Fatalf("apply: %s", got.errors)
	}
	if got := u.script("catalogue_check.sh", file); got != (said{}) {
		t.Errorf("applied again: %+v", got)
	}

	// What cannot be found out is no difference.
	kept := ""
	for _, variable := range u.env {
		if home, ok := strings.CutPrefix(variable, "HOME="); ok {
			kept = filepath.Join(home, ".local", "state", "kupla", "tokens.json")
		}
	}
	if err := os.Chmod(kept, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := u.script("catalogue_check.sh", file); got.code != 2 || got.out != "" || !strings.Contains(got.errors, "exit code 14") {
		t.Errorf("tokens that others can read: %+v", got)
	}
	if err := os.Chmod(kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("queues: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := u.script("catalogue_check.sh", file); got.code != 2 || !strings.Contains(got.errors, "could not be compared") {
		t.Errorf("a broken file: %+v", got)
	}
	if got := u.script("catalogue_check.sh"); got.code != 2 || !strings.Contains(got.errors, "usage: catalogue_check.sh FILE") {
		t.Errorf("without a file: %+v", got)
	}
}

// Who waits for too long is alerted about once, and again only where the alert itself failed.
func TestWaitingAlert(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	u := s.userWith(s.token("boss", "--role", "supervisor", "--queue", "emergency-help", "--queue", "oral-health"))
	resident := kupla.New(s.url())
	defer resident.Close()
	state, alerts := filepath.Join(t.TempDir(), "alerted"), filepath.Join(t.TempDir(), "alerts")
	alert := func(seconds string) said {
		t.Helper()
		return u.script("waiting_alert.sh", seconds, state, "tee", "-a", alerts)
	}
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			return ""
		}
		return string(data)
	}
	told := func() string { return read(alerts) }

	if got := alert("0"); got.code != 0 || told() != "" {
		t.Fatalf("nobody waits: %+v", got)
	}
	// What a resident writes must not pass for somebody who waits.
	first, err := resident.Start(t.Context(), kupla.StartOptions{
		QueueID: "emergency-help", Language: "fi",
		Message: `{"conversationId":"made-up","queueId":"oral-health","arrivalTime":"2000-01-01T00:00:00Z"}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := alert("900"); got.code != 0 || told() != "" {
		t.Errorf("nobody has waited that long: %+v, alerts %q", got, told())
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		got := u.script("waiting_alert.sh", "0", state, "false")
		if got.code == 1 && told() == "" {
			break // the command failed, so it is to be tried again
		}
		if got.code != 0 || time.Now().After(deadline) {
			t.Fatalf("a command that fails: %+v", got)
		}
	}
	if got := alert("0"); got.code != 0 {
		t.Errorf("tried again: %+v", got)
	}
	contains(t, told(), "in the queue emergency-help since ", "Conversation: "+first.ID()+"\n")
	if strings.Contains(told(), "made-up") {
		t.Errorf("somebody wrote an alert:\n%s", told())
	}
	if got := alert("0"); got.code != 0 || strings.Count(told(), "Conversation:") != 1 {
		t.Errorf("alerted again: %+v\n%s", got, told())
	}
	second, err := resident.Start(t.Context(), kupla.StartOptions{QueueID: "emergency-help", Language: "sv"})
	if err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(told(), second.ID()) {
		if got := alert("0"); got.code != 0 || time.Now().After(deadline) {
			t.Fatalf("a second one: %+v\n%s", got, told())
		}
	}
	if got := alert("0"); got.code != 0 || strings.Count(told(), "Conversation:") != 2 {
		t.Errorf("alerted again: %+v\n%s", got, told())
	}

	// A state file that was cut short holds nothing up.
	if err := os.WriteFile(state, append([]byte(read(state)), "17\n\n1763800000 \nx y z\n17638"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := alert("0"); got != (said{}) || strings.Count(told(), "Conversation:") != 2 {
		t.Errorf("with a broken state file: %+v\n%s", got, told())
	}
	// A run that finds another one busy leaves it alone, until it must have got stuck.
	lock := filepath.Join(t.TempDir(), "busy")
	locked := func(since string) said {
		t.Helper()
		return u.runs("bash", "-c", `touch --date="$1" "$2.lock" && exec flock "$2.lock" "${@:3}"`, "locked", since, lock,
			filepath.Join("..", "..", "docs", "scripts", "waiting_alert.sh"), "0", lock, "false")
	}
	if got := locked("now"); got != (said{}) {
		t.Errorf("while another run is busy: %+v", got)
	}
	if got := locked("11 minutes ago"); got.code != 1 || !strings.Contains(got.errors, "busy for 11 minutes") {
		t.Errorf("while another run hangs: %+v", got)
	}
	// A command that hangs is ended, and counts as one that failed.
	text := strings.Replace(read(filepath.Join("..", "..", "docs", "scripts", "waiting_alert.sh")),
		"limit_of_command=60", "limit_of_command=0.2", 1)
	impatient := filepath.Join(t.TempDir(), "waiting_alert.sh")
	if err := os.WriteFile(impatient, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := u.runs(impatient, "0", filepath.Join(t.TempDir(), "new"), "sleep", "300"); got.code != 1 {
		t.Errorf("a command that hangs: %+v", got)
	}

	// A professional would be taken to be there for as long as this runs: their token is refused before it opens a desk.
	nurse := s.userWith(s.token("nurse", "--role", "professional", "--queue", "emergency-help", "--language", "fi"))
	if got := nurse.script("waiting_alert.sh", "0", filepath.Join(t.TempDir(), "nurse"), "tee", "-a", alerts); got.code != 2 ||
		!strings.Contains(got.errors, "this needs the token of a supervisor") {
		t.Errorf("with a professional's token: %+v", got)
	}

	s.kill()
	if got := alert("0"); got.code == 0 || got.errors == "" {
		t.Errorf("without the service it is silent: %+v", got)
	}
	if got := u.script("waiting_alert.sh", "900", state); got.code != 2 || !strings.Contains(got.errors, "usage: ") {
		t.Errorf("without a command: %+v", got)
	}
}

// A month's count is what was closed in it, by queue.
func TestMonthlyContacts(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	queues := []string{"--queue", "emergency-help", "--queue", "mental-health"}
	u := s.userWith(s.token("boss", append([]string{"--role", "supervisor"}, queues...)...))
	nurse := kupla.New(s.url(), kupla.WithStaffToken(s.token("nurse", append([]string{"--role", "professional", "--language", "fi"}, queues...)...)))
	defer nurse.Close()
	resident := kupla.New(s.url())
	defer resident.Close()
	start := func() *kupla.Conversation {
		conversation, err := resident.Start(t.Context(), kupla.StartOptions{QueueID: "emergency-help", Language: "fi"})
		if err != nil {
			t.Fatal(err)
		}
		return conversation
	}
	helsinki, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now().In(helsinki)

	for range 2 { // answered
		conversation := start()
		if _, err := nurse.Desk().Take(t.Context(), conversation.ID()); err != nil {
			t.Fatal(err)
		}
		if _, err := nurse.Desk().Close(t.Context(), conversation.ID(), kuplav1.CloseReason_CLOSE_REASON_COMPLETED); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := start().Leave(t.Context()); err != nil { // left while waiting
		t.Fatal(err)
	}
	start() // still waits
	if ended := time.Now().In(helsinki); ended.Month() != begun.Month() {
		begun = ended // the test ran over the end of a month: what was closed is nearly all in the new one
	}

	month := begun.Format("2006-01")
	got := u.script("monthly_contacts.sh", month)
	want := fmt.Sprintf("month,queue,closed_conversations\n%[1]s,mental-health,0\n%[1]s,emergency-help,3\n%[1]s,total,3\n", month)
	if got.code != 0 || got.out != want {
		t.Errorf("got %+v, want\n%s", got, want)
	}
	last := time.Date(begun.Year(), begun.Month(), 0, 12, 0, 0, 0, helsinki).Format("2006-01")
	got = u.script("monthly_contacts.sh")
	contains(t, got.out, last+",mental-health,0\n", last+",emergency-help,0\n", last+",total,0\n")
	for _, february := range []string{"2024-02", "2026-02", "2026-12"} {
		if got := u.script("monthly_contacts.sh", february); got.code != 0 {
			t.Errorf("%s: %+v", february, got)
		}
	}
	for _, wrong := range []string{"2026-13", "2026", "last"} {
		if got := u.script("monthly_contacts.sh", wrong); got.code != 2 || !strings.Contains(got.errors, "usage: ") {
			t.Errorf("%s: %+v", wrong, got)
		}
	}
}
