package committer

import (
	"time"

	"github.com/kupla-chat/kupla/server/internal/store"
)

// stopwatch times one batch for Options.Observed. The zero one, of a committer that nobody observes, does nothing.
type stopwatch struct {
	observed func(store.Batch)
	batch    store.Batch
	from     time.Time
}

func (c *Committer) watch() stopwatch {
	if c.observed == nil {
		return stopwatch{}
	}
	// Not by Options.Now: that is what changes are stamped with, and a test may hold it still.
	return stopwatch{observed: c.observed, from: time.Now()}
}

// loaded tells that what the batch needs has been read.
func (w *stopwatch) loaded() {
	if w.observed != nil {
		w.batch.Load = time.Since(w.from)
	}
}

// commits tells that the batch begins to be written.
func (w *stopwatch) commits() {
	if w.observed != nil {
		w.from = time.Now()
	}
}

// committed tells that it is durable.
func (w *stopwatch) committed() {
	if w.observed != nil {
		w.batch.Commit = time.Since(w.from)
	}
}

// end tells what the batch took, once. It comes before anybody of the batch is answered, so that who was answered finds
// it counted.
func (w *stopwatch) end(changes int, err error) {
	if w.observed == nil {
		return
	}
	w.batch.Changes, w.batch.Failed = changes, err != nil
	w.observed(w.batch)
	w.observed = nil
}
