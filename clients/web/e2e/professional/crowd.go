package main

import (
	"context"
	"fmt"
	"os"

	"github.com/kupla-chat/kupla/clients/go/kupla"
)

// resident is the handle of somebody who was started here.
func (s *stage) resident(conversation string) (*kupla.Conversation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.residents[conversation]
	if !ok {
		return nil, fmt.Errorf("%w: %q", errUnknownResident, conversation)
	}
	return c, nil
}

// arrive starts as many residents in a queue as are asked for, one after the other, and keeps them there. It answers
// with their conversations in order of arrival, once all are connected.
func (s *stage) arrive(ctx context.Context, r *request) (any, error) {
	conversations := []string{}
	for range max(r.Count, 1) {
		c, err := s.crowd.Start(ctx, kupla.StartOptions{
			QueueID: r.Queue, Language: r.Language, DisplayName: r.Name, Message: r.Text,
		})
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.residents[c.ID()] = c
		s.mu.Unlock()
		if err := s.stay(ctx, c); err != nil {
			return nil, err
		}
		conversations = append(conversations, c.ID())
	}
	return conversations, nil
}

// stay keeps a resident connected and returns once they are.
func (s *stage) stay(ctx context.Context, c *kupla.Conversation) error {
	there := make(chan struct{})
	s.running.Go(func() {
		seen := false
		for update, err := range c.Follow(ctx, kupla.FollowOptions{}) {
			if err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "professional: a resident:", err)
			}
			if !seen && update.Kind == kupla.UpdateConnected {
				seen = true
				close(there)
			}
		}
	})
	select {
	case <-there:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leave has a resident who was started here leave.
func (s *stage) leave(ctx context.Context, r *request) (any, error) {
	c, err := s.resident(r.Conversation)
	if err != nil {
		return nil, err
	}
	_, err = c.Leave(ctx)
	return nil, err
}
