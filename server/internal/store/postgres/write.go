package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// writeBatch is the second part of a batch: everything that is written, the notification and the commit, in one round
// trip.
type writeBatch struct {
	engine *engine
	batch  pgx.Batch
	news   news
}

func (b *writeBatch) queue(q *query, args ...any) { b.batch.Queue(q.text, args...) }

// columns adds a statement that takes rows, unless there are none.
func (b *writeBatch) columns(q *query, c *columns) {
	if !c.empty() {
		b.queue(q, c.args()...)
	}
}

// put puts everything together. The conversations that began have been written.
func (b *writeBatch) put(w *committer.Writes) error {
	if b.engine.unlocked && onlyEvents(w) {
		return b.onlyEvents(w)
	}
	if b.engine.unlocked {
		b.queue(begin)
		b.unanswered(w)
	}
	for _, put := range []func(*committer.Writes) error{
		b.conversations, b.events, b.beside, b.state, b.feedback,
	} {
		if err := put(w); err != nil {
			return err
		}
	}
	if w.Catalogue != nil {
		b.news.catalogue = b.engine.versions.catalogue
	}
	if payloads := b.payloads(); len(payloads) > 0 {
		b.queue(notify, payloads)
	}
	b.queue(commit)
	return nil
}

// payloads are what the other servers are notified of. What is to be told of the moment goes with it.
func (b *writeBatch) payloads() []string {
	b.news.signals = b.engine.outbox.take()
	return b.news.encode(b.engine.node)
}

// onlyEvents reports whether a batch does nothing but add events to conversations that stay where they are, as nearly
// all batches do.
func onlyEvents(w *committer.Writes) bool {
	return len(w.Requests)+len(w.ConversationTokens)+len(w.CaseNotes)+len(w.Queues)+len(w.Staff)+len(w.Contacts)+
		len(w.Feedback)+len(w.FeedbackTokens) == 0 && w.Catalogue == nil &&
		!slices.ContainsFunc(w.Conversations, func(c *committer.ConversationWrite) bool {
			return c.Before == nil || !stays(c) || !slices.Equal(participants(c.Before), participants(c.After))
		})
}

// stays reports whether a conversation is where it was: no index has to be touched.
func stays(c *committer.ConversationWrite) bool {
	o, v := c.Before, c.After
	return o.State == v.State && o.QueueID == v.QueueID && o.ArrivalTime.Equal(v.ArrivalTime)
}

// onlyEvents writes such a batch with one statement, which is a transaction by itself: what is asked of the database
// for each statement is a good part of what a message costs when it comes alone.
func (b *writeBatch) onlyEvents(w *committer.Writes) error {
	rows := newUpdates(len(w.Conversations))
	for _, c := range byKey(w.Conversations) {
		b.news.conversation(c.Key, c.Version)
		data, err := c.Encode()
		if err != nil {
			return err
		}
		rows.add(c, data)
	}
	added := eventColumns(w)
	if len(rows.keys) == 1 && len(added.keys) == 1 {
		b.queue(addEvent, rows.keys[0], rows.bases[0], rows.versions[0], rows.sequences[0], rows.data[0],
			added.sequences[0], added.times[0], added.requests[0], added.fingerprints[0], added.payloads[0], b.payloads())
		return nil
	}
	keys, requests := carried(w)
	b.queue(addEvents, rows.keys, rows.bases, rows.versions, rows.sequences, rows.data,
		added.keys, added.sequences, added.times, added.requests, added.fingerprints, added.payloads,
		int64(len(rows.keys)), keys, requests, b.payloads())
	return nil
}

// byKey are conversations in the order of their keys, as they are locked now if they were not before.
func byKey(list []*committer.ConversationWrite) []*committer.ConversationWrite {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(x, y *committer.ConversationWrite) int { return cmp.Compare(x.Key, y.Key) })
	return sorted
}

// carried are the requests that events of the batch remember.
func carried(w *committer.Writes) (keys []int64, requests uuids) {
	keys, requests = make([]int64, 0, len(w.Events)), make(uuids, 0, len(w.Events))
	for i := range w.Events {
		if e := &w.Events[i]; e.Carries {
			keys, requests = append(keys, e.Conversation.Key), append(requests, uuid(e.RequestKey))
		}
	}
	return keys, requests
}

// send sends it. An error of the database's means that nothing was written; when the connection broke, that is not
// known.
func (b *writeBatch) send(ctx context.Context) error {
	return b.engine.conn.SendBatch(ctx, &b.batch).Close()
}

// unanswered has the batch fail when one of its requests was answered before and is remembered beside the events. That
// no event remembers it, the index of events sees to.
func (b *writeBatch) unanswered(w *committer.Writes) {
	keys, requests := carried(w)
	if len(keys) > 0 {
		b.queue(noRequests, keys, requests)
	}
}

func (b *writeBatch) conversations(w *committer.Writes) error {
	stay := newUpdates(len(w.Conversations))
	var move, joined, left columns
	var ended []int64
	moves := 0
	for _, c := range byKey(w.Conversations) {
		v := c.After
		b.news.conversation(c.Key, c.Version)
		before, after := participants(c.Before), participants(v)
		for _, id := range after {
			if !slices.Contains(before, id) {
				joined.add(id, c.Key)
			}
		}
		for _, id := range before {
			if !slices.Contains(after, id) {
				left.add(id, c.Key)
			}
		}
		if c.Before == nil {
			continue
		}
		data, err := c.Encode()
		if err != nil {
			return err
		}
		if v.State == chat.Closed && c.Before.State != chat.Closed {
			ended = append(ended, c.Key)
		}
		if stays(c) {
			stay.add(c, data)
		} else {
			moves++
			move.add(c.Key, c.BaseVersion, c.Version, v.LastSequence, data, v.QueueID, int16(v.State),
				record.Micros(v.ArrivalTime))
		}
	}
	b.updates(&stay)
	if moves > 0 {
		b.queue(moveConversations, append(move.args(), int64(moves))...)
	}
	b.columns(insertParticipations, &joined)
	b.columns(deleteParticipations, &left)
	if len(ended) > 0 {
		b.queue(deleteCustomersSeen, ended)
	}
	return nil
}

