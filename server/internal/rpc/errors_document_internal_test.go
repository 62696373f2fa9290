package rpc

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/chat"
)

var updateErrors = flag.Bool("update-errors", false, "write docs/errors.md anew")

const (
	errorProto    = "../../../api/kupla/v1/error.proto"
	errorDocument = "../../../docs/errors.md"
)

const errorsBefore = `# Errors

Printed from the contract (` + "`api/kupla/v1/error.proto`" + `) and from what the server answers; a test fails when they differ
from this page.

An error has one of Connect's [codes](https://connectrpc.com/docs/protocol#error-codes), a message that says what to do,
and a ` + "`google.rpc.ErrorInfo`" + ` whose domain is ` + "`kupla`" + `. Programs go by its ` + "`reason`" + `; every value that the message
names stands in its ` + "`metadata`" + `. An answer that reached no procedure, as from a proxy, has none of these. The message
is for developers and not promised to stay as it is: what a resident reads is the client's to say, in their language.

` + "```json" + `
{
  "code": "not_found",
  "message": "There is no queue no-such-queue. List the queues to see which there are.",
  "details": [{
    "type": "google.rpc.ErrorInfo",
    "value": "…",
    "debug": {"reason": "QUEUE_NOT_FOUND", "domain": "kupla", "metadata": {"queue_id": "no-such-queue"}}
  }]
}
` + "```" + `

New reasons may be added. One that a client does not know is treated by its code:

| code | what a client does |
|---|---|
| ` + "`unavailable`" + ` | asks again with the same request id, after the delay in ` + "`google.rpc.RetryInfo`" + ` when there is one |
| ` + "`resource_exhausted`" + ` | waits for the delay in ` + "`google.rpc.RetryInfo`" + `, then may ask again; without one, asks for less |
| ` + "`internal`" + ` | shows the incident id; asking again with the same request id is safe and may help |
| ` + "`unauthenticated`" + ` | stops, and gets a new token |
| ` + "`canceled`, `deadline_exceeded`" + ` | what came of it is not known: asks again with the same request id |
| any other | does not ask the same again: nothing was done, and nothing will be until something else changes |

## Reasons

`

// documented is what the contract says of a reason.
type documented struct {
	when     string
	codes    []string
	metadata []string
}

var (
	commentCodes    = regexp.MustCompile(` \(([a-z_, ]+)\)`)
	commentMetadata = regexp.MustCompile(` metadata: ([^.]+)\.`)
	placeholder     = regexp.MustCompile(`\{([a-z_]+)\}`)
)

// readReasons reads the comments of the contract's reasons, which the generated code does not have.
func readReasons(t *testing.T) map[kuplav1.ErrorReason]documented {
	t.Helper()
	text, err := os.ReadFile(errorProto)
	if err != nil {
		t.Fatal(err)
	}
	found := map[kuplav1.ErrorReason]documented{}
	var comment []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if words, ok := strings.CutPrefix(line, "//"); ok {
			comment = append(comment, strings.TrimSpace(words))
			continue
		}
		name, _, isValue := strings.Cut(line, " = ")
		if value, ok := kuplav1.ErrorReason_value[name]; isValue && ok {
			found[kuplav1.ErrorReason(value)] = parseComment(strings.Join(comment, " "))
		}
		comment = nil
	}
	return found
}

func parseComment(text string) documented {
	var d documented
	if m := commentCodes.FindStringSubmatch(text); m != nil {
		d.codes = strings.Split(m[1], ", ")
		text = strings.Replace(text, m[0], "", 1)
	}
	if m := commentMetadata.FindStringSubmatch(text); m != nil {
		for key := range strings.SplitSeq(m[1], ", ") {
			name, remark, _ := strings.Cut(key, " ")
			if remark != "" && remark != "when known" {
				break // words about the key before
			}
			d.metadata = append(d.metadata, name)
		}
		text = strings.Replace(text, m[0], "", 1)
	}
	d.when = text
	return d
}

// What the contract says of a reason is what the server answers with, and the document has both.
func TestErrorsDocument(t *testing.T) {
	reasons := readReasons(t)
	var b strings.Builder
	b.WriteString(errorsBefore)
	b.WriteString("| reason | code | when | message | metadata |\n|---|---|---|---|---|\n")
	for _, number := range slices.Sorted(maps.Keys(kuplav1.ErrorReason_name)) {
		reason := kuplav1.ErrorReason(number)
		if reason == kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			continue
		}
		d, ok := reasons[reason]
		if !ok {
			t.Errorf("%s has no comment in %s", reason, errorProto)
		}
		r, ok := refusals[reason]
		if !ok {
			t.Errorf("%s is answered with no text and no code: give it both in refusals", reason)
			continue
		}
		if !slices.Contains(d.codes, r.code.String()) {
			t.Errorf("%s: the contract says %v, and the server answers %v", reason, d.codes, r.code)
		}
		metadata := d.metadata
		for _, m := range placeholder.FindAllStringSubmatch(r.text, -1) {
			if !slices.Contains(metadata, m[1]) {
				metadata = append(metadata, m[1])
			}
		}
		codes := "`" + strings.Join(d.codes, "`, `") + "`"
		keys := ""
		if len(metadata) > 0 {
			keys = "`" + strings.Join(metadata, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n",
			strings.TrimPrefix(reason.String(), "ERROR_REASON_"), codes, d.when, r.text, keys)
	}
	want := b.String()
	if *updateErrors {
		if err := os.WriteFile(errorDocument, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(errorDocument)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/errors.md is out of date (-want +document):\n%s\n"+
			"Run: go test ./server/internal/rpc -run ErrorsDocument -update-errors", diff)
	}
}

// Whatever the domain refuses with by its table has a reason in the contract: otherwise it would be answered as
// a defect of ours.
func TestTableRefusalsAreReasons(t *testing.T) {
	for command, row := range chat.Table {
		for state, cell := range row {
			if cell.Refusal == "" {
				continue
			}
			if _, ok := kuplav1.ErrorReason_value["ERROR_REASON_"+string(cell.Refusal)]; !ok {
				t.Errorf("%q in %s is refused with %q, which the contract does not have", command, state, cell.Refusal)
			}
		}
	}
}
