package rpc

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// deskService serves the professionals who answer.
type deskService struct{ *Server }

// SetAvailability tells whether one takes conversations.
func (s deskService) SetAvailability(
	ctx context.Context, req *kuplav1.SetAvailabilityRequest,
) (*kuplav1.SetAvailabilityResponse, error) {
	c := callFrom(ctx)
	r, err := request(c, req)
	if err != nil {
		return nil, err
	}
	_, err = s.store.Change(ctx, r, store.Rows{Staff: []string{c.Staff.ID}}, func(w *store.Work) error {
		m := w.Staff(c.Staff.ID)
		m.Availability = store.Availability(req.GetAvailability())
		m.AvailabilityTime = w.Now
		w.Remember("", "")
		return nil
	})
	if err != nil {
		return nil, err
	}
	m, _ := s.board.Staff(c.Staff.ID)
	return &kuplav1.SetAvailabilityResponse{Professional: professionalProto(m)}, nil
}

// TakeNext takes the earliest arrival in the caller's queues.
func (s deskService) TakeNext(ctx context.Context, req *kuplav1.TakeNextRequest) (*kuplav1.TakeNextResponse, error) {
	c := callFrom(ctx)
	r, err := request(c, req)
	if err != nil {
		return nil, err
	}
	r.Global = true
	queueIDs := req.GetQueueIds()
	for _, id := range queueIDs {
		if err := s.myQueue(c, id); err != nil {
			return nil, err
		}
	}
	if len(queueIDs) == 0 {
		queueIDs = c.Staff.QueueIDs
	}
	// A repeat is answered first, also when nobody waits any more.
	result, err := s.store.Lookup(ctx, r, "")
	if err == nil {
		conv, err := s.conversation(ctx, result.ConversationID)
		if err != nil {
			return nil, err
		}
		out, err := s.departed(ctx, conv)
		return &kuplav1.TakeNextResponse{Conversation: out}, err
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	passed := map[string]bool{}
	refreshed := false
	for {
		id, ok := s.board.Next(*c.Staff, queueIDs, passed)
		if !ok && refreshed {
			return &kuplav1.TakeNextResponse{}, nil
		}
		if !ok {
			// Somebody may have come to another server that this one was not told of yet.
			if err := s.store.Refresh(ctx); err != nil {
				return nil, err
			}
			refreshed = true
			continue
		}
		conv, err := s.take(ctx, c, r, id)
		if err == nil {
			out, err := s.departed(ctx, conv)
			return &kuplav1.TakeNextResponse{Conversation: out}, err
		}
		// Somebody was quicker, or it went to a queue of others meanwhile: the next one.
		_, refused := errors.AsType[*chat.Refusal](err)
		if !refused && !errors.Is(err, store.ErrNotFound) &&
			!isReason(err, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND) {
			return nil, err
		}
		passed[id] = true
	}
}

// take makes the caller the professional of a conversation that waits in one of their queues.
func (s *Server) take(ctx context.Context, c *call, r store.Request, id string) (*chat.Conversation, error) {
	var after *chat.Conversation
	outcome, err := s.store.Change(ctx, r,
		store.Rows{Staff: []string{c.Staff.ID}, Conversations: []string{id}},
		func(w *store.Work) error {
			conv := w.Conversation(id)
			p := conv.StaffParticipant(c.Staff.ID)
			inside := p != nil && p.Present()
			switch {
			case inside && conv.State == chat.Active:
				return chat.Refuse(chat.AlreadyParticipant, "professional_id", c.Staff.ID)
			case inside || slices.Contains(c.Staff.QueueIDs, conv.QueueID):
				// Theirs to take, or to be told why not.
			case p != nil:
				return chat.Refuse(chat.AccessEnded, "conversation_id", id)
			default:
				return notFound(id)
			}
			if err := checkCapacity(w.Staff(c.Staff.ID)); err != nil && conv.State == chat.Waiting {
				return err
			}
			if err := conv.Take(staffOf(c.Staff), w.Now); err != nil {
				return err
			}
			w.Remember(id, "")
			after = conv.Clone()
			return nil
		})
	if err != nil {
		return nil, err
	}
	if outcome.Repeated || after == nil {
		return s.conversation(ctx, outcome.ConversationID)
	}
	return after, nil
}

func checkCapacity(m *store.Staff) error {
	if m.Conversations >= m.Capacity {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_CAPACITY_REACHED, "capacity", strconv.Itoa(m.Capacity))
	}
	return nil
}

func staffOf(s *store.Staff) chat.Staff { return chat.Staff{ID: s.ID, DisplayName: s.DisplayName} }

