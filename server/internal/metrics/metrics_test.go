package metrics_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/metrics"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// measured is a server whose metrics are read.
func measured(t *testing.T, options ...apptest.Option) (*apptest.Server, *reader) {
	t.Helper()
	m := metrics.New("1.2.3")
	s := apptest.New(t, append(options, apptest.WithConfig(func(c *app.Config) { c.Metrics = m }))...)
	return s, &reader{t: t, metrics: m}
}

// reader reads metrics as Prometheus does.
type reader struct {
	t       testing.TB
	metrics *metrics.Metrics
}

func (r *reader) families() map[string]*dto.MetricFamily {
	r.t.Helper()
	gathered, err := r.metrics.Gatherer().Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	families := map[string]*dto.MetricFamily{}
	for _, f := range gathered {
		families[f.GetName()] = f
	}
	return families
}

// value is that of the one metric with the labels, given as names and values: of a histogram how many were observed.
func (r *reader) value(name string, labels ...string) float64 {
	r.t.Helper()
	m := r.metric(name, labels...)
	if m == nil {
		r.t.Fatalf("there is no %s%v", name, labels)
	}
	switch {
	case m.GetHistogram() != nil:
		return float64(m.GetHistogram().GetSampleCount())
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue()
	default:
		return m.GetGauge().GetValue()
	}
}

func (r *reader) metric(name string, labels ...string) *dto.Metric {
	r.t.Helper()
	for _, m := range r.families()[name].GetMetric() {
		found := 0
		for i := 0; i < len(labels); i += 2 {
			for _, l := range m.GetLabel() {
				if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
					found++
				}
			}
		}
		if found == len(labels)/2 {
			return m
		}
	}
	return nil
}

func (r *reader) want(want float64, name string, labels ...string) {
	r.t.Helper()
	if got := r.value(name, labels...); got != want {
		r.t.Errorf("%s%v is %v, want %v", name, labels, got, want)
	}
}

const (
	startProcedure  = "/kupla.v1.ConversationService/StartConversation"
	sendProcedure   = "/kupla.v1.ConversationService/SendMessage"
	followProcedure = "/kupla.v1.ConversationService/FollowConversation"
)

// Who waits, who is there and who answers is told by queue, as it is now.
func TestQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := measured(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		first, second := s.Start(apptest.Queue), s.Start(apptest.Queue)
		r.want(2, "kupla_waiting", "queue", apptest.Queue)
		r.want(2, "kupla_waiting_present", "queue", apptest.Queue)
		r.want(1, "kupla_queue_open", "queue", apptest.Queue)
		r.want(0, "kupla_professionals_present", "queue", apptest.Queue)

		// The second one stays, the first one is gone for a minute.
		stream, err := second.Conversation.FollowConversation(t.Context(), &kuplav1.FollowConversationRequest{ConversationId: second.ID})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		r.want(1, "kupla_waiting_present", "queue", apptest.Queue)
		if got := r.value("kupla_longest_wait_seconds", "queue", apptest.Queue); got < 60 || got > 61 {
			t.Errorf("the longest wait is %v s after a minute", got)
		}
		r.want(1, "kupla_open_streams", "kind", "conversation")

		if _, err := nurse.Desk.SetAvailability(t.Context(), &kuplav1.SetAvailabilityRequest{
			RequestId: uuid.NewString(), Availability: kuplav1.Availability_AVAILABILITY_AVAILABLE,
		}); err != nil {
			t.Fatal(err)
		}
		r.want(1, "kupla_professionals_present", "queue", apptest.Queue)
		r.want(1, "kupla_professionals_available", "queue", apptest.Queue)
		if taken := nurse.TakeNext(t); taken.GetId() != second.ID {
			t.Fatalf("took %s", taken.GetId())
		}
		r.want(1, "kupla_waiting", "queue", apptest.Queue)
		r.want(1, "kupla_active_conversations", "queue", apptest.Queue)
		waits := r.metric("kupla_wait_seconds", "queue", apptest.Queue).GetHistogram()
		if waits.GetSampleCount() != 1 || waits.GetSampleSum() < 60 || waits.GetSampleSum() > 61 {
			t.Errorf("the waits are %v, want one of a minute", waits)
		}

		// A return and a second take is no second wait.
		if _, err := nurse.Desk.ReturnToQueue(t.Context(), &kuplav1.ReturnToQueueRequest{
			RequestId: uuid.NewString(), ConversationId: second.ID,
		}); err != nil {
			t.Fatal(err)
		}
		nurse.TakeNext(t)
		r.want(1, "kupla_wait_seconds", "queue", apptest.Queue)
		if _, err := nurse.Desk.CloseConversation(t.Context(), &kuplav1.CloseConversationRequest{
			ConversationId: second.ID, RequestId: uuid.NewString(), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := first.Conversation.LeaveConversation(t.Context(), &kuplav1.LeaveConversationRequest{
			ConversationId: first.ID, RequestId: uuid.NewString(),
		}); err != nil {
			t.Fatal(err)
		}
		drain(t, stream.Receive)
		synctest.Wait()
		r.want(2, "kupla_conversations_started_total", "queue", apptest.Queue)
		r.want(1, "kupla_conversations_closed_total", "queue", apptest.Queue, "reason", "completed")
		r.want(1, "kupla_conversations_closed_total", "queue", apptest.Queue, "reason", "customer_left")
		r.want(1, "kupla_stream_ends_total", "reason", "CONVERSATION_CLOSED")
		r.want(0, "kupla_open_streams", "kind", "conversation")
		r.want(1, "kupla_calls_total", "procedure", followProcedure, "code", "ok")
	})
}

