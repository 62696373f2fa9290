package chat_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// life plays one conversation as the store does: every command runs on a copy, which replaces the original
// when it succeeded.
type life struct {
	queueID string // where it began
	now     time.Time
	c       *chat.Conversation
	log     []chat.Event
	// left is what those who left could see when they did.
	left map[string]int32
	// end is the conversation as it was closed.
	end *chat.Conversation
}

// staff are those who may be asked for. One of them never is.
var staff = []chat.Staff{nurse, doctor, counselor, {ID: "staff-nobody", DisplayName: "Testi"}}

func newLife(t *rapid.T) *life {
	l := &life{queueID: "oral-health", now: morning, left: map[string]int32{}}
	p := chat.StartParams{
		ID: "c-1", QueueID: l.queueID, Language: "fi", DisplayName: "Testi", Origin: "0a1b",
		Now: l.now, Arrival: l.now.Add(time.Microsecond),
	}
	if rapid.Bool().Draw(t, "message") {
		p.Message = "Hei"
	}
	l.c = chat.Start(p)
	l.log = l.c.Pending()
	l.c.Settle()
	return l
}

// do gives a command, and looks at what every command must leave right.
func (l *life) do(t *rapid.T, command func(c *chat.Conversation) error) {
	before, trial := l.c.Clone(), l.c.Clone()
	err := command(trial)
	if diff := whole(before, l.c); diff != "" {
		t.Fatalf("a command on a copy changed the original:\n%s", diff)
	}
	if err != nil {
		if reasonOf(err) == "" {
			t.Fatalf("failed with %v, which is no refusal", err)
		}
		if diff := whole(before, trial); diff != "" {
			t.Fatalf("%v, and yet it changed:\n%s", err, diff)
		}
		return
	}
	events := trial.Pending()
	changed := trial.Changed()
	trial.Settle()
	if differs := !reflect.DeepEqual(before, trial); differs != changed {
		t.Fatalf("Changed tells %t, and what changed is:\n%s", changed, whole(before, trial))
	}
	for id, mark := range before.ReadMarks {
		if trial.ReadMarks[id] < mark {
			t.Fatalf("the read mark of %s went back from %d to %d", id, mark, trial.ReadMarks[id])
		}
	}
	l.log = append(l.log, events...)
	l.c = trial
}

// author draws who gives a command: somebody who takes or took part, or somebody who never did.
func (l *life) author(t *rapid.T) string {
	ids := []string{"professional-99"}
	for _, p := range l.c.Participants {
		ids = append(ids, p.ID)
	}
	return rapid.SampledFrom(ids).Draw(t, "author")
}

// leader is the one who leads most of the time, so that sequences get somewhere.
func (l *life) leader(t *rapid.T) string {
	if p := l.c.Leader(); p != nil && rapid.IntRange(0, 3).Draw(t, "led") > 0 {
		return p.ID
	}
	return l.author(t)
}

func (l *life) rules(t *rapid.T) chat.TransferRules {
	return chat.TransferRules{
		Allowed:        rapid.IntRange(0, 3).Draw(t, "allowed") > 0,
		NeedsAgreement: rapid.Bool().Draw(t, "needs agreement"),
		CustomerAgreed: rapid.Bool().Draw(t, "agreed"),
	}
}

func drawQueue(t *rapid.T) string {
	return rapid.SampledFrom([]string{"oral-health", "child-health", "family-support"}).Draw(t, "queue")
}

func drawStaff(t *rapid.T) chat.Staff { return rapid.SampledFrom(staff).Draw(t, "staff") }

// commands are what may be done to a life, by name.
func (l *life) commands() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"time passes, or goes back": func(t *rapid.T) {
			l.now = l.now.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "by")))
		},
		"post": func(t *rapid.T) {
			author := l.author(t)
			l.do(t, func(c *chat.Conversation) error { return c.Post(author, "Hei", l.now) })
		},
		"mark read": func(t *rapid.T) {
			id := rapid.SampledFrom(l.c.Participants).Draw(t, "reader").ID
			sequence := rapid.Int32Range(0, l.c.LastSequence+2).Draw(t, "sequence")
			l.do(t, func(c *chat.Conversation) error {
				mark, err := c.MarkRead(c.Participant(id), sequence)
				if err == nil && mark < sequence {
					return fmt.Errorf("marked %d, and it stands at %d", sequence, mark)
				}
				return err
			})
		},
		"take": func(t *rapid.T) {
			s := drawStaff(t)
			l.do(t, func(c *chat.Conversation) error { return c.Take(s, l.now) })
		},
		"leave as professional": func(t *rapid.T) {
			author := l.author(t)
			l.do(t, func(c *chat.Conversation) error { return c.LeaveAsProfessional(author, l.now) })
		},
		"transfer to queue": func(t *rapid.T) {
			author, to, rules := l.leader(t), drawQueue(t), l.rules(t)
			l.do(t, func(c *chat.Conversation) error { return c.TransferToQueue(author, to, rules, l.now) })
		},
		"transfer to professional": func(t *rapid.T) {
			author, to, queueID, rules := l.leader(t), drawStaff(t), drawQueue(t), l.rules(t)
			l.do(t, func(c *chat.Conversation) error {
				return c.TransferToProfessional(author, to, queueID, rules, l.now)
			})
		},
		"return": func(t *rapid.T) {
			author := l.leader(t)
			l.do(t, func(c *chat.Conversation) error { return c.Return(author, l.now) })
		},
		"invite": func(t *rapid.T) {
			author, colleague := l.leader(t), drawStaff(t)
			l.do(t, func(c *chat.Conversation) error { return c.Invite(author, colleague, l.now) })
		},
		"lose professional": func(t *rapid.T) {
			s := drawStaff(t)
			l.do(t, func(c *chat.Conversation) error { return c.LoseProfessional(s.ID, l.now) })
		},
		"end": func(t *rapid.T) {
			// Rarely, or most lives would be short.
			if rapid.IntRange(0, 9).Draw(t, "now") > 0 {
				return
			}
			author := l.leader(t)
			reason := rapid.SampledFrom([]chat.CloseReason{chat.Completed, chat.RedirectedToPhone, chat.EndedByStaff}).Draw(t, "reason")
			l.do(t, rapid.SampledFrom([]func(c *chat.Conversation) error{
				func(c *chat.Conversation) error { return c.Close(author, reason, l.now) },
				func(c *chat.Conversation) error { return c.LeaveAsCustomer(l.now) },
				func(c *chat.Conversation) error { return c.Abandon(l.now) },
				func(c *chat.Conversation) error { return c.NotReach(l.now) },
				func(c *chat.Conversation) error { return c.Expire(l.now) },
			}).Draw(t, "how"))
		},
		"": l.check,
	}
}

// check looks at everything that must hold at any time.
func (l *life) check(t *rapid.T) {
	l.checkLog(t)
	l.checkParticipants(t)
	l.checkReplay(t)
	l.checkEnd(t)
	for _, now := range []time.Time{l.now, l.c.LastEventTime.Add(wrapUp)} {
		for i := range l.c.Participants {
			checkCapabilities(t, l.c, &l.c.Participants[i], now)
		}
	}
}

func (l *life) checkLog(t *rapid.T) {
	var last time.Time
	for i, e := range l.log {
		if e.Sequence != int32(i+1) {
			t.Fatalf("event %d has the sequence %d", i+1, e.Sequence)
		}
		if e.Time.Before(last) {
			t.Fatalf("event %d is of %v, earlier than the one before, of %v", e.Sequence, e.Time, last)
		}
		if e.Time.Location() != time.UTC || !e.Time.Equal(e.Time.Truncate(time.Microsecond)) {
			t.Fatalf("event %d is of %v: not in UTC to the microsecond", e.Sequence, e.Time)
		}
		last = e.Time
	}
	if l.c.LastSequence != int32(len(l.log)) || !l.c.LastEventTime.Equal(last) {
		t.Fatalf("the conversation ends with %d at %v, its log with %d at %v",
			l.c.LastSequence, l.c.LastEventTime, len(l.log), last)
	}
}

