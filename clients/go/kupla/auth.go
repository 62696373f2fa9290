package kupla

import (
	"context"

	"connectrpc.com/connect/v2"

	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// withoutCredentials are the calls that need no credentials and never get any: whoever starts a
// conversation is nobody yet, queues are the same for everyone, and answers to a survey must not be
// linkable to the conversation they are about.
var withoutCredentials = map[string]bool{
	kuplav1connect.ConversationServiceStartConversationProcedure: true,
	kuplav1connect.QueueServiceListQueuesProcedure:               true,
	kuplav1connect.QueueServiceGetQueueProcedure:                 true,
	kuplav1connect.QueueServiceWatchQueuesProcedure:              true,
	kuplav1connect.FeedbackServiceSubmitFeedbackProcedure:        true,
}

// bearer returns an interceptor that presents token. The token lives in its closure only, where no printing
// of a client can reach it.
func bearer(token string) connect.ClientInterceptor {
	return func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			if token != "" && !withoutCredentials[spec.Procedure] {
				if info, ok := connect.CallInfoForClientContext(ctx); ok {
					info.RequestHeader().Set("Authorization", "Bearer "+token)
				}
			}
			return next(ctx, spec)
		}
	}
}
