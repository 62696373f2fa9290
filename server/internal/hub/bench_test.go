package hub_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
)

// BenchmarkFanOut tells one event to all followers of a conversation and waits until each has taken it.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{1, 1_000, 10_000} {
		b.Run(fmt.Sprintf("followers=%d", n), func(b *testing.B) {
			h := hub.New()
			var readers, taken sync.WaitGroup
			for range n {
				f := h.FollowConversation("c-1", morning)
				readers.Go(func() {
					defer f.Close()
					for range f.Wake() {
						p := f.Take()
						if p.Closing {
							return
						}
						if len(p.NewsOf("c-1").Events) != 1 {
							b.Error("woken without an event")
						}
						taken.Done()
					}
				})
			}
			c, e := conversation("c-1", 1), []chat.Event{{Sequence: 1}}
			b.ReportAllocs()
			for b.Loop() {
				taken.Add(n)
				h.Changed(c, e, false)
				taken.Wait()
			}
			b.StopTimer()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/follower")
			h.Shutdown()
			readers.Wait()
		})
	}
}

// BenchmarkTell tells one event while nobody of the many others is concerned: the cost does not depend on
// how many there are.
func BenchmarkTell(b *testing.B) {
	for _, n := range []int{1, 1_000, 10_000} {
		b.Run(fmt.Sprintf("conversations=%d", n), func(b *testing.B) {
			h := hub.New()
			for i := range n {
				h.FollowConversation(fmt.Sprintf("c-%d", i), morning)
			}
			f := h.FollowConversation("c-0", morning)
			c, e := conversation("c-0", 1), []chat.Event{{Sequence: 1}}
			b.ReportAllocs()
			for b.Loop() {
				h.Changed(c, e, false)
				<-f.Wake()
				f.Take()
			}
		})
	}
}
