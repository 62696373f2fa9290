// Package kuplad runs the real server program in a process of its own, so that it can be killed, stopped, frozen
// and started again, and asked what it uses.
package kuplad

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// Unlimited is the part of a configuration that takes away the limits that loads would meet.
const Unlimited = `
limits:
  address_starts: {per_second: -1}
  address_bad_credentials: {per_second: -1}
  address_calls: {per_second: -1}
  token_calls: {per_second: -1}
  token_sends: {per_second: -1}
  conversation_sends: {per_second: -1}
  conversation_ephemerals: {per_second: -1}
  waiting_per_address: 1000000
  streams_per_address: -1
`

// servingTimeout is how long a server may take from its start until it answers.
const servingTimeout = 30 * time.Second

// Build builds packages of this module into a folder, from inside the module.
func Build(ctx context.Context, folder string, flags []string, packages ...string) error {
	args := append(append([]string{"build", "-o", folder}, flags...), packages...)
	//nolint:gosec // The packages are named by tests and tools of this repository.
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}

// FreeAddress finds a port of this machine that nobody listens on. It is none of those that the system hands out by
// itself: while a server is being started again, the port would be given to some connection.
func FreeAddress(ctx context.Context) (string, error) {
	for tries := 0; ; tries++ {
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // Any will do.
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
		if tries == mostPorts {
			return "", fmt.Errorf("find a free port: %w", err)
		}
	}
}

// The ports that servers are given, and how many are tried.
const (
	firstPort = 12_000
	lastPort  = 20_000 // PostgreSQL for tests has those above
	mostPorts = 100
)

// Server is kuplad in a process of its own. Set the fields before Start; the methods may be called concurrently.
type Server struct {
	// Program is the file to run.
	Program string
	// Config and Database are its files.
	Config, Database string
	// Address is where it serves. Debug is where it serves profiles; empty is nowhere.
	Address, Debug string
	// Env is added to the environment.
	Env []string
	// Output is where it logs to.
	Output io.Writer

	mu      sync.Mutex
	process *exec.Cmd
}

// URL is the address as clients want it.
func (s *Server) URL() string { return "http://" + s.Address }

// Start starts the process and waits until it serves.
func (s *Server) Start(ctx context.Context) error {
	args := []string{"serve", "--config", s.Config, "--listen", s.Address, "--database", s.Database}
	if s.Debug != "" {
		args = append(args, "--debug-listen", s.Debug)
	}
	// Whoever started it ends it; the end of ctx does not.
	process := exec.CommandContext(context.WithoutCancel(ctx), s.Program, args...) //nolint:gosec // It is what the caller built.
	process.Stdout, process.Stderr = s.Output, s.Output
	process.Env = append(os.Environ(), s.Env...)
	if err := process.Start(); err != nil {
		return fmt.Errorf("start kuplad: %w", err)
	}
	s.mu.Lock()
	s.process = process
	s.mu.Unlock()
	return WaitServing(ctx, s.URL())
}

// WaitServing waits until a server answers at an address.
func WaitServing(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, servingTimeout)
	defer cancel()
	for {
		one, stop := context.WithTimeout(ctx, time.Second)
		client := kupla.New(url)
		_, err := client.QueueService().ListQueues(one, &kuplav1.ListQueuesRequest{})
		client.Close()
		stop()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kuplad does not serve: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Kill ends the process as a power cut would: nothing is flushed, nothing is told.
func (s *Server) Kill() { _ = s.end(syscall.SIGKILL) }

// Stop asks the process to stop, and waits until it has. The error tells that it did not end well.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM) }

func (s *Server) end(signal os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	process := s.process
	s.process = nil
	if err := process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return process.Wait()
}

// Freeze keeps the process from running until Thaw, as a machine does that is overloaded.
func (s *Server) Freeze() error { return s.signal(syscall.SIGSTOP) }

// Thaw lets the process run again.
func (s *Server) Thaw() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return os.ErrProcessDone
	}
	return s.process.Process.Signal(signal)
}

// PID is the process id, 0 when it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.Process.Pid
}

// Token makes a staff token with the command that administrators use, while the server runs or not. The id is what
// RevokeToken takes.
func (s *Server) Token(ctx context.Context, staffID string, flags ...string) (token, id string, err error) {
	args := append([]string{"token", "create", staffID, "--name", "Testi " + staffID}, flags...)
	out, said, err := s.run(ctx, args...)
	if err != nil {
		return "", "", err
	}
	if fields := strings.Fields(said); len(fields) > 1 {
		id = fields[1] // Token abcd of …
	}
	return out, id, nil
}

// RevokeToken revokes a staff token with the command that administrators use.
func (s *Server) RevokeToken(ctx context.Context, id string) error {
	_, _, err := s.run(ctx, "token", "revoke", id)
	return err
}

func (s *Server) run(ctx context.Context, args ...string) (out, said string, err error) {
	command := exec.CommandContext(ctx, s.Program, append(args, "--database", s.Database)...) //nolint:gosec // As in Start.
	command.Env = append(os.Environ(), s.Env...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	printed, err := command.Output()
	if err != nil {
		return "", "", fmt.Errorf("kuplad %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(printed)), strings.TrimSpace(stderr.String()), nil
}

// In makes a server of the program in a folder, with a configuration and an empty database in another one.
func In(ctx context.Context, programs, folder, config string, output io.Writer) (*Server, error) {
	address, err := FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Program: filepath.Join(programs, "kuplad"), Config: filepath.Join(folder, "kuplad.yaml"),
		Database: filepath.Join(folder, "kupla.db"), Address: address, Output: output,
	}
	return s, os.WriteFile(s.Config, []byte(config), 0o600)
}
