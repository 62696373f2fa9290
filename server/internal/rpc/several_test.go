package rpc_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// two starts two servers of one database.
func two(t *testing.T) (cluster *apptest.Cluster, first, second *apptest.Member) {
	t.Helper()
	cluster = apptest.NewCluster(t, 2)
	return cluster, cluster.Servers[0], cluster.Servers[1]
}

// moved is a customer's conversation, called at another server.
func moved(c apptest.Customer, m *apptest.Member) apptest.Customer {
	c.Clients = m.Clients(c.Token)
	return c
}

// health is what a server says of itself.
func health(t *testing.T, s *apptest.Server) string {
	t.Helper()
	check := healthpb.File_grpc_health_v1_health_proto.Services().ByName("Health").Methods().ByName("Check")
	stream, err := connectinprocess.New(s.RPC.Connect()).NewClientStream(t.Context(), specOf(check))
	if err != nil {
		t.Fatal(err)
	}
	var res healthpb.HealthCheckResponse
	if err := errors.Join(stream.Send(&healthpb.HealthCheckRequest{}), stream.CloseSend(), stream.Receive(&res)); err != nil {
		t.Fatalf("ask for health: %v", err)
	}
	return res.GetStatus().String()
}

// A resident at one server and professionals at two others have one conversation: it comes onto the desk, everything in
// it is told to everybody, and it leaves the desk.
func TestConversationAcrossServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := apptest.NewCluster(t, 3)
		a, b, c := cluster.Servers[0], cluster.Servers[1], cluster.Servers[2]
		nurse := available(t, b.Server, store.Staff{ID: "nurse"})
		doctor := c.Clients(b.StaffToken(store.Staff{ID: "doctor"}))
		setAvailability(t, doctor, kuplav1.Availability_AVAILABILITY_AVAILABLE)
		nursesDesk, doctorsDesk := watchDesk(t, nurse, ""), watchDesk(t, doctor, "")
		customer := a.Start(apptest.Queue)
		stream := follow(t, customer.Clients, customer.ID, "")
		time.Sleep(time.Second)
		if w := lastWaiting(t, nursesDesk); w.GetCount() != 1 || !w.GetEntries()[0].GetPresent() {
			t.Fatalf("the desk at another server is told %v", w)
		}
		nursesDesk.news()
		doctorsDesk.news()
		stream.news()

		if got := nurse.TakeNext(t); got.GetId() != customer.ID {
			t.Fatalf("took %s", got.GetId())
		}
		wantLines(t, only(nursesDesk.lines(), "added", "event"), "added", "event 1 joined customer", "event 2 joined professional-1")
		wantLines(t, only(stream.lines(), "event", "snapshot"), "event 2 joined professional-1", "snapshot ACTIVE")
		customer.Say(t, customer.ID, "Hei")
		nurse.Say(t, customer.ID, "Hei, miten voin auttaa?")
		setTyping(t, customer.Clients, customer.ID)
		setTyping(t, nurse, customer.ID)
		markRead(t, nurse, customer.ID, 3)
		want := func(name string, lines []string, want ...string) {
			t.Helper()
			slices.Sort(lines)
			slices.Sort(want)
			t.Log(name)
			wantLines(t, lines, want...)
		}
		want("stream", only(stream.lines(), "event", "typing", "read"),
			"event 3 message", "event 4 message", "typing professional-1", "read professional-1 3")
		want("desk", only(nursesDesk.lines(), "event", "typing", "read"),
			"event 3 message", "event 4 message", "typing customer", "read professional-1 3")

		invite(t, nurse, customer.ID, "doctor")
		wantLines(t, only(doctorsDesk.lines(), "added", "event", "removed"), "added", "event 1 joined customer",
			"event 2 joined professional-1", "event 3 message", "event 4 message", "event 5 joined professional-2")
		leave(t, nurse, customer.ID)
		wantLines(t, only(nursesDesk.lines(), "added", "event", "removed"),
			"event 5 joined professional-2", "event 6 left professional-1 LEFT", "removed LEFT")
		transfer(t, doctor, toColleague(customer.ID, "nurse", true))
		wantLines(t, only(doctorsDesk.lines(), "added", "removed"), "removed TRANSFERRED")
		if got := only(nursesDesk.lines(), "added", "removed"); !slices.Equal(got, []string{"added"}) {
			t.Fatalf("the nurse's desk is told %q", got)
		}
		closeConversation(t, nurse, customer.ID)
		wantLines(t, only(nursesDesk.lines(), "removed"), "removed CLOSED")
		lines := stream.lines()
		wantLines(t, lines[len(lines)-1:], "go away CONVERSATION_CLOSED")
	})
}

