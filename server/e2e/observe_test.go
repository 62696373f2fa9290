package e2e

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/e2e/kuplad"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

// observed is kuplad with all that tells how it does: its log at the level of debugging, its traces and its metrics.
type observed struct {
	*kuplad.Server

	t      *testing.T
	log    *lockedBuffer
	traces *lockedBuffer
	// marks are what must be in none of them, by what they are.
	marks map[string]string
}

// startObserved starts a server on a database; an empty one is a file. It believes what the proxies of this machine say.
func startObserved(t *testing.T, database string) *observed {
	t.Helper()
	o := &observed{t: t, log: &lockedBuffer{}, traces: &lockedBuffer{}, marks: map[string]string{}}
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(o.traces, r.Body)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(collector.Close)
	var err error
	o.Server, err = kuplad.In(t.Context(), programs, t.TempDir(), kuplad.Unlimited+fmt.Sprintf(`
trusted_proxies: [127.0.0.1]
log: {format: json, level: debug}
tracing: {endpoint: %s/v1/traces, sample_ratio: 1}
`, collector.URL), o.log)
	if err != nil {
		t.Fatal(err)
	}
	if database != "" {
		o.Database = database
		migrate := exec.CommandContext(t.Context(), o.Program, "migrate", "--database", database)
		if out, err := migrate.CombinedOutput(); err != nil {
			t.Fatalf("migrate: %v\n%s", err, out)
		}
	}
	o.Debug = freeAddress(t)
	if err := o.Start(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, o.log.String())
	}
	t.Cleanup(func() {
		o.Kill()
		if t.Failed() {
			t.Logf("kuplad said:\n%s", o.log.String())
		}
	})
	return o
}

// mark makes a text that must not be told.
func (o *observed) mark(what, text string) string {
	o.marks[what] = text
	return text
}

// id makes a request id that must not be told.
func (o *observed) id(what string) string { return o.mark("the request id of "+what, uuid.NewString()) }

// hasNone fails the test when something marked is in what was told, as it is or as programs write it.
func (o *observed) hasNone(where, told string) {
	o.t.Helper()
	told = strings.ToLower(told)
	for what, mark := range o.marks {
		quoted, err := json.Marshal(mark)
		if err != nil {
			o.t.Fatal(err)
		}
		for _, form := range []string{
			mark, strings.Trim(string(quoted), `"`), hex.EncodeToString([]byte(mark)),
			base64.StdEncoding.EncodeToString([]byte(mark)), strings.ReplaceAll(mark, "-", ""),
		} {
			if strings.Contains(told, strings.ToLower(form)) {
				o.t.Errorf("%s is in %s, as %q", what, where, form)
			}
		}
	}
}

// metrics scrapes the server.
func (o *observed) metrics() string {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, "http://"+o.Debug+"/metrics", http.NoBody)
	if err != nil {
		o.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		o.t.Fatalf("%s: %v", res.Status, err)
	}
	return string(body)
}

// has waits until the metrics have a line.
func (o *observed) has(line string) {
	o.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		metrics := o.metrics()
		if strings.Contains(metrics, "\n"+line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			name, _, _ := strings.Cut(line, "{")
			name, _, _ = strings.Cut(name, " ")
			var near []string
			for l := range strings.Lines(metrics) {
				if strings.HasPrefix(l, name) {
					near = append(near, l)
				}
			}
			o.t.Fatalf("the metrics have no %q, only:\n%s", line, strings.Join(near, ""))
		}
	}
}

// from is a way to the server from an address, as a proxy tells it.
type from struct{ address string }

// RoundTrip is http.RoundTripper's.
func (f from) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.address)
	r.Header.Set("User-Agent", "Salaselain/1.0")
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	return http.DefaultTransport.RoundTrip(r)
}

func (o *observed) clients(token string) apptest.Clients {
	return apptest.Over(&http.Client{Transport: from{o.marks["the address"]}}, o.URL(), token)
}

// staff makes a token that must not be told.
func (o *observed) staff(id string, flags ...string) string {
	o.t.Helper()
	token, _, err := o.Token(o.t.Context(), id, flags...)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.mark("the token of "+id, token)
}

// garble sends what is no HTTP from an address, so that net/http has something to say of it.
func (o *observed) garble(address, sent string) {
	o.t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	conn, err := dialer.DialContext(o.t.Context(), "tcp", o.Address)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, sent); err != nil {
		o.t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, _ = io.Copy(io.Discard, conn)
}

