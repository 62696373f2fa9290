package cli

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// told takes in what the desk's stream tells.
func (m *screen) told(msg screenTold) tea.Cmd {
	if msg.err != nil {
		m.failed = msg.err
		m.connection = connection{state: connectionStopped, reason: m.refusal(msg.err)}
		return nil
	}
	update := msg.update
	switch update.Kind {
	case kupla.DeskConnected:
		m.connection = connection{state: connectionStands, outage: m.connection.outage}
	case kupla.DeskDisconnected:
		m.connection = connection{
			state: connectionLost, retry: m.now.Add(update.Connection.RetryIn), outage: m.connection.outage,
		}
	case kupla.DeskInterrupted:
		m.connection.outage = true
	case kupla.DeskRestored:
		m.connection.outage = false
		m.tell(func() string { return m.texts.InterruptionOver })
	case kupla.DeskReset:
		m.forget()
	case kupla.DeskSnapshot:
		m.learnDesk(update.Snapshot)
	case kupla.DeskCaughtUp:
		m.catchUp()
	case kupla.DeskWaiting:
		return m.learnWaiting(update.Waiting)
	case kupla.DeskColleagues:
		m.colleagues = update.Colleagues
	case kupla.DeskConversationAdded:
		return m.arrive(update.ConversationID, update.Conversation)
	case kupla.DeskConversationRemoved:
		m.remove(update.ConversationID, update.Removal)
	default:
		return m.toldOfOne(update)
	}
	return nil
}

// toldOfOne takes in what happened in one conversation.
func (m *screen) toldOfOne(update kupla.DeskUpdate) tea.Cmd {
	switch update.Kind {
	case kupla.DeskConversation:
		m.conversation(update.ConversationID).learn(update.Conversation)
	case kupla.DeskEvent:
		return m.learnEvent(m.conversation(update.ConversationID), update.Event, update.History)
	case kupla.DeskTyping:
		one, id := m.conversation(update.ConversationID), update.Typing.GetParticipantId()
		if !m.isSelf(one)(id) {
			one.typing[id] = m.now
		}
	case kupla.DeskReadMark:
		m.conversation(update.ConversationID).learnRead(update.ReadMark)
	case kupla.DeskPresence:
		one := m.conversation(update.ConversationID)
		one.people.absent[update.Presence.GetParticipantId()] = !update.Presence.GetPresent()
		one.learnSince(update.Presence)
	default: // what later versions tell
	}
	return nil
}

// forget takes in that the service was restored: what it tells from now on is what holds. What was written
// here stays.
func (m *screen) forget() {
	m.keepDraft()
	for _, one := range m.conversations {
		if !one.removed {
			one.forget(m.newPeople(""))
		}
	}
	m.waiting, m.caughtUp = nil, false
	m.tell(func() string { return m.texts.Screen.Restored })
}

func (m *screen) learnDesk(snapshot *kuplav1.DeskSnapshot) {
	m.self, m.colleagues = snapshot.GetProfessional(), snapshot.GetColleagues()
	m.waiting = snapshot.GetWaiting()
	for _, conversation := range snapshot.GetConversations() {
		one := m.conversation(conversation.GetConversation().GetId())
		one.learn(conversation)
		one.stale, one.removed = false, false
	}
	for _, one := range slices.Clone(m.conversations) { // removing changes it
		if one.stale {
			one.stale = false
			m.remove(one.id, kuplav1.RemovalReason_REMOVAL_REASON_UNSPECIFIED)
		}
	}
}

// catchUp takes in that everything that had happened is known.
func (m *screen) catchUp() {
	first := !m.started
	m.caughtUp, m.started = true, true
	// Later, whoever has nothing open may be about to write to the one who was.
	if first && m.current == nil && m.dialog == nil && len(m.conversations) > 0 {
		m.open(m.conversations[0])
	}
}

// somebodyNew reports whether somebody waits who did not before. One may have come while another was taken, which is
// told at once, so the count alone does not tell. Of more than are listed it has to: those further back move up.
func somebodyNew(before, now *kuplav1.Waiting) bool {
	if now.GetCount() > before.GetCount() {
		return true
	}
	if int(before.GetCount()) > len(before.GetEntries()) {
		return false
	}
	return slices.ContainsFunc(now.GetEntries(), func(e *kuplav1.WaitingEntry) bool {
		return !slices.ContainsFunc(before.GetEntries(), func(old *kuplav1.WaitingEntry) bool {
			return old.GetConversationId() == e.GetConversationId()
		})
	})
}

