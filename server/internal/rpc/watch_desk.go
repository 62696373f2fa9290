package rpc

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	kuplav1connect "github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// heldBack is how often a desk is told of one queue, or of colleagues, at most. What comes in between is told
// together at the next tick.
const heldBack = 250 * time.Millisecond

// deskStream is one open WatchDesk.
type deskStream struct {
	*streamContext
	stream kuplav1connect.DeskServiceWatchDeskServerStream
	// logs are the conversations on the desk; order is the order in which they came onto it.
	logs  map[string]*logFollower
	order []string
	// gone are those that left since the cursor and have not been told as removed yet. Until then the cursor
	// goes on to stand for them.
	gone []*logFollower
	// resumed is the cursor that the caller came with, until the desk goes on from there or it has been told that it
	// cannot. A stream that ends before must not tell a caller to begin anew.
	resumed []deskPosition
	// converses tells that the caller may have conversations.
	converses bool

	professional *kuplav1.Professional
	colleagues   *kuplav1.Colleagues
	staffTime    time.Time
	staffDirty   bool
	waiting      map[string]*waitingSlot
}

// waitingSlot is what a desk was told last of one queue.
type waitingSlot struct {
	sent  *kuplav1.Waiting
	time  time.Time
	dirty bool
}

// WatchDesk follows everything on the caller's desk.
func (s deskService) WatchDesk(
	ctx context.Context, req *kuplav1.WatchDeskRequest, stream kuplav1connect.DeskServiceWatchDeskServerStream,
) error {
	c := callFrom(ctx)
	var from []deskPosition
	if req.GetCursor() != "" {
		var err error
		if from, err = parseDeskCursor(req.GetCursor()); err != nil {
			return err
		}
	}
	if s.hub.Interrupted() {
		return store.ErrUnavailable
	}
	f := s.hub.FollowDesk(c.Staff.ID, s.now())
	defer f.Close()
	sc, done, err := s.openStream(c, f)
	if err != nil {
		return err
	}
	defer done()
	st := &deskStream{
		streamContext: sc, stream: stream,
		// A token that has not the role sees lines and counts, and no conversation.
		converses: c.Has(store.RoleProfessional),
		logs:      map[string]*logFollower{}, waiting: map[string]*waitingSlot{},
	}
	if st.converses {
		defer s.board.ArriveStaff(c.Staff.ID)()
	} else {
		from = nil
	}
	return st.run(ctx, from)
}

func (st *deskStream) run(ctx context.Context, from []deskPosition) error {
	err := together(ctx, func(ctx context.Context) error { return st.begin(ctx, from) })
	for err == nil {
		if err = st.wait(ctx); err == nil {
			err = together(ctx, st.step)
		}
	}
	if end := st.server.endOf(err); end != nil {
		return st.send(&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_GoAway{GoAway: end.proto()}})
	}
	return err
}

// begin sends the snapshot, what left the desk since the cursor, and the history of what is on it.
func (st *deskStream) begin(ctx context.Context, from []deskPosition) error {
	st.resumed = from
	if st.converses {
		for _, id := range st.server.board.Desk(st.call.Staff.ID) {
			if _, err := st.open(ctx, id); err != nil {
				return err
			}
		}
	}
	gone, reset, err := st.resume(ctx, from)
	if err != nil {
		return err
	}
	st.gone = gone
	if reset == kuplav1.ResetReason_RESET_REASON_UNSPECIFIED {
		st.resumed = nil
	}
	if err := st.sendSnapshot(); err != nil {
		return err
	}
	if reset != kuplav1.ResetReason_RESET_REASON_UNSPECIFIED {
		for _, l := range st.logs {
			l.position = position{}
		}
		st.gone = nil
		if err := st.send(&kuplav1.WatchDeskResponse{
			Frame: &kuplav1.WatchDeskResponse_Reset_{Reset_: &kuplav1.Reset{Reason: reset}},
		}); err != nil {
			return err
		}
		st.resumed = nil
		if err := st.sendSnapshot(); err != nil {
			return err
		}
	}
	if err := st.fallBehind(st.catchUp(ctx)); err != nil {
		return err
	}
	return st.sendSignOfLife()
}

// catchUp tells what left the desk, and the history of what is on it as far as it was not told.
func (st *deskStream) catchUp(ctx context.Context) error {
	for len(st.gone) > 0 {
		if err := st.tellGone(ctx, st.gone[0]); err != nil {
			return err
		}
	}
	for _, id := range slices.Clone(st.order) {
		if _, err := st.logs[id].catchUp(ctx, nil, st.sendEvents(id)); err != nil {
			return err
		}
		if _, err := st.dropIfOver(id); err != nil {
			return err
		}
	}
	return nil
}

