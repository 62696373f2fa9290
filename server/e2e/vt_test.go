package e2e

import (
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"
)

// cell is one place on a display. A wide character stands in the first of its two.
type cell struct {
	text string // empty behind a wide character
	look look
}

// look is how a cell looks. Colours are 1 to 16, 0 being the display's own.
type look struct {
	foreground, background       int
	bold, faint, reverse, italic bool
}

// display is a terminal's screen: as much of one as the programs under test use.
type display struct {
	mu            sync.Mutex
	width, height int
	cells         [][]cell
	x, y          int
	top, bottom   int // the rows that scroll: from, and to before
	now           look
	shown         bool // whether the cursor is
	bells         int
	title         string
	last          string // for being repeated
	unknown       []string
}

func newDisplay(width, height int) *display {
	d := &display{width: width, height: height, shown: true}
	d.clear()
	return d
}

func (d *display) clear() {
	d.top, d.bottom = 0, d.height
	d.cells = make([][]cell, d.height)
	for y := range d.cells {
		d.cells[y] = make([]cell, d.width)
		d.blank(y, 0, d.width)
	}
}

// blank empties the cells of a row from one column to before another.
func (d *display) blank(y, from, to int) {
	for x := max(from, 0); x < min(to, d.width); x++ {
		d.cells[y][x] = cell{text: " ", look: look{background: d.now.background}}
	}
}

// shift moves the rows from one on up to the end of those that scroll: down, or up when by is negative.
func (d *display) shift(from, by int) {
	for range max(by, -by) {
		empty := make([]cell, d.width)
		rows := d.cells[from:d.bottom]
		if by > 0 {
			copy(rows[1:], rows)
			rows[0] = empty
			d.blank(from, 0, d.width)
		} else {
			copy(rows, rows[1:])
			rows[len(rows)-1] = empty
			d.blank(d.bottom-1, 0, d.width)
		}
	}
}

// print puts a character where the cursor is.
func (d *display) print(text string, width int) {
	if width == 0 { // it belongs to the one before
		if d.x > 0 {
			d.cells[d.y][d.x-1].text += text
		}
		return
	}
	if d.x+width > d.width {
		d.x, d.y = 0, min(d.y+1, d.height-1)
	}
	d.cells[d.y][d.x] = cell{text, d.now}
	for i := 1; i < width; i++ {
		d.cells[d.y][d.x+i] = cell{"", d.now}
	}
	d.x += width
	d.last = text
}

func (d *display) control(b byte) {
	switch b {
	case '\a':
		d.bells++
	case '\b':
		d.x = max(d.x-1, 0)
	case '\r':
		d.x = 0
	case '\n':
		if d.y == d.bottom-1 {
			d.shift(d.top, -1)
		} else {
			d.y = min(d.y+1, d.height-1)
		}
	case '\t':
		d.x = min(d.x/8*8+8, d.width-1)
	}
}

