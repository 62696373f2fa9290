package rpc_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// The snapshot is first and has all there is: the professional, their conversations, who waits in each of their
// queues, and their colleagues. The conversations' events follow.
func TestDeskBeginsWithASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{
			ID: "nurse", DisplayName: "Sairaanhoitaja Kuvitteellinen", QueueIDs: []string{apptest.Queue, dental}, Capacity: 7,
		})
		available(t, s, store.Staff{ID: "colleague", DisplayName: "Aapo Apulainen"})
		supervisor(t, s)
		first := s.Start(apptest.Queue)
		time.Sleep(time.Millisecond)
		second := s.Start(apptest.Queue)
		take(t, nurse, first.ID)
		take(t, nurse, second.ID)
		nurse.Say(t, second.ID, "Hei")
		start(t, s, startIn(dental))

		stream := watchDesk(t, nurse, "")
		frames := stream.all()
		stream.want("snapshot of 2", "event 1 joined customer", "event 2 joined professional-1",
			"event 1 joined customer", "event 2 joined professional-1", "event 3 message")
		snapshot := frames[0].GetSnapshot()
		if p := snapshot.GetProfessional(); p.GetId() != "nurse" || p.GetDisplayName() != "Sairaanhoitaja Kuvitteellinen" ||
			p.GetCapacity() != 7 || p.GetAvailability() != kuplav1.Availability_AVAILABILITY_AVAILABLE ||
			p.GetConversationCount() != 2 || len(p.GetQueueIds()) != 2 {
			t.Errorf("the professional is %v", p)
		}
		for i, id := range []string{first.ID, second.ID} {
			if got := snapshot.GetConversations()[i].GetConversation(); got.GetId() != id ||
				!slices.Contains(got.GetCapabilities(), kuplav1.Capability_CAPABILITY_CLOSE) {
				t.Errorf("conversation %d is %v", i, got)
			}
		}
		waiting := snapshot.GetWaiting()
		if len(waiting) != 2 || waiting[0].GetQueueId() != apptest.Queue || waiting[0].GetCount() != 0 ||
			waiting[1].GetQueueId() != dental || waiting[1].GetCount() != 1 {
			t.Errorf("who waits is %v", waiting)
		}
		if c := snapshot.GetColleagues(); len(c) != 1 || c[0].GetId() != "colleague" {
			t.Errorf("the colleagues are %v", c)
		}
		// A frame is of one conversation.
		for i, want := range []string{first.ID, second.ID} {
			if got := frames[i+1].GetEvents().GetConversationId(); got != want {
				t.Errorf("frame %d is of the wrong conversation", i)
			}
		}
	})
}

