package rpc

import (
	"fmt"
	"hash/fnv"
	"io"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// withRequestID is a request of the contract that is remembered by its id.
type withRequestID interface {
	proto.Message
	GetRequestId() string
}

// request names a call for the store: who asks, by which id, and what. Whoever has a conversation token is
// named by their part in the conversation and not by the token, of which they may have several.
func request(c *call, message withRequestID) (store.Request, error) {
	id, err := uuid.Parse(message.GetRequestId())
	if err != nil {
		// The contract's rules have looked at it already.
		return store.Request{}, fmt.Errorf("request id that passed validation: %w", err)
	}
	if id == uuid.Nil {
		return store.Request{}, refuse(kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST,
			"field", "request_id", "problem", "give a random UUID; this one is everybody's")
	}
	caller := "start" // nobody is known yet: the id is unique globally
	switch {
	case c.Customer():
		caller = "participant:" + c.ConversationID + ":" + c.ParticipantID
	case c.Staff != nil:
		caller = "staff:" + c.Staff.ID
	}
	fingerprint, err := fingerprint(c.procedure, message)
	return store.Request{Caller: caller, ID: id, Fingerprint: fingerprint}, err
}

// fingerprint tells content from other content: a hash over the procedure and the request, its id as it was written
// among it. It is compared with those of the same caller alone, who has nothing to gain from two that are equal.
func fingerprint(procedure string, message proto.Message) (sum [8]byte, err error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		return sum, fmt.Errorf("encode request: %w", err)
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, procedure) // It never fails: see hash.Hash.
	_, _ = h.Write(b)
	h.Sum(sum[:0])
	return sum, nil
}
