//go:build !unix

package conn

import "net"

// wrap leaves connections as they are where sockets are not as in Unix.
func wrap(c net.Conn) net.Conn { return c }
