// Package history judges what the parties of a conversation saw, and what they were told, against what the store
// has of it.
//
// A run records for each conversation what was written (Message), with every answer to it, and what each follower
// was handed (View). Once the run is over, Check holds both against the log in the store, whole:
//
//   - the log is gapless, its times never decrease, every event is allowed in the state it came in, and replaying
//     it gives the state that is stored;
//   - an acknowledged message is in the log exactly once, where it was said to be; one that was refused is not in
//     it; one of unknown outcome is there at most once; nothing is there that nobody wrote;
//   - a message that was acknowledged before another one was sent comes before it;
//   - every follower saw the log: from where it began, in order, with nothing left out, doubled or changed, to the
//     end where it was told the end, and never an event that its viewer may not see.
//
// CheckPlaces does the same for the places that customers were told: each lies within what the line can have been
// at that moment.
//
// Nothing here talks to a server, so that the checker itself can be tested: see its mutation tests.
package history
