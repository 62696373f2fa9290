package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is one line of `go test -json`. The fields are those of `go doc test2json`, and of `go help
// buildjson` for what concerns a build.
type event struct {
	Action  string `json:"Action"`
	Package string `json:"Package"`
	Test    string `json:"Test"` // Empty when the event is about the package.
	Output  string `json:"Output"`
}

// summary gathers the events of one or more runs of `go test -json`, one after the other.
type summary struct {
	out      io.Writer
	packages map[string]*packageRun // Those that have started and not ended.

	passed  int
	failed  []string
	skipped []string
}

// packageRun is a package whose tests are running.
type packageRun struct {
	output strings.Builder // What was printed outside any test.
	tests  map[string]*testRun
	order  []string // The names of tests, in the order they started.
	failed bool     // Whether any of the tests failed.
}

// testRun is a test that has started.
type testRun struct {
	output strings.Builder
	action string // How it ended: pass, fail, skip; empty while it runs.
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, packages: make(map[string]*packageRun)}
}

// read takes events until r ends. Lines that are no events are printed as they are: they come from
// programs that share the pipe.
func (s *summary) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(s.out, "%s\n", bytes.TrimSuffix(line, []byte("\n")))
			} else {
				s.add(e)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// add takes one event.
func (s *summary) add(e event) {
	switch {
	case e.Action == "build-output":
		fmt.Fprint(s.out, e.Output)
	case e.Package == "":
		// The other events of a build: its failure is told again by the packages that needed it.
	case e.Test != "":
		s.addTest(e)
	default:
		s.addPackage(e)
	}
}

// running returns the package's run, which starts with its first event.
func (s *summary) running(name string) *packageRun {
	p := s.packages[name]
	if p == nil {
		p = &packageRun{tests: make(map[string]*testRun)}
		s.packages[name] = p
	}
	return p
}

func (s *summary) addPackage(e event) {
	p := s.running(e.Package)
	switch e.Action {
	case "output":
		p.output.WriteString(e.Output)
	case "pass", "fail", "skip":
		s.endPackage(e.Package, p, e.Action)
	}
}

func (s *summary) addTest(e event) {
	p := s.running(e.Package)
	t := p.tests[e.Test]
	if t == nil {
		t = new(testRun)
		p.tests[e.Test] = t
		p.order = append(p.order, e.Test)
	}
	switch e.Action {
	case "output":
		if !isProgress(e.Output) {
			t.output.WriteString(e.Output)
		}
	case "pass":
		t.action = e.Action
		t.output.Reset() // Nobody will ask, and a chatty suite is large.
		s.passed++
	case "fail":
		t.action = e.Action
		p.failed = true
		s.failed = append(s.failed, e.Package+" "+e.Test)
	case "skip":
		t.action = e.Action
		s.skipped = append(s.skipped, e.Package+" "+e.Test+": "+reason(t.output.String()))
	}
}

// endPackage tells how a package went. The action is pass, fail or skip, or empty when the events ended
// before it did.
func (s *summary) endPackage(name string, p *packageRun, action string) {
	delete(s.packages, name)
	for _, test := range p.order {
		if t := p.tests[test]; t.action == "" && action != "pass" {
			// It was running when the package's program died.
			t.action = "fail"
			p.failed = true
			s.failed = append(s.failed, name+" "+test+" (did not finish)")
		}
		if t := p.tests[test]; t.action == "fail" {
			fmt.Fprint(s.out, t.output.String())
		}
	}
	switch action {
	case "pass":
		for line := range strings.Lines(p.output.String()) {
			if strings.HasPrefix(line, "ok") {
				fmt.Fprint(s.out, line)
			}
		}
	case "fail", "":
		if !p.failed {
			// It did not build, its TestMain failed, or it died between two tests.
			s.failed = append(s.failed, name)
		}
		for line := range strings.Lines(p.output.String()) {
			if line != "FAIL\n" { // Said better by the line with the package's name.
				fmt.Fprint(s.out, line)
			}
		}
		if action == "" {
			fmt.Fprintf(s.out, "FAIL\t%s [did not finish]\n", name)
		}
	}
}

// finish prints the summary and says whether the run was a success.
func (s *summary) finish() bool {
	names := make([]string, 0, len(s.packages))
	for name := range s.packages {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s.endPackage(name, s.packages[name], "")
	}
	s.list("Skipped", s.skipped)
	s.list("Failed", s.failed)
	success := len(s.failed) == 0
	if s.passed == 0 && success {
		fmt.Fprint(s.out, "\nNo test ran.\n")
		success = false
	}
	fmt.Fprintf(s.out, "\n%d passed, %d failed", s.passed, len(s.failed))
	if len(s.skipped) > 0 {
		fmt.Fprintf(s.out, ", %d skipped", len(s.skipped))
	}
	fmt.Fprintln(s.out)
	return success
}

// list prints what is worth naming at the end, where it is seen.
func (s *summary) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\n%s:\n", title)
	for _, line := range lines {
		fmt.Fprintf(s.out, "  %s\n", line)
	}
}

// isProgress tells the lines that only say which test the following ones belong to.
func isProgress(output string) bool {
	for _, prefix := range []string{"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME "} {
		if strings.HasPrefix(output, prefix) {
			return true
		}
	}
	return false
}

// reason finds in a skipped test's output why it was skipped: its last line that is not the verdict.
func reason(output string) string {
	said := "no reason given"
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--- ") {
			said = line
		}
	}
	return said
}
