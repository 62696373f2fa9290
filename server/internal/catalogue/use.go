package catalogue

import (
	"fmt"

	"github.com/kupla-chat/kupla/server/internal/store"
)

// Use puts a catalogue in force that was just committed, without reading the source. It is for whoever hears
// of commits, in their order, and must not wait for the store.
func (h *Holder) Use(stored store.Catalogue) error {
	m, err := Decode(stored.Data)
	if err != nil {
		return err
	}
	book, err := Compile(m)
	if err != nil {
		return fmt.Errorf("what was committed: %w", err)
	}
	book.etag = stored.Etag
	h.reading.Lock()
	defer h.reading.Unlock()
	h.book.Store(book)
	return nil
}
