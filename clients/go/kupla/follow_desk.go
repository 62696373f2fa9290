package kupla

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// WatchDeskOptions say where to follow a desk from.
type WatchDeskOptions struct {
	// Cursor is where to go on, from [DeskUpdate]. Empty means from the beginning of each conversation, which is
	// what a program wants that does not keep the conversations itself.
	Cursor string
	// Sequences are the numbers of the last events handed out with Cursor, by conversation, 0 where none was:
	// of every conversation that was on the desk then. They let the follower tell at once what is missing and
	// when it has caught up. When nil, it takes the first event of each conversation for the right one.
	Sequences map[string]int32
}

// DeskUpdateKind tells what a [DeskUpdate] is about. New values may be added.
type DeskUpdateKind int

// The kinds of updates of a desk.
const (
	// DeskConnected tells that the connection stands. A snapshot comes next.
	DeskConnected DeskUpdateKind = iota + 1
	// DeskDisconnected tells that the connection was lost and will be tried again. Connection is set.
	DeskDisconnected
	// DeskCaughtUp tells that everything has been handed out that had happened on the desk when the connection
	// was made. It comes once after each DeskConnected.
	DeskCaughtUp
	// DeskReset tells that everything known is to be forgotten: a snapshot and events from 1 follow. Reset is
	// set.
	DeskReset
	// DeskSnapshot tells how the desk is now. Snapshot is set.
	DeskSnapshot
	// DeskEvent is the next event of one conversation. ConversationID and Event are set.
	DeskEvent
	// DeskWaiting tells who waits in one queue. Waiting is set.
	DeskWaiting
	// DeskConversationAdded tells that a conversation came onto the desk. ConversationID and Conversation are
	// set. Its events follow from 1.
	DeskConversationAdded
	// DeskConversationRemoved tells that a conversation left the desk. ConversationID and Removal are set.
	DeskConversationRemoved
	// DeskConversation tells how one conversation is now. ConversationID and Conversation are set.
	DeskConversation
	// DeskTyping tells that somebody is typing. ConversationID and Typing are set.
	DeskTyping
	// DeskReadMark tells how far somebody has read. ConversationID and ReadMark are set.
	DeskReadMark
	// DeskPresence tells that somebody came or went. ConversationID and Presence are set.
	DeskPresence
	// DeskColleagues tells the colleagues as they are now. Colleagues is set.
	DeskColleagues
	// DeskInterrupted tells that the service is interrupted: nothing new is told until it is over, and calls that
	// write are repeated or refused with UNAVAILABLE. Nothing is lost, and there is nothing to do. The connection may
	// well stand.
	DeskInterrupted
	// DeskRestored tells that an interruption is over. It comes once after each DeskInterrupted.
	DeskRestored
)

// DeskUpdate is one thing that a follower of a desk tells.
type DeskUpdate struct {
	// Kind tells which of the fields below is set.
	Kind DeskUpdateKind
	// Cursor is where to resume once this update has been dealt with. Keep it together with the sequence of the last event
	// of each conversation: events come several in a frame, and before the last of them the cursor is the one before the
	// frame.
	Cursor string
	// History tells that Event had happened already when the connection was made or the conversation came onto
	// the desk: something to show rather than to react to.
	History bool

	Connection     *Connection
	Reset          *kuplav1.Reset
	Snapshot       *kuplav1.DeskSnapshot
	ConversationID string
	Event          *kuplav1.Event
	Waiting        *kuplav1.Waiting
	Conversation   *kuplav1.ConversationSnapshot
	Removal        kuplav1.RemovalReason
	Typing         *kuplav1.Typing
	ReadMark       *kuplav1.ReadMark
	Presence       *kuplav1.Presence
	Colleagues     []*kuplav1.Professional
}

// WatchDesk follows everything on the desk of the professional with the staff token, for as long as it
// takes. Each conversation's events come once and in order, from the first one. The sequence ends when the
// loop is left, or with
//
//   - the cause of ctx's end;
//   - a [GoAwayError] when the service ends it for good, as when the token ends;
//   - the refusal when following is refused;
//   - a [GapError] when an event stays missing.
//
// Everything else it deals with and tells by updates.
func (c *Client) WatchDesk(ctx context.Context, options WatchDeskOptions) iter.Seq2[DeskUpdate, error] {
	return follow(ctx, c, func() tracker[*kuplav1.WatchDeskResponse, DeskUpdate] {
		t := &deskTracker{
			client:        c,
			cursor:        options.Cursor,
			bare:          options.Cursor != "" && options.Sequences == nil,
			resumed:       options.Cursor != "" && options.Sequences == nil,
			conversations: make(map[string]*progress),
		}
		if options.Cursor != "" {
			for id, sequence := range options.Sequences {
				t.conversations[id] = &progress{last: sequence, known: true}
			}
		}
		return t
	})
}

