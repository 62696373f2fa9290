package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/kuplad"
)

// torment does one thing after the other to the server, until there were enough messages for long enough.
func (r *run) torment(ctx context.Context, professionals []*professional, report *Report) error {
	random := r.random("faults")
	begun := time.Now()
	enough := func() bool {
		return time.Since(begun) >= r.config.Duration && int(r.acked.Load()) >= r.config.Messages ||
			time.Since(begun) >= max(patience*r.config.Duration, time.Minute)
	}
	// Each kind comes up before any comes up again, and all of them do, however short the run.
	var deck []func() error
	decks := 0
	told := time.Now()
	for (!enough() || decks == 0 || decks == 1 && len(deck) > 0) && ctx.Err() == nil {
		if !pause(ctx, between(random, r.config.FaultEvery/2, r.config.FaultEvery*3/2)) {
			break
		}
		if len(deck) == 0 {
			decks++
			deck = r.clusterFaults(ctx, random, report)
		}
		if len(deck) == 0 {
			deck = []func() error{
				func() error { return r.killServer(ctx, random, report) },
				func() error { return r.killServer(ctx, random, report) },
				func() error { return r.killServer(ctx, random, report) },
				func() error { return r.restartServer(ctx, random, report) },
				func() error { return r.stepClock(random) },
				func() error { return r.stepClock(random) },
				func() error { return r.fillDisk(ctx, random, report) },
				func() error { return r.revoke(ctx, professionals[random.IntN(len(professionals))]) },
				func() error { return r.freeze(ctx, random) },
			}
			random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		if err := deck[0](); err != nil {
			return err
		}
		deck = deck[1:]
		if r.config.Cluster != nil {
			r.endInterruption(ctx)
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			r.sayf("%d messages acknowledged", r.acked.Load())
		}
	}
	return ctx.Err()
}

// killServer ends the server as a power cut would, and starts it again.
func (r *run) killServer(ctx context.Context, random *rand.Rand, report *Report) error {
	r.count(faults, "server killed")
	r.outages.begin()
	defer r.outages.end()
	r.server.Kill()
	pause(ctx, between(random, 0, 300*time.Millisecond))
	return r.startServer(ctx, report)
}

// restartServer stops the server in good order, and starts it again.
func (r *run) restartServer(ctx context.Context, random *rand.Rand, report *Report) error {
	r.count(faults, "server stopped in order")
	r.outages.begin()
	defer r.outages.end()
	if err := r.server.Stop(); err != nil {
		r.anomalyf("stop", "", "the server did not stop well: %v", err)
	}
	pause(ctx, between(random, 0, 300*time.Millisecond))
	return r.startServer(ctx, report)
}

func (r *run) startServer(ctx context.Context, report *Report) error {
	return r.startAgain(ctx, r.server, report)
}

// startAgain starts a server that was ended, and keeps what it uses then.
func (r *run) startAgain(ctx context.Context, server *kuplad.Server, report *Report) error {
	if err := server.Start(ctx); err != nil {
		return fmt.Errorf("after a fault: %w", err)
	}
	usage, err := server.Usage(ctx)
	if err != nil {
		return err
	}
	report.Restarts = append(report.Restarts, Sample{At: time.Since(r.began).Seconds(), Usage: usage})
	return nil
}

// stepClock steps the server's clock: by a little as a time service does, or by hours as a hand does.
func (r *run) stepClock(random *rand.Rand) error {
	now := r.clock.offset()
	by := time.Duration(1+random.IntN(20)) * time.Second
	if random.IntN(2) == 0 {
		by = time.Duration(5+random.IntN(300)) * time.Minute
	}
	// Back to about where it was, again and again, so that it does not run away.
	if now > 0 || now == 0 && random.IntN(2) == 0 {
		by = -by
	}
	if by > 0 {
		r.count(faults, "clock stepped forward")
	} else {
		r.count(faults, "clock stepped back")
	}
	return r.clock.step(now + by)
}

// fillDisk leaves the server no room for a time. It must say so, and be well again once there is room.
func (r *run) fillDisk(ctx context.Context, random *rand.Rand, report *Report) error {
	r.count(faults, "disk full")
	if err := r.disk.fill(); err != nil {
		return err
	}
	full := r.waitHealth(ctx, "NOT_SERVING", 2*time.Second+2*r.config.FaultEvery)
	if full {
		r.count(faults, "disk full, and noticed")
		pause(ctx, between(random, 200*time.Millisecond, 2*time.Second))
	}
	killed := full && random.IntN(2) == 0
	if killed {
		r.count(faults, "server killed while its disk is full")
		r.outages.begin()
		defer r.outages.end()
		r.server.Kill()
	}
	if err := r.disk.free(); err != nil {
		return err
	}
	if killed {
		if err := r.startServer(ctx, report); err != nil {
			return err
		}
	}
	if !r.waitHealth(ctx, "SERVING", 20*time.Second) {
		r.anomalyf("disk", "", "the service is not well 20 s after the disk has room again")
	}
	return nil
}

// waitHealth waits until the service says of itself what is wanted.
func (r *run) waitHealth(ctx context.Context, want string, most time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for pause(ctx, 50*time.Millisecond) {
		if r.health(ctx, r.server) == want {
			return true
		}
	}
	return false
}

// health is what a server says of itself; empty when it says nothing.
func (*run) health(ctx context.Context, server *kuplad.Server) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL()+"/grpc.health.v1.Health/Check",
		bytes.NewReader([]byte("{}")))
	if err != nil {
		return ""
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Status string `json:"status"`
	}
	if json.NewDecoder(response.Body).Decode(&answer) != nil {
		return ""
	}
	return answer.Status
}

// revoke takes a professional's token away, in the middle of their work.
func (r *run) revoke(ctx context.Context, p *professional) error {
	r.count(faults, "token revoked")
	return p.revoke(ctx)
}

// freeze keeps the server from running for a time.
func (r *run) freeze(ctx context.Context, random *rand.Rand) error {
	r.count(faults, "server frozen")
	r.outages.begin()
	defer r.outages.end()
	if err := r.server.Freeze(); err != nil {
		return err
	}
	pause(ctx, between(random, 200*time.Millisecond, 4*time.Second))
	return r.server.Thaw()
}
