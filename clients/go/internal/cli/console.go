package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// console reads and prints whole lines. In a terminal the line being written stays below what is printed.
//
// The zero value is not usable; newConsole makes one, and close must be called in the end, which gives the
// terminal back as it was.
type console struct {
	in  *bufio.Reader
	out io.Writer

	editor  *term.Terminal // nil unless in a terminal
	file    *os.File       // the terminal, for its size
	restore func()

	begin sync.Once
	lines chan string   // what is written; closed at the end of the input
	left  chan struct{} // closed when the person presses Ctrl-C or Ctrl-D in a terminal
	keys  chan struct{} // hints that the person is writing, in a terminal
	done  chan struct{}

	mu sync.Mutex // one line at a time, and whole
}

// newConsole returns a console on stdin and stdout.
func newConsole(stdin io.Reader, stdout io.Writer, env func(string) string) *console {
	c := &console{
		in:      bufio.NewReader(stdin),
		out:     stdout,
		restore: func() {},
		// In a terminal, lines written ahead wait here, so that Ctrl-C is still seen behind them.
		lines: make(chan string, 64),
		left:  make(chan struct{}),
		keys:  make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
	input, inOK := stdin.(*os.File)
	output, outOK := stdout.(*os.File)
	if !inOK || !outOK || !onTerminal(stdin, stdout, env) {
		return c
	}
	state, err := term.MakeRaw(int(input.Fd()))
	if err != nil {
		return c // lines can be read all the same
	}
	c.restore = func() {
		_, _ = output.WriteString("\r\x1b[K") // the prompt
		_ = term.Restore(int(input.Fd()), state)
	}
	c.file = output
	c.edit(struct {
		io.Reader
		io.Writer
	}{input, output})
	return c
}

// edit makes the console edit lines on a terminal.
func (c *console) edit(terminal io.ReadWriter) {
	c.editor = term.NewTerminal(terminal, "> ")
	c.editor.AutoCompleteCallback = func(line string, _ int, key rune) (string, int, bool) {
		if !strings.HasPrefix(line, "/") && key >= ' ' {
			select {
			case c.keys <- struct{}{}:
			default:
			}
		}
		return "", 0, false
	}
}

// close gives the terminal back. Lines are no longer read.
func (c *console) close() {
	close(c.done)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.restore()
}

// say prints text, which may have several lines, and ends the line.
func (c *console) say(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text = clean(text) + "\n"
	if c.editor == nil {
		_, _ = io.WriteString(c.out, text)
		return
	}
	if c.file != nil {
		if width, height, err := term.GetSize(int(c.file.Fd())); err == nil && width > 0 {
			_ = c.editor.SetSize(width, height)
		}
	}
	_, _ = c.editor.Write([]byte(text))
}

// prompt sets what stands before the line being written, from the next line that is printed on. It has no
// effect outside a terminal.
func (c *console) prompt(text string) {
	if c.editor != nil {
		c.editor.SetPrompt(clean(text))
	}
}

// input returns the lines that are written. The channel is closed at the end of the input.
func (c *console) input() <-chan string {
	c.begin.Do(func() { go c.read() })
	return c.lines
}

// ask prints a question and returns the next line, without the space around it. It returns false when there
// is none: the input or the context ended, or the person pressed Ctrl-C or Ctrl-D.
func (c *console) ask(ctx context.Context, question string) (string, bool) {
	c.say(question)
	select {
	case line, ok := <-c.input():
		return strings.TrimSpace(line), ok
	case <-c.left:
		return "", false
	case <-ctx.Done():
		return "", false
	}
}

// read reads lines until the input ends or the console is closed.
func (c *console) read() {
	defer close(c.lines)
	for {
		line, err := c.readLine()
		if err == nil || line != "" {
			select {
			case c.lines <- strings.ToValidUTF8(line, "\ufffd"):
			case <-c.done:
				return
			}
		}
		if err != nil {
			if c.editor != nil {
				close(c.left)
			}
			return
		}
	}
}

func (c *console) readLine() (string, error) {
	if c.editor == nil {
		line, err := c.in.ReadString('\n')
		return strings.TrimRight(line, "\r\n"), err
	}
	line, err := c.editor.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	return line, err
}

// tell is say with the placeholders of a text filled in.
func (c *console) tell(text string, namesAndValues ...any) {
	c.say(fill(text, namesAndValues...))
}

// sayAll prints several texts, leaving out those that are empty.
func (c *console) sayAll(texts ...string) {
	for _, text := range texts {
		if text != "" {
			c.say(text)
		}
	}
}
