package cli

import (
	"context"
	"slices"
	"strings"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"
	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

type (
	// screenSent brings what became of a message.
	screenSent struct {
		to    *screenConversation
		what  *outgoing
		event *kuplav1.Event
		err   error
	}
	// screenMarked brings what became of a read mark.
	screenMarked struct {
		to       *screenConversation
		sequence int32
		err      error
	}
)

// newInput returns a line to write on, which grows with what stands in it.
func newInput() textarea.Model {
	input := textarea.New()
	input.Prompt = ""
	input.ShowLineNumbers = false
	input.CharLimit = 0 // a text that is too long is shown as such, not cut
	input.DynamicHeight = true
	input.MinHeight, input.MaxHeight, input.MaxContentHeight = 1, 5, 10000
	input.SetVirtualCursor(false)
	styles := textarea.Styles{}
	styles.Focused.Placeholder = lookFaint
	styles.Cursor.Blink = true
	input.SetStyles(styles)
	input.KeyMap.InsertNewline.SetKeys("alt+enter", "shift+enter", "ctrl+j")
	input.Focus()
	return input
}

// submit sends what stands in the line.
func (m *screen) submit() tea.Cmd {
	one, text := m.current, strings.TrimSpace(m.input.Value())
	switch {
	case one == nil:
		return m.nobodyHere()
	case text == "":
		return nil
	case one.removed || !can(one.snapshot, kuplav1.Capability_CAPABILITY_SEND_MESSAGE):
		m.warn(func() string { return fill(m.texts.Screen.CannotWrite, "key", putAwayKey) })
		return nil
	case len([]rune(text)) > longestMessage:
		return nil // the line says so
	}
	m.input.SetValue("")
	one.draft, one.newFrom, one.scroll = "", 0, 0
	m.written++
	one.outgoing = append(one.outgoing, &outgoing{requestID: uuid.NewString(), text: text})
	return m.pump(one)
}

// pump sends the next message of a conversation, unless one is on its way: so they arrive in order.
func (m *screen) pump(one *screenConversation) tea.Cmd {
	if one.inFlight() != nil {
		return nil
	}
	at := slices.IndexFunc(one.outgoing, func(next *outgoing) bool { return next.state == outgoingWaits })
	if at < 0 {
		return nil
	}
	next := one.outgoing[at]
	next.state, next.reason = outgoingSends, ""
	id, requestID, text := one.id, next.requestID, next.text
	return func() tea.Msg {
		event, err := m.service.Send(m.ctx, id, requestID, text)
		return screenSent{one, next, event, err}
	}
}

// sent takes in what became of a message. One that was not sent stays, to be sent again or taken back.
func (m *screen) sent(msg screenSent) tea.Cmd {
	if m.ctx.Err() != nil {
		return nil
	}
	if msg.err == nil {
		msg.what.state, msg.what.sequence = outgoingSent, msg.event.GetSequence()
		if msg.to.removed {
			msg.to.drop(msg.what)
		}
		msg.to.settle()
	} else {
		msg.what.state, msg.what.reason = outgoingFailed, m.refusal(msg.err)
		if msg.to == m.current {
			msg.to.scroll = 0
		}
	}
	return m.pump(msg.to)
}

// markedRead takes in that the service knows what was read. Failing is no loss: the next mark says more.
func (m *screen) markedRead(msg screenMarked) {
	msg.to.marking = false
	msg.to.marked = max(msg.to.marked, msg.sequence)
}

// retry sends again what was not sent.
func (m *screen) retry() tea.Cmd {
	one := m.current
	if one == nil || one.failed() == nil {
		m.tell(func() string { return m.texts.Screen.NothingToRetry })
		return nil
	}
	for _, again := range one.outgoing {
		if again.state == outgoingFailed {
			again.state, again.reason = outgoingWaits, ""
		}
	}
	return m.pump(one)
}

// takeBack puts the first message that was not sent into the line again, to be changed. It becomes another
// message then: what is sent has an id of its own.
func (m *screen) takeBack() bool {
	if m.current == nil || m.input.Value() != "" {
		return false
	}
	failed := m.current.failed()
	if failed == nil {
		return false
	}
	m.current.drop(failed)
	m.input.SetValue(failed.text)
	m.input.MoveToEnd()
	return true
}

// paste puts what was pasted into the line, or into the dialog's.
func (m *screen) paste(msg tea.PasteMsg) tea.Cmd {
	msg.Content = clean(strings.ReplaceAll(strings.ReplaceAll(msg.Content, "\r\n", "\n"), "\r", "\n"))
	if m.dialog != nil {
		return m.dialog.other(m, msg)
	}
	if m.current == nil {
		return m.nobodyHere()
	}
	return m.edit(msg)
}

// edit lets the line take in a key or a paste, and tells the others that one is writing.
func (m *screen) edit(msg tea.Msg) tea.Cmd {
	m.written++
	before := m.input.Value()
	var command tea.Cmd
	m.input, command = m.input.Update(msg)
	if after := m.input.Value(); after == before || strings.TrimSpace(after) == "" {
		return command
	}
	one := m.current
	if one == nil || !m.typed.IsZero() && m.now.Sub(m.typed) < typingRenews ||
		!can(one.snapshot, kuplav1.Capability_CAPABILITY_SEND_MESSAGE) {
		return command
	}
	m.typed = m.now
	return tea.Batch(command, func() tea.Msg {
		_ = m.service.SetTyping(m.ctx, one.id) // it may be lost
		return nil
	})
}

// collect lists a sequence to its end.
func collect[T any](all func(yield func(T, error) bool)) ([]T, error) {
	var list []T
	for item, err := range all {
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}

// loadCanned gets the ready replies of a queue, and goes on with them.
func (m *screen) loadCanned(queueID string, then func([]*kuplav1.CannedReply) tea.Cmd) tea.Cmd {
	if replies, ok := m.canned[queueID]; ok {
		return then(replies)
	}
	return m.call(func(ctx context.Context) (func() tea.Cmd, error) {
		replies, err := collect(m.service.CannedReplies(ctx, queueID))
		return func() tea.Cmd {
			m.canned[queueID] = replies
			return then(replies)
		}, err
	})
}
