package rpc

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

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

// refusalText is what stands behind a reason: its code, and what to do next. A value in braces is filled in
// from the metadata.
type refusalText struct {
	code connect.Code
	text string
}

// refusals holds every reason of the contract. A test fails when one is missing.
var refusals = map[kuplav1.ErrorReason]refusalText{
	kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST:             {connect.CodeInvalidArgument, "The request breaks a rule of the contract; see the details, mend it and send it again."},
	kuplav1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED:           {connect.CodeInvalidArgument, "This request id was used before with other content. Use a new random UUID for a new request."},
	kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED:            {connect.CodeInvalidArgument, "The cursor or page token is not one of ours, or belongs to something else. Start again without it."},
	kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING:         {connect.CodeUnauthenticated, "This call needs credentials. Send the token as \"Authorization: Bearer …\"."},
	kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID:         {connect.CodeUnauthenticated, "The token is not valid, or no longer. Get a new one."},
	kuplav1.ErrorReason_ERROR_REASON_ROLE_REQUIRED:               {connect.CodePermissionDenied, "This call is for {required_roles}. Ask an administrator if you need it."},
	kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED:                {connect.CodePermissionDenied, "The conversation {conversation_id} is no longer yours."},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_YOURS:             {connect.CodePermissionDenied, "The queue {queue_id} is not one of yours. Ask an administrator if it should be."},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND:             {connect.CodeNotFound, "There is no queue {queue_id}. List the queues to see which there are."},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND:      {connect.CodeNotFound, "There is no conversation {conversation_id}, or it is not yours."},
	kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND:      {connect.CodeNotFound, "There is no professional {professional_id} who could answer here."},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_CLOSED:                {connect.CodeFailedPrecondition, "The queue {queue_id} is closed. Come back when it opens, or call {phone}."},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_PAUSED:                {connect.CodeFailedPrecondition, "The queue {queue_id} takes nobody just now. Try again later, or call {phone}."},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL:                  {connect.CodeResourceExhausted, "As many as {capacity} wait in the queue {queue_id} already. Try again later, or call {phone}."},
	kuplav1.ErrorReason_ERROR_REASON_LANGUAGE_NOT_SERVED:         {connect.CodeInvalidArgument, "The queue {queue_id} is not served in {language}, but in {languages}."},
	kuplav1.ErrorReason_ERROR_REASON_NOTICE_OUTDATED:             {connect.CodeFailedPrecondition, "The notice has changed since it was shown. Show it as it is now, version {notice_version}, and start again."},
	kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_WAITING:            {connect.CodeResourceExhausted, "As many as {limit} wait from the same network already. Try again later."},
	kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED:                {connect.CodeResourceExhausted, "Calls come faster than allowed. Wait for {retry_delay} and try again."},
	kuplav1.ErrorReason_ERROR_REASON_ALREADY_TAKEN:               {connect.CodeFailedPrecondition, "Somebody else took the conversation {conversation_id} first. Take another one."},
	kuplav1.ErrorReason_ERROR_REASON_CAPACITY_REACHED:            {connect.CodeFailedPrecondition, "As many as {capacity} conversations are open on the desk already. Close one first."},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED:         {connect.CodeFailedPrecondition, "The conversation {conversation_id} has ended. Start a new one if there is more."},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_WAITING:        {connect.CodeFailedPrecondition, "The conversation {conversation_id} still waits in its queue."},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_ACTIVE:         {connect.CodeFailedPrecondition, "The conversation {conversation_id} is being answered already."},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_OPEN:           {connect.CodeFailedPrecondition, "The conversation {conversation_id} has not ended yet. The survey comes after its end."},
	kuplav1.ErrorReason_ERROR_REASON_IDENTITY_CODE_IN_TEXT:       {connect.CodeFailedPrecondition, "The text has a personal identity code in it, so nothing was stored. Take the code out; the professional can ask for identification safely."},
	kuplav1.ErrorReason_ERROR_REASON_TRANSFER_NOT_ALLOWED:        {connect.CodeFailedPrecondition, "The queue {queue_id} does not transfer to {target_queue_id}, or that one takes nobody now."},
	kuplav1.ErrorReason_ERROR_REASON_CUSTOMER_AGREEMENT_REQUIRED: {connect.CodeFailedPrecondition, "Between health and social care the customer must agree to the transfer. Ask them, and say that they agreed."},
	kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_AVAILABLE:  {connect.CodeFailedPrecondition, "The professional {professional_id} is not available for this customer now."},
	kuplav1.ErrorReason_ERROR_REASON_ALREADY_PARTICIPANT:         {connect.CodeFailedPrecondition, "The professional {professional_id} takes part already."},
	kuplav1.ErrorReason_ERROR_REASON_LAST_PROFESSIONAL:           {connect.CodeFailedPrecondition, "Nobody else would be left to answer. Transfer, return or close the conversation instead."},
	kuplav1.ErrorReason_ERROR_REASON_NOT_LEADING:                 {connect.CodePermissionDenied, "Only the professional who leads the conversation {conversation_id} may do this."},
	kuplav1.ErrorReason_ERROR_REASON_SEQUENCE_AHEAD:              {connect.CodeOutOfRange, "The log ends at {last_sequence}; nothing further can have been read."},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_TOO_LONG:       {connect.CodeFailedPrecondition, "The conversation {conversation_id} has {limit} events, which is as many as it may have. Start a new one."},
	kuplav1.ErrorReason_ERROR_REASON_START_TOO_OLD:               {connect.CodeFailedPrecondition, "This start was made too long ago to be repeated. Start anew with a new request id."},
	kuplav1.ErrorReason_ERROR_REASON_FEEDBACK_TOKEN_INVALID:      {connect.CodeNotFound, "The feedback token is not valid, or no longer. Get the survey again."},
	kuplav1.ErrorReason_ERROR_REASON_ANSWER_INVALID:              {connect.CodeInvalidArgument, "The answer to {question_id} does not fit the survey: {problem}."},
	kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_INVALID:           {connect.CodeInvalidArgument, "The catalogue cannot be applied. {path}: {problem}."},
	kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_CHANGED:           {connect.CodeAborted, "The catalogue has changed meanwhile; its etag is {etag}. Export it, make your change again and apply that."},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_IN_USE:                {connect.CodeFailedPrecondition, "The queue {queue_id} cannot be removed while {open} conversations are open in it. Close them first."},
	kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE:                 {connect.CodeUnavailable, "The service is interrupted, and whether the request took effect is not known. Ask again with the same request id in {retry_delay}."},
	kuplav1.ErrorReason_ERROR_REASON_INTERNAL:                    {connect.CodeInternal, "Something went wrong that should not have. Tell the operator the incident id {incident_id}."},
	kuplav1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE:           {connect.CodeResourceExhausted, "The request is larger than the {limit_bytes} bytes allowed. Make it smaller."},
	kuplav1.ErrorReason_ERROR_REASON_PROCEDURE_UNKNOWN:           {connect.CodeUnimplemented, "There is no such procedure. Check its name against the contract."},
	kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED:                  {connect.CodeCanceled, "The call was given up before it was answered."},
	kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_STREAMS:            {connect.CodeResourceExhausted, "As many as {limit} streams are open from the same network already. Close one first."},
}

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
	text := r.text
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		text = strings.ReplaceAll(text, "{"+key+"}", metadata[key])
	}
	return withReason(connect.NewError(r.code, text), reason, metadata)
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
		defer func() {
			if p := recover(); p != nil {
				err = s.incident(ctx, spec.Procedure, "panic", slog.Any("panic", p), stackAttr())
			}
		}()
		if err := next(ctx, spec, stream); err != nil {
			return s.answerError(ctx, spec.Procedure, err)
		}
		return nil
	}
}

