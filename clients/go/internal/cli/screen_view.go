package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

const (
	// From this width on, who waits and the conversations stand in a column of their own.
	wideFrom = 76
	// Below this, nothing useful fits.
	leastWidth, leastHeight = 40, 10
)

// View returns what is shown.
func (m *screen) View() tea.View {
	lines, cursor := m.render()
	view := tea.NewView(strings.Join(lines, "\n"))
	view.AltScreen = true
	view.ReportFocus = true
	view.Cursor = cursor
	view.WindowTitle = "Kupla"
	unread := 0
	for _, one := range m.conversations {
		unread += len(one.unread(m.isSelf(one)))
	}
	if unread > 0 {
		view.WindowTitle = fmt.Sprintf("(%d) Kupla", unread)
	}
	return view
}

// listWidth returns how wide the column on the left is, or 0 when there is none.
func (m *screen) listWidth() int {
	if m.width < wideFrom {
		return 0
	}
	return max(min(m.width*3/10, 38), 26)
}

// logWidth returns how wide the log is, between a space on either side.
func (m *screen) logWidth() int { return m.mainWidth() - 2 }

// mainWidth returns how wide the part on the right is, which is all of it when the window is narrow.
func (m *screen) mainWidth() int {
	if list := m.listWidth(); list > 0 {
		return m.width - list - 1
	}
	return m.width
}

// resize fits the line to write on into the window.
func (m *screen) resize() {
	m.input.MaxHeight = max(min(m.height/4, 6), 1)
	m.input.SetWidth(max(m.mainWidth()-2, 1))
}

// render returns exactly as many lines as the window has, each exactly as wide, and where the cursor is.
func (m *screen) render() ([]string, *tea.Cursor) {
	if m.width < leastWidth || m.height < leastHeight {
		return fitHeight(wrapped(m.texts.Screen.TooSmall, max(m.width, 1)), m.width, max(m.height, 1)), nil
	}
	top := []string{m.topBar()}
	if m.listWidth() == 0 {
		top = append(top, m.strip())
	}
	bottom := append(m.statusLines(), m.keyBar())
	height := m.height - len(top) - len(bottom)
	if m.help {
		help := m.helpLines(m.width)
		m.helpFrom = max(min(m.helpFrom, len(help)-height), 0)
		return append(append(top, fitHeight(help[m.helpFrom:], m.width, height)...), bottom...), nil
	}
	main, cursor := m.mainLines(m.mainWidth(), height)
	if width := m.listWidth(); width > 0 {
		list := fitHeight(m.listLines(width, height), width, height)
		for i := range main {
			main[i] = list[i] + lookFaint.Render("│") + main[i]
		}
		if cursor != nil {
			cursor.X += width + 1
		}
	}
	if cursor != nil {
		cursor.Y += len(top)
	}
	return append(append(top, main...), bottom...), cursor
}

// fitHeight makes exactly height lines of the given ones, each as wide as it should be.
func fitHeight(lines []string, width, height int) []string {
	fitted := make([]string, height)
	for i := range fitted {
		fitted[i] = plainRow(width, lookPlain, "")
		if i < len(lines) {
			fitted[i] = lines[i]
			if gap := width - ansi.StringWidth(lines[i]); gap > 0 {
				fitted[i] += strings.Repeat(" ", gap)
			}
		}
	}
	return fitted
}

// topBar tells who one is, whether one takes conversations, and how many one has.
func (m *screen) topBar() string {
	texts := &m.texts.Screen
	left := []span{{" Kupla", lookBarBold}}
	if m.self != nil {
		mark := "○"
		if m.self.GetAvailability() == kuplav1.Availability_AVAILABILITY_AVAILABLE {
			mark = "●"
		}
		load := fill(texts.Load, "count", m.openCount(), "capacity", m.self.GetCapacity())
		if m.openCount() >= int(m.self.GetCapacity()) {
			load += ", " + texts.Full
		}
		left = append(left,
			span{"  " + mark + " " + m.availability(m.self.GetAvailability()), lookBarBold},
			span{"  " + load, lookBar},
			span{"  " + oneLine(m.self.GetDisplayName()), lookBar})
	}
	right := []span{{m.now.In(m.zone).Format("15:04") + " ", lookBar}}
	if m.silent {
		right = append([]span{{texts.SoundOff + "  ", lookBar}}, right...)
	}
	return row(m.width, lookBar, left, right)
}

