package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// MessageSize is how many bytes the text of a message has.
const MessageSize = 200

// What a message says: who sent it, its number among the sender's, and when it was due; each in letters, since figures
// in a text may be an identity code and are looked at twice.
const (
	sideAt   = 0
	numberAt = 1
	dueAt    = numberAt + numberSize
	proseAt  = dueAt + dueSize + 1

	numberSize = 8
	dueSize    = 16
)

const prose = " Hello. I have had a sore throat for three days now and would like to know whether it is worth " +
	"coming in, or whether I should wait a little. No fever today. When could somebody have a look at it?"

// message is a text in the making. Each sender has one.
type message struct {
	text   [MessageSize]byte
	random *rand.ChaCha8
}

func newMessage(side byte, seed uint64) *message {
	m := &message{}
	m.text[sideAt] = side
	for i := proseAt - 1; i < MessageSize; {
		i += copy(m.text[i:], prose)
	}
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
		key[8+i] = byte(time.Now().UnixNano() >> (8 * i)) // request ids of one caller are never used twice
	}
	m.random = rand.NewChaCha8(key)
	return m
}

// make is the text of the next message.
func (m *message) make(number int, due time.Duration) string {
	letters(m.text[numberAt:dueAt], uint64(number))
	letters(m.text[dueAt:dueAt+dueSize], uint64(due))
	return string(m.text[:])
}

// requestID is a random UUID v4.
func (m *message) requestID() string {
	id, err := uuid.NewRandomFromReader(m.random)
	if err != nil {
		panic(err) // the generator never fails
	}
	return id.String()
}

// readMessage takes a text apart.
func readMessage(text string) (side byte, number int, due time.Duration, err error) {
	if len(text) != MessageSize {
		return 0, 0, 0, fmt.Errorf("a message of %d bytes arrived; all have %d", len(text), MessageSize)
	}
	n, err1 := unletters(text[numberAt:dueAt])
	d, err2 := unletters(text[dueAt : dueAt+dueSize])
	return text[sideAt], int(n), time.Duration(d), errors.Join(err1, err2)
}

// letters writes a number in the letters a to p.
func letters(to []byte, n uint64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = 'a' + byte(n&15)
		n >>= 4
	}
}

func unletters(from string) (n uint64, err error) {
	for i := range len(from) {
		c := from[i] - 'a'
		if c > 15 {
			return 0, fmt.Errorf("a message arrived that was not sent: %q", from)
		}
		n = n<<4 | uint64(c)
	}
	return n, nil
}
