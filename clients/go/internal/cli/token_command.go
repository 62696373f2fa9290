package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxToken is how long a token may be: what fits in a header that every proxy lets through.
const maxToken = 8000

func (a *app) tokenCommand() *cobra.Command {
	t := &a.texts.Settings
	cmd := a.holder("token", t.TokenShort, t.TokenLong)
	var store string
	save := a.leaf("save", t.TokenSaveShort, t.TokenSaveLong, func(cmd *cobra.Command, _ []string) error {
		return a.saveToken(cmd.Context(), store)
	})
	save.Flags().StringVar(&store, "store", storeKeyring, t.FlagStore)
	var reveal bool
	show := a.leaf("show", t.TokenShowShort, t.TokenShowLong, func(cmd *cobra.Command, _ []string) error {
		if reveal {
			return a.revealToken(cmd.Context())
		}
		return a.showTokens()
	})
	show.Flags().BoolVar(&reveal, "reveal", false, t.FlagReveal)
	cmd.AddCommand(
		save,
		a.leaf("remove", t.TokenRemoveShort, t.TokenRemoveLong, func(cmd *cobra.Command, _ []string) error {
			return a.removeToken(cmd.Context())
		}),
		show,
		a.leaf("check", t.TokenCheckShort, t.TokenCheckLong, func(cmd *cobra.Command, _ []string) error {
			return a.checkToken(cmd.Context())
		}),
	)
	return cmd
}

// saveToken keeps a token for the server.
func (a *app) saveToken(ctx context.Context, store string) error {
	if !slices.Contains(tokenStores, store) {
		return usageError{fill(a.texts.Settings.BadValue, "value", store, "key", "--store", "values", strings.Join(tokenStores, ", "))}
	}
	saved, path, err := a.savedTokens()
	if err != nil {
		return err
	}
	if path == "" {
		return errNoState
	}
	if store == storeKeyring {
		// Before anybody pastes a token that cannot be kept.
		if _, err := a.keyringGet(ctx, a.server); err != nil && !errors.Is(err, errNotInKeyring) {
			return err
		}
	}
	token, err := a.readToken(ctx)
	if err != nil {
		return err
	}
	before := saved.Tokens[a.server].Store
	kept := savedToken{Store: store}
	if store == storeFile {
		kept.Token = token
	} else if err := a.keyringSet(ctx, a.server, token); err != nil {
		return err
	}
	saved.Tokens[a.server] = kept
	if err := writeTokens(path, saved); err != nil {
		return errors.New(fill(a.texts.Settings.NotWritten, "file", path, "error", err))
	}
	if before == storeKeyring && store == storeFile {
		if err := a.keyringDelete(ctx, a.server); err != nil && !errors.Is(err, errNotInKeyring) {
			a.complain(err.Error()) // the token is where it was asked to be; an old one stays behind
		}
	}
	if strings.HasPrefix(a.server, "http://") && !isLocal(a.server) {
		a.complain(fill(a.texts.Settings.Unencrypted, "server", a.server))
	}
	a.tell(a.texts.Settings.TokenSaved, "server", a.server, "store", a.storeName(store, path))
	return nil
}

// readToken reads the token from the standard input: hidden at a terminal, the first line otherwise. It is
// never an argument, which every user of the machine could see.
func (a *app) readToken(ctx context.Context) (string, error) {
	var line string
	var err error
	if isTerminal(a.stdin) {
		line, err = a.askToken(ctx)
	} else if line, err = bufio.NewReader(io.LimitReader(a.stdin, maxToken+2)).ReadString('\n'); errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(line)
	if token == "" {
		return "", usageError{a.texts.Settings.TokenEmpty}
	}
	for _, r := range token {
		if r <= ' ' || r > '~' || len(token) > maxToken {
			return "", usageError{a.texts.Settings.TokenBad}
		}
	}
	return token, nil
}

