package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// Long is a conversation with a long log, and beside it conversations with short ones. What one more message costs the
// server, and what resuming near the end does, is to be the same in both.
type Long struct {
	// Events is how many the long log has.
	Events int
	// Sends and Resumes are how many of each are measured, one after the other, in the long log and in short ones.
	Sends, Resumes int
	// Wire is how messages travel.
	Wire Wire

	server     *Server
	connection *connection
	long       *logged
}

// LongResult is what one round found.
type LongResult struct {
	// Append is a message sent, and Resume a stream resumed, resumeBehind events before the end.
	Append LongPair `json:"append"`
	Resume LongPair `json:"resume"`
}

// LongPair is what one operation costs near event 10 and at the end of the long log.
type LongPair struct {
	Short Cost `json:"short"`
	Long  Cost `json:"long"`
}

const (
	// shortEvents is how many events a short log has when its part of the measuring begins.
	shortEvents = 10
	// sendsEach is how many of the sends measured go to one short log.
	sendsEach = 20
	// resumeBehind is how many events whoever resumes has missed.
	resumeBehind = 5
	// fillAtOnce is how many messages are under way while the long log is filled.
	fillAtOnce = 32
)

// logged is a conversation, and how far its log has been read.
type logged struct {
	conversation

	message *message
	sent    atomic.Int64
	last    int32  // the last event read
	cursor  string // behind it
}

// Fill makes the long log. It comes before [Long.Round].
func (l *Long) Fill(ctx context.Context, server *Server) error {
	if server.program == "" {
		return errors.New("the bare relay has no log")
	}
	connections, err := server.connections(1, l.Wire)
	if err != nil {
		return err
	}
	l.server, l.connection = server, connections[0]
	if err := dial(ctx, connections); err != nil {
		return err
	}
	made, err := l.begin(ctx, 1)
	if err != nil {
		return err
	}
	l.long = made[0]
	return l.long.fill(ctx, l.Events, fillAtOnce)
}

// Close closes the connection of [Long.Fill], if there is one.
func (l *Long) Close() error {
	if l.connection == nil {
		return nil
	}
	c := l.connection
	l.connection = nil
	return closeAll([]*connection{c})
}

// begin starts n conversations with an empty log, or nearly so.
func (l *Long) begin(ctx context.Context, n int) ([]*logged, error) {
	made, err := l.server.converse(ctx, n, []*connection{l.connection})
	if err != nil {
		return nil, err
	}
	logs := make([]*logged, n)
	for i, c := range made {
		logs[i] = &logged{conversation: c, message: newMessage(sideCustomer, uint64(i))}
	}
	return logs, nil
}

// fill sends until the log has so many events, and learns where it ends.
func (g *logged) fill(ctx context.Context, events, atOnce int) error {
	first, err := g.customer.GetConversation(ctx, &kuplav1.GetConversationRequest{ConversationId: g.customerID})
	if err != nil {
		return err
	}
	have := int(first.GetSnapshot().GetConversation().GetLastSequence())
	if err := concurrently(ctx, max(0, events-have), atOnce, func(ctx context.Context, i int) error {
		_, err := g.customer.SendMessage(ctx, &kuplav1.SendMessageRequest{
			ConversationId: g.customerID, RequestId: uuid.NewString(), Text: newMessage(sideCustomer, uint64(i)).make(i+1, 0),
		})
		return err
	}); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	return g.readThrough(ctx, int32(max(events, have)))
}

// readThrough follows the log from its beginning to its end: every event once, in order.
func (g *logged) readThrough(ctx context.Context, last int32) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := openStream(ctx, g.customer, g.customerID)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	g.last, g.cursor = 0, ""
	for g.last < last {
		if err := g.next(stream); err != nil {
			return err
		}
	}
	return nil
}

// next receives the next events.
func (g *logged) next(stream kuplav1connect.ConversationServiceFollowConversationClientStream) error {
	for {
		frame, err := stream.Receive()
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if frame.GetGoAway() != nil || frame.GetReset_() != nil {
			return fmt.Errorf("a stream told %v", frame)
		}
		if frame.GetEvents() == nil {
			continue
		}
		for _, e := range frame.GetEvents().GetEvents() {
			if e.GetSequence() != g.last+1 {
				return fmt.Errorf("event %d arrived after event %d", e.GetSequence(), g.last)
			}
			g.last++
		}
		g.cursor = frame.GetCursor()
		return nil
	}
}

// Round measures both once.
func (l *Long) Round(ctx context.Context) (r LongResult, err error) {
	shorts, err := l.begin(ctx, (l.Sends+sendsEach-1)/sendsEach)
	if err != nil {
		return r, err
	}
	for _, g := range shorts {
		if err := g.fill(ctx, shortEvents, 1); err != nil {
			return r, err
		}
	}
	if r.Append.Short, err = l.server.cost(ctx, l.Sends, func(i int) error { return shorts[i/sendsEach].send(ctx) }); err != nil {
		return r, fmt.Errorf("send: %w", err)
	}
	done := l.server.profile(ctx, time.Second)
	if r.Append.Long, err = l.server.cost(ctx, l.Sends, func(int) error { return l.long.send(ctx) }); err != nil {
		return r, fmt.Errorf("send: %w", err)
	}
	if err := done(); err != nil {
		return r, err
	}
	// A cursor from which there is so much to read.
	for _, g := range append(shorts, l.long) {
		if err := g.readOn(ctx); err != nil {
			return r, err
		}
		for range resumeBehind {
			if err := g.send(ctx); err != nil {
				return r, fmt.Errorf("send: %w", err)
			}
		}
	}
	if r.Resume.Short, err = l.server.cost(ctx, l.Resumes, func(i int) error { return shorts[i%len(shorts)].resume(ctx) }); err != nil {
		return r, err
	}
	r.Resume.Long, err = l.server.cost(ctx, l.Resumes, func(int) error { return l.long.resume(ctx) })
	return r, err
}

// send sends a message.
func (g *logged) send(ctx context.Context) error {
	_, err := g.customer.SendMessage(ctx, &kuplav1.SendMessageRequest{
		ConversationId: g.customerID, RequestId: g.message.requestID(), Text: g.message.make(int(g.sent.Add(1)), 0),
	})
	return err
}

// readOn reads what was sent since.
func (g *logged) readOn(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	now, err := g.customer.GetConversation(ctx, &kuplav1.GetConversationRequest{ConversationId: g.customerID})
	if err != nil {
		return err
	}
	last := now.GetSnapshot().GetConversation().GetLastSequence()
	stream, err := g.customer.FollowConversation(ctx, &kuplav1.FollowConversationRequest{
		ConversationId: g.customerID, Cursor: g.cursor,
	})
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	for g.last < last {
		if err := g.next(stream); err != nil {
			return err
		}
	}
	return nil
}

// resume follows from where the log has been read to, a few events before the end, until the last one has arrived.
func (g *logged) resume(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := g.customer.FollowConversation(ctx, &kuplav1.FollowConversationRequest{
		ConversationId: g.customerID, Cursor: g.cursor,
	})
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	defer func() { _ = stream.Close() }()
	at := logged{last: g.last}
	for at.last < g.last+resumeBehind {
		if err := at.next(stream); err != nil {
			return fmt.Errorf("resume: %w", err)
		}
	}
	return nil
}
