// Package access answers who is calling and how much they may call.
//
// # Overview
//
//   - [Token] is an opaque secret that names a caller: a customer of one conversation, a member of
//     staff or a script, or the right to answer one survey. It is shown once, kept only as its hash,
//     and never printed.
//   - [Addresses] finds the address a call really comes from, behind the proxies that the
//     configuration names, and the prefix that stands for it in limits.
//   - [Limiter] holds callers to rates, by address prefix, token and conversation.
//   - [StreamCap] holds callers to a number of streams at a time.
//
// # Concurrency
//
// Everything exported is safe for concurrent use. Nothing here starts a goroutine or reads a clock:
// the time comes in as a value, so that tests run in virtual time.
//
// # What the limits are for
//
// They keep one caller from spending what belongs to all: they are not the defence against a flood
// from everywhere, which is the admission limit of the whole server. Where the two wishes conflict,
// memory comes first, then residents who did nothing: a table that is full forgets the caller it has
// not heard from longest instead of refusing one it has never heard of.
//
// Limits are counted by each server for itself. Behind a balancer that spreads one caller's calls
// over n servers a caller has up to n times the rate; staying exact would cost a shared write per
// call, which is more than the calls it saves.
package access
