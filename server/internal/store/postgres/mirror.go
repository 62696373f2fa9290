package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

const (
	// newEvents is how many new events of a conversation are read to be told. Who follows reads the others.
	newEvents = 64
	// maxGone is of how many conversations it is remembered that they were told to be closed.
	maxGone = 8192
)

// mirror tells this server what becomes durable, by this server's commits and by those of others, and knows what it
// has told. It is safe for concurrent use.
type mirror struct {
	reads     *reads
	hear      func([]store.Committed)
	signalled func([]store.Signal)

	// reading lets one at a time find out what is new.
	reading sync.Mutex
	looks   shared

	// telling is held while something is told, so that it is told in order. It guards what follows.
	telling sync.Mutex
	// open are the open conversations as they were told last, by id; ids are their ids by key. Whoever changes open holds
	// opening, too, so that it can be read while something is told.
	opening sync.RWMutex
	open    map[string]committer.Conversation
	ids     map[int64]string
	// gone are those that were told to be closed, by key, and told counts what was told of conversations.
	gone          map[int64]departed
	told          int64
	queues, staff map[string]int64 // versions
	catalogue     int64            // its version
}

func newMirror(r *reads, opts store.Options) *mirror {
	m := &mirror{
		reads: r, hear: opts.Committed, signalled: opts.Signalled,
		open: map[string]committer.Conversation{}, ids: map[int64]string{}, gone: map[int64]departed{},
		queues: map[string]int64{}, staff: map[string]int64{},
	}
	if m.hear == nil {
		m.hear = func([]store.Committed) {}
	}
	if m.signalled == nil {
		m.signalled = func([]store.Signal) {}
	}
	m.looks.run = m.lookNow
	return m
}

// load reads what is there when the server starts, and tells nothing.
func (m *mirror) load(ctx context.Context) error {
	m.telling.Lock()
	defer m.telling.Unlock()
	var c conversationRow
	var q queueRow
	var s staffRow
	var participations int
	return m.reads.batch(ctx,
		ask{selectOpen, nil, c.into(), func() error {
			v, err := c.conversation()
			if err != nil {
				return err
			}
			m.open[v.State.ID], m.ids[v.Key] = v, v.State.ID
			return nil
		}},
		ask{selectQueues, nil, q.into(), func() error {
			m.queues[q.id] = q.version
			return nil
		}},
		ask{selectAllStaff, nil, s.into(&participations), func() error {
			m.staff[s.id] = s.version
			return nil
		}},
		ask{selectCatalogueVersion, nil, []any{&m.catalogue}, func() error { return nil }},
	)
}

// openConversations are the open conversations as they were told last, by arrival.
func (m *mirror) openConversations() []*chat.Conversation {
	m.telling.Lock()
	list := make([]*chat.Conversation, 0, len(m.open))
	for _, c := range m.open {
		list = append(list, c.State)
	}
	m.telling.Unlock()
	slices.SortFunc(list, func(a, b *chat.Conversation) int { return a.ArrivalTime.Compare(b.ArrivalTime) })
	return list
}

// latest is an open conversation as it was told last.
func (m *mirror) latest(id string) (committer.Conversation, bool) {
	m.opening.RLock()
	defer m.opening.RUnlock()
	c, ok := m.open[id]
	return c, ok
}

// committed tells what this server committed. key finds the key of a conversation of the batch.
func (m *mirror) committed(batch []store.Committed, v *versions, key func(id string) int64) {
	m.telling.Lock()
	defer m.telling.Unlock()
	for i := range batch {
		c := &batch[i]
		m.mine(c, key)
		c.Queues = slices.DeleteFunc(c.Queues, func(q store.Queue) bool { return m.queues[q.ID] >= v.queues[q.ID] })
		c.Staff = slices.DeleteFunc(c.Staff, func(s store.Staff) bool { return m.staff[s.ID] >= v.staff[s.ID] })
		if c.Catalogue != nil && m.catalogue >= v.catalogue {
			c.Catalogue = nil
		}
	}
	for i := range batch {
		for _, q := range batch[i].Queues {
			m.queues[q.ID] = v.queues[q.ID]
		}
		for _, s := range batch[i].Staff {
			m.staff[s.ID] = v.staff[s.ID]
		}
		if batch[i].Catalogue != nil {
			m.catalogue = v.catalogue
		}
	}
	m.hear(batch)
}

