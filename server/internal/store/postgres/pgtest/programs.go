package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// oldest is the oldest major version of PostgreSQL that the store is made for.
const oldest = 15

// binVariable names the folder of PostgreSQL's programs, where they are not found by themselves.
const binVariable = "PGTEST_BIN"

// needed are PostgreSQL's programs that a cluster is made and run with.
var needed = []string{"initdb", "postgres", "pg_basebackup"}

// packaged is where systems keep the programs of each version.
var packaged = []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"}

var versionNumber = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// programs finds the folder of PostgreSQL's programs.
func programs(ctx context.Context) (string, error) {
	if bin := os.Getenv(binVariable); bin != "" {
		if _, err := version(ctx, bin); err != nil {
			return "", fmt.Errorf("%s=%s: %w", binVariable, bin, err)
		}
		return bin, nil
	}
	var places []string
	for _, pattern := range packaged {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		places = append(places, found...)
	}
	if postgres, err := exec.LookPath("postgres"); err == nil {
		places = append(places, filepath.Dir(postgres))
	}
	var best string
	var newest int
	var unusable []error
	for _, bin := range places {
		v, err := version(ctx, bin)
		switch {
		case err != nil:
			unusable = append(unusable, fmt.Errorf("%s: %w", bin, err))
		case v > newest:
			best, newest = bin, v
		}
	}
	if best != "" {
		return best, nil
	}
	return "", errors.Join(fmt.Errorf("these tests need PostgreSQL %d or newer: the programs %s. Looked in %s and on the PATH. "+
		`Install it, as with Debian's package "postgresql", or name the folder of its programs with %s`,
		oldest, strings.Join(needed, ", "), strings.Join(packaged, ", "), binVariable), errors.Join(unusable...))
}

// version is the major version of the programs in a folder. It is an error when one is missing or they are too old.
func version(ctx context.Context, bin string) (int, error) {
	var missing []string
	for _, name := range needed {
		info, err := os.Stat(filepath.Join(bin, name)) //nolint:gosec // As whoever runs the tests says.
		if err != nil || info.Mode()&0o111 == 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return 0, fmt.Errorf("there is no %s", strings.Join(missing, ", no "))
	}
	program := filepath.Join(bin, "postgres")
	out, err := exec.CommandContext(ctx, program, "--version").Output() //nolint:gosec // As whoever runs the tests says.
	if err != nil {
		return 0, fmt.Errorf("postgres --version: %w", err)
	}
	found := versionNumber.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("postgres --version said %q", out)
	}
	v, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return 0, err
	}
	if v < oldest {
		return 0, fmt.Errorf("this is PostgreSQL %d, and %d or newer is needed", v, oldest)
	}
	return v, nil
}
