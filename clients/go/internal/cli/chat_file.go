package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kupla-chat/kupla/clients/go/kupla"
)

// errNoState tells that there is no place to keep anything in.
var errNoState = errors.New("HOME is not set")

// chatState is what it takes to go on with a chat after a crash. It is written before the start, so that
// even a start whose answer was never seen can be repeated, and again once the conversation exists.
type chatState struct {
	Server  string `json:"server"`
	QueueID string `json:"queue_id"`
	// Start is set until the conversation exists.
	Start *chatStart `json:"start,omitempty"`
	// Credentials are set from then on.
	Credentials *kupla.Credentials `json:"credentials,omitempty"`
	// RequestID is what the conversation was started with, so that a start that is repeated is known as one.
	RequestID string `json:"request_id,omitempty"`
}

// chatStart is a start, word for word, so that it can be repeated.
type chatStart struct {
	RequestID     string `json:"request_id"`
	Language      string `json:"language"`
	DisplayName   string `json:"display_name,omitempty"`
	Message       string `json:"message,omitempty"`
	NoticeVersion string `json:"notice_version,omitempty"`
}

func (s *chatState) startOptions() kupla.StartOptions {
	return kupla.StartOptions{
		QueueID:       s.QueueID,
		Language:      s.Start.Language,
		DisplayName:   s.Start.DisplayName,
		Message:       s.Start.Message,
		NoticeVersion: s.Start.NoticeVersion,
		RequestID:     s.Start.RequestID,
	}
}

// chatFolder returns where chats are kept, by the XDG base directory rules for state.
func (a *app) chatFolder() (string, error) {
	if state := a.env("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "kupla"), nil
	}
	home := a.env("HOME")
	if home == "" {
		home = a.env("USERPROFILE")
	}
	if home == "" {
		return "", errNoState
	}
	return filepath.Join(home, ".local", "state", "kupla"), nil
}

// chatFile returns the file of the chat in a queue.
func (a *app) chatFile(queueID string) (string, error) {
	folder, err := a.chatFolder()
	if err != nil {
		return "", err
	}
	// A queue id from the command line must not lead anywhere else.
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, queueID)
	return filepath.Join(folder, "chat-"+safe+".json"), nil
}

// latestChatFile returns the file of the chat that was started last.
func (a *app) latestChatFile() (string, error) {
	folder, err := a.chatFolder()
	if err != nil {
		return "", err
	}
	paths, err := filepath.Glob(filepath.Join(folder, "chat-*.json"))
	if err != nil {
		return "", err
	}
	var latest string
	var changed time.Time
	for _, path := range paths {
		info, err := os.Stat(path)
		if err == nil && (latest == "" || info.ModTime().After(changed)) {
			latest, changed = path, info.ModTime()
		}
	}
	if latest == "" {
		return "", fs.ErrNotExist
	}
	return latest, nil
}

func readChat(path string) (*chatState, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var state chatState
	if err := json.Unmarshal(data, &state); err != nil {
		return nil, err
	}
	if state.Start == nil && (state.Credentials == nil || state.Credentials.AccessToken == "") {
		return nil, errors.New("incomplete")
	}
	return &state, nil
}

// writeChat writes a file that only the person can read, whole or not at all.
func writeChat(path string, state *chatState) error {
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return writePrivate(path, append(data, '\n'))
}
