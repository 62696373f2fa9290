package rpc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/identity"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// conversationService serves the participants of a conversation.
type conversationService struct{ *Server }

// StartConversation starts to wait in a queue.
func (s conversationService) StartConversation(
	ctx context.Context, req *kuplav1.StartConversationRequest,
) (*kuplav1.StartConversationResponse, error) {
	c := callFrom(ctx)
	r, err := request(c, req)
	if err != nil {
		return nil, err
	}
	r.Global = true
	if identity.ContainsCode(req.GetMessage()) || identity.ContainsCode(req.GetDisplayName()) {
		return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_IDENTITY_CODE_IN_TEXT)
	}
	token, err := access.NewToken(access.KindConversation)
	if err != nil {
		return nil, err
	}
	id := uuid.NewString()
	origin := s.origin(c.address)
	var conv *chat.Conversation
	outcome, err := s.changeByCatalogue(ctx, r,
		store.Rows{Queues: []string{req.GetQueueId()}, Origin: origin, Catalogue: true},
		func(w *store.Work) error {
			kept := w.Queue(req.GetQueueId())
			if c := w.Catalogue(); c != nil && c.Etag != s.catalogue.Book().Etag() {
				return errCatalogueOutdated
			}
			if err := s.checkStart(req, kept, w.Now); err != nil {
				return err
			}
			if most := s.waitingPerAddress(c.address); w.WaitingFromOrigin() >= most {
				return refuseLater(kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_WAITING, time.Minute, "limit", strconv.Itoa(most))
			}
			conv = chat.Start(chat.StartParams{
				ID: id, QueueID: req.GetQueueId(), Language: req.GetLanguage(),
				DisplayName: strings.TrimSpace(req.GetDisplayName()), Message: req.GetMessage(),
				NoticeVersion: req.GetNoticeVersion(), Origin: origin,
				Now: w.Now, Arrival: kept.NextArrival(w.Now),
			})
			w.Start(conv)
			w.IssueToken(conversationToken(token, id, w.Now))
			w.Remember(id, "")
			return nil
		})
	if err != nil {
		return nil, err
	}
	if outcome.Repeated {
		if conv, err = s.repeatStart(ctx, outcome, token); err != nil {
			return nil, err
		}
	}
	s.authenticator.Issued(conversationToken(token, conv.ID, s.now()))
	s.board.SawCustomer(conv.ID)
	customer := viewer{participant: conv.Customer(), to: toCustomer}
	return &kuplav1.StartConversationResponse{
		Conversation:  s.conversationProto(conv, customer, s.now()),
		ParticipantId: chat.CustomerID,
		AccessToken:   token.Reveal(),
		// From before the first event: whoever follows from here is told everything.
		Cursor: conversationCursor(conv.ID, position{}),
	}, nil
}

// errCatalogueOutdated tells that the catalogue in force here is not the one that is stored: another one was applied in
// the same moment, perhaps at another server.
var errCatalogueOutdated = errors.New("another catalogue was applied")

// changeByCatalogue is a change that is decided by the catalogue. When the one in force here is outdated, it is read
// and asked again.
func (s *Server) changeByCatalogue(
	ctx context.Context, r store.Request, rows store.Rows, fn func(*store.Work) error,
) (store.Outcome, error) {
	outcome, err := s.store.Change(ctx, r, rows, fn)
	if !errors.Is(err, errCatalogueOutdated) {
		return outcome, err
	}
	if _, problem := s.catalogue.Reload(ctx); problem != nil {
		s.log.WarnContext(ctx, "the catalogue that is stored cannot be used", "error", problem)
	} else {
		outcome, err = s.store.Change(ctx, r, rows, fn)
	}
	if errors.Is(err, errCatalogueOutdated) {
		return outcome, refuseLater(kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE, s.config.UnavailableRetryDelay)
	}
	return outcome, err
}

