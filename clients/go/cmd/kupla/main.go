// Command kupla chats with public health and social care from a terminal: as a resident with "kupla chat", as
// a professional with "kupla desk". See "kupla --help".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kupla-chat/kupla/clients/go/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	stop()
	os.Exit(code)
}
