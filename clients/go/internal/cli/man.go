package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) manCommand() *cobra.Command {
	t := &a.texts.Settings
	var folder string
	cmd := a.leaf("man", t.ManShort, t.ManLong, func(*cobra.Command, []string) error {
		if folder == "" {
			return usageError{fill(a.texts.Settings.MissingArgument, "argument", "--dir")}
		}
		return a.writeManPages(folder)
	})
	cmd.Flags().StringVar(&folder, "dir", "", t.FlagManDir)
	return cmd
}

// writeManPages writes a page for every command. The pages are English whatever the language here: they are
// installed for everybody.
func (a *app) writeManPages(folder string) error {
	writer := &app{stdin: a.stdin, stdout: a.stdout, stderr: a.stderr, language: english, zone: a.zone}
	writer.env = func(string) string { return "" }
	writer.texts = textsIn(english)
	writer.loadSettings(nil)
	root := writer.rootCommand()
	root.DisableAutoGenTag = true

	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // Pages are for everybody to read.
		return errors.New(fill(a.texts.Settings.NotWritten, "file", folder, "error", err))
	}
	return writer.writeManPage(root, folder)
}

// writeManPage writes the page of a command, and those of the commands in it.
func (a *app) writeManPage(cmd *cobra.Command, folder string) error {
	if cmd.Name() == "help" {
		return nil // the pages are the help
	}
	build := thisBuild()
	header := &doc.GenManHeader{Section: "1", Source: "kupla " + build.Version, Manual: "Kupla"}
	if made, err := time.Parse(time.RFC3339, build.time); err == nil {
		header.Date = &made // the same program writes the same pages
	}
	var page bytes.Buffer
	if err := doc.GenMan(cmd, header, &page); err != nil {
		return err
	}
	name := filepath.Join(folder, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
	text := a.tidyManPage(page.String(), cmd, header.Date)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil { //nolint:gosec // As the folder.
		return errors.New(fill(a.texts.Settings.NotWritten, "file", name, "error", err))
	}
	for _, sub := range cmd.Commands() {
		if err := a.writeManPage(sub, folder); err != nil {
			return err
		}
	}
	return nil
}

var (
	// manOption is an option as cobra sets it, with a tab before what it does.
	manOption = regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB-.*)\n\t`)
	// manDefault is a default that says nothing.
	manDefault = regexp.MustCompile(`(\\fB--[a-z-]+\\fP)(?:=""|\[=false\]|=\[\]|=0s?)`)
	manDate    = regexp.MustCompile(`(?m)^(\.TH "[^"]*" "1") "[^"]*"`)
)

// tidyManPage makes of cobra's page one that manual page checkers have nothing to say about.
func (a *app) tidyManPage(page string, cmd *cobra.Command, date *time.Time) string {
	page = manDate.ReplaceAllString(page, `$1 "`+date.Format(time.DateOnly)+`"`)
	page = manDefault.ReplaceAllString(page, "$1")
	page = manOption.ReplaceAllString(page, ".TP\n$1\n")
	words := strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())
	if cmd.HasAvailableSubCommands() && !slices.Contains(useful, cmd.CommandPath()) {
		words += " " + a.texts.WordCommand
	}
	return strings.Replace(page, `\fB`+cmd.UseLine()+`\fP`,
		`\fB`+cmd.CommandPath()+`\fP`+words+" "+a.texts.HelpOptions, 1)
}
