package committer_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

// Every batch is told with what it took in and how long its parts took, and those that failed as such. What waits
// meanwhile is counted.
func TestObserved(t *testing.T) {
	var mu sync.Mutex
	var told []store.Batch
	run(t, committer.Options{Observed: func(b store.Batch) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, b)
	}}, func(b *bench) {
		b.ok(b.start("c"))
		b.db.set(func() {
			b.db.load = func() error {
				time.Sleep(time.Millisecond)
				return nil
			}
			b.db.commit = func() error {
				time.Sleep(10 * time.Millisecond)
				return nil
			}
		})
		var posts sync.WaitGroup
		post := func() {
			posts.Go(func() {
				if err := b.post("c", "Hei"); err != nil {
					b.Error(err)
				}
			})
			synctest.Wait()
		}
		post()
		post()
		post()
		if n := b.Waiting(); n != 3 {
			b.Errorf("%d wait while the first of three is loaded, want 3", n)
		}
		posts.Wait()
		if n := b.Waiting(); n != 0 {
			b.Errorf("%d wait when all are answered", n)
		}
		// The database fails, and then a change writes nothing.
		b.db.set(func() { b.db.commit = func() error { return errors.New("no disk") } })
		b.is(b.post("c", "Hei"), store.ErrUnavailable)
		b.is(b.post("none", "Hei"), store.ErrNotFound)

		mu.Lock()
		defer mu.Unlock()
		want := []store.Batch{
			{Changes: 1},
			{Changes: 1, Load: time.Millisecond, Commit: 10 * time.Millisecond},
			{Changes: 2, Load: time.Millisecond, Commit: 10 * time.Millisecond},
			{Changes: 1, Load: time.Millisecond, Failed: true},
			{Changes: 1, Load: time.Millisecond},
		}
		if !slices.Equal(told, want) {
			b.Errorf("told %+v, want %+v", told, want)
		}
	})
}
