package rpc_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// richLog is a conversation with every kind of event in its log, still active, and who leads it.
func richLog(t *testing.T, s *apptest.Server) (
	customer apptest.Customer, leader apptest.Clients, frames []*kuplav1.FollowConversationResponse,
) {
	t.Helper()
	first := available(t, s, store.Staff{ID: "first"})
	second := available(t, s, store.Staff{ID: "second"})
	third := available(t, s, store.Staff{ID: "third", QueueIDs: []string{"mental-health"}})
	customer = start(t, s, startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.Message = "Hei" }))
	stream := follow(t, customer.Clients, customer.ID, "")
	for _, step := range []func(){
		func() { take(t, first, customer.ID) },
		func() { first.Say(t, customer.ID, "Hei hei") },
		func() { invite(t, first, customer.ID, "second") },
		func() { second.Say(t, customer.ID, "Minäkin olen täällä") },
		func() { leave(t, second, customer.ID) },
		func() { returnToQueue(t, first, customer.ID) },
		func() { customer.Say(t, customer.ID, "Odotan") },
		func() { take(t, first, customer.ID) },
		func() { transfer(t, first, toColleague(customer.ID, "second", false)) },
		func() { transfer(t, second, toQueue(customer.ID, "mental-health", false)) },
		func() { take(t, third, customer.ID) },
		func() { customer.Say(t, customer.ID, "Kiitos") },
	} {
		step()
		echo()
	}
	frames = stream.all()
	stream.stop()
	return customer, third, frames
}

// richEvents are the events of richLog.
var richEvents = []string{
	"event 1 joined customer",
	"event 2 message",
	"event 3 joined professional-1",
	"event 4 message",
	"event 5 joined professional-2",
	"event 6 message",
	"event 7 left professional-2 LEFT",
	"event 8 returned RETURNED_BY_STAFF",
	"event 9 message",
	"event 10 joined professional-3",
	"event 11 transferred to emergency-help",
	"event 12 joined professional-4",
	"event 13 transferred to mental-health",
	"event 14 joined professional-5",
	"event 15 message",
}

// The queue that richLog transfers to is open on weekdays from 7 to 18: a Monday morning.
func onMonday(t *testing.T) {
	t.Helper()
	monday := time.Date(2000, time.January, 3, 10, 0, 0, 0, helsinki(t))
	time.Sleep(time.Until(monday))
}

func helsinki(t *testing.T) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The snapshot is first on every stream, and then the log from the cursor on, each event once, in order.
func TestFollowSendsSnapshotThenLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		customer, _, _ := richLog(t, s)
		for name, cursor := range map[string]string{"no cursor": "", "the cursor of the start": customer.Cursor} {
			stream := follow(t, customer.Clients, customer.ID, cursor)
			frames := stream.all()
			if got := frames[0].GetSnapshot().GetConversation().GetLastSequence(); int(got) != len(richEvents) {
				t.Errorf("%s: the snapshot's last sequence is %d, want %d", name, got, len(richEvents))
			}
			stream.want(append([]string{"snapshot ACTIVE"}, richEvents...)...)
			stream.stop()
		}
		stream := follow(t, customer.Clients, customer.ID, "")
		stream.lines()
		customer.Say(t, customer.ID, "Lisää")
		echo()
		stream.want("event 16 message")
		events := eventsOf(t, customer.Clients, customer.ID)
		wantLines(t, eventLines(events), append(richEvents, "event 16 message")...)
		for i := 1; i < len(events); i++ {
			if events[i].GetCreateTime().AsTime().Before(events[i-1].GetCreateTime().AsTime()) {
				t.Errorf("event %d is earlier than the one before", i+1)
			}
		}
	})
}

