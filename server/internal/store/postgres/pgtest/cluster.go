package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// superuser is who everything is done as.
const superuser = "kupla"

// Options are how a cluster differs from what it would be.
type Options struct {
	// Settings are set in postgresql.conf over those that pgtest sets, as "max_connections": "20".
	Settings map[string]string
}

// settings are those of every cluster. What is not named is as PostgreSQL has it.
func settings() map[string]string {
	return map[string]string{
		"listen_addresses": "127.0.0.1",
		"max_connections":  "200",
		// Little for each of the many that run at once.
		"shared_buffers":             "64MB",
		"shared_memory_type":         "mmap",
		"dynamic_shared_memory_type": "mmap",
		// Neither is what a server may count on.
		"timezone":        "Europe/Helsinki",
		"lc_messages":     "C",
		"log_timezone":    "UTC",
		"log_line_prefix": "%m [%p] %a %d ",
		"log_connections": "on",
		// A standby, and the next after it was promoted.
		"wal_level":             "replica",
		"max_wal_senders":       "10",
		"max_replication_slots": "10",
		"hot_standby":           "on",
		// Else a primary waits this long before it lets go of a standby that was killed.
		"wal_sender_timeout":   "5s",
		"wal_receiver_timeout": "5s",
		// A promoted or restarted one is needed at once.
		"wal_retrieve_retry_interval": "100ms",
	}
}

// Cluster is a PostgreSQL server of its own. Its methods may be called at once with those of other clusters, but
// only one at a time of Stop, Kill, Restart, Promote and Close of the same.
type Cluster struct {
	home   *home
	folder string
	port   int
	// more are the settings that were asked for, which its standbys have, too.
	more map[string]string

	close sync.Once
	// slots numbers the standbys.
	slots int

	mu sync.Mutex
	// running is the server; nil while it does not run.
	running *process
}

// process is one run of a server.
type process struct {
	pid   int
	ended chan struct{} // closed when it has
	err   error         // how it ended, afterwards
}

// Start makes a cluster and waits until it serves. The context is for the start only: Close ends it, and so does the
// end of this process.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	h, err := enter(ctx)
	if err != nil {
		return nil, err
	}
	c, err := begin(ctx, h, opts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("PostgreSQL did not start: %w", err), leave())
	}
	return c, nil
}

func begin(ctx context.Context, h *home, opts Options) (*Cluster, error) {
	folder, err := h.place(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{home: h, folder: folder}
	if err := c.configure(opts.Settings); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

// configure chooses the port and writes postgresql.conf anew.
func (c *Cluster) configure(more map[string]string) (err error) {
	c.more = more
	if c.port, err = freePort(); err != nil {
		return err
	}
	all := settings()
	all["port"] = strconv.Itoa(c.port)
	all["unix_socket_directories"] = c.folder
	maps.Copy(all, more)
	var conf strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&conf, "%s = '%s'\n", name, strings.ReplaceAll(all[name], "'", "''"))
	}
	name := filepath.Join(c.data(), "postgresql.conf")
	if err := os.WriteFile(name, []byte(conf.String()), 0o600); err != nil {
		return err
	}
	return c.home.give(name)
}

// freePort finds a loopback port that nothing listens on. It is none of those that the system gives to whoever
// calls out: such a one could be taken while a cluster is stopped for a moment.
func freePort() (int, error) {
	for range 100 {
		port := 20_000 + mathrand.IntN(12_000) //nolint:gosec // Need not be hard to guess.
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port was found between 20000 and 32000")
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

// Log is the path of what the server logs, all its runs in one file.
func (c *Cluster) Log() string { return filepath.Join(c.folder, "log") }

// Folder is the folder that the cluster keeps everything in: data, log and socket.
func (c *Cluster) Folder() string { return c.folder }

// Port is the port that it listens on, which stays over restarts. The socket in Folder goes by it, too.
func (c *Cluster) Port() int { return c.port }

// Address is the host and port that it listens on.
func (c *Cluster) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// DSN is how a database of it is reached: over its socket, without a password.
func (c *Cluster) DSN(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database, RawQuery: url.Values{
		"host": {c.folder}, "port": {strconv.Itoa(c.port)},
	}.Encode()}
	return u.String()
}

// TCP is how a database of it is reached over TCP, with a password: at its own address, or by way of others, as of
// a proxy in front of it, or of standbys of it after it. Of several, whoever connects takes the one that can be written.
func (c *Cluster) TCP(database string, addresses ...string) string {
	query := url.Values{"sslmode": {"disable"}}
	if len(addresses) == 0 {
		addresses = []string{c.Address()}
	}
	if len(addresses) > 1 {
		query.Set("target_session_attrs", "read-write")
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, c.home.password), Host: strings.Join(addresses, ","),
		Path: "/" + database, RawQuery: query.Encode(),
	}
	return u.String()
}