type deskTracker struct {
	client *Client

	cursor        string
	conversations map[string]*progress // the conversations on the desk, by id
	// bare is set until the first snapshot when all that is known is a cursor: how far the conversations in
	// the snapshot have been handed out then only their next events tell.
	bare bool
	// resumed is set when it began with a cursor.
	resumed bool
	// rewound is set while a stream from the very beginning brings again what was handed out before. The
	// cursor stays where it was until the stream has come that far in each conversation.
	rewound bool

	// These are about the present stream.
	awaitsSnapshot bool
	told           bool // that it has caught up
}

func (t *deskTracker) open(ctx context.Context) (receiver[*kuplav1.WatchDeskResponse], error) {
	t.awaitsSnapshot, t.told = true, false
	req := &kuplav1.WatchDeskRequest{Cursor: t.cursor}
	if t.rewound {
		req.Cursor = ""
	}
	for _, p := range t.conversations {
		p.stream = p.last
		if t.rewound {
			p.stream = 0
		}
	}
	stream, err := t.client.desk.WatchDesk(ctx, req)
	if err != nil {
		return nil, err
	}
	return stream, nil
}

func (t *deskTracker) take(frame *kuplav1.WatchDeskResponse) (step[DeskUpdate], error) {
	var s step[DeskUpdate]
	cursor := frame.GetCursor()
	switch kind := frame.GetFrame().(type) {
	case *kuplav1.WatchDeskResponse_Events:
		for cursor, event := range cursors(cursor, kind.Events.GetEvents()) {
			if err := t.takeEvent(&s, cursor, kind.Events.GetConversationId(), event); err != nil {
				return s, err
			}
		}
	case *kuplav1.WatchDeskResponse_Snapshot:
		if err := t.takeSnapshot(&s, cursor, kind.Snapshot); err != nil {
			return s, err
		}
	case *kuplav1.WatchDeskResponse_ConversationAdded:
		t.takeAdded(&s, cursor, kind.ConversationAdded.GetSnapshot())
	case *kuplav1.WatchDeskResponse_ConversationRemoved:
		delete(t.conversations, kind.ConversationRemoved.GetConversationId())
		t.add(&s, cursor, DeskUpdate{
			Kind:           DeskConversationRemoved,
			ConversationID: kind.ConversationRemoved.GetConversationId(),
			Removal:        kind.ConversationRemoved.GetReason(),
		})
	case *kuplav1.WatchDeskResponse_Reset_:
		t.startOver(&s, kind.Reset_.GetReason(), cursor)
		return s, nil
	case *kuplav1.WatchDeskResponse_ConversationSnapshot:
		t.add(&s, cursor, DeskUpdate{
			Kind:           DeskConversation,
			ConversationID: kind.ConversationSnapshot.GetConversation().GetId(),
			Conversation:   kind.ConversationSnapshot,
		})
	case *kuplav1.WatchDeskResponse_Waiting:
		t.add(&s, cursor, DeskUpdate{Kind: DeskWaiting, Waiting: kind.Waiting})
	case *kuplav1.WatchDeskResponse_Colleagues:
		t.add(&s, cursor, DeskUpdate{Kind: DeskColleagues, Colleagues: kind.Colleagues.GetColleagues()})
	case *kuplav1.WatchDeskResponse_Typing:
		t.add(&s, cursor, DeskUpdate{
			Kind: DeskTyping, ConversationID: kind.Typing.GetConversationId(), Typing: kind.Typing.GetTyping(),
		})
	case *kuplav1.WatchDeskResponse_ReadMark:
		t.add(&s, cursor, DeskUpdate{
			Kind: DeskReadMark, ConversationID: kind.ReadMark.GetConversationId(), ReadMark: kind.ReadMark.GetReadMark(),
		})
	case *kuplav1.WatchDeskResponse_Presence:
		t.add(&s, cursor, DeskUpdate{
			Kind: DeskPresence, ConversationID: kind.Presence.GetConversationId(), Presence: kind.Presence.GetPresence(),
		})
	case *kuplav1.WatchDeskResponse_Heartbeat:
		t.moveTo(cursor)
		s.heartbeat = kind.Heartbeat
		// A stream that has nothing else to say has brought all history, also where the cursor alone could not
		// tell how much that is.
		if !t.awaitsSnapshot && t.caughtUpBut(func(p *progress) bool { return !p.known }) {
			t.tellCaughtUp(&s)
		}
	case *kuplav1.WatchDeskResponse_GoAway:
		t.moveTo(cursor)
		s.away = kind.GoAway
	default: // a frame of a later version
		t.moveTo(cursor)
	}
	t.checkCaughtUp(&s)
	return s, nil
}

