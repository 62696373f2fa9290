package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	kuplav1connect "github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/store"
)

const (
	// eventsPerRead is how many events a follower reads from the store at once.
	eventsPerRead = 200
	// recheckAfter is how long what is known of an open stream's caller is good.
	recheckAfter = 5 * time.Second
	// tickEvery is how often the server's one timer ticks; a heartbeat that is due is sent by the tick
	// before, so that no two frames are further apart than told.
	tickEvery = time.Second
	// shutdownRetry is after how long clients are asked to come back when the server goes down.
	shutdownRetry = time.Second
)

// streamEnd is a stream that ends on purpose: the last frame says why.
type streamEnd struct {
	reason    kuplav1.GoAwayReason
	reconnect bool
	delay     time.Duration
}

func (e *streamEnd) Error() string { return "stream ends: " + e.reason.String() }

// endOf is the end on purpose that an error stands for; nil when it is another. A store that cannot be used when a
// stream begins ends it in words, too.
func (s *Server) endOf(err error) *streamEnd {
	if end, ok := errors.AsType[*streamEnd](err); ok {
		s.counts.ended(end.reason)
		return end
	}
	if errors.Is(err, store.ErrUnavailable) {
		s.counts.ended(kuplav1.GoAwayReason_GO_AWAY_REASON_UNAVAILABLE)
		return &streamEnd{
			reason: kuplav1.GoAwayReason_GO_AWAY_REASON_UNAVAILABLE, reconnect: true, delay: s.config.UnavailableRetryDelay,
		}
	}
	return nil
}

func (e *streamEnd) proto() *kuplav1.GoAway {
	return &kuplav1.GoAway{Reason: e.reason, Reconnect: e.reconnect, RetryDelay: durationpb.New(e.delay)}
}

// logFollower follows one log for one viewer: each event once, in order, up to what they may see.
type logFollower struct {
	server   *Server
	conv     *chat.Conversation
	viewer   viewer
	position position
	// current tells that everything was sent once: what is not told at once from then on, the stream is behind with.
	current bool
}

// resume takes a position from a cursor, when the log continues it. A reason tells that it does not.
func (l *logFollower) resume(ctx context.Context, p position) (kuplav1.ResetReason, error) {
	if p.sequence == 0 {
		return kuplav1.ResetReason_RESET_REASON_UNSPECIFIED, nil
	}
	if p.sequence > l.conv.VisibleThrough(l.viewer.participant) {
		return kuplav1.ResetReason_RESET_REASON_CURSOR_AHEAD, nil
	}
	events, err := l.server.store.Events(ctx, l.conv.ID, p.sequence-1, 1)
	if err != nil {
		return 0, err
	}
	if len(events) == 0 || events[0].Sequence != p.sequence {
		return kuplav1.ResetReason_RESET_REASON_CURSOR_TOO_OLD, nil
	}
	if stamp(events[0]) != p.stamp {
		return kuplav1.ResetReason_RESET_REASON_OTHER_HISTORY, nil
	}
	l.position = p
	return kuplav1.ResetReason_RESET_REASON_UNSPECIFIED, nil
}

// learn takes in a newer state of the conversation.
func (l *logFollower) learn(conv *chat.Conversation) {
	if conv == nil || conv.LastSequence < l.conv.LastSequence {
		return // a wake from before the conversation was read
	}
	l.conv = conv
	l.viewer.participant = conv.Participant(l.viewer.participant.ID)
}

// catchUp sends what the viewer has not been sent yet: from the shortcut when it continues the position
// exactly, otherwise from the store. It reports whether anything but messages was among it, which may have
// changed what the viewer may do.
func (l *logFollower) catchUp(
	ctx context.Context, shortcut []chat.Event, send func([]*kuplav1.Event) error,
) (more bool, err error) {
	last := l.conv.VisibleThrough(l.viewer.participant)
	if more, err = l.handOut(l.next(shortcut, last), send); err != nil {
		return more, err
	}
	if l.position.sequence < last {
		if l.current {
			defer l.server.counts.fellBehind(last - l.position.sequence)()
		}
		others, err := l.read(ctx, last, send)
		l.current = l.current || err == nil
		return more || others, err
	}
	l.current = true
	return more, nil
}

