package rpc_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// tape records what a stream sends, as it comes, and when.
type tape[F any] struct {
	t        testing.TB
	describe func(F) string
	stop     func()

	mu     sync.Mutex
	frames []F
	times  []time.Time
	err    error // how the stream ended; nil while it goes on
	shown  int
}

// clientStream is an open stream, of whichever service.
type clientStream[F any] interface {
	Receive() (F, error)
	Close() error
}

// record begins to read a stream.
func record[F any](t testing.TB, stream clientStream[F], describe func(F) string) *tape[F] {
	t.Helper()
	r := &tape[F]{t: t, describe: describe}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			frame, err := stream.Receive()
			r.mu.Lock()
			if err != nil {
				r.err = err
				r.mu.Unlock()
				return
			}
			r.frames = append(r.frames, frame)
			r.times = append(r.times, time.Now())
			r.mu.Unlock()
		}
	}()
	r.stop = func() {
		_ = stream.Close() // It may have ended by itself.
		<-done
		synctest.Wait() // The server has noticed too.
	}
	t.Cleanup(r.stop)
	return r
}

// all returns the frames so far, once nobody has anything more to do.
func (r *tape[F]) all() []F {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.frames)
}

// news returns the frames since the last call.
func (r *tape[F]) news() []F {
	all := r.all()
	news := all[r.shown:]
	r.shown = len(all)
	return news
}

// lines describes the frames since the last call of lines or news.
func (r *tape[F]) lines() []string {
	var lines []string
	for _, f := range r.news() {
		lines = append(lines, strings.Split(r.describe(f), "\n")...)
	}
	return lines
}

// want fails the test unless the frames since the last call of lines, news or want are those.
func (r *tape[F]) want(want ...string) {
	r.t.Helper()
	wantLines(r.t, r.lines(), want...)
}

// end is how the stream ended: io.EOF after a go_away, nil while it goes on.
func (r *tape[F]) end() error {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// wantOver fails the test unless the stream has ended, and said so.
func (r *tape[F]) wantOver() {
	r.t.Helper()
	if err := r.end(); !errors.Is(err, io.EOF) {
		r.t.Fatalf("the stream ended with %v, want a clean end", err)
	}
}

// wantOpen fails the test when the stream has ended.
func (r *tape[F]) wantOpen() {
	r.t.Helper()
	if err := r.end(); err != nil {
		r.t.Fatalf("the stream ended with %v, want it to go on", err)
	}
}

// gaps returns the times between the frames.
func (r *tape[F]) gaps() []time.Duration {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	var gaps []time.Duration
	for i := 1; i < len(r.times); i++ {
		gaps = append(gaps, r.times[i].Sub(r.times[i-1]))
	}
	return gaps
}

func wantLines(t testing.TB, got []string, want ...string) {
	t.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("frames differ (-want +got):\n%s", diff)
	}
}

// follow opens a conversation's stream.
func follow(t testing.TB, c apptest.Clients, id, cursor string) *tape[*kuplav1.FollowConversationResponse] {
	t.Helper()
	stream, err := c.Conversation.FollowConversation(t.Context(),
		&kuplav1.FollowConversationRequest{ConversationId: id, Cursor: cursor})
	if err != nil {
		t.Fatalf("follow: %v", err)
	}
	return record(t, stream, describeFollowed)
}

// echo waits until those who wrote have been told what they wrote.
func echo() { time.Sleep(hub.EchoDelay) }

// watchDesk opens a desk's stream.
func watchDesk(t testing.TB, c apptest.Clients, cursor string) *tape[*kuplav1.WatchDeskResponse] {
	t.Helper()
	stream, err := c.Desk.WatchDesk(t.Context(), &kuplav1.WatchDeskRequest{Cursor: cursor})
	if err != nil {
		t.Fatalf("watch desk: %v", err)
	}
	return record(t, stream, describeDesk)
}

// watchQueues opens a stream of queues.
func watchQueues(t testing.TB, c apptest.Clients, ids ...string) *tape[*kuplav1.WatchQueuesResponse] {
	t.Helper()
	stream, err := c.Queue.WatchQueues(t.Context(), &kuplav1.WatchQueuesRequest{QueueIds: ids})
	if err != nil {
		t.Fatalf("watch queues: %v", err)
	}
	return record(t, stream, describeQueues)
}

