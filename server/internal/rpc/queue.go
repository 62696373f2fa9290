package rpc

import (
	"context"
	"slices"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	kuplav1connect "github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// queueService tells anyone which queues there are and how they are.
type queueService struct{ *Server }

// queuesPage is how many queues a page has at most.
const queuesPage = 100

// statusHeldBack is how often a follower is told of one queue at most.
const statusHeldBack = time.Second

// cacheable marks an answer that is the same for every caller.
func cacheable(ctx context.Context) {
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		info.ResponseHeader().Set("Cache-Control", "public, max-age=5")
	}
}

// ListQueues lists the queues with their status.
func (s queueService) ListQueues(
	ctx context.Context, req *kuplav1.ListQueuesRequest,
) (*kuplav1.ListQueuesResponse, error) {
	after, err := parsePageToken(cursorList, "queues", req.GetPageToken())
	if err != nil {
		return nil, err
	}
	page, token := pageOf(s.queueIDs(nil), "queues", after, pageSize(req.GetPageSize(), queuesPage))
	out := &kuplav1.ListQueuesResponse{NextPageToken: token}
	for _, id := range page {
		if q := s.queueWithStatus(id); q != nil {
			out.Queues = append(out.Queues, q)
		}
	}
	cacheable(ctx)
	return out, nil
}

// GetQueue gets one queue with its status.
func (s queueService) GetQueue(ctx context.Context, req *kuplav1.GetQueueRequest) (*kuplav1.GetQueueResponse, error) {
	q := s.queueWithStatus(req.GetQueueId())
	if q == nil {
		return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND, "queue_id", req.GetQueueId())
	}
	cacheable(ctx)
	return &kuplav1.GetQueueResponse{Queue: q.GetQueue(), Status: q.GetStatus()}, nil
}

// queueIDs lists the queues in the catalogue's order: all, or those asked for.
func (s *Server) queueIDs(asked []string) []string {
	var ids []string
	for _, q := range s.catalogue.Book().Queues() {
		if len(asked) == 0 || slices.Contains(asked, q.ID) {
			ids = append(ids, q.ID)
		}
	}
	return ids
}

// queueWithStatus is a queue and how it is now; nil when there is none.
func (s *Server) queueWithStatus(id string) *kuplav1.QueueWithStatus {
	q, ok := s.catalogue.Book().Queue(id)
	if !ok {
		return nil
	}
	status, ok := s.board.Status(id)
	if !ok {
		return nil
	}
	return &kuplav1.QueueWithStatus{Queue: q.Public, Status: statusProto(status)}
}

// queuesStream is one open WatchQueues.
type queuesStream struct {
	*streamContext
	stream kuplav1connect.QueueServiceWatchQueuesServerStream
	asked  []string
	slots  map[string]*statusSlot
}

// statusSlot is what a follower was told last of one queue.
type statusSlot struct {
	sent  *kuplav1.QueueStatus
	time  time.Time
	dirty bool
}

// WatchQueues follows the status of queues.
func (s queueService) WatchQueues(
	ctx context.Context, req *kuplav1.WatchQueuesRequest, stream kuplav1connect.QueueServiceWatchQueuesServerStream,
) error {
	for _, id := range req.GetQueueIds() {
		if _, ok := s.catalogue.Book().Queue(id); !ok {
			return refuse(kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND, "queue_id", id)
		}
	}
	f := s.hub.FollowQueues(s.now())
	defer f.Close()
	sc, done, err := s.openStream(callFrom(ctx), f)
	if err != nil {
		return err
	}
	defer done()
	st := &queuesStream{streamContext: sc, stream: stream, asked: req.GetQueueIds()}
	err = st.sendSnapshot()
	for err == nil {
		if err = st.wait(ctx); err == nil {
			err = st.step(ctx)
		}
	}
	if end := s.endOf(err); end != nil {
		return st.send(&kuplav1.WatchQueuesResponse{Frame: &kuplav1.WatchQueuesResponse_GoAway{GoAway: end.proto()}})
	}
	return err
}

func (st *queuesStream) sendSnapshot() error {
	snapshot := &kuplav1.QueuesSnapshot{}
	st.slots = map[string]*statusSlot{}
	for _, id := range st.server.queueIDs(st.asked) {
		if q := st.server.queueWithStatus(id); q != nil {
			snapshot.Queues = append(snapshot.Queues, q)
			st.slots[id] = &statusSlot{sent: q.GetStatus(), time: st.server.now()}
		}
	}
	if len(snapshot.GetQueues()) == 0 && len(st.asked) > 0 {
		return &streamEnd{reason: kuplav1.GoAwayReason_GO_AWAY_REASON_QUEUE_REMOVED}
	}
	return st.send(&kuplav1.WatchQueuesResponse{Frame: &kuplav1.WatchQueuesResponse_Snapshot{Snapshot: snapshot}})
}

func (st *queuesStream) step(ctx context.Context) error {
	p, err := st.take(ctx)
	if err != nil {
		return err
	}
	if p.Catalogue {
		if err := st.sendSnapshot(); err != nil {
			return err
		}
		return st.sendSignOfLife()
	}
	now := st.server.now()
	for id, slot := range st.slots {
		if _, changed := p.Queues[id]; changed {
			slot.dirty = true
		}
		if !slot.dirty {
			continue
		}
		if now.Sub(slot.time) < statusHeldBack {
			st.follower.Again()
			continue
		}
		if err := st.sendStatus(id, slot, now); err != nil {
			return err
		}
	}
	return st.sendSignOfLife()
}

func (st *queuesStream) sendSignOfLife() error {
	heartbeat := st.signOfLife()
	if heartbeat == nil {
		return nil
	}
	return st.send(&kuplav1.WatchQueuesResponse{Frame: &kuplav1.WatchQueuesResponse_Heartbeat{Heartbeat: heartbeat}})
}

// sendStatus sends how a queue is, when it differs from what was sent last in more than when it was true.
func (st *queuesStream) sendStatus(id string, slot *statusSlot, now time.Time) error {
	status, ok := st.server.board.Status(id)
	if !ok {
		return nil // the catalogue's change is told by its own wake
	}
	slot.dirty, slot.time = false, now
	is := statusProto(status)
	was := proto.CloneOf(slot.sent)
	was.AsOfTime = is.GetAsOfTime()
	was.Estimate.AsOfTime = is.GetEstimate().GetAsOfTime()
	if proto.Equal(is, was) {
		return nil
	}
	slot.sent = is
	return st.send(&kuplav1.WatchQueuesResponse{Frame: &kuplav1.WatchQueuesResponse_Status{
		Status: &kuplav1.QueueStatusChange{QueueId: id, Status: is},
	}})
}

func (st *queuesStream) send(frame *kuplav1.WatchQueuesResponse) error {
	if err := st.stream.Send(frame); err != nil {
		return err
	}
	st.follower.Sent(st.server.now())
	return nil
}
