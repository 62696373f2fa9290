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

// Reload is Load, and tells whether the book is another one now. It is for when a commit says that the catalogue
// was replaced, here or on another server. It reads the store: whoever hears of commits must not wait
// for it there.
func (h *Holder) Reload(ctx context.Context) (changed bool, err error) {
	h.reading.Lock()
	defer h.reading.Unlock()
	stored, err := h.source.Catalogue(ctx)
	if errors.Is(err, store.ErrNotFound) {
		changed = h.Book().Etag() != ""
		if changed {
			h.book.Store(&Book{})
		}
		return changed, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the catalogue: %w", err)
	}
	if stored.Etag == h.Book().Etag() {
		return false, nil
	}
	m, err := Decode(stored.Data)
	if err != nil {
		return false, err
	}
	book, err := Compile(m)
	if err != nil {
		return false, fmt.Errorf("what is stored: %w", err)
	}
	// The etag that was told to whoever applied it, even where this build would work out another.
	book.etag = stored.Etag
	h.book.Store(book)
	return true, nil
}