// A stream resumed from the cursor of any event goes on with the next one and skips and repeats nothing,
// while the conversation is open and after its close.
func TestFollowResumesAtEveryEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		customer, leader, frames := richLog(t, s)
		resumeEverywhere(t, customer, frames, richEvents)
		closeConversation(t, leader, customer.ID)
		closed := append(append([]string{}, richEvents...), fmt.Sprintf("event %d closed COMPLETED", len(richEvents)+1))
		resumeEverywhere(t, customer, frames, closed, "go away CONVERSATION_CLOSED")
		// Staff who are still there read the same.
		stream := follow(t, leader, customer.ID, "")
		stream.want(append(append([]string{"snapshot CLOSED"}, closed...), "go away CONVERSATION_CLOSED")...)
		stream.wantOver()
	})
}

// resumeEverywhere resumes a conversation from the cursor of each frame that came while its events happened.
func resumeEverywhere(
	t *testing.T, customer apptest.Customer, frames []*kuplav1.FollowConversationResponse, events []string, end ...string,
) {
	t.Helper()
	last := 0
	places := map[int]bool{} // in the log, at which it was resumed
	for i, f := range frames {
		last += len(f.GetEvents().GetEvents())
		places[last] = true
		stream := follow(t, customer.Clients, customer.ID, f.GetCursor())
		got := stream.lines()
		if !strings.HasPrefix(got[0], "snapshot") {
			t.Fatalf("resumed after frame %d the stream begins with %q, want a snapshot", i, got[0])
		}
		wantLines(t, got[1:], append(append([]string{}, events[last:]...), end...)...)
		stream.stop()
	}
	// Two events that one change made come together, as the first two and a transfer to a colleague's.
	if want := len(richEvents) - 1; len(places) < want-1 {
		t.Errorf("resumed at %d places of %d events", len(places), want)
	}
}

// Every frame carries a cursor that resumes where the stream was: snapshot, place, read mark, presence, typing
// and heartbeat as well as events.
func TestEveryFrameCarriesACursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{ID: "nurse"})
		ahead := s.Start(apptest.Queue)
		customer := s.Start(apptest.Queue)
		stream := follow(t, customer.Clients, customer.ID, "")
		synctest.Wait()
		customer.Say(t, customer.ID, "Hei")
		synctest.Wait()
		take(t, nurse, ahead.ID) // the place moves
		synctest.Wait()
		take(t, nurse, customer.ID)
		synctest.Wait()
		nurse.Say(t, customer.ID, "Hei")
		synctest.Wait()
		markRead(t, nurse, customer.ID, 2)
		synctest.Wait()
		setTyping(t, nurse, customer.ID)
		time.Sleep(40 * time.Second) // a heartbeat, and the nurse is away
		customer.Say(t, customer.ID, "Oletko siellä?")
		echo()

		frames := stream.all()
		stream.stop()
		seen := map[string]bool{}
		last := int32(0)
		for _, f := range frames {
			seen[fmt.Sprintf("%T", f.GetFrame())] = true
			for _, e := range f.GetEvents().GetEvents() {
				last = e.GetSequence()
			}
			again := follow(t, customer.Clients, customer.ID, f.GetCursor())
			next := last
			for _, g := range again.all()[1:] {
				for _, e := range g.GetEvents().GetEvents() {
					next++
					if e.GetSequence() != next {
						t.Fatalf("after %s: got event %d, want %d", describeFollowed(f), e.GetSequence(), next)
					}
				}
			}
			if next != 5 {
				t.Errorf("after %s the stream goes on to event %d, want 5", describeFollowed(f), next)
			}
			again.stop()
		}
		if last != 5 {
			t.Fatalf("the last event is %d, want 5", last)
		}
		for _, f := range []any{
			&kuplav1.FollowConversationResponse_Snapshot{}, &kuplav1.FollowConversationResponse_Events{},
			&kuplav1.FollowConversationResponse_Place{}, &kuplav1.FollowConversationResponse_Typing{},
			&kuplav1.FollowConversationResponse_ReadMark{}, &kuplav1.FollowConversationResponse_Presence{},
			&kuplav1.FollowConversationResponse_Heartbeat{},
		} {
			if !seen[fmt.Sprintf("%T", f)] {
				t.Errorf("no %T was among the frames", f)
			}
		}
	})
}