// strip is the column on the left made one line, for narrow windows.
func (m *screen) strip() string {
	total, longest := m.waitingTotal()
	waiting := fmt.Sprintf(" %s %d", m.texts.Screen.WaitingTitle, total)
	if total > 0 {
		waiting += " · " + m.age(longest)
	}
	left := []span{{waiting, lookStrong}}
	for _, one := range m.conversations {
		look, mark := lookPlain, " "
		if one == m.current {
			look, mark = lookChosen, "▌"
		}
		left = append(left, span{" ", lookPlain}, span{fmt.Sprintf("%s%d %s ", mark, one.number, firstWord(one.people.customer())), look})
		if unread := len(one.unread(m.isSelf(one))); unread > 0 {
			left = append(left, span{fmt.Sprintf("(%d)", unread), lookUnread})
		}
	}
	return row(m.width, lookPlain, left, nil)
}

func firstWord(name string) string {
	first, _, _ := strings.Cut(name, " ")
	return first
}

// waitingTotal returns how many wait in all queues, and since when the first of them.
func (m *screen) waitingTotal() (total int, longest time.Time) {
	for _, waiting := range m.waiting {
		total += int(waiting.GetCount())
		if since := waiting.GetLongestWaitStartTime(); since != nil && (longest.IsZero() || since.AsTime().Before(longest)) {
			longest = since.AsTime()
		}
	}
	return total, longest
}

// listLines is the column on the left: who waits, and one's conversations.
func (m *screen) listLines(width, height int) []string {
	texts := &m.texts.Screen
	total, _ := m.waitingTotal()
	lines := []string{row(width, lookPlain, []span{{" " + texts.WaitingTitle, lookTitle}}, []span{{fmt.Sprintf("%d ", total), lookStrong}})}
	queues := slices.Clone(m.waiting)
	slices.SortStableFunc(queues, func(a, b *kuplav1.Waiting) int {
		return min(int(b.GetCount()), 1) - min(int(a.GetCount()), 1)
	})
	room := max(height-3-2*len(m.conversations), height/3)
	for i, waiting := range queues {
		if i == room-1 && len(queues) > room {
			lines = append(lines, plainRow(width, lookFaint, " "+fill(texts.More, "count", len(queues)-i)))
			break
		}
		lines = append(lines, m.queueLines(waiting, width)...)
	}
	lines = append(lines, "", row(width, lookPlain, []span{{" " + texts.MineTitle, lookTitle}}, nil))
	if len(m.conversations) == 0 {
		lines = append(lines, plainRow(width, lookFaint, " "+texts.NoneYet))
	}
	for _, one := range m.conversations {
		lines = append(lines, m.conversationLines(one, width)...)
	}
	if over := len(lines) - height; over > 0 && m.current != nil {
		// What is open is always in sight.
		at := len(lines) - 2*(len(m.conversations)-slices.Index(m.conversations, m.current))
		cut := min(over, max(at-height+2, 0))
		lines = lines[cut:]
	}
	return lines
}

// queueLines tell who waits in a queue. Where there is both somebody and a reason why nobody new comes, that
// takes a second line, so that the queue's name stays readable.
func (m *screen) queueLines(waiting *kuplav1.Waiting, width int) []string {
	texts := &m.texts.Screen
	name := " " + m.queueName(waiting.GetQueueId())
	state := ""
	switch {
	case waiting.GetPaused():
		state = texts.QueuePaused
	case m.queueClosed(waiting.GetQueueId()):
		state = texts.QueueClosed
	}
	if waiting.GetCount() == 0 {
		if state == "" {
			state = texts.Nobody
		}
		return []string{row(width, lookPlain, []span{{name, lookFaint}}, []span{{" " + state + " ", lookFaint}})}
	}
	lines := []string{row(width, lookPlain, []span{{name, lookPlain}}, []span{
		{fmt.Sprintf(" %d", waiting.GetCount()), lookStrong},
		{" · " + m.shortAge(waiting.GetLongestWaitStartTime().AsTime()) + " ", lookPlain},
	})}
	if state != "" {
		lines = append(lines, plainRow(width, lookFaint, "   "+state))
	}
	return lines
}

