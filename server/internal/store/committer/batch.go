package committer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// rowBytes is what a row counts beside what people wrote in it.
const rowBytes = 512

// KeyOf is what a request is remembered by: a hash of its caller and id, so that neither can be read from
// the database.
func KeyOf(req store.Request) [16]byte {
	b := make([]byte, 0, 80)
	b = append(b, req.ID[:]...)
	b = append(b, req.Caller...)
	h := sha256.Sum256(b)
	return [16]byte(h[:16])
}

// requestKeys is where the item's request may be remembered: by the conversations it names, or by itself.
// A request of the one kind is not looked for among the other: there are as many of the others as there
// were conversations, in no order, so every message would have to read a page that nobody else needs.
func (it *item) requestKeys() []RequestKey {
	if it.req.Global || len(it.rows.Conversations) == 0 {
		return []RequestKey{{Key: it.key}}
	}
	keys := make([]RequestKey, len(it.rows.Conversations))
	for i, id := range it.rows.Conversations {
		keys[i] = RequestKey{Key: it.key, ConversationID: id}
	}
	return keys
}

// needOf is what the items read, all together.
func needOf(items []*item) *Need {
	need := &Need{}
	for _, it := range items {
		need.Staff = append(need.Staff, it.rows.Staff...)
		need.Queues = append(need.Queues, it.rows.Queues...)
		need.Conversations = append(need.Conversations, it.rows.Conversations...)
		if it.rows.Origin != "" {
			need.Origins = append(need.Origins, it.rows.Origin)
		}
		if it.req.Remembered() {
			need.Requests = append(need.Requests, it.requestKeys()...)
		}
		need.Catalogue = need.Catalogue || it.rows.Catalogue
		need.Locked = need.Locked || it.locked
	}
	for _, list := range []*[]string{&need.Staff, &need.Queues, &need.Conversations, &need.Origins} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return need
}

// batch is the changes of one transaction: what was loaded, with what the changes so far have made of it.
type batch struct {
	engine Engine
	now    time.Time
	loaded *Loaded

	conversations map[string]*live
	queues        map[string]store.Queue
	staff         map[string]store.Staff
	catalogue     *store.Catalogue
	used          map[[32]byte]bool // feedback tokens

	writes    Writes
	committed []store.Committed
	bytes     int
}

// live is a conversation as the changes so far have made it.
type live struct {
	Conversation
	write *ConversationWrite // nil while none has changed it
}

func newBatch(engine Engine, loaded *Loaded, now time.Time) *batch {
	b := &batch{
		engine: engine, now: now, loaded: loaded, catalogue: loaded.Catalogue,
		conversations: make(map[string]*live, len(loaded.Conversations)),
		queues:        map[string]store.Queue{},
		staff:         map[string]store.Staff{},
	}
	if b.loaded.Requests == nil {
		b.loaded.Requests = map[RequestKey]Remembered{}
	}
	for id, c := range loaded.Conversations {
		b.conversations[id] = &live{Conversation: c}
	}
	return b
}

// run runs one item and sets its outcome or error. The error returned is one that nobody of the batch can
// be answered after.
func (b *batch) run(ctx context.Context, it *item) error {
	it.outcome, it.err, it.again = store.Outcome{}, nil, false
	if it.req.Remembered() {
		if found, ok := b.remembered(it); ok {
			if found.Fingerprint != it.req.Fingerprint {
				it.err = store.ErrRequestIDReused
				return nil
			}
			it.outcome = store.Outcome{Result: found.Result, Repeated: true}
			return nil
		}
	}
	var a *attempted
	if a, it.err = b.prepare(it); it.err == nil {
		it.err = call(it.fn, a.work)
	}
	if b.loaded.Unlocked && (it.err != nil || !a.guarded()) {
		it.again = true
		return nil //nolint:nilerr // Nothing is answered yet.
	}
	if it.err != nil {
		return nil //nolint:nilerr // The item's own error is answered to its caller.
	}
	err := b.check(ctx, a)
	switch {
	case err == nil:
		b.apply(it, a)
	case errors.Is(err, store.ErrUnavailable):
		return err
	default:
		it.err = err
	}
	return nil
}

func (b *batch) remembered(it *item) (Remembered, bool) {
	for _, key := range it.requestKeys() {
		if r, ok := b.loaded.Requests[key]; ok {
			return r, true
		}
	}
	return Remembered{}, false
}

// attempted is one change while it is not yet known whether it holds.
type attempted struct {
	work          *store.Work
	names         []string // the conversations named, each once
	conversations map[string]*chat.Conversation
	queues        map[string]*store.Queue
	staff         map[string]*store.Staff

	payloads [][]byte // of all events, in order
	notes    [][]byte
	bytes    int
}

