package rpc_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	kuplav1connect "github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// admitting sets how much a server does.
func admitting(a rpc.Admission) apptest.Option {
	return apptest.WithConfig(func(c *app.Config) { c.RPC.Admission = a })
}

// send sends a message and returns why not.
func send(t testing.TB, s *apptest.Server, c apptest.Clients, id string) error {
	t.Helper()
	_, err := kuplav1connect.NewConversationServiceClient(inProcess(s, c.Token)).SendMessage(t.Context(),
		&kuplav1.SendMessageRequest{ConversationId: id, RequestId: newID(), Text: "hei"})
	return err
}

// wantOverloaded fails the test unless a call was refused because there is too much to do. It returns when to come back.
func wantOverloaded(t *testing.T, err error) time.Duration {
	t.Helper()
	apptest.WantReason(t, err, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_OVERLOADED)
	told := metadata(t, err)["retry_delay"]
	delay, problem := time.ParseDuration(told)
	if problem != nil || delay < 500*time.Millisecond || delay > 2500*time.Millisecond {
		t.Errorf("asked to come back in %q", told)
	}
	return delay
}

// However many calls are offered, as many are admitted as may be, the others are refused each with a time of its own, and
// open streams go on. When the load is over, the next call is admitted.
func TestRateOfCalls(t *testing.T) {
	const perSecond, offered, seconds = 100, 10, 4
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t, admitting(rpc.Admission{Calls: access.Rate{PerSecond: perSecond, Burst: 40}}))
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		stream := follow(t, nurse, customer.ID, "")
		stream.lines()

		admitted, delays := 0, map[time.Duration]bool{}
		for range seconds * perSecond {
			time.Sleep(time.Second / perSecond)
			for range offered {
				if err := send(t, s, customer.Clients, customer.ID); err == nil {
					admitted++
				} else if delay := wantOverloaded(t, err); len(delays) < 1000 {
					delays[delay] = true
				}
			}
		}
		if want := seconds * perSecond; admitted < want || admitted > want+40 {
			t.Errorf("%d were admitted of %d, want %d and the burst", admitted, offered*want, want)
		}
		if len(delays) < 500 {
			t.Errorf("of a thousand refused %d were given a time of their own", len(delays))
		}
		if got := only(stream.lines(), "event"); len(got) != admitted {
			t.Errorf("of %d messages %d were told to an open stream", admitted, len(got))
		}
		f := s.RPC.Figures()
		if refused := uint64(seconds*perSecond*offered - admitted); f.RefusedByRate != refused || f.RefusedByRoom != 0 {
			t.Errorf("%d are counted as too fast and %d as too many, of %d", f.RefusedByRate, f.RefusedByRoom, refused)
		}

		// While residents are refused, staff get through, and what needs no database is answered.
		wantOverloaded(t, send(t, s, customer.Clients, customer.ID))
		if err := send(t, s, nurse, customer.ID); err != nil {
			t.Errorf("staff while residents are refused: %v", err)
		}
		if _, err := s.Clients("").Queue.ListQueues(t.Context(), &kuplav1.ListQueuesRequest{}); err != nil {
			t.Errorf("the queues: %v", err)
		}
		// A token of staff that nobody has seen is no way around it.
		stranger, err := access.NewToken(access.KindStaff)
		if err != nil {
			t.Fatal(err)
		}
		wantOverloaded(t, send(t, s, s.Clients(stranger.Reveal()), customer.ID))
		// A stream that is opened counts once.
		wantOverloaded(t, follow(t, patient(s, customer.Clients), customer.ID, "").end())
		time.Sleep(5 * time.Second / perSecond) // what staff had used of it comes first
		if err := send(t, s, customer.Clients, customer.ID); err != nil {
			t.Errorf("after the load: %v", err)
		}
		stream.wantOpen()
	})
}

// A clock that is set back does not close the door.
func TestRateSurvivesTheClock(t *testing.T) {
	clock := newClock(aWednesday)
	s := apptest.New(t, withClock(clock), admitting(rpc.Admission{Calls: access.Rate{PerSecond: 10, Burst: 10}}))
	customer := s.Start(apptest.Queue)
	snapshotOf(t, customer.Clients, customer.ID)
	clock.advance(-time.Hour)
	snapshotOf(t, customer.Clients, customer.ID)
}

// patient are clients with the same token who hear a refusal also when it comes before their request has been read.
func patient(s *apptest.Server, c apptest.Clients) apptest.Clients {
	c.Conversation = kuplav1connect.NewConversationServiceClient(inProcess(s, c.Token))
	return c
}

// slowStore is a store whose changes wait until they are let through.
type slowStore struct {
	store.Store

	mu      sync.Mutex
	through chan struct{} // nil lets everything through
	waiting int
}

func (s *slowStore) Change(ctx context.Context, r store.Request, rows store.Rows, f func(*store.Work) error) (store.Outcome, error) {
	s.mu.Lock()
	through := s.through
	if through != nil {
		s.waiting++
	}
	s.mu.Unlock()
	if through != nil {
		<-through
	}
	return s.Store.Change(ctx, r, rows, f)
}

