package postgres

import (
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options are the limits of how a server uses PostgreSQL. Zero values take the defaults.
type Options struct {
	// ReadConnections is how many connections read at most, beside the one that writes and the one that listens.
	// Default four for each processor, at least 8.
	ReadConnections int
	// ConnectTimeout is how long a connection to one host may take to be made. Default 2 s.
	ConnectTimeout time.Duration
	// BatchTimeout is how long one of the two parts of a batch may take, and a read that has no end of its own, before
	// the connection counts as lost. Default 5 s.
	BatchTimeout time.Duration
	// LockTimeout is how long a batch waits for a lock that another server has before it tries again. Default 2 s.
	LockTimeout time.Duration
	// PollInterval is how often it is looked whether anything was missed. Default 5 s.
	PollInterval time.Duration
	// AwayPollInterval is the same while the listening connection is away. Default 1 s.
	AwayPollInterval time.Duration
}

// WithDefaults is the options with their zero values filled in.
func (o Options) WithDefaults() Options {
	set(&o.ReadConnections, max(8, 4*runtime.GOMAXPROCS(0)))
	set(&o.ConnectTimeout, 2*time.Second)
	set(&o.BatchTimeout, 5*time.Second)
	set(&o.LockTimeout, 2*time.Second)
	set(&o.PollInterval, 5*time.Second)
	set(&o.AwayPollInterval, time.Second)
	return o
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// The names of the connections, as pg_stat_activity has them.
const (
	writing   = "kuplad write"
	listening = "kuplad listen"
	readers   = "kuplad read"
	commands  = "kuplad command"
)

// connConfig is how a connection is made.
func (o Options) connConfig(dsn, name string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, badDSN(err)
	}
	o.configure(c, name)
	return c, nil
}

func (o Options) configure(c *pgx.ConnConfig, name string) {
	c.ConnectTimeout = o.ConnectTimeout
	p := c.RuntimeParams
	p["application_name"] = name
	// Every statement finds its rows by an index. Plans made while a table is young would scan it, and be kept when it
	// has grown.
	for _, off := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_incremental_sort", "jit"} {
		p[off] = "off"
	}
	p["plan_cache_mode"] = "force_generic_plan"
	p["timezone"] = "UTC"
	p["lock_timeout"] = milliseconds(o.LockTimeout)
	// A server that stands still with locks held, as a machine that is suspended, gives them up. Not a time for
	// statements: a commit that waits for a standby and is broken off counts as done without it.
	p["idle_in_transaction_session_timeout"] = milliseconds(o.BatchTimeout)
	// A server that is gone without a word is noticed, and no longer leads.
	p["tcp_keepalives_idle"], p["tcp_keepalives_interval"], p["tcp_keepalives_count"] = "5", "2", "3"
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// poolConfig is how the connections that read are made.
func (o Options) poolConfig(dsn string) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, badDSN(err)
	}
	o.configure(c.ConnConfig, readers)
	c.MaxConns = int32(min(o.ReadConnections, 10_000))
	c.MinIdleConns = 1
	return c, nil
}

// badDSN tells what is wrong with a DSN. pgx leaves the password out.
func badDSN(err error) error {
	return fmt.Errorf("the database is not named as postgres://user@host:5432/name: %w", err)
}
