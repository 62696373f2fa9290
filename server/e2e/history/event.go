package history

import (
	"fmt"
	"strconv"
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/chat"
)

// Event is one event of a log as somebody has it.
type Event struct {
	Sequence int32
	// Line is all that both sides are told of it, in one line: two events are the same when their lines are.
	Line string
	// StaffID is the professional that the event names, which customers are not told.
	StaffID string
}

// FromStore returns an event of the store.
func FromStore(e chat.Event) Event {
	out := Event{Sequence: e.Sequence}
	var what string
	switch k := e.Kind.(type) {
	case chat.MessagePosted:
		what = strconv.Quote(k.Text)
	case chat.ParticipantJoined:
		p := k.Participant
		out.StaffID = p.StaffID
		what = joined(p.ID, int(p.Role), p.DisplayName, p.Leading, p.JoinTime, k.InviterID)
	case chat.ParticipantLeft:
		what = left(k.ParticipantID, int(k.Reason))
	case chat.Transferred:
		what = transferred(k.SourceQueueID, k.QueueID, k.ParticipantID, k.CustomerAgreed)
	case chat.ReturnedToQueue:
		what = returned(int(k.Reason), k.QueueID)
	case chat.ConversationClosed:
		what = closed(int(k.Reason))
	default:
		what = fmt.Sprintf("%T", k)
	}
	out.Line = line(e.Sequence, e.Time, e.ParticipantID, what)
	return out
}

// FromContract returns an event as it came over the wire.
func FromContract(e *kuplav1.Event) Event {
	out := Event{Sequence: e.GetSequence()}
	var what string
	switch k := e.GetKind().(type) {
	case *kuplav1.Event_MessagePosted:
		what = strconv.Quote(k.MessagePosted.GetText())
	case *kuplav1.Event_ParticipantJoined:
		p := k.ParticipantJoined.GetParticipant()
		out.StaffID = p.GetProfessionalId()
		what = joined(p.GetId(), int(p.GetRole()), p.GetDisplayName(), p.GetLeading(), p.GetJoinTime().AsTime(),
			k.ParticipantJoined.GetInviterParticipantId())
	case *kuplav1.Event_ParticipantLeft:
		what = left(k.ParticipantLeft.GetParticipantId(), int(k.ParticipantLeft.GetReason()))
	case *kuplav1.Event_Transferred:
		t := k.Transferred
		what = transferred(t.GetSourceQueueId(), t.GetQueueId(), t.GetParticipantId(), t.GetCustomerAgreed())
	case *kuplav1.Event_ReturnedToQueue:
		what = returned(int(k.ReturnedToQueue.GetReason()), k.ReturnedToQueue.GetQueueId())
	case *kuplav1.Event_Closed:
		what = closed(int(k.Closed.GetReason()))
	default:
		what = fmt.Sprintf("%T", k)
	}
	out.Line = line(e.GetSequence(), e.GetCreateTime().AsTime(), e.GetParticipantId(), what)
	return out
}

// The enums of the domain are numbered as the contract's.

func joined(id string, role int, name string, leading bool, at time.Time, inviter string) string {
	return fmt.Sprintf("joined %s role=%d name=%q leading=%t at=%s inviter=%q", id, role, name, leading, stamp(at), inviter)
}

func left(id string, reason int) string { return fmt.Sprintf("left %s reason=%d", id, reason) }

func transferred(source, target, to string, agreed bool) string {
	return fmt.Sprintf("transferred from=%s to=%s lead=%q agreed=%t", source, target, to, agreed)
}

func returned(reason int, queueID string) string {
	return fmt.Sprintf("returned reason=%d to=%s", reason, queueID)
}

func closed(reason int) string { return fmt.Sprintf("closed reason=%d", reason) }

func line(sequence int32, at time.Time, who, what string) string {
	return fmt.Sprintf("%d %s %s %s", sequence, stamp(at), who, what)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
