package board

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// Config is what the board goes by. Zero values take the defaults.
type Config struct {
	// PresenceGrace is how long somebody whose stream ended, or who only makes calls, still counts as
	// present. Default 20 s: long enough to reconnect, short enough that nobody takes an empty chair.
	PresenceGrace time.Duration
	// StaffLostAfter is how long a professional may be away before their conversations return to the
	// queue. Default 3 minutes.
	StaffLostAfter time.Duration
	// CustomerExpiresAfter is how long a customer may be away while being answered. Default 30 minutes.
	CustomerExpiresAfter time.Duration
	// CustomerWarnedBefore is how long before that everybody is told. Default 5 minutes.
	CustomerWarnedBefore time.Duration
	// NearHead is how many of the first in line are told their place at once; the others once a second.
	// Default 20.
	NearHead int
	// History is how many finished contacts of a queue the estimate goes by. Default 200.
	History int
	// SeenEvery is how often each of several servers writes when people were last seen, and reads it of the others.
	// Zero is a server on its own.
	SeenEvery time.Duration
	// Signal tells the other servers what is of the moment. It must not block. Nil tells nobody.
	Signal func(store.Signal)
}

// WithDefaults is the configuration with its zero values filled in.
func (c Config) WithDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.PresenceGrace, 20*time.Second)
	def(&c.StaffLostAfter, 3*time.Minute)
	def(&c.CustomerExpiresAfter, 30*time.Minute)
	def(&c.CustomerWarnedBefore, 5*time.Minute)
	if c.NearHead == 0 {
		c.NearHead = 20
	}
	if c.History == 0 {
		c.History = 200
	}
	return c
}

// Catalogue is where the board reads the catalogue in force.
type Catalogue interface{ Book() *catalogue.Book }

// Board is what this server knows of now. It is safe for concurrent use.
type Board struct {
	config    Config
	hub       *hub.Hub
	catalogue Catalogue
	now       func() time.Time

	mu   sync.Mutex
	back time.Time // when the service was back
	// interrupted is when the interruption of the service began; zero when there is none.
	interrupted time.Time
	// open are the conversations that are waiting or active.
	open map[string]*openConversation
	// gone are those that closed a moment ago: what comes late of them is not to open them again.
	gone map[string]departed
	// early counts the streams of customers whose conversation this server was not told of yet: it began at another.
	early  map[string]int
	lines  map[string]*line
	staff  map[string]*staffMember
	queues map[string]store.Queue

	seenCustomers, seenStaff map[string]struct{}
	nextPart                 uint8 // of whoever comes next

	habits *queue.Habits
	// inOrder is the staff by id: what is learnt is not to depend on the order of a map.
	inOrder []*staffMember

	// loading tells that Load reads the store, and meanwhile is what was committed since it began.
	loading   bool
	meanwhile []store.Committed
}

type openConversation struct {
	conversation *chat.Conversation
	version      int64
	customer     presence
	warned       bool // the customer was away for so long that everybody was told
	// told is the last position told, so that only those whose place changed are woken.
	told int
	// part is in which part of a long line its followers are told: see TellPart.
	part uint8
	// waitingSince is since when it waits in its line, and promise what was foreseen of that when it was told
	// of its place first.
	waitingSince time.Time
	promise      *queue.Promise
}

// departed is a conversation that closed.
type departed struct {
	version int64
	time    time.Time
}

type staffMember struct {
	store.Staff
	presence      presence
	conversations map[string]struct{}
}

// line is a queue's line with what is known for its estimate.
type line struct {
	*queue.Line
	handling []time.Duration // newest first
	// dirty tells that places may have changed since the last tick.
	dirty bool
	// parts are those of a long line in which places may have changed since they were told last, a bit each.
	parts uint16
	// status and toldTime are what the last tick told.
	status   queue.Status
	toldTime time.Time

	forecast      *queue.Forecast
	forecastTime  time.Time
	forecastStale bool // something it rests on has changed
	// shares are those of the professionals of other queues, in order of their ids.
	shares []share
	// scores are those of the promises that came true, the newest last; waited is for how long people have
	// waited together, and gaveUp how many of them gave up.
	scores []queue.Score
	waited time.Duration
	gaveUp int
	left   []left // who gave up and whose turn has not come

	// served and servedClosed are until when those who wait are served, by a catalogue's queue at a time.
	served       time.Time
	servedClosed bool
	servedOf     *catalogue.Queue
	servedAsOf   time.Time
}

