//go:build !linux

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent does nothing: a test that is killed here leaves its servers running.
func dieWithParent(*syscall.SysProcAttr) {}

// ended reports whether a process has ended.
func ended(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// children are the processes that a process started and that have not ended.
func children(parent int) ([]int, error) {
	out, err := exec.CommandContext(context.Background(), "ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil, fmt.Errorf("ps: %w", err)
	}
	var all []int
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		if err != nil {
			return nil, err
		}
		all = append(all, pid)
	}
	return all, nil
}

// release leaves it to the next start, if there is one, to give back 56 bytes.
func release(int) {}
