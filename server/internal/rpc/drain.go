package rpc

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// leaving is how far a server that stops has come.
type leaving struct {
	// told is closed when it says that it is not ready any more.
	once sync.Once
	told chan struct{}
	// draining tells that connections are to end.
	draining atomic.Bool
	// asked is when somebody asked last whether it is ready, in Unix nanoseconds.
	asked atomic.Int64
}

// watchedWithin is how long somebody counts as watching who asked whether the server is ready.
const watchedWithin = time.Minute

// Leave has the server say that it is not ready any more. Everything else goes on.
func (s *Server) Leave() { s.leaving.once.Do(func() { close(s.leaving.told) }) }

func (s *Server) left() bool {
	select {
	case <-s.leaving.told:
		return true
	default:
		return false
	}
}

// Watched reports whether anybody has asked lately whether the server is ready, as a load balancer does.
func (s *Server) Watched() bool {
	asked := s.leaving.asked.Load()
	return asked != 0 && s.now().Sub(time.Unix(0, asked)) < watchedWithin
}

// sawWatcher takes it that somebody asks whether the server is ready.
func (s *Server) sawWatcher() { s.leaving.asked.Store(s.now().UnixNano()) }

// Drain tells every stream to come back, spread over a time, and returns when all know. From its beginning on every
// answer ends its connection when nothing else goes on over it: whoever is next is to look for another server, and
// somebody who kept the connection would come back to this one. New streams are told what there is, and to go.
func (s *Server) Drain(ctx context.Context, spread time.Duration) {
	s.Leave()
	s.leaving.draining.Store(true)
	s.hub.Drain(ctx, spread)
}

// The paths that tell load balancers how the server is, without a protocol.
const (
	readyPath = "/health/ready"
	livePath  = "/health/live"
)

// answerHealth answers at the two paths.
func (s *Server) answerHealth(mux *http.ServeMux) {
	say := func(w http.ResponseWriter, status int, text string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text + "\n")) // Whoever has gone meanwhile does not want to know.
	}
	mux.HandleFunc("GET "+readyPath, func(w http.ResponseWriter, r *http.Request) {
		s.sawWatcher()
		if !s.Ready(r.Context()) {
			say(w, http.StatusServiceUnavailable, "not ready")
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.HandleFunc("GET "+livePath, func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "live") })
}
