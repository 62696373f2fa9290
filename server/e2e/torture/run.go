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

	"golang.org/x/time/rate"

	"github.com/kupla-chat/kupla/server/e2e/cluster"
	"github.com/kupla-chat/kupla/server/e2e/history"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
)

// Config is what a run does. All fields are needed but Progress.
type Config struct {
	// Programs is the folder with kuplad, built with the tag torture. A cluster needs no tag.
	Programs string
	// Folder is where the run keeps what it needs. Without a cluster, a small file system is mounted in it, which takes
	// root's rights.
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
	// Cluster has several servers share a PostgreSQL, instead of one server with a SQLite file. Nil has not.
	Cluster *Cluster
	// Progress hears how it goes, a line at a time. Nil hears nothing.
	Progress io.Writer
}

const (
	// patience is for how many times Duration it is waited for Messages at most.
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
	server  *kuplad.Server // without a cluster
	cluster *cluster.Cluster
	servers []*kuplad.Server
	admin   *kuplad.Server // for the commands of administrators
	proxy   *proxy
	clock   *clock
	outages *outages // of the servers
	// interruptions are when servers could not use the database, or not hear of each other.
	interruptions *outages
	disk          *disk
	gate          *rate.Limiter
	began         time.Time

	later   sync.WaitGroup // what is looked at some time after it was done
	acked   atomic.Int64
	streams atomic.Int64
	// interrupted is how often followers were told that the service is interrupted.
	interrupted atomic.Int64
	calm        atomic.Bool   // no more faults
	calmed      chan struct{} // closed then
	draining    atomic.Bool   // no more conversations

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
		records: map[string]*record{}, counts: map[string]map[string]int{},
		outages: &outages{}, interruptions: &outages{}, calmed: make(chan struct{}),
		unknown: map[string]bool{},
	}
	if err := os.MkdirAll(config.Folder, 0o700); err != nil {
		return nil, err
	}
	if config.Cluster == nil {
		if r.disk, err = mountDisk(filepath.Join(config.Folder, "disk"), config.Disk); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.disk.unmount()) }()
	}
	end, err := r.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	defer r.proxy.close()

	report = &Report{Seed: config.Seed, Start: r.began}
	if config.Cluster != nil {
		report.Scenario, report.Servers = config.Cluster.Name, len(r.servers)
	}
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
	for _, s := range r.servers {
		s.Kill() // what was acknowledged is on the disk, whether or not anybody said goodbye
	}
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

// start starts the servers on an empty database, the proxy, and applies a catalogue whose queues are always open. What
// it returns ends the servers.
func (r *run) start(ctx context.Context) (end func() error, err error) {
	if r.clock, err = newClock(filepath.Join(r.config.Folder, "clock")); err != nil {
		return nil, err
	}
	if r.config.Cluster != nil {
		if err := r.startCluster(ctx); err != nil {
			return nil, err
		}
		end = r.cluster.Close
	} else {
		if err := r.startAlone(ctx); err != nil {
			return nil, err
		}
		end = func() error {
			r.server.Kill()
			return nil
		}
	}
	var targets []string
	for _, s := range r.servers {
		targets = append(targets, s.Address)
	}
	r.proxy, err = startProxy(ctx, targets, 300*time.Millisecond, 8*time.Second, r.random("proxy"),
		func(kind string) { r.count(faults, kind) })
	if err != nil {
		return nil, errors.Join(err, end())
	}
	r.proxy.calm = r.gentle()
	perSecond := max(20, float64(r.config.Messages)/r.config.Duration.Seconds()*1.15)
	r.gate = rate.NewLimiter(rate.Limit(perSecond), 50)
	if err := kuplad.ApplyCatalogue(ctx, r.admin, r.servers[0], keepPlace); err != nil {
		r.proxy.close()
		return nil, errors.Join(err, end())
	}
	return end, nil
}

// startAlone starts the one server.
func (r *run) startAlone(ctx context.Context) error {
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
	r.servers, r.admin = []*kuplad.Server{r.server}, r.server
	r.server.Env = []string{"KUPLAD_CLOCK_FILE=" + r.clock.path}
	return r.server.Start(ctx)
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
