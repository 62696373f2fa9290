package torture

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/history"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
	"github.com/kupla-chat/kupla/server/internal/demo"
)

// Config is what a run does. All fields are needed but Progress.
type Config struct {
	// Programs is the folder with kuplad, built with the tag torture.
	Programs string
	// Folder is where the run keeps what it needs. A small file system is mounted in it, which takes root's rights.
	Folder string
	// Seed is where all choices come from.
	Seed uint64
	// Faults last at least for Duration and until Messages have been acknowledged.
	Duration time.Duration
	Messages int
	// Steady is for how long the same load goes on without faults afterwards, while it is watched what the server uses.
	Steady time.Duration
	// Customers is how many conversations are open at a time, Professionals how many answer.
	Customers, Professionals int
	// FaultEvery is how long to wait between two faults of the server, about.
	FaultEvery time.Duration
	// Disk is how large the server's file system is, in bytes.
	Disk int64
	// Progress hears how it goes, a line at a time. Nil hears nothing.
	Progress io.Writer
}

const (
	// longest is for how long Messages are waited for beyond Duration, at most this many times as long.
	patience = 4
	// draining is how long conversations have to be closed in the end.
	drainTimeout = 60 * time.Second
)

// queues are those that are used. Between the first two and the third a transfer needs the customer's agreement.
var queues = []string{"emergency-help", "mental-health", "social-guidance"}

// settings is the server's configuration: no limits, and times so short that they come to pass.
const settings = kuplad.Unlimited + `  streams_per_token: 24
times:
  heartbeat: 2s
  presence_grace: 1s
  staff_lost_after: 6s
  customer_expires_after: 25s
  customer_warned_before: 5s
`

// keepPlace is how long a place is kept for a customer who is away.
const keepPlace = 15 * time.Second

// run is one run.
type run struct {
	config  Config
	server  *kuplad.Server
	proxy   *proxy
	clock   *clock
	outages *outages
	disk    *disk
	gate    *rate.Limiter
	began   time.Time

	later    sync.WaitGroup // what is looked at some time after it was done
	acked    atomic.Int64
	streams  atomic.Int64
	calm     atomic.Bool   // no more faults
	calmed   chan struct{} // closed then
	draining atomic.Bool   // no more conversations

	mu        sync.Mutex
	records   map[string]*record
	tokens    []holder // of customers, for strangers to try
	anomalies []history.Anomaly
	counts    map[string]map[string]int // by group and kind
	cursors   []string                  // of desks, for others to try
	unknown   map[string]bool           // first messages of starts of unknown outcome
	numbers   int
}

// Run makes one run and reports. The error tells that it could not be made; anomalies are in the report.
func Run(ctx context.Context, config Config) (report *Report, err error) {
	r := &run{
		config: config, began: time.Now(),
		records: map[string]*record{}, counts: map[string]map[string]int{}, outages: &outages{}, calmed: make(chan struct{}),
		unknown: map[string]bool{},
	}
	if err := os.MkdirAll(config.Folder, 0o700); err != nil {
		return nil, err
	}
	if r.disk, err = mountDisk(filepath.Join(config.Folder, "disk"), config.Disk); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.disk.unmount()) }()
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	defer r.server.Kill()
	defer r.proxy.close()

	report = &Report{Seed: config.Seed, Start: r.began}
	// People stop when told to, and not when the run is broken off half-way.
	people, stop := context.WithCancel(ctx)
	defer stop()
	var at work
	professionals := make([]*professional, config.Professionals)
	for i := range professionals {
		if professionals[i], err = r.newProfessional(ctx, i); err != nil {
			return nil, err
		}
	}
	for i, p := range professionals {
		at.professionals.Go(func() { p.live(people) })
		if i%3 == 0 {
			at.others.Go(func() { p.watchRaw(people) })
		}
	}
	for i := range config.Customers {
		at.customers.Go(func() { r.liveAsCustomers(people, i) })
	}
	at.others.Go(func() { r.tryAsStranger(people, professionals) })

	if err := r.torment(people, professionals, report); err != nil {
		return nil, err
	}
	r.sayf("faults are over; %d messages acknowledged", r.acked.Load())
	r.calm.Store(true)
	close(r.calmed)
	r.proxy.relent()
	if err := r.watchUsage(ctx, report); err != nil {
		return nil, err
	}
	r.sayf("closing conversations; %d messages acknowledged", r.acked.Load())
	r.draining.Store(true)
	r.drain(&at)
	stop()
	at.wait()
	r.later.Wait()
	r.server.Kill() // what was acknowledged is on the disk, whether or not anybody said goodbye
	if err := r.judge(ctx, report); err != nil {
		return nil, err
	}
	return report, nil
}