// New makes an empty board. Load fills it.
func New(h *hub.Hub, c Catalogue, now func() time.Time, config Config) *Board {
	return &Board{
		config: config.WithDefaults(), hub: h, catalogue: c, now: now,
		open: map[string]*openConversation{}, lines: map[string]*line{},
		gone: map[string]departed{}, early: map[string]int{},
		staff: map[string]*staffMember{}, queues: map[string]store.Queue{},
		seenCustomers: map[string]struct{}{}, seenStaff: map[string]struct{}{},
		habits: queue.NewHabits(),
	}
}

// Load fills the board from the store and marks the moment at which the service is back. It is called once.
// Commits may come in at the same time: they are taken in after what was read, so what is newer stays.
func (b *Board) Load(ctx context.Context, s store.Store) error {
	b.mu.Lock()
	b.loading = true
	b.mu.Unlock()
	read, err := b.read(ctx, s)

	b.mu.Lock()
	defer b.mu.Unlock()
	meanwhile := b.meanwhile
	b.loading, b.meanwhile = false, nil
	if err == nil {
		b.back = b.now()
		b.fill(read, meanwhile)
	}
	for _, change := range meanwhile {
		// One that finished while the contacts were read may be among them.
		change.Contacts = slices.DeleteFunc(slices.Clone(change.Contacts), func(c store.Contact) bool {
			return read.contacts[c.ConversationID]
		})
		b.takeIn(change)
	}
	return err
}

// stored is what Load reads.
type stored struct {
	open                     []*chat.Conversation
	queues                   []store.Queue
	staff                    []store.Staff
	customersSeen, staffSeen map[string]time.Time
	handling                 map[string][]time.Duration // by queue, newest first
	contacts                 map[string]bool            // the conversations that handling is of
}

func (b *Board) read(ctx context.Context, s store.Store) (read stored, err error) {
	if read.open, err = s.OpenConversations(ctx); err != nil {
		return read, fmt.Errorf("read open conversations: %w", err)
	}
	if read.queues, err = s.Queues(ctx); err != nil {
		return read, fmt.Errorf("read queues: %w", err)
	}
	if read.staff, err = s.AllStaff(ctx); err != nil {
		return read, fmt.Errorf("read staff: %w", err)
	}
	if read.customersSeen, err = s.CustomersSeen(ctx); err != nil {
		return read, fmt.Errorf("read when customers were seen: %w", err)
	}
	if read.staffSeen, err = s.StaffSeen(ctx); err != nil {
		return read, fmt.Errorf("read when staff were seen: %w", err)
	}
	read.handling, read.contacts = map[string][]time.Duration{}, map[string]bool{}
	for _, q := range b.catalogue.Book().Queues() {
		contacts, err := s.Contacts(ctx, q.ID, b.config.History)
		if err != nil {
			return read, fmt.Errorf("read contacts of %s: %w", q.ID, err)
		}
		for _, c := range contacts {
			read.handling[q.ID] = append(read.handling[q.ID], c.CloseTime.Sub(c.TakeTime))
			read.contacts[c.ConversationID] = true
		}
	}
	return read, nil
}

// fill takes in what was read. What began meanwhile is left to the commit that tells it.
func (b *Board) fill(read stored, meanwhile []store.Committed) {
	began := map[string]bool{}
	for _, change := range meanwhile {
		for _, c := range change.Conversations {
			began[c.After.ID] = began[c.After.ID] || c.Before == nil && !change.Elsewhere
		}
	}
	for _, q := range read.queues {
		b.queues[q.ID] = q
	}
	for _, m := range read.staff {
		b.staffMember(m.ID).Staff = m
	}
	for id, seen := range read.staffSeen {
		b.staffMember(id).presence.elsewhere = seen
	}
	for _, c := range read.open {
		if !began[c.ID] {
			b.apply(store.ConversationChange{After: c}, false)
			if o := b.open[c.ID]; o != nil { // It may have closed before the commits were kept for later.
				o.customer.elsewhere = read.customersSeen[c.ID]
			}
		}
	}
	for id, durations := range read.handling {
		b.line(id).handling = durations
	}
}

