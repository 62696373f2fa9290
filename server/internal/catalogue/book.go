package catalogue

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/feedback"
	"github.com/kupla-chat/kupla/server/internal/queue"
)

// InvalidError tells that a catalogue cannot be compiled.
type InvalidError struct {
	// Problems are what to mend; at least one.
	Problems []Problem
}

// Error names the first problem and how many there are beside it.
func (e *InvalidError) Error() string {
	if more := len(e.Problems) - 1; more > 0 {
		return fmt.Sprintf("catalogue: %v (and %d more to mend)", e.Problems[0], more)
	}
	return fmt.Sprintf("catalogue: %v", e.Problems[0])
}

// Book is a catalogue ready for use. It never changes, and what it hands out is shared and must not be changed
// either. The zero Book has no queues: it is that of a service whose catalogue was not applied yet.
type Book struct {
	etag      string
	applied   *kuplav1.Catalogue
	queues    []*Queue
	byID      map[string]*Queue
	replies   []*kuplav1.CannedReply
	repliesOf map[string][]*kuplav1.CannedReply
}

// Queue is one queue with all that it inherits.
type Queue struct {
	// ID is the queue's identifier.
	ID string
	// Policy decides starts, places and closing.
	Policy queue.Policy
	// Languages are those served, in the catalogue's order.
	Languages []string
	// Identification is when the person is asked who they are.
	Identification kuplav1.IdentificationPolicy
	// Rules are those of acting on behalf of another, and so of health or of social care.
	Rules kuplav1.RepresentationRules
	// Phone is what to offer instead; empty when the county gave none.
	Phone string
	// NoticeVersion identifies the wording of the notice in force.
	NoticeVersion string
	// Survey is what is asked at the end.
	Survey feedback.Survey
	// Public is the queue as anyone may see it: with what it inherits, the versions of notice and survey, and the
	// durations in force.
	Public *kuplav1.Queue

	transferTo map[string]bool
}

// Serves reports whether the queue serves in a language, given as in the catalogue.
func (q *Queue) Serves(language string) bool { return slices.Contains(q.Languages, language) }

// TransfersTo reports whether a conversation may go from this queue to another.
func (q *Queue) TransfersTo(id string) bool { return q.transferTo[id] }

// Compile makes a book of a catalogue. Returns an *InvalidError when Validate finds problems.
func Compile(m *kuplav1.Catalogue) (*Book, error) {
	if problems := Validate(m); len(problems) > 0 {
		return nil, &InvalidError{Problems: problems}
	}
	applied := normal(m)
	_, etag, err := Encode(applied)
	if err != nil {
		return nil, err
	}
	b := &Book{
		etag:      etag,
		applied:   applied,
		byID:      make(map[string]*Queue, len(applied.GetQueues())),
		replies:   applied.GetCannedReplies(),
		repliesOf: make(map[string][]*kuplav1.CannedReply, len(applied.GetQueues())),
	}
	for _, m := range applied.GetQueues() {
		q := compileQueue(m, applied)
		b.queues = append(b.queues, q)
		b.byID[q.ID] = q
		for _, r := range b.replies {
			if len(r.GetQueueIds()) == 0 || slices.Contains(r.GetQueueIds(), q.ID) {
				b.repliesOf[q.ID] = append(b.repliesOf[q.ID], r)
			}
		}
	}
	return b, nil
}