// hold has changes wait, until the function returned is called.
func (s *slowStore) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	through := make(chan struct{})
	s.through, s.waiting = through, 0
	return func() {
		s.mu.Lock()
		s.through = nil
		s.mu.Unlock()
		close(through)
	}
}

// held is how many changes wait.
func (s *slowStore) held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}

// As many calls are worked on as may be, a quarter of them staff's; as many more wait for a moment, in which they are let
// in when there is room, and are refused after it. What is beyond is refused at once. Health is answered meanwhile, and
// open streams go on.
func TestCallsInFlight(t *testing.T) {
	const most, residents = 16, 12
	synctest.Test(t, func(t *testing.T) {
		slow := &slowStore{}
		s := apptest.New(t, admitting(rpc.Admission{CallsInFlight: most}),
			apptest.WithStore(func(st store.Store) store.Store { slow.Store = st; return slow }))
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		stream := follow(t, customer.Clients, customer.ID, "")
		stream.lines()

		var calling sync.WaitGroup
		var mu sync.Mutex
		answers := map[string][]error{}
		call := func(who string, c apptest.Clients) {
			calling.Go(func() {
				err := send(t, s, c, customer.ID)
				mu.Lock()
				defer mu.Unlock()
				answers[who] = append(answers[who], err)
			})
			synctest.Wait()
		}
		answered := func(who string) []error {
			mu.Lock()
			defer mu.Unlock()
			return answers[who]
		}

		release := slow.hold()
		for range residents {
			call("resident", customer.Clients)
		}
		for range most - residents {
			call("nurse", nurse)
		}
		if n := slow.held(); n != most {
			t.Fatalf("%d calls are worked on, want %d", n, most)
		}
		for range residents {
			call("waits", customer.Clients)
		}
		if n := s.RPC.Figures().CallsWaiting; n != residents || len(answered("waits")) > 0 {
			t.Fatalf("%d wait, and %d were answered, want %d to wait", n, len(answered("waits")), residents)
		}
		call("refused", customer.Clients)
		if got := answered("refused"); len(got) != 1 {
			t.Fatal("a call beyond those that may wait waits")
		}
		wantOverloaded(t, answered("refused")[0])
		if answer, err := invoke(t, inProcess(s, ""), methodNamed(t, "Health.Check"), &healthpb.HealthCheckRequest{}); err != nil {
			t.Errorf("health meanwhile: %v, %v", answer, err)
		}
		time.Sleep(time.Second)
		for _, err := range answered("waits") {
			wantOverloaded(t, err)
		}
		if n := len(answered("waits")); n != residents {
			t.Errorf("%d of those who waited were refused, want %d", n, residents)
		}

		// Those who wait are let in as soon as there is room.
		for range residents {
			call("waits again", customer.Clients)
		}
		release()
		calling.Wait()
		for _, who := range []string{"resident", "nurse", "waits again"} {
			for _, err := range answered(who) {
				if err != nil {
					t.Errorf("%s: %v", who, err)
				}
			}
		}
		echo()
		if got := only(stream.lines(), "event"); len(got) != most+residents {
			t.Errorf("an open stream was told %d messages, want %d", len(got), most+residents)
		}
		if f := s.RPC.Figures(); f.CallsInFlight != 0 || f.CallsWaiting != 0 || f.RefusedByRoom != residents+1 {
			t.Errorf("in the end %d are worked on, %d wait and %d were refused", f.CallsInFlight, f.CallsWaiting, f.RefusedByRoom)
		}
	})
}

// Open streams are no calls in flight, however many there are, and neither is a call that was given up while it waited.
func TestStreamsAreNotInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowStore{}
		s := apptest.New(t, admitting(rpc.Admission{CallsInFlight: 4}),
			apptest.WithStore(func(st store.Store) store.Store { slow.Store = st; return slow }))
		customer := s.Start(apptest.Queue)
		for range 20 {
			watchQueues(t, s.Clients(""))
			waiting := s.Start(apptest.Queue)
			follow(t, waiting.Clients, waiting.ID, "").want("snapshot WAITING", "event 1 joined customer")
		}
		synctest.Wait()
		if n := s.RPC.Figures().CallsInFlight; n != 0 {
			t.Fatalf("%d calls are worked on while streams are open", n)
		}
		release := slow.hold()
		var calling sync.WaitGroup
		for range 3 {
			calling.Go(func() { _ = send(t, s, customer.Clients, customer.ID) })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := customer.Conversation.SendMessage(ctx,
			&kuplav1.SendMessageRequest{ConversationId: customer.ID, RequestId: newID(), Text: "hei"})
		if connect.CodeOf(err) != connect.CodeDeadlineExceeded {
			t.Errorf("a call that was given up: %v", err)
		}
		release()
		calling.Wait()
		synctest.Wait()
		if f := s.RPC.Figures(); f.CallsInFlight != 0 || f.CallsWaiting != 0 || f.RefusedByRoom != 0 {
			t.Errorf("in the end %+v", f)
		}
	})
}
