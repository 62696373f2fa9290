package chat

import (
	"strconv"
	"time"
)

// Staff is a staff member, as far as a conversation knows one.
type Staff struct {
	ID          string
	DisplayName string
}

// check looks the command up in the table.
func (c *Conversation) check(command Command) error {
	cell := lookup(c.State, command)
	if cell.allowed() {
		return nil
	}
	return Refuse(cell.Refusal, "conversation_id", c.ID)
}

// checkStaff looks that the professional takes part, and the command up. In this order: whoever no longer takes part
// is not told what the conversation has become since.
func (c *Conversation) checkStaff(command Command, participantID string) (*Participant, error) {
	p := c.Participant(participantID)
	if p == nil || p.Role != Professional || !p.Present() {
		return nil, Refuse(AccessEnded, "conversation_id", c.ID)
	}
	if err := c.check(command); err != nil {
		return nil, err
	}
	return p, nil
}

// checkLeading looks the command up, and that the professional leads.
func (c *Conversation) checkLeading(command Command, participantID string) (*Participant, error) {
	p, err := c.checkStaff(command, participantID)
	if err != nil {
		return nil, err
	}
	if !p.Leading {
		return nil, Refuse(NotLeading, "conversation_id", c.ID)
	}
	return p, nil
}

// checkRoom refuses one more participant where there have been more than any conversation has: a script that
// takes and returns in a loop.
func (c *Conversation) checkRoom() error {
	if len(c.Participants) >= MaxParticipants {
		return Refuse(ConversationTooLong, "conversation_id", c.ID, "limit", strconv.Itoa(MaxParticipants))
	}
	return nil
}

// Post appends a message.
func (c *Conversation) Post(participantID, text string, now time.Time) error {
	if err := c.checkPost(participantID); err != nil {
		return err
	}
	c.emit(participantID, MessagePosted{Text: text}, now)
	if participantID != CustomerID {
		c.LastStaffMessageTime = c.LastEventTime
	}
	return nil
}

// checkPost looks the command up, that a professional takes part, and that the log has room.
func (c *Conversation) checkPost(participantID string) error {
	if participantID == CustomerID {
		if err := c.check(CommandPostAsCustomer); err != nil {
			return err
		}
	} else if _, err := c.checkStaff(CommandPostAsProfessional, participantID); err != nil {
		return err
	}
	if c.TakeTime.IsZero() && c.LastSequence >= MaxEventsUnanswered {
		return Refuse(ConversationTooLong, "conversation_id", c.ID, "limit", strconv.Itoa(MaxEventsUnanswered))
	}
	if c.LastSequence >= MaxEvents {
		return Refuse(ConversationTooLong, "conversation_id", c.ID, "limit", strconv.Itoa(MaxEvents))
	}
	return nil
}

// CanType tells whether a participant may tell that they are typing.
func (c *Conversation) CanType(participantID string) error {
	if participantID == CustomerID {
		return c.check(CommandSetTyping)
	}
	_, err := c.checkStaff(CommandSetTyping, participantID)
	return err
}

// MarkRead moves a participant's read mark forward and returns where it stands. A mark that is not further
// than the last one changes nothing.
func (c *Conversation) MarkRead(p *Participant, sequence int32) (int32, error) {
	if err := c.check(CommandMarkRead); err != nil {
		return 0, err
	}
	if last := c.VisibleThrough(p); sequence > last {
		return 0, Refuse(SequenceAhead, "last_sequence", strconv.Itoa(int(last)))
	}
	if sequence > c.ReadMarks[p.ID] {
		c.ReadMarks[p.ID] = sequence
		c.changed = true
	}
	return c.ReadMarks[p.ID], nil
}

// LeaveAsCustomer closes the conversation because the customer leaves.
func (c *Conversation) LeaveAsCustomer(now time.Time) error {
	if err := c.check(CommandLeaveAsCustomer); err != nil {
		return err
	}
	c.close(CustomerID, CustomerLeft, now)
	return nil
}

