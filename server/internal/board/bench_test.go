package board_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
)

// BenchmarkTick is one second of a queue in which 10,000 wait, each with a stream open, and from which 20 are
// taken: the commits, the tick that tells everybody, and every stream asking for its place. What it takes of
// a second is the share of one core.
func BenchmarkTick(b *testing.B) {
	const (
		waiting = 10_000
		taken   = 20
	)
	w := newWorld(b, board.Config{})
	w.staff(professional("nurse", oral))
	w.ArriveStaff("nurse")
	w.finish(oral, 200)
	followers := map[string]*hub.Follower{}
	var ids []string
	arrive := func(n int) {
		id := fmt.Sprintf("0197f0c0-0000-4000-8000-%012d", n)
		w.now = w.now.Add(time.Millisecond)
		w.start(id, oral, "fi")
		w.ArriveCustomer(id)
		followers[id] = w.hub.FollowConversation(id, w.now)
		ids = append(ids, id)
	}
	for n := range waiting {
		arrive(n)
	}
	told, n := 0, waiting
	b.ReportAllocs()
	for b.Loop() {
		for range taken {
			id := ids[0]
			ids = ids[1:]
			w.take(id, "nurse")
			w.change(id, func(c *chat.Conversation) error { return c.Close("professional-1", chat.Completed, w.now) })
			followers[id].Close()
			delete(followers, id)
			delete(w.open, id)
			arrive(n)
			n++
		}
		w.now = w.now.Add(time.Second)
		w.Tick()
		for part := range board.Parts {
			w.TellPart(part)
		}
		for id, f := range followers {
			select {
			case <-f.Wake():
			default:
				continue
			}
			if f.Take().Places {
				if _, ok := w.Place(id); !ok {
					b.Fatalf("%s has no place", id)
				}
				told++
			}
		}
	}
	b.ReportMetric(float64(told)/float64(b.N), "places/op")
}

// BenchmarkTickIdle is one second in which nothing happens to the 10,000 who wait.
func BenchmarkTickIdle(b *testing.B) {
	w := newWorld(b, board.Config{})
	for n := range 10_000 {
		id := fmt.Sprintf("0197f0c0-0000-4000-8000-%012d", n)
		w.start(id, oral, "fi")
		w.ArriveCustomer(id)
		w.hub.FollowConversation(id, w.now)
	}
	w.Tick()
	b.ReportAllocs()
	for b.Loop() {
		w.Tick()
	}
}
