package kupla

import (
	"context"
	"iter"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// QueuesUpdateKind tells what a [QueuesUpdate] is about. New values may be added.
type QueuesUpdateKind int

// The kinds of updates of queues.
const (
	// QueuesConnected tells that the connection stands. A snapshot comes next.
	QueuesConnected QueuesUpdateKind = iota + 1
	// QueuesDisconnected tells that the connection was lost and will be tried again. Connection is set.
	QueuesDisconnected
	// QueuesSnapshot tells all followed queues as they are now. Queues is set.
	QueuesSnapshot
	// QueuesStatus tells one queue as it is now. QueueID and Status are set.
	QueuesStatus
	// QueuesInterrupted tells that the service is interrupted: nothing new is told of the queues until it is over.
	QueuesInterrupted
	// QueuesRestored tells that an interruption is over. It comes once after each QueuesInterrupted.
	QueuesRestored
)

// QueuesUpdate is one thing that a follower of queues tells.
type QueuesUpdate struct {
	// Kind tells which of the fields below is set.
	Kind QueuesUpdateKind

	Connection *Connection
	Queues     []*kuplav1.QueueWithStatus
	QueueID    string
	Status     *kuplav1.QueueStatus
}

// WatchQueues follows the given queues, or all of them when none is given. The sequence ends with the cause
// of ctx's end, with a [GoAwayError] when the queues no longer exist, or with the refusal. A lost connection
// it deals with and tells.
func (c *Client) WatchQueues(ctx context.Context, queueIDs ...string) iter.Seq2[QueuesUpdate, error] {
	return follow(ctx, c, func() tracker[*kuplav1.WatchQueuesResponse, QueuesUpdate] {
		return &queuesTracker{client: c, queueIDs: queueIDs}
	})
}

// queuesTracker remembers nothing: each stream begins with all there is to know.
type queuesTracker struct {
	client   *Client
	queueIDs []string
}

func (t *queuesTracker) open(ctx context.Context) (receiver[*kuplav1.WatchQueuesResponse], error) {
	stream, err := t.client.queues.WatchQueues(ctx, &kuplav1.WatchQueuesRequest{QueueIds: t.queueIDs})
	if err != nil {
		return nil, err
	}
	return stream, nil
}

func (t *queuesTracker) take(frame *kuplav1.WatchQueuesResponse) (step[QueuesUpdate], error) {
	var s step[QueuesUpdate]
	switch kind := frame.GetFrame().(type) {
	case *kuplav1.WatchQueuesResponse_Snapshot:
		s.updates = []QueuesUpdate{{Kind: QueuesSnapshot, Queues: kind.Snapshot.GetQueues()}}
	case *kuplav1.WatchQueuesResponse_Status:
		s.updates = []QueuesUpdate{{
			Kind:    QueuesStatus,
			QueueID: kind.Status.GetQueueId(),
			Status:  kind.Status.GetStatus(),
		}}
	case *kuplav1.WatchQueuesResponse_Heartbeat:
		s.heartbeat = kind.Heartbeat
	case *kuplav1.WatchQueuesResponse_GoAway:
		s.away = kind.GoAway
	}
	return s, nil
}

func (t *queuesTracker) connected() QueuesUpdate { return QueuesUpdate{Kind: QueuesConnected} }

func (t *queuesTracker) interrupted() QueuesUpdate { return QueuesUpdate{Kind: QueuesInterrupted} }

func (t *queuesTracker) restored() QueuesUpdate { return QueuesUpdate{Kind: QueuesRestored} }

func (t *queuesTracker) disconnected(connection Connection) QueuesUpdate {
	return QueuesUpdate{Kind: QueuesDisconnected, Connection: &connection}
}