// sequence does what an escape sequence says.
func (d *display) sequence(cmd ansi.Cmd, params ansi.Params) {
	n := func(i, missing int) int {
		value, _, _ := params.Param(i, missing)
		return value
	}
	some := max(n(0, 1), 1)
	if cmd.Prefix() != 0 || cmd.Intermediate() != 0 {
		if cmd.Prefix() == '?' && (cmd.Final() == 'h' || cmd.Final() == 'l') {
			params.ForEach(0, func(_, mode int, _ bool) {
				switch mode {
				case 25:
					d.shown = cmd.Final() == 'h'
				case 1049:
					d.clear()
				}
			})
		}
		return // questions and modes that show nothing
	}
	switch cmd.Final() {
	case 'A':
		d.y = max(d.y-some, 0)
	case 'B':
		d.y = min(d.y+some, d.height-1)
	case 'C':
		d.x = min(d.x+some, d.width-1)
	case 'D':
		d.x = max(d.x-some, 0)
	case 'G', '`':
		d.x = min(some-1, d.width-1)
	case 'd':
		d.y = min(some-1, d.height-1)
	case 'H', 'f':
		d.y, d.x = min(some-1, d.height-1), min(max(n(1, 1), 1)-1, d.width-1)
	case 'J':
		d.eraseDisplay(n(0, 0))
	case 'K':
		from, to := d.x, d.width
		switch n(0, 0) {
		case 1:
			from, to = 0, d.x+1
		case 2:
			from = 0
		}
		d.blank(d.y, from, to)
	case 'X':
		d.blank(d.y, d.x, d.x+some)
	case 'P':
		row := d.cells[d.y]
		copy(row[d.x:], row[min(d.x+some, d.width):])
		d.blank(d.y, d.width-some, d.width)
	case '@':
		row := d.cells[d.y]
		copy(row[min(d.x+some, d.width):], row[d.x:])
		d.blank(d.y, d.x, d.x+some)
	case 'b':
		for range some {
			d.print(d.last, ansi.StringWidth(d.last))
		}
	case 'I':
		for range some {
			d.control('\t')
		}
	case 'Z':
		d.x = max((d.x-1)/8*8-8*(some-1), 0)
	case 'L', 'M':
		if d.y >= d.top && d.y < d.bottom {
			d.shift(d.y, map[byte]int{'L': some, 'M': -some}[cmd.Final()])
		}
	case 'S':
		d.shift(d.top, -some)
	case 'T':
		d.shift(d.top, some)
	case 'r':
		d.top, d.bottom = some-1, min(n(1, d.height), d.height)
		d.x, d.y = 0, 0
	case 'm':
		d.style(params)
	case 'c', 'n', 'q', 't', 'u', 'h', 'l': // questions, and what shows nothing
	default:
		d.unknown = append(d.unknown, string(rune(cmd.Final())))
	}
}

func (d *display) eraseDisplay(what int) {
	for y := range d.cells {
		switch {
		case what == 0 && y == d.y:
			d.blank(y, d.x, d.width)
		case what == 0 && y < d.y, what == 1 && y > d.y:
		case what == 1 && y == d.y:
			d.blank(y, 0, d.x+1)
		default:
			d.blank(y, 0, d.width)
		}
	}
}

func (d *display) style(params ansi.Params) {
	if len(params) == 0 {
		d.now = look{}
	}
	params.ForEach(0, func(_, value int, _ bool) {
		switch {
		case value == 0:
			d.now = look{}
		case value == 1:
			d.now.bold = true
		case value == 2:
			d.now.faint = true
		case value == 3:
			d.now.italic = true
		case value == 7:
			d.now.reverse = true
		case value == 22:
			d.now.bold, d.now.faint = false, false
		case value == 23:
			d.now.italic = false
		case value == 27:
			d.now.reverse = false
		case value >= 30 && value <= 37:
			d.now.foreground = value - 29
		case value == 39:
			d.now.foreground = 0
		case value >= 40 && value <= 47:
			d.now.background = value - 39
		case value == 49:
			d.now.background = 0
		case value >= 90 && value <= 97:
			d.now.foreground = value - 81
		case value >= 100 && value <= 107:
			d.now.background = value - 91
		}
	})
}

