package e2e

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kupla-chat/kupla/server/e2e/kuplad"
)

// kupladRuns runs the server's program with a configuration file, to its end, in a folder of its own.
func kupladRuns(t *testing.T, text string, environment []string, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "kupla.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, filepath.Join(programs, "kuplad"), append(args, "--config", "kupla.yaml")...)
	command.Dir = folder
	command.Env = append(os.Environ(), environment...)
	var out, errors strings.Builder
	command.Stdout, command.Stderr = &out, &errors
	if err := command.Run(); err != nil && command.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("kuplad %s: %v, %v\n%s", strings.Join(args, " "), err, ctx.Err(), errors.String())
	}
	return said{code: command.ProcessState.ExitCode(), out: out.String(), errors: errors.String()}
}

// What a careless operator would do is refused before anything is served or made, and the check says the same.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config      string
		environment []string
		want        string
	}{
		"a network without TLS or a proxy": {
			config: "listen: 0.0.0.0:0", want: "listen (kupla.yaml:1): 0.0.0.0:0 is seen by the network, and without TLS",
		},
		"every address without TLS or a proxy": {
			environment: []string{"KUPLA_LISTEN=:0"}, want: "listen (environment KUPLA_LISTEN): :0 is seen by the network",
		},
		"a name of the network": {config: "listen: chat.county.example:8080", want: "is seen by the network"},
		"half of TLS":           {config: "{listen: ':0', tls_certificate: a.pem}", want: "give both, or neither"},
		"TLS without its files": {
			config: "{listen: ':0', tls_certificate: a.pem, tls_key: b.pem}", want: "cannot be used: open a.pem",
		},
		"everybody as the proxy": {config: "{listen: ':0', trusted_proxies: [0.0.0.0/0]}", want: "a large part of the Internet"},
		"half of them": {
			config: "{listen: ':0', trusted_proxies: [0.0.0.0/1, 128.0.0.0/1]}", want: "128.0.0.0/1 holds a large part of the Internet",
		},
		"reflection to the network": {
			config: "{listen: ':0', trusted_proxies: [10.0.0.1], reflection: true}", want: "reflection (kupla.yaml:1): it is for development",
		},
		"reflection through a proxy on this machine": {
			config: "{trusted_proxies: [127.0.0.1], reflection: true}", want: "reflection (kupla.yaml:1): it is for development",
		},
		"every page": {
			config: "{trusted_proxies: [127.0.0.1], allowed_origins: ['*']}", want: `allowed_origins (kupla.yaml:1): "*" is for development`,
		},
		"every frame":       {config: "web: {frame_ancestors: ['*']}", want: "any site at all could put the chat on its page"},
		"profiles for all":  {config: "debug_listen: 0.0.0.0:0", want: "debug_listen (kupla.yaml:1): served on this machine only"},
		"a key misspelt":    {config: "trusted_proxy: 10.0.0.1", want: "there is no such key; is trusted_proxies meant?"},
		"a variable, too":   {environment: []string{"KUPLA_LISTENS=:0"}, want: "KUPLA_LISTENS is no setting; is KUPLA_LISTEN meant?"},
		"an open database":  {config: "database: postgres://kupla@db.example/kupla", want: "need not be encrypted"},
		"a made-up engine":  {config: "database: mysql://kupla@db.example/kupla", want: "is no kind of database"},
		"no file of a word": {config: "database: host=db.example dbname=kupla", want: "postgres://user@host:5432/name"},
	}
	for name, test := range tests {
		for _, args := range [][]string{{"serve"}, {"config", "check"}} {
			got := kupladRuns(t, test.config, test.environment, args...)
			if got.code != 2 || got.out != "" || !strings.Contains(got.errors, test.want) {
				t.Errorf("%s: %s ends with %d and says\n%s%swant %q", name, strings.Join(args, " "), got.code, got.out, got.errors, test.want)
			}
		}
	}
}

// The client's own variables, which the same shell may have, are no mistake.
func TestConfigCheckTakesClientVariables(t *testing.T) {
	t.Parallel()
	got := kupladRuns(t, "", []string{
		"KUPLA_CONFIG=x", "KUPLA_LANGUAGE=fi", "KUPLA_OUTPUT=json", "KUPLA_SERVER=test", "KUPLA_TOKEN=x",
	}, "config", "check")
	if got.code != 0 || got.out != "The configuration is good.\n" {
		t.Errorf("%+v", got)
	}
}

