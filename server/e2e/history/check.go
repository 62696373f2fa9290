package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// Check returns what is wrong with the history of one conversation: nothing, if all is well.
func Check(c *Conversation) []Anomaly {
	k := &checker{c: c}
	k.log()
	k.messages()
	k.order()
	for _, v := range c.Views {
		k.view(v)
	}
	return k.found
}

type checker struct {
	c     *Conversation
	found []Anomaly
	lines []Event // of the log
	last  *chat.Conversation
}

func (k *checker) addf(kind, format string, args ...any) {
	k.found = append(k.found, Anomaly{Kind: kind, Conversation: k.c.ID, Detail: fmt.Sprintf(format, args...)})
}

// log looks at what the store has, by itself.
func (k *checker) log() {
	k.last = &chat.Conversation{}
	var before time.Time
	for i, e := range k.c.Log {
		k.lines = append(k.lines, FromStore(e))
		if e.Sequence != int32(i+1) {
			k.addf(BrokenLog, "event %d of the log has the sequence %d", i+1, e.Sequence)
		}
		if e.Time.Before(before) {
			k.addf(BrokenLog, "event %d is earlier than the one before: %s", e.Sequence, k.lines[i].Line)
		}
		before = e.Time
	}
	if len(k.found) > 0 {
		return // a log in disorder cannot be replayed
	}
	k.states()
	if len(k.found) > 0 || k.c.State == nil {
		return
	}
	if told, kept := outline(k.last), outline(k.c.State); told != kept {
		k.addf(BrokenLog, "the log tells another story than the state\nlog:   %s\nstate: %s", told, kept)
	}
}

// outline is what a log tells of a conversation, in one line.
func outline(c *chat.Conversation) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s in %s, %d events to %s, taken %s, closed %s reason %d, transferred %t;",
		c.State, c.QueueID, c.LastSequence, stamp(c.LastEventTime), stamp(c.TakeTime), stamp(c.CloseTime), c.CloseReason, c.Transferred)
	for _, p := range c.Participants {
		fmt.Fprintf(&s, " %s/%s joined %d left %d leading %t", p.ID, p.StaffID, p.JoinSequence, p.LeaveSequence, p.Leading)
	}
	return s.String()
}

// states replays the log and looks each event up in the table of states and commands.
func (k *checker) states() {
	state := chat.Replay(k.c.QueueID, nil)
	for i, e := range k.c.Log {
		if i == 0 {
			if j, ok := e.Kind.(chat.ParticipantJoined); !ok || j.Participant.ID != chat.CustomerID {
				k.addf(Forbidden, "the log begins without the customer: %s", k.lines[i].Line)
			}
		} else if problem := forbidden(state, k.c.Log, i); problem != "" {
			k.addf(Forbidden, "%s while %s: %s", problem, state.State, k.lines[i].Line)
			return
		}
		if _, ok := e.Kind.(chat.MessagePosted); !ok || i == len(k.c.Log)-1 {
			state = chat.Replay(k.c.QueueID, k.c.Log[:i+1])
		}
	}
	k.last = state
}

// forbidden says why the event at i may not come in a state; empty when it may.
func forbidden(state *chat.Conversation, log []chat.Event, i int) string {
	e := log[i]
	command, problem := commandOf(state, log, i)
	if problem != "" {
		return problem
	}
	cell := chat.Table[command][state.State]
	if cell.Refusal != "" {
		return fmt.Sprintf("%q is refused with %s", command, cell.Refusal)
	}
	if e.ParticipantID == "" || e.ParticipantID == chat.CustomerID {
		return ""
	}
	if _, joins := e.Kind.(chat.ParticipantJoined); joins {
		return ""
	}
	if p := state.Participant(e.ParticipantID); p == nil || !p.Present() {
		return e.ParticipantID + " does not take part"
	}
	return ""
}

// commandOf is the command that an event comes from.
func commandOf(state *chat.Conversation, log []chat.Event, i int) (command chat.Command, problem string) {
	e := log[i]
	switch k := e.Kind.(type) {
	case chat.MessagePosted:
		if e.ParticipantID == chat.CustomerID {
			return chat.CommandPostAsCustomer, ""
		}
		return chat.CommandPostAsProfessional, ""
	case chat.ParticipantJoined:
		if k.Participant.Role != chat.Professional || state.Participant(k.Participant.ID) != nil {
			return "", "joins twice"
		}
		if t, ok := log[i-1].Kind.(chat.Transferred); ok && t.ParticipantID == k.Participant.ID {
			return chat.CommandTransferToProfessional, ""
		}
		if k.InviterID != "" {
			return chat.CommandInvite, ""
		}
		return chat.CommandTake, ""
	case chat.ParticipantLeft:
		if p := state.Participant(k.ParticipantID); p == nil || !p.Present() {
			return "", "leaves without having been there"
		}
		if k.Reason == chat.LeftLost {
			return chat.CommandLoseProfessional, ""
		}
		return chat.CommandLeaveAsProfessional, ""
	case chat.Transferred:
		if k.ParticipantID == "" {
			return chat.CommandTransferToQueue, ""
		}
		return chat.CommandTransferToProfessional, ""
	case chat.ReturnedToQueue:
		if k.Reason == chat.ProfessionalLost {
			return chat.CommandLoseProfessional, ""
		}
		return chat.CommandReturn, ""
	case chat.ConversationClosed:
		return closing[k.Reason], ""
	}
	return "", "is of an unknown kind"
}

