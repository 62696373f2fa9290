package apptest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

// Cluster is several servers of one database, in virtual time. The database is one SQLite file that they share within
// the process; what one of them commits the others are told as from elsewhere. A test decides what of it arrives.
type Cluster struct {
	Servers []*Member

	mu     sync.Mutex // one change at a time, so that it is known who made it
	st     *sqlite.Store
	opened int
	maker  *Member
	leader *Member
}

// Member is one server of a cluster.
type Member struct {
	*Server
	cluster *Cluster

	mu      sync.Mutex
	options store.Options
	away    bool
	deaf    bool
	missed  []store.Committed
}

// NewCluster starts servers on one database. The first one leads.
func NewCluster(t testing.TB, servers int, options ...Option) *Cluster {
	t.Helper()
	c := &Cluster{}
	path := ""
	for range servers {
		m := &Member{cluster: c}
		c.Servers = append(c.Servers, m)
		if c.leader == nil {
			c.leader = m
		}
		m.Server = New(t, append([]Option{func(s *Server) {
			s.open = func(ctx context.Context, o store.Options) (store.Store, error) {
				if path == "" {
					path = s.path
				}
				return m.openStore(ctx, path, o)
			}
		}}, options...)...)
	}
	return c
}

func (m *Member) openStore(ctx context.Context, path string, o store.Options) (store.Store, error) {
	c := m.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opened == 0 {
		st, err := sqlite.Open(ctx, path, store.Options{Now: o.Now, Committed: c.committed})
		if err != nil {
			return nil, err
		}
		c.st = st
	}
	c.opened++
	m.mu.Lock()
	defer m.mu.Unlock()
	m.options, m.missed = o, nil
	return &memberStore{Store: c.st, member: m}, nil
}

// committed hands on what was committed: to who made it, and to the others as from elsewhere.
func (c *Cluster) committed(batch []store.Committed) {
	for _, m := range c.Servers {
		told := batch
		if m != c.maker {
			told = make([]store.Committed, len(batch))
			for i, change := range batch {
				change.Elsewhere = true
				told[i] = change
			}
		}
		m.mu.Lock()
		tell := m.options.Committed
		if m != c.maker && (m.deaf || m.away) {
			m.missed = append(m.missed, told...)
			tell = nil
		}
		m.mu.Unlock()
		if tell != nil {
			tell(told)
		}
	}
}

// Lead makes a server the one that leads; nil is none.
func (c *Cluster) Lead(m *Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = m
}

// Deafen keeps everything that the others tell from a server, until it hears again or asks.
func (m *Member) Deafen(deaf bool) {
	m.mu.Lock()
	m.deaf = deaf
	m.mu.Unlock()
	if !deaf {
		m.takeIn()
	}
}

// Lose takes the database from a server without a word.
func (m *Member) Lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = true
}

// Interrupt takes the database from a server, which its store says.
func (m *Member) Interrupt() {
	m.Lose()
	m.options.Interrupted(true)
}

// Restore gives it back. What was missed is told first.
func (m *Member) Restore() {
	m.mu.Lock()
	m.away = false
	m.mu.Unlock()
	m.takeIn()
	m.options.Interrupted(false)
}

// takeIn tells what was missed: of each conversation what it is now, and the last events of it, as a store does that
// finds that others have changed it several times.
func (m *Member) takeIn() {
	m.mu.Lock()
	missed, tell := m.missed, m.options.Committed
	m.missed = nil
	m.mu.Unlock()
	if len(missed) == 0 {
		return
	}
	at := map[string]int{}
	one := store.Committed{Elsewhere: true}
	for _, change := range missed {
		one.Queues = append(one.Queues, change.Queues...)
		one.Staff = append(one.Staff, change.Staff...)
		one.Contacts = append(one.Contacts, change.Contacts...)
		if change.Catalogue != nil {
			one.Catalogue = change.Catalogue
		}
		for _, c := range change.Conversations {
			if i, ok := at[c.After.ID]; ok {
				c.Before = one.Conversations[i].Before
				one.Conversations[i] = c
				continue
			}
			at[c.After.ID] = len(one.Conversations)
			one.Conversations = append(one.Conversations, c)
		}
	}
	tell([]store.Committed{one})
}

