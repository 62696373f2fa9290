package torture

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/history"
)

// Here follow those who use the generated clients alone, as anybody's program does: nothing makes up for what the
// service does, so each stream is judged by itself.

// mark is a cursor and the event that it stands for.
type mark struct {
	cursor   string
	sequence int32
}

// followRaw follows a conversation stream by stream: from where the last one ended, from an earlier cursor, or from
// the beginning; and tries cursors that are none.
func (c *customer) followRaw(ctx context.Context, random *rand.Rand) {
	marks := []mark{{}}
	for ctx.Err() == nil {
		from := marks[len(marks)-1]
		switch random.IntN(6) {
		case 0:
			from = marks[random.IntN(len(marks))]
		case 1:
			from = mark{}
		case 2:
			c.badCursor(ctx, random, marks[len(marks)-1].cursor)
		}
		line := c.run.line(random, "")
		s := &rawStream{customer: c, line: line, random: random, from: from, service: line.Resume(c.credentials)}
		over := s.run(ctx)
		line.close()
		marks = append(marks, s.marks...)
		if len(marks) > 40 {
			marks = append(marks[:1], marks[len(marks)-30:]...)
		}
		if over || !pause(ctx, between(random, 10*time.Millisecond, 500*time.Millisecond)) {
			return
		}
	}
}

// rawStream is one stream of a conversation.
type rawStream struct {
	*customer

	line    *line
	random  *rand.Rand
	from    mark
	service *kupla.Conversation
	marks   []mark // some of those it gave
	view    *history.View
	last    int32
}

