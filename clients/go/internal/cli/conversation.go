package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// conversationCommand holds what a script does in a conversation, as a customer or as a professional.
func (a *app) conversationCommand() *cobra.Command {
	return a.group("conversation",
		a.conversationStart(), a.conversationGet(), a.conversationEvents(), a.conversationFollow(),
		a.conversationSend(), a.conversationTyping(), a.conversationRead(), a.conversationLeave())
}

func (a *app) conversationStart() *cobra.Command {
	s := &script{app: a}
	var name, message, chatLanguage, noticeVersion, file string
	cmd := a.command("conversation start", a.texts.WordQueue, 1, func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{a.texts.MissingQueue}
		}
		if message == "-" || file != "" {
			argument := message
			text, err := a.readText(argument, file)
			if err != nil {
				return err
			}
			message = text
		}
		return s.startConversation(cmd.Context(), &kuplav1.StartConversationRequest{
			QueueId: args[0], Language: chatLanguage, DisplayName: name, Message: message, NoticeVersion: noticeVersion,
		})
	})
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", a.texts.FlagName)
	flags.StringVar(&message, "message", "", a.texts.FlagMessage)
	flags.StringVar(&file, "file", "", a.texts.Script.Flags["file"])
	flags.StringVar(&chatLanguage, "chat-language", "", a.texts.Script.Flags["chat-language"])
	flags.StringVar(&noticeVersion, "notice-version", "", a.texts.Script.Flags["notice-version"])
	return s.writes(s.ofConversation(cmd), &kuplav1.StartConversationRequest{})
}

// startConversation starts a conversation, and keeps its key before anything can be lost: first the request
// id, so that the same command repeats a start whose answer never came, then the credentials.
func (s *script) startConversation(ctx context.Context, req *kuplav1.StartConversationRequest) error {
	if req.GetLanguage() == "" {
		req.Language = string(s.language)
	}
	if err := s.rememberStart(req); err != nil {
		return err
	}
	client := s.client()
	defer client.Close()
	kept := s.requestID
	err := runWrite(ctx, s, client, write[*kuplav1.StartConversationRequest, *kuplav1.StartConversationResponse]{
		request: req,
		call:    client.ConversationService().StartConversation,
		check:   func(ctx context.Context) error { return s.checkStart(ctx, client, req) },
		done: func(res *kuplav1.StartConversationResponse) error {
			if s.credentials == "" {
				return nil
			}
			if err := writeChat(s.credentials, &chatState{
				Server: s.server, QueueID: req.GetQueueId(), RequestID: kept,
				Credentials: &kupla.Credentials{
					ConversationID: res.GetConversation().GetId(),
					ParticipantID:  res.GetParticipantId(),
					AccessToken:    kupla.AccessToken(res.GetAccessToken()),
					Cursor:         res.GetCursor(),
				},
			}); err == nil {
				res.AccessToken = "" // it is in the file, and what is printed may end up in a log
			} else {
				// The conversation exists, and what is printed now is all that opens it.
				s.complain(fill(s.texts.Script.NotWritten, "file", s.credentials, "error", err))
			}
			return nil
		},
		words: func(res *kuplav1.StartConversationResponse) string {
			return facts(append(s.conversationPairs(res.GetConversation()),
				s.label("participant"), res.GetParticipantId(),
				s.label("access-token"), res.GetAccessToken(),
				s.label("credentials"), s.credentials)...)
		},
	})
	if err != nil && s.credentials != "" && !s.dryRun && refused(err) && !kupla.OutcomeUnknown(err) {
		s.forgetStart() // there is nothing to repeat
	}
	return err
}