// askToken asks for a token at a terminal, without showing it. The terminal is given back also when ctx ends first.
func (a *app) askToken(ctx context.Context) (string, error) {
	file, ok := a.stdin.(*os.File)
	if !ok {
		return "", nil
	}
	descriptor := int(file.Fd()) // now: a read that nobody waits for any more may outlast the file
	// Before it asks: what is typed as soon as the question stands must not be shown either.
	before, err := term.MakeRaw(descriptor)
	if err != nil {
		return "", err
	}
	type answer struct {
		secret string
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		terminal := term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{file, a.stderr}, "")
		secret, err := terminal.ReadPassword(fill(a.texts.Settings.TokenPrompt, "server", a.server) + " ")
		answers <- answer{secret, err}
	}()
	select {
	case got := <-answers:
		if errors.Is(got.err, io.EOF) { // Ctrl-C and Ctrl-D, which are no signals now
			got.err = context.Canceled
		}
		return got.secret, errors.Join(got.err, term.Restore(descriptor, before))
	case <-ctx.Done():
		err := term.Restore(descriptor, before)
		_, _ = fmt.Fprintln(a.stderr)
		return "", errors.Join(ctx.Err(), err)
	}
}

// removeToken forgets the token for the server.
func (a *app) removeToken(ctx context.Context) error {
	saved, path, err := a.savedTokens()
	if err != nil {
		return err
	}
	kept, ok := saved.Tokens[a.server]
	if !ok {
		return a.noToken()
	}
	if kept.Store == storeKeyring {
		if err := a.keyringDelete(ctx, a.server); err != nil && !errors.Is(err, errNotInKeyring) {
			return err
		}
	}
	delete(saved.Tokens, a.server)
	if err := writeTokens(path, saved); err != nil {
		return errors.New(fill(a.texts.Settings.NotWritten, "file", path, "error", err))
	}
	a.tell(a.texts.Settings.TokenRemoved, "server", a.server)
	return nil
}

// showTokens shows which servers have a token and where it is kept, and which one counts here. No token is
// shown, nor any part of one.
func (a *app) showTokens() error {
	saved, path, err := a.savedTokens()
	if err != nil {
		return err
	}
	type row struct {
		Server string `json:"server"`
		Store  string `json:"store"`
		InUse  bool   `json:"in_use"`
	}
	var rows []row
	instead := "" // of what is saved
	if a.token != "" {
		instead = "--token"
	} else if a.env("KUPLA_TOKEN") != "" {
		instead = "KUPLA_TOKEN"
	}
	if instead != "" {
		rows = append(rows, row{a.server, instead, true})
	}
	for _, server := range saved.servers() {
		rows = append(rows, row{server, saved.Tokens[server].Store, server == a.server && instead == ""})
	}
	if a.inJSON() {
		for _, row := range rows {
			if err := a.printValue(row, nil); err != nil {
				return err
			}
		}
		return nil
	}
	if len(rows) == 0 {
		a.tell(a.texts.Settings.NoTokens)
		return nil
	}
	cells := [][]string{{a.texts.Settings.ColumnServer, a.texts.Settings.ColumnStore, ""}}
	for _, row := range rows {
		mark := ""
		if row.InUse {
			mark = a.texts.Settings.InUse
		}
		cells = append(cells, []string{row.Server, a.storeName(row.Store, path), mark})
	}
	_, err = fmt.Fprint(a.stdout, table(cells))
	return err
}

// revealToken prints the token that counts, and nothing else.
func (a *app) revealToken(ctx context.Context) error {
	token, _, err := a.findToken(ctx)
	if err != nil {
		return err
	}
	if token == "" {
		return a.noToken()
	}
	_, err = fmt.Fprintln(a.stdout, token)
	return err
}

// storeName returns what to call the place of a token.
func (a *app) storeName(store, path string) string {
	switch store {
	case storeKeyring:
		return a.texts.Settings.SourceKeyring
	case storeFile:
		return cmp.Or(path, store)
	default:
		return store
	}
}