// mine brings a commit of this server's in line with what was told: another server's may have come between that has
// not been told, or this one may have been told already, as another's.
func (m *mirror) mine(c *store.Committed, key func(id string) int64) {
	var told map[string]bool
	c.Conversations = slices.DeleteFunc(c.Conversations, func(v store.ConversationChange) bool {
		if m.wasTold(v.After.ID, key(v.After.ID), v.Version) {
			if told == nil {
				told = map[string]bool{}
			}
			told[v.After.ID] = true
			return true
		}
		return false
	})
	if told != nil {
		c.Contacts = slices.DeleteFunc(c.Contacts, func(v store.Contact) bool { return told[v.ConversationID] })
	}
	for i := range c.Conversations {
		v := &c.Conversations[i]
		prior, known := m.open[v.After.ID]
		switch {
		case known && prior.Version != v.Version-1:
			v.Before, c.Elsewhere = prior.State, true
			// Another server's change in between may be the one that closed it.
			contact, ok := committer.Finished(prior.State, v.After)
			if ok && !slices.ContainsFunc(c.Contacts, func(o store.Contact) bool { return o.ConversationID == v.After.ID }) {
				c.Contacts = append(c.Contacts, contact)
			}
		case !known && v.Before != nil:
			v.Before, c.Elsewhere = nil, true
		}
		m.note(committer.Conversation{Key: key(v.After.ID), Version: v.Version, State: v.After})
	}
}

// wasTold reports whether a version of a conversation was told, or a later one.
func (m *mirror) wasTold(id string, key, version int64) bool {
	if c, ok := m.open[id]; ok {
		return c.Version >= version
	}
	return m.gone[key].version >= version
}

// note takes down what is told of a conversation.
func (m *mirror) note(c committer.Conversation) {
	m.told++
	m.opening.Lock()
	defer m.opening.Unlock()
	if c.State.State != chat.Closed {
		m.open[c.State.ID], m.ids[c.Key] = c, c.State.ID
		return
	}
	delete(m.open, c.State.ID)
	delete(m.ids, c.Key)
	if len(m.gone) >= maxGone {
		clear(m.gone)
	}
	m.gone[c.Key] = departed{version: c.Version, told: m.told}
}

// departed is a conversation that was told to be closed.
type departed struct {
	version int64
	told    int64 // the mirror's count, then
}

// look compares the versions of everything open with what was told, and tells what is new. What was committed before
// it was called is told when it returns.
func (m *mirror) look(ctx context.Context) error { return m.looks.do(ctx) }

func (m *mirror) lookNow(ctx context.Context) error {
	m.reading.Lock()
	defer m.reading.Unlock()
	var err error
	for range maxLooks {
		var n news
		if n, err = m.missed(ctx); err == nil {
			err = m.read(ctx, n)
		}
		if !errors.Is(err, errConnectionLost) {
			break
		}
	}
	return err
}

// maxLooks is how often it is looked again over another connection, when the one had ended.
const maxLooks = 3

// missed finds what is stored and was not told.
func (m *mirror) missed(ctx context.Context) (news, error) {
	m.telling.Lock()
	unseen := make(map[int64]int64, len(m.ids)) // what is open and, when it is not found so, was closed
	for key, id := range m.ids {
		unseen[key] = m.open[id].Version
	}
	told := m.told
	m.telling.Unlock()
	var n news
	var lost []int64
	var c struct{ key, version int64 }
	var q queueRow
	var s staffRow
	var participations int
	var catalogue int64
	err := m.reads.batch(ctx,
		ask{selectOpenVersions, nil, []any{&c.key, &c.version}, func() error {
			if c.version < unseen[c.key] {
				lost = append(lost, c.key)
			}
			delete(unseen, c.key)
			n.conversation(c.key, c.version)
			return nil
		}},
		ask{selectQueues, nil, q.into(), func() error {
			n.queue(q.id, q.version)
			return nil
		}},
		ask{selectAllStaff, nil, s.into(&participations), func() error {
			n.member(s.id, s.version)
			return nil
		}},
		ask{selectCatalogueVersion, nil, []any{&catalogue}, func() error { return nil }},
	)
	for key, version := range unseen {
		n.conversation(key, version+1)
	}
	n.catalogue = catalogue
	m.forget(lost)
	m.reopen(n.conversations, told)
	return n, err
}