// answerError turns whatever a handler returned into what the caller is told.
func (s *Server) answerError(ctx context.Context, procedure string, err error) error {
	var refused *chat.Refusal
	if errors.As(err, &refused) {
		if value, ok := kuplav1.ErrorReason_value["ERROR_REASON_"+string(refused.Reason)]; ok {
			return refuseWith(kuplav1.ErrorReason(value), refused.Metadata)
		}
	}
	var ours *connect.Error
	if errors.As(err, &ours) && !ours.IsRemote() {
		if hasReason(ours) {
			return ours
		}
		switch ours.Code() {
		case connect.CodeInvalidArgument:
			return withReason(ours, kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST, nil)
		case connect.CodeUnimplemented:
			return refuse(kuplav1.ErrorReason_ERROR_REASON_PROCEDURE_UNKNOWN)
		case connect.CodeResourceExhausted:
			return refuse(kuplav1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "limit_bytes", s.limitBytes())
		case connect.CodeCanceled, connect.CodeDeadlineExceeded:
			return withReason(connect.NewError(ours.Code(), refusals[kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED].text),
				kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED, nil)
		}
	}
	switch {
	case errors.Is(err, store.ErrRequestIDReused):
		return refuse(kuplav1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed):
		s.log.WarnContext(ctx, "store unavailable", "procedure", procedure, "error", err)
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
