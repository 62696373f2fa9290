package chat_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

const wrapUp = time.Hour

var (
	morning = time.Date(2026, time.September, 7, 8, 30, 0, 0, time.UTC)

	nurse     = chat.Staff{ID: "staff-nurse", DisplayName: "Testi Hoitaja"}
	doctor    = chat.Staff{ID: "staff-doctor", DisplayName: "Testi Lääkäri"}
	counselor = chat.Staff{ID: "staff-counselor", DisplayName: "Testi Ohjaaja"}

	freely = chat.TransferRules{Allowed: true}
)

// The professionals of a conversation are numbered as they come.
const (
	first  = "professional-1"
	second = "professional-2"
	third  = "professional-3"
)

// must fails the test when a command that prepares it is refused.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// settled forgets what a conversation has pending, as the store does once it is durable.
func settled(c *chat.Conversation) *chat.Conversation {
	c.Settle()
	return c
}

// started is a conversation that waits.
func started() *chat.Conversation {
	return settled(chat.Start(chat.StartParams{
		ID: "c-1", QueueID: "oral-health", Language: "fi", DisplayName: "Testi", Message: "Hammasta särkee",
		NoticeVersion: "n1", Origin: "0a1b", Now: morning, Arrival: morning,
	}))
}

// taken is a conversation that the nurse leads, alone.
func taken(t testing.TB) *chat.Conversation {
	t.Helper()
	c := started()
	must(t, c.Take(nurse, morning.Add(time.Minute)))
	return settled(c)
}

// consulted is a conversation that the nurse leads, with the doctor and then the counselor beside them.
func consulted(t testing.TB) *chat.Conversation {
	t.Helper()
	c := taken(t)
	must(t, c.Invite(first, doctor, morning.Add(2*time.Minute)))
	must(t, c.Invite(first, counselor, morning.Add(3*time.Minute)))
	return settled(c)
}

// returned is a conversation that waits again after the nurse had it.
func returned(t testing.TB) *chat.Conversation {
	t.Helper()
	c := taken(t)
	must(t, c.Return(first, morning.Add(4*time.Minute)))
	return settled(c)
}

// completed is a conversation that the nurse closed.
func completed(t testing.TB) *chat.Conversation {
	t.Helper()
	c := taken(t)
	must(t, c.Close(first, chat.Completed, morning.Add(5*time.Minute)))
	return settled(c)
}

// inState are the conversations of a state that a command is tried on.
func inState(t testing.TB, s chat.State) map[string]*chat.Conversation {
	t.Helper()
	switch s {
	case chat.Waiting:
		return map[string]*chat.Conversation{"started": started(), "returned": returned(t)}
	case chat.Active:
		return map[string]*chat.Conversation{"taken": taken(t)}
	case chat.Closed:
		return map[string]*chat.Conversation{"completed": completed(t)}
	}
	t.Fatalf("no conversation to try commands on in %s: add one", s)
	return nil
}

