package kuplad

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Usage is what the server uses at a moment.
type Usage struct {
	// Resident is the memory that the system counts as the process's, Heap what of it is alive after a collection.
	Resident int64 `json:"resident_bytes"`
	Heap     int64 `json:"heap_bytes"`
	// Goroutines is how many there are, Descriptors how many files and connections are open.
	Goroutines  int64 `json:"goroutines"`
	Descriptors int64 `json:"descriptors"`
}

// Usage asks the system, and the server's own profiles, what it uses now. It needs Debug and Linux.
func (s *Server) Usage(ctx context.Context) (Usage, error) {
	var u Usage
	folder := fmt.Sprintf("/proc/%d", s.PID())
	status, err := os.ReadFile(folder + "/status")
	if err != nil {
		return u, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			if err != nil {
				return u, fmt.Errorf("read %s/status: %w", folder, err)
			}
			u.Resident = kilobytes << 10
		}
	}
	files, err := os.ReadDir(folder + "/fd")
	if err != nil {
		return u, err
	}
	u.Descriptors = int64(len(files))
	// The collection comes with the profile of the heap, so what is alive is counted and not what is garbage.
	if u.Heap, err = s.profile(ctx, "heap?gc=1&debug=1", heapAlive); err != nil {
		return u, err
	}
	u.Goroutines, err = s.profile(ctx, "goroutine?debug=1", goroutines)
	return u, err
}

var (
	heapAlive  = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)
	goroutines = regexp.MustCompile(`^goroutine profile: total (\d+)\n`)
)

func (s *Server) profile(ctx context.Context, name string, number *regexp.Regexp) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Debug+"/debug/pprof/"+name, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	found := number.FindSubmatch(body)
	if found == nil {
		return 0, fmt.Errorf("the profile %s tells no number", name)
	}
	return strconv.ParseInt(string(found[1]), 10, 64)
}
