package board

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// doing is what the queue package calls what somebody does. Who has not said what they do is away.
func doing(a store.Availability) queue.Doing {
	switch a {
	case store.Available:
		return queue.Available
	case store.OnPhone:
		return queue.OnPhone
	case store.Away:
	}
	return queue.Away
}

// load is what the estimate of a queue rests on.
func (b *Board) load(l *line, queueID string, now time.Time) queue.Load {
	load := queue.Load{Handling: l.handling, Scores: l.scores, Patience: l.patience()}
	at, common := map[string]float64{}, map[string]float64{}
	for _, s := range b.inOrder {
		if !s.presence.present {
			continue
		}
		mine := slices.Contains(s.QueueIDs, queueID)
		if s.Availability != store.Away {
			for _, id := range s.QueueIDs {
				at[id]++
				if mine {
					common[id]++
				}
			}
		}
		if !mine {
			continue
		}
		p := b.habits.Professional(s.ID, s.Capacity, now, &load)
		for id := range s.conversations {
			if joined := b.open[id].conversation.StaffParticipant(s.ID); joined != nil {
				p.Active = append(p.Active, now.Sub(joined.JoinTime))
			}
		}
		slices.Sort(p.Active) // Map order must not show: the same load gives the same range.
		load.Staff = append(load.Staff, p)
	}
	l.shares = l.shares[:0]
	for id, n := range common {
		if id != queueID {
			l.shares = append(l.shares, share{queueID: id, part: n / at[id]})
		}
	}
	slices.SortFunc(l.shares, func(x, y share) int { return cmp.Compare(x.queueID, y.queueID) })
	return load
}

// share is which part of the professionals at work in another queue also serve this one.
type share struct {
	queueID string
	part    float64
}

// aheadElsewhere is how many turns go to those in other lines who arrived before a position of a line, because
// the same professionals serve them: of each line as many as its share of professionals in common.
func (b *Board) aheadElsewhere(l *line, position int) int {
	ahead := 0.0
	entry, waits := l.At(position)
	for _, s := range l.shares {
		other := b.line(s.queueID)
		n := other.Len()
		if waits {
			n = other.Before(entry)
		}
		ahead += s.part * float64(n)
	}
	return int(math.Round(ahead))
}

// observe tells the habits what a staff member does now.
func (b *Board) observe(s *staffMember) {
	waiting := false
	for _, id := range s.QueueIDs {
		if b.line(id).Len() > 0 {
			waiting = true
			break
		}
	}
	b.habits.Does(s.ID, queue.Activity{
		Connected: s.presence.present, Doing: doing(s.Availability),
		Held: len(s.conversations), Capacity: s.Capacity, Waiting: waiting,
	}, b.now())
}

// cameTrue takes in that somebody's waiting in a line is over: what was promised is compared with it. The turn of
// somebody who gave up would have come when the next one who waited behind them is taken.
func (l *line) cameTrue(o *openConversation, after *chat.Conversation, now time.Time) {
	l.waited += now.Sub(o.waitingSince)
	promise := o.promise
	o.promise = nil
	if after.State != chat.Active {
		if after.CloseReason == chat.NotReached {
			return // They would have gone on waiting.
		}
		l.gaveUp++
		if promise != nil && l.Len() > 1 {
			l.left = append(l.left[max(0, len(l.left)-promises):], left{arrival: after.ArrivalTime, promise: promise, at: now})
		}
		return
	}
	later := l.left[:0]
	for _, x := range l.left {
		switch {
		case x.arrival.After(after.ArrivalTime):
			later = append(later, x)
		case o.waitingSince.Before(x.at):
			l.scores = append(l.scores, x.promise.Score(now))
		}
	}
	l.left = later
	if promise != nil {
		l.scores = append(l.scores, promise.Score(now))
	}
	l.scores = l.scores[max(0, len(l.scores)-promises):]
}

// left is somebody who gave up, and what had been foreseen for them.
type left struct {
	arrival, at time.Time
	promise     *queue.Promise
}

// promises is how many waits that came true are remembered.
const promises = 150

// patience is how long people wait, all together, until one of them gives up. Zero when too little is known.
func (l *line) patience() time.Duration {
	if l.gaveUp < 5 {
		return 0
	}
	return l.waited / time.Duration(l.gaveUp)
}