// compileQueue makes a queue of a valid catalogue.
func compileQueue(m *kuplav1.Queue, of *kuplav1.Catalogue) *Queue {
	public := proto.CloneOf(m)
	if public.GetNotice() == nil {
		public.Notice = proto.CloneOf(of.GetDefaultNotice())
	}
	public.NoticeVersion = noticeVersion(public.GetNotice())
	if public.GetPhone() == "" {
		public.Phone = of.GetDefaultPhone()
	}
	survey := feedback.Default()
	switch {
	case m.GetSurvey() != nil:
		survey = surveyOf(m.GetSurvey())
	case of.GetDefaultSurvey() != nil:
		survey = surveyOf(of.GetDefaultSurvey())
	}
	public.Survey = SurveyMessage(survey)

	policy := queue.Policy{
		// The catalogue is valid, so there is nothing to collect.
		Hours:        new(checker).hours("", m.GetOpeningHours(), nil),
		Capacity:     int(m.GetCapacity()),
		KeepPlaceFor: queue.DefaultKeepPlaceFor,
		ClosingGrace: queue.DefaultClosingGrace,
	}
	if m.GetKeepPlaceDuration() != nil {
		policy.KeepPlaceFor = m.GetKeepPlaceDuration().AsDuration()
	}
	grace := policy.ClosingGrace
	if m.GetClosingGraceDuration() != nil {
		grace = m.GetClosingGraceDuration().AsDuration()
		policy.ClosingGrace = grace
	}
	if grace == 0 {
		// To the domain zero is "not said"; the contract tells the two apart.
		policy.ClosingGrace = queue.NoGrace
	}
	public.KeepPlaceDuration = durationpb.New(policy.KeepPlaceFor)
	public.ClosingGraceDuration = durationpb.New(grace)

	q := &Queue{
		ID:             m.GetId(),
		Policy:         policy,
		Languages:      public.GetLanguages(),
		Identification: m.GetIdentificationPolicy(),
		Rules:          m.GetRepresentation().GetRules(),
		Phone:          public.GetPhone(),
		NoticeVersion:  public.GetNoticeVersion(),
		Survey:         survey,
		Public:         public,
		transferTo:     make(map[string]bool, len(m.GetTransferQueueIds())),
	}
	for _, id := range m.GetTransferQueueIds() {
		q.transferTo[id] = true
	}
	return q
}

// Etag identifies the catalogue; empty when none was applied.
func (b *Book) Etag() string { return b.etag }

// Catalogue is the catalogue as it was applied, with nothing inherited and nothing that is output only. It is
// empty, not nil, when none was applied.
func (b *Book) Catalogue() *kuplav1.Catalogue {
	if b.applied == nil {
		return &kuplav1.Catalogue{}
	}
	return b.applied
}

// Queues are the queues, in the order they are shown.
func (b *Book) Queues() []*Queue { return b.queues }

// Queue finds a queue by its id.
func (b *Book) Queue(id string) (*Queue, bool) {
	q, found := b.byID[id]
	return q, found
}

// CannedReplies are the replies offered in any of the queues, each once, in the catalogue's order. Queues that
// do not exist have none.
func (b *Book) CannedReplies(queueIDs ...string) []*kuplav1.CannedReply {
	if len(queueIDs) == 1 {
		return b.repliesOf[queueIDs[0]]
	}
	offered := make(map[*kuplav1.CannedReply]bool)
	for _, id := range queueIDs {
		for _, r := range b.repliesOf[id] {
			offered[r] = true
		}
	}
	var replies []*kuplav1.CannedReply
	for _, r := range b.replies {
		if offered[r] {
			replies = append(replies, r)
		}
	}
	return replies
}

// TransferRules tells whether a conversation may go from one queue to another, and whether the customer must
// agree to it: between health and social care they must, since the two keep their records apart and follow
// different rules. A queue that does not exist is no target, and neither is the queue itself; handing a
// conversation to a colleague of the same queue is not asked here.
func (b *Book) TransferRules(from, to string) (allowed, needsAgreement bool) {
	source, found := b.byID[from]
	target, alsoFound := b.byID[to]
	if !found || !alsoFound {
		return false, false
	}
	return source.TransfersTo(to), source.Rules != target.Rules
}

// noticeVersion identifies the wording of a notice in all languages, in 12 characters.
func noticeVersion(m *kuplav1.LocalizedText) string {
	var data []byte
	for _, text := range []string{m.GetFi(), m.GetSv(), m.GetEn()} {
		// Each with its length before it, so that no two notices write the same bytes.
		data = binary.AppendUvarint(data, uint64(len(text)))
		data = append(data, text...)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}
