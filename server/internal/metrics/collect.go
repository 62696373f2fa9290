package metrics

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// readyTimeout is how long it may take to find out whether the server can serve. Prometheus gives up after ten seconds.
const readyTimeout = 2 * time.Second

// Sources are where the metrics find what stands somewhere anyway.
type Sources struct {
	Board *board.Board
	RPC   *rpc.Server
	Store store.Store
	Now   func() time.Time
}

// Observe has the metrics read a server's sources from now on. On nil it does nothing.
func (m *Metrics) Observe(sources Sources) {
	if m != nil {
		m.sources.Store(&sources)
	}
}

// figure is a metric that is read when somebody asks.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) figure {
	return figure{prometheus.NewDesc(namespace+"_"+name, help, labels, nil), prometheus.GaugeValue}
}

func counted(name, help string, labels ...string) figure {
	return figure{prometheus.NewDesc(namespace+"_"+name, help, labels, nil), prometheus.CounterValue}
}

func (f figure) tell(to chan<- prometheus.Metric, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
}

// The figures that are read.
var (
	queueOpen = gauge("queue_open", "1 while conversations may be started in a queue. Every server tells it.", "queue")
	waiting   = gauge("waiting", "How many wait in a queue now. Every server tells it.", "queue")
	here      = gauge("waiting_present",
		"How many of those who wait in a queue are there; the places of the others are held. Every server tells it.", "queue")
	longestWait = gauge("longest_wait_seconds",
		"For how long the one has waited now who has waited longest in a queue; 0 when nobody waits. Every server tells it.", "queue")
	active = gauge("active_conversations",
		"How many conversations of a queue are being answered now. Every server tells it.", "queue")
	professionalsPresent = gauge("professionals_present",
		"How many professionals of a queue are there. Every server tells it.", "queue")
	professionalsAvailable = gauge("professionals_available",
		"How many professionals of a queue are there, take conversations and have room for one more. Every server tells it.", "queue")

	rateLimited = counted("rate_limited_total",
		"Calls that this server has refused because their caller made too many, by what is limited.", "scope")
	limitedCallers = gauge("rate_limit_callers", "Callers that this server remembers, by what is limited.", "scope")
	forgotten      = counted("rate_limit_forgotten_total",
		"Callers whom this server has forgotten because there were too many, by what is limited.", "scope")
	inFlight     = gauge("calls_in_flight", "Calls that this server is working on now.")
	callsWaiting = gauge("calls_waiting", "Calls that wait for their turn on this server because too many are being worked on.")
	overloaded   = counted("overload_refusals_total",
		"Calls that this server has refused because there were too many: altogether a second (rate), or at once (room).", "cause")
	behind = gauge("followers_behind",
		"Streams of this server that are reading from the store now what they could not be told at once.")
	behindReads = counted("follower_reads_total",
		"How often a stream of this server had to read from the store what it could not be told at once.")
	behindEvents = counted("follower_read_events_total",
		"How many events these streams were behind, together.")
	streamEnds = counted("stream_ends_total", "Streams that this server has ended, by what they were told.", "reason")
	ready      = gauge("ready", "1 while this server can serve, as its health service tells.")

	leader      = gauge("leader", "1 on the server that does what time does, as closing what nobody comes back to. One has it.")
	interrupted = gauge("store_interrupted", "1 while this server cannot use the database.")
	changes     = gauge("changes_waiting", "Changes that this server has accepted and not answered yet.")
	lag         = gauge("store_lag_seconds",
		"How long ago it was last known that this server has missed nothing of what others committed; told of PostgreSQL only.")
	connections = gauge("store_connections", "Connections for reading that this server has to the database, by state.", "state")
	mostOpen    = gauge("store_connections_max", "How many connections for reading this server may have to the database.")
	waits       = counted("store_connection_waits_total", "How often somebody has waited for a connection to the database.")
	waited      = counted("store_connection_wait_seconds_total", "How long they have waited, together.")
)

// all are the figures, for whoever asks what there is.
var all = []figure{
	queueOpen, waiting, here, longestWait, active, professionalsPresent, professionalsAvailable,
	rateLimited, limitedCallers, forgotten, inFlight, callsWaiting, overloaded, behind, behindReads, behindEvents, streamEnds, ready,
	leader, interrupted, changes, lag, connections, mostOpen, waits, waited,
}

// collector reads the figures.
type collector struct{ *Metrics }

// Describe is prometheus.Collector's.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, f := range all {
		to <- f.desc
	}
}

// Collect is prometheus.Collector's.
func (c collector) Collect(to chan<- prometheus.Metric) {
	s := c.sources.Load()
	if s == nil {
		ready.tell(to, 0) // it is starting
		return
	}
	collectQueues(to, s.Board)
	collectServer(to, s.RPC)
	leader.tell(to, number(s.Store.Leads()))
	interrupted.tell(to, number(c.store.interrupted.Load()))
	if watched, ok := s.Store.(store.Watched); ok {
		collectStore(to, watched.Stats(), s.Now())
	}
}

func collectQueues(to chan<- prometheus.Metric, b *board.Board) {
	for _, q := range b.Figures() {
		queueOpen.tell(to, number(q.Open), q.QueueID)
		waiting.tell(to, float64(q.Waiting), q.QueueID)
		here.tell(to, float64(q.Here), q.QueueID)
		longestWait.tell(to, q.Longest.Seconds(), q.QueueID)
		active.tell(to, float64(q.Active), q.QueueID)
		professionalsPresent.tell(to, float64(q.Present), q.QueueID)
		professionalsAvailable.tell(to, float64(q.Available), q.QueueID)
	}
}

func collectServer(to chan<- prometheus.Metric, s *rpc.Server) {
	f := s.Figures()
	for _, l := range f.Limits {
		rateLimited.tell(to, float64(l.Refused), l.Scope.String())
		limitedCallers.tell(to, float64(l.Keys), l.Scope.String())
		forgotten.tell(to, float64(l.Forgotten), l.Scope.String())
	}
	inFlight.tell(to, float64(f.CallsInFlight))
	callsWaiting.tell(to, float64(f.CallsWaiting))
	overloaded.tell(to, float64(f.RefusedByRate), "rate")
	overloaded.tell(to, float64(f.RefusedByRoom), "room")
	behind.tell(to, float64(f.Behind))
	behindReads.tell(to, float64(f.BehindReads))
	behindEvents.tell(to, float64(f.BehindEvents))
	for reason, n := range f.StreamEnds {
		streamEnds.tell(to, float64(n), strings.TrimPrefix(reason.String(), "GO_AWAY_REASON_"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	ready.tell(to, number(s.Ready(ctx)))
}

func collectStore(to chan<- prometheus.Metric, stats store.Stats, now time.Time) {
	changes.tell(to, float64(stats.Waiting))
	if stats.Heard.Unix() > 0 { // at the start nothing has been heard
		lag.tell(to, max(0, now.Sub(stats.Heard).Seconds()))
	}
	if c := stats.Connections; c != nil {
		connections.tell(to, float64(c.Used), "used")
		connections.tell(to, float64(c.Open-c.Used), "idle")
		mostOpen.tell(to, float64(c.Most))
		waits.tell(to, float64(c.Waits))
		waited.tell(to, c.Waited.Seconds())
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