func (l *life) checkParticipants(t *rapid.T) {
	c := l.c
	ids := map[string]bool{}
	present := map[string]bool{}
	leading := 0
	for i := range c.Participants {
		p := &c.Participants[i]
		if ids[p.ID] {
			t.Fatalf("two participants are %s", p.ID)
		}
		ids[p.ID] = true
		if joined, ok := l.log[p.JoinSequence-1].Kind.(chat.ParticipantJoined); !ok || joined.Participant.ID != p.ID {
			t.Fatalf("%s joined by event %d, which tells %+v", p.ID, p.JoinSequence, l.log[p.JoinSequence-1])
		}
		if p.Leading {
			leading++
		}
		if p.Present() {
			if !p.LeaveTime.IsZero() || p.LeaveReason != 0 {
				t.Fatalf("%+v takes part and has left", *p)
			}
			if p.Role == chat.Professional {
				if present[p.StaffID] {
					t.Fatalf("%s takes part twice", p.StaffID)
				}
				present[p.StaffID] = true
			}
			if last := c.VisibleThrough(p); last != c.LastSequence {
				t.Fatalf("%s takes part and sees %d of %d events", p.ID, last, c.LastSequence)
			}
			continue
		}
		if p.Role == chat.Customer || p.Leading || p.LeaveReason == 0 || p.LeaveTime.IsZero() || p.LeaveSequence <= p.JoinSequence {
			t.Fatalf("%+v has left like that", *p)
		}
		seen, known := l.left[p.ID]
		if !known {
			seen = p.LeaveSequence
			l.left[p.ID] = seen
		}
		if now := c.VisibleThrough(p); now != seen {
			t.Fatalf("%s left at %d and sees %d", p.ID, seen, now)
		}
	}
	switch c.State {
	case chat.Waiting:
		if len(present) > 0 || leading > 0 {
			t.Fatalf("%d professionals are in a conversation that waits, %d lead", len(present), leading)
		}
	case chat.Active:
		if len(present) == 0 || leading != 1 {
			t.Fatalf("%d professionals are in an active conversation, %d lead", len(present), leading)
		}
	case chat.Closed: // whoever was there is there for good
	}
	if c.Customer() == nil || !c.Customer().Present() {
		t.Fatal("the customer is not in it")
	}
	for id, mark := range c.ReadMarks {
		if p := c.Participant(id); p == nil || mark > c.VisibleThrough(p) {
			t.Fatalf("%s has read through %d", id, mark)
		}
	}
}

// checkReplay shows that the log is the whole truth: whatever it tells is what the state says.
func (l *life) checkReplay(t *rapid.T) {
	got := chat.Replay(l.queueID, l.log)
	got.Settle()
	// What a log does not tell: who it is about, how it was started, and read marks.
	got.ID, got.Language, got.NoticeVersion, got.Origin = l.c.ID, l.c.Language, l.c.NoticeVersion, l.c.Origin
	got.CreateTime, got.ArrivalTime, got.ReadMarks = l.c.CreateTime, l.c.ArrivalTime, l.c.ReadMarks
	if diff := whole(l.c, got); diff != "" {
		t.Fatalf("the log tells another story (-state +log):\n%s", diff)
	}
}

// checkEnd shows that nothing happens after the end, but for reading.
func (l *life) checkEnd(t *rapid.T) {
	if l.c.State != chat.Closed {
		return
	}
	if l.end == nil {
		l.end = l.c
		if l.c.CloseReason == 0 || !l.c.CloseTime.Equal(l.c.LastEventTime) || l.c.Origin != "" {
			t.Fatalf("closed with reason %d at %v, from origin %q", l.c.CloseReason, l.c.CloseTime, l.c.Origin)
		}
	}
	now := l.c.Clone()
	now.ReadMarks = l.end.ReadMarks
	if diff := whole(l.end, now); diff != "" {
		t.Fatalf("changed after the close (-then +now):\n%s", diff)
	}
}

