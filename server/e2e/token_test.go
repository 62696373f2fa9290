package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// A staff token is shown once, listed without its secret, good at once and for nothing once it is revoked,
// while the server runs.
func TestTokens(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	token := s.token("nurse", "--role", "professional", "--queue", "emergency-help", "--language", "fi", "--label", "laptop")
	kuplad := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), filepath.Join(programs, "kuplad"), append(args, "--database", s.database)...).Output()
		if err != nil {
			t.Fatalf("kuplad %s: %v", strings.Join(args, " "), err)
		}
		return string(out)
	}
	list := kuplad("token", "list")
	if strings.Contains(list, token) || strings.Contains(list, token[8:20]) {
		t.Error("the list shows the token")
	}
	id := ""
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); len(fields) == 6 && fields[1] == "nurse" && fields[2] == "laptop" && fields[5] == "good" {
			id = fields[0]
		}
	}
	if id == "" {
		t.Fatalf("the token is not in the list:\n%s", list)
	}

	nurse := kupla.New(s.url(), kupla.WithStaffToken(token))
	defer nurse.Close()
	available := kuplav1.Availability_AVAILABILITY_AVAILABLE
	if _, err := nurse.Desk().SetAvailability(t.Context(), available); err != nil {
		t.Fatalf("the token does not work: %v", err)
	}
	kuplad("token", "revoke", id)
	if list = kuplad("token", "list"); !strings.Contains(list, "revoked") {
		t.Errorf("the token is not listed as revoked:\n%s", list)
	}
	deadline := time.Now().Add(15 * time.Second)
	for {
		_, err := nurse.Desk().SetAvailability(t.Context(), available)
		if connect.CodeOf(err) == connect.CodeUnauthenticated && err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a revoked token works after 15 seconds: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