// Of those who wait the desk is told what is needed to serve them and nothing that they said: no name, no text.
// At most the first fifty are told, and how many there are.
func TestDeskTellsWhoWaitsWithoutNameOrText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t, capacity(100))
		nurse := s.Staff(store.Staff{ID: "nurse"})
		stream := watchDesk(t, nurse, "")
		var arrivals []time.Time
		var ids []string
		for range 60 {
			c := start(t, s, startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) {
				r.DisplayName, r.Message, r.Language = "Salainen Nimi", "Salainen viesti", "sv"
			}))
			c.Say(t, c.ID, "Salainen lisäys")
			ids = append(ids, c.ID)
			arrivals = append(arrivals, c.Start.GetConversation().GetArrivalTime().AsTime())
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		for _, f := range stream.all() {
			rangeStrings(f.ProtoReflect(), func(field, value string) {
				if strings.Contains(value, "Salai") {
					t.Errorf("%s tells %q", field, value)
				}
			})
		}
		last := lastWaiting(t, stream)
		if last.GetCount() != 60 || len(last.GetEntries()) != 50 || !last.GetLongestWaitStartTime().AsTime().Equal(arrivals[0]) {
			t.Fatalf("told %d of %d waiting since %v", len(last.GetEntries()), last.GetCount(), last.GetLongestWaitStartTime().AsTime())
		}
		for i, e := range last.GetEntries() {
			want := &kuplav1.WaitingEntry{
				ConversationId: ids[i], QueueId: apptest.Queue, ArrivalTime: e.GetArrivalTime(), Language: "sv", Present: true,
				IdentificationState: kuplav1.IdentificationState_IDENTIFICATION_STATE_ANONYMOUS,
			}
			if !proto.Equal(e, want) || !e.GetArrivalTime().AsTime().Equal(arrivals[i]) {
				t.Errorf("entry %d is %v, want %v", i, e, want)
			}
		}
		// A field for a name or a text would be one more than these.
		fields := (&kuplav1.WaitingEntry{}).ProtoReflect().Descriptor().Fields()
		var names []string
		for i := range fields.Len() {
			names = append(names, string(fields.Get(i).Name()))
		}
		if want := []string{
			"conversation_id", "queue_id", "arrival_time", "language", "transferred", "identification_state", "present",
		}; !slices.Equal(names, want) {
			t.Errorf("an entry has the fields %q: make sure that none tells what the customer said, and add it here", names)
		}
		if got := len(stream.all()); got > 20 {
			t.Errorf("sixty starts were told in %d frames", got)
		}

		// One who was taken before is told as such.
		take(t, nurse, ids[0])
		returnToQueue(t, nurse, ids[0])
		time.Sleep(2 * time.Second)
		if last := lastWaiting(t, stream); !last.GetEntries()[0].GetTransferred() || last.GetEntries()[1].GetTransferred() {
			t.Errorf("the one who was returned is told as %v", last.GetEntries()[0])
		}
	})
}

// rangeStrings goes through every string in a message.
func rangeStrings(m protoreflect.Message, each func(field, value string)) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		one := func(v protoreflect.Value) {
			if fd.Kind() == protoreflect.StringKind {
				each(string(fd.FullName()), v.String())
			} else if fd.Message() != nil {
				rangeStrings(v.Message(), each)
			}
		}
		if fd.IsList() {
			for i := range v.List().Len() {
				one(v.List().Get(i))
			}
		} else if !fd.IsMap() {
			one(v)
		}
		return true
	})
}

// Whatever leaves the desk is told with the reason, after the event that says so; whatever comes onto it with
// everything there is of it.
func TestDeskTellsWhatComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		nurse, guest := available(t, s, store.Staff{ID: "nurse", Capacity: 20}), available(t, s, store.Staff{ID: "guest", Capacity: 20})
		stream, guests := watchDesk(t, nurse, ""), watchDesk(t, guest, "")
		talk := func(lines []string) []string { return only(lines, "added", "event", "removed", "conversation") }
		taken := func() apptest.Customer {
			t.Helper()
			c := start(t, s, startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) { r.Message = "Hei" }))
			take(t, nurse, c.ID)
			frames := stream.news()
			var lines []string
			for _, f := range frames {
				lines = append(lines, strings.Split(describeDesk(f), "\n")...)
				if a := f.GetConversationAdded(); a != nil && (a.GetSnapshot().GetConversation().GetId() != c.ID ||
					a.GetSnapshot().GetConversation().GetLastSequence() != 3) {
					t.Errorf("added %v", a.GetSnapshot().GetConversation())
				}
			}
			wantLines(t, talk(lines), "added", "event 1 joined customer", "event 2 message", "event 3 joined professional-1")
			return c
		}

		c := taken()
		closeConversation(t, nurse, c.ID)
		wantLines(t, talk(stream.lines()), "event 4 closed COMPLETED", "removed CLOSED")
		c = taken()
		leave(t, c.Clients, c.ID)
		wantLines(t, talk(stream.lines()), "event 4 closed CUSTOMER_LEFT", "removed CLOSED")
		c = taken()
		returnToQueue(t, nurse, c.ID)
		wantLines(t, talk(stream.lines()), "event 4 returned RETURNED_BY_STAFF", "removed RETURNED")
		// The same one again: a new part, the whole log.
		take(t, nurse, c.ID)
		wantLines(t, talk(stream.lines()), "added", "event 1 joined customer", "event 2 message",
			"event 3 joined professional-1", "event 4 returned RETURNED_BY_STAFF", "event 5 joined professional-2")
		transfer(t, nurse, toQueue(c.ID, "mental-health", false))
		wantLines(t, talk(stream.lines()), "event 6 transferred to mental-health", "removed TRANSFERRED")

		guests.lines()
		c = taken()
		transfer(t, nurse, toColleague(c.ID, "guest", false))
		wantLines(t, talk(stream.lines()), "event 4 transferred to emergency-help", "removed TRANSFERRED")
		wantLines(t, talk(guests.lines()), "added", "event 1 joined customer", "event 2 message", "event 3 joined professional-1",
			"event 4 transferred to emergency-help", "event 5 joined professional-2")

		c = taken()
		invite(t, nurse, c.ID, "guest")
		wantLines(t, talk(stream.lines()), "event 4 joined professional-2", "conversation ACTIVE")
		wantLines(t, talk(guests.lines()), "added", "event 1 joined customer", "event 2 message", "event 3 joined professional-1",
			"event 4 joined professional-2")
		leave(t, nurse, c.ID)
		wantLines(t, talk(stream.lines()), "event 5 left professional-1 LEFT", "removed LEFT")
		wantLines(t, talk(guests.lines()), "event 5 left professional-1 LEFT", "conversation ACTIVE")
	})
}

