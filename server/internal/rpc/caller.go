package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	kuplav1connect "github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// call is what is known of who calls.
type call struct {
	access.Caller
	procedure string
	address   access.Address
	class     class
	token     string // to look the caller up again while a stream is open; never printed
}

type callKey struct{}

// callFrom returns the call that a context is about. The interceptor puts it there, so it is always there.
func callFrom(ctx context.Context) *call {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return &call{}
	}
	return c
}

// callerInterceptor finds out who calls, whether they may, and whether they call too much. It runs before
// the request is read.
func (s *Server) callerInterceptor(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		// What is needed on the way only is in a function of its own: what stands on the stack here stands there for
		// as long as a stream is followed.
		ctx, stream, err := s.enter(ctx, spec.Procedure, stream)
		if err != nil {
			return err
		}
		return next(ctx, spec, stream)
	}
}

// enter lets a call in, with what is known of its caller in its context. The stream given is errorInterceptor's, which
// ends the work on the call.
func (s *Server) enter(
	ctx context.Context, procedure string, stream connect.ServerStream,
) (context.Context, connect.ServerStream, error) {
	c, err := s.admit(ctx, procedure)
	if err != nil {
		return nil, nil, err
	}
	if reasoned, ok := stream.(*reasonedStream); ok && c.class != unlimitedCall {
		reasoned.work = &workStream{ServerStream: stream, admission: s.admission, ctx: ctx, class: c.class}
		stream = reasoned.work
	}
	return context.WithValue(ctx, callKey{}, c), stream, nil
}

// admit finds out who calls, and refuses those who may not, and those who call too much.
func (s *Server) admit(ctx context.Context, procedure string) (*call, error) {
	policy, ok := policies[procedure]
	if !ok {
		return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_PROCEDURE_UNKNOWN)
	}
	header, peer := requestHeader(ctx)
	now := s.now()
	c := &call{procedure: procedure, class: s.classOf(policy, header)}
	// First, as it costs the least.
	if err := s.admission.look(c.class, policy.light, now); err != nil {
		return nil, err
	}
	c.address = s.addresses.Caller(peer, header)
	charges := []access.Charge{{Scope: access.AddressCalls, Key: c.address.Key()}}
	if procedure == kuplav1connect.ConversationServiceStartConversationProcedure {
		charges = append(charges, access.Charge{Scope: access.AddressStarts, Key: c.address.Key()})
	}
	if !policy.anyone {
		if err := s.identify(ctx, c, header, policy, now); err != nil {
			return nil, err
		}
		charges = append(charges, access.Charge{Scope: access.TokenCalls, Key: c.TokenKey})
		if procedure == kuplav1connect.ConversationServiceSendMessageProcedure {
			charges = append(charges, access.Charge{Scope: access.TokenSends, Key: c.TokenKey})
		}
	}
	if refusal, ok := s.limiter.AllowAll(now, charges...); !ok {
		return nil, refuseLater(kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED, refusal.RetryAfter)
	}
	return c, nil
}

// identify looks the caller's token up and holds it against the policy.
func (s *Server) identify(ctx context.Context, c *call, header http.Header, policy policy, now time.Time) error {
	if !access.HasCredential(header) {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING)
	}
	text, _ := access.BearerToken(header)
	// Whoever sent too many bad credentials waits before another is looked up; others who share their address, and whose
	// token was good before, do not.
	bad := access.Charge{Scope: access.AddressBadCredentials, Key: c.address.Key()}
	// A text that cannot be a token is looked up as none.
	c.token = text
	var err error
	c.Caller, err = s.authenticator.Authenticate(ctx, text, func() error {
		if refusal, ok := s.limiter.Check(now, bad); !ok {
			return refuseLater(kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED, refusal.RetryAfter)
		}
		return nil
	})
	if errors.Is(err, access.ErrInvalidToken) {
		s.limiter.AllowAll(now, bad)
		return refuse(kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID)
	}
	if err != nil {
		return err
	}
	if !policy.admits(c.Caller) {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_ROLE_REQUIRED, "required_roles", policy.who())
	}
	if c.Staff != nil {
		s.board.Profile(*c.Staff)
		if c.Has(store.RoleProfessional) { // a script's token with other roles is not the person at their desk
			s.board.SawStaff(c.Staff.ID)
		}
	}
	return nil
}

// recheck looks the caller of an open stream up again: a token may expire or be revoked meanwhile, and staff
// may lose a role or a queue.
func (s *Server) recheck(ctx context.Context, c *call) error {
	caller, err := s.authenticator.Authenticate(ctx, c.token, nil)
	switch {
	case errors.Is(err, access.ErrInvalidToken):
		return err
	case err != nil:
		return nil //nolint:nilerr // A store that cannot be asked ends nothing.
	case !policies[c.procedure].admits(caller):
		return access.ErrInvalidToken
	case c.Has(store.RoleProfessional) && !caller.Has(store.RoleProfessional):
		// A supervisor may watch the lines again, but not go on with the conversations of this stream.
		return access.ErrInvalidToken
	}
	s.board.Profile(*caller.Staff)
	return nil
}

// requestHeader is the header of the call and the address of its peer.
func requestHeader(ctx context.Context) (http.Header, string) {
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return http.Header{}, ""
	}
	header := make(http.Header, 1)
	for _, key := range [...]string{"Authorization", "X-Forwarded-For", "Forwarded"} {
		if values := info.RequestHeader().Values(key); len(values) > 0 {
			header[key] = values
		}
	}
	return header, info.PeerAddr
}

// panicAttr is what is logged of a panic: what kind it is. Its value may hold what somebody wrote, but for the
// runtime's own, which hold numbers.
func panicAttr(p any) slog.Attr {
	if err, ok := p.(runtime.Error); ok {
		return slog.String("panic", err.Error())
	}
	return slog.String("panic", fmt.Sprintf("%T", p))
}

func stackAttr() slog.Attr { return slog.String("stack", string(debug.Stack())) }
