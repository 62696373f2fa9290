package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/zalando/go-keyring"
)

// keyringService is what the tokens are kept under in the keyring.
const keyringService = "kupla"

// keyringWait is how long the keyring may take when nobody is there to unlock it. With a person at the
// terminal it may take as long as they do.
const keyringWait = 5 * time.Second

var (
	// errNotInKeyring tells that the keyring answers, and has no such token.
	errNotInKeyring = errors.New("the token is not in the keyring")
	errNoSessionBus = errors.New("no D-Bus session")
	errNoAnswer     = errors.New("no answer, it may be locked")
)

// keyringGet gets the token for a server from the keyring.
func (a *app) keyringGet(ctx context.Context, server string) (string, error) {
	return a.askKeyring(ctx, func() (string, error) { return keyring.Get(keyringService, server) })
}

// keyringSet keeps the token for a server in the keyring.
func (a *app) keyringSet(ctx context.Context, server, token string) error {
	_, err := a.askKeyring(ctx, func() (string, error) { return "", keyring.Set(keyringService, server, token) })
	return err
}

// keyringDelete removes the token for a server from the keyring.
func (a *app) keyringDelete(ctx context.Context, server string) error {
	_, err := a.askKeyring(ctx, func() (string, error) { return "", keyring.Delete(keyringService, server) })
	return err
}

// askKeyring asks the keyring and tells what to do when it does not answer. It waits no longer than somebody
// can unlock it, since the library would wait forever.
func (a *app) askKeyring(ctx context.Context, ask func() (string, error)) (string, error) {
	if !hasSessionBus(a.env, "/run/user/"+strconv.Itoa(os.Getuid())) {
		return "", a.noKeyring(errNoSessionBus)
	}
	type answer struct {
		token string
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		token, err := ask()
		answers <- answer{token, err}
	}()
	var late <-chan time.Time
	if !isTerminal(a.stdin) {
		timer := time.NewTimer(keyringWait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case got := <-answers:
		if errors.Is(got.err, keyring.ErrNotFound) {
			return "", errNotInKeyring
		}
		if got.err != nil {
			return "", a.noKeyring(got.err)
		}
		return got.token, nil
	case <-late:
		return "", a.noKeyring(errNoAnswer)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// noKeyring tells that the keyring cannot be used, and what can be done instead.
func (a *app) noKeyring(err error) error {
	return errors.New(fill(a.texts.Settings.NoKeyring, "error", err))
}

// hasSessionBus reports whether there is a D-Bus session, which the keyring of a Unix desktop answers on.
// Without this look the library would start a session of its own, with no keyring in it and nobody to end it.
func hasSessionBus(env func(string) string, runtimeFolder string) bool {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" || env("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(filepath.Join(runtimeFolder, name)); err == nil {
			return true
		}
	}
	return false
}
