package e2e

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What the README tells a newcomer to open and to press is there, by the names that it gives.
func TestReadmeNames(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Try it\n")
	section, _, _ = strings.Cut(section, "\n## ")
	page := regexp.MustCompile(`<http://localhost:8080(/\S*)>`).FindStringSubmatch(section)
	queue := regexp.MustCompile(`The queue \*([^*]+)\* of the demonstration`).FindStringSubmatch(section)
	staff := regexp.MustCompile(`(?s)first\s+one,\s+\*([^*]+)\*`).FindStringSubmatch(section)
	if page == nil || queue == nil || staff == nil {
		t.Fatalf("the README names the page %q, the queue %q and the staff %q", page, queue, staff)
	}
	d := startDemo(t)
	d.token(t, staff[1])
	get := func(path string) string {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %s (%v)", path, response.Status, err)
		}
		return string(body)
	}
	contains(t, get(page[1]), `<html lang="en">`, "<kupla-chat")
	contains(t, get("/kupla.v1.QueueService/ListQueues?encoding=json&message=%7B%7D"), queue[1])
}

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