// makeUp tells everything that was missed while the store could not be read.
func (st *deskStream) makeUp(ctx context.Context) error {
	for _, id := range st.order {
		conv, err := st.server.store.Conversation(ctx, id)
		if err != nil {
			return err
		}
		st.logs[id].learn(conv)
	}
	if err := st.catchUp(ctx); err != nil {
		return err
	}
	if st.converses {
		for _, id := range st.server.board.Desk(st.call.Staff.ID) {
			if err := st.tellAdded(ctx, id); err != nil {
				return err
			}
		}
	}
	st.caughtUp()
	return st.sendSnapshot()
}

// open begins to follow a conversation that is on the desk. It is not ok when it has left meanwhile.
func (st *deskStream) open(ctx context.Context, id string) (ok bool, err error) {
	st.follower.Add(id)
	conv, err := st.server.store.Conversation(ctx, id)
	if err != nil {
		st.follower.Remove(id)
		return false, err
	}
	p := conv.StaffParticipant(st.call.Staff.ID)
	if p == nil || !p.Present() || conv.State == chat.Closed {
		st.follower.Remove(id)
		return false, nil
	}
	st.logs[id] = &logFollower{server: st.server, conv: conv, viewer: viewer{participant: p, to: toStaff}}
	st.order = append(st.order, id)
	return true, nil
}

// resume takes the positions from a cursor: those on the desk go on, those that have left come back as gone.
func (st *deskStream) resume(
	ctx context.Context, from []deskPosition,
) (gone []*logFollower, reset kuplav1.ResetReason, err error) {
	for _, p := range from {
		l := st.logs[p.conversationID]
		if l == nil {
			conv, err := st.server.conversation(ctx, p.conversationID)
			if isReason(err, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND) {
				return nil, kuplav1.ResetReason_RESET_REASON_OTHER_HISTORY, nil
			}
			if err != nil {
				return nil, 0, err
			}
			part := conv.StaffParticipant(st.call.Staff.ID)
			if part == nil {
				return nil, kuplav1.ResetReason_RESET_REASON_OTHER_HISTORY, nil
			}
			if l, err = st.openUnheard(ctx, conv, part); err != nil {
				return nil, 0, err
			}
			if l == nil {
				l = &logFollower{server: st.server, conv: conv, viewer: viewer{participant: part, to: toStaff}}
				gone = append(gone, l)
			}
		}
		reason, err := l.resume(ctx, p.position)
		if err != nil || reason != kuplav1.ResetReason_RESET_REASON_UNSPECIFIED {
			return nil, reason, err
		}
	}
	return gone, kuplav1.ResetReason_RESET_REASON_UNSPECIFIED, nil
}

// openUnheard begins to follow a conversation that came onto the desk at another server and that this one was not told
// of yet: who moves here has it already, and must not be told that it left. It returns nil for one that has left.
func (st *deskStream) openUnheard(ctx context.Context, conv *chat.Conversation, p *chat.Participant) (*logFollower, error) {
	if !p.Present() || conv.State == chat.Closed {
		return nil, nil //nolint:nilnil // That there is none is no failure.
	}
	if _, err := st.open(ctx, conv.ID); err != nil {
		return nil, err
	}
	return st.logs[conv.ID], nil
}

// lastWords is for how long after a conversation left a desk the stream that comes back is told the rest of
// it, to the event that says why. Later it is told as removed and nothing more: the access has ended.
const lastWords = 5 * time.Minute

// tellGone tells a conversation that left the desk while nobody listened: the rest of what its professional
// may see, to the event that says why, and then that it was removed.
func (st *deskStream) tellGone(ctx context.Context, l *logFollower) error {
	id, p, now := l.conv.ID, l.viewer.participant, st.server.now()
	if (!p.Present() && now.Before(p.LeaveTime.Add(lastWords))) || l.conv.Readable(p, now, st.server.config.WrapUp) {
		if _, err := l.catchUp(ctx, nil, st.sendEvents(id)); err != nil {
			return err
		}
	}
	return st.remove(id, l)
}

// dropIfOver removes a conversation that has ended, or that is no longer the caller's.
func (st *deskStream) dropIfOver(id string) (over bool, err error) {
	l := st.logs[id]
	if l.ended() == nil {
		return false, nil
	}
	return true, st.remove(id, l)
}

