package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
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
		return nil, errors.New(fill(a.texts.Script.CursorOther,
			"file", path, "command", read.Command, "conversation", read.ConversationID, "server", read.Server))
	}
	c.saved, c.last = read, data
	return c, nil
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
