package chat

// Replay rebuilds what a log tells of a conversation: state, queue, participants, close. It is how tests
// show that the log is the whole truth, and how a client may do it too.
func Replay(queueID string, events []Event) *Conversation {
	c := &Conversation{QueueID: queueID, State: Waiting, ReadMarks: map[string]int32{}}
	for _, e := range events {
		c.LastSequence = e.Sequence
		c.LastEventTime = e.Time
		c.replay(e)
	}
	return c
}

func (c *Conversation) replay(e Event) {
	switch k := e.Kind.(type) {
	case MessagePosted:
		if e.ParticipantID != CustomerID {
			c.LastStaffMessageTime = e.Time
		}
	case ParticipantJoined:
		c.Participants = append(c.Participants, k.Participant)
		if k.Participant.Role == Professional {
			c.State = Active
			if c.TakeTime.IsZero() {
				c.TakeTime = e.Time
			}
		}
	case ParticipantLeft:
		p := c.Participant(k.ParticipantID)
		led := p.Leading
		c.leave(p, k.Reason, e.Sequence)
		if rest := c.Professionals(); led && len(rest) > 0 {
			rest[0].Leading = true
		}
	case Transferred:
		if leader := c.Leader(); leader != nil {
			c.leave(leader, LeftTransferred, e.Sequence)
		}
		c.QueueID = k.QueueID
		if k.ParticipantID == "" {
			c.State = Waiting
			c.Transferred = true
		}
	case ReturnedToQueue:
		reason := LeftReturned
		if k.Reason == ProfessionalLost {
			reason = LeftLost
		}
		if leader := c.Leader(); leader != nil {
			c.leave(leader, reason, e.Sequence)
		}
		c.QueueID = k.QueueID
		c.State = Waiting
		c.Transferred = true
	case ConversationClosed:
		c.State = Closed
		c.CloseTime = e.Time
		c.CloseReason = k.Reason
	}
}
