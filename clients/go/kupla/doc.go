// Package kupla is the Go client of the Kupla live-chat service.
//
// # Overview
//
// A [Client] speaks to one service. It reaches every call of the contract through the generated clients it
// hands out ([Client.ConversationService] and the others), and wraps those that need care:
//
//   - [Client.Start] begins a conversation for a resident and returns a [Conversation], which sends, reads
//     and follows with its own access token. [Conversation.Credentials] and [Client.Resume] carry it over a
//     restart.
//   - [Client.Conversation] gives a professional the same handle, with the staff token.
//   - [Client.Desk] takes, transfers, closes and does whatever else a professional does.
//   - [Conversation.Follow], [Client.WatchDesk] and [Client.WatchQueues] follow what happens, for as long
//     as it takes.
//
// # Writing
//
// Every write carries a random request id, made once. When the answer is lost, the service is unavailable,
// an attempt takes too long or calls come faster than allowed, the same request is sent again under the
// same id, after a pause that grows and is random ([RetryPolicy]). The service answers the repeat like the
// first, so a message is stored exactly once however often it was sent. Any other refusal is returned at
// once: [ReasonOf] tells which it is, [Metadata] what the service says about it.
//
// # Following
//
// A follower is a sequence to range over. It connects again whenever the stream breaks, falls silent or is
// asked to come back later, and goes on where it was. It counts the events itself: one that comes twice is
// dropped, one that is missing makes it go back to the last place it was sure of. So every event of a log
// is handed out once, in order, from the first to the last, whatever happens to the connection. It tells
// when the connection is lost and found again, when it has caught up with what had already happened, and,
// should the service have lost history, that everything known is to be forgotten.
//
// While the service has lost what it stores everything in, it says so on the streams that stand and refuses new
// ones. A follower tells when such an interruption begins and when it is over; it misses nothing, and needs nothing.
//
// A follower runs in the goroutine that ranges over it and starts no other; leaving the loop releases all it
// holds.
//
// # Concurrency
//
// [Client], [Desk] and [Conversation] may be used by many goroutines at once. A follower's sequence belongs
// to the goroutine that ranges over it.
//
// # What is tolerated
//
// Events, frames and enum values that this package does not know are no errors: the contract grows. An
// unknown event still counts in the log and is handed out; an unknown frame is passed over.
package kupla
