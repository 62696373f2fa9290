package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// For how long a command goes on trying by default. Whoever asks wants to know soon; what is to be changed
// shall outlast a restart of the service.
const (
	askFor    = 2 * time.Second
	changeFor = 10 * time.Second
)

// script is what the commands for scripts share: one run of one of them.
type script struct {
	*app
	retryFor  time.Duration
	dryRun    bool
	requestID string
	// credentials is the file that a customer's conversation is kept in; without one it is a professional's.
	credentials string
}

// command makes a command for scripts. Its texts are found by its path, such as "desk take". words stand for
// its arguments.
func (a *app) command(path, words string, most int, run func(*cobra.Command, []string) error) *cobra.Command {
	name := path[strings.LastIndexByte(path, ' ')+1:]
	return &cobra.Command{
		Use:                   strings.TrimRight(name+" "+words, " "),
		DisableFlagsInUseLine: true,
		Short:                 a.texts.Script.Short[path],
		Long:                  a.texts.Script.Long[path],
		Args:                  func(_ *cobra.Command, args []string) error { return a.atMost(most, args) },
		RunE:                  run,
	}
}

// group makes a command that only holds others.
func (a *app) group(path string, commands ...*cobra.Command) *cobra.Command {
	cmd := a.command(path, "", 0, func(cmd *cobra.Command, _ []string) error { return cmd.Help() })
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{fill(a.texts.UnknownCommand, "command", args[0])}
		}
		return nil
	}
	cmd.AddCommand(commands...)
	return cmd
}

// calls adds the flags of a command that makes calls.
func (s *script) calls(cmd *cobra.Command) *cobra.Command { return s.retries(cmd, askFor) }

func (s *script) retries(cmd *cobra.Command, most time.Duration) *cobra.Command {
	cmd.Flags().DurationVar(&s.retryFor, "retry-for", most, s.texts.Script.Flags["retry-for"])
	return cmd
}

// writes adds the flags of a command that changes something. request is what it sends.
func (s *script) writes(cmd *cobra.Command, request proto.Message) *cobra.Command {
	cmd.Flags().BoolVar(&s.dryRun, "dry-run", false, s.texts.Script.Flags["dry-run"])
	if requestIDField(request) != nil {
		cmd.Flags().StringVar(&s.requestID, "request-id", "", s.texts.Script.Flags["request-id"])
	}
	return s.retries(cmd, changeFor)
}

// ofConversation adds the flag that names whose conversation it is.
func (s *script) ofConversation(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&s.credentials, "credentials-file", "", s.texts.Script.Flags["credentials-file"])
	return cmd
}

// client returns a client that goes on trying for as long as was asked for.
func (s *script) client() *kupla.Client {
	return kupla.New(s.server, kupla.WithStaffToken(s.token), kupla.WithRetry(kupla.RetryPolicy{
		// Once, when that is asked for; 0 would be the default of the client.
		MaxElapsed: max(s.retryFor, time.Nanosecond),
		// A service that does not answer shall not take longer than one that is not there.
		AttemptTimeout: min(max(s.retryFor, askFor), changeFor),
	}))
}

// conversation returns the conversation that a command is about: the one in the credentials file, or the one
// that the argument names and the staff token opens.
func (s *script) conversation(cmd *cobra.Command, args []string) (*kupla.Client, *kupla.Conversation, error) {
	var id string
	if len(args) > 0 {
		id = args[0]
	}
	if s.credentials == "" {
		if id == "" {
			return nil, nil, usageError{s.texts.Script.WhichConversation}
		}
		client := s.client()
		conversation := client.Conversation(id)
		return client, conversation, nil
	}
	state, err := readChat(s.credentials)
	if err != nil {
		return nil, nil, codedError{code: ExitFailed, text: fill(s.texts.Script.NotRead, "file", s.credentials, "error", err)}
	}
	if state.Credentials == nil {
		return nil, nil, codedError{code: ExitFailed, text: fill(s.texts.Script.StartUnfinished, "file", s.credentials)}
	}
	if id != "" && id != state.Credentials.ConversationID {
		return nil, nil, usageError{fill(s.texts.Script.OtherCredentials,
			"file", s.credentials, "conversation", state.Credentials.ConversationID)}
	}
	if cmd.Flags().Changed(settingServer) && s.server != state.Server {
		return nil, nil, usageError{fill(s.texts.Script.OtherServer, "file", s.credentials, "server", state.Server)}
	}
	s.server = state.Server // where the conversation is
	client := s.client()
	conversation := client.Resume(*state.Credentials)
	return client, conversation, nil
}

