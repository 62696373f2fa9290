package rpc

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// flushes counts what of an answer goes out by itself.
type flushes struct {
	*httptest.ResponseRecorder

	count int
	err   error
}

func (f *flushes) FlushError() error { f.count++; return f.err }

// What one step of a stream sends goes out once, when the step is done; what is sent outside of a step goes out at once.
func TestTogether(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name         string
		sends        int
		fails, flush error
		count        int
		want         error
	}{
		{name: "nothing", count: 0},
		{name: "one frame", sends: 1, count: 1},
		{name: "three frames", sends: 3, count: 1},
		{name: "an end, after what was sent", sends: 2, fails: context.Canceled, count: 1, want: context.Canceled},
		{name: "a peer that has gone", sends: 2, flush: broken, count: 1, want: broken},
		{name: "an end, and a peer that has gone", sends: 2, fails: context.Canceled, flush: broken, count: 1, want: context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &flushes{ResponseRecorder: httptest.NewRecorder(), err: test.flush}
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				err := together(r.Context(), func(context.Context) error {
					for range test.sends {
						_, _ = w.Write([]byte("frame"))
						_ = http.NewResponseController(w).Flush()
					}
					return test.fails
				})
				if !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
			})
			s := &Server{config: Config{}.WithDefaults()}
			for _, version := range []int{1, 2} {
				w.count = 0
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
				r.ProtoMajor = version
				s.bounded(handler, time.Minute, time.Minute).ServeHTTP(w, r)
				if w.count != test.count {
					t.Errorf("HTTP/%d: %d flushes, want %d", version, w.count, test.count)
				}
			}
		})
	}
}
