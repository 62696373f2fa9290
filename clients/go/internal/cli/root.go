package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// rootCommand puts the command together. Everything it prints by itself is in the chosen language.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:                   "kupla",
		Short:                 a.texts.Settings.AppShort,
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
	flags := root.PersistentFlags()
	flags.StringVar(a.settings.asked[settingServer], settingServer, "", a.texts.FlagServer)
	flags.StringVar(&a.token, "token", "", a.texts.FlagToken)
	flags.StringVar(a.settings.asked[settingLanguage], settingLanguage, "", a.texts.FlagLanguage)
	flags.StringVar(a.settings.asked[settingOutput], settingOutput, "", a.texts.Settings.FlagOutput)
	flags.String(flagConfig, "", a.texts.Settings.FlagConfig)
	flags.BoolP("help", "h", false, a.texts.FlagHelp)

	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.settle(cmd) }
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
	desk := a.deskCommand()
	desk.AddCommand(a.deskScripts()...)
	root.AddCommand(a.queuesCommand(), a.chatCommand(), desk, a.conversationCommand(), a.feedbackCommand(),
		a.catalogueCommand(), a.versionCommand())
	root.AddCommand(a.configCommand(), a.tokenCommand(), a.completionCommand(), a.manCommand())
	a.completeCommands(root, a.argumentCompleters())
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

// useful are the commands that do something of their own besides holding others.
var useful = []string{"kupla desk", "kupla queues"}

// printHelp prints how to use a command.
func (a *app) printHelp(cmd *cobra.Command) {
	var help strings.Builder
	help.WriteString(cmd.Long)
	if cmd.Long == "" {
		help.WriteString(cmd.Short)
	}
	uses := []string{cmd.UseLine()}
	if cmd.HasAvailableSubCommands() {
		uses = []string{cmd.UseLine() + " " + a.texts.WordCommand}
		if slices.Contains(useful, cmd.CommandPath()) {
			uses = append([]string{cmd.UseLine()}, uses...)
		}
	}
	fmt.Fprintf(&help, "\n\n%s\n", a.texts.HelpUsage)
	for _, use := range uses {
		fmt.Fprintf(&help, "  %s %s\n", use, a.texts.HelpOptions)
	}
	if cmd.HasAvailableSubCommands() {
		var rows [][]string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				rows = append(rows, []string{sub.Name(), sub.Short})
			}
		}
		fmt.Fprintf(&help, "\n%s\n%s", a.texts.HelpCommands, indentedTable(rows))
	}
	if flags := cmd.NonInheritedFlags(); cmd.HasParent() && flags.HasAvailableFlags() {
		fmt.Fprintf(&help, "\n%s\n%s", a.texts.HelpFlags, flagTable(flags))
	}
	fmt.Fprintf(&help, "\n%s\n%s", a.texts.HelpGlobalFlags, flagTable(cmd.Root().PersistentFlags()))
	if !cmd.HasParent() {
		fmt.Fprintf(&help, "\n%s\n%s", a.texts.Script.HelpExitCodes, a.exitCodeTable())
	}
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
	return indentedTable(rows)
}

func indentedTable(rows [][]string) string {
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
