package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDiskFull fills a file system, which takes the right to mount one: root's, as in a container.
// TestDatabaseFull shows the same of everything but the write-ahead log.
func TestDiskFull(t *testing.T) {
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatalf("a small file system to fill cannot be mounted (%v): run the tests as root, as in a container", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(folder, "kupla.db")
	size := 4
	recovers(t, openHere(t, path), path, func(*Store) {}, func(*Store) {
		// As when somebody gives it a larger disk.
		size += 4
		if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%dm", size)); err != nil {
			t.Fatal(err)
		}
	})
}
