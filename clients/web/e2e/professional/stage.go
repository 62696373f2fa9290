package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// request is one thing to do. What else is set depends on Do; see the table in actions.
type request struct {
	ID int    `json:"id"`
	Do string `json:"do"`

	// Desk names a desk that was opened, or is to be.
	Desk  string `json:"desk"`
	Token string `json:"token"`
	// Office tells that it is no desk to sit at: an administrator has nothing to watch.
	Office bool `json:"office"`

	Conversation string   `json:"conversation"`
	Queue        string   `json:"queue"`
	Queues       []string `json:"queues"`
	Language     string   `json:"language"`
	Name         string   `json:"name"`
	Text         string   `json:"text"`
	Sequence     int32    `json:"sequence"`
	Count        int      `json:"count"`

	// Availability and Reason are names of the contract without their prefix, such as ON_PHONE.
	Availability string `json:"availability"`
	Reason       string `json:"reason"`
	// Professional is whom to hand over to, and CustomerAgreed whether the resident agreed.
	Professional   string `json:"professional"`
	CustomerAgreed bool   `json:"customerAgreed"`
	// Within is how many milliseconds it may take for somebody to be there, or how long a pause lasts.
	Within int64 `json:"within"`
	// Patch is what to change in a queue of the catalogue: its fields as JSON.
	Patch map[string]json.RawMessage `json:"patch"`
}

func (r *request) within() time.Duration { return time.Duration(r.Within) * time.Millisecond }

// stage holds who is there: the desks that are open and the residents who were started here.
type stage struct {
	server string
	teller *teller
	// crowd is whom the residents are started through.
	crowd *kupla.Client

	running sync.WaitGroup

	mu        sync.Mutex
	desks     map[string]*desk
	residents map[string]*kupla.Conversation // of who was started here and stays
}

func newStage(server string, t *teller) *stage {
	return &stage{
		server: server, teller: t, crowd: kupla.New(server),
		desks: make(map[string]*desk), residents: make(map[string]*kupla.Conversation),
	}
}

// close waits for all that runs, which has been told to end, and closes the connections.
func (s *stage) close() {
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.desks {
		d.client.Close()
	}
	s.crowd.Close()
}

// longestLine is how long a line of input may be: a long message in JSON with room to spare.
const longestLine = 1 << 20

// obey does what the lines say until there are no more. Each is done beside the others, as some wait.
func (s *stage) obey(ctx context.Context, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		req := &request{}
		if err := json.Unmarshal(lines.Bytes(), req); err != nil {
			return fmt.Errorf("read a line: %w", err)
		}
		s.running.Go(func() {
			result, err := s.act(ctx, req)
			a := answer{ID: req.ID, Result: result}
			if err != nil {
				a.Result, a.Error = nil, &refusal{Message: err.Error(), Reason: reasonOf(err)}
			}
			s.teller.line(a)
		})
	}
	return lines.Err()
}

// reasonOf is the contract's reason of a refusal without its prefix, or nothing.
func reasonOf(err error) string {
	reason := kupla.ReasonOf(err)
	if reason == kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return ""
	}
	return strings.TrimPrefix(reason.String(), "ERROR_REASON_")
}

// action does one request and returns what to answer.
type action func(s *stage, ctx context.Context, r *request) (any, error)

// actions are all that can be asked for.
var actions = map[string]action{
	"open":          (*stage).open,
	"setAvailable":  (*stage).setAvailability,
	"takeNext":      (*stage).takeNext,
	"send":          (*stage).send,
	"type":          (*stage).setTyping,
	"markRead":      (*stage).markRead,
	"close":         (*stage).closeConversation,
	"transfer":      (*stage).transfer,
	"returnToQueue": (*stage).returnToQueue,
	"follow":        (*stage).follow,
	"log":           (*stage).log,
	"pause":         (*stage).pause,
	"resume":        (*stage).resume,
	"changeQueue":   (*stage).changeQueue,
	"status":        (*stage).status,
	"arrive":        (*stage).arrive,
	"leave":         (*stage).leave,
}

var (
	errUnknownAction   = errors.New("there is no such thing to do")
	errUnknownDesk     = errors.New("this desk was not opened")
	errUnknownResident = errors.New("nobody was started here with this conversation")
	errUnknownName     = errors.New("the contract has no such name")
)

func (s *stage) act(ctx context.Context, r *request) (any, error) {
	do, ok := actions[r.Do]
	if !ok {
		return nil, fmt.Errorf("%w: %q", errUnknownAction, r.Do)
	}
	return do(s, ctx, r)
}

// desk returns the desk that a request names.
func (s *stage) desk(r *request) (*desk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.desks[r.Desk]
	if !ok {
		return nil, fmt.Errorf("%w: %q", errUnknownDesk, r.Desk)
	}
	return d, nil
}

// named is the value of an enum with the name, which goes without its prefix.
func named(values map[string]int32, prefix, name string) (int32, error) {
	value, ok := values[prefix+name]
	if !ok {
		return 0, fmt.Errorf("%w: %q", errUnknownName, name)
	}
	return value, nil
}
