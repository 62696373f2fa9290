package load

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// streamsPerConnection is how many streams share a connection unless told otherwise, as behind a proxy.
const streamsPerConnection = 100

// connection is one HTTP/2 connection to a server, shared by whoever is given it.
type connection struct {
	http      *http.Transport
	transport connect.Transport
	dialed    atomic.Int32
}

// roundTripper sends without what http.Client adds, such as following redirects.
type roundTripper struct{ *http.Transport }

// Do sends a request.
func (r roundTripper) Do(req *http.Request) (*http.Response, error) { return r.RoundTrip(req) }

// connections makes n connections to a server, and to the others beside it in turn. They are dialled by their first call.
func (s *Server) connections(n int, wire Wire) ([]*connection, error) {
	servers := append([]*Server{s}, s.others...)
	options, err := wire.options()
	if err != nil {
		return nil, err
	}
	connections := make([]*connection, n)
	for i := range connections {
		c := &connection{}
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		c.http = &http.Transport{
			Protocols: protocols,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				c.dialed.Add(1)
				return (&net.Dialer{}).DialContext(ctx, network, address)
			},
		}
		c.transport = connecthttp.NewTransport(roundTripper{c.http}, servers[i%len(servers)].URL, options...)
		connections[i] = c
	}
	return connections, nil
}

// dial makes a first call on each connection. Several first calls at once would each dial one of their own.
func dial(ctx context.Context, connections []*connection) error {
	return concurrently(ctx, len(connections), setupAtOnce, func(ctx context.Context, i int) error {
		// Whichever server it is, it has no such conversation; that it says so is what is asked for.
		_, err := connections[i].conversations("").ListEvents(ctx, &kuplav1.ListEventsRequest{ConversationId: "none"})
		switch connect.CodeOf(err) {
		case connect.CodeUnauthenticated, connect.CodeUnimplemented:
			return nil
		default:
			return fmt.Errorf("the first call on a connection: %w", err)
		}
	})
}

// client makes a client that shows a token; empty is none.
func (c *connection) client(token string) *connect.Client {
	if token == "" {
		return connect.NewClient(c.transport)
	}
	value := "Bearer " + token
	return connect.NewClient(c.transport, func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			if info, ok := connect.CallInfoForClientContext(ctx); ok {
				info.RequestHeader().Set("Authorization", value)
			}
			return next(ctx, spec)
		}
	})
}

func (c *connection) conversations(token string) kuplav1connect.ConversationServiceClient {
	return kuplav1connect.NewConversationServiceClient(c.client(token))
}

func (c *connection) desk(token string) kuplav1connect.DeskServiceClient {
	return kuplav1connect.NewDeskServiceClient(c.client(token))
}

// closeAll closes the connections, and tells when there were more than were asked for.
func closeAll(connections []*connection) error {
	var err error
	for _, c := range connections {
		c.http.CloseIdleConnections()
		if n := c.dialed.Load(); n > 1 {
			err = fmt.Errorf("a connection was dialled %d times: the server closed it, or took no more streams on it", n)
		}
	}
	return err
}