// describeEvents tells each event in a line.
func describeEvents(events []*kuplav1.Event) string {
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = describeEvent(e)
	}
	return strings.Join(lines, "\n")
}

// describeEvent tells an event in a line.
func describeEvent(e *kuplav1.Event) string {
	kind := "unknown"
	switch k := e.GetKind().(type) {
	case *kuplav1.Event_MessagePosted:
		kind = "message"
	case *kuplav1.Event_ParticipantJoined:
		kind = "joined " + k.ParticipantJoined.GetParticipant().GetId()
	case *kuplav1.Event_ParticipantLeft:
		kind = "left " + k.ParticipantLeft.GetParticipantId() + short(k.ParticipantLeft.GetReason())
	case *kuplav1.Event_Transferred:
		kind = "transferred to " + k.Transferred.GetQueueId()
	case *kuplav1.Event_ReturnedToQueue:
		kind = "returned" + short(k.ReturnedToQueue.GetReason())
	case *kuplav1.Event_Closed:
		kind = "closed" + short(k.Closed.GetReason())
	}
	return fmt.Sprintf("event %d %s", e.GetSequence(), kind)
}

// short is the name of an enum value without its prefix, with a space before it.
func short(value fmt.Stringer) string {
	name := value.String()
	for _, prefix := range []string{
		"GO_AWAY_REASON_", "RESET_REASON_", "LEAVE_REASON_", "RETURN_REASON_", "CLOSE_REASON_", "REMOVAL_REASON_",
		"QUEUE_STATE_", "AVAILABILITY_", "CANNOT_ESTIMATE_REASON_", "TURN_BEFORE_CLOSING_", "CAPABILITY_",
		"CONVERSATION_STATE_",
	} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return " " + rest
		}
	}
	return " " + name
}

func describePresence(p *kuplav1.Presence) string {
	if p.GetPresent() {
		return "present " + p.GetParticipantId()
	}
	return "away " + p.GetParticipantId()
}

func describeReadMark(m *kuplav1.ReadMark) string {
	return fmt.Sprintf("read %s %d", m.GetParticipantId(), m.GetSequence())
}

func describePlace(p *kuplav1.Place) string {
	line := fmt.Sprintf("place %d", p.GetPosition())
	if p.GetMovedBack() {
		line += " moved back"
	}
	if p.GetHeld() {
		line += " held"
	}
	return line
}

func describeHeartbeat(h *kuplav1.Heartbeat) string {
	if h.GetInterrupted() {
		return "heartbeat interrupted"
	}
	return "heartbeat"
}

func describeFollowed(f *kuplav1.FollowConversationResponse) string {
	switch k := f.GetFrame().(type) {
	case *kuplav1.FollowConversationResponse_Snapshot:
		return "snapshot" + short(k.Snapshot.GetConversation().GetState())
	case *kuplav1.FollowConversationResponse_Events:
		return describeEvents(k.Events.GetEvents())
	case *kuplav1.FollowConversationResponse_Place:
		return describePlace(k.Place)
	case *kuplav1.FollowConversationResponse_Typing:
		return "typing " + k.Typing.GetParticipantId()
	case *kuplav1.FollowConversationResponse_ReadMark:
		return describeReadMark(k.ReadMark)
	case *kuplav1.FollowConversationResponse_Presence:
		return describePresence(k.Presence)
	case *kuplav1.FollowConversationResponse_Heartbeat:
		return describeHeartbeat(k.Heartbeat)
	case *kuplav1.FollowConversationResponse_Reset_:
		return "reset" + short(k.Reset_.GetReason())
	case *kuplav1.FollowConversationResponse_GoAway:
		return "go away" + short(k.GoAway.GetReason())
	}
	return "unknown"
}