// plays is every command as whoever may give it gives it, with every condition met.
var plays = map[chat.Command]func(c *chat.Conversation, now time.Time) error{
	chat.CommandPostAsCustomer: func(c *chat.Conversation, now time.Time) error {
		return c.Post(chat.CustomerID, "Hei", now)
	},
	chat.CommandPostAsProfessional: func(c *chat.Conversation, now time.Time) error {
		return c.Post(first, "Hei", now)
	},
	chat.CommandMarkRead: func(c *chat.Conversation, _ time.Time) error {
		_, err := c.MarkRead(c.Customer(), c.LastSequence)
		return err
	},
	chat.CommandSetTyping: func(c *chat.Conversation, _ time.Time) error {
		return c.CanType(chat.CustomerID)
	},
	chat.CommandLeaveAsCustomer: func(c *chat.Conversation, now time.Time) error {
		return c.LeaveAsCustomer(now)
	},
	chat.CommandLeaveAsProfessional: func(c *chat.Conversation, now time.Time) error {
		if c.State == chat.Active {
			if err := c.Invite(first, doctor, now); err != nil {
				return err
			}
		}
		return c.LeaveAsProfessional(first, now)
	},
	chat.CommandTake: func(c *chat.Conversation, now time.Time) error {
		return c.Take(counselor, now)
	},
	chat.CommandTransferToQueue: func(c *chat.Conversation, now time.Time) error {
		return c.TransferToQueue(first, "child-health", freely, now)
	},
	chat.CommandTransferToProfessional: func(c *chat.Conversation, now time.Time) error {
		return c.TransferToProfessional(first, doctor, "child-health", freely, now)
	},
	chat.CommandReturn: func(c *chat.Conversation, now time.Time) error {
		return c.Return(first, now)
	},
	chat.CommandInvite: func(c *chat.Conversation, now time.Time) error {
		return c.Invite(first, doctor, now)
	},
	chat.CommandClose: func(c *chat.Conversation, now time.Time) error {
		return c.Close(first, chat.Completed, now)
	},
	chat.CommandAddCaseNote: func(c *chat.Conversation, now time.Time) error {
		p := c.Participant(first)
		if p == nil {
			p = &chat.Participant{ID: first, Role: chat.Professional}
		}
		return c.CanAddCaseNote(p, now, wrapUp)
	},
	chat.CommandGiveFeedback: func(c *chat.Conversation, _ time.Time) error {
		return c.CanGiveFeedback()
	},
	chat.CommandAbandon:  func(c *chat.Conversation, now time.Time) error { return c.Abandon(now) },
	chat.CommandNotReach: func(c *chat.Conversation, now time.Time) error { return c.NotReach(now) },
	chat.CommandExpire:   func(c *chat.Conversation, now time.Time) error { return c.Expire(now) },
	chat.CommandLoseProfessional: func(c *chat.Conversation, now time.Time) error {
		return c.LoseProfessional(nurse.ID, now)
	},
}