// forget forgets conversations that are stored in an older version than was told: a standby that was not synchronous
// has taken over, and what they were is not so any more.
func (m *mirror) forget(keys []int64) {
	m.telling.Lock()
	defer m.telling.Unlock()
	m.opening.Lock()
	defer m.opening.Unlock()
	for _, key := range keys {
		delete(m.open, m.ids[key])
		delete(m.ids, key)
	}
}

// reopen forgets that conversations were closed that are stored open, although they had been told to be closed before
// it was read: as forget.
func (m *mirror) reopen(open map[int64]int64, told int64) {
	m.telling.Lock()
	defer m.telling.Unlock()
	for key, version := range open {
		if g, ok := m.gone[key]; ok && g.told <= told && g.version >= version {
			delete(m.gone, key)
		}
	}
}

// take tells what another server has notified of.
func (m *mirror) take(ctx context.Context, n news) error {
	if len(n.signals) > 0 {
		m.signalled(n.signals)
	}
	m.reading.Lock()
	defer m.reading.Unlock()
	return m.read(ctx, n)
}

// read reads what was not told, and tells it. The caller holds reading.
func (m *mirror) read(ctx context.Context, n news) error {
	f := &found{mirror: m, events: map[int64][]chat.Event{}}
	asks := f.asks(n)
	if len(asks) == 0 {
		return nil
	}
	if err := m.reads.batch(ctx, asks...); err != nil {
		return err
	}
	m.telling.Lock()
	defer m.telling.Unlock()
	if c := f.untold(); c != nil {
		m.hear([]store.Committed{*c})
	}
	return nil
}

// found is what was read and may have to be told.
type found struct {
	mirror        *mirror
	conversations []committer.Conversation
	events        map[int64][]chat.Event
	queues        []queueRow
	staff         []store.Staff
	versions      []int64 // of staff
	catalogue     *store.Catalogue
	version       int64 // of the catalogue
}

// asks puts together what has to be read.
func (f *found) asks(n news) []ask {
	m := f.mirror
	var keys []int64
	var after []int32
	var queues, staff []string
	m.telling.Lock()
	for key, version := range n.conversations {
		id := m.ids[key]
		if m.wasTold(id, key, version) {
			continue
		}
		keys = append(keys, key)
		last := int32(0)
		if c, ok := m.open[id]; ok {
			last = c.State.LastSequence
		}
		after = append(after, last)
	}
	for id, version := range n.queues {
		if m.queues[id] < version {
			queues = append(queues, id)
		}
	}
	for id, version := range n.staff {
		if m.staff[id] < version {
			staff = append(staff, id)
		}
	}
	catalogue := n.catalogue > m.catalogue
	m.telling.Unlock()

	var list []ask
	if len(keys) > 0 {
		// The events after the rows, so that none is missing of what a row tells.
		list = append(list, f.askConversations(keys), f.askEvents(keys, after))
	}
	if len(queues) > 0 {
		var q queueRow
		list = append(list, ask{selectQueuesByID, []any{queues}, q.into(), func() error {
			f.queues = append(f.queues, q)
			return nil
		}})
	}
	if len(staff) > 0 {
		list = append(list, f.askStaff(staff))
	}
	if catalogue {
		var c catalogueRow
		list = append(list, ask{selectCatalogue, nil, c.into(), func() error {
			f.catalogue, f.version = c.catalogue(), c.version
			return nil
		}})
	}
	return list
}

