package load

import (
	"fmt"
	"io"
)

// Print writes the result for people.
func (r PairsResult) Print(w io.Writer) {
	fmt.Fprintf(w, "received   %.0f messages/s (%d; %d in all, each once and in order)\n", r.Rate, r.Received, r.Total)
	fmt.Fprintf(w, "latency    %s\n", r.Latency)
	fmt.Fprintf(w, "server     %s of CPU a message, %.0f %% of a core\n", round(r.ServerCPU), 100*r.ServerShare)
	if r.DatabaseCPU > 0 {
		fmt.Fprintf(w, "PostgreSQL %s of CPU a message, %.0f %% of a core\n", round(r.DatabaseCPU), 100*r.DatabaseShare)
	}
	fmt.Fprintf(w, "client     %s of CPU a message, %.0f %% of a core\n", round(r.ClientCPU), 100*r.ClientShare)
}

// Print writes the result for people.
func (r CrowdResult) Print(w io.Writer) {
	if r.Taken > 0 {
		fmt.Fprintf(w, "waiting    %d, and %d taken, each in %s\n", r.Waiting, r.Taken, r.Take)
		fmt.Fprintf(w, "places     %.0f told a second; age %s\n", r.Rate, r.Age)
	} else {
		fmt.Fprintf(w, "waiting    %d, and nobody taken\n", r.Waiting)
		fmt.Fprintf(w, "places     %.0f told a second\n", r.Rate)
	}
	fmt.Fprintf(w, "server     %.1f %% of a core, %s\n", 100*r.ServerShare, r.ServerMemory)
	if r.DatabaseShare > 0 {
		fmt.Fprintf(w, "PostgreSQL %.1f %% of a core\n", 100*r.DatabaseShare)
	}
	fmt.Fprintf(w, "client     %.1f %% of a core\n", 100*r.ClientShare)
}

// Print writes the result for people.
func (r IdleResult) Print(w io.Writer) {
	fmt.Fprintf(w, "followers  %d on %d connections\n", r.Followers, r.Connections)
	fmt.Fprintf(w, "each       %s\n", r.Each)
	fmt.Fprintf(w, "  stream   %s\n", r.Stream)
	fmt.Fprintf(w, "server     %s, and %.1f %% of a core\n", r.Whole, 100*r.ServerShare)
}

// Print writes the result for people.
func (r LongResult) Print(w io.Writer) {
	for _, p := range []struct {
		name string
		pair LongPair
	}{{"append", r.Append}, {"resume", r.Resume}} {
		short, long := p.pair.Short, p.pair.Long
		fmt.Fprintf(w, "%s  short %s, long %s: %.3f of the CPU time\n", p.name, short, long, long.CPU.Seconds()/short.CPU.Seconds())
	}
}

func (m Memory) String() string {
	return fmt.Sprintf("%s resident, %s of heap and stacks in use", kilobytes(m.Resident), kilobytes(m.InUse))
}

func kilobytes(n int64) string { return fmt.Sprintf("%.1f KB", float64(n)/1024) }