// text returns what the display shows, without looks.
func (d *display) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var lines []string
	for _, row := range d.cells {
		var line strings.Builder
		for _, one := range row {
			line.WriteString(one.text)
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return strings.Join(lines, "\n")
}

// follow shows what is written to the display until it ends.
func (d *display) follow(from io.Reader) {
	parser := ansi.NewParser()
	var cluster strings.Builder
	flush := func() {
		for rest := cluster.String(); rest != ""; {
			first, width := ansi.FirstGraphemeCluster(rest, ansi.GraphemeWidth)
			d.print(first, width)
			rest = rest[len(first):]
		}
		cluster.Reset()
	}
	parser.SetHandler(ansi.Handler{
		Print: func(r rune) { cluster.WriteRune(r) },
		Execute: func(b byte) {
			flush()
			d.control(b)
		},
		HandleCsi: func(cmd ansi.Cmd, params ansi.Params) {
			flush()
			d.sequence(cmd, params)
		},
		HandleEsc: func(cmd ansi.Cmd) {
			flush()
			switch {
			case cmd.Final() != 'M':
			case d.y == d.top:
				d.shift(d.top, 1)
			default:
				d.y = max(d.y-1, 0)
			}
		},
		HandleOsc: func(cmd int, data []byte) {
			flush()
			if cmd == 0 || cmd == 2 {
				_, title, _ := strings.Cut(string(data), ";")
				d.title = title
			}
		},
	})
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		d.mu.Lock()
		for _, b := range buffer[:n] {
			parser.Advance(b)
		}
		flush()
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// palette is how the sixteen colours look in pictures, after the display's own two.
var palette = []string{
	"#d5dbe3", "#1b1f27", "#f0717a", "#7fc98b", "#e8c46a", "#3f6fb5", "#c99be8", "#6cc6d6", "#d5dbe3",
	"#6b7585", "#f0717a", "#7fc98b", "#e8c46a", "#6ea3ec", "#c99be8", "#6cc6d6", "#ffffff",
}

const paper = "#161a21"

// colours returns the colours of a look.
func (l look) colours() (ink, background string) {
	ink, background = palette[l.foreground], paper
	if l.background > 0 {
		background = palette[l.background]
	}
	if l.reverse {
		ink, background = background, ink
	}
	return ink, background
}

// picture draws the display as an SVG. Each piece of text is as wide as its cells, whatever the font.
func (d *display) picture(title string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	const w, h, margin, head = 9, 20, 14, 30
	width, height := d.width*w+2*margin, d.height*h+2*margin+head
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s" `+
		`font-family="'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace" font-size="15" xml:space="preserve">`+"\n",
		width, height, width, height, html.EscapeString(title))
	fmt.Fprintf(&svg, `<rect width="%d" height="%d" rx="9" fill="%s"/>`+"\n", width, height, paper)
	fmt.Fprintf(&svg, `<path d="M0 %d V9 a9 9 0 0 1 9 -9 H%d a9 9 0 0 1 9 9 V%d z" fill="#2a303b"/>`+"\n", head, width-9, head)
	for i, colour := range []string{"#f0717a", "#e8c46a", "#7fc98b"} {
		fmt.Fprintf(&svg, `<circle cx="%d" cy="%d" r="6" fill="%s"/>`+"\n", 20+i*20, head/2, colour)
	}
	fmt.Fprintf(&svg, `<text x="%d" y="%d" text-anchor="middle" fill="#aab3c0" font-size="13">%s</text>`+"\n", width/2, head/2+5, html.EscapeString(title))
	for y, row := range d.cells {
		for x := 0; x < len(row); {
			end := x + 1
			// A sign that fonts disagree about is placed by itself.
			for end < len(row) && row[end].look == row[x].look && (row[end].text == "" || plain(row[x].text) && plain(row[end].text)) {
				end++
			}
			var text strings.Builder
			for _, one := range row[x:end] {
				text.WriteString(one.text)
			}
			ink, background := row[x].look.colours()
			left, top := margin+x*w, margin+head+y*h
			if background != paper {
				fmt.Fprintf(&svg, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", left, top, (end-x)*w, h, background)
			}
			if strings.TrimSpace(text.String()) != "" {
				var extra string
				if row[x].look.bold {
					extra += ` font-weight="bold"`
				}
				if row[x].look.faint {
					extra += ` fill-opacity="0.6"`
				}
				fmt.Fprintf(&svg, `<text x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
					left, top+15, (end-x)*w, ink, extra, html.EscapeString(text.String()))
			}
			x = end
		}
	}
	if d.shown {
		fmt.Fprintf(&svg, `<rect x="%d" y="%d" width="2" height="%d" fill="%s"/>`+"\n", margin+d.x*w, margin+head+d.y*h+1, h-2, palette[0])
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}

// plain reports whether every fixed-width font has a text at the same width.
func plain(text string) bool {
	for _, r := range text {
		if r >= 0x2190 && (r < 0x2500 || r > 0x259f) {
			return false
		}
	}
	return text != ""
}

// seat is a person at a real terminal, in front of the program.
type seat struct {
	t       *testing.T
	display *display
	master  *os.File
	command *exec.Cmd
	ended   chan struct{}
}

// sit starts the command line client in a terminal of the given size.
func sit(t *testing.T, width, height int, environment []string, args ...string) *seat {
	t.Helper()
	s := &seat{t: t, display: newDisplay(width, height), ended: make(chan struct{})}
	s.command = exec.CommandContext(t.Context(), filepath.Join(programs, "kupla"), args...)
	home := t.TempDir()
	s.command.Env = append([]string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_STATE_HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color",
	}, environment...)
	master, err := pty.StartWithSize(s.command, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)})
	if err != nil {
		t.Fatalf("start kupla %s in a terminal: %v", strings.Join(args, " "), err)
	}
	s.master = master
	go func() {
		defer close(s.ended)
		s.display.follow(master)
		_ = s.command.Wait()
	}()
	t.Cleanup(func() {
		_ = s.command.Process.Kill()
		<-s.ended
		_ = master.Close()
		if len(s.display.unknown) > 0 {
			t.Errorf("the display does not know the sequences %q", s.display.unknown)
		}
	})
	return s
}

// keys as the terminal sends them.
const (
	keyEnter, keyEsc, keyDown, keyPgDown   = "\r", "\x1b", "\x1b[B", "\x1b[6~"
	keyF1, keyF2, keyF3, keyF4             = "\x1bOP", "\x1bOQ", "\x1bOR", "\x1bOS"
	keyF5, keyF6, keyF7, keyF8, keyF10     = "\x1b[15~", "\x1b[17~", "\x1b[18~", "\x1b[19~", "\x1b[21~"
	keyAlt1, keyAlt2, keyAltEnter, keyUp   = "\x1b1", "\x1b2", "\x1b\r", "\x1b[A"
	keyCtrlL, keyCtrlC, keyCtrlX, keyCtrlR = "\x0c", "\x03", "\x18", "\x12"
)

// press presses keys.
func (s *seat) press(keys ...string) {
	s.t.Helper()
	for _, key := range keys {
		if _, err := s.master.WriteString(key); err != nil {
			s.t.Fatalf("press %q: %v", key, err)
		}
	}
}

// sees waits until the texts are on the display, in order.
func (s *seat) sees(texts ...string) {
	s.t.Helper()
	s.until(func(all string) string {
		for _, text := range texts {
			_, rest, ok := strings.Cut(all, text)
			if !ok {
				return fmt.Sprintf("%q is not on the display, or not in order", text)
			}
			all = rest
		}
		return ""
	})
}

// misses waits until a text is no longer on the display.
func (s *seat) misses(text string) {
	s.t.Helper()
	s.until(func(all string) string {
		if strings.Contains(all, text) {
			return fmt.Sprintf("%q is still on the display", text)
		}
		return ""
	})
}

func (s *seat) until(lacks func(all string) string) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		missing := lacks(s.display.text())
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s:\n%s", missing, s.display.text())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// resize makes the window another size.
func (s *seat) resize(width, height int) {
	s.t.Helper()
	s.display.mu.Lock()
	s.display.width, s.display.height = width, height
	s.display.clear()
	s.display.x, s.display.y = 0, 0
	s.display.mu.Unlock()
	if err := pty.Setsize(s.master, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		s.t.Fatal(err)
	}
}

// exits waits for the program to end without a failure.
func (s *seat) exits() {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("it does not exit:\n%s", s.display.text())
	}
	if code := s.command.ProcessState.ExitCode(); code != 0 {
		s.t.Fatalf("it exits with %d:\n%s", code, s.display.text())
	}
}
