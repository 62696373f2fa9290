package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect/v2"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// explain tells what went wrong and what to do next, and which exit code that makes.
func (a *app) explain(err error) (text string, code int) {
	code = exitCodeOf(err)
	if failed, ok := errors.AsType[codedError](err); ok {
		return failed.text, code
	}
	if again, ok := errors.AsType[repeatable](err); ok {
		if kupla.OutcomeUnknown(err) {
			code = ExitUnknownOutcome
		}
		err = again.error
	}
	if reason := kupla.ReasonOf(err); reason != kuplav1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return fillKnown(a.texts.Refusals[reason], a.metadata(err)), code
	}
	if away, ok := errors.AsType[*kupla.GoAwayError](err); ok {
		if text, known := a.texts.GoneAway[away.Reason]; known {
			return text, code
		}
		return a.texts.GoneAway[kuplav1.GoAwayReason_GO_AWAY_REASON_UNSPECIFIED], code
	}
	if _, ok := errors.AsType[*kupla.GapError](err); ok {
		return a.texts.EventsMissing, code
	}
	if a.interrupted() && errors.Is(err, context.Canceled) {
		if code != ExitUnknownOutcome {
			code = ExitFailed
		}
		return "", code // they know
	}
	connectErr, ok := errors.AsType[*connect.Error](err)
	switch {
	case !ok:
		return err.Error(), code
	case connectErr.IsRemote():
		return fill(a.texts.Unexpected, "error", connectErr.Error()), code
	case connectErr.Code() == connect.CodeUnavailable, connectErr.Code() == connect.CodeDeadlineExceeded,
		connectErr.Code() == connect.CodeCanceled:
		return fill(a.texts.Unreachable, "server", a.server, "error", connectErr.Message()), code
	case connectErr.Code() == connect.CodeInvalidArgument:
		return fill(a.texts.Unexpected, "error", connectErr.Message()), code
	default:
		return fill(a.texts.NotKupla, "server", a.server, "error", connectErr.Error()), code
	}
}

// reasonName returns the name of a reason as it travels.
func reasonName(reason kuplav1.ErrorReason) string {
	return strings.TrimPrefix(reason.String(), "ERROR_REASON_")
}

// violations returns which fields of a request break which rule.
func violations(err error) []jsonViolation {
	var all []jsonViolation
	for _, violation := range kupla.Violations(err) {
		all = append(all, jsonViolation{
			Field: protovalidate.FieldPathString(violation.GetField()), Message: violation.GetMessage(),
		})
	}
	if local, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		for _, violation := range local.Violations {
			all = append(all, jsonViolation{
				Field:   protovalidate.FieldPathString(violation.Proto.GetField()),
				Message: violation.Proto.GetMessage(),
			})
		}
	}
	return all
}

// reason is explain without the exit code, for refusals told in a sentence.
func (a *app) reason(err error) string {
	text, _ := a.explain(err)
	return text
}

// metadata returns what the service says about a refusal, in words for people.
func (a *app) metadata(err error) map[string]string {
	values := make(map[string]string)
	for name, value := range kupla.Metadata(err) {
		switch {
		case strings.HasSuffix(name, "_time"):
			if moment, err := time.Parse(time.RFC3339, value); err == nil {
				value = a.moment(moment)
			}
		case name == "languages":
			var names []string
			for code := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ' ' }) {
				names = append(names, a.languageName(code))
			}
			value = strings.Join(names, ", ")
		}
		values[name] = value
	}
	if delay, ok := kupla.RetryDelay(err); ok {
		values["retry_delay"] = a.seconds(delay)
	}
	return values
}

// languageName returns the name of a language, or its code where the name is not known.
func (a *app) languageName(code string) string {
	if name, ok := a.texts.Languages[language(code)]; ok {
		return name
	}
	return code
}
