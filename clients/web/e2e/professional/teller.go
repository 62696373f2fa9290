package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// clock tells the time in microseconds since 1970, as the tests compare it with a browser's. It takes the wall clock
// once and goes on by the monotonic one, so that it never jumps.
type clock struct{ start time.Time }

func (c clock) now() int64 { return c.start.UnixMicro() + time.Since(c.start).Microseconds() }

// told is what a follower heard.
type told struct {
	// Told is what it is about, such as "event" or "typing".
	Told string `json:"told"`
	// Time is when it was heard, by the clock of the teller.
	Time int64 `json:"time"`
	// Desk is whose follower heard it. Empty for that of a single conversation.
	Desk string `json:"desk,omitempty"`
	// Conversation is which conversation it is about, if one.
	Conversation string `json:"conversation,omitempty"`
	// History tells that it had happened before the follower came.
	History bool `json:"history,omitempty"`
	// Value is the contract's message.
	Value json.RawMessage `json:"value,omitempty"`
}

// answer is what came of a request.
type answer struct {
	ID     int      `json:"id"`
	Result any      `json:"result,omitempty"`
	Error  *refusal `json:"error,omitempty"`
}

// refusal is why a request was not done.
type refusal struct {
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
}

// teller writes lines of JSON. It may be used by many at once.
type teller struct {
	clock clock

	mu sync.Mutex
	w  io.Writer
}

func newTeller(w io.Writer) *teller { return &teller{clock: clock{time.Now()}, w: w} }

// line writes one line. Nobody is left to tell when it cannot be written: the tests have ended then.
func (t *teller) line(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		fmt.Fprintln(os.Stderr, "professional: write a line:", err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.w.Write(append(text, '\n'))
}

// raw is a message of the contract as JSON.
func raw(m proto.Message) json.RawMessage {
	text, err := protojson.Marshal(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "professional: write a message:", err)
		return nil
	}
	return text
}