// Committed takes in what became durable. It is the store's Options.Committed.
func (b *Board) Committed(batch []store.Committed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.loading {
		b.meanwhile = append(b.meanwhile, batch...)
		return
	}
	for _, change := range batch {
		b.takeIn(change)
	}
}

func (b *Board) takeIn(change store.Committed) {
	for _, q := range change.Queues {
		b.queues[q.ID] = q
		b.queueChanged(q.ID)
	}
	for _, s := range change.Staff {
		m := b.staffMember(s.ID)
		m.Staff = s
		b.staffChanged(m)
	}
	for _, contact := range change.Contacts {
		if !contact.TakeTime.IsZero() {
			l := b.line(contact.QueueID)
			l.handling = slices.Insert(l.handling, 0, contact.CloseTime.Sub(contact.TakeTime))
			l.handling = l.handling[:min(len(l.handling), b.config.History)]
		}
	}
	for _, c := range change.Conversations {
		lost := change.Elsewhere && b.lose(c)
		if before, news := b.apply(c, change.Elsewhere); news {
			b.tell(before, c)
		}
		if lost {
			b.hub.Rewritten(c.After.ID)
		}
	}
	if change.Catalogue != nil {
		b.hub.Catalogue()
	}
}

// tell wakes those whom a conversation's change concerns. before is the conversation as it was told last.
func (b *Board) tell(before *chat.Conversation, c store.ConversationChange) {
	b.hub.Changed(c.After, c.Events, false)
	var had []*chat.Participant
	var read map[string]int32
	if before != nil {
		had, read = before.Professionals(), before.ReadMarks
	}
	for id, sequence := range c.After.ReadMarks {
		if sequence > read[id] {
			b.hub.Read(c.After.ID, id, sequence)
		}
	}
	for _, p := range c.After.Professionals() {
		if !slices.ContainsFunc(had, func(q *chat.Participant) bool { return q.ID == p.ID }) &&
			c.After.State != chat.Closed {
			b.hub.Added(p.StaffID, c.After.ID)
		}
	}
}

// lose reports whether a conversation is stored in an older version than was told, which the store tells as one that it
// knows nothing of: a standby has taken over that had not everything. Then what is stored is what counts.
func (b *Board) lose(c store.ConversationChange) bool {
	o := b.open[c.After.ID]
	if o == nil || c.Before != nil || c.Version > o.version {
		return false
	}
	o.version = 0
	b.line(o.conversation.QueueID).Forget(c.After.ID)
	b.line(c.After.QueueID).Forget(c.After.ID)
	return true
}

// apply brings open conversations, lines and staff to a conversation's new state, and returns what it was before as far
// as is known. It is no news when it is not newer than what is known.
func (b *Board) apply(c store.ConversationChange, elsewhere bool) (before *chat.Conversation, news bool) {
	now := b.now()
	o := b.open[c.After.ID]
	known, was := b.gone[c.After.ID].version, (*chat.Conversation)(nil)
	if o != nil {
		known, was = o.version, o.conversation
	}
	if known > 0 && c.Version <= known {
		return nil, false
	}
	// What the board knows goes before what the store told: a change made here may be told before one that was made
	// elsewhere and came first.
	if before = was; before == nil {
		before = c.Before
	}
	b.applyStaff(was, c.After)
	if o != nil && o.conversation.State == chat.Waiting &&
		(c.After.State != chat.Waiting || c.After.QueueID != o.conversation.QueueID) {
		b.line(o.conversation.QueueID).cameTrue(o, c.After, now)
		b.line(o.conversation.QueueID).Leave(c.After.ID, c.Version)
		b.queueChanged(o.conversation.QueueID)
	}
	if c.After.State == chat.Closed {
		delete(b.open, c.After.ID)
		b.gone[c.After.ID] = departed{version: c.Version, time: now}
		return before, true
	}
	began := o == nil
	if began {
		o = b.begin(c, elsewhere, now)
	}
	o.conversation = c.After
	o.version = c.Version
	if c.After.State == chat.Waiting {
		b.applyWaiting(o, was, c)
	}
	if n := b.early[c.After.ID]; began && n > 0 {
		delete(b.early, c.After.ID)
		b.customerStreams(c.After.ID, n)
	}
	return before, true
}