// reach is the error of a database that is away.
func (m *Member) reach() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return fmt.Errorf("%w: away for a test", store.ErrUnavailable)
	}
	return nil
}

// memberStore is the store as one server has it.
type memberStore struct {
	store.Store
	member *Member
}

// Shared is store.Store's.
func (s *memberStore) Shared() bool { return true }

// Leads is store.Store's.
func (s *memberStore) Leads() bool {
	c := s.member.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leader == s.member && s.member.reach() == nil
}

// Signal is store.Store's.
func (s *memberStore) Signal(signal store.Signal) {
	for _, m := range s.member.cluster.Servers {
		m.mu.Lock()
		tell := m.options.Signalled
		if m == s.member || m.deaf || m.away {
			tell = nil
		}
		m.mu.Unlock()
		if tell != nil {
			// Not on the way: the board that signals holds its lock.
			go tell([]store.Signal{signal})
		}
	}
}

// Refresh is store.Store's.
func (s *memberStore) Refresh(context.Context) error {
	if err := s.member.reach(); err != nil {
		return err
	}
	s.member.takeIn()
	return nil
}

// Close is store.Store's.
func (s *memberStore) Close() error {
	c := s.member.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	s.member.mu.Lock()
	s.member.options = store.Options{}
	s.member.mu.Unlock()
	c.opened--
	if c.opened > 0 {
		return nil
	}
	return c.st.Close()
}

// Change is store.Store's.
func (s *memberStore) Change(
	ctx context.Context, req store.Request, rows store.Rows, fn func(*store.Work) error,
) (store.Outcome, error) {
	if err := s.member.reach(); err != nil {
		return store.Outcome{}, err
	}
	c := s.member.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	c.maker = s.member
	return s.Store.Change(ctx, req, rows, fn)
}

// Lookup is store.Store's.
func (s *memberStore) Lookup(ctx context.Context, req store.Request, id string) (store.Result, error) {
	if err := s.member.reach(); err != nil {
		return store.Result{}, err
	}
	return s.Store.Lookup(ctx, req, id)
}

// Conversation is store.Store's.
func (s *memberStore) Conversation(ctx context.Context, id string) (*chat.Conversation, error) {
	if err := s.member.reach(); err != nil {
		return nil, err
	}
	return s.Store.Conversation(ctx, id)
}

// Events is store.Store's.
func (s *memberStore) Events(ctx context.Context, id string, after int32, limit int) ([]chat.Event, error) {
	if err := s.member.reach(); err != nil {
		return nil, err
	}
	return s.Store.Events(ctx, id, after, limit)
}

// Seen is store.Store's.
func (s *memberStore) Seen(ctx context.Context, customers, staff map[string]time.Time) error {
	if err := s.member.reach(); err != nil {
		return err
	}
	return s.Store.Seen(ctx, customers, staff)
}

// CustomersSeen is store.Store's.
func (s *memberStore) CustomersSeen(ctx context.Context) (map[string]time.Time, error) {
	if err := s.member.reach(); err != nil {
		return nil, err
	}
	return s.Store.CustomersSeen(ctx)
}

// StaffSeen is store.Store's.
func (s *memberStore) StaffSeen(ctx context.Context) (map[string]time.Time, error) {
	if err := s.member.reach(); err != nil {
		return nil, err
	}
	return s.Store.StaffSeen(ctx)
}

// AllStaff is store.Store's.
func (s *memberStore) AllStaff(ctx context.Context) ([]store.Staff, error) {
	if err := s.member.reach(); err != nil {
		return nil, err
	}
	return s.Store.AllStaff(ctx)
}

// StaffToken is store.Store's.
func (s *memberStore) StaffToken(ctx context.Context, hash [32]byte) (store.StaffToken, error) {
	if err := s.member.reach(); err != nil {
		return store.StaffToken{}, err
	}
	return s.Store.StaffToken(ctx, hash)
}

// Healthy is store.Store's.
func (s *memberStore) Healthy(ctx context.Context) error {
	if err := s.member.reach(); err != nil {
		return err
	}
	return s.Store.Healthy(ctx)
}
