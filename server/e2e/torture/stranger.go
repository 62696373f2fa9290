package torture

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// holder is somebody who has a token to a conversation.
type holder struct{ credentials kupla.Credentials }

// tryAsStranger tries conversations with the tokens of others. Nothing but a refusal may come of it.
func (r *run) tryAsStranger(ctx context.Context, professionals []*professional) {
	random := r.random("stranger")
	for pause(ctx, between(random, 50*time.Millisecond, 400*time.Millisecond)) {
		r.mu.Lock()
		if len(r.tokens) < 2 {
			r.mu.Unlock()
			continue
		}
		mine, theirs := r.tokens[random.IntN(len(r.tokens))].credentials, r.tokens[random.IntN(len(r.tokens))].credentials
		r.mu.Unlock()
		if random.IntN(3) == 0 {
			r.intrudeAsStaff(ctx, random, professionals[random.IntN(len(professionals))], theirs.ConversationID)
			continue
		}
		if mine.ConversationID != theirs.ConversationID {
			r.intrude(ctx, random, mine, theirs.ConversationID)
		}
	}
}

// intrude tries one thing with a conversation that is somebody else's.
func (r *run) intrude(ctx context.Context, random *rand.Rand, mine kupla.Credentials, id string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	l := r.line(random, "")
	defer l.close()
	service := l.Resume(mine).Service()
	what := "get"
	var err error
	switch random.IntN(5) {
	case 0:
		_, err = service.GetConversation(ctx, &kuplav1.GetConversationRequest{ConversationId: id})
	case 1:
		what = "list events"
		_, err = service.ListEvents(ctx, &kuplav1.ListEventsRequest{ConversationId: id})
	case 2:
		what = "send"
		_, err = service.SendMessage(ctx, &kuplav1.SendMessageRequest{ConversationId: id, RequestId: uuid.NewString(), Text: "vieras"})
	case 3:
		what = "leave"
		_, err = service.LeaveConversation(ctx, &kuplav1.LeaveConversationRequest{ConversationId: id, RequestId: uuid.NewString()})
	default:
		what = "follow"
		var stream interface {
			Receive() (*kuplav1.FollowConversationResponse, error)
			Close() error
		}
		if stream, err = service.FollowConversation(ctx, &kuplav1.FollowConversationRequest{ConversationId: id}); err == nil {
			_, err = stream.Receive()
			cancel()
			_ = stream.Close()
		}
	}
	if err == nil {
		r.anomalyf("intruder", id, "%s with the token of another conversation was answered", what)
		return
	}
	reason := r.refusal(id, "intruder: "+what, err, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND)
	if reason == kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND {
		r.count(trials, "intruder refused: "+what)
	}
}

// intrudeAsStaff asks for some conversation as a professional, who may have it, or have had it, or never. What is
// answered must say itself that they take part in it.
func (r *run) intrudeAsStaff(ctx context.Context, random *rand.Rand, p *professional, id string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	l := r.line(random, p.credentials())
	defer l.close()
	response, err := l.ConversationService().GetConversation(ctx, &kuplav1.GetConversationRequest{ConversationId: id})
	if err != nil {
		const notFound, over = kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND, kuplav1.ErrorReason_ERROR_REASON_ACCESS_ENDED
		expected := []kuplav1.ErrorReason{notFound, over, kuplav1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID}
		if reason := r.refusal(id, "professional at large: get", err, expected...); reason == notFound || reason == over {
			r.count(trials, "professional at large refused")
		}
		return
	}
	r.count(trials, "professional at large is at home")
	r.record(id).view(p.id, "get", 0)
	for _, one := range response.GetSnapshot().GetConversation().GetParticipants() {
		if one.GetProfessionalId() == p.id && one.GetLeaveTime() == nil {
			return
		}
	}
	r.anomalyf("intruder", id, "%s was shown it and does not take part", p.id)
}
