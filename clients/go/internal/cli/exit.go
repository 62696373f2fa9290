package cli

import (
	"context"
	"errors"
	"strconv"

	"connectrpc.com/connect/v2"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// Exit codes of the kupla command. They are part of what scripts rely on: a code never changes its meaning.
const (
	// ExitOK tells that all went well.
	ExitOK = 0
	// ExitFailed tells that something failed that has no code of its own. From "kupla catalogue diff" it tells
	// that there is a difference, as from diff(1).
	ExitFailed = 1
	// ExitUsage tells that the command was not understood.
	ExitUsage = 2
	// ExitUnreachable tells that the service cannot be reached, or is interrupted; nothing was changed.
	ExitUnreachable = 3
	// ExitInvalid tells that the service does not accept what was sent.
	ExitInvalid = 4
	// ExitUnauthenticated tells that there is no token, or that it is not good, or no longer.
	ExitUnauthenticated = 5
	// ExitPermissionDenied tells that the token does not allow this.
	ExitPermissionDenied = 6
	// ExitNotFound tells that there is no such queue, conversation or colleague, or that it is not yours.
	ExitNotFound = 7
	// ExitFailedPrecondition tells that it cannot be done as things stand, as with a queue that is closed.
	ExitFailedPrecondition = 8
	// ExitAlreadyTaken tells that somebody else took the conversation first.
	ExitAlreadyTaken = 9
	// ExitChanged tells that somebody else made a change in between.
	ExitChanged = 10
	// ExitTooMuch tells that a limit was met: too fast, too many, too long, or a queue that is full.
	ExitTooMuch = 11
	// ExitNobodyWaiting tells that nobody waits whom one could take.
	ExitNobodyWaiting = 12
	// ExitUnknownOutcome tells that a change may or may not have been made: the same command with the same
	// --request-id settles it.
	ExitUnknownOutcome = 13
	// ExitInternal tells that something went wrong in the service, or that it does not know the request.
	ExitInternal = 14
)

// exitCodes are all exit codes, in order.
var exitCodes = []int{
	ExitOK, ExitFailed, ExitUsage, ExitUnreachable, ExitInvalid, ExitUnauthenticated, ExitPermissionDenied,
	ExitNotFound, ExitFailedPrecondition, ExitAlreadyTaken, ExitChanged, ExitTooMuch, ExitNobodyWaiting,
	ExitUnknownOutcome, ExitInternal,
}

// exitCodeTable lists the exit codes for help.
func (a *app) exitCodeTable() string {
	var rows [][]string
	for _, code := range exitCodes {
		rows = append(rows, []string{strconv.Itoa(code), a.texts.Script.ExitCodes[code]})
	}
	return indentedTable(rows)
}

// exitCodesOf are the exit codes by the code of an error.
var exitCodesOf = map[connect.Code]int{
	connect.CodeCanceled:           ExitUnreachable,
	connect.CodeUnknown:            ExitInternal,
	connect.CodeInvalidArgument:    ExitInvalid,
	connect.CodeDeadlineExceeded:   ExitUnreachable,
	connect.CodeNotFound:           ExitNotFound,
	connect.CodeAlreadyExists:      ExitFailedPrecondition,
	connect.CodePermissionDenied:   ExitPermissionDenied,
	connect.CodeResourceExhausted:  ExitTooMuch,
	connect.CodeFailedPrecondition: ExitFailedPrecondition,
	connect.CodeAborted:            ExitChanged,
	connect.CodeOutOfRange:         ExitInvalid,
	connect.CodeUnimplemented:      ExitInternal,
	connect.CodeInternal:           ExitInternal,
	connect.CodeUnavailable:        ExitUnreachable,
	connect.CodeDataLoss:           ExitInternal,
	connect.CodeUnauthenticated:    ExitUnauthenticated,
}

// exitCodesOfGoAway are the exit codes by why the service ended a stream for good.
var exitCodesOfGoAway = map[kuplav1.GoAwayReason]int{
	kuplav1.GoAwayReason_GO_AWAY_REASON_UNSPECIFIED:         ExitUnreachable,
	kuplav1.GoAwayReason_GO_AWAY_REASON_SHUTDOWN:            ExitUnreachable,
	kuplav1.GoAwayReason_GO_AWAY_REASON_SUPERSEDED:          ExitChanged,
	kuplav1.GoAwayReason_GO_AWAY_REASON_TOKEN_ENDED:         ExitUnauthenticated,
	kuplav1.GoAwayReason_GO_AWAY_REASON_ACCESS_ENDED:        ExitPermissionDenied,
	kuplav1.GoAwayReason_GO_AWAY_REASON_CONVERSATION_CLOSED: ExitFailedPrecondition,
	kuplav1.GoAwayReason_GO_AWAY_REASON_QUEUE_REMOVED:       ExitNotFound,
	kuplav1.GoAwayReason_GO_AWAY_REASON_UNAVAILABLE:         ExitUnreachable,
}

// exitCodeOf returns the exit code of a failure.
func exitCodeOf(err error) int {
	if failed, ok := errors.AsType[codedError](err); ok {
		return failed.code
	}
	if kupla.ReasonOf(err) == kuplav1.ErrorReason_ERROR_REASON_ALREADY_TAKEN {
		return ExitAlreadyTaken
	}
	if away, ok := errors.AsType[*kupla.GoAwayError](err); ok {
		if code, known := exitCodesOfGoAway[away.Reason]; known {
			return code
		}
		return ExitUnreachable
	}
	if _, ok := errors.AsType[*kupla.GapError](err); ok {
		return ExitInternal
	}
	connectErr, ok := errors.AsType[*connect.Error](err)
	switch {
	case !ok:
		return ExitFailed
	case connectErr.IsRemote(), connectErr.Code() == connect.CodeInvalidArgument:
		return exitCodesOf[connectErr.Code()]
	default:
		// What did not come from the service came of the way to it, or is not the service.
		return ExitUnreachable
	}
}

// codedError is a failure that is told in a sentence, with the exit code that it makes and the name of the
// error code that the service would give it.
type codedError struct {
	code int
	kind connect.Code // none when the service has no such code
	text string
	// reason is the refusal that the service would give.
	reason kuplav1.ErrorReason
	// cause, when given, says more.
	cause error
	// told tells that the output says it all.
	told bool
}

// Unwrap returns what says more.
func (e codedError) Unwrap() error { return e.cause }

// Error describes the error.
func (e codedError) Error() string { return e.text }

// jsonError is a failure as scripts read it, on stderr.
type jsonError struct {
	Code       string            `json:"code"`
	Reason     string            `json:"reason"`
	Message    string            `json:"message"`
	Metadata   map[string]string `json:"metadata"`
	RetryDelay string            `json:"retry_delay"`
	Violations []jsonViolation   `json:"violations,omitempty"`
	RequestID  string            `json:"request_id,omitempty"`
	ExitCode   int               `json:"exit_code"`
}

// jsonViolation is one field that breaks a rule.
type jsonViolation struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Names of failures that no error code of the service stands for.
const (
	codeUsage         = "usage"
	codeFailed        = "failed"
	codeNobodyWaiting = "nobody_waiting"
	codeUnknown       = "unknown_outcome"
)

// codeName returns the name of a failure's code: that of the service's error, or a word for what happened here.
func codeName(err error, exit int) string {
	switch exit {
	case ExitUsage:
		return codeUsage
	case ExitNobodyWaiting:
		return codeNobodyWaiting
	case ExitUnknownOutcome:
		return codeUnknown
	}
	if failed, ok := errors.AsType[codedError](err); ok && failed.kind != 0 {
		return failed.kind.String()
	}
	if away, ok := errors.AsType[*kupla.GoAwayError](err); ok {
		for code, number := range exitCodesOf {
			if number == exitCodesOfGoAway[away.Reason] && number != ExitUnreachable {
				return code.String()
			}
		}
		return connect.CodeUnavailable.String()
	}
	if connectErr, ok := errors.AsType[*connect.Error](err); ok {
		if exit == ExitUnreachable && !connectErr.IsRemote() {
			return connect.CodeUnavailable.String()
		}
		return connectErr.Code().String()
	}
	if errors.Is(err, context.Canceled) {
		return connect.CodeCanceled.String()
	}
	return codeFailed
}

// complainOf tells a failure on stderr, as one JSON object or as text, and returns the exit code.
func (a *app) complainOf(err error, command string) int {
	if failed, ok := errors.AsType[codedError](err); ok && failed.told {
		return failed.code
	}
	wrong, misunderstood := errors.AsType[usageError](err)
	var text string
	var code int
	if misunderstood {
		text, code = wrong.text, ExitUsage
	} else {
		text, code = a.explain(err)
	}
	if !a.inJSON() {
		if text != "" {
			a.complain(text)
		}
		for _, violation := range violations(err) {
			a.complain("  " + violation.Field + ": " + violation.Message)
		}
		if again, ok := errors.AsType[repeatable](err); ok {
			what := a.texts.Script.RunAgain
			if again.made {
				what = a.texts.Script.AnswerAgain
			}
			a.complain(fill(what, "id", again.requestID))
		}
		if misunderstood {
			a.complain(fill(a.texts.TryHelp, "command", command))
		}
		return code
	}
	told := jsonError{
		Code:       codeName(err, code),
		Message:    clean(text),
		Metadata:   kupla.Metadata(err),
		Violations: violations(err),
		ExitCode:   code,
	}
	if told.Metadata == nil {
		told.Metadata = map[string]string{}
	}
	reason := kupla.ReasonOf(err)
	if failed, ok := errors.AsType[codedError](err); ok {
		reason = failed.reason
	}
	if reason != kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		told.Reason = reasonName(reason)
	}
	if delay, ok := kupla.RetryDelay(err); ok {
		told.RetryDelay = delay.String()
	}
	if again, ok := errors.AsType[repeatable](err); ok {
		told.RequestID = again.requestID
	}
	if data, err := marshalPlain(told); err == nil {
		_, _ = a.stderr.Write(data)
	}
	return code
}

// repeatable marks the failure of a write that may be repeated with its request id.
type repeatable struct {
	error
	requestID string
	made      bool // it was made; what is missing is only the answer
}

// Unwrap returns the error itself.
func (r repeatable) Unwrap() error { return r.error }