// checkCapabilities holds what somebody is told they may do against what the commands let them do. Who may
// not read may not do anything: that is looked at by whoever runs the commands, before them.
func checkCapabilities(t *rapid.T, c *chat.Conversation, p *chat.Participant, now time.Time) {
	try := func(command func(c *chat.Conversation) error) bool { return command(c.Clone()) == nil }
	reads := c.Readable(p, now, wrapUp)
	newcomer := chat.Staff{ID: "staff-newcomer", DisplayName: "Testi"}
	allowed := map[chat.Capability]bool{
		chat.CanRead: reads,
		chat.CanSendMessage: try(func(c *chat.Conversation) error { return c.Post(p.ID, "Hei", now) }) &&
			try(func(c *chat.Conversation) error { return c.CanType(p.ID) }),
		chat.CanMarkRead: reads && try(func(c *chat.Conversation) error {
			_, err := c.MarkRead(c.Participant(p.ID), c.VisibleThrough(p))
			return err
		}),
		chat.CanLeave: try(func(c *chat.Conversation) error {
			if p.Role == chat.Customer {
				return c.LeaveAsCustomer(now)
			}
			return c.LeaveAsProfessional(p.ID, now)
		}),
		chat.CanGiveFeedback: p.Role == chat.Customer && try((*chat.Conversation).CanGiveFeedback),
		chat.CanTransfer: try(func(c *chat.Conversation) error {
			return c.TransferToQueue(p.ID, "child-health", freely, now)
		}) || try(func(c *chat.Conversation) error {
			return c.TransferToProfessional(p.ID, newcomer, c.QueueID, freely, now)
		}),
		chat.CanReturnToQueue: try(func(c *chat.Conversation) error { return c.Return(p.ID, now) }),
		chat.CanInviteProfessional: try(func(c *chat.Conversation) error {
			return c.Invite(p.ID, newcomer, now)
		}),
		chat.CanClose:        try(func(c *chat.Conversation) error { return c.Close(p.ID, chat.Completed, now) }),
		chat.CanUseCaseNotes: try(func(c *chat.Conversation) error { return c.CanAddCaseNote(c.Participant(p.ID), now, wrapUp) }),
	}
	told := c.Capabilities(p, now, wrapUp)
	for capability, may := range allowed {
		if slices.Contains(told, capability) != may {
			t.Fatalf("%s: %s in a conversation that is %s is told capability %d: %t; may do it: %t",
				now.Sub(c.LastEventTime), p.ID, c.State, capability, !may, may)
		}
	}
	for i, capability := range told {
		if _, known := allowed[capability]; !known || slices.Contains(told[:i], capability) {
			t.Fatalf("capability %d is told twice, or is not tried by this test", capability)
		}
	}
}

// Whatever is done to a conversation, and however the clock runs, its invariants hold.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		t.Repeat(l.commands())
	})
}

// The room in a log ends, and sooner before anybody has answered: nobody is told that they may write once it is
// full.
func TestCapabilitiesOfAFullLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		limit := int32(chat.MaxEventsUnanswered)
		if rapid.Bool().Draw(t, "answered") {
			limit = chat.MaxEvents
			l.do(t, func(c *chat.Conversation) error { return c.Take(nurse, l.now) })
		}
		l.c.LastSequence = limit - rapid.Int32Range(-1, 1).Draw(t, "room")
		for i := range l.c.Participants {
			checkCapabilities(t, l.c, &l.c.Participants[i], l.now)
		}
	})
}

// So does the room for those who take part, which those who left take up as well.
func TestCapabilitiesAmongMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		l.do(t, func(c *chat.Conversation) error { return c.Take(nurse, l.now) })
		l.do(t, func(c *chat.Conversation) error { return c.Invite(first, doctor, l.now) })
		many := chat.MaxParticipants - rapid.IntRange(0, 1).Draw(t, "room")
		for n := len(l.c.Participants); n < many; n++ {
			l.c.Participants = append(l.c.Participants, chat.Participant{
				ID: fmt.Sprintf("professional-%d", n), Role: chat.Professional, StaffID: counselor.ID, LeaveSequence: 2,
			})
		}
		for _, id := range []string{chat.CustomerID, first, second, third} {
			checkCapabilities(t, l.c, l.c.Participant(id), l.now)
		}
		err := l.c.Clone().Invite(first, counselor, l.now)
		if full := many == chat.MaxParticipants; full != (reasonOf(err) == chat.ConversationTooLong) {
			t.Fatalf("%d take or took part; one more: %v", many, err)
		}
	})
}
