package pgtest

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent has the system end the server when the thread that started it ends: see Cluster.launch.
func dieWithParent(attr *syscall.SysProcAttr) {
	// As an immediate shutdown: it takes its own processes with it.
	attr.Pdeathsig = syscall.SIGQUIT
}

// state tells how a process is, by a letter, and who started it; ok is false when there is none.
func state(pid string) (letter, parent string, ok bool) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return "", "", false
	}
	// The name before them, in parentheses, may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 2 {
		return "", "", false
	}
	return fields[0], fields[1], true
}

// ended reports whether a process has ended, though nobody may have asked how yet.
func ended(pid int) bool {
	letter, _, ok := state(strconv.Itoa(pid))
	return !ok || letter == "Z" || letter == "X"
}

// children are the processes that a process started and that have not ended.
func children(parent int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // No process.
		}
		if letter, of, ok := state(entry.Name()); ok && letter != "Z" && of == strconv.Itoa(parent) {
			all = append(all, pid)
		}
	}
	return all, nil
}

// release gives back the memory that the processes of a killed server shared. The next start would do so, too; there
// may be none.
func release(segment int) {
	_, _ = unix.SysvShmCtl(segment, unix.IPC_RMID, nil) // What cannot be given back is 56 bytes.
}
