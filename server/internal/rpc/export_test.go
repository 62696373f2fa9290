package rpc

import (
	"maps"
	"slices"
)

// PolicyProcedures are the procedures that policies has a row for.
func PolicyProcedures() []string { return slices.Sorted(maps.Keys(policies)) }
