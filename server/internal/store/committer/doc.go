// Package committer makes many changes durable with one commit.
//
// Changes that come while a batch is being committed are gathered and become the next batch: there is no
// timer, so a change that comes alone is not delayed. A batch is one transaction of the Engine: load and
// lock the rows named by its changes, run every change's function in turn on them, write what they did,
// commit.
//
// # What it knows
//
// Everything that is the same for every database: the order of things, what a change sees of the ones
// before it in its batch, which request ids were answered, and what failed alone. How rows are locked,
// read and written is the Engine's.
//
// # Invariants
//
//   - One goroutine runs all changes and all of the engine's calls. Changes run in the order they came, but for those
//     that were run on what the engine remembered and could not be answered by it: they run again after the others.
//   - A change that refuses, panics or is rejected by the database leaves no trace; the others of its batch
//     do not notice.
//   - No caller's context reaches the engine. A caller that gives up before its change has started takes it
//     back; afterwards the change goes on without it.
//   - When a commit fails for any reason but a rejected row, nobody of the batch is told anything but
//     store.ErrUnavailable: even a refusal may have rested on what was not committed.
//   - Options.Committed hears of a batch after its commit and before its callers do.
//
// # Lifecycle
//
// New starts the goroutine, Close finishes what was accepted and ends it. The engine is its owner's to
// close, after that.
package committer
