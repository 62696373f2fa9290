package apptest_test

import (
	"testing"

	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
)

// Secrets are found in what is told, at every level, and nothing else is taken for one.
func TestAudit(t *testing.T) {
	secret, err := access.NewToken(access.KindConversation)
	if err != nil {
		t.Fatal(err)
	}
	for told, want := range map[string]string{
		"a call with " + secret.Reveal():         "a token",
		"said 100190-999P and more":              "a personal identity code",
		"procedure=/kupla.v1.X/Y incident_id=1f": "",
		"token " + secret.String():               "",
	} {
		if got := apptest.Leak(told); got != want {
			t.Errorf("%q tells %q, want %q", told, got, want)
		}
	}
}

// A server of a test that logs a secret fails the test, also below the level that is shown.
func TestServersAreAudited(t *testing.T) {
	found := &countingTB{TB: t}
	var config *app.Config
	s := apptest.New(found, apptest.WithConfig(func(c *app.Config) { config = c }))
	defer s.Close()
	config.Log.Debug("nothing", "procedure", "/kupla.v1.X/Y")
	if found.errors != 0 {
		t.Error("something was found in nothing")
	}
	config.Log.Debug("a secret", "text", "100190-999P")
	if found.errors != 1 {
		t.Errorf("%d errors for one secret", found.errors)
	}
}

// countingTB counts the errors of a check that is to fail.
type countingTB struct {
	testing.TB

	errors int
}

func (c *countingTB) Errorf(string, ...any) { c.errors++ }