// checkStart tells why a start is refused.
func (s *Server) checkStart(req *kuplav1.StartConversationRequest, kept *store.Queue, now time.Time) error {
	q, ok := s.catalogue.Book().Queue(req.GetQueueId())
	if !ok {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND, "queue_id", req.GetQueueId())
	}
	if !slices.Contains(q.Languages, req.GetLanguage()) {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_LANGUAGE_NOT_SERVED,
			"queue_id", q.ID, "language", req.GetLanguage(), "languages", strings.Join(q.Languages, ", "))
	}
	if version := req.GetNoticeVersion(); version != "" && version != q.NoticeVersion {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_NOTICE_OUTDATED, "notice_version", q.NoticeVersion)
	}
	err := q.Policy.CheckStart(now, board.Pause(*kept), kept.Waiting)
	if err == nil {
		return nil
	}
	pairs := []string{"queue_id", q.ID, "phone", q.Phone}
	switch {
	case errors.Is(err, queue.ErrClosed):
		return refuseClosed(q, q.Policy.Status(now, board.Pause(*kept)))
	case errors.Is(err, queue.ErrPaused):
		if known(kept.ResumeTime) {
			pairs = append(pairs, "resume_time", kept.ResumeTime.UTC().Format(time.RFC3339))
		}
		return refuse(kuplav1.ErrorReason_ERROR_REASON_QUEUE_PAUSED, pairs...)
	case errors.Is(err, queue.ErrFull):
		pairs = append(pairs, "capacity", strconv.Itoa(q.Policy.Capacity))
		return refuseLater(kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL, time.Minute, pairs...)
	}
	return err
}

// refuseClosed is the refusal of a queue that is closed, with when it opens next.
func refuseClosed(q *catalogue.Queue, status queue.Status) error {
	pairs := []string{"queue_id", q.ID, "phone", q.Phone}
	if known(status.ChangeTime) {
		pairs = append(pairs, "next_opening_time", status.ChangeTime.UTC().Format(time.RFC3339))
	}
	return refuse(kuplav1.ErrorReason_ERROR_REASON_QUEUE_CLOSED, pairs...)
}

// repeatStart answers a start that was made before: one more token for the same conversation.
func (s *Server) repeatStart(ctx context.Context, outcome store.Outcome, token access.Token) (*chat.Conversation, error) {
	if s.now().Sub(outcome.Time) > s.config.RepeatStart {
		return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_START_TOO_OLD)
	}
	var conv *chat.Conversation
	_, err := s.store.Change(ctx, store.Request{}, store.Rows{Conversations: []string{outcome.ConversationID}},
		func(w *store.Work) error {
			conv = w.Conversation(outcome.ConversationID).Clone()
			w.IssueToken(conversationToken(token, conv.ID, w.Now))
			return nil
		})
	return conv, err
}

func conversationToken(t access.Token, conversationID string, now time.Time) store.ConversationToken {
	return store.ConversationToken{
		Hash: t.Hash(), ConversationID: conversationID, ParticipantID: chat.CustomerID, CreateTime: now,
	}
}

// origin marks an address prefix, so that those who wait from it can be counted without knowing it.
func (s *Server) origin(a access.Address) string {
	if !a.Prefix.IsValid() {
		return ""
	}
	mac := hmac.New(sha256.New, s.originKey)
	mac.Write([]byte(a.Prefix.String()))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// waitingPerAddress is how many may wait from an address prefix: more from one that is excepted.
func (s *Server) waitingPerAddress(a access.Address) int {
	if a.Factor > 0 {
		return max(1, int(float64(s.config.WaitingPerAddress)*a.Factor))
	}
	return s.config.WaitingPerAddress
}

// GetConversation gets a conversation as it is now.
func (s conversationService) GetConversation(
	ctx context.Context, req *kuplav1.GetConversationRequest,
) (*kuplav1.GetConversationResponse, error) {
	conv, v, err := s.read(ctx, req.GetConversationId())
	if err != nil {
		return nil, err
	}
	// As it was until this call: whoever was away learns that the place was held. Asking is a sign of life.
	snapshot := s.snapshot(conv, v)
	s.saw(ctx)
	return &kuplav1.GetConversationResponse{Snapshot: snapshot}, nil
}

// saw notes that a customer was heard of. Staff were noted when they were identified.
func (s *Server) saw(ctx context.Context) {
	if c := callFrom(ctx); c.Customer() {
		s.board.SawCustomer(c.ConversationID)
	}
}

// SendMessage sends a message.
func (s conversationService) SendMessage(
	ctx context.Context, req *kuplav1.SendMessageRequest,
) (*kuplav1.SendMessageResponse, error) {
	c := callFrom(ctx)
	id := req.GetConversationId()
	if err := mine(c, id); err != nil {
		return nil, err
	}
	if c.Customer() && identity.ContainsCode(req.GetText()) {
		return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_IDENTITY_CODE_IN_TEXT)
	}
	var sent chat.Event
	var to audience
	if err := s.allowSend(ctx, c, id); err != nil {
		return nil, err
	}
	conv, outcome, err := s.change(ctx, req, id, store.Rows{},
		func(_ *store.Work, conv *chat.Conversation, v viewer, now time.Time) error {
			if err := conv.Post(v.participant.ID, req.GetText(), now); err != nil {
				return err
			}
			pending := conv.Pending()
			sent, to = pending[len(pending)-1], v.to
			return nil
		})
	if err != nil {
		return nil, err
	}
	if outcome.Repeated {
		v, err := s.viewer(c, conv, s.now())
		if err != nil {
			return nil, err
		}
		if v.participant.Present() && !conv.Readable(v.participant, s.now(), s.config.WrapUp) {
			return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED, "conversation_id", id)
		}
		events, err := s.store.Events(ctx, id, outcome.Sequence-1, 1)
		if err != nil {
			return nil, err
		}
		if len(events) != 1 || outcome.Sequence > conv.VisibleThrough(v.participant) {
			return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED, "conversation_id", id)
		}
		sent, to = events[0], v.to
	}
	return &kuplav1.SendMessageResponse{Event: eventProto(sent, to)}, nil
}

