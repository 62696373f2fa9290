package rpc

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/chat"
)

// position is how far a follower has come in one log: the last event, and a mark of it by which a log with
// another history, as after a restored backup, is told from the one that the cursor is from.
type position struct {
	sequence int32
	stamp    uint32
}

// at is the position just after an event.
func at(e chat.Event) position {
	return position{sequence: e.Sequence, stamp: stamp(e)}
}

// stamp marks an event by its time, to the microsecond.
func stamp(e chat.Event) uint32 {
	micros := e.Time.UnixMicro()
	return uint32(micros) ^ uint32(micros>>32)
}

// The two kinds of cursors, and the page tokens, each with its own first byte.
const (
	cursorConversation byte = 1
	cursorDesk         byte = 2
	cursorEvents       byte = 3
	cursorCaseNotes    byte = 4
	cursorList         byte = 5
)

// seal makes the text of a cursor: base64url over the content and its checksum. The checksum tells a
// mangled cursor; it is no secret, and need not be: a cursor opens nothing.
func seal(content []byte) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(content, crc32.ChecksumIEEE(content)))
}

// unseal reads the content of a cursor of a kind.
func unseal(kind byte, text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// The decoder passes over line breaks, also when it is strict; no cursor of ours has any.
	if err != nil || strings.ContainsAny(text, "\r\n") || len(raw) < 5 || raw[0] != kind {
		return nil, false
	}
	content, sum := raw[:len(raw)-4], raw[len(raw)-4:]
	if binary.BigEndian.Uint32(sum) != crc32.ChecksumIEEE(content) {
		return nil, false
	}
	return content[1:], true
}

func tag(conversationID string) uint32 { return crc32.ChecksumIEEE([]byte(conversationID)) }

// conversationCursor makes the cursor of a position in one conversation.
func conversationCursor(conversationID string, p position) string {
	b := make([]byte, 0, 17)
	b = append(b, cursorConversation)
	b = binary.BigEndian.AppendUint32(b, tag(conversationID))
	b = binary.BigEndian.AppendUint32(b, uint32(p.sequence))
	b = binary.BigEndian.AppendUint32(b, p.stamp)
	return seal(b)
}

// parseConversationCursor reads a cursor of a conversation.
func parseConversationCursor(conversationID, text string) (position, error) {
	raw, ok := unseal(cursorConversation, text)
	if !ok || len(raw) != 12 || binary.BigEndian.Uint32(raw) != tag(conversationID) {
		return position{}, refuse(kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED)
	}
	sequence := binary.BigEndian.Uint32(raw[4:])
	if sequence > chat.MaxEvents*2 {
		return position{}, refuse(kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED)
	}
	return position{sequence: int32(sequence), stamp: binary.BigEndian.Uint32(raw[8:])}, nil
}

// deskPosition is a position in one conversation of a desk.
type deskPosition struct {
	conversationID string
	position
}

// deskCursor makes the cursor of a desk: a position in each of its conversations.
func deskCursor(positions []deskPosition) string {
	b := []byte{cursorDesk}
	for _, p := range positions {
		b = append(b, byte(len(p.conversationID)))
		b = append(b, p.conversationID...)
		b = binary.BigEndian.AppendUint32(b, uint32(p.sequence))
		b = binary.BigEndian.AppendUint32(b, p.stamp)
	}
	return seal(b)
}

// parseDeskCursor reads a cursor of a desk.
func parseDeskCursor(text string) ([]deskPosition, error) {
	malformed := refuse(kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED)
	raw, ok := unseal(cursorDesk, text)
	if !ok {
		return nil, malformed
	}
	var positions []deskPosition
	for len(raw) > 0 {
		n := int(raw[0])
		if len(raw) < 1+n+8 || n == 0 {
			return nil, malformed
		}
		p := deskPosition{conversationID: string(raw[1 : 1+n])}
		raw = raw[1+n:]
		sequence := binary.BigEndian.Uint32(raw)
		if sequence > chat.MaxEvents*2 {
			return nil, malformed
		}
		p.sequence, p.stamp = int32(sequence), binary.BigEndian.Uint32(raw[4:])
		raw = raw[8:]
		positions = append(positions, p)
	}
	return positions, nil
}

// pageToken makes a token for the page after a number in a list of a kind, of one owner.
func pageToken(kind byte, owner string, after int64) string {
	b := []byte{kind}
	b = binary.BigEndian.AppendUint32(b, tag(owner))
	b = binary.BigEndian.AppendUint64(b, uint64(after))
	return seal(b)
}

// parsePageToken reads a page token; empty is the first page.
func parsePageToken(kind byte, owner, text string) (after int64, err error) {
	if text == "" {
		return 0, nil
	}
	raw, ok := unseal(kind, text)
	if !ok || len(raw) != 12 || binary.BigEndian.Uint32(raw) != tag(owner) || raw[4] >= 0x80 {
		return 0, refuse(kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED)
	}
	return int64(binary.BigEndian.Uint64(raw[4:])), nil
}

// pageSize brings a page size to what is served: 0 is the default, too many are capped. A negative size
// was refused by the contract's rules.
func pageSize(asked int32, most int) int {
	if asked == 0 {
		return pageDefault
	}
	return min(int(asked), most)
}

// known reports whether a time is known.
func known(t time.Time) bool { return !t.IsZero() }
