//go:build !unix

package sqlite

import (
	"errors"
	"os"
)

// tryLock refuses: without a lock that ends with its process, two servers could write one database.
func tryLock(string) (*os.File, bool, error) {
	return nil, false, errors.New("the embedded database needs a Unix system")
}
