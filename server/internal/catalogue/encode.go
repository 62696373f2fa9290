package catalogue

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// Encode makes what is stored of a catalogue, and the etag that identifies it: the same for the same catalogue,
// whatever is output only left aside. The error is that of text that is not valid UTF-8.
//
// The form of the bytes is promised for one build of the server only: another version of the protobuf library
// may write the same catalogue in another order, which gives it another etag. An etag is compared with
// the one that is stored, never worked out again from what is stored, so the worst is one apply that
// tells of no changes.
func Encode(m *kuplav1.Catalogue) (data []byte, etag string, err error) {
	data, err = proto.MarshalOptions{Deterministic: true}.Marshal(normal(m))
	if err != nil {
		return nil, "", fmt.Errorf("encode catalogue: %w", err)
	}
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:16]), nil
}

// Decode reads what Encode made.
func Decode(data []byte) (*kuplav1.Catalogue, error) {
	m := &kuplav1.Catalogue{}
	if err := proto.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("decode catalogue: %w", err)
	}
	return m, nil
}

// normal is a copy of a catalogue without what is output only.
func normal(m *kuplav1.Catalogue) *kuplav1.Catalogue {
	c := proto.CloneOf(m)
	if c == nil {
		return &kuplav1.Catalogue{}
	}
	clearVersion := func(s *kuplav1.Survey) {
		if s != nil {
			s.Version = ""
		}
	}
	clearVersion(c.GetDefaultSurvey())
	for _, q := range c.GetQueues() {
		q.NoticeVersion = ""
		clearVersion(q.GetSurvey())
	}
	return c
}
