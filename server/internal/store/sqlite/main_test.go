package sqlite_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

// The test program is its own second process: the environment tells it what to do.
const (
	childTask = "KUPLA_TEST_CHILD"
	childPath = "KUPLA_TEST_DATABASE"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(childTask); task != "" {
		if err := child(task, os.Getenv(childPath)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(task, path string) error {
	ctx := context.Background()
	switch task {
	case "write":
		return writeUntilKilled(ctx, path)
	case "token":
		s, err := sqlite.OpenShared(ctx, path)
		if err != nil {
			return err
		}
		if err := s.PutStaff(ctx, store.Staff{ID: "maita", DisplayName: "Maita", Capacity: 4}); err != nil {
			return err
		}
		if err := s.PutStaffToken(ctx, store.StaffToken{ID: "t", Hash: [32]byte{1}, StaffID: "maita"}); err != nil {
			return err
		}
		return s.Close()
	}
	return fmt.Errorf("no task %q", task)
}

const killedWriters = 8

// writeUntilKilled writes to conversations that there are, each message numbered, and prints every one
// that was acknowledged.
func writeUntilKilled(ctx context.Context, path string) error {
	s, err := sqlite.Open(ctx, path, store.Options{})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range killedWriters {
		wg.Go(func() {
			id := strconv.Itoa(w)
			c, err := s.Conversation(ctx, id)
			if err != nil {
				panic(err)
			}
			for n := int(c.LastSequence) - 1; ; n++ {
				if _, err := post(ctx, s, id, n); err != nil {
					panic(err)
				}
				mu.Lock()
				fmt.Println(id, n)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

// post writes the message numbered n, under the request of that number.
func post(ctx context.Context, s store.Store, id string, n int) (store.Outcome, error) {
	req := store.Request{Caller: id}
	binary.BigEndian.PutUint64(req.ID[8:], uint64(n))
	return s.Change(ctx, req, store.Rows{Conversations: []string{id}}, func(w *store.Work) error {
		return w.Conversation(id).Post(chat.CustomerID, strconv.Itoa(n), w.Now)
	})
}

// start begins a conversation and has it taken: two events.
func start(ctx context.Context, s store.Store, id string) error {
	_, err := s.Change(ctx, store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		c := chat.Start(chat.StartParams{
			ID: id, QueueID: "q", Language: "fi", DisplayName: "Asiakas", Now: w.Now,
			Arrival: w.Queue("q").NextArrival(w.Now),
		})
		w.Start(c)
		return c.Take(chat.Staff{ID: "maita", DisplayName: "Maita"}, w.Now)
	})
	return err
}
