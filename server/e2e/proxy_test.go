package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// haproxyProgram is the proxy; see scripts/installHAProxy.sh.
func haproxyProgram(t *testing.T) string {
	t.Helper()
	program := os.Getenv("HAPROXY")
	if program == "" {
		program = "/usr/sbin/haproxy"
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("there is no HAProxy: run server/e2e/scripts/installHAProxy.sh (%v)", err)
	}
	return program
}

// process is a program that a test runs beside itself.
type process struct {
	command *exec.Cmd
	output  *lockedBuffer
	ended   chan error
}

func startProcess(t *testing.T, environment []string, program string, args ...string) *process {
	t.Helper()
	p := &process{output: &lockedBuffer{}, ended: make(chan error, 1)}
	// The test ends it, not the end of the test's context.
	p.command = exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	p.command.Env = append(os.Environ(), environment...)
	p.command.Stdout, p.command.Stderr = p.output, p.output
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.command.Wait() }()
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(program), p.output.String())
		}
	})
	return p
}

// stop ends it with SIGTERM, and tells how long that took.
func (p *process) stop(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("it did not end well: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	return time.Since(began)
}

// certificate makes a certificate for a loopback address, and who trusts it.
func certificate(t *testing.T, path string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Kupla's test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// deployment is what deploy/compose.yaml describes, without its containers: two servers with the environment of that
// file, HAProxy with deploy/haproxy.cfg, and a PostgreSQL. Nothing but addresses, files and times is otherwise.
type deployment struct {
	t           *testing.T
	environment []string
	addresses   [2]string
	servers     [2]*process
	url, plain  string
	trust       *x509.CertPool
}

func deploy(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{t: t}
	folder := t.TempDir()

	cluster := pgtest.New(t, pgtest.Options{})
	if _, err := cluster.Database(t.Context(), "kupla"); err != nil {
		t.Fatal(err)
	}
	database, err := url.Parse(cluster.TCP("kupla"))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := database.User.Password()
	database.User = url.User(database.User.Username())
	secret := filepath.Join(folder, "database_password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	variables := environmentOf(readCompose(t).Services["kuplad-one"])
	maps.Copy(variables, map[string]string{
		"KUPLA_DATABASE": database.String(), "KUPLA_DATABASE_PASSWORD_FILE": secret,
		"KUPLA_TRUSTED_PROXIES": "127.0.0.1", "KUPLA_DRAIN_SPREAD": "2s",
		// All here share an address, and write more than people do.
		"KUPLA_LIMITS_ADDRESS_STARTS_PER_SECOND": "-1", "KUPLA_LIMITS_ADDRESS_CALLS_PER_SECOND": "-1",
		"KUPLA_LIMITS_TOKEN_CALLS_PER_SECOND": "-1", "KUPLA_LIMITS_TOKEN_SENDS_PER_SECOND": "-1",
		"KUPLA_LIMITS_CONVERSATION_SENDS_PER_SECOND": "-1",
		// For checkClaims.
		"KUPLA_LIMITS_WAITING_PER_ADDRESS": "5",
	})
	delete(variables, "KUPLA_LISTEN")
	d.environment = lines(variables)
	d.runs("migrate")
	for i := range d.addresses {
		d.addresses[i] = freeAddress(t)
		d.start(i)
	}

	plain, public, pemFile := freeAddress(t), freeAddress(t), filepath.Join(folder, "kupla.pem")
	d.trust = certificate(t, pemFile)
	config := deployed(t, "haproxy.cfg")
	for old, changed := range map[string]struct {
		to    string
		times int
	}{
		"bind :8080":             {"bind " + plain, 1},
		"bind :8443":             {"bind " + public, 1},
		"/etc/haproxy/kupla.pem": {pemFile, 1},
		"kuplad-one:8080":        {d.addresses[0], 2},
		"kuplad-two:8080":        {d.addresses[1], 2},
	} {
		if got := strings.Count(config, old); got != changed.times {
			t.Fatalf("haproxy.cfg has %q %d times, want %d", old, got, changed.times)
		}
		config = strings.ReplaceAll(config, old, changed.to)
	}
	path := filepath.Join(folder, "haproxy.cfg")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), haproxyProgram(t), "-c", "-f", path).CombinedOutput(); err != nil ||
		strings.Contains(string(out), "WARNING") {
		t.Fatalf("haproxy.cfg is refused, or warned of: %v\n%s", err, out)
	}
	startProcess(t, nil, haproxyProgram(t), "-db", "-f", path)
	d.url, d.plain = "https://"+public, "http://"+plain
	return d
}

// runs tells what the server's program says with the deployment's settings.
func (d *deployment) runs(args ...string) string {
	d.t.Helper()
	got := kupladRuns(d.t, "", d.environment, args...)
	if got.code != 0 {
		d.t.Fatalf("kuplad %v: %+v", args, got)
	}
	return strings.TrimSpace(got.out)
}

// start starts a server, and waits until it is ready.
func (d *deployment) start(i int) {
	d.t.Helper()
	environment := append([]string{"KUPLA_LISTEN=" + d.addresses[i]}, d.environment...)
	d.servers[i] = startProcess(d.t, environment, filepath.Join(programs, "kuplad"), "serve")
	waitReady(d.t, d.servers[i], environment)
}

// client is a client that comes through the proxy.
func (d *deployment) client(protocol kupla.Protocol, http2 bool, token, claims string) *kupla.Client {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: d.trust, MinVersion: tls.VersionTLS12}, Protocols: &http.Protocols{},
	}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	options := []kupla.Option{
		kupla.WithProtocol(protocol), kupla.WithHTTPClient(&http.Client{Transport: claiming{transport, claims}}),
	}
	if token != "" {
		options = append(options, kupla.WithStaffToken(token))
	}
	c := kupla.New(d.url, options...)
	d.t.Cleanup(transport.CloseIdleConnections)
	return c
}

