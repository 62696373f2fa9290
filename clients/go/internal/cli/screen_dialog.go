package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"
	"github.com/google/uuid"
)

// dialog is what stands below the log while something is to be chosen, confirmed or noted. Esc leaves it.
type dialog interface {
	// press takes in a key.
	press(m *screen, key tea.KeyPressMsg) tea.Cmd
	// other takes in what else the person does, such as pasting.
	other(m *screen, msg tea.Msg) tea.Cmd
	// lines returns what it shows, at most height lines, and where the cursor is in it, if anywhere.
	lines(m *screen, width, height int) ([]string, *tea.Cursor)
	// keys returns what its keys do.
	keys(m *screen) []hint
	// escape returns what Esc leads to: nothing, or what it must not or cannot leave.
	escape() dialog
	// quits reports whether Ctrl+C is meant for the dialog.
	quits() bool
}

// hint says what a key does.
type hint struct{ key, does string }

// item is one of those to choose from.
type item struct {
	label, detail string
	choose        func() tea.Cmd
}

// picker is a list to choose from, which typing makes shorter. The items are made anew with each look, so
// that those who wait are the ones who wait now.
type picker struct {
	title  func() string
	items  func() []item
	filter string
	at     int
}

// matching returns the items that have every word of the filter.
func (p *picker) matching() []item {
	words := strings.Fields(strings.ToLower(p.filter))
	matching := slices.DeleteFunc(p.items(), func(one item) bool {
		text := strings.ToLower(one.label + " " + one.detail)
		return slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
	})
	p.at = max(min(p.at, len(matching)-1), 0)
	return matching
}

func (p *picker) press(m *screen, key tea.KeyPressMsg) tea.Cmd {
	items := p.matching()
	switch pressed := key.Keystroke(); pressed {
	case "up", "ctrl+p", "shift+tab":
		p.at = max(p.at-1, 0)
	case "down", "ctrl+n", "tab":
		p.at = min(p.at+1, max(len(items)-1, 0))
	case "home":
		p.at = 0
	case "end":
		p.at = max(len(items)-1, 0)
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(p.filter)
		p.filter = p.filter[:len(p.filter)-size]
	case "enter":
		if len(items) == 0 {
			return nil
		}
		m.dialog = nil
		return items[p.at].choose()
	default:
		if key.Text != "" {
			p.filter += clean(key.Text)
			p.at = 0
		}
	}
	return nil
}

func (p *picker) other(_ *screen, msg tea.Msg) tea.Cmd {
	if pasted, ok := msg.(tea.PasteMsg); ok {
		p.filter += oneLine(pasted.Content)
	}
	return nil
}

func (p *picker) escape() dialog { return nil }

func (p *picker) quits() bool { return false }

func (p *picker) lines(m *screen, width, height int) ([]string, *tea.Cursor) {
	lines := []string{rule(width, p.title(), lookTitle)}
	items := p.matching()
	if p.filter != "" {
		lines = append(lines, plainRow(width, lookNotice, " "+fill(m.texts.Screen.Filter, "text", p.filter)))
	}
	if len(items) == 0 {
		return append(lines, plainRow(width, lookFaint, "  "+m.texts.Screen.NothingMatches)), nil
	}
	room := max(height-len(lines), 1)
	from := max(min(p.at-room/2, len(items)-room), 0)
	for i := from; i < min(from+room, len(items)); i++ {
		label, detail, fillLook := lookPlain, lookFaint, lookPlain
		mark := "   "
		if i == p.at {
			label, detail, fillLook, mark = lookChosen, lookChosen, lookChosen, " › "
		}
		left := []span{{mark + items[i].label, label}}
		if items[i].detail != "" {
			left = append(left, span{"  " + items[i].detail, detail})
		}
		lines = append(lines, row(width, fillLook, left, nil))
	}
	return lines, nil
}

func (p *picker) keys(m *screen) []hint {
	texts := m.texts.Screen
	return []hint{{"↑↓", ""}, {"Enter", texts.KeyPick}, {"Esc", texts.KeyCancel}, {"…", texts.KeyFilter}}
}

// confirm asks before something that cannot be taken back.
type confirm struct {
	text func() string
	yes  func() tea.Cmd
	last bool // whether it asks about quitting, where pressing Ctrl+C again means yes
	// What stood there before, when that comes back.
	behind dialog
}

func (c *confirm) press(m *screen, key tea.KeyPressMsg) tea.Cmd {
	pressed := key.Keystroke()
	if pressed != "enter" && (!c.last || pressed != "ctrl+c" && pressed != "f10") {
		return nil
	}
	m.dialog = nil
	return c.yes()
}

func (c *confirm) other(*screen, tea.Msg) tea.Cmd { return nil }

func (c *confirm) escape() dialog { return c.behind }

func (c *confirm) quits() bool { return c.last }

func (c *confirm) lines(_ *screen, width, _ int) ([]string, *tea.Cursor) {
	lines := []string{rule(width, "", lookPlain)}
	for _, line := range wrapped(c.text(), width-4) {
		lines = append(lines, row(width, lookPlain, []span{{"  ", lookPlain}, {line, lookStrong}}, nil))
	}
	return lines, nil
}

func (c *confirm) keys(m *screen) []hint {
	return []hint{{"Enter", m.texts.Screen.KeyConfirm}, {"Esc", m.texts.Screen.KeyBack}}
}

