package rpc

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// errorDomain is the domain of every ErrorInfo.
const errorDomain = "kupla"

const errorInfoType = "google.rpc.ErrorInfo"

// undecodable is what is said of a request that is no message, beside the reason INVALID_REQUEST.
const undecodable = "The request cannot be decoded. Check that it is what its content type says, and that its fields have " +
	"the types of the contract."

// refuse makes the error of a reason. pairs are metadata keys and values, alternating.
func refuse(reason kuplav1.ErrorReason, pairs ...string) *connect.Error {
	metadata := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		metadata[pairs[i]] = pairs[i+1]
	}
	return refuseWith(reason, metadata)
}

func refuseWith(reason kuplav1.ErrorReason, metadata map[string]string) *connect.Error {
	r, ok := refusals[reason]
	if !ok {
		r = refusals[kuplav1.ErrorReason_ERROR_REASON_INTERNAL]
	}
	text, told := r.text, make(map[string]string, len(metadata))
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		told[key] = brief(metadata[key])
		text = strings.ReplaceAll(text, "{"+key+"}", told[key])
	}
	return withReason(connect.NewError(r.code, text), reason, told)
}

// briefBytes is how much of one value is told. Some are what the caller sent, and errors travel in headers, which proxies
// and clients refuse when they are large.
const briefBytes = 300

// brief cuts a value that is longer, between two characters.
func brief(value string) string {
	if len(value) <= briefBytes {
		return value
	}
	cut := briefBytes
	for cut > 0 && !utf8.RuneStart(value[cut]) {
		cut--
	}
	return value[:cut] + "…"
}

// refuseLater is refuse with a delay after which trying again makes sense.
func refuseLater(reason kuplav1.ErrorReason, delay time.Duration, pairs ...string) *connect.Error {
	if delay < time.Millisecond {
		delay = time.Millisecond
	}
	delay = delay.Round(time.Millisecond)
	err := refuse(reason, append(pairs, "retry_delay", delay.String())...)
	if detail, problem := connectproto.NewErrorDetail(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)}); problem == nil {
		err = err.WithDetail(detail)
	}
	return err
}

// withReason adds the ErrorInfo to an error.
func withReason(err *connect.Error, reason kuplav1.ErrorReason, metadata map[string]string) *connect.Error {
	detail, problem := connectproto.NewErrorDetail(&errdetails.ErrorInfo{
		Reason:   strings.TrimPrefix(reason.String(), "ERROR_REASON_"),
		Domain:   errorDomain,
		Metadata: metadata,
	})
	if problem != nil {
		return err
	}
	return err.WithDetail(detail)
}

// hasReason reports whether an error carries our ErrorInfo.
func hasReason(err *connect.Error) bool {
	return slices.ContainsFunc(err.Details(), func(d *connect.ErrorDetail) bool {
		return d.Type == errorInfoType
	})
}

// errorInterceptor is the outermost: every error leaves with a reason, and none with a text of others.
func (s *Server) errorInterceptor(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) (err error) {
		reasoned := s.reasoned(ctx, spec.Procedure, stream)
		defer func() {
			if p := recover(); p != nil {
				err = s.panicked(ctx, spec.Procedure, p)
			}
			reasoned.end(err)
		}()
		if err = next(ctx, spec, reasoned); err != nil {
			err = s.answerError(ctx, spec.Procedure, err)
		}
		return err
	}
}

func (s *Server) reasoned(ctx context.Context, procedure string, stream connect.ServerStream) *reasonedStream {
	reasoned := &reasonedStream{ServerStream: stream, tooLarge: s.requestBytes(procedure), ended: ctx.Err}
	if s.counter != nil {
		reasoned.counted, reasoned.began = s.counter.Begin(procedure), time.Now()
	}
	return reasoned
}

func (s *Server) panicked(ctx context.Context, procedure string, p any) error {
	return s.incident(ctx, procedure, "panic", panicAttr(p), stackAttr())
}

// reasonedStream gives reasons to what the library refuses about the messages of a call. Its own codes would have the
// caller's mistakes be ours: an envelope that is cut short is "internal" to it, a peer that is gone "unknown".
type reasonedStream struct {
	connect.ServerStream

	tooLarge int
	ended    func() error

	// What is to be ended with the call. It is here, and no interceptor of its own ends it, because each would stand on
	// the stack of every stream.
	work    *workStream
	counted CountedCall
	began   time.Time
}

