package record

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store/record/recordv1"
)

// EncodeEvent makes the payload of an event: all but its number and time, which are columns. It fails for
// a kind that has no record, and for text that is not UTF-8.
func EncodeEvent(e chat.Event) ([]byte, error) {
	m := recordv1.Event{ParticipantId: e.ParticipantID}
	switch k := e.Kind.(type) {
	case chat.MessagePosted:
		m.Kind = &recordv1.Event_MessagePosted{MessagePosted: &recordv1.MessagePosted{Text: k.Text}}
	case chat.ParticipantJoined:
		m.Kind = &recordv1.Event_ParticipantJoined{ParticipantJoined: &recordv1.ParticipantJoined{
			Participant: participantRecord(&k.Participant), InviterId: k.InviterID,
		}}
	case chat.ParticipantLeft:
		m.Kind = &recordv1.Event_ParticipantLeft{ParticipantLeft: &recordv1.ParticipantLeft{
			ParticipantId: k.ParticipantID, Reason: int32(k.Reason),
		}}
	case chat.Transferred:
		m.Kind = &recordv1.Event_Transferred{Transferred: &recordv1.Transferred{
			SourceQueueId: k.SourceQueueID, QueueId: k.QueueID, ParticipantId: k.ParticipantID,
			CustomerAgreed: k.CustomerAgreed,
		}}
	case chat.ReturnedToQueue:
		m.Kind = &recordv1.Event_ReturnedToQueue{ReturnedToQueue: &recordv1.ReturnedToQueue{
			Reason: int32(k.Reason), QueueId: k.QueueID,
		}}
	case chat.ConversationClosed:
		m.Kind = &recordv1.Event_ConversationClosed{ConversationClosed: &recordv1.ConversationClosed{
			Reason: int32(k.Reason),
		}}
	default:
		return nil, fmt.Errorf("record: no record for event kind %T", e.Kind)
	}
	return marshal(&m)
}

// DecodeEvent reads an event from its columns and payload. The Kind is nil when a later version stored
// one that this version does not know.
func DecodeEvent(sequence int32, at time.Time, payload []byte) (chat.Event, error) {
	var m recordv1.Event
	if err := unmarshal(payload, &m); err != nil {
		return chat.Event{}, err
	}
	e := chat.Event{Sequence: sequence, Time: at, ParticipantID: m.GetParticipantId()}
	switch k := m.GetKind().(type) {
	case *recordv1.Event_MessagePosted:
		e.Kind = chat.MessagePosted{Text: k.MessagePosted.GetText()}
	case *recordv1.Event_ParticipantJoined:
		e.Kind = chat.ParticipantJoined{
			Participant: participant(k.ParticipantJoined.GetParticipant()),
			InviterID:   k.ParticipantJoined.GetInviterId(),
		}
	case *recordv1.Event_ParticipantLeft:
		e.Kind = chat.ParticipantLeft{
			ParticipantID: k.ParticipantLeft.GetParticipantId(),
			Reason:        chat.LeaveReason(k.ParticipantLeft.GetReason()),
		}
	case *recordv1.Event_Transferred:
		e.Kind = chat.Transferred{
			SourceQueueID:  k.Transferred.GetSourceQueueId(),
			QueueID:        k.Transferred.GetQueueId(),
			ParticipantID:  k.Transferred.GetParticipantId(),
			CustomerAgreed: k.Transferred.GetCustomerAgreed(),
		}
	case *recordv1.Event_ReturnedToQueue:
		e.Kind = chat.ReturnedToQueue{
			Reason:  chat.ReturnReason(k.ReturnedToQueue.GetReason()),
			QueueID: k.ReturnedToQueue.GetQueueId(),
		}
	case *recordv1.Event_ConversationClosed:
		e.Kind = chat.ConversationClosed{Reason: chat.CloseReason(k.ConversationClosed.GetReason())}
	}
	return e, nil
}

// marshal hides what was to be encoded from the error, as protobuf names fields only.
func marshal(m proto.Message) ([]byte, error) {
	data, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("record: encode: %w", err)
	}
	return data, nil
}

func unmarshal(data []byte, m proto.Message) error {
	// What this version does not know is not written back, so it need not be kept.
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, m); err != nil {
		return fmt.Errorf("record: decode: %w", err)
	}
	return nil
}
