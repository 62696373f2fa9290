// Package cli is the kupla command: a resident's and a professional's chat in a terminal, and the queues.
//
// # Overview
//
// [Run] is the whole command as a function. Each subcommand lives in a file of its own; what they share is a
// console, which reads and prints whole lines, and the texts, which exist in Finnish, Swedish and English.
//
// # Lines
//
// A conversation is one loop that takes in what the service tells, what the person writes and what became of
// the calls, and prints lines. Calls run beside the loop, one at a time, so that lines that were piped in take
// effect in order while the other party's words still appear. In a terminal the line being written stays at the
// bottom, below what is printed; through pipes it is line in, line out, without colours or prompts.
//
// What others wrote is cleaned before it is printed: control characters could otherwise take over the
// terminal.
package cli
