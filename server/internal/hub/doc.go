// Package hub wakes those who listen.
//
// # Overview
//
// A stream opens a Follower, then reads the store from its cursor, then loops: wait to be woken, Take what
// is new, send. The order matters: what is committed after the follower was opened wakes it, and what was
// committed before is in the store.
//
// # One slot
//
// A follower is one slot, not a queue. Read marks, presence and places keep only the latest value; events
// are a shortcut of bounded length that is dropped when the reader is slow, who then reads the store at
// its own pace. So a slow reader costs no memory, loses nothing but typing, and never holds up anybody.
//
// # Truth
//
// The log in the store is the truth. A wake may be lost, doubled or early without harm; the shortcut is
// used only when it continues the follower's position exactly.
package hub
