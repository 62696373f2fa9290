package history_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/history"
	"github.com/kupla-chat/kupla/server/internal/chat"
)

var (
	noon   = time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)
	kaisa  = chat.Staff{ID: "kaisa", DisplayName: "Kaisa"}
	pekka  = chat.Staff{ID: "pekka", DisplayName: "Pekka"}
	freely = chat.TransferRules{Allowed: true}
)

// recorded is the history of a conversation in which everything happened that may: it waited, was taken, returned,
// taken again, somebody was invited and left, it was handed on, and closed. Written are, in this order, "hello", two
// of Kaisa's, "lost answer", which nobody was told of, and two of Pekka's; one more was refused.
func recorded(t *testing.T) *history.Conversation {
	t.Helper()
	c := chat.Start(chat.StartParams{ID: "one", QueueID: "emergency-help", Message: "hello", Now: noon, Arrival: noon})
	now := noon
	h := &history.Conversation{ID: "one", QueueID: "emergency-help"}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	wrote := func(sender, text string, sequences ...int32) {
		m := &history.Message{Sender: sender, Text: text, Sent: now.Add(-time.Second), Sequences: sequences}
		if len(sequences) > 0 {
			m.Acked = now.Add(-500 * time.Millisecond)
		}
		h.Messages = append(h.Messages, m)
	}
	do(nil)
	wrote(history.Customer, "hello", 2, 2)
	do(c.Take(kaisa, now))
	do(c.Post("professional-1", "kaisa 1", now))
	wrote("kaisa", "kaisa 1", c.LastSequence)
	do(c.Return("professional-1", now))
	returned := c.LastSequence
	do(c.Post(chat.CustomerID, "lost answer", now))
	wrote(history.Customer, "lost answer")
	do(c.Take(kaisa, now))
	do(c.Invite("professional-2", pekka, now))
	do(c.LeaveAsProfessional("professional-3", now))
	pekkaLeft := c.LastSequence
	do(c.Post("professional-2", "kaisa 2", now))
	wrote("kaisa", "kaisa 2", c.LastSequence)
	do(c.TransferToProfessional("professional-2", pekka, "emergency-help", freely, now))
	handed := c.LastSequence - 1 // the transfer; the joining comes after it
	do(c.Post("professional-4", "pekka 1", now))
	wrote("pekka", "pekka 1", c.LastSequence)
	do(c.Post("professional-4", "pekka 2", now))
	wrote("pekka", "pekka 2", c.LastSequence)
	do(c.Close("professional-4", chat.Completed, now))
	h.Messages = append(h.Messages, &history.Message{Sender: history.Customer, Text: "too late", Sent: now, Refused: true})

	h.Log, h.State = c.Pending(), c
	saw := func(viewer string, after, through int32) *history.View {
		v := &history.View{Viewer: viewer, By: "follower", After: after}
		for _, e := range h.Log[after:through] {
			one := history.FromStore(e)
			if viewer == history.Customer {
				one.StaffID = ""
			}
			v.Events = append(v.Events, one)
		}
		h.Views = append(h.Views, v)
		return v
	}
	saw(history.Customer, 0, c.LastSequence).Whole = true
	saw(history.Customer, 3, 9)
	saw("kaisa", 0, returned).Removed = true
	saw("kaisa", 0, handed).Removed = true
	saw("pekka", 0, pekkaLeft).Removed = true
	saw("pekka", 0, c.LastSequence).Whole = true
	return h
}

