package cli

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/reflect/protoreflect"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

var updateCLI = flag.Bool("update-cli", false, "write the tables in docs/cli.md anew")

const cliDocument = "../../../../docs/cli.md"

// commandsOf are the commands for scripts, by the procedure of the contract that they are there for.
// server/e2e runs every one of them against a real server, and looks whether it makes the call.
var commandsOf = map[string][]string{
	"QueueService/ListQueues":                {"queues"},
	"QueueService/GetQueue":                  {"queues get"},
	"QueueService/WatchQueues":               {"queues watch"},
	"ConversationService/StartConversation":  {"conversation start"},
	"ConversationService/GetConversation":    {"conversation get"},
	"ConversationService/FollowConversation": {"conversation follow"},
	"ConversationService/SendMessage":        {"conversation send"},
	"ConversationService/SetTyping":          {"conversation typing"},
	"ConversationService/MarkRead":           {"conversation read"},
	"ConversationService/LeaveConversation":  {"conversation leave"},
	"ConversationService/ListEvents":         {"conversation events"},
	"DeskService/WatchDesk":                  {"desk watch"},
	"DeskService/SetAvailability":            {"desk availability"},
	"DeskService/TakeNext":                   {"desk take"},
	"DeskService/TakeConversation":           {"desk take"},
	"DeskService/TransferConversation":       {"desk transfer"},
	"DeskService/ReturnToQueue":              {"desk return"},
	"DeskService/InviteProfessional":         {"desk invite"},
	"DeskService/CloseConversation":          {"desk close"},
	"DeskService/AddCaseNote":                {"desk note"},
	"DeskService/ListCaseNotes":              {"desk notes"},
	"DeskService/ListCannedReplies":          {"desk replies"},
	"DeskService/PauseQueue":                 {"queues pause"},
	"DeskService/ResumeQueue":                {"queues resume"},
	"FeedbackService/GetSurvey":              {"feedback survey"},
	"FeedbackService/SubmitFeedback":         {"feedback submit"},
	"FeedbackService/SummarizeFeedback":      {"feedback summary"},
	"CatalogueService/ApplyCatalogue":        {"catalogue apply", "catalogue validate", "catalogue diff"},
	"CatalogueService/ExportCatalogue":       {"catalogue export"},
}

// contract returns every procedure of the contract, and what it takes.
func contract() map[string]protoreflect.MessageDescriptor {
	all := make(map[string]protoreflect.MessageDescriptor)
	for _, file := range []protoreflect.FileDescriptor{
		kuplav1.File_kupla_v1_queue_service_proto, kuplav1.File_kupla_v1_conversation_service_proto,
		kuplav1.File_kupla_v1_desk_service_proto, kuplav1.File_kupla_v1_feedback_service_proto,
		kuplav1.File_kupla_v1_catalogue_service_proto,
	} {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				all[string(service.Name())+"/"+string(method.Name())] = method.Input()
			}
		}
	}
	return all
}

// rootIn returns the whole command in a language.
func rootIn(l language) *cobra.Command {
	a := &app{
		stdout: new(bytes.Buffer), stderr: new(bytes.Buffer), stdin: strings.NewReader(""),
		env: func(string) string { return "" }, zone: helsinki(),
	}
	args := []string{"--language", string(l)}
	a.loadSettings(args)
	a.chooseLanguage(args)
	return a.rootCommand()
}

// find returns the command with a path, or nil.
func find(root *cobra.Command, path string) *cobra.Command {
	found, rest, err := root.Find(strings.Fields(path))
	if err != nil || len(rest) > 0 || found.CommandPath() != "kupla "+path {
		return nil
	}
	return found
}

// Every call of the contract has a command, which lets its request id be chosen and shows beforehand what it
// would change.
func TestEveryProcedureHasACommand(t *testing.T) {
	root := rootIn(english)
	all := contract()
	if len(all) < 29 {
		t.Errorf("the contract has %d procedures; this test does not see all of them", len(all))
	}
	for procedure, input := range all {
		paths := commandsOf[procedure]
		if len(paths) == 0 {
			t.Errorf("%s has no command", procedure)
		}
		for _, path := range paths {
			cmd := find(root, path)
			switch {
			case cmd == nil:
				t.Errorf("%s: there is no command %s", procedure, path)
			case path == "catalogue validate", path == "catalogue diff": // these change nothing
			case input.Fields().ByName("request_id") != nil && cmd.Flags().Lookup("request-id") == nil:
				t.Errorf("%s: %s has no --request-id", procedure, path)
			case input.Fields().ByName("request_id") != nil && cmd.Flags().Lookup("dry-run") == nil:
				t.Errorf("%s: %s has no --dry-run", procedure, path)
			}
		}
	}
	for procedure := range commandsOf {
		if all[procedure] == nil {
			t.Errorf("there is no procedure %s", procedure)
		}
	}
}

