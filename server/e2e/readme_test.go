package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The README's whole chat with curl, word for word but for the port.
func TestReadmeCurl(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "\n## With curl\n")
	if !found {
		t.Fatal("the README has no section \"With curl\"")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		script.WriteString(block[1])
	}
	d := startDemo(t)
	if !strings.Contains(script.String(), "http://localhost:8080/") {
		t.Fatal("the README's script does not call http://localhost:8080")
	}
	command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c",
		strings.ReplaceAll(script.String(), "http://localhost:8080", d.url()))
	command.Env = append(os.Environ(), "KUPLA_TOKEN="+d.token(t, "Kaisa Kuvitteellinen"))
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("the README's script failed: %v\n%s", err, out)
	}
	text := strings.ReplaceAll(string(out), `": `, `":`) // protojson puts blanks where it likes
	contains(t, text,
		`"oral-health"`, `"social-guidance"`, // the queues
		`"state":"CONVERSATION_STATE_ACTIVE"`,     // taken
		`"text":"Hei! Milloin se puri?"`,          // answered
		`"sequence":5`, `"text":"Eilen illalla."`, // written once …
		`"sequence":5`, `"text":"Eilen illalla."`, // … and again, the same
		`"snapshot"`, `"text":"Hei, punkki puri`, `"sequence":5`, // followed
		`"CONVERSATION_STATE_CLOSED"`)
	if !strings.HasSuffix(strings.TrimSpace(text), "{}") {
		t.Errorf("the answers to the survey were not taken:\n%s", text[max(0, len(text)-2000):])
	}
}
