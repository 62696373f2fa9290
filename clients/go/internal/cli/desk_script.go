package cli

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"
	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// deskScripts are what a script does at a professional's desk. "kupla desk" without any of them is the desk
// for a person.
func (a *app) deskScripts() []*cobra.Command {
	return []*cobra.Command{
		a.deskTake(), a.deskTransfer(), a.deskReturn(), a.deskInvite(), a.deskClose(),
		a.deskNote(), a.deskNotes(), a.deskReplies(), a.deskWatch(), a.deskAvailability(),
	}
}

// deskConversation makes the client of a change to the conversation that the argument names.
func (s *script) deskConversation(args []string) (*kupla.Client, *kupla.Conversation, error) {
	if len(args) == 0 {
		return nil, nil, usageError{s.texts.Script.WhichConversation}
	}
	client := s.client()
	conversation := client.Conversation(args[0])
	return client, conversation, nil
}

func (a *app) deskTake() *cobra.Command {
	s := &script{app: a}
	var queues []string
	cmd := a.command("desk take", s.optionalConversation(), 1, func(cmd *cobra.Command, args []string) error {
		client := s.client()
		defer client.Close()
		if len(args) == 0 {
			return s.takeNext(cmd.Context(), client, queues)
		}
		if len(queues) > 0 {
			return usageError{a.texts.Script.QueueOrConversation}
		}
		conversation := client.Conversation(args[0])
		return runWrite(cmd.Context(), s, client,
			write[*kuplav1.TakeConversationRequest, *kuplav1.TakeConversationResponse]{
				request: &kuplav1.TakeConversationRequest{ConversationId: args[0]},
				call:    client.DeskService().TakeConversation,
				check:   func(ctx context.Context) error { return s.checkTake(ctx, client, conversation) },
				words: func(res *kuplav1.TakeConversationResponse) string {
					return s.conversationFacts(res.GetConversation())
				},
			})
	})
	cmd.Flags().StringArrayVar(&queues, "queue", nil, a.texts.Script.Flags["queue"])
	return s.writes(cmd, &kuplav1.TakeNextRequest{})
}

func (s *script) takeNext(ctx context.Context, client *kupla.Client, queues []string) error {
	nobody := codedError{code: ExitNobodyWaiting, text: s.texts.Script.NobodyWaiting}
	taken := false
	err := runWrite(ctx, s, client, write[*kuplav1.TakeNextRequest, *kuplav1.TakeNextResponse]{
		request: &kuplav1.TakeNextRequest{QueueIds: queues},
		call:    client.DeskService().TakeNext,
		check: func(ctx context.Context) error {
			desk, err := s.desk(ctx, client)
			if err != nil {
				return err
			}
			for _, waiting := range desk.GetWaiting() {
				if len(queues) > 0 && !slices.Contains(queues, waiting.GetQueueId()) {
					continue
				}
				for _, entry := range waiting.GetEntries() {
					if entry.GetPresent() && slices.Contains(desk.GetProfessional().GetLanguages(), entry.GetLanguage()) {
						return nil
					}
				}
			}
			return nobody
		},
		done: func(res *kuplav1.TakeNextResponse) error {
			taken = res.GetConversation() != nil
			return nil
		},
		words: func(res *kuplav1.TakeNextResponse) string {
			if !taken {
				return "" // told on stderr
			}
			return s.conversationFacts(res.GetConversation())
		},
	})
	if err == nil && !taken && !s.dryRun {
		return nobody
	}
	return err
}

// desk returns how the desk is now.
func (s *script) desk(ctx context.Context, client *kupla.Client) (*kuplav1.DeskSnapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, max(s.retryFor, changeFor))
	defer cancel()
	for update, err := range client.WatchDesk(ctx, kupla.WatchDeskOptions{}) {
		switch {
		case err != nil:
			return nil, err
		case update.Kind == kupla.DeskDisconnected:
			return nil, update.Connection.Cause
		case update.Kind == kupla.DeskSnapshot:
			return update.Snapshot, nil
		}
	}
	return nil, ctx.Err()
}

