package rpc

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
	"testing/quick"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/chat"
)

const fuzzedID = "0b5e9ad2-4b5c-4e8e-9a57-0b6f3f0a1c11"

// cursorSeeds are texts to begin from: good cursors of every kind, and what is nearly one.
func cursorSeeds(f *testing.F) {
	f.Helper()
	good := []string{
		conversationCursor(fuzzedID, position{}),
		conversationCursor(fuzzedID, position{sequence: 7, stamp: 0xfeedbeef}),
		conversationCursor(fuzzedID, position{sequence: chat.MaxEvents, stamp: 1}),
		deskCursor(nil),
		deskCursor([]deskPosition{{conversationID: fuzzedID, position: position{sequence: 3, stamp: 9}}, {conversationID: "x"}}),
		pageToken(cursorEvents, fuzzedID, 0),
		pageToken(cursorCaseNotes, fuzzedID, 1<<62),
		pageToken(cursorList, "queues", 100),
	}
	for _, text := range good {
		f.Add(text)
		f.Add(text[:len(text)-1])
		f.Add(text + "=")
		f.Add(strings.ToUpper(text))
	}
	// With a good checksum, so that what is behind it is reached.
	for _, content := range [][]byte{
		{},
		{cursorConversation},
		{cursorDesk, 0},
		{cursorDesk, 255, 1, 2},
		{cursorDesk, 1, 'x', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32([]byte{cursorEvents}, tag(fuzzedID)), 1<<63),
	} {
		f.Add(seal(content))
		f.Add("seal:" + string(content))
	}
	f.Add("")
	f.Add("latest")
	f.Add("\x00\xff")
}

// refusedAsCursor fails the test unless the error is the one for cursors.
func refusedAsCursor(t *testing.T, text string, err error) {
	t.Helper()
	if !isReason(err, kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED) {
		t.Fatalf("%q: %v", text, err)
	}
}

// sealed makes half of what the fuzzer thinks of into something whose checksum is right: it would not guess one.
func sealed(text string) string {
	if content, found := strings.CutPrefix(text, "seal:"); found {
		return seal([]byte(content))
	}
	return text
}

// Whatever comes as a cursor of a conversation is refused, or is a position that this server may have told.
func FuzzConversationCursor(f *testing.F) {
	cursorSeeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		text = sealed(text)
		p, err := parseConversationCursor(fuzzedID, text)
		if err != nil {
			refusedAsCursor(t, text, err)
			return
		}
		if p.sequence < 0 || conversationCursor(fuzzedID, p) != text {
			t.Fatalf("%q is read as %+v, which is written %q", text, p, conversationCursor(fuzzedID, p))
		}
		if _, err := parseConversationCursor("another", text); err == nil {
			t.Fatalf("%q is a cursor of another conversation too", text)
		}
	})
}

// Whatever comes as a cursor of a desk is refused, or is what this server may have told.
func FuzzDeskCursor(f *testing.F) {
	cursorSeeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		text = sealed(text)
		positions, err := parseDeskCursor(text)
		if err != nil {
			refusedAsCursor(t, text, err)
			return
		}
		for _, p := range positions {
			if p.sequence < 0 || p.conversationID == "" {
				t.Fatalf("%q has the position %+v", text, p)
			}
		}
		if again := deskCursor(positions); again != text {
			t.Fatalf("%q is read as %+v, which is written %q", text, positions, again)
		}
	})
}

// Whatever comes as a page token is refused, or is what this server may have told.
func FuzzPageToken(f *testing.F) {
	cursorSeeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		text = sealed(text)
		after, err := parsePageToken(cursorEvents, fuzzedID, text)
		if err != nil {
			refusedAsCursor(t, text, err)
			return
		}
		if text == "" {
			if after != 0 {
				t.Fatalf("no token is after %d", after)
			}
			return
		}
		if after < 0 || pageToken(cursorEvents, fuzzedID, after) != text {
			t.Fatalf("%q is read as %d, which is written %q", text, after, pageToken(cursorEvents, fuzzedID, after))
		}
		for _, kind := range []byte{cursorCaseNotes, cursorList, cursorDesk, cursorConversation} {
			if _, err := parsePageToken(kind, fuzzedID, text); err == nil {
				t.Fatalf("%q is a token of lists of kind %d too", text, kind)
			}
		}
	})
}

// What is written is read again, and nothing else: any other character, or one less, is noticed.
func TestCursorsRoundTrip(t *testing.T) {
	conversation := func(sequence uint32, stamp uint32) bool {
		p := position{sequence: int32(sequence % (2*chat.MaxEvents + 1)), stamp: stamp}
		got, err := parseConversationCursor(fuzzedID, conversationCursor(fuzzedID, p))
		return err == nil && got == p
	}
	page := func(after int64) bool {
		after &= 1<<63 - 1
		got, err := parsePageToken(cursorList, "queues", pageToken(cursorList, "queues", after))
		return err == nil && got == after
	}
	for name, f := range map[string]any{"conversation": conversation, "page": page} {
		if err := quick.Check(f, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := conversationCursor(fuzzedID, position{sequence: 12, stamp: 99})
	for i := range len(text) {
		mangled := []byte(text)
		mangled[i] = 'A' + (mangled[i]-'A'+1)%26
		if string(mangled) == text {
			continue
		}
		if p, err := parseConversationCursor(fuzzedID, string(mangled)); err == nil {
			t.Errorf("character %d changed: read as %+v", i, p)
		}
	}
	// A desk of 200 conversations, more than anybody may have, still fits into the request.
	var positions []deskPosition
	for range 200 {
		positions = append(positions, deskPosition{conversationID: fuzzedID, position: position{sequence: chat.MaxEvents, stamp: 1<<32 - 1}})
	}
	if n := len(deskCursor(positions)); n > 16384 {
		t.Errorf("the cursor of a full desk has %d characters, and a request takes 16,384", n)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(raw) - 4; crc32.ChecksumIEEE(raw[:n]) != binary.BigEndian.Uint32(raw[n:]) {
		t.Error("the checksum is none")
	}
}

// A page is of the size asked for, of the default when none is, and never of more than is served.
func TestPageSize(t *testing.T) {
	for _, test := range []struct {
		asked int32
		want  int
	}{{0, 100}, {1, 1}, {100, 100}, {999, 999}, {1000, 1000}, {1001, 1000}, {1<<31 - 1, 1000}} {
		if got := pageSize(test.asked, pageMost); got != test.want {
			t.Errorf("asked for %d: %d, want %d", test.asked, got, test.want)
		}
	}
}
