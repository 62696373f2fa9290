package cli

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// The looks of the screen. They use the sixteen colours that every terminal lets its user choose, and nothing
// is told by colour alone.
var (
	lookPlain    = lipgloss.NewStyle()
	lookFaint    = lipgloss.NewStyle().Faint(true)
	lookStrong   = lipgloss.NewStyle().Bold(true)
	lookBar      = lipgloss.NewStyle().Foreground(lipgloss.BrightWhite).Background(lipgloss.Blue)
	lookBarBold  = lookBar.Bold(true)
	lookTitle    = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.BrightBlue)
	lookGood     = lipgloss.NewStyle().Foreground(lipgloss.Green)
	lookNotice   = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
	lookUnread   = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Magenta)
	lookWarn     = lipgloss.NewStyle().Foreground(lipgloss.Black).Background(lipgloss.Yellow)
	lookBad      = lipgloss.NewStyle().Foreground(lipgloss.Red)
	lookKey      = lipgloss.NewStyle().Bold(true).Reverse(true)
	lookChosen   = lipgloss.NewStyle().Reverse(true)
	lookSelf     = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Cyan)
	lookCustomer = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Green)
	lookOther    = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Magenta)
)

// span is a piece of a line in one look.
type span struct {
	text string
	look lipgloss.Style
}

// row makes a line of exactly the given width: left from the left, right at the right end. What does not fit
// is cut from the left part first. The rest is filled in the look of fill.
func row(width int, fill lipgloss.Style, left, right []span) string {
	width = max(width, 0)
	var end strings.Builder
	rightWidth := 0
	for _, piece := range right {
		text := settled(piece.text)
		if w := ansi.StringWidth(text); rightWidth+w <= width {
			rightWidth += w
			end.WriteString(piece.look.Render(text))
		}
	}
	room := width - rightWidth
	if rightWidth > 0 && room > 0 {
		room-- // a gap
	}
	var line strings.Builder
	used := 0
	for _, piece := range left {
		text := settled(piece.text)
		if w := ansi.StringWidth(text); used+w > room {
			text = ansi.Truncate(text, room-used, "…")
		}
		used += ansi.StringWidth(text)
		if text != "" {
			line.WriteString(piece.look.Render(text))
		}
		if used >= room {
			break
		}
	}
	if gap := width - rightWidth - used; gap > 0 {
		line.WriteString(fill.Render(strings.Repeat(" ", gap)))
	}
	return line.String() + end.String()
}

// plainRow is row with one piece from the left.
func plainRow(width int, look lipgloss.Style, text string) string {
	return row(width, look, []span{{text, look}}, nil)
}

// rule draws a line across, with a title in it.
func rule(width int, title string, look lipgloss.Style) string {
	if title == "" {
		return lookFaint.Render(strings.Repeat("─", max(width, 0)))
	}
	title = ansi.Truncate(settled(title), max(width-6, 0), "…")
	rest := max(width-4-ansi.StringWidth(title), 0)
	return lookFaint.Render("── ") + look.Render(title) + lookFaint.Render(" "+strings.Repeat("─", rest))
}

// wrapped breaks text, which may have several lines, into lines no wider than width.
func wrapped(text string, width int) []string {
	var lines []string
	for line := range strings.SplitSeq(settled(clean(text)), "\n") {
		lines = append(lines, strings.Split(ansi.Wrap(line, max(width, 1), ""), "\n")...)
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
		if ansi.StringWidth(lines[i]) > width {
			lines[i] = ansi.Truncate(lines[i], width, "…")
		}
	}
	return lines
}

// settled takes out of a text what terminals disagree about how wide it makes the text: joiners, variants
// and skin tones. A family is shown as its members then, and nothing else on the line moves.
func settled(text string) string {
	agreed := strings.Map(func(r rune) rune {
		switch {
		case r >= '\u200b' && r <= '\u200f', r == '\u2060', r == '\ufeff', r == '\u00ad',
			r >= '\ufe00' && r <= '\ufe0f', r >= 0x1f3fb && r <= 0x1f3ff, r >= 0xe0000 && r <= 0xe01ff:
			return -1
		default:
			return r
		}
	}, text)
	if ansi.StringWidth(agreed) == ansi.StringWidthWc(agreed) {
		return agreed
	}
	// What is left is rare: it is measured character by character.
	var out strings.Builder
	for rest := agreed; rest != ""; {
		cluster, _ := ansi.FirstGraphemeCluster(rest, ansi.GraphemeWidth)
		if cluster == "" {
			break
		}
		rest = rest[len(cluster):]
		if ansi.StringWidth(cluster) == ansi.StringWidthWc(cluster) {
			out.WriteString(cluster)
			continue
		}
		for _, r := range cluster {
			if one := string(r); ansi.StringWidth(one) == ansi.StringWidthWc(one) {
				out.WriteRune(r)
				break // one sign for the whole
			}
		}
	}
	return out.String()
}