// started is a conversation that began, and said one in which somebody wrote.
func started(id string) store.ConversationChange {
	return store.ConversationChange{After: chat.Start(chat.StartParams{ID: id, QueueID: "oral", Language: "fi", Now: time.Now()})}
}

func said(id string) store.ConversationChange {
	c := started(id)
	c.Before, c.Events = c.After, []chat.Event{{Kind: chat.MessagePosted{Text: "Hei"}}}
	return c
}

// drain reads a stream until it ends by itself.
func drain[F any](t *testing.T, receive func() (F, error)) {
	t.Helper()
	for {
		if _, err := receive(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// Calls are counted by what came of them, and those refused by why. A procedure that there is not is counted, too, and
// not under the name that the caller made up.
func TestCalls(t *testing.T) {
	s, r := measured(t)
	customer := s.Start(apptest.Queue)
	customer.Say(t, customer.ID, "Hei")
	customer.Say(t, customer.ID, "Huomenta")
	if _, err := s.Clients("").Conversation.SendMessage(t.Context(), &kuplav1.SendMessageRequest{
		ConversationId: customer.ID, RequestId: uuid.NewString(), Text: "Hei",
	}); apptest.Reason(err) != "CREDENTIALS_MISSING" {
		t.Fatal(err)
	}
	err := s.RPC.Connect().Call(t.Context(), "/made.up/Name", &connect.CallInfo{}, nil)
	if connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Fatal(err)
	}

	r.want(2, "kupla_calls_total", "procedure", sendProcedure, "code", "ok")
	r.want(1, "kupla_calls_total", "procedure", sendProcedure, "code", "unauthenticated")
	r.want(3, "kupla_call_duration_seconds", "procedure", sendProcedure)
	r.want(1, "kupla_call_duration_seconds", "procedure", startProcedure)
	r.want(1, "kupla_refusals_total", "reason", "CREDENTIALS_MISSING")
	r.want(1, "kupla_refusals_total", "reason", "PROCEDURE_UNKNOWN")
	r.want(0, "kupla_refusals_total", "reason", "INTERNAL")
	r.want(1, "kupla_calls_total", "procedure", "unknown", "code", "unimplemented")
	if r.metric("kupla_calls_total", "procedure", "/made.up/Name") != nil {
		t.Error("a caller has made up a label")
	}
	r.want(2, "kupla_messages_total")
	r.want(1, "kupla_ready")
	r.want(1, "kupla_leader")
	r.want(1, "kupla_build_info", "version", "1.2.3")
}

// What a rate refuses is counted by which rate it was.
func TestRateLimited(t *testing.T) {
	s, r := measured(t, apptest.WithConfig(func(c *app.Config) {
		c.RPC.Limits.ConversationSends = access.Rate{PerSecond: 0.001, Burst: 1}
	}))
	customer := s.Start(apptest.Queue)
	customer.Say(t, customer.ID, "Hei")
	for range 2 {
		_, err := customer.Conversation.SendMessage(t.Context(), &kuplav1.SendMessageRequest{
			ConversationId: customer.ID, RequestId: uuid.NewString(), Text: "Hei",
		})
		apptest.WantReason(t, err, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED)
	}
	r.want(2, "kupla_rate_limited_total", "scope", "conversation_sends")
	r.want(0, "kupla_rate_limited_total", "scope", "token_sends")
	r.want(2, "kupla_refusals_total", "reason", "RATE_LIMITED")
}

// What is refused because too many call altogether is counted apart from what one of them does too much.
func TestOverloaded(t *testing.T) {
	s, r := measured(t, apptest.WithConfig(func(c *app.Config) {
		c.RPC.Admission.Calls = access.Rate{PerSecond: 0.001, Burst: 2}
	}))
	customer := s.Start(apptest.Queue)
	for err := error(nil); err == nil; {
		_, err = customer.Conversation.SendMessage(t.Context(), &kuplav1.SendMessageRequest{
			ConversationId: customer.ID, RequestId: uuid.NewString(), Text: "Hei",
		})
		if err != nil {
			apptest.WantReason(t, err, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_OVERLOADED)
		}
	}
	r.want(1, "kupla_overload_refusals_total", "cause", "rate")
	r.want(0, "kupla_overload_refusals_total", "cause", "room")
	r.want(1, "kupla_refusals_total", "reason", "OVERLOADED")
	r.want(0, "kupla_calls_in_flight")
	r.want(0, "kupla_rate_limited_total", "scope", "address_calls")
}

// Every batch is counted with its size and what it took, and nothing waits when all are answered.
func TestCommits(t *testing.T) {
	s, r := measured(t)
	customer := s.Start(apptest.Queue)
	before := r.value("kupla_commit_batch_changes")
	customer.Say(t, customer.ID, "Hei")
	if got := r.value("kupla_commit_batch_changes"); got != before+1 {
		t.Errorf("%v batches after one more message, want %v", got, before+1)
	}
	for _, name := range []string{"kupla_commit_write_duration_seconds", "kupla_commit_load_duration_seconds"} {
		h := r.metric(name).GetHistogram()
		if h.GetSampleCount() < uint64(before) || h.GetSampleSum() <= 0 || h.GetSampleSum() > 60 {
			t.Errorf("%s is %v", name, h)
		}
	}
	// Of what is refused in the store nothing is written.
	nurse := s.Staff(store.Staff{ID: "nurse"})
	written := r.value("kupla_commit_write_duration_seconds")
	nurse.TakeNext(t)
	_, err := nurse.Desk.TakeConversation(t.Context(), &kuplav1.TakeConversationRequest{
		RequestId: uuid.NewString(), ConversationId: customer.ID,
	})
	if err == nil {
		t.Fatal("taken twice")
	}
	if got := r.value("kupla_commit_write_duration_seconds"); got != written+1 {
		t.Errorf("%v batches were written after a take and a refused one, want %v", got, written+1)
	}
	// The committer counts itself free a moment after it has answered.
	for by := time.Now().Add(5 * time.Second); r.value("kupla_changes_waiting") != 0 && time.Now().Before(by); {
		runtime.Gosched()
	}
	r.want(0, "kupla_changes_waiting")
	r.want(0, "kupla_commit_failures_total")
}

// away is a store that loses its database when it is told to, as one over a network does, and has figures.
type away struct {
	store.Store

	heard time.Time
}

func (a *away) Stats() store.Stats {
	return store.Stats{
		Waiting: 3, Heard: a.heard,
		Connections: &store.Connections{Most: 8, Open: 5, Used: 2, Waits: 7, Waited: 1500 * time.Millisecond},
	}
}

// What a store over a network tells of itself is told.
func TestStoreOverANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := measured(t, apptest.WithStore(func(s store.Store) store.Store { return &away{Store: s, heard: time.Now()} }))
		time.Sleep(4 * time.Second)
		r.want(3, "kupla_changes_waiting")
		r.want(4, "kupla_store_lag_seconds")
		r.want(2, "kupla_store_connections", "state", "used")
		r.want(3, "kupla_store_connections", "state", "idle")
		r.want(8, "kupla_store_connections_max")
		r.want(7, "kupla_store_connection_waits_total")
		r.want(1.5, "kupla_store_connection_wait_seconds_total")
	})
}

