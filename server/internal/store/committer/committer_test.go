package committer_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

// bench is a committer over a fake database. Time is virtual.
type bench struct {
	*testing.T
	*committer.Committer
	db   *fake
	told [][]store.Committed
}

func run(t *testing.T, opts committer.Options, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, db: newFake(t)}
		if opts.Committed == nil {
			opts.Committed = func(c []store.Committed) { b.db.set(func() { b.told = append(b.told, c) }) }
		}
		b.Committer = committer.New(b.db, opts)
		defer b.Close()
		test(b)
	})
}

func (b *bench) start(id string) error {
	_, err := b.Change(context.Background(), store.Request{}, store.Rows{Queues: []string{"q"}}, func(w *store.Work) error {
		w.Start(chat.Start(chat.StartParams{
			ID: id, QueueID: "q", Language: "fi", DisplayName: "Asiakas", Now: w.Now,
			Arrival: w.Queue("q").NextArrival(w.Now),
		}))
		return nil
	})
	return err
}

func (b *bench) post(id, text string) error {
	_, err := b.Change(context.Background(), store.Request{}, store.Rows{Conversations: []string{id}},
		func(w *store.Work) error { return w.Conversation(id).Post(chat.CustomerID, text, w.Now) })
	return err
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) is(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("got error %v, want %v", err, want)
	}
}

// busy keeps the committer in a commit that takes as long as told, runs the changes meanwhile, in order,
// and waits for them all.
func (b *bench) busy(d time.Duration, changes ...func() error) []error {
	b.Helper()
	b.db.set(func() {
		free := b.db.commit
		b.db.commit = func() error {
			b.db.set(func() { b.db.commit = free })
			time.Sleep(d)
			b.db.set(func() { b.db.commits, b.db.needs, b.told = nil, nil, nil })
			return nil
		}
	})
	var wg sync.WaitGroup
	wg.Go(func() { b.ok(b.start(fmt.Sprint("busy ", time.Now()))) })
	synctest.Wait()
	errs := make([]error, len(changes))
	for i, change := range changes {
		wg.Go(func() { errs[i] = change() })
		synctest.Wait()
	}
	wg.Wait()
	return errs
}

func TestAloneIsNotDelayed(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		before := time.Now()
		for i := range 5 {
			b.ok(b.start(fmt.Sprint(i)))
		}
		if d := time.Since(before); d != 0 {
			b.Errorf("five changes took %v of waiting", d)
		}
		if !slices.Equal(b.db.commits, []int{1, 1, 1, 1, 1}) {
			b.Errorf("commits of %v events", b.db.commits)
		}
	})
}

func TestGathersWhileCommitting(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		b.ok(b.start("c"))
		var posts []func() error
		for i := range 100 {
			posts = append(posts, func() error { return b.post("c", fmt.Sprint(i)) })
		}
		for _, err := range b.busy(time.Second, posts...) {
			b.ok(err)
		}
		if !slices.Equal(b.db.commits, []int{100}) {
			b.Errorf("commits of %v events, want one of 100", b.db.commits)
		}
		if len(b.told) != 2 || len(b.told[1]) != 100 {
			b.Errorf("told of %d batches", len(b.told))
		}
		for i, c := range b.told[1] {
			if text := c.Conversations[0].Events[0].Kind.(chat.MessagePosted).Text; text != fmt.Sprint(i) {
				b.Fatalf("change %d is the one that came at %s", i, text)
			}
		}
		if len(b.db.needs) != 1 || !slices.Equal(b.db.needs[0].Conversations, []string{"c"}) {
			b.Errorf("loaded %+v", b.db.needs)
		}
	})
}

func TestCaps(t *testing.T) {
	for _, c := range []struct {
		name string
		opts committer.Options
		text string
		want []int
	}{
		{"none reached", committer.Options{}, "a", []int{10}},
		// A change that names one conversation counts two: the row, and what is remembered of it.
		{"rows", committer.Options{MaxRows: 8}, "a", []int{4, 4, 2}},
		{"one is more than the cap", committer.Options{MaxRows: 1}, "a", []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"bytes", committer.Options{MaxBytes: 4000}, strings.Repeat("a", 1000), []int{3, 3, 3, 1}},
		{"one is longer than the cap", committer.Options{MaxBytes: 10}, "a", []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, c.opts, func(b *bench) {
				b.ok(b.start("c"))
				var posts []func() error
				for range 10 {
					posts = append(posts, func() error { return b.post("c", c.text) })
				}
				for _, err := range b.busy(time.Second, posts...) {
					b.ok(err)
				}
				if !slices.Equal(b.db.commits, c.want) {
					b.Errorf("commits of %v events, want %v", b.db.commits, c.want)
				}
			})
		})
	}
}

