// Package postgres keeps the store in PostgreSQL, for several servers at once.
//
// # Writing
//
// One connection writes. The [committer] gathers changes while a batch commits; a batch takes two round trips: one that
// begins the transaction, locks the rows in the store's one order and reads them, one that writes, notifies and commits.
// What this server wrote last is remembered by version, so that a row which nobody else changed is not sent again. Any
// number of servers may write: rows are locked for as long as a batch runs.
//
// # Hearing of the others
//
// Each commit notifies the other servers: it names the conversations, queues and staff that changed, with their
// versions. A server reads what it was not told yet and tells it as a commit from elsewhere. Nothing depends on a
// notification arriving: every few seconds, and more often while the listening connection is away, the versions of
// everything open are compared. For each conversation a server tells versions in order, each at most once, and what it
// was before as it told it last.
//
// # Losing the database
//
// When a connection breaks, another is made at once. When that fails, the store is interrupted: changes and reads fail
// at once until a connection can be made again and everything missed was told.
//
// # Invariants
//
//   - What is acknowledged was committed, and is on the synchronous standby when there is one: see Confirm.
//   - No caller's context reaches the connection that writes.
//   - Errors hold no values of rows.
package postgres
