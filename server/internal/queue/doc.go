// Package queue holds what is true of one queue: when it is open, who waits in which order, and how long
// the wait is likely to be.
//
// # Overview
//
//   - [Hours] answers whether the queue is open at an instant and when that changes: the week, exceptions,
//     Finnish public holidays and their eves, in local time across the changes to and from summer time.
//   - [Policy] adds the decisions that rest on the hours: whether a start is accepted, until when those
//     waiting are served after closing, and for how long a lost connection keeps its place.
//   - [Line] is who waits, in order of arrival, kept in memory from versioned rows that may come late,
//     twice or out of order.
//   - [Forecast] and [EstimateWait] turn the staff at work and the lengths of finished conversations into
//     a range of minutes that is meant to hold in eight cases of ten, or say that it cannot be told.
//   - [Habits] learns how professionals work, which a forecast goes by. docs/wait_estimate.md tells how right
//     forecasts are.
//
// # Concurrency
//
// Values of Hours and Policy are read only after they are made and may be shared. A Line may not: its caller
// holds the lock. A Forecast is read only and may be shared.
//
// # Invariants
//
//   - The package is pure. It reads no clock, does no I/O and imports none of our packages: "now" is always
//     an argument.
//   - An [Opening] never has negative length, and an instant is in exactly one of open and closed.
//   - Order is by arrival, then by conversation id. Nothing but an earlier arrival comes first, so that the
//     position of somebody waiting grows only when a transferred or returned conversation comes back to
//     where it was.
//   - For the same forecast a later position never has a shorter range, in either end.
//   - No estimate is made of too little: the answer is then a [Reason].
//
// # Dependencies
//
// github.com/rickar/cal/v2 for the movable feasts. The time zone database is linked in, because a bare
// container has none.
package queue