// Somebody who came to another server a moment ago is found by whoever takes the next, and each is taken once.
func TestTakeNextAsksTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := two(t)
		nurse, doctor := available(t, a.Server, store.Staff{ID: "nurse"}), available(t, b.Server, store.Staff{ID: "doctor"})
		b.Deafen(true)
		first, second := a.Start(apptest.Queue), a.Start(apptest.Queue)
		if got := nurse.TakeNext(t); got.GetId() != first.ID {
			t.Errorf("took %s, want the first", got.GetId())
		}
		if got := doctor.TakeNext(t); got.GetId() != second.ID {
			t.Errorf("took %s, want the second", got.GetId())
		}
		for _, c := range []apptest.Clients{nurse, doctor} {
			res, err := c.Desk.TakeNext(t.Context(), &kuplav1.TakeNextRequest{RequestId: newID()})
			if err != nil || res.GetConversation() != nil {
				t.Errorf("took %v, %v when nobody waits", res.GetConversation(), err)
			}
		}
	})
}

// Who is at one server is there for all of them, for as long as they are, and in moving from one to another was never
// away. When their connection is gone, everybody is told within a minute.
func TestPresenceAcrossServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, a, b := two(t)
		nurse := available(t, b.Server, store.Staff{ID: "nurse"})
		nursesDesk := watchDesk(t, nurse, "")
		customer := a.Start(apptest.Queue)
		stream := follow(t, customer.Clients, customer.ID, "")
		take(t, nurse, customer.ID)
		told := func() []string {
			return append(only(stream.lines(), "present", "away"), only(nursesDesk.lines(), "present", "away")...)
		}
		told()
		time.Sleep(10 * time.Minute)
		if got := told(); len(got) > 0 {
			t.Fatalf("told %q, and everybody was there", got)
		}
		// From one server to the other, many times, as when they are restarted one after the other.
		for i := range 20 {
			stream.stop()
			time.Sleep(2 * time.Second)
			stream = follow(t, moved(customer, cluster.Servers[(i+1)%2]).Clients, customer.ID, "")
			time.Sleep(time.Duration(i) * 3700 * time.Millisecond)
		}
		if got := told(); len(got) > 0 {
			t.Fatalf("told %q of somebody who moved", got)
		}
		last := time.Now()
		stream.stop()
		time.Sleep(time.Minute)
		var away *kuplav1.Presence
		for _, f := range nursesDesk.news() {
			if p := f.GetPresence().GetPresence(); p != nil {
				away = p
			}
		}
		if away.GetPresent() || away.GetParticipantId() != "customer" || !away.GetChangeTime().AsTime().Equal(last) {
			t.Errorf("told %v, want that the customer is away since %v", away, last)
		}
		stream = follow(t, moved(customer, a).Clients, customer.ID, "")
		wantLines(t, only(nursesDesk.lines(), "present", "away"), "present customer")
		stream.lines()
		// The other way round, and without the signals.
		a.Deafen(true)
		nursesDesk.stop()
		time.Sleep(time.Minute)
		a.Deafen(false)
		wantLines(t, only(stream.lines(), "present", "away"), "away professional-1")
		a.Deafen(true)
		watchDesk(t, nurse, "")
		time.Sleep(21 * time.Second)
		wantLines(t, only(stream.lines(), "present", "away"), "present professional-1")
	})
}

