package kupla

import (
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	// A connection whose other end is gone looks idle. These find it well before a follower would by missing
	// heartbeats, and also serve calls that run while nothing is followed.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
)

// newHTTPClient returns a client without an overall timeout, which would cut streams.
//
// net/http speaks HTTP/2 over http:// only when HTTP/1.1 is not allowed at all, hence the choice.
func newHTTPClient(http1 bool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetHTTP1(http1)
	protocols.SetUnencryptedHTTP2(!http1)
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: pingAfter}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			TLSHandshakeTimeout:   dialTimeout,
			IdleConnTimeout:       90 * time.Second,
			ExpectContinueTimeout: time.Second,
			MaxIdleConnsPerHost:   16,
			Protocols:             protocols,
			HTTP2:                 &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		},
		// A redirect would carry the token to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