func TestRejectedIsFoundByHalving(t *testing.T) {
	for at := range 8 {
		run(t, committer.Options{}, func(b *bench) {
			b.ok(b.start("c"))
			var changes []func() error
			for i := range 8 {
				if i == at {
					changes = append(changes, func() error { return b.start("poison") })
				} else {
					changes = append(changes, func() error { return b.post("c", fmt.Sprint(i)) })
				}
			}
			b.db.set(func() { b.db.poison = "poison" })
			for i, err := range b.busy(time.Second, changes...) {
				if i == at {
					b.is(err, committer.ErrRejected)
				} else {
					b.ok(err)
				}
			}
			if b.db.events["c"] != 8 {
				b.Errorf("%d events, want 8", b.db.events["c"])
			}
			// The whole, then two halves for each time it was halved.
			if n := len(b.db.commits); n != 7 {
				b.Errorf("poison at %d: %d commits for 8 changes, want 7", at, n)
			}
		})
	}
}

// TestRequestTwiceInOneBatch has the committer find the repeat: this database would take it twice.
func TestRequestTwiceInOneBatch(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		b.ok(b.start("c"))
		ran := map[string]int{}
		change := func(name string, rows store.Rows, content byte) func() error {
			return func() error {
				req := store.Request{Caller: "x", ID: [16]byte{1}, Fingerprint: [8]byte{content}}
				_, err := b.Change(context.Background(), req, rows, func(w *store.Work) error {
					ran[name]++
					if len(rows.Conversations) > 0 {
						return w.Conversation("c").Post(chat.CustomerID, "hei", w.Now)
					}
					return nil
				})
				return err
			}
		}
		inside := store.Rows{Conversations: []string{"c"}}
		errs := b.busy(time.Second,
			change("event", inside, 1), change("event", inside, 1), change("event", inside, 2),
			change("apart", store.Rows{}, 1), change("apart", store.Rows{}, 1), change("apart", store.Rows{}, 2),
		)
		for i, err := range errs {
			if i%3 == 2 {
				b.is(err, store.ErrRequestIDReused)
			} else {
				b.ok(err)
			}
		}
		if ran["event"] != 1 || ran["apart"] != 1 || len(b.db.commits) != 1 {
			b.Errorf("ran %v in %d commits", ran, len(b.db.commits))
		}
	})
}

func TestFailedCommit(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		b.ok(b.start("c"))
		ran := 0
		refused := errors.New("refused")
		errs := b.busy(time.Second,
			func() error {
				b.db.set(func() { b.db.commit = func() error { return errDisk } })
				return b.post("c", "a")
			},
			// What it refused for may not have been committed.
			func() error {
				_, err := b.Change(context.Background(), store.Request{}, store.Rows{}, func(*store.Work) error {
					ran++
					return refused
				})
				return err
			},
		)
		for _, err := range errs {
			b.is(err, store.ErrUnavailable)
		}
		b.is(errs[0], errDisk)
		if ran != 1 || len(b.told) > 1 {
			b.Errorf("the other ran %d times, %d batches were told", ran, len(b.told))
		}
		b.is(b.post("c", "b"), errDisk)
		b.db.set(func() { b.db.commit = func() error { return nil } })
		b.ok(b.post("c", "c"))
		if b.db.events["c"] != 2 {
			b.Errorf("%d events, want the start and the last", b.db.events["c"])
		}
	})
}

func TestFailedLoad(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		b.ok(b.start("c"))
		b.db.set(func() { b.db.load = func() error { return errDisk } })
		_, err := b.Change(context.Background(), store.Request{}, store.Rows{}, func(*store.Work) error {
			b.Error("a change ran on nothing")
			return nil
		})
		b.is(err, store.ErrUnavailable)
		b.is(err, errDisk)
		b.db.set(func() { b.db.load = func() error { return nil } })
		b.ok(b.post("c", "a"))

		b.db.set(func() { b.db.usedFails = errDisk })
		_, err = b.Change(context.Background(), store.Request{}, store.Rows{}, func(w *store.Work) error {
			w.SubmitFeedback([32]byte{1}, store.Feedback{})
			return nil
		})
		b.is(err, store.ErrUnavailable)
		b.ok(b.post("c", "b"))
	})
}

// TestNothingToWrite commits nothing when nobody changed anything.
func TestNothingToWrite(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		b.ok(b.start("c"))
		b.db.set(func() { b.db.commits = nil })
		_, err := b.Change(context.Background(), store.Request{}, store.Rows{Conversations: []string{"c"}},
			func(w *store.Work) error { w.Conversation("c"); return nil })
		b.ok(err)
		if len(b.db.commits) != 0 || b.db.open {
			b.Errorf("%d commits of nothing, transaction open: %v", len(b.db.commits), b.db.open)
		}
	})
}