// next is what of events in their order continues the position, up to a sequence and without a gap.
func (l *logFollower) next(events []chat.Event, last int32) []chat.Event {
	from := 0
	for from < len(events) && events[from].Sequence <= l.position.sequence {
		from++
	}
	to := from
	for to < len(events) && events[to].Sequence == l.position.sequence+1+int32(to-from) && events[to].Sequence <= last {
		to++
	}
	return events[from:to]
}

// read is catchUp from the store.
func (l *logFollower) read(ctx context.Context, last int32, send func([]*kuplav1.Event) error) (more bool, err error) {
	for l.position.sequence < last {
		events, err := l.server.store.Events(ctx, l.conv.ID, l.position.sequence,
			min(eventsPerRead, int(last-l.position.sequence)))
		if err != nil {
			return more, err
		}
		if n := len(l.next(events, last)); n == 0 || n < len(events) {
			return more, fmt.Errorf("%s does not continue %d: %d of %d events do", l.conv, l.position.sequence, n, len(events))
		}
		others, err := l.handOut(events, send)
		more = more || others
		if err != nil {
			return more, err
		}
	}
	return more, nil
}

// handOut sends the next events and moves on past them. It reports whether anything but messages was among them.
func (l *logFollower) handOut(events []chat.Event, send func([]*kuplav1.Event) error) (more bool, err error) {
	for len(events) > 0 {
		n := min(len(events), frameEvents(events))
		frame := make([]*kuplav1.Event, n)
		for i := range frame {
			more = more || !isMessage(&events[i])
			frame[i] = eventProto(events[i], l.viewer.to)
		}
		l.position = at(events[n-1])
		if err := send(frame); err != nil {
			return more, err
		}
		events = events[n:]
	}
	return more, nil
}

// textPerFrame is about how many bytes of text one frame has at most, unless one message alone has more.
const textPerFrame = 32 << 10

// frameEvents is how many of the events one frame takes.
func frameEvents(events []chat.Event) (n int) {
	for size := 0; n < len(events); n++ {
		if m, ok := events[n].Kind.(chat.MessagePosted); ok {
			size += len(m.Text)
		}
		if n > 0 && size > textPerFrame {
			break
		}
	}
	return n
}

func isMessage(e *chat.Event) bool {
	_, ok := e.Kind.(chat.MessagePosted)
	return ok
}

// ended tells why the viewer's following ends, once everything has been sent; nil while it goes on.
func (l *logFollower) ended() *streamEnd {
	switch {
	case !l.viewer.participant.Present():
		return &streamEnd{reason: kuplav1.GoAwayReason_GO_AWAY_REASON_ACCESS_ENDED}
	case l.conv.State == chat.Closed:
		return &streamEnd{reason: kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED}
	}
	return nil
}

// streamContext is what every stream has: its slot in the hub, its caller, and when they were looked up last.
type streamContext struct {
	server   *Server
	call     *call
	follower *hub.Follower
	checked  time.Time
	interruption
}

// openStream counts the stream and finds out whether there is room for it.
func (s *Server) openStream(c *call, f *hub.Follower) (*streamContext, func(), error) {
	done, err := s.streams.Open(c.TokenKey, c.address, f.Supersede)
	if err != nil {
		most := float64(s.streams.Limits().PerAddress) * max(1, c.address.Factor)
		return nil, nil, refuseLater(kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_STREAMS, time.Minute,
			"limit", strconv.Itoa(int(most)))
	}
	return &streamContext{server: s, call: c, follower: f, checked: s.now()}, done, nil
}

