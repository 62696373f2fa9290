// Package chat is the domain of a conversation: its states, its commands and its log.
//
// A Conversation is changed by commands (Post, Take, Transfer, Close, …). A command either refuses, with a
// Refusal that names the reason and changes nothing, or it changes the conversation and appends events to
// its log. Which command is allowed in which state stands in one table, Table, from which
// docs/state_machine.md is printed.
//
// # Invariants
//
//   - Events are numbered from 1 without gaps and their times never decrease.
//   - Who has replayed the log knows the state, the queue and the participants: see Replay.
//   - A waiting conversation has no professional in it; an active one has exactly one who leads.
//   - A closed conversation never changes again, but for read marks.
//
// # Purity
//
// Nothing here does I/O or reads a clock: times come in as values. Commands are not safe for concurrent
// use of one Conversation; the store hands each change its own copy.
package chat
