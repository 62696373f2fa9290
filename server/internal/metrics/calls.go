package metrics

import (
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/prometheus/client_golang/prometheus"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/reflect/protoreflect"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	kuplav1connect "github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
	"github.com/kupla-chat/kupla/server/internal/rpc"
)

const (
	// unknown stands for a procedure that there is not: callers may make up any name.
	unknown = "unknown"
	// codes is how many codes there are, OK among them.
	codes = int(connect.CodeUnauthenticated) + 1
)

// streamKinds names the streams of the contract.
var streamKinds = map[string]string{
	kuplav1connect.ConversationServiceFollowConversationProcedure: "conversation",
	kuplav1connect.DeskServiceWatchDeskProcedure:                  "desk",
	kuplav1connect.QueueServiceWatchQueuesProcedure:               "queues",
	healthpb.Health_Watch_FullMethodName:                          "health",
}

// callSeconds bound the histogram of calls: from what a call costs that is answered from memory, over what a batch
// takes, to what nobody waits for.
var callSeconds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// calls counts calls.
type calls struct {
	total      *prometheus.CounterVec
	reasons    map[string]prometheus.Counter
	otherwise  prometheus.Counter
	procedures map[string]*procedure
	unknown    *procedure
}

// procedure is what is counted of one procedure.
type procedure struct {
	name  string
	calls *calls
	// ended counts by code. Most codes never come, so each is looked up when it comes first.
	ended [codes]atomic.Pointer[prometheus.Counter]
	// duration is of calls with one answer, open of streams.
	duration prometheus.Observer
	open     prometheus.Gauge
}

func newCalls(registry prometheus.Registerer) *calls {
	c := &calls{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "calls_total",
			Help: "Calls answered by this server, by procedure and by code; a stream counts when it ends.",
		}, []string{"procedure", "code"}),
		reasons: map[string]prometheus.Counter{}, procedures: map[string]*procedure{},
	}
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "call_duration_seconds",
		Help: "How long calls with one answer took on this server, by procedure, the refused ones included.", Buckets: callSeconds,
	}, []string{"procedure"})
	open := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "open_streams", Help: "Streams that are open on this server, by what they follow.",
	}, []string{"kind"})
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "refusals_total",
		Help: "Calls that this server has refused, by the reason of the contract.",
	}, []string{"reason"})
	registry.MustRegister(c.total, durations, open, refused)

	const prefix = len("ERROR_REASON_")
	for _, reason := range kuplav1.ErrorReason_name {
		c.reasons[reason[prefix:]] = refused.WithLabelValues(reason[prefix:])
	}
	c.otherwise = c.reasons[kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED.String()[prefix:]]
	for path, method := range methods() {
		p := &procedure{name: path, calls: c}
		if method.IsStreamingServer() {
			p.open = open.WithLabelValues(streamKinds[path])
		} else {
			p.duration = durations.WithLabelValues(path)
		}
		c.counter(p, 0)
		c.procedures[path] = p
	}
	c.unknown = &procedure{name: unknown, calls: c, duration: durations.WithLabelValues(unknown)}
	return c
}

// methods are those of the contract and of the standard health service, by their paths.
func methods() map[string]protoreflect.MethodDescriptor {
	found := map[string]protoreflect.MethodDescriptor{}
	for _, file := range []protoreflect.FileDescriptor{
		kuplav1.File_kupla_v1_queue_service_proto, kuplav1.File_kupla_v1_conversation_service_proto,
		kuplav1.File_kupla_v1_desk_service_proto, kuplav1.File_kupla_v1_feedback_service_proto,
		kuplav1.File_kupla_v1_catalogue_service_proto, healthpb.File_grpc_health_v1_health_proto,
	} {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				found["/"+string(service.FullName())+"/"+string(method.Name())] = method
			}
		}
	}
	return found
}

// counter is where calls of a procedure that end with a code are counted.
func (c *calls) counter(p *procedure, code connect.Code) prometheus.Counter {
	if int(code) >= codes {
		code = connect.CodeUnknown
	}
	if counter := p.ended[code].Load(); counter != nil {
		return *counter
	}
	name := "ok"
	if code != 0 {
		name = code.String()
	}
	counter := c.total.WithLabelValues(p.name, name)
	p.ended[code].Store(&counter)
	return counter
}

// Begin is rpc.Counter's.
func (m *Metrics) Begin(path string) rpc.CountedCall {
	p := m.calls.procedures[path]
	if p == nil {
		p = m.calls.unknown
	}
	if p.open != nil {
		p.open.Inc()
	}
	return p
}

// End is rpc.CountedCall's.
func (p *procedure) End(err error, took time.Duration) {
	if p.open != nil {
		p.open.Dec()
	} else {
		p.duration.Observe(took.Seconds())
	}
	p.calls.end(p, err)
}

// end counts a call by what came of it.
func (c *calls) end(p *procedure, err error) {
	if err == nil {
		c.counter(p, 0).Inc()
		return
	}
	c.counter(p, connect.CodeOf(err)).Inc()
	refusal, ok := c.reasons[rpc.Reason(err)]
	if !ok {
		refusal = c.otherwise
	}
	refusal.Inc()
}