// wait waits until there is something to take. The error is the context's.
//
// This is where streams are most of the time, and their stacks are most of what they cost. So all that need not stand
// on the stack meanwhile is elsewhere.
func (sc *streamContext) wait(ctx context.Context) error {
	if sc.rechecks() {
		sc.follower.AgainAt(sc.checked.Add(recheckAfter))
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-sc.follower.Wake():
		return nil
	}
}

// rechecks tells that the caller is looked at again also while nothing happens: staff are. A conversation token ends
// with its conversation, and so does its stream.
func (sc *streamContext) rechecks() bool { return sc.call.Staff != nil }

// take takes what is new. The error is a *streamEnd when the stream is to end on purpose.
func (sc *streamContext) take(ctx context.Context) (hub.Pending, error) {
	p := sc.follower.Take()
	if p.Superseded {
		return p, &streamEnd{reason: kuplav1.GoAwayReason_GO_AWAY_REASON_SUPERSEDED}
	}
	if p.Closing {
		return p, &streamEnd{reason: kuplav1.GoAwayReason_GO_AWAY_REASON_SHUTDOWN, reconnect: true, delay: shutdownRetry}
	}
	sc.hear(p.Interruption)
	if now := sc.server.now(); sc.rechecks() && !sc.announced && now.Sub(sc.checked) >= recheckAfter {
		sc.checked = now
		if err := sc.server.recheck(ctx, sc.call); err != nil {
			return p, &streamEnd{reason: kuplav1.GoAwayReason_GO_AWAY_REASON_TOKEN_ENDED}
		}
	}
	return p, nil
}

// due reports whether a heartbeat is: nothing was sent for so long that the next tick would be too late.
func (sc *streamContext) due() bool {
	return sc.follower.Quiet(sc.server.now()) >= sc.server.Quiet()
}

// Quiet is after how long without a frame the timer is to wake a stream for its heartbeat.
func (s *Server) Quiet() time.Duration { return max(s.config.Heartbeat-tickEvery, tickEvery) }

// conversationStream is one open FollowConversation.
type conversationStream struct {
	*streamContext
	log    logFollower
	stream kuplav1connect.ConversationServiceFollowConversationServerStream
	place  *kuplav1.Place // the last one sent
	// told is the same as the board had it, without when it was true; nil when a snapshot told it. With thousands in
	// line every change moves them all, and comparing what the contract has of a place costs more than encoding it.
	told *board.Place
	// resumed is the position that the caller came with, until the log goes on from there or it has been told that it
	// cannot; zero otherwise. A stream that ends before must not tell a caller to begin anew.
	resumed position
	ends    []func() // what is to be done when the stream ends
}

// FollowConversation follows a conversation.
func (s conversationService) FollowConversation(
	ctx context.Context, req *kuplav1.FollowConversationRequest,
	stream kuplav1connect.ConversationServiceFollowConversationServerStream,
) error {
	st := &conversationStream{stream: stream}
	defer st.close()
	from, err := st.open(ctx, s.Server, req)
	if err != nil {
		return err
	}
	return st.run(ctx, from)
}

// open begins to listen and reads the conversation. What it began is ended by close, also after an error.
func (st *conversationStream) open(
	ctx context.Context, s *Server, req *kuplav1.FollowConversationRequest,
) (from position, err error) {
	c := callFrom(ctx)
	id := req.GetConversationId()
	if req.GetCursor() != "" {
		if from, err = parseConversationCursor(id, req.GetCursor()); err != nil {
			return from, err
		}
	}
	if err := mine(c, id); err != nil {
		return from, err
	}
	if s.hub.Interrupted() {
		return from, store.ErrUnavailable
	}
	// The follower comes first: what is committed from here on wakes it, what was committed before is read.
	f := s.hub.FollowConversation(id, s.now())
	st.ends = append(st.ends, f.Close)
	conv, v, err := s.read(ctx, id)
	if err != nil {
		return from, err
	}
	sc, done, err := s.openStream(c, f)
	if err != nil {
		return from, err
	}
	st.ends = append(st.ends, done)
	f.Is(v.participant.ID)
	if c.Customer() {
		st.ends = append(st.ends, s.board.ArriveCustomer(id))
	} else {
		st.ends = append(st.ends, s.board.ArriveStaff(c.Staff.ID))
	}
	st.streamContext = sc
	st.log = logFollower{server: s, conv: conv, viewer: v}
	return from, nil
}

