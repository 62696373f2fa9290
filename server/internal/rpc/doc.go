// Package rpc serves the contract: Connect handlers that decode, make one call inward, and encode.
//
// # Overview
//
// A call passes the interceptors in this order: errors (every refusal gets its reason, every defect an
// incident id), who is calling and whether they may (policies.go is the whole table), how much they may
// call, and the contract's own rules. A handler then makes one store.Change, or reads, and encodes what the
// caller may see (view.go).
//
// # Streams
//
// One goroutine a stream, the handler's own. It opens its follower first, then reads the store from its
// cursor, then loops: wake, read what is new, send. See follow.go.
//
// # Errors
//
// What a person reads is made in error.go and nowhere else. An error that is none of ours is answered as
// internal without text; its cause is logged once, with the incident id that the answer names.
package rpc
