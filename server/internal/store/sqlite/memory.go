package sqlite

import (
	"maps"
	"slices"
	"sync"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

// The bounds of what is remembered beside the open conversations, which are bounded by the queues'
// capacities and those of the professionals.
const (
	maxClosed      = 4096
	maxClosedBytes = 16 << 20
	// closedBytes is what a conversation that has just been closed counts: it is not encoded for that alone.
	closedBytes = 1 << 10
)

// memory is the committed state as far as it is kept in memory. What it hands out is shared and never
// changed.
type memory struct {
	mu     sync.Mutex
	open   map[string]committer.Conversation
	closed lru[string, committer.Conversation]
	counts committer.Counts
	queues map[string]store.Queue
	// catalogue is nil when none was applied.
	catalogue *store.Catalogue
	// doubted tells that a commit failed that may have taken effect: until it is known what is stored,
	// conversations are read from there.
	doubted bool
	// epoch is moved on before every commit and after it. A reader may add what it has read only when no
	// commit came between, or it might put back what is no longer so.
	epoch int64
}

func newMemory() *memory {
	m := &memory{}
	m.closed.limit, m.closed.limitBytes = maxClosed, maxClosedBytes
	m.reset(nil, nil, nil)
	return m
}

// reset makes the memory hold these open conversations and queues and this catalogue, and nothing else.
func (m *memory) reset(open []committer.Conversation, queues []store.Queue, catalogue *store.Catalogue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	m.doubted = false
	m.open = make(map[string]committer.Conversation, len(open))
	m.counts = committer.NewCounts()
	for _, c := range open {
		m.open[c.State.ID] = c
		m.counts.Move(nil, c.State)
	}
	m.queues = make(map[string]store.Queue, len(queues))
	for _, q := range queues {
		m.queues[q.ID] = q
	}
	m.catalogue = catalogue
	m.closed.clear()
}

func (m *memory) conversation(id string) (c committer.Conversation, epoch int64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.doubted {
		return c, m.epoch, false
	}
	if c, ok = m.open[id]; !ok {
		c, ok = m.closed.get(id)
	}
	return c, m.epoch, ok
}

func (m *memory) openConversation(id string) (*chat.Conversation, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.open[id]
	return c.State, ok
}

// keep adds a closed conversation that was read from the database since the epoch was told.
func (m *memory) keep(c committer.Conversation, bytes int, epoch int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch == epoch && !m.doubted && c.State.State == chat.Closed {
		m.closed.put(c.State.ID, c, bytes)
	}
}

// conversationsOf is how many conversations a staff member takes part in.
func (m *memory) conversationsOf(staffID string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts.Staff[staffID]
}

func (m *memory) openConversations() []*chat.Conversation {
	m.mu.Lock()
	list := make([]*chat.Conversation, 0, len(m.open))
	for _, c := range m.open {
		list = append(list, c.State)
	}
	m.mu.Unlock()
	slices.SortFunc(list, func(a, b *chat.Conversation) int { return a.ArrivalTime.Compare(b.ArrivalTime) })
	return list
}

func (m *memory) allQueues() []store.Queue {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]store.Queue, 0, len(m.queues))
	for _, id := range slices.Sorted(maps.Keys(m.queues)) {
		list = append(list, m.queues[id])
	}
	return list
}

// currentCatalogue is nil when none was applied.
func (m *memory) currentCatalogue() *store.Catalogue {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.catalogue
}

// fill copies what a batch needs of queues, counts and the catalogue.
func (m *memory) fill(need *committer.Need, l *committer.Loaded) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l.Counts = committer.NewCounts()
	for _, id := range need.Queues {
		if q, ok := m.queues[id]; ok {
			l.Queues[id] = q
		}
		l.Counts.Waiting[id] = m.counts.Waiting[id]
	}
	for _, id := range need.Staff {
		l.Counts.Staff[id] = m.counts.Staff[id]
	}
	if need.Catalogue {
		l.Catalogue = m.catalogue
	}
	for _, o := range need.Origins {
		l.Counts.Origins[o] = m.counts.Origins[o]
	}
}

// doubt tells that memory may differ from what is stored.
func (m *memory) doubt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.doubted = true
}

// known is what is remembered: the open conversations, the queues, and the catalogue.
func (m *memory) known() (map[string]committer.Conversation, map[string]store.Queue, *store.Catalogue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.open), maps.Clone(m.queues), m.catalogue
}

// putBack undoes a reset, as far as known told it.
func (m *memory) putBack(
	open map[string]committer.Conversation, queues map[string]store.Queue, catalogue *store.Catalogue,
) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open, m.queues, m.catalogue = open, queues, catalogue
}

// committing tells that a commit is about to begin.
func (m *memory) committing() {
	m.mu.Lock()
	m.epoch++
	m.mu.Unlock()
}

// apply makes what was committed what is remembered.
func (m *memory) apply(w *committer.Writes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	for _, c := range w.Conversations {
		id := c.After.ID
		kept := committer.Conversation{Key: c.Key, Version: c.Version, State: c.After}
		m.counts.Move(c.Before, c.After)
		if c.After.State == chat.Closed {
			delete(m.open, id)
			m.closed.put(id, kept, closedBytes)
		} else {
			m.open[id] = kept
		}
	}
	for _, q := range w.Queues {
		m.queues[q.ID] = q
	}
	if w.Catalogue != nil {
		m.catalogue = w.Catalogue
	}
}