// end ends what the call began.
func (s *reasonedStream) end(err error) {
	if s.work != nil {
		s.work.done()
	}
	if s.counted != nil {
		s.counted.End(err, time.Since(s.began))
	}
}

// Receive tells apart requests that are too large and those that are none.
func (s *reasonedStream) Receive(msg any) error {
	err := s.ServerStream.Receive(msg)
	theirs, ok := errors.AsType[*connect.Error](err)
	switch {
	case !ok || errors.Is(err, io.EOF):
		return err
	case s.ended() != nil:
		return s.ended()
	case errors.Is(err, os.ErrDeadlineExceeded): // it did not arrive in time
		return refuse(kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED)
	case theirs.Code() == connect.CodeResourceExhausted:
		return refuse(kuplav1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "limit_bytes", strconv.Itoa(s.tooLarge))
	case theirs.Code() == connect.CodeCanceled, theirs.Code() == connect.CodeDeadlineExceeded:
		return err
	}
	// What the decoder stumbled over may be anything that a person wrote, so it is not told back.
	return withReason(connect.NewError(connect.CodeInvalidArgument, undecodable), kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST, nil)
}

// Send tells apart peers that are gone from messages that we cannot encode.
func (s *reasonedStream) Send(msg any) error {
	err := s.ServerStream.Send(msg)
	if theirs, ok := errors.AsType[*connect.Error](err); ok && theirs.Code() != connect.CodeInternal {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED)
	}
	return err
}

// answerError turns whatever a handler returned into what the caller is told.
func (s *Server) answerError(ctx context.Context, procedure string, err error) error {
	if refused, ok := errors.AsType[*chat.Refusal](err); ok {
		if value, ok := kuplav1.ErrorReason_value["ERROR_REASON_"+string(refused.Reason)]; ok {
			return refuseWith(kuplav1.ErrorReason(value), refused.Metadata)
		}
	}
	var ours *connect.Error
	if errors.As(err, &ours) && !ours.IsRemote() {
		if hasReason(ours) {
			return ours
		}
		switch ours.Code() { //nolint:exhaustive // The others are none that the library makes on its own.
		case connect.CodeInvalidArgument:
			return withReason(ours, kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST, nil)
		case connect.CodeUnimplemented:
			return refuse(kuplav1.ErrorReason_ERROR_REASON_PROCEDURE_UNKNOWN)
		case connect.CodeCanceled, connect.CodeDeadlineExceeded:
			return withReason(connect.NewError(ours.Code(), refusals[kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED].text),
				kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED, nil)
		}
	}
	switch {
	case errors.Is(err, store.ErrRequestIDReused):
		return refuse(kuplav1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed):
		if calls, ok := s.counts.unavailable(s.now()); ok {
			s.log.WarnContext(ctx, "store unavailable", "procedure", procedure, "calls", calls, "error", err)
		}
		return refuseLater(kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE, s.config.UnavailableRetryDelay)
	case errors.Is(err, context.DeadlineExceeded):
		return withReason(connect.NewError(connect.CodeDeadlineExceeded, refusals[kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED].text),
			kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED, nil)
	case errors.Is(err, context.Canceled), ctx.Err() != nil:
		return refuse(kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED)
	}
	return s.incident(ctx, procedure, "unexpected error", slog.Any("error", err))
}

// incident logs what went wrong under a new id and makes the error that names only the id.
func (s *Server) incident(ctx context.Context, procedure, what string, attrs ...any) error {
	var raw [6]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	id := hex.EncodeToString(raw[:])
	s.log.ErrorContext(ctx, what, append([]any{"incident_id", id, "procedure", procedure}, attrs...)...)
	return refuse(kuplav1.ErrorReason_ERROR_REASON_INTERNAL, "incident_id", id)
}

// isReason reports whether an error is a refusal for a reason.
func isReason(err error, reason kuplav1.ErrorReason) bool {
	var ours *connect.Error
	if !errors.As(err, &ours) {
		return false
	}
	for _, d := range ours.Details() {
		if d.Type != errorInfoType {
			continue
		}
		if message, err := connectproto.UnmarshalErrorDetail(d); err == nil {
			info, ok := message.(*errdetails.ErrorInfo)
			return ok && info.GetReason() == strings.TrimPrefix(reason.String(), "ERROR_REASON_")
		}
	}
	return false
}