// myQueue refuses a queue that is not the caller's, or that there is not.
func (s *Server) myQueue(c *call, id string) error {
	if _, ok := s.catalogue.Book().Queue(id); !ok {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND, "queue_id", id)
	}
	if !slices.Contains(c.Staff.QueueIDs, id) {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_YOURS, "queue_id", id)
	}
	return nil
}

// TakeConversation takes one conversation that waits.
func (s deskService) TakeConversation(
	ctx context.Context, req *kuplav1.TakeConversationRequest,
) (*kuplav1.TakeConversationResponse, error) {
	c := callFrom(ctx)
	r, err := request(c, req)
	if err != nil {
		return nil, err
	}
	conv, err := s.take(ctx, c, r, req.GetConversationId())
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound(req.GetConversationId())
	}
	if err != nil {
		return nil, err
	}
	out, err := s.departed(ctx, conv)
	if err != nil {
		return nil, err
	}
	return &kuplav1.TakeConversationResponse{Conversation: out}, nil
}

// TransferConversation hands a conversation on to another queue or to a colleague.
func (s deskService) TransferConversation(
	ctx context.Context, req *kuplav1.TransferConversationRequest,
) (*kuplav1.TransferConversationResponse, error) {
	c := callFrom(ctx)
	rows := store.Rows{}
	colleague := req.GetProfessionalId()
	if colleague != "" {
		rows.Staff = []string{colleague}
	}
	noteID := uuid.NewString()
	conv, _, err := s.change(ctx, req, req.GetConversationId(), rows,
		func(w *store.Work, conv *chat.Conversation, v viewer, now time.Time) error {
			var err error
			if colleague != "" {
				err = s.transferToProfessional(w, conv, v, req, now)
			} else {
				err = s.transferToQueue(conv, v, req, now)
			}
			if err == nil && req.GetNote() != "" {
				w.AddCaseNote(caseNote(noteID, conv.ID, c.Staff, req.GetNote(), now))
			}
			return err
		})
	if err != nil {
		return nil, s.professionalNotFound(ctx, err, req.GetConversationId(), colleague)
	}
	out, err := s.departed(ctx, conv)
	if err != nil {
		return nil, err
	}
	return &kuplav1.TransferConversationResponse{Conversation: out}, nil
}

func (s *Server) transferToQueue(
	conv *chat.Conversation, v viewer, req *kuplav1.TransferConversationRequest, now time.Time,
) error {
	book := s.catalogue.Book()
	target, ok := book.Queue(req.GetQueueId())
	if !ok {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND, "queue_id", req.GetQueueId())
	}
	rules := rulesBetween(book, conv.QueueID, target.ID, req.GetCustomerAgreed())
	if err := conv.TransferToQueue(v.participant.ID, target.ID, rules, now); err != nil {
		return err
	}
	// Transfers ignore capacity and respect closing: nobody is sent to where nobody will answer. What was done to
	// the conversation is dropped with the refusal.
	if _, closed := target.Policy.ServedUntil(now); closed {
		return refuseClosed(target, target.Policy.Status(now, nil))
	}
	return nil
}

func (s *Server) transferToProfessional(
	w *store.Work, conv *chat.Conversation, v viewer, req *kuplav1.TransferConversationRequest, now time.Time,
) error {
	colleague := w.Staff(req.GetProfessionalId())
	queueID, ok := s.queueOf(colleague, conv.QueueID)
	if !ok {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND, "professional_id", colleague.ID)
	}
	if err := s.available(colleague, conv.Language); err != nil {
		return err
	}
	if p := conv.StaffParticipant(colleague.ID); p == nil || !p.Present() {
		if err := checkCapacity(colleague); err != nil {
			return err
		}
	}
	rules := rulesBetween(s.catalogue.Book(), conv.QueueID, queueID, req.GetCustomerAgreed())
	return conv.TransferToProfessional(v.participant.ID, staffOf(colleague), queueID, rules, now)
}

// queueOf is the queue in which a colleague would answer a conversation: the one it is in, or the first of
// theirs that it may be transferred to.
func (s *Server) queueOf(colleague *store.Staff, current string) (string, bool) {
	if !slices.Contains(colleague.Roles, store.RoleProfessional) {
		return "", false
	}
	if slices.Contains(colleague.QueueIDs, current) {
		return current, true
	}
	for _, id := range colleague.QueueIDs {
		if allowed, _ := s.catalogue.Book().TransferRules(current, id); allowed {
			return id, true
		}
	}
	return "", false
}

// available refuses a colleague who cannot be handed a customer now.
func (s *Server) available(colleague *store.Staff, language string) error {
	m, _ := s.board.Staff(colleague.ID)
	if colleague.Availability != store.Available || !m.Present || !slices.Contains(colleague.Languages, language) {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_AVAILABLE, "professional_id", colleague.ID)
	}
	return nil
}

