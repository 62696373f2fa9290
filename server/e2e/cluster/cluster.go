package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/kupla-chat/kupla/server/e2e/kuplad"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// database is the name of the one that the servers share.
const database = "kupla"

// Options are what a cluster is made of. All are needed but Standby.
type Options struct {
	// Programs is the folder with kuplad. Folder is where the servers keep their configurations and logs.
	Programs, Folder string
	// Config is the configuration of every server.
	Config string
	// Servers is how many there are.
	Servers int
	// Standby keeps a synchronous standby of PostgreSQL. The servers are told of both hosts.
	Standby bool
}

// Cluster is several servers on one PostgreSQL. Its methods are for one caller at a time; those of its servers and
// links are not.
type Cluster struct {
	// Servers are the servers.
	Servers []*kuplad.Server

	options Options
	logs    []io.Closer
	// hosts are PostgreSQL's, primary is which of them is written to.
	hosts   []*pgtest.Cluster
	primary int
	// links are by server and host.
	links    [][]*Link
	standbys int
}

// Start makes a cluster with an empty database and starts everything. Close ends it.
func Start(ctx context.Context, options Options) (c *Cluster, err error) {
	c = &Cluster{options: options}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
			c = nil
		}
	}()
	primary, err := pgtest.Start(ctx, pgtest.Options{})
	if err != nil {
		return c, err
	}
	c.hosts = append(c.hosts, primary)
	dsn, err := primary.Database(ctx, database)
	if err != nil {
		return c, err
	}
	if _, _, err := postgres.Migrate(ctx, dsn); err != nil {
		return c, err
	}
	if options.Standby {
		c.hosts = append(c.hosts, nil)
		if err := c.addStandby(ctx); err != nil {
			return c, err
		}
	}
	config := filepath.Join(options.Folder, "kuplad.yaml")
	if err := os.WriteFile(config, []byte(options.Config), 0o600); err != nil {
		return c, err
	}
	for i := range options.Servers {
		if err := c.addServer(ctx, config, i); err != nil {
			return c, err
		}
	}
	var all sync.WaitGroup
	failed := make([]error, len(c.Servers))
	for i, s := range c.Servers {
		all.Go(func() { failed[i] = s.Start(ctx) })
	}
	all.Wait()
	return c, errors.Join(failed...)
}

// addServer makes a server, with lines of its own to the hosts.
func (c *Cluster) addServer(ctx context.Context, config string, i int) error {
	var links []*Link
	var addresses []string
	for _, h := range c.hosts {
		l, err := NewLink(ctx, h.Address())
		if err != nil {
			return err
		}
		links, addresses = append(links, l), append(addresses, l.Address())
	}
	c.links = append(c.links, links)
	log, err := os.Create(c.Log(i))
	if err != nil {
		return err
	}
	c.logs = append(c.logs, log)
	s := &kuplad.Server{
		Program: filepath.Join(c.options.Programs, "kuplad"), Config: config, Output: log,
		Database: c.hosts[0].TCP(database, addresses...),
	}
	if s.Address, err = kuplad.FreeAddress(ctx); err != nil {
		return err
	}
	if s.Debug, err = kuplad.FreeAddress(ctx); err != nil {
		return err
	}
	c.Servers = append(c.Servers, s)
	return nil
}

// Log is where a server logs to.
func (c *Cluster) Log(i int) string {
	return filepath.Join(c.options.Folder, "kuplad-"+strconv.Itoa(i+1)+".log")
}

// Logs are where all of them do.
func (c *Cluster) Logs() []string {
	var all []string
	for i := range c.Servers {
		all = append(all, c.Log(i))
	}
	return all
}

// Links are the lines of a server to PostgreSQL's hosts.
func (c *Cluster) Links(server int) []*Link { return c.links[server] }

// DSN is how the database is reached from outside, past the lines of the servers.
func (c *Cluster) DSN() string { return c.hosts[c.primary].DSN(database) }

// Admin is for the commands that administrators use. It is not started.
func (c *Cluster) Admin() *kuplad.Server {
	return &kuplad.Server{Program: c.Servers[0].Program, Database: c.DSN()}
}

// RestartDatabase ends PostgreSQL at once, so that it has to recover, and starts it again after between, if not nil.
func (c *Cluster) RestartDatabase(ctx context.Context, between func()) error {
	primary := c.hosts[c.primary]
	if err := primary.Stop(ctx, pgtest.Immediate); err != nil {
		return err
	}
	if between != nil {
		between()
	}
	return primary.Restart(ctx, pgtest.Immediate)
}

// FailOver kills the primary as a power cut would, and promotes the standby. There is no standby afterwards: see
// Recover.
func (c *Cluster) FailOver(ctx context.Context) error {
	if len(c.hosts) != 2 {
		return errors.New("there is no standby")
	}
	if err := c.hosts[c.primary].Kill(); err != nil {
		return err
	}
	c.primary = 1 - c.primary
	return c.hosts[c.primary].Promote(ctx)
}

// Recover has a new standby take the place of the host that was lost.
func (c *Cluster) Recover(ctx context.Context) error {
	lost := 1 - c.primary
	if err := c.hosts[lost].Close(); err != nil {
		return err
	}
	if err := c.addStandby(ctx); err != nil {
		return err
	}
	for _, links := range c.links {
		links[lost].Point(c.hosts[lost].Address())
	}
	return nil
}

// addStandby makes a standby of the primary and has every commit wait for it.
func (c *Cluster) addStandby(ctx context.Context) error {
	c.standbys++
	name := fmt.Sprintf("standby %d", c.standbys)
	standby, err := c.hosts[c.primary].Standby(ctx, name)
	if err != nil {
		return err
	}
	c.hosts[1-c.primary] = standby
	return c.hosts[c.primary].Synchronous(ctx, name)
}

// Close ends everything. What the servers logged stays.
func (c *Cluster) Close() error {
	for _, s := range c.Servers {
		s.Kill()
	}
	for _, links := range c.links {
		for _, l := range links {
			l.Close()
		}
	}
	var errs []error
	for _, h := range c.hosts {
		if h != nil {
			errs = append(errs, h.Close())
		}
	}
	for _, l := range c.logs {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