// claiming says to come from another address than it does.
type claiming struct {
	next    http.RoundTripper
	address string
}

func (c claiming) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.address != "" {
		r = r.Clone(r.Context())
		r.Header.Set("X-Forwarded-For", c.address)
	}
	return c.next.RoundTrip(r)
}

// The deployed configuration carries every protocol, and a server that is drained under it loses nothing and is
// noticed by nobody.
func TestDeployment(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.checkEdges()

	catalogue, err := demo.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	admin := d.client(kupla.Connect, true, d.runs("token", "create", "admin", "--name", "Testi Pää", "--role", "admin"), "")
	if _, err := admin.CatalogueService().ApplyCatalogue(t.Context(), &kuplav1.ApplyCatalogueRequest{
		RequestId: uuid.NewString(), Catalogue: catalogue,
	}); err != nil {
		t.Fatal(err)
	}
	nurseToken := d.runs("token", "create", "nurse", "--name", "Testi Hoitaja", "--role", "professional",
		"--queue", "emergency-help", "--language", "fi", "--capacity", "10")

	var talks []*talk
	for name, way := range map[string]struct {
		protocol kupla.Protocol
		http2    bool
	}{
		"Connect, HTTP/1.1":  {kupla.Connect, false},
		"Connect, HTTP/2":    {kupla.Connect, true},
		"gRPC":               {kupla.GRPC, true},
		"gRPC-Web, HTTP/1.1": {kupla.GRPCWeb, false},
	} {
		resident := d.client(way.protocol, way.http2, "", "")
		conversation, err := resident.Start(t.Context(), kupla.StartOptions{QueueID: "emergency-help", Language: "fi"})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		nurse := d.client(way.protocol, way.http2, nurseToken, "")
		if _, err := nurse.Desk().Take(t.Context(), conversation.ID()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		talks = append(talks, begin(t, name, conversation, nurse.Conversation(conversation.ID())))
	}
	everybodySaid := func(messages int) {
		t.Helper()
		for _, one := range talks {
			one.until(t, messages)
		}
	}
	everybodySaid(10)
	for i := range d.servers {
		took := d.servers[i].stop(t)
		t.Logf("server %d was drained in %s", i+1, took.Round(10*time.Millisecond))
		everybodySaid(10)
		d.start(i)
		everybodySaid(10)
	}
	for _, one := range talks {
		one.end(t)
	}
	d.checkClaims()
}

// checkEdges looks at what is before the contract.
func (d *deployment) checkEdges() {
	d.t.Helper()
	browser := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: d.trust, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer browser.CloseIdleConnections()
	get := func(url string) (status int, header http.Header) {
		d.t.Helper()
		request, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			d.t.Fatal(err)
		}
		response, err := browser.Do(request)
		if err != nil {
			return 0, http.Header{} // It may not listen yet.
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		return response.StatusCode, response.Header
	}
	// The proxy asks the servers once before it gives them anything.
	status, header := get(d.url + "/chat/")
	for deadline := time.Now().Add(10 * time.Second); status != http.StatusOK; status, header = get(d.url + "/chat/") {
		if time.Now().After(deadline) {
			d.t.Fatalf("the proxy serves nothing: %d", status)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if header.Get("Strict-Transport-Security") == "" {
		d.t.Error("browsers are not told to keep to TLS")
	}
	status, header = get(d.plain + "/chat/")
	if to := header.Get("Location"); status != http.StatusPermanentRedirect || !strings.HasPrefix(to, "https://") {
		d.t.Errorf("without TLS: %d to %q", status, to)
	}
	if status, _ := get(d.url + "/health/ready"); status != http.StatusNotFound {
		d.t.Errorf("how a server is: %d, want 404 for the public", status)
	}
}

// checkClaims looks at whether callers can say where they come from.
func (d *deployment) checkClaims() {
	d.t.Helper()
	for i := range 6 {
		claimed := fmt.Sprintf("198.51.100.%d", i+1)
		_, err := d.client(kupla.Connect, true, "", claimed).Start(d.t.Context(),
			kupla.StartOptions{QueueID: "emergency-help", Language: "fi"})
		switch refused := kupla.ReasonOf(err); {
		case i < 5 && err != nil:
			d.t.Fatalf("resident %d: %v", i, err)
		case i == 5 && refused == kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED:
			d.t.Errorf("six wait from one address that claims to be six, and five may: %v", err)
		}
	}
}

// talk is a conversation in which both sides write all the time, and both follow.
type talk struct {
	name string
	// hush ends the writing, and deafen the following.
	hush, deafen       context.CancelFunc
	writing, following sync.WaitGroup

	mu       sync.Mutex
	sent     []string
	received [2][]string
	failures []error
}

// begin begins one.
func begin(t *testing.T, name string, resident, nurse *kupla.Conversation) *talk {
	t.Helper()
	listening, deafen := context.WithCancel(t.Context())
	ctx, hush := context.WithCancel(listening)
	one := &talk{name: name, hush: hush, deafen: deafen}
	t.Cleanup(deafen)
	for side, conversation := range []*kupla.Conversation{resident, nurse} {
		one.following.Go(func() { one.follow(listening, side, conversation) })
	}
	one.writing.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			writer := []*kupla.Conversation{resident, nurse}[i%2]
			text := fmt.Sprintf("viesti %d", i)
			// Begun is finished: what ends in the middle may be stored or not.
			sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
			_, err := writer.Send(sending, text)
			cancel()
			one.mu.Lock()
			if err != nil {
				one.failures = append(one.failures, err)
			}
			one.sent = append(one.sent, text)
			one.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	return one
}

// follow notes what one side is told.
func (o *talk) follow(ctx context.Context, side int, conversation *kupla.Conversation) {
	for update, err := range conversation.Follow(ctx, kupla.FollowOptions{}) {
		o.mu.Lock()
		switch message := update.Event.GetMessagePosted(); {
		case err != nil && !errors.Is(err, context.Canceled):
			o.failures = append(o.failures, err)
		case update.Kind == kupla.UpdateReset:
			o.failures = append(o.failures, fmt.Errorf("side %d was reset: %v", side, update.Reset))
		case message != nil:
			o.received[side] = append(o.received[side], message.GetText())
		}
		o.mu.Unlock()
	}
}

// until waits until both sides have received everything that was sent until now, and so many messages more.
func (o *talk) until(t *testing.T, more int) {
	t.Helper()
	o.mu.Lock()
	want := len(o.sent) + more
	o.mu.Unlock()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		o.mu.Lock()
		got, failures := [2]int{len(o.received[0]), len(o.received[1])}, o.failures
		o.mu.Unlock()
		if len(failures) > 0 {
			t.Fatalf("%s: %v", o.name, failures)
		}
		if min(got[0], got[1]) >= want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: the two sides received %v messages, want %d", o.name, got, want)
		}
	}
}

// end ends the talk. Everything said was heard on both sides, once and in order.
func (o *talk) end(t *testing.T) {
	t.Helper()
	o.hush()
	o.writing.Wait()
	o.until(t, 0)
	o.deafen()
	o.following.Wait()
	said := strings.Join(o.sent, "\n")
	for side, received := range o.received {
		if got := strings.Join(received, "\n"); got != said {
			t.Errorf("%s: side %d received %d messages of %d, or not in their order", o.name, side, len(received), len(o.sent))
		}
	}
}