// begin makes a conversation known that is open.
func (b *Board) begin(c store.ConversationChange, elsewhere bool, now time.Time) *openConversation {
	o := &openConversation{part: b.nextPart}
	b.nextPart = (b.nextPart + 1) % Parts
	switch {
	case elsewhere:
		// Its customer called another server when it began. What came later is told by signals, or read.
		if o.customer.heard(c.After.CreateTime, now, b.config.elsewhereAge()) && now.Before(o.customer.until) {
			o.customer.present, o.customer.since = true, c.After.CreateTime
		}
	case c.Before == nil && len(c.Events) > 0:
		// It has just begun, by a call of the customer's.
		o.customer = presence{seen: now, present: true, since: now}
		b.seenCustomers[c.After.ID] = struct{}{}
	}
	b.open[c.After.ID] = o
	return o
}

// applyWaiting brings a line to the new state of a conversation that waits in it. was is the one before; nil when it
// was not known.
func (b *Board) applyWaiting(o *openConversation, was *chat.Conversation, c store.ConversationChange) {
	came := was == nil || was.State != chat.Waiting || was.QueueID != c.After.QueueID
	if came {
		o.told, o.waitingSince, o.promise = 0, b.now(), nil
	}
	changed := b.line(c.After.QueueID).Apply(queue.Entry{
		ConversationID: c.After.ID,
		Arrival:        c.After.ArrivalTime,
		Language:       c.After.Language,
		Transferred:    c.After.Transferred,
		Version:        c.Version,
		Origin:         c.After.Origin,
	})
	// It may have been taken and returned elsewhere, and this be told as one.
	if changed && (came || was.Transferred != c.After.Transferred || !was.ArrivalTime.Equal(c.After.ArrivalTime)) {
		b.queueChanged(c.After.QueueID)
	}
}

// applyStaff brings who has a conversation to its new state, and tells those whose desk is another.
func (b *Board) applyStaff(before, after *chat.Conversation) {
	had, has := map[string]bool{}, map[string]bool{}
	if before != nil {
		for _, p := range before.Professionals() {
			had[p.StaffID] = true
		}
	}
	if after.State != chat.Closed {
		for _, p := range after.Professionals() {
			has[p.StaffID] = true
		}
	}
	for id := range had {
		if !has[id] {
			delete(b.staffMember(id).conversations, after.ID)
			b.staffChanged(b.staffMember(id))
		}
	}
	for id := range has {
		if !had[id] {
			if before != nil && before.State == chat.Waiting {
				b.habits.Took(id, b.now())
			}
			b.staffMember(id).conversations[after.ID] = struct{}{}
			b.staffChanged(b.staffMember(id))
		}
	}
}

// queueChanged marks a line as changed and tells those near its head at once.
func (b *Board) queueChanged(id string) {
	l := b.line(id)
	l.changed()
	l.forecastStale = true
	for _, e := range l.Head(b.config.NearHead) {
		b.tellPlace(l, e.ConversationID)
	}
	for _, s := range b.inOrder {
		if slices.Contains(s.QueueIDs, id) {
			b.observe(s)
		}
	}
	b.hub.Queue(id)
}

// tellPlace wakes a conversation's followers when its position is not the one last told.
func (b *Board) tellPlace(l *line, conversationID string) {
	o := b.open[conversationID]
	if o == nil {
		return
	}
	if position, ok := l.Place(conversationID); ok && position != o.told {
		o.told = position
		b.hub.Places(conversationID)
	}
}

// staffChanged marks the lines of a staff member as changed: the estimate may be another.
func (b *Board) staffChanged(s *staffMember) {
	b.observe(s)
	for _, id := range s.QueueIDs {
		l := b.line(id)
		l.changed()
		l.forecastStale = true
		b.hub.Queue(id)
	}
	b.hub.Staff()
}

func (b *Board) line(id string) *line {
	l := b.lines[id]
	if l == nil {
		l = &line{Line: queue.NewLine()}
		b.lines[id] = l
	}
	return l
}

func (b *Board) staffMember(id string) *staffMember {
	s := b.staff[id]
	if s == nil {
		s = &staffMember{Staff: store.Staff{ID: id}, conversations: map[string]struct{}{}}
		b.staff[id] = s
		at, _ := slices.BinarySearchFunc(b.inOrder, id, func(m *staffMember, id string) int { return cmp.Compare(m.ID, id) })
		b.inOrder = slices.Insert(b.inOrder, at, s)
	}
	return s
}
