package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// What is of the contract is printed as its JSON, with what is zero in it, one object a line.
func TestJSONOutput(t *testing.T) {
	f := newFake(t)
	s := start(t, f, "", "queues", "--output", "json")
	s.ends(ExitOK)
	lines := strings.Split(strings.TrimSuffix(s.out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want one for each queue:\n%s", len(lines), s.out)
	}
	var night struct {
		Queue struct {
			ID        string   `json:"id"`
			Capacity  *int     `json:"capacity"`
			Languages []string `json:"languages"`
		} `json:"queue"`
		Status struct {
			State        string `json:"state"`
			WaitingCount *int   `json:"waitingCount"`
		} `json:"status"`
	}
	if err := json.Unmarshal([]byte(lines[1]), &night); err != nil {
		t.Fatalf("%v\n%s", err, lines[1])
	}
	if night.Queue.ID != "night" || night.Status.State != "QUEUE_STATE_CLOSED" ||
		night.Queue.Capacity == nil || night.Status.WaitingCount == nil || night.Queue.Languages == nil {
		t.Errorf("got %s", lines[1])
	}
	if strings.Contains(lines[1], `": `) || strings.Contains(lines[1], ", \"") {
		t.Errorf("there are blanks that come and go: %s", lines[1])
	}
}

// A failure is one object on the error output, whatever it is and wherever it was found.
func TestJSONErrors(t *testing.T) {
	f := newFake(t)
	f.refuseStart = []error{refusal(connect.CodeResourceExhausted, "TOO_MANY_WAITING", map[string]string{"limit": "5", "retry_delay": "90s"})}
	tests := map[string]struct {
		args []string
		want map[string]any
	}{
		"refused": {
			[]string{"conversation", "start", "demo"},
			map[string]any{
				"code": "resource_exhausted", "reason": "TOO_MANY_WAITING",
				"message":     "Too many are waiting from your network already. Try again in 2 min.",
				"metadata":    map[string]any{"limit": "5", "retry_delay": "90s"},
				"retry_delay": "1m30s", "exit_code": float64(ExitTooMuch),
			},
		},
		"found by a dry run": {
			[]string{"conversation", "start", "night", "--dry-run"},
			map[string]any{
				"code": "failed_precondition", "reason": "QUEUE_CLOSED",
				"message":  "The queue is closed now. It opens 2 January at 07:00. You can call 116117.",
				"metadata": map[string]any{}, "retry_delay": "", "exit_code": float64(ExitFailedPrecondition),
			},
		},
		"breaks a rule": {
			[]string{"desk", "note", "c1", strings.Repeat("x", 4001), "--dry-run"},
			map[string]any{
				"code": "invalid_argument", "reason": "",
				"message":  "The service did not accept what was sent. Check its length and spelling.",
				"metadata": map[string]any{}, "retry_delay": "", "exit_code": float64(ExitInvalid),
				"violations": []any{map[string]any{"field": "text", "message": "must be at most 4000 characters"}},
			},
		},
		"not understood": {
			[]string{"conversation", "send", "c1"},
			map[string]any{
				"code": "usage", "reason": "", "message": "What should it say? Give the text, --file, or - for standard input.",
				"metadata": map[string]any{}, "retry_delay": "", "exit_code": float64(ExitUsage),
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, f, t.TempDir(), append(test.args, "--output", "json", "--token", "staff")...)
			s.ends(int(test.want["exit_code"].(float64)))
			var got map[string]any
			if err := json.Unmarshal([]byte(s.errors.String()), &got); err != nil {
				t.Fatalf("%v:\n%s", err, s.errors)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if s.out.String() != "" {
				t.Errorf("printed %s", s.out)
			}
		})
	}
}

// A start is kept before it is sent, so that the same command repeats it, and a file that holds a conversation
// is never written over.
func TestConversationStartKeepsItsKey(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	file := filepath.Join(home, "chat.json")
	f.loseStarts = 1
	args := []string{"conversation", "start", "demo", "--message", "Hei", "--credentials-file", file}
	s := start(t, f, home, append(args, "--retry-for", "0s")...)
	s.ends(ExitUnknownOutcome)
	s.complains("--request-id ")
	state, err := readChat(file)
	if err != nil || state.Start == nil || state.Credentials != nil {
		t.Fatalf("kept %+v, %v", state, err)
	}
	id := state.Start.RequestID
	s.complains(id)

	start(t, f, home, args...).ends(ExitOK)
	if len(f.conversations) != 1 || f.starts[id] == nil {
		t.Errorf("%d conversations were started", len(f.conversations))
	}
	if state, err = readChat(file); err != nil || state.Credentials == nil || state.RequestID != id {
		t.Fatalf("kept %+v, %v", state, err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s = start(t, f, home, "conversation", "start", "demo", "--credentials-file", file)
	s.ends(ExitFailed)
	s.complains("has the key to another conversation")
	start(t, f, home, append(args, "--request-id", id)...).ends(ExitOK)
	if state, err := readChat(file); err != nil || len(f.conversations) != 1 || state.Credentials.ConversationID != f.conversations[0].proto.GetId() {
		t.Errorf("%d conversations, and the file was\n%s\nand is now %+v, %v", len(f.conversations), before, state, err)
	}

	// What was refused leaves nothing behind to repeat.
	other := filepath.Join(home, "other.json")
	f.refuseStart = []error{refusal(connect.CodeFailedPrecondition, "QUEUE_CLOSED", nil)}
	start(t, f, home, "conversation", "start", "demo", "--credentials-file", other).ends(ExitFailedPrecondition)
	if _, err := os.Stat(other); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

// A connection that is lost and found again is told on the error output, and the stream goes on.
func TestFollowingTellsAboutItsConnection(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	file := filepath.Join(home, "chat.json")
	start(t, f, home, "conversation", "start", "demo", "--message", "Hei", "--credentials-file", file).ends(ExitOK)
	s := start(t, f, home, "conversation", "follow", "--credentials-file", file, "--output", "json")
	s.expect(`"messagePosted":{"text":"Hei"}`)
	f.listener.CloseClientConnections()
	s.expectError(`{"notice":"disconnected"`, `{"notice":"connected"`)
	f.change(func() { f.take(f.conversations[0]) })
	s.expect(`"participantJoined"`)
	s.stop()
	s.ends(ExitOK)
}

// An interruption of the service is told on the error output when it begins and when it is over, in words or as an
// object; what is followed goes on.
func TestFollowingTellsAboutAnInterruption(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	file := filepath.Join(home, "chat.json")
	start(t, f, home, "conversation", "start", "demo", "--message", "Hei", "--credentials-file", file).ends(ExitOK)
	for _, what := range []struct {
		args   []string
		begins string
	}{
		{[]string{"conversation", "follow", "--credentials-file", file}, "Hei"},
		{[]string{"queues", "watch"}, "demo"},
		{[]string{"desk", "watch", "--token", "staff"}, "demo"},
	} {
		for _, output := range []string{"table", "json"} {
			t.Run(strings.Join(what.args[:2], " ")+" "+output, func(t *testing.T) {
				s := start(t, f, home, append(slices.Clone(what.args), "--output", output)...)
				s.expectAll(what.begins)
				f.change(func() { f.interrupted = true })
				began, over := "The service is interrupted. Nothing is lost", "The interruption is over.\n"
				if output == "json" {
					began, over = `{"notice":"interrupted","message":"The service`, `{"notice":"restored","message":"The interruption`
				}
				s.expectError(began)
				f.change(func() {}) // that it goes on is no news
				f.change(func() { f.interrupted = false })
				s.expectError(over)
				s.stop()
				s.ends(ExitOK)
				if n := strings.Count(s.errors.String(), "The service is interrupted."); n != 1 {
					t.Errorf("told %d times:\n%s", n, s.errors)
				}
			})
		}
	}
}

// A cursor file is written whole, for its owner alone, and belongs to one thing.
func TestCursorFile(t *testing.T) {
	a := &app{server: "http://localhost:8080", texts: textsIn(english)}
	path := filepath.Join(t.TempDir(), "folder", "cursor")
	c, err := a.openCursor(path, "desk watch", "")
	if err != nil || c.state().Cursor != "" {
		t.Fatalf("got %+v, %v", c, err)
	}
	if err := c.save("one", 0, map[string]int32{"a": 1}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := c.save("one", 0, map[string]int32{"a": 1}); err != nil { // nothing new
		t.Fatal(err)
	}
	if again, err := os.Stat(path); err != nil || !os.SameFile(info, again) {
		t.Errorf("the same was written again: %v", err)
	}
	if err := c.save("two", 0, map[string]int32{"a": 2, "b": 1}); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
	if c, err = a.openCursor(path, "desk watch", ""); err != nil || c.state().Cursor != "two" || c.state().Sequences["b"] != 1 {
		t.Errorf("read %+v, %v", c, err)
	}
	if _, err = a.openCursor(path, "conversation follow", "c1"); err == nil || !strings.Contains(err.Error(), "desk watch") {
		t.Errorf("a cursor of something else: %v", err)
	}
	other := &app{server: "http://localhost:8081", texts: textsIn(english)}
	if _, err = other.openCursor(path, "desk watch", ""); err == nil {
		t.Error("a cursor of another server was taken")
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = a.openCursor(path, "desk watch", ""); err == nil || !strings.Contains(err.Error(), "not a cursor file") {
		t.Errorf("a broken file: %v", err)
	}
	c, err = a.openCursor("", "desk watch", "")
	if err != nil || c.save("x", 1, nil) != nil || c.state().Cursor != "" {
		t.Errorf("without a file: %+v, %v", c, err)
	}
}

// What cannot be written to the output is not taken for told.
func TestOutputThatIsLost(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	file := filepath.Join(home, "chat.json")
	start(t, f, home, "conversation", "start", "demo", "--message", "Hei", "--credentials-file", file).ends(ExitOK)
	cursor := filepath.Join(home, "cursor")
	code := Run(t.Context(), []string{"conversation", "follow", "--credentials-file", file, "--cursor-file", cursor},
		strings.NewReader(""), fullDisk{}, newOutput(), func(string) string { return "" })
	if code != ExitFailed {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(cursor); !os.IsNotExist(err) {
		t.Errorf("the cursor moved past what was not written: %v", err)
	}
}

// A change whose answer cannot be written is told to be made, with the id that brings the answer again.
func TestAnswerThatIsLost(t *testing.T) {
	f := newFake(t)
	for _, form := range outputs {
		errors := newOutput()
		code := Run(t.Context(), []string{"conversation", "start", "demo", "--output", form, "--language", "en", "--server", f.listener.URL},
			strings.NewReader(""), fullDisk{}, errors, func(string) string { return "" })
		var id string
		f.change(func() {
			for started := range f.starts {
				id = started
			}
			clear(f.starts)
		})
		if code != ExitFailed || !strings.Contains(errors.String(), "The change was made") || !strings.Contains(errors.String(), id) {
			t.Errorf("%s: exit code %d, %s", form, code, errors)
		}
		if strings.Contains(errors.String(), "may or may not") {
			t.Errorf("%s: what was made is told to be unknown: %s", form, errors)
		}
	}
	for _, args := range [][]string{{"queues"}, {"queues", "watch", "--once"}, {"config", "get", "server"}} {
		code := Run(t.Context(), append(args, "--server", f.listener.URL), strings.NewReader(""), fullDisk{}, newOutput(),
			func(string) string { return "" })
		if code != ExitFailed {
			t.Errorf("%v: exit code %d though nothing was written", args, code)
		}
	}
}

// A first attempt that was lost is not forgotten over what a proxy says to the second one.
func TestLostAttemptIsNotForgotten(t *testing.T) {
	var calls atomic.Int32
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		http.NotFound(w, r)
	}))
	proxy.Config.Protocols = new(http.Protocols)
	proxy.Config.Protocols.SetUnencryptedHTTP2(true)
	proxy.Start()
	defer proxy.Close()
	r := runs(t, map[string]string{"KUPLA_TOKEN": "staff"}, "", "conversation", "send", "c1", "Hei", "--server", proxy.URL)
	r.wants(t, ExitUnknownOutcome, "It may or may not have been done.", "--request-id ")
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
}

// A list that goes on after a restored backup does not leave out what replaced the events that were told.
func TestEventsAfterARestoredBackup(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	f.change(func() {
		one := f.begin("demo", "fi", "Testi")
		for _, text := range []string{"one", "two", "three", "four"} {
			one.add("customer", posted(text))
		}
	})
	cursor := filepath.Join(home, "cursor")
	list := func(code int) *session {
		t.Helper()
		s := start(t, f, home, "conversation", "events", "c1", "--cursor-file", cursor, "--token", "staff")
		s.ends(code)
		return s
	}
	list(ExitOK).expect("one", "four")
	f.change(func() { f.conversations[0].add("customer", posted("five")) })
	s := list(ExitOK)
	s.expect("five")
	s.never("four")
	kept := read(t, cursor)

	// The backup has three events; the third is another one when it is written again.
	f.change(func() {
		one := f.conversations[0]
		one.log = one.log[:3]
	})
	s = list(ExitFailed)
	s.complains("restored from a backup", cursor)
	f.change(func() {
		for _, text := range []string{"other three", "other four", "other five", "other six"} {
			f.conversations[0].add("customer", posted(text))
		}
	})
	s = list(ExitFailed)
	s.complains("restored from a backup", "after event 6")
	s.never("other six")
	if read(t, cursor) != kept {
		t.Errorf("the cursor moved: %s", read(t, cursor))
	}
	if err := os.Remove(cursor); err != nil {
		t.Fatal(err)
	}
	list(ExitOK).expect("one", "other three", "other six")
}

// The cursor of a desk is refused to another professional: what happened on theirs would be left out.
func TestCursorOfAnotherDesk(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	cursor := filepath.Join(home, "cursor")
	args := []string{"desk", "watch", "--cursor-file", cursor, "--token", "staff", "--output", "json"}
	for range 2 {
		s := start(t, f, home, args...)
		s.expect(`"snapshot"`)
		s.stop()
		s.ends(ExitOK)
	}
	f.change(func() { f.self.Id = "venla" })
	s := start(t, f, home, args...)
	s.ends(ExitFailed)
	s.complains("is of something else", "@aino")
	s.never(`"snapshot"`)
}

// The key to a conversation goes to the server that gave it, and to no other.
func TestKeyIsSentToItsServerOnly(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	file := filepath.Join(home, "chat.json")
	start(t, f, home, "conversation", "start", "demo", "--credentials-file", file).ends(ExitOK)
	var calls atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer other.Close()
	s := start(t, f, home, "conversation", "get", "--credentials-file", file, "--server", other.URL)
	s.ends(ExitUsage)
	s.complains(f.listener.URL, "Leave --server out")
	if calls.Load() != 0 {
		t.Error("the other server was called")
	}
	start(t, f, home, "conversation", "get", "--credentials-file", file, "--server", f.listener.URL+"/").ends(ExitOK)
	startWith(t, f, map[string]string{"HOME": home, "KUPLA_SERVER": other.URL}, "conversation", "get", "--credentials-file", file).ends(ExitOK)
}

// A start whose answer was lost is not forgotten over another text under its id.
func TestStartWithAnotherText(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	file, id := filepath.Join(home, "chat.json"), newRequestID()
	f.loseStarts = 1
	args := []string{"conversation", "start", "demo", "--credentials-file", file, "--request-id", id}
	start(t, f, home, append(args, "--message", "Hei", "--retry-for", "0s")...).ends(ExitUnknownOutcome)
	f.change(func() { f.refuseStart = []error{refusal(connect.CodeInvalidArgument, "REQUEST_ID_REUSED", nil)} })
	s := start(t, f, home, append(args, "--message", "Moi")...)
	s.ends(ExitFailed)
	s.complains("has not been answered yet")
	f.change(func() { f.refuseStart = nil })
	start(t, f, home, append(args, "--message", "Hei")...).ends(ExitOK)
	if state, err := readChat(file); err != nil || state.Credentials == nil || len(f.conversations) != 1 {
		t.Errorf("kept %+v, %v", state, err)
	}
}

// A dry run does not print what opens a survey.
func TestDryRunKeepsSecrets(t *testing.T) {
	f := newFake(t)
	for _, form := range outputs {
		s := start(t, f, t.TempDir(), "feedback", "submit", "--dry-run", "--output", form,
			"--feedback-token", strings.Repeat("s3cret-", 7), "--score", "recommend=9")
		s.ends(ExitOK)
		s.expect("SubmitFeedback")
		s.never("s3cret")
	}
}

// Whoever asks once is told when the service cannot answer, and does not wait for ever.
func TestWatchingQueuesOnceEnds(t *testing.T) {
	f := newFake(t)
	f.watchFails = connect.NewError(connect.CodeUnavailable, "")
	start(t, f, t.TempDir(), "queues", "watch", "--once", "--output", "json").ends(ExitUnreachable)
}

// Whether somebody may pause a queue or set their availability is found out without a stream: an open desk is a
// professional at work.
func TestDryRunsOpenNoDesk(t *testing.T) {
	f := newFake(t)
	start(t, f, t.TempDir(), "desk", "availability", "away", "--dry-run", "--token", "staff").ends(ExitOK)
	f.change(func() {
		if f.desks != 0 {
			t.Errorf("%d desks were opened", f.desks)
		}
	})
}

// fullDisk is an output that takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, os.ErrClosed }

// A path that the service names is found in the file, or what is nearest around it.
func TestCatalogueLines(t *testing.T) {
	text := `# etag: 0a1b
default_notice:
  fi: Soita 112.
queues:
  - id: a
    openingHours:
      weekly:
        - day: DAY_OF_WEEK_MONDAY
          spans: [{start: 08:00, end: 15:00}]
  - id: b
    notice: {fi: Soita 116117.}
`
	path := filepath.Join(t.TempDir(), "catalogue.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &app{texts: textsIn(english)}
	f, err := a.readCatalogue([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	if f.etag != "0a1b" || f.catalogue.GetQueues()[1].GetNotice().GetFi() != "Soita 116117." ||
		f.catalogue.GetQueues()[0].GetOpeningHours().GetWeekly()[0].GetSpans()[0].GetStart() != "08:00" {
		t.Errorf("read %+v", f)
	}
	for path, want := range map[string]int{
		"":                                  2,
		"default_phone":                     2,
		"default_notice.fi":                 3,
		"queues[0].id":                      5,
		"queues[0].opening_hours.weekly[0]": 8,
		"queues[0].opening_hours.weekly[7]": 8,
		"queues[0].opening_hours.weekly[0].spans[0].end": 9,
		"queues[1].notice.fi":                            11,
		"queues[9]":                                      5,
	} {
		if got := f.lineOf(path); got != want {
			t.Errorf("%s is on line %d, not %d", path, got, want)
		}
	}
}

// Files that are no catalogue are told with their line, whatever is wrong.
func TestWrongCatalogues(t *testing.T) {
	a := &app{texts: textsIn(english)}
	for text, want := range map[string]string{
		"":                                   "there is nothing in it",
		"- a\n":                              "there is nothing in it",
		"queues:\n  - id: a\n  languages: x": "line 1",
		"default_notice: &x {fi: a}\nqueues: [{notice: *x}]\n": ":2:19",
		"queues:\n - id: [\n":                                       "line",
		"queues:\n  - kapacity: 1\n":                                ":2:5 unknown field",
		"queues:\n  - capacity: many\n":                             ":2:15",
		"default_phone: '1'\nqueues: []\ndefault_phone: '2'\n":      "-:3: default_phone is there twice, first on line 1",
		"default_phone: '1'\ndefaultPhone: '2'\n":                   "-:2: defaultPhone is there twice, first on line 1",
		"queues:\n  - id: a\n    capacity: 1\n    capacity: 2\n":    "-:4: capacity is there twice, first on line 3",
		"default_phone: '1'\n---\ndefault_phone: '2'\n":             "another YAML document begins",
		"default_phone: '1'\n---\n":                                 "another YAML document begins",
		"default_phone: '1'\n---\n[\n":                              "another YAML document begins",
		`{"catalogue": {"defaultPhone": "1", "defaultPhone": "2"}}`: "-:1: defaultPhone is there twice",
	} {
		a.stdin = strings.NewReader(text)
		_, err := a.readCatalogue([]string{"-"})
		if err == nil || !strings.Contains(err.Error(), want) || exitCodeOf(err) != ExitInvalid {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// What the contract knows has a text. English stands for all languages here.
func TestScriptTextsCoverTheContract(t *testing.T) {
	texts := textsIn(english).Script
	tests := []struct {
		enum protoreflect.EnumDescriptor
		has  func(protoreflect.EnumNumber) bool
	}{
		{kuplav1.ConversationState(0).Descriptor(), func(n protoreflect.EnumNumber) bool {
			return texts.ConversationStates[kuplav1.ConversationState(n)] != ""
		}},
		{kuplav1.SurveyQuestionKind(0).Descriptor(), func(n protoreflect.EnumNumber) bool {
			return texts.QuestionKinds[kuplav1.SurveyQuestionKind(n)] != ""
		}},
		{kuplav1.CatalogueChangeKind(0).Descriptor(), func(n protoreflect.EnumNumber) bool {
			return texts.ChangeKinds[kuplav1.CatalogueChangeKind(n)] != ""
		}},
	}
	for _, test := range tests {
		values := test.enum.Values()
		for i := range values.Len() {
			if !test.has(values.Get(i).Number()) {
				t.Errorf("%s has no text", values.Get(i).Name())
			}
		}
	}
}
