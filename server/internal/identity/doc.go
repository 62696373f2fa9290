// Package identity holds what the service knows about who a customer is.
//
// It is a domain package: no I/O, no clock, no logging. Everything in it is a pure function of its
// arguments and safe for concurrent use.
//
// # Personal identity codes
//
// [Code] is a Finnish personal identity code (henkilötunnus, personbeteckning). It is made only by
// [Parse], so a non-zero Code is always valid, and it prints masked wherever it is printed: the full
// text comes out of [Code.Reveal] and nowhere else, which keeps "who reveals a code" a question that
// a text search answers.
//
// [FindCode] is the guard in front of an anonymous conversation: it finds a code in what a resident
// has written, in the ways people write one, so that the message can be refused before it is stored.
package identity
