package cli

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// editorOn returns a console that edits lines on a terminal made of pipes, and the terminal's two ends.
func editorOn(t *testing.T) (c *console, keyboard *io.PipeWriter, display *output) {
	t.Helper()
	reader, writer := io.Pipe()
	display = newOutput()
	c = newConsole(strings.NewReader(""), display, func(string) string { return "" })
	c.edit(struct {
		io.Reader
		io.Writer
	}{reader, display})
	t.Cleanup(func() {
		_ = writer.Close()
		c.close()
	})
	return c, writer, display
}

func press(t *testing.T, keyboard io.Writer, keys string) {
	t.Helper()
	if _, err := io.WriteString(keyboard, keys); err != nil {
		t.Fatal(err)
	}
}

// shows waits until the display ends with a text.
func (o *output) shows(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		changed := o.wait()
		if strings.HasSuffix(o.String(), text) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the display does not end with %q:\n%q", text, o.String())
		}
	}
}

// What is printed while a line is being written goes above it, and the line is still whole.
func TestConsolePrintsAboveTheLineBeingWritten(t *testing.T) {
	c, keyboard, display := editorOn(t)
	lines := c.input()
	press(t, keyboard, "hälf a")
	display.shows(t, "> hälf a")
	c.say("somebody wrote")
	display.shows(t, "\x1b[8D\x1b[Ksomebody wrote\r\n> hälf a")
	c.prompt("[1] > ")
	c.say("again")
	display.shows(t, "\x1b[8D\x1b[Kagain\r\n[1] > hälf a")
	press(t, keyboard, " line\r")
	if got := <-lines; got != "hälf a line" {
		t.Errorf("wrote %q", got)
	}
}

func TestConsoleHintsAtTyping(t *testing.T) {
	c, keyboard, display := editorOn(t)
	lines := c.input()
	hinted := func() bool {
		select {
		case <-c.keys:
			return true
		default:
			return false
		}
	}
	press(t, keyboard, "/take")
	display.shows(t, "/take")
	// The first key can be no hint yet, since it is the slash that makes a command.
	_ = hinted()
	press(t, keyboard, " 1\r")
	<-lines
	if hinted() {
		t.Error("a command is no message")
	}
	press(t, keyboard, "he")
	display.shows(t, "he")
	if !hinted() {
		t.Error("a message was not noticed")
	}
}

// Ctrl-C is seen at once, behind lines that nobody has taken yet.
func TestConsoleSeesCtrlC(t *testing.T) {
	c, keyboard, _ := editorOn(t)
	lines := c.input()
	press(t, keyboard, "one\rtwo\r\x03")
	select {
	case <-c.left:
	case <-time.After(10 * time.Second):
		t.Fatal("Ctrl-C was not seen")
	}
	if one, two := <-lines, <-lines; one != "one" || two != "two" {
		t.Errorf("wrote %q, %q", one, two)
	}
	if _, open := <-lines; open {
		t.Error("there are further lines")
	}
}

func TestConsoleThroughPipes(t *testing.T) {
	out := newOutput()
	c := newConsole(strings.NewReader("one\r\nnot \xff valid\nlast"), out, func(string) string { return "" })
	defer c.close()
	answer, ok := c.ask(t.Context(), "Which?")
	if answer != "one" || !ok {
		t.Errorf("answer %q, %t", answer, ok)
	}
	if got := <-c.input(); got != "not \ufffd valid" {
		t.Errorf("read %q", got)
	}
	if got := <-c.input(); got != "last" {
		t.Errorf("read %q", got)
	}
	if _, ok := c.ask(t.Context(), "More?"); ok {
		t.Error("an answer after the end")
	}
	c.prompt("never shown")
	if got := out.String(); got != "Which?\nMore?\n" {
		t.Errorf("printed %q", got)
	}
}

func TestConsoleAsksNoLongerThanItsContext(t *testing.T) {
	reader, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	c := newConsole(reader, newOutput(), func(string) string { return "" })
	defer c.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := c.ask(ctx, "Which?"); ok {
		t.Error("an answer from nobody")
	}
}

func TestClean(t *testing.T) {
	tests := map[string]string{
		"plain ä ö å 🙂":                   "plain ä ö å 🙂",
		"two\nlines\tand a tab":           "two\nlines and a tab",
		"\x1b[2J\x1b]0;title\a\r\b\u009b": "[2J]0;title",
		"\u202eright to left\u2066":       "right to left",
		"bad \xff\xfe":                    "bad \ufffd",
	}
	for text, want := range tests {
		if got := clean(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := indented("a\n[1] b\n"); got != "a\n    [1] b" {
		t.Errorf("got %q", got)
	}
	if got := oneLine(" a\n b\t c "); got != "a b c" {
		t.Errorf("got %q", got)
	}
	if got := shortened("äöåäöå", 4); got != "äöå…" {
		t.Errorf("got %q", got)
	}
}
