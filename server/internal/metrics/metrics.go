package metrics

import (
	"net/http"
	"runtime"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace is what the name of every metric begins with, but for those of the process and of Go.
const namespace = "kupla"

// Metrics are the metrics of one server. A nil one counts nothing, so that whoever is not asked for any pays nothing.
type Metrics struct {
	registry *prometheus.Registry
	calls    *calls
	store    *storeMetrics
	sources  atomic.Pointer[Sources]
}

// New makes the metrics of a server of a version.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.calls = newCalls(m.registry)
	m.store = newStoreMetrics(m.registry)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1: what is running.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(
		build, collector{m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Handler answers with the metrics as Prometheus reads them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.InstrumentMetricHandler(m.registry, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry: m.registry, EnableOpenMetrics: true,
	}))
}

// Gatherer is where the metrics can be read from in the same process.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }
