package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kupla-chat/kupla/server/e2e/cluster"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
)

// Cluster is how several servers share a PostgreSQL, and what is done to them.
type Cluster struct {
	// Name says in words what is done.
	Name string
	// Servers is how many there are.
	Servers int
	// Standby keeps a synchronous standby of PostgreSQL.
	Standby bool
	// Faults are what is done, each before any is done again.
	Faults []Fault
	// Rough harms the clients' connections, too. Otherwise nothing is done to them, and each stream that ends must have
	// been told why, or have been on a server that was killed.
	Rough bool
}

// Fault is something that is done to a cluster.
type Fault string

// The faults of clusters.
const (
	// KillServer is kill -9 and a start, of one server after the other.
	KillServer Fault = "server killed"
	// DrainServer is SIGTERM and a start, of one server after the other.
	DrainServer Fault = "server drained"
	// FreezeServer is SIGSTOP for a time.
	FreezeServer Fault = "server frozen"
	// RestartDatabase is PostgreSQL stopped `immediate` and started.
	RestartDatabase Fault = "PostgreSQL restarted"
	// LoseListening ends the connection by which a server hears of the others, and keeps it away.
	LoseListening Fault = "listening connection kept away"
	// HoldPackets passes nothing on between a server and PostgreSQL for some seconds.
	HoldPackets Fault = "packets to PostgreSQL held up"
	// CutDatabase ends all connections between a server and PostgreSQL.
	CutDatabase Fault = "connections to PostgreSQL cut"
	// FailOver is the primary killed and the standby promoted. It needs one.
	FailOver Fault = "standby promoted"
)

// Scenarios are what is done to clusters, one by one, and then all at once.
func Scenarios() []Cluster {
	return []Cluster{
		{Name: "servers killed", Servers: 2, Faults: []Fault{KillServer}},
		{Name: "servers drained", Servers: 2, Faults: []Fault{DrainServer}},
		{Name: "PostgreSQL restarted", Servers: 2, Faults: []Fault{RestartDatabase}},
		{Name: "listening connections away", Servers: 2, Faults: []Fault{LoseListening}},
		{Name: "packets to PostgreSQL held up", Servers: 2, Faults: []Fault{HoldPackets, CutDatabase}},
		{Name: "primary killed, standby promoted", Servers: 2, Standby: true, Faults: []Fault{FailOver}},
		{
			Name: "everything at once", Servers: 2, Standby: true, Rough: true, Faults: []Fault{
				KillServer, KillServer, DrainServer, FreezeServer, RestartDatabase, LoseListening, HoldPackets, CutDatabase, FailOver,
			},
		},
	}
}

// gentle reports whether the clients' connections are left alone.
func (r *run) gentle() bool { return r.config.Cluster != nil && !r.config.Cluster.Rough }

// heardWithin is how much later than one server another one may know what happened, while nothing is done to their
// lines.
const heardWithin = time.Second

// drainQuickly is how servers stop in order here.
const drainQuickly = `drain: {delay: 200ms, spread: 1s}
`

// startCluster starts PostgreSQL and the servers.
func (r *run) startCluster(ctx context.Context) (err error) {
	r.cluster, err = cluster.Start(ctx, cluster.Options{
		Programs: r.config.Programs, Folder: r.config.Folder, Config: settings + drainQuickly,
		Servers: r.config.Cluster.Servers, Standby: r.config.Cluster.Standby,
	})
	if err != nil {
		return err
	}
	r.servers = r.cluster.Servers
	r.admin = r.cluster.Admin()
	return nil
}

// clusterFaults are what is to be done to a cluster next; nothing when there is none.
func (r *run) clusterFaults(ctx context.Context, random *rand.Rand, report *Report) []func() error {
	if r.cluster == nil {
		return nil
	}
	var deck []func() error
	for _, f := range r.config.Cluster.Faults {
		do := map[Fault]func(context.Context, *rand.Rand, *Report) error{
			KillServer: r.killOne, DrainServer: r.drainOne, FreezeServer: r.freezeOne, RestartDatabase: r.restartDatabase,
			LoseListening: r.loseListening, HoldPackets: r.holdPackets, CutDatabase: r.cutDatabase, FailOver: r.failOver,
		}[f]
		deck = append(deck, func() error {
			r.count(faults, string(f))
			return do(ctx, random, report)
		})
	}
	random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}

// turn is the server whose turn it is to be ended: one after the other.
func (r *run) turn(report *Report) *kuplad.Server {
	return r.servers[len(report.Restarts)%len(r.servers)]
}

