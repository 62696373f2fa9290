package cli

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// completionTimeout is how long the service may take to help with a line that somebody is writing. Without an
// answer by then nothing is offered.
const completionTimeout = 700 * time.Millisecond

func (a *app) completionCommand() *cobra.Command {
	t := &a.texts.Settings
	shells := map[string]func(*cobra.Command) error{
		"bash": a.bashCompletion,
		"zsh":  func(root *cobra.Command) error { return root.GenZshCompletion(a.stdout) },
		"fish": func(root *cobra.Command) error { return root.GenFishCompletion(a.stdout, true) },
	}
	names := slices.Sorted(maps.Keys(shells))
	cmd := a.leafWith("completion", []string{strings.Join(names, "|")}, t.CompletionShort, t.CompletionLong,
		func(cmd *cobra.Command, args []string) error {
			generate, ok := shells[args[0]]
			if !ok {
				return usageError{fill(t.BadValue, "value", args[0], "key", "completion", "values", strings.Join(names, ", "))}
			}
			return generate(cmd.Root())
		})
	cmd.ValidArgsFunction = inOrder(fixed(names...))
	return cmd
}

// bashWords is what the script that cobra makes asks of the bash-completion package, which is missing on many
// servers: the words of the line up to the cursor, as bash has them before it breaks them at = and :.
const bashWords = `
__kupla_words()
{
    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local rest=${COMP_LINE:0:COMP_POINT} word i
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $i -eq 0 || ${rest} == [[:space:]]* ]]; then
            words+=("${word}")
            rest=${rest#"${rest%%[![:space:]]*}"}
        else
            words[${#words[@]} - 1]+=${word}
        fi
        rest=${rest#"${word}"}
    done
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=
    if ((cword > 0)); then
        prev=${words[cword - 1]}
    fi
}

`

// bashPackage is the only place in cobra's script that needs the package.
const bashPackage = `_get_comp_words_by_ref "$@" cur prev words cword`

// bashCompletion prints cobra's script so that it works without the bash-completion package, too.
func (a *app) bashCompletion(root *cobra.Command) error {
	var script bytes.Buffer
	if err := root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	return a.write([]byte(bashWords + strings.Replace(script.String(), bashPackage, `__kupla_words "$@"`, 1)))
}

// isCompletionRequest reports whether a shell asks what could stand next.
func isCompletionRequest(cmd *cobra.Command) bool {
	return cmd.Name() == cobra.ShellCompRequestCmd || cmd.Name() == cobra.ShellCompNoDescRequestCmd
}

// completer offers what could stand in one place of the command line.
type completer func(cmd *cobra.Command, args []string, begun string) []cobra.Completion

func (c completer) asked(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var fitting []cobra.Completion
	for _, one := range c(cmd, args, begun) {
		if strings.HasPrefix(one, begun) {
			fitting = append(fitting, one)
		}
	}
	return fitting, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// inOrder offers something else for each argument, and nothing for those beyond.
func inOrder(completers ...completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(completers) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completers[len(args)].asked(cmd, args, begun)
	}
}

// fixed offers the same words always.
func fixed(words ...string) completer {
	return func(*cobra.Command, []string, string) []cobra.Completion { return words }
}

// described offers a value with what it is, on one line.
func described(value, about string) cobra.Completion {
	return cobra.CompletionWithDesc(value, oneLine(about))
}

// argumentCompleters are what commands offer for their arguments, by the command.
func (a *app) argumentCompleters() map[string][]completer {
	mine, waiting, colleagues := a.fromDesk(a.ownConversations), a.fromDesk(a.waitingConversations), a.fromDesk(a.colleagues)
	completers := map[string][]completer{
		"kupla chat":               {a.completeQueues},
		"kupla config get":         {a.completeSettings},
		"kupla config set":         {a.completeSettings},
		"kupla config remove":      {a.completeSettings},
		"kupla config use":         {a.completeServers},
		"kupla conversation start": {a.completeQueues},
		"kupla conversation get":   {mine},
		"kupla conversation send":  {mine},
		"kupla desk availability":  {a.completeAvailabilities},
		"kupla desk close":         {mine},
		"kupla desk invite":        {mine, colleagues},
		"kupla desk note":          {mine},
		"kupla desk notes":         {mine},
		"kupla desk replies":       {a.completeQueues},
		"kupla desk return":        {mine},
		"kupla desk take":          {waiting},
		"kupla desk transfer":      {mine},
		"kupla queues get":         {a.completeQueues},
		"kupla queues pause":       {a.completeQueues},
		"kupla queues resume":      {a.completeQueues},
	}
	for _, name := range []string{"events", "follow", "leave", "read", "typing"} {
		completers["kupla conversation "+name] = []completer{mine}
	}
	return completers
}

// completeCommands lets every command below cmd complete its values: flags by their name, arguments by the
// command.
func (a *app) completeCommands(cmd *cobra.Command, arguments map[string][]completer) {
	flags := map[string]completer{
		"server":       a.completeServers,
		"language":     fixed(string(finnish), string(swedish), string(english)),
		"output":       fixed(outputs...),
		"store":        fixed(tokenStores...),
		"queue":        a.completeQueues,
		"professional": a.fromDesk(a.colleagues),
		"reason":       a.completeCloseReasons,
	}
	register := func(flag *pflag.Flag) {
		if complete, ok := flags[flag.Name]; ok {
			// It fails only where a flag has a completion of its own, which then stands.
			_ = cmd.RegisterFlagCompletionFunc(flag.Name, complete.asked)
		}
	}
	cmd.Flags().VisitAll(register)
	cmd.PersistentFlags().VisitAll(register)
	if complete, ok := arguments[cmd.CommandPath()]; ok && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = inOrder(complete...)
	}
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range cmd.Commands() {
		a.completeCommands(sub, arguments)
	}
}

