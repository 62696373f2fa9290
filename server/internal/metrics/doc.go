// Package metrics counts what a server does, for Prometheus.
//
// # What is counted when
//
// What happens often is counted as it happens: calls by their handlers' outermost interceptor, commits and what they
// brought by the callbacks of the store. Their counters are looked up once, when the server starts, so that counting
// is a few atomic additions. What stands somewhere anyway, as who waits, is read when somebody asks.
//
// # Labels
//
// They come from short lists: procedures and reasons from the contract, queues from the catalogue, and words of this
// package. Never from what somebody sent, and never an id, a name, an address or a token.
//
// # Several servers
//
// Servers of one database each tell the same of the queues, because each knows all of them: take the greatest. What
// a server itself did, as calls, streams, and the conversations that began by it, is to be added up. The help text of
// each metric says which it is.
package metrics