// run follows to the stream's end. It reports whether everything has been told.
func (s *rawStream) run(ctx context.Context) (over bool) {
	length := between(s.random, time.Second, 20*time.Second)
	if s.customer.run.calm.Load() {
		length = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	s.view = s.record.view(history.Customer, "raw", s.from.sequence)
	s.last = s.from.sequence
	s.customer.run.streams.Add(1)
	stream, err := s.service.Service().FollowConversation(ctx, &kuplav1.FollowConversationRequest{
		ConversationId: s.id, Cursor: s.from.cursor,
	})
	begun := false
	if err == nil {
		defer func() {
			cancel()
			_ = stream.Close()
		}()
		for first := true; ; first = false {
			var frame *kuplav1.FollowConversationResponse
			if frame, err = stream.Receive(); err != nil {
				break
			}
			begun = true
			if away := s.take(ctx, frame, first); away != nil {
				s.customer.run.count(ends, "go_away "+away.GetReason().String()[len("GO_AWAY_REASON_"):])
				return away.GetReason() == kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED
			}
		}
	}
	s.customer.run.judgeEnd(ctx, s.id, s.line, begun, err)
	return false
}

// take takes a frame in. It returns the go_away, if it is one.
func (s *rawStream) take(ctx context.Context, frame *kuplav1.FollowConversationResponse, first bool) *kuplav1.GoAway {
	id := s.id
	// A store that cannot be used when a stream begins ends it in words.
	if first && frame.GetSnapshot() == nil && frame.GetGoAway() == nil {
		s.customer.run.anomalyf("stream", id, "the first frame is no snapshot: %v", frame)
	}
	if frame.GetCursor() == "" {
		s.customer.run.anomalyf("stream", id, "a frame without a cursor: %v", frame)
	}
	switch kind := frame.GetFrame().(type) {
	case *kuplav1.FollowConversationResponse_Events:
		for _, e := range kind.Events.GetEvents() {
			s.record.hand(s.view, e)
			s.last = e.GetSequence()
		}
		if s.random.IntN(8) == 0 {
			s.marks = append(s.marks, mark{cursor: frame.GetCursor(), sequence: s.last})
		}
		if s.random.IntN(300) == 0 && !s.customer.run.calm.Load() {
			s.customer.run.count(faults, "follower that stops to think")
			pause(ctx, between(s.random, 100*time.Millisecond, 3*time.Second))
		}
	case *kuplav1.FollowConversationResponse_Snapshot:
		s.record.tell(kind.Snapshot.GetPlace())
		if last := kind.Snapshot.GetConversation().GetLastSequence(); last < s.last {
			s.customer.run.anomalyf("stream", id, "the snapshot ends at %d, and %d has been told", last, s.last)
		}
	case *kuplav1.FollowConversationResponse_Place:
		s.record.tell(kind.Place)
	case *kuplav1.FollowConversationResponse_Reset_:
		s.customer.run.anomalyf("reset", id, "a cursor of event %d was reset: %v", s.from.sequence, kind.Reset_)
	case *kuplav1.FollowConversationResponse_GoAway:
		if kind.GoAway.GetReason() == kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED {
			s.record.mark(s.view, func(v *history.View) { v.Whole = true })
		}
		return kind.GoAway
	}
	s.record.keepCursor(frame.GetCursor())
	return nil
}

// judgeEnd judges how a stream ended that did not say why: by the one who followed it, by what was done to its
// connection or to the server, or by a refusal that this may bring. Nothing else may end one.
func (r *run) judgeEnd(ctx context.Context, conversation string, l *line, begun bool, err error) {
	reason := kupla.ReasonOf(err)
	switch {
	case ctx.Err() != nil:
		r.count(ends, "by the follower")
	case reason == kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE && begun && r.gentle():
		r.anomalyf("stream", conversation, "it was ended by an interruption: %v", err)
	case reason == kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE:
		r.count(ends, "refused while the service was interrupted")
	case reason != kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED:
		r.refusal(conversation, "follow", err)
	case errors.Is(err, io.EOF):
		r.anomalyf("stream", conversation, "it ended without a word")
	case l.harmed(begun):
		r.count(ends, "by an injected fault")
	default:
		r.anomalyf("stream", conversation, "it broke (%v) and nothing had been done to it", err)
	}
}

// badCursor follows from what is no cursor of this conversation. It must be refused in words.
func (c *customer) badCursor(ctx context.Context, random *rand.Rand, good string) {
	kind, cursor := c.mangle(random, good)
	if cursor == "" || cursor == good {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	line := c.run.line(random, "")
	defer line.close()
	stream, err := line.Resume(c.credentials).Service().FollowConversation(ctx, &kuplav1.FollowConversationRequest{
		ConversationId: c.id, Cursor: cursor,
	})
	if err == nil {
		defer func() {
			cancel()
			_ = stream.Close()
		}()
		var frame *kuplav1.FollowConversationResponse
		if frame, err = stream.Receive(); err == nil {
			c.run.anomalyf("cursor", c.id, "%s %q was followed: %v", kind, cursor, frame)
			return
		}
	}
	c.run.judgeBadCursor(ctx, c.id, kind, err)
}

func (r *run) judgeBadCursor(ctx context.Context, conversation, kind string, err error) {
	reason := kupla.ReasonOf(err)
	malformed := reason == kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED || reason == kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST
	switch {
	case malformed && connect.CodeOf(err) == connect.CodeInvalidArgument:
		r.count(trials, "cursor refused: "+kind)
	case ended(ctx, err):
	default:
		r.refusal(conversation, kind, err)
	}
}

// mangle makes what is no cursor of this conversation.
func (c *customer) mangle(random *rand.Rand, good string) (kind, cursor string) {
	switch dice := random.IntN(5); {
	case dice == 0 && len(good) > 4:
		return "truncated", good[:len(good)-1-random.IntN(len(good)-2)]
	case dice == 1 && len(good) > 4:
		b := []byte(good)
		i := random.IntN(len(b))
		b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[random.IntN(64)]
		return "corrupted", string(b)
	case dice == 2:
		return "of another conversation", c.run.otherCursor(c.id)
	case dice == 3:
		return "of a desk", c.run.deskCursor(random)
	}
	return "made up", strconv.FormatUint(random.Uint64(), 16)
}

// otherCursor is a cursor of another conversation.
func (r *run) otherCursor(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other, rec := range r.records {
		rec.mu.Lock()
		cursor := rec.cursor
		rec.mu.Unlock()
		if other != id && cursor != "" {
			return cursor
		}
	}
	return ""
}

// deskCursor is a cursor of some desk that is short enough to be sent as one of a conversation.
func (r *run) deskCursor(random *rand.Rand) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cursors) == 0 {
		return ""
	}
	return r.cursors[random.IntN(len(r.cursors))]
}

