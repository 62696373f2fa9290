package load

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Cost is what one operation costs the server, when one comes after the other.
type Cost struct {
	// CPU is its CPU time.
	CPU time.Duration `json:"cpu_ns"`
	// Read is how many bytes it reads, from its database and its callers: in the middle one of many stretches, since
	// SQLite now and then reads its journal back, which belongs to no operation.
	Read int64 `json:"read_bytes"`
	// Database is the CPU time of PostgreSQL, and Buffers the pages that it looks at. Zero without it.
	Database time.Duration `json:"database_cpu_ns,omitempty"`
	Buffers  Buffers       `json:"buffers,omitzero"`
}

// Buffers are pages of PostgreSQL.
type Buffers struct {
	// All are those looked at, and Read those of them that were not in its memory.
	All  float64 `json:"all"`
	Read float64 `json:"read"`
}

func (c Cost) String() string {
	if c.Buffers != (Buffers{}) {
		return fmt.Sprintf("%s%s, %.1f buffers, %.1f of them read", round(c.CPU), databaseCPU(c.Database), c.Buffers.All, c.Buffers.Read)
	}
	return fmt.Sprintf("%s, %d bytes read", round(c.CPU), c.Read)
}

// stretches is how many parts the operations measured are in.
const stretches = 20

// expense adds up what operations of one kind cost a server, in stretches between which it does other things.
type expense struct {
	server *Server
	times  int
	sum    Cost
	reads  []float64
}

// run calls f for the numbers from one to before another.
func (e *expense) run(ctx context.Context, from, to int, f func(i int) error) error {
	before, err := e.read(ctx)
	if err != nil {
		return err
	}
	for i := from; i < to; i++ {
		if err := f(i); err != nil {
			return err
		}
	}
	after, err := e.read(ctx)
	if err != nil {
		return err
	}
	e.times += to - from
	e.reads = append(e.reads, float64(after.Read-before.Read)/float64(to-from))
	e.sum.CPU += after.CPU - before.CPU
	e.sum.Database += after.Database - before.Database
	e.sum.Buffers.All += after.Buffers.All - before.Buffers.All
	e.sum.Buffers.Read += after.Buffers.Read - before.Buffers.Read
	return nil
}

// read is what the server has used until now.
func (e *expense) read(ctx context.Context) (c Cost, err error) {
	if c.Read, err = procValue(fmt.Sprintf("/proc/%d/io", e.server.PID), "rchar"); err != nil {
		return c, err
	}
	if e.server.storage != nil {
		if c.Buffers, err = e.server.storage.buffers(ctx); err != nil {
			return c, err
		}
	}
	u, err := e.server.usage()
	c.CPU, c.Database = u.server, u.database
	return c, err
}

// each is what one operation cost.
func (e *expense) each() (Cost, error) {
	if e.times == 0 {
		return Cost{}, errors.New("nothing was measured: give a number of operations")
	}
	n := float64(e.times)
	return Cost{
		CPU: e.sum.CPU / time.Duration(e.times), Database: e.sum.Database / time.Duration(e.times),
		Buffers: Buffers{All: e.sum.Buffers.All / n, Read: e.sum.Buffers.Read / n}, Read: int64(median(e.reads)),
	}, nil
}

// cost calls f for 0 to n-1 and tells what each cost the server.
func (s *Server) cost(ctx context.Context, n int, f func(i int) error) (Cost, error) {
	e := expense{server: s}
	for from := 0; from < n; {
		to := min(n, from+max(1, n/stretches))
		if err := e.run(ctx, from, to, f); err != nil {
			return Cost{}, err
		}
		from = to
	}
	return e.each()
}