// A desk that is resumed goes on in each of its conversations where it was, and is told what left it meanwhile,
// with the event that says so and none later.
func TestDeskResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onMonday(t)
		s := apptest.New(t)
		nurse, other := available(t, s, store.Staff{ID: "nurse", Capacity: 20}), available(t, s, store.Staff{ID: "other", Capacity: 20})
		var c []apptest.Customer
		for range 5 {
			c = append(c, s.Start(apptest.Queue))
			take(t, nurse, c[len(c)-1].ID)
			time.Sleep(time.Millisecond)
		}
		stream := watchDesk(t, nurse, "")
		frames := stream.all()
		cursor := frames[len(frames)-1].GetCursor()
		stream.stop()

		c[0].Say(t, c[0].ID, "Yhä täällä")
		returnToQueue(t, nurse, c[1].ID)
		take(t, other, c[1].ID)
		other.Say(t, c[1].ID, "Tätä ei entinen enää näe")
		c[2].Say(t, c[2].ID, "Lopuksi")
		closeConversation(t, nurse, c[2].ID)
		transfer(t, nurse, toColleague(c[3].ID, "other", false))
		invite(t, nurse, c[4].ID, "other")
		leave(t, nurse, c[4].ID)
		closeConversation(t, other, c[4].ID)
		added := s.Start(apptest.Queue)
		take(t, nurse, added.ID)

		want := map[string][]string{
			c[0].ID:  {"event 3 message"},
			c[1].ID:  {"event 3 returned RETURNED_BY_STAFF", "removed RETURNED"},
			c[2].ID:  {"event 3 message", "event 4 closed COMPLETED", "removed CLOSED"},
			c[3].ID:  {"event 3 transferred to emergency-help", "removed TRANSFERRED"},
			c[4].ID:  {"event 3 joined professional-2", "event 4 left professional-1 LEFT", "removed LEFT"},
			added.ID: {"event 1 joined customer", "event 2 joined professional-1"},
		}
		whole := watchDesk(t, nurse, cursor)
		frames = whole.all()
		whole.stop()
		if got := frames[0].GetSnapshot().GetConversations(); len(got) != 2 {
			t.Errorf("the snapshot has %d conversations, want those that are still there", len(got))
		}
		wantTold(t, byConversation(frames), want)

		// Cut off after any frame and resumed from its cursor, the desk misses nothing and repeats nothing.
		for i := range frames {
			again := watchDesk(t, nurse, frames[i].GetCursor())
			rest := again.all()
			again.stop()
			if rest[0].GetSnapshot() == nil {
				t.Fatalf("resumed after frame %d the desk begins with %s", i, describeDesk(rest[0]))
			}
			told := byConversation(frames[:i+1])
			for id, lines := range byConversation(rest) {
				told[id] = append(told[id], lines...)
			}
			wantTold(t, told, want)
		}
	})
}

