package rpc

import (
	"maps"
	"slices"
	"testing"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// PolicyProcedures are the procedures that policies has a row for.
func PolicyProcedures() []string { return slices.Sorted(maps.Keys(policies)) }

// DocumentedReason is what the contract's comment says of a reason.
type DocumentedReason struct{ Codes, Metadata []string }

// DocumentedReasons reads the comments of the contract's reasons.
func DocumentedReasons(t *testing.T) map[kuplav1.ErrorReason]DocumentedReason {
	t.Helper()
	found := map[kuplav1.ErrorReason]DocumentedReason{}
	for reason, d := range readReasons(t) {
		found[reason] = DocumentedReason{Codes: d.codes, Metadata: d.metadata}
	}
	return found
}
