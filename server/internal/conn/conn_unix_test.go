//go:build unix

package conn

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"
)

// pair is a connection as a server has it, and the other end.
func pair(t *testing.T) (*conn, *net.TCPConn) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dialed := make(chan net.Conn, 1)
	go func() {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Error(err)
		}
		dialed <- c
	}()
	accepted, err := Listen(l).Accept()
	if err != nil {
		t.Fatal(err)
	}
	server, ok := accepted.(*conn)
	if !ok {
		t.Fatalf("accepted a %T", accepted)
	}
	client, _ := (<-dialed).(*net.TCPConn)
	t.Cleanup(func() { _, _ = server.Close(), client.Close() })
	return server, client
}

// Every byte arrives once and in order, whatever the sizes of writes and reads.
func TestBytesArrive(t *testing.T) {
	server, client := pair(t)
	random := rand.New(rand.NewPCG(1, 2))
	sent := make([]byte, 3<<20)
	for i := range sent {
		sent[i] = byte(random.Uint32())
	}
	go func() {
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(3*bufferSize))
			if _, err := client.Write(rest[:n]); err != nil {
				t.Error(err)
			}
			rest = rest[n:]
		}
		if err := client.CloseWrite(); err != nil {
			t.Error(err)
		}
	}()
	var got bytes.Buffer
	sizes := rand.New(rand.NewPCG(3, 4))
	for {
		size := []int{0, 1, 9, 100, bufferSize - 1, bufferSize, 4 * bufferSize}[sizes.IntN(7)]
		p := make([]byte, size)
		n, err := server.Read(p)
		got.Write(p[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got.Bytes(), sent) {
		t.Errorf("%d bytes arrived of %d, or others", got.Len(), len(sent))
	}
	if server.buffer != nil {
		t.Error("a connection that is read to its end holds a buffer")
	}

	// And the other way, after the end of the first: the two ends close apart.
	go func() {
		if _, err := server.Write(sent); err != nil {
			t.Error(err)
		}
		if err := server.CloseWrite(); err != nil {
			t.Error(err)
		}
	}()
	back, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(back, sent) {
		t.Errorf("%d bytes came back of %d, or others: %v", len(back), len(sent), err)
	}
}

// A connection that is silent holds no buffer, and what ends its waiting is told as net tells it.
func TestWaiting(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(server *conn, client *net.TCPConn) error
		want func(error) bool
	}{
		{
			"a deadline",
			func(server *conn, _ *net.TCPConn) error { return server.SetReadDeadline(time.Unix(1, 0)) },
			func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) && isTimeout(err) },
		},
		{
			"closing it",
			func(server *conn, _ *net.TCPConn) error { return server.Close() },
			func(err error) bool { return errors.Is(err, net.ErrClosed) },
		},
		{
			"the peer's end",
			func(_ *conn, client *net.TCPConn) error { return client.Close() },
			func(err error) bool { return err == io.EOF }, //nolint:errorlint // as it is, for io.Copy
		},
		{
			"the peer's reset",
			func(_ *conn, client *net.TCPConn) error { return errors.Join(client.SetLinger(0), client.Close()) },
			func(err error) bool { _, ok := errors.AsType[*net.OpError](err); return ok && !isTimeout(err) },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, client := pair(t)
			if _, err := client.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			p := make([]byte, 2)
			for _, want := range []string{"he", "ll", "o"} {
				n, err := server.Read(p)
				if string(p[:n]) != want || err != nil {
					t.Fatalf("read %q, %v, want %q", p[:n], err, want)
				}
				if held := server.buffer != nil; held != (want != "o") {
					t.Errorf("after %q a buffer is held: %t", want, held)
				}
			}
			told := make(chan error, 1)
			go func() {
				n, err := server.Read(p)
				if n != 0 {
					t.Errorf("read %q", p[:n])
				}
				told <- err
			}()
			if err := test.end(server, client); err != nil {
				t.Fatal(err)
			}
			if err := <-told; !test.want(err) {
				t.Errorf("told %v", err)
			}
			if server.buffer != nil {
				t.Error("a buffer is held by a connection with nothing to read")
			}
		})
	}
}

// What was there when the deadline came is read after it.
func TestDeadlineLosesNothing(t *testing.T) {
	server, client := pair(t)
	if err := server.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 9)
	if _, err := server.Read(p); !isTimeout(err) {
		t.Fatalf("after the deadline: %v", err)
	}
	if err := server.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n, err := server.Read(p); string(p[:n]) != "hello" || err != nil {
		t.Errorf("read %q, %v", p[:n], err)
	}
}

// What is not TCP stays what it is.
func TestOthersStayAsTheyAre(t *testing.T) {
	one, other := net.Pipe()
	defer func() { _, _ = one.Close(), other.Close() }()
	if wrap(one) != one {
		t.Error("a pipe was wrapped")
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
