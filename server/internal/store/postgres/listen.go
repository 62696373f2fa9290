package postgres

import (
	"context"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// assureInterval is how often the listening connection is asked whether it is there, and for the lead.
	assureInterval = 2 * time.Second
	// leadFor is how long a server takes itself for the leader after it was sure of it last.
	leadFor = 3 * assureInterval
	// signalInterval is how long signals wait for a commit to take them along.
	signalInterval = 100 * time.Millisecond
)

// leadKey names the lock that the leader has.
var leadKey = func() int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("kupla leader")) // It never fails.
	return int64(h.Sum64())
}()

// listener hears of other servers, and looks from time to time whether it has missed anything.
type listener struct {
	config *pgx.ConnConfig
	node   string
	mirror *mirror
	link   *link
	outbox *outbox
	reads  *reads
	opts   Options

	// listens tells that the listening connection is there.
	listens atomic.Bool
	// sure is until when this server leads, in nanoseconds since start; 0 is not.
	sure  atomic.Int64
	start time.Time
	// deaf drops what is heard. For tests.
	deaf atomic.Bool
	// heard is when something was heard or looked at last, in Unix nanoseconds.
	heard atomic.Int64

	mu    sync.Mutex
	inbox news
	wake  chan struct{}

	ctx     context.Context //nolint:containedctx // The life of the store, which no call is part of.
	stop    context.CancelFunc
	running sync.WaitGroup
}

func (l *listener) begin() {
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.wake, l.start = make(chan struct{}, 1), time.Now()
	l.running.Go(l.listen)
	l.running.Go(l.read)
	l.running.Go(l.signal)
}

func (l *listener) close() {
	l.stop()
	l.running.Wait()
}

// leads reports whether this server leads.
func (l *listener) leads() bool {
	until := l.sure.Load()
	return until != 0 && int64(time.Since(l.start)) < until
}

// listen listens until the store is closed, over one connection after the other.
func (l *listener) listen() {
	pause := firstPause
	for l.ctx.Err() == nil {
		if conn, err := l.connect(); err == nil {
			pause = firstPause
			l.listens.Store(true)
			l.look() // for what was notified before
			l.hear(conn)
			l.listens.Store(false)
			l.sure.Store(0)
			l.closeConn(conn)
		} else {
			// It may be this connection alone that is refused or cut off. Polling stands in for it.
			if l.reads.exec(l.ctx, ping) != nil {
				l.link.lost()
			}
			pause = min(2*pause, mostPause)
		}
		select {
		case <-l.ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (l *listener) closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

func (l *listener) connect() (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(l.ctx, 2*l.opts.ConnectTimeout)
	defer cancel()
	config := l.config.Copy()
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { l.notified(n.Payload) }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		l.closeConn(conn)
		return nil, err
	}
	if err := l.assure(conn); err != nil {
		l.closeConn(conn)
		return nil, err
	}
	return conn, nil
}

// notified takes in a notification. Of its own commits a server knows.
func (l *listener) notified(payload string) {
	node, n := decodeNews(payload)
	if node == l.node || l.deaf.Load() {
		return
	}
	l.mu.Lock()
	l.inbox.add(n)
	l.mu.Unlock()
	l.awake()
}

func (l *listener) awake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// hear waits for notifications until the connection is lost. Now and then it sees to it that it is not.
func (l *listener) hear(conn *pgx.Conn) {
	for l.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(l.ctx, assureInterval)
		until := time.Now().Add(assureInterval)
		var err error
		for err == nil && time.Now().Before(until) {
			err = conn.PgConn().WaitForNotification(ctx) // It goes to OnNotification.
		}
		over := ctx.Err() != nil
		cancel()
		if err != nil && !(over && l.ctx.Err() == nil && !conn.IsClosed()) {
			return
		}
		if l.assure(conn) != nil {
			return
		}
	}
}

// assure asks whether the connection is there, and for the lead unless this server has it. The lock is the
// connection's: nobody gets it as long as this one is there.
func (l *listener) assure(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(l.ctx, l.opts.ConnectTimeout)
	defer cancel()
	asked := time.Since(l.start)
	leads := l.sure.Load() != 0
	var err error
	if leads {
		_, err = conn.Exec(ctx, ping.text)
	} else {
		err = conn.QueryRow(ctx, lead.text, leadKey).Scan(&leads)
	}
	if err != nil {
		return err
	}
	if leads {
		l.sure.Store(int64(asked + leadFor))
	}
	return nil
}

// read tells what other servers notify of, and looks for what was missed.
func (l *listener) read() {
	looked := time.Now()
	for {
		interval := l.opts.PollInterval
		if !l.listens.Load() {
			interval = l.opts.AwayPollInterval
		}
		timer := time.NewTimer(time.Until(looked.Add(interval)))
		select {
		case <-l.ctx.Done():
			timer.Stop()
			return
		case <-l.wake:
			timer.Stop()
			l.take()
		case <-timer.C:
			looked = time.Now()
			l.look()
		}
	}
}

func (l *listener) take() {
	l.mu.Lock()
	n := l.inbox
	l.inbox = news{}
	l.mu.Unlock()
	if n.empty() {
		return
	}
	// What cannot be read now is found by the next look.
	if l.mirror.take(l.ctx, n) == nil {
		l.heard.Store(time.Now().UnixNano())
	}
}

func (l *listener) look() {
	if l.link.down.Load() {
		return // the end of the interruption looks
	}
	if l.mirror.look(l.ctx) == nil {
		l.heard.Store(time.Now().UnixNano())
	}
}

// signal sends the signals that no commit takes along in time.
func (l *listener) signal() {
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.outbox.wake:
		}
		select {
		case <-l.ctx.Done():
			return
		case <-time.After(signalInterval):
		}
		n := news{signals: l.outbox.take()}
		if payloads := n.encode(l.node); len(payloads) > 0 && !l.link.down.Load() {
			_ = l.reads.exec(l.ctx, notify, payloads) // Of the moment: what is not told now is not told.
		}
	}
}