// A customer who waits at one server is not abandoned by the other one, which leads, whatever does not arrive; and is,
// when they are gone.
func TestLeaderAbandonsNobodyWhoIsElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, a, b := two(t)
		cluster.Lead(a)
		gone, back, there := b.Start(apptest.Queue), b.Start(apptest.Queue), b.Start(apptest.Queue)
		a.Deafen(true) // to all that comes from here on
		stream := follow(t, there.Clients, there.ID, "")
		start := time.Now()
		time.Sleep(10*time.Minute - 5*time.Second)
		backs := follow(t, back.Clients, back.ID, "")
		time.Sleep(time.Until(start.Add(10*time.Minute - time.Second)))
		a.Deafen(false)
		a.Deafen(true)
		wantLines(t, only(follow(t, gone.Clients, gone.ID, "").lines(), "snapshot"), "snapshot WAITING")
		time.Sleep(time.Hour)
		stream.wantOpen()
		backs.wantOpen()
	})
}

// Who does not come back is abandoned, after the time that the place is kept and no more than a moment.
func TestLeaderAbandonsWhoeverIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, a, b := two(t)
		customer := b.Start(apptest.Queue)
		stream := follow(t, customer.Clients, customer.ID, "")
		time.Sleep(25 * time.Second)
		stream.stop()
		left := time.Now()
		// Nobody leads for a while; then the other one does, and absence counts from then.
		time.Sleep(5 * time.Minute)
		cluster.Lead(nil)
		time.Sleep(30 * time.Minute)
		waits := func() bool { return b.Board.Knows(customer.ID) && a.Board.Knows(customer.ID) }
		if !waits() {
			t.Fatal("nobody leads, and somebody was abandoned")
		}
		cluster.Lead(b)
		leads := time.Now()
		time.Sleep(10 * time.Minute)
		if !waits() {
			t.Fatalf("abandoned %v after the server began to lead", time.Since(leads))
		}
		time.Sleep(30 * time.Second)
		if waits() {
			t.Errorf("waits %v after leaving", time.Since(left))
		}
	})
}

// A customer may follow at a server that was not told yet that their conversation began: they are there.
func TestFollowerComesBeforeTheNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := two(t)
		nurse := available(t, a.Server, store.Staff{ID: "nurse"})
		desk := watchDesk(t, nurse, "")
		b.Deafen(true)
		customer := a.Start(apptest.Queue)
		stream := follow(t, moved(customer, b).Clients, customer.ID, customer.Cursor)
		if p := stream.all()[0].GetSnapshot().GetPlace(); p.GetPosition() != 1 {
			t.Errorf("the snapshot has the place %v", p)
		}
		b.Deafen(false)
		time.Sleep(time.Hour)
		stream.wantOpen()
		if w := lastWaiting(t, desk); w.GetCount() != 1 || !w.GetEntries()[0].GetPresent() {
			t.Errorf("an hour later the desk has %v", w)
		}
	})
}

// Whoever starts is held to the catalogue that was applied at another server, although nothing was heard of it.
func TestStartGoesByTheCatalogueOfTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := two(t)
		b.Deafen(true)
		a.ChangeCatalogue(func(m *kuplav1.Catalogue) {
			for _, q := range m.GetQueues() {
				if q.GetId() == apptest.Queue {
					q.Languages = []string{"sv"}
				}
			}
		})
		anybody := b.Clients("").Conversation
		_, err := anybody.StartConversation(t.Context(), startIn(apptest.Queue))
		apptest.WantReason(t, err, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_LANGUAGE_NOT_SERVED)
		_, err = anybody.StartConversation(t.Context(), startIn(apptest.Queue, func(r *kuplav1.StartConversationRequest) {
			r.Language = "sv"
		}))
		if err != nil {
			t.Errorf("start: %v", err)
		}
	})
}

