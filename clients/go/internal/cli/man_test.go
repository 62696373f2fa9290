package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command has its page, in English, with all its options; and there is no page of anything else.
func TestManPages(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	runs(t, map[string]string{"KUPLA_LANGUAGE": "fi"}, "", "man", "--dir", folder).wants(t, ExitOK)
	pages, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for _, page := range pages {
		missing[page.Name()] = true
	}
	a := &app{env: func(string) string { return "" }, texts: textsIn(english), language: english}
	a.loadSettings(nil)
	each(a.rootCommand(), func(cmd *cobra.Command) {
		if cmd.Name() == "help" {
			return // the pages are the help
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		if !missing[name] {
			t.Errorf("%s has no page", cmd.CommandPath())
			return
		}
		delete(missing, name)
		page := read(t, filepath.Join(folder, name))
		for _, part := range []string{".TH", ".SH NAME", ".SH SYNOPSIS", cmd.Short, " [options]\n", `\fB--server\fP`} {
			if !strings.Contains(page, part) {
				t.Errorf("%s does not have %q:\n%s", name, part, page)
			}
		}
	})
	// An option stands above what it does, and says no default that is none.
	page := read(t, filepath.Join(folder, "kupla-token-save.1"))
	if want := ".TP\n\\fB--store\\fP=\"keyring\"\n\\fBWHERE\\fR to keep it: keyring or file\n"; !strings.Contains(page, want) {
		t.Errorf("%q is not in\n%s", want, page)
	}
	if strings.Contains(page, "\t") || strings.Contains(page, `=""`) {
		t.Errorf("cobra's own layout is left:\n%s", page)
	}
	for name := range missing {
		t.Errorf("%s is of no command", name)
	}
	runs(t, nil, "", "man").wants(t, ExitUsage, "--dir is missing")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	runs(t, nil, "", "man", "--dir", file).wants(t, ExitFailed, file+" cannot be written")
}
