package chat_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

var update = flag.Bool("update", false, "write docs/state_machine.md anew")

// What is documented is the table that the commands go by.
func TestStateMachineDocument(t *testing.T) {
	const path = "../../../docs/state_machine.md"
	want := chat.Markdown()
	if *update {
		must(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/state_machine.md is not the table (-table +document):\n%s\n"+
			"Run: go test ./server/internal/chat -run StateMachine -update", diff)
	}
}