// byConversation is what was told of each conversation: events and removals.
func byConversation(frames []*kuplav1.WatchDeskResponse) map[string][]string {
	told := map[string][]string{}
	for _, f := range frames {
		switch {
		case f.GetEvents() != nil:
			id := f.GetEvents().GetConversationId()
			told[id] = append(told[id], strings.Split(describeDesk(f), "\n")...)
		case f.GetConversationRemoved() != nil:
			id := f.GetConversationRemoved().GetConversationId()
			told[id] = append(told[id], describeDesk(f))
		}
	}
	return told
}

func wantTold(t *testing.T, got, want map[string][]string) {
	t.Helper()
	for id := range got {
		if want[id] == nil {
			t.Errorf("told %q of a conversation that is not on the desk", got[id])
		}
	}
	for id, lines := range want {
		wantLines(t, got[id], lines...)
	}
}

// What left a desk long ago is told as removed, and nothing more of it: an old cursor opens nothing.
func TestOldDeskCursorOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		closed, returned := s.Start(apptest.Queue), s.Start(apptest.Queue)
		stream := watchDesk(t, nurse, "")
		take(t, nurse, closed.ID)
		take(t, nurse, returned.ID)
		nurse.Say(t, closed.ID, "Hei")
		nurse.Say(t, returned.ID, "Hei")
		var cursor string
		for _, f := range stream.all() {
			if f.GetConversationAdded() != nil {
				cursor = f.GetCursor() // from before the first event of the second one
			}
		}
		stream.stop()
		closeConversation(t, nurse, closed.ID)
		returnToQueue(t, nurse, returned.ID)
		resumed := watchDesk(t, nurse, cursor)
		if got := only(resumed.lines(), "event"); len(got) == 0 {
			t.Error("right afterwards the rest was not told")
		}
		resumed.stop()
		time.Sleep(time.Hour + time.Minute)
		resumed = watchDesk(t, nurse, cursor)
		lines := without(resumed.lines(), "heartbeat", "waiting")
		slices.Sort(lines)
		wantLines(t, lines, "removed CLOSED", "removed RETURNED", "snapshot of 0")
	})
}

// Several conversations are told in one stream, each of them in order and each event once.
func TestDeskInterleavesConversations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse", Capacity: 10})
		stream := watchDesk(t, nurse, "")
		const conversations, messages = 6, 40
		var wg sync.WaitGroup
		for range conversations {
			c := s.Start(apptest.Queue)
			wg.Go(func() {
				take(t, nurse, c.ID)
				for i := range messages {
					if i%2 == 0 {
						c.Say(t, c.ID, "Hei")
					} else {
						nurse.Say(t, c.ID, "Hei hei")
					}
				}
			})
		}
		wg.Wait()
		echo()
		last := map[string]int32{}
		for _, f := range stream.all() {
			for _, e := range f.GetEvents().GetEvents() {
				id := f.GetEvents().GetConversationId()
				last[id]++
				if e.GetSequence() != last[id] {
					t.Fatalf("got event %d, want %d", e.GetSequence(), last[id])
				}
			}
		}
		if len(last) != conversations {
			t.Errorf("%d conversations were told, want %d", len(last), conversations)
		}
		for _, n := range last {
			if n != messages+2 {
				t.Errorf("the last event of a conversation is %d, want %d", n, messages+2)
			}
		}
	})
}