// sheet is a text to write about a conversation, below what is known already. It stays until what was written
// is safe.
type sheet struct {
	about  *screenConversation
	title  func() string
	above  func() []string // what is shown above, a paragraph each
	hint   func() string   // what stands where nothing is written
	agreed *bool           // whether the customer agreed, where that is asked
	empty  bool            // whether nothing may be written
	save   func(requestID, text string) tea.Cmd
	does   func() string // what Enter does

	input  textarea.Model
	failed string // why it could not be saved
	saving bool

	// What was to be saved last, and under which request id. When the answer is lost, it may have been saved; the
	// id stays until something else is to be saved, so that trying again never doubles it.
	tried     string
	requestID string
}

func newSheet(about *screenConversation) *sheet {
	s := &sheet{about: about, input: newInput()}
	s.input.MaxHeight = 4
	return s
}

// writing returns the sheet that stands there, maybe behind the question about quitting, or nil.
func (m *screen) writing() *sheet {
	stands := m.dialog
	if asks, ok := stands.(*confirm); ok {
		stands = asks.behind
	}
	s, _ := stands.(*sheet)
	return s
}

// done takes a sheet away whose text is safe.
func (m *screen) done(s *sheet) {
	asks, ok := m.dialog.(*confirm)
	switch {
	case m.writing() != s:
	case ok:
		asks.behind = nil
	default:
		m.dialog = nil
	}
	m.tidy(s.about)
}

// holds reports whether something is lost when the sheet is taken away.
func (s *sheet) holds() bool { return s.saving || strings.TrimSpace(s.input.Value()) != "" }

func (s *sheet) press(m *screen, key tea.KeyPressMsg) tea.Cmd {
	switch pressed := key.Keystroke(); {
	case pressed == "f10", pressed == "ctrl+c", pressed == "ctrl+q":
		return m.quit()
	case s.saving: // what is written now would be neither here nor there
		return nil
	case pressed == "enter":
		return s.submit(m)
	case pressed == "tab" && s.agreed != nil:
		*s.agreed = !*s.agreed
		return nil
	}
	return s.other(m, key)
}

// submit saves what was written.
func (s *sheet) submit(m *screen) tea.Cmd {
	text := strings.TrimSpace(s.input.Value())
	if text == "" && !s.empty || !m.connected() {
		return nil
	}
	tries := fmt.Sprintf("%t %s", s.agreed != nil && *s.agreed, text)
	if s.requestID == "" || s.tried != tries {
		s.tried, s.requestID = tries, uuid.NewString()
	}
	s.saving, s.failed = true, ""
	return s.save(s.requestID, text)
}

func (s *sheet) other(_ *screen, msg tea.Msg) tea.Cmd {
	if s.saving {
		return nil
	}
	var command tea.Cmd
	s.input, command = s.input.Update(msg)
	return command
}

// escape leaves the sheet, but not while it is being saved: should that fail, the text must still be here.
func (s *sheet) escape() dialog {
	if s.saving {
		return s
	}
	return nil
}

// Ctrl+C is no way to throw away a text.
func (s *sheet) quits() bool { return s.holds() }

func (s *sheet) lines(m *screen, width, height int) ([]string, *tea.Cursor) {
	lines := []string{rule(width, s.title(), lookTitle)}
	s.input.SetWidth(max(width-2, 1))
	s.input.Placeholder = s.hint()
	var below []string
	if s.agreed != nil {
		box := "[ ] "
		if *s.agreed {
			box = "[x] "
		}
		below = append(below, row(width, lookPlain, []span{{" " + box + m.texts.Screen.Agreed, lookPlain}, {"  Tab", lookFaint}}, nil))
	}
	if s.saving {
		below = append(below, plainRow(width, lookNotice, " "+m.texts.Screen.StillSaving))
	}
	if s.failed != "" {
		for _, line := range wrapped(s.failed, width-2) {
			below = append(below, row(width, lookPlain, []span{{" " + line, lookBad}}, nil))
		}
	}
	written := inputLines(&s.input, width)
	room := max(height-len(lines)-len(written)-len(below), 0)
	var above []string
	for _, paragraph := range s.above() {
		for _, line := range wrapped(paragraph, width-2) {
			above = append(above, plainRow(width, lookFaint, " "+line))
		}
	}
	if len(above) > room {
		above = above[len(above)-room:]
	}
	lines = append(lines, above...)
	cursor := s.input.Cursor()
	if cursor != nil {
		cursor.X++
		cursor.Y += len(lines)
	}
	return append(append(lines, written...), below...), cursor
}

func (s *sheet) keys(m *screen) []hint {
	if s.saving {
		return []hint{{"F10", m.texts.Screen.KeyQuit}}
	}
	hints := []hint{{"Enter", s.does()}}
	if s.agreed != nil {
		hints = append(hints, hint{"Tab", m.texts.Screen.KeyAgreed})
	}
	return append(hints, hint{"Esc", m.texts.Screen.KeyCancel})
}

// fail tells in the sheet why it could not be saved. What was written stays, and is shown again should a
// question stand before it: its answer may be another one now.
func (s *sheet) fail(m *screen) func(error) tea.Cmd {
	return func(err error) tea.Cmd {
		s.saving, s.failed = false, m.refusal(err)
		m.dialog = s
		return nil
	}
}

// inputLines returns a line to write on as it is shown, with a space on either side.
func inputLines(input *textarea.Model, width int) []string {
	var lines []string
	for line := range strings.SplitSeq(input.View(), "\n") {
		lines = append(lines, row(width, lookPlain, []span{{" " + line, lookPlain}}, nil))
	}
	return lines
}