// LeaveAsProfessional takes a professional out while another one stays, who leads from then on.
func (c *Conversation) LeaveAsProfessional(participantID string, now time.Time) error {
	p, err := c.checkStaff(CommandLeaveAsProfessional, participantID)
	if err != nil {
		return err
	}
	if len(c.Professionals()) < 2 {
		return Refuse(LastProfessional, "conversation_id", c.ID)
	}
	c.stepOut(p, participantID, LeftByChoice, now)
	return nil
}

// stepOut takes one of several professionals out and hands the lead on, to whoever has been in it longest.
func (c *Conversation) stepOut(p *Participant, author string, reason LeaveReason, now time.Time) {
	led := p.Leading
	c.leave(p, reason, c.emit(author, ParticipantLeft{ParticipantID: p.ID, Reason: reason}, now))
	if led {
		c.Professionals()[0].Leading = true
	}
}

// Take makes the conversation active with a professional who leads it.
func (c *Conversation) Take(s Staff, now time.Time) error {
	if err := c.check(CommandTake); err != nil {
		return err
	}
	if err := c.checkRoom(); err != nil {
		return err
	}
	c.joinStaff(s, true, "", now)
	c.State = Active
	if c.TakeTime.IsZero() {
		c.TakeTime = c.LastEventTime
	}
	return nil
}

// TransferRules is what decides whether a conversation may go from its queue to another.
type TransferRules struct {
	// Allowed tells that the source queue transfers to the target.
	Allowed bool
	// NeedsAgreement tells that the rules differ, health here and social care there.
	NeedsAgreement bool
	CustomerAgreed bool
}

func (r TransferRules) check(source, target string) error {
	if !r.Allowed {
		return Refuse(TransferNotAllowed, "queue_id", source, "target_queue_id", target)
	}
	if r.NeedsAgreement && !r.CustomerAgreed {
		return Refuse(CustomerAgreementRequired, "queue_id", source, "target_queue_id", target)
	}
	return nil
}

// TransferToQueue puts the conversation into another queue, where it keeps its arrival.
func (c *Conversation) TransferToQueue(participantID, queueID string, rules TransferRules, now time.Time) error {
	if _, err := c.checkLeading(CommandTransferToQueue, participantID); err != nil {
		return err
	}
	if err := rules.check(c.QueueID, queueID); err != nil {
		return err
	}
	source := c.QueueID
	c.QueueID = queueID
	c.State = Waiting
	c.Transferred = true
	c.leaveAll(LeftTransferred, participantID, Transferred{
		SourceQueueID: source, QueueID: queueID, CustomerAgreed: rules.CustomerAgreed,
	}, now)
	return nil
}

// TransferToProfessional hands the conversation to a colleague, who leads it from then on. queueID is the
// queue that the colleague answers it in: the same one, or one that it may be transferred to. Guests stay.
func (c *Conversation) TransferToProfessional(
	participantID string, to Staff, queueID string, rules TransferRules, now time.Time,
) error {
	p, err := c.checkLeading(CommandTransferToProfessional, participantID)
	if err != nil {
		return err
	}
	if queueID != c.QueueID {
		if err := rules.check(c.QueueID, queueID); err != nil {
			return err
		}
	}
	if q := c.StaffParticipant(to.ID); q != nil && q.Present() {
		return Refuse(AlreadyParticipant, "professional_id", to.ID)
	}
	if err := c.checkRoom(); err != nil {
		return err
	}
	source := c.QueueID
	c.QueueID = queueID
	// The colleague's participant id is told by the transfer, so it is made before the joining.
	n := 1
	for _, q := range c.Participants {
		if q.Role == Professional {
			n++
		}
	}
	sequence := c.emit(participantID, Transferred{
		SourceQueueID: source, QueueID: queueID, ParticipantID: "professional-" + strconv.Itoa(n),
		CustomerAgreed: rules.CustomerAgreed,
	}, now)
	c.leave(p, LeftTransferred, sequence)
	c.joinStaff(to, true, "", now)
	return nil
}

