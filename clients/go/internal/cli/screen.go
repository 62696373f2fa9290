package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/term"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// onTerminal reports whether a person sits at a terminal that can do more than lines.
func onTerminal(stdin io.Reader, stdout io.Writer, env func(string) string) bool {
	input, inOK := stdin.(*os.File)
	output, outOK := stdout.(*os.File)
	return inOK && outOK && env("TERM") != "dumb" &&
		term.IsTerminal(int(input.Fd())) && term.IsTerminal(int(output.Fd()))
}

// deskClient is the service as the screen asks for it. What the person waits for soon fails, so that it never
// takes effect long after they gave it up; messages go on until they are sent. What changes something takes the
// screen's request id, so that the person's trying again is a repeat to the service.
type deskClient struct {
	*kupla.Desk
	quick, patient *kupla.Client
}

// TakeNext takes the next who waits, or returns nil when there is nobody.
func (c deskClient) TakeNext(ctx context.Context, requestID string) (*kuplav1.Conversation, error) {
	req := &kuplav1.TakeNextRequest{RequestId: requestID}
	res, err := kupla.Call(ctx, c.quick, req, c.quick.DeskService().TakeNext)
	return res.GetConversation(), err
}

// Take takes one conversation that waits.
func (c deskClient) Take(ctx context.Context, conversationID, requestID string) (*kuplav1.Conversation, error) {
	req := &kuplav1.TakeConversationRequest{ConversationId: conversationID, RequestId: requestID}
	res, err := kupla.Call(ctx, c.quick, req, c.quick.DeskService().TakeConversation)
	return res.GetConversation(), err
}

// Transfer hands a conversation on.
func (c deskClient) Transfer(ctx context.Context, req *kuplav1.TransferConversationRequest) error {
	_, err := kupla.Call(ctx, c.quick, req, c.quick.DeskService().TransferConversation)
	return err
}

// ReturnToQueue puts a conversation back into its queue.
func (c deskClient) ReturnToQueue(ctx context.Context, conversationID, requestID string) error {
	req := &kuplav1.ReturnToQueueRequest{ConversationId: conversationID, RequestId: requestID}
	_, err := kupla.Call(ctx, c.quick, req, c.quick.DeskService().ReturnToQueue)
	return err
}

// Invite brings a colleague into a conversation.
func (c deskClient) Invite(ctx context.Context, conversationID, requestID, professionalID string) error {
	req := &kuplav1.InviteProfessionalRequest{
		ConversationId: conversationID, RequestId: requestID, ProfessionalId: professionalID,
	}
	_, err := kupla.Call(ctx, c.quick, req, c.quick.DeskService().InviteProfessional)
	return err
}

// Close ends a conversation.
func (c deskClient) Close(ctx context.Context, conversationID, requestID string, reason kuplav1.CloseReason) error {
	req := &kuplav1.CloseConversationRequest{ConversationId: conversationID, RequestId: requestID, Reason: reason}
	_, err := kupla.Call(ctx, c.quick, req, c.quick.DeskService().CloseConversation)
	return err
}

// AddNote adds a note to a conversation that only staff may see.
func (c deskClient) AddNote(ctx context.Context, conversationID, requestID, text string) error {
	req := &kuplav1.AddCaseNoteRequest{ConversationId: conversationID, RequestId: requestID, Text: text}
	_, err := kupla.Call(ctx, c.quick, req, c.quick.DeskService().AddCaseNote)
	return err
}

// Leave leaves a conversation to a colleague.
func (c deskClient) Leave(ctx context.Context, conversationID, requestID string) error {
	req := &kuplav1.LeaveConversationRequest{ConversationId: conversationID, RequestId: requestID}
	_, err := kupla.Call(ctx, c.quick, req, c.quick.ConversationService().LeaveConversation)
	return err
}

// Send sends a message, however long that takes.
func (c deskClient) Send(ctx context.Context, conversationID, requestID, text string) (*kuplav1.Event, error) {
	return c.patient.Conversation(conversationID).SendWithID(ctx, requestID, text)
}

// SetTyping tells that one is typing.
func (c deskClient) SetTyping(ctx context.Context, conversationID string) error {
	return c.patient.Conversation(conversationID).SetTyping(ctx)
}

// MarkRead tells how far one has read.
func (c deskClient) MarkRead(ctx context.Context, conversationID string, sequence int32) error {
	_, err := c.patient.Conversation(conversationID).MarkRead(ctx, sequence)
	return err
}

// runScreen is the desk on a whole screen, until the person quits.
func (a *app) runScreen(ctx context.Context) error {
	quick := a.quickClient()
	defer quick.Close()
	// Whether the service can be reached at all is told before anything else.
	queues, err := listQueues(ctx, quick)
	if err != nil {
		return err
	}
	patient := a.patientClient()
	defer patient.Close()
	running, stop := context.WithCancel(ctx)
	defer stop()

	m := newScreen(running, a, deskClient{quick.Desk(), quick, patient}, queues)
	program := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(a.stdin), tea.WithOutput(a.stdout),
		tea.WithEnvironment(a.terminalEnvironment()), tea.WithoutSignalHandler())
	told := make(chan struct{})
	go func() {
		defer close(told)
		for update, err := range patient.WatchDesk(running, kupla.WatchDeskOptions{}) {
			if running.Err() == nil {
				program.Send(screenTold{update, err})
			}
		}
	}()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for update, err := range patient.WatchQueues(running) {
			if err == nil {
				program.Send(screenQueues{update})
			}
		}
	}()
	_, err = program.Run()
	stop()
	<-told
	<-watched
	if err != nil && (ctx.Err() == nil || !errors.Is(err, tea.ErrProgramKilled)) {
		return fmt.Errorf("the terminal: %w", err)
	}
	if m.openCount() > 0 {
		_, _ = fmt.Fprintln(a.stdout, m.texts.QuitWithConversations)
	}
	return m.failed
}

// terminalEnvironment returns what the environment says about the terminal.
func (a *app) terminalEnvironment() []string {
	var environment []string
	for _, name := range []string{
		"TERM", "COLORTERM", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM_PROGRAM", "TMUX", "STY", "SSH_TTY", "WT_SESSION",
	} {
		if value := a.env(name); value != "" {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}