// With TLS, or with the proxy named, the network may be served: nothing else is asked for.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	pemFile := filepath.Join(t.TempDir(), "kupla.pem")
	trust := certificate(t, pemFile)
	for _, config := range []string{
		"{listen: '0.0.0.0:443', tls_certificate: " + pemFile + ", tls_key: " + pemFile + "}",
		"{listen: ':8080', trusted_proxies: [10.0.0.0/8, 'fd00::/8']}",
	} {
		if got := kupladRuns(t, config, nil, "config", "check"); got.code != 0 {
			t.Errorf("%s: %+v", config, got)
		}
	}
	environment := []string{
		"KUPLA_LISTEN=" + freeAddress(t), "KUPLA_TLS_CERTIFICATE=" + pemFile, "KUPLA_TLS_KEY=" + pemFile,
		"KUPLA_DATABASE=" + filepath.Join(t.TempDir(), "kupla.db"), "KUPLA_DRAIN_DELAY=0s",
	}
	if got := kupladRuns(t, "", environment, "health"); got.code != 1 || !strings.Contains(got.errors, "does not answer") {
		t.Errorf("before it serves: %+v", got)
	}
	server := startProcess(t, environment, filepath.Join(programs, "kuplad"), "serve")
	waitReady(t, server, environment)
	browser := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
	}}
	defer browser.CloseIdleConnections()
	url := "https://" + strings.TrimPrefix(environment[0], "KUPLA_LISTEN=") + "/chat/"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		t.Errorf("%s answers %s over %s", url, response.Status, response.Proto)
	}
	server.stop(t)
}

// waitReady waits until a server says that it is ready, as its container's health check does.
func waitReady(t *testing.T, server *process, environment []string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := kupladRuns(t, "", environment, "health")
		if got.code == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not become ready: %+v\n%s", got, server.output.String())
		}
	}
}

// The demonstration's database does not become the public's: its tokens were shown on a screen.
func TestServeRefusesTheDemonstrationsDatabase(t *testing.T) {
	t.Parallel()
	data, address := t.TempDir(), freeAddress(t)
	output := &lockedBuffer{}
	demonstration := exec.CommandContext(t.Context(), filepath.Join(programs, "kuplad"), "demo", "--listen", address, "--data", data)
	demonstration.Stdout, demonstration.Stderr = output, output
	if err := demonstration.Start(); err != nil {
		t.Fatal(err)
	}
	waitServing(t, address, output)
	if err := demonstration.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := demonstration.Wait(); err != nil {
		t.Fatalf("the demonstration: %v\n%s", err, output.String())
	}
	config := "{trusted_proxies: [127.0.0.1], listen: '" + address + "', database: " + filepath.Join(data, "kupla.db") + "}"
	got := kupladRuns(t, config, nil, "serve")
	if got.code != 1 || !strings.Contains(got.errors, "the tokens of its made-up staff are good (demo-aatu, ") {
		t.Fatalf("%+v", got)
	}

	// As it says: without those tokens it is a database like any other.
	list := kupladRuns(t, config, nil, "token", "list")
	for line := range strings.Lines(list.out) {
		if id, ok := strings.CutPrefix(line, "demo-"); ok {
			name := "demo-" + strings.Fields(id)[0]
			if got := kupladRuns(t, config, nil, "token", "revoke", name); got.code != 0 {
				t.Fatalf("revoke %s: %+v", name, got)
			}
		}
	}
	s, err := kuplad.In(t.Context(), programs, t.TempDir(), config, output)
	if err != nil {
		t.Fatal(err)
	}
	s.Database = filepath.Join(data, "kupla.db")
	if err := s.Start(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// Nobody is to reach the demonstration through a proxy on the same machine.
func TestDemonstrationRefusesProxies(t *testing.T) {
	t.Parallel()
	got := kupladRuns(t, "trusted_proxies: [127.0.0.1]", nil, "demo", "--listen", "localhost:0")
	if got.code != 2 || !strings.Contains(got.errors, "the demonstration has no proxy before it") {
		t.Errorf("%+v", got)
	}
}

// effective is what config print tells of a configuration.
func effective(t *testing.T, text string, environment []string) map[string]any {
	t.Helper()
	got := kupladRuns(t, text, environment, "config", "print")
	if got.code != 0 {
		t.Fatalf("config print: %+v", got)
	}
	var printed map[string]any
	if err := yaml.Unmarshal([]byte(got.out), &printed); err != nil {
		t.Fatalf("%v\n%s", err, got.out)
	}
	return printed
}
