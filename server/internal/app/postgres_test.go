package app_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// onPostgreSQL starts servers on one database, which write every second who was seen, and give the cluster. Time is
// real here: nobody else can wait for the network.
func onPostgreSQL(t *testing.T, servers int) (*pgtest.Cluster, []*apptest.Server) {
	t.Helper()
	cluster := pgtest.New(t, pgtest.Options{})
	dsn, err := cluster.Database(t.Context(), "kupla")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := postgres.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	open := func(ctx context.Context, o store.Options) (store.Store, error) {
		return postgres.Open(ctx, dsn, postgres.Options{}, o)
	}
	var list []*apptest.Server
	for i := range servers {
		options := []apptest.Option{apptest.WithOpen(open), apptest.WithConfig(func(c *app.Config) {
			c.Worker.Seen, c.Board.PresenceGrace, c.RPC.Heartbeat = time.Second, time.Second, 3*time.Second
		})}
		if i == 0 {
			options = append(options, apptest.WithCatalogue(func(*kuplav1.Catalogue) {}))
		}
		list = append(list, apptest.New(t, options...))
	}
	return cluster, list
}

// heard keeps what a stream tells, in words.
type heard struct {
	name string
	mu   sync.Mutex
	list []string
	err  error
}

// openStream is a stream of frames.
type openStream[F any] interface {
	Receive() (F, error)
	Close() error
}

func hearing[F any](t *testing.T, name string, stream openStream[F], describe func(F) []string) *heard {
	t.Helper()
	h := &heard{name: name}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			f, err := stream.Receive()
			h.mu.Lock()
			if err != nil {
				h.err = err
				h.mu.Unlock()
				return
			}
			h.list = append(h.list, describe(f)...)
			h.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = stream.Close() // It may have ended by itself.
		<-done
	})
	return h
}

func (h *heard) words() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.list)
}

// wait waits until something is heard after what was heard before the mark, and returns the mark after it.
func (h *heard) wait(t *testing.T, mark int, word string) int {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		h.mu.Lock()
		list, err := h.list, h.err
		h.mu.Unlock()
		for i := mark; i < len(list); i++ {
			if list[i] == word {
				return i + 1
			}
		}
		if err != nil {
			t.Fatalf("the %s ended with %v after %s", h.name, err, strings.Join(list, ", "))
		}
		if time.Now().After(deadline) {
			t.Fatalf("the %s is not told %q but %s", h.name, word, strings.Join(list[min(mark, len(list)):], ", "))
		}
	}
}

func interruptedWord(h *kuplav1.Heartbeat) string {
	if h.GetInterrupted() {
		return "interrupted"
	}
	return "heartbeat"
}

func followed(f *kuplav1.FollowConversationResponse) []string {
	switch k := f.GetFrame().(type) {
	case *kuplav1.FollowConversationResponse_Events:
		return eventWords(k.Events.GetEvents())
	case *kuplav1.FollowConversationResponse_Heartbeat:
		return []string{interruptedWord(k.Heartbeat)}
	case *kuplav1.FollowConversationResponse_Presence:
		return []string{fmt.Sprintf("%s %t", k.Presence.GetParticipantId(), k.Presence.GetPresent())}
	case *kuplav1.FollowConversationResponse_Typing:
		return []string{"typing " + k.Typing.GetParticipantId()}
	}
	return nil
}

func eventWords(events []*kuplav1.Event) []string {
	words := make([]string, len(events))
	for i, e := range events {
		words[i] = cmp.Or(e.GetMessagePosted().GetText(), fmt.Sprintf("event %d", e.GetSequence()))
	}
	return words
}

func watched(f *kuplav1.WatchDeskResponse) []string {
	switch k := f.GetFrame().(type) {
	case *kuplav1.WatchDeskResponse_Events:
		return eventWords(k.Events.GetEvents())
	case *kuplav1.WatchDeskResponse_Heartbeat:
		return []string{interruptedWord(k.Heartbeat)}
	case *kuplav1.WatchDeskResponse_Presence:
		return []string{fmt.Sprintf("%s %t", k.Presence.GetPresence().GetParticipantId(), k.Presence.GetPresence().GetPresent())}
	case *kuplav1.WatchDeskResponse_Typing:
		return []string{"typing " + k.Typing.GetTyping().GetParticipantId()}
	case *kuplav1.WatchDeskResponse_ConversationAdded:
		return []string{"added"}
	case *kuplav1.WatchDeskResponse_ConversationRemoved:
		return []string{"removed"}
	}
	return nil
}