// checkTake tells whether a conversation could be taken now.
func (s *script) checkTake(ctx context.Context, client *kupla.Client, conversation *kupla.Conversation) error {
	desk, err := s.desk(ctx, client)
	if err != nil {
		return err
	}
	for _, waiting := range desk.GetWaiting() {
		for _, entry := range waiting.GetEntries() {
			if entry.GetConversationId() == conversation.ID() {
				return nil
			}
		}
	}
	snapshot, err := conversation.Get(ctx)
	switch {
	case err != nil:
		return err
	case snapshot.GetConversation().GetState() == kuplav1.ConversationState_CONVERSATION_STATE_CLOSED:
		return s.notNow(kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED, nil)
	default:
		return s.notNow(kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_ACTIVE, nil)
	}
}

func (a *app) deskTransfer() *cobra.Command {
	s := &script{app: a}
	var queue, professional, note string
	var agreed bool
	cmd := a.command("desk transfer", a.texts.Script.WordConversation, 1, func(cmd *cobra.Command, args []string) error {
		if (queue == "") == (professional == "") {
			return usageError{a.texts.Script.WhereTo}
		}
		client, conversation, err := s.deskConversation(args)
		if err != nil {
			return err
		}
		defer client.Close()
		req := &kuplav1.TransferConversationRequest{ConversationId: conversation.ID(), Note: note, CustomerAgreed: agreed}
		if queue != "" {
			req.Target = &kuplav1.TransferConversationRequest_QueueId{QueueId: queue}
		} else {
			req.Target = &kuplav1.TransferConversationRequest_ProfessionalId{ProfessionalId: strings.TrimPrefix(professional, "@")}
		}
		return runWrite(cmd.Context(), s, client,
			write[*kuplav1.TransferConversationRequest, *kuplav1.TransferConversationResponse]{
				request: req,
				call:    client.DeskService().TransferConversation,
				check:   func(ctx context.Context) error { return s.checkTransfer(ctx, client, conversation, req) },
				words: func(res *kuplav1.TransferConversationResponse) string {
					return s.conversationFacts(res.GetConversation())
				},
			})
	})
	flags := cmd.Flags()
	flags.StringVar(&queue, "queue", "", a.texts.Script.Flags["to-queue"])
	flags.StringVar(&professional, "professional", "", a.texts.Script.Flags["professional"])
	flags.StringVar(&note, "note", "", a.texts.Script.Flags["note"])
	flags.BoolVar(&agreed, "agreed", false, a.texts.Script.Flags["agreed"])
	return s.writes(cmd, &kuplav1.TransferConversationRequest{})
}

// checkTransfer tells whether a conversation could be handed on, as far as a professional can know.
func (s *script) checkTransfer(
	ctx context.Context, client *kupla.Client, conversation *kupla.Conversation, req *kuplav1.TransferConversationRequest,
) error {
	snapshot, err := s.allowed(ctx, conversation, kuplav1.Capability_CAPABILITY_TRANSFER)
	if err != nil {
		return err
	}
	if req.GetProfessionalId() != "" {
		return s.checkColleague(ctx, client, req.GetProfessionalId())
	}
	if _, err := client.Queue(ctx, req.GetQueueId()); err != nil {
		return err
	}
	own, err := client.Queue(ctx, snapshot.GetConversation().GetQueueId())
	if err == nil && !slices.Contains(own.GetQueue().GetTransferQueueIds(), req.GetQueueId()) {
		return s.notNow(kuplav1.ErrorReason_ERROR_REASON_TRANSFER_NOT_ALLOWED, nil)
	}
	return err
}

// checkColleague tells whether there is such a colleague.
func (s *script) checkColleague(ctx context.Context, client *kupla.Client, id string) error {
	desk, err := s.desk(ctx, client)
	if err != nil {
		return err
	}
	for _, colleague := range desk.GetColleagues() {
		if colleague.GetId() == id {
			return nil
		}
	}
	return s.mayNot(kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND, ExitNotFound, connect.CodeNotFound, nil)
}

