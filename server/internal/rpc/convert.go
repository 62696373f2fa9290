package rpc

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// The enums of the domain are numbered as the contract's, so most convert by number. A test goes through
// every value of each and compares the names.

// timestamp is unset for a time that is not known.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// audience is who something is shown to.
type audience bool

const (
	toCustomer audience = false
	toStaff    audience = true
)

func participantProto(p chat.Participant, to audience) *kuplav1.Participant {
	q := &kuplav1.Participant{
		Id:          p.ID,
		Role:        kuplav1.ParticipantRole(p.Role),
		DisplayName: p.DisplayName,
		JoinTime:    timestamp(p.JoinTime),
		LeaveTime:   timestamp(p.LeaveTime),
		Leading:     p.Leading,
	}
	if to == toStaff {
		q.ProfessionalId = p.StaffID
	}
	return q
}

func eventProto(e chat.Event, to audience) *kuplav1.Event {
	out := &kuplav1.Event{
		Sequence:      e.Sequence,
		CreateTime:    timestamp(e.Time),
		ParticipantId: e.ParticipantID,
	}
	switch k := e.Kind.(type) {
	case chat.MessagePosted:
		out.Kind = &kuplav1.Event_MessagePosted{MessagePosted: &kuplav1.MessagePosted{Text: k.Text}}
	case chat.ParticipantJoined:
		out.Kind = &kuplav1.Event_ParticipantJoined{ParticipantJoined: &kuplav1.ParticipantJoined{
			Participant: participantProto(k.Participant, to), InviterParticipantId: k.InviterID,
		}}
	case chat.ParticipantLeft:
		out.Kind = &kuplav1.Event_ParticipantLeft{ParticipantLeft: &kuplav1.ParticipantLeft{
			ParticipantId: k.ParticipantID, Reason: kuplav1.LeaveReason(k.Reason),
		}}
	case chat.Transferred:
		out.Kind = &kuplav1.Event_Transferred{Transferred: &kuplav1.Transferred{
			SourceQueueId: k.SourceQueueID, QueueId: k.QueueID,
			ParticipantId: k.ParticipantID, CustomerAgreed: k.CustomerAgreed,
		}}
	case chat.ReturnedToQueue:
		out.Kind = &kuplav1.Event_ReturnedToQueue{ReturnedToQueue: &kuplav1.ReturnedToQueue{
			Reason: kuplav1.ReturnReason(k.Reason), QueueId: k.QueueID,
		}}
	case chat.ConversationClosed:
		out.Kind = &kuplav1.Event_Closed{Closed: &kuplav1.Closed{Reason: kuplav1.CloseReason(k.Reason)}}
	}
	return out
}

func readMarkProto(participantID string, sequence int32) *kuplav1.ReadMark {
	return &kuplav1.ReadMark{ParticipantId: participantID, Sequence: sequence}
}

func presenceProto(participantID string, p hub.Presence) *kuplav1.Presence {
	return &kuplav1.Presence{ParticipantId: participantID, Present: p.Present, ChangeTime: timestamp(p.Since)}
}

func estimateProto(e queue.Estimate) *kuplav1.WaitEstimate {
	out := &kuplav1.WaitEstimate{
		Basis: &kuplav1.WaitBasis{
			FinishedCount:  int32(e.Basis.Finished),
			AvailableCount: int32(e.Basis.Available),
			OnPhoneCount:   int32(e.Basis.OnPhone),
		},
		AsOfTime:          timestamp(e.AsOf),
		TurnBeforeClosing: kuplav1.TurnBeforeClosing(e.BeforeClosing),
	}
	if e.CannotEstimate != 0 {
		out.Result = &kuplav1.WaitEstimate_CannotEstimate{CannotEstimate: kuplav1.CannotEstimateReason(e.CannotEstimate)}
	} else {
		out.Result = &kuplav1.WaitEstimate_Range{Range: &kuplav1.WaitRange{
			Low: durationpb.New(e.Low), High: durationpb.New(e.High),
		}}
	}
	return out
}

func placeProto(p board.Place) *kuplav1.Place {
	return &kuplav1.Place{
		Position:       int32(p.Position),
		Estimate:       estimateProto(p.Estimate),
		AsOfTime:       timestamp(p.AsOf),
		Held:           p.Held,
		HoldExpireTime: timestamp(p.HoldExpire),
	}
}

func statusProto(st board.Status) *kuplav1.QueueStatus {
	return &kuplav1.QueueStatus{
		State:        kuplav1.QueueState(st.State),
		ChangeTime:   timestamp(st.ChangeTime),
		WaitingCount: int32(st.Waiting),
		Estimate:     estimateProto(st.Estimate),
		AsOfTime:     timestamp(st.AsOf),
		Full:         st.Full,
	}
}

func waitingProto(w board.Waiting) *kuplav1.Waiting {
	out := &kuplav1.Waiting{
		QueueId:  w.QueueID,
		Count:    int32(w.Count),
		Paused:   w.Paused,
		AsOfTime: timestamp(w.AsOf),
	}
	for i, e := range w.Entries {
		if i == 0 {
			out.LongestWaitStartTime = timestamp(e.Arrival)
		}
		out.Entries = append(out.Entries, &kuplav1.WaitingEntry{
			ConversationId:      e.ConversationID,
			QueueId:             w.QueueID,
			ArrivalTime:         timestamp(e.Arrival),
			Language:            e.Language,
			Transferred:         e.Transferred,
			IdentificationState: kuplav1.IdentificationState_IDENTIFICATION_STATE_ANONYMOUS,
			Present:             e.Present,
		})
	}
	return out
}

func professionalProto(s board.StaffMember) *kuplav1.Professional {
	availability := kuplav1.Availability(s.Availability)
	// Somebody whose connection is lost takes nobody, whatever they said last.
	if !s.Present || availability == kuplav1.Availability_AVAILABILITY_UNSPECIFIED {
		availability = kuplav1.Availability_AVAILABILITY_AWAY
	}
	return &kuplav1.Professional{
		Id:                s.ID,
		DisplayName:       s.DisplayName,
		QueueIds:          s.QueueIDs,
		Languages:         s.Languages,
		Capacity:          int32(s.Capacity),
		Availability:      availability,
		ConversationCount: int32(s.Conversations),
	}
}

func caseNoteProto(n store.CaseNote) *kuplav1.CaseNote {
	return &kuplav1.CaseNote{
		Id:             n.ID,
		ConversationId: n.ConversationID,
		ProfessionalId: n.StaffID,
		DisplayName:    n.DisplayName,
		Text:           n.Text,
		CreateTime:     timestamp(n.Time),
	}
}