// Interruptions are counted once each, and what other servers did is not counted here.
func TestStoreOptions(t *testing.T) {
	m := metrics.New("1")
	r := &reader{t: t, metrics: m}
	var heard []string
	options := m.Store(store.Options{
		Committed:   func([]store.Committed) { heard = append(heard, "committed") },
		Interrupted: func(now bool) { heard = append(heard, map[bool]string{true: "interrupted", false: "back"}[now]) },
		Observed:    func(store.Batch) { heard = append(heard, "observed") },
	})
	for _, now := range []bool{true, true, false, true, false} {
		options.Interrupted(now)
	}
	options.Observed(store.Batch{Failed: true})
	options.Committed([]store.Committed{{Elsewhere: true, Conversations: []store.ConversationChange{started("a")}}})
	options.Committed([]store.Committed{{Conversations: []store.ConversationChange{started("b")}}})
	r.want(2, "kupla_store_interruptions_total")
	r.want(1, "kupla_commit_failures_total")
	r.want(0, "kupla_commit_load_duration_seconds")
	r.want(1, "kupla_conversations_started_total", "queue", "oral")
	want := []string{"interrupted", "interrupted", "back", "interrupted", "back", "observed", "committed", "committed"}
	if !slices.Equal(heard, want) {
		t.Errorf("the server heard %q, want %q", heard, want)
	}
	// Without a server behind them, and without metrics.
	m.Store(store.Options{}).Interrupted(true)
	var none *metrics.Metrics
	if o := none.Store(store.Options{}); o.Committed != nil || o.Observed != nil {
		t.Error("no metrics have the store tell something")
	}
}