// rememberStart writes a start into the credentials file, or takes up the one that is there unfinished.
func (s *script) rememberStart(req *kuplav1.StartConversationRequest) error {
	if s.requestID == "" {
		s.requestID = newRequestID()
		if state, err := readChat(s.credentials); s.credentials != "" && err == nil && state.Start != nil && s.isStart(state, req) {
			s.requestID = state.Start.RequestID
		}
	}
	if s.credentials == "" {
		return nil
	}
	state, err := readChat(s.credentials)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return codedError{code: ExitFailed, text: fill(s.texts.Script.NotRead, "file", s.credentials, "error", err)}
	case state.Credentials != nil && state.RequestID != s.requestID, state.Start != nil && state.Start.RequestID != s.requestID:
		return codedError{code: ExitFailed, text: fill(s.texts.Script.CredentialsTaken, "file", s.credentials)}
	case state.Start != nil && !s.isStart(state, req):
		// It would be refused, and what was sent before may have been carried out: its key is still to come.
		return codedError{code: ExitFailed, text: fill(s.texts.Script.StartUnfinished, "file", s.credentials)}
	}
	if s.dryRun || err == nil {
		return nil
	}
	err = writeChat(s.credentials, &chatState{Server: s.server, QueueID: req.GetQueueId(), Start: &chatStart{
		RequestID: s.requestID, Language: req.GetLanguage(), DisplayName: req.GetDisplayName(),
		Message: req.GetMessage(), NoticeVersion: req.GetNoticeVersion(),
	}})
	if err != nil {
		return codedError{code: ExitFailed, text: fill(s.texts.Script.NotWritten, "file", s.credentials, "error", err)}
	}
	return nil
}

// isStart reports whether a start that is kept is this one, word for word.
func (s *script) isStart(state *chatState, req *kuplav1.StartConversationRequest) bool {
	return proto.Equal(startRequest(state), withRequestID(req, state.Start.RequestID)) && state.Server == s.server
}

// forgetStart removes a start that was refused, and nothing else.
func (s *script) forgetStart() {
	if state, err := readChat(s.credentials); err == nil && state.Credentials == nil {
		c := &chat{file: s.credentials}
		c.forget()
	}
}

func startRequest(state *chatState) *kuplav1.StartConversationRequest {
	return &kuplav1.StartConversationRequest{
		RequestId: state.Start.RequestID, QueueId: state.QueueID, Language: state.Start.Language,
		DisplayName: state.Start.DisplayName, Message: state.Start.Message, NoticeVersion: state.Start.NoticeVersion,
	}
}

func withRequestID(req *kuplav1.StartConversationRequest, id string) *kuplav1.StartConversationRequest {
	with := proto.CloneOf(req)
	with.RequestId = id
	return with
}

// checkStart tells whether a start would be taken now.
func (s *script) checkStart(ctx context.Context, client *kupla.Client, req *kuplav1.StartConversationRequest) error {
	found, err := client.Queue(ctx, req.GetQueueId())
	if err != nil {
		return err
	}
	if err := s.takesStarts(found); err != nil {
		return err
	}
	queue := found.GetQueue()
	switch {
	case !slices.Contains(queue.GetLanguages(), req.GetLanguage()):
		return s.invalid(kuplav1.ErrorReason_ERROR_REASON_LANGUAGE_NOT_SERVED,
			map[string]string{"languages": strings.Join(queue.GetLanguages(), ", ")})
	case req.GetNoticeVersion() != "" && req.GetNoticeVersion() != queue.GetNoticeVersion():
		return s.notNow(kuplav1.ErrorReason_ERROR_REASON_NOTICE_OUTDATED, nil)
	}
	return nil
}

func (a *app) conversationGet() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("conversation get", s.optionalConversation(), 1, func(cmd *cobra.Command, args []string) error {
		client, conversation, err := s.conversation(cmd, args)
		if err != nil {
			return err
		}
		defer client.Close()
		snapshot, err := conversation.Get(cmd.Context())
		if err != nil {
			return err
		}
		return s.print(&kuplav1.GetConversationResponse{Snapshot: snapshot}, func() string {
			return s.snapshotFacts(snapshot)
		})
	})
	return s.calls(s.ofConversation(cmd))
}

func (a *app) conversationEvents() *cobra.Command {
	s := &script{app: a}
	var file string
	cmd := a.command("conversation events", s.optionalConversation(), 1, func(cmd *cobra.Command, args []string) error {
		client, conversation, err := s.conversation(cmd, args)
		if err != nil {
			return err
		}
		defer client.Close()
		cursor, err := s.openCursor(file, "conversation events", conversation.ID())
		if err != nil {
			return err
		}
		return s.listEvents(cmd.Context(), conversation, cursor)
	})
	cmd.Flags().StringVar(&file, "cursor-file", "", a.texts.Script.Flags["cursor-file"])
	return s.calls(s.ofConversation(cmd))
}

