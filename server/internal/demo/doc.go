// Package demo is what the demonstration has beside an ordinary server: a catalogue, staff who do not exist, and
// tokens for them that last a day.
//
// # Not in production
//
// Setup hands out tokens that open everything, to be printed on a terminal. It is called by the command
// "kuplad demo" and by tests, and by nothing that "kuplad serve" runs. Whoever turns a demonstration's
// database into a real one has these people in it, without tokens that still open anything a day later.
//
// # Invariants
//
//   - What was applied or changed since the first start stays, but for the people of the demonstration: their
//     profiles are put back as they are here.
//   - Every person has one token at a time. A restart leaves it as it is while it is good for half a day yet; the one
//     before stops working when the next one is made.
package demo
