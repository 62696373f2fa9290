package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// cursorFile keeps how far a script has come. It is written after each line was handed over, so nothing is ever
// left out; when the script is killed between the two, the last line comes once more.
//
// A nil *cursorFile keeps nothing.
type cursorFile struct {
	path  string
	saved cursorState
	last  []byte
}

// cursorState is what a cursor file says.
type cursorState struct {
	// Server, Command and ConversationID tell what the cursor is of.
	Server         string `json:"server"`
	Command        string `json:"command"`
	ConversationID string `json:"conversation_id,omitempty"`

	Cursor   string `json:"cursor,omitempty"`
	Sequence int32  `json:"sequence,omitempty"`
	// EventTime is when the event with that number was written. After a restored backup another may have its number.
	EventTime string `json:"event_time,omitempty"`
	// ProfessionalID is whose desk it is.
	ProfessionalID string `json:"professional_id,omitempty"`
	// Sequences are those of the conversations on a desk, by id.
	Sequences map[string]int32 `json:"sequences,omitempty"`
}

// openCursor reads the file, or begins one. It refuses one that is of something else: going on there would
// skip what was never told.
func (a *app) openCursor(path, command, conversationID string) (*cursorFile, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // Nothing to keep is no failure, and the methods know.
	}
	own := cursorState{Server: a.server, Command: command, ConversationID: conversationID}
	c := &cursorFile{path: path, saved: own}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(data) == 0:
		return c, nil
	case err != nil:
		return nil, errors.New(fill(a.texts.Script.NotRead, "file", path, "error", err))
	}
	var read cursorState
	if err := json.Unmarshal(data, &read); err != nil {
		return nil, errors.New(fill(a.texts.Script.CursorBroken, "file", path))
	}
	if read.Server != own.Server || read.Command != own.Command || read.ConversationID != own.ConversationID {
		return nil, a.cursorOther(path, read)
	}
	c.saved, c.last = read, data
	return c, nil
}

// cursorOther tells what a cursor file is of.
func (a *app) cursorOther(path string, read cursorState) error {
	about := read.ConversationID
	if read.ProfessionalID != "" {
		about = "@" + read.ProfessionalID
	}
	return errors.New(fill(a.texts.Script.CursorOther,
		"file", path, "command", read.Command, "conversation", about, "server", read.Server))
}

// ofDesk makes sure that the file is of a professional's desk: with another's it would leave out, without a word,
// what happened on this one.
func (a *app) ofDesk(c *cursorFile, professionalID string) error {
	switch {
	case c == nil:
		return nil
	case c.saved.ProfessionalID != "" && c.saved.ProfessionalID != professionalID:
		return a.cursorOther(c.path, c.saved)
	}
	c.saved.ProfessionalID = professionalID
	return nil
}

// told notes the event that is told now, for when it is saved how far the script has come.
func (c *cursorFile) told(event *kuplav1.Event) {
	if c != nil {
		c.saved.EventTime = eventTime(event)
	}
}

// eventTime returns when an event was written, exactly.
func eventTime(event *kuplav1.Event) string {
	return event.GetCreateTime().AsTime().Format(time.RFC3339Nano)
}

// state returns how far the script has come.
func (c *cursorFile) state() cursorState {
	if c == nil {
		return cursorState{}
	}
	return c.saved
}

// save keeps how far the script has come. What was printed up to there must have been written.
func (c *cursorFile) save(cursor string, sequence int32, sequences map[string]int32) error {
	if c == nil {
		return nil
	}
	next := c.saved
	next.Cursor, next.Sequence, next.Sequences = cursor, sequence, maps.Clone(sequences)
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if bytes.Equal(data, c.last) {
		return nil
	}
	if err := writePrivate(c.path, data); err != nil {
		return err
	}
	c.saved, c.last = next, data
	return nil
}