func TestACleanHistoryIsClean(t *testing.T) {
	if found := history.Check(recorded(t)); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

// position is the place in the log of the message with a text.
func position(t *testing.T, h *history.Conversation, text string) int {
	t.Helper()
	i := slices.IndexFunc(h.Log, func(e chat.Event) bool { return e.Kind == chat.MessagePosted{Text: text} })
	if i < 0 {
		t.Fatalf("%q is not in the log", text)
	}
	return i
}

// renumber makes a log gapless again, as a service would that had never known better.
func renumber(h *history.Conversation) {
	for i := range h.Log {
		h.Log[i].Sequence = int32(i + 1)
	}
	h.Views, h.State = nil, nil
}

// Whatever is done to a history, the checker finds it. Each mutation is the smallest of its kind.
func TestMutationsAreFound(t *testing.T) {
	text := func(h *history.Conversation, text string) *history.Message {
		return h.Messages[slices.IndexFunc(h.Messages, func(m *history.Message) bool { return m.Text == text })]
	}
	for _, test := range []struct {
		name   string
		kind   string
		mutate func(t *testing.T, h *history.Conversation)
	}{
		// Of the store.
		{"an acknowledged message is gone and the rest closed up", history.Lost, func(t *testing.T, h *history.Conversation) {
			i := position(t, h, "kaisa 1")
			h.Log = slices.Delete(h.Log, i, i+1)
			renumber(h)
		}},
		{"an acknowledged message is gone and left a gap", history.BrokenLog, func(t *testing.T, h *history.Conversation) {
			i := position(t, h, "kaisa 1")
			h.Log = slices.Delete(h.Log, i, i+1)
		}},
		{"the end of the log is gone", history.BrokenLog, func(_ *testing.T, h *history.Conversation) {
			h.Log, h.Views = h.Log[:len(h.Log)-1], nil
		}},
		{"a message is stored twice", history.Doubled, func(t *testing.T, h *history.Conversation) {
			i := position(t, h, "pekka 1")
			h.Log = slices.Insert(h.Log, i, h.Log[i])
			renumber(h)
		}},
		{"a message of unknown outcome is stored twice", history.Doubled, func(t *testing.T, h *history.Conversation) {
			i := position(t, h, "lost answer")
			h.Log = slices.Insert(h.Log, i, h.Log[i])
			renumber(h)
		}},
		{"two messages changed places", history.Misplaced, func(t *testing.T, h *history.Conversation) {
			i, j := position(t, h, "pekka 1"), position(t, h, "pekka 2")
			h.Log[i].Kind, h.Log[j].Kind = h.Log[j].Kind, h.Log[i].Kind
			h.Views = nil
		}},
		{"two messages changed places, and so said the answers", history.Reordered, func(t *testing.T, h *history.Conversation) {
			i, j := position(t, h, "pekka 1"), position(t, h, "pekka 2")
			h.Log[i].Kind, h.Log[j].Kind = h.Log[j].Kind, h.Log[i].Kind
			one, two := text(h, "pekka 1"), text(h, "pekka 2")
			one.Sequences, two.Sequences = two.Sequences, one.Sequences
			h.Views = nil
		}},
		{"a repeat was told another event", history.Misplaced, func(_ *testing.T, h *history.Conversation) {
			text(h, "hello").Sequences[1]++
		}},
		{"a message is stored as somebody else's", history.Misplaced, func(t *testing.T, h *history.Conversation) {
			h.Log[position(t, h, "pekka 1")].ParticipantID = chat.CustomerID
			h.Views = nil
		}},
		{"a refused message is stored", history.StoredAfterAll, func(_ *testing.T, h *history.Conversation) {
			text(h, "lost answer").Refused = true
		}},
		{"a message is stored that nobody wrote", history.Unwritten, func(t *testing.T, h *history.Conversation) {
			h.Log[position(t, h, "lost answer")].Kind = chat.MessagePosted{Text: "from another conversation"}
			h.Views = nil
		}},
		{"the times go back", history.BrokenLog, func(_ *testing.T, h *history.Conversation) {
			h.Log[4].Time = h.Log[4].Time.Add(-time.Hour)
		}},
		{"something comes after the close", history.Forbidden, func(_ *testing.T, h *history.Conversation) {
			h.Log = append(h.Log, chat.Event{Time: h.Log[len(h.Log)-1].Time, ParticipantID: chat.CustomerID, Kind: chat.MessagePosted{Text: "too late"}})
			renumber(h)
		}},
		{"a professional writes after they have left", history.Forbidden, func(t *testing.T, h *history.Conversation) {
			h.Log[position(t, h, "kaisa 2")].ParticipantID = "professional-3"
			h.Views = nil
		}},
		{"it is taken by two", history.Forbidden, func(_ *testing.T, h *history.Conversation) {
			taken := h.Log[2]
			joined := taken.Kind.(chat.ParticipantJoined)
			joined.Participant.ID, joined.Participant.StaffID = "professional-9", "eve"
			h.Log = slices.Insert(h.Log, 3, chat.Event{Time: taken.Time, ParticipantID: "professional-9", Kind: joined})
			renumber(h)
		}},
		{"the state tells of somebody whom the log does not", history.BrokenLog, func(_ *testing.T, h *history.Conversation) {
			h.State = h.State.Clone()
			h.State.Participants = append(h.State.Participants, chat.Participant{ID: "professional-9", StaffID: "eve"})
		}},

		// Of what was handed out.
		{"an event was left out", history.Skipped, func(_ *testing.T, h *history.Conversation) {
			h.Views[0].Events = slices.Delete(h.Views[0].Events, 4, 5)
		}},
		{"an event came twice", history.Skipped, func(_ *testing.T, h *history.Conversation) {
			h.Views[1].Events = slices.Insert(h.Views[1].Events, 2, h.Views[1].Events[2])
		}},
		{"two events came in the wrong order", history.Skipped, func(_ *testing.T, h *history.Conversation) {
			e := h.Views[5].Events
			e[3], e[4] = e[4], e[3]
		}},
		{"two texts came in the wrong order", history.Changed, func(t *testing.T, h *history.Conversation) {
			i, j := position(t, h, "pekka 1"), position(t, h, "pekka 2")
			e := h.Views[0].Events
			e[i].Line, e[j].Line = e[j].Line, e[i].Line
		}},
		{"the end was left out", history.Unfinished, func(_ *testing.T, h *history.Conversation) {
			h.Views[0].Events = h.Views[0].Events[:len(h.Views[0].Events)-1]
		}},
		{"the event that says why was left out", history.Unfinished, func(_ *testing.T, h *history.Conversation) {
			h.Views[2].Events = h.Views[2].Events[:len(h.Views[2].Events)-1]
		}},
		{"an event of another conversation came", history.Changed, func(_ *testing.T, h *history.Conversation) {
			other := h.Log[4]
			other.Kind = chat.MessagePosted{Text: "not yours"}
			h.Views[0].Events[4] = history.FromStore(other)
		}},
		{"an event came that is not in the log", history.Lost, func(_ *testing.T, h *history.Conversation) {
			last := h.Log[len(h.Log)-1]
			last.Sequence++
			h.Views[0].Events = append(h.Views[0].Events, history.FromStore(last))
		}},
		{"an event came after the access had ended", history.Foreign, func(_ *testing.T, h *history.Conversation) {
			v := h.Views[3]
			v.Removed = false
			v.Events = append(v.Events, history.FromStore(h.Log[len(v.Events)]))
		}},
		{"a stranger was handed events", history.Foreign, func(_ *testing.T, h *history.Conversation) {
			h.Views[4].Viewer = "eve"
		}},
		{"a customer was told which staff member came", history.Foreign, func(_ *testing.T, h *history.Conversation) {
			h.Views[0].Events[2].StaffID = "kaisa"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := recorded(t)
			test.mutate(t, h)
			found := history.Check(h)
			if !slices.ContainsFunc(found, func(a history.Anomaly) bool { return a.Kind == test.kind && a.Conversation == "one" }) {
				t.Errorf("found %v, want a %s", found, test.kind)
			}
		})
	}
}

// at is a moment that is known to the second: so many of them after noon.
func at(second int) history.Moment {
	t := noon.Add(time.Duration(second) * time.Second)
	return history.Moment{Earliest: t.Add(-500 * time.Millisecond), Latest: t.Add(500 * time.Millisecond)}
}

// waits is a line of three, of whom the first is taken at 10 and comes back at 20.
func waits() []history.Wait {
	wait := func(id string, arrival, from int, to history.Moment) history.Wait {
		return history.Wait{
			Conversation: id, QueueID: "emergency-help", Arrival: noon.Add(time.Duration(arrival) * time.Second), From: at(from), To: to,
		}
	}
	return []history.Wait{
		wait("first", 0, 0, at(10)), wait("first", 0, 20, history.Moment{}),
		wait("second", 1, 1, history.Moment{}), wait("third", 2, 2, at(40)),
		{Conversation: "elsewhere", QueueID: "mental-health", Arrival: noon, From: at(0)},
	}
}

func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		conversation string
		position     int32
		second       int
		ok           bool
	}{
		{"first", 1, 5, true},
		{"third", 3, 5, true},
		{"third", 2, 5, false}, // nobody had gone yet
		{"third", 4, 5, false}, // there is no fourth: the other queue does not count
		{"third", 3, 10, true}, // about when the first was taken, both may be
		{"third", 2, 10, true},
		{"third", 1, 10, false},
		{"third", 2, 15, true},
		{"third", 3, 15, false}, // the place of somebody who was taken
		{"third", 3, 25, true},  // who is back at their arrival
		{"third", 3, 45, false}, // no longer waits
		{"first", 1, 15, false},
		{"first", 2, 25, false}, // comes back before those who arrived later
		{"elsewhere", 1, 5, true},
		{"nobody", 1, 5, false},
	} {
		t.Run(fmt.Sprintf("%s %d at %d", test.conversation, test.position, test.second), func(t *testing.T) {
			found := history.CheckPlaces(waits(), []history.Told{
				{Conversation: test.conversation, Position: test.position, AsOf: at(test.second)},
			})
			if ok := len(found) == 0; ok != test.ok {
				t.Errorf("found %v", found)
			}
		})
	}
}
