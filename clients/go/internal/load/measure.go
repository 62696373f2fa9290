package load

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc, which Linux fixes for every architecture it shows to programs.
const clockTick = 10 * time.Millisecond

// cpuTime is how much CPU time a process has used, in user and kernel mode, by all its threads.
func cpuTime(pid int) (time.Duration, error) {
	fields, err := statFields(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read CPU time, which needs Linux: %w", err)
	}
	return ticks(fields, statUser, statSystem)
}

// busyTime is how much CPU time everything on the machine has used.
func busyTime() (time.Duration, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read CPU time, which needs Linux: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal ...
	if len(fields) <= 8 {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	return ticks(fields, 1, 2, 3, 6, 7, 8)
}

// othersTime is how much CPU time everything has used but some servers, their database and this process.
func othersTime(servers ...*Server) (time.Duration, error) {
	others, err := busyTime()
	own, ownErr := cpuTime(os.Getpid())
	err = errors.Join(err, ownErr)
	others -= own
	var counted *Postgres
	for _, s := range servers {
		u, usageErr := s.usage()
		err = errors.Join(err, usageErr)
		others -= u.server
		if s.storage != nil && s.storage.postgres != counted { // Several use the same.
			counted = s.storage.postgres
			others -= u.database
		}
	}
	return others, err
}

// procValue reads one value of a file in /proc that has lines such as "Rss:   1234 kB".
func procValue(path, name string) (int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(line, ":")
		if !ok || key != name {
			continue
		}
		fields := strings.Fields(value)
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if len(fields) > 1 && fields[1] == "kB" {
			n <<= 10
		}
		return n, err
	}
	return 0, fmt.Errorf("%s does not tell %s", path, name)
}

// usage is what a stretch of time cost.
type usage struct {
	at time.Time
	// server is of all servers on the same database, and database of PostgreSQL, if that is used.
	server, database, client time.Duration
}

// usage reads the CPU times of a server and of this process.
func (s *Server) usage() (usage, error) {
	u := usage{at: time.Now()}
	for _, one := range append([]*Server{s}, s.others...) {
		used, err := cpuTime(one.PID)
		if err != nil {
			return u, err
		}
		u.server += used
	}
	var err error
	if s.storage != nil {
		if u.database, err = s.storage.postgres.cpuTime(); err != nil {
			return u, err
		}
	}
	u.client, err = cpuTime(os.Getpid())
	return u, err
}

// cost is what was used since an earlier reading.
type cost struct{ elapsed, server, database, client time.Duration }

func (u usage) since(before usage) cost {
	return cost{u.at.Sub(before.at), u.server - before.server, u.database - before.database, u.client - before.client}
}

// share is CPU time a second, 1 being a whole core.
func (c cost) share(used time.Duration) float64 { return used.Seconds() / c.elapsed.Seconds() }

// Latency is how long something took, over many times.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// latencyOf sorts times and tells about them. None is zero.
func latencyOf(times []time.Duration) Latency {
	if len(times) == 0 {
		return Latency{}
	}
	slices.Sort(times)
	at := func(share float64) time.Duration { return times[int(share*float64(len(times)-1))] }
	return Latency{P50: at(0.50), P99: at(0.99), Max: times[len(times)-1]}
}

func (l Latency) String() string {
	return fmt.Sprintf("p50 %s, p99 %s, max %s", round(l.P50), round(l.P99), round(l.Max))
}

// round shortens a time to three or four digits.
func round(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit)
}