// While nothing happens, frames come at most as far apart as the heartbeat tells.
func TestHeartbeats(t *testing.T) {
	for _, interval := range []time.Duration{15 * time.Second, 5 * time.Second} {
		t.Run(interval.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.RPC.Heartbeat = interval }))
				nurse := s.Staff(store.Staff{ID: "nurse"})
				customer := s.Start(apptest.Queue)
				time.Sleep(310 * time.Millisecond)
				conversation := follow(t, customer.Clients, customer.ID, "")
				time.Sleep(270 * time.Millisecond)
				desk := watchDesk(t, nurse, "")
				queues := watchQueues(t, s.Clients(""))
				const minutes = 10
				time.Sleep(minutes * time.Minute)

				var told []*kuplav1.Heartbeat
				for _, f := range conversation.all() {
					told = append(told, f.GetHeartbeat())
				}
				checkHeartbeats(t, "FollowConversation", interval, told, conversation.gaps())
				told = nil
				for _, f := range desk.all() {
					told = append(told, f.GetHeartbeat())
				}
				checkHeartbeats(t, "WatchDesk", interval, told, desk.gaps())
				told = nil
				for _, f := range queues.all() {
					told = append(told, f.GetHeartbeat())
				}
				checkHeartbeats(t, "WatchQueues", interval, told, queues.gaps())
			})
		})
	}
}

// checkHeartbeats holds what a stream told in ten minutes against the interval. Frames of other kinds are nil.
func checkHeartbeats(
	t *testing.T, stream string, interval time.Duration, told []*kuplav1.Heartbeat, gaps []time.Duration,
) {
	t.Helper()
	beats := 0
	for _, h := range told {
		if h == nil {
			continue
		}
		beats++
		if got := h.GetInterval().AsDuration(); got != interval {
			t.Errorf("%s: the heartbeat tells %v, want %v", stream, got, interval)
		}
	}
	if least := int(10 * time.Minute / interval); beats < least-1 {
		t.Errorf("%s: %d heartbeats in ten minutes, want at least %d", stream, beats, least-1)
	}
	for _, gap := range gaps {
		if gap > interval {
			t.Errorf("%s: %v between two frames, want at most %v", stream, gap, interval)
		}
	}
}

// A cursor that this service did not make, or made for something else, is malformed.
func TestFollowRefusesMalformedCursors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer, other := s.Start(apptest.Queue), s.Start(apptest.Queue)
		for range 3 {
			customer.Say(t, customer.ID, "Hei")
		}
		stream := follow(t, customer.Clients, customer.ID, "")
		good := stream.all()[1].GetCursor()
		stream.stop()
		customer.Say(t, customer.ID, "Vielä yksi")
		otherStream := follow(t, other.Clients, other.ID, "")
		others := otherStream.all()[1].GetCursor()
		otherStream.stop()
		desk := watchDesk(t, nurse, "")
		desks := desk.all()[0].GetCursor()
		desk.stop()
		page, err := customer.Conversation.ListEvents(t.Context(),
			&kuplav1.ListEventsRequest{ConversationId: customer.ID, PageSize: 1})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(good)
		if err != nil {
			t.Fatal(err)
		}
		cases := map[string]string{
			"another conversation's": others,
			"its start's":            other.Cursor,
			"a desk's":               desks,
			"a page token":           page.GetNextPageToken(),
			"not base64":             "%%%",
			"a word":                 "latest",
			"cut short":              good[:len(good)-2],
			"longer":                 good + "AAAA",
			"the padded form":        base64.URLEncoding.EncodeToString(append(raw, 0)),
		}
		for i := range raw {
			mangled := append([]byte{}, raw...)
			mangled[i] ^= 0x10
			cases[fmt.Sprintf("byte %d mangled", i)] = base64.RawURLEncoding.EncodeToString(mangled)
		}
		for name, cursor := range cases {
			stream := follow(t, customer.Clients, customer.ID, cursor)
			if frames := stream.all(); len(frames) > 0 {
				t.Errorf("%s: the stream began with %s", name, describeFollowed(frames[0]))
				continue
			}
			apptest.WantReason(t, stream.end(), connect.CodeInvalidArgument,
				kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED)
		}
		// And the good one is good.
		follow(t, customer.Clients, customer.ID, good).want("snapshot WAITING", "event 5 message")
	})
}

