package committer

import "github.com/kupla-chat/kupla/server/internal/chat"

// Counts is what conversations add up to.
type Counts struct {
	// Waiting is how many conversations wait, by queue.
	Waiting map[string]int
	// Origins is how many conversations wait, by the origin they were started from.
	Origins map[string]int
	// Staff is how many open conversations somebody takes part in, by staff member.
	Staff map[string]int
}

// NewCounts makes counts of nothing.
func NewCounts() Counts {
	return Counts{Waiting: map[string]int{}, Origins: map[string]int{}, Staff: map[string]int{}}
}

// Move counts a conversation as it is now instead of as it was. Either may be nil.
func (c *Counts) Move(before, after *chat.Conversation) {
	c.add(before, -1)
	c.add(after, 1)
}

func (c *Counts) add(v *chat.Conversation, n int) {
	if v == nil {
		return
	}
	switch v.State {
	case chat.Waiting:
		add(c.Waiting, v.QueueID, n)
		if v.Origin != "" {
			add(c.Origins, v.Origin, n)
		}
	case chat.Active:
		for i := range v.Participants {
			if p := &v.Participants[i]; p.StaffID != "" && p.Present() {
				add(c.Staff, p.StaffID, n)
			}
		}
	case chat.Closed:
	}
}

// add keeps no zeros: origins come and go without end.
func add(counts map[string]int, name string, n int) {
	if counts[name] += n; counts[name] == 0 {
		delete(counts, name)
	}
}
