package kupla

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// AccessToken opens one conversation to whoever has it. Printed or logged it shows nothing; encoded as
// JSON it is whole, so that it can be kept. Convert it to a string to see it.
type AccessToken string

// Format prints that there is a token, whatever the verb.
func (t AccessToken) Format(state fmt.State, _ rune) {
	if t != "" {
		_, _ = io.WriteString(state, redacted)
	}
}

// LogValue keeps the token out of logs.
func (t AccessToken) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(t)) }

// Credentials are all that is needed to go on with a conversation later or elsewhere. Keep them like a
// password: they open the conversation until 24 hours after its close.
type Credentials struct {
	// ConversationID identifies the conversation.
	ConversationID string `json:"conversation_id"`
	// ParticipantID is the customer's own part in it.
	ParticipantID string `json:"participant_id"`
	// AccessToken opens the conversation.
	AccessToken AccessToken `json:"access_token"`
	// Cursor is where to follow from, past everything that was handed out. Give it to [FollowOptions].
	Cursor string `json:"cursor,omitempty"`
	// Sequence is the number of the last event that was handed out, 0 when not known. It belongs to Cursor.
	Sequence int32 `json:"sequence,omitempty"`
}

// LogValue keeps the token out of logs, also out of those that encode values as JSON.
func (c Credentials) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("conversation_id", c.ConversationID),
		slog.String("participant_id", c.ParticipantID),
		slog.Any("access_token", c.AccessToken),
		slog.Int("sequence", int(c.Sequence)),
	)
}