// queueClosed reports whether a queue takes nobody because of the hour.
func (m *screen) queueClosed(id string) bool {
	for _, queue := range m.queues {
		if queue.GetQueue().GetId() == id {
			return queue.GetStatus().GetState() == kuplav1.QueueState_QUEUE_STATE_CLOSED
		}
	}
	return false
}

// conversationLines tells of one conversation in two lines: who, and what is going on there.
func (m *screen) conversationLines(one *screenConversation, width int) []string {
	texts := &m.texts.Screen
	edge := span{" ", lookPlain}
	name := lookPlain
	if one == m.current {
		edge, name = span{"▌", lookTitle}, lookStrong
	}
	away, since := one.customerAway()
	presence := span{"● ", lookGood}
	if away || one.closed || one.removed {
		presence = span{"○ ", lookFaint}
	}
	unread := len(one.unread(m.isSelf(one)))
	var right []span
	if unread > 0 {
		right = []span{{fmt.Sprintf("(%d) ", unread), lookUnread}}
		name = lookStrong
	}
	first := row(width, lookPlain,
		[]span{edge, {fmt.Sprintf("%d ", one.number), lookFaint}, presence, {one.people.customer(), name}}, right)

	what := span{"", lookFaint}
	last := one.lastMessage()
	switch {
	case one.closed:
		what.text = texts.Ended
	case one.removed:
		what.text = m.removal(one.removal)
	case one.failed() != nil:
		what = span{"✗ " + oneLine(one.failed().text), lookBad}
	case len(one.types(m.now)) > 0:
		what = span{fill(texts.TypingOne, "name", m.author(one, one.types(m.now)[0])), lookNotice}
	case away && !since.IsZero():
		what.text = fill(texts.AwaySince, "time", m.clock24(since))
	case away:
		what.text = texts.AwayNow
	case last != nil:
		what.text = fill(texts.WroteLast,
			"name", firstWord(m.author(one, last.GetParticipantId())), "text", oneLine(last.GetMessagePosted().GetText()))
	}
	return []string{first, row(width, lookPlain, []span{edge, {"    ", lookPlain}, what}, []span{{" ", lookPlain}})}
}

// mainLines is the open conversation: its head, the log, and the line to write on or a dialog.
func (m *screen) mainLines(width, height int) ([]string, *tea.Cursor) {
	var head, foot []string
	var cursor *tea.Cursor
	switch {
	case m.dialog != nil:
		foot, cursor = m.dialog.lines(m, width, max(height*2/3, 5))
	case m.current != nil:
		foot, cursor = m.writeLines(width)
	}
	if m.current != nil {
		head = []string{m.headLine(width)}
	}
	room := max(height-len(head)-len(foot), 0)
	var body []string
	if m.current != nil {
		body = m.logLines(m.current, width, room)
	} else {
		body = m.emptyLines(width, room)
	}
	lines := append(append(head, fitHeight(body, width, room)...), foot...)
	if cursor != nil {
		cursor.Y += len(lines) - len(foot)
	}
	return fitHeight(lines, width, height), cursor
}

// logHeight returns how many lines of the log are in sight.
func (m *screen) logHeight() int {
	top := 1
	if m.listWidth() == 0 {
		top = 2
	}
	write, _ := m.writeLines(m.mainWidth())
	return max(m.height-top-len(m.statusLines())-1-1-len(write), 1)
}

// logLines returns the part of the log that is in sight.
func (m *screen) logLines(one *screenConversation, width, height int) []string {
	inner := width - 2
	lines := m.logTail(one, inner, height+one.scroll)
	end := max(len(lines)-one.scroll, min(height, len(lines)))
	lines = lines[max(end-height, 0):end]
	for i := range lines {
		lines[i] = " " + lines[i] + " "
	}
	if one.scroll > 0 && len(lines) > 0 {
		below := m.texts.Screen.Below
		if unread := len(one.unread(m.isSelf(one))); unread > 0 {
			below = fill(m.texts.Screen.BelowNew, "count", unread)
		}
		lines[len(lines)-1] = plainRow(width, lookUnread, " "+below)
	}
	if gap := height - len(lines); gap > 0 {
		lines = append(slices.Repeat([]string{""}, gap), lines...)
	}
	return lines
}