// watchRaw watches a professional's desk stream by stream: from the beginning, or with what was given to
// colleagues. Either a stream is refused, or each conversation on it goes on without a hole.
func (p *professional) watchRaw(ctx context.Context) {
	random := p.run.random("raw " + p.id)
	for ctx.Err() == nil {
		token := p.credentials()
		line := p.run.line(random, token)
		d := &rawDesk{professional: p, line: line, views: map[string]*history.View{}}
		if random.IntN(3) == 0 {
			d.cursor, d.kind = p.run.deskCursor(random), "of a colleague"
			if random.IntN(2) == 0 && len(d.cursor) > 4 {
				d.cursor, d.kind = d.cursor[:len(d.cursor)-1-random.IntN(len(d.cursor)-2)], "truncated"
			}
		}
		d.run(ctx, token, between(random, time.Second, 15*time.Second))
		line.close()
		pause(ctx, between(random, 100*time.Millisecond, 2*time.Second))
	}
}

// rawDesk is one stream of a desk.
type rawDesk struct {
	*professional

	line         *line
	cursor, kind string
	views        map[string]*history.View
	reset        bool
}

func (d *rawDesk) run(ctx context.Context, token string, length time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	d.professional.run.streams.Add(1)
	begun := false
	stream, err := d.line.DeskService().WatchDesk(ctx, &kuplav1.WatchDeskRequest{Cursor: d.cursor})
	if err == nil {
		defer func() {
			cancel()
			_ = stream.Close()
		}()
		for first := true; ; first = false {
			var frame *kuplav1.WatchDeskResponse
			if frame, err = stream.Receive(); err != nil {
				break
			}
			if first && frame.GetSnapshot() == nil && frame.GetGoAway() == nil {
				d.professional.run.anomalyf("stream", "", "the first frame of a desk is no snapshot: %v", frame)
			}
			begun = true
			if d.take(frame) {
				return
			}
		}
	}
	switch {
	case d.kind == "truncated" && kupla.ReasonOf(err) == kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED:
		d.professional.run.judgeBadCursor(ctx, "", "truncated, of a desk", err)
	case connect.CodeOf(err) == connect.CodeUnauthenticated && token != d.credentials():
	default:
		d.professional.run.judgeEnd(ctx, "", d.line, begun, err)
	}
}

// take takes a frame in, and reports whether it was the last.
func (d *rawDesk) take(frame *kuplav1.WatchDeskResponse) (over bool) {
	r := d.professional.run
	switch kind := frame.GetFrame().(type) {
	case *kuplav1.WatchDeskResponse_Events:
		id, events := kind.Events.GetConversationId(), kind.Events.GetEvents()
		rec := r.record(id)
		v := d.views[id]
		if v == nil {
			after := int32(0)
			if d.cursor != "" && !d.reset {
				after = events[0].GetSequence() - 1 // the colleague's place, where the conversation is on both desks
			}
			v = rec.view(d.id, "raw desk", after)
			d.views[id] = v
		}
		for _, e := range events {
			rec.hand(v, e)
		}
	case *kuplav1.WatchDeskResponse_ConversationAdded:
		delete(d.views, kind.ConversationAdded.GetSnapshot().GetConversation().GetId())
	case *kuplav1.WatchDeskResponse_ConversationRemoved:
		id := kind.ConversationRemoved.GetConversationId()
		if v := d.views[id]; v != nil && d.cursor == "" {
			r.record(id).mark(v, func(v *history.View) { v.Removed = true })
		}
		delete(d.views, id)
	case *kuplav1.WatchDeskResponse_Reset_:
		if d.cursor == "" {
			r.anomalyf("reset", "", "a desk that began without a cursor was reset: %v", kind.Reset_)
		}
		r.count(trials, "cursor reset: "+d.kind+" desk")
		d.reset = true
		clear(d.views)
	case *kuplav1.WatchDeskResponse_GoAway:
		r.count(ends, "go_away "+kind.GoAway.GetReason().String()[len("GO_AWAY_REASON_"):])
		return true
	}
	return false
}
