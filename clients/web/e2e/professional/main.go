// Command professional is the other side of the browser tests: professionals at their desks and residents who fill a
// queue, all over the Go SDK. It is told what to do by lines of JSON on its standard input, answers each with a line
// on its standard output, and tells everything that its followers hear, with the time at which they heard it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	server := flag.String("server", "", "address of the service, such as http://127.0.0.1:8080")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *server)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "professional:", err)
		os.Exit(1)
	}
}

// errNoServer tells that the flag is missing that everything depends on.
var errNoServer = errors.New("give --server, the address of the service")

func run(ctx context.Context, server string) error {
	if server == "" {
		return errNoServer
	}
	ctx, cancel := context.WithCancel(ctx)
	s := newStage(server, newTeller(os.Stdout))
	// Who waits is given up first, so that the followers end before the clients they belong to.
	defer s.close()
	defer cancel()
	return s.obey(ctx, os.Stdin)
}
