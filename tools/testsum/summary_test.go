package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	tests := []struct {
		name    string
		events  string
		want    string
		success bool
	}{
		{
			name: "passing tests are counted and their output is left out",
			events: `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"output","Package":"a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"output","Package":"a","Test":"TestX","Output":"chatter\n"}
{"Action":"pass","Package":"a","Test":"TestX"}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}
{"Action":"pass","Package":"a"}
`,
			want: `ok  	a	0.1s

1 passed, 0 failed
`,
			success: true,
		},
		{
			name: "a failing test is shown with its output, and named at the end",
			events: `{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"run","Package":"a","Test":"TestX/sub"}
{"Action":"output","Package":"a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"output","Package":"a","Test":"TestX/sub","Output":"    x_test.go:1: got 1, want 2\n"}
{"Action":"output","Package":"a","Test":"TestX/sub","Output":"    --- FAIL: TestX/sub (0.00s)\n"}
{"Action":"fail","Package":"a","Test":"TestX/sub"}
{"Action":"fail","Package":"a","Test":"TestX"}
{"Action":"run","Package":"a","Test":"TestY"}
{"Action":"pass","Package":"a","Test":"TestY"}
{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}
{"Action":"fail","Package":"a"}
`,
			want: `    x_test.go:1: got 1, want 2
    --- FAIL: TestX/sub (0.00s)
FAIL	a	0.1s

Failed:
  a TestX/sub
  a TestX

1 passed, 2 failed
`,
		},
		{
			name: "a package that does not build is one failure",
			events: `{"ImportPath":"a [a.test]","Action":"build-output","Output":"a/a.go:3:1: undefined: x\n"}
{"ImportPath":"a [a.test]","Action":"build-fail"}
{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Output":"FAIL\ta [build failed]\n"}
{"Action":"fail","Package":"a","FailedBuild":"a [a.test]"}
`,
			want: `a/a.go:3:1: undefined: x
FAIL	a [build failed]

Failed:
  a

0 passed, 1 failed
`,
		},
		{
			name: "a test that was running when its program died has failed",
			events: `{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"pass","Package":"a","Test":"TestX"}
{"Action":"run","Package":"a","Test":"TestY"}
{"Action":"output","Package":"a","Test":"TestY","Output":"fatal error: all goroutines are asleep\n"}
{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}
{"Action":"fail","Package":"a"}
`,
			want: `fatal error: all goroutines are asleep
FAIL	a	0.1s

Failed:
  a TestY (did not finish)

1 passed, 1 failed
`,
		},
		{
			name: "events that break off are a failure",
			events: `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"pass","Package":"a","Test":"TestX"}
`,
			want: `FAIL	a [did not finish]

Failed:
  a

1 passed, 1 failed
`,
		},
		{
			name: "skipped tests are named with their reason",
			events: `{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"pass","Package":"a","Test":"TestX"}
{"Action":"run","Package":"a","Test":"TestY"}
{"Action":"output","Package":"a","Test":"TestY","Output":"    y_test.go:7: needs two cores\n"}
{"Action":"output","Package":"a","Test":"TestY","Output":"--- SKIP: TestY (0.00s)\n"}
{"Action":"skip","Package":"a","Test":"TestY"}
{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}
{"Action":"pass","Package":"a"}
`,
			want: `ok  	a	0.1s

Skipped:
  a TestY: y_test.go:7: needs two cores

1 passed, 0 failed, 1 skipped
`,
			success: true,
		},
		{
			name: "a run without a test is no success",
			events: `{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Output":"?   \ta\t[no test files]\n"}
{"Action":"skip","Package":"a"}
`,
			want: `
No test ran.

0 passed, 0 failed
`,
		},
		{
			name: "nothing at all is no success",
			want: `
No test ran.

0 passed, 0 failed
`,
		},
		{
			name: "lines that are no events are passed on",
			events: `go: warning: something
{not json
{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"pass","Package":"a","Test":"TestX"}
{"Action":"pass","Package":"a"}
`,
			want: `go: warning: something
{not json

1 passed, 0 failed
`,
			success: true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got strings.Builder
			s := newSummary(&got)
			if err := s.read(strings.NewReader(test.events)); err != nil {
				t.Fatalf("read: %v", err)
			}
			success := s.finish()
			if got.String() != test.want {
				t.Errorf("printed\n%s\nwant\n%s", got.String(), test.want)
			}
			if success != test.success {
				t.Errorf("success = %t, want %t", success, test.success)
			}
		})
	}
}

// TestSummaryOfGoTest holds the summary against the events of the go command that is installed: their
// shape has changed between releases, as when building began to be told in events too.
func TestSummaryOfGoTest(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":         "module example.test\n\ngo 1.26\n",
		"pass/x_test.go": "package pass\n\nimport \"testing\"\n\nfunc TestPass(t *testing.T) {}\n",
		"fail/x_test.go": "package fail\n\nimport \"testing\"\n\nfunc TestFail(t *testing.T) { t.Error(\"as it should\") }\n",
		"die/x_test.go":  "package die\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestDie(t *testing.T) { os.Exit(3) }\n",
		"broken/x.go":    "package broken\n\nvar x int = \"no number\"\n",
		"broken/x_test.go": "package broken\n\nimport \"testing\"\n\n" +
			"func TestNever(t *testing.T) {}\n",
		"empty/x.go": "package empty\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), "go", "test", "-json", "./...")
	command.Dir = dir
	command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	events, err := command.Output()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		t.Fatalf("go test: %v, want an exit status: three of the packages fail", err)
	}

	var got strings.Builder
	s := newSummary(&got)
	if err := s.read(strings.NewReader(string(events))); err != nil {
		t.Fatalf("read: %v", err)
	}
	if s.finish() {
		t.Error("success, want failure")
	}
	for _, want := range []string{
		"ok  \texample.test/pass\t",
		"as it should",
		"x.go:3:13: cannot use \"no number\"",
		"  example.test/fail TestFail\n",
		"  example.test/die TestDie (did not finish)\n",
		"  example.test/broken\n",
		"\n1 passed, 3 failed\n",
	} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("printed no %q:\n%s", want, got.String())
		}
	}
}