// listEvents prints the events that were not printed before. The cursor is the page that the last of them is
// on, so a long log is not read from the beginning each time.
func (s *script) listEvents(ctx context.Context, conversation *kupla.Conversation, cursor *cursorFile) error {
	lines := s.newEventLines(conversation.ParticipantID())
	if !s.inJSON() {
		snapshot, err := conversation.Get(ctx)
		if err != nil {
			return err
		}
		lines.people.learn(snapshot)
	}
	from := cursor.state()
	found := from.Sequence == 0 // the event that was told last
	told := s.newProgress(s.texts.Settings.EventsSoFar)
	defer told.finish()
	for page, err := range conversation.EventPages(ctx, from.Cursor) {
		if err != nil {
			return err
		}
		for _, event := range page.Events {
			if event.GetSequence() == from.Sequence {
				found = from.EventTime == "" || from.EventTime == eventTime(event)
			}
			if event.GetSequence() <= from.Sequence {
				continue
			}
			if !found {
				return s.cursorPast(cursor)
			}
			cursor.told(event)
			if err := s.print(event, func() string { return lines.event("", event) }); err != nil {
				return err
			}
			if err := cursor.save(page.Token, event.GetSequence(), nil); err != nil {
				return codedError{code: ExitFailed, text: fill(s.texts.Script.NotWritten, "file", cursor.path, "error", err)}
			}
			told.add(1)
		}
	}
	if !found {
		return s.cursorPast(cursor)
	}
	return nil
}

// cursorPast tells that the log is not the one that was listed before: to go on in it would leave out what
// replaced the events that were told.
func (s *script) cursorPast(cursor *cursorFile) error {
	return codedError{code: ExitFailed, text: fill(s.texts.Script.CursorPast,
		"file", cursor.path, "sequence", cursor.saved.Sequence)}
}

func (a *app) conversationFollow() *cobra.Command {
	s := &script{app: a}
	var file string
	var once bool
	cmd := a.command("conversation follow", s.optionalConversation(), 1, func(cmd *cobra.Command, args []string) error {
		client, conversation, err := s.conversation(cmd, args)
		if err != nil {
			return err
		}
		defer client.Close()
		cursor, err := s.openCursor(file, "conversation follow", conversation.ID())
		if err != nil {
			return err
		}
		return s.followConversation(cmd.Context(), conversation, cursor, once)
	})
	cmd.Flags().StringVar(&file, "cursor-file", "", a.texts.Script.Flags["cursor-file"])
	cmd.Flags().BoolVar(&once, "once", false, a.texts.Script.Flags["once"])
	return s.ofConversation(cmd)
}

func (s *script) followConversation(
	ctx context.Context, conversation *kupla.Conversation, cursor *cursorFile, once bool,
) error {
	lines := s.newEventLines(conversation.ParticipantID())
	state := &linkTold{app: s.app}
	from := cursor.state()
	options := kupla.FollowOptions{Cursor: from.Cursor, Sequence: from.Sequence}
	for update, err := range conversation.Follow(ctx, options) {
		if err != nil {
			return s.endOfFollowing(ctx, err)
		}
		switch update.Kind {
		case kupla.UpdateConnected:
			state.connected()
		case kupla.UpdateDisconnected:
			if once {
				return update.Connection.Cause
			}
			state.disconnected()
		case kupla.UpdateInterrupted:
			state.outageBegan()
		case kupla.UpdateRestored:
			state.outageEnded()
		case kupla.UpdateCaughtUp:
			if once {
				return nil
			}
		default:
			if err := s.print(conversationFrame(update), func() string { return lines.update(update) }); err != nil {
				return err
			}
			if err := cursor.save(update.Cursor, update.Sequence, nil); err != nil {
				return codedError{code: ExitFailed, text: fill(s.texts.Script.NotWritten, "file", cursor.path, "error", err)}
			}
		}
	}
	return nil
}