// After a backup was restored, a cursor from what was lost cannot be continued. The client is told so, and
// gets the whole log as it is now.
func TestFollowResetsAfterARestoredBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		customer := s.Start(apptest.Queue)
		cursors := map[int32]string{}
		// say says something and takes the cursor behind it.
		say := func(text string) {
			time.Sleep(time.Second)
			before := int32(len(cursors))
			customer.Say(t, customer.ID, text)
			stream := follow(t, customer.Clients, customer.ID, cursors[before])
			frames := stream.all()
			stream.stop()
			cursors[before+1] = frames[len(frames)-1].GetCursor()
		}
		first := follow(t, customer.Clients, customer.ID, "")
		cursors[1] = first.all()[1].GetCursor()
		first.stop()
		say("Ennen varmuuskopiota") // 2
		restore := s.Backup()
		for range 3 {
			say("Tämä katoaa") // 3, 4, 5
		}

		restore()
		// The log ends before the cursor.
		ahead := follow(t, customer.Clients, customer.ID, cursors[4])
		wantLines(t, without(ahead.lines(), "present"), // The customer is back.
			"snapshot WAITING", "reset CURSOR_AHEAD", "snapshot WAITING", "event 1 joined customer", "event 2 message")
		ahead.stop()

		time.Sleep(time.Minute)
		customer.Say(t, customer.ID, "Uusi kolmas") // 3
		customer.Say(t, customer.ID, "Uusi neljäs") // 4
		whole := []string{"event 1 joined customer", "event 2 message", "event 3 message", "event 4 message"}
		for sequence, want := range map[int32][]string{
			1: append([]string{"snapshot WAITING"}, whole[1:]...),
			2: append([]string{"snapshot WAITING"}, whole[2:]...),
			3: append([]string{"snapshot WAITING", "reset OTHER_HISTORY", "snapshot WAITING"}, whole...),
			4: append([]string{"snapshot WAITING", "reset OTHER_HISTORY", "snapshot WAITING"}, whole...),
			5: append([]string{"snapshot WAITING", "reset CURSOR_AHEAD", "snapshot WAITING"}, whole...),
		} {
			stream := follow(t, customer.Clients, customer.ID, cursors[sequence])
			frames := stream.all()
			stream.want(want...)
			stream.stop()
			events := frames[len(frames)-1].GetEvents().GetEvents()
			if events[len(events)-1].GetMessagePosted().GetText() != "Uusi neljäs" {
				t.Errorf("from %d the last events are %v", sequence, events)
			}
			if frames[1].GetReset_() == nil {
				continue
			}
			// Whoever is cut off in the middle of a reset still gets the whole log. Until the reset has been told, a
			// client holds on to what it has, so it is told again.
			for i, f := range frames[:3] {
				again := follow(t, customer.Clients, customer.ID, f.GetCursor())
				lines := again.lines()
				wantLines(t, only(lines, "event"), whole...)
				if i == 0 && lines[1] == whole[0] {
					t.Errorf("from %d, cut off before the reset was told, it was never told", sequence)
				}
				again.stop()
			}
		}
	})
}

