package rpc

import (
	"errors"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// Reason is the reason of an error that the server answers with, as the contract names it without its prefix; empty
// when it has none. It is what may be told of an error: its text may name what somebody sent.
func Reason(err error) string {
	ours, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return ""
	}
	for _, d := range ours.Details() {
		if d.Type != errorInfoType {
			continue
		}
		if message, err := connectproto.UnmarshalErrorDetail(d); err == nil {
			if info, ok := message.(*errdetails.ErrorInfo); ok {
				return info.GetReason()
			}
		}
	}
	return ""
}
