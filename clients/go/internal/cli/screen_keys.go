package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// action is something that a key does. Everything there is to do is in the menu, too, so that no key has to
// be known, and none has to exist on a keyboard.
type action struct {
	keys  []string // as the terminal tells them
	shown string   // as people know it
	name  func(*screenTexts) string
	do    func(*screen) tea.Cmd
	wants kuplav1.Capability // what must be allowed with the open conversation, or unspecified
	open  bool               // whether a conversation must be open
}

// putAwayKey is told where a conversation has ended.
const putAwayKey = "Ctrl+X"

// actions returns what keys do, in the order of the menu. It is a function since some open the menu itself.
//
//nolint:lll // A row of a table is one line.
func actions() []action {
	return []action{
		{keys: []string{"f1"}, shown: "F1", name: func(t *screenTexts) string { return t.KeyHelp }, do: (*screen).showHelp},
		{keys: []string{"f2"}, shown: "F2", name: func(t *screenTexts) string { return t.KeyAvailability }, do: (*screen).chooseAvailability},
		{keys: []string{"f3", "ctrl+t"}, shown: "F3", name: func(t *screenTexts) string { return t.KeyTake }, do: (*screen).takeNext},
		{keys: []string{"f4", "ctrl+o"}, shown: "F4", name: func(t *screenTexts) string { return t.KeyChoose }, do: (*screen).chooseWaiting},
		{keys: []string{"f5"}, shown: "F5", name: func(t *screenTexts) string { return t.KeyCanned }, do: (*screen).chooseCanned, open: true},
		{keys: []string{"f6"}, shown: "F6", name: func(t *screenTexts) string { return t.KeyTransfer }, do: (*screen).chooseTransfer, wants: kuplav1.Capability_CAPABILITY_TRANSFER},
		{keys: []string{"f7"}, shown: "F7", name: func(t *screenTexts) string { return t.KeyNote }, do: (*screen).writeNote, open: true},
		{keys: []string{"f8"}, shown: "F8", name: func(t *screenTexts) string { return t.KeyClose }, do: (*screen).chooseClose, wants: kuplav1.Capability_CAPABILITY_CLOSE},
		{keys: []string{"f9", "ctrl+k"}, shown: "F9", name: func(t *screenTexts) string { return t.KeyMenu }, do: (*screen).showMenu},
		{keys: []string{"f10", "ctrl+c", "ctrl+q"}, shown: "F10", name: func(t *screenTexts) string { return t.KeyQuit }, do: (*screen).quit},
		{keys: []string{"ctrl+b"}, shown: "Ctrl+B", name: func(t *screenTexts) string { return t.KeyReturn }, do: (*screen).confirmReturn, wants: kuplav1.Capability_CAPABILITY_RETURN_TO_QUEUE},
		{keys: []string{"ctrl+g"}, shown: "Ctrl+G", name: func(t *screenTexts) string { return t.KeyInvite }, do: (*screen).chooseInvite, wants: kuplav1.Capability_CAPABILITY_INVITE_PROFESSIONAL},
		{keys: []string{"ctrl+y"}, shown: "Ctrl+Y", name: func(t *screenTexts) string { return t.KeyLeave }, do: (*screen).confirmLeave, wants: kuplav1.Capability_CAPABILITY_LEAVE},
		{keys: []string{"ctrl+r"}, shown: "Ctrl+R", name: func(t *screenTexts) string { return t.KeyRetry }, do: (*screen).retry},
		{keys: []string{"ctrl+x"}, shown: putAwayKey, name: func(t *screenTexts) string { return t.KeyPutAway }, do: (*screen).putAwayCurrent, open: true},
		{keys: []string{"ctrl+l"}, shown: "Ctrl+L", name: func(t *screenTexts) string { return t.KeyLanguage }, do: (*screen).nextLanguage},
		{keys: []string{"ctrl+s"}, shown: "Ctrl+S", name: func(t *screenTexts) string { return t.KeySound }, do: (*screen).toggleSound},
	}
}

