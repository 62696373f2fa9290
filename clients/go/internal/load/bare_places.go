package load

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// bareWaiter is how the id of a conversation begins whose follower is told places by the bare relay.
const bareWaiter = "waiter-"

const (
	// barePlaceEvery is how often each of those who wait is told a place, as by Kupla when places change all the time.
	barePlaceEvery = time.Second
	// bareParts is in how many parts they are told, one after the other, as by Kupla when they are many.
	bareParts = 10
)

// barePlaces tell places that nobody has worked out: what it costs to send them, and nothing else.
type barePlaces struct {
	mu    sync.Mutex
	parts [bareParts][]chan struct{}
	next  int
}

// tell sends one place after the other.
func (b *barePlaces) tell(
	ctx context.Context, stream kuplav1connect.ConversationServiceFollowConversationServerStream,
) error {
	wake := make(chan struct{}, 1)
	b.mu.Lock()
	b.parts[b.next] = append(b.parts[b.next], wake)
	b.next = (b.next + 1) % bareParts
	b.mu.Unlock()
	for position := int32(1); ; position++ {
		now := timestamppb.Now()
		if err := stream.Send(&kuplav1.FollowConversationResponse{
			Cursor: bareCursor,
			Frame: &kuplav1.FollowConversationResponse_Place{Place: &kuplav1.Place{
				Position: position, AsOfTime: now,
				Estimate: &kuplav1.WaitEstimate{
					Result: &kuplav1.WaitEstimate_Range{Range: &kuplav1.WaitRange{
						Low:  durationpb.New(time.Duration(position) * time.Second),
						High: durationpb.New(time.Duration(position) * time.Minute),
					}},
					Basis: &kuplav1.WaitBasis{FinishedCount: 100, AvailableCount: 1}, AsOfTime: now,
				},
			}},
		}); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		}
	}
}

// tick wakes one part after the other until ctx ends.
func (b *barePlaces) tick(ctx context.Context) {
	ticker := time.NewTicker(barePlaceEvery / bareParts)
	defer ticker.Stop()
	for part := 0; ; part = (part + 1) % bareParts {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		b.mu.Lock()
		followers := b.parts[part]
		b.mu.Unlock()
		for _, wake := range followers {
			select {
			case wake <- struct{}{}:
			default: // still at the last one
			}
		}
	}
}
