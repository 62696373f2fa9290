package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

var (
	// commitSeconds bound the histograms of what a batch takes: from a good disk's sync to a database that is being
	// given up.
	commitSeconds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}
	// batchChanges bound the histogram of how many changes a batch takes in.
	batchChanges = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
	// waitSeconds bound the histogram of how long people have waited.
	waitSeconds = []float64{10, 30, 60, 120, 300, 600, 900, 1200, 1800, 2700, 3600, 7200}
)

// closeReasons names the reasons for which conversations are closed.
var closeReasons = map[chat.CloseReason]string{
	chat.Completed: "completed", chat.CustomerLeft: "customer_left", chat.Abandoned: "abandoned",
	chat.NotReached: "not_reached", chat.RedirectedToPhone: "redirected_to_phone", chat.EndedByStaff: "ended_by_staff",
	chat.Expired: "expired",
}

// storeMetrics counts what the store tells of.
type storeMetrics struct {
	changes, load, commit prometheus.Histogram
	failures              prometheus.Counter

	interrupted   atomic.Bool
	interruptions prometheus.Counter

	messages        prometheus.Counter
	started, closed *prometheus.CounterVec
	waits           *prometheus.HistogramVec
}

func newStoreMetrics(registry prometheus.Registerer) *storeMetrics {
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
	}
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}
	}
	s := &storeMetrics{
		changes: histogram("commit_batch_changes", "How many changes this server committed at once.", batchChanges),
		load: histogram("commit_load_duration_seconds",
			"How long a batch of this server took to lock and read what its changes need.", commitSeconds),
		commit: histogram("commit_write_duration_seconds",
			"How long a batch of this server took to be written and made durable.", commitSeconds),
		failures: prometheus.NewCounter(counter("commit_failures_total",
			"Batches of this server that came to nothing: the database was away, refused one, or another server was in the way.")),
		interruptions: prometheus.NewCounter(counter("store_interruptions_total", "How often this server has lost the database.")),
		messages:      prometheus.NewCounter(counter("messages_total", "Messages that were sent to this server and are stored.")),
		started: prometheus.NewCounterVec(counter("conversations_started_total",
			"Conversations started on this server, by queue."), []string{"queue"}),
		closed: prometheus.NewCounterVec(counter("conversations_closed_total",
			"Conversations closed by this server, by queue and by why."), []string{"queue", "reason"}),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "wait_seconds",
			Help:    "How long people had waited whom a professional took on this server, by queue; returns and transfers do not count.",
			Buckets: waitSeconds,
		}, []string{"queue"}),
	}
	registry.MustRegister(s.changes, s.load, s.commit, s.failures, s.interruptions, s.messages, s.started, s.closed, s.waits)
	return s
}

// Store has the metrics hear what a store tells that is opened with the options returned.
func (m *Metrics) Store(options store.Options) store.Options {
	if m == nil {
		return options
	}
	committed, interrupted, observed := options.Committed, options.Interrupted, options.Observed
	options.Committed = func(batch []store.Committed) {
		if committed != nil {
			committed(batch)
		}
		m.store.committed(batch)
	}
	options.Interrupted = func(now bool) {
		if now && m.store.interrupted.CompareAndSwap(false, true) {
			m.store.interruptions.Inc()
		}
		m.store.interrupted.Store(now)
		if interrupted != nil {
			interrupted(now)
		}
	}
	options.Observed = func(b store.Batch) {
		if observed != nil {
			observed(b)
		}
		m.store.batch(b)
	}
	return options
}

func (s *storeMetrics) batch(b store.Batch) {
	if b.Failed {
		s.failures.Inc()
		return
	}
	s.load.Observe(b.Load.Seconds())
	if b.Commit > 0 {
		s.changes.Observe(float64(b.Changes))
		s.commit.Observe(b.Commit.Seconds())
	}
}

// committed counts what became of conversations by calls of this server.
func (s *storeMetrics) committed(batch []store.Committed) {
	messages := 0
	for i := range batch {
		if batch[i].Elsewhere {
			continue // counted there
		}
		for j := range batch[i].Conversations {
			c := &batch[i].Conversations[j]
			for k := range c.Events {
				if _, ok := c.Events[k].Kind.(chat.MessagePosted); ok {
					messages++
				}
			}
			s.change(c.Before, c.After)
		}
	}
	if messages > 0 {
		s.messages.Add(float64(messages))
	}
}

// change counts what became of one conversation.
func (s *storeMetrics) change(before, after *chat.Conversation) {
	if before == nil {
		s.started.WithLabelValues(after.QueueID).Inc()
	} else if before.State == after.State {
		return
	}
	switch {
	case after.State == chat.Active && before != nil && before.TakeTime.IsZero():
		s.waits.WithLabelValues(after.QueueID).Observe(after.TakeTime.Sub(after.CreateTime).Seconds())
	case after.State == chat.Closed:
		reason, ok := closeReasons[after.CloseReason]
		if !ok {
			reason = unknown
		}
		s.closed.WithLabelValues(after.QueueID, reason).Inc()
	}
}