// endOfFollowing returns how a command ends that followed something until err: whoever ends it by a signal
// meant to.
func (s *script) endOfFollowing(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// conversationFrame returns an update as the frame of the contract that it came in.
func conversationFrame(update kupla.Update) *kuplav1.FollowConversationResponse {
	frame := &kuplav1.FollowConversationResponse{Cursor: update.Cursor}
	switch update.Kind {
	case kupla.UpdateReset:
		frame.Frame = &kuplav1.FollowConversationResponse_Reset_{Reset_: update.Reset}
	case kupla.UpdateSnapshot:
		frame.Frame = &kuplav1.FollowConversationResponse_Snapshot{Snapshot: update.Snapshot}
	case kupla.UpdateEvent:
		frame.Frame = &kuplav1.FollowConversationResponse_Events{
			Events: &kuplav1.Events{Events: []*kuplav1.Event{update.Event}},
		}
	case kupla.UpdatePlace:
		frame.Frame = &kuplav1.FollowConversationResponse_Place{Place: update.Place}
	case kupla.UpdateTyping:
		frame.Frame = &kuplav1.FollowConversationResponse_Typing{Typing: update.Typing}
	case kupla.UpdateReadMark:
		frame.Frame = &kuplav1.FollowConversationResponse_ReadMark{ReadMark: update.ReadMark}
	case kupla.UpdatePresence:
		frame.Frame = &kuplav1.FollowConversationResponse_Presence{Presence: update.Presence}
	default: // of a later version, or not of the contract
	}
	return frame
}

func (a *app) conversationSend() *cobra.Command {
	s := &script{app: a}
	var file string
	cmd := a.command("conversation send", s.optionalConversation()+" "+a.texts.Script.WordText, 2,
		func(cmd *cobra.Command, args []string) error {
			args, text, err := s.withText(args, file)
			if err != nil {
				return err
			}
			client, conversation, err := s.conversation(cmd, args)
			if err != nil {
				return err
			}
			defer client.Close()
			return runWrite(cmd.Context(), s, client, write[*kuplav1.SendMessageRequest, *kuplav1.SendMessageResponse]{
				request: &kuplav1.SendMessageRequest{ConversationId: conversation.ID(), Text: text},
				call:    conversation.Service().SendMessage,
				check: func(ctx context.Context) error {
					_, err := s.allowed(ctx, conversation, kuplav1.Capability_CAPABILITY_SEND_MESSAGE)
					return err
				},
				words: func(res *kuplav1.SendMessageResponse) string {
					return facts(
						s.label("conversation"), conversation.ID(),
						s.label("sequence"), strconv.Itoa(int(res.GetEvent().GetSequence())),
						s.label("time"), s.moment(res.GetEvent().GetCreateTime().AsTime()))
				},
			})
		})
	cmd.Flags().StringVar(&file, "file", "", a.texts.Script.Flags["file"])
	return s.writes(s.ofConversation(cmd), &kuplav1.SendMessageRequest{})
}

// withText takes the text off the end of the arguments, unless it is in a file.
func (s *script) withText(args []string, file string) (rest []string, text string, err error) {
	argument := ""
	// What names the conversation comes first, where nothing else names it.
	if named := s.credentials != ""; file == "" && len(args) > 0 && (named || len(args) > 1) {
		args, argument = args[:len(args)-1], args[len(args)-1]
	}
	if file != "" && len(args) > 1 {
		return nil, "", usageError{s.texts.Script.TextTwice}
	}
	text, err = s.readText(argument, file)
	return args, text, err
}

func (a *app) conversationTyping() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("conversation typing", s.optionalConversation(), 1, func(cmd *cobra.Command, args []string) error {
		client, conversation, err := s.conversation(cmd, args)
		if err != nil {
			return err
		}
		defer client.Close()
		return runWrite(cmd.Context(), s, client, write[*kuplav1.SetTypingRequest, *kuplav1.SetTypingResponse]{
			request: &kuplav1.SetTypingRequest{ConversationId: conversation.ID()},
			call:    conversation.Service().SetTyping,
			check: func(ctx context.Context) error {
				_, err := s.allowed(ctx, conversation, kuplav1.Capability_CAPABILITY_SEND_MESSAGE)
				return err
			},
			words: func(*kuplav1.SetTypingResponse) string { return facts(s.label("conversation"), conversation.ID()) },
		})
	})
	return s.writes(s.ofConversation(cmd), &kuplav1.SetTypingRequest{})
}