// learnWaiting takes in who waits in a queue.
func (m *screen) learnWaiting(waiting *kuplav1.Waiting) tea.Cmd {
	var before *kuplav1.Waiting
	for i, old := range m.waiting {
		if old.GetQueueId() == waiting.GetQueueId() {
			before = old
			m.waiting[i] = waiting
		}
	}
	if before == nil {
		m.waiting = append(m.waiting, waiting)
	}
	if !somebodyNew(before, waiting) || !m.caughtUp ||
		m.self.GetAvailability() != kuplav1.Availability_AVAILABILITY_AVAILABLE {
		return nil
	}
	m.tell(func() string { return fill(m.texts.Screen.WaitingNews, "queue", m.queueName(waiting.GetQueueId())) })
	return m.ring()
}

// learnQueues takes in how the queues are.
func (m *screen) learnQueues(update kupla.QueuesUpdate) {
	switch update.Kind {
	case kupla.QueuesSnapshot:
		m.queues = update.Queues
	case kupla.QueuesStatus:
		for _, queue := range m.queues {
			if queue.GetQueue().GetId() == update.QueueID {
				queue.Status = update.Status
			}
		}
	default: // the desk's own stream tells how the connection is
	}
}

// arrive takes in a conversation that came onto the desk.
func (m *screen) arrive(id string, snapshot *kuplav1.ConversationSnapshot) tea.Cmd {
	known := m.find(id)
	one := m.conversation(id)
	one.learn(snapshot)
	one.history = snapshot.GetConversation().GetLastSequence()
	if known != nil && !known.removed {
		return nil // one's own take, which was answered before
	}
	one.removed = false
	if known != nil { // it came back, and its events come again from the first
		one.forget(m.newPeople(""))
		one.stale = false
		one.learn(snapshot)
	}
	if m.calls > 0 {
		return nil // most likely one's own take, whose answer says so
	}
	m.tell(func() string {
		return fill(m.texts.Screen.ArrivalNews,
			"number", one.number, "name", one.people.customer(), "queue", m.queueName(one.queueID()))
	})
	return m.ring()
}

// remove takes in that a conversation left the desk. What has ended may still be read here until it is put
// away; what went elsewhere is gone, unless something was written for it.
func (m *screen) remove(id string, reason kuplav1.RemovalReason) {
	one := m.find(id)
	if one == nil || one.removed {
		return
	}
	one.removed, one.removal = true, reason
	// Should it come back, or should more be taken, that is something new.
	m.forgetWishes(func(old wish, answer *asked) bool {
		return old.conversationID == id || old.conversationID == "" && !answer.underWay
	})
	one.typing = make(map[string]time.Time)
	if m.current == one {
		m.keepDraft()
	}
	if reason != kuplav1.RemovalReason_REMOVAL_REASON_CLOSED {
		m.tidy(one)
		m.tell(func() string { return m.leftText(one) })
	}
}

// tidy puts away what went elsewhere, unless something that was written for it has not reached the service.
func (m *screen) tidy(one *screenConversation) {
	if !one.removed || one.removal == kuplav1.RemovalReason_REMOVAL_REASON_CLOSED || one.unsent() {
		return
	}
	if s := m.writing(); s != nil && s.about == one && s.holds() {
		return
	}
	m.putAway(one)
}

// removal tells why a conversation left the desk.
func (m *screen) removal(reason kuplav1.RemovalReason) string {
	if text, ok := m.texts.Removals[reason]; ok {
		return text
	}
	return m.texts.Removals[kuplav1.RemovalReason_REMOVAL_REASON_UNSPECIFIED]
}

// learnEvent takes in an event.
func (m *screen) learnEvent(one *screenConversation, event *kuplav1.Event, history bool) tea.Cmd {
	one.events = append(one.events, event)
	one.last = event.GetSequence()
	self := m.isSelf(one)
	switch kind := event.GetKind().(type) {
	case *kuplav1.Event_ParticipantJoined:
		one.people.joined(event)
	case *kuplav1.Event_Closed:
		one.closed = true
	case *kuplav1.Event_MessagePosted:
		delete(one.typing, event.GetParticipantId())
		if sending := one.inFlight(); sending != nil && sending.text == kind.MessagePosted.GetText() &&
			self(event.GetParticipantId()) {
			sending.state = outgoingSeen
		}
	}
	one.settle()
	if one.scroll > 0 && one == m.current {
		one.scroll += len(m.entryLines(one, len(one.events)-1, m.logWidth()))
	}
	if history || event.GetMessagePosted() == nil || self(event.GetParticipantId()) ||
		one == m.current && m.focused {
		return nil
	}
	return m.ring()
}

// ring makes a sound, unless it is off or has just been made.
func (m *screen) ring() tea.Cmd {
	if m.silent || !m.rang.IsZero() && m.now.Sub(m.rang) < soundRests {
		return nil
	}
	m.rang = m.now
	return tea.Raw("\a")
}