// A desk's cursor that cannot be continued in one of its conversations resets the desk, and a mangled one is
// refused.
func TestDeskResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		restore := s.Backup()
		customer.Say(t, customer.ID, "Tämä katoaa")
		gone := s.Start(apptest.Queue)
		stream := watchDesk(t, nurse, "")
		frames := stream.all()
		ahead := frames[len(frames)-1].GetCursor()
		take(t, nurse, gone.ID)
		frames = stream.all()
		unknown := frames[len(frames)-1].GetCursor()
		stream.stop()
		conversation := follow(t, nurse, customer.ID, "")
		conversationCursor := conversation.all()[0].GetCursor()
		conversation.stop()

		restore()
		resumed := watchDesk(t, nurse, ahead)
		wantLines(t, without(resumed.lines(), "colleagues"), "snapshot of 1", "reset CURSOR_AHEAD", "snapshot of 1",
			"event 1 joined customer", "event 2 joined professional-1")
		resumed.stop()
		time.Sleep(time.Second)
		customer.Say(t, customer.ID, "Tämä on nyt kolmas")
		for name, cursor := range map[string]string{"with another event": ahead, "with a conversation that is no more": unknown} {
			resumed := watchDesk(t, nurse, cursor)
			frames := resumed.all()
			wantLines(t, without(resumed.lines(), "colleagues"), "snapshot of 1", "reset OTHER_HISTORY", "snapshot of 1",
				"event 1 joined customer", "event 2 joined professional-1", "event 3 message")
			resumed.stop()
			for _, f := range frames[:3] {
				again := watchDesk(t, nurse, f.GetCursor())
				if got := len(only(again.lines(), "event")); got != 3 {
					t.Errorf("%s: cut off at %s and resumed, %d events came", name, describeDesk(f), got)
				}
				again.stop()
			}
		}
		for _, cursor := range []string{"x", conversationCursor, customer.Cursor, ahead[:len(ahead)-3]} {
			resumed := watchDesk(t, nurse, cursor)
			resumed.want()
			apptest.WantReason(t, resumed.end(), connect.CodeInvalidArgument,
				kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED)
		}
		// Another's desk is no way to a conversation.
		other := s.Staff(store.Staff{ID: "other"})
		others := watchDesk(t, other, ahead)
		wantLines(t, only(others.lines(), "snapshot", "reset", "event", "removed"),
			"snapshot of 0", "reset OTHER_HISTORY", "snapshot of 0")
	})
}

// The colleagues are told as they are: who there are, whether they are there, and how much they have to do.
func TestDeskTellsColleagues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := available(t, s, store.Staff{ID: "nurse"})
		stream := watchDesk(t, nurse, "")
		is := func() string {
			time.Sleep(2 * time.Second)
			var last []*kuplav1.Professional
			for _, f := range stream.all() {
				switch {
				case f.GetSnapshot() != nil:
					last = f.GetSnapshot().GetColleagues()
				case f.GetColleagues() != nil:
					last = f.GetColleagues().GetColleagues()
				}
			}
			var lines []string
			for _, p := range last {
				lines = append(lines, fmt.Sprintf("%s%s with %d of %d", p.GetDisplayName(), short(p.GetAvailability()),
					p.GetConversationCount(), p.GetCapacity()))
			}
			return strings.Join(lines, ", ")
		}
		want := func(want string) {
			t.Helper()
			if got := is(); got != want {
				t.Errorf("the colleagues are %q, want %q", got, want)
			}
		}
		want("")
		other := s.Staff(store.Staff{ID: "other", DisplayName: "Outi Olematon", Capacity: 3})
		desk := watchDesk(t, other, "")
		s.Staff(store.Staff{ID: "third", DisplayName: "Aino Aavemainen", Capacity: 4})
		supervisor(t, s)
		want("Aino Aavemainen AWAY with 0 of 4, Outi Olematon AWAY with 0 of 3")
		setAvailability(t, other, kuplav1.Availability_AVAILABILITY_AVAILABLE)
		want("Aino Aavemainen AWAY with 0 of 4, Outi Olematon AVAILABLE with 0 of 3")
		customer := s.Start(apptest.Queue)
		take(t, other, customer.ID)
		want("Aino Aavemainen AWAY with 0 of 4, Outi Olematon AVAILABLE with 1 of 3")
		closeConversation(t, other, customer.ID)
		want("Aino Aavemainen AWAY with 0 of 4, Outi Olematon AVAILABLE with 0 of 3")
		setAvailability(t, other, kuplav1.Availability_AVAILABILITY_ON_PHONE)
		want("Aino Aavemainen AWAY with 0 of 4, Outi Olematon ON_PHONE with 0 of 3")
		desk.stop()
		time.Sleep(grace)
		want("Aino Aavemainen AWAY with 0 of 4, Outi Olematon AWAY with 0 of 3")
	})
}