// prepare makes the copies that a change works on.
func (b *batch) prepare(it *item) (*attempted, error) {
	a := &attempted{names: it.rows.Conversations}
	if n := len(a.names); n > 0 {
		if n > 1 {
			a.names = distinct(a.names)
		}
		a.conversations = make(map[string]*chat.Conversation, n)
		for _, id := range a.names {
			c, ok := b.conversations[id]
			if !ok {
				return nil, fmt.Errorf("%w: conversation", store.ErrNotFound)
			}
			a.conversations[id] = c.State.Clone()
		}
	}
	if n := len(it.rows.Queues); n > 0 {
		a.queues = make(map[string]*store.Queue, n)
		for _, id := range it.rows.Queues {
			q := b.queue(id)
			q.Waiting = b.loaded.Counts.Waiting[id]
			a.queues[id] = &q
		}
	}
	if n := len(it.rows.Staff); n > 0 {
		a.staff = make(map[string]*store.Staff, n)
		for _, id := range it.rows.Staff {
			s, ok := b.staffMember(id)
			if !ok {
				return nil, fmt.Errorf("%w: staff", store.ErrNotFound)
			}
			s.Roles = slices.Clone(s.Roles)
			s.QueueIDs = slices.Clone(s.QueueIDs)
			s.Languages = slices.Clone(s.Languages)
			s.Conversations = b.loaded.Counts.Staff[id]
			a.staff[id] = &s
		}
	}
	var catalogue *store.Catalogue
	if it.rows.Catalogue && b.catalogue != nil {
		copied := *b.catalogue
		catalogue = &copied
	}
	a.work = store.NewWork(
		b.now, a.conversations, a.queues, a.staff, b.loaded.Counts.Origins[it.rows.Origin], catalogue)
	return a, nil
}

func (b *batch) queue(id string) store.Queue {
	if q, ok := b.queues[id]; ok {
		return q
	}
	if q, ok := b.loaded.Queues[id]; ok {
		return q
	}
	return store.Queue{ID: id}
}

func (b *batch) staffMember(id string) (store.Staff, bool) {
	if s, ok := b.staff[id]; ok {
		return s, true
	}
	s, ok := b.loaded.Staff[id]
	return s, ok
}

// guarded reports whether the commit will tell that a change rested on what is no longer so: it writes every row that
// it has read. A refusal, or a change that writes nothing, would be answered by what may be old.
func (a *attempted) guarded() bool {
	r := a.work.Recorded()
	if len(a.names) == 0 || len(a.queues)+len(a.staff)+len(r.Started)+len(r.FeedbackTokens)+len(r.Feedback) > 0 ||
		r.Catalogue != nil {
		return false
	}
	for _, c := range a.conversations {
		if !c.Changed() && len(c.Pending()) == 0 {
			return false
		}
	}
	return true
}

// check sees to it that what a change did can be written, and encodes it. It changes nothing in the batch.
func (b *batch) check(ctx context.Context, a *attempted) error {
	recorded := a.work.Recorded()
	if err := b.checkFeedback(ctx, recorded); err != nil {
		return err
	}
	for i, c := range recorded.Started {
		if _, ok := b.conversations[c.ID]; ok || contains(recorded.Started[:i], c.ID) {
			return fmt.Errorf("%w: conversation id", store.ErrConflict)
		}
	}
	for _, t := range recorded.ConversationTokens {
		if !slices.Contains(a.names, t.ConversationID) && !contains(recorded.Started, t.ConversationID) {
			return errors.New("store: token for a conversation that the change did not name")
		}
	}
	for _, n := range recorded.CaseNotes {
		if !slices.Contains(a.names, n.ConversationID) && !contains(recorded.Started, n.ConversationID) {
			return errors.New("store: case note for a conversation that the change did not name")
		}
	}
	return a.encode()
}

func contains(list []*chat.Conversation, id string) bool {
	return slices.ContainsFunc(list, func(c *chat.Conversation) bool { return c.ID == id })
}

// checkFeedback fails with store.ErrConflict for a token that was used, and with store.ErrUnavailable when
// that cannot be told.
func (b *batch) checkFeedback(ctx context.Context, recorded *store.Recorded) error {
	for i, token := range recorded.FeedbackTokens {
		used := b.used[token] || slices.Contains(recorded.FeedbackTokens[:i], token)
		if !used {
			var err error
			if used, err = b.engine.FeedbackTokenUsed(ctx, token); err != nil {
				return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
			}
		}
		if used {
			return fmt.Errorf("%w: feedback token", store.ErrConflict)
		}
	}
	return nil
}