// unmet is every condition of the table, not met.
var unmet = []struct {
	command chat.Command
	state   chat.State
	name    string
	play    func(t testing.TB, now time.Time) (*chat.Conversation, error)
	reason  chat.Reason
}{
	{
		chat.CommandPostAsProfessional, chat.Active, "never took part",
		on(taken, func(c *chat.Conversation, now time.Time) error { return c.Post(second, "Hei", now) }),
		chat.AccessEnded,
	},
	{
		chat.CommandPostAsProfessional, chat.Active, "takes part no longer",
		on(func(t testing.TB) *chat.Conversation {
			c := consulted(t)
			must(t, c.LeaveAsProfessional(second, morning.Add(time.Hour)))
			return c
		}, func(c *chat.Conversation, now time.Time) error { return c.Post(second, "Hei", now) }),
		chat.AccessEnded,
	},
	{
		chat.CommandMarkRead, chat.Waiting, "ahead of the log",
		on(returned, ahead), chat.SequenceAhead,
	},
	{
		chat.CommandMarkRead, chat.Active, "ahead of the log",
		on(taken, ahead), chat.SequenceAhead,
	},
	{
		chat.CommandMarkRead, chat.Closed, "ahead of the log",
		on(completed, ahead), chat.SequenceAhead,
	},
	{
		chat.CommandSetTyping, chat.Waiting, "a professional who returned it",
		on(returned, func(c *chat.Conversation, _ time.Time) error { return c.CanType(first) }),
		chat.AccessEnded,
	},
	{
		chat.CommandSetTyping, chat.Active, "never took part",
		on(taken, func(c *chat.Conversation, _ time.Time) error { return c.CanType(second) }),
		chat.AccessEnded,
	},
	{
		chat.CommandLeaveAsProfessional, chat.Active, "nobody else stays",
		on(taken, func(c *chat.Conversation, now time.Time) error { return c.LeaveAsProfessional(first, now) }),
		chat.LastProfessional,
	},
	{
		chat.CommandLeaveAsProfessional, chat.Active, "the customer is no professional",
		on(consulted, func(c *chat.Conversation, now time.Time) error { return c.LeaveAsProfessional(chat.CustomerID, now) }),
		chat.AccessEnded,
	},
	{
		chat.CommandTransferToQueue, chat.Active, "a guest",
		on(consulted, func(c *chat.Conversation, now time.Time) error {
			return c.TransferToQueue(second, "child-health", freely, now)
		}),
		chat.NotLeading,
	},
	{
		chat.CommandTransferToQueue, chat.Active, "the queue does not transfer there",
		on(taken, func(c *chat.Conversation, now time.Time) error {
			return c.TransferToQueue(first, "child-health", chat.TransferRules{CustomerAgreed: true}, now)
		}),
		chat.TransferNotAllowed,
	},
	{
		chat.CommandTransferToQueue, chat.Active, "the customer has not agreed",
		on(taken, func(c *chat.Conversation, now time.Time) error {
			return c.TransferToQueue(first, "family-support", chat.TransferRules{Allowed: true, NeedsAgreement: true}, now)
		}),
		chat.CustomerAgreementRequired,
	},
	{
		chat.CommandTransferToProfessional, chat.Active, "a guest",
		on(consulted, func(c *chat.Conversation, now time.Time) error {
			return c.TransferToProfessional(second, chat.Staff{ID: "staff-4"}, "oral-health", freely, now)
		}),
		chat.NotLeading,
	},
	{
		chat.CommandTransferToProfessional, chat.Active, "the colleague is in it",
		on(consulted, func(c *chat.Conversation, now time.Time) error {
			return c.TransferToProfessional(first, doctor, "oral-health", freely, now)
		}),
		chat.AlreadyParticipant,
	},
	{
		chat.CommandTransferToProfessional, chat.Active, "the colleague's queue is not one it transfers to",
		on(taken, func(c *chat.Conversation, now time.Time) error {
			return c.TransferToProfessional(first, doctor, "child-health", chat.TransferRules{}, now)
		}),
		chat.TransferNotAllowed,
	},
	{
		chat.CommandTransferToProfessional, chat.Active, "the customer has not agreed",
		on(taken, func(c *chat.Conversation, now time.Time) error {
			return c.TransferToProfessional(first, doctor, "family-support", chat.TransferRules{Allowed: true, NeedsAgreement: true}, now)
		}),
		chat.CustomerAgreementRequired,
	},
	{
		chat.CommandReturn, chat.Active, "a guest",
		on(consulted, func(c *chat.Conversation, now time.Time) error { return c.Return(third, now) }),
		chat.NotLeading,
	},
	{
		chat.CommandInvite, chat.Active, "a guest",
		on(consulted, func(c *chat.Conversation, now time.Time) error {
			return c.Invite(second, chat.Staff{ID: "staff-4"}, now)
		}),
		chat.NotLeading,
	},
	{
		chat.CommandInvite, chat.Active, "the colleague is in it",
		on(consulted, func(c *chat.Conversation, now time.Time) error { return c.Invite(first, doctor, now) }),
		chat.AlreadyParticipant,
	},
	{
		chat.CommandClose, chat.Active, "a guest",
		on(consulted, func(c *chat.Conversation, now time.Time) error {
			return c.Close(second, chat.Completed, now)
		}),
		chat.NotLeading,
	},
	{
		chat.CommandAddCaseNote, chat.Active, "the customer",
		on(taken, func(c *chat.Conversation, now time.Time) error {
			return c.CanAddCaseNote(c.Customer(), now, wrapUp)
		}),
		chat.AccessEnded,
	},
	{
		chat.CommandAddCaseNote, chat.Active, "takes part no longer",
		on(func(t testing.TB) *chat.Conversation {
			c := consulted(t)
			must(t, c.LeaveAsProfessional(second, morning.Add(time.Hour)))
			return c
		}, func(c *chat.Conversation, now time.Time) error {
			return c.CanAddCaseNote(c.Participant(second), now, wrapUp)
		}),
		chat.AccessEnded,
	},
	{
		chat.CommandAddCaseNote, chat.Closed, "the wrap-up time is over",
		on(completed, func(c *chat.Conversation, _ time.Time) error {
			return c.CanAddCaseNote(c.Participant(first), c.CloseTime.Add(wrapUp), wrapUp)
		}),
		chat.AccessEnded,
	},
	{
		chat.CommandAddCaseNote, chat.Closed, "had left before the close",
		on(func(t testing.TB) *chat.Conversation {
			c := returned(t)
			must(t, c.LeaveAsCustomer(morning.Add(time.Hour)))
			return c
		}, func(c *chat.Conversation, _ time.Time) error {
			return c.CanAddCaseNote(c.Participant(first), c.CloseTime, wrapUp)
		}),
		chat.AccessEnded,
	},
	{
		chat.CommandLoseProfessional, chat.Active, "never took part",
		on(taken, func(c *chat.Conversation, now time.Time) error { return c.LoseProfessional(doctor.ID, now) }),
		chat.AccessEnded,
	},
	{
		chat.CommandLoseProfessional, chat.Active, "takes part no longer",
		on(func(t testing.TB) *chat.Conversation {
			c := consulted(t)
			must(t, c.LoseProfessional(doctor.ID, morning.Add(time.Hour)))
			return c
		}, func(c *chat.Conversation, now time.Time) error { return c.LoseProfessional(doctor.ID, now) }),
		chat.AccessEnded,
	},
}

