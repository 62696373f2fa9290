package kupla

import (
	"context"
	"iter"

	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// Desk is what a professional does besides talking. It presents the client's staff token.
type Desk struct{ client *Client }

// TransferOptions say more about handing a conversation on.
type TransferOptions struct {
	// Note is for whoever goes on, kept as a case note. Optional.
	Note string
	// CustomerAgreed tells that the customer agreed. Needed between health and social care.
	CustomerAgreed bool
}

// Desk returns the desk of the professional with the staff token.
func (c *Client) Desk() *Desk { return &Desk{client: c} }

// SetAvailability tells whether the professional takes conversations.
func (d *Desk) SetAvailability(ctx context.Context, availability kuplav1.Availability) (*kuplav1.Professional, error) {
	req := &kuplav1.SetAvailabilityRequest{RequestId: uuid.NewString(), Availability: availability}
	res, err := retry(ctx, d.client, req, d.client.desk.SetAvailability)
	return res.GetProfessional(), err
}

// TakeNext takes the earliest arrival in the given queues, or in all of the professional's own when none is
// given. It returns nil without an error when nobody waits who could be taken. Refused with
// CAPACITY_REACHED.
func (d *Desk) TakeNext(ctx context.Context, queueIDs ...string) (*kuplav1.Conversation, error) {
	req := &kuplav1.TakeNextRequest{RequestId: uuid.NewString(), QueueIds: queueIDs}
	res, err := retry(ctx, d.client, req, d.client.desk.TakeNext)
	return res.GetConversation(), err
}

// Take takes one conversation that waits. Refused with ALREADY_TAKEN when somebody else was faster.
func (d *Desk) Take(ctx context.Context, conversationID string) (*kuplav1.Conversation, error) {
	req := &kuplav1.TakeConversationRequest{ConversationId: conversationID, RequestId: uuid.NewString()}
	res, err := retry(ctx, d.client, req, d.client.desk.TakeConversation)
	return res.GetConversation(), err
}

// TransferToQueue hands a conversation on to another queue, where it keeps its arrival.
func (d *Desk) TransferToQueue(
	ctx context.Context, conversationID, queueID string, options TransferOptions,
) (*kuplav1.Conversation, error) {
	return d.transfer(ctx, &kuplav1.TransferConversationRequest{
		ConversationId: conversationID,
		Target:         &kuplav1.TransferConversationRequest_QueueId{QueueId: queueID},
		Note:           options.Note,
		CustomerAgreed: options.CustomerAgreed,
	})
}

// TransferToProfessional hands a conversation on to a colleague who is available.
func (d *Desk) TransferToProfessional(
	ctx context.Context, conversationID, professionalID string, options TransferOptions,
) (*kuplav1.Conversation, error) {
	return d.transfer(ctx, &kuplav1.TransferConversationRequest{
		ConversationId: conversationID,
		Target:         &kuplav1.TransferConversationRequest_ProfessionalId{ProfessionalId: professionalID},
		Note:           options.Note,
		CustomerAgreed: options.CustomerAgreed,
	})
}

func (d *Desk) transfer(ctx context.Context, req *kuplav1.TransferConversationRequest) (*kuplav1.Conversation, error) {
	req.RequestId = uuid.NewString()
	res, err := retry(ctx, d.client, req, d.client.desk.TransferConversation)
	return res.GetConversation(), err
}

// ReturnToQueue puts a conversation back into its queue, at its arrival.
func (d *Desk) ReturnToQueue(ctx context.Context, conversationID string) (*kuplav1.Conversation, error) {
	req := &kuplav1.ReturnToQueueRequest{ConversationId: conversationID, RequestId: uuid.NewString()}
	res, err := retry(ctx, d.client, req, d.client.desk.ReturnToQueue)
	return res.GetConversation(), err
}

// Invite brings a colleague into a conversation.
func (d *Desk) Invite(ctx context.Context, conversationID, professionalID string) (*kuplav1.Conversation, error) {
	req := &kuplav1.InviteProfessionalRequest{
		ConversationId: conversationID,
		RequestId:      uuid.NewString(),
		ProfessionalId: professionalID,
	}
	res, err := retry(ctx, d.client, req, d.client.desk.InviteProfessional)
	return res.GetConversation(), err
}

// Close ends a conversation, for one of the reasons COMPLETED, REDIRECTED_TO_PHONE and ENDED_BY_STAFF.
func (d *Desk) Close(
	ctx context.Context, conversationID string, reason kuplav1.CloseReason,
) (*kuplav1.Conversation, error) {
	req := &kuplav1.CloseConversationRequest{
		ConversationId: conversationID,
		RequestId:      uuid.NewString(),
		Reason:         reason,
	}
	res, err := retry(ctx, d.client, req, d.client.desk.CloseConversation)
	return res.GetConversation(), err
}

// AddNote adds a note to a conversation that only staff may see.
func (d *Desk) AddNote(ctx context.Context, conversationID, text string) (*kuplav1.CaseNote, error) {
	req := &kuplav1.AddCaseNoteRequest{ConversationId: conversationID, RequestId: uuid.NewString(), Text: text}
	res, err := retry(ctx, d.client, req, d.client.desk.AddCaseNote)
	return res.GetCaseNote(), err
}

// Notes lists the notes of a conversation, oldest first.
func (d *Desk) Notes(ctx context.Context, conversationID string) iter.Seq2[*kuplav1.CaseNote, error] {
	return pages(func(token string) ([]*kuplav1.CaseNote, string, error) {
		req := &kuplav1.ListCaseNotesRequest{ConversationId: conversationID, PageToken: token}
		res, err := retry(ctx, d.client, req, d.client.desk.ListCaseNotes)
		return res.GetCaseNotes(), res.GetNextPageToken(), err
	})
}

// CannedReplies lists the replies to send with a few keys in a queue, or in all of the professional's own
// when queueID is empty, in the catalogue's order.
func (d *Desk) CannedReplies(ctx context.Context, queueID string) iter.Seq2[*kuplav1.CannedReply, error] {
	return pages(func(token string) ([]*kuplav1.CannedReply, string, error) {
		req := &kuplav1.ListCannedRepliesRequest{QueueId: queueID, PageToken: token}
		res, err := retry(ctx, d.client, req, d.client.desk.ListCannedReplies)
		return res.GetCannedReplies(), res.GetNextPageToken(), err
	})
}