// An interruption is told at once, on every stream and with every heartbeat; it ends none and moves nobody, and when it
// is over everything missed comes before that is said.
func TestInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, a, b := two(t)
		cluster.Lead(b)
		nurse := available(t, a.Server, store.Staff{ID: "nurse"})
		doctor := available(t, b.Server, store.Staff{ID: "doctor"})
		customer, waiting := a.Start(apptest.Queue), a.Start(apptest.Queue)
		other := b.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		stream, waits := follow(t, customer.Clients, customer.ID, ""), follow(t, waiting.Clients, waiting.ID, "")
		others := follow(t, other.Clients, other.ID, "")
		desk, doctorsDesk := watchDesk(t, nurse, ""), watchDesk(t, doctor, "")
		queues := watchQueues(t, a.Clients(""), apptest.Queue)
		time.Sleep(time.Minute)
		every := map[string]func() []string{
			"stream": stream.lines, "place": waits.lines, "desk": desk.lines, "queues": queues.lines,
		}
		for _, lines := range every {
			lines()
		}
		others.lines()
		doctorsDesk.lines()

		a.Interrupt()
		for name, lines := range every {
			if got := lines(); !slices.Equal(got, []string{"heartbeat interrupted"}) {
				t.Errorf("the %s is told %q at once", name, got)
			}
		}
		_, err := customer.Conversation.SendMessage(t.Context(),
			&kuplav1.SendMessageRequest{ConversationId: customer.ID, RequestId: newID(), Text: "Hei"})
		apptest.WantReason(t, err, connect.CodeUnavailable, kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE)
		refused, err := customer.Conversation.FollowConversation(t.Context(),
			&kuplav1.FollowConversationRequest{ConversationId: customer.ID})
		if err == nil {
			_, err = refused.Receive()
		}
		apptest.WantReason(t, err, connect.CodeUnavailable, kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE)
		if got := health(t, a.Server); got != "NOT_SERVING" {
			t.Errorf("health is %s", got)
		}
		if got := health(t, b.Server); got != "SERVING" {
			t.Errorf("health of the other server is %s", got)
		}

		// The other server goes on for a while, and then loses the database too.
		time.Sleep(time.Minute)
		take(t, doctor, waiting.ID)
		doctor.Say(t, waiting.ID, "Hei")
		time.Sleep(time.Minute)
		b.Interrupt()
		time.Sleep(20 * time.Minute)
		for name, lines := range every {
			got := lines()
			if n := len(only(got, "heartbeat interrupted")); n < 88 || len(only(got, "event", "away", "present", "added")) > 0 {
				t.Errorf("the %s is told %d heartbeats in 22 minutes and %q", name, n, without(got, "heartbeat interrupted"))
			}
		}
		b.Restore()
		for _, gap := range slices.Concat(stream.gaps(), waits.gaps(), desk.gaps(), queues.gaps()) {
			if gap > 15*time.Second {
				t.Errorf("silent for %v", gap)
			}
		}

		a.Restore()
		wantLines(t, only(waits.lines(), "event", "heartbeat"), "event 2 joined professional-1", "event 3 message", "heartbeat")
		wantLines(t, only(stream.lines(), "event", "heartbeat"), "heartbeat")
		wantLines(t, only(desk.lines(), "event", "heartbeat", "removed", "added"), "heartbeat")
		if got := only(queues.lines(), "heartbeat"); !slices.Equal(got, []string{"heartbeat"}) {
			t.Errorf("the queues are told %q when it is over", got)
		}
		if got := health(t, a.Server); got != "SERVING" {
			t.Errorf("health is %s when it is over", got)
		}
		customer.Say(t, customer.ID, "Vielä täällä")
		echo()
		wantLines(t, only(stream.lines(), "event"), "event 3 message")
		wantLines(t, only(desk.lines(), "event"), "event 3 message")
		time.Sleep(30 * time.Minute)
		for name, got := range map[string][]string{
			"stream": stream.lines(), "desk": desk.lines(), "place": waits.lines(), "other": others.lines(),
		} {
			if got = only(got, "away", "present", "event", "removed", "go away"); len(got) > 0 {
				t.Errorf("the %s is told %q half an hour later", name, got)
			}
		}
	})
}