func (a *app) deskReturn() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("desk return", a.texts.Script.WordConversation, 1, func(cmd *cobra.Command, args []string) error {
		client, conversation, err := s.deskConversation(args)
		if err != nil {
			return err
		}
		defer client.Close()
		return runWrite(cmd.Context(), s, client, write[*kuplav1.ReturnToQueueRequest, *kuplav1.ReturnToQueueResponse]{
			request: &kuplav1.ReturnToQueueRequest{ConversationId: conversation.ID()},
			call:    client.DeskService().ReturnToQueue,
			check: func(ctx context.Context) error {
				_, err := s.allowed(ctx, conversation, kuplav1.Capability_CAPABILITY_RETURN_TO_QUEUE)
				return err
			},
			words: func(res *kuplav1.ReturnToQueueResponse) string { return s.conversationFacts(res.GetConversation()) },
		})
	})
	return s.writes(cmd, &kuplav1.ReturnToQueueRequest{})
}

func (a *app) deskInvite() *cobra.Command {
	s := &script{app: a}
	words := a.texts.Script.WordConversation + " " + a.texts.Script.WordProfessional
	cmd := a.command("desk invite", words, 2, func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return usageError{a.texts.Script.WhichProfessional}
		}
		client, conversation, err := s.deskConversation(args)
		if err != nil {
			return err
		}
		defer client.Close()
		colleague := strings.TrimPrefix(args[1], "@")
		return runWrite(cmd.Context(), s, client,
			write[*kuplav1.InviteProfessionalRequest, *kuplav1.InviteProfessionalResponse]{
				request: &kuplav1.InviteProfessionalRequest{ConversationId: conversation.ID(), ProfessionalId: colleague},
				call:    client.DeskService().InviteProfessional,
				check: func(ctx context.Context) error {
					if _, err := s.allowed(ctx, conversation, kuplav1.Capability_CAPABILITY_INVITE_PROFESSIONAL); err != nil {
						return err
					}
					return s.checkColleague(ctx, client, colleague)
				},
				words: func(res *kuplav1.InviteProfessionalResponse) string {
					return s.conversationFacts(res.GetConversation())
				},
			})
	})
	return s.writes(cmd, &kuplav1.InviteProfessionalRequest{})
}

// closeReasons are why a professional may end a conversation, by the word for it.
var closeReasons = map[string]kuplav1.CloseReason{
	"completed": kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
	"phone":     kuplav1.CloseReason_CLOSE_REASON_REDIRECTED_TO_PHONE,
	"ended":     kuplav1.CloseReason_CLOSE_REASON_ENDED_BY_STAFF,
}

func (a *app) deskClose() *cobra.Command {
	s := &script{app: a}
	var reason string
	cmd := a.command("desk close", a.texts.Script.WordConversation, 1, func(cmd *cobra.Command, args []string) error {
		why, known := closeReasons[reason]
		if !known {
			return usageError{fill(a.texts.BadFlag, "flag", "--reason")}
		}
		client, conversation, err := s.deskConversation(args)
		if err != nil {
			return err
		}
		defer client.Close()
		return runWrite(cmd.Context(), s, client,
			write[*kuplav1.CloseConversationRequest, *kuplav1.CloseConversationResponse]{
				request: &kuplav1.CloseConversationRequest{ConversationId: conversation.ID(), Reason: why},
				call:    client.DeskService().CloseConversation,
				check: func(ctx context.Context) error {
					_, err := s.allowed(ctx, conversation, kuplav1.Capability_CAPABILITY_CLOSE)
					return err
				},
				words: func(res *kuplav1.CloseConversationResponse) string {
					return s.conversationFacts(res.GetConversation())
				},
			})
	})
	cmd.Flags().StringVar(&reason, "reason", "completed", a.texts.Script.Flags["reason"])
	return s.writes(cmd, &kuplav1.CloseConversationRequest{})
}

