package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"connectrpc.com/connect/v2"
)

// Where a token can be kept.
const (
	storeKeyring = "keyring"
	storeFile    = "file"
)

var tokenStores = []string{storeKeyring, storeFile}

// savedTokens are the staff tokens that are kept on this machine, by the address of the server that each is
// for. A token is sent nowhere else: not even when a named server gets another address.
type savedTokens struct {
	Tokens map[string]savedToken `json:"tokens"`
}

// savedToken tells where a token is kept.
type savedToken struct {
	Store string `json:"store"`
	// Token is the token itself, in the file; the keyring has its own.
	Token string `json:"token,omitempty"`
}

// tooOpenError tells that others can read the file of tokens.
type tooOpenError struct{ mode fs.FileMode }

// Error describes the error.
func (e tooOpenError) Error() string { return fmt.Sprintf("others may read it (%04o)", e.mode) }

// tokensPath returns the file of tokens. It lies with the chats, not with the settings, which people keep
// under version control or share.
func (a *app) tokensPath() (string, error) {
	folder, err := a.chatFolder()
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, "tokens.json"), nil
}

// readTokens reads the file of tokens, which may not exist. It must be nobody else's to read, even when all
// its tokens are in the keyring: whoever can write it decides which of them is used.
func readTokens(path string) (*savedTokens, error) {
	saved := &savedTokens{Tokens: make(map[string]savedToken)}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return saved, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, tooOpenError{mode}
	}
	if err := json.NewDecoder(file).Decode(saved); err != nil {
		return nil, err
	}
	return saved, nil
}

func writeTokens(path string, saved *savedTokens) error {
	data, err := json.MarshalIndent(saved, "", "  ")
	if err != nil {
		return err
	}
	return writePrivate(path, append(data, '\n'))
}

// servers returns the servers that a token is saved for, in order.
func (s *savedTokens) servers() []string { return slices.Sorted(maps.Keys(s.Tokens)) }

// savedTokens reads the file of tokens and tells what is wrong with it.
func (a *app) savedTokens() (*savedTokens, string, error) {
	path, err := a.tokensPath()
	if err != nil {
		return &savedTokens{}, "", nil //nolint:nilerr // where nothing can be kept nothing is
	}
	saved, err := readTokens(path)
	if open, ok := errors.AsType[tooOpenError](err); ok {
		return nil, path, errors.New(fill(a.texts.Settings.TokensTooOpen, "file", path, "mode", fmt.Sprintf("%04o", open.mode)))
	}
	if err != nil {
		return nil, path, errors.New(fill(a.texts.Settings.FileUnreadable, "file", path, "error", err))
	}
	return saved, path, nil
}

// findToken returns the staff token for the server and where it comes from: the flag, KUPLA_TOKEN, or what is
// saved for this very server. It returns nothing when there is none.
func (a *app) findToken(ctx context.Context) (token, source string, err error) {
	switch {
	case a.token != "":
		return a.token, "--token", nil
	case a.env("KUPLA_TOKEN") != "":
		return a.env("KUPLA_TOKEN"), "KUPLA_TOKEN", nil
	}
	saved, path, err := a.savedTokens()
	if err != nil {
		return "", "", err
	}
	switch kept := saved.Tokens[a.server]; kept.Store {
	case storeKeyring:
		token, err := a.keyringGet(ctx, a.server)
		if errors.Is(err, errNotInKeyring) {
			return "", "", errors.New(fill(a.texts.Settings.KeyringLost, "server", a.server))
		}
		return token, a.texts.Settings.SourceKeyring, err
	case storeFile:
		return kept.Token, path, nil
	default:
		return "", "", nil
	}
}

// noToken tells that there is no token for the server, and how to give one.
func (a *app) noToken() error {
	return codedError{
		code: ExitUnauthenticated, kind: connect.CodeUnauthenticated,
		text: fill(a.texts.Settings.NoTokenSaved, "server", a.server),
	}
}
