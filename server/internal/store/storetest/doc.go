// Package storetest is the suite that every engine of the store passes.
//
// Each test runs against a database of its own. Run gives it a bubble of testing/synctest: time stands still unless
// everybody waits, and a test knows when everybody does. That is how it brings changes into one batch. A store that
// waits for a network cannot run in a bubble; RunInRealTime asks it instead what it is waiting with.
package storetest