func (a *app) conversationRead() *cobra.Command {
	s := &script{app: a}
	var sequence int32
	cmd := a.command("conversation read", s.optionalConversation(), 1, func(cmd *cobra.Command, args []string) error {
		client, conversation, err := s.conversation(cmd, args)
		if err != nil {
			return err
		}
		defer client.Close()
		if !cmd.Flags().Changed("sequence") {
			snapshot, err := conversation.Get(cmd.Context())
			if err != nil {
				return err
			}
			sequence = snapshot.GetConversation().GetLastSequence()
		}
		return runWrite(cmd.Context(), s, client, write[*kuplav1.MarkReadRequest, *kuplav1.MarkReadResponse]{
			request: &kuplav1.MarkReadRequest{ConversationId: conversation.ID(), Sequence: sequence},
			call:    conversation.Service().MarkRead,
			check: func(ctx context.Context) error {
				snapshot, err := s.allowed(ctx, conversation, kuplav1.Capability_CAPABILITY_MARK_READ)
				if err == nil && sequence > snapshot.GetConversation().GetLastSequence() {
					err = s.invalid(kuplav1.ErrorReason_ERROR_REASON_SEQUENCE_AHEAD, nil)
				}
				return err
			},
			words: func(res *kuplav1.MarkReadResponse) string {
				return facts(
					s.label("conversation"), conversation.ID(),
					s.label("read"), strconv.Itoa(int(res.GetReadMark().GetSequence())))
			},
		})
	})
	cmd.Flags().Int32Var(&sequence, "sequence", 0, a.texts.Script.Flags["sequence"])
	return s.writes(s.ofConversation(cmd), &kuplav1.MarkReadRequest{})
}

func (a *app) conversationLeave() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("conversation leave", s.optionalConversation(), 1, func(cmd *cobra.Command, args []string) error {
		client, conversation, err := s.conversation(cmd, args)
		if err != nil {
			return err
		}
		defer client.Close()
		return runWrite(cmd.Context(), s, client,
			write[*kuplav1.LeaveConversationRequest, *kuplav1.LeaveConversationResponse]{
				request: &kuplav1.LeaveConversationRequest{ConversationId: conversation.ID()},
				call:    conversation.Service().LeaveConversation,
				check: func(ctx context.Context) error {
					_, err := s.allowed(ctx, conversation, kuplav1.Capability_CAPABILITY_LEAVE)
					return err
				},
				words: func(res *kuplav1.LeaveConversationResponse) string {
					return s.conversationFacts(res.GetConversation())
				},
			})
	})
	return s.writes(s.ofConversation(cmd), &kuplav1.LeaveConversationRequest{})
}

// optionalConversation is how help shows an argument that a credentials file makes needless.
func (s *script) optionalConversation() string { return "[" + s.texts.Script.WordConversation + "]" }

func (s *script) label(name string) string { return s.texts.Script.Labels[name] }

// conversationFacts tells a conversation to people.
func (s *script) conversationFacts(conversation *kuplav1.Conversation) string {
	return facts(s.conversationPairs(conversation)...)
}

// conversationPairs are names and values of what there is to tell of a conversation.
func (s *script) conversationPairs(conversation *kuplav1.Conversation) []string {
	var people []string
	for _, participant := range conversation.GetParticipants() {
		who := s.texts.Professional
		if participant.GetRole() == kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER {
			who = s.texts.Customer
		}
		if participant.GetDisplayName() != "" {
			who += " " + oneLine(participant.GetDisplayName())
		}
		if participant.GetProfessionalId() != "" {
			who += " @" + participant.GetProfessionalId()
		}
		if participant.GetLeaveTime() != nil {
			who += " (" + fill(s.texts.Script.LeftAt, "time", s.moment(participant.GetLeaveTime().AsTime())) + ")"
		}
		people = append(people, who)
	}
	var closed, closedAt string
	if conversation.GetState() == kuplav1.ConversationState_CONVERSATION_STATE_CLOSED {
		closed = s.texts.CloseReasons[conversation.GetCloseReason()]
		closedAt = s.moment(conversation.GetCloseTime().AsTime())
	}
	return []string{
		s.label("conversation"), conversation.GetId(),
		s.label("queue"), conversation.GetQueueId(),
		s.label("state"), s.texts.Script.ConversationStates[conversation.GetState()],
		s.label("language"), s.languageName(conversation.GetLanguage()),
		s.label("arrived"), s.moment(conversation.GetArrivalTime().AsTime()),
		s.label("closed"), closedAt,
		s.label("reason"), closed,
		s.label("participants"), strings.Join(people, "\n"),
		s.label("events"), strconv.Itoa(int(conversation.GetLastSequence())),
	}
}

