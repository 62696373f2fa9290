package chat_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// A conversation from its start to its close, as its log tells it.
func Example() {
	at := time.Date(2026, time.September, 7, 8, 30, 0, 0, time.UTC)
	now := func() time.Time { at = at.Add(time.Minute); return at }

	c := chat.Start(chat.StartParams{
		ID: "4f0c", QueueID: "oral-health", Language: "fi", Message: "Hammasta särkee", Now: now(), Arrival: at,
	})
	err := errors.Join(
		c.Take(chat.Staff{ID: "staff-1", DisplayName: "Testi Hoitaja"}, now()),
		c.Post("professional-1", "Kuinka kauan?", now()),
		c.Post(chat.CustomerID, "Eilisestä", now()),
		c.Close("professional-1", chat.Completed, now()),
	)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(c.Post(chat.CustomerID, "Kiitos!", now()))

	for _, e := range c.Pending() {
		fmt.Printf("%d %s %T by %s\n", e.Sequence, e.Time.Format(time.TimeOnly), e.Kind, e.ParticipantID)
	}
	fmt.Println(c)
	// Output:
	// refused: conversation closed
	// 1 08:31:00 chat.ParticipantJoined by customer
	// 2 08:31:00 chat.MessagePosted by customer
	// 3 08:32:00 chat.ParticipantJoined by professional-1
	// 4 08:33:00 chat.MessagePosted by professional-1
	// 5 08:34:00 chat.MessagePosted by customer
	// 6 08:35:00 chat.ConversationClosed by professional-1
	// conversation 4f0c (CLOSED in oral-health, 6 events)
}

// Who has the log needs nothing else to know the conversation.
func ExampleReplay() {
	at := time.Date(2026, time.September, 7, 8, 30, 0, 0, time.UTC)
	c := chat.Start(chat.StartParams{ID: "4f0c", QueueID: "oral-health", Now: at, Arrival: at})
	if err := errors.Join(
		c.Take(chat.Staff{ID: "staff-1"}, at),
		c.TransferToQueue("professional-1", "child-health", chat.TransferRules{Allowed: true}, at),
	); err != nil {
		fmt.Println(err)
	}

	known := chat.Replay("oral-health", c.Pending())
	fmt.Println(known.State, known.QueueID, len(known.Participants), known.Participants[1].LeaveSequence)
	// Output: WAITING child-health 2 3
}