// headLine tells whose conversation is open, and how that person is.
func (m *screen) headLine(width int) string {
	one, texts := m.current, &m.texts.Screen
	conversation := one.snapshot.GetConversation()
	left := []span{{fmt.Sprintf(" %d ", one.number), lookFaint}, {one.people.customer(), lookStrong}}
	away, since := one.customerAway()
	switch {
	case one.closed:
		left = append(left, span{" ○ " + texts.Ended, lookFaint})
	case one.removed:
		left = append(left, span{" ○ " + m.removal(one.removal), lookFaint})
	case away && !since.IsZero():
		left = append(left, span{" ○ " + fill(texts.AwaySince, "time", m.clock24(since)), lookWarn})
	case away:
		left = append(left, span{" ○ " + texts.AwayNow, lookWarn})
	default:
		left = append(left, span{" ● " + texts.Here, lookGood})
	}
	left = append(left, span{" · " + m.queueName(one.queueID()), lookPlain},
		span{" · " + fill(texts.InLanguage, "language", m.languageName(conversation.GetLanguage())), lookFaint})
	if names := m.otherProfessionals(one); len(names) > 0 {
		left = append(left, span{" · " + fill(texts.With, "names", strings.Join(names, ", ")), lookOther})
	}
	return row(width, lookPlain, left, nil)
}

// writeLines is the line to write on.
func (m *screen) writeLines(width int) ([]string, *tea.Cursor) {
	texts := &m.texts.Screen
	one := m.current
	if one == nil {
		return nil, nil
	}
	if one.removed || !can(one.snapshot, kuplav1.Capability_CAPABILITY_SEND_MESSAGE) {
		lines := []string{rule(width, "", lookPlain), plainRow(width, lookFaint, " "+fill(texts.CannotWrite, "key", putAwayKey))}
		if one.draft == "" {
			return lines, nil
		}
		for _, line := range wrapped(one.draft, width-2) {
			lines = append(lines, plainRow(width, lookPlain, " "+line))
		}
		return lines, nil
	}
	title := ""
	look := lookPlain
	if count := len([]rune(strings.TrimSpace(m.input.Value()))); count > longestMessage {
		title, look = fill(texts.TooLong, "count", count, "limit", longestMessage), lookBad
	}
	m.input.Placeholder = fill(texts.WritePlaceholder, "name", one.people.customer())
	lines := append([]string{rule(width, title, look)}, inputLines(&m.input, width)...)
	cursor := m.input.Cursor()
	if cursor != nil {
		cursor.X++
		cursor.Y++
	}
	return lines, cursor
}

// emptyLines stand in the middle while nothing is open.
func (m *screen) emptyLines(width, height int) []string {
	texts := &m.texts.Screen
	var lines []string
	add := func(text string, look lipgloss.Style) {
		for _, line := range wrapped(text, width-4) {
			lines = append(lines, row(width, lookPlain, []span{{"  ", lookPlain}, {line, look}}, nil))
		}
	}
	if m.left != nil {
		add(m.leftText(m.left), lookWarn)
	}
	if m.caughtUp && len(m.conversations) > 0 {
		add(m.nothingOpen(), lookStrong)
	}
	total, longest := m.waitingTotal()
	switch {
	case !m.caughtUp:
		add(texts.EmptyStarting, lookFaint)
	case total == 0:
		add(texts.EmptyNobody, lookStrong)
	default:
		add(fill(texts.EmptyWaiting, "count", total, "wait", m.age(longest)), lookStrong)
		add(fill(texts.EmptyTake, "key", "F3"), lookPlain)
	}
	if m.caughtUp && m.self.GetAvailability() != kuplav1.Availability_AVAILABILITY_AVAILABLE {
		add(fill(texts.EmptyAway, "availability", m.availability(m.self.GetAvailability()), "key", "F2"), lookPlain)
	}
	return append(slices.Repeat([]string{""}, max(height/3, 0)), lines...)
}