func (a *app) deskNote() *cobra.Command {
	s := &script{app: a}
	var file string
	words := a.texts.Script.WordConversation + " " + a.texts.Script.WordText
	cmd := a.command("desk note", words, 2, func(cmd *cobra.Command, args []string) error {
		args, text, err := s.withText(args, file)
		if err != nil {
			return err
		}
		client, conversation, err := s.deskConversation(args)
		if err != nil {
			return err
		}
		defer client.Close()
		return runWrite(cmd.Context(), s, client, write[*kuplav1.AddCaseNoteRequest, *kuplav1.AddCaseNoteResponse]{
			request: &kuplav1.AddCaseNoteRequest{ConversationId: conversation.ID(), Text: text},
			call:    client.DeskService().AddCaseNote,
			check: func(ctx context.Context) error {
				_, err := s.allowed(ctx, conversation, kuplav1.Capability_CAPABILITY_CASE_NOTES)
				return err
			},
			words: func(res *kuplav1.AddCaseNoteResponse) string {
				note := res.GetCaseNote()
				return facts(s.label("conversation"), note.GetConversationId(), s.label("note"), note.GetId(),
					s.label("time"), s.moment(note.GetCreateTime().AsTime()))
			},
		})
	})
	cmd.Flags().StringVar(&file, "file", "", a.texts.Script.Flags["file"])
	return s.writes(cmd, &kuplav1.AddCaseNoteRequest{})
}

func (a *app) deskNotes() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("desk notes", a.texts.Script.WordConversation, 1, func(cmd *cobra.Command, args []string) error {
		client, conversation, err := s.deskConversation(args)
		if err != nil {
			return err
		}
		defer client.Close()
		rows := s.header("time", "writer", "text")
		for note, err := range client.Desk().Notes(cmd.Context(), conversation.ID()) {
			if err != nil {
				return err
			}
			rows.add(s.moment(note.GetCreateTime().AsTime()), note.GetDisplayName(), note.GetText())
			if err := rows.item(note); err != nil {
				return err
			}
		}
		return rows.end()
	})
	return s.calls(cmd)
}

func (a *app) deskReplies() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("desk replies", "["+a.texts.WordQueue+"]", 1, func(cmd *cobra.Command, args []string) error {
		client := s.client()
		defer client.Close()
		rows := s.header("reply", "title", "text")
		for reply, err := range client.Desk().CannedReplies(cmd.Context(), strings.Join(args, "")) {
			if err != nil {
				return err
			}
			rows.add(reply.GetId(), in(s.language, reply.GetTitle()), shortened(oneLine(in(s.language, reply.GetText())), 80))
			if err := rows.item(reply); err != nil {
				return err
			}
		}
		return rows.end()
	})
	return s.calls(cmd)
}

// availabilities are what a professional may be, by the word for it.
var availabilities = map[string]kuplav1.Availability{
	"available": kuplav1.Availability_AVAILABILITY_AVAILABLE,
	"phone":     kuplav1.Availability_AVAILABILITY_ON_PHONE,
	"away":      kuplav1.Availability_AVAILABILITY_AWAY,
}

func (a *app) deskAvailability() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("desk availability", "available|phone|away", 1, func(cmd *cobra.Command, args []string) error {
		availability, known := availabilities[strings.Join(args, "")]
		if !known {
			return usageError{a.texts.Script.WhichAvailability}
		}
		client := s.client()
		defer client.Close()
		return runWrite(cmd.Context(), s, client, write[*kuplav1.SetAvailabilityRequest, *kuplav1.SetAvailabilityResponse]{
			request: &kuplav1.SetAvailabilityRequest{Availability: availability},
			call:    client.DeskService().SetAvailability,
			check: func(ctx context.Context) error {
				// Whether the token is a professional's. This is for them only, and opens no stream.
				_, err := kupla.Call(ctx, client, &kuplav1.ListCannedRepliesRequest{PageSize: 1},
					client.DeskService().ListCannedReplies)
				return err
			},
			words: func(res *kuplav1.SetAvailabilityResponse) string {
				one := res.GetProfessional()
				return facts(s.label("professional"), one.GetDisplayName()+" @"+one.GetId(),
					s.label("availability"), s.texts.Availabilities[one.GetAvailability()],
					s.label("conversations"), strconv.Itoa(int(one.GetConversationCount()))+" / "+strconv.Itoa(int(one.GetCapacity())))
			},
		})
	})
	return s.writes(cmd, &kuplav1.SetAvailabilityRequest{})
}