// remove takes a conversation off the desk and tells it.
func (st *deskStream) remove(id string, l *logFollower) error {
	st.gone = slices.DeleteFunc(st.gone, func(other *logFollower) bool { return other == l })
	if st.logs[id] == l {
		st.follower.Remove(id)
		delete(st.logs, id)
	}
	st.order = slices.DeleteFunc(st.order, func(other string) bool { return other == id })
	reason := kuplav1.RemovalReason_REMOVAL_REASON_CLOSED
	if p := l.viewer.participant; !p.Present() {
		switch p.LeaveReason {
		case chat.LeftByChoice:
			reason = kuplav1.RemovalReason_REMOVAL_REASON_LEFT
		case chat.LeftLost:
			reason = kuplav1.RemovalReason_REMOVAL_REASON_LOST
		case chat.LeftTransferred:
			reason = kuplav1.RemovalReason_REMOVAL_REASON_TRANSFERRED
		case chat.LeftReturned:
			reason = kuplav1.RemovalReason_REMOVAL_REASON_RETURNED
		}
	}
	return st.send(&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_ConversationRemoved{
		ConversationRemoved: &kuplav1.ConversationRemoved{ConversationId: id, Reason: reason},
	}})
}

// step sends what is new.
func (st *deskStream) step(ctx context.Context) error {
	p, err := st.take(ctx)
	if err != nil {
		return err
	}
	switch {
	case slices.ContainsFunc(p.News, func(n hub.News) bool { return n.Rewritten && st.logs[n.ConversationID] != nil }):
		return st.server.rewritten()
	case !st.behind:
		err = st.tellConversations(ctx, &p)
	case st.ready(st.server.now()):
		err = st.makeUp(ctx)
	}
	if err := st.fallBehind(err); err != nil {
		return err
	}
	if err := st.tellQueues(p); err != nil {
		return err
	}
	if err := st.tellStaff(p.Staff); err != nil {
		return err
	}
	return st.sendSignOfLife()
}

// tellConversations tells what is new of those on the desk, and what came onto it.
func (st *deskStream) tellConversations(ctx context.Context, p *hub.Pending) error {
	for i := range p.News {
		n := &p.News[i]
		if st.logs[n.ConversationID] == nil {
			continue // it has left the desk
		}
		if err := st.tellNews(ctx, n.ConversationID, n); err != nil {
			return err
		}
	}
	for _, id := range p.Added {
		if !st.converses {
			break
		}
		if err := st.tellAdded(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (st *deskStream) sendSignOfLife() error {
	heartbeat := st.signOfLife()
	if heartbeat == nil {
		return nil
	}
	return st.send(&kuplav1.WatchDeskResponse{
		Frame: &kuplav1.WatchDeskResponse_Heartbeat{Heartbeat: heartbeat},
	})
}

// tellAdded tells a conversation that came onto the desk, with its whole log.
func (st *deskStream) tellAdded(ctx context.Context, id string) error {
	if st.logs[id] != nil {
		return nil // it is on it already, as after a return and a take between two wakes
	}
	ok, err := st.open(ctx, id)
	if err != nil || !ok {
		return err
	}
	l := st.logs[id]
	if err := st.send(&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_ConversationAdded{
		ConversationAdded: &kuplav1.ConversationAdded{Snapshot: st.server.snapshot(l.conv, l.viewer)},
	}}); err != nil {
		return err
	}
	_, err = l.catchUp(ctx, nil, st.sendEvents(id))
	return err
}

// tellNews tells what is new of one conversation.
func (st *deskStream) tellNews(ctx context.Context, id string, n *hub.News) error {
	l := st.logs[id]
	l.learn(n.Conversation)
	more, err := l.catchUp(ctx, n.Events, st.sendEvents(id))
	if err != nil {
		return err
	}
	if over, err := st.dropIfOver(id); over || err != nil {
		if err == nil {
			// It may have come back to the same professional between two wakes.
			return st.tellAdded(ctx, id)
		}
		return err
	}
	if more || n.Snapshot {
		if err := st.send(&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_ConversationSnapshot{
			ConversationSnapshot: st.server.snapshot(l.conv, l.viewer),
		}}); err != nil {
			return err
		}
	}
	for participant, sequence := range n.ReadMarks {
		if err := st.send(&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_ReadMark{
			ReadMark: &kuplav1.DeskReadMark{ConversationId: id, ReadMark: readMarkProto(participant, sequence)},
		}}); err != nil {
			return err
		}
	}
	for participant, presence := range n.Presence {
		if err := st.send(&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Presence{
			Presence: &kuplav1.DeskPresence{ConversationId: id, Presence: presenceProto(participant, presence)},
		}}); err != nil {
			return err
		}
	}
	for participant := range n.Typing {
		if participant == l.viewer.participant.ID {
			continue
		}
		if err := st.send(&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Typing{
			Typing: &kuplav1.DeskTyping{ConversationId: id, Typing: &kuplav1.Typing{ParticipantId: participant}},
		}}); err != nil {
			return err
		}
	}
	return nil
}