// Help says something of every command and every flag, in every language.
func TestEveryCommandIsExplained(t *testing.T) {
	for _, l := range []language{finnish, swedish, english} {
		var walk func(cmd *cobra.Command)
		walk = func(cmd *cobra.Command) {
			if cmd.Hidden {
				return
			}
			if cmd.HasParent() && cmd.Short == "" {
				t.Errorf("%s: %s is not explained", l, cmd.CommandPath())
			}
			cmd.Flags().VisitAll(func(flag *pflag.Flag) {
				if flag.Usage == "" && !flag.Hidden {
					t.Errorf("%s: %s --%s is not explained", l, cmd.CommandPath(), flag.Name)
				}
			})
			for _, sub := range cmd.Commands() {
				walk(sub)
			}
		}
		walk(rootIn(l))
		texts := textsIn(l).Script
		for _, code := range exitCodes {
			if texts.ExitCodes[code] == "" {
				t.Errorf("%s: the exit code %d is not explained", l, code)
			}
		}
	}
}

// Every error code and every reason for an end has an exit code, and every exit code of a failure is one that
// is listed.
func TestExitCodes(t *testing.T) {
	if !slices.IsSorted(exitCodes) || len(slices.Compact(slices.Clone(exitCodes))) != len(exitCodes) {
		t.Errorf("the exit codes are not in order: %v", exitCodes)
	}
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		exit, ok := exitCodesOf[code]
		if !ok || !slices.Contains(exitCodes, exit) || exit == ExitOK {
			t.Errorf("%s has the exit code %d", code, exit)
		}
	}
	reasons := kuplav1.GoAwayReason(0).Descriptor().Values()
	for i := range reasons.Len() {
		if _, ok := exitCodesOfGoAway[kuplav1.GoAwayReason(reasons.Get(i).Number())]; !ok {
			t.Errorf("%s has no exit code", reasons.Get(i).Name())
		}
	}
}

// docs/cli.md lists the commands, the calls they make and the exit codes as they are.
func TestCommandLineDocument(t *testing.T) {
	data, err := os.ReadFile(cliDocument)
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	for name, text := range map[string]string{"commands": commandTable(t), "exit codes": exitCodeDocument()} {
		start, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		before, rest, ok := strings.Cut(want, start)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("docs/cli.md has no place for the %s", name)
		}
		want = before + start + text + end + after
	}
	if *updateCLI {
		if err := os.WriteFile(cliDocument, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("docs/cli.md is not up to date (+ is what it says); run: go test ./clients/go/internal/cli -run TestCommandLineDocument -update-cli\n%s", diff)
	}
}

// commandTable lists the commands for scripts in the order of help.
func commandTable(t *testing.T) string {
	t.Helper()
	calls := make(map[string][]string)
	for _, procedure := range slices.Sorted(maps.Keys(commandsOf)) {
		for _, path := range commandsOf[procedure] {
			calls[path] = append(calls[path], "`"+procedure+"`")
		}
	}
	root := rootIn(english)
	var text strings.Builder
	text.WriteString("| command | call | what it does |\n|---|---|---|\n")
	for _, path := range slices.Sorted(maps.Keys(calls)) {
		cmd := find(root, path)
		if cmd == nil {
			t.Fatalf("there is no command %s", path)
		}
		use := strings.ReplaceAll(cmd.UseLine(), "|", "\\|")
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", use, strings.Join(calls[path], ", "), cmd.Short)
	}
	return text.String()
}

// exitCodeDocument lists the exit codes, and the error codes of the service that make them.
func exitCodeDocument() string {
	names := make(map[int][]string)
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		names[exitCodesOf[code]] = append(names[exitCodesOf[code]], "`"+code.String()+"`")
	}
	names[ExitAlreadyTaken] = []string{"`failed_precondition` with the reason `ALREADY_TAKEN`"}
	names[ExitUnknownOutcome] = []string{"those of 3, 5, 6 and 14, when a change may have been made"}
	var text strings.Builder
	text.WriteString("| code | meaning | errors of the service |\n|---|---|---|\n")
	for _, code := range exitCodes {
		fmt.Fprintf(&text, "| %s | %s | %s |\n",
			strconv.Itoa(code), textsIn(english).Script.ExitCodes[code], strings.Join(names[code], ", "))
	}
	return text.String()
}