func ahead(c *chat.Conversation, _ time.Time) error {
	_, err := c.MarkRead(c.Customer(), c.LastSequence+1)
	return err
}

// on makes a play that brings its own conversation.
func on(
	with func(testing.TB) *chat.Conversation, play func(*chat.Conversation, time.Time) error,
) func(testing.TB, time.Time) (*chat.Conversation, error) {
	return func(t testing.TB, now time.Time) (*chat.Conversation, error) {
		t.Helper()
		c := with(t)
		before := settled(c).Clone()
		err := play(c, now)
		if diff := whole(before, c); diff != "" {
			t.Errorf("the refusal changed it (-before +after):\n%s", diff)
		}
		return before, err
	}
}

// whole compares everything in two conversations, what is pending included. It is empty when they are the same.
func whole(before, after *chat.Conversation) string {
	if reflect.DeepEqual(before, after) { // much quicker than to tell the difference
		return ""
	}
	return cmp.Diff(before, after, cmp.AllowUnexported(chat.Conversation{}))
}

// reasonOf is the reason of a refusal; empty when the error is none.
func reasonOf(err error) chat.Reason {
	if refused, ok := errors.AsType[*chat.Refusal](err); ok {
		return refused.Reason
	}
	return ""
}

// The table has a cell for every command in every state, and nothing else.
func TestTableIsWhole(t *testing.T) {
	for n := range int8(100) {
		s := chat.State(n)
		if named := !strings.HasPrefix(s.String(), "State("); named != slices.Contains(chat.States, s) {
			t.Errorf("%s: has a name: %t; is in States: %t", s, named, !named)
		}
	}
	for command := range chat.Table {
		if !slices.Contains(chat.Commands, command) {
			t.Errorf("%q is in the table and not in Commands", command)
		}
	}
	for _, command := range chat.Commands {
		row, ok := chat.Table[command]
		if !ok {
			t.Errorf("%q has no row", command)
		}
		if plays[command] == nil {
			t.Errorf("%q is not tried by this test", command)
		}
		for s := range row {
			if !slices.Contains(chat.States, s) {
				t.Errorf("%q has a cell for %s, which is no state", command, s)
			}
		}
		for _, s := range chat.States {
			cell, ok := row[s]
			switch {
			case !ok:
				t.Errorf("%q has no cell for %s", command, s)
			case (cell.Next == 0) == (cell.Refusal == ""):
				t.Errorf("%q in %s leads somewhere or is refused, not both or neither: %+v", command, s, cell)
			case cell.Refusal != "" && cell.Condition != "":
				t.Errorf("%q in %s is refused, so its condition is never looked at", command, s)
			case s == chat.Closed && cell.Refusal == "" && cell.Next != chat.Closed:
				t.Errorf("%q reopens a closed conversation", command)
			}
		}
	}
}

