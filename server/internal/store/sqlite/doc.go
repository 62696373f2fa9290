// Package sqlite is the embedded engine of the store: one file, one server.
//
// # How it writes
//
// One connection writes, in batches made by the committer, each a BEGIN IMMEDIATE … COMMIT with
// synchronous=FULL: what was acknowledged is on the disk. A pool of other connections reads. The journal
// is a write-ahead log, so neither waits for the other.
//
// # What it keeps in memory
//
// Every open conversation, what they add up to, every queue, the catalogue, and the conversations closed
// last. That is sound because only one server writes them: a second one is refused by a lock on a file
// beside the database, which ends with the process that holds it. Closed conversations and events are never
// scanned, so a start and a change cost the same however many there are.
//
// Staff and tokens of staff are not kept in memory: commands of the administrator write them from another
// process (OpenShared) while the server runs.
//
// # When it fails
//
// A full disk, a failing one, or a lock that another process does not let go of is store.ErrUnavailable:
// nothing is half-written, and after any commit that failed the memory is read again from the file. Errors
// name columns, never values.
package sqlite