// busy is a whole service in small: a chat from its start to the answers of the survey, and everything that is refused
// on the way. Whatever is told of it is marked.
func (o *observed) busy() {
	t, ctx := o.t, o.t.Context()
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
	}
	o.mark("the address", "203.0.113.77")
	o.mark("the browser", "Salaselain")
	code := o.mark("the identity code", "100190-999P")
	name := o.mark("the customer's name", "Kyllikki Salanimi")
	text := o.mark("the message", "en ole kertonut tästä kenellekään")

	admin := o.clients(o.staff("paakayttaja", "--role", "admin"))
	nurseToken := o.staff("salahoitaja", "--role", "professional", "--queue", "emergency-help", "--language", "fi")
	o.mark("the staff member's id", "salahoitaja")
	o.mark("the staff member's name", "Testi salahoitaja")
	_, err := admin.Catalogue.ApplyCatalogue(ctx, &kuplav1.ApplyCatalogueRequest{RequestId: o.id("the catalogue"), Catalogue: demoCatalogue(t)})
	fine(err)
	nurse, nobody := o.clients(nurseToken), o.clients("")
	start := &kuplav1.StartConversationRequest{
		RequestId: o.id("the start"), QueueId: "emergency-help", Language: "fi", DisplayName: name, Message: text,
	}
	res, err := nobody.Conversation.StartConversation(ctx, start)
	fine(err)
	id := res.GetConversation().GetId()
	customer := o.clients(o.mark("the customer's token", res.GetAccessToken()))
	stream, err := customer.Conversation.FollowConversation(ctx, &kuplav1.FollowConversationRequest{ConversationId: id})
	fine(err)
	desk, err := nurse.Desk.WatchDesk(ctx, &kuplav1.WatchDeskRequest{})
	fine(err)
	o.has(`kupla_waiting{queue="emergency-help"} 1`)
	_, err = nurse.Desk.TakeNext(ctx, &kuplav1.TakeNextRequest{RequestId: o.id("the take")})
	fine(err)
	say := func(c apptest.Clients, what, text string) error {
		_, err := c.Conversation.SendMessage(ctx, &kuplav1.SendMessageRequest{ConversationId: id, RequestId: o.id(what), Text: text})
		return err
	}
	fine(say(customer, "a message", text))
	fine(say(nurse, "the answer", o.mark("the answer", "kiitos luottamuksesta, tulen apuun")))
	_, err = nurse.Desk.AddCaseNote(ctx, &kuplav1.AddCaseNoteRequest{
		ConversationId: id, RequestId: o.id("the note"), Text: o.mark("the case note", "soitettava äidille ensin"),
	})
	fine(err)
	_, err = customer.Conversation.SetTyping(ctx, &kuplav1.SetTypingRequest{ConversationId: id})
	fine(err)

	refused(say(customer, "the code", "tunnukseni on "+code))
	refused(say(customer, "the long message", strings.Repeat(text, 500)))
	refused(say(o.clients(o.mark("a token that is none", "kupla_c_"+strings.Repeat("9", 49))), "the stranger's message", text))
	refused(say(o.clients(nurseToken[:len(nurseToken)-1]), "the message with half a token", text))
	_, err = nobody.Conversation.StartConversation(ctx, &kuplav1.StartConversationRequest{
		RequestId: start.GetRequestId(), QueueId: "emergency-help", Language: "fi", Message: "jotain muuta",
	})
	refused(err)
	_, err = nobody.Queue.GetQueue(ctx, &kuplav1.GetQueueRequest{QueueId: o.mark("a queue that is none", "kyllikin-jono")})
	refused(err)
	for _, path := range []string{"ConversationService/SendMessage", "ConversationService/" + o.mark("a call that is none", "KerroSalaisuus")} {
		o.post("/kupla.v1."+path, `{"text":[{"`+name+`":"`+code+`"}]}`)
	}
	o.post("/chat/"+o.mark("a page that is none", "kyllikin-sivu"), "")
	cut, cancel := context.WithCancel(ctx)
	cancel()
	refused(func() error {
		_, err := customer.Conversation.SendMessage(cut, &kuplav1.SendMessageRequest{ConversationId: id, RequestId: o.id("the call given up"), Text: text})
		return err
	}())
	o.mark("the address of a broken connection", "127.0.0.77")
	o.garble("127.0.0.77", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+strings.Repeat("\xff", 64))
	o.garble("127.0.0.77", "GET /"+name+" HTTP/9.9\r\n\r\n")

	_, err = nurse.Desk.CloseConversation(ctx, &kuplav1.CloseConversationRequest{
		ConversationId: id, RequestId: o.id("the close"), Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
	})
	fine(err)
	survey, err := customer.Feedback.GetSurvey(ctx, &kuplav1.GetSurveyRequest{ConversationId: id})
	fine(err)
	_, err = nobody.Feedback.SubmitFeedback(ctx, &kuplav1.SubmitFeedbackRequest{
		FeedbackToken: o.mark("the feedback token", survey.GetFeedbackToken()),
		Answers: []*kuplav1.SurveyAnswer{{QuestionId: "comment", Value: &kuplav1.SurveyAnswer_Text{
			Text: o.mark("the open answer", "lämmin kohtaaminen pimeässä"),
		}}},
	})
	fine(err)
	o.has(`kupla_open_streams{kind="conversation"} 0`)
	_ = stream.Close()
	_ = desk.Close()
	o.has(`kupla_open_streams{kind="desk"} 0`)
}

