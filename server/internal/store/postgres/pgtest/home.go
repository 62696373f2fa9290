package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// prefix begins the name of every folder that clusters are kept in.
const prefix = "kupla-pg-"

// homes is where this process keeps its clusters, while it has any.
var homes struct {
	sync.Mutex

	home *home
	used int
}

// home is a folder of clusters, and what they are made with.
type home struct {
	folder string
	bin    string
	// owner is a locked file, which tells other processes that the folder is in use. The system unlocks it when
	// this process ends.
	owner *os.File
	// credential is who PostgreSQL runs as; nil is this process's own user.
	credential *syscall.Credential

	mu sync.Mutex
	// made counts the clusters that there were, to name the next.
	made int
	// template is the data folder of a cluster that never ran, with the password that it was made with: copying it
	// takes a tenth of the time that making another does.
	template string
	password string
}

// enter gives the process's home, which is made when there is none. Each call is matched by one of leave.
func enter(ctx context.Context) (*home, error) {
	homes.Lock()
	defer homes.Unlock()
	if homes.home == nil {
		h, err := newHome(ctx)
		if err != nil {
			return nil, err
		}
		homes.home = h
	}
	homes.used++
	return homes.home, nil
}

// leave removes the process's home when nobody is left in it.
func leave() error {
	homes.Lock()
	defer homes.Unlock()
	homes.used--
	if homes.used > 0 {
		return nil
	}
	h := homes.home
	homes.home = nil
	return errors.Join(os.RemoveAll(h.folder), h.owner.Close())
}

func newHome(ctx context.Context) (*home, error) {
	bin, err := programs(ctx)
	if err != nil {
		return nil, err
	}
	credential, err := unprivileged()
	if err != nil {
		return nil, err
	}
	if err := sweep(os.TempDir()); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", prefix)
	if err != nil {
		return nil, err
	}
	h := &home{folder: folder, bin: bin, credential: credential}
	if h.owner, err = lock(folder); err == nil && h.owner == nil {
		err = fmt.Errorf("%s is somebody else's already", folder)
	}
	if err == nil {
		err = h.give(folder)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return h, nil
}

// unprivileged is who PostgreSQL is to run as: somebody else when this process is root, as it refuses to be.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // Nobody else.
	}
	var errs []error
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user to run it as: %w", errors.Join(errs...))
}

// give makes a file or folder the server's.
func (h *home) give(path string) error {
	if h.credential == nil {
		return nil
	}
	return os.Chown(path, int(h.credential.Uid), int(h.credential.Gid))
}

// sweep removes the folders that processes left which could not do so themselves.
func sweep(temporary string) error {
	left, err := filepath.Glob(filepath.Join(temporary, prefix+"*"))
	if err != nil {
		return err
	}
	for _, folder := range left {
		owner, err := lock(folder)
		if err != nil || owner == nil {
			continue // In use, another user's, or just being removed.
		}
		// Its servers have ended with their process, or are about to: they notice when their folder goes.
		_ = os.RemoveAll(folder)
		_ = owner.Close()
	}
	return nil
}

// lock marks a folder as in use by this process. It gives nothing when it is another's.
func lock(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, "owner"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	_ = f.Close() // Nothing was written to it.
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, nil //nolint:nilnil // Somebody else has it.
	}
	return nil, err
}

// command is one of PostgreSQL's programs, or the system's, to be run as the server's user.
func (h *home) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if !strings.Contains(program, "/") {
		program = filepath.Join(h.bin, program)
	}
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // Programs that this package chooses.
	// Only what it needs: PGOPTIONS and the like would change what is tested.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.Dir = h.folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.credential}
	return cmd
}

// run runs a program to its end.
func (h *home) run(ctx context.Context, program string, args ...string) error {
	out, err := h.command(ctx, program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// place makes the folder of another cluster, with a data folder in it that was never used.
func (h *home) place(ctx context.Context) (folder string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.template == "" {
		if err := h.initialise(ctx); err != nil {
			return "", err
		}
	}
	if folder, err = h.emptyPlace(); err != nil {
		return "", err
	}
	if err := h.run(ctx, "/bin/cp", "-Rp", h.template, filepath.Join(folder, "data")); err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	return folder, nil
}

// emptyPlace makes the folder of another cluster. The home is locked.
func (h *home) emptyPlace() (string, error) {
	h.made++
	folder := filepath.Join(h.folder, strconv.Itoa(h.made))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return "", err
	}
	return folder, h.give(folder)
}

// initialise makes the data folder that those of all clusters are copies of. The home is locked.
func (h *home) initialise(ctx context.Context) error {
	h.password = random()
	secret := filepath.Join(h.folder, "password")
	if err := os.WriteFile(secret, []byte(h.password+"\n"), 0o600); err != nil {
		return err
	}
	if err := h.give(secret); err != nil {
		return err
	}
	template := filepath.Join(h.folder, "template")
	if err := h.run(ctx, "initdb", "--pgdata", template, "--username", superuser, "--pwfile", secret,
		"--auth-local", "trust", "--auth-host", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
		"--locale-provider", "icu", "--icu-locale", "fi", "--no-sync"); err != nil {
		return errors.Join(err, os.RemoveAll(template))
	}
	h.template = template
	return nil
}
