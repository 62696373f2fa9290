package kupla

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// StartOptions say what conversation to start.
type StartOptions struct {
	// QueueID is the queue to wait in.
	QueueID string
	// Language is the customer's language, "fi", "sv" or "en", that the queue serves. Default "fi".
	Language string
	// DisplayName is what the customer wants to be called. Optional.
	DisplayName string
	// Message is the first message. Optional.
	Message string
	// NoticeVersion is the version of the queue's notice that the customer was shown. Optional; when given,
	// the start is refused with NOTICE_OUTDATED if the notice has changed since.
	NoticeVersion string
	// RequestID is a random UUID v4 that makes the start repeatable across restarts of the program: within 10
	// minutes the same id with the same content names the same conversation. Default: a new one.
	RequestID string
}

// Conversation is a handle on one conversation: a customer's own, from [Client.Start] or [Client.Resume], or
// one that a professional has, from [Client.Conversation].
type Conversation struct {
	client        *Client
	id            string
	participantID string
	token         *AccessToken // a pointer, so that printing the handle cannot show it; nil for staff
	service       kuplav1connect.ConversationServiceClient
	feedback      kuplav1connect.FeedbackServiceClient

	mu       sync.Mutex
	cursor   string
	sequence int32
}

// Start begins a conversation: the customer waits in the queue from now on. Refused, among others, with
// QUEUE_CLOSED, QUEUE_PAUSED, QUEUE_FULL, LANGUAGE_NOT_SERVED, NOTICE_OUTDATED and IDENTITY_CODE_IN_TEXT.
func (c *Client) Start(ctx context.Context, options StartOptions) (*Conversation, error) {
	req := &kuplav1.StartConversationRequest{
		RequestId:     options.RequestID,
		QueueId:       options.QueueID,
		Language:      options.Language,
		DisplayName:   options.DisplayName,
		Message:       options.Message,
		NoticeVersion: options.NoticeVersion,
	}
	if req.GetRequestId() == "" {
		req.RequestId = uuid.NewString()
	}
	if req.GetLanguage() == "" {
		req.Language = "fi"
	}
	res, err := retry(ctx, c, req, c.conversations.StartConversation)
	if err != nil {
		return nil, err
	}
	return c.Resume(Credentials{
		ConversationID: res.GetConversation().GetId(),
		ParticipantID:  res.GetParticipantId(),
		AccessToken:    AccessToken(res.GetAccessToken()),
		Cursor:         res.GetCursor(),
	}), nil
}

// Resume returns a handle on a customer's conversation that was started before. It calls nothing.
func (c *Client) Resume(credentials Credentials) *Conversation {
	own := connect.NewClient(c.transport, bearer(string(credentials.AccessToken)))
	return &Conversation{
		client:        c,
		id:            credentials.ConversationID,
		participantID: credentials.ParticipantID,
		token:         &credentials.AccessToken,
		service:       kuplav1connect.NewConversationServiceClient(own),
		feedback:      kuplav1connect.NewFeedbackServiceClient(own),
		cursor:        credentials.Cursor,
		sequence:      credentials.Sequence,
	}
}

// Conversation returns a handle on a conversation that the professional with the staff token has. It calls
// nothing.
func (c *Client) Conversation(conversationID string) *Conversation {
	return &Conversation{client: c, id: conversationID, service: c.conversations, feedback: c.feedback}
}

// ID identifies the conversation.
func (v *Conversation) ID() string { return v.id }

// ParticipantID is the customer's part in the conversation. It is empty for a professional's handle.
func (v *Conversation) ParticipantID() string { return v.participantID }

// Service returns the generated client of the conversation service, presenting this handle's token.
func (v *Conversation) Service() kuplav1connect.ConversationServiceClient { return v.service }

// Cursor returns where to follow from, past everything that this handle's followers have handed out, and
// the number of the last event they have, 0 when not known. An update counts as handed out once the loop
// asks for the next one or is left.
func (v *Conversation) Cursor() (cursor string, sequence int32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.cursor, v.sequence
}

// Credentials returns what [Client.Resume] needs to go on with the conversation. A professional's handle
// has no access token to put into them.
func (v *Conversation) Credentials() Credentials {
	cursor, sequence := v.Cursor()
	credentials := Credentials{
		ConversationID: v.id,
		ParticipantID:  v.participantID,
		Cursor:         cursor,
		Sequence:       sequence,
	}
	if v.token != nil {
		credentials.AccessToken = *v.token
	}
	return credentials
}

// Format prints which conversation this is, and nothing that opens it, whatever the verb.
func (v *Conversation) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "conversation "+v.id)
}

// Send writes a message and returns its event in the log, once it is stored. Refused, among others, with
// CONVERSATION_CLOSED and IDENTITY_CODE_IN_TEXT.
//
// When it gives up without knowing the outcome, the message may or may not have been stored; to be able to
// settle that, choose the request id yourself with [Conversation.SendWithID].
func (v *Conversation) Send(ctx context.Context, text string) (*kuplav1.Event, error) {
	return v.SendWithID(ctx, uuid.NewString(), text)
}

