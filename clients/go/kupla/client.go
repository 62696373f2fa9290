package kupla

import (
	"context"
	"iter"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// Client speaks to one Kupla service. Make one with [New] and share it.
type Client struct {
	transport connect.Transport
	staff     *connect.Client // carries the staff token, if there is one
	retry     RetryPolicy
	reconnect Backoff
	random    jitter
	closeIdle func()

	queues        kuplav1connect.QueueServiceClient
	conversations kuplav1connect.ConversationServiceClient
	desk          kuplav1connect.DeskServiceClient
	feedback      kuplav1connect.FeedbackServiceClient
	catalogue     kuplav1connect.CatalogueServiceClient
}

// New returns a client of the service at baseURL, such as "https://chat.example.fi" or
// "http://localhost:8080". It connects with the first call, so a wrong address shows itself there.
//
// Over http:// it speaks HTTP/2 without TLS, which the service accepts on the same port, so that all streams
// and calls share one connection; see [WithHTTP1] for proxies that cannot.
func New(baseURL string, opts ...Option) *Client {
	cfg := newConfig(opts)
	c := &Client{
		transport: cfg.transport,
		retry:     cfg.retry.withDefaults(),
		reconnect: cfg.reconnect.withDefaults(defaultReconnect),
		random:    cfg.random,
		closeIdle: func() {},
	}
	if c.transport == nil {
		httpClient := cfg.httpClient
		if httpClient == nil {
			own := newHTTPClient(cfg.http1)
			httpClient, c.closeIdle = own, own.CloseIdleConnections
		}
		c.transport = connecthttp.NewTransport(httpClient, baseURL, cfg.transportOptions()...)
	}
	c.staff = connect.NewClient(c.transport, bearer(cfg.staffToken))
	c.queues = kuplav1connect.NewQueueServiceClient(c.staff)
	c.conversations = kuplav1connect.NewConversationServiceClient(c.staff)
	c.desk = kuplav1connect.NewDeskServiceClient(c.staff)
	c.feedback = kuplav1connect.NewFeedbackServiceClient(c.staff)
	c.catalogue = kuplav1connect.NewCatalogueServiceClient(c.staff)
	return c
}

// Close closes the connections that nothing uses any more. Streams and calls that run are not touched. The
// client stays usable. It does nothing to an HTTP client given by [WithHTTPClient].
func (c *Client) Close() { c.closeIdle() }

// QueueService returns the generated client of the queue service. It sends no credentials.
func (c *Client) QueueService() kuplav1connect.QueueServiceClient { return c.queues }

// ConversationService returns the generated client of the conversation service. It sends the staff token;
// see [Conversation.Service] for one that sends a conversation's own.
func (c *Client) ConversationService() kuplav1connect.ConversationServiceClient {
	return c.conversations
}

// DeskService returns the generated client of the desk service. It sends the staff token.
func (c *Client) DeskService() kuplav1connect.DeskServiceClient { return c.desk }

// FeedbackService returns the generated client of the feedback service. It sends the staff token, except
// with answers, which go out without any.
func (c *Client) FeedbackService() kuplav1connect.FeedbackServiceClient { return c.feedback }

// CatalogueService returns the generated client of the catalogue service. It sends the staff token.
func (c *Client) CatalogueService() kuplav1connect.CatalogueServiceClient { return c.catalogue }

// Queues lists all queues with their status, in the catalogue's order.
func (c *Client) Queues(ctx context.Context) iter.Seq2[*kuplav1.QueueWithStatus, error] {
	return pages(func(token string) ([]*kuplav1.QueueWithStatus, string, error) {
		req := &kuplav1.ListQueuesRequest{PageToken: token}
		res, err := retry(ctx, c, req, c.queues.ListQueues)
		return res.GetQueues(), res.GetNextPageToken(), err
	})
}

// Queue gets one queue with its status. It fails with QUEUE_NOT_FOUND when there is none.
func (c *Client) Queue(ctx context.Context, queueID string) (*kuplav1.QueueWithStatus, error) {
	res, err := retry(ctx, c, &kuplav1.GetQueueRequest{QueueId: queueID}, c.queues.GetQueue)
	if err != nil {
		return nil, err
	}
	return &kuplav1.QueueWithStatus{Queue: res.GetQueue(), Status: res.GetStatus()}, nil
}

// SubmitFeedback answers the survey that feedbackToken came with. The token is the only credential that is
// sent, so that the answers cannot be linked to a conversation. A repeat changes nothing.
func (c *Client) SubmitFeedback(ctx context.Context, feedbackToken string, answers []*kuplav1.SurveyAnswer) error {
	req := &kuplav1.SubmitFeedbackRequest{FeedbackToken: feedbackToken, Answers: answers}
	_, err := retry(ctx, c, req, c.feedback.SubmitFeedback)
	return err
}
