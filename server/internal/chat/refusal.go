package chat

import "strings"

// Reason is why something is refused: the name of an ErrorReason of the contract, without its prefix.
type Reason string

// The reasons this package refuses with.
const (
	ConversationIsClosed      Reason = "CONVERSATION_CLOSED"
	ConversationIsWaiting     Reason = "CONVERSATION_WAITING"
	ConversationIsActive      Reason = "CONVERSATION_ACTIVE"
	ConversationIsOpen        Reason = "CONVERSATION_OPEN"
	AlreadyTaken              Reason = "ALREADY_TAKEN"
	AccessEnded               Reason = "ACCESS_ENDED"
	AlreadyParticipant        Reason = "ALREADY_PARTICIPANT"
	LastProfessional          Reason = "LAST_PROFESSIONAL"
	NotLeading                Reason = "NOT_LEADING"
	SequenceAhead             Reason = "SEQUENCE_AHEAD"
	ConversationTooLong       Reason = "CONVERSATION_TOO_LONG"
	CustomerAgreementRequired Reason = "CUSTOMER_AGREEMENT_REQUIRED"
	TransferNotAllowed        Reason = "TRANSFER_NOT_ALLOWED"
)

// Refusal is a command that was refused. Nothing has changed.
type Refusal struct {
	Reason Reason
	// Metadata holds every value that a message about the refusal names, by the contract's keys.
	Metadata map[string]string
}

// Error names the reason, for logs and tests. What a person reads is made where the refusal is answered.
func (r *Refusal) Error() string {
	return "refused: " + strings.ToLower(strings.ReplaceAll(string(r.Reason), "_", " "))
}

// Is makes errors.Is match refusals by their reason.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && t.Reason == r.Reason
}

// Refuse makes a refusal. pairs are metadata keys and values, alternating.
func Refuse(reason Reason, pairs ...string) *Refusal {
	r := &Refusal{Reason: reason, Metadata: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Metadata[pairs[i]] = pairs[i+1]
	}
	return r
}
