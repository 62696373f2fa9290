package chat_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// told is what a conversation has pending: who did what.
func told(c *chat.Conversation) []chat.Event {
	return c.Pending()
}

// wantTold holds what is pending against what is wanted, whenever it happened and whatever its number is.
func wantTold(t *testing.T, c *chat.Conversation, want ...chat.Event) {
	t.Helper()
	if diff := cmp.Diff(want, told(c), cmpopts.IgnoreFields(chat.Event{}, "Sequence", "Time"),
		cmpopts.IgnoreFields(chat.Participant{}, "JoinTime", "JoinSequence")); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func joined(s chat.Staff, id, inviter string, leading bool) chat.Event {
	return chat.Event{ParticipantID: id, Kind: chat.ParticipantJoined{
		Participant: chat.Participant{
			ID: id, Role: chat.Professional, StaffID: s.ID, DisplayName: s.DisplayName, Leading: leading,
		},
		InviterID: inviter,
	}}
}

func left(author, id string, reason chat.LeaveReason) chat.Event {
	return chat.Event{ParticipantID: author, Kind: chat.ParticipantLeft{ParticipantID: id, Reason: reason}}
}

// wantPresent holds those who take part, the first of whom leads, against what is wanted.
func wantPresent(t *testing.T, c *chat.Conversation, want ...string) {
	t.Helper()
	var got []string
	if p := c.Leader(); p != nil {
		got = append(got, p.ID)
	}
	for _, p := range c.Professionals() {
		if !p.Leading {
			got = append(got, p.ID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v take part, want %v", got, want)
	}
}

func TestStart(t *testing.T) {
	// Finer than what is kept, and of another zone.
	now := time.Date(2026, time.September, 7, 11, 30, 0, 123_456_789, time.FixedZone("", 3*60*60))
	kept := time.Date(2026, time.September, 7, 8, 30, 0, 123_456_000, time.UTC)
	c := chat.Start(chat.StartParams{
		ID: "c-1", QueueID: "oral-health", Language: "sv", DisplayName: "Testi", Message: "Hej",
		NoticeVersion: "n1", Origin: "0a1b", Now: now, Arrival: now.Add(time.Microsecond),
	})
	customer := chat.Participant{
		ID: chat.CustomerID, Role: chat.Customer, DisplayName: "Testi", JoinTime: kept, JoinSequence: 1,
	}
	want := []chat.Event{
		{Sequence: 1, Time: kept, ParticipantID: chat.CustomerID, Kind: chat.ParticipantJoined{Participant: customer}},
		{Sequence: 2, Time: kept, ParticipantID: chat.CustomerID, Kind: chat.MessagePosted{Text: "Hej"}},
	}
	if diff := cmp.Diff(want, c.Pending()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	settled(c)
	if diff := whole(&chat.Conversation{
		ID: "c-1", QueueID: "oral-health", State: chat.Waiting, Language: "sv", CreateTime: kept,
		ArrivalTime: kept.Add(time.Microsecond), NoticeVersion: "n1", Origin: "0a1b",
		Participants: []chat.Participant{customer}, ReadMarks: map[string]int32{},
		LastSequence: 2, LastEventTime: kept,
	}, c); diff != "" {
		t.Errorf("conversation (-want +got):\n%s", diff)
	}
}

func TestStartWithoutMessage(t *testing.T) {
	c := chat.Start(chat.StartParams{ID: "c-1", QueueID: "oral-health", Now: morning, Arrival: morning})
	if n := len(c.Pending()); n != 1 || c.LastSequence != 1 {
		t.Errorf("the log begins with %d events and ends at %d, want the joining alone", n, c.LastSequence)
	}
}

// A clock that is set back moves nothing back: the log stays in order, and so do joining and leaving.
func TestClockGoesBack(t *testing.T) {
	c := consulted(t)
	last := c.LastEventTime
	must(t, c.Post(chat.CustomerID, "Hei", last.Add(-time.Hour)))
	must(t, c.LeaveAsProfessional(second, last.Add(-time.Hour)))
	must(t, c.Invite(first, doctor, last.Add(-time.Hour)))
	must(t, c.Close(first, chat.Completed, last.Add(-time.Hour)))
	for _, e := range c.Pending() {
		if !e.Time.Equal(last) {
			t.Errorf("event %d is of %v, want %v", e.Sequence, e.Time, last)
		}
	}
	for name, at := range map[string]time.Time{
		"leaving": c.Participant(second).LeaveTime, "joining": c.Participants[4].JoinTime, "close": c.CloseTime,
	} {
		if !at.Equal(last) {
			t.Errorf("%s is of %v, want %v", name, at, last)
		}
	}
}

func TestInvite(t *testing.T) {
	c := taken(t)
	must(t, c.Invite(first, doctor, morning.Add(time.Hour)))
	wantTold(t, c, joined(doctor, second, first, false))
	wantPresent(t, c, first, second)
	must(t, c.Post(second, "Päivää", morning.Add(time.Hour)))
}

// When a guest leaves, the lead stays where it is.
func TestGuestLeaves(t *testing.T) {
	c := consulted(t)
	must(t, c.LeaveAsProfessional(second, morning.Add(time.Hour)))
	wantTold(t, c, left(second, second, chat.LeftByChoice))
	wantPresent(t, c, first, third)
}

// The lead goes to whoever has been in the conversation longest.
func TestLeaderLeaves(t *testing.T) {
	c := consulted(t)
	must(t, c.LeaveAsProfessional(first, morning.Add(time.Hour)))
	wantTold(t, c, left(first, first, chat.LeftByChoice))
	wantPresent(t, c, second, third)
	must(t, c.LeaveAsProfessional(second, morning.Add(time.Hour)))
	wantPresent(t, c, third)
	if c.State != chat.Active {
		t.Errorf("it is %s", c.State)
	}
}

// A professional who is lost is taken out by the service; only the last one takes the conversation along.
func TestLoseProfessional(t *testing.T) {
	c := consulted(t)
	must(t, c.LoseProfessional(nurse.ID, morning.Add(time.Hour)))
	wantTold(t, c, left("", first, chat.LeftLost))
	wantPresent(t, c, second, third)
	must(t, c.LoseProfessional(counselor.ID, morning.Add(time.Hour)))
	wantPresent(t, c, second)
	settled(c)
	must(t, c.LoseProfessional(doctor.ID, morning.Add(time.Hour)))
	wantTold(t, c, chat.Event{Kind: chat.ReturnedToQueue{Reason: chat.ProfessionalLost, QueueID: "oral-health"}})
	wantPresent(t, c)
	if c.State != chat.Waiting || !c.Transferred || !c.ArrivalTime.Equal(morning) {
		t.Errorf("it is %s, transferred: %t, arrived %v", c.State, c.Transferred, c.ArrivalTime)
	}
	for _, id := range []string{first, second, third} {
		if got := c.Participant(id).LeaveReason; got != chat.LeftLost {
			t.Errorf("%s left for reason %d, want lost", id, got)
		}
	}
}

// A transfer to a queue takes everybody out, keeps the arrival and records the agreement.
func TestTransferToQueue(t *testing.T) {
	c := consulted(t)
	rules := chat.TransferRules{Allowed: true, NeedsAgreement: true, CustomerAgreed: true}
	must(t, c.TransferToQueue(first, "family-support", rules, morning.Add(time.Hour)))
	wantTold(
		t, c,
		left("", second, chat.LeftTransferred),
		left("", third, chat.LeftTransferred),
		chat.Event{ParticipantID: first, Kind: chat.Transferred{
			SourceQueueID: "oral-health", QueueID: "family-support", CustomerAgreed: true,
		}},
	)
	wantPresent(t, c)
	if c.State != chat.Waiting || c.QueueID != "family-support" || !c.Transferred || !c.ArrivalTime.Equal(morning) {
		t.Errorf("it is %s in %s, transferred: %t, arrived %v", c.State, c.QueueID, c.Transferred, c.ArrivalTime)
	}
	p := c.Participant(first)
	if p.LeaveSequence != c.LastSequence || p.LeaveReason != chat.LeftTransferred {
		t.Errorf("who led it sees through %d of %d, left for reason %d", p.LeaveSequence, c.LastSequence, p.LeaveReason)
	}
}

// A transfer to a colleague hands over the lead. Guests stay, and who led sees no more than that it went.
func TestTransferToProfessional(t *testing.T) {
	c := taken(t)
	must(t, c.Invite(first, doctor, morning.Add(time.Minute)))
	settled(c)
	must(t, c.TransferToProfessional(first, counselor, "child-health", freely, morning.Add(time.Hour)))
	wantTold(
		t, c,
		chat.Event{ParticipantID: first, Kind: chat.Transferred{
			SourceQueueID: "oral-health", QueueID: "child-health", ParticipantID: third,
		}},
		joined(counselor, third, "", true),
	)
	wantPresent(t, c, third, second)
	if c.State != chat.Active || c.QueueID != "child-health" || c.Transferred {
		t.Errorf("it is %s in %s, transferred: %t", c.State, c.QueueID, c.Transferred)
	}
	if got, want := c.VisibleThrough(c.Participant(first)), c.LastSequence-1; got != want {
		t.Errorf("who led it sees through %d, want %d: the transfer, and not who came", got, want)
	}
}

// Within one queue no rule between queues is asked.
func TestTransferToProfessionalOfTheSameQueue(t *testing.T) {
	c := taken(t)
	must(t, c.TransferToProfessional(first, doctor, "oral-health", chat.TransferRules{NeedsAgreement: true}, morning.Add(time.Hour)))
	wantPresent(t, c, second)
}

func TestReturn(t *testing.T) {
	c := consulted(t)
	must(t, c.Return(first, morning.Add(time.Hour)))
	wantTold(
		t, c,
		left("", second, chat.LeftReturned),
		left("", third, chat.LeftReturned),
		chat.Event{ParticipantID: first, Kind: chat.ReturnedToQueue{Reason: chat.ReturnedByStaff, QueueID: "oral-health"}},
	)
	wantPresent(t, c)
	if c.State != chat.Waiting || !c.ArrivalTime.Equal(morning) || !c.Transferred {
		t.Errorf("it is %s, arrived %v, transferred: %t", c.State, c.ArrivalTime, c.Transferred)
	}
	if got := c.Participant(first).LeaveReason; got != chat.LeftReturned {
		t.Errorf("who led it left for reason %d", got)
	}
}

// Somebody who comes back is a new participant: what was said in between is theirs to read again, and the
// first take stays the first.
func TestTakenAgain(t *testing.T) {
	c := returned(t)
	firstTake := c.TakeTime
	must(t, c.Post(chat.CustomerID, "Vielä yksi asia", morning.Add(time.Hour)))
	must(t, c.Take(nurse, morning.Add(2*time.Hour)))
	wantPresent(t, c, second)
	p := c.StaffParticipant(nurse.ID)
	if p.ID != second || c.VisibleThrough(p) != c.LastSequence {
		t.Errorf("the nurse is %s and sees through %d of %d", p.ID, c.VisibleThrough(p), c.LastSequence)
	}
	if before := c.Participant(first); before.Present() || c.VisibleThrough(before) != before.LeaveSequence {
		t.Errorf("the part that ended is %+v", *before)
	}
	if !c.TakeTime.Equal(firstTake) {
		t.Errorf("first taken at %v, want %v", c.TakeTime, firstTake)
	}
	if c.StaffParticipant(doctor.ID) != nil {
		t.Error("the doctor took part")
	}
}

// Read marks only grow, tell nothing in the log, and end with what their owner may see.
func TestMarkRead(t *testing.T) {
	c := taken(t) // joined, message, taken
	mark := func(id string, sequence, want int32, changed bool) {
		t.Helper()
		got, err := c.MarkRead(c.Participant(id), sequence)
		if err != nil || got != want {
			t.Errorf("%s read %d: stands at %d (%v), want %d", id, sequence, got, err, want)
		}
		if c.Changed() != changed || len(c.Pending()) > 0 {
			t.Errorf("%s read %d: changed: %t, %d events", id, sequence, c.Changed(), len(c.Pending()))
		}
		settled(c)
	}
	mark(first, 2, 2, true)
	mark(first, 1, 2, false)
	mark(first, 2, 2, false)
	mark(chat.CustomerID, 0, 0, false)
	mark(chat.CustomerID, 3, 3, true)

	must(t, c.TransferToProfessional(first, doctor, "oral-health", freely, morning.Add(time.Hour)))
	left := c.Participant(first).LeaveSequence
	_, err := c.MarkRead(c.Participant(first), left+1)
	refused, ok := errors.AsType[*chat.Refusal](err)
	if !ok || refused.Reason != chat.SequenceAhead || refused.Metadata["last_sequence"] != "4" {
		t.Errorf("reading beyond one's leaving gives %v with %v", err, refused)
	}
}

// A customer may read for as long as they are let in; a professional who was there at the close for the
// wrap-up time.
func TestReadable(t *testing.T) {
	closed := completed(t)
	abandoned := returned(t)
	must(t, abandoned.Abandon(morning.Add(time.Hour)))
	for _, test := range []struct {
		name string
		c    *chat.Conversation
		id   string
		at   time.Time
		want bool
	}{
		{"customer, long after", closed, chat.CustomerID, closed.CloseTime.AddDate(1, 0, 0), true},
		{"professional, in the wrap-up time", closed, first, closed.CloseTime.Add(wrapUp - 1), true},
		{"professional, after it", closed, first, closed.CloseTime.Add(wrapUp), false},
		{"professional who had left before the close", abandoned, first, abandoned.CloseTime, false},
		{"professional who takes part", taken(t), first, morning.AddDate(1, 0, 0), true},
		{"professional who has returned it", returned(t), first, morning, false},
	} {
		if got := test.c.Readable(test.c.Participant(test.id), test.at, wrapUp); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}

// However it ends, the reason and the author are told, and what is only for those who wait is forgotten.
func TestEnds(t *testing.T) {
	for _, test := range []struct {
		name   string
		c      *chat.Conversation
		end    func(c *chat.Conversation, now time.Time) error
		author string
		reason chat.CloseReason
	}{
		{"the customer leaves", started(), (*chat.Conversation).LeaveAsCustomer, chat.CustomerID, chat.CustomerLeft},
		{"abandoned", started(), (*chat.Conversation).Abandon, "", chat.Abandoned},
		{"not reached", started(), (*chat.Conversation).NotReach, "", chat.NotReached},
		{"expired", taken(t), (*chat.Conversation).Expire, "", chat.Expired},
		{"redirected", taken(t), func(c *chat.Conversation, now time.Time) error {
			return c.Close(first, chat.RedirectedToPhone, now)
		}, first, chat.RedirectedToPhone},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := morning.Add(time.Hour)
			must(t, test.end(test.c, at))
			wantTold(t, test.c, chat.Event{ParticipantID: test.author, Kind: chat.ConversationClosed{Reason: test.reason}})
			if c := test.c; c.CloseReason != test.reason || !c.CloseTime.Equal(at) || c.Origin != "" {
				t.Errorf("closed for reason %d at %v, from origin %q", c.CloseReason, c.CloseTime, c.Origin)
			}
		})
	}
}

// The countdown of a customer who is away goes by what professionals write, and by nothing else.
func TestLastStaffMessage(t *testing.T) {
	c := taken(t)
	must(t, c.Post(chat.CustomerID, "Hei", morning.Add(time.Hour)))
	if !c.LastStaffMessageTime.IsZero() {
		t.Errorf("a professional wrote at %v, and none has", c.LastStaffMessageTime)
	}
	at := morning.Add(2 * time.Hour)
	must(t, c.Post(first, "Hei", at))
	must(t, c.Post(chat.CustomerID, "Kiitos", at.Add(time.Minute)))
	if !c.LastStaffMessageTime.Equal(at) {
		t.Errorf("a professional wrote at %v, want %v", c.LastStaffMessageTime, at)
	}
}

// A log that is full takes no more messages, from nobody; the conversation can still be handed on and closed.
func TestTooLong(t *testing.T) {
	c := taken(t)
	c.LastSequence = chat.MaxEvents - 1
	must(t, c.Post(chat.CustomerID, "Vielä mahtuu", morning.Add(time.Hour)))
	for _, id := range []string{chat.CustomerID, first} {
		err := c.Post(id, "Ei enää", morning.Add(time.Hour))
		refused, ok := errors.AsType[*chat.Refusal](err)
		if !ok || refused.Reason != chat.ConversationTooLong ||
			refused.Metadata["limit"] != "1000000" || refused.Metadata["conversation_id"] != "c-1" {
			t.Errorf("%s wrote into a full log: %v, %v", id, err, refused)
		}
	}
	must(t, c.Close(first, chat.EndedByStaff, morning.Add(time.Hour)))
}

// Anybody may start a conversation, so its log takes less before somebody has answered.
func TestTooLongUnanswered(t *testing.T) {
	c := started()
	c.LastSequence = chat.MaxEventsUnanswered - 1
	must(t, c.Post(chat.CustomerID, "Vielä mahtuu", morning))
	err := c.Post(chat.CustomerID, "Ei enää", morning)
	if refused, ok := errors.AsType[*chat.Refusal](err); !ok || refused.Reason != chat.ConversationTooLong ||
		refused.Metadata["limit"] != "200" {
		t.Errorf("wrote into a full log: %v", err)
	}
	must(t, c.Take(nurse, morning))
	must(t, c.Post(chat.CustomerID, "Nyt taas", morning))
	must(t, c.Return(first, morning))
	must(t, c.Post(chat.CustomerID, "Yhä", morning))
}

// Refusals are told apart by their reason alone, also when they are wrapped, and print nothing of whom they
// are about.
func TestRefusal(t *testing.T) {
	err := errors.Join(errors.New("while taking"), chat.Refuse(chat.AlreadyTaken, "conversation_id", "c-1"))
	if !errors.Is(err, chat.Refuse(chat.AlreadyTaken)) {
		t.Error("it is not the refusal that it is")
	}
	if errors.Is(err, chat.Refuse(chat.NotLeading)) || errors.Is(err, errors.New("other")) {
		t.Error("it is a refusal that it is not")
	}
	if got := chat.Refuse(chat.AlreadyTaken, "conversation_id", "c-1").Error(); got != "refused: already taken" {
		t.Errorf("it prints %q", got)
	}
	if got := chat.Refuse(chat.AlreadyTaken, "without a value").Metadata; len(got) != 0 {
		t.Errorf("a key without a value gives %v", got)
	}
}

// What a conversation prints may stand in a log: nothing that a person wrote.
func TestString(t *testing.T) {
	got := started().String()
	if want := "conversation c-1 (WAITING in oral-health, 2 events)"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
	if strings.Contains(got, "Testi") {
		t.Error("it prints the customer's name")
	}
}
