package load

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"fmt"

	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// conversationsPerDesk is how many conversations one professional has in a load of pairs.
const conversationsPerDesk = 4

// conversation is one that was started and taken, with the clients of both parties.
type conversation struct {
	customerID, professionalID string // the same, but for the bare relay
	customerToken              string
	customer, professional     kuplav1connect.ConversationServiceClient
}

// converse begins n conversations. Customers and professionals share the connections in turn.
func (s *Server) converse(ctx context.Context, n int, connections []*connection) ([]conversation, error) {
	return s.converseAt(ctx, n, conversationsPerDesk, connections)
}

// converseAt begins n conversations, so many with one professional.
func (s *Server) converseAt(ctx context.Context, n, perDesk int, connections []*connection) ([]conversation, error) {
	made := make([]conversation, n)
	if s.program == "" {
		s.mu.Lock()
		first := s.started
		s.started += n
		s.mu.Unlock()
		for i := range made {
			made[i] = conversation{
				customerID: bareID(first+i, bareCustomer), professionalID: bareID(first+i, bareProfessional),
				customerToken: bareToken('c', first+i),
				customer:      connections[(2*i)%len(connections)].conversations(bareToken('c', first+i)),
				professional:  connections[(2*i+1)%len(connections)].conversations(bareToken('d', (first+i)/perDesk)),
			}
		}
		return made, nil
	}
	desks, err := s.deskTokens(ctx, (n+perDesk-1)/perDesk)
	if err != nil {
		return nil, err
	}
	return made, concurrently(ctx, n, setupAtOnce, func(ctx context.Context, i int) error {
		var err error
		made[i], err = begin(ctx, connections[(2*i)%len(connections)], connections[(2*i+1)%len(connections)],
			desks[i/perDesk])
		return err
	})
}

// bareToken is as long as those of Kupla, which look at it, and there are as many of them; the bare relay does not. HTTP/2
// sends a header that a connection has just had as one byte: with one token for everybody its requests would be shorter
// than any that people send.
func bareToken(kind byte, i int) string {
	sum := sha512.Sum512([]byte{kind, byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)})
	return "kupla_b_" + base64.RawURLEncoding.EncodeToString(sum[:])[:49]
}

// begin starts a conversation on one connection and takes it on another.
func begin(ctx context.Context, customer, professional *connection, desk string) (conversation, error) {
	started, err := start(ctx, customer)
	if err != nil {
		return conversation{}, err
	}
	id := started.GetConversation().GetId()
	if _, err := professional.desk(desk).TakeConversation(ctx, &kuplav1.TakeConversationRequest{
		RequestId: uuid.NewString(), ConversationId: id,
	}); err != nil {
		return conversation{}, fmt.Errorf("take: %w", err)
	}
	return conversation{
		customerID: id, professionalID: id, customerToken: started.GetAccessToken(),
		customer: customer.conversations(started.GetAccessToken()), professional: professional.conversations(desk),
	}, nil
}

// start begins to wait.
func start(ctx context.Context, c *connection) (*kuplav1.StartConversationResponse, error) {
	started, err := c.conversations("").StartConversation(ctx, &kuplav1.StartConversationRequest{
		RequestId: uuid.NewString(), QueueId: loadQueue, Language: "fi",
	})
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	return started, nil
}
