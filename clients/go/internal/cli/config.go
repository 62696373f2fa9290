package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The settings that may stand in the file, each also as an environment variable and as a flag.
const (
	settingServer   = "server"
	settingLanguage = "language"
	settingOutput   = "output"
	// settingServers holds the named servers, which exist in the file only.
	settingServers = "servers"
)

// settingNames are the settings in the order they are listed.
var settingNames = []string{settingServer, settingLanguage, settingOutput}

// outputs are the forms of what is printed.
var outputs = []string{outputTable, outputJSON}

// serverName is what a server may be called. It has no dot and no colon, so no name looks like an address.
var serverName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// setting is a value and where it comes from: a flag, a variable or a file by name, or nothing for the
// default.
type setting struct{ value, source string }

// settings are what this run goes by.
type settings struct {
	path string        // of the file; empty when there is no place for one
	file *settingsFile // what it says; empty when there is none
	err  error         // why it cannot be gone by

	asked map[string]*string // what the flags say, by setting
	named string             // what was taken for the file that --config names
}

// loadSettings reads the file of settings. It comes before the flags are parsed, whose texts it chooses the
// language of.
func (a *app) loadSettings(args []string) {
	a.settings.asked = map[string]*string{settingServer: new(string), settingLanguage: new(string), settingOutput: new(string)}
	named, _ := askedFlag(args, flagConfig)
	a.openSettings(named)
}

// openSettings reads the named file, or the one that is there when none is named.
func (a *app) openSettings(named string) {
	s := &a.settings
	s.file, s.err, s.named = &settingsFile{}, nil, named
	if s.path = cmp.Or(named, a.env("KUPLA_CONFIG")); s.path == "" {
		s.path = a.settingsPath()
	}
	if s.path != "" {
		file, err := readSettings(s.path)
		switch {
		case err == nil:
			s.file = file
		case !errors.Is(err, fs.ErrNotExist):
			s.err = err
		case named != "" || a.env("KUPLA_CONFIG") != "":
			s.err = err // whoever names a file means it to be there
		}
	}
}

// settingsPath returns where the settings are kept, by the XDG base directory rules for configuration.
func (a *app) settingsPath() string {
	if folder := a.env("XDG_CONFIG_HOME"); filepath.IsAbs(folder) {
		return filepath.Join(folder, "kupla", "config.yaml")
	}
	if home := cmp.Or(a.env("HOME"), a.env("USERPROFILE")); home != "" {
		return filepath.Join(home, ".config", "kupla", "config.yaml")
	}
	return ""
}

// chooseLanguage chooses the language of the interface, which its texts are in, before the flags are parsed.
func (a *app) chooseLanguage(args []string) {
	language, _ := askedFlag(args, settingLanguage)
	a.speak(language)
	// The form of what is printed, too, is needed to tell that a flag was not understood.
	if asked, ok := askedFlag(args, settingOutput); ok {
		a.output = asked
	} else {
		a.output = a.inEffect(settingOutput).value
	}
}

// speak makes the language of the interface the one that the flag asks for, or the variable, or the file, or the
// locale.
func (a *app) speak(asked string) {
	a.language = languageOf(a.env)
	for _, code := range []string{a.settings.file.language, a.env("KUPLA_LANGUAGE"), asked} {
		if l, known := parseLanguage(code); known {
			a.language = l
		}
	}
	_, a.asked = parseLanguage(asked)
	a.texts = textsIn(a.language)
}

// flagConfig is the flag that names the file of settings.
const flagConfig = "config"

// inEffect returns a setting as it counts: flags go over the environment, that over the file.
func (a *app) inEffect(name string) setting {
	variable := "KUPLA_" + strings.ToUpper(name)
	switch {
	case *a.settings.asked[name] != "":
		return setting{*a.settings.asked[name], "--" + name}
	case a.env(variable) != "":
		return setting{a.env(variable), variable}
	case a.settings.file.get(name) != "":
		return setting{a.settings.file.get(name), a.settings.path}
	}
	switch name {
	case settingServer:
		return setting{defaultServer, ""}
	case settingLanguage:
		return setting{string(a.language), ""}
	default:
		return setting{outputTable, ""}
	}
}

