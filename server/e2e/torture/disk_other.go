//go:build !linux

package torture

import "errors"

// disk is a file system of its own. Only Linux has one that can be made small, and filled, by a program.
type disk struct{ folder string }

func mountDisk(string, int64) (*disk, error) {
	return nil, errors.New("this fills a file system of its own and reads /proc: run it on Linux")
}

func (*disk) fill() error    { return nil }
func (*disk) free() error    { return nil }
func (*disk) unmount() error { return nil }
