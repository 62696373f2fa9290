// Package cli is the kupla command: a resident's and a professional's chat in a terminal, and every call of the
// contract as a command for scripts.
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
// # Scripts
//
// A command for scripts makes one call, or follows one stream, prints what came of it and ends. [script] holds
// what these share; a change goes through runWrite, which gives it its request id, tells in a dry run what it
// would be, and otherwise sends it until its outcome is known or it is time to give up. What is printed is either
// for people or one JSON object a line; failures become the exit codes that exit.go lists. A test holds the
// commands against the contract: a call without a command fails it.
//
// A cursor file moves only behind what has been written to the output. That order is all that makes a script
// that is killed miss nothing.
//
// # Safety
//
// What others wrote is cleaned before it is printed: control characters could otherwise take over the
// terminal.
package cli
