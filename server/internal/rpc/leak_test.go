package rpc_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/metrics"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/tracing"
)

// safeBuffer collects what is written to it, from any goroutine.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// logger is a logger of everything there is to log.
func (b *safeBuffer) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
}

// secrets are what must be in no log, by what they are.
type secrets map[string]string

// check fails the test when a secret is in a text, as it is or as programs write it.
func (s secrets) check(t testing.TB, where, text string) {
	t.Helper()
	for what, secret := range s {
		forms := []string{
			secret,
			hex.EncodeToString([]byte(secret)),
			base64.StdEncoding.EncodeToString([]byte(secret)),
			base64.RawURLEncoding.EncodeToString([]byte(secret)),
			strings.Trim(string(must(protojson.Marshal(&kuplav1.MessagePosted{Text: secret}))), `{}`),
		}
		if id, err := uuid.Parse(secret); err == nil {
			forms = append(forms, hex.EncodeToString(id[:]), base64.StdEncoding.EncodeToString(id[:]))
		}
		for _, form := range forms {
			if form != "" && strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
				t.Errorf("%s is in %s, as %q", what, where, form)
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// newID is a request id that must not be in a log.
func (s secrets) newID(what string) string {
	id := newUUID()
	s["the request id of "+what] = id
	return id
}

// received takes traces, as they come over the wire.
func (b *safeBuffer) received(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(b, r.Body)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Whatever happens on a server, nothing that people wrote, are called or prove themselves with is in its log, its traces
// and its metrics, nor in an error.
func TestNothingLeaksIntoTheLog(t *testing.T) {
	var log, spans safeBuffer
	collector := httptest.NewServer(http.HandlerFunc(spans.received))
	defer collector.Close()
	counted := metrics.New("test")
	traced, err := tracing.New(t.Context(), tracing.Config{Endpoint: collector.URL + "/v1/traces", SampleRatio: 1, Log: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	s := apptest.New(t, apptest.WithConfig(func(c *app.Config) { c.Log, c.Metrics, c.Tracing = log.logger(), counted, traced }))
	url := s.Listen(rpc.HTTPConfig{})
	secret := secrets{
		"the customer's name":     "Kyllikki Salanimi",
		"the first message":       "olen ollut allapäin viikkoja",
		"the customer's message":  "en ole kertonut kenellekään",
		"the professional's":      "kiitos luottamuksesta",
		"the case note":           "soitettava äidille ensin",
		"the transfer's note":     "odottaa vastausta lääkäriltä",
		"the identity code":       artificialCode,
		"the professional's name": "Hoitaja Salaperäinen",
		"the open answer":         "lämmin kohtaaminen pimeässä",
		"a token that is none":    "kupla_c_0000000000000000000000000000000000000000000000000",
	}
	token := s.StaffToken(store.Staff{ID: "nurse", DisplayName: secret["the professional's name"]})
	colleagueToken := s.StaffToken(store.Staff{ID: "colleague", DisplayName: secret["the professional's name"]})
	secret["the professional's token"], secret["the colleague's token"] = token, colleagueToken
	nurse, colleague := apptest.Over(http.DefaultClient, url, token), apptest.Over(http.DefaultClient, url, colleagueToken)
	nobody := apptest.Over(http.DefaultClient, url, "")
	ctx := t.Context()
	fine := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(err error) {
		t.Helper()
		if err == nil {
			t.Fatal("it was granted")
		}
		secret.check(t, "an error", errorText(t, err, "no id"))
	}

	start := &kuplav1.StartConversationRequest{
		RequestId: secret.newID("the start"), QueueId: apptest.Queue, Language: "fi",
		DisplayName: secret["the customer's name"], Message: secret["the first message"],
	}
	res, err := nobody.Conversation.StartConversation(ctx, start)
	fine(err)
	again, err := nobody.Conversation.StartConversation(ctx, start)
	fine(err)
	secret["the customer's token"], secret["the customer's second token"] = res.GetAccessToken(), again.GetAccessToken()
	id := res.GetConversation().GetId()
	customer := apptest.Over(http.DefaultClient, url, res.GetAccessToken())
	stream, err := customer.Conversation.FollowConversation(ctx, &kuplav1.FollowConversationRequest{ConversationId: id})
	fine(err)
	desk, err := nurse.Desk.WatchDesk(ctx, &kuplav1.WatchDeskRequest{})
	fine(err)
	_, err = colleague.Desk.SetAvailability(ctx, &kuplav1.SetAvailabilityRequest{
		RequestId: secret.newID("the availability"), Availability: kuplav1.Availability_AVAILABILITY_AVAILABLE,
	})
	fine(err)
	_, err = nurse.Desk.TakeNext(ctx, &kuplav1.TakeNextRequest{RequestId: secret.newID("the take")})
	fine(err)
	say := func(c apptest.Clients, text, what string) error {
		_, err := c.Conversation.SendMessage(ctx,
			&kuplav1.SendMessageRequest{ConversationId: id, RequestId: secret.newID(what), Text: text})
		return err
	}
	fine(say(nurse, secret["the professional's"], "the professional's message"))
	fine(say(customer, secret["the customer's message"], "the customer's message"))
	_, err = nurse.Desk.AddCaseNote(ctx,
		&kuplav1.AddCaseNoteRequest{ConversationId: id, RequestId: secret.newID("the note"), Text: secret["the case note"]})
	fine(err)

	// What is refused, in every way that there is to be refused.
	refused(say(customer, "tunnukseni on "+artificialCode, "the code"))
	refused(say(customer, strings.Repeat(secret["the first message"], 300), "the long message"))
	refused(say(apptest.Over(http.DefaultClient, url, secret["a token that is none"]), secret["the first message"], "the stranger's message"))
	refused(say(apptest.Over(http.DefaultClient, url, secret["the customer's name"]), "x", "the name for a token"))
	_, err = nobody.Conversation.StartConversation(ctx, &kuplav1.StartConversationRequest{
		RequestId: start.GetRequestId(), QueueId: apptest.Queue, Language: "fi", Message: secret["the case note"],
	})
	refused(err)
	for _, body := range []string{
		`{"text":` + artificialCode + `}`, `{"text":"` + secret["the first message"] + `"`, `{"conversation_id":[{"` + secret["the customer's name"] + `":1}]}`,
	} {
		in := &intake{accessOffice: &accessOffice{s: s}, url: url, client: http.DefaultClient}
		r := in.post(t, methodNamed(t, "ConversationService.SendMessage"), res.GetAccessToken(), badRequest{name: body, codec: "json", body: []byte(body)})
		if r == nil {
			t.Fatal("it was granted")
		}
		secret.check(t, "an error", r.message)
	}

	_, err = nurse.Desk.TransferConversation(ctx, &kuplav1.TransferConversationRequest{
		ConversationId: id, RequestId: secret.newID("the transfer"), Note: secret["the transfer's note"],
		Target: &kuplav1.TransferConversationRequest_ProfessionalId{ProfessionalId: "colleague"},
	})
	fine(err)
	refused(say(nurse, secret["the professional's"], "the message after the transfer"))
	_, err = colleague.Desk.CloseConversation(ctx, &kuplav1.CloseConversationRequest{
		ConversationId: id, RequestId: secret.newID("the close"), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
	})
	fine(err)
	survey, err := customer.Feedback.GetSurvey(ctx, &kuplav1.GetSurveyRequest{ConversationId: id})
	fine(err)
	secret["the feedback token"] = survey.GetFeedbackToken()
	answers := []*kuplav1.SurveyAnswer{{QuestionId: "comment", Value: &kuplav1.SurveyAnswer_Text{Text: secret["the open answer"]}}}
	for range 2 {
		_, err = nobody.Feedback.SubmitFeedback(ctx, &kuplav1.SubmitFeedbackRequest{FeedbackToken: survey.GetFeedbackToken(), Answers: answers})
		fine(err)
	}
	_, err = nobody.Feedback.SubmitFeedback(ctx, &kuplav1.SubmitFeedbackRequest{FeedbackToken: secret["the customer's token"], Answers: answers})
	refused(err)

	// Peers that go away, and a server that does.
	fine(stream.Close())
	fine(desk.Close())
	cut, cancel := context.WithCancel(ctx)
	cancel()
	_, err = customer.Conversation.SendMessage(cut, &kuplav1.SendMessageRequest{
		ConversationId: id, RequestId: secret.newID("the call given up"), Text: secret["the customer's message"],
	})
	if err == nil {
		t.Fatal("a call that was given up was answered")
	}
	s.Close()
	refused(say(customer, secret["the customer's message"], "the message too late"))
	_, err = nobody.Conversation.StartConversation(ctx, &kuplav1.StartConversationRequest{
		RequestId: secret.newID("the start too late"), QueueId: apptest.Queue, Language: "fi", Message: secret["the first message"],
	})
	refused(err)

	// It does log: the calls after the store was closed.
	if !strings.Contains(log.String(), "store unavailable") {
		t.Fatalf("the log has nothing of what happened:\n%s", log.String())
	}
	secret.check(t, "the log", log.String())
	if err := traced.Close(ctx); err != nil {
		t.Fatal(err)
	}
	// Traces and metrics tell of no conversation and nobody, not even by an id.
	secret["the conversation's id"], secret["the address"] = id, "127.0.0.1"
	secret["the staff member's id"], secret["the colleague's id"] = "nurse", "colleague"
	if !strings.Contains(spans.String(), "ConversationService/SendMessage") || !strings.Contains(spans.String(), "IDENTITY_CODE_IN_TEXT") {
		t.Fatalf("the traces have nothing of what happened:\n%q", spans.String())
	}
	secret.check(t, "the traces", spans.String())
	scraped := httptest.NewRecorder()
	counted.Handler().ServeHTTP(scraped, httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", http.NoBody))
	if !strings.Contains(scraped.Body.String(), `kupla_refusals_total{reason="IDENTITY_CODE_IN_TEXT"} 1`) {
		t.Fatalf("the metrics have nothing of what happened:\n%s", scraped.Body)
	}
	secret.check(t, "the metrics", scraped.Body.String())
}

// The scan finds what it looks for, however it is written.
func TestScanFindsSecrets(t *testing.T) {
	id := newUUID()
	raw := must(uuid.Parse(id))
	for _, text := range []string{
		"x Kyllikki y", "x kyllikki y", hex.EncodeToString([]byte("Kyllikki")), base64.StdEncoding.EncodeToString([]byte("Kyllikki")),
		"request " + id, hex.EncodeToString(raw[:]), strings.ToUpper(id),
		string(must(proto.Marshal(&kuplav1.MessagePosted{Text: "Kyllikki"}))),
	} {
		found := &countingTB{TB: t}
		secrets{"the name": "Kyllikki", "the id": id}.check(found, "the text", text)
		if found.errors == 0 {
			t.Errorf("nothing was found in %q", text)
		}
	}
	quiet := &countingTB{TB: t}
	secrets{"the name": "Kyllikki", "the id": id}.check(quiet, "the text", "level=WARN msg=\"store unavailable\" procedure=/kupla.v1.X/Y")
	if quiet.errors != 0 {
		t.Error("something was found in nothing")
	}
}

// countingTB counts the errors of a check that is to fail.
type countingTB struct {
	testing.TB

	errors int
}

func (c *countingTB) Errorf(string, ...any) { c.errors++ }
