package cli

import (
	"maps"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// logIndent is where texts begin: behind the time.
const logIndent = 6

// logTail returns the last lines of a conversation's log, as many as wanted or as there are. What is further
// up is not even made: a log may be long.
func (m *screen) logTail(one *screenConversation, width, wanted int) []string {
	var tail [][]string
	count := 0
	add := func(lines []string) {
		if len(lines) > 0 {
			tail = append(tail, lines)
			count += len(lines)
		}
	}
	add(m.typingLines(one, width))
	add(m.expiryLines(one, width))
	for _, message := range slices.Backward(one.outgoing) {
		add(m.outgoingLines(message, width))
	}
	for i := len(one.events) - 1; i >= 0 && count < wanted; i-- {
		add(m.entryLines(one, i, width))
	}
	var lines []string
	for _, some := range slices.Backward(tail) {
		lines = append(lines, some...)
	}
	return lines
}

// entryLines returns an event as lines, together with what stands above it: the day, and where what is new
// begins.
func (m *screen) entryLines(one *screenConversation, i, width int) []string {
	event := one.events[i]
	at := event.GetCreateTime().AsTime().In(m.zone)
	var lines []string
	day := at.Format(time.DateOnly)
	if before := m.dayBefore(one, i); day != before && (before != "" || day != m.now.In(m.zone).Format(time.DateOnly)) {
		lines = append(lines, rule(width, at.Format(m.texts.Screen.DayLayout), lookFaint))
	}
	if one.newFrom == event.GetSequence() {
		lines = append(lines, rule(width, m.texts.Screen.NewMessages, lookUnread))
	}
	if event.GetMessagePosted() == nil {
		text := m.eventText(one, event)
		if text == "" {
			return lines
		}
		for j, line := range wrapped(text, width-logIndent) {
			stamp := at.Format("15:04") + " "
			if j > 0 {
				stamp = strings.Repeat(" ", logIndent)
			}
			lines = append(lines, row(width, lookPlain, []span{{stamp, lookFaint}, {line, lookNotice}}, nil))
		}
		return lines
	}
	author := event.GetParticipantId()
	if !m.goesOn(one, i, at) || len(lines) > 0 {
		lines = append(lines, row(width, lookPlain, []span{
			{at.Format("15:04") + " ", lookFaint}, {m.author(one, author), m.lookOf(one, author)},
		}, nil))
	}
	var mark string
	if m.isSelf(one)(author) {
		mark = "✓ "
		if one.read[one.customerID()] >= event.GetSequence() {
			mark = "✓✓"
		}
	}
	return append(lines, messageLines(event.GetMessagePosted().GetText(), mark, lookPlain, lookGood, width)...)
}

// dayBefore returns the day of the event before the given one.
func (m *screen) dayBefore(one *screenConversation, i int) string {
	if i == 0 {
		return ""
	}
	return one.events[i-1].GetCreateTime().AsTime().In(m.zone).Format(time.DateOnly)
}

// goesOn reports whether a message belongs under the name of the one before: the same person wrote it in the
// same minute.
func (m *screen) goesOn(one *screenConversation, i int, at time.Time) bool {
	if i == 0 {
		return false
	}
	before := one.events[i-1]
	return before.GetMessagePosted() != nil && before.GetParticipantId() == one.events[i].GetParticipantId() &&
		before.GetCreateTime().AsTime().In(m.zone).Format(time.DateOnly+"15:04") == at.Format(time.DateOnly+"15:04")
}

// messageLines returns a text as lines, with a mark at the end of the last one.
func messageLines(text, mark string, look, markLook lipgloss.Style, width int) []string {
	var lines []string
	all := wrapped(strings.TrimRight(text, "\n"), width-logIndent-3)
	for i, line := range all {
		var right []span
		if i == len(all)-1 && mark != "" {
			right = []span{{mark, markLook}}
		}
		lines = append(lines, row(width, lookPlain, []span{{strings.Repeat(" ", logIndent), lookPlain}, {line, look}}, right))
	}
	return lines
}

// outgoingLines returns a message on its way as lines.
func (m *screen) outgoingLines(message *outgoing, width int) []string {
	texts := &m.texts.Screen
	switch message.state {
	case outgoingSeen:
		return nil // the log has it
	case outgoingFailed:
		lines := []string{row(width, lookPlain, []span{{"      ", lookPlain}, {m.texts.You, lookSelf}}, nil)}
		lines = append(lines, messageLines(message.text, "✗ ", lookPlain, lookBad, width)...)
		for _, line := range wrapped(fill(texts.SendFailed, "reason", message.reason), width-logIndent) {
			lines = append(lines, row(width, lookPlain, []span{{"      ", lookPlain}, {line, lookBad}}, nil))
		}
		for _, line := range wrapped(fill(texts.SendFailedKeys, "retry", "Ctrl+R", "edit", "↑"), width-logIndent) {
			lines = append(lines, row(width, lookPlain, []span{{"      ", lookPlain}, {line, lookFaint}}, nil))
		}
		return lines
	case outgoingWaits, outgoingSends, outgoingSent:
	}
	return append([]string{row(width, lookPlain, []span{
		{"      ", lookPlain}, {m.texts.You, lookSelf}, {"  " + texts.Sending, lookFaint},
	}, nil)}, messageLines(message.text, "… ", lookFaint, lookFaint, width)...)
}

func (m *screen) typingLines(one *screenConversation, width int) []string {
	var lines []string
	for _, id := range one.types(m.now) {
		lines = append(lines, row(width, lookPlain, []span{
			{"      ", lookPlain}, {fill(m.texts.Screen.TypingOne, "name", m.author(one, id)), lookNotice},
		}, nil))
	}
	return lines
}

func (m *screen) expiryLines(one *screenConversation, width int) []string {
	expires := one.snapshot.GetExpireTime()
	if expires == nil || one.closed || one.removed {
		return nil
	}
	var lines []string
	for _, line := range wrapped(fill(m.texts.Screen.Expires, "time", m.clock24(expires.AsTime())), width-logIndent) {
		lines = append(lines, row(width, lookPlain, []span{{"      ", lookPlain}, {line, lookWarn}}, nil))
	}
	return lines
}

// lookOf returns the look of somebody's name.
func (m *screen) lookOf(one *screenConversation, participantID string) lipgloss.Style {
	switch {
	case m.isSelf(one)(participantID):
		return lookSelf
	case one.people.byID[participantID].GetRole() == kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER:
		return lookCustomer
	default:
		return lookOther
	}
}

// eventText tells what happened besides messages, or nothing for what is not worth a line.
func (m *screen) eventText(one *screenConversation, event *kuplav1.Event) string {
	texts := &m.texts.Screen
	switch kind := event.GetKind().(type) {
	case *kuplav1.Event_ParticipantJoined:
		id := kind.ParticipantJoined.GetParticipant().GetId()
		inviter := kind.ParticipantJoined.GetInviterParticipantId()
		switch {
		case kind.ParticipantJoined.GetParticipant().GetRole() == kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER:
			return "" // the one who waited
		case inviter != "" && !m.isSelf(one)(id):
			return fill(texts.InvitedBy, "inviter", m.author(one, inviter), "name", m.author(one, id))
		case m.isSelf(one)(id):
			return texts.JoinedSelf
		}
		return fill(texts.JoinedOther, "name", m.author(one, id))
	case *kuplav1.Event_ParticipantLeft:
		text, ok := texts.LeftBy[kind.ParticipantLeft.GetReason()]
		if !ok {
			text = texts.LeftBy[kuplav1.LeaveReason_LEAVE_REASON_UNSPECIFIED]
		}
		return fill(text, "name", m.author(one, kind.ParticipantLeft.GetParticipantId()))
	case *kuplav1.Event_Transferred:
		target := m.queueName(kind.Transferred.GetQueueId())
		if leader := kind.Transferred.GetParticipantId(); leader != "" {
			target = m.author(one, leader)
		}
		return fill(m.texts.DeskTransferred, "target", target)
	case *kuplav1.Event_ReturnedToQueue:
		return fill(m.texts.DeskReturned, "queue", m.queueName(kind.ReturnedToQueue.GetQueueId()))
	case *kuplav1.Event_Closed:
		text, ok := m.texts.CloseReasons[kind.Closed.GetReason()]
		if !ok {
			text = m.texts.CloseReasons[kuplav1.CloseReason_CLOSE_REASON_UNSPECIFIED]
		}
		return fill(m.texts.DeskClosed, "reason", text)
	default:
		return "" // messages, and kinds of a later version
	}
}

// present returns the other professionals who take part in a conversation.
func (m *screen) otherProfessionals(one *screenConversation) []string {
	var names []string
	for _, id := range slices.Sorted(maps.Keys(one.people.byID)) {
		participant := one.people.byID[id]
		if participant.GetRole() == kuplav1.ParticipantRole_PARTICIPANT_ROLE_PROFESSIONAL && participant.GetLeaveTime() == nil &&
			!m.isSelf(one)(id) {
			names = append(names, one.people.name(id))
		}
	}
	return names
}
