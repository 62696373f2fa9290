package rpc

import (
	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// refusalText is what stands behind a reason: its code, and what to do next. A value in braces is filled in
// from the metadata.
type refusalText struct {
	code connect.Code
	text string
}

// refusals holds every reason of the contract. A test fails when one is missing.
var refusals = map[kuplav1.ErrorReason]refusalText{
	kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST: {
		connect.CodeInvalidArgument,
		"The request breaks a rule of the contract; see the details, mend it and send it again.",
	},
	kuplav1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED: {
		connect.CodeInvalidArgument,
		"This request id was used before with other content. Use a new random UUID for a new request.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED: {
		connect.CodeInvalidArgument,
		"The cursor or page token is not one of ours, or belongs to something else. Start again without it.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING: {
		connect.CodeUnauthenticated,
		"This call needs credentials. Send the token as \"Authorization: Bearer …\".",
	},
	kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID: {
		connect.CodeUnauthenticated,
		"The token is not valid, or no longer. Get a new one.",
	},
	kuplav1.ErrorReason_ERROR_REASON_ROLE_REQUIRED: {
		connect.CodePermissionDenied,
		"This call is for {required_roles}. Ask an administrator if you need it.",
	},
	kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED: {
		connect.CodePermissionDenied,
		"The conversation {conversation_id} is no longer yours.",
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_YOURS: {
		connect.CodePermissionDenied,
		"The queue {queue_id} is not one of yours. Ask an administrator if it should be.",
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND: {
		connect.CodeNotFound,
		"There is no queue {queue_id}. List the queues to see which there are.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND: {
		connect.CodeNotFound,
		"There is no conversation {conversation_id}, or it is not yours.",
	},
	kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_FOUND: {
		connect.CodeNotFound,
		"There is no professional {professional_id} who could answer here.",
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_CLOSED: {
		connect.CodeFailedPrecondition,
		"The queue {queue_id} is closed. Come back when it opens, or call {phone}.",
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_PAUSED: {
		connect.CodeFailedPrecondition,
		"The queue {queue_id} takes nobody just now. Try again later, or call {phone}.",
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_FULL: {
		connect.CodeResourceExhausted,
		"As many as {capacity} wait in the queue {queue_id} already. Try again later, or call {phone}.",
	},
	kuplav1.ErrorReason_ERROR_REASON_LANGUAGE_NOT_SERVED: {
		connect.CodeInvalidArgument,
		"The queue {queue_id} is not served in {language}, but in {languages}.",
	},
	kuplav1.ErrorReason_ERROR_REASON_NOTICE_OUTDATED: {
		connect.CodeFailedPrecondition,
		"The notice has changed since it was shown. Show it as it is now, version {notice_version}, and start again.",
	},
	kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_WAITING: {
		connect.CodeResourceExhausted,
		"As many as {limit} wait from the same network already. Try again later.",
	},
	kuplav1.ErrorReason_ERROR_REASON_RATE_LIMITED: {
		connect.CodeResourceExhausted,
		"Calls come faster than allowed. Wait for {retry_delay} and try again.",
	},
	kuplav1.ErrorReason_ERROR_REASON_ALREADY_TAKEN: {
		connect.CodeFailedPrecondition,
		"Somebody else took the conversation {conversation_id} first. Take another one.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CAPACITY_REACHED: {
		connect.CodeFailedPrecondition,
		"As many as {capacity} conversations are open on the desk already. Close one first.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_CLOSED: {
		connect.CodeFailedPrecondition,
		"The conversation {conversation_id} has ended. Start a new one if there is more.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_WAITING: {
		connect.CodeFailedPrecondition,
		"The conversation {conversation_id} still waits in its queue.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_ACTIVE: {
		connect.CodeFailedPrecondition,
		"The conversation {conversation_id} is being answered already.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_OPEN: {
		connect.CodeFailedPrecondition,
		"The conversation {conversation_id} has not ended yet. The survey comes after its end.",
	},
	kuplav1.ErrorReason_ERROR_REASON_IDENTITY_CODE_IN_TEXT: {
		connect.CodeFailedPrecondition,
		"The text has a personal identity code in it, so nothing was stored. Take the code out; the " +
			"professional can ask for identification safely.",
	},
	kuplav1.ErrorReason_ERROR_REASON_TRANSFER_NOT_ALLOWED: {
		connect.CodeFailedPrecondition,
		"The queue {queue_id} does not transfer to {target_queue_id}.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CUSTOMER_AGREEMENT_REQUIRED: {
		connect.CodeFailedPrecondition,
		"Between health and social care the customer must agree to the transfer. Ask them, and say that they agreed.",
	},
	kuplav1.ErrorReason_ERROR_REASON_PROFESSIONAL_NOT_AVAILABLE: {
		connect.CodeFailedPrecondition,
		"The professional {professional_id} is not available for this customer now.",
	},
	kuplav1.ErrorReason_ERROR_REASON_ALREADY_PARTICIPANT: {
		connect.CodeFailedPrecondition,
		"The professional {professional_id} takes part already.",
	},
	kuplav1.ErrorReason_ERROR_REASON_LAST_PROFESSIONAL: {
		connect.CodeFailedPrecondition,
		"Nobody else would be left to answer. Transfer, return or close the conversation instead.",
	},
	kuplav1.ErrorReason_ERROR_REASON_NOT_LEADING: {
		connect.CodePermissionDenied,
		"Only the professional who leads the conversation {conversation_id} may do this.",
	},
	kuplav1.ErrorReason_ERROR_REASON_SEQUENCE_AHEAD: {
		connect.CodeOutOfRange,
		"The log ends at {last_sequence}; nothing further can have been read.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_TOO_LONG: {
		connect.CodeFailedPrecondition,
		"The conversation {conversation_id} has {limit} events, which is as many as it may have. Start a new one.",
	},
	kuplav1.ErrorReason_ERROR_REASON_START_TOO_OLD: {
		connect.CodeFailedPrecondition,
		"This start was made too long ago to be repeated. Start anew with a new request id.",
	},
	kuplav1.ErrorReason_ERROR_REASON_FEEDBACK_TOKEN_INVALID: {
		connect.CodeNotFound,
		"The feedback token is not valid, or no longer. Get the survey again.",
	},
	kuplav1.ErrorReason_ERROR_REASON_ANSWER_INVALID: {
		connect.CodeInvalidArgument,
		"The answer to {question_id} does not fit the survey: {problem}.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_INVALID: {
		connect.CodeInvalidArgument,
		"The catalogue cannot be applied. {path}: {problem}.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_CHANGED: {
		connect.CodeAborted,
		"The catalogue has changed meanwhile; its etag is {etag}. Export it, make your change again and apply that.",
	},
	kuplav1.ErrorReason_ERROR_REASON_QUEUE_IN_USE: {
		connect.CodeFailedPrecondition,
		"The queue {queue_id} cannot be removed while {open} conversations are open in it. Close them first.",
	},
	kuplav1.ErrorReason_ERROR_REASON_UNAVAILABLE: {
		connect.CodeUnavailable,
		"The service is interrupted, and whether the request took effect is not known. Ask again with the " +
			"same request id in {retry_delay}.",
	},
	kuplav1.ErrorReason_ERROR_REASON_INTERNAL: {
		connect.CodeInternal,
		"Something went wrong that should not have. Tell the operator the incident id {incident_id}.",
	},
	kuplav1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE: {
		connect.CodeResourceExhausted,
		"The request is larger than the {limit_bytes} bytes allowed. Make it smaller.",
	},
	kuplav1.ErrorReason_ERROR_REASON_PROCEDURE_UNKNOWN: {
		connect.CodeUnimplemented,
		"There is no such procedure. Check its name against the contract.",
	},
	kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED: {
		connect.CodeCanceled,
		"The call was given up before it was answered.",
	},
	kuplav1.ErrorReason_ERROR_REASON_TOO_MANY_STREAMS: {
		connect.CodeResourceExhausted,
		"As many as {limit} streams are open from the same network already. Close one first.",
	},
	kuplav1.ErrorReason_ERROR_REASON_OVERLOADED: {
		connect.CodeResourceExhausted,
		"The service has more to do than it can just now, and nothing was done. Try again in {retry_delay}.",
	},
}
