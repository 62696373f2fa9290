// Package catalogue stands between the contract's Catalogue message and the domain: what a county
// configures is checked, compiled into what the server decides by, compared, stored and read back here.
//
// # Overview
//
//   - [Validate] tells everything that is wrong with a catalogue, each with the path of the field.
//   - [Compile] makes a [Book] of a valid one: queues with their policies and with what they inherit, the
//     canned replies of each queue, and the rules of transfers.
//   - [Diff] tells what applying a catalogue would change; [Encode] and [Decode] are what is stored.
//   - [ParseYAML] and [FormatYAML] are the form in which people write it.
//   - [Holder] has the book in force.
//
// # Inheritance
//
// A queue without a notice, phone number or survey of its own has the catalogue's. A catalogue without a survey
// has that of package feedback. Inheritance is by the whole field: a notice of a queue's own must be there
// in every language that the queue serves, and never falls back to the catalogue's.
//
// # Lifecycle
//
// What is applied is stored as it came, so that it can be exported as it came; what is inherited is worked out
// when it is compiled. A rule added to Validate must not refuse what was stored before it: a server that
// cannot compile what is stored cannot start.
//
// # Concurrency
//
// A Book never changes and is shared by everybody; so is everything it hands out, and none of it may be
// changed. A Holder is safe for concurrent use. The functions change nothing that they are given.
package catalogue
