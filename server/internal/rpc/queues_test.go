package rpc_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// queueMoments are a moment at which each queue of the demonstration is open, and a later one at which it is not, on the
// wall clock of Helsinki.
var queueMoments = []struct {
	queueID, open, closes, closed, opens string
	// hours replaces hours at which the queue is never closed.
	hours *kuplav1.OpeningHours
}{
	{queueID: "oral-health", open: "2026-11-25 10:00", closes: "2026-11-25 15:00", closed: "2026-11-25 16:00", opens: "2026-11-26 08:00"},
	// Closed for the weekend.
	{queueID: "child-health-clinic", open: "2026-11-27 13:59", closes: "2026-11-27 14:00", closed: "2026-11-27 14:00", opens: "2026-11-30 08:00"},
	{queueID: "mental-health", open: "2026-11-25 07:00", closes: "2026-11-25 18:00", closed: "2026-11-28 12:00", opens: "2026-11-30 07:00"},
	{
		queueID: "emergency-help", open: "2026-11-25 03:00", closed: "2026-11-25 22:30", opens: "2026-11-26 06:30",
		hours: &kuplav1.OpeningHours{Weekly: []*kuplav1.DayHours{
			{Day: kuplav1.DayOfWeek_DAY_OF_WEEK_WEDNESDAY, Spans: []*kuplav1.HoursSpan{{Start: "06:30", End: "22:00"}}},
			{Day: kuplav1.DayOfWeek_DAY_OF_WEEK_THURSDAY, Spans: []*kuplav1.HoursSpan{{Start: "06:30", End: "22:00"}}},
		}},
	},
	// Open on some days only.
	{queueID: "physiotherapy", open: "2026-11-25 09:00", closes: "2026-11-25 14:00", closed: "2026-11-26 10:00", opens: "2026-11-27 09:00"},
	{queueID: "health-social-work", open: "2026-11-26 11:00", closes: "2026-11-26 12:00", closed: "2026-11-26 12:30", opens: "2026-12-01 09:00"},
	// Christmas Eve, then two holidays, then a Sunday.
	{queueID: "student-health", open: "2026-12-23 14:00", closes: "2026-12-23 15:00", closed: "2026-12-24 10:00", opens: "2026-12-28 08:00"},
	// Epiphany.
	{queueID: "social-guidance", open: "2027-01-05 10:00", closes: "2027-01-05 15:00", closed: "2027-01-06 10:00", opens: "2027-01-07 09:00"},
}

// inHelsinki reads a moment; none is the zero time.
func inHelsinki(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	location, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, location)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// In each of the county's eight queues two people talk while it is open; while it is not, the resident is told when it
// opens and where to call.
func TestEightQueues(t *testing.T) {
	m, err := demo.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	var have, want []string
	for _, q := range m.GetQueues() {
		want = append(want, q.GetId())
	}
	for _, moment := range queueMoments {
		have = append(have, moment.queueID)
	}
	if !slices.Equal(have, want) {
		t.Fatalf("there are moments for %q, and queues %q", have, want)
	}
	for i, moment := range queueMoments {
		t.Run(moment.queueID, func(t *testing.T) {
			languages := m.GetQueues()[i].GetLanguages()
			clock := newClock(inHelsinki(t, moment.open))
			s := apptest.New(t, withClock(clock))
			url := s.Listen(rpc.HTTPConfig{})
			client := func(token string) apptest.Clients { return apptest.Over(&http.Client{}, url, token) }
			nurse := client(s.StaffToken(store.Staff{ID: "nurse", QueueIDs: []string{moment.queueID}}))
			wantStatus(t, client(""), moment.queueID, kuplav1.QueueState_QUEUE_STATE_OPEN, inHelsinki(t, moment.closes))
			talk(t, url, nurse, moment.queueID, languages[len(languages)-1])

			if moment.hours != nil {
				s.ChangeCatalogue(func(m *kuplav1.Catalogue) { m.Queues[i].OpeningHours = moment.hours })
			}
			clock.set(inHelsinki(t, moment.closed))
			opens := inHelsinki(t, moment.opens)
			wantStatus(t, client(""), moment.queueID, kuplav1.QueueState_QUEUE_STATE_CLOSED, opens)
			_, err := client("").Conversation.StartConversation(t.Context(), &kuplav1.StartConversationRequest{
				RequestId: newUUID(), QueueId: moment.queueID, Language: "fi",
			})
			r := refusalOf(t, err)
			r.want(t, connect.CodeFailedPrecondition, kuplav1.ErrorReason_ERROR_REASON_QUEUE_CLOSED)
			if r.metadata["queue_id"] != moment.queueID || r.metadata["phone"] != "116117" ||
				r.metadata["next_opening_time"] != opens.UTC().Format(time.RFC3339) {
				t.Errorf("metadata is %v, want that it opens at %v", r.metadata, opens.UTC())
			}
		})
	}
}

