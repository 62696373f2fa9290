package torture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk is a file system of its own, small enough to be filled.
type disk struct{ folder string }

// mountDisk makes a file system in memory.
func mountDisk(folder string, size int64) (*disk, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		return nil, fmt.Errorf("a small file system to fill cannot be mounted (%w): run this as root, as in a container", err)
	}
	return &disk{folder: folder}, nil
}

func (d *disk) ballast() string { return filepath.Join(d.folder, "ballast") }

// fill leaves no room.
func (d *disk) fill() (err error) {
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var written int64
	for chunk := int64(16 << 20); chunk >= 4<<10; {
		switch err := unix.Fallocate(int(f.Fd()), 0, written, chunk); {
		case errors.Is(err, unix.ENOSPC):
			chunk /= 2
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		default:
			written += chunk
		}
	}
	return nil
}

// free gives the room back.
func (d *disk) free() error {
	if err := os.Remove(d.ballast()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (d *disk) unmount() error { return unix.Unmount(d.folder, unix.MNT_DETACH) }