// encode makes the bytes of what the change wrote, and counts them.
func (a *attempted) encode() error {
	recorded := a.work.Recorded()
	for _, n := range recorded.CaseNotes {
		data, err := record.EncodeCaseNote(n)
		if err != nil {
			return err
		}
		a.notes = append(a.notes, data)
		a.bytes += rowBytes + len(data)
	}
	for _, c := range a.all() {
		for _, e := range c.Pending() {
			data, err := record.EncodeEvent(e)
			if err != nil {
				return err
			}
			a.payloads = append(a.payloads, data)
			a.bytes += len(data)
		}
		a.bytes += rowBytes
	}
	for _, f := range recorded.Feedback {
		a.bytes += rowBytes + len(f.Answers)
	}
	if recorded.Catalogue != nil {
		a.bytes += len(recorded.Catalogue.Data)
	}
	return nil
}

// all are the change's conversations: those named, in the order named, and those begun.
func (a *attempted) all() []*chat.Conversation {
	started := a.work.Recorded().Started
	list := make([]*chat.Conversation, 0, len(a.names)+len(started))
	for _, id := range a.names {
		list = append(list, a.conversations[id])
	}
	return append(list, started...)
}

// apply makes what a change did the state that the next one sees, and takes down what is to be written.
func (b *batch) apply(it *item, a *attempted) {
	recorded := a.work.Recorded()
	b.bytes += a.bytes
	var done store.Committed

	firstEvent := len(b.writes.Events)
	payloads := a.payloads
	for i, c := range a.all() {
		named := i < len(a.names)
		if named && !c.Changed() && len(c.Pending()) == 0 {
			continue
		}
		change := b.write(c, named, payloads)
		payloads = payloads[len(change.Events):]
		done.Conversations = append(done.Conversations, change)
		if contact, ok := Finished(change.Before, change.After); ok {
			done.Contacts = append(done.Contacts, contact)
		}
	}
	b.writes.Contacts = append(b.writes.Contacts, done.Contacts...)
	b.remember(it, recorded, b.writes.Events[firstEvent:], done.Conversations)

	for _, id := range distinct(it.rows.Queues) {
		q := *a.queues[id]
		if sameQueue(b.queue(id), q) {
			continue
		}
		q.Waiting = 0
		q.LastArrival, q.ResumeTime = kept(q.LastArrival), kept(q.ResumeTime)
		b.queues[id] = q
		b.writes.Queues = put(b.writes.Queues, q, func(o store.Queue) bool { return o.ID == id })
		q.Waiting = b.loaded.Counts.Waiting[id]
		done.Queues = append(done.Queues, q)
	}
	for _, id := range distinct(it.rows.Staff) {
		s, was := *a.staff[id], b.mustStaff(id)
		if sameStaff(was, s) {
			continue
		}
		s.Conversations = 0
		s.AvailabilityTime = kept(s.AvailabilityTime)
		b.staff[id] = s
		b.writes.Staff = put(b.writes.Staff, s, func(o store.Staff) bool { return o.ID == id })
		s.Conversations = b.loaded.Counts.Staff[id]
		done.Staff = append(done.Staff, s)
	}
	for _, t := range recorded.ConversationTokens {
		c := b.conversations[t.ConversationID]
		t.CreateTime = kept(t.CreateTime)
		b.writes.ConversationTokens = append(b.writes.ConversationTokens,
			TokenWrite{ConversationKey: c.Key, Conversation: c.write, Token: t})
	}
	for i, n := range recorded.CaseNotes {
		c := b.conversations[n.ConversationID]
		b.writes.CaseNotes = append(b.writes.CaseNotes,
			CaseNoteWrite{ConversationKey: c.Key, Conversation: c.write, Data: a.notes[i]})
	}
	if recorded.Catalogue != nil {
		recorded.Catalogue.ApplyTime = kept(recorded.Catalogue.ApplyTime)
		b.catalogue, b.writes.Catalogue, done.Catalogue = recorded.Catalogue, recorded.Catalogue, recorded.Catalogue
	}
	b.writes.Feedback = append(b.writes.Feedback, recorded.Feedback...)
	for _, token := range recorded.FeedbackTokens {
		if b.used == nil {
			b.used = map[[32]byte]bool{}
		}
		b.used[token] = true
		b.writes.FeedbackTokens = append(b.writes.FeedbackTokens, token)
	}
	if len(done.Conversations)+len(done.Queues)+len(done.Staff)+len(done.Contacts) > 0 ||
		done.Catalogue != nil {
		b.committed = append(b.committed, done)
	}
}

