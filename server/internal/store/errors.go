package store

import (
	"errors"
	"fmt"
	"runtime"
)

// Errors of every engine. They are matched with errors.Is.
var (
	// ErrNotFound tells that there is no such row.
	ErrNotFound = errors.New("store: not found")
	// ErrRequestIDReused tells that the request id was used before with other content.
	ErrRequestIDReused = errors.New("store: request id reused with other content")
	// ErrUnavailable tells that the database cannot be used now, or that the outcome of a commit is not
	// known. Asking again with the same request id settles it.
	ErrUnavailable = errors.New("store: unavailable")
	// ErrClosed tells that the store was closed.
	ErrClosed = errors.New("store: closed")
	// ErrInUse tells that another server has the database open.
	ErrInUse = errors.New("store: database is in use by another server")
	// ErrConflict tells that what was to be replaced has changed since it was read.
	ErrConflict = errors.New("store: changed meanwhile")
)

// PanicError is what a change fails with when its function panics.
type PanicError struct {
	// Value is what it panicked with. It may hold what people wrote, so it is not part of the message.
	Value any
	// Stack is where.
	Stack []byte
}

// Error tells that the change panicked, and why when that is the runtime's own word.
func (e *PanicError) Error() string {
	if err, ok := e.Value.(runtime.Error); ok {
		return "store: change panicked: " + err.Error()
	}
	return fmt.Sprintf("store: change panicked with a %T", e.Value)
}
