package store

import "time"

// Batch is what one batch of changes took, for those who watch how the store does.
type Batch struct {
	// Changes is how many changes it took in.
	Changes int
	// Load is how long it took to lock and read what they need, and Commit how long to write what they did and make it
	// durable. Commit is zero when there was nothing to write.
	Load, Commit time.Duration
	// Failed tells that it came to nothing: the database could not be used, one of the changes was rejected, or another
	// server was in the way. It may have been tried again since.
	Failed bool
}

// Stats are figures of how a store does now.
type Stats struct {
	// Waiting is how many changes were accepted and are not answered yet.
	Waiting int
	// Heard is when it was last known that nothing which other servers committed is missing here. It is zero in a
	// database of one server.
	Heard time.Time
	// Connections are those to the database; nil when there are none, as to a file.
	Connections *Connections
}

// Connections are a pool of connections to a database.
type Connections struct {
	// Most is how many there may be, Open how many there are, and Used how many of these are in use.
	Most, Open, Used int
	// Waits is how often somebody has waited for one, since the start, and Waited for how long together.
	Waits  int64
	Waited time.Duration
}

// Watched is a store that has figures.
type Watched interface {
	// Stats are its figures. They are cheap, and wait for nothing.
	Stats() Stats
}