// run does what a key or the menu asks for, if it can be done now.
func (m *screen) run(one action) tea.Cmd {
	needs := one.open || one.wants != kuplav1.Capability_CAPABILITY_UNSPECIFIED
	switch {
	case needs && m.current == nil:
		return m.nobodyHere()
	case one.wants != kuplav1.Capability_CAPABILITY_UNSPECIFIED && (m.current.removed || !can(m.current.snapshot, one.wants)):
		m.warn(func() string { return m.texts.Screen.NotOffered })
		return nil
	}
	return one.do(m)
}

// nobodyHere tells that nothing is open, and what can be done about that.
func (m *screen) nobodyHere() tea.Cmd {
	m.warn(func() string {
		if len(m.conversations) > 0 {
			return m.nothingOpen()
		}
		return fill(m.texts.Screen.NobodyHere, "take", "F3", "choose", "F4")
	})
	return nil
}

// nothingOpen tells how to open one of the conversations.
func (m *screen) nothingOpen() string {
	return fill(m.texts.Screen.NothingOpen, "next", "Ctrl+N", "number", "Alt+1…9")
}

// press takes in a key.
func (m *screen) press(key tea.KeyPressMsg) tea.Cmd {
	pressed := key.Keystroke()
	if m.help {
		return m.pressInHelp(pressed)
	}
	if m.dialog != nil {
		if pressed == "esc" || pressed == "ctrl+c" && !m.dialog.quits() {
			m.dialog = m.dialog.escape()
			return nil
		}
		return m.dialog.press(m, key)
	}
	for _, one := range actions() {
		if slices.Contains(one.keys, pressed) {
			return m.run(one)
		}
	}
	if m.move(pressed) {
		return nil
	}
	switch pressed {
	case "enter":
		return m.submit()
	case "esc":
		m.notice = notice{}
	case "up":
		if m.takeBack() {
			return nil
		}
	}
	if key.Text == "?" && m.input.Value() == "" {
		return m.showHelp()
	}
	if m.current != nil {
		return m.edit(key)
	}
	if key.Text != "" {
		return m.nobodyHere()
	}
	return nil
}

// move takes in the keys that go about, and reports whether it was one.
func (m *screen) move(pressed string) bool {
	one := m.current
	switch {
	case pressed == "ctrl+n":
		m.switchBy(1)
	case pressed == "ctrl+p":
		m.switchBy(-1)
	case strings.HasPrefix(pressed, "alt+") && len(pressed) == 5 && pressed[4] >= '1' && pressed[4] <= '9':
		for _, other := range m.conversations {
			if other.number == int(pressed[4]-'0') {
				m.open(other)
			}
		}
	case one == nil:
		return false
	case pressed == "pgup":
		m.scrollBy(max(m.logHeight()-2, 1))
	case pressed == "pgdown":
		m.scrollBy(-max(m.logHeight()-2, 1))
	case pressed == "shift+up", pressed == "ctrl+up":
		m.scrollBy(1)
	case pressed == "shift+down", pressed == "ctrl+down":
		m.scrollBy(-1)
	case pressed == "end" && one.scroll > 0:
		one.scroll = 0
	default:
		return false
	}
	return true
}

// switchBy opens the conversation so many further on in the list.
func (m *screen) switchBy(by int) {
	for i, one := range m.conversations {
		if one == m.current {
			count := len(m.conversations)
			m.open(m.conversations[(i+by+count)%count])
			return
		}
	}
	if len(m.conversations) > 0 {
		m.open(m.conversations[0])
	}
}

// scrollBy scrolls the log up, or down when by is negative, no further than there is something to see.
func (m *screen) scrollBy(by int) {
	one := m.current
	one.scroll = max(one.scroll+by, 0)
	if by > 0 {
		one.scroll = min(one.scroll, max(len(m.logTail(one, m.logWidth(), one.scroll+m.logHeight()))-m.logHeight(), 0))
	}
}

// pressInHelp takes in a key while the help is shown: most leave it.
func (m *screen) pressInHelp(pressed string) tea.Cmd {
	switch pressed {
	case "ctrl+l": // the help itself can be had in another language
		return m.nextLanguage()
	case "up":
		m.helpFrom--
	case "down":
		m.helpFrom++
	case "pgup":
		m.helpFrom -= m.height / 2
	case "pgdown":
		m.helpFrom += m.height / 2
	default:
		m.help = false
	}
	return nil
}

func (m *screen) showHelp() tea.Cmd {
	m.help, m.helpFrom, m.dialog = true, 0, nil
	return nil
}