// Whoever adds a method that changes a conversation gives it a row, or says here that it is no command.
func TestEveryMethodIsACommandOrAQuestion(t *testing.T) {
	known := map[string]bool{}
	for _, name := range []string{
		"Post", "MarkRead", "CanType", "LeaveAsCustomer", "LeaveAsProfessional", "Take", "TransferToQueue",
		"TransferToProfessional", "Return", "Invite", "Close", "CanAddCaseNote", "CanGiveFeedback", "Abandon",
		"NotReach", "Expire", "LoseProfessional",
	} {
		known[name] = true
	}
	// Post is two commands, as the customer's and as a professional's.
	if len(known)+1 != len(chat.Commands) {
		t.Errorf("%d methods are commands, and there are %d commands", len(known), len(chat.Commands))
	}
	for _, name := range []string{
		"Advance", "Capabilities", "Changed", "Clone", "Customer", "Leader", "OnlyPosted", "Participant", "Pending",
		"Professionals", "Readable", "Settle", "StaffParticipant", "String", "VisibleThrough",
	} {
		known[name] = true
	}
	for method := range reflect.TypeFor[*chat.Conversation]().Methods() {
		name := method.Name
		if !known[name] {
			t.Errorf("%s is neither a command with a row in the table nor named here as a question", name)
		}
		delete(known, name)
	}
	for name := range known {
		t.Errorf("%s is no method any more", name)
	}
}

// Every command in every state does what the table says.
func TestTable(t *testing.T) {
	now := morning.Add(10 * time.Minute)
	for _, command := range chat.Commands {
		for _, s := range chat.States {
			for from, c := range inState(t, s) {
				t.Run(fmt.Sprintf("%s in %s, %s", command, s, from), func(t *testing.T) {
					cell := chat.Table[command][s]
					before := c.Clone()
					err := plays[command](c, now)
					if cell.Refusal != "" {
						if got := reasonOf(err); got != cell.Refusal {
							t.Errorf("refused with %q (%v), want %q", got, err, cell.Refusal)
						}
						if diff := whole(before, c); diff != "" {
							t.Errorf("the refusal changed it (-before +after):\n%s", diff)
						}
						return
					}
					if err != nil {
						t.Fatalf("refused: %v", err)
					}
					if c.State != cell.Next {
						t.Errorf("leads to %s, want %s", c.State, cell.Next)
					}
				})
			}
		}
	}
}

// Every condition that the table names refuses when it is not met, and changes nothing.
func TestTableConditions(t *testing.T) {
	tried := map[chat.Command]map[chat.State]bool{}
	for _, test := range unmet {
		t.Run(fmt.Sprintf("%s in %s, %s", test.command, test.state, test.name), func(t *testing.T) {
			before, err := test.play(t, morning.Add(2*time.Hour))
			if before.State != test.state {
				t.Fatalf("tried in %s", before.State)
			}
			if got := reasonOf(err); got != test.reason {
				t.Errorf("refused with %q (%v), want %q", got, err, test.reason)
			}
		})
		if tried[test.command] == nil {
			tried[test.command] = map[chat.State]bool{}
		}
		tried[test.command][test.state] = true
	}
	for _, command := range chat.Commands {
		for _, s := range chat.States {
			if named := chat.Table[command][s].Condition != ""; named != tried[command][s] {
				t.Errorf("%q in %s: the table names a condition: %t; this test tries one: %t", command, s, named, !named)
			}
		}
	}
}
