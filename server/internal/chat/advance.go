package chat

import (
	"fmt"
	"maps"
	"slices"
)

// OnlyPosted reports whether nothing but messages came to a conversation since it was before: what else it is, they
// are alike in. Messages change no more than [Conversation.Advance] can tell from them.
func (c *Conversation) OnlyPosted(before *Conversation) bool {
	return c.State == before.State && c.QueueID == before.QueueID && c.Language == before.Language &&
		c.CreateTime.Equal(before.CreateTime) && c.ArrivalTime.Equal(before.ArrivalTime) &&
		c.TakeTime.Equal(before.TakeTime) && c.CloseTime.Equal(before.CloseTime) && c.CloseReason == before.CloseReason &&
		c.Transferred == before.Transferred && c.NoticeVersion == before.NoticeVersion && c.Origin == before.Origin &&
		slices.Equal(c.Participants, before.Participants) && maps.Equal(c.ReadMarks, before.ReadMarks)
}

// Advance takes a message into a conversation whose state was kept from before it. Any other event, and one that does
// not continue the log, is an error: the state is then not of this log, or from too long before.
func (c *Conversation) Advance(e Event) error {
	if _, ok := e.Kind.(MessagePosted); !ok || e.Sequence != c.LastSequence+1 {
		return fmt.Errorf("event %d, %T, does not advance %s, which ends with %d", e.Sequence, e.Kind, c, c.LastSequence)
	}
	c.LastSequence, c.LastEventTime = e.Sequence, e.Time
	c.replay(e)
	return nil
}
