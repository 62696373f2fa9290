package catalogue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/kupla-chat/kupla/server/internal/store"
)

// Source is the part of a store.Store that a Holder reads.
type Source interface {
	// Catalogue reads the catalogue as it was applied last. Returns store.ErrNotFound when none was.
	Catalogue(ctx context.Context) (store.Catalogue, error)
}

// Holder has the book in force. Reading it costs one atomic load.
type Holder struct {
	source Source
	book   atomic.Pointer[Book]

	// reading lets one reader of the source at a time put its book in force, so that a slow one never
	// replaces a later one's.
	reading sync.Mutex
	// putting guards used and is held for no longer than it takes to put a book in force.
	putting sync.Mutex
	// used is how often Use was called: a reader of the source that was overtaken reads again.
	used int
}

// NewHolder makes a holder whose book is empty until it is loaded.
func NewHolder(source Source) *Holder {
	h := &Holder{source: source}
	h.book.Store(&Book{})
	return h
}

// Book is the book in force. Whoever decides several things by it takes it once.
func (h *Holder) Book() *Book { return h.book.Load() }

// Load reads the catalogue that is stored and puts it in force. No catalogue is an empty book. On an error the book
// stays as it was; the errors are the source's, and those of what is stored not being a valid catalogue.
func (h *Holder) Load(ctx context.Context) error {
	_, err := h.Reload(ctx)
	return err
}

// Reload is Load, and tells whether the book is another one now. It is for when the catalogue may have been replaced by
// another server. It reads the store: whoever hears of commits must not wait for it there; see Use.
func (h *Holder) Reload(ctx context.Context) (changed bool, err error) {
	h.reading.Lock()
	defer h.reading.Unlock()
	for {
		h.putting.Lock()
		used := h.used
		h.putting.Unlock()
		book, err := h.read(ctx)
		if err != nil {
			return false, err
		}
		h.putting.Lock()
		if used != h.used {
			// What was read may be older than what was put in force meanwhile.
			h.putting.Unlock()
			continue
		}
		changed := book.Etag() != h.Book().Etag()
		if changed {
			h.book.Store(book)
		}
		h.putting.Unlock()
		return changed, nil
	}
}

// Use puts a catalogue in force that was just committed, without reading the source. It is for whoever hears of
// commits, calls it in their order, and must not wait for the store. On an error, as of Load, the book stays
// as it was.
func (h *Holder) Use(stored store.Catalogue) error {
	book, err := bookOf(stored)
	if err != nil {
		return err
	}
	h.putting.Lock()
	defer h.putting.Unlock()
	h.used++
	h.book.Store(book)
	return nil
}

// read makes a book of what is stored; the one in force when that is the same.
func (h *Holder) read(ctx context.Context) (*Book, error) {
	stored, err := h.source.Catalogue(ctx)
	switch book := h.Book(); {
	case errors.Is(err, store.ErrNotFound):
		return &Book{}, nil
	case err != nil:
		return nil, fmt.Errorf("read the catalogue: %w", err)
	case stored.Etag == book.Etag():
		return book, nil
	}
	return bookOf(stored)
}

// bookOf makes a book of a catalogue as it is stored.
func bookOf(stored store.Catalogue) (*Book, error) {
	m, err := Decode(stored.Data)
	if err != nil {
		return nil, err
	}
	book, err := Compile(m)
	if err != nil {
		return nil, fmt.Errorf("what is stored: %w", err)
	}
	// The etag that was told to whoever applied it, even where this build would work out another.
	book.etag = stored.Etag
	return book, nil
}