// A stream that finds the store gone without a word says so, and one that misses the end of an interruption by a read
// that fails tries again.
func TestLossWithoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := two(t)
		nurse := available(t, b.Server, store.Staff{ID: "nurse"})
		customer := a.Start(apptest.Queue)
		stream := follow(t, customer.Clients, customer.ID, "")
		desk := watchDesk(t, available(t, a.Server, store.Staff{ID: "doctor"}), "")
		take(t, nurse, customer.ID)
		a.Deafen(true)
		for range 100 { // more than is held ready
			nurse.Say(t, customer.ID, "Hei")
		}
		invite(t, nurse, customer.ID, "doctor")
		a.Lose()
		// What the others did is heard of, and cannot be read.
		a.Deafen(false)
		synctest.Wait()
		time.Sleep(2 * time.Second)
		a.Restore()
		time.Sleep(2 * time.Second) // without a word again
		// last is the last event.
		check := func(name string, lines []string, last string) {
			t.Helper()
			events := only(lines, "event")
			if len(events) != 103 {
				t.Errorf("the %s is told %d events: %s", name, len(events), strings.Join(lines, ", "))
			}
			for i, line := range events {
				if !strings.HasPrefix(line, fmt.Sprintf("event %d ", i+1)) {
					t.Fatalf("the %s is told %q as number %d", name, line, i+1)
				}
			}
			beats := only(lines, "heartbeat")
			if n := len(beats); n < 2 || beats[0] != "heartbeat interrupted" || beats[n-1] != "heartbeat" ||
				slices.Index(lines, "heartbeat") < slices.Index(lines, last) {
				t.Errorf("the %s is told %s", name, strings.Join(lines, ", "))
			}
		}
		check("stream", stream.lines(), "event 103 joined professional-2")
		check("desk", desk.lines(), "event 103 joined professional-2")
	})
}

// A token is good at every server as soon as it is given, also where it was asked for a moment too early, and ends
// everywhere within seconds.
func TestTokensAcrossServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := two(t)
		b.Deafen(true)
		token := a.StaffToken(store.Staff{ID: "nurse"})
		customer := a.Start(apptest.Queue)
		elsewhere := moved(customer, b)
		elsewhere.Say(t, customer.ID, "Hei")
		nurse := b.Clients(token)
		take(t, nurse, customer.ID)
		desk := watchDesk(t, nurse, "")

		tokens, err := a.Store.StaffTokens(t.Context())
		if err != nil || len(tokens) != 1 {
			t.Fatalf("%d tokens, %v", len(tokens), err)
		}
		tokens[0].RevokeTime = time.Now()
		if err := a.Store.PutStaffToken(t.Context(), tokens[0]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		_, err = nurse.Conversation.SendMessage(t.Context(),
			&kuplav1.SendMessageRequest{ConversationId: customer.ID, RequestId: newID(), Text: "Hei"})
		apptest.WantReason(t, err, connect.CodeUnauthenticated, kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID)
		lines := desk.lines()
		wantLines(t, lines[len(lines)-1:], "go away TOKEN_ENDED")
	})
}

// When the database has lost the end of a log that was told, streams end, and whoever comes back with their cursor is
// told to begin anew.
func TestRewrittenLogEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := two(t)
		nurse := available(t, a.Server, store.Staff{ID: "nurse"})
		customer, other := a.Start(apptest.Queue), a.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		stream, others := follow(t, customer.Clients, customer.ID, ""), follow(t, other.Clients, other.ID, "")
		desk := watchDesk(t, nurse, "")
		synctest.Wait()
		a.Hub.Rewritten(customer.ID)
		for name, lines := range map[string][]string{"stream": stream.lines(), "desk": desk.lines()} {
			if last := lines[len(lines)-1]; last != "go away UNAVAILABLE" {
				t.Errorf("the %s is told %q last", name, last)
			}
		}
		stream.wantOver()
		desk.wantOver()
		others.wantOpen()
	})
}

// While the service is interrupted nobody waits to find that out, also where the database could still be read.
func TestInterruptionRefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := two(t)
		nurse := available(t, a.Server, store.Staff{ID: "nurse"})
		customer := a.Start(apptest.Queue)
		if got := health(t, a.Server); got != "SERVING" {
			t.Errorf("health is %s", got)
		}
		a.Hub.Interrupt(true)
		if got := health(t, a.Server); got != "NOT_SERVING" {
			t.Errorf("health is %s at once", got)
		}
		stream, desk := follow(t, customer.Clients, customer.ID, ""), watchDesk(t, nurse, "")
		for _, err := range []error{stream.end(), desk.end()} {
			apptest.WantReason(t, err, connect.CodeUnavailable, kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE)
		}
		queues := watchQueues(t, a.Clients(""), apptest.Queue)
		queues.want("snapshot of 1", "heartbeat interrupted")
		a.Hub.Interrupt(false)
		queues.want("heartbeat")
		follow(t, customer.Clients, customer.ID, "").wantOpen()
		watchDesk(t, nurse, "").wantOpen()
	})
}