// post sends a body as it is.
func (o *observed) post(path, body string) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.URL()+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+o.marks["the customer's token"])
	res, err := (&http.Client{Transport: from{o.marks["the address"]}}).Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusOK {
		o.t.Fatalf("%s was granted", path)
	}
}

// scan ends the server and looks through all that it told.
func (o *observed) scan() {
	o.t.Helper()
	metrics := o.metrics()
	if err := o.Stop(); err != nil {
		o.t.Errorf("kuplad did not end well: %v", err)
	}
	// What is looked through is there.
	log, traces := o.log.String(), o.traces.String()
	for where, part := range map[string]string{
		log: `"msg":"serving"`, traces: "ConversationService/SendMessage", metrics: `kupla_refusals_total{reason="IDENTITY_CODE_IN_TEXT"} 1`,
	} {
		if !strings.Contains(where, part) {
			o.t.Fatalf("%s was not told:\n%.4000q", part, where)
		}
	}
	o.hasNone("the log", log)
	o.hasNone("the traces", traces)
	o.hasNone("the metrics", metrics)
	for lines := bufio.NewScanner(strings.NewReader(log)); lines.Scan(); {
		var line struct {
			Time  time.Time `json:"time"`
			Level string    `json:"level"`
			Msg   string    `json:"msg"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Time.IsZero() || line.Level == "" || line.Msg == "" {
			o.t.Errorf("%v: this is no line of the log: %s", err, lines.Bytes())
		}
	}
}

// Nothing that people wrote, are called, prove themselves with or come from is in what a server tells operators, however
// much it tells.
func TestObservedServerTellsNothingOfAnybody(t *testing.T) {
	t.Parallel()
	o := startObserved(t, "")
	o.busy()
	o.scan()
}

// The same with PostgreSQL, which goes away in the middle: of what fails then more is told, and nothing of anybody.
func TestObservedServerOnPostgresTellsNothingOfAnybody(t *testing.T) {
	t.Parallel()
	cluster := pgtest.New(t, pgtest.Options{})
	dsn, err := cluster.Database(t.Context(), "kupla")
	if err != nil {
		t.Fatal(err)
	}
	o := startObserved(t, dsn)
	o.busy()
	o.has(`kupla_leader 1`)
	o.has(`kupla_store_interrupted 0`)
	o.has(`kupla_store_connections{state="used"} 0`)

	waiting := o.clients("")
	start := func(what string) error {
		_, err := waiting.Conversation.StartConversation(t.Context(), &kuplav1.StartConversationRequest{
			RequestId: o.id(what), QueueId: "emergency-help", Language: "fi", Message: o.marks["the message"],
		})
		return err
	}
	if err := cluster.Stop(t.Context(), pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	if err := start("a start without a database"); err == nil {
		t.Error("a conversation began without a database")
	}
	o.has(`kupla_store_interrupted 1`)
	o.has(`kupla_store_interruptions_total 1`)
	o.has(`kupla_ready 0`)
	if err := cluster.Restart(t.Context(), pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	o.has(`kupla_store_interrupted 0`)
	o.has(`kupla_ready 1`)
	o.has(`kupla_leader 1`)
	if err := start("a start when it is back"); err != nil {
		t.Error(err)
	}
	o.scan()
}

// demoCatalogue is the demonstration's catalogue.
func demoCatalogue(t *testing.T) *kuplav1.Catalogue {
	t.Helper()
	m, err := demo.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	return m
}
