package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	t := &a.texts.Settings
	cmd := a.holder("config", t.ConfigShort, t.ConfigLong)
	cmd.AddCommand(
		a.leaf("list", t.ConfigListShort, t.ConfigListLong, func(*cobra.Command, []string) error { return a.listSettings() }),
		a.leafWith("get", []string{t.WordSetting}, t.ConfigGetShort, t.ConfigGetLong,
			func(_ *cobra.Command, args []string) error { return a.getSetting(args[0]) }),
		a.leafWith("set", []string{t.WordSetting, t.WordValue}, t.ConfigSetShort, t.ConfigSetLong,
			func(_ *cobra.Command, args []string) error { return a.setSetting(args[0], args[1]) }),
		a.leafWith("use", []string{t.WordServer}, t.ConfigUseShort, t.ConfigUseLong,
			func(_ *cobra.Command, args []string) error { return a.useServer(args[0]) }),
		a.leafWith("remove", []string{t.WordSetting}, t.ConfigRemoveShort, t.ConfigRemoveLong,
			func(_ *cobra.Command, args []string) error { return a.removeSetting(args[0]) }),
		a.leaf("path", t.ConfigPathShort, t.ConfigPathLong, func(*cobra.Command, []string) error {
			if a.settings.path == "" {
				return errNoState
			}
			_, err := fmt.Fprintln(a.stdout, a.settings.path)
			return err
		}),
	)
	return cmd
}

// holder returns a command that only holds others. Without one of them it shows its help.
func (a *app) holder(name, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:                   name,
		DisableFlagsInUseLine: true,
		Short:                 short,
		Long:                  long,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fill(a.texts.UnknownCommand, "command", cmd.CommandPath()+" "+args[0])}
			}
			return cmd.Help()
		},
	}
}

// leaf returns a command without arguments.
func (a *app) leaf(name, short, long string, run func(*cobra.Command, []string) error) *cobra.Command {
	return a.leafWith(name, nil, short, long, run)
}

// leafWith returns a command that needs the named arguments, each once.
func (a *app) leafWith(
	name string, words []string, short, long string, run func(*cobra.Command, []string) error,
) *cobra.Command {
	return &cobra.Command{
		Use:                   strings.Join(append([]string{name}, words...), " "),
		DisableFlagsInUseLine: true,
		Short:                 short,
		Long:                  long,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < len(words) {
				return usageError{fill(a.texts.Settings.MissingArgument, "argument", words[len(args)])}
			}
			return a.atMost(len(words), args)
		},
		RunE: run,
	}
}

// tell prints a line on the standard output.
func (a *app) tell(text string, namesAndValues ...any) {
	_, _ = fmt.Fprintln(a.stdout, clean(fill(text, namesAndValues...)))
}

// listSettings shows every setting that counts here and where it comes from, and the named servers.
func (a *app) listSettings() error {
	type row struct {
		Key    string `json:"key"`
		Value  string `json:"value"`
		Source string `json:"source"`
	}
	var rows []row
	for _, name := range settingNames {
		found := a.inEffect(name)
		rows = append(rows, row{name, found.value, found.source})
	}
	for _, name := range a.settings.file.serverNames() {
		rows = append(rows, row{settingServers + "." + name, a.settings.file.servers[name], a.settings.path})
	}
	if a.inJSON() {
		for _, row := range rows {
			if err := a.printValue(row, nil); err != nil {
				return err
			}
		}
		return nil
	}
	cells := [][]string{{a.texts.Settings.ColumnSetting, a.texts.Settings.ColumnValue, a.texts.Settings.ColumnSource}}
	for _, row := range rows {
		source := row.Source
		if source == "" {
			source = a.texts.Settings.SourceDefault
		}
		cells = append(cells, []string{row.Key, row.Value, source})
	}
	_, err := fmt.Fprint(a.stdout, table(cells))
	return err
}

// knownSetting reports whether there is a setting of that name.
func (a *app) knownSetting(name string) error {
	if server, ok := strings.CutPrefix(name, settingServers+"."); ok {
		if !serverName.MatchString(server) || server == localHost {
			return usageError{fill(a.texts.Settings.BadServerName, "name", server)}
		}
		return nil
	}
	if !slices.Contains(settingNames, name) {
		return usageError{fill(a.texts.Settings.UnknownKey, "key", name,
			"keys", strings.Join(append(slices.Clone(settingNames), settingServers+"."+a.texts.Settings.WordName), ", "))}
	}
	return nil
}

// getSetting prints one setting as it counts here.
func (a *app) getSetting(name string) error {
	if err := a.knownSetting(name); err != nil {
		return err
	}
	var value string
	if slices.Contains(settingNames, name) {
		value = a.inEffect(name).value
	} else if value = a.settings.file.get(name); value == "" {
		return errors.New(fill(a.texts.Settings.NotSet, "key", name))
	}
	if a.inJSON() {
		return a.printValue(struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		}{name, value}, nil)
	}
	return a.write([]byte(clean(value) + "\n"))
}

// setSetting changes one setting in the file.
func (a *app) setSetting(name, value string) error {
	if err := a.knownSetting(name); err != nil {
		return err
	}
	switch name {
	case settingServer:
		return a.useServer(value)
	case settingLanguage:
		if _, known := parseLanguage(value); !known {
			return usageError{fill(a.texts.BadLanguage, "value", value)}
		}
	case settingOutput:
		if !slices.Contains(outputs, value) {
			return usageError{fill(a.texts.Settings.BadValue, "value", value, "key", name, "values", strings.Join(outputs, ", "))}
		}
	default:
		if _, ok := parseServer(value); !ok {
			return usageError{fill(a.texts.BadServer, "server", value)}
		}
	}
	return a.changeSetting(name, value)
}

// useServer makes a server the one that is called when no other is named.
func (a *app) useServer(given string) error {
	if _, err := a.resolveServer(given); err != nil {
		return err
	}
	return a.changeSetting(settingServer, given)
}

// removeSetting takes a setting out of the file.
func (a *app) removeSetting(name string) error {
	if err := a.knownSetting(name); err != nil {
		return err
	}
	if a.settings.file.get(name) == "" {
		return errors.New(fill(a.texts.Settings.NotSet, "key", name))
	}
	if server, ok := strings.CutPrefix(name, settingServers+"."); ok && server == a.settings.file.server {
		// The name left behind would make every command fail.
		return errors.New(fill(a.texts.Settings.ServerInUse, "name", server))
	}
	return a.changeSetting(name, "")
}

// changeSetting writes the file with one setting changed, and tells it.
func (a *app) changeSetting(name, value string) error {
	if a.settings.path == "" {
		return errNoState
	}
	a.settings.file.set(name, value)
	if err := a.settings.file.write(a.settings.path); err != nil {
		return errors.New(fill(a.texts.Settings.NotWritten, "file", a.settings.path, "error", err))
	}
	if value == "" {
		a.tell(a.texts.Settings.SettingRemoved, "key", name)
		return nil
	}
	a.tell(a.texts.Settings.SettingChanged, "key", name, "value", value)
	return nil
}