func (f *found) askConversations(keys []int64) ask {
	var c conversationRow
	return ask{selectByKeys, []any{keys}, c.into(), func() error {
		v, err := c.conversation()
		f.conversations = append(f.conversations, v)
		return err
	}}
}

func (f *found) askEvents(keys []int64, after []int32) ask {
	var key int64
	var e eventRow
	return ask{selectNewEvents, []any{keys, after, int64(newEvents)}, e.into(&key), func() error {
		v, err := e.event()
		f.events[key] = append(f.events[key], v)
		return err
	}}
}

func (f *found) askStaff(ids []string) ask {
	var s staffRow
	var n int
	return ask{selectStaffByID, []any{ids}, s.into(&n), func() error {
		v, err := s.staff()
		v.Conversations = n
		f.staff, f.versions = append(f.staff, v), append(f.versions, s.version)
		return err
	}}
}

// untold is what was not told meanwhile, taken down as told; nil when everything was. The caller holds telling.
func (f *found) untold() *store.Committed {
	m := f.mirror
	c := &store.Committed{Elsewhere: true}
	for _, v := range f.conversations {
		if m.wasTold(v.State.ID, v.Key, v.Version) {
			continue
		}
		change := store.ConversationChange{After: v.State, Version: v.Version}
		var after int32
		if prior, ok := m.open[v.State.ID]; ok {
			change.Before, after = prior.State, prior.State.LastSequence
		}
		for _, e := range f.events[v.Key] {
			if e.Sequence > after && e.Sequence <= v.State.LastSequence {
				change.Events = append(change.Events, e)
			}
		}
		c.Conversations = append(c.Conversations, change)
		contact, finished := committer.Finished(change.Before, v.State)
		if finished && change.Before == nil && time.Since(v.State.CloseTime) > longClosed {
			// Something was changed in one that had closed long before: that was told then.
			finished, change.Events = false, nil
		}
		if finished {
			c.Contacts = append(c.Contacts, contact)
		}
		m.note(v)
	}
	for _, q := range f.queues {
		if m.queues[q.id] < q.version {
			m.queues[q.id] = q.version
			c.Queues = append(c.Queues, q.queue())
		}
	}
	for i, s := range f.staff {
		if m.staff[s.ID] < f.versions[i] {
			m.staff[s.ID] = f.versions[i]
			c.Staff = append(c.Staff, s)
		}
	}
	if f.catalogue != nil && m.catalogue < f.version {
		m.catalogue, c.Catalogue = f.version, f.catalogue
	}
	if len(c.Conversations)+len(c.Queues)+len(c.Staff) == 0 && c.Catalogue == nil {
		return nil
	}
	return c
}

// longClosed is after how long a conversation that this server does not know to be open did not close just now.
const longClosed = time.Minute

// ask is one statement that reads, and what is done with each row once it was scanned.
type ask struct {
	query *query
	args  []any
	into  []any
	each  func() error
}

// shared lets those who want the same thing done at the same time have it done once, after they asked.
type shared struct {
	run func(context.Context) error

	mu      sync.Mutex
	running bool
	next    *turn
}

type turn struct {
	done chan struct{}
	err  error
}

func (s *shared) do(ctx context.Context) error {
	s.mu.Lock()
	if s.running {
		if s.next == nil {
			s.next = &turn{done: make(chan struct{})}
		}
		t := s.next
		s.mu.Unlock()
		select {
		case <-t.done:
			return t.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.running = true
	s.mu.Unlock()
	err := s.run(ctx)
	s.mu.Lock()
	t := s.next
	s.next = nil
	s.running = t != nil
	s.mu.Unlock()
	if t != nil {
		go s.serve(t) //nolint:gosec // Those who wait for it have contexts of their own.
	}
	return err
}

// serve does it for those who asked while it was done.
func (s *shared) serve(t *turn) {
	for t != nil {
		t.err = s.run(context.Background())
		close(t.done)
		s.mu.Lock()
		t = s.next
		s.next = nil
		s.running = t != nil
		s.mu.Unlock()
	}
}
