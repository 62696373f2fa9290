// Package store is what is kept: the interface that the engines implement, and its errors.
//
// # One way to write
//
// Everything that must not be lost goes through Change: a request that is looked up first, the rows it
// needs, and a function that runs pure domain code on them. State, events and the request's id become
// durable in one transaction, together with those of other changes that came at the same time. Only then
// is the change acknowledged, and only then are followers woken (Options.Committed).
//
// # Invariants
//
//   - A request that succeeded is remembered for as long as what it made is kept, and never runs again.
//     A refusal is not remembered.
//   - A function that refuses or panics leaves nothing behind, and leaves the others of its batch alone.
//   - Committed is called once a batch, in the order of commits, before any of the batch's callers hear.
//   - Arrivals within a queue are given under the queue's lock and each is later than the last one.
//
// # Concurrency
//
// A Store is safe for concurrent use. The function handed to Change may run more than once, never does
// I/O, and must not keep what it was given.
package store