// changer runs a command on a conversation for a caller who has or had a part in it.
type changer func(w *store.Work, conv *chat.Conversation, v viewer, now time.Time) error

// change makes one change of a conversation that the caller takes part in, and returns it as it then is.
func (s *Server) change(
	ctx context.Context, req withRequestID, id string, rows store.Rows, fn changer,
) (*chat.Conversation, store.Outcome, error) {
	c := callFrom(ctx)
	if err := mine(c, id); err != nil {
		return nil, store.Outcome{}, err
	}
	r, err := request(c, req)
	if err != nil {
		return nil, store.Outcome{}, err
	}
	rows.Conversations = append(rows.Conversations, id)
	var after *chat.Conversation
	outcome, err := s.store.Change(ctx, r, rows, func(w *store.Work) error {
		conv := w.Conversation(id)
		v, err := s.viewer(c, conv, w.Now)
		if err != nil {
			return err
		}
		if err := fn(w, conv, v, w.Now); err != nil {
			return err
		}
		after = conv.Clone()
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, outcome, notFound(id)
	}
	if err != nil {
		return nil, outcome, err
	}
	s.saw(ctx)
	if outcome.Repeated || after == nil {
		if after, err = s.conversation(ctx, id); err != nil {
			return nil, outcome, err
		}
	}
	return after, outcome, nil
}

// SetTyping tells the others that one is typing.
func (s conversationService) SetTyping(
	ctx context.Context, req *kuplav1.SetTypingRequest,
) (*kuplav1.SetTypingResponse, error) {
	conv, v, err := s.read(ctx, req.GetConversationId())
	if err != nil {
		return nil, err
	}
	if err := conv.CanType(v.participant.ID); err != nil {
		return nil, err
	}
	if err := s.allowEphemeral(conv.ID); err != nil {
		return nil, err
	}
	s.saw(ctx)
	s.hub.Typing(conv.ID, v.participant.ID)
	s.store.Signal(store.Signal{
		Kind: store.SignalTyping, ConversationID: conv.ID, ParticipantID: v.participant.ID,
	})
	return &kuplav1.SetTypingResponse{}, nil
}

// allowSend counts a message against its conversation, for those who take part in it. Others are refused
// where the conversation is read, and must not be able to use up its rate.
func (s *Server) allowSend(ctx context.Context, c *call, conversationID string) error {
	// As this server was told last: to ask the database for every message would cost more than the message. Who joined a
	// moment ago at another server goes uncounted until this one is told.
	conv, ok := s.store.Told(conversationID)
	if !ok {
		var err error
		if conv, err = s.store.Conversation(ctx, conversationID); err != nil {
			return nil //nolint:nilerr // The change meets the same error and answers it.
		}
	}
	now := s.now()
	if v, err := s.viewer(c, conv, now); err != nil || !v.participant.Present() {
		return nil //nolint:nilerr // As above.
	}
	if retry, ok := s.limiter.Allow(access.ConversationSends, access.ConversationKey(conversationID), now); !ok {
		return refuseLater(kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED, retry)
	}
	return nil
}

func (s *Server) allowEphemeral(conversationID string) error {
	retry, ok := s.limiter.Allow(access.ConversationEphemerals, access.ConversationKey(conversationID), s.now())
	if !ok {
		return refuseLater(kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED, retry)
	}
	return nil
}

// MarkRead tells how far one has read.
func (s conversationService) MarkRead(
	ctx context.Context, req *kuplav1.MarkReadRequest,
) (*kuplav1.MarkReadResponse, error) {
	id := req.GetConversationId()
	conv, v, err := s.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.allowEphemeral(id); err != nil {
		return nil, err
	}
	s.saw(ctx)
	mark := conv.ReadMarks[v.participant.ID]
	if req.GetSequence() > mark {
		c := callFrom(ctx)
		_, err = s.store.Change(ctx, store.Request{}, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
			conv := w.Conversation(id)
			v, err := s.reader(c, conv, w.Now)
			if err != nil {
				return err
			}
			mark, err = conv.MarkRead(v.participant, req.GetSequence())
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return &kuplav1.MarkReadResponse{ReadMark: readMarkProto(v.participant.ID, mark)}, nil
}

// LeaveConversation leaves.
func (s conversationService) LeaveConversation(
	ctx context.Context, req *kuplav1.LeaveConversationRequest,
) (*kuplav1.LeaveConversationResponse, error) {
	conv, _, err := s.change(ctx, req, req.GetConversationId(), store.Rows{},
		func(_ *store.Work, conv *chat.Conversation, v viewer, now time.Time) error {
			if v.participant.Role == chat.Customer {
				return conv.LeaveAsCustomer(now)
			}
			return conv.LeaveAsProfessional(v.participant.ID, now)
		})
	if err != nil {
		return nil, err
	}
	out, err := s.departed(ctx, conv)
	if err != nil {
		return nil, err
	}
	return &kuplav1.LeaveConversationResponse{Conversation: out}, nil
}

// departed encodes a conversation for a caller who may have left it.
func (s *Server) departed(ctx context.Context, conv *chat.Conversation) (*kuplav1.Conversation, error) {
	v, err := s.viewer(callFrom(ctx), conv, s.now())
	if err != nil {
		return nil, err
	}
	return s.departedProto(ctx, conv, v)
}

// How many events and notes a page has.
const (
	pageDefault = 100
	pageMost    = 1000
	// pageBytes is how large a page of events may be. Clients take 4 MiB.
	pageBytes = 1 << 20
)

// ListEvents lists the events of a conversation.
func (s conversationService) ListEvents(
	ctx context.Context, req *kuplav1.ListEventsRequest,
) (*kuplav1.ListEventsResponse, error) {
	id := req.GetConversationId()
	after, err := parsePageToken(cursorEvents, id, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	conv, v, err := s.read(ctx, id)
	if err != nil {
		return nil, err
	}
	s.saw(ctx)
	last := conv.VisibleThrough(v.participant)
	if after >= int64(last) {
		return &kuplav1.ListEventsResponse{}, nil
	}
	size := min(pageSize(req.GetPageSize(), pageMost), int(last)-int(after))
	events, err := s.store.Events(ctx, id, int32(after), size)
	if err != nil {
		return nil, err
	}
	out := &kuplav1.ListEventsResponse{}
	size = 0
	for _, e := range events {
		event := eventProto(e, v.to)
		if size += proto.Size(event); size > pageBytes && len(out.GetEvents()) > 0 {
			break // the rest is on the next page
		}
		out.Events = append(out.Events, event)
		after = int64(e.Sequence)
	}
	if after < int64(last) {
		out.NextPageToken = pageToken(cursorEvents, id, after)
	}
	return out, nil
}

// rulesBetween are the rules of a transfer between two queues.
func rulesBetween(book *catalogue.Book, from, to string, agreed bool) chat.TransferRules {
	allowed, needsAgreement := book.TransferRules(from, to)
	return chat.TransferRules{Allowed: allowed, NeedsAgreement: needsAgreement, CustomerAgreed: agreed}
}