func (r *run) killOne(ctx context.Context, random *rand.Rand, report *Report) error {
	s := r.turn(report)
	r.proxy.strike(s.Address, broken)
	defer r.proxy.spare(s.Address)
	s.Kill()
	pause(ctx, between(random, 0, time.Second))
	return r.startAgain(ctx, s, report)
}

func (r *run) drainOne(ctx context.Context, random *rand.Rand, report *Report) error {
	s := r.turn(report)
	r.proxy.strike(s.Address, parted)
	defer r.proxy.spare(s.Address)
	if err := s.Stop(); err != nil {
		r.anomalyf("stop", "", "a server did not stop well: %v", err)
	}
	pause(ctx, between(random, 0, time.Second))
	return r.startAgain(ctx, s, report)
}

func (r *run) freezeOne(ctx context.Context, random *rand.Rand, _ *Report) error {
	s := r.servers[random.IntN(len(r.servers))]
	r.proxy.strike(s.Address, broken)
	defer r.proxy.spare(s.Address)
	r.interruptions.begin()
	if err := s.Freeze(); err != nil {
		return err
	}
	pause(ctx, between(random, 200*time.Millisecond, 4*time.Second))
	return s.Thaw()
}

func (r *run) restartDatabase(ctx context.Context, random *rand.Rand, _ *Report) error {
	r.interruptions.begin()
	return r.cluster.RestartDatabase(ctx, func() { pause(ctx, between(random, 0, 2*time.Second)) })
}

func (r *run) failOver(ctx context.Context, random *rand.Rand, _ *Report) error {
	r.interruptions.begin()
	if err := r.cluster.FailOver(ctx); err != nil {
		return err
	}
	r.admin.Database = r.cluster.DSN()
	r.endInterruption(ctx)
	pause(ctx, between(random, 0, 2*time.Second))
	return r.cluster.Recover(ctx)
}

// some are the lines of one server to PostgreSQL, or of all.
func (r *run) some(random *rand.Rand) []*cluster.Link {
	one := random.IntN(len(r.servers) + 1)
	var all []*cluster.Link
	for i := range r.servers {
		if i == one || one == len(r.servers) {
			all = append(all, r.cluster.Links(i)...)
		}
	}
	return all
}

func (r *run) loseListening(ctx context.Context, random *rand.Rand, _ *Report) error {
	r.interruptions.begin()
	lines := r.some(random)
	cut := 0
	for _, l := range lines {
		cut += l.KeepAway(cluster.Listening)
	}
	if cut == 0 {
		r.count(faults, "listening connection was away already")
	}
	pause(ctx, between(random, 500*time.Millisecond, 6*time.Second))
	for _, l := range lines {
		l.Let()
	}
	return nil
}

func (r *run) holdPackets(ctx context.Context, random *rand.Rand, _ *Report) error {
	r.interruptions.begin()
	lines := r.some(random)
	which := []string{cluster.All, cluster.All, cluster.Writing, cluster.Listening, cluster.Reading}[random.IntN(5)]
	for _, l := range lines {
		l.Hold(which)
	}
	// Sometimes longer than a server waits before it gives a connection up.
	pause(ctx, between(random, 200*time.Millisecond, 7*time.Second))
	for _, l := range lines {
		l.Let()
	}
	return nil
}

func (r *run) cutDatabase(_ context.Context, random *rand.Rand, _ *Report) error {
	r.interruptions.begin()
	for _, l := range r.some(random) {
		l.Cut(cluster.All)
	}
	return nil
}

// healsWithin is how long after a fault of the database the servers may need until they say that they are well.
const healsWithin = 20 * time.Second

// endInterruption waits until all servers say that they are well again, and then for as long as they may need to hear
// what they missed.
func (r *run) endInterruption(ctx context.Context) {
	for _, s := range r.servers {
		deadline := time.Now().Add(healsWithin)
		for r.health(ctx, s) != "SERVING" && ctx.Err() == nil {
			if time.Now().After(deadline) {
				r.anomalyf("interruption", "", "a server is not well %s after a fault was over", healsWithin)
				break
			}
			pause(ctx, 20*time.Millisecond)
		}
	}
	// Within this time what was missed is polled for.
	pause(ctx, time.Second)
	r.interruptions.endAll()
}

// allInCluster are the ids of all conversations in a PostgreSQL database.
func allInCluster(ctx context.Context, dsn string) (ids []string, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	rows, err := conn.Query(ctx, "SELECT id FROM conversation ORDER BY key")
	if err != nil {
		return nil, fmt.Errorf("list the conversations: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
