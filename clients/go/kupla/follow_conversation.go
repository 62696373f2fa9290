package kupla

import (
	"context"
	"iter"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// FollowOptions say where to follow from.
type FollowOptions struct {
	// Cursor is where to go on, from [Update] or [Credentials]. Empty means from the beginning.
	Cursor string
	// Sequence is the number of the last event handed out with Cursor, from the same place. When it is 0, the
	// follower takes the first event it is given for the right one.
	Sequence int32
}

// UpdateKind tells what an [Update] is about. New values may be added.
type UpdateKind int

// The kinds of updates of a conversation.
const (
	// UpdateConnected tells that the connection stands. A snapshot comes next.
	UpdateConnected UpdateKind = iota + 1
	// UpdateDisconnected tells that the connection was lost and will be tried again. Connection is set.
	UpdateDisconnected
	// UpdateCaughtUp tells that everything has been handed out that had happened when the connection was made.
	// It comes once after each UpdateConnected.
	UpdateCaughtUp
	// UpdateReset tells that everything known is to be forgotten: a snapshot and events from 1 follow. Reset is
	// set.
	UpdateReset
	// UpdateSnapshot tells how the conversation is now. Snapshot is set.
	UpdateSnapshot
	// UpdateEvent is the next event of the log. Event is set.
	UpdateEvent
	// UpdatePlace tells the place in the queue. Place is set.
	UpdatePlace
	// UpdateTyping tells that somebody is typing. Typing is set.
	UpdateTyping
	// UpdateReadMark tells how far somebody has read. ReadMark is set.
	UpdateReadMark
	// UpdatePresence tells that somebody came or went. Presence is set.
	UpdatePresence
	// UpdateInterrupted tells that the service is interrupted: nothing new is told until it is over, and calls that
	// write are repeated or refused with UNAVAILABLE. Nothing is lost, and there is nothing to do. The connection may
	// well stand.
	UpdateInterrupted
	// UpdateRestored tells that an interruption is over. It comes once after each UpdateInterrupted.
	UpdateRestored
)

// Update is one thing that a follower of a conversation tells.
type Update struct {
	// Kind tells which of the fields below is set.
	Kind UpdateKind
	// Cursor is where to resume once this update has been dealt with. Keep it together with Sequence: events come several
	// in a frame, and before the last of them the cursor is the one before the frame.
	Cursor string
	// Sequence is the number of the last event handed out, this one included; 0 when not known.
	Sequence int32
	// History tells that Event had happened already when the connection was made: something to show rather
	// than to react to.
	History bool

	Connection *Connection
	Reset      *kuplav1.Reset
	Snapshot   *kuplav1.ConversationSnapshot
	Event      *kuplav1.Event
	Place      *kuplav1.Place
	Typing     *kuplav1.Typing
	ReadMark   *kuplav1.ReadMark
	Presence   *kuplav1.Presence
}

// Follow follows the conversation, for as long as it takes. The sequence ends
//
//   - without an error once the conversation is closed and everything in it has been handed out, or the loop
//     is left;
//   - with the cause of ctx's end;
//   - with a [GoAwayError] when the service ends it for good, as when access ends;
//   - with the refusal when following is refused: unauthenticated, permission denied, not found or invalid;
//   - with a [GapError] when an event stays missing.
//
// Everything else, such as a lost connection, it deals with and tells by updates.
func (v *Conversation) Follow(ctx context.Context, options FollowOptions) iter.Seq2[Update, error] {
	updates := follow(ctx, v.client, func() tracker[*kuplav1.FollowConversationResponse, Update] {
		return newConversationTracker(v.service, v.id, options)
	})
	return func(yield func(Update, error) bool) {
		for update, err := range updates {
			goOn := yield(update, err)
			if err == nil {
				v.moveTo(update.Cursor, update.Sequence)
			}
			if !goOn {
				return
			}
		}
	}
}

type conversationTracker struct {
	service kuplav1connect.ConversationServiceClient
	id      string

	cursor   string
	progress progress
	// rewound is set while a stream from the very beginning brings again what was handed out before. The
	// cursor stays where it was until the stream has come that far.
	rewound bool

	// These are about the present stream.
	awaitsSnapshot bool
	told           bool // that it has caught up
}

func newConversationTracker(
	service kuplav1connect.ConversationServiceClient, id string, options FollowOptions,
) *conversationTracker {
	return &conversationTracker{
		service: service,
		id:      id,
		cursor:  options.Cursor,
		progress: progress{
			last:  options.Sequence,
			known: options.Cursor == "" || options.Sequence > 0,
		},
	}
}

func (t *conversationTracker) open(ctx context.Context) (receiver[*kuplav1.FollowConversationResponse], error) {
	t.awaitsSnapshot, t.told = true, false
	t.progress.stream = t.progress.last
	req := &kuplav1.FollowConversationRequest{ConversationId: t.id, Cursor: t.cursor}
	if t.rewound {
		req.Cursor = ""
		t.progress.stream = 0
	}
	stream, err := t.service.FollowConversation(ctx, req)
	if err != nil {
		return nil, err
	}
	return stream, nil
}

func (t *conversationTracker) take(frame *kuplav1.FollowConversationResponse) (step[Update], error) {
	var s step[Update]
	switch kind := frame.GetFrame().(type) {
	case *kuplav1.FollowConversationResponse_Events:
		for cursor, event := range cursors(frame.GetCursor(), kind.Events.GetEvents()) {
			if err := t.takeEvent(&s, cursor, event); err != nil {
				return s, err
			}
		}
	case *kuplav1.FollowConversationResponse_Snapshot:
		if t.awaitsSnapshot {
			t.awaitsSnapshot = false
			if last := kind.Snapshot.GetConversation().GetLastSequence(); t.progress.known && last < t.progress.last {
				t.startOver(&s, kuplav1.ResetReason_RESET_REASON_CURSOR_AHEAD, "")
				return s, ErrHistoryLost
			}
			t.progress.target = kind.Snapshot.GetConversation().GetLastSequence()
		}
		t.moveTo(frame.GetCursor())
		t.add(&s, Update{Kind: UpdateSnapshot, Snapshot: kind.Snapshot})
	case *kuplav1.FollowConversationResponse_Reset_:
		t.startOver(&s, kind.Reset_.GetReason(), frame.GetCursor())
		return s, nil
	case *kuplav1.FollowConversationResponse_Place:
		t.moveTo(frame.GetCursor())
		t.add(&s, Update{Kind: UpdatePlace, Place: kind.Place})
	case *kuplav1.FollowConversationResponse_Typing:
		t.moveTo(frame.GetCursor())
		t.add(&s, Update{Kind: UpdateTyping, Typing: kind.Typing})
	case *kuplav1.FollowConversationResponse_ReadMark:
		t.moveTo(frame.GetCursor())
		t.add(&s, Update{Kind: UpdateReadMark, ReadMark: kind.ReadMark})
	case *kuplav1.FollowConversationResponse_Presence:
		t.moveTo(frame.GetCursor())
		t.add(&s, Update{Kind: UpdatePresence, Presence: kind.Presence})
	case *kuplav1.FollowConversationResponse_Heartbeat:
		t.moveTo(frame.GetCursor())
		s.heartbeat = kind.Heartbeat
		// A stream that has nothing else to say has brought all history, also where the cursor alone could not
		// tell how much that is.
		if !t.progress.known && !t.awaitsSnapshot {
			t.tellCaughtUp(&s)
		}
	case *kuplav1.FollowConversationResponse_GoAway:
		closed := kind.GoAway.GetReason() == kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED
		if closed && t.progress.known && !t.progress.caughtUp() {
			t.progress.gaps++
			return s, t.gap(0)
		}
		t.moveTo(frame.GetCursor())
		s.away = kind.GoAway
	default: // a frame of a later version
		t.moveTo(frame.GetCursor())
	}
	if !t.awaitsSnapshot && t.progress.caughtUp() {
		t.tellCaughtUp(&s)
	}
	return s, nil
}

func (t *conversationTracker) takeEvent(s *step[Update], cursor string, event *kuplav1.Event) error {
	update := Update{Kind: UpdateEvent, Event: event, History: event.GetSequence() <= t.progress.target}
	switch t.progress.take(event.GetSequence()) {
	case fresh:
		t.moveTo(cursor)
		t.add(s, update)
	case duplicate:
		if t.rewound {
			t.moveTo(cursor)
		}
	case missing:
		return t.gap(event.GetSequence())
	}
	return nil
}

func (t *conversationTracker) connected() Update { return t.at(Update{Kind: UpdateConnected}) }

func (t *conversationTracker) disconnected(connection Connection) Update {
	return t.at(Update{Kind: UpdateDisconnected, Connection: &connection})
}

func (t *conversationTracker) interrupted() Update { return t.at(Update{Kind: UpdateInterrupted}) }

func (t *conversationTracker) restored() Update { return t.at(Update{Kind: UpdateRestored}) }

// gap returns the error for the event that came instead of the next one, and has the next stream look for
// it: from the cursor at first, then from the beginning.
func (t *conversationTracker) gap(got int32) error {
	t.rewound = t.progress.gaps > 1
	return t.progress.gap(t.id, got)
}

// startOver forgets what was handed out, and says so.
func (t *conversationTracker) startOver(s *step[Update], reason kuplav1.ResetReason, cursor string) {
	t.cursor, t.rewound = cursor, false
	t.progress = progress{known: true, target: t.progress.target}
	t.awaitsSnapshot, t.told = true, false
	t.add(s, Update{Kind: UpdateReset, Reset: &kuplav1.Reset{Reason: reason}})
}

func (t *conversationTracker) tellCaughtUp(s *step[Update]) {
	if !t.told {
		t.told = true
		t.add(s, Update{Kind: UpdateCaughtUp})
	}
}

// moveTo takes over the cursor of a frame.
func (t *conversationTracker) moveTo(cursor string) {
	if t.rewound && t.progress.stream < t.progress.last {
		return
	}
	t.rewound = false
	if cursor != "" {
		t.cursor = cursor
	}
}

func (t *conversationTracker) add(s *step[Update], update Update) {
	s.updates = append(s.updates, t.at(update))
}

func (t *conversationTracker) at(update Update) Update {
	update.Cursor, update.Sequence = t.cursor, t.progress.last
	return update
}
