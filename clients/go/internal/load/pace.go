package load

import (
	"context"
	"fmt"
	"sync"
)

// dueBacklog is how many messages a sender may be behind its pace. Beyond it the server does not keep up with it at
// all, and a figure would only tell how long it was watched.
const dueBacklog = 4096

// speak has everybody send at the pace, until the end.
func (t *talk) speak(ctx context.Context, running *sync.WaitGroup, fail func(error)) {
	for _, p := range t.parties {
		running.Go(func() {
			for due := range p.due {
				if err := p.send(ctx, due); err != nil {
					fail(err)
				}
			}
		})
	}
	running.Go(func() {
		if err := t.keepPace(ctx); err != nil {
			fail(err)
		}
		for _, p := range t.parties {
			close(p.due)
		}
		close(t.spoken)
	})
}

// keepPace tells the parties when their messages are due. One timer serves all.
func (t *talk) keepPace(ctx context.Context) error {
	next := 0
	for due := t.begin - t.WarmUp; due < t.end; due += t.Every {
		if err := t.wait(ctx, due); err != nil {
			return nil //nolint:nilerr // It is over.
		}
		for range t.Burst {
			// Customer, professional of the next pair, and so on: all pairs alike, and both sides of each.
			pair, turn := next%t.Pairs.Pairs, next/t.Pairs.Pairs
			p := t.parties[2*pair+(pair+turn)%2]
			p.asked.Add(1)
			select {
			case p.due <- due:
			default:
				return fmt.Errorf("the server does not keep up with %d messages every %s: a sender is %d behind",
					t.Burst, t.Every, dueBacklog)
			}
			next++
		}
	}
	return nil
}