// snapshotFacts tells how a conversation is now to people.
func (s *script) snapshotFacts(snapshot *kuplav1.ConversationSnapshot) string {
	pairs := s.conversationPairs(snapshot.GetConversation())
	if place := snapshot.GetPlace(); place != nil {
		wait, _ := s.wait(place.GetEstimate())
		pairs = append(pairs, s.label("place"), strconv.Itoa(int(place.GetPosition())), s.label("wait"), wait)
	}
	if snapshot.GetExpireTime() != nil {
		pairs = append(pairs, s.label("expires"), s.moment(snapshot.GetExpireTime().AsTime()))
	}
	return facts(pairs...)
}

// eventLines tells what happens as lines for people.
type eventLines struct {
	*script
	people *people
	state  string
}

func (s *script) newEventLines(own string) *eventLines {
	return &eventLines{script: s, people: s.newPeople(own)}
}

// update returns an update as a line, or nothing when it is no news to a person.
func (l *eventLines) update(update kupla.Update) string {
	switch update.Kind {
	case kupla.UpdateReset:
		return l.texts.StartedOver + "\n"
	case kupla.UpdateSnapshot:
		l.people.learn(update.Snapshot)
		state := l.texts.Script.ConversationStates[update.Snapshot.GetConversation().GetState()]
		if state == l.state {
			return ""
		}
		l.state = state
		return fmt.Sprintf("%s %s\n", update.Snapshot.GetConversation().GetId(), state)
	case kupla.UpdateEvent:
		return l.event("", update.Event)
	case kupla.UpdatePlace:
		return fill(l.texts.Place, "position", update.Place.GetPosition()) + "\n"
	case kupla.UpdateTyping:
		return ended(l.people.types(update.Typing.GetParticipantId()))
	case kupla.UpdatePresence:
		return ended(l.people.comesOrGoes(update.Presence))
	case kupla.UpdateReadMark:
		return fill(l.texts.Script.HasRead, "name", l.people.name(update.ReadMark.GetParticipantId()),
			"sequence", update.ReadMark.GetSequence()) + "\n"
	default:
		return ""
	}
}

// ended ends a line, where there is one.
func ended(text string) string {
	if text == "" {
		return ""
	}
	return text + "\n"
}

// event returns an event as a line: its number, when it happened and what. before stands in front.
func (l *eventLines) event(before string, event *kuplav1.Event) string {
	l.people.joined(event)
	return fmt.Sprintf("%s%4d %s %s\n", before, event.GetSequence(), l.clock(event.GetCreateTime()), l.what(event))
}

func (l *eventLines) what(event *kuplav1.Event) string {
	switch kind := event.GetKind().(type) {
	case *kuplav1.Event_MessagePosted:
		l.people.wrote(event.GetParticipantId())
		return l.people.name(event.GetParticipantId()) + ": " + indented(kind.MessagePosted.GetText())
	case *kuplav1.Event_ParticipantJoined:
		return fill(l.texts.Script.Joined, "name", l.people.name(kind.ParticipantJoined.GetParticipant().GetId()))
	case *kuplav1.Event_ParticipantLeft:
		return fill(l.texts.Left[kind.ParticipantLeft.GetReason()], "name", l.people.name(kind.ParticipantLeft.GetParticipantId()))
	case *kuplav1.Event_Transferred:
		target := kind.Transferred.GetQueueId()
		if kind.Transferred.GetParticipantId() != "" {
			target = l.people.name(kind.Transferred.GetParticipantId())
		}
		return fill(l.texts.Script.HandedOn, "target", target)
	case *kuplav1.Event_ReturnedToQueue:
		return fill(l.texts.Script.WentBack, "queue", kind.ReturnedToQueue.GetQueueId())
	case *kuplav1.Event_Closed:
		return fill(l.texts.Script.ClosedBecause, "reason", l.texts.CloseReasons[kind.Closed.GetReason()])
	default:
		return l.texts.Script.SomethingNew
	}
}