// say sends a message as clients do: again with the same request id when it is not known whether it was taken.
func say(t *testing.T, c apptest.Clients, id, text string) {
	t.Helper()
	req := &kuplav1.SendMessageRequest{ConversationId: id, RequestId: uuid.NewString(), Text: text}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		_, err := c.Conversation.SendMessage(t.Context(), req)
		if err == nil {
			return
		}
		if apptest.Reason(err) != "UNAVAILABLE" || time.Now().After(deadline) {
			t.Fatalf("send message: %v", err)
		}
	}
}

// Two servers on one PostgreSQL are one service: a chat between people at different ones, through an outage of the
// database, and the end of one of the servers.
func TestTwoServersOnPostgreSQL(t *testing.T) {
	t.Parallel()
	cluster, servers := onPostgreSQL(t, 2)
	a, b := servers[0], servers[1]
	nurse := b.Staff(store.Staff{ID: "nurse"})
	desk, err := nurse.Desk.WatchDesk(t.Context(), &kuplav1.WatchDeskRequest{})
	if err != nil {
		t.Fatal(err)
	}
	nurses := hearing(t, "desk", desk, watched)
	customer := a.Start(apptest.Queue)
	follow := func(s *apptest.Server, cursor string) *heard {
		t.Helper()
		stream, err := s.Clients(customer.Token).Conversation.FollowConversation(t.Context(),
			&kuplav1.FollowConversationRequest{ConversationId: customer.ID, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		return hearing(t, "stream", stream, followed)
	}
	customers := follow(a, "")

	if got := nurse.TakeNext(t); got.GetId() != customer.ID {
		t.Fatalf("took %s", got.GetId())
	}
	nurses.wait(t, 0, "added")
	customers.wait(t, 0, "event 2")
	for i := range 50 {
		there, back := fmt.Sprintf("there %d", i), fmt.Sprintf("back %d", i)
		customer.Say(t, customer.ID, there)
		nurses.wait(t, 0, there)
		nurse.Say(t, customer.ID, back)
		customers.wait(t, 0, back)
	}
	if _, err := customer.Conversation.SetTyping(t.Context(), &kuplav1.SetTypingRequest{ConversationId: customer.ID}); err != nil {
		t.Fatal(err)
	}
	nurses.wait(t, 0, "typing customer")

	// The database ends as by a power cut, and comes back.
	atCut, deskAtCut := len(customers.words()), len(nurses.words())
	if err := cluster.Stop(t.Context(), pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	atCut = customers.wait(t, atCut, "interrupted")
	deskAtCut = nurses.wait(t, deskAtCut, "interrupted")
	time.Sleep(4 * time.Second)
	if err := cluster.Restart(t.Context(), pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	atCut = customers.wait(t, atCut, "heartbeat")
	deskAtCut = nurses.wait(t, deskAtCut, "heartbeat")
	say(t, customer.Clients, customer.ID, "still here")
	nurses.wait(t, deskAtCut, "still here")
	say(t, nurse, customer.ID, "so am I")
	customers.wait(t, atCut, "so am I")
	for name, list := range map[string][]string{"customer": customers.words()[atCut-1:], "nurse": nurses.words()[deskAtCut-1:]} {
		if slices.Contains(list, "customer false") || slices.Contains(list, "professional-1 false") {
			t.Errorf("the %s is told that somebody went away: %s", name, strings.Join(list, ", "))
		}
	}

	// One server ends; whoever was there goes on at the other one, and somebody leads.
	first, second := a.Store.Leads(), b.Store.Leads()
	if first == second {
		t.Errorf("the one leads: %t, the other: %t", first, second)
	}
	a.Close()
	customers = follow(b, customer.Cursor)
	customers.wait(t, 0, "so am I")
	b.Clients(customer.Token).Say(t, customer.ID, "at the other one")
	nurses.wait(t, 0, "at the other one")
	for deadline := time.Now().Add(20 * time.Second); !b.Store.Leads(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody leads")
		}
	}
}