func TestGivingUp(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		b.ok(b.start("c"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		ran := false
		b.busy(time.Minute, func() error {
			before := time.Now()
			_, err := b.Change(ctx, store.Request{}, store.Rows{}, func(*store.Work) error { ran = true; return nil })
			b.is(err, context.DeadlineExceeded)
			if d := time.Since(before); d != time.Second {
				b.Errorf("gave up after %v", d)
			}
			return nil
		})
		if ran {
			b.Error("a change ran that was taken back")
		}

		// Once its batch has begun, the change goes on without its caller.
		b.db.set(func() { b.db.commit = func() error { time.Sleep(time.Minute); return nil } })
		ctx, cancel = context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := b.Change(ctx, store.Request{}, store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
			return w.Conversation("c").Post(chat.CustomerID, "hei", w.Now)
		})
		b.is(err, context.DeadlineExceeded)
		b.Close()
		if b.db.events["c"] != 2 {
			b.Error("the change was lost with its caller")
		}
	})
}

// TestGivingUpWhileLoading takes a change back when its batch is gathered and it has not run yet.
func TestGivingUpWhileLoading(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		b.ok(b.start("c"))
		b.db.set(func() { b.db.load = func() error { time.Sleep(time.Minute); return nil } })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := b.Change(ctx, store.Request{}, store.Rows{Conversations: []string{"c"}}, func(w *store.Work) error {
			b.Error("a change ran that was taken back")
			return w.Conversation("c").Post(chat.CustomerID, "hei", w.Now)
		})
		b.is(err, context.DeadlineExceeded)
		b.ok(b.post("c", "hei"))
		if b.db.events["c"] != 2 {
			b.Errorf("%d events, want 2", b.db.events["c"])
		}
	})
}

// TestFeedbackTokenTwiceInOneBatch has the committer find the second: this database would take it.
func TestFeedbackTokenTwiceInOneBatch(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		give := func() error {
			_, err := b.Change(context.Background(), store.Request{}, store.Rows{}, func(w *store.Work) error {
				w.SubmitFeedback([32]byte{1}, store.Feedback{QueueID: "q"})
				return nil
			})
			return err
		}
		errs := b.busy(time.Second, give, give)
		b.ok(errs[0])
		b.is(errs[1], store.ErrConflict)
		b.is(give(), store.ErrConflict)
	})
}

func TestJobs(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		b.ok(b.start("c"))
		var order []string
		note := func(name string) func() error {
			return func() error {
				return b.Do(context.Background(), func(ctx context.Context) ([]store.Committed, error) {
					b.db.check(ctx, false)
					order = append(order, fmt.Sprint(name, " at ", b.db.events["c"]))
					return []store.Committed{{Staff: []store.Staff{{ID: name}}}}, nil
				})
			}
		}
		post := func() error { return b.post("c", "a") }
		for _, err := range b.busy(time.Second, post, post, note("first"), post, note("second"), note("third")) {
			b.ok(err)
		}
		if want := []string{"first at 3", "second at 4", "third at 4"}; !slices.Equal(order, want) {
			b.Errorf("jobs ran %q, want %q", order, want)
		}
		// The one that kept it busy, two posts, first, a post, second, third.
		if len(b.told) != 6 || b.told[2][0].Staff[0].ID != "first" {
			b.Errorf("told %+v", b.told)
		}
		b.is(b.Do(context.Background(), func(context.Context) ([]store.Committed, error) {
			return []store.Committed{{}}, errDisk
		}), errDisk)
		if len(b.told) != 6 {
			b.Error("a job that failed was told of")
		}
	})
}

func TestEndedByGoexit(t *testing.T) {
	run(t, committer.Options{}, func(b *bench) {
		b.ok(b.start("c"))
		errs := b.busy(time.Second,
			func() error { return b.post("c", "before") },
			func() error {
				_, err := b.Change(context.Background(), store.Request{}, store.Rows{}, func(*store.Work) error {
					runtime.Goexit()
					return nil
				})
				return err
			},
			func() error { return b.post("c", "after") },
		)
		for _, err := range errs {
			b.is(err, store.ErrUnavailable)
		}
		b.is(b.post("c", "later"), store.ErrClosed)
		if b.db.open {
			b.Error("a transaction was left open")
		}
	})
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	db := newFake(t)
	var told int
	c := committer.New(db, committer.Options{MaxRows: 20, Committed: func(batch []store.Committed) { told += len(batch) }})
	b := &bench{T: t, Committer: c, db: db}
	const conversations, each = 10, 50
	for i := range conversations {
		b.ok(b.start(fmt.Sprint(i)))
	}
	var wg sync.WaitGroup
	for i := range conversations {
		for range each {
			wg.Go(func() {
				if err := b.post(fmt.Sprint(i), "hei"); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				go cancel()
				_, _ = c.Change(ctx, store.Request{}, store.Rows{Conversations: []string{fmt.Sprint(i)}},
					func(*store.Work) error { return errDisk })
			})
		}
	}
	wg.Wait()
	c.Close()
	for i := range conversations {
		if n := db.events[fmt.Sprint(i)]; n != 1+each {
			t.Errorf("%d events, want %d", n, 1+each)
		}
	}
	if told != conversations*(1+each) {
		t.Errorf("told of %d changes", told)
	}
}
