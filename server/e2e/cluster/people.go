package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
)

// Queue is the one that people wait in here.
const Queue = "emergency-help"

// Settings are a configuration of servers for those who do in a moment what takes hours in a county.
const Settings = kuplad.Unlimited + `  streams_per_token: 64
times:
  heartbeat: 2s
  presence_grace: 1s
drain: {delay: 200ms, spread: 1s}
`

// staff makes a professional and returns their token.
func (c *Cluster) staff(ctx context.Context, id string) (string, error) {
	token, _, err := c.Admin().Token(ctx, id, "--role", "professional", "--language", "fi", "--capacity", "20", "--queue", Queue)
	return token, err
}

// available makes a client of one server for a professional, and tells that they are available.
func (c *Cluster) available(ctx context.Context, server int, token string) (*kupla.Client, error) {
	client := kupla.New(c.Servers[server].URL(), kupla.WithStaffToken(token))
	_, err := client.Desk().SetAvailability(ctx, kuplav1.Availability_AVAILABILITY_AVAILABLE)
	if err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// start starts a conversation on a server.
func (c *Cluster) start(ctx context.Context, server int) (*kupla.Client, *kupla.Conversation, error) {
	client := kupla.New(c.Servers[server].URL())
	conversation, err := client.Start(ctx, kupla.StartOptions{
		QueueID: Queue, RequestID: uuid.NewString(), Message: "Hei", DisplayName: "Testi",
	})
	if err != nil {
		client.Close()
		return nil, nil, fmt.Errorf("start a conversation: %w", err)
	}
	return client, conversation, nil
}

// pause waits, unless ctx ends first; then it reports false.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
