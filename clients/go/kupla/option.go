package kupla

import (
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
)

// Option changes how [New] makes a client.
type Option interface{ apply(*config) }

// Protocol is a way to speak to the service. The service answers all of them on one port.
type Protocol int

const (
	// Connect is the Connect protocol, over HTTP/1.1 or HTTP/2. It is the default.
	Connect Protocol = iota
	// GRPC is the gRPC protocol. It needs HTTP/2.
	GRPC
	// GRPCWeb is the gRPC-Web protocol, over HTTP/1.1 or HTTP/2.
	GRPCWeb
)

// WithHTTPClient makes the client send through httpClient. A timeout in it would cut streams; the client
// sets the timeouts that calls need by itself. The default is a client of its own.
func WithHTTPClient(httpClient connecthttp.HTTPClient) Option {
	return optionFunc(func(c *config) { c.httpClient = httpClient })
}

// WithHTTP1 makes the client use HTTP/1.1 for http:// addresses, as some proxies need. [GRPC] does not work
// over it, and every stream takes a connection of its own. It has no effect on https:// addresses, where
// both sides agree on the version, nor together with [WithHTTPClient].
func WithHTTP1() Option {
	return optionFunc(func(c *config) { c.http1 = true })
}

// WithTransport makes the client send through transport instead of HTTP, such as straight to a server in
// the same process. The address and the options about HTTP, protocol and encoding then have no effect.
func WithTransport(transport connect.Transport) Option {
	return optionFunc(func(c *config) { c.transport = transport })
}

// WithStaffToken makes the client present token in the calls of staff. The default is none. Conversations
// that were started or resumed present their own token instead, and calls that need no credentials get none.
func WithStaffToken(token string) Option {
	return optionFunc(func(c *config) { c.staffToken = token })
}

// WithProtocol makes the client speak protocol. The default is [Connect].
func WithProtocol(protocol Protocol) Option {
	return optionFunc(func(c *config) { c.protocol = protocol })
}

// WithJSON makes the client send and read JSON, to be read by people. The default is binary protobuf.
func WithJSON() Option {
	return optionFunc(func(c *config) { c.json = true })
}

// WithRetry sets how calls are repeated. Fields left zero keep their defaults.
func WithRetry(policy RetryPolicy) Option {
	return optionFunc(func(c *config) { c.retry = policy })
}

// WithReconnect sets the pauses of followers before they connect again. Fields left zero keep their
// defaults: 250 milliseconds at first, 15 seconds at most.
func WithReconnect(backoff Backoff) Option {
	return optionFunc(func(c *config) { c.reconnect = backoff })
}

type config struct {
	httpClient connecthttp.HTTPClient
	http1      bool
	transport  connect.Transport
	staffToken string
	protocol   Protocol
	json       bool
	retry      RetryPolicy
	reconnect  Backoff
	random     jitter
}

func newConfig(opts []Option) *config {
	c := &config{random: fullJitter}
	for _, opt := range opts {
		opt.apply(c)
	}
	return c
}

func (c *config) transportOptions() []connecthttp.Option {
	var opts []connecthttp.Option
	switch c.protocol {
	case GRPC:
		opts = append(opts, connecthttp.WithGRPC())
	case GRPCWeb:
		opts = append(opts, connecthttp.WithGRPCWeb())
	case Connect: // the transport's default
	}
	if c.json {
		opts = append(opts, connecthttp.WithProtoJSON())
	}
	return opts
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }
