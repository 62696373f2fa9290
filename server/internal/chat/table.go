package chat

import (
	"fmt"
	"strings"
)

// State is what a conversation is doing.
type State int8

// The states.
const (
	Waiting State = iota + 1
	Active
	Closed
)

// States are all states, in the order of a conversation's life.
var States = []State{Waiting, Active, Closed}

// String is the name of the state, as in the contract.
func (s State) String() string {
	switch s {
	case Waiting:
		return "WAITING"
	case Active:
		return "ACTIVE"
	case Closed:
		return "CLOSED"
	}
	return fmt.Sprintf("State(%d)", int8(s))
}

// Command is something asked of a conversation.
type Command string

// The commands.
const (
	CommandPostAsCustomer         Command = "post as customer"
	CommandPostAsProfessional     Command = "post as professional"
	CommandMarkRead               Command = "mark read"
	CommandSetTyping              Command = "set typing"
	CommandLeaveAsCustomer        Command = "leave as customer"
	CommandLeaveAsProfessional    Command = "leave as professional"
	CommandTake                   Command = "take"
	CommandTransferToQueue        Command = "transfer to queue"
	CommandTransferToProfessional Command = "transfer to professional"
	CommandReturn                 Command = "return to queue"
	CommandInvite                 Command = "invite professional"
	CommandClose                  Command = "close"
	CommandAddCaseNote            Command = "add case note"
	CommandGiveFeedback           Command = "give feedback"
	CommandAbandon                Command = "abandon"
	CommandNotReach               Command = "not reach"
	CommandExpire                 Command = "expire"
	CommandLoseProfessional       Command = "lose professional"
)

// Commands are all commands, in the order they are documented.
var Commands = []Command{
	CommandPostAsCustomer, CommandPostAsProfessional, CommandMarkRead, CommandSetTyping,
	CommandLeaveAsCustomer, CommandLeaveAsProfessional, CommandTake, CommandTransferToQueue,
	CommandTransferToProfessional, CommandReturn, CommandInvite, CommandClose, CommandAddCaseNote,
	CommandGiveFeedback, CommandAbandon, CommandNotReach, CommandExpire, CommandLoseProfessional,
}

// Cell is what a command does in a state: it leads to Next, or is refused with Refusal.
type Cell struct {
	Next    State
	Refusal Reason // empty when the command is allowed
	// Condition names what else is checked once the state allows the command.
	Condition string
}

func to(s State) Cell                      { return Cell{Next: s} }
func toIf(s State, condition string) Cell  { return Cell{Next: s, Condition: condition} }
func refuse(r Reason) Cell                 { return Cell{Refusal: r} }
func row(w, a, c Cell) map[State]Cell      { return map[State]Cell{Waiting: w, Active: a, Closed: c} }
func (c Cell) allowed() bool               { return c.Refusal == "" }
func lookup(s State, command Command) Cell { return Table[command][s] }

// Table is every command in every state. It is what the commands go by and what is printed to
// docs/state_machine.md.
//
//nolint:lll // A table is read by its rows.
var Table = map[Command]map[State]Cell{
	CommandPostAsCustomer:         row(to(Waiting), to(Active), refuse(ConversationIsClosed)),
	CommandPostAsProfessional:     row(refuse(AccessEnded), toIf(Active, "takes part"), refuse(ConversationIsClosed)),
	CommandMarkRead:               row(toIf(Waiting, "not ahead of the log"), toIf(Active, "not ahead of the log"), toIf(Closed, "not ahead of the log")),
	CommandSetTyping:              row(toIf(Waiting, "takes part"), toIf(Active, "takes part"), refuse(ConversationIsClosed)),
	CommandLeaveAsCustomer:        row(to(Closed), to(Closed), refuse(ConversationIsClosed)),
	CommandLeaveAsProfessional:    row(refuse(AccessEnded), toIf(Active, "another professional stays"), refuse(ConversationIsClosed)),
	CommandTake:                   row(to(Active), refuse(AlreadyTaken), refuse(ConversationIsClosed)),
	CommandTransferToQueue:        row(refuse(AccessEnded), Cell{Next: Waiting, Condition: "leads; the queue allows it; agreed between health and social care"}, refuse(ConversationIsClosed)),
	CommandTransferToProfessional: row(refuse(AccessEnded), toIf(Active, "leads; the colleague is available and not yet in it; into another queue as by a transfer to it"), refuse(ConversationIsClosed)),
	CommandReturn:                 row(refuse(AccessEnded), toIf(Waiting, "leads"), refuse(ConversationIsClosed)),
	CommandInvite:                 row(refuse(AccessEnded), toIf(Active, "leads; the colleague is not yet in it"), refuse(ConversationIsClosed)),
	CommandClose:                  row(refuse(AccessEnded), toIf(Closed, "leads"), refuse(ConversationIsClosed)),
	CommandAddCaseNote:            row(refuse(AccessEnded), toIf(Active, "takes part"), toIf(Closed, "was there at the close; within the wrap-up time")),
	CommandGiveFeedback:           row(refuse(ConversationIsOpen), refuse(ConversationIsOpen), to(Closed)),
	CommandAbandon:                row(to(Closed), refuse(ConversationIsActive), refuse(ConversationIsClosed)),
	CommandNotReach:               row(to(Closed), refuse(ConversationIsActive), refuse(ConversationIsClosed)),
	CommandExpire:                 row(refuse(ConversationIsWaiting), to(Closed), refuse(ConversationIsClosed)),
	CommandLoseProfessional:       row(refuse(ConversationIsWaiting), toIf(Waiting, "takes part; stays ACTIVE when another professional stays"), refuse(ConversationIsClosed)),
}

// Markdown prints the table as docs/state_machine.md has it.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# The states of a conversation\n\n")
	b.WriteString("Printed from the table that the server goes by (`server/internal/chat/table.go`); a test fails when they\n")
	b.WriteString("differ. A cell holds the state that the command leads to, with what else is checked, or the reason of the\n")
	b.WriteString("refusal.\n\n| command |")
	for _, s := range States {
		fmt.Fprintf(&b, " in %s |", s)
	}
	b.WriteString("\n|---|---|---|---|\n")
	for _, command := range Commands {
		fmt.Fprintf(&b, "| %s |", command)
		for _, s := range States {
			cell := lookup(s, command)
			switch {
			case !cell.allowed():
				fmt.Fprintf(&b, " refused: `%s` |", cell.Refusal)
			case cell.Condition != "":
				fmt.Fprintf(&b, " → %s (%s) |", cell.Next, cell.Condition)
			default:
				fmt.Fprintf(&b, " → %s |", cell.Next)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
