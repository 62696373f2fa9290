package postgres

import (
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/kupla-chat/kupla/server/internal/store"
)

// channel is what servers listen on.
const channel = "kupla"

// maxPayload is how long a notification may be. PostgreSQL takes less than 8,000 bytes.
const maxPayload = 7900

// news is what one server tells the others: what changed, by name and version and never by content, and what it
// signals.
type news struct {
	conversations map[int64]int64 // versions by key
	queues        map[string]int64
	staff         map[string]int64
	catalogue     int64 // its version; 0 is not changed
	signals       []store.Signal
}

func (n *news) empty() bool {
	return len(n.conversations)+len(n.queues)+len(n.staff)+len(n.signals) == 0 && n.catalogue == 0
}

func (n *news) conversation(key, version int64) {
	n.conversations = withLatest(n.conversations, key, version)
}
func (n *news) queue(id string, version int64)  { n.queues = withLatest(n.queues, id, version) }
func (n *news) member(id string, version int64) { n.staff = withLatest(n.staff, id, version) }

func withLatest[K comparable](m map[K]int64, key K, version int64) map[K]int64 {
	if m == nil {
		m = map[K]int64{}
	}
	m[key] = max(m[key], version)
	return m
}

// add takes in other news.
func (n *news) add(o news) {
	for key, version := range o.conversations {
		n.conversation(key, version)
	}
	for id, version := range o.queues {
		n.queue(id, version)
	}
	for id, version := range o.staff {
		n.member(id, version)
	}
	n.catalogue = max(n.catalogue, o.catalogue)
	n.signals = append(n.signals, o.signals...)
}

// What the items of a notification are, by their first letter.
const (
	itemConversation = 'c'
	itemQueue        = 'q'
	itemStaff        = 's'
	itemCatalogue    = 'k'
	itemTyping       = 't'
	itemCustomerHere = 'h'
	itemStaffHere    = 'p'
)

// encode makes the payloads of notifications: the server's name, then items, with spaces between.
func (n *news) encode(node string) []string {
	var e encoder
	e.node = node
	for key, version := range n.conversations {
		e.item(itemConversation, strconv.FormatInt(key, 36), strconv.FormatInt(version, 36))
	}
	for id, version := range n.queues {
		e.item(itemQueue, id, strconv.FormatInt(version, 36))
	}
	for id, version := range n.staff {
		e.item(itemStaff, id, strconv.FormatInt(version, 36))
	}
	if n.catalogue != 0 {
		e.item(itemCatalogue, strconv.FormatInt(n.catalogue, 36))
	}
	for _, s := range n.signals {
		switch s.Kind {
		case store.SignalTyping:
			e.item(itemTyping, s.ConversationID, s.ParticipantID)
		case store.SignalCustomerHere:
			e.item(itemCustomerHere, s.ConversationID)
		case store.SignalStaffHere:
			e.item(itemStaffHere, s.StaffID)
		}
	}
	return e.finish()
}

type encoder struct {
	node     string
	payloads []string
	b        strings.Builder
}

func (e *encoder) item(kind byte, fields ...string) {
	var item strings.Builder
	item.WriteByte(' ')
	item.WriteByte(kind)
	for i, f := range fields {
		if i > 0 {
			item.WriteByte(',')
		}
		item.WriteString(url.QueryEscape(f))
	}
	if len(e.node)+item.Len() > maxPayload {
		return // no name is so long; who waits for it is told by the next look at the versions
	}
	if e.b.Len() > 0 && e.b.Len()+item.Len() > maxPayload {
		e.payloads = append(e.payloads, e.b.String())
		e.b.Reset()
	}
	if e.b.Len() == 0 {
		e.b.WriteString(e.node)
	}
	e.b.WriteString(item.String())
}

func (e *encoder) finish() []string {
	if e.b.Len() > 0 {
		e.payloads = append(e.payloads, e.b.String())
	}
	return e.payloads
}

// decodeNews reads a payload. Items of a kind not known, as of a later version, are left out.
func decodeNews(payload string) (node string, n news) {
	node, rest, _ := strings.Cut(payload, " ")
	for item := range strings.FieldsSeq(rest) {
		fields := strings.Split(item[1:], ",")
		ok := true
		for i, f := range fields {
			var err error
			fields[i], err = url.QueryUnescape(f)
			ok = ok && err == nil
		}
		if ok {
			n.decode(item[0], fields)
		}
	}
	return node, n
}

func (n *news) decode(kind byte, fields []string) {
	if len(fields) == 2 {
		version, err := strconv.ParseInt(fields[1], 36, 64)
		switch kind {
		case itemConversation:
			if key, keyErr := strconv.ParseInt(fields[0], 36, 64); err == nil && keyErr == nil {
				n.conversation(key, version)
			}
		case itemQueue:
			n.queue(fields[0], version)
		case itemStaff:
			n.member(fields[0], version)
		case itemTyping:
			n.signals = append(n.signals,
				store.Signal{Kind: store.SignalTyping, ConversationID: fields[0], ParticipantID: fields[1]})
		}
		return
	}
	switch kind {
	case itemCatalogue:
		if version, err := strconv.ParseInt(fields[0], 36, 64); err == nil {
			n.catalogue = max(n.catalogue, version)
		}
	case itemCustomerHere:
		n.signals = append(n.signals, store.Signal{Kind: store.SignalCustomerHere, ConversationID: fields[0]})
	case itemStaffHere:
		n.signals = append(n.signals, store.Signal{Kind: store.SignalStaffHere, StaffID: fields[0]})
	}
}

// maxSignals is how many signals wait to be sent. They are of the moment: what is more is dropped.
const maxSignals = 4096

// outbox holds signals until the next commit, or the next moment, takes them along. It is safe for concurrent use.
type outbox struct {
	mu      sync.Mutex
	waiting map[store.Signal]struct{} // each once: that somebody still types is no more than that they type
	wake    chan struct{}
}

func newOutbox() *outbox {
	return &outbox{waiting: map[store.Signal]struct{}{}, wake: make(chan struct{}, 1)}
}

func (o *outbox) put(s store.Signal) {
	o.mu.Lock()
	if len(o.waiting) < maxSignals {
		o.waiting[s] = struct{}{}
	}
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) take() []store.Signal {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		return nil
	}
	list := make([]store.Signal, 0, len(o.waiting))
	for s := range o.waiting {
		list = append(list, s)
	}
	clear(o.waiting)
	return list
}
