package main

import (
	"strings"
	"testing"
)

// TestRun checks what the contract needs of the printed file: that it is the right one, and that it has
// the options that rules on fields, messages and oneofs are written with.
func TestRun(t *testing.T) {
	var printed strings.Builder
	if err := run(&printed); err != nil {
		t.Fatalf("run: %v", err)
	}
	for _, want := range []string{
		"package buf.validate;",
		"extend google.protobuf.FieldOptions {",
		"extend google.protobuf.MessageOptions {",
		"extend google.protobuf.OneofOptions {",
		"message StringRules {",
	} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("the printed file has no %q", want)
		}
	}
}
