package cli

import (
	"slices"
	"strings"
	"unicode/utf8"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"
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

// sheet is a text to write, below what is known already. It stays until what was written is safe.
type sheet struct {
	title  func() string
	above  func() []string // what is shown above, a paragraph each
	hint   func() string   // what stands where nothing is written
	agreed *bool           // whether the customer agreed, where that is asked
	empty  bool            // whether nothing may be written
	save   func(text string) tea.Cmd
	does   func() string // what Enter does

	input  textarea.Model
	failed string // why it could not be saved
	saving bool
}

func newSheet() *sheet {
	s := &sheet{input: newInput()}
	s.input.MaxHeight = 4
	return s
}

func (s *sheet) press(m *screen, key tea.KeyPressMsg) tea.Cmd {
	switch key.Keystroke() {
	case "enter":
		text := strings.TrimSpace(s.input.Value())
		if s.saving || text == "" && !s.empty || !m.connected() {
			return nil
		}
		s.saving, s.failed = true, ""
		return s.save(text)
	case "tab":
		if s.agreed != nil {
			*s.agreed = !*s.agreed
			return nil
		}
	}
	return s.other(m, key)
}

func (s *sheet) other(_ *screen, msg tea.Msg) tea.Cmd {
	var command tea.Cmd
	s.input, command = s.input.Update(msg)
	return command
}

func (s *sheet) quits() bool { return false }

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
	hints := []hint{{"Enter", s.does()}}
	if s.agreed != nil {
		hints = append(hints, hint{"Tab", m.texts.Screen.KeyAgreed})
	}
	return append(hints, hint{"Esc", m.texts.Screen.KeyCancel})
}

// fail tells in the sheet why it could not be saved. What was written stays.
func (s *sheet) fail(m *screen) func(error) tea.Cmd {
	return func(err error) tea.Cmd {
		s.saving, s.failed = false, m.refusal(err)
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