func (m *screen) nextLanguage() tea.Cmd {
	next := map[language]language{finnish: swedish, swedish: english, english: finnish}
	m.language = next[m.language]
	m.texts = textsIn(m.language)
	m.tell(func() string { return m.texts.Screen.LanguageNow })
	return nil
}

func (m *screen) toggleSound() tea.Cmd {
	m.silent = !m.silent
	if m.silent {
		m.tell(func() string { return m.texts.Screen.SoundOffNow })
		return nil
	}
	m.tell(func() string { return m.texts.Screen.SoundOn })
	m.rang = time.Time{}
	return m.ring()
}

// putAwayCurrent takes what has ended off the screen, and opens what stood beside it.
func (m *screen) putAwayCurrent() tea.Cmd {
	if !m.current.removed {
		m.warn(func() string { return m.texts.Screen.NotOffered })
		return nil
	}
	at := slices.Index(m.conversations, m.current)
	m.putAway(m.current)
	m.left = nil
	if len(m.conversations) > 0 {
		m.open(m.conversations[min(at, len(m.conversations)-1)])
	}
	return nil
}

// connected reports whether there is a connection to a service that is not interrupted, and says so when there is
// none: what is asked for without one could take effect long after it was given up.
func (m *screen) connected() bool {
	if m.connection.serves() {
		return true
	}
	why := func() string { return m.texts.Screen.NoConnection }
	if m.connection.outage {
		why = func() string { return m.texts.Screen.NotInterrupted }
	}
	m.warn(why)
	return false
}

func (m *screen) takeNext() tea.Cmd {
	return m.takeBy(wish{what: "take next"}, func(ctx context.Context, requestID string) (*kuplav1.Conversation, error) {
		return m.service.TakeNext(ctx, requestID)
	})
}

// takeBy takes somebody and opens the conversation. The answer may come seconds later: who has gone on with
// something else by then is only told, lest the rest of what they write goes to another than its beginning.
func (m *screen) takeBy(
	wanted wish, take func(ctx context.Context, requestID string) (*kuplav1.Conversation, error),
) tea.Cmd {
	if !m.connected() {
		return nil
	}
	before, written := m.current, m.written
	return m.once(wanted, func(ctx context.Context, requestID string) (func() tea.Cmd, error) {
		taken, err := take(ctx, requestID)
		return func() tea.Cmd {
			if taken == nil {
				m.tell(func() string { return m.texts.NobodyToTake })
				return nil
			}
			one := m.conversation(taken.GetId())
			if one.snapshot == nil {
				one.learn(&kuplav1.ConversationSnapshot{Conversation: taken})
			}
			waits := m.current == before && m.written == written && m.input.Value() == "" && m.dialog == nil
			if m.current != one && !waits {
				m.tell(func() string {
					return fill(m.texts.Screen.TookAside,
						"number", one.number, "name", one.people.customer(), "key", openKey(one))
				})
				return nil
			}
			m.open(one)
			m.tell(func() string {
				return fill(m.texts.Screen.Took, "number", one.number, "name", one.people.customer())
			})
			return nil
		}, err
	})
}

// openKey returns the key that opens a conversation, or leads to it.
func openKey(one *screenConversation) string {
	if one.number > 9 {
		return "Ctrl+N"
	}
	return fmt.Sprintf("Alt+%d", one.number)
}

// unsent reports whether something that was written has not reached the service.
func (m *screen) unsent() bool {
	s := m.writing()
	return s != nil && s.holds() || slices.ContainsFunc(m.conversations, (*screenConversation).unsent)
}

// quit ends the program, after asking when something is left.
func (m *screen) quit() tea.Cmd {
	m.keepDraft()
	if m.openCount() == 0 && !m.unsent() {
		return tea.Quit
	}
	m.dialog = &confirm{
		last: true, behind: m.dialog,
		text: func() string {
			var parts []string
			if count := m.openCount(); count > 0 {
				parts = append(parts, fill(m.texts.Screen.QuitConfirm, "count", count))
			}
			if m.unsent() {
				parts = append(parts, m.texts.Screen.QuitUnsent)
			}
			return strings.Join(parts, "\n")
		},
		yes: func() tea.Cmd { return tea.Quit },
	}
	return nil
}