func (a *app) deskWatch() *cobra.Command {
	s := &script{app: a}
	var file string
	var once bool
	cmd := a.command("desk watch", "", 0, func(cmd *cobra.Command, _ []string) error {
		cursor, err := s.openCursor(file, "desk watch", "")
		if err != nil {
			return err
		}
		client := s.client()
		defer client.Close()
		return s.watchDesk(cmd.Context(), client, cursor, once)
	})
	cmd.Flags().StringVar(&file, "cursor-file", "", a.texts.Script.Flags["cursor-file"])
	cmd.Flags().BoolVar(&once, "once", false, a.texts.Script.Flags["once"])
	return cmd
}

func (s *script) watchDesk(ctx context.Context, client *kupla.Client, cursor *cursorFile, once bool) error {
	lines := &deskLines{script: s, conversations: make(map[string]*eventLines)}
	state := &linkTold{app: s.app}
	from := cursor.state()
	position := make(map[string]int32)
	options := kupla.WatchDeskOptions{Cursor: from.Cursor}
	if from.Cursor != "" {
		maps.Copy(position, from.Sequences)
		options.Sequences = position
	}
	for update, err := range client.WatchDesk(ctx, options) {
		if err != nil {
			return s.endOfFollowing(ctx, err)
		}
		switch update.Kind {
		case kupla.DeskConnected:
			state.connected()
		case kupla.DeskDisconnected:
			if once {
				return update.Connection.Cause // whoever asks once wants to know now
			}
			state.disconnected()
		case kupla.DeskInterrupted:
			state.outageBegan()
		case kupla.DeskRestored:
			state.outageEnded()
		case kupla.DeskCaughtUp:
			if once {
				return nil
			}
		default:
			if update.Kind == kupla.DeskSnapshot {
				if err := s.ofDesk(cursor, update.Snapshot.GetProfessional().GetId()); err != nil {
					return err
				}
			}
			if err := s.print(deskFrame(update), func() string { return lines.update(update) }); err != nil {
				return err
			}
			moveDesk(position, update)
			if err := cursor.save(update.Cursor, 0, position); err != nil {
				return codedError{code: ExitFailed, text: fill(s.texts.Script.NotWritten, "file", cursor.path, "error", err)}
			}
		}
	}
	return nil
}

// moveDesk notes how far each conversation on a desk has come.
func moveDesk(position map[string]int32, update kupla.DeskUpdate) {
	known := func(id string) {
		if _, ok := position[id]; !ok {
			position[id] = 0
		}
	}
	switch update.Kind {
	case kupla.DeskReset:
		clear(position)
	case kupla.DeskSnapshot:
		for _, conversation := range update.Snapshot.GetConversations() {
			known(conversation.GetConversation().GetId())
		}
	case kupla.DeskConversationAdded:
		known(update.ConversationID)
	case kupla.DeskConversationRemoved:
		delete(position, update.ConversationID)
	case kupla.DeskEvent:
		position[update.ConversationID] = update.Event.GetSequence()
	default: // moves nothing
	}
}

