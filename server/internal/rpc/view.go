package rpc

import (
	"context"
	"errors"
	"slices"
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// viewer is a caller's part in a conversation: what they may see of it.
type viewer struct {
	participant *chat.Participant
	to          audience
}

// notFound is the refusal of a conversation that is not there, or not the caller's to know of.
func notFound(conversationID string) error {
	return refuse(kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND, "conversation_id", conversationID)
}

// mine is quick to refuse a conversation that a customer's token does not open, without reading anything.
func mine(c *call, conversationID string) error {
	if c.Customer() && c.ConversationID != conversationID {
		return notFound(conversationID)
	}
	return nil
}

// viewer finds the caller's part in a conversation, present or past. Somebody who never had one gets
// not_found; a customer whose token has expired, unauthenticated.
func (s *Server) viewer(c *call, conv *chat.Conversation, now time.Time) (viewer, error) {
	if c.Customer() {
		if c.ConversationID != conv.ID {
			return viewer{}, notFound(conv.ID)
		}
		if conv.State == chat.Closed && !now.Before(conv.CloseTime.Add(s.config.TokenLife)) {
			return viewer{}, refuse(kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID)
		}
		p := conv.Participant(c.ParticipantID)
		if p == nil {
			return viewer{}, notFound(conv.ID)
		}
		return viewer{participant: p, to: toCustomer}, nil
	}
	if c.Staff == nil {
		return viewer{}, notFound(conv.ID)
	}
	p := conv.StaffParticipant(c.Staff.ID)
	if p == nil {
		return viewer{}, notFound(conv.ID)
	}
	return viewer{participant: p, to: toStaff}, nil
}

// reader is viewer for what is read: whoever had the conversation and no longer has it is refused.
func (s *Server) reader(c *call, conv *chat.Conversation, now time.Time) (viewer, error) {
	v, err := s.viewer(c, conv, now)
	if err != nil {
		return viewer{}, err
	}
	if !conv.Readable(v.participant, now, s.config.WrapUp) {
		return viewer{}, refuse(kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED, "conversation_id", conv.ID)
	}
	return v, nil
}

// read reads a conversation that the caller may read.
func (s *Server) read(ctx context.Context, conversationID string) (*chat.Conversation, viewer, error) {
	c := callFrom(ctx)
	if err := mine(c, conversationID); err != nil {
		return nil, viewer{}, err
	}
	conv, err := s.conversation(ctx, conversationID)
	if err != nil {
		return nil, viewer{}, err
	}
	if conv.State == chat.Waiting && !s.board.Knows(conversationID) {
		// It began at another server a moment ago. Its place is known when this one was told. When that fails, the
		// place is told later.
		_ = s.store.Refresh(ctx)
	}
	v, err := s.reader(c, conv, s.now())
	return conv, v, err
}

// conversation reads a conversation, whoever may see it.
func (s *Server) conversation(ctx context.Context, id string) (*chat.Conversation, error) {
	conv, err := s.store.Conversation(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound(id)
	}
	return conv, err
}

// conversationProto encodes a conversation as a viewer may see it now.
func (s *Server) conversationProto(conv *chat.Conversation, v viewer, now time.Time) *kuplav1.Conversation {
	out := &kuplav1.Conversation{
		Id:            conv.ID,
		QueueId:       conv.QueueID,
		State:         kuplav1.ConversationState(conv.State),
		Language:      conv.Language,
		CreateTime:    timestamp(conv.CreateTime),
		LastSequence:  conv.VisibleThrough(v.participant),
		ArrivalTime:   timestamp(conv.ArrivalTime),
		CloseTime:     timestamp(conv.CloseTime),
		CloseReason:   kuplav1.CloseReason(conv.CloseReason),
		Transferred:   conv.Transferred,
		NoticeVersion: conv.NoticeVersion,
	}
	for _, p := range conv.Participants {
		out.Participants = append(out.Participants, participantProto(p, v.to))
	}
	for _, capability := range conv.Capabilities(v.participant, now, s.config.WrapUp) {
		out.Capabilities = append(out.Capabilities, kuplav1.Capability(capability))
	}
	return out
}

// departedProto encodes a conversation as it was when it left a participant: nothing that came later.
func (s *Server) departedProto(ctx context.Context, conv *chat.Conversation, v viewer) (*kuplav1.Conversation, error) {
	last := v.participant.LeaveSequence
	if last == 0 && !conv.Readable(v.participant, s.now(), s.config.WrapUp) {
		return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED, "conversation_id", conv.ID)
	}
	if last == 0 {
		return s.conversationProto(conv, v, s.now()), nil
	}
	events, err := s.store.Events(ctx, conv.ID, last-1, 1)
	if err != nil {
		return nil, err
	}
	then := conv.Clone()
	then.LastSequence = last
	then.State, then.CloseTime, then.CloseReason = chat.Active, time.Time{}, 0
	if len(events) == 1 {
		switch k := events[0].Kind.(type) {
		case chat.Transferred:
			then.QueueID = k.QueueID
			if k.ParticipantID == "" {
				then.State = chat.Waiting
			}
		case chat.ReturnedToQueue:
			then.QueueID, then.State = k.QueueID, chat.Waiting
		default:
			if then.QueueID, err = s.queueThen(ctx, conv, last); err != nil {
				return nil, err
			}
		}
	}
	// Whoever joined later is not told, and whoever left later was still there.
	then.Participants = slices.DeleteFunc(then.Participants, func(p chat.Participant) bool { return p.JoinSequence > last })
	then.Transferred = false
	for i := range then.Participants {
		p := &then.Participants[i]
		if p.LeaveSequence > last {
			p.LeaveSequence, p.LeaveTime, p.LeaveReason = 0, time.Time{}, 0
		}
		p.Leading = false // who leads may have changed since, and is not theirs to know
		if p.LeaveReason == chat.LeftTransferred || p.LeaveReason == chat.LeftReturned {
			then.Transferred = true
		}
	}
	return s.conversationProto(then, viewer{participant: then.Participant(v.participant.ID), to: v.to}, s.now()), nil
}

// queueThen is the queue that a conversation was in at an event: the one that the next transfer takes it out
// of, or today's when there was none since.
func (s *Server) queueThen(ctx context.Context, conv *chat.Conversation, sequence int32) (string, error) {
	for sequence < conv.LastSequence {
		events, err := s.store.Events(ctx, conv.ID, sequence, eventsPerRead)
		if err != nil {
			return "", err
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			if t, ok := e.Kind.(chat.Transferred); ok {
				return t.SourceQueueID, nil
			}
			sequence = e.Sequence
		}
	}
	return conv.QueueID, nil
}

// snapshot encodes a conversation with everything around it.
func (s *Server) snapshot(conv *chat.Conversation, v viewer) *kuplav1.ConversationSnapshot {
	out := &kuplav1.ConversationSnapshot{Conversation: s.conversationProto(conv, v, s.now())}
	if conv.State == chat.Waiting {
		if place, ok := s.board.Place(conv.ID); ok {
			out.Place = placeProto(place)
		}
	}
	for _, p := range conv.Participants {
		if sequence := conv.ReadMarks[p.ID]; sequence > 0 {
			out.ReadMarks = append(out.ReadMarks, readMarkProto(p.ID, sequence))
		}
	}
	presence := s.board.Presence(conv)
	for _, p := range conv.Participants {
		if known, ok := presence[p.ID]; ok {
			out.Presences = append(out.Presences, presenceProto(p.ID, known))
		}
	}
	if expire, ok := s.board.ExpireTime(conv.ID); ok {
		out.ExpireTime = timestamp(expire)
	}
	return out
}
