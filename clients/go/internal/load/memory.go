package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Memory is what a server holds after a forced collection.
type Memory struct {
	// Resident is what the operating system counts, less what Go keeps of it for later and would give back when asked.
	Resident int64 `json:"resident"`
	// InUse is Go's heap and stacks in use.
	InUse int64 `json:"in_use"`
}

// collections is how often a collection is forced: what is pooled outlives one.
const collections = 3

// memory collects the server's garbage and measures what is left.
func (s *Server) memory(ctx context.Context) (Memory, error) {
	var m Memory
	var stats map[string]int64
	for range collections {
		var err error
		if stats, err = s.memStats(ctx); err != nil {
			return m, err
		}
	}
	rss, err := procValue(fmt.Sprintf("/proc/%d/smaps_rollup", s.PID), "Rss")
	if err != nil {
		return m, err
	}
	m.Resident = rss - (stats["HeapIdle"] - stats["HeapReleased"])
	m.InUse = stats["HeapInuse"] + stats["Stack"]
	return m, nil
}

// less is the difference to an earlier measurement, for each of n.
func (m Memory) less(before Memory, n int) Memory {
	return Memory{Resident: (m.Resident - before.Resident) / int64(n), InUse: (m.InUse - before.InUse) / int64(n)}
}

// memStats forces a collection and reads what the heap profile tells about memory as a whole, in lines such as
// "# HeapInuse = 123" and "# Stack = 123 / 456", in use and reserved.
func (s *Server) memStats(ctx context.Context) (map[string]int64, error) {
	body, err := s.debug(ctx, "heap?gc=1&debug=1")
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	stats := map[string]int64{}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line, ok := strings.CutPrefix(lines.Text(), "# ")
		name, value, found := strings.Cut(line, " = ")
		if !ok || !found {
			continue
		}
		value, _, _ = strings.Cut(value, " / ")
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			stats[name] = n
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if stats["HeapInuse"] == 0 || stats["Stack"] == 0 {
		return nil, fmt.Errorf("the heap profile of %s tells no totals", s.Name)
	}
	return stats, nil
}

// debug gets one of the server's profiles.
func (s *Server) debug(ctx context.Context, profile string) (io.ReadCloser, error) {
	url := s.Debug + "/debug/pprof/" + profile
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("profiles: %s answers %s", url, response.Status)
	}
	return response.Body, nil
}