// updates are the conversations that stay where they are, by column. There is one for nearly every message.
type updates struct {
	keys, bases, versions []int64
	sequences             []int32
	data                  byteas
}

func newUpdates(n int) updates {
	return updates{
		keys: make([]int64, 0, n), bases: make([]int64, 0, n), versions: make([]int64, 0, n),
		sequences: make([]int32, 0, n), data: make(byteas, 0, n),
	}
}

func (u *updates) add(c *committer.ConversationWrite, data []byte) {
	u.keys, u.bases, u.versions = append(u.keys, c.Key), append(u.bases, c.BaseVersion), append(u.versions, c.Version)
	u.sequences, u.data = append(u.sequences, c.After.LastSequence), append(u.data, data)
}

func (b *writeBatch) updates(u *updates) {
	switch len(u.keys) {
	case 0:
	case 1:
		b.queue(updateConversation, u.keys[0], u.bases[0], u.versions[0], u.sequences[0], u.data[0])
	default:
		b.queue(updateConversations, u.keys, u.bases, u.versions, u.sequences, u.data, int64(len(u.keys)))
	}
}

// events are new events, by column.
type events struct {
	keys                   []int64
	sequences              []int32
	times                  []int64
	requests               uuids
	fingerprints, payloads byteas
}

func eventColumns(w *committer.Writes) events {
	n := len(w.Events)
	v := events{
		keys: make([]int64, n), sequences: make([]int32, n), times: make([]int64, n),
		requests: make(uuids, n), fingerprints: make(byteas, n), payloads: make(byteas, n),
	}
	for i := range w.Events {
		e := &w.Events[i]
		v.keys[i], v.sequences[i], v.times[i], v.payloads[i] = e.Conversation.Key, e.Sequence, e.At, e.Payload
		if e.Carries {
			v.requests[i], v.fingerprints[i] = uuid(e.RequestKey), e.Fingerprint[:]
		}
	}
	return v
}

func (b *writeBatch) events(w *committer.Writes) error {
	if len(w.Events) > 0 {
		v := eventColumns(w)
		b.queue(insertEvents, v.keys, v.sequences, v.times, v.requests, v.fingerprints, v.payloads)
	}
	return nil
}

// beside writes what belongs to conversations and is not in their log.
func (b *writeBatch) beside(w *committer.Writes) error {
	var requests, tokens, notes, contacts columns
	for i := range w.Requests {
		r := &w.Requests[i]
		requests.add(r.ConversationKey, uuid(r.Key), r.Fingerprint[:], r.Result.ConversationID, r.Result.Sequence,
			r.Result.Ref, record.Micros(r.Result.Time))
	}
	for i := range w.ConversationTokens {
		t := &w.ConversationTokens[i]
		tokens.add(t.Token.Hash[:], t.Key(), t.Token.ParticipantID, record.Micros(t.Token.CreateTime))
	}
	for i := range w.CaseNotes {
		notes.add(w.CaseNotes[i].Key(), w.CaseNotes[i].Data)
	}
	for _, c := range w.Contacts {
		contacts.add(c.ConversationID, c.QueueID, c.Language, record.Micros(c.CreateTime), record.Micros(c.TakeTime),
			record.Micros(c.CloseTime), int16(c.CloseReason))
	}
	b.columns(insertRequests, &requests)
	b.columns(insertConversationTokens, &tokens)
	b.columns(insertCaseNotes, &notes)
	b.columns(insertContacts, &contacts)
	return nil
}

// state writes queues, staff and the catalogue.
func (b *writeBatch) state(w *committer.Writes) error {
	var queues, staff columns
	v := &b.engine.versions
	for _, q := range w.Queues {
		v.queues[q.ID]++
		queues.add(q.ID, v.queues[q.ID], record.Micros(q.LastArrival), q.Paused, record.Micros(q.ResumeTime))
		b.news.queue(q.ID, v.queues[q.ID])
	}
	for _, s := range w.Staff {
		profile, err := record.EncodeStaffProfile(s)
		if err != nil {
			return fmt.Errorf("%w: %w", committer.ErrRejected, err)
		}
		v.staff[s.ID]++
		staff.add(s.ID, v.staff[s.ID], profile, int16(s.Availability), record.Micros(s.AvailabilityTime))
		b.news.member(s.ID, v.staff[s.ID])
	}
	b.columns(updateQueues, &queues)
	b.columns(updateStaff, &staff)
	return nil
}

func (b *writeBatch) feedback(w *committer.Writes) error {
	var answers columns
	for _, f := range w.Feedback {
		answers.add(feedbackID(), f.QueueID, f.Date, f.Language, blob(f.Answers))
	}
	b.columns(insertFeedback, &answers)
	if len(w.FeedbackTokens) > 0 {
		hashes := make(byteas, len(w.FeedbackTokens))
		for i := range w.FeedbackTokens {
			hashes[i] = w.FeedbackTokens[i][:]
		}
		b.queue(insertFeedbackTokens, hashes)
	}
	return nil
}

// blob makes nothing an empty value: nil is NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