// professionalNotFound tells a colleague who does not exist from a conversation that does not: the store
// says only that a row is missing.
func (s *Server) professionalNotFound(ctx context.Context, err error, conversationID, staffID string) error {
	if staffID == "" || !isReason(err, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND) {
		return err
	}
	conv, readErr := s.store.Conversation(ctx, conversationID)
	if readErr != nil {
		return err
	}
	if _, viewErr := s.viewer(callFrom(ctx), conv, s.now()); viewErr != nil {
		return err
	}
	return refuse(kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND, "professional_id", staffID)
}

// ReturnToQueue puts a conversation back into its queue.
func (s deskService) ReturnToQueue(
	ctx context.Context, req *kuplav1.ReturnToQueueRequest,
) (*kuplav1.ReturnToQueueResponse, error) {
	conv, _, err := s.change(ctx, req, req.GetConversationId(), store.Rows{},
		func(_ *store.Work, conv *chat.Conversation, v viewer, now time.Time) error {
			return conv.Return(v.participant.ID, now)
		})
	if err != nil {
		return nil, err
	}
	out, err := s.departed(ctx, conv)
	if err != nil {
		return nil, err
	}
	return &kuplav1.ReturnToQueueResponse{Conversation: out}, nil
}

// InviteProfessional brings a colleague into a conversation.
func (s deskService) InviteProfessional(
	ctx context.Context, req *kuplav1.InviteProfessionalRequest,
) (*kuplav1.InviteProfessionalResponse, error) {
	colleagueID := req.GetProfessionalId()
	conv, _, err := s.change(ctx, req, req.GetConversationId(), store.Rows{Staff: []string{colleagueID}},
		func(w *store.Work, conv *chat.Conversation, v viewer, now time.Time) error {
			colleague := w.Staff(colleagueID)
			if _, ok := s.queueOf(colleague, conv.QueueID); !ok {
				return refuse(kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND, "professional_id", colleagueID)
			}
			// A guest need not be free, nor speak the customer's language: the one who leads does. But
			// they must be there, or their part would end as lost before it began.
			if m, _ := s.board.Staff(colleagueID); !m.Present {
				return refuse(kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_AVAILABLE, "professional_id", colleagueID)
			}
			if p := conv.StaffParticipant(colleagueID); p == nil || !p.Present() {
				if err := checkCapacity(colleague); err != nil {
					return err
				}
			}
			return conv.Invite(v.participant.ID, staffOf(colleague), now)
		})
	if err != nil {
		return nil, s.professionalNotFound(ctx, err, req.GetConversationId(), colleagueID)
	}
	out, err := s.departed(ctx, conv)
	if err != nil {
		return nil, err
	}
	return &kuplav1.InviteProfessionalResponse{Conversation: out}, nil
}

// CloseConversation ends a conversation.
func (s deskService) CloseConversation(
	ctx context.Context, req *kuplav1.CloseConversationRequest,
) (*kuplav1.CloseConversationResponse, error) {
	conv, _, err := s.change(ctx, req, req.GetConversationId(), store.Rows{},
		func(_ *store.Work, conv *chat.Conversation, v viewer, now time.Time) error {
			return conv.Close(v.participant.ID, chat.CloseReason(req.GetReason()), now)
		})
	if err != nil {
		return nil, err
	}
	out, err := s.departed(ctx, conv)
	if err != nil {
		return nil, err
	}
	return &kuplav1.CloseConversationResponse{Conversation: out}, nil
}

func caseNote(id, conversationID string, author *store.Staff, text string, now time.Time) store.CaseNote {
	return store.CaseNote{
		ID: id, ConversationID: conversationID, StaffID: author.ID, DisplayName: author.DisplayName,
		Text: text, Time: now,
	}
}

// AddCaseNote adds a note that only staff may see.
func (s deskService) AddCaseNote(
	ctx context.Context, req *kuplav1.AddCaseNoteRequest,
) (*kuplav1.AddCaseNoteResponse, error) {
	c := callFrom(ctx)
	id := uuid.NewString()
	var note store.CaseNote
	conv, outcome, err := s.change(ctx, req, req.GetConversationId(), store.Rows{},
		func(w *store.Work, conv *chat.Conversation, v viewer, now time.Time) error {
			if err := conv.CanAddCaseNote(v.participant, now, s.config.WrapUp); err != nil {
				return err
			}
			note = caseNote(id, conv.ID, c.Staff, req.GetText(), now)
			w.AddCaseNote(note)
			w.Remember(conv.ID, id)
			return nil
		})
	if err != nil {
		return nil, err
	}
	if outcome.Repeated {
		if _, err := s.reader(c, conv, s.now()); err != nil {
			return nil, err
		}
		if note, err = s.findCaseNote(ctx, conv.ID, outcome.Ref); err != nil {
			return nil, err
		}
	}
	return &kuplav1.AddCaseNoteResponse{CaseNote: caseNoteProto(note)}, nil
}

