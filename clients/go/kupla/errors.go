package kupla

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// errorDomain marks the reasons that are Kupla's own, not those of a proxy on the way.
const errorDomain = "kupla"

var (
	// ErrStreamSilent is the cause when a stream brought nothing for twice the time it had promised.
	ErrStreamSilent = errors.New("kupla: the stream fell silent")
	// ErrStreamEnded is the cause when a stream ended without being said to end.
	ErrStreamEnded = errors.New("kupla: the stream ended unexpectedly")
	// ErrHistoryLost is the cause when the service knows fewer events than were handed out, as after a
	// restored backup. The follower then starts over with [UpdateReset].
	ErrHistoryLost = errors.New("kupla: the service lost part of the log")
)

// GoAwayError tells that the service ended a stream on purpose. It ends a sequence when coming back makes
// no sense, and is the cause of a lost connection when it does.
type GoAwayError struct {
	// Reason is why the stream ended.
	Reason kuplav1.GoAwayReason
	// Reconnect tells whether coming back with the same credentials makes sense.
	Reconnect bool
	// RetryDelay is how long the service asks to wait before that.
	RetryDelay time.Duration
}

// Error describes the error.
func (e *GoAwayError) Error() string {
	return "kupla: the service ended the stream: " + e.Reason.String()
}

// GapError tells that the service left out an event, again and again. Nothing was handed out past the gap.
type GapError struct {
	// ConversationID identifies the conversation, where it is known.
	ConversationID string
	// Want is the number of the event that should have come.
	Want int32
	// Got is the number of the event that came, or 0 when the stream said that nothing more would come.
	Got int32
}

// Error describes the error.
func (e *GapError) Error() string {
	return fmt.Sprintf("kupla: event %d of conversation %q is missing, %d came instead", e.Want, e.ConversationID, e.Got)
}

// ReasonOf returns why the service refused, or ERROR_REASON_UNSPECIFIED when err is no refusal, or one whose
// reason this package does not know; connect.CodeOf then still tells the kind.
func ReasonOf(err error) kuplav1.ErrorReason {
	info := errorInfo(err)
	if info == nil {
		return kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED
	}
	return kuplav1.ErrorReason(kuplav1.ErrorReason_value["ERROR_REASON_"+info.GetReason()])
}

// Metadata returns what the service says about a refusal, by name, such as "phone" or "next_opening_time".
// It returns nil when there is nothing.
func Metadata(err error) map[string]string {
	return errorInfo(err).GetMetadata()
}

// RetryDelay returns how long the service asks to wait before trying again, and whether it does.
func RetryDelay(err error) (time.Duration, bool) {
	if away, ok := errors.AsType[*GoAwayError](err); ok && away.Reconnect && away.RetryDelay > 0 {
		return away.RetryDelay, true
	}
	if info := detail[*errdetails.RetryInfo](err); info.GetRetryDelay() != nil {
		return max(info.GetRetryDelay().AsDuration(), 0), true
	}
	text, ok := Metadata(err)["retry_delay"]
	if !ok {
		return 0, false
	}
	if delay, err := time.ParseDuration(text); err == nil {
		return max(delay, 0), true
	}
	// Plain seconds, as HTTP's Retry-After has them.
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return max(time.Duration(seconds)*time.Second, 0), true
	}
	return 0, false
}

// Violations returns which fields of the request break which rule, when the service refused it with
// INVALID_REQUEST.
func Violations(err error) []*validate.Violation {
	return detail[*validate.Violations](err).GetViolations()
}

func errorInfo(err error) *errdetails.ErrorInfo {
	info := detail[*errdetails.ErrorInfo](err)
	if info.GetDomain() != errorDomain {
		return nil
	}
	return info
}

// detail returns the first detail of type T that err carries, or nil.
func detail[T any](err error) T {
	var none T
	connectErr, ok := errors.AsType[*connect.Error](err)
	if !ok || connectErr == nil {
		return none
	}
	for _, packed := range connectErr.Details() {
		message, err := connectproto.UnmarshalErrorDetail(packed)
		if err != nil {
			continue // a kind of detail that this package does not know
		}
		if found, ok := message.(T); ok {
			return found
		}
	}
	return none
}

// fromService reports whether err is the service's own verdict, rather than what became of the call on the
// way.
func fromService(err error) bool {
	connectErr, ok := errors.AsType[*connect.Error](err)
	return ok && connectErr.IsRemote()
}
