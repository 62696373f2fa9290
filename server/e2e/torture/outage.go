package torture

import (
	"sync"
	"time"
)

// outages are the times when the server was not there, by a fault.
type outages struct {
	mu  sync.Mutex
	all []outage
}

type outage struct{ from, to time.Time } // to is zero while it lasts

func (o *outages) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, outage{from: time.Now()})
}

func (o *outages) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all[len(o.all)-1].to = time.Now()
}

// endAll ends whatever lasts.
func (o *outages) endAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.all {
		if o.all[i].to.IsZero() {
			o.all[i].to = time.Now()
		}
	}
}

// reaching is the beginning of a time, or of the first outage that reaches into it.
func (o *outages) reaching(from, to time.Time) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := from
	for _, one := range o.all {
		if one.from.Before(first) && !one.from.After(to) && (one.to.IsZero() || !one.to.Before(from)) {
			first = one.from
		}
	}
	return first
}

// during reports whether there was an outage at some time from a time to another.
func (o *outages) during(from, to time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, one := range o.all {
		if !one.from.After(to) && (one.to.IsZero() || !one.to.Before(from)) {
			return true
		}
	}
	return false
}
