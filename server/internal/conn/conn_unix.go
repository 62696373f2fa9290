//go:build unix

package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// bufferSize is how much one read takes at most. Requests are small, and some of them come together.
const bufferSize = 4 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// conn is a connection over a socket.
type conn struct {
	net.Conn // and not *net.TCPConn, which has more ways to read, past the buffer

	raw   syscall.RawConn
	ready func(fd uintptr) bool // c.take, made once

	mu      sync.Mutex // of readers
	buffer  *[bufferSize]byte
	from    int // what of the buffer has not been read yet
	to      int
	readErr error // of the last take
}

// wrap makes a connection cheaper. One that is not TCP's stays what it is.
func wrap(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	wrapped := &conn{Conn: c, raw: raw}
	wrapped.ready = wrapped.take
	return wrapped
}

// Write writes after everything else that is ready to run: see the package.
func (c *conn) Write(p []byte) (int, error) {
	runtime.Gosched()
	return c.Conn.Write(p)
}

// CloseWrite ends the writing alone, as net/http does for a peer that still sends while it is refused.
func (c *conn) CloseWrite() error {
	tcp, _ := c.Conn.(*net.TCPConn)
	return tcp.CloseWrite()
}

// Read reads what is there, and waits when nothing is.
func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.buffer == nil {
		if len(p) == 0 || len(p) >= bufferSize {
			return c.Conn.Read(p)
		}
		if err := c.raw.Read(c.ready); err != nil {
			return 0, err
		}
		if c.readErr != nil {
			return 0, c.readErr
		}
	}
	n := copy(p, c.buffer[c.from:c.to])
	if c.from += n; c.from == c.to {
		c.giveBack()
	}
	return n, nil
}

// begins is beginning's.
func (c *conn) begins(prefix string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		n := min(c.to-c.from, len(prefix))
		if c.buffer != nil && string(c.buffer[c.from:c.from+n]) != prefix[:n] {
			return false, nil
		}
		if c.buffer != nil && n == len(prefix) {
			if c.from += n; c.from == c.to {
				c.giveBack()
			}
			return true, nil
		}
		if err := c.raw.Read(c.ready); err != nil {
			return false, err
		}
		if c.readErr != nil {
			return false, c.readErr
		}
	}
}

// take adds to a buffer what the socket has, which does not block. It reports whether that is done, or has to wait until
// something is there.
func (c *conn) take(fd uintptr) bool {
	if c.buffer == nil {
		c.buffer, _ = buffers.Get().(*[bufferSize]byte)
		c.from, c.to = 0, 0
	}
	n, err := syscall.Read(int(fd), c.buffer[c.to:])
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Read(int(fd), c.buffer[c.to:])
	}
	c.readErr = nil
	switch {
	case n > 0:
		c.to += n
		return true
	case errors.Is(err, syscall.EAGAIN):
		if c.to == 0 {
			c.giveBack()
		}
		return false
	case err != nil:
		c.readErr = &net.OpError{
			Op: "read", Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(),
			Err: os.NewSyscallError("read", err),
		}
	default:
		c.readErr = io.EOF
	}
	c.giveBack()
	return true
}

func (c *conn) giveBack() {
	buffers.Put(c.buffer)
	c.buffer, c.from, c.to = nil, 0, 0
}