func (t *deskTracker) takeEvent(s *step[DeskUpdate], cursor, id string, event *kuplav1.Event) error {
	sequence := event.GetSequence()
	p := t.conversations[id]
	if p == nil {
		// It is in no snapshot: it left the desk since the cursor that this began with, and these are its last
		// events. How far it had been handed out then only they tell.
		p = &progress{known: !t.resumed}
		t.conversations[id] = p
	}
	history := sequence <= p.target
	switch p.take(sequence) {
	case fresh:
		t.add(s, cursor, DeskUpdate{
			Kind: DeskEvent, ConversationID: id, Event: event, History: history,
		})
	case duplicate:
		if t.rewound {
			t.moveTo(cursor)
		}
	case missing:
		// Going back to the cursor is tried first, then to the beginning.
		t.rewound = t.rewound || p.gaps > 1
		return p.gap(id, sequence)
	}
	return nil
}

func (t *deskTracker) takeSnapshot(s *step[DeskUpdate], cursor string, snapshot *kuplav1.DeskSnapshot) error {
	first := t.awaitsSnapshot
	t.awaitsSnapshot = false
	present := make(map[string]bool)
	for _, conversation := range snapshot.GetConversations() {
		id, last := conversation.GetConversation().GetId(), conversation.GetConversation().GetLastSequence()
		present[id] = true
		p := t.conversations[id]
		switch {
		case p == nil:
			t.conversations[id] = &progress{known: !t.bare, target: last}
		case first && p.known && last < p.last:
			t.startOver(s, kuplav1.ResetReason_RESET_REASON_CURSOR_AHEAD, "")
			return ErrHistoryLost
		case first:
			p.target = last
		}
	}
	t.bare = false
	if first && t.rewound {
		// A stream from the beginning does not tell what left the desk since: its cursor would have.
		for _, id := range slices.SortedFunc(maps.Keys(t.conversations), cmp.Compare[string]) {
			if !present[id] {
				delete(t.conversations, id)
				t.add(s, "", DeskUpdate{Kind: DeskConversationRemoved, ConversationID: id})
			}
		}
	}
	t.add(s, cursor, DeskUpdate{Kind: DeskSnapshot, Snapshot: snapshot})
	return nil
}

func (t *deskTracker) takeAdded(s *step[DeskUpdate], cursor string, conversation *kuplav1.ConversationSnapshot) {
	id := conversation.GetConversation().GetId()
	kind := DeskConversationAdded
	if t.conversations[id] == nil {
		t.conversations[id] = &progress{known: true, target: conversation.GetConversation().GetLastSequence()}
	} else {
		// It is on the desk already, so its events will not be handed out again: this is no arrival.
		kind = DeskConversation
	}
	t.add(s, cursor, DeskUpdate{Kind: kind, ConversationID: id, Conversation: conversation})
}

func (t *deskTracker) connected() DeskUpdate { return t.at(DeskUpdate{Kind: DeskConnected}) }

func (t *deskTracker) disconnected(connection Connection) DeskUpdate {
	return t.at(DeskUpdate{Kind: DeskDisconnected, Connection: &connection})
}

func (t *deskTracker) interrupted() DeskUpdate { return t.at(DeskUpdate{Kind: DeskInterrupted}) }

func (t *deskTracker) restored() DeskUpdate { return t.at(DeskUpdate{Kind: DeskRestored}) }

// startOver forgets what was handed out, and says so.
func (t *deskTracker) startOver(s *step[DeskUpdate], reason kuplav1.ResetReason, cursor string) {
	t.cursor, t.bare, t.resumed, t.rewound = cursor, false, false, false
	clear(t.conversations)
	t.awaitsSnapshot, t.told = true, false
	s.updates = append(s.updates, t.at(DeskUpdate{Kind: DeskReset, Reset: &kuplav1.Reset{Reason: reason}}))
}

func (t *deskTracker) checkCaughtUp(s *step[DeskUpdate]) {
	if !t.awaitsSnapshot && t.caughtUpBut(func(*progress) bool { return false }) {
		t.tellCaughtUp(s)
	}
}

// caughtUpBut reports whether all conversations but those that are excused have caught up.
func (t *deskTracker) caughtUpBut(excused func(*progress) bool) bool {
	for _, p := range t.conversations {
		if !p.caughtUp() && !excused(p) {
			return false
		}
	}
	return true
}

func (t *deskTracker) tellCaughtUp(s *step[DeskUpdate]) {
	if !t.told {
		t.told = true
		s.updates = append(s.updates, t.at(DeskUpdate{Kind: DeskCaughtUp}))
	}
}

// moveTo takes over the cursor of a frame.
func (t *deskTracker) moveTo(cursor string) {
	if t.rewound {
		for _, p := range t.conversations {
			if p.stream < p.last {
				return
			}
		}
		t.rewound = t.awaitsSnapshot
	}
	if cursor != "" && !t.rewound {
		t.cursor = cursor
	}
}

func (t *deskTracker) add(s *step[DeskUpdate], cursor string, update DeskUpdate) {
	t.moveTo(cursor)
	s.updates = append(s.updates, t.at(update))
}

func (t *deskTracker) at(update DeskUpdate) DeskUpdate {
	update.Cursor = t.cursor
	return update
}
