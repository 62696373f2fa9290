package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// Visits are conversations that are started, taken, talked in once and closed, and what the first three cost: to be the
// same however much is stored.
type Visits struct {
	// Visits is how many are measured; a few are under way at a time.
	Visits int
	// Wire is how messages travel.
	Wire Wire
}

// visitsAtOnce is how many are under way at a time.
const visitsAtOnce = 50

// VisitsResult is what visits found.
type VisitsResult struct {
	Start Cost `json:"start"`
	Take  Cost `json:"take"`
	Send  Cost `json:"send"`
	// Serving is how long the server took from its start until it served.
	Serving time.Duration `json:"serving_ns"`
}

// Run has a server visited.
func (v Visits) Run(ctx context.Context, server *Server) (r VisitsResult, err error) {
	if server.program == "" {
		return r, errors.New("nobody visits the bare relay")
	}
	connections, err := server.connections(2, v.Wire)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, closeAll(connections)) }()
	if err := dial(ctx, connections); err != nil {
		return r, err
	}
	tokens, err := server.deskTokens(ctx, 1) // it may have more than visitsAtOnce
	if err != nil {
		return r, err
	}
	desk := connections[1].desk(tokens[0])
	r.Serving = server.Serving
	ids := make([]string, v.Visits)
	customers := make([]kuplav1connect.ConversationServiceClient, v.Visits)
	message := newMessage(sideCustomer, 0)
	start := func(i int) error {
		started, err := start(ctx, connections[0])
		ids[i], customers[i] = started.GetConversation().GetId(), connections[0].conversations(started.GetAccessToken())
		return err
	}
	take := func(i int) error {
		_, err := desk.TakeConversation(ctx, &kuplav1.TakeConversationRequest{RequestId: uuid.NewString(), ConversationId: ids[i]})
		if err != nil {
			return fmt.Errorf("take: %w", err)
		}
		return nil
	}
	send := func(i int) error {
		_, err := customers[i].SendMessage(ctx, &kuplav1.SendMessageRequest{
			ConversationId: ids[i], RequestId: message.requestID(), Text: message.make(i, 0),
		})
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		return nil
	}
	leave := func(ctx context.Context, i int) error {
		_, err := customers[i].LeaveConversation(ctx, &kuplav1.LeaveConversationRequest{
			RequestId: uuid.NewString(), ConversationId: ids[i],
		})
		if err != nil {
			return fmt.Errorf("leave: %w", err)
		}
		return nil
	}
	starts, takes, sends := expense{server: server}, expense{server: server}, expense{server: server}
	profiled := server.profile(ctx, time.Second)
	for from := 0; from < v.Visits; from += visitsAtOnce {
		to := min(v.Visits, from+visitsAtOnce)
		if err := starts.run(ctx, from, to, start); err != nil {
			return r, err
		}
		if err := takes.run(ctx, from, to, take); err != nil {
			return r, err
		}
		if err := sends.run(ctx, from, to, send); err != nil {
			return r, err
		}
		if err := concurrently(ctx, to-from, setupAtOnce, func(ctx context.Context, i int) error {
			return leave(ctx, from+i)
		}); err != nil {
			return r, err
		}
	}
	if err := profiled(); err != nil {
		return r, err
	}
	var errs [3]error
	r.Start, errs[0] = starts.each()
	r.Take, errs[1] = takes.each()
	r.Send, errs[2] = sends.each()
	return r, errors.Join(errs[:]...)
}