// requestIDField returns the field that holds the request id, or nil where the contract needs none.
func requestIDField(request proto.Message) protoreflect.FieldDescriptor {
	return request.ProtoReflect().Descriptor().Fields().ByName("request_id")
}

// procedureOf returns the procedure that takes a request, such as "kupla.v1.DeskService/TakeNext".
func procedureOf(request proto.Message) string {
	input := request.ProtoReflect().Descriptor()
	services := input.ParentFile().Services()
	for i := range services.Len() {
		methods := services.Get(i).Methods()
		for j := range methods.Len() {
			if methods.Get(j).Input().FullName() == input.FullName() {
				return string(services.Get(i).FullName()) + "/" + string(methods.Get(j).Name())
			}
		}
	}
	return string(input.FullName())
}

// write is one change: what is sent, how it is checked beforehand, and how the answer reads.
type write[Req, Res proto.Message] struct {
	request Req
	call    func(context.Context, Req) (Res, error)
	// check looks at everything that can be known without changing anything. Only a dry run asks for it.
	check func(context.Context) error
	// words tell the answer to people.
	words func(Res) string
	// done, when given, is called with the answer before it is printed. It may change what is printed.
	done func(Res) error
}

// runWrite makes a change, or tells in a dry run what it would be.
func runWrite[Req, Res proto.Message](ctx context.Context, s *script, client *kupla.Client, w write[Req, Res]) error {
	var id string
	if field := requestIDField(w.request); field != nil {
		if s.requestID == "" {
			s.requestID = newRequestID()
		}
		parsed, err := uuid.Parse(s.requestID)
		if err != nil {
			return usageError{fill(s.texts.Script.BadRequestID, "id", s.requestID)}
		}
		id = parsed.String()
		w.request.ProtoReflect().Set(field, protoreflect.ValueOfString(id))
	}
	if s.dryRun {
		return s.pretend(ctx, w.request, w.check)
	}
	res, err := kupla.Call(ctx, client, w.request, w.call)
	if err != nil {
		if id != "" && (kupla.OutcomeUnknown(err) || connect.CodeOf(err) == connect.CodeInternal) {
			return repeatable{error: err, requestID: id}
		}
		return err
	}
	if w.done != nil {
		if err := w.done(res); err != nil {
			return err
		}
	}
	err = s.print(res, func() string { return w.words(res) })
	if lost, ok := errors.AsType[lostOutput](err); ok {
		// Whoever runs the command must not take the change for one that failed, and make it again.
		shown := codedError{code: ExitFailed, text: fill(s.texts.Script.MadeNotShown, "error", lost.error), cause: err}
		if id == "" {
			return shown
		}
		return repeatable{error: shown, requestID: id, made: true}
	}
	return err
}

// dryRun is what a dry run prints for programs.
type dryRun struct {
	DryRun    bool   `json:"dryRun"`
	Procedure string `json:"procedure"`
	Request   any    `json:"request"`
}

// pretend checks a request and tells that it would be sent. Nothing is.
func (s *script) pretend(ctx context.Context, request proto.Message, check func(context.Context) error) error {
	if err := protovalidate.Validate(request); err != nil {
		return codedError{
			code: ExitInvalid, kind: connect.CodeInvalidArgument, cause: err,
			text: fillKnown(s.texts.Refusals[kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST], nil),
		}
	}
	if check != nil {
		if err := check(ctx); err != nil {
			return err
		}
	}
	request = withoutSecrets(request)
	data, err := line(request)
	if err != nil {
		return err
	}
	return s.printValue(dryRun{true, procedureOf(request), rawJSON(data)}, func() string {
		return fill(s.texts.Script.DryRun, "procedure", procedureOf(request)) + "\n" + fieldsOf(request.ProtoReflect())
	})
}

// withoutSecrets returns a request without what opens something: what a dry run prints may end up in a log.
func withoutSecrets(request proto.Message) proto.Message {
	shown := proto.Clone(request)
	message := shown.ProtoReflect()
	for _, name := range []protoreflect.Name{"feedback_token", "access_token"} {
		if field := message.Descriptor().Fields().ByName(name); field != nil {
			message.Clear(field)
		}
	}
	return shown
}

// fieldsOf lists the fields of a message that are set.
func fieldsOf(message protoreflect.Message) string {
	var pairs []string
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !message.Has(field) || field.IsMap() {
			continue
		}
		value := message.Get(field)
		switch {
		case field.IsList():
			var all []string
			for j := range value.List().Len() {
				all = append(all, value.List().Get(j).String())
			}
			pairs = append(pairs, field.TextName(), strings.Join(all, "\n"))
		case field.Enum() != nil:
			pairs = append(pairs, field.TextName(), string(field.Enum().Values().ByNumber(value.Enum()).Name()))
		default:
			pairs = append(pairs, field.TextName(), fmt.Sprint(value.Interface()))
		}
	}
	return facts(pairs...)
}