// A token may have four streams. One more ends the oldest, and only that; another token is not concerned.
func TestFifthStreamSupersedesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		req := startIn(apptest.Queue)
		customer, sameCustomer := start(t, s, req), start(t, s, req)
		other := follow(t, sameCustomer.Clients, customer.ID, "")
		var streams []*tape[*kuplav1.FollowConversationResponse]
		for range 5 {
			time.Sleep(time.Second)
			stream := follow(t, customer.Clients, customer.ID, "")
			stream.want("snapshot WAITING", "event 1 joined customer")
			streams = append(streams, stream)
		}
		streams[0].want("go away SUPERSEDED")
		streams[0].wantOver()
		frames := streams[0].all()
		if frames[len(frames)-1].GetGoAway().GetReconnect() {
			t.Error("the superseded stream is asked to come back, which would supersede the next")
		}
		customer.Say(t, customer.ID, "Hei")
		echo()
		for _, stream := range append(streams[1:], other) {
			if got := only(stream.lines(), "event 2"); len(got) != 1 {
				t.Errorf("a stream that goes on got %q", got)
			}
			stream.wantOpen()
		}
		// One that has ended leaves room.
		streams[1].stop()
		sixth := follow(t, customer.Clients, customer.ID, "")
		for _, stream := range append(streams[2:], sixth) {
			stream.wantOpen()
		}

		// Desks are counted the same.
		var desks []*tape[*kuplav1.WatchDeskResponse]
		for range 5 {
			desks = append(desks, watchDesk(t, nurse, ""))
			synctest.Wait()
		}
		if got := desks[0].lines(); got[len(got)-1] != "go away SUPERSEDED" {
			t.Errorf("the oldest desk ended with %q", got)
		}
		for _, desk := range desks[1:] {
			desk.wantOpen()
		}
	})
}

// When the server goes down every stream is told to come back, also one that comes meanwhile.
func TestShutdownTellsEveryStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		conversation := follow(t, customer.Clients, customer.ID, "")
		desk := watchDesk(t, nurse, "")
		queues := watchQueues(t, s.Clients(""))
		synctest.Wait()
		s.Drain()
		late := follow(t, customer.Clients, customer.ID, "")

		var told []*kuplav1.GoAway
		for _, stream := range []*tape[*kuplav1.FollowConversationResponse]{conversation, late} {
			frames := stream.all()
			told = append(told, frames[len(frames)-1].GetGoAway())
			stream.wantOver()
		}
		frames := desk.all()
		told = append(told, frames[len(frames)-1].GetGoAway())
		desk.wantOver()
		statuses := queues.all()
		told = append(told, statuses[len(statuses)-1].GetGoAway())
		queues.wantOver()
		for i, g := range told {
			if g.GetReason() != kuplav1.GoAwayReason_GO_AWAY_REASON_SHUTDOWN || !g.GetReconnect() ||
				g.GetRetryDelay().AsDuration() != time.Second {
				t.Errorf("stream %d was told %v, want SHUTDOWN and to come back in a second", i, g)
			}
		}
		late.want("snapshot WAITING", "event 1 joined customer", "go away SHUTDOWN")
	})
}

// A close is told as its event, then everything as it then is, then the end.
func TestCloseEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		customers, nurses := follow(t, customer.Clients, customer.ID, ""), follow(t, nurse, customer.ID, "")
		synctest.Wait()
		customers.lines()
		nurses.lines()
		closeConversation(t, nurse, customer.ID)
		for _, stream := range []*tape[*kuplav1.FollowConversationResponse]{customers, nurses} {
			frames := stream.news()
			wantLines(t, []string{describeFollowed(frames[0]), describeFollowed(frames[1]), describeFollowed(frames[2])},
				"event 3 closed COMPLETED", "snapshot CLOSED", "go away CONVERSATION_CLOSED")
			stream.wantOver()
			if frames[2].GetGoAway().GetReconnect() {
				t.Error("the stream asks to come back to a conversation that is over")
			}
			c := frames[1].GetSnapshot().GetConversation()
			if c.GetCloseReason() != kuplav1.CloseReason_CLOSE_REASON_COMPLETED || c.GetCloseTime() == nil {
				t.Errorf("the last snapshot says %v at %v", c.GetCloseReason(), c.GetCloseTime())
			}
		}
		last := customers.all()
		for _, c := range last[len(last)-2].GetSnapshot().GetConversation().GetCapabilities() {
			if c == kuplav1.Capability_CAPABILITY_SEND_MESSAGE {
				t.Error("the customer may still write")
			}
		}
	})
}