// SendWithID is [Conversation.Send] with a request id of the caller's, a random UUID v4. The same id with the
// same text, sent at any time later, names the same message and never writes a second one.
func (v *Conversation) SendWithID(ctx context.Context, requestID, text string) (*kuplav1.Event, error) {
	req := &kuplav1.SendMessageRequest{ConversationId: v.id, RequestId: requestID, Text: text}
	res, err := retry(ctx, v.client, req, v.service.SendMessage)
	return res.GetEvent(), err
}

// SetTyping tells the others that one is typing. Call it every 3 seconds while that lasts. It is tried once:
// what it tells is over before a repeat would arrive.
func (v *Conversation) SetTyping(ctx context.Context) error {
	req := &kuplav1.SetTypingRequest{ConversationId: v.id}
	_, err := attempt(ctx, v.client.retry.AttemptTimeout, req, v.service.SetTyping)
	return err
}

// MarkRead tells that one has read up to the event with the given number. The mark only grows; the one that
// holds is returned.
func (v *Conversation) MarkRead(ctx context.Context, sequence int32) (*kuplav1.ReadMark, error) {
	req := &kuplav1.MarkReadRequest{ConversationId: v.id, Sequence: sequence}
	res, err := retry(ctx, v.client, req, v.service.MarkRead)
	return res.GetReadMark(), err
}

// Leave leaves the conversation. A customer's leaving closes it; a professional may leave while another one
// stays, and is refused with LAST_PROFESSIONAL otherwise.
func (v *Conversation) Leave(ctx context.Context) (*kuplav1.Conversation, error) {
	req := &kuplav1.LeaveConversationRequest{ConversationId: v.id, RequestId: uuid.NewString()}
	res, err := retry(ctx, v.client, req, v.service.LeaveConversation)
	return res.GetConversation(), err
}

// Get returns the conversation as it is now.
func (v *Conversation) Get(ctx context.Context) (*kuplav1.ConversationSnapshot, error) {
	req := &kuplav1.GetConversationRequest{ConversationId: v.id}
	res, err := retry(ctx, v.client, req, v.service.GetConversation)
	return res.GetSnapshot(), err
}

// Events lists the log so far, oldest first, and ends. It fails with a [GapError] should an event be
// missing. To hear what happens next, use [Conversation.Follow].
func (v *Conversation) Events(ctx context.Context) iter.Seq2[*kuplav1.Event, error] {
	return func(yield func(*kuplav1.Event, error) bool) {
		var last int32
		for event, err := range pages(func(token string) ([]*kuplav1.Event, string, error) {
			req := &kuplav1.ListEventsRequest{ConversationId: v.id, PageToken: token}
			res, err := retry(ctx, v.client, req, v.service.ListEvents)
			return res.GetEvents(), res.GetNextPageToken(), err
		}) {
			if err == nil && event.GetSequence() != last+1 {
				event, err = nil, &GapError{ConversationID: v.id, Want: last + 1, Got: event.GetSequence()}
			}
			if !yield(event, err) || err != nil {
				return
			}
			last = event.GetSequence()
		}
	}
}

// EventPage is a page of a conversation's log.
type EventPage struct {
	// Token is what the page was asked for with: the same page, and whatever was written behind it since, can be
	// asked for with it again.
	Token string
	// Events are the events of the page, oldest first.
	Events []*kuplav1.Event
}

// EventPages lists the log so far page by page, from the page with the given token on, or from the beginning
// when it is empty. It fails with a [GapError] should an event be missing. It is for programs that go on later
// where they were; others use [Conversation.Events].
func (v *Conversation) EventPages(ctx context.Context, token string) iter.Seq2[EventPage, error] {
	return func(yield func(EventPage, error) bool) {
		begun := token == ""
		var last int32
		for {
			req := &kuplav1.ListEventsRequest{ConversationId: v.id, PageToken: token, PageSize: eventsPerPage}
			res, err := retry(ctx, v.client, req, v.service.ListEvents)
			if err != nil {
				yield(EventPage{}, err)
				return
			}
			for _, event := range res.GetEvents() {
				if begun && event.GetSequence() != last+1 {
					yield(EventPage{}, &GapError{ConversationID: v.id, Want: last + 1, Got: event.GetSequence()})
					return
				}
				begun, last = true, event.GetSequence()
			}
			if !yield(EventPage{Token: token, Events: res.GetEvents()}, nil) || res.GetNextPageToken() == "" {
				return
			}
			token = res.GetNextPageToken()
		}
	}
}

// eventsPerPage is as many as the contract allows.
const eventsPerPage = 1000

// Survey returns the questions to ask the customer after the end, and the token to answer them with by
// [Conversation.SubmitFeedback]. Refused with CONVERSATION_OPEN before the end.
func (v *Conversation) Survey(ctx context.Context) (*kuplav1.GetSurveyResponse, error) {
	return retry(ctx, v.client, &kuplav1.GetSurveyRequest{ConversationId: v.id}, v.feedback.GetSurvey)
}

// SubmitFeedback is [Client.SubmitFeedback]: it sends the feedback token and nothing that tells whose
// conversation it was.
func (v *Conversation) SubmitFeedback(ctx context.Context, feedbackToken string, answers []*kuplav1.SurveyAnswer) error {
	return v.client.SubmitFeedback(ctx, feedbackToken, answers)
}

func (v *Conversation) moveTo(cursor string, sequence int32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cursor, v.sequence = cursor, sequence
}
