package chat

import (
	"cmp"
	"time"
)

// Capability is something a participant may do with a conversation now.
type Capability int8

// The capabilities.
const (
	CanRead Capability = iota + 1
	CanSendMessage
	CanMarkRead
	CanLeave
	CanGiveFeedback
	CanTransfer
	CanReturnToQueue
	CanInviteProfessional
	CanClose
	CanUseCaseNotes
)

// Capabilities lists what a participant may do now, by the same table and checks as the commands
// themselves. wrapUp is how long professionals may read after the close.
func (c *Conversation) Capabilities(p *Participant, now time.Time, wrapUp time.Duration) []Capability {
	if !c.Readable(p, now, wrapUp) {
		return nil
	}
	can := []Capability{CanRead}
	add := func(capability Capability, err error) {
		if err == nil {
			can = append(can, capability)
		}
	}
	if p.Role == Customer {
		add(CanSendMessage, c.checkPost(p.ID))
		add(CanMarkRead, c.check(CommandMarkRead))
		add(CanLeave, c.check(CommandLeaveAsCustomer))
		add(CanGiveFeedback, c.check(CommandGiveFeedback))
		return can
	}
	staff := func(command Command) error {
		_, err := c.checkStaff(command, p.ID)
		return err
	}
	leading := func(command Command) error {
		_, err := c.checkLeading(command, p.ID)
		return err
	}
	add(CanSendMessage, c.checkPost(p.ID))
	add(CanMarkRead, c.check(CommandMarkRead))
	if len(c.Professionals()) > 1 {
		add(CanLeave, staff(CommandLeaveAsProfessional))
	}
	add(CanTransfer, leading(CommandTransferToQueue))
	add(CanReturnToQueue, leading(CommandReturn))
	add(CanInviteProfessional, cmp.Or(leading(CommandInvite), c.checkRoom()))
	add(CanClose, leading(CommandClose))
	add(CanUseCaseNotes, c.CanAddCaseNote(p, now, wrapUp))
	return can
}
