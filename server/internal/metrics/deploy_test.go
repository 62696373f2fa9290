package metrics_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

const deployFolder = "../../../deploy/"

// dashboard is what of Grafana's model a dashboard must have.
type dashboard struct {
	Title      string `json:"title"`
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Type  string `json:"type"`
			Query string `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID          int         `json:"id"`
		Type        string      `json:"type"`
		Title       string      `json:"title"`
		Description string      `json:"description"`
		Datasource  *datasource `json:"datasource"`
		GridPos     struct {
			X int `json:"x"`
			W int `json:"w"`
		} `json:"gridPos"`
		Targets []struct {
			Expr       string      `json:"expr"`
			Datasource *datasource `json:"datasource"`
		} `json:"targets"`
	} `json:"panels"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// alerts is what of Prometheus' rule files alerts must have.
type alerts struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	data, err := os.ReadFile(deployFolder + "grafana/kupla.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func readAlerts(t *testing.T) alerts {
	t.Helper()
	data, err := os.ReadFile(deployFolder + "prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var a alerts
	if err := decoder.Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

// exposed are the metrics of a server with some traffic and a store over a network.
func exposed(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	if once != nil {
		return once
	}
	s, r := measured(t, apptest.WithStore(func(s store.Store) store.Store { return &away{Store: s, heard: time.Now()} }))
	nurse := s.Staff(store.Staff{ID: "nurse"})
	customer := s.Start(apptest.Queue)
	nurse.TakeNext(t)
	nurse.Say(t, customer.ID, "Hei")
	if _, err := nurse.Desk.CloseConversation(t.Context(), &kuplav1.CloseConversationRequest{
		ConversationId: customer.ID, RequestId: uuid.NewString(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
	}); err != nil {
		t.Fatal(err)
	}
	once = r.families()
	return once
}

// once is what exposed has found: it is the same for every test.
var once map[string]*dto.MetricFamily

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	selector = regexp.MustCompile(`\b((?:kupla|go|process)_[a-z0-9_]+|up)\b(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
	grouping = regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
	word     = regexp.MustCompile(`[a-z_]+`)
)

// given are the labels that Prometheus adds to every metric.
var given = []string{"job", "instance"}

// checkExpression finds what an expression asks for that no server has: metrics, labels of theirs, and values of labels.
func checkExpression(t testing.TB, where, expression string, families map[string]*dto.MetricFamily) {
	t.Helper()
	if strings.Count(expression, "(") != strings.Count(expression, ")") || strings.Count(expression, "{") != strings.Count(expression, "}") {
		t.Errorf("%s: unbalanced: %s", where, expression)
	}
	found := selector.FindAllStringSubmatch(grouping.ReplaceAllString(expression, ""), -1)
	if len(found) == 0 {
		t.Errorf("%s: asks for no metric: %s", where, expression)
	}
	labels := slices.Clone(given)
	for _, m := range found {
		name, histogram := m[1], false
		if name == "up" {
			continue // Prometheus' own
		}
		family := families[name]
		if base, ok := strings.CutSuffix(name, "_bucket"); ok && family == nil {
			family, histogram = families[base], true
		}
		switch {
		case family == nil:
			t.Errorf("%s: no server has %s", where, name)
			continue
		case histogram != (family.GetType() == dto.MetricType_HISTOGRAM):
			t.Errorf("%s: %s is a %v", where, name, family.GetType())
		case family.GetType() == dto.MetricType_COUNTER && !strings.Contains(expression, "rate(") && !strings.Contains(expression, "increase("):
			t.Errorf("%s: %s is a counter, and only its rate tells something", where, name)
		}
		if histogram {
			labels = append(labels, "le")
		}
		values := map[string][]string{}
		for _, one := range family.GetMetric() {
			for _, l := range one.GetLabel() {
				values[l.GetName()] = append(values[l.GetName()], l.GetValue())
			}
		}
		for label := range values {
			labels = append(labels, label)
		}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			label, operator, value := l[1], l[2], l[3]
			switch {
			case slices.Contains(given, label):
			case values[label] == nil:
				t.Errorf("%s: %s has no label %s", where, name, label)
			case operator == "=" && !slices.Contains(values[label], value):
				t.Errorf("%s: %s has no %s %q, only %q", where, name, label, value, values[label])
			}
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(quoted.ReplaceAllString(expression, ""), -1) {
		for _, label := range word.FindAllString(g[1], -1) {
			if !slices.Contains(labels, label) {
				t.Errorf("%s: groups by %s, which none of its metrics has", where, label)
			}
		}
	}
}

// The dashboard asks for metrics that servers have, through a data source that is chosen when it is imported.
func TestDashboard(t *testing.T) {
	d, families := readDashboard(t), exposed(t)
	if d.Title == "" || d.UID == "" || len(d.Panels) < 20 {
		t.Fatalf("it is called %q, %q, and has %d panels", d.Title, d.UID, len(d.Panels))
	}
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
		if v.Type == "query" {
			checkExpression(t, "the variable "+v.Name, v.Query, families)
		}
	}
	if variables["datasource"] != "datasource" {
		t.Error("the data source is not a variable")
	}
	asked := map[string]bool{}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("the panel %d, %q, cannot be shown", p.ID, p.Title)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 || p.Datasource == nil || p.Datasource.UID != "${datasource}" {
			t.Errorf("the panel %q is not described, asks for nothing, or not the data source that is chosen", p.Title)
		}
		for _, target := range p.Targets {
			if target.Datasource == nil || target.Datasource.UID != "${datasource}" {
				t.Errorf("the panel %q does not ask the data source that is chosen", p.Title)
			}
			checkExpression(t, "the panel "+p.Title, target.Expr, families)
			for _, m := range selector.FindAllStringSubmatch(target.Expr, -1) {
				asked[m[1]], asked[strings.TrimSuffix(m[1], "_bucket")] = true, true
			}
		}
	}
	for name := range families {
		if strings.HasPrefix(name, "kupla_") && !asked[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// Every alert asks for metrics that servers have, and tells whoever is called what it is about and what to do.
func TestAlerts(t *testing.T) {
	a, families := readAlerts(t), exposed(t)
	names := map[string]bool{}
	for _, g := range a.Groups {
		for _, r := range g.Rules {
			checkExpression(t, r.Alert, r.Expr, families)
			if names[r.Alert] || !strings.HasPrefix(r.Alert, "Kupla") {
				t.Errorf("%q is no name, or that of another alert", r.Alert)
			}
			names[r.Alert] = true
			if r.For != "" {
				if _, err := time.ParseDuration(r.For); err != nil {
					t.Errorf("%s: %v", r.Alert, err)
				}
			}
			if severity := r.Labels["severity"]; severity != "page" && severity != "look" {
				t.Errorf("%s has the severity %q", r.Alert, severity)
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s does not tell what to do", r.Alert)
			}
		}
	}
	for _, name := range []string{
		"KuplaNobodyAnswers", "KuplaCommitsSlow", "KuplaInterrupted", "KuplaOverloaded", "KuplaNotReady", "KuplaNoLeader",
	} {
		if !names[name] {
			t.Errorf("there is no alert %s", name)
		}
	}
}

// The scrape configuration can be read, and names the file of the alerts.
func TestScrapeConfiguration(t *testing.T) {
	data, err := os.ReadFile(deployFolder + "prometheus/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Scrape []struct {
			Job     string `yaml:"job_name"`
			Targets []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
		Rules []string `yaml:"rule_files"`
	}
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Scrape) != 1 || c.Scrape[0].Job != "kupla" || len(c.Scrape[0].Targets) != 1 || !slices.Equal(c.Rules, []string{"alerts.yml"}) {
		t.Errorf("it is %+v", c)
	}
}

// Every metric that the operating document names is one that servers have, and the alerts' metrics are all in it.
func TestOperatingDocumentNamesMetrics(t *testing.T) {
	data, err := os.ReadFile("../../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(data), "\n## What to watch\n")
	if !found {
		t.Fatal("the document does not tell what to watch")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	families := exposed(t)
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`((?:kupla|go|process)_[a-z0-9_]+)`").FindAllStringSubmatch(section, -1) {
		named[m[1]] = true
		if families[m[1]] == nil {
			t.Errorf("no server has %s", m[1])
		}
	}
	for _, g := range readAlerts(t).Groups {
		for _, r := range g.Rules {
			for _, m := range selector.FindAllStringSubmatch(r.Expr, -1) {
				if name := strings.TrimSuffix(m[1], "_bucket"); name != "up" && !named[name] {
					t.Errorf("%s asks for %s, and the document does not tell what it is", r.Alert, name)
				}
			}
		}
	}
}

// What is wrong with an expression is found.
func TestExpressionsAreChecked(t *testing.T) {
	families := exposed(t)
	for _, wrong := range []string{
		"kupla_wating", "sum(kupla_waiting", "kupla_waiting{que=\"x\"}", "kupla_refusals_total", "vector(1)",
		"sum by (color) (kupla_waiting)", `rate(kupla_refusals_total{reason="NONE_SUCH"}[5m])`, "rate(kupla_wait_seconds[5m])",
	} {
		found := &countingTB{TB: t}
		checkExpression(found, "the test", wrong, families)
		if found.errors == 0 {
			t.Errorf("nothing is wrong with %s", wrong)
		}
	}
}

// countingTB counts the errors of a check that is to fail.
type countingTB struct {
	testing.TB

	errors int
}

func (c *countingTB) Errorf(string, ...any) { c.errors++ }
