package app_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// Professionals at two servers take whoever is next, again and again, while residents come to both: everybody is taken
// once, comes onto the desk of who took them and onto no other, and each talk is whole at both ends. Half of the time the
// servers do not hear each other.
func TestEverybodyIsTakenOnceAcrossServers(t *testing.T) {
	t.Parallel()
	cluster, servers := onPostgreSQL(t, 2)
	const each, residents = 3, 40
	var nurses []apptest.Clients
	var desks []*heard
	for i := range 2 * each {
		s := servers[i%2]
		nurse := s.Staff(store.Staff{ID: fmt.Sprintf("nurse-%d", i), Capacity: 1000})
		desk, err := nurse.Desk.WatchDesk(t.Context(), &kuplav1.WatchDeskRequest{})
		if err != nil {
			t.Fatal(err)
		}
		nurses = append(nurses, nurse)
		desks = append(desks, hearing(t, fmt.Sprintf("desk %d", i), desk, addedID))
	}
	stop := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
			}
			if _, err := cluster.Disconnect(t.Context(), "kupla", "kuplad listen"); err != nil {
				t.Error(err)
			}
		}
	})
	defer func() {
		close(stop)
		cutting.Wait()
	}()

	var mu sync.Mutex
	customers := map[string]*heard{}
	tokens := map[string]apptest.Customer{}
	var came, taking sync.WaitGroup
	for i := range residents {
		came.Go(func() {
			c := servers[i%2].Start(apptest.Queue)
			// Followed at the other one than where it began.
			stream, err := servers[(i+1)%2].Clients(c.Token).Conversation.FollowConversation(t.Context(),
				&kuplav1.FollowConversationRequest{ConversationId: c.ID})
			if err != nil {
				t.Error(err)
				return
			}
			h := hearing(t, "stream", stream, followed)
			mu.Lock()
			defer mu.Unlock()
			customers[c.ID], tokens[c.ID] = h, c
		})
	}
	takenBy := map[string]int{}
	for i, nurse := range nurses {
		taking.Go(func() {
			for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
				res, err := nurse.Desk.TakeNext(t.Context(), &kuplav1.TakeNextRequest{RequestId: uuid.NewString()})
				if err != nil {
					t.Errorf("take next: %v", err)
					return
				}
				mu.Lock()
				if id := res.GetConversation().GetId(); id != "" {
					if other, ok := takenBy[id]; ok {
						t.Errorf("%s was taken by %d and %d", id, other, i)
					}
					takenBy[id] = i
				}
				done := len(takenBy) == residents
				mu.Unlock()
				if done {
					return
				}
				if res.GetConversation() == nil {
					time.Sleep(5 * time.Millisecond)
				}
			}
			t.Error("not everybody was taken in time")
		})
	}
	came.Wait()
	taking.Wait()
	if t.Failed() {
		return
	}
	for id, i := range takenBy {
		say(t, nurses[i], id, "hello")
		say(t, tokens[id].Clients, id, "and to you")
	}
	for id, h := range customers {
		h.wait(t, 0, "and to you")
		words := slices.DeleteFunc(h.words(), func(w string) bool { return !slices.Contains([]string{"event 1", "event 2", "hello", "and to you"}, w) })
		if !slices.Equal(words, []string{"event 1", "event 2", "hello", "and to you"}) {
			t.Errorf("%s is told %q", id, words)
		}
		desks[takenBy[id]].wait(t, 0, id)
	}
	for i, desk := range desks {
		for _, id := range desk.words() {
			if takenBy[id] != i {
				t.Errorf("%s, taken by %d, came onto the desk of %d", id, takenBy[id], i)
			}
		}
	}
}

// addedID is the conversation that came onto a desk.
func addedID(f *kuplav1.WatchDeskResponse) []string {
	if added := f.GetConversationAdded(); added != nil {
		return []string{added.GetSnapshot().GetConversation().GetId()}
	}
	return nil
}
