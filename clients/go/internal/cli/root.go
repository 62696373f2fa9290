package cli

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// rootCommand puts the command together. Everything it prints by itself is in the chosen language.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:                   "kupla",
		Long:                  a.texts.AppLong,
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
		CompletionOptions:     cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fill(a.texts.UnknownCommand, "command", args[0])}
			}
			return cmd.Help()
		},
	}
	var asked string
	flags := root.PersistentFlags()
	flags.StringVar(&a.server, "server", "", a.texts.FlagServer)
	flags.StringVar(&a.token, "token", "", a.texts.FlagToken)
	flags.StringVar(&asked, "language", "", a.texts.FlagLanguage)
	flags.BoolP("help", "h", false, a.texts.FlagHelp)

	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if _, known := parseLanguage(asked); asked != "" && !known {
			return usageError{fill(a.texts.BadLanguage, "value", asked)}
		}
		for _, candidate := range []string{a.server, a.env("KUPLA_SERVER"), defaultServer} {
			if candidate != "" {
				a.server = candidate
				break
			}
		}
		server, ok := parseServer(a.server)
		if !ok {
			return usageError{fill(a.texts.BadServer, "server", a.server)}
		}
		a.server = server
		if a.token == "" {
			a.token = a.env("KUPLA_TOKEN")
		}
		return nil
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return a.flagError(err) })
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { a.printHelp(cmd) })
	root.SetHelpCommand(&cobra.Command{
		Use:                   "help " + a.texts.WordCommand,
		DisableFlagsInUseLine: true,
		Short:                 a.texts.HelpShort,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			found, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 || found == root && len(args) > 0 {
				return usageError{fill(a.texts.UnknownCommand, "command", strings.Join(args, " "))}
			}
			a.printHelp(found)
			return nil
		},
	})
	root.AddCommand(a.queuesCommand(), a.chatCommand(), a.deskCommand(), a.versionCommand())
	return root
}

// flagError tells what is wrong with a flag in the chosen language.
func (a *app) flagError(err error) error {
	if wrong, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := "--" + wrong.GetSpecifiedName()
		if wrong.GetSpecifiedShortnames() != "" {
			name = "-" + wrong.GetSpecifiedName()
		}
		return usageError{fill(a.texts.UnknownFlag, "flag", name)}
	}
	if wrong, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usageError{fill(a.texts.FlagNeedsValue, "flag", "--"+wrong.GetFlag().Name)}
	}
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usageError{fill(a.texts.BadFlag, "flag", "--"+wrong.GetFlag().Name)}
	}
	if wrong, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return usageError{fill(a.texts.BadFlag, "flag", wrong.GetSpecifiedFlag())}
	}
	return usageError{err.Error()}
}

// printHelp prints how to use a command.
func (a *app) printHelp(cmd *cobra.Command) {
	var help strings.Builder
	help.WriteString(cmd.Long)
	if cmd.Long == "" {
		help.WriteString(cmd.Short)
	}
	usage := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		usage += " " + a.texts.WordCommand
	}
	fmt.Fprintf(&help, "\n\n%s\n  %s %s\n", a.texts.HelpUsage, usage, a.texts.HelpOptions)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&help, "\n%s\n", a.texts.HelpCommands)
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&help, "  %-9s %s\n", sub.Name(), sub.Short)
			}
		}
	}
	if flags := cmd.NonInheritedFlags(); cmd.HasParent() && flags.HasAvailableFlags() {
		fmt.Fprintf(&help, "\n%s\n%s", a.texts.HelpFlags, flagTable(flags))
	}
	fmt.Fprintf(&help, "\n%s\n%s", a.texts.HelpGlobalFlags, flagTable(cmd.Root().PersistentFlags()))
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&help, "\n%s\n", a.texts.HelpMore)
	}
	_, _ = fmt.Fprint(a.stdout, help.String())
}

// flagTable lists flags. The one that pflag prints counts bytes, which sets letters such as Å out of line.
func flagTable(flags *pflag.FlagSet) string {
	var rows [][]string
	flags.VisitAll(func(flag *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(flag)
		name := "--" + flag.Name
		if flag.Shorthand != "" {
			name = "-" + flag.Shorthand + ", " + name
		}
		rows = append(rows, []string{strings.TrimRight(name+" "+value, " "), usage})
	})
	return "  " + strings.ReplaceAll(strings.TrimRight(table(rows), "\n"), "\n", "\n  ") + "\n"
}

// noArguments refuses arguments.
func (a *app) noArguments(_ *cobra.Command, args []string) error { return a.atMost(0, args) }

// atMost refuses more than n arguments.
func (a *app) atMost(n int, args []string) error {
	if len(args) > n {
		return usageError{fill(a.texts.TooManyArguments, "argument", args[n])}
	}
	return nil
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "version",
		DisableFlagsInUseLine: true,
		Short:                 a.texts.VersionShort,
		Args:                  a.noArguments,
		RunE: func(*cobra.Command, []string) error {
			version, revision := "(devel)", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				version = info.Main.Version
				for _, setting := range info.Settings {
					if setting.Key == "vcs.revision" {
						revision = " " + setting.Value
					}
				}
			}
			_, err := fmt.Fprintf(a.stdout, "kupla %s%s %s %s/%s\n",
				version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