// work is who is at work.
type work struct{ professionals, customers, others sync.WaitGroup }

func (w *work) wait() {
	w.customers.Wait()
	w.professionals.Wait()
	w.others.Wait()
}

// drain waits until all customers have gone, but not for ever.
func (r *run) drain(at *work) {
	gone := make(chan struct{})
	go func() {
		at.customers.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(drainTimeout):
		r.anomalyf("stuck", "", "conversations are still open %s after everything was well again", drainTimeout)
	}
}

// start starts the server on an empty database, the proxy, and applies a catalogue whose queues are always open.
func (r *run) start(ctx context.Context) error {
	log, err := os.Create(filepath.Join(r.config.Folder, "kuplad.log"))
	if err != nil {
		return err
	}
	if r.server, err = kuplad.In(ctx, r.config.Programs, r.config.Folder, settings, log); err != nil {
		return err
	}
	r.server.Database = filepath.Join(r.disk.folder, "kupla.db")
	if r.server.Debug, err = kuplad.FreeAddress(ctx); err != nil {
		return err
	}
	if r.clock, err = newClock(filepath.Join(r.config.Folder, "clock")); err != nil {
		return err
	}
	r.server.Env = []string{"KUPLAD_CLOCK_FILE=" + r.clock.path}
	if err := r.server.Start(ctx); err != nil {
		return err
	}
	r.proxy, err = startProxy(ctx, r.server.Address, 300*time.Millisecond, 8*time.Second, r.random("proxy"),
		func(kind string) { r.count(faults, kind) })
	if err != nil {
		return err
	}
	perSecond := max(20, float64(r.config.Messages)/r.config.Duration.Seconds()*1.15)
	r.gate = rate.NewLimiter(rate.Limit(perSecond), 50)
	return r.applyCatalogue(ctx)
}

func (r *run) applyCatalogue(ctx context.Context) error {
	catalogue, err := demo.Catalogue()
	if err != nil {
		return err
	}
	var always *kuplav1.OpeningHours
	for _, q := range catalogue.GetQueues() {
		if q.GetId() == "emergency-help" {
			always = q.GetOpeningHours()
		}
	}
	for _, q := range catalogue.GetQueues() {
		q.OpeningHours = always
		q.Capacity = 0
		q.KeepPlaceDuration = duration(keepPlace)
	}
	token, _, err := r.server.Token(ctx, "admin", "--role", "admin")
	if err != nil {
		return err
	}
	admin := kupla.New(r.server.URL(), kupla.WithStaffToken(token))
	defer admin.Close()
	_, err = admin.CatalogueService().ApplyCatalogue(ctx, &kuplav1.ApplyCatalogueRequest{
		RequestId: uuid.NewString(), Catalogue: catalogue,
	})
	if err != nil {
		return fmt.Errorf("apply the catalogue: %w", err)
	}
	return nil
}

// random is a source of choices of one's own, from the run's seed.
func (r *run) random(name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return rand.New(rand.NewPCG(r.config.Seed, h.Sum64())) //nolint:gosec // Chosen to be repeatable.
}

// number gives the next of the numbers by which things are told apart.
func (r *run) number() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.numbers++
	return r.numbers
}

func (r *run) sayf(format string, args ...any) {
	if r.config.Progress != nil {
		fmt.Fprintf(r.config.Progress, "%6.1fs "+format+"\n", append([]any{time.Since(r.began).Seconds()}, args...)...)
	}
}

// anomalyf keeps something that must not be.
func (r *run) anomalyf(kind, conversation, format string, args ...any) {
	a := history.Anomaly{Kind: kind, Conversation: conversation, Detail: fmt.Sprintf(format, args...)}
	r.mu.Lock()
	r.anomalies = append(r.anomalies, a)
	r.mu.Unlock()
	r.sayf("ANOMALY %s %s: %s", a.Kind, a.Conversation, a.Detail)
}

// The groups of what is counted.
const (
	faults   = "faults"
	refusals = "refusals"
	trials   = "trials"
	ends     = "stream ends"
	losses   = "followers' lost connections"
)

func (r *run) count(group, kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts[group] == nil {
		r.counts[group] = map[string]int{}
	}
	r.counts[group][kind]++
}

// pause waits, unless ctx ends first; then it reports false.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// away waits like pause, but only while there are faults: then whoever is away comes back.
func (r *run) away(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.calmed:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// between is a random time.
func between(random *rand.Rand, shortest, longest time.Duration) time.Duration {
	return shortest + time.Duration(random.Int64N(int64(longest-shortest)))
}
