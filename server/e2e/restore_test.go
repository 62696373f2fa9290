package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// postgresRuns runs one of PostgreSQL's own programs with the flags that docs/operating.md has.
func postgresRuns(t *testing.T, cluster *pgtest.Cluster, documented string, more ...string) {
	t.Helper()
	document, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(document), "\n"+documented) {
		t.Errorf("docs/operating.md does not say to run %q", documented)
	}
	server, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", cluster.PID()))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(documented)
	command := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(server), words[0]), append(words[1:], more...)...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command.Args, err, out)
	}
}

// A PostgreSQL database is restored as docs/operating.md tells, and followers who had seen more than is in the backup
// are told to begin anew.
func TestRestorePostgres(t *testing.T) {
	t.Parallel()
	cluster := pgtest.New(t, pgtest.Options{})
	for _, name := range []string{"kupla", "kupla_restored"} {
		if _, err := cluster.Database(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	output := &lockedBuffer{}
	s, err := kuplad.In(t.Context(), programs, t.TempDir(), kuplad.Unlimited, output)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("kuplad said:\n%s", output.String())
		}
	})
	serve := func(database string) {
		t.Helper()
		s.Database = cluster.TCP(database)
		if got := kupladRuns(t, "", nil, "migrate", "--database", s.Database); got.code != 0 {
			t.Fatalf("migrate: %+v", got)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, output.String())
		}
	}
	serve("kupla")
	catalogue, err := demo.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := s.Token(t.Context(), "admin", "--role", "admin")
	if err != nil {
		t.Fatal(err)
	}
	admin := kupla.New(s.URL(), kupla.WithStaffToken(token))
	defer admin.Close()
	if _, err := admin.CatalogueService().ApplyCatalogue(t.Context(), &kuplav1.ApplyCatalogueRequest{
		RequestId: uuid.NewString(), Catalogue: catalogue,
	}); err != nil {
		t.Fatal(err)
	}
	resident := kupla.New(s.URL())
	defer resident.Close()
	conversation, err := resident.Start(t.Context(), kupla.StartOptions{QueueID: "emergency-help", Language: "fi", Message: "Hei."})
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		t.Helper()
		if _, err := conversation.Send(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	say("Ennen varmuuskopiota.")
	dump := filepath.Join(t.TempDir(), "kupla.dump")
	postgresRuns(t, cluster, "pg_dump --format=custom", "--file="+dump, s.Database)
	say("Varmuuskopion jälkeen.")
	before := followed(t, conversation, kupla.FollowOptions{}, 3)

	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	postgresRuns(t, cluster, "pg_restore --no-owner --role=kupla", "--dbname="+cluster.TCP("kupla_restored"), "--exit-on-error", dump)
	serve("kupla_restored")
	seen := kupla.FollowOptions{Cursor: before.cursor, Sequence: before.sequence}
	if got := followed(t, conversation, seen, 2); got.reset != kuplav1.ResetReason_RESET_REASON_CURSOR_AHEAD ||
		got.texts != "Hei.|Ennen varmuuskopiota." {
		t.Errorf("who had seen more was told %+v", got)
	}
	say("Palautuksen jälkeen.")
	if got := followed(t, conversation, seen, 3); got.reset != kuplav1.ResetReason_RESET_REASON_OTHER_HISTORY ||
		got.texts != "Hei.|Ennen varmuuskopiota.|Palautuksen jälkeen." {
		t.Errorf("who had seen something else was told %+v", got)
	}
}

// told is what a follower was told.
type told struct {
	texts    string
	reset    kuplav1.ResetReason
	cursor   string
	sequence int32
}

// followed follows until so many messages have come since the beginning or the reset.
func followed(t *testing.T, conversation *kupla.Conversation, from kupla.FollowOptions, messages int) told {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got told
	var texts []string
	for update, err := range conversation.Follow(ctx, from) {
		if err != nil {
			t.Fatalf("after %q: %v", texts, err)
		}
		if update.Kind == kupla.UpdateReset {
			got.reset, texts = update.Reset.GetReason(), nil
		}
		if message := update.Event.GetMessagePosted(); message != nil {
			texts = append(texts, message.GetText())
		}
		if len(texts) == messages {
			got.cursor, got.sequence, got.texts = update.Cursor, update.Sequence, strings.Join(texts, "|")
			break
		}
	}
	return got
}
