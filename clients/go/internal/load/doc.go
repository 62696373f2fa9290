// Package load puts load on a Kupla server through the contract, as its clients do, and measures what the server
// makes of it.
//
// # Overview
//
// A [Server] is the program measured: kuplad, or the bare relay that [ServeBare] is, in a process of its own. The bare
// relay takes the same messages and hands them straight to the other party, so that what HTTP, the protocol and the
// machine cost can be told from what Kupla costs. Both are loaded by the same code: only how a conversation comes to be
// differs.
//
// kuplad stores in a SQLite file, or in a database of its own in [Postgres], where several servers may share it.
//
// Each kind of load is in its own file: [Pairs] talk, a [Crowd] waits, [Idle] followers listen to nothing, a [Long]
// conversation has a long log, and [Visits] begin and end. [Bench] runs them in rounds, one server and then the other,
// and compares.
//
// # What is measured
//
// Time is measured by the one clock of this process, from before a message is handed to the transport until its frame
// has been decoded. The server's CPU time and memory are read from /proc, so measuring needs Linux. PostgreSQL's CPU
// time is read there, too, and told apart; how many pages it looks at, it tells itself. The load generator shares the
// machine with the server; its cost is in both sides of a ratio, and is told.
//
// Loading checks: a message that is lost, doubled or out of order is an error and no figure.
package load
