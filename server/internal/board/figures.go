package board

import (
	"slices"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// QueueFigures are how a queue is now, in numbers.
type QueueFigures struct {
	QueueID string
	// Open tells that conversations may be started in it.
	Open bool
	// Waiting is how many wait, and Here how many of these are present; the places of the others are held.
	Waiting, Here int
	// Longest is for how long the one has waited who has waited longest.
	Longest time.Duration
	// Active is how many are being answered.
	Active int
	// Present is how many professionals of the queue are there, and Available how many of these take conversations and
	// have room for one more. Somebody who answers in several queues counts in each.
	Present, Available int
}

// Figures are the figures of every queue of the catalogue, in its order.
func (b *Board) Figures() []QueueFigures {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	queues := b.catalogue.Book().Queues()
	figures := make([]QueueFigures, len(queues))
	of := make(map[string]*QueueFigures, len(queues))
	for i, q := range queues {
		f := &figures[i]
		f.QueueID, of[q.ID] = q.ID, f
		f.Open = q.Policy.Status(now, Pause(b.queues[q.ID])).State == queue.Open
	}
	for _, o := range b.open {
		f := of[o.conversation.QueueID]
		if f == nil {
			continue // taken out of the catalogue
		}
		if o.conversation.State == chat.Active {
			f.Active++
			continue
		}
		f.Waiting++
		if o.customer.present {
			f.Here++
		}
		f.Longest = max(f.Longest, now.Sub(o.conversation.ArrivalTime))
	}
	for _, s := range b.staff {
		if !s.presence.present || !slices.Contains(s.Roles, store.RoleProfessional) {
			continue
		}
		for _, id := range s.QueueIDs {
			if f := of[id]; f != nil {
				f.Present++
				if s.Availability == store.Available && len(s.conversations) < s.Capacity {
					f.Available++
				}
			}
		}
	}
	return figures
}