// completeServers offers the named servers.
func (a *app) completeServers(*cobra.Command, []string, string) []cobra.Completion {
	var servers []cobra.Completion
	for _, name := range a.settings.file.serverNames() {
		servers = append(servers, described(name, a.settings.file.servers[name]))
	}
	return servers
}

// completeSettings offers the settings.
func (a *app) completeSettings(*cobra.Command, []string, string) []cobra.Completion {
	names := slices.Clone(settingNames)
	for _, name := range a.settings.file.serverNames() {
		names = append(names, settingServers+"."+name)
	}
	return names
}

// completeCloseReasons offers why a professional may end a conversation.
func (a *app) completeCloseReasons(*cobra.Command, []string, string) []cobra.Completion {
	return explained(closeReasons, a.texts.CloseReasons)
}

// completeAvailabilities offers what a professional may be.
func (a *app) completeAvailabilities(*cobra.Command, []string, string) []cobra.Completion {
	return explained(availabilities, a.texts.Availabilities)
}

// explained offers the words for the values of an enum, with what each means.
func explained[E comparable](words map[string]E, meanings map[E]string) []cobra.Completion {
	var all []cobra.Completion
	for _, word := range slices.Sorted(maps.Keys(words)) {
		all = append(all, described(word, meanings[words[word]]))
	}
	return all
}

// completeQueues offers the queues of the service.
func (a *app) completeQueues(cmd *cobra.Command, _ []string, _ string) []cobra.Completion {
	client, ctx, done, ok := a.completionClient(cmd)
	if !ok {
		return nil
	}
	defer done()
	res, err := client.QueueService().ListQueues(ctx, &kuplav1.ListQueuesRequest{})
	if err != nil {
		return nil // whoever writes a line is not told about the network in the middle of it
	}
	var queues []cobra.Completion
	for _, queue := range res.GetQueues() {
		queues = append(queues, described(queue.GetQueue().GetId(), in(a.language, queue.GetQueue().GetName())))
	}
	return queues
}

// fromDesk offers something of the desk as it is now.
func (a *app) fromDesk(pick func(*kuplav1.DeskSnapshot) []cobra.Completion) completer {
	return func(cmd *cobra.Command, _ []string, _ string) []cobra.Completion {
		client, ctx, done, ok := a.completionClient(cmd)
		if !ok {
			return nil
		}
		defer done()
		if a.token == "" {
			return nil
		}
		stream, err := client.DeskService().WatchDesk(ctx, &kuplav1.WatchDeskRequest{})
		if err != nil {
			return nil
		}
		defer func() { _ = stream.Close() }()
		frame, err := stream.Receive() // the first is a snapshot
		if err != nil {
			return nil
		}
		return pick(frame.GetSnapshot())
	}
}

// ownConversations offers the conversations on the desk.
func (a *app) ownConversations(desk *kuplav1.DeskSnapshot) []cobra.Completion {
	var conversations []cobra.Completion
	for _, snapshot := range desk.GetConversations() {
		people := a.newPeople("")
		people.learn(snapshot)
		conversations = append(conversations,
			described(snapshot.GetConversation().GetId(), people.customer()+", "+snapshot.GetConversation().GetQueueId()))
	}
	return conversations
}

// waitingConversations offers who waits.
func (a *app) waitingConversations(desk *kuplav1.DeskSnapshot) []cobra.Completion {
	var conversations []cobra.Completion
	for _, waiting := range desk.GetWaiting() {
		for _, one := range waiting.GetEntries() {
			conversations = append(conversations, described(one.GetConversationId(),
				one.GetQueueId()+", "+a.languageName(one.GetLanguage())+", "+a.minutes(time.Since(one.GetArrivalTime().AsTime()))))
		}
	}
	return conversations
}

// colleagues offers whom a conversation may be handed to.
func (a *app) colleagues(desk *kuplav1.DeskSnapshot) []cobra.Completion {
	var colleagues []cobra.Completion
	for _, one := range desk.GetColleagues() {
		colleagues = append(colleagues, described(one.GetId(), one.GetDisplayName()))
	}
	return colleagues
}

// completionClient returns a client for one quick question, and the time that it has. The flags of the line
// that is being written are known by now, so it goes where that line would.
func (a *app) completionClient(cmd *cobra.Command) (*kupla.Client, context.Context, func(), bool) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	server, err := a.resolveServer(a.inEffect(settingServer).value)
	// What another flag says may have passed for the file of settings. No token goes where that file leads.
	misread := cmd.Flag(flagConfig).Value.String() != a.settings.named
	if err != nil || a.settings.err != nil || misread {
		cancel()
		return nil, nil, nil, false
	}
	a.server = server
	if a.token, _, err = a.findToken(ctx); err != nil {
		a.token = "" // a queue can be completed without
	}
	client := kupla.New(a.server, kupla.WithStaffToken(a.token))
	return client, ctx, func() { client.Close(); cancel() }, true
}
