package load

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// What stands between these in a document is written by WriteInto.
const (
	documentBegin = "<!-- What follows is written by make bench. -->\n"
	documentEnd   = "<!-- What precedes is written by make bench. -->\n"
)

// Markdown is the report as a section of a document.
func (r *Report) Markdown() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s, commit %s: %d cores, %s, %s, %s, fsync %s.\n\n", r.Time.Format(time.DateTime+" MST"), r.Revision,
		m.Cores, m.Processor, m.OS, m.Go, round(m.Sync))
	b.WriteString("| work | must | aim | measured | rounds | |\n|---|---|---|---|---|---|\n")
	for _, row := range r.Rows {
		rounds := make([]string, len(row.Rounds))
		for i, v := range row.Rounds {
			rounds[i] = figure(v)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | **%s** %s | %s | %s |\n", row.title(), orDash(row.Must), orDash(row.Aim),
			figure(row.Measured), row.Unit, strings.Join(rounds, ", "), row.Verdict)
	}
	b.WriteString("\nWhat the figures are made of, in the round in the middle:\n\n" +
		"| load | bare | Kupla | everything else on the machine |\n|---|---|---|---|\n")
	for _, l := range r.Loads {
		middle := l.Rounds[len(l.Rounds)/2]
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f %% of a core |\n", l.Name, l.compared(middle), summary(middle.Kupla), 100*l.Others)
	}
	return b.String()
}

// Written returns a document with the report in its place. It fails when the document has no place for it.
func (r *Report) Written(document string) (string, error) {
	before, rest, ok := strings.Cut(document, documentBegin)
	_, after, ended := strings.Cut(rest, documentEnd)
	if !ok || !ended {
		return "", fmt.Errorf("the document has no place for the report: it goes between the lines %q and %q", documentBegin, documentEnd)
	}
	return before + documentBegin + "\n" + r.Markdown() + "\n" + documentEnd + after, nil
}

// WriteInto writes the report into its place in a document.
func (r *Report) WriteInto(path string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	written, err := r.Written(string(document))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(written), 0o644) //nolint:gosec // A document is for everybody to read.
}