func wantStatus(t *testing.T, c apptest.Clients, queueID string, state kuplav1.QueueState, changes time.Time) {
	t.Helper()
	res, err := c.Queue.GetQueue(t.Context(), &kuplav1.GetQueueRequest{QueueId: queueID})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.GetStatus().GetState(); got != state {
		t.Errorf("the queue is %v, want %v", got, state)
	}
	if changes.IsZero() {
		if res.GetStatus().GetChangeTime() != nil {
			t.Errorf("it changes at %v, want never", res.GetStatus().GetChangeTime().AsTime())
		}
		return
	}
	if got := res.GetStatus().GetChangeTime().AsTime(); !got.Equal(changes) {
		t.Errorf("it changes at %v, want %v", got, changes.UTC())
	}
}

// talk is a whole chat of two clients: each hears what the other says in their own stream.
func talk(t *testing.T, url string, nurse apptest.Clients, queueID, language string) {
	t.Helper()
	client := func(token string) apptest.Clients { return apptest.Over(&http.Client{}, url, token) }
	ctx := t.Context()
	queue, err := client("").Queue.GetQueue(ctx, &kuplav1.GetQueueRequest{QueueId: queueID})
	if err != nil {
		t.Fatal(err)
	}
	started, err := client("").Conversation.StartConversation(ctx, &kuplav1.StartConversationRequest{
		RequestId: newUUID(), QueueId: queueID, Language: language, Message: "Hei, minulla on kysymys",
		NoticeVersion: queue.GetQueue().GetNoticeVersion(),
	})
	if err != nil {
		t.Fatal(err)
	}
	id := started.GetConversation().GetId()
	customer := client(started.GetAccessToken())
	following := connectSpeaker{connecthttp.NewTransport(&http.Client{}, url)}.open(t, customer.Token,
		methodNamed(t, "ConversationService.FollowConversation"),
		&kuplav1.FollowConversationRequest{ConversationId: id, Cursor: started.GetCursor()})
	defer following.stop()
	log := &followedLog{t: t, stream: following}
	if got := log.frame().GetSnapshot().GetPlace().GetPosition(); got != 1 {
		t.Errorf("the place is %d, want 1", got)
	}
	desk, err := nurse.Desk.WatchDesk(ctx, &kuplav1.WatchDeskRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = desk.Close() }()
	// onDesk reads the desk on to the event with a number.
	onDesk := func(sequence int32) *kuplav1.Event {
		t.Helper()
		for {
			frame, err := desk.Receive()
			if err != nil {
				t.Fatalf("the desk: %v", err)
			}
			for _, e := range frame.GetEvents().GetEvents() {
				if frame.GetEvents().GetConversationId() == id && e.GetSequence() == sequence {
					return e
				}
			}
		}
	}
	if taken := nurse.TakeNext(t); taken.GetId() != id || taken.GetLanguage() != language || taken.GetQueueId() != queueID {
		t.Fatalf("took %v", taken)
	}
	if got := onDesk(2).GetMessagePosted().GetText(); got != "Hei, minulla on kysymys" {
		t.Errorf("the professional is told the first message as %q", got)
	}
	log.wantEvent(1, func(e *kuplav1.Event) bool { return e.GetParticipantJoined() != nil })
	log.wantEvent(2, func(e *kuplav1.Event) bool { return e.GetMessagePosted() != nil })
	log.wantEvent(3, func(e *kuplav1.Event) bool { return e.GetParticipantJoined().GetParticipant().GetLeading() })
	nurse.Say(t, id, "Miten voin auttaa?")
	log.wantEvent(4, func(e *kuplav1.Event) bool { return e.GetMessagePosted().GetText() == "Miten voin auttaa?" })
	customer.Say(t, id, "Se selvisi jo, kiitos!")
	if got := onDesk(5).GetMessagePosted().GetText(); got != "Se selvisi jo, kiitos!" {
		t.Errorf("the professional is told the answer as %q", got)
	}
	log.wantEvent(5, func(e *kuplav1.Event) bool { return e.GetMessagePosted() != nil })
	if _, err := nurse.Desk.CloseConversation(ctx, &kuplav1.CloseConversationRequest{
		ConversationId: id, RequestId: newUUID(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
	}); err != nil {
		t.Fatal(err)
	}
	log.wantEvent(6, func(e *kuplav1.Event) bool { return e.GetClosed() != nil })
	log.wantGoAway(kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED)
	survey, err := customer.Feedback.GetSurvey(ctx, &kuplav1.GetSurveyRequest{ConversationId: id})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client("").Feedback.SubmitFeedback(ctx, &kuplav1.SubmitFeedbackRequest{
		FeedbackToken: survey.GetFeedbackToken(),
		Answers:       []*kuplav1.SurveyAnswer{{QuestionId: survey.GetSurvey().GetQuestions()[0].GetId(), Value: &kuplav1.SurveyAnswer_Score{Score: 9}}},
	}); err != nil {
		t.Fatal(err)
	}
}
