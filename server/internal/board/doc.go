// Package board is what this server knows of now: the lines, who is there, and how long the wait is.
//
// # Overview
//
// The board holds the open conversations, the line of every queue, the staff with what they are doing, and
// when everybody was last seen. It is fed by the store's commits (Committed), by streams that open and
// close (ArriveCustomer, ArriveStaff) and by the one timer of the server (Tick). It answers where somebody
// stands, how long the wait is expected to be, and whom a professional takes next; and it tells the hub
// whom to wake.
//
// # Truth
//
// The store is the truth. The board only proposes: whoever is taken is taken under the store's locks, and a
// proposal that is stale is refused there.
//
// # Time
//
// Nobody is away before the service itself was back (Back): absence counts from the later of last seen and
// that moment, so that an outage of ours abandons nobody.
package board