// findCaseNote finds one note of a conversation. There are few, so they are gone through.
func (s *Server) findCaseNote(ctx context.Context, conversationID, id string) (store.CaseNote, error) {
	var after int64
	for {
		notes, err := s.store.CaseNotes(ctx, conversationID, after, pageMost)
		if err != nil {
			return store.CaseNote{}, err
		}
		for _, n := range notes {
			if n.ID == id {
				return n, nil
			}
			after = n.Number
		}
		if len(notes) < pageMost {
			return store.CaseNote{}, store.ErrNotFound
		}
	}
}

// ListCaseNotes lists the case notes of a conversation.
func (s deskService) ListCaseNotes(
	ctx context.Context, req *kuplav1.ListCaseNotesRequest,
) (*kuplav1.ListCaseNotesResponse, error) {
	id := req.GetConversationId()
	after, err := parsePageToken(cursorCaseNotes, id, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	if _, _, err := s.read(ctx, id); err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize(), pageMost)
	notes, err := s.store.CaseNotes(ctx, id, after, size+1)
	if err != nil {
		return nil, err
	}
	out := &kuplav1.ListCaseNotesResponse{}
	if len(notes) > size {
		notes = notes[:size]
		out.NextPageToken = pageToken(cursorCaseNotes, id, notes[size-1].Number)
	}
	for _, n := range notes {
		out.CaseNotes = append(out.CaseNotes, caseNoteProto(n))
	}
	return out, nil
}

// ListCannedReplies lists the canned replies of a queue.
func (s deskService) ListCannedReplies(
	ctx context.Context, req *kuplav1.ListCannedRepliesRequest,
) (*kuplav1.ListCannedRepliesResponse, error) {
	c := callFrom(ctx)
	queues := c.Staff.QueueIDs
	if id := req.GetQueueId(); id != "" {
		if err := s.myQueue(c, id); err != nil {
			return nil, err
		}
		queues = []string{id}
	}
	after, err := parsePageToken(cursorList, "canned", req.GetPageToken())
	if err != nil {
		return nil, err
	}
	replies := s.catalogue.Book().CannedReplies(queues...)
	page, token := pageOf(replies, "canned", after, pageSize(req.GetPageSize(), pageMost))
	return &kuplav1.ListCannedRepliesResponse{CannedReplies: page, NextPageToken: token}, nil
}

// pageOf cuts a page out of a list that is in memory.
func pageOf[T any](list []T, owner string, after int64, size int) (page []T, token string) {
	start := min(int(after), len(list))
	end := min(start+size, len(list))
	if end < len(list) {
		token = pageToken(cursorList, owner, int64(end))
	}
	return list[start:end], token
}

// longestPause is how far ahead a pause may end by itself. Whatever is meant to last longer is closed by the
// catalogue.
const longestPause = 366 * 24 * time.Hour

// PauseQueue pauses a queue.
func (s deskService) PauseQueue(ctx context.Context, req *kuplav1.PauseQueueRequest) (*kuplav1.PauseQueueResponse, error) {
	var resume time.Time
	if asked := req.GetResumeTime(); asked != nil {
		resume = asked.AsTime()
		if now := s.now(); asked.CheckValid() != nil || !resume.After(now) || resume.After(now.Add(longestPause)) {
			return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST,
				"field", "resume_time", "problem", "give a time that is still to come, at most a year ahead")
		}
	}
	if err := s.setPause(ctx, req, req.GetQueueId(), true, resume); err != nil {
		return nil, err
	}
	return &kuplav1.PauseQueueResponse{Waiting: waitingProto(s.board.Waiting(req.GetQueueId()))}, nil
}

// ResumeQueue ends the pause of a queue.
func (s deskService) ResumeQueue(ctx context.Context, req *kuplav1.ResumeQueueRequest) (*kuplav1.ResumeQueueResponse, error) {
	if err := s.setPause(ctx, req, req.GetQueueId(), false, time.Time{}); err != nil {
		return nil, err
	}
	return &kuplav1.ResumeQueueResponse{Waiting: waitingProto(s.board.Waiting(req.GetQueueId()))}, nil
}

func (s *Server) setPause(ctx context.Context, req withRequestID, queueID string, paused bool, resume time.Time) error {
	c := callFrom(ctx)
	r, err := request(c, req)
	if err != nil {
		return err
	}
	if err := s.myQueue(c, queueID); err != nil {
		return err
	}
	_, err = s.store.Change(ctx, r, store.Rows{Queues: []string{queueID}}, func(w *store.Work) error {
		q := w.Queue(queueID)
		q.Paused, q.ResumeTime = paused, resume
		w.Remember("", queueID)
		return nil
	})
	return err
}