// close ends what open began, the last first.
func (st *conversationStream) close() {
	for _, end := range slices.Backward(st.ends) {
		end()
	}
}

// run sends until the stream ends, and says why when it ends on purpose.
func (st *conversationStream) run(ctx context.Context, from position) error {
	err := together(ctx, func(ctx context.Context) error { return st.begin(ctx, from) })
	for err == nil {
		if err = st.wait(ctx); err == nil {
			err = together(ctx, st.step)
		}
	}
	if end := st.server.endOf(err); end != nil {
		return st.send(&kuplav1.FollowConversationResponse{
			Frame: &kuplav1.FollowConversationResponse_GoAway{GoAway: end.proto()},
		})
	}
	return err
}

// begin sends the snapshot and the history after the cursor.
func (st *conversationStream) begin(ctx context.Context, from position) error {
	st.resumed = from
	reason, err := st.log.resume(ctx, from)
	if err != nil {
		return err
	}
	if reason == kuplav1.ResetReason_RESET_REASON_UNSPECIFIED {
		st.resumed = position{}
	}
	if err := st.sendSnapshot(); err != nil {
		return err
	}
	if reason != kuplav1.ResetReason_RESET_REASON_UNSPECIFIED {
		// The snapshot is first on every stream; after the reset it comes again, as told, with the whole log.
		if err := st.send(&kuplav1.FollowConversationResponse{
			Frame: &kuplav1.FollowConversationResponse_Reset_{Reset_: &kuplav1.Reset{Reason: reason}},
		}); err != nil {
			return err
		}
		st.resumed = position{}
		if err := st.sendSnapshot(); err != nil {
			return err
		}
	}
	if _, err := st.log.catchUp(ctx, nil, st.sendEvents); err != nil {
		if err := st.fallBehind(err); err != nil {
			return err
		}
		return st.sendSignOfLife()
	}
	if end := st.log.ended(); end != nil {
		return end
	}
	return nil
}

// step sends what is new.
func (st *conversationStream) step(ctx context.Context) error {
	p, err := st.take(ctx)
	if err != nil {
		return err
	}
	switch n := p.NewsOf(st.log.conv.ID); {
	case n != nil && n.Rewritten:
		return st.server.rewritten()
	case !st.behind:
		err = st.tell(ctx, &p)
	case st.ready(st.server.now()):
		err = st.makeUp(ctx)
	}
	if err := st.fallBehind(err); err != nil {
		return err
	}
	return st.sendSignOfLife()
}

// makeUp tells everything that was missed while the store could not be read.
func (st *conversationStream) makeUp(ctx context.Context) error {
	conv, err := st.server.store.Conversation(ctx, st.log.conv.ID)
	if err != nil {
		return err
	}
	st.log.learn(conv)
	if _, err := st.log.catchUp(ctx, nil, st.sendEvents); err != nil {
		return err
	}
	st.caughtUp()
	if st.log.viewer.participant.Present() {
		if err := st.sendSnapshot(); err != nil {
			return err
		}
	}
	if end := st.log.ended(); end != nil {
		return end
	}
	return nil
}

// tell tells what came.
func (st *conversationStream) tell(ctx context.Context, p *hub.Pending) error {
	if n := p.NewsOf(st.log.conv.ID); n != nil {
		st.log.learn(n.Conversation)
		more, err := st.log.catchUp(ctx, n.Events, st.sendEvents)
		if err != nil {
			return err
		}
		end := st.log.ended()
		// Whoever is no longer in it is not told what it has become: their last word is the event that says so.
		if (more || n.Snapshot) && st.log.viewer.participant.Present() {
			if err := st.sendSnapshot(); err != nil {
				return err
			}
		}
		if end != nil {
			return end
		}
		if err := st.sendSlots(n); err != nil {
			return err
		}
	}
	if p.Places {
		return st.sendPlace()
	}
	return nil
}