// settle decides what this run goes by, once the flags are known.
func (a *app) settle(cmd *cobra.Command) error {
	if isCompletionRequest(cmd) {
		return nil // a broken setting must not spoil the line that is being written
	}
	// Before the flags were parsed, what another one says may have passed for one of these: a message may read
	// like "--config=file", and that file must not choose where a token goes.
	if named := cmd.Flag(flagConfig).Value.String(); named != a.settings.named {
		a.openSettings(named)
	}
	a.speak(*a.settings.asked[settingLanguage])
	if err := a.settings.err; err != nil && !withoutSettings(cmd) {
		return a.settingsFailure(err)
	}
	if asked := a.inEffect(settingLanguage); asked.source != "" {
		if _, known := parseLanguage(asked.value); !known {
			return usageError{fill(a.texts.BadLanguage, "value", asked.value)}
		}
	}
	if a.output = a.inEffect(settingOutput).value; !slices.Contains(outputs, a.output) {
		return usageError{fill(a.texts.Settings.BadValue,
			"value", a.output, "key", settingOutput, "values", strings.Join(outputs, ", "))}
	}
	if withoutSettings(cmd) {
		return nil
	}
	server, err := a.resolveServer(a.inEffect(settingServer).value)
	if err != nil {
		return err
	}
	a.server = server
	if needsToken(cmd) {
		a.token, _, err = a.findToken(cmd.Context())
	}
	return err
}

// resolveServer returns the address of a server that is given by name or by address.
func (a *app) resolveServer(given string) (string, error) {
	address := given
	if serverName.MatchString(given) && given != localHost {
		named, ok := a.settings.file.servers[given]
		if !ok {
			// It may be a host, but a token must not go to whatever a mistyped name happens to find.
			return "", usageError{fill(a.texts.Settings.UnknownServer, "name", given)}
		}
		address = named
	}
	server, ok := parseServer(address)
	if !ok {
		return "", usageError{fill(a.texts.BadServer, "server", address)}
	}
	return server, nil
}

// topCommand returns the command below the root that cmd is, or is part of.
func topCommand(cmd *cobra.Command) string {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	return cmd.Name()
}

// withoutSettings reports whether a command works whatever the file of settings says: so that help is there
// when it is broken.
func withoutSettings(cmd *cobra.Command) bool {
	switch topCommand(cmd) {
	case "help", "version", "completion", "man", "kupla":
		return true
	case "config":
		return cmd.Name() == "path" || cmd.Name() == "config"
	default:
		return false
	}
}

// anonymous are the commands that a resident gives, and those about settings. For them a token is not looked
// for: asking a keyring may need somebody to unlock it.
var anonymous = []string{
	"kupla chat", "kupla queues", "kupla queues get", "kupla queues watch", "kupla conversation start",
	"kupla feedback survey", "kupla feedback submit",
}

// needsToken reports whether a command calls the service as staff, or may.
func needsToken(cmd *cobra.Command) bool {
	top := topCommand(cmd)
	if file := cmd.Flags().Lookup("credentials-file"); file != nil && file.Changed {
		return false // the key in it opens the conversation
	}
	return !withoutSettings(cmd) && top != "config" && top != "token" && !slices.Contains(anonymous, cmd.CommandPath())
}

// settingsFailure tells what is wrong with the file of settings.
func (a *app) settingsFailure(err error) error {
	if problem, ok := errors.AsType[*settingsError](err); ok {
		return usageError{fill(a.texts.Settings.FileProblem,
			"file", a.settings.path, "line", problem.line, "problem", problem.say(&a.texts.Settings))}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return usageError{fill(a.texts.Settings.FileMissing, "file", a.settings.path)}
	}
	return fmt.Errorf("%s", fill(a.texts.Settings.FileUnreadable, "file", a.settings.path, "error", err))
}