var closing = map[chat.CloseReason]chat.Command{
	chat.Completed:         chat.CommandClose,
	chat.RedirectedToPhone: chat.CommandClose,
	chat.EndedByStaff:      chat.CommandClose,
	chat.CustomerLeft:      chat.CommandLeaveAsCustomer,
	chat.Abandoned:         chat.CommandAbandon,
	chat.NotReached:        chat.CommandNotReach,
	chat.Expired:           chat.CommandExpire,
}

// messages holds what was written, and what was answered, against the log.
func (k *checker) messages() {
	stored := map[string][]chat.Event{}
	for _, e := range k.c.Log {
		if m, ok := e.Kind.(chat.MessagePosted); ok {
			stored[m.Text] = append(stored[m.Text], e)
		}
	}
	written := map[string]bool{}
	for _, m := range k.c.Messages {
		written[m.Text] = true
		found := stored[m.Text]
		switch {
		case len(found) > 1:
			k.addf(Doubled, "%q of %s is stored %d times, at %d and %d", m.Text, m.Sender, len(found), found[0].Sequence, found[1].Sequence)
		case len(m.Sequences) > 0 && len(found) == 0:
			k.addf(Lost, "%q of %s was acknowledged as %d and is not stored", m.Text, m.Sender, m.Sequences[0])
		case m.Refused && len(found) > 0:
			k.addf(StoredAfterAll, "%q of %s was refused and is stored as %d", m.Text, m.Sender, found[0].Sequence)
		}
		for _, e := range found {
			if who := k.writer(e); who != m.Sender {
				k.addf(Misplaced, "%q of %s is stored as %s's", m.Text, m.Sender, who)
			}
		}
		for _, sequence := range m.Sequences {
			if len(found) > 0 && found[0].Sequence != sequence {
				k.addf(Misplaced, "%q of %s was acknowledged as %d and is stored as %d", m.Text, m.Sender, sequence, found[0].Sequence)
			}
		}
	}
	for text, found := range stored {
		if !written[text] {
			k.addf(Unwritten, "%q is stored as %d", text, found[0].Sequence)
		}
	}
}

// writer is who wrote a message, as messages name their senders.
func (k *checker) writer(e chat.Event) string {
	if e.ParticipantID == chat.CustomerID {
		return Customer
	}
	for _, other := range k.c.Log {
		if j, ok := other.Kind.(chat.ParticipantJoined); ok && j.Participant.ID == e.ParticipantID {
			return j.Participant.StaffID
		}
	}
	return "nobody"
}

// order holds the order of the log against real time: what was acknowledged before something was sent comes
// before it, whoever wrote either.
func (k *checker) order() {
	var acked []*Message
	for _, m := range k.c.Messages {
		if len(m.Sequences) > 0 {
			acked = append(acked, m)
		}
	}
	byAck := slices.SortedFunc(slices.Values(acked), func(a, b *Message) int { return a.Acked.Compare(b.Acked) })
	bySent := slices.SortedFunc(slices.Values(acked), func(a, b *Message) int { return a.Sent.Compare(b.Sent) })
	var highest *Message // of those acknowledged before the one looked at was sent
	next := 0
	for _, m := range bySent {
		for ; next < len(byAck) && byAck[next].Acked.Before(m.Sent); next++ {
			if highest == nil || byAck[next].Sequences[0] > highest.Sequences[0] {
				highest = byAck[next]
			}
		}
		if highest != nil && m.Sequences[0] <= highest.Sequences[0] {
			k.addf(Reordered, "%q is %d, and was sent after %q was acknowledged as %d",
				m.Text, m.Sequences[0], highest.Text, highest.Sequences[0])
		}
	}
}

// view holds what a follower was handed against the log, and against what its viewer may see.
func (k *checker) view(v *View) {
	whose := fmt.Sprintf("%s (%s, from %d)", v.Viewer, v.By, v.After)
	next := v.After
	for _, e := range v.Events {
		next++
		if e.Sequence != next {
			k.addf(Skipped, "%s was handed event %d instead of %d: %s", whose, e.Sequence, next, e.Line)
			return
		}
		if int(e.Sequence) > len(k.lines) {
			k.addf(Lost, "%s was handed event %d of a log of %d: %s", whose, e.Sequence, len(k.lines), e.Line)
			return
		}
		stored := k.lines[e.Sequence-1]
		if e.Line != stored.Line {
			k.addf(Changed, "%s was handed\n%s\nwhere the store has\n%s", whose, e.Line, stored.Line)
			return
		}
		if v.Viewer == Customer && e.StaffID != "" || v.Viewer != Customer && e.StaffID != stored.StaffID {
			k.addf(Foreign, "%s was told of staff %q: %s", whose, e.StaffID, e.Line)
			return
		}
	}
	if v.Viewer != Customer {
		k.stints(v, whose, next)
	}
	if v.Whole && int(next) != len(k.lines) {
		k.addf(Unfinished, "%s was told the end at %d of %d", whose, next, len(k.lines))
	}
}

// stints looks that a professional saw no event after the one by which the conversation left them.
func (k *checker) stints(v *View, whose string, last int32) {
	var ends []int32
	for i := range k.last.Participants {
		if p := &k.last.Participants[i]; p.StaffID == v.Viewer {
			ends = append(ends, cmp.Or(p.LeaveSequence, int32(len(k.lines))))
		}
	}
	switch {
	case len(ends) == 0:
		k.addf(Foreign, "%s was handed %d events of a conversation that was never theirs", whose, len(v.Events))
	case last > slices.Max(ends):
		k.addf(Foreign, "%s was handed event %d and may see up to %d", whose, last, slices.Max(ends))
	case v.Removed && !slices.Contains(ends, last):
		k.addf(Unfinished, "%s was told at %d that it left the desk, which it did at %v", whose, last, ends)
	}
}
