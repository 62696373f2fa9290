package record

import (
	"slices"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store/record/recordv1"
)

// EncodeConversation makes the bytes of a conversation: all of it but its events. It fails for text that
// is not UTF-8.
func EncodeConversation(c *chat.Conversation) ([]byte, error) {
	m := recordv1.Conversation{
		Id:                   c.ID,
		QueueId:              c.QueueID,
		State:                int32(c.State),
		Language:             c.Language,
		CreateTime:           Micros(c.CreateTime),
		ArrivalTime:          Micros(c.ArrivalTime),
		TakeTime:             Micros(c.TakeTime),
		CloseTime:            Micros(c.CloseTime),
		CloseReason:          int32(c.CloseReason),
		Transferred:          c.Transferred,
		NoticeVersion:        c.NoticeVersion,
		Origin:               c.Origin,
		LastSequence:         c.LastSequence,
		LastEventTime:        Micros(c.LastEventTime),
		LastStaffMessageTime: Micros(c.LastStaffMessageTime),
	}
	if n := len(c.Participants); n > 0 {
		// One allocation for all of them: this runs for every message that is sent.
		records := make([]recordv1.Participant, n)
		m.Participants = make([]*recordv1.Participant, n)
		for i := range c.Participants {
			fillParticipant(&records[i], &c.Participants[i])
			m.Participants[i] = &records[i]
		}
	}
	if n := len(c.ReadMarks); n > 0 {
		records := make([]recordv1.ReadMark, 0, n)
		m.ReadMarks = make([]*recordv1.ReadMark, 0, n)
		for id, sequence := range c.ReadMarks {
			records = append(records, recordv1.ReadMark{ParticipantId: id, Sequence: sequence})
			m.ReadMarks = append(m.ReadMarks, &records[len(records)-1])
		}
	}
	return marshal(&m)
}

// DecodeConversation reads a conversation from its bytes, with nothing pending.
func DecodeConversation(data []byte) (*chat.Conversation, error) {
	var m recordv1.Conversation
	if err := unmarshal(data, &m); err != nil {
		return nil, err
	}
	c := &chat.Conversation{
		ID:                   m.GetId(),
		QueueID:              m.GetQueueId(),
		State:                chat.State(m.GetState()),
		Language:             m.GetLanguage(),
		CreateTime:           Time(m.GetCreateTime()),
		ArrivalTime:          Time(m.GetArrivalTime()),
		TakeTime:             Time(m.GetTakeTime()),
		CloseTime:            Time(m.GetCloseTime()),
		CloseReason:          chat.CloseReason(m.GetCloseReason()),
		Transferred:          m.GetTransferred(),
		NoticeVersion:        m.GetNoticeVersion(),
		Origin:               m.GetOrigin(),
		ReadMarks:            make(map[string]int32, len(m.GetReadMarks())),
		LastSequence:         m.GetLastSequence(),
		LastEventTime:        Time(m.GetLastEventTime()),
		LastStaffMessageTime: Time(m.GetLastStaffMessageTime()),
	}
	c.Participants = slices.Grow(c.Participants, len(m.GetParticipants()))
	for _, p := range m.GetParticipants() {
		c.Participants = append(c.Participants, participant(p))
	}
	for _, r := range m.GetReadMarks() {
		c.ReadMarks[r.GetParticipantId()] = r.GetSequence()
	}
	return c, nil
}

func participantRecord(p *chat.Participant) *recordv1.Participant {
	m := &recordv1.Participant{}
	fillParticipant(m, p)
	return m
}

func fillParticipant(m *recordv1.Participant, p *chat.Participant) {
	m.Id = p.ID
	m.Role = int32(p.Role)
	m.StaffId = p.StaffID
	m.DisplayName = p.DisplayName
	m.JoinTime = Micros(p.JoinTime)
	m.JoinSequence = p.JoinSequence
	m.LeaveTime = Micros(p.LeaveTime)
	m.LeaveSequence = p.LeaveSequence
	m.LeaveReason = int32(p.LeaveReason)
	m.Leading = p.Leading
}

func participant(m *recordv1.Participant) chat.Participant {
	return chat.Participant{
		ID:            m.GetId(),
		Role:          chat.Role(m.GetRole()),
		StaffID:       m.GetStaffId(),
		DisplayName:   m.GetDisplayName(),
		JoinTime:      Time(m.GetJoinTime()),
		JoinSequence:  m.GetJoinSequence(),
		LeaveTime:     Time(m.GetLeaveTime()),
		LeaveSequence: m.GetLeaveSequence(),
		LeaveReason:   chat.LeaveReason(m.GetLeaveReason()),
		Leading:       m.GetLeading(),
	}
}