// Streams that cannot be told at once are counted when they read the store; those that only begin are not.
func TestFollowersBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := measured(t)
		customer := s.Start(apptest.Queue)
		say := func() (last int32) {
			for range 80 {
				last = customer.Say(t, customer.ID, "Hei").GetSequence()
			}
			return last
		}
		last := say()
		stream, err := customer.Conversation.FollowConversation(t.Context(), &kuplav1.FollowConversationRequest{ConversationId: customer.ID})
		if err != nil {
			t.Fatal(err)
		}
		readTo := func(sequence int32) {
			for {
				f, err := stream.Receive()
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range f.GetEvents().GetEvents() {
					if e.GetSequence() == sequence {
						return
					}
				}
			}
		}
		readTo(last)
		r.want(0, "kupla_follower_reads_total")
		// Nobody reads while more comes than a slot holds.
		last = say()
		synctest.Wait()
		readTo(last)
		synctest.Wait()
		if got := r.value("kupla_follower_reads_total"); got < 1 {
			t.Errorf("%v reads, though the slot was too small", got)
		}
		if got := r.value("kupla_follower_read_events_total"); got < 64 || got > 80 {
			t.Errorf("the stream was %v events behind", got)
		}
		r.want(0, "kupla_followers_behind")
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The metrics are named and described as is the custom, and are few: what grows with people or their doings would be
// noticed here.
func TestMetricsAreWellNamedAndFew(t *testing.T) {
	s, r := measured(t)
	for range 20 {
		customer := s.Start(apptest.Queue)
		customer.Say(t, customer.ID, "Hei")
	}
	few := scrape(t, r.metrics)
	for range 20 {
		s.Start(apptest.Queue)
	}
	if more := scrape(t, r.metrics); strings.Count(more, "\n") != strings.Count(few, "\n") {
		t.Error("there are more metrics when there are more people")
	}
	if n := strings.Count(few, "\n"); n > 1500 {
		t.Errorf("%d lines of metrics", n)
	}
	problems, err := promlint.New(strings.NewReader(few)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "kupla_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// A server that is starting is not ready, and can be asked.
func TestStarting(t *testing.T) {
	r := &reader{t: t, metrics: metrics.New("1")}
	r.want(0, "kupla_ready")
	if r.metric("kupla_waiting") != nil {
		t.Error("a server that is starting knows who waits")
	}
}

// BenchmarkCall is what counting adds to a call: no memory, and a fraction of what the call itself takes.
func BenchmarkCall(b *testing.B) {
	m := metrics.New("1")
	b.ReportAllocs()
	for b.Loop() {
		call, began := m.Begin(sendProcedure), time.Now()
		call.End(nil, time.Since(began))
	}
}

// BenchmarkBatch is what counting adds to a batch of one message.
func BenchmarkBatch(b *testing.B) {
	options := metrics.New("1").Store(store.Options{})
	batch := []store.Committed{{Conversations: []store.ConversationChange{said("a")}}}
	b.ReportAllocs()
	for b.Loop() {
		options.Observed(store.Batch{Changes: 1, Load: time.Millisecond, Commit: time.Millisecond})
		options.Committed(batch)
	}
}