func describeDesk(f *kuplav1.WatchDeskResponse) string {
	switch k := f.GetFrame().(type) {
	case *kuplav1.WatchDeskResponse_Snapshot:
		return fmt.Sprintf("snapshot of %d", len(k.Snapshot.GetConversations()))
	case *kuplav1.WatchDeskResponse_Events:
		return describeEvents(k.Events.GetEvents())
	case *kuplav1.WatchDeskResponse_Waiting:
		return fmt.Sprintf("waiting %d in %s", k.Waiting.GetCount(), k.Waiting.GetQueueId())
	case *kuplav1.WatchDeskResponse_ConversationAdded:
		return "added"
	case *kuplav1.WatchDeskResponse_ConversationRemoved:
		return "removed" + short(k.ConversationRemoved.GetReason())
	case *kuplav1.WatchDeskResponse_Typing:
		return "typing " + k.Typing.GetTyping().GetParticipantId()
	case *kuplav1.WatchDeskResponse_ReadMark:
		return describeReadMark(k.ReadMark.GetReadMark())
	case *kuplav1.WatchDeskResponse_Presence:
		return describePresence(k.Presence.GetPresence())
	case *kuplav1.WatchDeskResponse_Heartbeat:
		return describeHeartbeat(k.Heartbeat)
	case *kuplav1.WatchDeskResponse_Reset_:
		return "reset" + short(k.Reset_.GetReason())
	case *kuplav1.WatchDeskResponse_GoAway:
		return "go away" + short(k.GoAway.GetReason())
	case *kuplav1.WatchDeskResponse_Colleagues:
		return fmt.Sprintf("colleagues %d", len(k.Colleagues.GetColleagues()))
	case *kuplav1.WatchDeskResponse_ConversationSnapshot:
		return "conversation" + short(k.ConversationSnapshot.GetConversation().GetState())
	}
	return "unknown"
}

func describeQueues(f *kuplav1.WatchQueuesResponse) string {
	switch k := f.GetFrame().(type) {
	case *kuplav1.WatchQueuesResponse_Snapshot:
		return fmt.Sprintf("snapshot of %d", len(k.Snapshot.GetQueues()))
	case *kuplav1.WatchQueuesResponse_Status:
		return fmt.Sprintf("%s%s, %d waiting", k.Status.GetQueueId(), short(k.Status.GetStatus().GetState()),
			k.Status.GetStatus().GetWaitingCount())
	case *kuplav1.WatchQueuesResponse_Heartbeat:
		return describeHeartbeat(k.Heartbeat)
	case *kuplav1.WatchQueuesResponse_GoAway:
		return "go away" + short(k.GoAway.GetReason())
	}
	return "unknown"
}

// only leaves the lines that begin with one of the words.
func only(lines []string, words ...string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(line, word) })
	})
}

// without leaves out the lines that begin with one of the words.
func without(lines []string, words ...string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(line, word) })
	})
}

// newID makes a request id.
func newID() string { return uuid.NewString() }

// available is a professional who takes conversations, with their clients.
func available(t testing.TB, s *apptest.Server, m store.Staff) apptest.Clients {
	t.Helper()
	c := s.Staff(m)
	setAvailability(t, c, kuplav1.Availability_AVAILABILITY_AVAILABLE)
	return c
}

func setAvailability(t testing.TB, c apptest.Clients, a kuplav1.Availability) {
	t.Helper()
	_, err := c.Desk.SetAvailability(t.Context(), &kuplav1.SetAvailabilityRequest{RequestId: newID(), Availability: a})
	if err != nil {
		t.Fatalf("set availability: %v", err)
	}
}

func snapshotOf(t testing.TB, c apptest.Clients, id string) *kuplav1.ConversationSnapshot {
	t.Helper()
	res, err := c.Conversation.GetConversation(t.Context(), &kuplav1.GetConversationRequest{ConversationId: id})
	if err != nil {
		t.Fatalf("get conversation: %v", err)
	}
	return res.GetSnapshot()
}

func eventsOf(t testing.TB, c apptest.Clients, id string) []*kuplav1.Event {
	t.Helper()
	var events []*kuplav1.Event
	token := ""
	for {
		res, err := c.Conversation.ListEvents(t.Context(),
			&kuplav1.ListEventsRequest{ConversationId: id, PageSize: 7, PageToken: token})
		if err != nil {
			t.Fatalf("list events: %v", err)
		}
		events = append(events, res.GetEvents()...)
		if token = res.GetNextPageToken(); token == "" {
			return events
		}
	}
}

func eventLines(events []*kuplav1.Event) []string {
	var lines []string
	for _, e := range events {
		lines = append(lines, describeEvent(e))
	}
	return lines
}

