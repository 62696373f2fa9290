package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/spf13/cobra"
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

	file  string // where the state is kept; empty when it cannot be
	queue *kuplav1.Queue
	names map[string]string // of queues, by id
	// keep tells that the file is still needed when the program ends.
	keep bool

	conversation *kupla.Conversation
	people       *people
	snapshot     *kuplav1.ConversationSnapshot
	place        string // as it was last told
	connected    bool
	lost         bool // whether the loss of the connection was told
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
		if state, err = c.prepare(ctx); state == nil || err != nil {
			return err
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
		// Without a place for it the chat works, but cannot be resumed; that is told once it runs.
		c.file, _ = c.chatFile(c.queue.GetId())
	}
	if !c.options.another && c.leftOpen(ctx) {
		return errors.New(fill(c.texts.Unfinished, "queue", c.queue.GetId()))
	}

	status := found.GetStatus()
	values := map[string]string{"phone": c.queue.GetPhone()}
	refused := kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED
	var change string
	if status.GetChangeTime() != nil {
		change = c.moment(status.GetChangeTime().AsTime())
	}
	switch {
	case status.GetState() == kuplav1.QueueState_QUEUE_STATE_CLOSED:
		refused, values["next_opening_time"] = kuplav1.ErrorReason_ERROR_REASON_QUEUE_CLOSED, change
	case status.GetState() == kuplav1.QueueState_QUEUE_STATE_PAUSED:
		refused, values["resume_time"] = kuplav1.ErrorReason_ERROR_REASON_QUEUE_PAUSED, change
	case status.GetFull():
		refused = kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL
	}
	if refused != kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return errors.New(fillKnown(c.texts.Refusals[refused], values))
	}
	return nil
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
func (c *chat) prepare(ctx context.Context) (*chatState, error) {
	c.console.saying(
		oneLine(in(c.language, c.queue.GetName())),
		in(c.language, c.queue.GetDescription()),
		in(c.language, c.queue.GetNotice()),
	)
	if c.queue.GetPhone() != "" {
		c.console.printf(c.texts.PhoneInstead, "phone", c.queue.GetPhone())
	}
	if !c.options.yes && !c.agrees(ctx) {
		c.console.print(c.texts.NotStarted)
		return nil, nil
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
	}, nil
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

// chatLanguage returns the language to chat in: the one of the interface when the queue serves it or when it
// was asked for, and otherwise the first that the queue serves.
func (c *chat) chatLanguage() string {
	served := c.queue.GetLanguages()
	if slices.Contains(served, string(c.language)) || len(served) == 0 {
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
			if state, err = c.showNoticeAgain(ctx); state == nil || err != nil {
				c.forget()
				return err
			}
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
		c.console.printf(c.texts.Resuming, "queue", c.queueName(state.QueueID))
	} else {
		c.console.printf(c.texts.Started, "queue", c.queueName(state.QueueID))
		c.console.print(c.texts.MayWriteAlready)
	}
	return nil
}

// refused reports whether it is certain that a start was not carried out, and would not be if repeated.
func refused(err error) bool {
	switch kupla.ReasonOf(err) {
	case kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED:
		return connect.CodeOf(err) == connect.CodeInvalidArgument
	case kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE, kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED,
		kuplav1.ErrorReason_ERROR_REASON_INTERNAL, kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED:
		return false
	default:
		return true
	}
}

func (c *chat) showNoticeAgain(ctx context.Context) (*chatState, error) {
	found, err := c.quick.Queue(ctx, c.queue.GetId())
	if err != nil {
		return nil, err
	}
	c.queue = found.GetQueue()
	c.console.print(fillKnown(c.texts.Refusals[kuplav1.ErrorReason_ERROR_REASON_NOTICE_OUTDATED], nil))
	state, err := c.prepare(ctx)
	if state != nil {
		c.save(state)
	}
	return state, err
}

// save keeps the state, or says once that it cannot be kept.
func (c *chat) save(state *chatState) {
	if c.file == "" {
		return
	}
	if err := writeChat(c.file, state); err != nil {
		c.console.printf(c.texts.NoCredentials, "file", c.file, "error", err)
		c.file = ""
	}
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

// followed is what a follower handed out.
type followed[U any] struct {
	update U
	err    error
}

// talk is the conversation, from the first line to the survey.
func (c *chat) talk(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	calls, aside := newWorker(running), newCourier(running)
	updates := make(chan followed[kupla.Update])
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(updates)
		for update, err := range c.conversation.Follow(running, kupla.FollowOptions{}) {
			select {
			case updates <- followed[kupla.Update]{update, err}:
			case <-running.Done():
				return
			}
		}
	}()
	defer func() {
		stop()
		<-done
		calls.close()
		aside.close()
	}()

	lines := c.console.input()
	for {
		// Lines wait while a call runs, so that they take effect in order, and until it is known what may be done.
		var next <-chan string
		if !calls.busy && c.snapshot != nil {
			next = lines
		}
		select {
		case told, open := <-updates:
			if !open {
				return c.afterwards(ctx)
			}
			if told.err != nil {
				if ctx.Err() != nil {
					return c.pause()
				}
				// With a refusal the key opens nothing any more.
				c.keep = kupla.ReasonOf(told.err) == kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED
				return told.err
			}
			c.show(told.update, aside)
		case line, open := <-next:
			switch {
			case !open:
				lines = nil // the conversation goes on without further lines
			case strings.TrimSpace(line) == "/quit":
				return c.pause()
			default:
				c.do(line, calls)
			}
		case result := <-calls.results:
			calls.finish(result)
		case <-c.console.keys:
			if can(c.snapshot, kuplav1.Capability_CAPABILITY_SEND_MESSAGE) {
				aside.typing(c.conversation)
			}
		case <-c.console.left:
			return c.pause()
		case <-ctx.Done():
			return c.pause()
		}
	}
}

// pause ends the program but not the conversation.
func (c *chat) pause() error {
	if !c.closed {
		c.console.print(c.texts.LeftOpen)
	}
	return nil
}

// do does what a line says.
func (c *chat) do(line string, calls *worker) {
	text := strings.TrimSpace(line)
	switch {
	case text == "":
	case text == "/help":
		c.console.print(c.texts.ChatHelp)
	case text == "/leave":
		calls.run(func(ctx context.Context) func() {
			_, err := c.conversation.Leave(ctx)
			return func() {
				if err != nil && ctx.Err() == nil {
					c.console.printf(c.texts.LeaveFailed, "reason", c.reason(err))
				}
			}
		})
	case strings.HasPrefix(text, "//"):
		c.send(text[1:], calls)
	case strings.HasPrefix(text, "/"):
		c.console.printf(c.texts.UnknownChatCommand, "command", strings.Fields(text)[0])
	default:
		c.send(text, calls)
	}
}

func (c *chat) send(text string, calls *worker) {
	c.sending++
	calls.run(func(ctx context.Context) func() {
		event, err := c.conversation.Send(ctx, text)
		return func() {
			c.sending--
			if err == nil {
				c.sent[event.GetSequence()] = true
			} else if ctx.Err() == nil {
				c.console.printf(c.texts.NotSent, "reason", c.reason(err))
			}
			c.showOwn()
		}
	})
}

// show tells what happened.
func (c *chat) show(update kupla.Update, aside *courier) {
	switch update.Kind {
	case kupla.UpdateConnected:
		if c.lost {
			c.console.print(c.texts.ConnectionBack)
		}
		c.connected, c.lost = true, false
	case kupla.UpdateDisconnected:
		if !c.lost {
			if c.connected {
				c.console.print(c.texts.ConnectionLost)
			} else {
				c.console.printf(c.texts.NotConnected, "server", c.server)
			}
		}
		c.lost = true
	case kupla.UpdateReset:
		c.console.print(c.texts.StartedOver)
		c.people = c.newPeople(c.people.own)
		c.place, c.closed, c.caughtUp = "", false, false
		clear(c.sent)
	case kupla.UpdateSnapshot:
		c.snapshot = update.Snapshot
		c.people.learn(update.Snapshot)
		if update.Snapshot.GetPlace() != nil {
			c.showPlace(update.Snapshot.GetPlace())
		} else {
			c.place = ""
		}
	case kupla.UpdatePlace:
		c.showPlace(update.Place)
	case kupla.UpdateCaughtUp:
		c.caughtUp = true
	case kupla.UpdateEvent:
		c.showEvent(update.Event)
		if can(c.snapshot, kuplav1.Capability_CAPABILITY_MARK_READ) {
			aside.read(c.conversation, update.Sequence)
		}
	case kupla.UpdateTyping:
		c.console.saying(c.people.types(update.Typing.GetParticipantId()))
	case kupla.UpdatePresence:
		c.console.saying(c.people.comesOrGoes(update.Presence))
	}
}

// showPlace tells the place and the wait, unless nothing has changed that can be seen.
func (c *chat) showPlace(place *kuplav1.Place) {
	var parts []string
	if place.GetPosition() == 1 {
		parts = append(parts, c.texts.PlaceNext)
	} else {
		parts = append(parts, fill(c.texts.Place, "position", place.GetPosition()))
	}
	if wait, known := c.wait(place.GetEstimate()); known {
		parts = append(parts, fill(c.texts.Wait, "wait", wait))
	} else {
		parts = append(parts, fill(c.texts.NoWait, "reason", wait))
	}
	if late := c.texts.BeforeClosing[place.GetEstimate().GetTurnBeforeClosing()]; late != "" {
		parts = append(parts, late)
		if c.queue.GetPhone() != "" {
			parts = append(parts, fill(c.texts.PhoneInstead, "phone", c.queue.GetPhone()))
		}
	}
	text := strings.Join(parts, " ")
	if text == c.place {
		return
	}
	if place.GetMovedBack() {
		c.console.print(c.texts.MovedBack)
	}
	c.place = text
	c.console.print(text)
	if place.GetHeld() && place.GetHoldExpireTime() != nil {
		c.console.printf(c.texts.PlaceHeld, "time", c.moment(place.GetHoldExpireTime().AsTime()))
	}
}

// showEvent tells an event of the log.
func (c *chat) showEvent(event *kuplav1.Event) {
	switch kind := event.GetKind().(type) {
	case *kuplav1.Event_MessagePosted:
		c.people.wrote(event.GetParticipantId())
		if event.GetParticipantId() == c.people.own && c.caughtUp {
			c.own = append(c.own, event)
			c.showOwn()
			return
		}
		c.console.print(c.people.message(event))
	case *kuplav1.Event_ParticipantJoined:
		c.people.joined(event)
		c.place = "" // the wait is over
		if joined := kind.ParticipantJoined.GetParticipant(); joined.GetId() != c.people.own {
			text := c.texts.CanTalkNow
			if kind.ParticipantJoined.GetInviterParticipantId() != "" {
				text = c.texts.JoinedToo
			}
			c.console.printf(text, "name", c.people.name(joined.GetId()))
		}
	case *kuplav1.Event_ParticipantLeft:
		text, ok := c.texts.Left[kind.ParticipantLeft.GetReason()]
		if !ok {
			text = c.texts.Left[kuplav1.LeaveReason_LEAVE_REASON_UNSPECIFIED]
		}
		c.console.printf(text, "name", c.people.name(kind.ParticipantLeft.GetParticipantId()))
	case *kuplav1.Event_Transferred:
		c.place = ""
		if leader := kind.Transferred.GetParticipantId(); leader != "" {
			c.console.printf(c.texts.TransferredToPerson, "name", c.people.name(leader))
		} else {
			c.console.printf(c.texts.TransferredToQueue, "queue", c.queueName(kind.Transferred.GetQueueId()))
		}
	case *kuplav1.Event_ReturnedToQueue:
		c.place = ""
		text, ok := c.texts.Returned[kind.ReturnedToQueue.GetReason()]
		if !ok {
			text = c.texts.Returned[kuplav1.ReturnReason_RETURN_REASON_UNSPECIFIED]
		}
		c.console.print(text)
	case *kuplav1.Event_Closed:
		c.showClosed(kind.Closed.GetReason())
	}
}

func (c *chat) showClosed(reason kuplav1.CloseReason) {
	c.closed = true
	text, ok := c.texts.Closed[reason]
	if !ok {
		text = c.texts.Closed[kuplav1.CloseReason_CLOSE_REASON_UNSPECIFIED]
	}
	if c.queue.GetPhone() != "" && (reason == kuplav1.CloseReason_CLOSE_REASON_NOT_REACHED ||
		reason == kuplav1.CloseReason_CLOSE_REASON_REDIRECTED_TO_PHONE) {
		text += " " + fill(c.texts.PhoneInstead, "phone", c.queue.GetPhone())
	}
	c.console.print(text)
}

// showOwn shows own messages as the log has them, once it is certain which were sent from here. In a terminal
// those stand there already, as they were written; through pipes they complete the record.
func (c *chat) showOwn() {
	for len(c.own) > 0 {
		event := c.own[0]
		here := c.sent[event.GetSequence()]
		if !here && c.sending > 0 {
			return
		}
		delete(c.sent, event.GetSequence())
		c.own = c.own[1:]
		if !here || c.console.editor == nil {
			c.console.print(c.people.message(event))
		}
	}
}

// afterwards asks how it went. The conversation is closed, and nothing needs to be kept any more.
func (c *chat) afterwards(ctx context.Context) error {
	c.keep = false
	if !c.closed {
		c.showClosed(kuplav1.CloseReason_CLOSE_REASON_UNSPECIFIED)
	}
	if c.options.noSurvey {
		return nil
	}
	quick, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	res, err := c.quick.Resume(c.conversation.Credentials()).Survey(quick)
	if err != nil || len(res.GetSurvey().GetQuestions()) == 0 {
		return nil //nolint:nilerr // the conversation went well; that there is no survey is no failure of it
	}
	return c.survey(ctx, res)
}