// mayNot returns the failure of a check that found, without asking for it, that something would be refused.
func (a *app) mayNot(reason kuplav1.ErrorReason, code int, kind connect.Code, values map[string]string) error {
	return codedError{code: code, kind: kind, reason: reason, text: fillKnown(a.texts.Refusals[reason], values)}
}

// allowed checks, for a dry run, that a conversation is as a change needs it.
func (s *script) allowed(
	ctx context.Context, conversation *kupla.Conversation, wanted kuplav1.Capability,
) (*kuplav1.ConversationSnapshot, error) {
	snapshot, err := conversation.Get(ctx)
	if err != nil {
		return nil, err
	}
	if can(snapshot, wanted) {
		return snapshot, nil
	}
	reason := kuplav1.ErrorReason_ERROR_REASON_NOT_LEADING
	code, kind := ExitPermissionDenied, connect.CodePermissionDenied
	switch snapshot.GetConversation().GetState() {
	case kuplav1.ConversationState_CONVERSATION_STATE_CLOSED:
		reason = kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED
		code, kind = ExitFailedPrecondition, connect.CodeFailedPrecondition
	case kuplav1.ConversationState_CONVERSATION_STATE_WAITING:
		reason = kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_WAITING
		code, kind = ExitFailedPrecondition, connect.CodeFailedPrecondition
	default:
		if wanted == kuplav1.Capability_CAPABILITY_LEAVE {
			reason = kuplav1.ErrorReason_ERROR_REASON_LAST_PROFESSIONAL
			code, kind = ExitFailedPrecondition, connect.CodeFailedPrecondition
		}
	}
	return nil, s.mayNot(reason, code, kind, map[string]string{"conversation_id": conversation.ID()})
}

// atTerminal reports whether somebody sits at a terminal to answer a question.
func (a *app) atTerminal() bool {
	input, ok := a.stdin.(*os.File)
	return ok && term.IsTerminal(int(input.Fd()))
}

// openInput opens a file, or stdin when it is called "-".
func (a *app) openInput(name string) (reader io.Reader, done func(), err error) {
	if name == "-" {
		return a.stdin, func() {}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, codedError{code: ExitFailed, text: fill(a.texts.Script.NotRead, "file", name, "error", err)}
	}
	return file, func() { _ = file.Close() }, nil
}

// notice tells on stderr what became of the connection of something that is followed.
func (a *app) notice(kind, text string) {
	if !a.inJSON() {
		a.complain(text)
		return
	}
	data, err := marshalPlain(struct {
		Notice  string `json:"notice"`
		Message string `json:"message"`
	}{kind, clean(text)})
	if err == nil {
		_, _ = a.stderr.Write(data)
	}
}

// linkTold tells when the connection of something that is followed is lost and found again, and when the service is
// interrupted and when that is over.
type linkTold struct {
	*app
	lost   bool
	outage bool // whether the service said that it is interrupted
}

func (c *linkTold) disconnected() {
	if c.outage {
		return // which is told, and why nothing comes
	}
	if !c.lost {
		c.notice("disconnected", fill(c.texts.NotConnected, "server", c.server))
	}
	c.lost = true
}

func (c *linkTold) outageBegan() {
	c.outage = true
	c.notice("interrupted", c.texts.FollowInterrupted)
}

func (c *linkTold) outageEnded() {
	c.outage = false
	c.notice("restored", c.texts.InterruptionOver)
}

func (c *linkTold) connected() {
	if c.lost {
		c.notice("connected", c.texts.ConnectionBack)
	}
	c.lost = false
}

// notNow, tooMuch and invalid are mayNot for the codes of refusals.
func (a *app) notNow(reason kuplav1.ErrorReason, values map[string]string) error {
	return a.mayNot(reason, ExitFailedPrecondition, connect.CodeFailedPrecondition, values)
}

func (a *app) tooMuch(reason kuplav1.ErrorReason, values map[string]string) error {
	return a.mayNot(reason, ExitTooMuch, connect.CodeResourceExhausted, values)
}

func (a *app) invalid(reason kuplav1.ErrorReason, values map[string]string) error {
	return a.mayNot(reason, ExitInvalid, connect.CodeInvalidArgument, values)
}

// newRequestID returns a request id that nobody has used.
func newRequestID() string { return uuid.NewString() }