// Who has the token but not the conversation learns nothing.
func TestFollowOfAnothersConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		customer, other := s.Start(apptest.Queue), s.Start(apptest.Queue)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		for name, c := range map[string]apptest.Clients{"another customer": other.Clients, "staff who did not take it": nurse} {
			stream := follow(t, c, customer.ID, "")
			if frames := stream.all(); len(frames) > 0 {
				t.Errorf("%s got %s", name, describeFollowed(frames[0]))
			}
			apptest.WantReason(t, stream.end(), connect.CodeNotFound,
				kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND)
		}
	})
}

// A history comes in few frames, and goes on behind each of them. None is larger than it may be, but for what one message
// alone needs.
func TestHistoryComesInFewFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		// 4,000 characters are the most that there may be, and these the longest ones.
		for _, text := range []string{"Hei", strings.Repeat("🙂", 4000), strings.Repeat("ä", 4000), strings.Repeat("b", 4000)} {
			for range 6 {
				nurse.Say(t, customer.ID, text)
				time.Sleep(time.Second)
			}
		}
		const last = 26
		const most = 40 << 10 // of a frame: 32 KiB of text, and what is around it
		check := func(name string, events []*kuplav1.Event, frame proto.Message, read *int32) {
			for _, e := range events {
				*read++
				if e.GetSequence() != *read {
					t.Fatalf("%s: got event %d, want %d", name, e.GetSequence(), *read)
				}
			}
			if size := proto.Size(frame); size > most {
				t.Errorf("%s: a frame has %d bytes", name, size)
			}
		}
		stream := follow(t, customer.Clients, customer.ID, "")
		frames := stream.all()[1:]
		stream.stop()
		// Three of the longest do not fit into one frame, nor do five of the second longest.
		if len(frames) < 5 || len(frames) > 8 {
			t.Errorf("the history comes in %d frames", len(frames))
		}
		read := int32(0)
		for _, f := range frames {
			check("a conversation", f.GetEvents().GetEvents(), f, &read)
			again := follow(t, customer.Clients, customer.ID, f.GetCursor())
			rest := read
			for _, g := range again.all()[1:] {
				check("resumed", g.GetEvents().GetEvents(), g, &rest)
			}
			again.stop()
			if rest != last {
				t.Errorf("resumed after event %d it goes on to %d, want %d", read, rest, last)
			}
		}
		if read != last {
			t.Errorf("the last event is %d, want %d", read, last)
		}
		desk := watchDesk(t, nurse, "")
		read = 0
		for _, f := range desk.all() {
			check("a desk", f.GetEvents().GetEvents(), f, &read)
		}
		if read != last {
			t.Errorf("the desk's last event is %d, want %d", read, last)
		}
	})
}

// An answer takes along what it answers: one frame for whoever asked, with both.
func TestEchoComesWithTheReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		stream := follow(t, customer.Clients, customer.ID, "")
		stream.lines()
		customer.Say(t, customer.ID, "Kuuleeko kukaan?")
		synctest.Wait()
		nurse.Say(t, customer.ID, "Kuulee")
		frames := stream.news()
		if len(frames) == 0 || describeFollowed(frames[0]) != "event 3 message\nevent 4 message" {
			t.Errorf("the frames are %v", frames)
		}
	})
}
