package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDiskFull fills a file system. Mounting one takes rights; TestDatabaseFull asks for none, and shows
// the same of everything but the write-ahead log.
func TestDiskFull(t *testing.T) {
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mounting is not allowed here (%v): TestDatabaseFull has to do", err)
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
