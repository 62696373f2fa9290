package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// Idle are customers whose conversations are active and followed, and in which nobody says anything.
type Idle struct {
	// Followers is how many are measured, after as many others; PerConnection is how many share a connection.
	Followers     int
	PerConnection int
	// Settle is how long nothing happens before memory is measured.
	Settle time.Duration
	// Wire is how messages travel.
	Wire Wire
}

// IdleResult is what idle followers found.
type IdleResult struct {
	// Followers is how many were measured, on so many connections.
	Followers   int `json:"followers"`
	Connections int `json:"connections"`
	// Each is the server's memory for each: the conversation with everything that is kept of it, and its stream.
	Each Memory `json:"each"`
	// Stream is the part of it that came with the stream.
	Stream Memory `json:"stream"`
	// Whole is the server's memory in the end.
	Whole Memory `json:"whole"`
	// ServerShare is what doing nothing costs: heartbeats and timers, 1 being a whole core.
	ServerShare float64 `json:"server_share"`
}

// descriptorsElse is how many files a server has open besides connections, at most.
const descriptorsElse = 100

// Run has a server followed.
func (i Idle) Run(ctx context.Context, server *Server) (result IdleResult, err error) {
	n := (i.Followers + i.PerConnection - 1) / i.PerConnection
	if most, err := openFiles(); err != nil {
		return result, err
	} else if 2*n+descriptorsElse > most {
		return result, fmt.Errorf("%d connections are more than the %d files that a process may have open: lower --followers",
			2*n, most)
	}
	connections, err := server.connections(2*n, i.Wire)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, closeAll(connections)) }()
	ctx, fail := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer fail(nil)
	// follow has as many followers as are measured on n connections, and tells the server's memory before them and
	// before their streams.
	follow := func(connections []*connection) (before, unfollowed Memory, err error) {
		if before, err = server.memory(ctx); err != nil {
			return before, unfollowed, err
		}
		conversations, err := server.actives(ctx, i.Followers, connections, i.PerConnection)
		if err != nil {
			return before, unfollowed, err
		}
		if unfollowed, err = server.memory(ctx); err != nil {
			return before, unfollowed, err
		}
		if err := dial(ctx, connections[1:]); err != nil {
			return before, unfollowed, err
		}
		streams := make([]kuplav1connect.ConversationServiceFollowConversationClientStream, i.Followers)
		if err := concurrently(ctx, i.Followers, setupAtOnce, func(_ context.Context, n int) error {
			var err error
			streams[n], err = openStream(ctx, conversations[n].customer, conversations[n].customerID)
			return err
		}); err != nil {
			return before, unfollowed, err
		}
		for _, stream := range streams {
			running.Go(func() {
				if err := listen(ctx, stream); err != nil {
					fail(err)
				}
			})
		}
		return before, unfollowed, nil
	}

	// What the first ones bring with them, as caches that have a bound, is not what each costs.
	if err := dial(ctx, []*connection{connections[0], connections[n]}); err != nil {
		return result, err
	}
	if _, _, err := follow(connections[:n]); err != nil {
		return result, err
	}
	before, unfollowed, err := follow(connections[n:])
	if err != nil {
		return result, err
	}
	began, err := server.usage()
	if err != nil {
		return result, err
	}
	done := server.profile(ctx, i.Settle)
	select {
	case <-ctx.Done():
		return result, context.Cause(ctx)
	case <-time.After(i.Settle):
	}
	settled, err := server.usage()
	if err := errors.Join(err, done()); err != nil {
		return result, err
	}
	used := settled.since(began)
	if result.Whole, err = server.memory(ctx); err != nil {
		return result, err
	}
	if ctx.Err() != nil {
		return result, context.Cause(ctx)
	}
	result.Followers, result.Connections = i.Followers, n
	result.Each, result.Stream = result.Whole.less(before, i.Followers), result.Whole.less(unfollowed, i.Followers)
	result.ServerShare = used.share(used.server)
	return result, nil
}

// openFiles is how many files a process may have open. Go raises its soft limit to the hard one by itself.
func openFiles() (int, error) {
	data, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		return 0, fmt.Errorf("read limits, which needs Linux: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if values, ok := strings.CutPrefix(line, "Max open files"); ok {
			return strconv.Atoi(strings.Fields(values)[0])
		}
	}
	return 0, errors.New("/proc/self/limits does not tell how many files may be open")
}

// actives are n conversations whose customers share the connections, perConnection each. All is asked for on the first
// connection, so that the others are not there yet.
func (s *Server) actives(ctx context.Context, n int, connections []*connection, perConnection int) ([]conversation, error) {
	// Twice as many conversations come to the same desks.
	made, err := s.converseAt(ctx, n, (deskCapacity-conversationsPerDesk)/2, connections[:1])
	if err != nil {
		return nil, err
	}
	for i := range made {
		made[i].customer = connections[i/perConnection].conversations(made[i].customerToken)
	}
	return made, nil
}

// openStream begins to follow, up to the snapshot.
func openStream(
	ctx context.Context, service kuplav1connect.ConversationServiceClient, id string,
) (kuplav1connect.ConversationServiceFollowConversationClientStream, error) {
	stream, err := service.FollowConversation(ctx, &kuplav1.FollowConversationRequest{ConversationId: id})
	if err != nil {
		return stream, fmt.Errorf("follow: %w", err)
	}
	frame, err := stream.Receive()
	if err != nil {
		return stream, fmt.Errorf("follow: %w", err)
	}
	if frame.GetSnapshot() == nil {
		return stream, fmt.Errorf("a stream begins with %T", frame.GetFrame())
	}
	return stream, nil
}

// listen receives until ctx ends, and expects nobody to say anything.
func listen(ctx context.Context, stream kuplav1connect.ConversationServiceFollowConversationClientStream) error {
	defer func() { _ = stream.Close() }()
	for {
		frame, err := stream.Receive()
		if ctx.Err() != nil {
			return nil // It is over, and so is the stream.
		}
		if err != nil {
			return fmt.Errorf("a stream ended: %w", err)
		}
		switch frame.GetFrame().(type) {
		case *kuplav1.FollowConversationResponse_GoAway, *kuplav1.FollowConversationResponse_Reset_:
			return fmt.Errorf("a stream told %v", frame)
		}
	}
}