// write takes down one conversation that a change has changed or begun.
func (b *batch) write(c *chat.Conversation, named bool, payloads [][]byte) store.ConversationChange {
	events := c.Pending()
	var before *chat.Conversation
	l := b.conversations[c.ID]
	if named {
		before = l.State
		// The copy was the change's own; it becomes what everybody shares.
		c.Settle()
	} else {
		// What began it may still be held by whoever made it.
		c = c.Clone()
		l = &live{}
		b.conversations[c.ID] = l
	}
	if l.write == nil {
		l.write = &ConversationWrite{Key: l.Key, BaseVersion: l.Version, Before: before}
		b.writes.Conversations = append(b.writes.Conversations, l.write)
	}
	l.State = c
	l.Version++
	l.write.After, l.write.Version = c, l.Version
	for i, e := range events {
		b.writes.Events = append(b.writes.Events, EventWrite{
			Conversation: l.write, Sequence: e.Sequence, At: record.Micros(e.Time), Payload: payloads[i],
		})
	}
	b.loaded.Counts.Move(before, c)
	return store.ConversationChange{Before: before, After: c, Version: l.Version, Events: events}
}

// remember sets the change's outcome and takes down where it is remembered.
//
// An event remembers what it can tell by itself: that costs no row. What else happened in a named
// conversation is remembered beside its events, and everything else by itself.
func (b *batch) remember(
	it *item, recorded *store.Recorded, events []EventWrite, changes []store.ConversationChange,
) {
	result := store.Result{ConversationID: recorded.ConversationID, Ref: recorded.Ref, Time: b.now}
	var first *EventWrite
	for i := range events {
		id := events[i].Conversation.After.ID
		if result.ConversationID == "" {
			result.ConversationID = id
		}
		if result.ConversationID == id {
			first = &events[i]
			result.Sequence = first.Sequence
			break
		}
	}
	if result.ConversationID == "" && len(changes) > 0 {
		result.ConversationID = changes[0].After.ID
	}
	keys := it.requestKeys()
	at := slices.IndexFunc(keys, func(k RequestKey) bool { return k.ConversationID == result.ConversationID })
	carries := first != nil && at >= 0 && result.Ref == ""
	if carries {
		// The event tells no other time when it is asked.
		result.Time = record.Time(first.At)
	}
	it.outcome.Result = result
	if !it.req.Remembered() || len(recorded.Feedback)+len(recorded.FeedbackTokens) > 0 {
		return
	}
	r := Remembered{Fingerprint: it.req.Fingerprint, Result: result}
	key := keys[max(at, 0)]
	b.loaded.Requests[key] = r
	if carries {
		first.Carries, first.RequestKey, first.Fingerprint = true, it.key, it.req.Fingerprint
		return
	}
	w := RequestWrite{Key: it.key, Remembered: r}
	if key.ConversationID != "" {
		w.ConversationKey = b.conversations[key.ConversationID].Key
	}
	b.writes.Requests = append(b.writes.Requests, w)
}

func (b *batch) mustStaff(id string) store.Staff {
	s, _ := b.staffMember(id)
	return s
}

// Finished is the contact that a conversation became when a change closed it. Before is nil when it is not
// known, or it began.
func Finished(before, after *chat.Conversation) (store.Contact, bool) {
	if after.State != chat.Closed || (before != nil && before.State == chat.Closed) {
		return store.Contact{}, false
	}
	return store.Contact{
		ConversationID: after.ID, QueueID: after.QueueID, Language: after.Language,
		CreateTime: after.CreateTime, TakeTime: after.TakeTime, CloseTime: after.CloseTime,
		CloseReason: after.CloseReason,
	}, true
}

func sameQueue(a, b store.Queue) bool {
	return a.LastArrival.Equal(b.LastArrival) && a.Paused == b.Paused && a.ResumeTime.Equal(b.ResumeTime)
}

func sameStaff(a, b store.Staff) bool {
	return a.DisplayName == b.DisplayName && a.Capacity == b.Capacity && a.Availability == b.Availability &&
		a.AvailabilityTime.Equal(b.AvailabilityTime) && slices.Equal(a.Roles, b.Roles) &&
		slices.Equal(a.QueueIDs, b.QueueIDs) && slices.Equal(a.Languages, b.Languages)
}

// kept is a time as it will be read again.
func kept(t time.Time) time.Time { return record.Time(record.Micros(t)) }

// put replaces the element that matches, or appends.
func put[T any](list []T, v T, match func(T) bool) []T {
	if i := slices.IndexFunc(list, match); i >= 0 {
		list[i] = v
		return list
	}
	return append(list, v)
}

// distinct is the names, each once, in the order they come.
func distinct(names []string) []string {
	if len(names) < 2 {
		return names
	}
	list := make([]string, 0, len(names))
	for _, n := range names {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

// call runs a change's function.
func call(fn func(*store.Work) error, w *store.Work) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &store.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return fn(w)
}
