package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// chatOptions are what the person asked for.
type chatOptions struct {
	queueID  string
	name     string
	message  string
	yes      bool
	resume   bool
	another  bool
	file     string
	noSurvey bool
}

func (a *app) chatCommand() *cobra.Command {
	var options chatOptions
	cmd := &cobra.Command{
		Use:                   "chat " + a.texts.WordQueue,
		DisableFlagsInUseLine: true,
		Short:                 a.texts.ChatShort,
		Long:                  a.texts.ChatLong,
		Args:                  func(_ *cobra.Command, args []string) error { return a.atMost(1, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				options.queueID = args[0]
			}
			switch {
			case options.resume && options.another:
				return usageError{a.texts.ResumeWithoutChoice}
			case !options.resume && options.queueID == "":
				return usageError{a.texts.MissingQueue}
			}
			return a.runChat(cmd.Context(), options)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.name, "name", "", a.texts.FlagName)
	flags.StringVar(&options.message, "message", "", a.texts.FlagMessage)
	flags.BoolVar(&options.yes, "yes", false, a.texts.FlagYes)
	flags.BoolVar(&options.resume, "resume", false, a.texts.FlagResume)
	flags.BoolVar(&options.another, "new", false, a.texts.FlagNew)
	flags.StringVar(&options.file, "credentials", "", a.texts.FlagCredentials)
	flags.BoolVar(&options.noSurvey, "no-survey", false, a.texts.FlagSurvey)
	return cmd
}

// chat is a resident's chat.
type chat struct {
	*app
	options chatOptions
	quick   *kupla.Client // for what is waited for
	patient *kupla.Client // for the conversation
	console *console

	file   string // where the state is kept; empty when it cannot be
	noFile error  // why
	queue  *kuplav1.Queue
	names  map[string]string // of queues, by id
	// keep tells that the file is still needed when the program ends.
	keep bool

	conversation *kupla.Conversation
	people       *people
	snapshot     *kuplav1.ConversationSnapshot
	place        string // as it was last told
	connected    bool
	lost         bool // whether the loss of the connection was told
	outage       bool // whether the service said that it is interrupted
	closed       bool // whether the end was told
	caughtUp     bool // whether everything from before has been shown once
	sending      int
	own          []*kuplav1.Event // own messages that may be the ones being sent
	sent         map[int32]bool   // messages sent from here, not yet seen in the log
}

func (a *app) runChat(ctx context.Context, options chatOptions) error {
	c := &chat{app: a, options: options, sent: make(map[int32]bool), names: make(map[string]string)}
	var state *chatState
	var err error
	if options.resume {
		if state, err = c.find(); err != nil {
			return err
		}
		a.server = state.Server // where the conversation is
	}
	c.quick, c.patient = a.quickClient(), a.patientClient()
	defer c.quick.Close()
	defer c.patient.Close()
	if state == nil {
		if err := c.choose(ctx); err != nil {
			return err
		}
	}

	c.console = newConsole(a.stdin, a.stdout, a.env)
	defer c.console.close()
	if state == nil {
		if state = c.prepare(ctx); state == nil {
			return nil
		}
	}
	if err := c.open(ctx, state); err != nil {
		return err
	}
	defer func() {
		if !c.keep && c.file != "" {
			_ = os.Remove(c.file)
		}
	}()
	return c.talk(ctx)
}

// find returns the chat that was left open.
func (c *chat) find() (*chatState, error) {
	var err error
	switch {
	case c.options.file != "":
		c.file = c.options.file
	case c.options.queueID != "":
		c.file, err = c.chatFile(c.options.queueID)
	default:
		c.file, err = c.latestChatFile()
	}
	var state *chatState
	if err == nil {
		state, err = readChat(c.file)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoState) {
		return nil, errors.New(c.texts.NothingToResume)
	}
	if err != nil {
		return nil, errors.New(fill(c.texts.NotResumed, "file", c.file, "error", err))
	}
	return state, nil
}

// choose makes sure that the queue can be joined: it exists, is open, and no conversation in it was left
// open here.
func (c *chat) choose(ctx context.Context) error {
	found, err := c.quick.Queue(ctx, c.options.queueID)
	if err != nil {
		return err
	}
	c.queue = found.GetQueue()
	c.file = c.options.file
	if c.file == "" {
		if c.file, err = c.chatFile(c.queue.GetId()); err != nil {
			c.noFile = err // the chat works all the same; that it cannot be resumed is told when it starts
		}
	}
	if !c.options.another && c.leftOpen(ctx) {
		return errors.New(fill(c.texts.Unfinished, "queue", c.queue.GetId()))
	}

	return c.takesStarts(found)
}

// takesStarts returns why a queue takes no starts now, if it does not.
func (a *app) takesStarts(found *kuplav1.QueueWithStatus) error {
	status := found.GetStatus()
	values := map[string]string{"phone": found.GetQueue().GetPhone()}
	var change string
	if status.GetChangeTime() != nil {
		change = a.moment(status.GetChangeTime().AsTime())
	}
	switch {
	case status.GetState() == kuplav1.QueueState_QUEUE_STATE_CLOSED:
		values["next_opening_time"] = change
		return a.notNow(kuplav1.ErrorReason_ERROR_REASON_QUEUE_CLOSED, values)
	case status.GetState() == kuplav1.QueueState_QUEUE_STATE_PAUSED:
		values["resume_time"] = change
		return a.notNow(kuplav1.ErrorReason_ERROR_REASON_QUEUE_PAUSED, values)
	case status.GetFull():
		return a.tooMuch(kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL, values)
	default:
		return nil
	}
}

// leftOpen reports whether a conversation that is still open was left here.
func (c *chat) leftOpen(ctx context.Context) bool {
	state, err := readChat(c.file)
	if err != nil || state.Server != c.server || state.Credentials == nil {
		return false
	}
	snapshot, err := c.quick.Resume(*state.Credentials).Get(ctx)
	return err == nil && snapshot.GetConversation().GetState() != kuplav1.ConversationState_CONVERSATION_STATE_CLOSED
}

// prepare shows the notice and asks to go on. It returns nil when the person does not want to.
func (c *chat) prepare(ctx context.Context) *chatState {
	c.console.sayAll(
		oneLine(in(c.language, c.queue.GetName())),
		in(c.language, c.queue.GetDescription()),
		in(c.language, c.queue.GetNotice()),
	)
	if c.queue.GetPhone() != "" {
		c.console.tell(c.texts.PhoneInstead, "phone", c.queue.GetPhone())
	}
	if !c.options.yes && !c.agrees(ctx) {
		c.console.say(c.texts.NotStarted)
		return nil
	}
	return &chatState{
		Server:  c.server,
		QueueID: c.queue.GetId(),
		Start: &chatStart{
			RequestID:     uuid.NewString(),
			Language:      c.chatLanguage(),
			DisplayName:   c.options.name,
			Message:       c.options.message,
			NoticeVersion: c.queue.GetNoticeVersion(),
		},
	}
}

// agrees asks whether to go on, until that is answered.
func (c *chat) agrees(ctx context.Context) bool {
	question := c.texts.AskGoOn
	for {
		answer, ok := c.console.ask(ctx, question)
		answer = strings.ToLower(answer)
		switch {
		case !ok, slices.Contains(c.texts.NoWords, answer):
			return false
		case slices.Contains(c.texts.YesWords, answer):
			return true
		}
		question = c.texts.AnswerYesNo
	}
}

// chatLanguage returns the language to chat in: the one that was asked for, or else the one of the interface
// when the queue serves it, or else the first that the queue serves.
func (c *chat) chatLanguage() string {
	served := c.queue.GetLanguages()
	if c.asked || slices.Contains(served, string(c.language)) || len(served) == 0 {
		return string(c.language)
	}
	return served[0]
}

// open starts the conversation, or goes on with it, and keeps what is needed to go on later.
func (c *chat) open(ctx context.Context, state *chatState) error {
	resumed := state.Credentials != nil
	c.save(state)
	for state.Credentials == nil {
		conversation, err := c.quick.Start(ctx, state.startOptions())
		if kupla.ReasonOf(err) == kuplav1.ErrorReason_ERROR_REASON_NOTICE_OUTDATED && c.queue != nil {
			c.forget()
			if state, err = c.showNoticeAgain(ctx); state == nil || err != nil {
				return err
			}
			c.save(state)
			continue
		}
		if err != nil {
			if refused(err) {
				c.forget() // there is nothing to go on with
			}
			return err
		}
		credentials := conversation.Credentials()
		state.Credentials, state.Start = &credentials, nil
	}
	c.save(state)
	c.conversation = c.patient.Resume(*state.Credentials)
	c.people = c.newPeople(state.Credentials.ParticipantID)
	c.keep = true

	c.learnQueues(ctx, state.QueueID)
	if resumed {
		c.console.tell(c.texts.Resuming, "queue", c.queueName(state.QueueID))
	} else {
		c.console.tell(c.texts.Started, "queue", c.queueName(state.QueueID))
		c.console.say(c.texts.MayWriteAlready)
	}
	return nil
}

// refused reports whether it is certain that a start was not carried out, and would not be if repeated.
func refused(err error) bool {
	switch kupla.ReasonOf(err) {
	case kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED:
		return connect.CodeOf(err) == connect.CodeInvalidArgument
	case kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE, kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED,
		kuplav1.ErrorReason_ERROR_REASON_INTERNAL, kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		kuplav1.ErrorReason_ERROR_REASON_OVERLOADED:
		return false
	default:
		return true
	}
}

// showNoticeAgain shows the notice as it is now and asks once more. It returns nil when the person does not
// want to go on.
func (c *chat) showNoticeAgain(ctx context.Context) (*chatState, error) {
	found, err := c.quick.Queue(ctx, c.queue.GetId())
	if err != nil {
		return nil, err
	}
	c.queue = found.GetQueue()
	c.console.say(fillKnown(c.texts.Refusals[kuplav1.ErrorReason_ERROR_REASON_NOTICE_OUTDATED], nil))
	return c.prepare(ctx), nil
}

// save keeps the state, or says once that it cannot be kept.
func (c *chat) save(state *chatState) {
	if c.file != "" {
		if c.noFile = writeChat(c.file, state); c.noFile == nil {
			return
		}
	}
	if c.noFile != nil {
		c.console.tell(c.texts.NoCredentials, "file", cmp.Or(c.file, "~/.local/state/kupla"), "error", c.noFile)
	}
	c.file, c.noFile = "", nil
}

func (c *chat) forget() {
	if c.file != "" {
		_ = os.Remove(c.file)
	}
}

// learnQueues learns the names of the queues, which transfers tell by id, and about the conversation's own
// when it is resumed. Without them the ids are shown.
func (c *chat) learnQueues(ctx context.Context, own string) {
	queues, err := listQueues(ctx, c.quick)
	if err != nil {
		return
	}
	for _, queue := range queues {
		c.names[queue.GetQueue().GetId()] = oneLine(in(c.language, queue.GetQueue().GetName()))
		if c.queue == nil && queue.GetQueue().GetId() == own {
			c.queue = queue.GetQueue()
		}
	}
}

func (c *chat) queueName(id string) string {
	if name := c.names[id]; name != "" {
		return name
	}
	return id
}
