package catalogue_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// source is a store that has a catalogue or an error.
type source struct {
	mu     sync.Mutex
	stored store.Catalogue
	err    error
	reads  int
	// slow, when set, holds the next read back after it has seen what is stored.
	slow chan struct{}
}

func (s *source) Catalogue(context.Context) (store.Catalogue, error) {
	s.mu.Lock()
	stored, err, slow := s.stored, s.err, s.slow
	s.slow = nil
	s.reads++
	s.mu.Unlock()
	if slow != nil {
		<-slow
	}
	return stored, err
}

func (s *source) put(t *testing.T, m *kuplav1.Catalogue) string {
	t.Helper()
	data, etag, err := catalogue.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored, s.err = store.Catalogue{Data: data, Etag: etag}, nil
	return etag
}

func TestHolder(t *testing.T) {
	s := &source{err: store.ErrNotFound}
	h := catalogue.NewHolder(s)
	if h.Book() == nil || h.Book().Etag() != "" {
		t.Fatal("a new holder has no empty book")
	}
	if err := h.Load(t.Context()); err != nil || len(h.Book().Queues()) != 0 {
		t.Fatalf("without a catalogue: %v", err)
	}

	etag := s.put(t, good())
	if changed, err := h.Reload(t.Context()); err != nil || !changed {
		t.Fatalf("changed %v, error %v", changed, err)
	}
	first := h.Book()
	if first.Etag() != etag || len(first.Queues()) != 2 {
		t.Errorf("book %s with %d queues", first.Etag(), len(first.Queues()))
	}
	if changed, err := h.Reload(t.Context()); err != nil || changed || h.Book() != first {
		t.Errorf("the same again: changed %v, error %v", changed, err)
	}

	// What cannot be read or used leaves the book as it was.
	broken := errors.New("broken")
	s.err = broken
	if _, err := h.Reload(t.Context()); !errors.Is(err, broken) || h.Book() != first {
		t.Errorf("store broken: %v", err)
	}
	s.err, s.stored = nil, store.Catalogue{Data: []byte{0xff}, Etag: "x"}
	if _, err := h.Reload(t.Context()); err == nil || h.Book() != first {
		t.Errorf("bytes broken: %v", err)
	}
	m := good()
	m.Queues[0].Capacity = -1
	s.put(t, m)
	var invalid *catalogue.InvalidError
	if err := h.Load(t.Context()); !errors.As(err, &invalid) || h.Book() != first {
		t.Errorf("catalogue broken: %v", err)
	}

	// The etag in force is the one that is stored.
	s.put(t, good())
	s.stored.Etag = "of another build"
	if changed, err := h.Reload(t.Context()); err != nil || !changed || h.Book().Etag() != "of another build" {
		t.Errorf("changed %v, error %v, etag %s", changed, err, h.Book().Etag())
	}

	s.err = store.ErrNotFound
	if changed, err := h.Reload(t.Context()); err != nil || !changed || h.Book().Etag() != "" {
		t.Errorf("catalogue gone: changed %v, error %v", changed, err)
	}
}

// TestHolderNeverGoesBack holds a reader of the old catalogue back until the new one is stored and asked for.
func TestHolderNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		s := &source{slow: slow}
		s.put(t, good())
		h := catalogue.NewHolder(s)
		var done sync.WaitGroup
		reload := func() {
			if _, err := h.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		}
		done.Go(reload)
		synctest.Wait()
		m := good()
		m.DefaultPhone = "112"
		etag := s.put(t, m)
		done.Go(reload)
		// Time for a second reader that does not wait for the first. Not synctest.Wait: to wait for a mutex is
		// no end of work to it.
		for range 1000 {
			runtime.Gosched()
		}
		close(slow)
		done.Wait()
		if h.Book().Etag() != etag {
			t.Error("the older catalogue is in force")
		}
		if s.reads != 2 {
			t.Errorf("read %d times", s.reads)
		}
	})
}

func TestUse(t *testing.T) {
	s := &source{}
	etag := s.put(t, good())
	h := catalogue.NewHolder(s)
	if err := h.Use(s.stored); err != nil || h.Book().Etag() != etag || s.reads != 0 {
		t.Fatalf("error %v, etag %s, read %d times", err, h.Book().Etag(), s.reads)
	}
	first := h.Book()
	if err := h.Use(store.Catalogue{Data: []byte{0xff}}); err == nil || h.Book() != first {
		t.Errorf("bytes broken: %v", err)
	}
	m := good()
	m.Queues[0].Capacity = -1
	s.put(t, m)
	if err := h.Use(s.stored); err == nil || h.Book() != first {
		t.Errorf("catalogue broken: %v", err)
	}
}

// TestUseOvertakesReload uses a catalogue while a reader has read the one before: the reader must not put that
// one in force, and Use must not wait for it.
func TestUseOvertakesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		s := &source{slow: slow}
		s.put(t, good())
		h := catalogue.NewHolder(s)
		var done sync.WaitGroup
		done.Go(func() {
			if changed, err := h.Reload(t.Context()); err != nil || changed {
				t.Errorf("changed %v, error %v", changed, err)
			}
		})
		synctest.Wait()
		m := good()
		m.DefaultPhone = "112"
		etag := s.put(t, m)
		if err := h.Use(s.stored); err != nil {
			t.Fatal(err)
		}
		close(slow)
		done.Wait()
		if h.Book().Etag() != etag {
			t.Error("the older catalogue is in force")
		}
		if s.reads != 2 {
			t.Errorf("read %d times", s.reads)
		}
	})
}