// statusLines tell how the connection is, or what just happened: one line, or more when it takes more.
func (m *screen) statusLines() []string {
	texts := &m.texts.Screen
	text, look := texts.Connected, lookFaint
	switch state := m.connection.state; {
	case m.connection.outage && state != connectionStopped:
		text, look = texts.Interrupted, lookWarn
	case state == connectionBegins:
		text = fill(texts.Connecting, "server", m.server)
	case state == connectionLost:
		text, look = texts.ReconnectingNow, lookWarn
		if left := m.connection.retry.Sub(m.now); left > 0 {
			text = fill(texts.Reconnecting, "seconds", m.seconds(left))
		}
	case state == connectionStopped:
		text, look = fill(texts.Stopped, "reason", m.connection.reason, "key", "F10"), lookWarn
	}
	if m.notice.text != nil && (m.connection.serves() || m.connection.state == connectionBegins && !m.connection.outage) {
		text, look = m.notice.text(), lookNotice
		if m.notice.bad {
			look = lookBad
		}
	}
	lines := wrapped(text, m.width-2)
	// A refusal is worth lines; but there must be room for the rest.
	lines = lines[:min(len(lines), max(m.height/5, 1))]
	for i := range lines {
		lines[i] = plainRow(m.width, look, " "+lines[i])
	}
	away := m.connection.outage || m.connection.state == connectionLost
	if away && m.connection.state != connectionStopped && m.notice.text != nil && m.notice.bad {
		lines = append(lines, plainRow(m.width, lookBad, " "+m.notice.text()))
	}
	return lines
}

// keyBar shows what the keys do, as many as fit.
func (m *screen) keyBar() string {
	var hints []hint
	switch {
	case m.help:
		hints = []hint{{"↑↓", ""}, {"Esc", m.texts.Screen.KeyBack}}
	case m.dialog != nil:
		hints = m.dialog.keys(m)
	default:
		hints = m.barHints()
	}
	var left []span
	for _, one := range hints {
		does := " " + one.does + " "
		if one.does == "" {
			does = " "
		}
		left = append(left, span{one.key, lookKey}, span{does, lookPlain})
	}
	return row(m.width, lookPlain, left, nil)
}

// barHints returns what the bar shows. When there is too little room for all, what matters most is shown; the
// rest is found in the help and the menu, which always are.
func (m *screen) barHints() []hint {
	wanted := []string{"f1", "f9", "f3", "f2", "f4", "f10"}
	if m.current != nil {
		wanted = []string{"f1", "f9", "f3", "f8", "f5", "f6", "f7", "f4", "f2", "f10"}
	}
	var shown []action
	room := m.width
	all := actions()
	for _, key := range wanted {
		at := slices.IndexFunc(all, func(one action) bool { return one.keys[0] == key })
		width := ansi.StringWidth(all[at].shown+all[at].name(&m.texts.Screen)) + 2
		if width <= room {
			room -= width
			shown = append(shown, all[at])
		}
	}
	slices.SortFunc(shown, func(a, b action) int {
		return cmp.Or(len(a.shown)-len(b.shown), strings.Compare(a.shown, b.shown))
	})
	var hints []hint
	for _, one := range shown {
		hints = append(hints, hint{one.shown, one.name(&m.texts.Screen)})
	}
	return hints
}

// helpLines is the help: all keys, and what the marks mean. In two columns where there is room.
func (m *screen) helpLines(width int) []string {
	texts := &m.texts.Screen
	keys := []hint{
		{"Enter", texts.KeySend},
		{"Alt+Enter", texts.KeyNewline},
		{"Ctrl+N Ctrl+P", texts.KeySwitch},
		{"Alt+1…9", texts.KeyNumber},
		{"PgUp PgDn", texts.KeyScroll},
		{"↑", texts.KeyEdit},
	}
	for _, one := range actions() {
		keys = append(keys, hint{one.shown, one.name(texts)})
	}
	columns := 1
	if width >= wideFrom {
		columns = 2
	}
	rows := (len(keys) + columns - 1) / columns
	lines := []string{rule(width, texts.HelpTitle+" · "+texts.HelpKeysTitle, lookTitle)}
	for i := range rows {
		var line strings.Builder
		for column := range columns {
			cell := width / columns
			if column == columns-1 {
				cell = width - cell*(columns-1)
			}
			at := i + column*rows
			if at >= len(keys) {
				line.WriteString(plainRow(cell, lookPlain, ""))
				continue
			}
			key := keys[at].key + strings.Repeat(" ", max(14-ansi.StringWidth(keys[at].key), 0))
			line.WriteString(row(cell, lookPlain, []span{{" ", lookPlain}, {key, lookStrong}, {" " + keys[at].does, lookPlain}}, nil))
		}
		lines = append(lines, line.String())
	}
	lines = append(lines, rule(width, texts.HelpMarksTitle, lookTitle))
	for _, line := range wrapped(texts.HelpMarks, width-2) {
		lines = append(lines, plainRow(width, lookPlain, " "+line))
	}
	return lines
}