func take(t testing.TB, c apptest.Clients, id string) {
	t.Helper()
	_, err := c.Desk.TakeConversation(t.Context(),
		&kuplav1.TakeConversationRequest{ConversationId: id, RequestId: newID()})
	if err != nil {
		t.Fatalf("take conversation: %v", err)
	}
}

func toQueue(id, queueID string, agreed bool) *kuplav1.TransferConversationRequest {
	return &kuplav1.TransferConversationRequest{
		ConversationId: id, RequestId: newID(), CustomerAgreed: agreed,
		Target: &kuplav1.TransferConversationRequest_QueueId{QueueId: queueID},
	}
}

func toColleague(id, staffID string, agreed bool) *kuplav1.TransferConversationRequest {
	return &kuplav1.TransferConversationRequest{
		ConversationId: id, RequestId: newID(), CustomerAgreed: agreed,
		Target: &kuplav1.TransferConversationRequest_ProfessionalId{ProfessionalId: staffID},
	}
}

func transfer(t testing.TB, c apptest.Clients, req *kuplav1.TransferConversationRequest) *kuplav1.Conversation {
	t.Helper()
	res, err := c.Desk.TransferConversation(t.Context(), req)
	if err != nil {
		t.Fatalf("transfer: %v", err)
	}
	return res.GetConversation()
}

func returnToQueue(t testing.TB, c apptest.Clients, id string) {
	t.Helper()
	_, err := c.Desk.ReturnToQueue(t.Context(), &kuplav1.ReturnToQueueRequest{ConversationId: id, RequestId: newID()})
	if err != nil {
		t.Fatalf("return to queue: %v", err)
	}
}

func invite(t testing.TB, c apptest.Clients, id, staffID string) *kuplav1.Conversation {
	t.Helper()
	res, err := c.Desk.InviteProfessional(t.Context(),
		&kuplav1.InviteProfessionalRequest{ConversationId: id, RequestId: newID(), ProfessionalId: staffID})
	if err != nil {
		t.Fatalf("invite: %v", err)
	}
	return res.GetConversation()
}

func leave(t testing.TB, c apptest.Clients, id string) {
	t.Helper()
	_, err := c.Conversation.LeaveConversation(t.Context(),
		&kuplav1.LeaveConversationRequest{ConversationId: id, RequestId: newID()})
	if err != nil {
		t.Fatalf("leave: %v", err)
	}
}

func closeConversation(t testing.TB, c apptest.Clients, id string) {
	t.Helper()
	_, err := c.Desk.CloseConversation(t.Context(), &kuplav1.CloseConversationRequest{
		ConversationId: id, RequestId: newID(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
	})
	if err != nil {
		t.Fatalf("close: %v", err)
	}
}

func setTyping(t testing.TB, c apptest.Clients, id string) {
	t.Helper()
	if _, err := c.Conversation.SetTyping(t.Context(), &kuplav1.SetTypingRequest{ConversationId: id}); err != nil {
		t.Fatalf("set typing: %v", err)
	}
}

func markRead(t testing.TB, c apptest.Clients, id string, sequence int32) int32 {
	t.Helper()
	res, err := c.Conversation.MarkRead(t.Context(),
		&kuplav1.MarkReadRequest{ConversationId: id, Sequence: sequence})
	if err != nil {
		t.Fatalf("mark read: %v", err)
	}
	return res.GetReadMark().GetSequence()
}

// startIn asks to start a conversation, in Finnish unless changed.
func startIn(queueID string, change ...func(*kuplav1.StartConversationRequest)) *kuplav1.StartConversationRequest {
	req := &kuplav1.StartConversationRequest{RequestId: newID(), QueueId: queueID, Language: "fi"}
	for _, f := range change {
		f(req)
	}
	return req
}

// start starts a conversation as asked.
func start(t testing.TB, s *apptest.Server, req *kuplav1.StartConversationRequest) apptest.Customer {
	t.Helper()
	res, err := s.Clients("").Conversation.StartConversation(t.Context(), req)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return apptest.Customer{
		Clients: s.Clients(res.GetAccessToken()), ID: res.GetConversation().GetId(), Start: res, Cursor: res.GetCursor(),
	}
}
