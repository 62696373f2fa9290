// Package record is how events and rows become bytes and back: the only place that knows both the domain
// and what is stored.
//
// The bytes are protobuf of a schema of its own (proto/kupla/record/v1), which is no part of the contract,
// so that either may change without the other. SQL never looks into them.
//
// # Compatibility
//
// Bytes are read for years. What an older version wrote is read with its later fields zero; what a later
// version wrote is read without the fields, and with a nil Kind for a kind, that this one does not know.
//
// # Concurrency
//
// Every function is safe for concurrent use. Decoded values share no memory with the bytes given.
package record
