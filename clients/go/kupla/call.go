package kupla

import (
	"context"
	"errors"
	"net"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
)

// Call makes a call of one of the generated clients the way the methods of [Client], [Desk] and [Conversation]
// make theirs: the same request is sent again, under the same request id, until it is answered or refused, or
// it is time to give up. It is for programs that choose the request id themselves, so that they can repeat a
// write after a restart:
//
//	req := &kuplav1.CloseConversationRequest{RequestId: kept, ConversationId: id, Reason: reason}
//	res, err := kupla.Call(ctx, client, req, client.DeskService().CloseConversation)
//
// When it fails, [OutcomeUnknown] tells whether a write may have been carried out all the same.
func Call[Req proto.Message, Res any](
	ctx context.Context, c *Client, req Req, call func(context.Context, Req) (Res, error),
) (Res, error) {
	return retry(ctx, c, req, call)
}

// OutcomeUnknown reports whether err is the failure of a call that was given up without an answer, although it
// may have reached the service. A write may then have been carried out or not; the same request with the same
// request id settles it. It is false where the service was never reached, and for a refusal that tells that none of
// the attempts was carried out; that a caller is not let in does not.
func OutcomeUnknown(err error) bool {
	_, unknown := errors.AsType[unsettled](err)
	return unknown
}

// unsettled marks the failure of a call whose outcome is not known.
type unsettled struct{ error }

// Unwrap returns the error itself.
func (u unsettled) Unwrap() error { return u.error }

// settle marks err when one of the attempts before may have been carried out.
func settle(err error, unknown bool) error {
	if unknown {
		return unsettled{err}
	}
	return err
}

// settles reports whether a failure tells that none of the attempts before was carried out, either. A proxy knows
// nothing of them, and the service looks a request id up only once it has let the caller in.
func settles(err error) bool {
	switch connect.CodeOf(err) {
	case connect.CodeUnauthenticated, connect.CodePermissionDenied, connect.CodeUnknown, connect.CodeInternal,
		connect.CodeDataLoss, connect.CodeUnimplemented:
		return false
	default:
		return fromService(err)
	}
}

// leavesOpen reports whether an attempt that failed like this may have been carried out.
func leavesOpen(err error) bool {
	if !worthRepeating(err) || asksToWait(err) {
		return false
	}
	// Without a connection nothing was sent.
	var dial *net.OpError
	return !errors.As(err, &dial) || dial.Op != "dial"
}