// start starts the server and waits until it can be connected to: a standby, to read.
func (c *Cluster) start(ctx context.Context) error {
	c.mu.Lock()
	if c.running != nil {
		c.mu.Unlock()
		return errors.New("the cluster runs already")
	}
	p, err := c.launch(ctx)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	c.running = p
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !c.ready(p) {
		select {
		case <-p.ended:
			c.forget(p)
			return fmt.Errorf("the server ended: %w; the end of its log:\n%s", p.err, c.logEnd())
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w; the end of its log:\n%s", ctx.Err(), c.logEnd())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// launch starts the server's process.
func (c *Cluster) launch(ctx context.Context) (*process, error) {
	// What a killed one left must not be taken for this one's.
	if err := os.Remove(c.pidFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	log, err := os.OpenFile(c.Log(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := c.home.command(context.WithoutCancel(ctx), "postgres", "-D", c.data())
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: an interrupt at the terminal is for the tests to deal with.
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr)
	p := &process{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The system looks at the thread that started a process, not at the whole of its parent, to tell that the
		// parent is gone. So that thread is kept until the server has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		_ = log.Close() // The server has its own.
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.err = waited(cmd)
			close(p.ended)
		}
	}()
	return p, <-started
}

// waited waits for a process to end.
func waited(cmd *exec.Cmd) error {
	if err := cmd.Wait(); err != nil {
		return err
	}
	return errors.New("it was shut down")
}

func (c *Cluster) pidFile() string { return filepath.Join(c.data(), "postmaster.pid") }

// ready reports whether a run of the server says that it can be connected to.
func (c *Cluster) ready(p *process) bool {
	file, err := os.ReadFile(c.pidFile())
	if err != nil {
		return false
	}
	lines := strings.Split(string(file), "\n")
	return len(lines) >= 8 && lines[0] == strconv.Itoa(p.pid) && strings.TrimSpace(lines[7]) == "ready"
}

func (c *Cluster) forget(p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == p {
		c.running = nil
	}
}

// logEnd is the end of the log, for whoever has to find out why something failed.
func (c *Cluster) logEnd() string {
	log, err := os.ReadFile(c.Log())
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4_000):])
}

// PID is the server's first process, whose children serve the connections; 0 while it does not run.
func (c *Cluster) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		return 0
	}
	return c.running.pid
}

// Processes are all processes of the server, the first first; none while it does not run.
func (c *Cluster) Processes() ([]int, error) {
	pid := c.PID()
	if pid == 0 {
		return nil, nil
	}
	all, err := children(pid)
	return append([]int{pid}, all...), err
}

// Mode is how a server is shut down.
type Mode string

// The modes, as in PostgreSQL's documentation.
const (
	// Smart waits until all connections have ended.
	Smart Mode = "smart"
	// Fast ends all connections.
	Fast Mode = "fast"
	// Immediate ends everything at once, so that the next start has to recover.
	Immediate Mode = "immediate"
)

// Stop shuts the server down and waits until it has ended. Of a server that does not run it is no error.
func (c *Cluster) Stop(ctx context.Context, mode Mode) error {
	c.mu.Lock()
	p := c.running
	c.mu.Unlock()
	if p == nil {
		return nil
	}
	signal := map[Mode]syscall.Signal{Smart: syscall.SIGTERM, Fast: syscall.SIGINT, Immediate: syscall.SIGQUIT}[mode]
	if signal == 0 {
		return fmt.Errorf("there is no mode %q", mode)
	}
	select {
	case <-p.ended: // By itself.
	default:
		if err := syscall.Kill(p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	select {
	case <-p.ended:
		c.forget(p)
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the server does not end: %w", ctx.Err())
	}
}

// Kill ends all processes of the server at once, as when the machine loses its power, except that the disk keeps
// what was written and not yet synced. It waits until they have ended. Of a server that does not run it is no error.
func (c *Cluster) Kill() error {
	c.mu.Lock()
	p := c.running
	c.mu.Unlock()
	if p == nil {
		return nil
	}
	// Stopped first, so that it starts no others and does not notice that some are gone.
	if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	all, err := children(p.pid)
	if err != nil {
		return err
	}
	// Which memory its processes share; it stays when the server itself cannot give it back.
	shared := c.sharedMemory()
	for _, pid := range append(all, p.pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	<-p.ended
	for _, pid := range all {
		for !ended(pid) {
			time.Sleep(time.Millisecond)
		}
	}
	if shared >= 0 {
		release(shared)
	}
	c.forget(p)
	return nil
}

// sharedMemory is the id of the segment by which the server's processes are told from others'; -1 when it has none.
func (c *Cluster) sharedMemory() int {
	file, err := os.ReadFile(c.pidFile())
	if err != nil {
		return -1
	}
	lines := strings.Split(string(file), "\n")
	if len(lines) < 7 {
		return -1
	}
	fields := strings.Fields(lines[6])
	if len(fields) != 2 {
		return -1
	}
	id, err := strconv.Atoi(fields[1])
	if err != nil {
		return -1
	}
	return id
}

// Restart stops the server, when it runs, and starts it; a standby as a standby.
func (c *Cluster) Restart(ctx context.Context, mode Mode) error {
	if err := c.Stop(ctx, mode); err != nil {
		return err
	}
	return c.start(ctx)
}

// Close ends the server and removes all that it kept. More calls do nothing.
func (c *Cluster) Close() (err error) {
	c.close.Do(func() { err = errors.Join(c.remove(), leave()) })
	return err
}

// remove ends the server, if it runs, and removes its folder.
func (c *Cluster) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// Nothing of it is wanted any more.
	err := c.Stop(ctx, Immediate)
	if err != nil {
		err = errors.Join(err, c.Kill())
	}
	return errors.Join(err, os.RemoveAll(c.folder))
}

// random is a word that nobody guesses.
func random() string { return rand.Text() }