func (st *conversationStream) sendSignOfLife() error {
	heartbeat := st.signOfLife()
	if heartbeat == nil {
		return nil
	}
	return st.send(&kuplav1.FollowConversationResponse{
		Frame: &kuplav1.FollowConversationResponse_Heartbeat{Heartbeat: heartbeat},
	})
}

func (st *conversationStream) send(frame *kuplav1.FollowConversationResponse) error {
	position := st.log.position
	if st.resumed.sequence > 0 {
		position = st.resumed
	}
	frame.Cursor = conversationCursor(st.log.conv.ID, position)
	if err := st.stream.Send(frame); err != nil {
		return err
	}
	st.follower.Sent(st.server.now())
	return nil
}

func (st *conversationStream) sendEvents(events []*kuplav1.Event) error {
	return st.send(&kuplav1.FollowConversationResponse{
		Frame: &kuplav1.FollowConversationResponse_Events{Events: &kuplav1.Events{Events: events}},
	})
}

func (st *conversationStream) sendSnapshot() error {
	snapshot := st.server.snapshot(st.log.conv, st.log.viewer)
	st.place, st.told = snapshot.GetPlace(), nil
	return st.send(&kuplav1.FollowConversationResponse{
		Frame: &kuplav1.FollowConversationResponse_Snapshot{Snapshot: snapshot},
	})
}

// sendPlace sends the place when it is another than the one sent last.
func (st *conversationStream) sendPlace() error {
	if st.log.conv.State != chat.Waiting {
		// The board may know already that it waits again. Who follows is told by the event first, and by the
		// snapshot after it; whoever no longer takes part is not told their place at all.
		return nil
	}
	place, ok := st.server.board.Place(st.log.conv.ID)
	if !ok {
		return nil
	}
	timeless := place
	timeless.AsOf, timeless.Estimate.AsOf = time.Time{}, time.Time{}
	if st.told != nil && *st.told == timeless {
		return nil
	}
	now := placeProto(place)
	if st.told == nil && samePlace(now, st.place) {
		return nil
	}
	now.MovedBack = st.place != nil && now.GetPosition() > st.place.GetPosition()
	st.place, st.told = now, &timeless
	return st.send(&kuplav1.FollowConversationResponse{
		Frame: &kuplav1.FollowConversationResponse_Place{Place: now},
	})
}

// samePlace reports whether a place differs from the one told last in no more than when it was true.
func samePlace(now, last *kuplav1.Place) bool {
	if last == nil {
		return false
	}
	then := proto.CloneOf(last)
	then.AsOfTime = now.GetAsOfTime()
	then.MovedBack = false
	if then.GetEstimate() != nil {
		then.Estimate.AsOfTime = now.GetEstimate().GetAsOfTime()
	}
	return proto.Equal(then, now)
}

// sendSlots sends read marks, presence and typing.
func (st *conversationStream) sendSlots(n *hub.News) error {
	for id, sequence := range n.ReadMarks {
		if err := st.send(&kuplav1.FollowConversationResponse{
			Frame: &kuplav1.FollowConversationResponse_ReadMark{ReadMark: readMarkProto(id, sequence)},
		}); err != nil {
			return err
		}
	}
	for id, presence := range n.Presence {
		if err := st.send(&kuplav1.FollowConversationResponse{
			Frame: &kuplav1.FollowConversationResponse_Presence{Presence: presenceProto(id, presence)},
		}); err != nil {
			return err
		}
	}
	for id := range n.Typing {
		if id == st.log.viewer.participant.ID {
			continue
		}
		if err := st.send(&kuplav1.FollowConversationResponse{
			Frame: &kuplav1.FollowConversationResponse_Typing{Typing: &kuplav1.Typing{ParticipantId: id}},
		}); err != nil {
			return err
		}
	}
	return nil
}