// Return puts the conversation back into its queue, at its arrival.
func (c *Conversation) Return(participantID string, now time.Time) error {
	if _, err := c.checkLeading(CommandReturn, participantID); err != nil {
		return err
	}
	c.backToQueue(participantID, LeftReturned, ReturnedByStaff, now)
	return nil
}

func (c *Conversation) backToQueue(author string, leave LeaveReason, reason ReturnReason, now time.Time) {
	c.State = Waiting
	c.Transferred = true
	c.leaveAll(leave, author, ReturnedToQueue{Reason: reason, QueueID: c.QueueID}, now)
}

// Invite brings a colleague in beside the one who leads.
func (c *Conversation) Invite(participantID string, colleague Staff, now time.Time) error {
	if _, err := c.checkLeading(CommandInvite, participantID); err != nil {
		return err
	}
	if q := c.StaffParticipant(colleague.ID); q != nil && q.Present() {
		return Refuse(AlreadyParticipant, "professional_id", colleague.ID)
	}
	if err := c.checkRoom(); err != nil {
		return err
	}
	c.joinStaff(colleague, false, participantID, now)
	return nil
}

// Close ends the conversation. The reason is the professional's: completed, redirected to the phone, or
// ended by staff.
func (c *Conversation) Close(participantID string, reason CloseReason, now time.Time) error {
	if _, err := c.checkLeading(CommandClose, participantID); err != nil {
		return err
	}
	c.close(participantID, reason, now)
	return nil
}

// CanAddCaseNote tells whether a professional may add and read case notes now.
func (c *Conversation) CanAddCaseNote(p *Participant, now time.Time, wrapUp time.Duration) error {
	if err := c.check(CommandAddCaseNote); err != nil {
		return err
	}
	if p.Role != Professional || !c.Readable(p, now, wrapUp) {
		return Refuse(AccessEnded, "conversation_id", c.ID)
	}
	return nil
}

// CanGiveFeedback tells whether the survey may be answered.
func (c *Conversation) CanGiveFeedback() error { return c.check(CommandGiveFeedback) }

// Abandon closes a conversation whose customer was away for longer than the place is kept. Whether they
// were is decided by the caller, who knows when they were last seen.
func (c *Conversation) Abandon(now time.Time) error {
	return c.end(CommandAbandon, Abandoned, now)
}

// NotReach closes a conversation whose turn did not come before closing and its grace.
func (c *Conversation) NotReach(now time.Time) error {
	return c.end(CommandNotReach, NotReached, now)
}

// Expire closes a conversation whose customer was away for too long while being answered.
func (c *Conversation) Expire(now time.Time) error {
	return c.end(CommandExpire, Expired, now)
}

func (c *Conversation) end(command Command, reason CloseReason, now time.Time) error {
	if err := c.check(command); err != nil {
		return err
	}
	c.close("", reason, now)
	return nil
}

// LoseProfessional takes out a professional whose connection was lost for too long. When nobody else is
// there the conversation returns to its queue.
func (c *Conversation) LoseProfessional(staffID string, now time.Time) error {
	if err := c.check(CommandLoseProfessional); err != nil {
		return err
	}
	p := c.StaffParticipant(staffID)
	if p == nil || !p.Present() {
		return Refuse(AccessEnded, "conversation_id", c.ID)
	}
	if len(c.Professionals()) > 1 {
		c.stepOut(p, "", LeftLost, now)
		return nil
	}
	c.backToQueue("", LeftLost, ProfessionalLost, now)
	return nil
}

func (c *Conversation) close(author string, reason CloseReason, now time.Time) {
	c.emit(author, ConversationClosed{Reason: reason}, now)
	c.State = Closed
	c.CloseTime = c.LastEventTime
	c.CloseReason = reason
	c.Origin = ""
}