// tellQueues tells who waits, of the queues that changed, or holds it back for the next tick.
func (st *deskStream) tellQueues(p hub.Pending) error {
	now := st.server.now()
	for _, id := range st.professional.GetQueueIds() {
		slot := st.slot(id)
		if _, changed := p.Queues[id]; changed || p.Catalogue {
			slot.dirty = true
		}
		if !slot.dirty {
			continue
		}
		if now.Sub(slot.time) < heldBack {
			st.follower.Again()
			continue
		}
		slot.dirty, slot.time = false, now
		waiting := waitingProto(st.server.board.Waiting(id))
		if sameWaiting(waiting, slot.sent) {
			continue
		}
		slot.sent = waiting
		if err := st.send(&kuplav1.WatchDeskResponse{
			Frame: &kuplav1.WatchDeskResponse_Waiting{Waiting: waiting},
		}); err != nil {
			return err
		}
	}
	return nil
}

func (st *deskStream) slot(queueID string) *waitingSlot {
	slot := st.waiting[queueID]
	if slot == nil {
		slot = &waitingSlot{}
		st.waiting[queueID] = slot
	}
	return slot
}

// sameWaiting reports whether two lines differ in no more than when they were true.
func sameWaiting(x, y *kuplav1.Waiting) bool {
	if y == nil {
		return false
	}
	z := proto.CloneOf(y)
	z.AsOfTime = x.GetAsOfTime()
	return proto.Equal(x, z)
}

// tellStaff tells the colleagues, and a new snapshot when the caller's own profile changed.
func (st *deskStream) tellStaff(changed bool) error {
	st.staffDirty = st.staffDirty || changed
	if !st.staffDirty {
		return nil
	}
	now := st.server.now()
	if now.Sub(st.staffTime) < heldBack {
		st.follower.Again()
		return nil
	}
	st.staffDirty, st.staffTime = false, now
	me := st.me()
	me.ConversationCount = st.professional.GetConversationCount() // The desk tells what comes onto it and leaves it.
	if !proto.Equal(me, st.professional) {
		return st.sendSnapshot()
	}
	colleagues := st.server.colleagues(st.call.Staff.ID)
	if proto.Equal(colleagues, st.colleagues) {
		return nil
	}
	st.colleagues = colleagues
	return st.send(&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Colleagues{Colleagues: colleagues}})
}

func (st *deskStream) me() *kuplav1.Professional {
	m, ok := st.server.board.Staff(st.call.Staff.ID)
	if !ok {
		m = board.StaffMember{Staff: *st.call.Staff}
	}
	return professionalProto(m)
}

func (s *Server) colleagues(of string) *kuplav1.Colleagues {
	out := &kuplav1.Colleagues{}
	for _, m := range s.board.Colleagues(of) {
		out.Colleagues = append(out.Colleagues, professionalProto(m))
	}
	return out
}

func (st *deskStream) sendSnapshot() error {
	st.professional = st.me()
	st.colleagues = st.server.colleagues(st.call.Staff.ID)
	st.staffTime = st.server.now()
	snapshot := &kuplav1.DeskSnapshot{
		Professional: st.professional,
		Colleagues:   st.colleagues.GetColleagues(),
	}
	for _, id := range st.order {
		l := st.logs[id]
		snapshot.Conversations = append(snapshot.Conversations, st.server.snapshot(l.conv, l.viewer))
	}
	for _, id := range st.professional.GetQueueIds() {
		waiting := waitingProto(st.server.board.Waiting(id))
		slot := st.slot(id)
		slot.sent, slot.time, slot.dirty = waiting, st.server.now(), false
		snapshot.Waiting = append(snapshot.Waiting, waiting)
	}
	return st.send(&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Snapshot{Snapshot: snapshot}})
}

func (st *deskStream) sendEvents(conversationID string) func([]*kuplav1.Event) error {
	return func(events []*kuplav1.Event) error {
		return st.send(&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Events{
			Events: &kuplav1.DeskEvents{ConversationId: conversationID, Events: events},
		}})
	}
}

func (st *deskStream) send(frame *kuplav1.WatchDeskResponse) error {
	positions := make([]deskPosition, 0, len(st.order))
	for _, id := range st.order {
		positions = append(positions, deskPosition{conversationID: id, position: st.logs[id].position})
	}
	for _, l := range st.gone {
		positions = append(positions, deskPosition{conversationID: l.conv.ID, position: l.position})
	}
	if st.resumed != nil {
		positions = st.resumed
	}
	frame.Cursor = deskCursor(positions)
	if err := st.stream.Send(frame); err != nil {
		return err
	}
	st.follower.Sent(st.server.now())
	return nil
}