// deskFrame returns an update as the frame of the contract that it came in.
func deskFrame(update kupla.DeskUpdate) *kuplav1.WatchDeskResponse {
	frame := &kuplav1.WatchDeskResponse{Cursor: update.Cursor}
	switch update.Kind {
	case kupla.DeskReset:
		frame.Frame = &kuplav1.WatchDeskResponse_Reset_{Reset_: update.Reset}
	case kupla.DeskSnapshot:
		frame.Frame = &kuplav1.WatchDeskResponse_Snapshot{Snapshot: update.Snapshot}
	case kupla.DeskEvent:
		frame.Frame = &kuplav1.WatchDeskResponse_Events{Events: &kuplav1.DeskEvents{
			ConversationId: update.ConversationID, Events: []*kuplav1.Event{update.Event},
		}}
	case kupla.DeskWaiting:
		frame.Frame = &kuplav1.WatchDeskResponse_Waiting{Waiting: update.Waiting}
	case kupla.DeskConversationAdded:
		frame.Frame = &kuplav1.WatchDeskResponse_ConversationAdded{ConversationAdded: &kuplav1.ConversationAdded{
			Snapshot: update.Conversation,
		}}
	case kupla.DeskConversationRemoved:
		frame.Frame = &kuplav1.WatchDeskResponse_ConversationRemoved{ConversationRemoved: &kuplav1.ConversationRemoved{
			ConversationId: update.ConversationID, Reason: update.Removal,
		}}
	case kupla.DeskConversation:
		frame.Frame = &kuplav1.WatchDeskResponse_ConversationSnapshot{ConversationSnapshot: update.Conversation}
	case kupla.DeskTyping:
		frame.Frame = &kuplav1.WatchDeskResponse_Typing{Typing: &kuplav1.DeskTyping{
			ConversationId: update.ConversationID, Typing: update.Typing,
		}}
	case kupla.DeskReadMark:
		frame.Frame = &kuplav1.WatchDeskResponse_ReadMark{ReadMark: &kuplav1.DeskReadMark{
			ConversationId: update.ConversationID, ReadMark: update.ReadMark,
		}}
	case kupla.DeskPresence:
		frame.Frame = &kuplav1.WatchDeskResponse_Presence{Presence: &kuplav1.DeskPresence{
			ConversationId: update.ConversationID, Presence: update.Presence,
		}}
	case kupla.DeskColleagues:
		frame.Frame = &kuplav1.WatchDeskResponse_Colleagues{Colleagues: &kuplav1.Colleagues{Colleagues: update.Colleagues}}
	default: // of a later version, or not of the contract
	}
	return frame
}

// deskLines tells what happens on a desk as lines for people.
type deskLines struct {
	*script
	conversations map[string]*eventLines
}

func (l *deskLines) of(id string) *eventLines {
	lines := l.conversations[id]
	if lines == nil {
		lines = l.newEventLines("")
		l.conversations[id] = lines
	}
	return lines
}

// update returns an update as lines, or nothing when it is no news to a person.
func (l *deskLines) update(update kupla.DeskUpdate) string {
	id := update.ConversationID
	switch update.Kind {
	case kupla.DeskReset:
		return l.texts.StartedOver + "\n"
	case kupla.DeskSnapshot:
		var text strings.Builder
		for _, waiting := range update.Snapshot.GetWaiting() {
			text.WriteString(l.waiting(waiting))
		}
		for _, conversation := range update.Snapshot.GetConversations() {
			l.of(conversation.GetConversation().GetId()).people.learn(conversation)
		}
		return text.String()
	case kupla.DeskWaiting:
		return l.waiting(update.Waiting)
	case kupla.DeskEvent:
		return l.of(id).event(id+" ", update.Event)
	case kupla.DeskConversationAdded:
		l.of(id).people.learn(update.Conversation)
		return id + " " + fill(l.texts.Script.OnDesk, "queue", update.Conversation.GetConversation().GetQueueId()) + "\n"
	case kupla.DeskConversationRemoved:
		delete(l.conversations, id)
		return id + " " + l.texts.Removals[update.Removal] + "\n"
	case kupla.DeskConversation:
		l.of(id).people.learn(update.Conversation)
		return ""
	case kupla.DeskTyping:
		return before(id+" ", l.of(id).people.types(update.Typing.GetParticipantId()))
	case kupla.DeskPresence:
		return before(id+" ", l.of(id).people.comesOrGoes(update.Presence))
	case kupla.DeskReadMark:
		return before(id+" ", fill(l.texts.Script.HasRead, "name", l.of(id).people.name(update.ReadMark.GetParticipantId()),
			"sequence", update.ReadMark.GetSequence()))
	default:
		return ""
	}
}

// before puts something in front of a line, where there is one.
func before(front, text string) string {
	if text == "" {
		return ""
	}
	return front + text + "\n"
}

// waiting tells who waits in a queue.
func (l *deskLines) waiting(waiting *kuplav1.Waiting) string {
	text := l.texts.Script.QueueWaiting
	values := []any{"queue", waiting.GetQueueId(), "count", waiting.GetCount()}
	if since := waiting.GetLongestWaitStartTime(); since != nil {
		text = l.texts.Script.QueueWaitingSince
		values = append(values, "time", l.moment(since.AsTime()))
	}
	if waiting.GetPaused() {
		text += " " + l.texts.Script.QueuePausedMark
	}
	return fill(text, values...) + "\n"
}
