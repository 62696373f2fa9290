package load

import (
	"fmt"

	"connectrpc.com/connect/v2/connecthttp"
)

// Wire is how messages travel.
type Wire struct {
	// Protocol is "connect", "grpc" or "grpcweb". Default "connect".
	Protocol string
	// Codec is "binary" or "json". Default "binary".
	Codec string
}

// Protocols and Codecs are what a [Wire] may be made of.
var (
	Protocols = []string{"connect", "grpc", "grpcweb"}
	Codecs    = []string{"binary", "json"}
)

// options are the transport's options. None of them is about compression: the clients' default is to accept gzip, and
// the servers' settings decide.
func (w Wire) options() ([]connecthttp.Option, error) {
	var options []connecthttp.Option
	switch w.Protocol {
	case "", "connect":
	case "grpc":
		options = append(options, connecthttp.WithGRPC())
	case "grpcweb":
		options = append(options, connecthttp.WithGRPCWeb())
	default:
		return nil, fmt.Errorf("there is no protocol %q: give one of %v", w.Protocol, Protocols)
	}
	switch w.Codec {
	case "", "binary":
	case "json":
		options = append(options, connecthttp.WithProtoJSON())
	default:
		return nil, fmt.Errorf("there is no codec %q: give one of %v", w.Codec, Codecs)
	}
	return options, nil
}
