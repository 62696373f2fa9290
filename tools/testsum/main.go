// Testsum reads what `go test -json` prints from standard input and tells it to a person: one line a
// package as it ends, the output of the tests that failed, the reasons of those that were skipped, and,
// as the very last line, how many passed and failed.
//
//	go test -json ./... | testsum
//
// It exits with 1 when a test failed, a package did not build, a run broke off before its end, or no test
// ran at all: a suite that finds nothing to run is broken, not green. It cannot see the exit status of
// `go test`, which tells of what comes before the first event (a go.mod that does not parse), so run the
// two with pipefail.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	err := run()
	switch {
	case errors.Is(err, errUnsuccessful):
		// The summary has said it.
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
}

// errUnsuccessful says that the run is no success. What went wrong has been printed.
var errUnsuccessful = errors.New("the test run was not successful")

func run() error {
	s := newSummary(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		return fmt.Errorf("read test events: %w", err)
	}
	if !s.finish() {
		return errUnsuccessful
	}
	return nil
}
