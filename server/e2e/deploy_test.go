package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// deployed is the text of a file of the folder deploy.
func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// composeFile is what is looked at of compose.yaml.
type composeFile struct {
	Services map[string]composeService
	Networks map[string]struct {
		Internal bool
		IPAM     struct{ Config []struct{ Subnet string } }
	}
	Volumes map[string]any
	Secrets map[string]struct{ File string }
}

type composeService struct {
	Image string
	Build struct {
		Context    string
		Dockerfile string
	}
	Command         []string
	ReadOnly        bool          `yaml:"read_only"`
	StopGracePeriod time.Duration `yaml:"stop_grace_period"`
	Environment     map[string]string
	Secrets         []composeSecret
	// Networks is a list, or names with settings.
	Networks    yaml.Node
	Volumes     []string
	Ports       []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct {
		Test    []string
		Disable bool
	}
}

// composeSecret is a secret's name, or what is to become of it.
type composeSecret struct{ source, target string }

func (s *composeSecret) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		s.source, s.target = node.Value, "/run/secrets/"+node.Value
		return nil
	}
	var long struct{ Source, Target string }
	if err := node.Decode(&long); err != nil {
		return err
	}
	s.source, s.target = long.Source, long.Target
	return nil
}

// networks are those of a service, each with the address that is asked for.
func (s composeService) networks(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	if s.Networks.Kind == yaml.SequenceNode {
		var names []string
		if err := s.Networks.Decode(&names); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			found[name] = ""
		}
		return found
	}
	var settings map[string]struct {
		Address string `yaml:"ipv4_address"`
	}
	if err := s.Networks.Decode(&settings); err != nil {
		t.Fatal(err)
	}
	for name, one := range settings {
		found[name] = one.Address
	}
	return found
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	if err := yaml.Unmarshal([]byte(deployed(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// environmentOf is what a service of compose.yaml gives to kuplad, without what the person who starts it may add.
func environmentOf(s composeService) map[string]string {
	variables := map[string]string{}
	for name, value := range s.Environment {
		variables[name] = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(value, "")
	}
	return variables
}

// lines makes an environment of variables.
func lines(variables map[string]string) []string {
	var list []string
	for name, value := range variables {
		list = append(list, name+"="+value)
	}
	return list
}

// stopTime is how long a server with these settings takes to stop at most.
func stopTime(t *testing.T, text string, environment []string) time.Duration {
	t.Helper()
	settings := effective(t, text, environment)
	var sum time.Duration
	drain, _ := settings["drain"].(map[string]any)
	for name, value := range map[string]any{
		"drain.delay": drain["delay"], "drain.spread": drain["spread"], "shutdown_timeout": settings["shutdown_timeout"],
	} {
		took, err := time.ParseDuration(fmt.Sprint(value))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sum += took
	}
	return sum
}

func TestComposeFile(t *testing.T) {
	t.Parallel()
	compose := readCompose(t)
	proxy := deployed(t, "haproxy.cfg")
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("kuviteltu\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	servers := 0
	for name, service := range compose.Services {
		switch {
		case service.Build.Dockerfile != "":
			path := filepath.Join("..", "..", "deploy", service.Build.Context, service.Build.Dockerfile)
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case !regexp.MustCompile(`^[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$`).MatchString(service.Image):
			t.Errorf("%s: the image %q is of no certain version", name, service.Image)
		}
		// What is named is there.
		for network := range service.networks(t) {
			if _, ok := compose.Networks[network]; !ok {
				t.Errorf("%s: there is no network %q", name, network)
			}
		}
		for _, secret := range service.Secrets {
			if _, ok := compose.Secrets[secret.source]; !ok {
				t.Errorf("%s: there is no secret %q", name, secret.source)
			}
		}
		for other, wait := range service.DependsOn {
			needed, ok := compose.Services[other]
			healthy := len(needed.Healthcheck.Test) > 0 && !needed.Healthcheck.Disable
			if !ok || healthy != (wait.Condition == "service_healthy") {
				t.Errorf("%s waits for %s to be %s", name, other, wait.Condition)
			}
		}
		for variable, value := range service.Environment {
			if strings.HasSuffix(variable, "_FILE") &&
				!slices.ContainsFunc(service.Secrets, func(s composeSecret) bool { return s.target == value }) {
				t.Errorf("%s: %s is %s, which no secret is", name, variable, value)
			}
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			_, named := compose.Volumes[source]
			_, err := os.Stat(filepath.Join("..", "..", "deploy", source))
			if !named && (err != nil || !strings.HasPrefix(source, "./")) {
				t.Errorf("%s: there is no volume and no file %q", name, source)
			}
		}
		if service.Image != "kupla:local" {
			continue
		}
		// The settings are good ones, the command is one that there is, and the time to stop is enough.
		environment := environmentOf(service)
		environment["KUPLA_DATABASE_PASSWORD_FILE"] = password
		if got := kupladRuns(t, "", lines(environment), "config", "check"); got.code != 0 {
			t.Errorf("%s: %+v", name, got)
		}
		if len(service.Command) == 0 {
			servers++
			if most := stopTime(t, "", lines(environment)); service.StopGracePeriod <= most {
				t.Errorf("%s may take %s to stop and gets %s", name, most, service.StopGracePeriod)
			}
			_, port, _ := strings.Cut(environment["KUPLA_LISTEN"], ":")
			if got := strings.Count(proxy, " "+name+":"+port); got != 2 {
				t.Errorf("haproxy.cfg names %s:%s %d times, want once for gRPC and once for the rest", name, port, got)
			}
		}
		for _, command := range [][]string{service.Command, healthCommand(t, service)} {
			if len(command) == 0 {
				continue
			}
			if got := kupladRuns(t, "", nil, append(slices.Clone(command), "--help")...); got.code != 0 {
				t.Errorf("%s: %v: %+v", name, command, got)
			}
		}
		if !service.ReadOnly {
			t.Errorf("%s can write where it has nothing to", name)
		}
	}
	if servers != 2 {
		t.Errorf("there are %d servers, want 2", servers)
	}

	// The proxy is where the servers expect it, and reached where it listens.
	address := compose.Services["proxy"].networks(t)["inside"]
	if got := compose.Services["kuplad-one"].Environment["KUPLA_TRUSTED_PROXIES"]; got != address || address == "" {
		t.Errorf("the servers trust %q, and the proxy is %q", got, address)
	}
	inside := compose.Networks["inside"]
	if subnet := netip.MustParsePrefix(inside.IPAM.Config[0].Subnet); !inside.Internal || !subnet.Contains(netip.MustParseAddr(address)) {
		t.Errorf("the proxy's address %s is not in %s, or that is open", address, subnet)
	}
	for name := range compose.Services {
		if _, outside := compose.Services[name].networks(t)["outside"]; outside != (name == "proxy") {
			t.Errorf("%s is on the network outside: %t", name, outside)
		}
	}
	for _, port := range compose.Services["proxy"].Ports {
		_, listens, _ := strings.Cut(port, ":")
		if !strings.Contains(proxy, "bind :"+listens) {
			t.Errorf("haproxy.cfg does not listen on %s", listens)
		}
	}
	if !strings.Contains(proxy, " crt "+compose.Services["proxy"].Secrets[0].target+" ") {
		t.Errorf("haproxy.cfg does not read the certificate at %s", compose.Services["proxy"].Secrets[0].target)
	}

	// A server that drains waits until the proxy has noticed.
	checks := regexp.MustCompile(`check inter (\w+) fall (\d+)`).FindStringSubmatch(proxy)
	if checks == nil {
		t.Fatal("haproxy.cfg does not say how it checks")
	}
	every, err := time.ParseDuration(checks[1])
	if err != nil {
		t.Fatal(err)
	}
	fall, err := strconv.Atoi(checks[2])
	if err != nil {
		t.Fatal(err)
	}
	environment := environmentOf(compose.Services["kuplad-one"])
	environment["KUPLA_DATABASE_PASSWORD_FILE"] = password
	drain, _ := effective(t, "", lines(environment))["drain"].(map[string]any)
	if delay, err := time.ParseDuration(fmt.Sprint(drain["delay"])); err != nil || delay <= every*time.Duration(fall) {
		t.Errorf("drain.delay is %v, and the proxy notices after %s", drain["delay"], every*time.Duration(fall))
	}
}

// healthCommand is what asks a container of kuplad how it is, without the program.
func healthCommand(t *testing.T, service composeService) []string {
	t.Helper()
	if service.Healthcheck.Disable {
		return nil
	}
	test := service.Healthcheck.Test
	if len(test) < 3 || test[0] != "CMD" || !strings.Contains(deployed(t, "Dockerfile"), `ENTRYPOINT ["`+test[1]+`"]`) {
		t.Fatalf("the health check %v runs no program of the image", test)
	}
	return test[2:]
}

// unitOf reads a systemd unit: the values of each key.
func unitOf(t *testing.T, text string) map[string][]string {
	t.Helper()
	unit := map[string][]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '[' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("a line of the unit is no setting: %q", line)
		}
		unit[name] = append(unit[name], value)
	}
	return unit
}

func TestUnit(t *testing.T) {
	t.Parallel()
	unit, config := unitOf(t, deployed(t, "kuplad.service")), deployed(t, "kupla.yaml")
	if got := kupladRuns(t, config, nil, "config", "check"); got.code != 0 {
		t.Errorf("kupla.yaml: %+v", got)
	}
	// The command is one that there is, with flags that there are.
	command := strings.Fields(unit["ExecStart"][0])
	if filepath.Base(command[0]) != "kuplad" || !slices.Equal(command[1:], []string{"serve", "--config", "/etc/kupla/kupla.yaml"}) {
		t.Errorf("it runs %v", command)
	}
	if got := kupladRuns(t, config, nil, command[1], "--help"); got.code != 0 || !strings.Contains(got.out, "--config") {
		t.Errorf("%v: %+v", command, got)
	}
	// It may take as long as it may take.
	limit, err := time.ParseDuration(unit["TimeoutStopSec"][0])
	if err != nil {
		t.Fatal(err)
	}
	if most := stopTime(t, config, nil); limit <= most {
		t.Errorf("it may take %s to stop and gets %s", most, limit)
	}
	// What would end so again is not started again.
	broken := kupladRuns(t, "no_such_key: 1", nil, "serve")
	if want := strconv.Itoa(broken.code); unit["RestartPreventExitStatus"][0] != want {
		t.Errorf("a mistake in the configuration ends it with %s, and it is started again but for %v", want, unit["RestartPreventExitStatus"])
	}
	// The database is where the server may write, and nothing else is.
	state := "/var/lib/" + unit["StateDirectory"][0]
	database, _ := effective(t, config, nil)["database"].(string)
	if filepath.Dir(database) != state || unit["WorkingDirectory"][0] != state {
		t.Errorf("the database is %s, and it may write to %s", database, state)
	}
	for name, want := range map[string]string{
		"User": "kuplad", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "PrivateTmp": "yes",
		"ProtectHome": "yes", "StateDirectoryMode": "0700", "UMask": "0077", "Restart": "on-failure", "KillSignal": "SIGTERM",
	} {
		if got := unit[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	file, ignored := deployed(t, "Dockerfile"), deployed(t, "Dockerfile.dockerignore")
	values := map[string][]string{}
	for line := range strings.Lines(file) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[name] = append(values[name], value)
	}
	// What is copied is there, and is not kept out.
	for _, copied := range values["COPY"] {
		if strings.HasPrefix(copied, "--from") {
			continue
		}
		words := strings.Fields(copied)
		for _, source := range words[:len(words)-1] {
			if _, err := os.Stat(filepath.Join("..", "..", source)); err != nil {
				t.Errorf("COPY %s: %v", copied, err)
			}
			if !slices.ContainsFunc(strings.Fields(ignored), func(line string) bool {
				allowed, ok := strings.CutPrefix(line, "!")
				return ok && (source == allowed || strings.HasPrefix(source, allowed+"/"))
			}) {
				t.Errorf("COPY %s: Dockerfile.dockerignore keeps it out", copied)
			}
		}
	}
	// The images are certain ones, and new enough.
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	needed := regexp.MustCompile(`(?m)^go (\d+\.\d+)\.(\d+)$`).FindSubmatch(module)
	used := regexp.MustCompile(`(?m)^FROM golang:(\d+\.\d+)\.(\d+)-\w+ AS server$`).FindStringSubmatch(file)
	if needed == nil || used == nil || string(needed[1]) != used[1] {
		t.Fatalf("the module needs Go %s, and the image has %s", needed, used)
	}
	least, err := strconv.Atoi(string(needed[2]))
	if err != nil {
		t.Fatal(err)
	}
	if has, err := strconv.Atoi(used[2]); err != nil || has < least {
		t.Errorf("the module needs Go %s, and the image has %s", needed[0], used[0])
	}
	if !regexp.MustCompile(`(?m)^FROM node:2\d\.\d+\.\d+-[\w-]+ AS web$`).MatchString(file) {
		t.Error("Node is not a certain version from 20 on, which package.json asks for")
	}
	if last := values["FROM"][len(values["FROM"])-1]; last != "scratch" {
		t.Errorf("the image is made from %s", last)
	}
	// It is nobody in particular, and serves where it is asked.
	user, _, _ := strings.Cut(strings.Join(values["USER"], ""), ":")
	if id, err := strconv.Atoi(user); err != nil || id == 0 {
		t.Errorf("it runs as %q", user)
	}
	listen := readCompose(t).Services["kuplad-one"].Environment["KUPLA_LISTEN"]
	if !strings.HasSuffix(listen, ":"+strings.Join(values["EXPOSE"], "")) {
		t.Errorf("it exposes %v, and listens on %s", values["EXPOSE"], listen)
	}
	if got := kupladRuns(t, "", values["ENV"], "config", "check"); got.code != 0 || len(values["ENV"]) == 0 {
		t.Errorf("ENV %v: %+v", values["ENV"], got)
	}
	if !strings.Contains(file, `CMD ["serve"]`) || !strings.Contains(file, "-X main.version=") {
		t.Error("it does not serve, or does not know its version")
	}
	if main, err := os.ReadFile("../cmd/kuplad/main.go"); err != nil || !strings.Contains(string(main), "\nvar version = ") {
		t.Errorf("the program has no version: %v", err)
	}
}
